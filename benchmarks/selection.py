"""Does a ranking find the columns that matter? Known truth, and real data with few columns.

Prints markdown. Run as ``python benchmarks/selection.py`` (under ten minutes on two cores);
``--seeds 1`` is quicker. The data are small on purpose.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import shap
from eli5.permutation_importance import get_score_importances
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.utils.parallel import Parallel, delayed

from sklime import lime_importance
from sklime._explanations import Explanations

FOREST = "RandomForest"
WIDTHS = (0.3, 0.4, 0.5, 0.7, 1.0)
N_ROWS, N_COLUMNS, N_TRAIN = 900, 16, 600
N_SHADOWS = 5

# X, y, columns that matter, columns of numbers that are categories.
Problem = tuple[np.ndarray, np.ndarray, list[int], list[int]]
Importances = dict[str, np.ndarray]  # name of a method -> importances
Models = dict[str, Any]


def problems(seed: int) -> Iterator[tuple[str, Problem]]:
    """Regression tables of 16 columns, most of them useless."""
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


def regressors(seed: int) -> Models:
    network = MLPRegressor(hidden_layer_sizes=64, alpha=1e-2, max_iter=300, random_state=seed)
    return {
        FOREST: RandomForestRegressor(50, random_state=seed),
        "HistGradientBoosting": HistGradientBoostingRegressor(random_state=seed),
        "MLP": make_pipeline(StandardScaler(), network),
        "SVM": make_pipeline(StandardScaler(), SVR(C=10)),
    }


def classifiers(seed: int) -> Models:
    network = MLPClassifier(hidden_layer_sizes=64, alpha=1e-2, max_iter=300, random_state=seed)
    return {
        FOREST: RandomForestClassifier(50, random_state=seed),
        "HistGradientBoosting": HistGradientBoostingClassifier(max_iter=50, random_state=seed),
        "MLP": make_pipeline(StandardScaler(), network),
        "SVM": make_pipeline(StandardScaler(), SVC(C=10)),
    }


def every_importance(
    model: Any, X: np.ndarray, X_test: np.ndarray, y_test: np.ndarray, categories: list[int]
) -> Importances:
    """Importances of a fitted model by every method that can give them.

    LIME explains training rows, SHAP and permutation take held-out ones.
    """
    found = lime_importances(model, X, categories)
    found["permutation"] = permutation_importance(
        model, X_test, y_test, n_repeats=5, random_state=0
    ).importances_mean
    _, drops = get_score_importances(model.score, X_test, y_test, random_state=0)
    found["eli5"] = np.mean(drops, axis=0)
    found["mean SHAP"] = mean_abs_shap(model, X, X_test)
    if hasattr(model, "feature_importances_"):
        found["impurity"] = model.feature_importances_
    return found


def lime_importances(model: Any, X: np.ndarray, categories: list[int]) -> Importances:
    """This package's, from three prediction passes in all."""
    options = {"categorical_features": categories, "random_state": 0}
    shared = lime_importance(model, X, engine="shared", **options).explanations
    narrow = lime_importance(model, X, engine="pairwise", kernel_width=WIDTHS, **options)
    local = lime_importance(
        model, X, engine="local", kernel_width=0.4, max_samples=50, num_samples=512, **options
    ).explanations
    explanations = {"shared": shared, "local 0.4": local}
    explanations |= {
        f"pairwise {width}": result.explanations
        for width, result in zip(WIDTHS, narrow, strict=True)
    }
    found = {}
    for name, each in explanations.items():
        found[name] = each.importances()
        found[f"{name}, contributions"] = contributions(each).importances()
    for name in ("shared", "pairwise 0.4"):
        found[f"{name}, rms"] = explanations[name].importances("rms")
        found[f"{name}, contributions, rms"] = contributions(explanations[name]).importances("rms")
    return found


def contributions(explanations: Explanations) -> Explanations:
    """What ``values="contributions"`` gives, without predicting again."""
    outside = 1 - explanations.bins.own_probabilities(explanations.codes)
    return replace(explanations, replicates=explanations.replicates * outside[..., None])


def mean_abs_shap(model: Any, X: np.ndarray, X_test: np.ndarray) -> np.ndarray:
    """Mean |SHAP| over rows and outputs: 100 rows for trees by path, else 20 rows by sampling."""
    if not hasattr(model, "steps"):
        values = shap.TreeExplainer(model).shap_values(X_test[:100], check_additivity=False)
    else:
        masker = shap.maskers.Independent(X, max_samples=20)
        answer = getattr(model, "predict_proba", getattr(model, "decision_function", model.predict))
        explainer = shap.PermutationExplainer(answer, masker, seed=0)
        one_permutation = 2 * X.shape[1] + 1
        values = explainer(X_test[:20], max_evals=one_permutation, silent=True).values
    sizes = np.abs(values).mean(axis=0)
    return sizes if sizes.ndim == 1 else sizes.mean(axis=-1)


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
    useless = np.delete(importances, true)
    return float((importances[true].min() - useless.max()) / importances.max())


def area(importances: np.ndarray, true: list[int]) -> float:
    return float(roc_auc_score(np.isin(np.arange(len(importances)), true), importances))


class Record(NamedTuple):
    """One figure of each kind for one method on one table with one model."""

    method: str
    heading: str
    model: str
    area: float = np.nan
    margin: float = np.nan
    score: float = np.nan


def known_truth(seed: int, problem: str) -> list[Record]:
    """Areas and margins on one problem."""
    warnings.simplefilter("ignore")  # networks that stop early; low fidelity is the point
    X, y, true, categories = dict(problems(seed))[problem]
    train, test = slice(N_TRAIN), slice(N_TRAIN, None)
    records = []
    for kind, model in regressors(seed).items():
        model.fit(X[train], y[train])
        found = every_importance(model, X[train], X[test], y[test], categories)
        if kind == FOREST:
            found["shadow columns"] = shadow_importances(model, X[train], y[train], seed)
        records += [
            Record(method, problem, kind, area(each, true), margin(each, true))
            for method, each in found.items()
        ]
    return records


REAL: dict[str, tuple[Callable[..., Any], int]] = {
    "breast_cancer": (load_breast_cancer, 5),
    "digits": (load_digits, 12),
    "wine": (load_wine, 3),
    "diabetes": (load_diabetes, 3),
}


def best_columns(fold: int, name: str) -> list[Record]:
    """Scores on held-out rows of models of the k best columns of the training rows."""
    warnings.simplefilter("ignore")
    load, k = REAL[name]
    X, y = load(return_X_y=True)
    regression = name == "diabetes"
    y = (y - y.mean()) / y.std() if regression else y
    splitter = (KFold if regression else StratifiedKFold)(3, shuffle=True, random_state=0)
    train, test = list(splitter.split(X, y))[fold]
    heading = f"{name}, {k} of {X.shape[1]}"
    records = []
    for kind, model in (regressors if regression else classifiers)(fold).items():
        model.fit(X[train], y[train])
        found = every_importance(model, X[train], X[test], y[test], [])
        if kind == FOREST:
            found["shadow columns"] = shadow_importances(model, X[train], y[train], fold)
        found["(random columns)"] = np.random.default_rng(fold).random(X.shape[1])
        whole = model.score(X[test], y[test])
        records.append(Record("(all columns)", heading, kind, score=whole))
        known: dict[tuple[int, ...], float] = {}  # many methods agree on a set of columns
        for method, importances in found.items():
            columns = tuple(sorted(np.argsort(-importances, kind="stable")[:k].tolist()))
            if columns not in known:
                few = clone(model).fit(X[np.ix_(train, columns)], y[train])
                known[columns] = few.score(X[np.ix_(test, columns)], y[test])
            records.append(Record(method, heading, kind, score=known[columns]))
    return records


def table(records: list[Record], figure: str, by: str = "heading", digits: int = 2) -> list[str]:
    """Means in markdown, a dash where a method cannot tell.

    The best method of each heading is in bold, those in brackets aside.
    """
    headings = list(dict.fromkeys(getattr(record, by) for record in records))
    cells: dict[str, dict[str, list[float]]] = {}
    for record in records:
        row = cells.setdefault(record.method, {})
        row.setdefault(getattr(record, by), []).append(getattr(record, figure))
    means = {m: {h: float(np.mean(v)) for h, v in row.items()} for m, row in cells.items()}
    for row in means.values():
        if len(row) == len(headings):
            row["mean"] = float(np.mean(list(row.values())))
    headings.append("mean")
    rivals = [row for method, row in means.items() if not method.startswith("(")]
    best = {h: f"{max(row.get(h, -np.inf) for row in rivals):.{digits}f}" for h in headings}
    lines = ["| method | " + " | ".join(headings) + " |", "|---" * (len(headings) + 1) + "|"]
    wins = dict.fromkeys(means, 0)
    for method, row in means.items():
        texts = [f"{row[h]:.{digits}f}" if h in row else "-" for h in headings]
        won = [text == best[h] for h, text in zip(headings, texts, strict=True)]
        wins[method] = sum(won[:-1])
        cells = [f"**{text}**" if first else text for text, first in zip(texts, won, strict=True)]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    ranked = sorted(wins.items(), key=lambda win: -win[1])
    where = "; ".join(f"{method} in {n}" for method, n in ranked if n)
    return [*lines, "", f"Best, or level with the best: {where}."]


def main(n_seeds: int = 3) -> str:
    """All tables in markdown."""
    names = [name for name, _ in problems(0)]
    tasks = [delayed(known_truth)(seed, name) for name in names for seed in range(n_seeds)]
    tasks += [delayed(best_columns)(fold, name) for name in REAL for fold in range(n_seeds)]
    records = [record for part in Parallel(n_jobs=2)(tasks) for record in part]
    truth = [record for record in records if record.heading in names]
    real = [record for record in records if record.heading not in names]

    def common(some: list[Record]) -> list[Record]:
        """Of the methods that every model has."""
        return [record for record in some if record.method not in ("impurity", "shadow columns")]

    def forest(some: list[Record]) -> list[Record]:
        return [record for record in some if record.model == FOREST]

    return "\n".join(
        [
            f"Known truth, {N_COLUMNS} columns, {N_TRAIN} rows to fit: means over {n_seeds} seeds",
            f"and four models ({', '.join(regressors(0))}). LIME explains training rows, SHAP and",
            "permutation held-out ones.",
            "",
            "Area under the ROC curve, columns that matter against useless ones:",
            "",
            *table(common(truth), "area"),
            "",
            "Margin, (smallest importance that matters - largest useless one) / largest:",
            "",
            *table(common(truth), "margin"),
            "",
            "Margin by model, over the problems:",
            "",
            *table(truth, "margin", by="model"),
            "",
            f"Margin, {FOREST} only, with what only forests have:",
            "",
            *table(forest(truth), "margin"),
            "",
            "Real data: score (accuracy; diabetes R^2) on held-out rows of a model refitted to the",
            f"k best columns of its training rows, over {n_seeds} of 3 folds and the four models:",
            "",
            *table(common(real), "score", digits=3),
            "",
            f"The same, {FOREST} only:",
            "",
            *table(forest(real), "score", digits=3),
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, choices=(1, 2, 3))
    print(main(parser.parse_args().seeds))
