"""Tables with known useful columns, and models that overfit them, for the study of the loss."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

N_FOLDS = 5
N_USEFUL = 5
BLOCK = 5  # columns of a block, one of which is useful
CORRELATION = 0.7  # of any two of them
MODELS = ("linear", "RandomForest", "HistGradientBoosting", "MLP")


class Case(NamedTuple):
    """What decides a table and its model."""

    task: str  # "classification" or "regression"
    kind: str  # "independent", "blocks", "mixed", "noise", "products" or "block products"
    n: int
    d: int
    seed: int
    model: str = ""


class Problem(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    useful: list[int]
    categories: list[int]


def problem(case: Case) -> Problem:
    """Five useful columns: two by themselves, one by a step, two by their product.

    "products": eight, two by themselves and three pairs by their products.
    """
    rng = np.random.default_rng([case.seed, case.n, case.d])
    z = rng.standard_normal((case.n, case.d))
    useful, categories = list(range(N_USEFUL)), []
    if case.kind.endswith("products"):
        useful = list(range(N_USEFUL + 3))
    if case.kind.startswith("block"):
        common = np.repeat(rng.standard_normal((case.n, case.d // BLOCK)), BLOCK, axis=1)
        z = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * z
        useful = [BLOCK * j for j in useful]
    a, b, c, e, f = z[:, useful[:N_USEFUL]].T
    if case.kind == "mixed":
        categories = list(range(1, case.d, 2))
        for j in categories:
            chances = rng.dirichlet(np.ones(rng.integers(2, 13)))
            z[:, j] = rng.choice(len(chances), size=case.n, p=chances)
        levels = np.array([rng.permutation(np.linspace(-1.7, 1.7, 12)) for _ in range(2)])
        b, e = levels[0][z[:, 1].astype(int)], levels[1][z[:, 3].astype(int)]
    signal = a + 0.8 * b + np.sign(c) + e * f
    if case.kind.endswith("products"):
        g, h, k = z[:, useful[N_USEFUL:]].T
        signal = a + b + c * e + f * g + h * k
    if case.kind == "noise":
        signal, useful = np.zeros(case.n), []
    if case.task == "regression":
        y = signal + rng.standard_normal(case.n)
    else:
        y = (rng.random(case.n) < expit(2 * signal)).astype(int)
    return Problem(z, y, useful, categories)


def make_model(case: Case, categories: list[int]) -> Any:
    """An unfitted model; categories go in as one-hot columns where a model wants numbers."""
    classifier = case.task == "classification"
    seed = case.seed
    if case.model == "RandomForest":
        kind = RandomForestClassifier if classifier else RandomForestRegressor
        return kind(30, max_features="sqrt" if classifier else 1 / 3, random_state=seed)
    if case.model == "HistGradientBoosting":
        kind = HistGradientBoostingClassifier if classifier else HistGradientBoostingRegressor
        return kind(max_iter=30, categorical_features=categories or None, random_state=seed)
    prepare = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        remainder=StandardScaler(),
    )
    if case.model == "linear":
        last = LogisticRegression(max_iter=1000) if classifier else Ridge()
    else:
        kind = MLPClassifier if classifier else MLPRegressor
        last = kind(hidden_layer_sizes=32, alpha=0.1, max_iter=100, random_state=seed)
    return make_pipeline(prepare if categories else StandardScaler(), last)


def folds(case: Case) -> StratifiedKFold | KFold:
    kind = StratifiedKFold if case.task == "classification" else KFold
    return kind(N_FOLDS, shuffle=True, random_state=case.seed)
