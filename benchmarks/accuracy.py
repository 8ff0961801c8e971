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
        result = lime_importance(forest, X, values="weights", random_state=seed, **options)
        explained = result.explanations.sample_indices
        return result.explanations.weights[..., 1], result.importances_mean, explained

    def converged(width: float | str) -> np.ndarray:
        many = {"num_samples": 2**17, "max_samples": None, "kernel_width": width}
        return np.mean([run(seed, **many)[0] for seed in (1001, 1002)], axis=0)

    truths = {width: converged(width) for width in ("auto", "lime")}

    def errors(options: dict) -> tuple[float, float, float]:
        found = []
        weights = truths[options["kernel_width"]]
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
        (
            f"pooled, {n_rows} rows, width {width}",
            n_rows,
            {"num_samples": n_rows} | {"kernel_width": width},
        )
        for width in ("auto", "lime")
        for n_rows in (4096, 8192, 16384)
    ]
    each = {"engine": "lime", "max_samples": ROWS, "kernel_width": "lime"}
    rows.append(("lime, 5000 rows for each of 100", 500_000, each))
    for name, model_rows, options in rows:
        figures = " | ".join(f"{error:.3f}" for error in errors(options))
        print(f"| {name} | {model_rows} | {figures} |", flush=True)
    print("\nTo reach with 8192 rows: 0.06 for a row's weights, 0.03 for the importances.")


if __name__ == "__main__":
    main()
