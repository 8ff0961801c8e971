"""What can be told to be wrong before the inner estimator is fitted."""

import warnings
from numbers import Number
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import _check_sample_weight, has_fit_parameter

from .._model.loss import SCORINGS, checked_scoring
from .._model.response import RESPONSE_METHODS, distinct, estimator_type, target_array
from .._rows import label_positions, refuse_signs
from .._statistics.aggregations import SIGNED, resolve
from ..exceptions import parameter_error, warn

# Only the answers of their "predict" can be compared with y; those of a "clusterer" never.
_WITHOUT_TARGET = ("outlier_detector", "density_estimator")


def check_fit(wrapper: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Refuse what no fit can make good: of the wrapper's parameters, y and the weights."""
    inner, method = wrapper.estimator, wrapper.response_method
    frozen = isinstance(inner, FrozenEstimator)
    if y is None and not frozen and get_tags(inner).target_tags.required:
        raise ValueError(
            f"This {type(wrapper).__name__} estimator requires y to be passed, "
            "but the target y is None."
        )
    if sample_weight is not None:  # some estimators take negative ones in silence
        _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    effective_n_jobs(wrapper.n_jobs)
    methods = RESPONSE_METHODS if method == "auto" else (method,)
    if not callable(inner) and not any(_has(inner, name) for name in methods):
        raise AttributeError(
            f"{type(inner).__name__} has none of the following attributes: {', '.join(methods)}."
        )
    if y is None or frozen:
        return
    kind, target = estimator_type(inner), target_array(y)
    if wrapper.scoring in (*SCORINGS, "auto"):
        _check_scoring(wrapper, target, kind)
    if kind == "regressor" or (kind == "classifier" and target.ndim == 1):
        _check_labels(wrapper, target, kind)
    if kind == "regressor" and wrapper.aggregation == "homogeneity":
        resolve("homogeneity")
    if wrapper.scoring is not None and wrapper.cv is None:
        warn(
            "Rows that the model was fitted to make useless columns look useful to a score: "
            "pass cv."
        )


def check_parameters(given: Any, y: Any, training_data: Any, kind: str | None) -> None:
    """Refuse parameters that do not go together, or not with the estimator's kind."""
    lime, regressor = given.engine == "lime", given.model_regressor
    if regressor is not None and not lime:
        raise parameter_error("model_regressor", "be None for any engine but 'lime'", regressor)
    if regressor is not None and not _is_linear(regressor):
        must = "be a linear model, with coef_ and intercept_, whose fit has sample_weight"
        raise parameter_error("model_regressor", must, regressor)
    if given.kernel_width == 0 and lime:
        must = "be above 0 for engine='lime', which changes all columns at once"
        raise parameter_error("kernel_width", must, 0)
    if given.conditional and given.kernel_width != 0:
        must = "be False unless kernel_width=0, where one column changes at a time"
        raise parameter_error("conditional", must, True)
    if given.tol is not None and lime:
        must = "be None for engine='lime', which does not know the error of its neighbourhoods"
        raise parameter_error("tol", must, given.tol)
    if given.discretizer == "entropy" and (y is None or training_data is not None):
        raise ValueError(
            "The 'y' parameter must be the target of the training table for discretizer='entropy'. "
            f"Got {'none' if y is None else 'that of X beside training_data'} instead."
        )
    if given.scoring is None:
        return
    if given.scoring not in ("auto", *SCORINGS):
        must = (
            f"be 'auto' or one of {SCORINGS}: of other scores a row's part is no sum over a few "
            "functions of the model's answer"
        )
        raise parameter_error("scoring", must, given.scoring)
    if kind == "clusterer" or (kind in _WITHOUT_TARGET and given.response_method != "predict"):
        must = f"be None where the answers of the {kind} do not predict y"
        raise parameter_error("scoring", must, given.scoring)
    if y is None:
        raise parameter_error("y", "be given for a scoring", None)
    if not (isinstance(given.labels, str) and given.labels == "all"):
        must = "be 'all' with a scoring, which takes each row's own class"
        raise parameter_error("labels", must, given.labels)


def _has(estimator: Any, method: str) -> bool:
    """Whether an estimator has a method, or will have it once it is fitted."""
    return hasattr(type(estimator), method) or hasattr(estimator, method)


def _method(wrapper: Any) -> str:
    """The method of a classifier that will be asked."""
    if wrapper.response_method != "auto":
        return str(wrapper.response_method)
    methods = ("predict_proba", "decision_function")
    return next((name for name in methods if _has(wrapper.estimator, name)), "predict")


def _check_scoring(wrapper: Any, y: NDArray[Any], kind: str | None) -> None:
    """Refuse a score that is none of such a target, or of such a response."""
    scoring = wrapper.scoring
    if kind == "regressor":
        checked_scoring(scoring, "predict", classes=False)
        check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=wrapper)
    elif kind == "classifier":
        if y.ndim != 1:
            must = "be None unless the target is one class a row"
            raise parameter_error("scoring", must, scoring)
        checked_scoring(scoring, _method(wrapper), classes=True)


def _check_labels(wrapper: Any, y: NDArray[Any], kind: str) -> None:
    """Refuse labels that are no outputs, and a signed mean over several classes."""
    labels, classes = wrapper.labels, kind == "classifier"
    names = distinct(y) if classes else np.arange(np.prod(y.shape[1:], dtype=int))
    # Decisions may be between pairs of classes, and numbers may be several for one target.
    told = classes and _method(wrapper) in ("predict_proba", "predict")
    if isinstance(labels, str) and labels in ("all", "predicted"):
        signed = wrapper.scoring is None and wrapper.aggregation in SIGNED
        if told and signed and labels == "all":
            refuse_signs(names)
        return
    given = np.atleast_1d(np.asarray(labels, dtype=object)).tolist()
    if told or not all(isinstance(label, Number) for label in given) or not given:
        label_positions(names, labels)


def _is_linear(regressor: Any) -> bool:
    """Whether an estimator takes weights and makes coefficients: a try shows it."""
    if not has_fit_parameter(regressor, "sample_weight"):
        return False
    rows = np.arange(32.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = clone(regressor)
        fitted.fit(np.column_stack([rows, rows % 5]), rows, sample_weight=np.ones(32))
    return hasattr(fitted, "coef_") and hasattr(fitted, "intercept_")
