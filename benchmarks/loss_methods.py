"""Which columns help a model? This package's settings, and what others offer."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import sage
import shap
from common import memory
from hidimstat import CFI, ModelXKnockoff
from loss_problems import BLOCK, CORRELATION, N_FOLDS, Case, folds, make_model, problem
from scipy.stats import binom, norm, t
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from sklime import LimeImportanceWrapper

RATES = (0.05, 0.1, 0.2)
N_REPEATS = 5
N_REDRAWS = 2
N_SHADOWS = 20
BACKGROUND = 16

# Scores of the columns, with their p-values or the columns chosen at each of the rates, and
# processor seconds.
Found = dict[str, Any]

SETTINGS: dict[str, dict[str, Any]] = {
    "predictions": {"kernel_width": 0.4},
    "loss": {"scoring": "auto"},
    "loss, lime's width": {"scoring": "auto", "kernel_width": "lime"},
    "loss, a tenth of the rows": {"scoring": "auto", "num_samples": "tenth"},
    "predictions, 0": {"kernel_width": 0, "engine": "local"},
    "loss, 0": {"scoring": "auto", "kernel_width": 0, "engine": "local"},
    "loss, 0, conditional": {
        "scoring": "auto",
        "kernel_width": 0,
        "engine": "local",
        "conditional": True,
    },
    "loss, 0, conditional, 16 redraws": {
        "scoring": "auto",
        "kernel_width": 0,
        "engine": "local",
        "conditional": True,
        "num_samples": 16,
    },
}


@memory.cache
def ours(case: Case, setting: str) -> Found:
    """Gains and p-values by this package; of predictions, what SelectFromModel's mean keeps."""
    X, y, _, categories = problem(case)
    options = dict(SETTINGS[setting])
    if options.get("num_samples") == "tenth":  # of what permutation importance asks in all folds
        options["num_samples"] = N_REPEATS * case.n * case.d // (10 * N_FOLDS)
    wrapper = LimeImportanceWrapper(
        make_model(case, categories),
        cv=folds(case),
        max_samples=None,
        categorical_features=categories,
        random_state=case.seed,
        **options,
    )
    start = time.process_time()
    wrapper.fit(X, y)
    taken = time.process_time() - start
    if "scoring" not in options:
        sizes = wrapper.feature_importances_
        kept = sizes >= sizes.mean()
        return {"scores": sizes, "kept": dict.fromkeys(RATES, kept), "seconds": taken}
    found = wrapper.importances_
    return {
        "scores": found.gains,
        "pvalues": found.pvalues,
        "sem": found.importances_sem,
        "row_sem": found.importances_std / np.sqrt(case.n),
        "dof": found.estimate.dof,
        "seconds": taken,
    }


class Fold(NamedTuple):
    model: Any
    train: np.ndarray
    test: np.ndarray


def fitted(case: Case) -> Iterator[Fold]:
    X, y, _, categories = problem(case)
    for train, test in folds(case).split(X, y):
        yield Fold(make_model(case, categories).fit(X[train], y[train]), train, test)


def ask(task: str, model: Any, X: np.ndarray) -> np.ndarray:
    return model.predict_proba(X) if task == "classification" else model.predict(X)


def loss_of(task: str, model: Any, answer: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Loss of each row: Brier's, as this package takes, or squared."""
    if task == "regression":
        return (y - answer) ** 2
    return (1 - answer[np.arange(len(y)), np.searchsorted(model.classes_, y)]) ** 2


def one_sided(rows: np.ndarray) -> np.ndarray:
    """p-values of rows (n, d) having a mean above 0."""
    sem = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = t.sf(rows.mean(axis=0) / sem, len(rows) - 1)
    return np.where(sem > 0, found, 1.0)


def of_rows(rows: np.ndarray, start: float) -> Found:
    """What rises (n, d) of the rows' losses tell."""
    return {
        "scores": rows.mean(axis=0),
        "pvalues": one_sided(rows),
        "sem": rows.std(axis=0, ddof=1) / np.sqrt(len(rows)),
        "seconds": time.process_time() - start,
    }


def one_column(
    case: Case, n_draws: int, draw: Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
) -> Found:
    """Rises of losses where one column of the held-out rows is drawn anew, a few times."""
    start = time.process_time()
    X, y, _, _ = problem(case)
    rng = np.random.default_rng(case.seed)
    rises = np.zeros(X.shape)
    for model, _, test in fitted(case):
        before = loss_of(case.task, model, ask(case.task, model, X[test]), y[test])
        for j in range(X.shape[1]):
            changed = np.concatenate([X[test]] * n_draws)
            changed[:, j] = np.concatenate([draw(rng, X[test], j) for _ in range(n_draws)])
            answer = ask(case.task, model, changed)
            after = loss_of(case.task, model, answer, np.tile(y[test], n_draws))
            rises[test, j] = after.reshape(n_draws, -1).mean(axis=0) - before
    return of_rows(rises, start)


@memory.cache
def permutation(case: Case) -> Found:
    """Permutation importance on the rows held out from each fold's model."""
    return one_column(case, N_REPEATS, lambda rng, rows, j: rng.permutation(rows[:, j]))


@memory.cache
def true_redraws(case: Case) -> Found:
    """Four redraws of each column from its true distribution given the others of its block."""
    precision = np.linalg.inv(CORRELATION + (1 - CORRELATION) * np.eye(BLOCK))
    slope, spread = -precision[0, 1] / precision[0, 0], precision[0, 0] ** -0.5

    def draw(rng: np.random.Generator, rows: np.ndarray, j: int) -> np.ndarray:
        block = rows[:, j // BLOCK * BLOCK :][:, :BLOCK]
        return slope * (block.sum(axis=1) - rows[:, j]) + spread * rng.standard_normal(len(rows))

    return one_column(case, 4, draw)


@memory.cache
def sage_values(case: Case) -> Found:
    """SAGE, from about as many model rows as permutation importance asks for."""
    start = time.process_time()
    X, y, _, _ = problem(case)
    rng = np.random.default_rng(case.seed)
    parts = []
    for model, train, test in fitted(case):
        background = X[train][rng.choice(len(train), BACKGROUND, replace=False)]

        def answer(rows: np.ndarray, model: Any = model) -> np.ndarray:
            return ask(case.task, model, rows)

        estimator = sage.PermutationEstimator(
            sage.MarginalImputer(answer, background),
            "cross entropy" if case.task == "classification" else "mse",
            random_state=case.seed,
        )
        parts.append(
            estimator(
                X[test],
                y[test],
                batch_size=16,
                n_permutations=max(16, N_REPEATS * len(test) // BACKGROUND),
                detect_convergence=False,
                bar=False,
            )
        )
    error = np.sqrt(np.mean([part.std**2 for part in parts], axis=0) / len(parts))
    mean = np.mean([part.values for part in parts], axis=0)
    return {
        "scores": mean,
        "pvalues": norm.sf(mean / np.maximum(error, 1e-300)),
        "seconds": time.process_time() - start,
    }


@memory.cache
def conditional(case: Case) -> Found:
    """hidimstat's CFI: rises of losses, each column redrawn by a ridge fit from the others."""
    start = time.process_time()
    X, y, _, _ = problem(case)
    rises = np.zeros(X.shape)
    for model, train, test in fitted(case):
        rows: list[np.ndarray] = []

        def loss(
            truth: np.ndarray, answer: np.ndarray, model: Any = model, rows: list = rows
        ) -> float:
            """Called for the rows as they are, then N_REDRAWS times for each column in turn."""
            rows.append(loss_of(case.task, model, answer, truth))
            return float(rows[-1].mean())

        CFI(
            model,
            method="predict_proba" if case.task == "classification" else "predict",
            loss=loss,
            n_permutations=N_REDRAWS,
            feature_types="continuous",
            random_state=case.seed,
        ).fit(X[train], y[train]).importance(X[test], y[test])
        changed = np.reshape(rows[1:], (X.shape[1], N_REDRAWS, len(test)))
        rises[test] = changed.mean(axis=1).T - rows[0][:, None]
    return of_rows(rises, start)


@memory.cache
def mean_shap(case: Case) -> Found:
    """Mean |SHAP| of trees on the rows held out: a ranking only."""
    start = time.process_time()
    X = problem(case).X
    sizes = [
        np.abs(shap.TreeExplainer(model).shap_values(X[test][:100], check_additivity=False)).mean(
            axis=0
        )
        for model, _, test in fitted(case)
    ]
    scores = np.mean(sizes, axis=0)
    kept = scores >= scores.mean()
    return {
        "scores": scores,
        "kept": dict.fromkeys(RATES, kept),
        "seconds": time.process_time() - start,
    }


@memory.cache
def boruta(case: Case) -> Found:
    """How often a column beats the best of as many shuffled ones, against heads or tails."""
    start = time.process_time()
    X, y, _, _ = problem(case)
    rng = np.random.default_rng(case.seed)
    kind = RandomForestClassifier if case.task == "classification" else RandomForestRegressor
    forest = kind(50, max_depth=5, max_features="sqrt", random_state=case.seed)
    wins = np.zeros(X.shape[1])
    for _ in range(N_SHADOWS):
        both = np.hstack([X, rng.permuted(X, axis=0)])
        real, chance = np.split(clone(forest).fit(both, y).feature_importances_, 2)
        wins += real > chance.max()
    return {
        "scores": wins,
        "pvalues": binom.sf(wins - 1, N_SHADOWS, 0.5),
        "seconds": time.process_time() - start,
    }


@memory.cache
def knockoffs(case: Case) -> Found:
    """hidimstat's model-X knockoffs with a lasso."""
    start = time.process_time()
    X, y, _, _ = problem(case)
    found = ModelXKnockoff(random_state=case.seed)
    scores = np.nan_to_num(np.ravel(found.fit_importance(X, y.astype(float))))
    return {
        "scores": scores,
        "kept": {
            rate: np.asarray(found.fdr_selection(fdr=rate), dtype=float) > 0 for rate in RATES
        },
        "seconds": time.process_time() - start,
    }


# Of each model; and those that choose their own.
RIVALS: dict[str, Callable[[Case], Found]] = {
    "permutation importance": permutation,
    "true redraws": true_redraws,
    "SAGE": sage_values,
    "hidimstat CFI": conditional,
    "mean SHAP": mean_shap,
}
OWN_MODEL: dict[str, Callable[[Case], Found]] = {"Boruta": boruta, "knockoffs": knockoffs}
