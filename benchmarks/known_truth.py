"""Small tables of which the useful columns are known, and the rankings of others there."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import shap
from common import memory
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

FOREST = "RandomForest"
MODELS = (FOREST, "HistGradientBoosting", "MLP", "SVM")
N_ROWS, N_COLUMNS, N_TRAIN = 900, 16, 600
N_SHADOWS = 5

# X, y, columns that matter, columns of numbers that are categories.
Problem = tuple[np.ndarray, np.ndarray, list[int], list[int]]


def problems(seed: int) -> Iterator[tuple[str, Problem]]:
    """Regression tables of 16 columns (the wide one: 100), most of them useless."""
    rng = np.random.default_rng(seed)
    z, u = rng.standard_normal((N_ROWS, N_COLUMNS)), rng.random((N_ROWS, N_COLUMNS))
    noise = 0.3 * rng.standard_normal(N_ROWS)
    yield "linear", (z, z[:, :5] @ [2, 1.5, 1, 0.6, 0.3] + noise, [0, 1, 2, 3, 4], [])
    friedman = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2
    friedman += 10 * u[:, 3] + 5 * u[:, 4] + 3 * noise
    yield "Friedman #1", (u, friedman, [0, 1, 2, 3, 4], [])
    xor = np.sign(z[:, 0] * z[:, 1]) + np.sign(z[:, 2] * z[:, 3])
    yield "XOR", (z, xor + noise, [0, 1, 2, 3], [])
    quadratic = z[:, 0] ** 2 + z[:, 1] ** 2 + z[:, 2]
    yield "quadratic", (z, quadratic + noise, [0, 1, 2], [])
    yield "gated", (z, np.where(z[:, 0] > 0, z[:, 1], z[:, 2]) + noise, [0, 1, 2], [])
    twins = z.copy()
    twins[:, 3:6] = 0.9 * z[:, :3] + np.sqrt(1 - 0.81) * z[:, 3:6]
    correlated = z[:, 0] + z[:, 1] + z[:, 1] * z[:, 2]
    yield "correlated", (twins, correlated + noise, [0, 1, 2], [])
    mixed = z.copy()
    mixed[:, 1::2] = np.sign(z[:, 1::2])
    target = z[:, 0] + 0.3 * mixed[:, 1] + 0.5 * z[:, 2] + 0.3 * mixed[:, 3]
    yield "binary + continuous", (mixed, target + noise, [0, 1, 2, 3], [])
    levels = np.array([2, 2, 2, 10, 50, 200, 2, 10, 50, 200, 2, 10])
    wide = np.column_stack([z[:, :4], rng.integers(0, levels, size=(N_ROWS, len(levels)))])
    target = 0.5 * wide[:, 0] + 0.4 * wide[:, 4] + 0.4 * wide[:, 5] + 0.4 * (wide[:, 7] > 4)
    yield "many levels", (wide, target + noise, [0, 4, 5, 7], list(range(4, N_COLUMNS)))
    yield "three-way product", (z, z[:, 0] * z[:, 1] * z[:, 2] + z[:, 3] + noise, [0, 1, 2, 3], [])
    many = rng.standard_normal((N_ROWS, 100))
    target = many[:, 0] + many[:, 1] + np.where(many[:, 2] > 0, 2 * many[:, 3], 0)
    yield "100 columns, mixed", (many, target + many[:, 4] ** 2 + noise, [0, 1, 2, 3, 4], [])


PROBLEMS = tuple(name for name, _ in problems(0))


def make_model(kind: str, seed: int) -> Any:
    if kind == FOREST:
        return RandomForestRegressor(50, random_state=seed)
    if kind == "HistGradientBoosting":
        return HistGradientBoostingRegressor(random_state=seed)
    network = MLPRegressor(hidden_layer_sizes=64, alpha=1e-2, max_iter=300, random_state=seed)
    return make_pipeline(StandardScaler(), network if kind == "MLP" else SVR(C=10))


@memory.cache
def fitted(name: str, seed: int, kind: str) -> Any:
    X, y, _, _ = dict(problems(seed))[name]
    return make_model(kind, seed).fit(X[:N_TRAIN], y[:N_TRAIN])


@memory.cache
def rivals(name: str, seed: int, kind: str) -> dict[str, np.ndarray]:
    """Importances by others, from held-out rows."""
    X, y, _, _ = dict(problems(seed))[name]
    model = fitted(name, seed, kind)
    found = {
        "permutation importance": permutation_importance(
            model, X[N_TRAIN:], y[N_TRAIN:], n_repeats=5, random_state=0
        ).importances_mean,
        "mean SHAP": mean_abs_shap(model, X[:N_TRAIN], X[N_TRAIN:]),
    }
    if kind == FOREST:
        found["impurity"] = model.feature_importances_
        found["shadow columns"] = shadow_importances(model, X[:N_TRAIN], y[:N_TRAIN], seed)
    return found


def mean_abs_shap(model: Any, X: np.ndarray, X_test: np.ndarray) -> np.ndarray:
    """Mean |SHAP| over rows: 100 rows for trees by path, else 20 rows by sampling."""
    if not hasattr(model, "steps"):
        values = shap.TreeExplainer(model).shap_values(X_test[:100], check_additivity=False)
    else:
        masker = shap.maskers.Independent(X, max_samples=20)
        explainer = shap.PermutationExplainer(model.predict, masker, seed=0)
        one_permutation = 2 * X.shape[1] + 1
        values = explainer(X_test[:20], max_evals=one_permutation, silent=True).values
    return np.abs(values).mean(axis=0)


def shadow_importances(model: Any, X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """As Boruta: impurity importances over that of the best of as many shuffled columns."""
    rng = np.random.default_rng(seed)
    ratios = []
    for _ in range(N_SHADOWS):
        shadows = rng.permuted(X, axis=0)
        found = clone(model).fit(np.hstack([X, shadows]), y).feature_importances_
        real, chance = np.split(found, 2)
        ratios.append(real / chance.max())
    return np.mean(ratios, axis=0)


def margin(importances: np.ndarray, true: list[int]) -> float:
    """(smallest importance that matters - largest useless one) / largest."""
    useless = np.delete(importances, true)
    return float((importances[true].min() - useless.max()) / importances.max())


def area(importances: np.ndarray, true: list[int]) -> float:
    return float(roc_auc_score(np.isin(np.arange(len(importances)), true), importances))
