"""How each kind of importance plot is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

if TYPE_CHECKING:
    from .._display import LimeImportanceDisplay

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]

# Okabe and Ito's colours that stand out at 3:1 or better from both white and black.
_BLUE, _VERMILLION, _GREEN, _PURPLE, _GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"
_LINES = (_BLUE, _VERMILLION, _GREEN, _PURPLE)
# From low to high values; about equally bright throughout, to be seen on white and on black.
_LOW_TO_HIGH = (_BLUE, "#9A62B0", "#E8702A")

# The beeswarm's places side by side; of its rows, the height of a dot and of the highest stack.
_PLACES, _DOT, _STACK = 100, 0.15, 0.84


def frame(display: LimeImportanceDisplay, columns: Places, rest: Places, compare: bool) -> None:
    """Names of the columns drawn, the number of those that are not, no needless lines."""
    ax, n = display.ax_, len(columns)
    ax.set_ylim(n - 0.5 + bool(len(rest)), -0.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if not compare:
        names = [_short(display.feature_names[j]) for j in columns]
        ax.set_yticks(range(n), names, parse_math=False)
    if len(rest):
        text = f"and {len(rest)} more"
        if not compare:
            text += f", up to {np.abs(display.importances)[rest].max():.2g}"
        ax.text(0.01, n, text, transform=ax.get_yaxis_transform(), va="center", style="italic")


def _bars(display: LimeImportanceDisplay, data: Numbers, columns: Places) -> None:
    importances = data[columns]
    display.ax_.barh(
        range(len(columns)),
        importances,
        xerr=None if display.sem is None else display.sem[columns],
        color=np.where(importances < 0, _VERMILLION, _BLUE).tolist(),
        ecolor=_text_color(),
        capsize=2.5,
    )
    _number_axis(display, importances)
    display.ax_.set_xlabel(_title(display) + (" ± standard error" * (display.sem is not None)))


def _beeswarm(display: LimeImportanceDisplay, data: Numbers, columns: Places) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    names = list(display.output_names)
    x = data[:, columns, names.index(display.label_)]
    if display.values is None:
        shade = np.full(x.shape, np.nan)
    else:
        shade = _ranks(display.values[:, columns])
    y = np.column_stack([i - _heights(x[:, i], shade[:, i], x) for i in range(len(columns))])
    colors = LinearSegmentedColormap.from_list("low to high", _LOW_TO_HIGH)
    dots = display.ax_.scatter(
        x.ravel(),
        y.ravel(),
        s=12,
        c=shade.ravel(),
        cmap=colors.with_extremes(bad=_GREY),
        vmin=0,
        vmax=1,
        linewidths=0,
        plotnonfinite=True,
        rasterized=x.size > 10_000,  # keeps vector files small
    )
    if display.values is not None:
        missing = " (grey: missing)" if np.isnan(shade).any() else ""
        _color_bar(display, dots, f"value{missing}").set_ticks([0, 1], labels=["low", "high"])
    display.ax_.grid(axis="y", alpha=0.3, linewidth=0.5)
    display.ax_.set_axisbelow(True)
    _number_axis(display, x)
    label = f" for label {_short(display.label_)}" if len(names) > 1 else ""
    display.ax_.set_xlabel(f"LIME weight{label}")


def _boxes(display: LimeImportanceDisplay, data: Numbers, columns: Places) -> None:
    spread = data[:, columns]
    few = len(spread) <= 30
    lines = {"color": _text_color()}
    display.ax_.boxplot(
        spread,
        positions=range(len(columns)),
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        showfliers=not few,
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": _GREY},
        boxprops={"facecolor": f"{_BLUE}60", "edgecolor": _text_color()},
        medianprops={"color": _VERMILLION, "linewidth": 2},
        whiskerprops=lines,
        capprops=lines,
    )
    if few:  # a box does not tell on how few numbers it stands
        rows = np.broadcast_to(np.arange(len(columns)), spread.shape)
        display.ax_.scatter(spread, rows, s=14, color=_text_color(), zorder=3)
    _number_axis(display, spread)
    if display.fold_importances is None:
        display.ax_.set_xlabel(f"size of the LIME weight, {len(spread)} rows")
    else:
        display.ax_.set_xlabel(f"{_title(display)}, {len(spread)} folds")


def _heatmap(display: LimeImportanceDisplay, data: Numbers, columns: Places) -> None:
    ax, table = display.ax_, data[:, columns].T
    signed = bool((table < 0).any())
    largest = np.abs(table).max() or 1
    image = ax.imshow(
        table,
        cmap="PuOr" if signed else "cividis",
        vmin=-largest if signed else 0,
        vmax=largest,
        aspect="auto",
        interpolation="nearest",
    )
    names = [_short(name, 18) for name in display.output_names]
    some = slice(None, None, 1 + len(names) // 40)
    ax.set_xticks(range(len(names))[some], names[some], parse_math=False)
    ax.tick_params(axis="x", length=0, rotation=90 if sum(map(len, names)) > 45 else 0)
    colors = image.to_rgba(table)
    decimals = max(0, 2 - int(np.floor(np.log10(largest))))
    for (i, k), number in np.ndenumerate(table if len(names) <= 8 else table[:0]):
        color = _readable(colors[i, k])
        ax.text(k, i, f"{number:.{decimals}f}", ha="center", va="center", color=color)
    _color_bar(display, image, _title(display))
    ax.spines[:].set_visible(False)


def _compare(display: LimeImportanceDisplay, data: Mapping[str, Numbers], columns: Places) -> None:
    ax, tables = display.ax_, list(data.values())
    stages = range(len(tables))
    ranks = np.array([descending(np.abs(each)).argsort() for each in tables])
    places = ranks[:, columns].argsort(axis=1).argsort(axis=1)
    areas = 20 + 180 * np.array([_shares(each)[columns] for each in tables])
    for i in range(len(columns)):
        color = _LINES[i % len(_LINES)]
        ax.plot(stages, places[:, i], color=color)
        ax.scatter(stages, places[:, i], areas[:, i], color, zorder=3)
    ax.set_xticks(stages, [_short(name, 14) for name in data], parse_math=False)
    ax.set_xlim(-0.07 * (len(tables) - 1), 1.07 * (len(tables) - 1))
    right = ax.secondary_yaxis("right")
    for axis, stage in ((ax, 0), (right, -1)):
        # The rank is that among all columns, not only those drawn.
        names = [f"{ranks[stage, j] + 1}  {_short(display.feature_names[j])}" for j in columns]
        axis.set_yticks(places[stage], names, parse_math=False)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)


# How each kind is drawn, and the data of which it needs one.
KINDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "bar": (_bars, ("importances",)),
    "beeswarm": (_beeswarm, ("weights",)),
    "box": (_boxes, ("fold_importances", "row_importances")),
    "heatmap": (_heatmap, ("class_importances",)),
    "compare": (_compare, ("comparison",)),
}


def _color_bar(display: LimeImportanceDisplay, mappable: Any, label: str) -> Any:
    bar = display.figure_.colorbar(mappable, ax=display.ax_, aspect=40, pad=0.02, label=label)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    return bar


def _number_axis(display: LimeImportanceDisplay, numbers: Numbers) -> None:
    """So few ticks that their numbers stay apart in a small plot, and a line at 0 if needed."""
    display.ax_.locator_params(axis="x", nbins=5, steps=[1, 2, 5, 10])
    if (numbers < 0).any():
        bottom = numbers.shape[-1] - 0.5
        display.ax_.vlines(0, -0.5, bottom, color=_text_color(), linewidth=0.8, zorder=0.5)


def _title(display: LimeImportanceDisplay) -> str:
    return "importance" if display.name is None else f"importance ({display.name})"


def descending(numbers: Numbers) -> Places:
    """Positions from the largest to the smallest; equals stay in order."""
    return np.argsort(-numbers, kind="stable")


def standing(comparison: Mapping[str, Numbers]) -> Numbers:
    """The largest of a column's several importances, each as a share of the largest of its kind."""
    best: Numbers = np.max([_shares(each) for each in comparison.values()], axis=0)
    return best


def _shares(importances: Numbers) -> Numbers:
    """Absolute importances as shares of the largest one."""
    sizes: Numbers = np.abs(importances)
    return sizes / (float(sizes.max()) or 1.0)


def _ranks(values: Numbers) -> Numbers:
    """Ranks in each column, from 0 for its lowest to 1 for its highest value; NaN stays NaN."""
    ranks: Numbers = rankdata(values, axis=0, nan_policy="omit")
    low, high = np.fmin.reduce(ranks), np.fmax.reduce(ranks)
    middle, half = (low + high) / 2, (high - low) / 2
    shade: Numbers = 0.5 + (ranks - middle) / np.where(half > 0, 2 * half, 1)
    return shade


def _heights(x: Numbers, shade: Numbers, everything: Numbers) -> Numbers:
    """Heights that keep the dots of a row apart: those at one place are stacked by shade."""
    low, high = everything.min(), everything.max()
    place = np.round((x - low) / ((high - low) or 1) * _PLACES)
    order = np.lexsort((shade, place))
    _, first, count = np.unique(place[order], return_index=True, return_counts=True)
    level = np.arange(len(x)) - np.repeat(first + (count - 1) / 2, count)
    heights = np.empty(len(x))
    heights[order] = level * min(_DOT, _STACK / count.max())
    return heights


def _short(name: Any, width: int = 30) -> str:
    """A name on one line; of a long one the middle goes, for the ends tell it from others."""
    text = " ".join(str(name).split())
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def _text_color() -> Any:
    from matplotlib import rcParams

    return rcParams["text.color"]


def _readable(background: Any) -> str:
    """Black or white, whichever shows on a colour."""
    return "black" if np.dot(background[:3], (0.299, 0.587, 0.114)) > 0.5 else "white"
