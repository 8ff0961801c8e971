"""What the pooled engine tells of a model: agreement with the exact answer, pairs, variance split.

Prints tables in markdown. Run as ``python benchmarks/pooled.py``: some five minutes on two cores.
``--seeds 1`` is quicker, ``--tables agreement split`` prints some tables only. Figures are means
over seeds of data, model and pool; differences of 0.05 mean nothing.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shap
from common import show
from known_truth import margin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import lime_importance

N_ROWS = 1000

Problem = tuple[np.ndarray, np.ndarray, list[int]]  # X, y, columns that matter


def problems(seed: int) -> Iterator[tuple[str, Problem]]:
    """Tables of 20 columns (the wide one: 100), most of them useless."""
    rng = np.random.default_rng(seed)
    z, u = rng.standard_normal((N_ROWS, 20)), rng.random((N_ROWS, 20))
    noise = 0.1 * rng.standard_normal(N_ROWS)
    yield "linear", (z, z[:, :5] @ [2, 1.5, 1, 0.6, 0.3] + noise, [0, 1, 2, 3, 4])
    friedman = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2
    yield "Friedman #1", (u, friedman + 10 * u[:, 3] + 5 * u[:, 4] + noise, [0, 1, 2, 3, 4])
    yield "XOR, x0 x1 + x2 x3", (z, z[:, 0] * z[:, 1] + z[:, 2] * z[:, 3] + noise, [0, 1, 2, 3])
    signs = np.sign(z[:, 0] * z[:, 1]) + np.sign(z[:, 2] * z[:, 3])
    yield "XOR of signs", (z, signs + noise, [0, 1, 2, 3])
    yield "gated", (z, np.where(z[:, 0] > 0, z[:, 1], z[:, 2]) + noise, [0, 1, 2])
    yield "quadratic", (z, z[:, 0] ** 2 + z[:, 1] ** 2 + z[:, 2] + noise, [0, 1, 2])
    twins = z.copy()
    twins[:, 3:6] = 0.9 * z[:, :3] + np.sqrt(1 - 0.81) * z[:, 3:6]
    yield "correlated", (twins, z[:, :3] @ [2, 1.5, 1] + noise, [0, 1, 2])
    yield "correlated, product", (twins, z[:, 0] + z[:, 1] * z[:, 2] + noise, [0, 1, 2])
    binary = z.copy()
    binary[:, [1, 3]] = np.sign(z[:, [1, 3]])
    yield "binary + continuous", (binary, z[:, 0] + binary[:, 1] + noise, [0, 1])
    wide = rng.standard_normal((N_ROWS, 100))
    mixed = wide[:, 0] + wide[:, 1] + np.where(wide[:, 2] > 0, 2 * wide[:, 3], 0) + wide[:, 4] ** 2
    yield "100 columns, mixed", (wide, mixed + noise, [0, 1, 2, 3, 4])
    yield "three-way product", (z, z[:, 0] * z[:, 1] * z[:, 2] + noise, [0, 1, 2])


MODELS: dict[str, Callable[[int], Any]] = {
    "HistGradientBoosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
    "MLP": lambda seed: make_pipeline(
        StandardScaler(),
        MLPRegressor(hidden_layer_sizes=(64, 64), alpha=1, max_iter=500, random_state=seed),
    ),
}


def agreement(n_seeds: int) -> Iterator[list[Any]]:
    """Relative difference of rows' weights from the exact ones, HistGradientBoosting.

    Those are the local engine's from 491,520 model rows; at lime's width 20 rows, from 1,310,720.
    """
    yield ["problem", "width 0.4", "width 0.8", "lime's width"]
    found: dict[str, list[list[float]]] = {}
    for seed in range(n_seeds):
        for name, (X, y, _) in problems(seed):
            if X.shape[1] > 20:
                continue
            model = MODELS["HistGradientBoosting"](seed).fit(X, y)
            common = {"training_data": X, "random_state": seed, "max_samples": None}
            common["values"] = "weights"
            row = []
            for width, n_rows, exact in (
                (0.4, 60, {"engine": "local", "num_samples": 8192}),
                (0.8, 60, {"engine": "local", "num_samples": 8192}),
                ("lime", 20, {"engine": "local", "num_samples": 2**16}),
            ):
                truth, ours = (
                    lime_importance(
                        model, X[:n_rows], kernel_width=width, **options, **common
                    ).explanations.weights
                    for options in (exact, {"engine": "pooled"})
                )
                row.append(float(np.linalg.norm(ours - truth) / np.linalg.norm(truth)))
            found.setdefault(name, []).append(row)
    for name, rows in found.items():
        yield [name, *np.mean(rows, axis=0).tolist()]


def friedman_h(model: Any, X: np.ndarray) -> np.ndarray:
    """Friedman and Popescu's H (2008) of every pair, unnormalised: in units of the response."""

    def dependence(columns: list[int]) -> np.ndarray:
        rows = np.repeat(X[None], len(X), axis=0)
        rows[:, :, columns] = X[:, None, columns]
        means = model.predict(rows.reshape(-1, X.shape[1])).reshape(len(X), -1).mean(axis=1)
        return means - means.mean()

    d = X.shape[1]
    single = [dependence([j]) for j in range(d)]
    strength = np.zeros((d, d))
    for j, k in itertools.combinations(range(d), 2):
        strength[j, k] = np.std(dependence([j, k]) - single[j] - single[k])
    return strength + strength.T


def pairs(n_seeds: int) -> Iterator[list[Any]]:
    """(weakest true pair - strongest other) / strongest, on 10 columns, HistGradientBoosting."""
    yield [
        "problem",
        "true pairs",
        "pooled",
        "SHAP interaction values",
        "Friedman's H",
        "seconds",
    ]
    true = {"Friedman #1": {(0, 1)}, "XOR of signs": {(0, 1), (2, 3)}, "gated": {(0, 1), (0, 2)}}
    found: dict[str, list[list[float]]] = {}
    seconds: dict[str, list[list[float]]] = {}
    for seed in range(n_seeds):
        for name, (X, y, _) in problems(seed):
            if name not in true:
                continue
            X = X[:, :10]
            model = MODELS["HistGradientBoosting"](seed).fit(X, y)
            watch = [time.perf_counter()]
            explained = lime_importance(model, X, random_state=seed)
            strengths = [explained.explanations.interactions.strength]
            watch.append(time.perf_counter())
            values = shap.TreeExplainer(model).shap_interaction_values(X[:200])
            strengths.append(np.abs(values).mean(axis=0))
            watch.append(time.perf_counter())
            strengths.append(friedman_h(model, X[:50]))
            watch.append(time.perf_counter())
            every = list(itertools.combinations(range(10), 2))
            index = [every.index(pair) for pair in true[name]]
            flat = [np.array([s[pair] for pair in every]) for s in strengths]
            found.setdefault(name, []).append([margin(s, index) for s in flat])
            seconds.setdefault(name, []).append(np.diff(watch).tolist())
    for name, rows in found.items():
        yield [
            name,
            ", ".join(f"x{j} x{k}" for j, k in sorted(true[name])),
            *(f"{value:.2f}" for value in np.mean(rows, axis=0)),
            " / ".join(f"{value:.2f}" for value in np.mean(seconds[name], axis=0)),
        ]


def split(n_seeds: int) -> Iterator[list[Any]]:
    """Shares of the model's variance over the pool."""
    yield ["problem", "model", "main", "pairs", "higher", "within bins"]
    found: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(n_seeds):
        for (name, (X, y, _)), kind in itertools.product(
            problems(seed), ("HistGradientBoosting", "MLP")
        ):
            model = MODELS[kind](seed).fit(X, y)
            result = lime_importance(model, X, random_state=seed)
            shares = result.explanations.interactions.shares.values()
            found.setdefault((name, kind), []).append([share[0] for share in shares])
    for (name, kind), rows in found.items():
        yield [name, kind, *(f"{value:.2f}" for value in np.mean(rows, axis=0))]


TABLES: dict[str, Callable[[int], Iterator[list[Any]]]] = {
    "agreement": agreement,
    "pairs": pairs,
    "split": split,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # models that stop early, and low fidelity, which is the point
    for name in arguments.tables:
        print(f"\n### {name}\n\n{(TABLES[name].__doc__ or '').strip()}\n")
        rows = TABLES[name](arguments.seeds)
        show(next(rows), rows)


if __name__ == "__main__":
    main()
