"""The meta-estimator: scikit-learn's conventions around :func:`lime_importance`. No maths."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, check_random_state, metadata_routing
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import _check_method_params, check_is_fitted

from ._delegation import Delegates, ValidatedFit, kept, unchanged
from ._engines import over_workers
from ._explainer.checks import check_fit
from ._explainer.explainer import Explainer, Plan, kept_labels
from ._explanations import Explanations
from ._importance import PARAMETERS, summary, with_parameters
from ._model.response import class_values
from ._neighborhood.rows import check_table, feature_names, has_weight, row_weights
from ._statistics.estimates import mean_estimate
from ._tables.table import Table
from .exceptions import warn


class _Fold(NamedTuple):
    """One fitted estimator with its explanations."""

    estimator: Any
    explainer: Explainer
    explanations: Explanations


@with_parameters
@dataclass(eq=False, repr=False)
class LimeImportanceWrapper(Delegates, MetaEstimatorMixin, BaseEstimator):
    r"""Meta-estimator with feature_importances_ from LIME weights.

    Fits the inner estimator, explains rows of the training table (or each fold's held-out rows) by
    LIME, and aggregates the weights to one importance for each column. Predicts as the inner
    estimator does, and so takes its place in SelectFromModel, RFE, searches and pipelines. Four
    parameters matter first: `cv`, `scoring`, `kernel_width` and `random_state`.

    Parameters
    ----------
    estimator : estimator
        Classifier, regressor, outlier detector, or a pipeline of any. A fitted one comes as
        :class:`sklearn.frozen.FrozenEstimator`.
    cv : int, cross-validation generator or iterable, default=None
        None explains training rows. Else the models of the folds are explained on the rows that
        they have not seen, and `estimator_` is fitted to all rows. An int makes folds that
        are not shuffled, and mislead where the table is sorted: pass ``KFold(5, shuffle=True)``
        there, or ``StratifiedKFold(5, shuffle=True)`` for a classifier.
    Parameters of :func:`lime_importance`, from `scoring` on.
    keep_explanations : bool, default=True
        False keeps importances, errors and names only: nothing of the table but what the inner
        estimator has of it, and :meth:`explain` does not work. Else the rows explained are kept,
        and by engines "local" and "lime" the training table.

    Attributes
    ----------
    estimator_ : estimator
        The inner estimator, fitted to all rows.
    feature_importances_ : ndarray of shape (n_features,)
        Importances, in units of the response; with `cv`, the mean over folds. With `scoring`, what
        the score gains by each column over all rows explained, 0 where it loses.
    feature_importances_sem_ : ndarray of shape (n_features,)
        Standard error of the importances: of measurement, which more samples cure (engine "lime"
        cannot tell it), and of the choice of rows, which more rows cure.
    importances_ : Importances
        The same with intervals, as a table, and more; what :func:`lime_importance` returns.
    pvalues_ : ndarray of shape (n_features,)
        Chance of such a gain, were there none for rows to come. Only with `scoring`.
    confidences_ : ndarray of shape (n_features,)
        1 less the p-values adjusted for the number of columns by Benjamini and Hochberg: where it
        is 0.9 or more, a tenth of the columns chosen is useless, on average. Only with `scoring`.
    explanations_ : Explanations
        The weights of every row, and all that goes with them. Only with `keep_explanations`.
    estimators_ : list of estimators
        The folds' models. Only with `cv`.
    fold_importances_ : ndarray of shape (n_folds, n_features)
        The folds' importances. Only with `cv`.
    classes_ : ndarray of shape (n_classes,)
        Class values. Only for a classifier.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names. Only if the table has any.

    See Also
    --------
    lime_importance : The same for a model that is fitted already.
    sklearn.inspection.permutation_importance : The drop in score when a column is shuffled.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.feature_selection import SelectFromModel
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklime import LimeImportanceWrapper
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> wrapper = LimeImportanceWrapper(model, random_state=0)
    >>> SelectFromModel(wrapper, max_features=2).fit(X, y).get_feature_names_out().tolist()
    ['radius error', 'worst texture']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "cv": ["cv_object"],
        **PARAMETERS,
        "keep_explanations": ["boolean"],
    }

    # The inner estimator decides who takes weights, so there is nothing to request here.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"sample_weight": metadata_routing.UNUSED}

    estimator: Any
    _: KW_ONLY
    cv: Any = None
    scoring: str | None = None
    max_samples: str | float | None = "auto"
    labels: Any = "all"
    response_method: str = "auto"
    categorical_features: Any = "from_dtype"
    discretizer: str | int = "quartile"
    num_samples: str | int = "auto"
    kernel_width: float | str = "auto"
    conditional: bool = False
    model_regressor: Any = None
    num_features: int | None = None
    values: str = "contributions"
    aggregation: str | Callable[..., Any] = "mean_abs"
    engine: str = "pooled"
    tol: float | None = None
    n_jobs: int | None = None
    random_state: Any = None
    verbose: int = 0
    keep_explanations: bool = True

    @ValidatedFit
    def fit(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> Self:
        """Fit the estimator, explain its rows and aggregate; an error leaves a previous fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Whatever the inner estimator takes; handed to it as it is.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target. May be left out where the inner estimator needs none.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights for the inner estimator, the neighbourhood and the aggregation. Not a parameter
            where the inner estimator's `fit` has none.
        **fit_params : dict
            More parameters for the inner estimator's `fit`, and `groups` for `cv`.

        Returns
        -------
        self : LimeImportanceWrapper
            The fitted wrapper.
        """
        # What is wrong with parameters or data shows before anything is fitted.
        check_fit(self, X, y, sample_weight)
        routed = self._route_fit(sample_weight, fit_params)
        split = {} if self.cv is None else routed.splitter.split
        folds = self._folds(X, y, sample_weight, split)
        explainer = Explainer(**{name: getattr(self, name) for name in PARAMETERS})
        plans = explainer.plans(
            kept(X, self.estimator),
            y,
            [(test, seed) for _, test, seed in folds],
            estimator=self.estimator,
            sample_weight=sample_weight,
        )
        estimator = clone(self.estimator)
        with unchanged(plans[0].table, estimator):
            estimator.fit(X, y, **routed.estimator.fit)
        if self.cv is None:
            explained = [_Fold(estimator, explainer, explainer.fit_explain(estimator, plans[0]))]
        else:
            classes = class_values(estimator, explainer.method(estimator), plans[0].table.native)
            given = replace(explainer, n_jobs=1), X, y, routed.estimator.fit, classes
            jobs = [
                partial(_fit_and_explain, clone(self.estimator), *given, train, plan)
                for (train, *_), plan in zip(folds, plans, strict=True)
            ]
            explained = over_workers(self.n_jobs, jobs)
        self._keep(estimator, plans[0].table, explained)
        return self

    def explain(
        self, X: Any, y: Any = None, *, kernel_width: float | str | None = None
    ) -> Explanations:
        """Explain any rows by what the model was asked in `fit`, if `keep_explanations` is True.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their target, which a `scoring` needs.
        kernel_width : float, "auto" or "lime", default=None
            Another width than that of `fit`; None is the same.

        Returns
        -------
        explanations : Explanations
            Of every row; with `cv`, the mean of the folds' models. The model is asked for these
            rows' own predictions only, and by the engines "local" and "lime" for their neighbours.
        """
        if not hasattr(self, "_explainers"):
            check_is_fitted(self)
            raise AttributeError("explain needs keep_explanations=True. Got False instead.")
        return Explanations._mean(
            [explainer.explain(X, y, kernel_width) for explainer in self._explainers]
        )

    def _folds(
        self, X: Any, y: Any, sample_weight: Any, split: dict[str, Any]
    ) -> list[tuple[Any, Any, Any]]:
        """Rows to fit to, rows to explain (None: all) and random state of each fold."""
        if self.cv is None:
            return [(None, None, self.random_state)]
        table, weight = Table(X), row_weights(sample_weight, X)
        check_table(table, feature_names(table))
        rows = np.arange(table.n_rows)
        weight = np.ones(table.n_rows) if weight is None else weight
        with np.errstate(invalid="ignore"):  # infinity in y is for the inner estimator to refuse
            cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, **split))
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=len(splits))
        folds = [
            (rows[train], rows[test], int(seed))
            for i, ((train, test), seed) in enumerate(zip(splits, seeds, strict=True))
            if has_weight(i, weight[train], weight[test])
        ]
        if not folds:
            raise ValueError("No fold of cv has rows of weight above 0 to fit and to explain.")
        return folds

    def _keep(self, estimator: Any, table: Table, folds: list[_Fold]) -> None:
        """Set every fitted attribute, now that nothing can fail any more."""
        labels = kept_labels(self.labels)
        explanations = Explanations.concatenate([fold.explanations for fold in folds])
        parts = [fold.explanations.estimate(self.aggregation, labels) for fold in folds]
        # A gain is asked of all rows, each counted once; other importances are the folds' mean.
        pooled = self.scoring is not None or len(folds) == 1
        explanations = explanations._each_row_once() if pooled else explanations
        whole = explanations.estimate(self.aggregation, labels) if pooled else mean_estimate(parts)
        importances = summary(whole, explanations, self.aggregation, labels)
        optional = ("feature_names_in_", "estimators_", "fold_importances_", "_explainers")
        for name in (*optional, "pvalues_", "confidences_", "explanations_"):
            self.__dict__.pop(name, None)  # of an earlier fit with other settings
        self.estimator_ = estimator
        self.n_features_in_ = getattr(estimator, "n_features_in_", table.n_columns)
        if table.names is not None:  # the inner estimator's own may be others
            self.feature_names_in_ = table.names
        if self.cv is not None:
            self.estimators_ = [fold.estimator for fold in folds]
            self.fold_importances_ = np.array([part.values for part in parts])
        self.feature_importances_ = importances.importances_mean
        self.feature_importances_sem_ = importances.importances_sem
        if self.scoring is not None:
            self.pvalues_, self.confidences_ = importances.pvalues, importances.confidences
        if self.keep_explanations:
            self.explanations_ = explanations
            self._explainers = [fold.explainer for fold in folds]
        else:
            del importances.importances, importances.explanations
        self.importances_ = importances
        if not self.feature_importances_.any():
            what = "the response does not change with any column"
            if self.scoring is not None:
                what = "no column helps the score"
            warn(f"All importances are 0: {what}. SelectFromModel keeps every column then.")


def _fit_and_explain(
    estimator: Any,
    explainer: Explainer,
    X: Any,
    y: Any,
    fit_params: dict[str, Any],
    classes: Any,
    train: NDArray[np.intp],
    plan: Plan,
) -> _Fold:
    """Fit an estimator to the training rows of a fold and explain its held-out ones."""
    X_train = plan.table.take(train)  # in the format of X, a COO matrix included
    if issparse(y):
        y = y.tocsr()  # other formats, and what is only array-like, have no rows to take
    elif y is not None and not hasattr(y, "shape"):
        y = np.asarray(y)
    y_train = None if y is None else _safe_indexing(y, train)
    estimator.fit(X_train, y_train, **_check_method_params(X, fit_params, indices=train))
    explainer = replace(explainer)  # threads would share it
    explanations = explainer.fit_explain(estimator, plan, classes)
    return _Fold(estimator, explainer, explanations)
