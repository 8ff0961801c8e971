"""The engines: ways from a model and its neighbourhood to the LIME weights of many rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from joblib import cpu_count, effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

from .._anova.fit import Effects, fit_effects
from .._memory import Store, working_memory
from .._model.response import Response
from .._neighborhood.points import uniform_batches
from .._neighborhood.sampler import Bins, Neighborhood, own_bin_odds
from .closed_form import kernel_moments, kernel_weights
from .weights import (
    Pool,
    Surrogates,
    closed_form,
    difference_of_means,
    fit_regressor,
    summarize,
)

# Independent replicates of a neighbourhood. Their spread is the Monte-Carlo error, and products
# of different ones are free of it. More replicates know the error better and make it larger.
N_REPLICATES = 4

# What "auto" means for num_samples and for max_samples.
NUM_SAMPLES = {"shared": 8192, "pairwise": 8192, "local": 1024, "lime": 5000}
MAX_SAMPLES = {"shared": 1000, "pairwise": 1000, "local": 100, "lime": 100}

# Engines whose rows share the samples; the others take as many for each row.
POOLED_ENGINES = {"shared", "pairwise"}

# "auto" takes the shared pool while the kernel leaves at least this share of it effective.
MIN_EFFECTIVE = 0.1

# What "auto" takes for a narrower kernel.
NARROW_ENGINE = "pairwise"

# Bytes in which rows are drawn at once, at most: fresh memory takes longer than it saves calls.
_MOST_DRAWN = 2.0**27

# Fewer explained rows than this are not worth a worker of their own.
_LEAST_CHUNK = 64


@dataclass(frozen=True)
class Problem:
    """What every engine works on.

    Attributes
    ----------
    neighborhood : Neighborhood
    response : Response
    predictions : ndarray of shape (n_explained, n_outputs)
        The response for the rows explained.
    codes : ndarray of shape (n_explained, n_features)
        Bin numbers of the rows explained.
    model_regressor : estimator or None
    seed : int
    n_jobs : int or None
    """

    neighborhood: Neighborhood
    response: Response
    predictions: NDArray[np.float64]
    codes: NDArray[np.unsignedinteger]
    model_regressor: Any
    seed: int
    n_jobs: int | None


class Engine(Protocol):
    """A way to explain: first predict, then write the weights at any kernel width."""

    def __init__(self, problem: Problem, num_samples: int) -> None: ...

    def grow(self, num_samples: int) -> None:
        """Go on to that many model rows; a shared pool keeps the rows it has."""

    def explain(self, kernel_width: float) -> Surrogates:
        """Weights of every row."""


class Shared:
    """One pool of rows and one prediction pass for all explanations."""

    def __init__(self, problem: Problem, num_samples: int) -> None:
        self._problem = problem
        self._pool = grow_pool(problem, None, num_samples)

    def grow(self, num_samples: int) -> None:
        self._pool = grow_pool(self._problem, self._pool, num_samples)

    def explain(self, kernel_width: float) -> Surrogates:
        problem, pool = self._problem, self._pool
        bins = problem.neighborhood.bins.without_values()
        if problem.model_regressor is not None:
            fit = partial(fit_regressor, problem.model_regressor, pool, bins, kernel_width)
            return _over_rows(problem, fit, problem.codes)
        memory = working_memory() / effective_n_jobs(problem.n_jobs)
        fit = partial(closed_form, pool, bins, kernel_width, memory)
        return _over_rows(problem, fit, problem.codes)


class Pairwise:
    """Main effects and pairs of the model from one pool, and from them weights at any width.

    Half of the samples are Sobol' rows, for main effects. The others are plain random rows, as the
    low bits of Sobol' rows alias pairs of columns; an eighth of these has a twin, the same bins
    with other values, which tells variation inside bins from interactions of high order.
    """

    def __init__(self, problem: Problem, num_samples: int) -> None:
        self._problem = problem
        self._sobol: Pool | None = None
        self._random: Pool | None = None
        self._twins: NDArray[np.float64] | None = None
        self.grow(num_samples)

    def grow(self, num_samples: int) -> None:
        problem, bins = self._problem, self._problem.neighborhood.bins
        n_random = (num_samples - num_samples // 2) * 8 // 9
        n_random = max(n_random, min(num_samples // 2, 2 * N_REPLICATES))  # as many replicates
        self._sobol = grow_pool(problem, self._sobol, num_samples // 2)
        self._random = grow_pool(problem, self._random, n_random, sobol=False)
        self._twins = grow_twins(problem, self._random, self._twins)
        self.effects = fit_effects(
            self._sobol.codes,
            self._sobol.response,
            self._random.codes,
            self._random.response,
            bins.offsets,
            bins.probabilities,
            twin_response=self._twins,
            working_memory=int(working_memory()),
        )

    def explain(self, kernel_width: float) -> Surrogates:
        problem = self._problem
        memory = working_memory() / effective_n_jobs(problem.n_jobs)
        bins = problem.neighborhood.bins.without_values()
        fit = partial(pairwise_weights, self.effects, bins, kernel_width, memory)
        return _over_rows(problem, fit, problem.codes)


class Local:
    """A neighbourhood for each row, drawn from its own kernel-weighted law."""

    def __init__(self, problem: Problem, num_samples: int) -> None:
        self._problem = problem
        self.grow(num_samples)

    def grow(self, num_samples: int) -> None:
        self._n_replicates, n_rows = _replicates(num_samples)
        n_features, seed = self._problem.codes.shape[1], self._problem.seed
        # The same points for every row: its weights do not depend on what else is explained.
        self._uniforms = Store().empty((n_features, self._n_replicates * n_rows), np.float64)
        most = max(1, int(working_memory() / (16 * n_features)))
        start = 0
        for batch in uniform_batches(n_features, self._n_replicates, range(n_rows), most, seed):
            self._uniforms[:, start : start + batch.shape[1]] = batch
            start += batch.shape[1]

    def explain(self, kernel_width: float) -> Surrogates:
        fit = partial(_local_rows, self._problem, self._uniforms, self._n_replicates, kernel_width)
        return _over_rows(self._problem, fit, self._problem.codes)


class Lime:
    """The lime package, row by row."""

    def __init__(self, problem: Problem, num_samples: int) -> None:
        self._problem = problem
        self.grow(num_samples)

    def grow(self, num_samples: int) -> None:
        self._num_samples = num_samples

    def explain(self, kernel_width: float) -> Surrogates:
        from .lime import lime_weights

        problem = self._problem
        fit = partial(
            lime_weights,
            problem.neighborhood,
            problem.response,
            kernel_width,
            self._num_samples,
            problem.model_regressor,
            problem.seed,
        )
        return _over_rows(problem, fit, problem.codes, problem.predictions)


ENGINES: dict[str, type[Engine]] = {
    "shared": Shared,
    "pairwise": Pairwise,
    "local": Local,
    "lime": Lime,
}


def grow_pool(problem: Problem, pool: Pool | None, num_samples: int, *, sobol: bool = True) -> Pool:
    """Perturbed rows and the model's response for them, by batches that fit in memory.

    Parameters
    ----------
    problem : Problem
    pool : Pool or None
        Rows that are there already; each replicate goes on where it stopped.
    num_samples : int
        Rows in all, rounded down to a multiple of the number of replicates.
    sobol : bool
        False draws plain random rows.

    Returns
    -------
    Pool
    """
    neighborhood = problem.neighborhood
    n_features, n_outputs = problem.codes.shape[1], problem.predictions.shape[1]
    n_replicates, n_rows = _replicates(num_samples)
    new = range(0 if pool is None else pool.codes.shape[1], n_rows)
    most = _rows_at_once(problem)
    batches = uniform_batches(n_features, n_replicates, new, most, problem.seed, sobol=sobol)
    # The codes of a column side by side, as they are drawn and summed.
    codes = Store().empty((n_features, n_replicates * len(new)), problem.codes.dtype).T
    response = np.empty((n_replicates * len(new), n_outputs))
    start = 0
    for uniforms in batches:
        rows, drawn = neighborhood.draw(uniforms)
        batch = slice(start, start + uniforms.shape[1])
        codes[batch] = drawn.T
        response[batch] = problem.response(neighborhood.table.gather(rows))
        start = batch.stop
    shape = (n_replicates, len(new), -1)
    drawn_pool = Pool(codes.reshape(shape), response.reshape(shape))
    return drawn_pool if pool is None else pool.extended(drawn_pool)


def grow_twins(
    problem: Problem, pool: Pool, twins: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Response for twins of the first eighth of each replicate's rows of a pool.

    Returns
    -------
    ndarray of shape (n_replicates, n_twins, n_outputs)
    """
    neighborhood = problem.neighborhood
    n_replicates, n_rows, n_features = pool.codes.shape
    done = 0 if twins is None else twins.shape[1]
    new = range(done, max(1, n_rows // 8))
    if twins is not None and not new:
        return twins
    codes = pool.codes[:, new.start : new.stop].reshape(-1, n_features)
    rng = np.random.default_rng([problem.seed, done, 2])
    response = np.empty((len(codes), problem.predictions.shape[1]))
    for rows in gen_batches(len(codes), _rows_at_once(problem)):
        cells = neighborhood.redraw(rng.random(codes[rows].shape).T, codes[rows].T)
        response[rows] = problem.response(neighborhood.table.gather(cells))
    more = response.reshape(n_replicates, len(new), -1)
    return more if twins is None else np.concatenate([twins, more], axis=1)


def _rows_at_once(problem: Problem) -> int:
    """Rows that are drawn and given to the model together."""
    n_features, n_outputs = problem.codes.shape[1], problem.predictions.shape[1]
    # A drawn cell passes as a uniform number, a rank, a row number and twice as a value.
    row_bytes = 40 * n_features + 2 * problem.neighborhood.table.row_nbytes + 40 * n_outputs
    return max(1, int(min(working_memory(), _MOST_DRAWN) / row_bytes))


def _local_rows(
    problem: Problem,
    uniforms: NDArray[np.float64],
    n_replicates: int,
    kernel_width: float,
    codes: NDArray[np.unsignedinteger],
) -> Surrogates:
    """Local surrogates of some rows, by batches whose neighbourhoods fit in memory."""
    neighborhood, bins = problem.neighborhood, problem.neighborhood.bins
    (n_features, n_rows), n_outputs = uniforms.shape, problem.predictions.shape[1]
    memory = working_memory() / effective_n_jobs(problem.n_jobs)
    # A drawn cell passes as a row number three times, a value twice and once inside or not.
    cell_bytes = 14 * n_features + 2 * neighborhood.table.row_nbytes
    rows_fit = memory / (cell_bytes + 40 * n_outputs)
    # Some rows with all of their neighbours, or some neighbours of one row.
    batch, block = max(1, int(rows_fit / n_rows)), max(1, min(n_rows, int(rows_fit)))

    def explain(own_codes: NDArray[np.unsignedinteger]) -> Surrogates:
        # Rows in the same bin of a column share that column's cells.
        columns = np.broadcast_to(np.arange(n_features), own_codes.shape)
        pairs = np.stack([columns.ravel(), own_codes.ravel()])
        (column, code), cell = np.unique(pairs, axis=1, return_inverse=True)
        cell = cell.reshape(own_codes.shape)
        inside = Store().empty((len(column), n_rows), bool)
        answer = np.empty((len(own_codes), n_rows, n_outputs))
        for points in gen_batches(n_rows, block):
            drawn, inside[:, points] = neighborhood.draw_near(
                uniforms[:, points], column, code, kernel_width
            )
            cells = drawn[cell].swapaxes(0, 1).reshape(n_features, -1)
            answer[:, points] = problem.response(neighborhood.table.gather(cells)).reshape(
                len(cell), -1, n_outputs
            )
        own = bins.own_probabilities(own_codes)
        stay, _ = own_bin_odds(own, kernel_width)
        replicates = answer.reshape(len(cell), n_replicates, -1, n_outputs)
        return difference_of_means(inside, cell, replicates, stay, own)

    parts = (explain(codes[rows]) for rows in gen_batches(len(codes), batch))
    return Surrogates.joined(parts, (n_replicates, *codes.shape, n_outputs))


def pairwise_weights(
    effects: Effects,
    bins: Bins,
    kernel_width: float,
    memory: float,
    codes: NDArray[np.unsignedinteger],
) -> Surrogates:
    """LIME weights of every row of `codes` from the main effects and pairs of the model."""
    n_replicates, _, n_outputs = effects.main.shape
    shape = (n_replicates, *codes.shape, n_outputs)
    # A row's weights come in replicates and twice more in their moments and sums.
    chunk = max(1, int(memory / 4 / (8 * codes.shape[1] * n_outputs * (n_replicates + 4))))

    def explain(start: int) -> Surrogates:
        rows = codes[start : start + chunk]
        own = bins.own_probabilities(rows)
        inside, _ = own_bin_odds(own, kernel_width)
        mean, variance = kernel_moments(effects, rows, kernel_width)
        weights = kernel_weights(effects, rows, kernel_width)
        return summarize(weights, mean, variance, inside, own)

    return Surrogates.joined(map(explain, range(0, len(codes), chunk)), shape)


def _over_rows(
    problem: Problem, explain: Callable[..., Surrogates], *arrays: NDArray[Any]
) -> Surrogates:
    """Explain rows, the arguments that have one entry a row split over the workers."""
    n_chunks = min(effective_n_jobs(problem.n_jobs), max(1, len(arrays[0]) // _LEAST_CHUNK))
    if n_chunks == 1:
        return explain(*arrays)
    chunks = zip(*(np.array_split(array, n_chunks) for array in arrays), strict=True)
    parts = over_workers(problem.n_jobs, [partial(explain, *chunk) for chunk in chunks])
    n_replicates, _, n_features, n_outputs = parts[0].replicates.shape
    shape = (n_replicates, len(arrays[0]), n_features, n_outputs)
    return Surrogates.joined((parts.pop(0) for _ in range(n_chunks)), shape)


def over_workers(n_jobs: int | None, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Results of tasks on joblib's workers.

    A task is a function without arguments: arguments of their own would be put on one worker of a
    cluster and be lost with it, while a task is sent anew.
    """
    blas = ThreadpoolController().select(user_api="blas")
    # Threads that each ran a threaded matrix product would wait for one another.
    share = cpu_count() // min(effective_n_jobs(n_jobs), len(tasks))
    limit = max(1, min([share, *(pool["num_threads"] for pool in blas.info())]))
    with blas.limit(limits=limit):
        return list(Parallel(n_jobs=n_jobs, prefer="threads")(delayed(task)() for task in tasks))


def _replicates(num_samples: int) -> tuple[int, int]:
    """Number of replicates, and of rows in each, for that many rows in all."""
    n_replicates = max(1, min(N_REPLICATES, num_samples // 2))
    return n_replicates, num_samples // n_replicates
