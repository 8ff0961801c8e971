"""Plots of importances, by scikit-learn's Display conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ._views.exports import column_values
from ._views.plots import KINDS, Numbers, descending, frame, standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from ._explanations import Explanations


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
        LimeImportanceDisplay
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
                "`pip install matplotlib`"
            ) from error
        kind = kind or ("bar" if self.comparison is None else "compare")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {sorted(KINDS)}. Got {kind!r}.")
        if max_features is not None and max_features < 1:
            raise ValueError(f"max_features must be at least 1. Got {max_features!r}.")
        draw, needed = KINDS[kind]
        available = [getattr(self, name) for name in needed if getattr(self, name) is not None]
        if not available:
            raise ValueError(
                f"kind={kind!r} needs {' or '.join(needed)}, which this display does not have."
            )
        data = available[0]
        self.label_ = self._label(label) if kind == "beeswarm" else None
        order = descending(standing(data) if kind == "compare" else np.abs(self.importances))
        columns, rest = np.split(order, [len(order) if max_features is None else max_features])
        if ax is None:
            width = 5 + 1.3 * len(data) if kind == "compare" else 7
            height = 1.3 + 0.32 * (len(columns) + bool(len(rest)))
            _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        draw(self, data, columns)
        frame(self, columns, rest, compare=kind == "compare")
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
