"""Plots of importances, by scikit-learn's Display conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import sem
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from ._explanations import Explanations
from ._statistics.estimates import Estimate
from ._views import pictures, plots
from ._views.plots import Floats, Lines, Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_KINDS = ["bar", "beeswarm", "box", "compare", "effect", "heatmap", "interactions", "row"]
# A kind needs one of these; all others need explanations.
_NEEDED = {
    "bar": ("importances",),
    "box": ("fold_importances", "explanations"),
    "compare": ("comparison",),
}


@dataclass(kw_only=True, eq=False, repr=False)
class LimeImportanceDisplay:
    """Importances and explanations as bars, swarms, boxes, maps, waterfalls and curves.

    Make one with :meth:`from_estimator`, :meth:`from_explanations`, :meth:`from_cv_results` or
    :meth:`from_importances`, which draw at once. :meth:`plot` draws the same data again.

    Parameters
    ----------
    importances : ndarray of shape (n_features,)
        By which the columns are ordered in every kind but "compare".
    feature_names : array-like of shape (n_features,), str
        Names of the columns.
    intervals : ndarray of shape (n_features, 2), default=None
        95 % interval of each importance. Columns whose interval holds 0 are grey, with empty bars.
    name : str, default="importance"
        What the importances are, for the axis label.
    explanations : Explanations, default=None
        The explained rows, for all kinds but "bar", "compare" and the folds' "box".
    fold_importances : ndarray of shape (n_folds, n_features), default=None
        Importances found in each fold.
    aggregation : str or callable, default="mean_abs"
        From the contributions of the explained rows to the importances, for "heatmap".
    labels : {"all", "predicted"} or array-like of class values, default="all"
        The outputs that count, for "box".
    comparison : dict of str to ndarray of shape (n_features,), default=None
        Several importances of the same columns, by name.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure of the axes.
    label_ : object
        Class or output that is drawn; None for kinds that draw all.

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

    importances: Floats
    feature_names: Sequence[str] | NDArray[np.object_]
    intervals: Floats | None = None
    name: str = "importance"
    explanations: Any = None
    fold_importances: Floats | None = None
    aggregation: str | Callable[..., Any] = "mean_abs"
    labels: str | ArrayLike = "all"
    comparison: Mapping[str, Floats] | None = None
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
        """
        wrapper = _final_wrapper(estimator)
        importances = wrapper.importances_
        return cls(
            importances=importances.estimate.values,
            intervals=importances.confint(),
            name=importances.name,
            feature_names=importances.feature_names,
            explanations=getattr(importances, "explanations", None),
            fold_importances=getattr(wrapper, "fold_importances_", None),  # only with cv
            aggregation=wrapper.aggregation,
            labels=wrapper.labels,
        ).plot(**options)

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
            As in :meth:`Explanations.estimate`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`Explanations.estimate`.
        **options : dict
            What :meth:`plot` takes.

        Returns
        -------
        display : LimeImportanceDisplay
        """
        estimate = explanations.estimate(aggregation, labels)
        return cls(
            importances=estimate.values,
            intervals=estimate.confint(),
            name=pictures.measure(explanations, aggregation),
            feature_names=explanations.feature_names,
            explanations=explanations,
            aggregation=aggregation,
            labels=labels,
        ).plot(**options)

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
            "bar" draws the mean over folds, with Student's interval as if they were independent.
        **options : dict
            What :meth:`plot` takes.

        Returns
        -------
        display : LimeImportanceDisplay
        """
        if "estimator" not in cv_results:
            raise ValueError("cv_results holds no estimators: pass return_estimator=True.")
        wrappers = [_final_wrapper(estimator) for estimator in cv_results["estimator"]]
        names = [list(wrapper.importances_.feature_names) for wrapper in wrappers]
        if any(each != names[0] for each in names):
            raise ValueError("The folds explain different columns, which cannot be put together.")
        folds = np.array([wrapper.feature_importances_ for wrapper in wrappers])
        dof, signed = np.full(folds.shape[1], len(folds) - 1), bool((folds < 0).any())
        estimate = Estimate(folds.mean(axis=0), sem(folds), dof, signed)
        return cls(
            importances=estimate.values,
            intervals=estimate.confint(),
            name=wrappers[0].importances_.name,
            feature_names=names[0],
            fold_importances=folds,
        ).plot(kind, **options)

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
        return cls(
            importances=tables[first],
            name=f"importance ({first})",
            feature_names=names,
            comparison=tables if len(tables) > 1 else None,
        ).plot(**options)

    def plot(
        self,
        kind: str | None = None,
        *,
        ax: Axes | None = None,
        max_features: int | None = 15,
        label: Any = None,
        row: int = 0,
        column: Any = None,
    ) -> LimeImportanceDisplay:
        """Draw importances or explanations.

        Parameters
        ----------
        kind : {"bar", "beeswarm", "box", "heatmap", "compare", "row", "interactions", "effect"}, \
                default=None
            - "bar": the importances, with their 95 % intervals where they are known.
            - "beeswarm": each explained row's contribution, coloured by the rank of the row's
              value in its column, or by the levels of a category; grey where it is missing.
            - "box": the importances found in the folds; without folds, the sizes of the
              contributions of the rows.
            - "heatmap": the importances for each class or output.
            - "compare": the ranks of the columns by several importances. The area of a dot is
              the importance as a share of the largest one of its kind.
            - "row": how one row's contributions lead from the average to its prediction.
            - "interactions": the strongest pairs of columns, or the table of one pair.
            - "effect": what a column's bins add to the response, with 95 % intervals, over the
              contributions of the rows, coloured by the column that it interacts with most.

            None is "compare" if there are several importances, else "bar".
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure as large as the columns need.
        max_features : int, default=15
            Columns, pairs or levels drawn at most; a last line counts the others. None draws all.
        label : object, default=None
            Class or output that "beeswarm", "row" and "effect" draw. None is the positive class of
            two, or the only output; of more, one must be named.
        row : int, default=0
            Position among the rows explained, for "row".
        column : int, str or pair of these, default=None
            Column by number or name, for "effect", where None is the most important one; a pair of
            columns for "interactions", where None ranks all pairs.

        Returns
        -------
        LimeImportanceDisplay
            This object.
        """
        check_matplotlib_support("LimeImportanceDisplay.plot")
        kind = kind or ("bar" if self.comparison is None else "compare")
        self._check(kind, max_features)
        self.label_, explained, pairs = None, self.explanations, kind == "interactions"
        if kind in ("beeswarm", "row", "effect") or (pairs and column is not None):
            k = explained._output(label)
            self.label_ = explained._outputs[k]
        if kind == "bar":
            shown = self.feature_names, self.importances, self.intervals
            ax = pictures.ranking(ax, *shown, max_features, "Importances", self.name)
        elif kind == "box":
            ax = self._box(ax, max_features)
        elif kind == "heatmap":
            columns, lines = self._lines(max_features)
            table = explained.class_importances(self.aggregation)[:, columns].T
            ax = plots.axes(ax, lines, "Importances for each output")
            plots.heatmap(ax, table, explained._outputs, self.name)
        elif pairs and column is None:
            ax = pictures.interactions(ax, explained, max_features)
        elif pairs:
            ax = pictures.pair(ax, explained, k, column)
        elif kind == "row":
            ax = pictures.row(ax, explained, k, row, max_features)
        elif kind == "effect":
            column = int(np.abs(self.importances).argmax()) if column is None else column
            ax = pictures.effect(ax, explained, k, column, max_features)
        elif kind == "compare":
            ax = pictures.compare(ax, self.comparison or {}, self.feature_names, max_features)
        else:
            ax = pictures.beeswarm(ax, explained, k, *self._lines(max_features))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check(self, kind: str, top: int | None) -> None:
        """Refuse what cannot be drawn, before there is a figure."""
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {_KINDS}. Got {kind!r}.")
        if top is not None and top < 1:
            raise ValueError(f"max_features must be at least 1. Got {top!r}.")
        needed, explained = _NEEDED.get(kind, ("explanations",)), self.explanations
        if all(getattr(self, name) is None for name in needed):
            raise ValueError(
                f"kind={kind!r} needs {' or '.join(needed)}, which this display does not have."
            )
        if kind in ("effect", "interactions") and not hasattr(explained, "interactions"):
            raise ValueError(
                f"kind={kind!r} needs a response, not a score, explained by engine='pooled'. "
                f"Got {explained.response!r} by engine={explained.engine!r}."
            )

    def _lines(self, top: int | None) -> tuple[Places, Lines]:
        """The most important columns, and their names, grey if they are not told from 0."""
        columns, rest = pictures.largest(self.importances, top)
        faint = None if self.intervals is None else plots.holds_zero(self.intervals[columns])
        return columns, Lines([self.feature_names[j] for j in columns], rest, faint)

    def _box(self, ax: Any, top: int | None) -> Any:
        if self.fold_importances is not None:
            spread, title, what = self.fold_importances, "Importances in {} folds", self.name
        else:
            spread, title = self.explanations.magnitudes(self.labels), "{:,} rows"
            form = "{}" if self.explanations.coefficients is not None else "|{}|"
            what = pictures.words(self.explanations, form=form)  # gains keep their signs
        return pictures.box(ax, spread, *self._lines(top), title, what)


def _final_wrapper(estimator: Any) -> Any:
    """The fitted wrapper itself, or the one that a pipeline ends with."""
    final = estimator
    while hasattr(final, "steps"):
        final = final.steps[-1][1]
    check_is_fitted(final)
    if not hasattr(final, "importances_"):
        raise TypeError(
            "The estimator must be a LimeImportanceWrapper or a pipeline that ends with one. "
            f"Got {type(final).__name__}."
        )
    return final
