"""Processor seconds for the importances of a fitted model, beside the peers' on the same rows.

Prints tables in markdown. Run as ``python benchmarks/speed.py``: some fifteen minutes on two cores.
Set ``OMP_NUM_THREADS=1``. Ours and the peer take turns; ``--before FOLDER`` adds the ratio to an
older checkout of this package (0.1.0's engine "shared"), in the same process, on two threads too.
"""

import argparse
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import shap
from common import Counted, show
from eli5.sklearn import PermutationImportance
from lime.lime_tabular import LimeTabularExplainer
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklime import LimeImportanceWrapper, lime_importance

RUNS = 5
THREADS = (1, 2)
Rows = Iterator[list[Any]]


def by_turns(
    ours: Callable[[], Any],
    peer: Callable[[], Any],
    runs: int = RUNS,
    scale: float = 1.0,
    clock: Callable[[], float] = time.process_time,
) -> tuple[list[float], float]:
    """Ratios of the peer's seconds (times scale) to ours, taken in turns; our median seconds.

    Of processor time, so that other work on the machine does not count.
    """
    seconds = []
    for job in [ours, peer] * (runs + 1):
        start = clock()
        job()
        seconds.append(clock() - start)
    own, other = np.reshape(seconds, (-1, 2))[1:].T
    return (scale * other / own).tolist(), float(np.median(own))


def spread(ratios: list[float]) -> str:
    return f"{min(ratios):.1f} to {max(ratios):.1f}"


def peers() -> Rows:
    """Peer's seconds over ours, the default; 1000 rows, or all of a small table."""
    yield ["work", "peer", "at least", "median", "range", "ours, seconds"]
    for work, target, X, model in lime_cases():
        ours = partial(lime_importance, model, X, random_state=0)
        # A few rows of lime, scaled to all; the explainer is made once, as a user would.
        rows = X[: 10 if X.shape[1] < 100 else 2]
        ratios, own = by_turns(ours, lime_loop(model, X, rows), RUNS, scale=len(X) / len(rows))
        median = float(np.median(ratios))
        yield [work, "lime, num_samples=5000", target, median, spread(ratios), own]
    for load in (load_breast_cancer, load_wine, load_iris):
        X, y = load(return_X_y=True)
        forest = RandomForestClassifier(100, random_state=0).fit(X, y)
        ours = partial(lime_importance, forest, X, random_state=0)
        small = load is not load_breast_cancer
        for name, target, peer, scale in shap_and_permutation(forest, X, y):
            if small and "shap" in name:
                continue
            ratios, own = by_turns(ours, peer, RUNS, scale)
            least = 1 if small else target
            work = f"{load.__name__.removeprefix('load_')}, RandomForest(100)"
            yield [work, name, least, float(np.median(ratios)), spread(ratios), own]


def lime_cases() -> Iterator[tuple[str, int, np.ndarray, Any]]:
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    yield "breast_cancer twice, RandomForest(100), d=30", 500, np.vstack([X, X])[:1000], forest
    for d, target in ((200, 1500), (1000, 3000)):
        X, y = make_classification(1000, d, n_informative=10, random_state=0)
        model = LogisticRegression(max_iter=1000).fit(X, y)
        yield f"make_classification, LogisticRegression, d={d}", target, X, model


def lime_loop(model: Any, X: np.ndarray, rows: np.ndarray) -> Callable[[], None]:
    explainer = LimeTabularExplainer(X, random_state=0)

    def explain_rows() -> None:
        for row in rows:
            explainer.explain_instance(
                row, model.predict_proba, num_features=X.shape[1], num_samples=5000
            )

    return explain_rows


def shap_and_permutation(
    forest: Any, X: np.ndarray, y: np.ndarray
) -> Iterator[tuple[str, float, Callable[[], Any], float]]:
    """Peers on the same forest; the slow ones on a few rows, scaled."""
    yield (
        "permutation_importance(n_repeats=5)",
        12,
        lambda: permutation_importance(forest, X, y, n_repeats=5, random_state=0),
        1.0,
    )
    yield (
        'eli5 PermutationImportance(n_iter=5, cv="prefit")',
        12,
        lambda: PermutationImportance(forest, n_iter=5, cv="prefit", random_state=0).fit(X, y),
        1.0,
    )
    tree = shap.TreeExplainer(forest)
    yield "shap.TreeExplainer", 1.5, lambda: tree.shap_values(X), 1.0
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


def over_prediction() -> Rows:
    """Seconds of the whole call over those of the model's prediction of as many rows."""
    yield ["model", "rows asked", "at most", "median", "range"]
    X, y = load_breast_cancer(return_X_y=True)
    for model in (
        RandomForestClassifier(100, random_state=0).fit(X, y),
        HistGradientBoostingRegressor(random_state=0).fit(X, y),
    ):
        answer = "predict_proba" if hasattr(model, "predict_proba") else "predict"
        n_rows = lime_importance(model, X, random_state=0).explanations.num_samples + len(X)
        rows = np.random.default_rng(0).permuted(np.resize(X, (n_rows, X.shape[1])), axis=0)
        predict = partial(getattr(model, answer), rows)
        ratios, _ = by_turns(predict, partial(lime_importance, model, X, random_state=0), RUNS)
        yield [type(model).__name__, n_rows, 4, float(np.median(ratios)), spread(ratios)]


def one_row() -> Rows:
    """Milliseconds to explain one row by a fitted wrapper; lime's and shap's over ours."""
    over = ("ours / prediction, at most 3", "lime / ours, at least 20", "TreeExplainer / ours")
    yield ["model", "ours, ms", "its prediction, ms", *over]
    X, y = load_breast_cancer(return_X_y=True)
    explainer = LimeTabularExplainer(X, random_state=0)
    for model in (
        RandomForestClassifier(100, random_state=0),
        HistGradientBoostingClassifier(random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ):
        wrapper = LimeImportanceWrapper(model, random_state=0).fit(X, y)
        fitted = wrapper.estimator_
        ours, predict = partial(wrapper.explain, X[:1]), partial(fitted.predict_proba, X[:1])
        lime = partial(explainer.explain_instance, X[0], fitted.predict_proba, num_features=30)
        ratios, own = by_turns(ours, predict, 4 * RUNS)
        cells = [type(model).__name__, 1e3 * own, 1e3 * own * float(np.median(ratios))]
        cells += [1 / float(np.median(ratios)), float(np.median(by_turns(ours, lime, RUNS)[0]))]
        if not hasattr(model, "steps"):
            tree = partial(shap.TreeExplainer(fitted).shap_values, X[:1])
            cells.append(float(np.median(by_turns(ours, tree, 4 * RUNS)[0])))
        yield [*cells, *[""] * (6 - len(cells))]


class TimedForest(RandomForestClassifier):
    """A forest that adds up the time of its predictions."""

    def predict_proba(self, X: Any) -> np.ndarray:
        start = time.perf_counter()
        answer = super().predict_proba(X)
        self.seconds = getattr(self, "seconds", 0.0) + time.perf_counter() - start
        return answer


def local() -> Rows:
    """Seconds outside the model's prediction over the prediction's, engine local."""
    yield ["model", "at most", "median"]
    X, y = load_breast_cancer(return_X_y=True)
    model = TimedForest(100, random_state=0).fit(X, y)
    shares = []
    for _ in range(RUNS):
        model.seconds = 0.0
        start = time.perf_counter()
        lime_importance(model, X, engine="local", random_state=0)
        shares.append((time.perf_counter() - start - model.seconds) / model.seconds)
    yield ["RandomForest(100)", 0.5, float(np.median(shares))]


def one_at_a_time() -> Rows:
    """Width 0 beside permutation importance of as many model rows, and the engine at width 0.4."""
    yield ["peer", "peer's model rows / ours", "peer's seconds / ours, as many rows", "ours, s"]
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    ours = partial(lime_importance, forest, X, engine="local", kernel_width=0, random_state=0)
    n_ours = count_rows(
        forest, lambda model: lime_importance(model, *ours.args[1:], **ours.keywords)
    )
    for name, peer in one_at_a_time_peers(forest, X, y):
        n_peer = count_rows(forest, peer)
        ratios, own = by_turns(ours, partial(peer, forest), RUNS, n_ours / n_peer)
        yield [name, n_peer / n_ours, f"{np.median(ratios):.2f} ({spread(ratios)})", own]


def one_at_a_time_peers(
    forest: Any, X: np.ndarray, y: np.ndarray
) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    yield (
        "permutation_importance(n_repeats=5)",
        lambda model: permutation_importance(model, X, y, n_repeats=5, random_state=0),
    )
    from hidimstat import CFI, PFI

    options = {"method": "predict_proba", "n_permutations": 5, "random_state": 0}
    loss = lambda truth, answer: -np.log(answer[np.arange(len(truth)), truth] + 1e-9).mean()  # noqa: E731
    yield "hidimstat PFI", lambda model: PFI(model, loss=loss, **options).fit_importance(X, y)
    yield "hidimstat CFI", lambda model: CFI(model, loss=loss, **options).fit_importance(X, y)
    yield (
        "engine local, width 0.4",
        lambda model: lime_importance(model, X, engine="local", kernel_width=0.4, random_state=0),
    )


def count_rows(forest: Any, job: Callable[[Any], Any]) -> int:
    """Rows that the forest is asked about."""
    asked = []
    kind = type(forest)
    original = kind.predict_proba

    def predict_proba(self: Any, X: Any) -> np.ndarray:
        asked.append(len(X))
        return original(self, X)

    kind.predict_proba = predict_proba
    try:
        job(forest)
    finally:
        kind.predict_proba = original
    return sum(asked)


def older(folder: str) -> Callable[..., Any]:
    """lime_importance of another checkout, under another name."""
    spec = importlib.util.spec_from_file_location(
        "sklime_before",
        f"{folder}/sklime/__init__.py",
        submodule_search_locations=[f"{folder}/sklime"],
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["sklime_before"] = module
    spec.loader.exec_module(module)
    return partial(module.lime_importance, engine="shared")


def tables() -> Iterator[tuple[str, float, Any, np.ndarray, dict[str, Any]]]:
    """Work, the ratio that is allowed, fitted model, table, settings."""
    for d, most in ((30, 1.3), (300, 2.0), (2000, 3.0)):
        for n_classes in (2, 10):
            X, y = make_classification(
                1000, d, n_informative=10, n_classes=n_classes, random_state=0
            )
            model = LogisticRegression(max_iter=100).fit(X, y)
            yield f"d={d}, {n_classes} classes", most, model, X, {"num_samples": 8192}
    for load in (load_wine, load_iris):
        X, y = load(return_X_y=True)
        model = LogisticRegression(max_iter=1000).fit(X, y)
        yield load.__name__.removeprefix("load_"), 1.3, model, X, {"num_samples": 8192}
    rng = np.random.default_rng(0)
    for n in (50_000, 300_000):
        X = rng.normal(size=(n, 30))
        model = Ridge().fit(X[:1000], X[:1000, 0] * X[:1000, 1] + X[:1000, 2])
        yield f"{n:,} rows explained, d=30", 0.5, model, X, {"max_samples": None}


def before(shared: Callable[..., Any]) -> Rows:
    """Our seconds over those of 0.1.0's engine "shared" at its default width, side by side."""
    yield ["work", "threads", "at most", "median", "range", "ours, s", "0.1.0, s"]
    for work, most, model, X, options in tables():
        for threads in THREADS:
            now = partial(lime_importance, model, X, random_state=0, **options)
            then = partial(shared, model, X, random_state=0, **options)
            with threadpool_limits(threads):
                runs = 3 if len(X) > 10_000 or X.shape[1] > 1000 else RUNS
                clock = time.process_time if threads == 1 else time.perf_counter
                ratios, own = by_turns(now, then, runs, clock=clock)
            ours = [1 / ratio for ratio in ratios]
            median = float(np.median(ours))
            limits = f"{min(ours):.2f} to {max(ours):.2f}"
            yield [work, threads, most, median, limits, own, own / median]


def rows_asked() -> Rows:
    """Rows that the default asks of a model, beside permutation_importance(n_repeats=5)."""
    yield ["rows, columns", "model", "asked", "permutation_importance"]
    rng = np.random.default_rng(0)
    for n, d in ((150, 4), (1000, 30), (1000, 300), (200, 1000)):
        X = rng.normal(size=(n, d))
        counted = Counted(Ridge().fit(X, X[:, 0] + rng.normal(size=n)))
        lime_importance(counted, X, random_state=0)
        yield [f"{n}, {d}", "Ridge", f"{counted.n_rows:,}", f"{5 * n * d:,}"]


def scores() -> Rows:
    """Seconds of importances of a score over those of predictions, 8192 rows of a pool each."""
    yield ["work", "model", "at most", "median", "range", "score, ms"]
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    for name, (X, y), model in (
        ("breast_cancer", load_breast_cancer(return_X_y=True), RandomForestClassifier(100)),
        ("breast_cancer", load_breast_cancer(return_X_y=True), scaled),
        ("wine", load_wine(return_X_y=True), scaled),
        ("1000 x 30", make_classification(1000, 30, n_informative=10, random_state=0), scaled),
        ("Friedman #1, 1000 x 30", make_friedman1(1000, 30, random_state=0), Ridge()),
        ("diabetes", load_diabetes(return_X_y=True), Ridge()),
    ):
        options = {"num_samples": 8192, "random_state": 0}
        fitted = clone(model).fit(X, y)
        call = partial(lime_importance, fitted, X, y, **options)
        wrapper = LimeImportanceWrapper(model, cv=5, **options)
        score = clone(wrapper).set_params(scoring="auto")
        for work, ours, peer in (
            (name, partial(call, scoring="auto"), call),
            (f"{name}, cv=5", partial(score.fit, X, y), partial(wrapper.fit, X, y)),
        ):
            ratios, own = by_turns(ours, peer, 2 * RUNS)
            ratios = [1 / ratio for ratio in ratios]
            median, kind = float(np.median(ratios)), type(model).__name__
            yield [work, kind, 1.2, median, f"{min(ratios):.2f} to {max(ratios):.2f}", 1e3 * own]


TABLES: dict[str, Callable[[], Rows]] = {
    "peers": peers,
    "over_prediction": over_prediction,
    "one_row": one_row,
    "local": local,
    "one_at_a_time": one_at_a_time,
    "rows_asked": rows_asked,
    "scores": scores,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", metavar="FOLDER")
    parser.add_argument("--tables", nargs="+", choices=[*TABLES, "before"], default=list(TABLES))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = {name: TABLES[name] for name in arguments.tables if name in TABLES}
    if arguments.before:
        chosen["before"] = partial(before, older(arguments.before))
    for name, make in chosen.items():
        print(f"\n### {name}\n\n{(before if name == 'before' else make).__doc__}\n")
        rows = make()
        show(next(rows), rows)


if __name__ == "__main__":
    main()
