"""Importances by this package on tables of known truth and on real ones."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import known_truth
import numpy as np
import real_tables
from common import memory
from sklearn.frozen import FrozenEstimator

from sklime import LimeImportanceWrapper, lime_importance

WIDTHS: tuple[float | str, ...] = (0.2, 0.3, 0.4, 0.557, "lime")
ONE_COLUMN = {"kernel_width": 0, "engine": "local", "random_state": 0}

Found = dict[str, np.ndarray]


def of_pool(model: Any, X: Any, **options: Any) -> Found:
    """All widths from one pool, and lime's weights."""
    wrapper = LimeImportanceWrapper(FrozenEstimator(model), random_state=0, **options).fit(X)
    found = {}
    for width in WIDTHS:
        explanations = wrapper.explain(X, kernel_width=width)
        found[f"predictions, {width}"] = explanations.importances()
    found["weights, lime"] = replace(explanations, values="weights").importances()
    return found


def one_by_one(
    model: Any, X: Any, X_held: Any, y_held: np.ndarray, **options: Any
) -> Iterator[tuple[str, np.ndarray]]:
    """One column at a time for predictions, and the loss of rows held out."""
    for conditional in (False, True):
        name = "0, conditional" if conditional else "0"
        narrow = {**ONE_COLUMN, "conditional": conditional, **options}
        yield (
            f"predictions, {name}",
            lime_importance(model, X, max_samples=300, **narrow).importances_mean,
        )
        yield (
            f"loss, {name}",
            lime_importance(model, X_held, y_held, training_data=X, scoring="auto", **narrow).gains,
        )
    yield (
        "loss, 0.4",
        lime_importance(
            model,
            X_held,
            y_held,
            training_data=X,
            scoring="auto",
            kernel_width=0.4,
            random_state=0,
            **options,
        ).gains,
    )


@memory.cache
def of_known_truth(name: str, seed: int, kind: str) -> Found:
    X, y, _, categories = dict(known_truth.problems(seed))[name]
    model, n = known_truth.fitted(name, seed, kind), known_truth.N_TRAIN
    options = {"categorical_features": categories}
    return of_pool(model, X[:n], **options) | dict(
        one_by_one(model, X[:n], X[n:], y[n:], **options)
    )


@memory.cache
def of_real_table(name: str, fold: int, kind: str) -> Found:
    X, y = real_tables.load(name)
    fit, held, _ = real_tables.split(name, fold)
    model = real_tables.ranked_model(name, fold, kind)
    return of_pool(model, X.iloc[fit]) | dict(one_by_one(model, X.iloc[fit], X.iloc[held], y[held]))
