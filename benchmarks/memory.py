"""Peak memory beyond the input and the returned arrays, under scikit-learn's working_memory.

Prints a table in markdown. Run as ``python benchmarks/memory.py``: some five minutes on two cores.
Peaks are tracemalloc's, which counts NumPy's arrays but not the buffers of BLAS.
"""

import time
import tracemalloc
import warnings

import numpy as np
from growth import Linear
from sklearn import config_context

from sklime import lime_importance

# rows, columns, engine, samples, working_memory in MiB
CASES = [
    *[
        (n, d, "pooled", "auto", bound)
        for n, d in ((1000, 30), (100_000, 50), (1000, 2000))
        for bound in (64, 1024)
    ],
    (400_000, 50, "pooled", "auto", 64),
    (1000, 3000, "pooled", "auto", 64),
    (1000, 3000, "pooled", "auto", 16),
    (1000, 200, "pooled", 2**17, 64),
    (200, 1000, "pooled", 2**17, 64),
    (20, 3000, "local", "auto", 64),
]


def main() -> None:
    warnings.simplefilter("ignore")
    print("\n### memory\n\nMiB; `returned` are the weights and their replicates.\n")
    print(
        "| rows | columns | engine | samples | working_memory | input | returned "
        "| peak beyond both | s |"
    )
    print("|" + "---|" * 9)
    for n, d, engine, num_samples, bound in CASES:
        X = np.random.default_rng(0).normal(size=(n, d))
        cells = [n, d, engine, num_samples, bound, *measure(X, engine, num_samples, bound)]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def measure(X: np.ndarray, engine: str, num_samples: int | str, bound: int) -> list[str]:
    model = Linear(X.shape[1])
    options = {"max_samples": None, "engine": engine, "num_samples": num_samples}
    start = time.perf_counter()
    with config_context(working_memory=bound):
        tracemalloc.start()
        result = lime_importance(model, X, random_state=0, **options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    taken = time.perf_counter() - start
    explanations = result.explanations
    returned = explanations.weights.nbytes + explanations.replicates.nbytes
    returned += result.importances.nbytes + explanations.data.nbytes
    sizes = [X.nbytes, returned, peak - returned]
    return [*(f"{size / 2**20:.0f}" for size in sizes), f"{taken:.1f}"]


if __name__ == "__main__":
    main()
