"""The score of each row as outputs of the model: columns can be asked what they add to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import parameter_error
from .response import Response

Floats = NDArray[np.float64]

# scikit-learn's names; larger is better in each.
SCORINGS = ("neg_log_loss", "neg_brier_score", "accuracy", "neg_mean_squared_error")
REGRESSION = "neg_mean_squared_error"
_LARGEST = 1e76  # squares of squares of such numbers are numbers


@dataclass(frozen=True)
class Derived(Response):
    """A response whose outputs are computed from those of another one, the inner."""

    inner: Any = None
    transform: Callable[[Floats], Floats] = np.positive

    def __call__(self, X: Any) -> Floats:
        values = self.transform(self.inner(X))
        if self.advance is not None:
            self.advance(len(values))
        return values


def derive(response: Response, transform: Callable[[Floats], Floats], **changes: Any) -> Derived:
    """A response with other outputs; `changes` are what else is other than in the inner one."""
    inner = replace(response, advance=None)
    return Derived(**vars(inner) | changes, inner=inner, transform=transform)


def only(response: Response, positions: Sequence[int]) -> Derived:
    """The response with some of its outputs, which count in equal parts."""
    chosen = list(positions)
    names = response.output_names[chosen]
    targets = response.targets if response.classes is None else [response.classes[chosen]]
    return derive(
        response,
        partial(_some, positions=chosen),
        output_names=names,
        shares=np.full(len(chosen), 1 / len(chosen)),
        targets=targets,
    )


def score_response(response: Response, scoring: str, y: Any, weight: Any = None) -> Derived:
    """The score of a row as a sum of outputs, by coefficients that its target tells.

    A classifier has an output for each class, the score of a row of that class. A squared error
    ``-(y - f)^2`` is ``2 y f - f^2`` but for a constant: its outputs are f and f squared, both in
    units of the spread of y and from its mean on, or digits would be lost.
    """
    if response.targets is not None and response.classes is None:
        raise _unfit(scoring, response.method, "classes of several targets")
    scoring = checked_scoring(scoring, response.method, classes=response.classes is not None)
    ones = np.ones(response.n_outputs)
    if scoring != REGRESSION:
        return derive(response, _CLASS_SCORES[scoring], method=scoring, shares=ones)
    targets = _targets(y)
    if targets.shape[1] != response.n_outputs:
        raise ValueError(
            f"The 'scoring' parameter {REGRESSION!r} compares each output with a target of its "
            f"own. Got {response.n_outputs} outputs for {targets.shape[1]} targets instead."
        )
    if not (np.abs(targets) < _LARGEST).all():
        raise ValueError(f"The target y must have numbers within {_LARGEST:g} for {REGRESSION!r}.")
    center = np.average(targets, axis=0, weights=weight)
    scale = np.sqrt(np.average(np.square(targets - center), axis=0, weights=weight))
    scale = np.where(scale > 0, scale, 1.0)
    names = [f"{power} of output {k}" for power in ("value", "square") for k in range(len(ones))]
    return derive(
        response,
        partial(_moments, center=center, scale=scale),
        method=scoring,
        output_names=np.array(names, dtype=object),
        shares=np.tile(ones, 2),
    )


def checked_scoring(scoring: str, method: str, *, classes: bool) -> str:
    """The score that "auto" means of the answers of a method, or an error if it is none of them."""
    probabilities = method == "predict_proba"
    if scoring == "auto":
        proper = "neg_brier_score" if probabilities else "accuracy"
        return proper if classes else REGRESSION
    if classes == (scoring == REGRESSION) or not (
        probabilities or scoring in ("accuracy", REGRESSION)
    ):
        raise _unfit(scoring, method, "classes" if classes else "numbers")
    return scoring


def _unfit(scoring: str, method: str, what: str) -> ValueError:
    must = (
        f"fit the response {method}, of {what}: 'neg_log_loss' and 'neg_brier_score' need "
        f"probabilities, 'accuracy' the classes of one target, {REGRESSION!r} numbers"
    )
    return parameter_error("scoring", must, scoring)


def score_coefficients(response: Response, y: Any) -> Floats:
    """What each output counts in the score of each row, (n_rows, n_outputs)."""
    if response.classes is not None:
        positions = {label: k for k, label in enumerate(response.classes.tolist())}
        try:
            codes = [positions[label] for label in np.asarray(y).tolist()]
        except KeyError as error:
            raise ValueError(f"The target y has a class that the model has not: {error}.") from None
        return np.eye(len(positions))[codes]
    settings: dict[str, Floats] = response.transform.keywords  # type: ignore[attr-defined]
    targets, scale = _targets(y), settings["scale"]
    unit = np.broadcast_to(scale**2 / len(scale), targets.shape)
    return np.hstack([2 * unit * (targets - settings["center"]) / scale, -unit])


def _targets(y: Any) -> Floats:
    """Targets as numbers, (n_rows, n_targets)."""
    targets = np.asarray(y, dtype=np.float64)
    return targets.reshape(len(targets), -1)


def _some(values: Floats, positions: list[int]) -> Floats:
    return values[:, positions]


def _moments(values: Floats, center: Floats, scale: Floats) -> Floats:
    values = (values - center) / scale
    return np.hstack([values, values**2])


def _log_scores(probabilities: Floats) -> Floats:
    """log p of each class, of at least scikit-learn's smallest probability."""
    return np.log(np.maximum(probabilities, np.finfo(np.float64).eps))


def _brier_scores(probabilities: Floats) -> Floats:
    """Less the squared distance to each class; half of it for two classes, as scikit-learn has."""
    squares = (probabilities**2).sum(axis=1, keepdims=True) + 1 - 2 * probabilities
    return -squares / (2 if probabilities.shape[1] == 2 else 1)


def _hits(values: Floats) -> Floats:
    """1 at the class of the highest value."""
    return np.eye(values.shape[1])[values.argmax(axis=1)]


_CLASS_SCORES: dict[str, Callable[[Floats], Floats]] = {
    "neg_log_loss": _log_scores,
    "neg_brier_score": _brier_scores,
    "accuracy": _hits,
}
