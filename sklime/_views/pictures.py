"""What each plot shows: from explanations to the arrays that are drawn, and their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import plots
from .exports import (
    REMAINDER,
    base_values,
    bin_edges,
    bin_labels,
    column_values,
    noun,
    predictions,
    row_names,
    row_texts,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_MEASURES = {
    "mean_abs": "mean |{}|",
    "rms": "root mean square {}",
    "median_abs": "median |{}|",
    "max_abs": "largest |{}|",
    "mean": "mean {}",
}


_RESPONSES = {
    "predict_proba": "probability",
    "decision_function": "decision function",
    "predict": "prediction",
    "score_samples": "score of the sample",
}


class Lines(NamedTuple):
    """Names from the top, a last line about the others, and which of them are not told from 0."""

    names: Sequence[Any]
    more: str = ""
    faint: NDArray[np.bool_] | None = None


class Picture(NamedTuple):
    """What draws on an axis, and the texts around it; without lines it has a plain y-axis."""

    draw: Callable[[Axes], None]
    lines: Lines | None
    title: str
    x_label: str = ""
    y_label: str = ""
    width: float = 7.0

    @property
    def size(self) -> tuple[float, float]:
        """Inches that the picture needs."""
        n = 8.5 if self.lines is None else len(self.lines.names) + bool(self.lines.more)
        return self.width, 1.6 + 0.32 * n

    def draw_on(self, ax: Axes) -> None:
        if self.lines is not None:
            plots.lines(ax, *self.lines)
        self.draw(ax)
        ax.set_xlabel(self.x_label, parse_math=False)
        ax.set_ylabel(self.y_label, parse_math=False)
        ax.set_title(self.title, loc="left", fontsize="medium", parse_math=False)
        if self.lines is not None and ax.patches:
            plots.make_room(ax)


def beeswarm(explained: Any, k: int, columns: Places, lines: Lines) -> Picture:
    """Contributions of every row to output k."""
    x = explained.attributions[:, columns, k]
    shade = plots.ranks(column_values(explained)[:, columns])
    named = ((i, bin_labels(explained, j)) for i, j in enumerate(columns))
    levels = {i: names for i, names in named if names is not None}

    def draw(ax: Axes) -> None:
        plots.beeswarm(ax, x, shade, levels)

    return Picture(draw, lines, f"{len(x):,} rows", _attribution(explained, k))


def row(explained: Any, k: int, i: int, top: int | None) -> Picture:
    """How the contributions of row i lead from the average to its prediction."""
    i = range(len(explained.codes))[i]
    values, cells = explained.attributions[i, :, k], row_texts(explained, i)
    base, prediction = base_values(explained)[i, k], predictions(explained)[i, k]
    columns, rest = np.split(
        plots.descending(np.abs(values)), [len(values) if top is None else top]
    )
    names = []
    for j in columns:
        cell = plots.short(cells[j], 16)
        names.append(f"{plots.short(explained.feature_names[j], 31 - len(cell))} = {cell}")
    steps = [*values[columns], prediction - base - values.sum()]
    if len(rest):
        names.append(f"{len(rest)} other columns")
        steps.insert(-1, values[rest].sum())

    def draw(ax: Axes) -> None:
        plots.waterfall(ax, np.array(steps), float(base), end)

    end = "prediction" if explained.coefficients is None else "score"
    title = f"Row {plots.short(row_names(explained)[i])}"
    return Picture(draw, Lines([*names, REMAINDER]), title, _attribution(explained, k))


def interactions(explained: Any, top: int | None) -> Picture:
    """The strongest pairs of columns."""
    pairs = explained.interactions.top(len(explained.feature_names) ** 2)
    strength = np.array([pair.strength for pair in pairs])
    half = 1.96 * np.array([pair.sem for pair in pairs])
    ends = np.column_stack([np.maximum(strength - half, 0), strength + half])
    shown, rest = largest(strength, top)
    times = " \N{MULTIPLICATION SIGN} "
    names = [times.join(plots.short(name, 15) for name in pairs[i][:2]) for i in shown]
    faint = plots.holds_zero(ends[shown])

    def draw(ax: Axes) -> None:
        plots.bars(ax, strength[shown], ends[shown], faint)

    lines = Lines(names, rest if pairs else "no pair rises above the noise", faint)
    what = f"adds {_to(explained)} (standard deviation)"
    return Picture(draw, lines, "Interactions" + plots.told(faint), what)


def pair(explained: Any, k: int, first: int | str, second: int | str) -> Picture:
    """What two columns add to output k beyond what each adds by itself."""
    table = explained.interactions.table(first, second, explained.output_names[k])
    y, x = (plots.short(explained.feature_names[explained._column(j)]) for j in (first, second))
    faint = np.abs(table.effects) <= 1.96 * table.sem
    title = f"What {y} and {x} together add {_to(explained, k)}"
    label = f"adds {_to(explained, k)}" if len(table.columns) > plots.MOST_NUMBERS else ""

    def draw(ax: Axes) -> None:
        plots.heatmap(ax, table.effects, table.columns, label, faint)

    brackets = "\n(in brackets: the 95 % interval holds 0)" if faint.any() and not label else ""
    return Picture(draw, Lines(table.rows), title, x + brackets, y)


def effect(explained: Any, k: int, column: int | str, top: int | None) -> Picture:
    """What the bins of a column add to output k by themselves."""
    j = explained._column(column)
    found = explained.main_effect(j, explained.output_names[k])
    name, what = plots.short(explained.feature_names[j]), f"adds {_to(explained, k)}"
    x = column_values(explained)[:, j]
    edges, dates = bin_edges(explained, j, x)
    if len(edges) < 3:
        shown, rest = largest(found.effects, top)
        shown = shown[plots.descending(found.effects[shown])]
        means, ends = found.effects[shown], found.intervals[shown]
        lines = Lines([found.bins[b] for b in shown], rest, plots.holds_zero(ends))

        def draw_levels(ax: Axes) -> None:
            plots.bars(ax, means, ends, lines.faint, signed=True)

        return Picture(draw_levels, lines, f"Effect of {name}{plots.told(lines.faint)}", what)
    y = explained.attributions[:, j, k]
    bins = slice(len(edges) - 1)  # without the one of missing values
    other, shade, levels = _partner(explained, j)
    if found.bins[-1] == "missing":
        name += f" (missing: {plots.texts(found.effects, signed=True)[-1]})"
    if dates:  # in days, as matplotlib has them
        x, edges = x / 86_400e9, edges / 86_400e9

    def draw(ax: Axes) -> None:
        plots.effect(ax, x, edges, found.effects[bins], found.intervals[bins], dates)
        plots.scatter(ax, x, y, shade, levels, other)

    return Picture(draw, None, f"Effect of {name}".partition(" (missing")[0], name, what)


def _partner(explained: Any, j: int) -> tuple[str, Floats, NDArray[Any] | None]:
    """The column that interacts most with column j, the ranks of its values, or its levels."""
    strength = explained.interactions.strength[j]
    other = int(strength.argmax())
    if strength[other] == 0:
        return "", np.full(len(explained.codes), np.nan), None
    shade = plots.ranks(column_values(explained)[:, [other]])[:, 0]
    return explained.feature_names[other], shade, bin_labels(explained, other)


def largest(sizes: Floats, top: int | None) -> tuple[Places, str]:
    """Positions of the largest sizes, and what is said of the others."""
    order = plots.descending(np.abs(sizes))
    shown, rest = np.split(order, [len(order) if top is None else top])
    if not len(rest):
        return shown, ""
    return shown, f"and {len(rest)} more, up to {plots.texts(np.abs(sizes[rest]))[0]}"


def measure(explained: Any, aggregation: Any) -> str:
    """What an aggregation makes of the contributions, in words."""
    if explained.coefficients is not None:
        aggregation = "mean"  # gains have no other
    own = getattr(aggregation, "__name__", "own measure") if callable(aggregation) else aggregation
    text = _MEASURES.get(own, f"{own} of the {{}}s").format(_noun(explained))
    return f"{text} {_to(explained)}"


def _attribution(explained: Any, k: int | None = None) -> str:
    """What the numbers of rows are, in words."""
    return f"{_noun(explained)} {_to(explained, k)}"


def size(explained: Any) -> str:
    """What sizes of rows are, in words: gains keep their signs."""
    text = "{}" if explained.coefficients is not None else "|{}|"
    return f"{text.format(_noun(explained))} {_to(explained)}"


def _noun(explained: Any) -> str:
    return noun(explained).replace("weight", "LIME weight")


def _to(explained: Any, k: int | None = None) -> str:
    """To what the numbers add, of one output if there are several."""
    if explained.coefficients is not None:
        return f"in {explained.response}"
    names, unnamed = (
        explained._outputs,
        "prediction" if explained.classes is None else "probability",
    )
    of = "" if k is None or len(names) == 1 else f" of {plots.short(names[k], 20)}"
    return f"to the {_RESPONSES.get(explained.response, unnamed)}{of}"
