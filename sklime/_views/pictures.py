"""What each plot shows: from explanations to the arrays that are drawn, and their texts."""

from typing import Any

import numpy as np

from ..exceptions import parameter_error
from . import exports, plots
from .plots import Floats, Lines, Names, Places

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


def beeswarm(ax: Any, explained: Any, k: int, columns: Places, lines: Lines) -> Any:
    """Contributions of every row to output k."""
    x = explained.attributions[:, columns, k]
    shade = plots.ranks(exports.column_values(explained)[:, columns])
    named = ((i, exports.bin_labels(explained, j)) for i, j in enumerate(columns))
    levels = {i: names for i, names in named if names is not None}
    ax = plots.axes(ax, lines, f"{len(x):,} rows", _attribution(explained, k))
    plots.beeswarm(ax, x, shade, levels)
    return ax


def row(ax: Any, explained: Any, k: int, i: int, top: int | None) -> Any:
    """How the contributions of row i lead from the average to its prediction."""
    i = range(len(explained.codes))[i]
    values, cells = explained.attributions[i, :, k], exports.row_texts(explained, i)
    base = exports.base_values(explained)[i, k]
    prediction = explained._read(explained.predictions)[i, k]
    columns, rest = np.split(plots.descending(np.abs(values)), [top or len(values)])
    names = []
    for j in columns:
        cell = plots.short(cells[j], 16)
        names.append(f"{plots.short(explained.feature_names[j], 31 - len(cell))} = {cell}")
    steps = [*values[columns], prediction - base - values.sum()]
    if len(rest):
        names.append(f"{len(rest)} other columns")
        steps.insert(-1, values[rest].sum())
    title = f"Row {plots.short(exports.row_names(explained)[i])}"
    ax = plots.axes(ax, Lines([*names, exports.REMAINDER]), title, _attribution(explained, k))
    average = explained.effects or explained.kernel_width == 0
    ends = {
        "average" if average else "start": base,
        "prediction" if explained.coefficients is None else "score": prediction,
    }
    plots.waterfall(ax, np.array(steps), ends)
    return ax


def ranking(
    ax: Any,
    names: Names,
    values: Floats,
    intervals: Floats | None,
    top: int | None,
    title: str,
    label: str,
    *,
    signed: bool = False,
) -> Any:
    """Bars of the largest values with their intervals (n, 2), empty where these hold 0."""
    shown, rest = largest(values, top)
    if signed:
        shown = shown[plots.descending(values[shown])]
    ends, faint = None, None
    if intervals is not None:
        ends, faint = intervals[shown], plots.holds_zero(intervals[shown])
        title += ", with 95 % intervals" + " (empty bars: they hold 0)" * bool(faint.any())
    rest = rest if len(values) else "no pair rises above the noise"
    ax = plots.axes(ax, Lines([names[j] for j in shown], rest, faint), title, label)
    plots.bars(ax, values[shown], ends, faint, signed=signed)
    return ax


def interactions(ax: Any, explained: Any, top: int | None) -> Any:
    """The strongest pairs of columns."""
    pairs, estimate = explained.interactions.estimates()
    times = " \N{MULTIPLICATION SIGN} "
    names = [times.join(plots.short(name, 15) for name in pair[:2]) for pair in pairs]
    what = f"adds {_to(explained)} (standard deviation)"
    return ranking(ax, names, estimate.values, estimate.confint(), top, "Interactions", what)


def pair(ax: Any, explained: Any, k: int, columns: Any) -> Any:
    """What two columns add to output k beyond what each adds by itself."""
    if np.shape(columns) != (2,):
        raise parameter_error("column", "be two columns for a pair", columns)
    table = explained.interactions.table(*columns, explained.output_names[k])
    y, x = (plots.short(explained.feature_names[explained._column(j)]) for j in columns)
    faint = np.abs(table.effects) <= 1.96 * table.sem
    label = f"adds {_to(explained, k)}" if len(table.columns) > plots.MOST_NUMBERS else ""
    brackets = "\n(in brackets: the 95 % interval holds 0)" if faint.any() and not label else ""
    title = f"What {y} and {x} together add {_to(explained, k)}"
    ax = plots.axes(ax, Lines(table.rows), title, x + brackets, y)
    plots.heatmap(ax, table.effects, table.columns, label, faint)
    return ax


def effect(ax: Any, explained: Any, k: int, column: int | str, top: int | None) -> Any:
    """What the bins of a column add to output k by themselves."""
    j = explained._column(column)
    found = explained.main_effect(j, explained.output_names[k])
    name, what = plots.short(explained.feature_names[j]), f"adds {_to(explained, k)}"
    title, x = f"Effect of {name}", exports.column_values(explained)[:, j]
    edges, dates = exports.bin_edges(explained, j, x)
    if len(edges) < 3:
        shown = found.effects, found.intervals
        return ranking(ax, found.bins, *shown, top, title, what, signed=True)
    strength = explained.interactions.strength[j]
    other, shade, levels = int(strength.argmax()), np.full(len(x), np.nan), None
    if strength[other]:
        shade = plots.ranks(exports.column_values(explained)[:, [other]])[:, 0]
        levels = exports.bin_labels(explained, other)
    if found.bins[-1] == "missing":
        name += f" (missing: {plots.texts(found.effects, signed=True)[-1]})"
    unit = 86_400e9 if dates else 1.0  # matplotlib counts days
    bins = slice(len(edges) - 1)  # without the one of missing values
    steps = edges / unit, found.effects[bins], found.intervals[bins]
    others = shade, levels, explained.feature_names[other] if strength[other] else ""
    ax = plots.axes(ax, None, title, name, what)
    x = x.clip(edges[0], edges[-1]) / unit
    plots.effect(ax, x, explained.attributions[:, j, k], *steps, *others)
    if dates:
        plots.days(ax)
    return ax


def largest(sizes: Floats, top: int | None) -> tuple[Places, str]:
    """Positions of the largest sizes, and what is said of the others."""
    shown, rest = np.split(plots.descending(np.abs(sizes)), [top or len(sizes)])
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
    return exports.noun(explained).replace("weight", "LIME weight")


def _to(explained: Any, k: int | None = None) -> str:
    """To what the numbers add, of one output if there are several."""
    if explained.coefficients is not None:
        return f"in {explained.response}"
    names = explained._outputs
    unnamed = "prediction" if explained.classes is None else "probability"
    of = "" if k is None or len(names) == 1 else f" of {plots.short(names[k], 20)}"
    return f"to the {_RESPONSES.get(explained.response, unnamed)}{of}"
