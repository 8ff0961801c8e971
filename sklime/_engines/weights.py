"""Linear models of many rows, and the numbers that go with their weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from .._model.response import Response
from .._neighborhood.sampler import Neighborhood

Floats = NDArray[np.float64]
Codes = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Surrogates:
    """Linear models of many rows.

    Attributes
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
        Weights, from each independent replicate of the neighbourhood.
    fits : ndarray of shape (n_explained, 3, n_outputs) or None
        Intercept, weighted R^2, and what each row shows of the share of main effects in the
        variance of the response, whose mean over rows is that share; NaN where the response does
        not vary. None where a reader tells the first two when asked.
    """

    replicates: Floats
    fits: Floats | None = None

    def filled(self, untold: NDArray[np.bool_], own: Floats, predictions: Floats) -> Surrogates:
        """With weights for cells that no neighbour has, so that the linear model is the answer."""
        if untold.any() and self.fits is not None:
            left = predictions - self.fits[:, 0] - self.replicates.sum(axis=2)
            fill_untold(self.replicates, untold, left, own, predictions)
        return self

    @classmethod
    def joined(cls, parts: Iterable[Surrogates], n_rows: int) -> Surrogates:
        """Surrogates of some rows followed by those of others, `n_rows` in all.

        A part is copied before the next one is asked for.
        """
        whole, start = None, 0
        for part in parts:
            n_replicates, size, n_features, n_outputs = part.replicates.shape
            if size == n_rows:
                return part
            if whole is None:
                fits = None if part.fits is None else np.empty((n_rows, 3, n_outputs))
                whole = cls(np.empty((n_replicates, n_rows, n_features, n_outputs)), fits)
            whole.replicates[:, start : start + size] = part.replicates
            if whole.fits is not None:
                whole.fits[start : start + size] = part.fits
            start += size
        if whole is None:
            raise ValueError("There must be rows to explain.")
        return whole


class Reader(Protocol):
    """What explains rows: it may travel to workers and into pickles."""

    @property
    def row_bytes(self) -> float:
        """Bytes that explaining a row takes."""

    @property
    def explain(self) -> Callable[..., Surrogates]:
        """Weights of rows at a kernel width, from their bins and the model's response for them."""


class Engine(ABC):
    """A way to explain: first ask the model, then read weights at any kernel width.

    Parameters
    ----------
    neighborhood : Neighborhood
    response : Response
    num_samples : int
        Rows that the model is asked about, in all or for each row explained.
    seed : int
    model_regressor : estimator or None
        lime's parameter.

    Attributes
    ----------
    reader : Reader
        What explains rows by the samples so far.
    """

    NUM_SAMPLES: ClassVar[int]  # what "auto" means
    MAX_SAMPLES: ClassVar[int]
    ASKS_TO_EXPLAIN: ClassVar[bool]  # each row has samples of its own; else all share a pool

    reader: Reader

    def __init__(
        self,
        neighborhood: Neighborhood,
        response: Response,
        num_samples: int,
        seed: int,
        model_regressor: Any = None,
    ) -> None:
        self.neighborhood = neighborhood
        self.response = response
        self.seed = seed
        self.model_regressor = model_regressor
        self.grow(num_samples)

    @abstractmethod
    def grow(self, num_samples: int) -> None:
        """Go on to that many model rows; a shared pool keeps the rows it has."""


def linear_fits(
    replicates: Floats, mean: Floats, variance: Floats, inside: Floats, own: Floats
) -> Floats:
    """Intercept, R^2 and share of main effects that go with weights.

    Parameters
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
    mean, variance : ndarrays of shape (n_explained, n_outputs)
        Of the response under each row's kernel.
    inside : ndarray of shape (n_explained, n_features)
        Chance q of each own bin under the kernel.
    own : ndarray of shape (n_explained, n_features)
        Its chance p without the kernel.

    Returns
    -------
    ndarray of shape (n_explained, 3, n_outputs)

    Notes
    -----
    ``R^2 = sum_j beta_j^2 q_j (1 - q_j) / Var_w(f)``. Under a flat kernel a weight is
    ``m / (1 - p)`` with m the main effect of the bin, so that the mean over the rows of
    ``sum_j (beta_j (1 - p_j))^2 / Var(f)`` is the share of main effects in the variance. R^2 is low
    even where they are all there is, 1/3 at four bins and 1/9 at ten; the share is then 1 less
    what varies inside bins.
    """
    fits = np.empty((len(mean), 3, mean.shape[1]))
    spread, outside = inside * (1 - inside), (1 - own) ** 2
    variance = np.where(varies(variance, mean), variance, np.nan)
    for k, output in enumerate(np.moveaxis(replicates, -1, 0)):
        squares = mean_square(output)
        fits[:, 0, k] = mean[:, k] - (output.mean(axis=0) * inside).sum(axis=1)
        fits[:, 1, k] = np.minimum((squares * spread).sum(axis=1) / variance[:, k], 1.0)
        fits[:, 2, k] = (squares * outside).sum(axis=1) / variance[:, k]
    return fits


def fill_untold(
    replicates: Floats, untold: NDArray[np.bool_], left: Floats, own: Floats, predictions: Floats
) -> None:
    """Give cells that no neighbour tells anything about what the row's own answer tells, in place.

    In equal parts, they have what all others leave of the answer, `left` by each replicate,
    (n_replicates, n_explained, n_outputs). `untold` and the training frequency of the bin, `own`,
    are (n_explained, n_features).
    """
    left = np.where(np.abs(left) > 1e-13 * np.abs(predictions), left, 0)  # no rounding
    part = left / np.maximum(np.count_nonzero(untold, axis=1), 1)[:, None]
    for j in np.flatnonzero(untold.any(axis=0)):
        rows = untold[:, j]
        replicates[:, rows, j] = part[:, rows] / (1 - own[rows, j])[:, None]


def drop_rounding(replicates: Floats, mean: Floats) -> None:
    """Set weights that are the rounding of a constant response to 0, in place.

    A mean of its own (n_explained, n_outputs) tells for each row, so that none depends on what
    else is explained.
    """
    largest = np.maximum(replicates.max(axis=(0, 2)), -replicates.min(axis=(0, 2)))
    constant = largest <= 1e-13 * np.abs(mean)
    if constant.any():
        replicates *= ~constant[:, None]


def varies(variance: Floats, mean: Floats) -> NDArray[np.bool_]:
    """Whether a response varies by more than rounding, whatever its scale."""
    return (variance > 0) & (np.sqrt(np.maximum(variance, 0)) > 1e-10 * np.abs(mean))


def mean_square(replicates: Floats) -> Floats:
    """Squares of the mean over independent replicates, less what their noise adds.

    The square of an estimate is too large by its variance; the product of two independent
    estimates is not. With a single replicate it is the plain square.
    """
    n = len(replicates)
    together, apart = replicates.sum(axis=0) ** 2, (replicates**2).sum(axis=0)
    return (together - apart) / (n * (n - 1)) if n > 1 else together


def weight_gain(inside: Floats) -> Floats:
    """``1 / (q (1 - q))``, what turns a covariance with z_j into a weight.

    0 for a column with a single bin and for a level that training did not have: z_j is then
    constant, and the ridge that LIME fits gives it the weight 0.
    """
    spread = inside * (1 - inside)
    return np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)
