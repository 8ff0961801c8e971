"""The pool: perturbed rows that the model is asked about once, for all explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._model.response import Response
from .._neighborhood.points import uniform_batches
from .._neighborhood.sampler import Neighborhood
from .workers import chunks, working_memory

# Independent replicates of a neighbourhood. Their spread is the Monte-Carlo error, and products
# of different ones are free of it. More replicates know the error better and make it larger.
N_REPLICATES = 4

# Bytes in which rows are drawn at once, at most: fresh memory takes longer than it saves calls.
_MOST_DRAWN = 2.0**27


@dataclass(frozen=True)
class Pool:
    """Perturbed rows as a surrogate sees them.

    Attributes
    ----------
    codes : ndarray of shape (n_replicates, n_rows, n_features)
        Bin numbers.
    values : ndarray of shape (n_replicates, n_rows, n_features), int8
        The cells' numbers, in a unit of each column's own.
    response : ndarray of shape (n_replicates, n_rows, n_outputs)
        What the model answers for the rows.
    """

    codes: NDArray[np.unsignedinteger]
    values: NDArray[np.int8]
    response: NDArray[np.float64]

    def extended(self, more: Pool) -> Pool:
        """The pool with more rows in each replicate."""
        return Pool(
            _side_by_side(self.codes, more.codes),
            _side_by_side(self.values, more.values),
            np.concatenate([self.response, more.response], axis=1),
        )


def grow_pool(
    neighborhood: Neighborhood,
    response: Response,
    pool: Pool | None,
    num_samples: int,
    seed: int,
    *,
    sobol: bool = True,
) -> Pool:
    """Perturbed rows and the model's response for them, by batches that fit in memory.

    Parameters
    ----------
    neighborhood : Neighborhood
    response : Response
    pool : Pool or None
        Rows that are there already; each replicate goes on where it stopped.
    num_samples : int
        Rows in all, rounded down to a multiple of the number of replicates.
    seed : int
    sobol : bool
        False draws plain random rows.

    Returns
    -------
    Pool
    """
    n_features, n_outputs = neighborhood.bins.n_features, response.n_outputs
    n_replicates, n_rows = split_samples(num_samples)
    new = range(0 if pool is None else pool.codes.shape[1], n_rows)
    most = max(1, int(min(working_memory(), _MOST_DRAWN) / _row_bytes(neighborhood, n_outputs)))
    batches = uniform_batches(n_features, n_replicates, new, most, seed, sobol=sobol)
    # The cells of a column side by side, as they are drawn and summed.
    shape = (n_features, n_replicates * len(new))
    codes = np.empty(shape, neighborhood.bins.code_dtype).T
    values = np.empty(shape, np.int8).T
    answers = np.empty((n_replicates * len(new), n_outputs))
    start = 0
    for uniforms in batches:
        drawn = neighborhood.draw(uniforms)
        batch = slice(start, start + uniforms.shape[1])
        codes[batch], values[batch] = drawn.codes.T, drawn.values.T
        answers[batch] = response(neighborhood.table.gather(drawn.rows))
        start = batch.stop
    by_replicate = (n_replicates, len(new), -1)
    drawn_pool = Pool(
        codes.reshape(by_replicate), values.reshape(by_replicate), answers.reshape(by_replicate)
    )
    return drawn_pool if pool is None else pool.extended(drawn_pool)


def _side_by_side(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Cells of more rows in each replicate, those of a column side by side."""
    n_replicates, n_rows, n_features = first.shape
    shape = n_features, n_replicates, n_rows + second.shape[1]
    both = np.empty(shape, first.dtype).transpose(1, 2, 0)
    both[:, :n_rows], both[:, n_rows:] = first, second
    return both


def grow_twins(
    neighborhood: Neighborhood,
    response: Response,
    pool: Pool,
    twins: NDArray[np.float64] | None,
    seed: int,
) -> NDArray[np.float64]:
    """Response for twins of the first eighth of each replicate's rows of a pool.

    A twin has the same bins, with other values.

    Returns
    -------
    ndarray of shape (n_replicates, n_twins, n_outputs)
    """
    n_replicates, n_rows, n_features = pool.codes.shape
    done = 0 if twins is None else twins.shape[1]
    new = range(done, max(1, n_rows // 8))
    if twins is not None and not new:
        return twins
    codes = pool.codes[:, new.start : new.stop].reshape(-1, n_features)
    rng = np.random.default_rng([seed, done, 2])
    answers = np.empty((len(codes), response.n_outputs))
    for rows in chunks(len(codes), _row_bytes(neighborhood, response.n_outputs), _MOST_DRAWN):
        cells = neighborhood.redraw(rng.random(codes[rows].shape).T, codes[rows].T)
        answers[rows] = response(neighborhood.table.gather(cells))
    more = answers.reshape(n_replicates, len(new), -1)
    return more if twins is None else np.concatenate([twins, more], axis=1)


def split_samples(num_samples: int) -> tuple[int, int]:
    """Number of replicates, and of rows in each, for that many rows in all."""
    n_replicates = max(1, min(N_REPLICATES, num_samples // 2))
    return n_replicates, num_samples // n_replicates


def _row_bytes(neighborhood: Neighborhood, n_outputs: int) -> float:
    """Bytes of a row that is drawn and given to the model."""
    # A drawn cell passes as a uniform number, a rank, a row number and twice as a value.
    n_features = neighborhood.bins.n_features
    return 40 * n_features + 2 * neighborhood.table.row_nbytes + 40 * n_outputs
