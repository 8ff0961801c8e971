"""What the wrapper hands on to its inner estimator: answers, metadata and tags."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import wraps
from types import MethodType
from typing import Any, Generic, TypeVar

import numpy as np
from narwhals.dependencies import get_pandas, is_pandas_dataframe
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _estimator_has, check_is_fitted, has_fit_parameter

from ._tables.table import Table

_T = TypeVar("_T")

_DELEGATED = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score")


class ValidatedFit(Generic[_T]):
    """A `fit` that checks parameters, and has `sample_weight` if the inner estimator's has.

    scikit-learn decides by the signature: AdaBoost refuses an estimator without the parameter,
    Bagging then draws rows instead. The wrapper must make them decide as for the inner estimator.
    """

    def __init__(self, fit: Callable[..., _T]) -> None:
        self._fit: Callable[..., _T] = _fit_context(prefer_skip_nested_validation=False)(fit)

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., _T]:
        if instance is None:
            return self._fit
        bound = MethodType(self._fit, instance)
        if has_fit_parameter(instance.estimator, "sample_weight"):
            return bound

        @wraps(bound)
        def fit(X: Any, y: Any = None, **fit_params: Any) -> Any:
            return bound(X, y, **fit_params)

        del fit.__wrapped__  # whose signature is another
        return fit


def kept(X: Any, estimator: Any) -> Any:
    """X, or a copy of it where the parameters of an estimator, or of a step, let it change X."""
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    may_change = any(
        value is False and name.rpartition("__")[2].lower() in ("copy", "copy_x")
        for name, value in params.items()
    )
    # A table has a copy of a frame, whose cells are X's own in old versions.
    may_change |= is_pandas_dataframe(X) and int(get_pandas().__version__.partition(".")[0]) < 3
    return X.copy() if may_change and hasattr(X, "copy") else X


@contextmanager
def unchanged(table: Table, estimator: Any) -> Iterator[None]:
    """Refuse an estimator whose fit changes the array that is to be explained, by some rows."""
    some = np.linspace(0, table.n_rows - 1, min(table.n_rows, 64)).astype(np.intp)

    def cells() -> bytes:
        rows = table.take(some)
        return bytes((rows.tocsr().data if issparse(rows) else rows).tobytes())

    shared = issparse(table.native) or isinstance(table.native, np.ndarray)
    before = cells() if shared else b""
    yield
    if shared and cells() != before:
        raise ValueError(
            f"{type(estimator).__name__} changed X in its fit, and it is X that is explained: "
            "let it change a copy."
        )


def _delegated(method: str, task: str) -> Any:
    """A method of the inner estimator's."""

    def ask(self: Any, X: Any, **params: Any) -> Any:
        inner, params = self._ask(method, params)
        return inner(X, **params)

    ask.__name__, ask.__qualname__ = method, f"Delegates.{method}"
    ask.__doc__ = f"""{task} with the inner estimator.

        Parameters
        ----------
        X : {{array-like, sparse matrix, dataframe}} of shape (n_samples, n_features)
            The rows, as in `fit`.
        **params : dict
            Metadata for the inner estimator's method.

        Returns
        -------
        answer : ndarray of shape (n_samples,) or (n_samples, n_outputs), or list of ndarray
            What `{method}` of the inner estimator returns.
        """
    return available_if(_estimator_has(method))(ask)


class Delegates:
    """Methods of a meta-estimator that are those of its inner estimator."""

    estimator: Any
    estimator_: Any
    cv: Any

    def _route_fit(self, sample_weight: Any, fit_params: dict[str, Any]) -> Bunch:
        """What goes to the inner estimator's `fit` and to the splitter."""
        given = dict(fit_params)
        if sample_weight is not None:
            given["sample_weight"] = sample_weight
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **given)
        # Without routing, groups are the splitter's, as in GridSearchCV.
        split = {"groups": given.pop("groups", None)} if self.cv is not None else {}
        if sample_weight is not None and not has_fit_parameter(self.estimator, "sample_weight"):
            if not isinstance(self.estimator, FrozenEstimator):
                raise ValueError(
                    f"Underlying estimator {type(self.estimator).__name__} does not support "
                    "sample weights: its fit has no sample_weight. In a pipeline, pass "
                    "<step>__sample_weight or use metadata routing."
                )
            del given["sample_weight"]  # nothing is fitted: they weigh the explanations only
        return Bunch(estimator=Bunch(fit=given), splitter=Bunch(split=split))

    def _ask(
        self, method: str, params: dict[str, Any]
    ) -> tuple[Callable[..., Any], dict[str, Any]]:
        """A method of the fitted inner estimator, and the metadata that goes to it."""
        check_is_fitted(self)
        if params and get_config()["enable_metadata_routing"]:
            params = process_routing(self, method, **params).estimator[method]
        return getattr(self.estimator_, method), params

    predict = _delegated("predict", "Predict the target")
    predict_proba = _delegated("predict_proba", "Predict probabilities of the classes")
    predict_log_proba = _delegated("predict_log_proba", "Predict logarithms of probabilities")
    decision_function = _delegated("decision_function", "Evaluate the decision function")

    @available_if(_estimator_has("score"))
    def score(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Score of the inner estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their target.
        **params : dict
            Metadata for the inner estimator's method.

        Returns
        -------
        score : float
            Accuracy of a classifier, R^2 of a regressor, or what else the inner estimator has.
        """
        method, params = self._ask("score", params)
        return method(X, y, **params)

    @property
    def classes_(self) -> Any:
        """Class values of the fitted inner estimator."""
        return self.estimator_.classes_

    def get_metadata_routing(self) -> MetadataRouter:
        """Where metadata goes: to the inner estimator, and to the splitter of `cv`.

        Returns
        -------
        routing : MetadataRouter
            The requests of the inner estimator and of the splitter.
        """
        router = MetadataRouter(owner=self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        for method in _DELEGATED:
            mapping.add(caller=method, callee=method)
        router.add(estimator=self.estimator, method_mapping=mapping)
        if self.cv is not None:
            split = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=check_cv(self.cv), method_mapping=split)
        return router

    def __sklearn_tags__(self) -> Tags:
        # Not array_api_support (the neighbourhood is NumPy's), transformer_tags (transform is not
        # delegated) or FrozenEstimator's _skip_test.
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = deepcopy(inner.classifier_tags)
        tags.regressor_tags = deepcopy(inner.regressor_tags)
        tags.target_tags = deepcopy(inner.target_tags)
        tags.input_tags = deepcopy(inner.input_tags)
        tags.non_deterministic = inner.non_deterministic
        return tags
