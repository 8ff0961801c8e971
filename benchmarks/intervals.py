"""Do the intervals cover, and is the bias gone?

Prints tables in markdown. Run as ``python benchmarks/intervals.py`` (some fifteen minutes on two
cores); ``--seeds`` takes fewer draws, ``--tables exact`` prints some tables only.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from common import show
from hard_tables import CONTRIBUTIONS, Additive, Ids
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

LEVELS = (2, 10, 50, 200)
CONVERGED = 2**18  # model rows behind the value that intervals should cover

# Name, fitted model, table, and the columns of numbers that are categories.
Problem = tuple[str, Any, np.ndarray, list[int]]
Rows = Iterator[list[Any]]


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


def converged(n_seeds: int) -> Rows:
    """95 % intervals that hold the importance from 262,144 model rows and all rows explained.

    Mean over columns (number of columns: least to most). Noise: the mean standard error.
    Strong: at least 6 times the noise, weak: 0.6 to 6, null: less.
    """
    yield ["problem", "width", "rows explained", "strong", "weak", "null"]
    for (name, model, X, categories), width in product(problems(), ("auto", "lime")):
        explain = partial(
            lime_importance, model, X, categorical_features=categories, kernel_width=width
        )
        truth = explain(
            max_samples=None, num_samples=CONVERGED, random_state=n_seeds
        ).importances_mean
        for max_samples in (100, None):
            hits, errors = [], []
            for seed in range(n_seeds):
                result = explain(max_samples=max_samples, random_state=seed)
                low, high = result.explanations.estimate().confint(0.95).T
                hits.append((low <= truth) & (truth <= high))
                errors.append(result.importances_sem)
            size = truth / np.maximum(np.mean(errors, axis=0), 1e-300)
            kinds = [size >= 6, (size >= 0.6) & (size < 6), size < 0.6]
            cells = [_summary(np.mean(hits, axis=0)[these]) for these in kinds]
            yield [name, width, f"{max_samples or len(X)} of {len(X)}", *cells]


def exact(n_seeds: int) -> Rows:
    """95 % intervals that hold the truth by formula.

    Tables of levels of 0.05 to 1 % of the rows under known main effects and pairs, a new table each
    seed; and a column of 5,000 levels beside a number.
    """
    yield ["problem", "rows explained", "used columns", "columns without effect"]
    for d in (10, 40):
        for max_samples in (200, None):
            used, null = [], []
            for seed in range(n_seeds):
                model = Additive(np.random.default_rng(seed), 2000, d)
                result = lime_importance(
                    model,
                    model.X,
                    values=CONTRIBUTIONS,
                    max_samples=max_samples,
                    random_state=seed,
                )
                width = result.explanations.kernel_width
                truth = np.abs(model.contributions(model.codes(model.X), width)).mean(axis=0)
                low, high = result.explanations.estimate().confint(0.95).T
                hit = (low <= truth) & (truth <= high)
                used.append(hit[truth > 0].mean())
                null.append(hit[truth == 0].mean())
            cells = [f"{np.mean(each):.1%}" for each in (used, null)]
            yield [f"rare levels, d={d}", f"{max_samples or 2000} of 2000", *cells]
    problem = Ids(5000)
    for max_samples in (200, 1000):
        hits = []
        for seed in range(n_seeds):
            result = lime_importance(
                problem, problem.X, values=CONTRIBUTIONS, max_samples=max_samples, random_state=seed
            )
            low, high = result.explanations.estimate().confint(0.95)[0]
            hits.append(low <= problem.truth <= high)
        yield ["5,000 levels", f"{max_samples} of 5000", f"{np.mean(hits):.1%}", ""]


def bias(n_seeds: int) -> Rows:
    """Importance of a column that the model cannot see: mean over seeds (root of mean square)."""
    yield [
        "aggregation, column",
        "plain",
        "as published",
        "share of plain",
        "intervals that hold 0",
    ]
    _, model, X, categories = with_useless_columns()
    names = ["continuous", *(f"{n} levels" for n in LEVELS)]
    for aggregation in ("mean_abs", "rms"):
        plain, published, held = [], [], []
        for seed in range(n_seeds):
            result = lime_importance(
                model,
                X,
                categorical_features=categories,
                max_samples=200,
                aggregation=aggregation,
                random_state=seed,
            )
            plain.append(result.explanations.estimate(aggregation, bias_correction=False).values)
            published.append(result.importances_mean)
            held.append(result.explanations.estimate().confint(0.95)[:, 0] <= 0)
        for j, name in enumerate(names, start=5):
            cells = [np.array(each)[:, j] for each in (plain, published)]
            yield [
                f"{aggregation}, {name}",
                *(f"{each.mean():.5f} ({np.sqrt(np.mean(each**2)):.5f})" for each in cells),
                f"{cells[1].mean() / max(cells[0].mean(), 1e-300):.2f}",
                f"{np.mean(np.array(held)[:, j]):.0%}",
            ]


def _summary(shares: np.ndarray) -> str:
    if not shares.size:
        return ""
    return f"{shares.mean():.1%} ({shares.size}: {shares.min():.0%} to {shares.max():.0%})"


TABLES: dict[str, Callable[[int], Rows]] = {"converged": converged, "exact": exact, "bias": bias}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{arguments.seeds} seeds.")
    for name in arguments.tables:
        print(f"\n### {name}\n\n{TABLES[name].__doc__}".replace("\n    ", "\n"))
        rows = TABLES[name](arguments.seeds)
        show(next(rows), rows)


if __name__ == "__main__":
    main()
