"""What others offer to say which columns help: rankings, and p-values or selections."""

from typing import Any

import numpy as np
import sage
from common import memory
from hidimstat import CFI, ModelXKnockoff
from loss_problems import Case, folds, make_model, problem
from scipy.stats import binom, norm, t
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

RATES = (0.05, 0.1, 0.2)
N_REPEATS = 5
N_REDRAWS = 2
N_SHADOWS = 30
BACKGROUND = 16

# A method's scores of the columns, and their p-values or the columns chosen at each of the rates.
Found = dict[str, Any]


def loss_of(task: str, model: Any, answer: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Loss of each row: logarithmic, or squared."""
    if task == "regression":
        return (y - answer) ** 2
    chances = answer[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return -np.log(np.maximum(chances, np.finfo(np.float64).eps))


def ask(task: str, model: Any, X: np.ndarray) -> np.ndarray:
    return model.predict_proba(X) if task == "classification" else model.predict(X)


def one_sided(rows: np.ndarray) -> np.ndarray:
    """p-values of rows (n, d) having a mean above 0."""
    sem = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = t.sf(rows.mean(axis=0) / sem, len(rows) - 1)
    return np.where(sem > 0, found, 1.0)


@memory.cache
def of_folds(case: Case) -> dict[str, Found]:
    """Those that work on the folds' models: permutation importance and SAGE; hidimstat's CFI."""
    X, y, _, categories = problem(case)
    rng = np.random.default_rng(case.seed)
    rises = np.zeros(X.shape)
    sages, errors, conditional = [], [], []
    for train, test in folds(case).split(X, y):
        model = make_model(case, categories).fit(X[train], y[train])
        before = loss_of(case.task, model, ask(case.task, model, X[test]), y[test])
        for j in range(X.shape[1]):
            changed = np.concatenate([X[test]] * N_REPEATS)
            changed[:, j] = np.concatenate([rng.permutation(X[test, j]) for _ in range(N_REPEATS)])
            after = loss_of(
                case.task, model, ask(case.task, model, changed), np.tile(y[test], N_REPEATS)
            )
            rises[test, j] = after.reshape(N_REPEATS, -1).mean(axis=0) - before
        values = sage_values(case, model, X[train], X[test], y[test])
        sages.append(values.values)
        errors.append(values.std)
        if not categories and X.shape[1] <= 120:
            conditional.append(conditional_importance(case, model, X, y, train, test))
    error = np.sqrt(np.mean(np.square(errors), axis=0) / len(errors))
    mean = np.mean(sages, axis=0)
    found = {
        "permutation importance": {"scores": rises.mean(axis=0), "pvalues": one_sided(rises)},
        "SAGE": {"scores": mean, "pvalues": norm.sf(mean / np.maximum(error, 1e-300))},
    }
    if conditional:
        rows = np.concatenate(conditional)
        found["hidimstat CFI"] = {"scores": rows.mean(axis=0), "pvalues": one_sided(rows)}
    return found


def sage_values(case: Case, model: Any, X_train: np.ndarray, X: np.ndarray, y: np.ndarray) -> Any:
    """SAGE of a fold, from about as many model rows as permutation importance asks for."""
    rng = np.random.default_rng(case.seed)
    background = X_train[rng.choice(len(X_train), BACKGROUND, replace=False)]
    imputer = sage.MarginalImputer(lambda rows: ask(case.task, model, rows), background)
    loss = "cross entropy" if case.task == "classification" else "mse"
    estimator = sage.PermutationEstimator(imputer, loss, random_state=case.seed)
    n_permutations = max(16, N_REPEATS * len(X) // BACKGROUND)
    return estimator(
        X,
        y,
        batch_size=16,
        n_permutations=n_permutations,
        detect_convergence=False,
        bar=False,
    )


def conditional_importance(
    case: Case, model: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Rises of the held-out rows' losses, each column redrawn by a ridge from the others."""
    rows = []

    def loss(truth: np.ndarray, answer: np.ndarray) -> float:
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
    return changed.mean(axis=1).T - rows[0][:, None]


@memory.cache
def of_tables(case: Case) -> dict[str, Found]:
    """Those that choose their own model: shadow columns by Boruta's rule, knockoffs."""
    X, y, _, categories = problem(case)
    found = {"Boruta": boruta(case, X, y)}
    if not categories:
        knockoffs = ModelXKnockoff(random_state=case.seed)
        found["knockoffs"] = {
            "scores": np.nan_to_num(np.ravel(knockoffs.fit_importance(X, y.astype(float)))),
            "kept": {
                rate: np.asarray(knockoffs.fdr_selection(fdr=rate), dtype=float) > 0
                for rate in RATES
            },
        }
    return found


def boruta(case: Case, X: np.ndarray, y: np.ndarray) -> Found:
    """How often a column beats the best of as many shuffled ones, against heads or tails."""
    rng = np.random.default_rng(case.seed)
    kind = RandomForestClassifier if case.task == "classification" else RandomForestRegressor
    forest = kind(50, max_depth=5, max_features="sqrt", random_state=case.seed)
    wins = np.zeros(X.shape[1])
    for _ in range(N_SHADOWS):
        both = np.hstack([X, rng.permuted(X, axis=0)])
        real, chance = np.split(clone(forest).fit(both, y).feature_importances_, 2)
        wins += real > chance.max()
    return {"scores": wins, "pvalues": binom.sf(wins - 1, N_SHADOWS, 0.5)}
