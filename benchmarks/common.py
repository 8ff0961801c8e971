"""What the benchmarks share: a cache of slow steps that are not ours, tables, time."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import joblib
import numpy as np

# Fitted models and the peers' rankings are kept in the folder that this variable names, if any, so
# that only this package's part is repeated.
memory = joblib.Memory(os.environ.get("BENCHMARK_CACHE"), verbose=0)


class Counted:
    """A model that counts the rows it is asked about."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.n_rows = 0

    def predict(self, X: Any) -> np.ndarray:
        self.n_rows += X.shape[0]
        return self.model.predict(X)


def show(headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table in markdown, each row as soon as it is there."""
    headings = list(headings)
    print("| " + " | ".join(headings) + " |")
    print("|---" * len(headings) + "|", flush=True)
    for row in rows:
        print("| " + " | ".join(map(text, row)) + " |", flush=True)


def text(cell: Any) -> str:
    """Three significant digits of a number."""
    if isinstance(cell, float):
        return f"{cell:.0f}" if 1000 <= abs(cell) < 1e6 else f"{cell:.3g}"
    return str(cell)


def seconds(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def by_turns(
    ours: Callable[[], Any], peer: Callable[[], Any], runs: int = 5, scale: float = 1.0
) -> tuple[list[float], float]:
    """Ratios of the peer's seconds (times scale) to ours, taken in turns; our median seconds."""
    ours()
    own, other = [], []
    for _ in range(runs):
        own.append(seconds(ours))
        other.append(seconds(peer) * scale)
    return [b / a for a, b in zip(own, other, strict=True)], float(np.median(own))
