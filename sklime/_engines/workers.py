"""Memory and workers: rows in chunks that fit the one, spread over the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
from joblib import cpu_count, effective_n_jobs
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

from .weights import Reader, Surrogates

# Fewer explained rows than this are not worth a worker of their own.
_LEAST_CHUNK = 64


def working_memory() -> float:
    """Bytes for intermediate arrays: half of scikit-learn's, for bins of the pool take some too."""
    return float(get_config()["working_memory"]) * 2**20 / 2


def chunks(n_rows: int, row_bytes: float, most: float = np.inf) -> Iterator[slice]:
    """Slices of rows that take `row_bytes` each, so that they fit in memory (and in `most`)."""
    # scikit-learn's gen_batches checks its arguments for longer than a row takes.
    step = max(1, int(min(working_memory(), most) / row_bytes))
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))


def explain_rows(
    reader: Reader, kernel_width: float, n_jobs: int | None, *arrays: NDArray[Any]
) -> Surrogates:
    """Explain rows, the arrays that have one entry a row split over workers and chunks."""
    n_rows, n_workers = len(arrays[0]), effective_n_jobs(n_jobs)
    memory = get_config()["working_memory"] / n_workers
    parts = min(n_workers, max(1, n_rows // _LEAST_CHUNK))
    tasks = [
        partial(_explain_chunks, reader, kernel_width, memory, *part)
        for part in zip(*(np.array_split(array, parts) for array in arrays), strict=True)
    ]
    if parts == 1:
        return tasks[0]()
    found = over_workers(n_jobs, tasks)
    return Surrogates.joined((found.pop(0) for _ in tasks), n_rows)


def _explain_chunks(
    reader: Reader, kernel_width: float, memory: float, *arrays: NDArray[Any]
) -> Surrogates:
    """Explain rows by chunks that fit in a worker's share of the memory, in MiB."""
    n_rows = len(arrays[0])
    whole = memory == get_config()["working_memory"]
    with nullcontext() if whole else config_context(working_memory=memory):
        parts = (
            reader.explain(kernel_width, *(array[rows] for array in arrays))
            for rows in chunks(n_rows, reader.row_bytes)
        )
        return Surrogates.joined(parts, n_rows)


def over_workers(n_jobs: int | None, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Results of tasks on joblib's workers.

    A task has no arguments: a cluster would put arguments on one worker, and lose them with it,
    while a task is sent anew.
    """
    blas = ThreadpoolController().select(user_api="blas")
    # Threads that each ran a threaded matrix product would wait for one another.
    share = cpu_count() // min(effective_n_jobs(n_jobs), len(tasks))
    limit = max(1, min([share, *(pool["num_threads"] for pool in blas.info())]))
    with blas.limit(limits=limit):
        return list(Parallel(n_jobs=n_jobs, prefer="threads")(delayed(task)() for task in tasks))
