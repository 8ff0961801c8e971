"""What can be told to be wrong before the inner estimator is fitted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import _check_sample_weight, has_fit_parameter

from ._model.loss import SCORINGS, checked_scoring
from ._model.response import estimator_type
from ._rows import label_positions, refuse_signs
from ._statistics.aggregations import SIGNED, resolve

_WITH_CLASSES = ("auto", "predict_proba", "predict")  # methods whose outputs are those of y


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
    if method != "auto" and not _has(inner, method):
        name = type(inner).__name__
        raise AttributeError(f"{name} has none of the following attributes: {method}.")
    regressor = wrapper.model_regressor
    if regressor is not None and not has_fit_parameter(regressor, "sample_weight"):
        raise ValueError(
            "The 'model_regressor' parameter must be an estimator whose fit has sample_weight. "
            f"Got {regressor!r} instead."
        )
    if y is None or frozen:
        return
    kind = estimator_type(inner)
    if wrapper.scoring in (*SCORINGS, "auto"):
        _check_scoring(wrapper, y, kind)
    if kind == "classifier" and method in _WITH_CLASSES:
        _check_classes(wrapper, y)
    if kind == "regressor" and wrapper.aggregation == "homogeneity":
        resolve("homogeneity")
    if wrapper.scoring is not None and wrapper.cv is None:
        warnings.warn(
            "Rows that the model was fitted to make useless columns look useful to a score: "
            "pass cv.",
            UserWarning,
            stacklevel=4,
        )


def _has(estimator: Any, method: str) -> bool:
    """Whether an estimator has a method, or will have it once it is fitted."""
    return hasattr(type(estimator), method) or hasattr(estimator, method)


def _check_scoring(wrapper: Any, y: Any, kind: str | None) -> None:
    """Refuse a score that is none of such a target, or of such a response."""
    scoring = wrapper.scoring
    if kind not in ("classifier", "regressor"):
        return
    if kind == "regressor":
        checked_scoring(scoring, "predict", classes=False)
        check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=wrapper)
        return
    if np.asarray(y).ndim != 1:
        raise ValueError(
            "The 'scoring' parameter must be None unless the target is one class a row. "
            f"Got {scoring!r} instead."
        )
    methods = ("predict_proba", "decision_function", "predict")
    method = next((name for name in methods if _has(wrapper.estimator, name)), "predict")
    if wrapper.response_method != "auto":
        method = wrapper.response_method
    checked_scoring(scoring, method, classes=True)


def _check_classes(wrapper: Any, y: Any) -> None:
    """Refuse labels that are no classes of y, and a signed mean over several."""
    labels, every = wrapper.labels, isinstance(wrapper.labels, str) and wrapper.labels == "all"
    signed = wrapper.scoring is None and wrapper.aggregation in SIGNED
    if np.asarray(y).ndim != 1 or (isinstance(labels, str) and labels == "predicted"):
        return
    if not every:
        label_positions(np.unique(np.asarray(y)), labels)
    elif signed:
        refuse_signs(np.unique(np.asarray(y)))
