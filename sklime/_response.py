"""The response of a model: one function from rows to a matrix of numbers."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples

RESPONSE_METHODS = ("predict_proba", "decision_function", "predict", "score_samples")


@dataclass(frozen=True)
class Response:
    """A fitted model as a function from rows to an array (n_rows, n_outputs).

    Attributes
    ----------
    estimator : fitted estimator
    method : str
        The method that is asked.
    output_names : ndarray of shape (n_outputs,)
        Class values of a classifier; else numbers of the outputs.
    shares : ndarray of shape (n_outputs,)
        What each output's importance counts in the importance over all outputs. Half for each
        class of a classifier, so that the sum is the total variation between two predictions;
        an equal part for each output of a regressor.
    classes : ndarray or None
        Class values in the order of the outputs, when the outputs are the classes.
    """

    estimator: Any
    method: str
    output_names: NDArray[Any]
    shares: NDArray[np.float64]
    classes: NDArray[Any] | None

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """The response for the rows of X."""
        return self.check(getattr(self.estimator, self.method)(X), _num_samples(X))

    def check(self, answer: Any, n_rows: int) -> NDArray[np.float64]:
        """The model's answer for `n_rows` rows as an array (n_rows, n_outputs)."""
        own_classes = getattr(self.estimator, "classes_", self.classes)
        values = _as_matrix(answer, self.method, self.classes, own_classes)
        name = f"{type(self.estimator).__name__}.{self.method}"
        if len(values) != n_rows:
            raise ValueError(
                f"{name} must return one row for each sample. "
                f"Got {len(values)} rows for {n_rows} samples instead."
            )
        if not np.isfinite(values).all():
            hint = "" if self.classes is None else " Has a class no training row of weight above 0?"
            raise ValueError(f"{name} returned NaN or infinity, which cannot be explained.{hint}")
        return values


def choose_response(
    estimator: Any, response_method: str, X: Any, classes: NDArray[Any] | None = None
) -> tuple[Response, NDArray[np.float64]]:
    """The response of a fitted estimator, and what it is for the rows of X.

    Parameters
    ----------
    estimator : fitted estimator
    response_method : {"auto", "predict_proba", "decision_function", "predict", "score_samples"}
        "auto" takes, for a classifier, the first of predict_proba, decision_function and predict
        that it has; score_samples for an outlier detector; predict otherwise.
    X : array-like of shape (n_rows, n_features)
        The rows to explain; the shape of the answer for them tells what the outputs are.
    classes : ndarray, optional
        Class values to report, where the estimator's own may lack some: a fold's model.

    Returns
    -------
    response : Response
    predictions : ndarray of shape (n_rows, n_outputs)

    Raises
    ------
    AttributeError
        If the estimator does not have the method.
    """
    kind = estimator_type(estimator)
    method = _first_method(estimator, response_method, kind)
    answer = getattr(estimator, method)(X)
    if kind in ("classifier", "clusterer") and classes is None:
        classes = getattr(estimator, "classes_", None)
        if classes is None and method == "predict":
            classes = np.unique(answer)
    names, shares = np.arange(_width(answer)), np.full(_width(answer), 1 / _width(answer))
    if isinstance(answer, list):  # several targets, with probabilities for each
        names, shares = _target_names(answer, classes), np.full(len(names), 0.5 / len(answer))
        classes = None
    elif _outputs_are_classes(answer, method, getattr(estimator, "classes_", classes)):
        names = classes = np.asarray(classes)
        shares = np.full(len(names), 0.5)
        if method == "predict_proba":
            _warn_unless_probabilities(estimator, np.asarray(answer))
    else:
        classes = None
    response = Response(estimator, method, names, shares, classes)
    return response, response.check(answer, _num_samples(X))


def estimator_type(estimator: Any) -> str | None:
    """scikit-learn's type of an estimator; told by `predict_proba` where it has no tags."""
    if hasattr(estimator, "__sklearn_tags__"):
        return get_tags(estimator).estimator_type
    return "classifier" if hasattr(estimator, "predict_proba") else None


def _first_method(estimator: Any, response_method: str, kind: str | None) -> str:
    """The method to ask, or scikit-learn's error for an estimator that lacks it."""
    preferred = {
        "classifier": ("predict_proba", "decision_function", "predict"),
        "outlier_detector": ("score_samples", "decision_function", "predict"),
    }.get(kind or "", ("predict", "score_samples", "decision_function"))
    names = preferred if response_method == "auto" else (response_method,)
    for name in names:
        if hasattr(estimator, name):
            return name
    raise AttributeError(
        f"{type(estimator).__name__} has none of the following attributes: {', '.join(names)}."
    )


def _outputs_are_classes(answer: Any, method: str, own_classes: Any) -> bool:
    """Whether each class of one target has its own output, or can be given one."""
    if own_classes is None or isinstance(own_classes, list):
        return False
    shape = np.shape(answer)
    if len(shape) == 1:
        return method == "predict" or len(own_classes) == 2
    return method == "predict_proba" and shape[1] == 1 or shape[1] == len(own_classes)


def _width(answer: Any) -> int:
    """Number of columns of a model's answer."""
    if isinstance(answer, list):
        return sum(map(_width, answer))
    return int(np.prod(np.shape(answer)[1:]))


def _as_matrix(
    answer: Any, method: str, classes: NDArray[Any] | None, own_classes: Any
) -> NDArray[np.float64]:
    """A model's answer as an array (n_rows, n_outputs)."""
    if classes is not None and method == "predict":
        return (np.asarray(answer).reshape(-1, 1) == classes).astype(np.float64)
    if isinstance(answer, list):
        return np.hstack([np.asarray(part, dtype=np.float64) for part in answer])
    values = np.asarray(answer, dtype=np.float64)
    values = values.reshape(len(values), -1)
    if classes is None:
        return values
    if values.shape[1] == 1 and len(own_classes) == 2:  # decision for the second class
        values = np.hstack([-values, values])
    if len(classes) == len(own_classes):
        return values
    # A fold's model that has not seen a class gives it nothing.
    full = np.zeros((len(values), len(classes)))
    full[:, np.searchsorted(classes, own_classes)] = values
    return full


def _target_names(answer: list[Any], classes: Any) -> NDArray[Any]:
    """Names such as "target 0: yes" for the columns of several targets' probabilities."""
    if not isinstance(classes, list):
        classes = [range(np.shape(part)[1]) for part in answer]
    names = [f"target {t}: {value}" for t, values in enumerate(classes) for value in values]
    return np.array(names, dtype=object)


def _warn_unless_probabilities(estimator: Any, values: NDArray[Any]) -> None:
    """scikit-learn's own warning, once, for rows that do not sum to 1."""
    if not np.allclose(values.astype(np.float64).sum(axis=1), 1, rtol=0, atol=1e-3):
        warnings.warn(
            f"The y_prob values do not sum to one: {type(estimator).__name__}.predict_proba is "
            "explained as it is. Make sure to pass probabilities.",
            UserWarning,
            stacklevel=2,
        )
