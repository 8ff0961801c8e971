"""Errors of weights and importances against a converged reference, beside lime's.

Prints a table in markdown. Run as ``python benchmarks/accuracy.py``: some two minutes on two cores.
The reference is the mean of two pools of 2^17 rows; errors are relative, in Euclidean norm.
"""

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from sklime import lime_importance

SEEDS = range(10)
ROWS = 100


def main() -> None:
    warnings.simplefilter("ignore")
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)

    def run(seed: int, **options):
        result = lime_importance(forest, X, random_state=seed, **options)
        explained = result.explanations.sample_indices
        return result.explanations.weights[..., 1], result.importances_mean, explained

    wide = [run(seed, num_samples=2**17, max_samples=None) for seed in (1001, 1002)]
    weights = np.mean([w for w, _, _ in wide], axis=0)

    def errors(options: dict) -> tuple[float, float, float]:
        found = []
        for seed in SEEDS if options.get("engine") != "lime" else range(2):
            own, importances, rows = run(seed, **options)
            true = weights[rows]
            size = np.abs(true).mean(axis=0)
            found.append(
                (
                    np.linalg.norm(own - true) / np.linalg.norm(true),
                    np.linalg.norm(np.abs(own).mean(axis=0) - size) / np.linalg.norm(size),
                    np.linalg.norm(importances - size) / np.linalg.norm(size),
                )
            )
        return tuple(np.mean(found, axis=0))

    print("\n### accuracy\n")
    print("breast_cancer, RandomForest(100); means over ten seeds, two for lime.\n")
    print("| neighbourhood | model rows | a row's weights | mean abs | bias-corrected |")
    print("|---|---|---|---|---|")
    rows = [
        ("shared, 4 x 1024", 4096, {"num_samples": 4096}),
        ("shared, 4 x 2048 (default)", 8192, {}),
        ("shared, 4 x 4096", 16384, {"num_samples": 16384}),
        ("pairwise, default width", 8192, {"engine": "pairwise"}),
        ("lime, 5000 rows for each of 100", 500000, {"engine": "lime", "max_samples": ROWS}),
    ]
    for name, model_rows, options in rows:
        figures = " | ".join(f"{error:.3f}" for error in errors(options))
        print(f"| {name} | {model_rows} | {figures} |", flush=True)
    print("\nTo reach: 0.06 for a row's weights, 0.03 for the importances.")


if __name__ == "__main__":
    main()
