"""What helps the pairwise engine and what does not: one choice undone, or another one made.

Prints a table in markdown. Run as ``python benchmarks/ablation.py``: some five minutes on two
cores. The error is that of the weights at width 0.4, relative to those of a fit to 2^17 rows: what
the estimate from 8192 rows adds, not what the third order leaves out.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import numpy as np
from pairwise import MODELS, WIDTH, problems
from scipy.stats import qmc

from sklime import lime_importance
from sklime._anova import fit
from sklime._anova import tally as _tally
from sklime._anova.terms import Rows
from sklime._engines import engines as _engines

SEEDS = 2
SKIPPED = {"100 columns, mixed"}
PRIME = 43  # an orthogonal array of strength 2 has the square of a prime number of rows
draw = _engines.uniform_batches


def prototype_shares(counts: np.ndarray, freedoms: np.ndarray) -> np.ndarray:
    """Shrinkage of each table by itself, by twice the noise that it has."""
    return np.broadcast_to(np.maximum(0, 1 - 2 / _tally.RATIOS), counts.shape)


def another_design(make: Callable[..., qmc.QMCEngine]) -> Callable[..., Iterator[np.ndarray]]:
    """Rows for pairs from a design instead of at random."""

    def batches(
        n_features: int, n_replicates: int, rows: range, most: int, seed: int, *, sobol: bool = True
    ) -> Iterator[np.ndarray]:
        if sobol:
            return draw(n_features, n_replicates, rows, most, seed)
        generators = np.random.default_rng([seed, 1]).spawn(n_replicates)
        return (make(n_features, rng).random(len(rows)).T for rng in generators)

    return batches


def orthogonal_array(d: int, rng: np.random.Generator) -> "Permuted":
    return Permuted(qmc.LatinHypercube(d, strength=2, rng=rng), rng)


class Permuted:
    """The first rows of a design of PRIME^2 rows, in random order."""

    def __init__(self, design: qmc.QMCEngine, rng: np.random.Generator) -> None:
        self._design, self._rng = design, rng

    def random(self, n: int) -> np.ndarray:
        return self._rng.permutation(self._design.random(PRIME**2))[:n]


def variants() -> Iterator[tuple[str, AbstractContextManager[Any]]]:
    yield "as it is", nullcontext()
    yield (
        "each table shrunk by itself, 1 - 2 noise / total",
        patch.object(_tally, "signal_shares", prototype_shares),
    )
    yield "pairs fitted to the random rows only", patch.object(Rows, "all", random_rows)
    yield "pairs searched for once, not twice", patch.object(fit, "SEARCHES", (2, 3))
    yield "no triples", patch.object(fit, "SEARCHES", (2, 2))
    for name, make in {
        "Latin hypercube": lambda d, rng: qmc.LatinHypercube(d, rng=rng),
        "orthogonal array": orthogonal_array,
        "Sobol'": lambda d, rng: qmc.Sobol(d, rng=rng),
    }.items():
        design = another_design(make)
        yield f"rows for pairs: {name}", patch.object(_engines, "uniform_batches", design)


random_rows = property(lambda rows: rows.random)


def errors() -> Iterator[tuple[str, dict[str, list[float]]]]:
    """For each problem, the relative errors of every variant."""
    options = {"engine": "pairwise", "kernel_width": WIDTH, "max_samples": 100}
    for seed in range(SEEDS):
        for name, (X, y, _) in problems(seed):
            if name in SKIPPED:
                continue
            model = MODELS["HistGradientBoosting"](seed).fit(X, y)

            def weights(model=model, X=X, seed=seed, **more: int) -> np.ndarray:
                explained = lime_importance(model, X, random_state=seed, **options, **more)
                return explained.explanations.weights

            exact = weights(num_samples=2**17)
            found = {}
            for variant, changed in variants():
                with changed:
                    difference = weights() - exact
                found[variant] = np.linalg.norm(difference) / np.linalg.norm(exact)
            yield name, found


def main() -> None:
    warnings.simplefilter("ignore")  # higher orders, designs of any number of rows
    by_problem: dict[str, list[dict[str, float]]] = {}
    for name, found in errors():
        by_problem.setdefault(name, []).append(found)
    print("\n### what helps\n\nRelative error of the weights at width 0.4, HistGradientBoosting;")
    print(f"means over {SEEDS} seeds of data, model and pool.\n")
    print("| variant | " + " | ".join(by_problem) + " | mean |")
    print("|" + "---|" * (len(by_problem) + 2))
    for variant, _ in variants():
        means = [np.mean([found[variant] for found in rows]) for rows in by_problem.values()]
        cells = [f"{value:.3f}" for value in [*means, np.mean(means)]]
        print(f"| {variant} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
