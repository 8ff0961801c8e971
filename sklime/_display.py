"""Plots of importances, by scikit-learn's Display conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.utils.validation import check_is_fitted

from ._export import column_values

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from ._explanations import Explanations

# Okabe and Ito's colours that stand out at 3:1 or better from both white and black.
_BLUE, _VERMILLION, _GREEN, _PURPLE, _GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"
_LINES = (_BLUE, _VERMILLION, _GREEN, _PURPLE)
# From low to high values; about equally bright throughout, to be seen on white and on black.
_LOW_TO_HIGH = (_BLUE, "#9A62B0", "#E8702A")

# The beeswarm's places side by side; of its rows, the height of a dot and of the highest stack.
_PLACES, _DOT, _STACK = 100, 0.15, 0.84


@dataclass(kw_only=True, eq=False, repr=False)
class LimeImportanceDisplay:
    """Importances as bars, swarms, boxes, a heat map or a comparison.

    Make one with :meth:`from_estimator`, :meth:`from_explanations`, :meth:`from_cv_results` or
    :meth:`from_importances`, which draw at once. :meth:`plot` draws the same data again.

    Parameters
    ----------
    importances : ndarray of shape (n_features,)
        By which the columns are ordered in every kind but "compare".
    feature_names : array-like of shape (n_features,), str
        Names of the columns.
    sem : ndarray of shape (n_features,), default=None
        Standard error of each importance.
    name : str, default=None
        What the importances are, for the axis label.
    weights : ndarray of shape (n_explained, n_features, n_outputs), default=None
        LIME weight of every column in every explained row, in units of the model's response.
    values : ndarray of shape (n_explained, n_features), default=None
        Values of the explained rows as numbers, NaN where missing.
    output_names : array-like of shape (n_outputs,), default=()
        Classes, or names of the outputs.
    pos_label : object, default=None
        The entry of `output_names` whose weights are drawn when no other is asked for.
    fold_importances : ndarray of shape (n_folds, n_features), default=None
        Importances found in each fold.
    row_importances : ndarray of shape (n_explained, n_features), default=None
        Size of each explained row's weights.
    class_importances : ndarray of shape (n_outputs, n_features), default=None
        Importances for each class or output.
    comparison : dict of str to ndarray of shape (n_features,), default=None
        Several importances of the same columns, by name.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure of the axes.
    label_ : object
        Class or output whose weights are drawn by "beeswarm"; None for other kinds.

    Examples
    --------
    >>> from sklime import LimeImportanceDisplay
    >>> display = LimeImportanceDisplay.from_importances(
    ...     {"LIME": [0.1, 0.7, 0.2], "permutation": [0.0, 0.6, 0.4]},
    ...     feature_names=["age", "income", "region"],
    ... )
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['LIME', 'permutation']
    >>> [label.get_text() for label in display.plot("bar").ax_.get_yticklabels()]
    ['income', 'region', 'age']
    """

    importances: Numbers
    feature_names: Sequence[str] | NDArray[np.object_]
    sem: Numbers | None = None
    name: str | None = None
    weights: Numbers | None = None
    values: Numbers | None = None
    output_names: Sequence[Any] | NDArray[Any] = ()
    pos_label: Any = None
    fold_importances: Numbers | None = None
    row_importances: Numbers | None = None
    class_importances: Numbers | None = None
    comparison: Mapping[str, Numbers] | None = None
    ax_: Axes = field(init=False)
    figure_: Figure | SubFigure = field(init=False)
    label_: Any = field(init=False)

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> LimeImportanceDisplay:
        """Draw the importances of a fitted wrapper.

        Parameters
        ----------
        estimator : LimeImportanceWrapper or Pipeline
            Fitted wrapper, or fitted pipeline that ends with one.
        **options : dict
            What :meth:`plot` takes.

        Returns
        -------
        display : LimeImportanceDisplay

        Raises
        ------
        TypeError
            If `estimator` is something else.
        sklearn.exceptions.NotFittedError
            If `estimator` is not fitted.
        """
        wrapper = _final_wrapper(estimator)
        display = cls(
            **_explained(wrapper.explanations_, wrapper.aggregation, wrapper.labels),
            importances=wrapper.feature_importances_,
            sem=wrapper.feature_importances_sem_,
            fold_importances=getattr(wrapper, "fold_importances_", None),  # only with cv
        )
        return display.plot(**options)

    @classmethod
    def from_explanations(
        cls,
        explanations: Explanations,
        *,
        aggregation: str | Callable[..., Any] = "mean_abs",
        labels: str | ArrayLike = "all",
        **options: Any,
    ) -> LimeImportanceDisplay:
        """Draw explanations, such as those that :func:`lime_importance` returns.

        Parameters
        ----------
        explanations : Explanations
            The explained rows.
        aggregation : str or callable, default="mean_abs"
            From the weights of the rows to one importance for each column, as in
            :meth:`Explanations.importances`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            The outputs that count, as in :meth:`Explanations.importances`.
        **options : dict
            What :meth:`plot` takes.

        Returns
        -------
        display : LimeImportanceDisplay
        """
        display = cls(
            **_explained(explanations, aggregation, labels),
            importances=explanations.importances(aggregation, labels),
            sem=explanations.standard_error(aggregation, labels),
        )
        return display.plot(**options)

    @classmethod
    def from_cv_results(
        cls, cv_results: Mapping[str, Any], *, kind: str = "box", **options: Any
    ) -> LimeImportanceDisplay:
        """Draw the importances found in each fold of a cross-validation.

        Parameters
        ----------
        cv_results : dict
            What :func:`~sklearn.model_selection.cross_validate` returns with
            `return_estimator=True` for a wrapper, or for a pipeline that ends with one.
        kind : {"box", "bar"}, default="box"
            "bar" draws the mean over folds, with its standard error as if they were independent.
        **options : dict
            What else :meth:`plot` takes.

        Returns
        -------
        display : LimeImportanceDisplay

        Raises
        ------
        ValueError
            If `cv_results` holds no estimators, or they explain different columns.
        """
        if "estimator" not in cv_results:
            raise ValueError("cv_results holds no estimators: pass return_estimator=True.")
        wrappers = [_final_wrapper(estimator) for estimator in cv_results["estimator"]]
        names = [list(wrapper.explanations_.feature_names) for wrapper in wrappers]
        if any(each != names[0] for each in names):
            raise ValueError("The folds explain different columns, which cannot be put together.")
        folds = np.array([wrapper.feature_importances_ for wrapper in wrappers])
        display = cls(
            importances=folds.mean(axis=0),
            sem=folds.std(axis=0, ddof=1) / np.sqrt(len(folds)),
            name=_name(wrappers[0].aggregation),
            feature_names=names[0],
            fold_importances=folds,
        )
        return display.plot(kind, **options)

    @classmethod
    def from_importances(
        cls,
        importances: Mapping[str, ArrayLike],
        *,
        feature_names: Sequence[str] | NDArray[np.object_] | None = None,
        **options: Any,
    ) -> LimeImportanceDisplay:
        """Draw several importances of the same columns, wherever they come from.

        Parameters
        ----------
        importances : dict of str to array-like of shape (n_features,)
            Importances by name, each on any scale; columns are ranked by absolute importance.
        feature_names : array-like of shape (n_features,), default=None
            Names of the columns; None names them x0, x1 and so on.
        **options : dict
            What :meth:`plot` takes; kind="bar" draws the first of the importances.

        Returns
        -------
        display : LimeImportanceDisplay

        Raises
        ------
        ValueError
            If there are no importances, or their lengths differ.
        """
        tables = {str(name): np.asarray(each, float) for name, each in importances.items()}
        shapes = {name: each.shape for name, each in tables.items()}
        n = max((each.size for each in tables.values()), default=0)
        names = [f"x{j}" for j in range(n)] if feature_names is None else feature_names
        if set(shapes.values()) != {(len(names),)}:
            raise ValueError(
                f"importances must hold arrays of shape ({len(names)},), one number for each "
                f"column. Got {shapes}."
            )
        first = next(iter(tables))
        display = cls(
            importances=tables[first],
            name=first,
            feature_names=names,
            comparison=tables if len(tables) > 1 else None,
        )
        return display.plot(**options)

    def plot(
        self,
        kind: str | None = None,
        *,
        ax: Axes | None = None,
        max_features: int | None = 15,
        label: Any = None,
    ) -> LimeImportanceDisplay:
        """Draw the importances.

        Parameters
        ----------
        kind : {"bar", "beeswarm", "box", "heatmap", "compare"}, default=None
            - "bar": the importances, with one standard error to either side where it is known.
            - "beeswarm": each explained row's weight, coloured by the rank of the row's value in
              its column (of a category: the number of its level); grey where it is missing.
            - "box": the importances found in the folds; without folds, the sizes of the weights
              of the rows.
            - "heatmap": the importances for each class or output.
            - "compare": the ranks of the columns by several importances. The area of a dot is
              the importance as a share of the largest one of its kind.

            None is "compare" if there are several importances, else "bar".
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure as large as the columns need.
        max_features : int, default=15
            Number of columns drawn, the most important ones first; a last line counts the
            others. None draws all.
        label : object, default=None
            Class or output whose weights "beeswarm" draws. None is the positive class of two, or
            the only output; of more, one must be named, as shap's beeswarm wants one picked.

        Returns
        -------
        display : LimeImportanceDisplay
            This object.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a parameter is not what it must be, or the display lacks the data of that kind.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "LimeImportanceDisplay.plot requires matplotlib. You can install matplotlib with "
                '`pip install "sklime[plot]"`'
            ) from error
        kind = kind or ("bar" if self.comparison is None else "compare")
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {sorted(_KINDS)}. Got {kind!r}.")
        if max_features is not None and max_features < 1:
            raise ValueError(f"max_features must be at least 1. Got {max_features!r}.")
        draw, needed = _KINDS[kind]
        available = [getattr(self, name) for name in needed if getattr(self, name) is not None]
        if not available:
            raise ValueError(
                f"kind={kind!r} needs {' or '.join(needed)}, which this display does not have."
            )
        data = available[0]
        self.label_ = self._label(label) if kind == "beeswarm" else None
        order = _descending(_standing(data) if kind == "compare" else np.abs(self.importances))
        columns, rest = np.split(order, [len(order) if max_features is None else max_features])
        if ax is None:
            width = 5 + 1.3 * len(data) if kind == "compare" else 7
            height = 1.3 + 0.32 * (len(columns) + bool(len(rest)))
            _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        draw(self, data, columns)
        _frame(self, columns, rest, compare=kind == "compare")
        return self

    def _label(self, label: Any) -> Any:
        """The class or output whose weights are drawn: the one named, or else the positive one."""
        names = list(self.output_names)
        if label is None and len(names) == 1:
            return names[0]
        label = self.pos_label if label is None else label
        if label is None:
            raise ValueError(f"The weights of one output are drawn: pass label=, one of {names}.")
        if label not in names:
            raise ValueError(f"label must be one of {names}. Got {label!r}.")
        return label


def _final_wrapper(estimator: Any) -> Any:
    """The fitted wrapper itself, or the one that a pipeline ends with."""
    final = estimator
    while hasattr(final, "steps"):
        final = final.steps[-1][1]
    check_is_fitted(final)
    if not hasattr(final, "explanations_"):
        raise TypeError(
            "The estimator must be a LimeImportanceWrapper or a pipeline that ends with one. "
            f"Got {type(final).__name__}."
        )
    return final


def _explained(explanations: Explanations, aggregation: Any, labels: Any) -> dict[str, Any]:
    """What a display shows of explained rows, but the importances."""
    names = explanations.output_names.tolist()
    binary = explanations.classes is not None and len(names) == 2
    return {
        "name": _name(aggregation),
        "feature_names": explanations.feature_names,
        "weights": explanations.weights,
        "values": column_values(explanations),
        "output_names": names,
        "pos_label": names[1] if binary else None,
        "row_importances": explanations.magnitudes(labels),
        "class_importances": explanations.class_importances(aggregation),
    }


def _name(aggregation: Any) -> str:
    return aggregation if isinstance(aggregation, str) else getattr(aggregation, "__name__", "own")


def _frame(display: LimeImportanceDisplay, columns: Places, rest: Places, compare: bool) -> None:
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
    _zero_line(display, importances)
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
    _zero_line(display, x)
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
    _zero_line(display, spread)
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
    ranks = np.array([_descending(np.abs(each)).argsort() for each in tables])
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
_KINDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
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


def _zero_line(display: LimeImportanceDisplay, numbers: Numbers) -> None:
    if (numbers < 0).any():
        bottom = numbers.shape[-1] - 0.5
        display.ax_.vlines(0, -0.5, bottom, color=_text_color(), linewidth=0.8, zorder=0.5)


def _title(display: LimeImportanceDisplay) -> str:
    return "importance" if display.name is None else f"importance ({display.name})"


def _descending(numbers: Numbers) -> Places:
    """Positions from the largest to the smallest; equals stay in order."""
    return np.argsort(-numbers, kind="stable")


def _standing(comparison: Mapping[str, Numbers]) -> Numbers:
    """The largest of a column's several importances, each as a share of the largest of its kind."""
    standing: Numbers = np.max([_shares(each) for each in comparison.values()], axis=0)
    return standing


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
