"""Seconds for the importances of a fitted model, beside the peers' on the same rows.

Prints tables in markdown. Run as ``python benchmarks/speed.py``: some six minutes on two cores.
Ours and the peer take turns in one process; a figure is the median of the ratios, with their range.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shap
from eli5.sklearn import PermutationImportance
from lime.lime_tabular import LimeTabularExplainer
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression

from sklime import lime_importance

RUNS = 5


def main() -> None:
    warnings.simplefilter("ignore")
    print("\n### speed\n\nPeer's seconds over ours; 1000 rows, or all 569 of breast_cancer.\n")
    print("| work | peer | at least | median | range | ours, seconds |\n|---|---|---|---|---|---|")
    for work, peer, target, ratios, ours in comparisons():
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"| {work} | {peer} | {target} | {np.median(ratios):.1f} | {spread} | {ours:.3f} |")
    print("\n### model\n")
    print("Seconds of the whole call over those of the model's prediction of 8192 rows.\n")
    print("| model | at most | median | range |\n|---|---|---|---|")
    for name, ratios in over_prediction():
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"| {name} | 5 | {np.median(ratios):.1f} | {spread} |")
    print("\n### local\n")
    print("Seconds outside the model's prediction over the prediction's, engine local.\n")
    print("| model | at most | median |\n|---|---|---|")
    print(f"| RandomForest(100) | 0.5 | {np.median(local_overhead()):.2f} |")


def comparisons() -> Iterator[tuple[str, str, int, list[float], float]]:
    """Work, peer, the ratio to reach, the ratios measured, and our median seconds."""
    for work, target, X, model in lime_cases():
        own = lambda X=X, model=model: lime_importance(model, X, random_state=0)  # noqa: E731
        peer = lime_loop(model, X)
        # Ten rows of lime, scaled to all; the explainer is made once, as a user would.
        ratios, ours = paired(own, peer, scale=len(X) / 10)
        yield work, "lime, num_samples=5000", target, ratios, ours
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    for peer_name, target, peer, scale in shap_and_permutation(forest, X, y):
        ratios, ours = paired(lambda: lime_importance(forest, X, random_state=0), peer, scale=scale)
        yield "breast_cancer, RandomForest(100)", peer_name, target, ratios, ours


def lime_cases() -> Iterator[tuple[str, int, np.ndarray, Any]]:
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    yield "breast_cancer twice, RandomForest(100), d=30", 600, np.vstack([X, X])[:1000], forest
    for d, target in ((200, 1500), (1000, 3000)):
        X, y = make_classification(1000, d, n_informative=10, random_state=0)
        model = LogisticRegression(max_iter=1000).fit(X, y)
        yield f"make_classification, LogisticRegression, d={d}", target, X, model


def lime_loop(model: Any, X: np.ndarray) -> Callable[[], None]:
    explainer = LimeTabularExplainer(X, random_state=0)

    def explain_ten_rows() -> None:
        for row in X[:10]:
            explainer.explain_instance(
                row, model.predict_proba, num_features=X.shape[1], num_samples=5000
            )

    return explain_ten_rows


def shap_and_permutation(
    forest: Any, X: np.ndarray, y: np.ndarray
) -> Iterator[tuple[str, int, Callable[[], Any], float]]:
    """Peers on the same forest; the slow ones on a few rows, scaled."""
    yield (
        "permutation_importance(n_repeats=5)",
        12,
        lambda: permutation_importance(forest, X, y, n_repeats=5, random_state=0),
        1.0,
    )
    tree = shap.TreeExplainer(forest)
    yield "shap.TreeExplainer", 1, lambda: tree.shap_values(X), 1.0
    background = shap.sample(X, 100, random_state=0)
    kernel = shap.KernelExplainer(forest.predict_proba, background)
    yield (
        "shap.KernelExplainer, 2 rows scaled",
        100,
        lambda: kernel.shap_values(X[:2], silent=True),
        len(X) / 2,
    )
    permutation = shap.PermutationExplainer(forest.predict_proba, background)
    yield (
        "shap.PermutationExplainer, 2 rows scaled",
        100,
        lambda: permutation(X[:2], silent=True),
        len(X) / 2,
    )
    yield (
        'eli5 PermutationImportance(n_iter=5, cv="prefit")',
        12,
        lambda: PermutationImportance(forest, n_iter=5, cv="prefit", random_state=0).fit(X, y),
        1.0,
    )


def over_prediction() -> Iterator[tuple[str, list[float]]]:
    X, y = load_breast_cancer(return_X_y=True)
    rows = np.random.default_rng(0).permuted(np.resize(X, (8192, X.shape[1])), axis=0)
    for model in (
        RandomForestClassifier(100, random_state=0).fit(X, y),
        HistGradientBoostingRegressor(random_state=0).fit(X, y),
    ):
        predict = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        ratios, _ = paired(
            lambda predict=predict: predict(rows),
            lambda model=model: lime_importance(model, X, random_state=0),
        )
        yield type(model).__name__, ratios


def local_overhead() -> list[float]:
    """Time outside the prediction over the time in it, by a model that keeps count."""
    X, y = load_breast_cancer(return_X_y=True)
    model = TimedForest(100, random_state=0).fit(X, y)
    shares = []
    for _ in range(RUNS):
        model.seconds = 0.0
        total = seconds(lambda: lime_importance(model, X, engine="local", random_state=0))
        shares.append((total - model.seconds) / model.seconds)
    return shares


class TimedForest(RandomForestClassifier):
    """A forest that adds up the time of its predictions."""

    def predict_proba(self, X: Any) -> np.ndarray:
        start = time.perf_counter()
        answer = super().predict_proba(X)
        self.seconds = getattr(self, "seconds", 0.0) + time.perf_counter() - start
        return answer


def paired(
    ours: Callable[[], Any], peer: Callable[[], Any], scale: float = 1.0
) -> tuple[list[float], float]:
    """Ratios of the peer's seconds (times scale) to ours, taken in turns; our median seconds."""
    ours()
    own, other = [], []
    for _ in range(RUNS):
        own.append(seconds(ours))
        other.append(seconds(peer) * scale)
    return [b / a for a, b in zip(own, other, strict=True)], float(np.median(own))


def seconds(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
