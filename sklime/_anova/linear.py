"""A linear model of the response on the columns' own values, to take off before bins are looked at.

A bin says little about where in it a value is. A linear model in the values says it for all
columns at once, with one number each, and leaves much less noise for what comes after: nothing at
all if the model is linear. The law of the values is known, so its main effects are, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from .terms import Floats, Rows, one_thread

MAX_STEPS = 30  # of conjugate gradients
LEAST_RESIDUAL = 1e-3  # of the gradient, where they stop
LEAST_NOISE = 1e-4  # share of the variance that is noise at the least
_CELLS = 2**19  # of the values, in one product


@dataclass(frozen=True)
class Values:
    """Values of the rows of a pool, in any unit, with their law.

    Parameters
    ----------
    parts : two ndarrays of shape (d, m), int8
        Values of the Sobol' rows and of the random ones; 0 for columns without numbers.
    means : ndarray of shape (B,)
        Mean value in each flat bin under the law of the table.
    """

    parts: Sequence[NDArray[np.int8]]
    means: Floats

    def of(self, rows: Rows, part: slice) -> NDArray[np.int8]:
        """The values of one half of the rows."""
        return self.parts[0] if part == rows.sobol else self.parts[1]


def linear_fit(values: NDArray[np.int8], response: Floats) -> Floats:
    """Slopes of a ridge regression of the response (K, m) on values (d, m), (d, K).

    Notes
    -----
    The ridge is empirical Bayes: the variance of noise over that of a slope, both told from the
    slopes of each column by itself, as columns are independent. Solved by conjugate gradients,
    which need the values only a block at a time.
    """
    columns = np.flatnonzero(values.any(axis=1))
    slopes = np.zeros((len(values), len(response)))
    if not len(columns) or not response.any():
        return slopes
    n_rows = response.shape[1]
    with one_thread():  # so that sums have one order
        operator = _Standardised(values, columns)
        spread = operator.standardise()
        target = response - response.mean(axis=1, keepdims=True)
        gradient = operator.transposed(target)
        total = np.square(target).sum(axis=1) / n_rows
        alone = np.square(gradient / n_rows).sum(axis=0)
        linear = np.maximum(alone - len(columns) * total / n_rows, 0.0)
        noise = np.maximum(total - linear, LEAST_NOISE * total)
        if linear.sum() <= LEAST_NOISE * total.sum():
            return slopes
        ridge = len(columns) * noise.sum() / linear.sum()
        found = _conjugate_gradients(operator, gradient, ridge)
    slopes[columns] = found / spread
    return slopes


def linear_part(values: NDArray[np.int8], slopes: Floats) -> Floats:
    """What slopes (d, K) say of rows, up to a constant, (K, m)."""
    columns = np.flatnonzero(slopes.any(axis=1))
    if not len(columns):
        return np.zeros((slopes.shape[1], values.shape[1]))
    with one_thread():
        return _Standardised(values, columns).times(slopes[columns])


class _Standardised:
    """Some columns of values, standardised if wanted, as a matrix (m, d) known by its products."""

    def __init__(self, values: NDArray[np.int8], columns: NDArray[np.intp]) -> None:
        self._values = values if len(columns) == len(values) else values[columns]
        self._blocks = list(gen_batches(len(columns), max(1, _CELLS // values.shape[1])))
        self._centre, self._spread = np.zeros(len(columns)), np.ones((len(columns), 1))

    def standardise(self) -> Floats:
        """Let columns have mean 0 and deviation 1; returns what they are divided by."""
        for columns in self._blocks:
            block = self._block(columns)
            self._centre[columns], spread = block.mean(axis=1), block.std(axis=1, keepdims=True)
            self._spread[columns] = np.where(spread > 0, spread, 1.0)
        return self._spread

    def transposed(self, rows: Floats) -> Floats:
        """Sums over rows (K, m) times values, (d, K)."""
        single = rows.T.astype(np.float32)
        parts = [self._block(block) @ single for block in self._blocks]
        sums = np.multiply.outer(self._centre, rows.sum(axis=1))
        return (np.concatenate(parts).astype(np.float64) - sums) / self._spread

    def _block(self, block: slice) -> NDArray[np.float32]:
        return self._values[block].astype(np.float32)

    def times(self, slopes: Floats) -> Floats:
        """Sums over columns of values times slopes (d, K), (K, m)."""
        scaled = slopes / self._spread
        product = np.zeros((slopes.shape[1], self._values.shape[1]))
        for block in self._blocks:
            product += scaled[block].T.astype(np.float32) @ self._block(block)
        return product - (self._centre @ scaled)[:, None]


def _conjugate_gradients(operator: _Standardised, gradient: Floats, ridge: float) -> Floats:
    """Solution of ``(Z' Z + ridge) x = gradient`` for each output.

    All outputs take the same steps, so that the sum of some of them has the sum of their solutions.
    """
    solution = np.zeros_like(gradient)
    residual, direction = gradient.copy(), gradient.copy()
    size = first = np.square(residual).sum()
    for _ in range(MAX_STEPS):
        image = operator.transposed(operator.times(direction)) + ridge * direction
        step = size / (direction * image).sum()
        solution += step * direction
        residual -= step * image
        before, size = size, np.square(residual).sum()
        if size <= LEAST_RESIDUAL**2 * first:
            break
        direction = residual + size / before * direction
    return solution
