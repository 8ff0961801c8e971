"""The kinds of plots: from importances and explanations to what is drawn."""

from collections.abc import Mapping
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
_TIMES = {"days": 86_400e9, "hours": 3_600e9, "minutes": 60e9, "seconds": 1e9}
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
    ax = plots.axes(ax, lines, f"{len(x):,} rows", words(explained, k))
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
    steps = values[columns]
    if len(rest):
        names.append(f"{len(rest)} other columns")
        steps = np.append(steps, values[rest].sum())
    steps, n = np.append(steps, prediction - base - values.sum()), len(names) + 1
    title = f"Row {plots.short(exports.row_names(explained)[i])}"
    ax = plots.axes(ax, Lines([*names, exports.REMAINDER]), title, words(explained, k))
    ends = base + np.cumsum(steps)  # a bar starts where the one before ends
    plots.bars(ax, steps, starts=np.append(base, ends[:-1]), signed=True)
    stroke = {"color": plots.GREY, "linewidth": 0.8, "zorder": 0.5}
    ax.vlines(ends[:-1], range(n - 1), range(1, n), **stroke)
    start = "average" if explained.effects or explained.kernel_width == 0 else "start"
    end = "prediction" if explained.coefficients is None else "score"
    for what, x, y in ((start, base, -0.8), (end, prediction, n - 0.2)):
        ax.vlines(x, -0.5, n - 0.5, linestyle=":", **stroke)
        side = "right" if x > (ends.max() + ends.min()) / 2 else "left"
        name = f"{what} = {plots.texts(np.array([x]))[0]}"
        ax.text(x, y, name, ha=side, va="center", fontweight="bold", fontsize="small")
    ax.set_ylim(n + 0.2, -1.2)
    return ax


def box(ax: Any, spread: Floats, columns: Places, lines: Lines, title: str, what: str) -> Any:
    """A box for each column of what there is of it, (n, n_features), with few numbers as dots."""
    ax, spread = plots.axes(ax, lines, title.format(len(spread)), what), spread[:, columns]
    few = len(spread) <= 30
    ax.boxplot(
        spread,
        positions=range(len(columns)),
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        manage_ticks=False,
        showfliers=not few,
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": plots.GREY},
        boxprops={"facecolor": f"{plots.BLUE}60"},
        medianprops={"color": plots.VERMILION, "linewidth": 2},
    )
    if few:  # a box does not tell on how few numbers it stands
        rows = np.broadcast_to(np.arange(len(columns)), spread.shape)
        ax.scatter(spread, rows, s=14, color=plots.text_color(), zorder=3)
    plots.number_axis(ax, spread, len(columns))
    return ax


def compare(ax: Any, tables: Mapping[str, Floats], names: Names, top: int | None) -> Any:
    """Ranks of the columns by several importances (n_features,), joined by lines."""
    sizes = np.abs(list(tables.values()))
    sizes = sizes / np.maximum(sizes.max(axis=1, keepdims=True), np.finfo(float).tiny)
    columns, rest = largest(sizes.max(axis=0), top)
    ranks = np.array([plots.descending(each).argsort() for each in sizes])
    places = ranks[:, columns].argsort(axis=1).argsort(axis=1)
    stages = range(len(tables))
    lines = Lines([""] * len(columns), rest.partition(",")[0])  # sizes are on several scales
    ax = plots.axes(ax, lines, "Ranks of the columns", width=5 + 1.3 * len(tables))
    for i, j in enumerate(columns):
        color = plots.LINES[i % len(plots.LINES)]
        ax.plot(stages, places[:, i], color=color)
        ax.scatter(stages, places[:, i], 20 + 180 * sizes[:, j], color, zorder=3)
    ax.set_xticks(stages, [plots.short(name, 20) for name in tables], parse_math=False)
    ax.set_xlim(-0.07 * (len(tables) - 1), 1.07 * (len(tables) - 1))
    right = ax.secondary_yaxis("right")
    for axis, stage in ((ax, 0), (right, -1)):
        # The rank is that among all columns, not only those drawn.
        labels = [f"{ranks[stage, j] + 1}  {plots.short(names[j])}" for j in columns]
        axis.set_yticks(places[stage], labels, parse_math=False)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
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
    names, estimate = explained.interactions._named()
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
    """What the bins of a column add to output k, over the contributions of the rows.

    Dots have the colours of the column that it interacts with most.
    """
    j = explained._column(column)
    found = explained.main_effect(j, explained.output_names[k])
    name, what = plots.short(explained.feature_names[j]), f"adds {_to(explained, k)}"
    title, x = f"Effect of {name}", exports.column_values(explained)[:, j]
    edges = exports.bin_edges(explained, j, x)
    if len(edges) < 3:
        shown = found.effects, found.intervals
        return ranking(ax, found.bins, *shown, top, title, what, signed=True)
    kind = explained.bins.columns[j].unit
    unit, of = _unit(kind, edges)
    name += of
    if found.bins[-1] == "missing":
        name += f" (missing: {plots.texts(found.effects, signed=True)[-1]})"
    ax, color = plots.axes(ax, None, title, name, what), plots.text_color()
    x, edges = x.clip(edges[0], edges[-1]) / unit, edges / unit
    counts, places = np.histogram(x[~np.isnan(x)], 30)
    below = {"transform": ax.get_xaxis_transform()}  # in the lowest fifth of the plot
    ax.stairs(counts / counts.max() / 5, places, fill=True, color=plots.GREY, alpha=0.3, **below)
    means, ends = (part[: len(edges) - 1] for part in (found.effects, found.intervals))
    low, high = (np.append(end, end[-1]) for end in ends.T)
    ax.fill_between(edges, low, high, step="post", color=color, alpha=0.2, linewidth=0)
    ax.stairs(means, edges, baseline=None, color=color, linewidth=2, zorder=3)
    ax.axhline(0, color=color, linewidth=0.8, zorder=0.5)
    shades = _other_values(ax, explained, j)
    style = {"alpha": 0.75, "linewidths": 0, "rasterized": len(x) > plots.MANY}
    ax.scatter(x, explained.attributions[:, j, k], 14, shades, **style)
    if kind == "date":
        from matplotlib import rc_context

        with rc_context({"date.converter": "concise"}):
            ax.xaxis_date()
    return ax


def _unit(kind: str, edges: Floats) -> tuple[float, str]:
    """Nanoseconds of a unit of the axis of a column of times, and its name; 1 of other columns."""
    if kind == "date":
        return _TIMES["days"], ""  # as matplotlib counts
    if kind != "duration":
        return 1.0, ""
    some = (name for name, size in _TIMES.items() if np.ptp(edges) >= 2 * size)
    name = next(some, "seconds")
    return _TIMES[name], f" ({name})"


def _other_values(ax: Any, explained: Any, j: int) -> Any:
    """Colours of the rows' values in the column that j interacts with most, and their legend."""
    strength = explained.interactions.strength[j]
    other = int(strength.argmax())
    name, levels = plots.short(explained.feature_names[other]), exports.bin_labels(explained, other)
    if not strength[other]:
        return plots.GREY
    if levels is None:
        plots.value_bar(ax, f"value of {name}")
        return plots.shades(plots.ranks(exports.column_values(explained)[:, [other]])[:, 0])
    colors = plots.level_colors(levels)
    others = {"others": plots.GREY} if set(levels) - set(colors) else {}
    for level, color in (colors | others).items():
        ax.scatter([], [], 14, color, label=plots.short(level, 20))
    ax.legend(title=name, fontsize="small", frameon=False)
    return plots.shades(levels)


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
    return words(explained, form=_MEASURES.get(own, f"{own} of the {{}}s"))


def words(explained: Any, k: int | None = None, form: str = "{}") -> str:
    """What the numbers of rows, or a form of them, are, and to what they add."""
    noun = exports.noun(explained).replace("weight", "LIME weight")
    return f"{form.format(noun)} {_to(explained, k)}"


def _to(explained: Any, k: int | None = None) -> str:
    """To what the numbers add, of one output if there are several."""
    if explained.coefficients is not None:
        return f"in {explained.response}"
    names = explained._outputs
    unnamed = "prediction" if explained.classes is None else "probability"
    of = "" if k is None or len(names) == 1 else f" of {plots.short(names[k], 20)}"
    return f"to the {_RESPONSES.get(explained.response, unnamed)}{of}"
