"""The response of a model: one function from rows to a matrix of numbers."""

import warnings
from collections.abc import Callable, Sequence
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
    targets : list of ndarray, or None
        Class values of each target, if the outputs are the classes of one target or of several.
    output_names : ndarray of shape (n_outputs,)
        Class values of a classifier; else numbers of the outputs.
    shares : ndarray of shape (n_outputs,)
        What each output's importance counts in the importance over all outputs. Half for each
        class of a classifier, so that the sum is the total variation between two predictions;
        an equal part for each of several targets.
    absent : float
        What a class gets that the estimator, a fold's model, has not seen.
    advance : callable or None
        Told the number of rows after each call.
    """

    estimator: Any
    method: str
    targets: list[NDArray[Any]] | None
    output_names: NDArray[Any]
    shares: NDArray[np.float64]
    absent: float = 0.0
    advance: Callable[[int], object] | None = None

    @property
    def classes(self) -> NDArray[Any] | None:
        """Class values in the order of the outputs, if the outputs are those of one target."""
        return self.targets[0] if self.targets is not None and len(self.targets) == 1 else None

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """The response for the rows of X."""
        n_rows = _num_samples(X)
        values = self.check(getattr(self.estimator, self.method)(X), n_rows)
        if self.advance is not None:
            self.advance(n_rows)
        return values

    def check(self, answer: Any, n_rows: int) -> NDArray[np.float64]:
        """The model's answer for `n_rows` rows as an array (n_rows, n_outputs)."""
        name = f"{type(self.estimator).__name__}.{self.method}"
        n_answers = _num_samples(answer[0] if _is_by_target(answer) else answer)
        if n_answers != n_rows:
            raise ValueError(
                f"{name} must return one row for each sample. "
                f"Got {n_answers} rows for {n_rows} samples instead."
            )
        values = self._matrix(answer)
        if not np.isfinite(values).all():
            hint = "" if self.classes is None else " Has a class no training row of weight above 0?"
            raise ValueError(f"{name} returned NaN or infinity, which cannot be explained.{hint}")
        return values

    def _matrix(self, answer: Any) -> NDArray[np.float64]:
        """The answer as one array, with a column for each class of `targets`."""
        if self.targets is None:
            values = np.asarray(answer, dtype=np.float64)
            return values.reshape(len(values), -1)
        parts = _by_target(answer, len(self.targets))
        seen = _target_classes(getattr(self.estimator, "classes_", None)) or self.targets
        if self.method == "predict":
            hot = [
                np.asarray(part).reshape(-1, 1) == classes
                for part, classes in zip(parts, self.targets, strict=True)
            ]
            return np.hstack(hot).astype(np.float64)
        return np.hstack(
            [self._class_columns(*target) for target in zip(parts, self.targets, seen, strict=True)]
        )

    def _class_columns(
        self, part: Any, classes: NDArray[Any], seen: NDArray[Any]
    ) -> NDArray[np.float64]:
        """The answer for one target, (n_rows, n_classes)."""
        values = np.asarray(part, dtype=np.float64)
        values = values.reshape(len(values), -1)
        if values.shape[1] == 1 and len(seen) == 2:  # for the second class
            first = 1 - values if self.method == "predict_proba" else -values
            values = np.hstack([first, values])
        if len(classes) == values.shape[1]:
            return values
        every = np.full((len(values), len(classes)), self.absent)
        every[:, np.searchsorted(classes, seen)] = values
        return every


def choose_response(
    estimator: Any, response_method: str, X: Any, classes: Any = None
) -> tuple[Response, NDArray[np.float64]]:
    """The response of a fitted estimator, and what it is for the rows of X.

    Parameters
    ----------
    estimator : fitted estimator
    response_method : {"auto", "predict_proba", "decision_function", "predict", "score_samples"}
        "auto" takes, for a classifier, the first of predict_proba, decision_function and predict
        that it has; score_samples for an outlier detector or a density; predict otherwise.
    X : array-like of shape (n_rows, n_features)
        The rows to explain; the shape of the answer for them tells what the outputs are.
    classes : ndarray, or list of ndarray for several targets, optional
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
    method = first_method(estimator, response_method)
    answer = getattr(estimator, method)(X)
    seen = _target_classes(getattr(estimator, "classes_", classes))
    if seen is None and method == "predict_proba":  # a model that does not name its classes
        seen = [np.arange(_width(part)) for part in _by_target(answer, 1)]
    if seen is None or not _outputs_are_classes(estimator, method, X, answer, seen):
        n_outputs = _width(answer)
        names, shares = np.arange(n_outputs), np.full(n_outputs, 1 / n_outputs)
        response = Response(estimator, method, None, names, shares)
        return response, response.check(answer, _num_samples(X))
    targets = seen if classes is None else _target_classes(classes) or seen
    names = _output_names(targets)
    shares = np.full(len(names), 0.5 / len(targets))
    # Below every decision, so that no row is predicted to be of a class that was not seen.
    absent = -np.abs(answer).max() - 1 if method == "decision_function" else 0.0
    response = Response(estimator, method, targets, names, shares, float(absent))
    predictions = response.check(answer, _num_samples(X))
    if method == "predict_proba":
        _warn_unless_probabilities(estimator, predictions, len(targets))
    return response, predictions


def class_values(estimator: Any, response_method: str, X: Any) -> Any:
    """Class values that a fitted estimator's answers may have, or None if they are no classes.

    An estimator that does not name them (a clusterer) must label the rows of X.
    """
    classes = getattr(estimator, "classes_", None)
    kind = estimator_type(estimator)
    if classes is not None or kind not in ("classifier", "clusterer"):
        return classes
    if first_method(estimator, response_method) != "predict":
        return None
    labels = np.asarray(estimator.predict(X))
    return np.unique(labels) if labels.ndim == 1 else [np.unique(column) for column in labels.T]


def estimator_type(estimator: Any) -> str | None:
    """scikit-learn's type of an estimator; told by `predict_proba` where it has no tags."""
    if hasattr(estimator, "__sklearn_tags__"):
        return get_tags(estimator).estimator_type
    return "classifier" if hasattr(estimator, "predict_proba") else None


def first_method(estimator: Any, response_method: str) -> str:
    """The method to ask, or scikit-learn's error for an estimator that lacks it."""
    preferred = {
        "classifier": ("predict_proba", "decision_function", "predict"),
        "outlier_detector": ("score_samples", "decision_function", "predict"),
        "density_estimator": ("score_samples",),
    }.get(estimator_type(estimator) or "", ("predict", "score_samples", "decision_function"))
    names = preferred if response_method == "auto" else (response_method,)
    for name in names:
        if hasattr(estimator, name):
            return name
    raise AttributeError(
        f"{type(estimator).__name__} has none of the following attributes: {', '.join(names)}."
    )


def _outputs_are_classes(
    estimator: Any, method: str, X: Any, answer: Any, seen: Sequence[NDArray[Any]]
) -> bool:
    """Whether each class of each target has its own output, or can be given one."""
    if _is_by_target(answer):
        return True
    several = np.ndim(answer) == 2 and np.shape(answer)[1] > 1
    if method == "predict":
        return len(seen) == (np.shape(answer)[1] if several else 1)
    if len(seen) > 1 or method == "score_samples":
        return False  # a chain's answer is for the second class of each target
    if not several:
        return len(seen[0]) == 2 or _width(answer) == len(seen[0])
    return _width(answer) == len(seen[0]) and not _is_multilabel(estimator, method, X, answer)


def _is_multilabel(estimator: Any, method: str, X: Any, answer: Any) -> bool:
    """Whether several classes can be true at once: labels then have a column for each."""
    if method == "predict_proba" and np.allclose(np.asarray(answer, dtype=float).sum(axis=1), 1):
        return False
    return hasattr(estimator, "predict") and getattr(estimator.predict(X), "ndim", 1) == 2


def _target_classes(classes: Any) -> list[NDArray[Any]] | None:
    """Class values of each target."""
    if classes is None:
        return None
    several = isinstance(classes, list) and np.ndim(classes[0]) == 1
    return [np.asarray(values) for values in (classes if several else [classes])]


def _is_by_target(answer: Any) -> bool:
    """Whether the answer is a list of arrays, one for each target; not one of rows."""
    return isinstance(answer, list) and np.ndim(answer[0]) == 2


def _by_target(answer: Any, n_targets: int) -> list[Any]:
    """The answer for each target."""
    if _is_by_target(answer):
        return list(answer)
    return [answer] if n_targets == 1 else list(np.asarray(answer).T)


def _width(answer: Any) -> int:
    """Number of columns of a model's answer for one target."""
    return int(np.prod(np.shape(answer)[1:]))


def _output_names(targets: list[NDArray[Any]]) -> NDArray[Any]:
    """Class values, with the target where there are several: "target 0: yes"."""
    if len(targets) == 1:
        return targets[0]
    names = [f"target {t}: {value}" for t, values in enumerate(targets) for value in values]
    return np.array(names, dtype=object)


def _warn_unless_probabilities(estimator: Any, values: NDArray[np.float64], n_targets: int) -> None:
    """scikit-learn's own warning, once, for rows that do not sum to 1."""
    if not np.allclose(values.sum(axis=1), n_targets, rtol=0, atol=1e-3):
        warnings.warn(
            f"The y_prob values do not sum to one: {type(estimator).__name__}.predict_proba is "
            "explained as it is. Make sure to pass probabilities.",
            UserWarning,
            stacklevel=2,
        )
