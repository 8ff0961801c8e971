"""Do two seeds give the same ranking? This package at its default, and lime itself.

Prints a table in markdown. Run as ``python benchmarks/stability.py`` (under three minutes on two
cores); ``--seeds`` takes fewer draws.

The model and the rows explained are the same for all seeds, so that only the neighbourhood
differs. lime runs as it is: ``LimeTabularExplainer`` with its own discretizer and 5000 samples for
each row; its importance is the mean size of its weights over the classes and those rows, as the
accepted answer on stats.stackexchange.com (question 317231) does. Its pools are 50,000 model rows
in all, so this package is run with 65,536 as well as with its default of 8192.

A ranking can agree over seeds and be wrong: the noise of a pool gives useless columns weights too,
by their numbers of levels, and the same ones each time. So the last columns compare with the
converged importances of the same rows and the same width.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from lime.lime_tabular import LimeTabularExplainer
from scipy.stats import spearmanr
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from sklime import importance_stability, lime_importance

N_EXPLAINED = 10  # rows; lime pays for each of them
N_TREES = 30
CONVERGED = 2**18  # model rows

DATA: dict[str, tuple[Callable[..., Any], Any]] = {
    "breast_cancer": (load_breast_cancer, RandomForestClassifier),
    "wine": (load_wine, RandomForestClassifier),
    "diabetes": (load_diabetes, RandomForestRegressor),
    "digits": (load_digits, RandomForestClassifier),
}


AS_LIME = {"kernel_width": "lime", "values": "weights"}


def ours(model: Any, X: np.ndarray, rows: np.ndarray, seed: int, **options: Any) -> np.ndarray:
    """Importances by this package."""
    return lime_importance(
        model,
        X[rows],
        training_data=X,
        max_samples=None,
        random_state=seed,
        **options,
    ).importances_mean


def stock_lime(model: Any, X: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """Mean |weight| over rows and classes from the lime package alone."""
    mode = "classification" if is_classifier(model) else "regression"
    explainer = LimeTabularExplainer(X, mode=mode, random_state=seed)
    labels = range(len(model.classes_)) if is_classifier(model) else [1]
    answer = model.predict_proba if is_classifier(model) else model.predict
    sizes = np.zeros((len(rows), X.shape[1]))
    for size, row in zip(sizes, X[rows], strict=True):
        explanation = explainer.explain_instance(
            row, answer, labels=labels, num_features=X.shape[1]
        )
        for weights in explanation.as_map().values():
            for column, weight in weights:
                size[column] += abs(weight) / len(labels)
    return sizes.mean(axis=0)


def compare(name: str, n_seeds: int) -> list[str]:
    """Rows of the table for one data set."""
    load, kind = DATA[name]
    X, y = load(return_X_y=True)
    model = kind(N_TREES, random_state=0).fit(X, y)
    rows = np.random.default_rng(0).choice(len(X), N_EXPLAINED, replace=False)
    k = max(3, X.shape[1] // 6)
    methods: dict[str, Callable[[int], np.ndarray]] = {
        f"lime, {N_EXPLAINED} x 5000": lambda seed: stock_lime(model, X, rows, seed),
        "sklime, lime's width, weights, 65,536": lambda seed: ours(
            model, X, rows, seed, num_samples=2**16, **AS_LIME
        ),
        "sklime, default": lambda seed: ours(model, X, rows, seed),
        "sklime, default, 65,536": lambda seed: ours(model, X, rows, seed, num_samples=2**16),
    }
    like_lime = ours(model, X, rows, n_seeds, num_samples=CONVERGED, **AS_LIME)
    by_default = ours(model, X, rows, n_seeds, num_samples=CONVERGED)
    lines = []
    for method, importances in methods.items():
        start = time.perf_counter()
        runs = np.array([importances(seed) for seed in range(n_seeds)])
        seconds = (time.perf_counter() - start) / n_seeds
        stability = importance_stability(runs, k=k)
        figures = [stability.spearman, stability.kendall, stability.nogueira, stability.jaccard]
        figures += _against(runs, by_default if "default" in method else like_lime, k)
        cells = [name, method, str(k), *(f"{figure:.3f}" for figure in figures), f"{seconds:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _against(runs: np.ndarray, converged: np.ndarray, k: int) -> list[float]:
    """Spearman, and share of the k best columns, against the converged importances; means."""
    best = np.argsort(-converged, kind="stable")[:k]
    shares = [np.isin(np.argsort(-run, kind="stable")[:k], best).mean() for run in runs]
    return [float(np.mean([spearmanr(run, converged)[0] for run in runs])), float(np.mean(shares))]


def main(n_seeds: int = 5) -> str:
    """The table in markdown."""
    headings = ["data", "method, model rows", "k", "Spearman", "Kendall", "Nogueira", "Jaccard"]
    headings += ["Spearman, to converged", "of the k best, found", "seconds a seed"]
    lines = [
        f"Agreement of {n_seeds} seeds on the importances of {N_EXPLAINED} rows, means over pairs",
        f"(RandomForest({N_TREES}); Nogueira and Jaccard of the k best columns), and agreement",
        f"with {CONVERGED:,} model rows.",
        "",
        "| " + " | ".join(headings) + " |",
        "|---" * len(headings) + "|",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in DATA:
            lines += compare(name, n_seeds)
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    print(main(parser.parse_args().seeds))
