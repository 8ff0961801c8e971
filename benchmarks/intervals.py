"""Do the intervals cover, and is the bias gone?

Prints two tables in markdown. Run as ``python benchmarks/intervals.py`` (about eight minutes on two
cores); ``--seeds`` takes fewer draws.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, make_friedman1
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline

from sklime import lime_importance
from sklime._statistics.aggregations import BIAS_CORRECTED, confint

LEVELS = (2, 10, 50, 200)
CONVERGED = 2**18  # model rows behind the value that intervals should cover

# Name, fitted model, table, and the columns of numbers that are categories.
Problem = tuple[str, Any, np.ndarray, list[int]]


def with_useless_columns() -> Problem:
    """Friedman #1, and columns of all kinds that the model cannot see."""
    X, y = make_friedman1(1000, n_features=5, noise=1.0, random_state=0)
    rng = np.random.default_rng(0)
    levels = [rng.integers(0, n, size=len(X)) for n in LEVELS]
    X = np.column_stack([X, rng.random(len(X)), *levels])
    seen = make_column_transformer(("passthrough", slice(0, 5)))
    model = make_pipeline(seen, HistGradientBoostingRegressor()).fit(X, y)
    return "Friedman #1 + 5 columns unseen, HistGradientBoosting", model, X, [6, 7, 8, 9]


def problems() -> Iterator[Problem]:
    X, y = make_friedman1(1000, n_features=10, noise=1.0, random_state=0)
    yield "Friedman #1, HistGradientBoosting", HistGradientBoostingRegressor().fit(X, y), X, []
    yield "Friedman #1, RandomForest", RandomForestRegressor(50, random_state=0).fit(X, y), X, []
    yield with_useless_columns()
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast_cancer, HistGradientBoosting", HistGradientBoostingClassifier().fit(X, y), X, []
    yield "breast_cancer, RandomForest", RandomForestClassifier(50, random_state=0).fit(X, y), X, []


def coverage(problem: Problem, max_samples: int | None, n_seeds: int) -> list[str]:
    """Share of the 95 % intervals that hold the converged importance, by kind of column."""
    _, model, X, categories = problem
    explain = partial(lime_importance, model, X, categorical_features=categories)
    converged = explain(max_samples=None, num_samples=CONVERGED, random_state=n_seeds)
    truth = converged.importances_mean
    hits, floors = [], []
    for seed in range(n_seeds):
        result = explain(max_samples=max_samples, random_state=seed)
        low, high = result.explanations.confint(0.95).T
        hits.append((low <= truth) & (truth <= high))
        floors.append(result.explanations.noise_floor())
    size = truth / np.mean(floors, axis=0)
    kinds = [size >= 6, (size >= 0.6) & (size < 6), size < 0.6]
    return [_summary(np.mean(hits, axis=0)[these]) for these in kinds]


def _summary(shares: np.ndarray) -> str:
    if not shares.size:
        return ""
    return f"{shares.mean():.1%} ({shares.size}: {shares.min():.0%} to {shares.max():.0%})"


def bias(aggregation: str, n_seeds: int) -> Iterator[list[str]]:
    """Importances of columns that the model cannot see, with and without the correction."""
    _, model, X, categories = with_useless_columns()
    draws = []
    for seed in range(n_seeds):
        explanations = lime_importance(
            model, X, categorical_features=categories, max_samples=200, random_state=seed
        ).explanations
        plain = explanations.importances(aggregation, bias_correction=False)
        published = explanations.estimate(aggregation)
        signed = BIAS_CORRECTED[aggregation](explanations.replicates)[:, 0]
        low = confint(published)[:, 0]
        unsure = np.where(low > 0, published.values, 0)
        draws.append([plain, signed, published.values, unsure, low])
    names = ["continuous", *(f"{n} levels" for n in LEVELS)]
    for j, name in enumerate(names, start=5):
        *estimates, low = np.array(draws)[:, :, j].T
        cells = [f"{each.mean():.4f} ({_rms(each):.4f})" for each in estimates]
        share = estimates[1].mean() / estimates[0].mean()
        yield [
            f"{aggregation}, {name}",
            *cells[:2],
            f"{share:.2f}",
            *cells[2:],
            f"{np.mean(low <= 0):.0%}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    n_seeds = parser.parse_args().seeds
    print(f"Share of {n_seeds} intervals (95 %) that hold the converged importance: mean over")
    print("columns (number of columns: least to most). Noise floor = mean |weight| by chance;")
    print("strong: at least 6 floors, weak: 0.6 to 6, null: less.\n")
    print("| problem | rows explained | strong | weak | null |\n|---|---|---|---|---|")
    for problem in problems():
        n_rows = len(problem[2])
        for max_samples in (100, None):
            cells = coverage(problem, max_samples, n_seeds)
            explained = max_samples or n_rows
            print(f"| {problem[0]} | {explained} of {n_rows} |", " | ".join(cells), "|", flush=True)
    print(f"\nImportance of a column that the model cannot see: mean over {n_seeds} seeds (rmse).")
    print(
        "`corrected` has no upward bias, and is below 0 as often as above; `published` is the same"
    )
    print("with 0 for what is below 0, `0 if unsure` where the interval holds 0.\n")
    print(
        "| column | plain | corrected | ratio | published | 0 if unsure | intervals that hold 0 |"
    )
    print("|---|---|---|---|---|---|---|")
    for aggregation in BIAS_CORRECTED:
        for row in bias(aggregation, n_seeds):
            print("| " + " | ".join(row) + " |", flush=True)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    main()
