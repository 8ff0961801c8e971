"""What plots are made of: axes, bars, swarms, maps, and their colours and texts."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
Names = Sequence[Any] | NDArray[Any]

# Okabe and Ito's colours that stand out at 3:1 or better from both white and black.
BLUE, VERMILION, _GREEN, _PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"
LINES = (BLUE, VERMILION, _GREEN, _PURPLE)
# From low to high values; about equally bright throughout, to be seen on white and on black.
_LOW_TO_HIGH = (BLUE, "#9A62B0", "#E8702A")

MANY = 10_000  # dots from which on a vector file has a picture of them
_MINUS = "\N{MINUS SIGN}"
MOST_NUMBERS = 10  # columns of a heat map that has its numbers in it

# A beeswarm's bins along the x-axis, and the heights of a dot and of the highest stack in a row.
_PLACES, _DOT, _STACK = 100, 0.15, 0.84


class Lines(NamedTuple):
    """Names from the top, a last line about the others, and which of them are not told from 0."""

    names: Names
    more: str = ""
    faint: Mask | None = None


def axes(
    ax: Any,
    lines: Lines | None,
    title: str,
    x_label: str = "",
    y_label: str = "",
    width: float = 7.0,
) -> Any:
    """An axis with its texts, in a figure as large as they need if there is none."""
    import matplotlib.pyplot as plt

    if ax is None:
        n_lines = 8.5 if lines is None else len(lines.names) + bool(lines.more)
        _, ax = plt.subplots(figsize=(width, 1.6 + 0.32 * n_lines), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel(x_label, parse_math=False, wrap=True)
    ax.set_ylabel(y_label, parse_math=False, wrap=True)
    ax.set_title(title, loc="left", fontsize="medium", parse_math=False, wrap=True)
    if lines is not None:
        n = len(lines.names)
        ax.set_ylim(n - 0.5 + bool(lines.more), -0.5)
        ax.tick_params(axis="y", length=0)
        ax.set_yticks(range(n), [short(name) for name in lines.names], parse_math=False)
        faint = np.zeros(n, bool) if lines.faint is None else lines.faint
        for label in np.array(ax.get_yticklabels())[faint]:
            label.set(color=GREY, style="italic")
        if lines.more:
            across = ax.get_yaxis_transform()
            ax.text(0.01, n, lines.more, transform=across, va="center", style="italic")
    return ax


def bars(
    ax: Any,
    values: Floats,
    intervals: Floats | None = None,
    faint: Mask | None = None,
    starts: Floats | float = 0.0,
    signed: bool = False,
) -> None:
    """Bars (n,) with their numbers beside them and their intervals (n, 2), empty if `faint`."""
    colors = np.where(values < 0, VERMILION, BLUE)
    faces = np.where(np.zeros(len(values), bool) if faint is None else faint, "none", colors)
    errors = None
    if intervals is not None and np.isfinite(intervals).all():
        # A list, as matplotlib 3.10 reads an array (2, 1) wrongly.
        errors = np.abs(intervals.T - values).tolist()
    style = {"height": 0.7, "color": faces.tolist(), "edgecolor": colors.tolist()}
    whiskers = {"xerr": errors, "error_kw": {"ecolor": text_color(), "capsize": 2.5}}
    drawn = ax.barh(range(len(values)), values, left=starts, **style, **whiskers)
    ax.bar_label(drawn, texts(values, signed), padding=4, fontsize="small")
    ax.use_sticky_edges = not signed  # else a waterfall's first bar touches the edge
    number_axis(ax, np.append(values + starts, starts), len(values))
    make_room(ax)


def beeswarm(ax: Any, x: Floats, shade: Floats, names: Mapping[int, NDArray[Any]]) -> None:
    """Dots at `x` (n_rows, n_columns) in the colours of their values.

    `shade` (n_rows, n_columns) is from 0 for a column's lowest to 1 for its highest value, NaN
    where missing; `names` has the level of each row in the columns of categories, by number.
    """
    colors, order, y = shades(shade), shade.copy(), np.empty(x.shape)
    for j in range(x.shape[1]):
        if j in names:
            colors[:, j] = shades(names[j])
            order[:, j] = np.unique(names[j], return_inverse=True)[1]
        room = 0.2 * (j in names)
        y[:, j] = j - room / 2 - _heights(x[:, j], order[:, j], x, _STACK - room)
    style = {"s": 12, "linewidths": 0, "rasterized": x.size > MANY}
    ax.scatter(x.ravel(), y.ravel(), c=colors.reshape(-1, 4), **style)
    for j, levels in names.items():
        _name_levels(ax, j, x[:, j], levels, np.ptp(x))
    ax.grid(axis="y", alpha=0.3, linewidth=0.5)
    ax.set_axisbelow(True)
    number_axis(ax, x, x.shape[1])
    numbers = np.delete(shade, list(names), axis=1)
    if not np.isnan(numbers).all():
        value_bar(ax, "value" + " (grey: missing)" * bool(np.isnan(numbers).any()))


def shades(values: NDArray[Any]) -> Floats:
    """Colours of ranks from 0 to 1, or of levels; what is missing, or a rare level, is grey."""
    from matplotlib.colors import to_rgba_array

    if values.dtype == object:
        palette = level_colors(values)
        return np.asarray(to_rgba_array([palette.get(level, GREY) for level in values]))
    return np.asarray(_scale()(np.ma.masked_invalid(values)))


def _scale() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low to high", _LOW_TO_HIGH).with_extremes(bad=GREY)


def value_bar(ax: Any, label: str) -> None:
    """The colours of low and high values."""
    from matplotlib.cm import ScalarMappable

    _color_bar(ax, ScalarMappable(cmap=_scale()), label).set_ticks([0, 1], labels=["low", "high"])


def level_colors(levels: NDArray[Any]) -> dict[Any, str]:
    """Colours of the most frequent levels."""
    found, counts = np.unique(levels[levels != "missing"], return_counts=True)
    return dict(zip(found[np.argsort(-counts, kind="stable")], LINES, strict=False))


def _name_levels(ax: Any, line: int, x: Floats, levels: NDArray[Any], width: float) -> None:
    """Write the names of levels under their dots, the most frequent ones, where there is room."""
    taken: list[tuple[float, float]] = []
    for level, color in level_colors(levels).items():
        name, middle = short(level, 14), float(np.median(x[levels == level]))
        half = (0.5 + len(name) / 2) * width / 75
        if all(abs(middle - other) > half + its_half for other, its_half in taken):
            taken.append((middle, half))
            ax.text(middle, line + 0.37, name, color=color, fontsize=7, ha="center", va="center")


def heatmap(
    ax: Any, table: Floats, names: Names, label: str = "", faint: Mask | None = None
) -> None:
    """Cells of numbers, (n_lines, n_names), with white or a dark blue at 0; faint ones in ()."""
    signed = bool((table < 0).any())
    largest = np.abs(table).max() or 1
    scale = {"cmap": "PuOr", "vmin": -largest} if signed else {"cmap": "cividis", "vmin": 0}
    image = ax.imshow(table, **scale, vmax=largest, aspect="auto", interpolation="nearest")
    labels = [short(name, 18) for name in names]
    some = slice(None, None, 1 + len(labels) // 40)
    ax.set_xticks(range(len(labels))[some], labels[some], parse_math=False)
    ax.tick_params(axis="x", length=0, rotation=90 if sum(map(len, labels)) > 60 else 0)
    if len(labels) > 3:
        ax.tick_params(axis="x", labelsize="small")
    colors = image.to_rgba(table)
    numbers = np.reshape(texts(table.ravel(), signed), table.shape)
    for (i, k), number in np.ndenumerate(numbers if len(labels) <= MOST_NUMBERS else numbers[:0]):
        text = f"({number})" if faint is not None and faint[i, k] else number
        size = "small" if len(labels) > 5 else None
        bright = np.dot(colors[i, k, :3], (0.299, 0.587, 0.114)) > 0.5
        color = "black" if bright else "white"
        ax.text(k, i, text, ha="center", va="center", color=color, fontsize=size)
    ax.spines[:].set_visible(False)
    if label:
        _color_bar(ax, image, label)


def make_room(ax: Any) -> None:
    """Widen the x-axis until every text in the plot is inside."""
    for _ in range(3):  # a wider axis moves the texts' places too
        ax.figure.draw_without_rendering()
        boxes = [ax.get_window_extent(), *(text.get_window_extent() for text in ax.texts)]
        left = boxes[0].x0 - min(box.x0 for box in boxes)
        right = max(box.x1 for box in boxes) - boxes[0].x1
        if not left + right:
            return
        low, high = ax.get_xlim()
        unit = 1.2 * (high - low) / boxes[0].width
        ax.set_xlim(low - left * unit, high + right * unit)


def _color_bar(ax: Any, mappable: Any, label: str) -> Any:
    bar = ax.figure.colorbar(mappable, ax=ax, aspect=40, pad=0.02, label=label)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    return bar


def holds_zero(intervals: Floats) -> Mask:
    """Which intervals (n, 2) hold 0, so that there may be nothing."""
    return np.asarray((intervals[:, 0] <= 0) & (intervals[:, 1] >= 0))


def number_axis(ax: Any, numbers: Floats, n_lines: int) -> None:
    """So few ticks that their numbers stay apart in a small plot, and a line at 0 if needed."""
    ax.locator_params(axis="x", nbins=5, steps=[1, 2, 5, 10])
    if (numbers < 0).any():
        ax.vlines(0, -0.5, n_lines - 0.5, color=text_color(), linewidth=0.8, zorder=0.5)


def texts(values: Floats, signed: bool = False) -> list[str]:
    """Numbers with as many decimals as show three digits of the largest one."""
    largest, sign = np.abs(values[np.isfinite(values)]).max(initial=0), "+" if signed else ""
    decimals = max(0, 2 - int(np.floor(np.log10(largest or 1))))
    form = f"{sign},.{decimals}f" if 1e-4 <= largest < 1e7 else f"{sign}.2e"
    rounded = np.round(values, decimals) + 0.0  # nothing is called -0.00
    return [f"{value:{form}}".replace("-", _MINUS) if value else "0" for value in rounded]


def descending(numbers: Floats) -> Places:
    """Positions from the largest to the smallest; equals stay in order."""
    return np.argsort(-numbers, kind="stable")


def ranks(values: Floats) -> Floats:
    """Ranks in each column, from 0 for its lowest to 1 for its highest value; NaN stays NaN."""
    ranks: Floats = rankdata(values, axis=0, nan_policy="omit")
    low, high = np.fmin.reduce(ranks), np.fmax.reduce(ranks)
    middle, half = (low + high) / 2, (high - low) / 2
    shade: Floats = 0.5 + (ranks - middle) / np.where(half > 0, 2 * half, 1)
    return shade


def _heights(x: Floats, shade: Floats, everything: Floats, highest: float) -> Floats:
    """Heights that keep the dots of a row apart: those at one place are stacked by shade."""
    low, high = everything.min(), everything.max()
    place = np.round((x - low) / ((high - low) or 1) * _PLACES)
    order = np.lexsort((shade, place))
    _, first, count = np.unique(place[order], return_index=True, return_counts=True)
    level = np.arange(len(x)) - np.repeat(first + (count - 1) / 2, count)
    heights = np.empty(len(x))
    heights[order] = level * min(_DOT, highest / count.max())
    return heights


def short(name: Any, width: int = 34) -> str:
    """A name on one line; of a long one the middle goes, for the ends tell it from others."""
    cut = text = " ".join(str(name).split())
    size = min(len(text), width)
    while places(cut) > width:
        size -= 1
        cut = f"{text[: (size + 1) // 2]}…{text[len(text) - size // 2 :]}"
    return cut


def places(text: str) -> int:
    """Places that a text takes in a terminal, and about so in other fonts."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def text_color() -> Any:
    from matplotlib import rcParams

    return rcParams["text.color"]
