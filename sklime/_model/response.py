"""The response of a model: one function from rows to a matrix of numbers."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import ismethod
from numbers import Number
from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_response_method, _num_samples
from tqdm import tqdm

from ..exceptions import warn

_LARGEST = 1e152  # a sum of squares of such numbers is one

RESPONSE_METHODS = ("predict_proba", "decision_function", "predict", "score_samples")


@dataclass(frozen=True)
class Response:
    """A fitted model as a function from rows to an array (n_rows, n_outputs).

    `targets` are the class values of each target, if the outputs are classes. `shares` are what
    each output counts in an importance over all: half for each class, so that the sum is the total
    variation between two predictions, and an equal part for each of several targets. `absent` is
    what a class gets that a fold's model has not seen, `advance` is told the rows of each call.
    """

    estimator: Any
    method: str
    targets: list[NDArray[Any]] | None
    output_names: NDArray[Any]
    shares: NDArray[np.float64]
    absent: float = 0.0
    advance: Callable[[int], object] | None = None

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.shares)

    @property
    def classes(self) -> NDArray[Any] | None:
        """Class values in the order of the outputs, if the outputs are those of one target."""
        return self.targets[0] if self.targets is not None and len(self.targets) == 1 else None

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """The response for the rows of X."""
        values = self.check(_arrays(getattr(self.estimator, self.method)(X)), X)
        if self.advance is not None:
            self.advance(len(values))
        return values

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"advance": None}  # a progress bar does not travel

    def check(self, answer: "_Answer", X: Any) -> NDArray[np.float64]:
        """The model's answer for the rows of X as an array (n_rows, n_outputs)."""
        name = _method_name(self.estimator, self.method)
        n_rows, n_answers = _num_samples(X), len(answer[0] if isinstance(answer, list) else answer)
        if n_answers != n_rows:
            raise ValueError(
                f"{name} must return one row for each sample. "
                f"Got {n_answers} rows for {n_rows} samples instead.{_repeats(X)}"
            )
        values = self._matrix(answer)
        if not (np.abs(values) < _LARGEST).all():
            hint = "" if self.classes is None else " Has a class no training row of weight above 0?"
            what = f"NaN or infinity, which cannot be explained.{hint}"
            if np.isfinite(values).all():
                what = f"numbers beyond {_LARGEST:g}: rescale the target."
            raise ValueError(f"{name} returned {what}")
        return values

    def _matrix(self, answer: "_Answer") -> NDArray[np.float64]:
        """The answer as one array, with a column for each class of `targets`."""
        if self.targets is None:
            return _columns(answer)
        parts = _by_target(answer, len(self.targets))
        if self.method == "predict" or _are_labels(parts[0]):
            pairs = zip(parts, self.targets, strict=True)
            hot = [part.reshape(-1, 1) == classes for part, classes in pairs]
            return np.hstack(hot).astype(np.float64)
        columns = [_columns(part) for part in parts]
        if [each.shape[1] for each in columns] == [len(classes) for classes in self.targets]:
            return np.hstack(columns)
        seen = _target_classes(_named_classes(self.estimator)) or self.targets
        return np.hstack(list(map(self._class_columns, columns, self.targets, seen)))

    def _class_columns(
        self, values: NDArray[np.float64], classes: NDArray[Any], seen: NDArray[Any]
    ) -> NDArray[np.float64]:
        """The answer for one target, (n_rows, n_classes)."""
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
    """The response of a fitted estimator, and what it is for the rows of X, the rows to explain.

    A callable without methods to ask is asked itself: its answers are numbers, labels or, if rows
    of several numbers sum to 1, probabilities. The shape of the answer tells what the outputs are.
    `classes` are the class values to report, where those of a fold's model may lack some.
    """
    estimator, method = _to_ask(estimator, response_method)
    answer = _asked(estimator, method, X)
    seen = _target_classes(_named_classes(estimator)) or _target_classes(classes)
    if seen is None and _are_probabilities(method, answer):  # of classes that have no names
        seen = [np.arange(max(2, _width(part))) for part in _by_target(answer, 1)]
    if seen is None or not _outputs_are_classes(estimator, method, X, answer, seen):
        n_outputs = _columns(answer).shape[1]
        names, shares = np.arange(n_outputs), np.full(n_outputs, 1 / n_outputs)
        response = Response(estimator, method, None, names, shares)
        return response, response.check(answer, X)
    targets = _target_classes(classes) or seen
    names = targets[0]
    if len(targets) > 1:
        every = [f"target {t}: {value}" for t, values in enumerate(targets) for value in values]
        names = np.array(every, dtype=object)
    shares = np.full(len(names), 0.5 / len(targets))
    # Below every decision, so that no row is predicted to be of a class that was not seen.
    absent = -np.abs(answer).max() - 1 if method == "decision_function" else 0.0
    response = Response(estimator, method, targets, names, shares, float(absent))
    predictions = response.check(answer, X)
    sums = predictions.sum(axis=1)
    if method == "predict_proba" and not np.allclose(sums, len(targets), rtol=0, atol=1e-3):
        warn(
            f"The y_prob values do not sum to one: {type(estimator).__name__}.predict_proba is "
            "explained as it is. Make sure to pass probabilities."
        )
    return response, predictions


def class_values(estimator: Any, response_method: str, X: Any) -> Any:
    """Class values that a fitted estimator's answers may have, or None if they are no classes.

    An estimator that does not name them (a clusterer, a function) must label the rows of X.
    """
    if (classes := _named_classes(estimator)) is not None:
        return classes
    kind = estimator_type(estimator)
    estimator, method = _to_ask(estimator, response_method)
    if method not in ("predict", "__call__") or kind not in ("classifier", "clusterer", None):
        return None
    if kind is None:  # one row tells numbers from labels
        first = _asked(estimator, method, (X.tocsr() if issparse(X) else X)[:1])
        if isinstance(first, list) or not _are_labels(first):
            return None
    labels = _asked(estimator, method, X)
    if isinstance(labels, list):
        return [distinct(part) for part in labels]
    return distinct(labels) if labels.ndim == 1 else [distinct(part) for part in labels.T]


def estimator_type(estimator: Any) -> str | None:
    """scikit-learn's type of an estimator; told by `predict_proba` where it has none."""
    estimator, _ = _unbound(estimator, "auto")
    kind = getattr(estimator, "_estimator_type", None)
    if hasattr(estimator, "__sklearn_tags__"):
        kind = get_tags(estimator).estimator_type
    return "classifier" if kind is None and hasattr(estimator, "predict_proba") else kind


def _to_ask(estimator: Any, response_method: str) -> tuple[Any, str]:
    """The estimator and the method to ask, or scikit-learn's error if it lacks it."""
    estimator, response_method = _unbound(estimator, response_method)
    if callable(estimator) and not any(hasattr(estimator, name) for name in RESPONSE_METHODS):
        return estimator, "__call__"
    preferred = {
        "classifier": ("predict_proba", "decision_function", "predict"),
        "outlier_detector": ("score_samples", "decision_function", "predict"),
        "density_estimator": ("score_samples",),
    }.get(estimator_type(estimator) or "", ("predict", "score_samples", "decision_function"))
    names = preferred if response_method == "auto" else (response_method,)
    _check_response_method(estimator, list(names))
    return estimator, next(name for name in names if hasattr(estimator, name))


def _unbound(estimator: Any, response_method: str) -> tuple[Any, str]:
    """The estimator and the method, where a method stands for both."""
    if ismethod(estimator) and estimator.__name__ in RESPONSE_METHODS:
        return estimator.__self__, estimator.__name__
    return estimator, response_method


def _method_name(estimator: Any, method: str) -> str:
    """What is asked, in a message."""
    if method == "__call__":
        return getattr(estimator, "__name__", type(estimator).__name__)
    return f"{type(estimator).__name__}.{method}"


def _repeats(X: Any) -> str:
    """A hint where a join by index makes more rows."""
    if getattr(getattr(X, "index", None), "is_unique", True):
        return ""
    return (
        " Index labels are drawn with the cells, and repeat: call reset_index(drop=True) before, "
        "if they only number the rows."
    )


def _named_classes(estimator: Any) -> Any:
    """`classes_` of a classifier; other models may have some, too, which mean nothing."""
    estimator, _ = _unbound(estimator, "auto")
    classes = getattr(estimator, "classes_", None)
    told = classes is not None and estimator_type(estimator) == "classifier"
    return classes if told and _num_samples(classes) else None


@contextmanager
def progress(n_rows: int, verbose: int) -> Iterator[Callable[[int], object] | None]:
    """Show a bar while `n_rows` are predicted, in terminals and notebooks, if `verbose`.

    Yields what is to be called with the number of rows of each prediction.
    """
    if not verbose:
        yield None
        return
    # A notebook shows a line of text as well, without ipywidgets; what goes to stderr is red there.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    where: dict[str, Any] = {"disable": None}
    if "IPKernelApp" in getattr(shell, "config", {}):
        where = {"file": sys.stdout, "ncols": 80}
    with tqdm(total=n_rows, desc="model rows", unit="row", **where) as bar:
        yield bar.update


# -- answers

_Answer = NDArray[Any] | list[NDArray[Any]]


def _asked(estimator: Any, method: str, X: Any) -> _Answer:
    """The answer for rows that are wanted again: a model may change what it is given."""
    return _arrays(getattr(estimator, method)(X.copy() if hasattr(X, "copy") else X))


def _arrays(answer: Any) -> _Answer:
    """A model's answer, in whatever container, as an array or a list of one for each target."""
    if isinstance(answer, list) and answer and np.ndim(answer[0]) == 2:
        return [_array(part) for part in answer]
    return _array(answer)


def _array(answer: Any) -> NDArray[Any]:
    array = np.atleast_1d(_dense(answer))
    if array.dtype.kind in "cmM":
        raise ValueError(f"A model must answer with numbers or labels. Got {array.dtype} instead.")
    return array


def _columns(answer: _Answer) -> NDArray[np.float64]:
    """Numbers as a matrix, (n_rows, n_columns)."""
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        kinds = sorted({type(value).__name__ for value in np.asarray(answer).flat})
        raise ValueError(
            f"A model must answer with numbers unless it is a classifier. Got {kinds} instead."
        ) from None
    return values.reshape(len(values), -1)


def _by_target(answer: _Answer, n_targets: int) -> list[NDArray[Any]]:
    """The answer for each target."""
    if isinstance(answer, list):
        return answer
    return [answer] if n_targets == 1 else list(answer.T)


def distinct(labels: NDArray[Any]) -> NDArray[Any]:
    """Sorted values; by type and text what has no order, such as None beside texts."""
    try:
        return np.unique(labels)
    except TypeError:
        values = sorted(set(labels.tolist()), key=lambda v: (type(v).__qualname__, str(v)))
        return np.array(values, dtype=object)


def _are_labels(answer: NDArray[Any]) -> bool:
    """Whether an answer holds no numbers."""
    if answer.dtype.kind == "O":
        return not all(isinstance(value, Number) for value in answer.flat)
    return answer.dtype.kind not in "biuf"


def _are_probabilities(method: str, answer: _Answer) -> bool:
    """Whether an answer's columns are the probabilities of classes."""
    if method != "__call__":
        return method == "predict_proba"
    return all(
        part.ndim == 2
        and part.shape[1] > 1
        and part.dtype.kind == "f"
        and (part >= 0).all()
        and np.allclose(part.sum(axis=1), 1)
        for part in _by_target(answer, 1)
    )


def _outputs_are_classes(
    estimator: Any, method: str, X: Any, answer: _Answer, seen: Sequence[NDArray[Any]]
) -> bool:
    """Whether each class of each target has its own output, or can be given one."""
    if isinstance(answer, list):
        return True
    width = _width(answer)
    if method == "predict" or _are_labels(answer):
        return len(seen) == width
    if len(seen) > 1 or method == "score_samples":
        return False  # a chain's answer is for the second class of each target
    if width == 1:
        return len(seen[0]) in (1, 2)
    if width != len(seen[0]) or _is_multilabel(estimator, method, X, answer):
        return False
    # Three classes have as many pairs: decisions between those do not show the class predicted.
    shown = seen[0][_columns(answer).argmax(axis=1)]
    may_be_pairs = width == 3 and method == "decision_function" and hasattr(estimator, "predict")
    return not may_be_pairs or bool(np.mean(shown == _asked(estimator, "predict", X)) > 0.9)


def _width(answer: NDArray[Any]) -> int:
    """Number of columns of an answer."""
    return int(np.prod(answer.shape[1:]))


def _is_multilabel(estimator: Any, method: str, X: Any, answer: NDArray[Any]) -> bool:
    """Whether several classes can be true at once: labels then have a column for each."""
    if method == "predict_proba" and np.allclose(_columns(answer).sum(axis=1), 1):
        return False
    if not hasattr(estimator, "predict"):
        return False
    labels = _asked(estimator, "predict", X)
    return not isinstance(labels, list) and labels.ndim == 2


def _target_classes(classes: Any) -> list[NDArray[Any]] | None:
    """Class values of each target."""
    if classes is None:
        return None
    several = isinstance(classes, list) and np.ndim(classes[0]) == 1
    return [np.asarray(values) for values in (classes if several else [classes])]


def target_array(y: Any) -> Any:
    """A target as an array, of one axis where it has one column; None stays None."""
    if y is None:
        return None
    array = _dense(y)
    return array.ravel() if array.shape[1:] == (1,) else array


def _dense(y: Any) -> NDArray[Any]:
    """A target or an answer as a dense array, the fields of a structured one as its columns."""
    array: NDArray[Any] = y.toarray() if issparse(y) else np.asarray(y)
    if array.dtype.names:
        return structured_to_unstructured(array, dtype=np.float64)
    return array
