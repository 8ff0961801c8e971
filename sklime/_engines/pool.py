"""The pool: perturbed rows that the model is asked about once, for all explanations."""

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

Places = slice | NDArray[np.intp]


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


class Questions:
    """Rows to ask a model about, as many at once as fit in memory: some take long for each call."""

    def __init__(self, neighborhood: Neighborhood, response: Response) -> None:
        self.neighborhood, self.response = neighborhood, response
        # A drawn cell passes as a uniform number, a rank, a row number and twice as a value.
        n_features = neighborhood.bins.n_features
        self.row_bytes = 40 * n_features + 2 * neighborhood.table.row_nbytes
        self.row_bytes += 40 * response.n_outputs
        self.most = max(1, int(min(working_memory(), _MOST_DRAWN) / self.row_bytes))
        self._waiting: list[tuple[NDArray[Any], NDArray[np.float64], Places]] = []

    def add(self, rows: NDArray[Any], answers: NDArray[np.float64], places: Places) -> None:
        """Have the answers for rows (n_features, m) written to these places, by `ask` at last."""
        waiting = sum(earlier.shape[1] for earlier, *_ in self._waiting)
        if waiting + rows.shape[1] > self.most:
            self.ask()
        self._waiting.append((rows, answers, places))

    def ask(self) -> None:
        """Ask about all rows that wait."""
        if not self._waiting:
            return
        rows = np.concatenate([rows for rows, *_ in self._waiting], axis=1)
        told, start = self.response(self.neighborhood.table.gather(rows)), 0
        for own, answers, places in self._waiting:
            answers[places] = told[start : start + own.shape[1]]
            start += own.shape[1]
        self._waiting.clear()


def grow_pool(
    questions: Questions, pool: Pool | None, num_samples: int, seed: int, *, sobol: bool = True
) -> Pool:
    """Perturbed rows, drawn by batches that fit in memory, and the model's answers to come.

    Parameters
    ----------
    questions : Questions
        What asks the model.
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
    neighborhood, n_outputs = questions.neighborhood, questions.response.n_outputs
    n_features, (n_replicates, n_rows) = neighborhood.bins.n_features, split_samples(num_samples)
    # The cells of a column side by side, as they are drawn and summed.
    shape = (n_features, n_replicates, n_rows)
    codes, values = np.empty(shape, neighborhood.bins.code_dtype), np.empty(shape, np.int8)
    answers = np.empty((n_replicates, n_rows, n_outputs))
    done = 0 if pool is None else pool.codes.shape[1]
    if pool is not None:
        codes[:, :, :done] = pool.codes.transpose(2, 0, 1)
        values[:, :, :done] = pool.values.transpose(2, 0, 1)
        answers[:, :done] = pool.response
    batches = uniform_batches(
        n_features, n_replicates, range(done, n_rows), questions.most, seed, sobol=sobol
    )
    start = 0
    for uniforms in batches:
        drawn, stop = neighborhood.draw(uniforms), start + uniforms.shape[1]
        places = _places(range(start, stop), n_replicates, done, n_rows)
        codes.reshape(n_features, -1)[:, places] = drawn.codes
        values.reshape(n_features, -1)[:, places] = drawn.values
        questions.add(drawn.rows, answers.reshape(-1, n_outputs), places)
        start = stop
    return Pool(codes.transpose(1, 2, 0), values.transpose(1, 2, 0), answers)


def grow_twins(
    questions: Questions, pool: Pool, twins: NDArray[np.float64] | None, seed: int
) -> NDArray[np.float64]:
    """Answers to come for twins of the first eighth of each replicate's rows of a pool.

    A twin has the same bins, with other values.

    Returns
    -------
    ndarray of shape (n_replicates, n_twins, n_outputs)
    """
    n_replicates, n_rows, n_features = pool.codes.shape
    done, n_twins = 0 if twins is None else twins.shape[1], max(1, n_rows // 8)
    if twins is not None and n_twins <= done:
        return twins
    codes = pool.codes[:, done:n_twins].reshape(-1, n_features)
    rng = np.random.default_rng([seed, done, 2])
    answers = np.empty((n_replicates, n_twins, questions.response.n_outputs))
    if twins is not None:
        answers[:, :done] = twins
    for rows in chunks(len(codes), questions.row_bytes, _MOST_DRAWN):
        cells = questions.neighborhood.redraw(rng.random(codes[rows].shape).T, codes[rows].T)
        places = _places(range(rows.start, rows.stop), n_replicates, done, n_twins)
        questions.add(cells, answers.reshape(-1, answers.shape[2]), places)
    return answers


def _places(new: range, n_replicates: int, done: int, n_rows: int) -> Places:
    """Where new rows are among all, which go on in each replicate where it stopped."""
    if not done:
        return slice(new.start, new.stop)
    places = np.arange(n_replicates * n_rows).reshape(n_replicates, n_rows)[:, done:]
    return places.ravel()[new.start : new.stop]


def split_samples(num_samples: int) -> tuple[int, int]:
    """Number of replicates, and of rows in each, for that many rows in all."""
    n_replicates = max(1, min(N_REPLICATES, num_samples // 2))
    return n_replicates, num_samples // n_replicates
