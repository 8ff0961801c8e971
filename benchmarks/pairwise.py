"""What the pairwise engine sees, and at what cost: margins, agreement, pairs, variance split.

Prints tables in markdown. Run as ``python benchmarks/pairwise.py``: some ten minutes on two cores.
``--seeds 1`` is quicker, ``--tables margins cost`` prints some tables only.

A margin is (smallest true importance - largest useless one) / largest; above 0 every true column
ranks above every useless one. Figures are means over seeds of data, model and pool; differences of
0.05 mean nothing.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shap
from selection import margin, mean_abs_shap
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sklime import lime_importance

WIDTH = 0.4
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
    "RandomForest": lambda seed: RandomForestRegressor(100, n_jobs=2, random_state=seed),
    "HistGradientBoosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
    "MLP": lambda seed: make_pipeline(
        StandardScaler(),
        MLPRegressor(hidden_layer_sizes=(64, 64), alpha=1, max_iter=500, random_state=seed),
    ),
    "SVM": lambda _: make_pipeline(StandardScaler(), SVR(C=10)),
}


def margins(n_seeds: int) -> Iterator[list[str]]:
    """Margins of mean |weight| (or contribution), beside two measures of model importance."""
    yield [
        "problem",
        "model",
        "default width, shared",
        "width 0.4, weights",
        "width 0.4, contributions",
        "permutation",
        "mean SHAP",
        "seconds: pairwise",
        "permutation",
    ]
    tables = [dict(problems(seed)) for seed in range(n_seeds)]
    for name, kind in itertools.product(tables[0], MODELS):
        rows = [_margins_of(tables[seed][name], kind, seed) for seed in range(n_seeds)]
        yield [name, kind, *(f"{x:.2f}" for x in np.mean(rows, axis=0))]


def _margins_of(problem: Problem, kind: str, seed: int) -> list[float]:
    X, y, true = problem
    model = MODELS[kind](seed).fit(X, y)
    narrow = {"engine": "pairwise", "kernel_width": WIDTH, "random_state": seed}
    start = time.perf_counter()
    weights = lime_importance(model, X, **narrow)
    between = time.perf_counter()
    permuted = permutation_importance(model, X, y, n_repeats=2, max_samples=500, random_state=seed)
    seconds = [between - start, time.perf_counter() - between]
    importances = [
        lime_importance(model, X, engine="shared", random_state=seed).importances_mean,
        weights.importances_mean,
        lime_importance(model, X, values="contributions", **narrow).importances_mean,
        permuted.importances_mean,
        mean_abs_shap(model, X, X),
    ]
    return [margin(importance, true) for importance in importances] + seconds


def agreement(n_seeds: int) -> Iterator[list[str]]:
    """Relative difference of 60 rows' weights from those of the local engine, 491,520 rows."""
    yield ["problem (HistGradientBoosting)", "width 0.4", "width 0.8", "default width, to shared"]
    found: dict[str, list[list[float]]] = {}
    for seed in range(n_seeds):
        for name, (X, y, _) in problems(seed):
            if X.shape[1] > 20:
                continue
            model = MODELS["HistGradientBoosting"](seed).fit(X, y)
            common = {"training_data": X, "random_state": seed, "max_samples": None}
            row = []
            for width, engine, m in (
                (0.4, "local", 8192),
                (0.8, "local", 8192),
                (None, "shared", 2**16),
            ):
                exact, ours = (
                    lime_importance(model, X[:60], kernel_width=width, **options, **common)
                    for options in ({"engine": engine, "num_samples": m}, {"engine": "pairwise"})
                )
                exact, ours = exact.explanations.weights, ours.explanations.weights
                row.append(np.linalg.norm(ours - exact) / np.linalg.norm(exact))
            found.setdefault(name, []).append(row)
    for name, rows in found.items():
        yield [name, *(f"{value:.3f}" for value in np.mean(rows, axis=0))]


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


def pairs(n_seeds: int) -> Iterator[list[str]]:
    """(weakest true pair - strongest other) / strongest, on 10 columns, HistGradientBoosting."""
    yield [
        "problem",
        "true pairs",
        "pairwise",
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
            explained = lime_importance(model, X, engine="pairwise", random_state=seed)
            strengths = [explained.explanations.interactions]
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


def split(n_seeds: int) -> Iterator[list[str]]:
    """Shares of the model's variance over the pool."""
    yield ["problem", "model", "main", "pairs", "higher", "within bins"]
    found: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(n_seeds):
        for (name, (X, y, _)), kind in itertools.product(
            problems(seed), ("HistGradientBoosting", "MLP")
        ):
            model = MODELS[kind](seed).fit(X, y)
            result = lime_importance(model, X, engine="pairwise", random_state=seed)
            shares = result.explanations.variance_shares.values()
            found.setdefault((name, kind), []).append([share[0] for share in shares])
    for (name, kind), rows in found.items():
        yield [name, kind, *(f"{value:.2f}" for value in np.mean(rows, axis=0))]


def cost(n_seeds: int) -> Iterator[list[str]]:
    """Seconds for 1000 rows and RandomForest(100): medians of ours, one run of each peer."""
    yield [
        "columns",
        "shared",
        "pairwise",
        "pairwise / shared",
        "permutation (5)",
        "TreeExplainer, 100 rows",
        "TreeExplainer interactions, a row",
    ]
    for d in (30, 300, 2000):
        X, y = make_regression(N_ROWS, d, n_informative=10, random_state=0)
        model = RandomForestRegressor(100, max_features=1 / 3, n_jobs=2, random_state=0).fit(X, y)
        jobs = _jobs(model, X, y)
        if d > 300:
            jobs = dict(itertools.islice(jobs.items(), 2))
        runs = {"shared": n_seeds, "pairwise": n_seeds}
        median = {
            name: float(np.median([_seconds(job) for _ in range(runs.get(name, 1))]))
            for name, job in jobs.items()
        }
        ratio = median["pairwise"] / median["shared"]
        own = [f"{median['shared']:.2f}", f"{median['pairwise']:.2f}", f"{ratio:.1f}"]
        peers = [f"{median[name]:.2f}" if name in median else "" for name in PEERS]
        yield [str(d), *own, *peers]


PEERS = ("permutation", "values", "interactions")


def _jobs(model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    explainer = shap.TreeExplainer(model)
    return {
        "shared": lambda: lime_importance(model, X, engine="shared", random_state=0),
        "pairwise": lambda: lime_importance(model, X, engine="pairwise", random_state=0),
        "permutation": lambda: permutation_importance(model, X, y, random_state=0),
        "values": lambda: explainer.shap_values(X[:100]),
        "interactions": lambda: explainer.shap_interaction_values(X[:1]),
    }


def _seconds(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


TABLES: dict[str, Callable[[int], Iterator[list[str]]]] = {
    "margins": margins,
    "agreement": agreement,
    "pairs": pairs,
    "split": split,
    "cost": cost,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # models that stop early, and low fidelity, which is the point
    for name in arguments.tables:
        print(f"\n### {name}\n\n{(TABLES[name].__doc__ or '').strip()}\n")
        for i, row in enumerate(TABLES[name](arguments.seeds)):
            print("| " + " | ".join(row) + " |", flush=True)
            if i == 0:
                print("|" + "---|" * len(row))


if __name__ == "__main__":
    main()
