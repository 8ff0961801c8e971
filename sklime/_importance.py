"""LIME importances of a fitted model."""

from collections.abc import Callable
from inspect import getdoc
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_params,
)

from ._engines import ENGINES
from ._explainer.explainer import Explainer, kept_labels
from ._explainer.limits import warn_of_limits
from ._explanations import Explanations
from ._importances import Importances
from ._model.response import RESPONSE_METHODS
from ._neighborhood.columns import DISCRETIZERS
from ._statistics.aggregations import AGGREGATIONS
from ._statistics.estimates import Estimate
from ._views.pictures import measure

# Parameters that LimeImportanceWrapper and lime_importance have in common.
PARAMETERS: dict[str, list[Any]] = {
    "scoring": [str, None],
    "max_samples": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
        None,
    ],
    "labels": [str, Real, "boolean", "array-like"],
    "response_method": [StrOptions({"auto", *RESPONSE_METHODS})],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", callable, None],
    "discretizer": [StrOptions(set(DISCRETIZERS)), Interval(Integral, 2, None, closed="left")],
    "num_samples": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    "kernel_width": [Interval(Real, 0, None, closed="left"), StrOptions({"auto", "lime"})],
    "conditional": ["boolean"],
    "model_regressor": [HasMethods(["fit", "predict"]), None],
    "num_features": [Interval(Integral, 1, None, closed="left"), None],
    "values": [StrOptions({"weights", "contributions"})],
    "aggregation": [StrOptions(set(AGGREGATIONS)), callable],
    "engine": [StrOptions(set(ENGINES))],
    "tol": [Interval(Real, 0, None, closed="neither"), None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


# Stands in a docstring for the parameters, which are described once.
_PLACE = "Parameters of :func:`lime_importance`, from `scoring` on."

_F = TypeVar("_F", bound=Callable[..., Any])
_C = TypeVar("_C", bound=type)


def validated(constraints: dict[str, Any]) -> Callable[[_F], _F]:
    """scikit-learn's check of parameters, which keeps the function's type."""
    return validate_params(constraints, prefer_skip_nested_validation=True)


@validated(
    {
        "estimator": "no_validation",
        "training_data": "no_validation",
        "X": "no_validation",
        "y": ["array-like", None],
        "sample_weight": ["array-like", None],
        **PARAMETERS,
    }
)
def lime_importance(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    training_data: Any = None,
    sample_weight: ArrayLike | None = None,
    scoring: str | None = None,
    max_samples: str | float | None = "auto",
    labels: Any = "all",
    response_method: str = "auto",
    categorical_features: Any = "from_dtype",
    discretizer: str | int = "quartile",
    num_samples: str | int = "auto",
    kernel_width: float | str = "auto",
    conditional: bool = False,
    model_regressor: Any = None,
    num_features: int | None = None,
    values: str = "contributions",
    aggregation: str | Callable[..., Any] = "mean_abs",
    engine: str = "pooled",
    tol: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> Importances:
    r"""LIME importances of the columns of X for a fitted model.

    Every row is explained by LIME; an importance is the mean size of the rows' weights. All rows
    share one neighbourhood, so the model predicts `num_samples` rows in all, not for each row.

    Parameters
    ----------
    estimator : object
        A fitted classifier, regressor, outlier detector or clusterer, or a pipeline of any.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        The rows to explain, in the container that the model takes.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The target. By it the rows explained are stratified (for a classifier), and columns are
        cut where `discretizer="entropy"`.
    training_data : same kind of table as X, default=None
        Rows from which the neighbourhood is drawn; None takes X.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows of X, in the neighbourhood and in the aggregation. A row of weight 2
        counts as two rows, one of weight 0 is left out; weights that are no whole numbers count as
        many rows in all as there are of weight.
    scoring : str or None, default=None
        None explains the response. A score explains what it gains by each column, in its unit:
        "neg_log_loss", "neg_brier_score" and "accuracy" of a classifier, "neg_mean_squared_error"
        of a regressor, or "auto", the Brier score, accuracy without probabilities, or squared
        error. It wants rows that the model has not seen, as by the wrapper's `cv`: of those that it
        was fitted to, useless columns gain too.
    max_samples : "auto", int, float or None, default="auto"
        Rows to explain (in each fold): a number (at most what there is), a share, or None for all.
        "auto" is 2000 for the engine "pooled", 1000 for ``kernel_width=0`` and 100 for other
        engines. The classes keep their proportions.
    labels : {"all", "predicted"}, class value or array-like of them, default="all"
        Outputs that count. "all": half the sum over the classes, the total variation, or the mean
        over other outputs. "predicted": each row's predicted class, as lime's `top_labels=1`. Else
        the mean over the classes given, which are then the only ones kept.
    response_method : str, default="auto"
        The method that is explained: "predict_proba", "decision_function", "predict" or
        "score_samples". "auto" takes, for a classifier, the first of the first three that it has,
        but predict for an accuracy; for an outlier detector score_samples; else predict.
    categorical_features : "from_dtype", array-like, callable or None, default="from_dtype"
        Columns whose every value is a level: by dtype, or as a boolean mask, column numbers, names,
        or a function from X to any of these. Columns that hold no numbers are so in any case.
    discretizer : {"quartile", "decile", "entropy"} or int, default="quartile"
        How other columns are cut into bins: at quantiles, or by a decision tree of depth 3 on `y`
        ("entropy", lime's). An int is a number of equally frequent bins. Missing values are a bin
        of their own.
    num_samples : "auto" or int, default="auto"
        Rows that the model predicts: in all for the engine "pooled", for each explained row for
        "local" (1024) and "lime" (5000), and for each of its cells at ``kernel_width=0`` (4).
        "auto" lets a pool follow the table: 8192 rows, or more (up to 2^17) until the root mean
        square of the standard errors is at most 0.025 of the range of the importances, for columns
        of many levels, and while weak pairs may hide; but never more than
        ``permutation_importance(n_repeats=5)`` would ask, nor more than 2^22 answers over all
        outputs. Best at a power of two.
    kernel_width : float, "auto" or "lime", default="auto"
        Width of the kernel over the number of columns outside the row's own bins. A narrow one
        sees interactions; at 0.557 the contributions to a model without interactions of three
        columns are Shapley values. "lime" is lime's ``0.75 * sqrt(n_features)``, which is so wide
        that interactions are hardly seen. "auto" is 0.3, with the engine "local" 0.4 and with
        "lime" lime's. 0 changes one column of a row at a time, by the engine "local": it sees
        interactions of all orders, and for a `scoring` is permutation importance, row by row.
    conditional : bool, default=False
        With ``kernel_width=0``: whether a column is drawn given the row's other columns, from
        training rows that are alike in what these say of it. Columns that go together then lend
        each other no importance. False draws it from all training rows.
    model_regressor : estimator, default=None
        With engine "lime": lime's linear model, with `sample_weight` and `coef_`; None is
        ``Ridge(alpha=1)``. Other engines need none.
    num_features : int, default=None
        Keep the largest weights of each row only, and set the others to 0. None keeps all.
    values : {"contributions", "weights"}, default="contributions"
        What is aggregated: LIME weights, or contributions, the weight times 1 less the training
        frequency of the row's own bin. Contributions are on one scale for columns of all kinds;
        for an additive model they are SHAP values (up to the variation inside bins).
    aggregation : str or callable, default="mean_abs"
        How the rows' weights become importances: "mean_abs", "rms", "median_abs", "max_abs",
        "mean", "sum", "splime", "normlime", "homogeneity", "frequency", or a function from a matrix
        (n_explained, n_features) to (n_features,).
    engine : {"pooled", "local", "lime"}, default="pooled"
        "pooled": main effects and interactions of all pairs from one pool of rows, and from them
        the weights of any row at any kernel width. "local": a neighbourhood for each row. "lime":
        the lime package, row by row.
    tol : float, default=None
        Double the samples (128 at the least, 131,072 at most) until the largest standard error, of
        the neighbourhood, is at most `tol` times the range of the importances, as SAGE does. None
        takes `num_samples`. The engine "lime" does not know its error and refuses.
    n_jobs : int, default=None
        Workers, in the convention of joblib, over the rows explained (and the folds).
    random_state : int, RandomState instance or None, default=None
        Seed of the neighbourhood and of the choice of rows.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    importances : Importances
        With importances_mean, importances_sem, importances (of each row), explanations, and more.

    Warns
    -----
    sklime.exceptions.LowFidelityWarning
        If a wide kernel sees too little of the model.
    sklime.exceptions.HigherOrderWarning
        If the engine "pooled" leaves much of the model out.
    sklime.exceptions.NoisyImportanceWarning
        If samples are too few to tell most columns from 0, or nothing was measured of some.
    sklearn.exceptions.ConvergenceWarning
        If 131,072 samples are too few for `tol`.

    See Also
    --------
    LimeImportanceWrapper : The same as a meta-estimator with feature_importances_.
    sklearn.inspection.permutation_importance : The drop in score when a column is shuffled.

    Notes
    -----
    The weight of column j for a row is the coefficient of a weighted linear regression of the
    response f on :math:`z_j = 1` where a perturbed row stays in the row's own bin of column j [1]_,

    .. math:: \beta_j = E_w[f \mid z_j = 1] - E_w[f \mid z_j = 0],

    in closed form, as the kernel w leaves the columns independent [2]_. The engine "pooled" takes f
    for the sum of its main effects and interactions or, where answers saturate as probabilities do,
    for a curve of that sum. An importance is
    :math:`\frac{1}{n} \sum_i |\beta_{ij}|` by default, freed of the upward bias that the noise of
    :math:`\beta` gives it.

    References
    ----------
    .. [1] M. T. Ribeiro, S. Singh and C. Guestrin, "Why Should I Trust You?", KDD 2016.
    .. [2] D. Garreau and U. von Luxburg, "Looking Deeper into Tabular LIME", 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklime import lime_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> lime_importance(model, X, random_state=0).importances_mean.argsort()[::-1].tolist()
    [2, 3, 0, 1]
    """
    given = locals()  # the parameters, as there is nothing else yet
    explainer = Explainer(**{name: given[name] for name in PARAMETERS})
    (plan,) = explainer.plans(
        X,
        y,
        [(None, random_state)],
        estimator=estimator,
        training_data=training_data,
        sample_weight=sample_weight,
    )
    explanations = explainer.fit_explain(estimator, plan)
    labels = kept_labels(labels)
    estimate = explanations.estimate(aggregation, labels)
    return summary(estimate, explanations, aggregation, labels)


def with_parameters(cls: _C) -> _C:
    """Put the parameters of :func:`lime_importance` into the docstring of a class."""
    doc, shared = getdoc(cls), getdoc(lime_importance)
    if doc and shared:  # python -OO leaves none
        start, end = shared.index("scoring : "), shared.index("\n\nReturns\n")
        cls.__doc__ = doc.replace(_PLACE, shared[start:end]) + "\n"
    return cls


def summary(
    estimate: Estimate, explanations: Explanations, aggregation: Any, labels: str
) -> Importances:
    """Importances of explanations, those of each row among them."""
    warn_of_limits(estimate, explanations, aggregation, labels)
    magnitudes = explanations.magnitudes(labels)
    weight = explanations.sample_weight
    center = np.average(magnitudes, axis=0, weights=weight)
    variance = np.average(np.square(magnitudes - center), axis=0, weights=weight)
    return Importances(
        estimate=estimate,
        feature_names=explanations.feature_names,
        importances=magnitudes.T,
        importances_std=np.sqrt(variance),
        explanations=explanations,
        name=measure(explanations, aggregation),
        scored=explanations.coefficients is not None,
    )
