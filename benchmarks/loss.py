"""LIME of the loss: which columns help, and how many to keep?

Tables of which the useful columns are known, several settings, and rivals. Prints tables in
markdown. Run as ``python benchmarks/loss.py`` (an hour of one core; results are kept as they come,
see ``common.py``); ``--seeds 2`` takes fewer draws, ``--kept`` shows what is there already.
"""

import argparse
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from common import show
from loss_methods import OWN_MODEL, RATES, RIVALS, SETTINGS, Found, ours
from loss_problems import MODELS, Case, problem
from scipy.stats import false_discovery_control, kstest

# Kind of table, rows and columns; the last two are tables for rankings only.
TABLES = (
    ("independent", 200, 20),
    ("noise", 200, 20),
    ("independent", 600, 60),
    ("mixed", 600, 60),
    ("independent", 2000, 20),
    ("independent", 1000, 200),
    ("blocks", 800, 40),
    ("blocks", 800, 120),
    ("blocks", 800, 200),
    ("products", 1000, 200),
    ("block products", 1000, 200),
)
TASKS = ("classification", "regression")
TREES = ("RandomForest", "HistGradientBoosting")
NO_NETWORK = ("linear", *TREES)

# Seeds of what costs much or says little; others take all.
N_SEEDS = {"predictions": 3, "loss, lime's width": 3, "SAGE": 3, "Boruta": 3, "knockoffs": 3}
N_SEEDS |= {"hidimstat CFI": 5, "mean SHAP": 3}
N_LARGE = 5  # tables of many rows or columns
N_RANKINGS = 3
FOR_RANKINGS = ("predictions", "predictions, 0", "loss", "loss, 0", "loss, 0, conditional")
FOR_RANKINGS += ("permutation importance", "mean SHAP")


class Record(NamedTuple):
    """One method on one table with one model."""

    method: str
    case: Case
    precision: float  # share of useful columns among as many first ones
    false: dict[float, float]  # share of useless columns among those kept, by rate
    power: dict[float, float]  # share of useful columns kept
    kept: dict[float, float]
    nulls: np.ndarray  # p-values of useless columns
    seconds: float


def models_of(case: Case) -> tuple[str, ...]:
    """All on small tables; larger ones take some in turn, so that each has as many tables."""
    turn = case.seed + TASKS.index(case.task)
    if case.kind.endswith("products"):
        return TREES
    if case.kind == "blocks":
        return NO_NETWORK if case.d == 40 else (NO_NETWORK[turn % 3],)
    if case.n * case.d <= 4000:
        return MODELS
    return MODELS[case.seed % 2 :: 2] if case.d == 60 else (MODELS[turn % 4],)


def cases(n_seeds: int, kinds: list[str] | None = None) -> Iterator[Case]:
    """Tables without their models, seed by seed."""
    for seed in range(n_seeds):
        for kind, n, d in TABLES:
            for task in TASKS:
                ranking = kind.endswith("products")
                large = n >= 1000 or d >= 120
                if seed >= (N_RANKINGS if ranking else N_LARGE if large else n_seeds):
                    continue
                if ranking and task == "classification":
                    continue
                if kinds is None or f"{kind}-{n}-{d}" in kinds:
                    yield Case(task, kind, n, d, seed)


def suits(method: str, case: Case) -> bool:
    """Whether a method can say something of a table, and is worth its time."""
    wide = case.d > 60
    if case.kind.endswith("products"):
        return method in FOR_RANKINGS and case.seed < N_SEEDS.get(method, N_RANKINGS)
    return (
        case.seed < N_SEEDS.get(method, case.seed + 1)
        and method not in ("mean SHAP", "predictions, 0")
        and not (wide and method in ("predictions", "SAGE", "knockoffs"))
        and not (method in ("hidimstat CFI", "knockoffs") and case.kind == "mixed")
        and not (method == "hidimstat CFI" and case.d == 200 and case.kind == "independent")
        and not ("tenth" in method and (wide or case.kind == "blocks"))
        and (case.kind == "blocks" or method != "true redraws")
        and ((case.kind == "blocks" and not wide) or "16" not in method)
    )


def calls(case: Case, methods: list[str]) -> Iterator[tuple[str, Case, Any, tuple[Any, ...]]]:
    """Method, table with the model, function and what it is called with."""
    methods = [method for method in methods if suits(method, case)]
    for method in methods:
        if method in OWN_MODEL:
            yield method, case, OWN_MODEL[method], (case,)
    for model in models_of(case):
        filled = case._replace(model=model)
        for method in methods:
            if method in SETTINGS:
                yield method, filled, ours, (filled, method)
            elif method in RIVALS:
                yield method, filled, RIVALS[method], (filled,)


def judge(method: str, case: Case, found: Found) -> Record:
    useful = problem(case).useful
    true = np.isin(np.arange(case.d), useful)
    if "pvalues" in found:
        adjusted = false_discovery_control(found["pvalues"])
        kept = {rate: adjusted <= rate for rate in RATES}
    else:
        kept = found["kept"]
    first = np.argsort(-found["scores"], kind="stable")[: len(useful)]
    return Record(
        method,
        case,
        float(true[first].mean()) if useful else np.nan,
        {rate: float((these & ~true).sum() / max(these.sum(), 1)) for rate, these in kept.items()},
        {rate: float(these[true].mean()) if useful else np.nan for rate, these in kept.items()},
        {rate: float(these.sum()) for rate, these in kept.items()},
        found["pvalues"][~true] if "pvalues" in found else np.empty(0),
        found["seconds"],
    )


Rows = Iterator[list[Any]]
Key = Callable[[Record], Any]


def summary(records: Iterable[Record], rates: tuple[float, ...]) -> list[Any]:
    """Tables, precision, false discoveries and power at each rate, columns kept, seconds."""
    records = list(records)
    n_tables = len({record.case._replace(model="") for record in records})
    cells: list[Any] = [n_tables, _mean(record.precision for record in records)]
    for rate in rates:
        # Models of one table are not independent: the error is that over tables.
        tables: dict[Case, list[float]] = {}
        for record in records:
            tables.setdefault(record.case._replace(model=""), []).append(record.false[rate])
        per_table = np.array([np.mean(each) for each in tables.values()])
        error = per_table.std(ddof=1) / np.sqrt(n_tables) if n_tables > 1 else np.nan
        cells.append(f"{np.mean([record.false[rate] for record in records]):.2f} ± {error:.2f}")
        cells.append(_mean(record.power[rate] for record in records))
    cells.append(_mean((record.kept[0.1] for record in records), 1))
    return [*cells, _mean(record.seconds for record in records)]


def _mean(values: Iterable[float], digits: int = 2) -> str:
    found = float(np.mean(list(values)))
    return "-" if np.isnan(found) else f"{found:.{digits}f}"


def grouped(records: list[Record], key: Key, rates: tuple[float, ...]) -> Rows:
    """A summary of each method within each group."""
    groups: dict[tuple[Any, str], list[Record]] = {}
    for record in records:
        groups.setdefault((key(record), record.method), []).append(record)
    order = list(dict.fromkeys(key(record) for record in records))
    pairs = [f"{what} at {rate}" for rate in rates for what in ("FDR", "power")]
    yield ["where", "method", "tables", "precision", *pairs, "kept at 0.1", "seconds"]
    for where in order:
        for (group, method), some in groups.items():
            if group == where:
                yield [where, method, *summary(some, rates)]


def uniform(records: list[Record], key: Key) -> Rows:
    """p-values of useless columns, none correlated with a useful one: should be uniform.

    KS: Kolmogorov and Smirnov's test of one useless column a table and model, as columns of a
    table are not independent. Below 0.05, 0.01, 0.001: shares of all useless columns.
    """
    levels = (0.05, 0.01, 0.001)
    yield ["method", "where", "p-values", "KS statistic", "KS p", *map("below {}".format, levels)]
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.case.kind != "blocks" and len(record.nulls):
            groups.setdefault((record.method, key(record)), []).append(record)
    for (method, where), some in groups.items():
        every = np.concatenate([record.nulls for record in some])
        one = [record.nulls[-1 - MODELS.index(record.case.model or "linear")] for record in some]
        test = kstest(one, "uniform")
        shares = [f"{(every < level).mean():.4f}" for level in levels]
        yield [method, where, len(every), f"{test.statistic:.3f}", f"{test.pvalue:.3f}", *shares]


@cache
def label(case: Case) -> str:
    return f"{case.kind}, n={case.n}, d={case.d}"


def _correlated(record: Record) -> str:
    blocks = f"blocks, d={record.case.d}"
    return blocks if record.case.kind == "blocks" else "independent and mixed"


def rankings(records: list[Record]) -> Rows:
    """Share of eight useful columns (two by themselves, three products) among the first eight."""
    yield ["table", "method", "seeds", *TREES, "seconds"]
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((label(record.case), record.method), []).append(record)
    for (where, method), some in groups.items():
        of_model = [[r.precision for r in some if r.case.model == model] for model in TREES]
        shares = [_mean(each) if each else "-" for each in of_model]
        yield [where, method, len(of_model[0]), *shares, _mean(r.seconds for r in some)]


def collect(every: Iterable[Case], methods: list[str], kept: bool) -> list[Record]:
    warnings.simplefilter("ignore")  # models that stop early; noise that cannot be told from 0
    return [
        judge(method, case, function(*arguments))
        for table in every
        for method, case, function, arguments in calls(table, methods)
        if not kept or function.check_call_in_cache(*arguments)
    ]


def report(records: list[Record]) -> None:
    ranked = [record for record in records if record.case.kind.endswith("products")]
    records = [record for record in records if not record.case.kind.endswith("products")]
    print("Five useful columns (two by themselves, one by a step, two by their product only), or")
    print("none. FDR: share of useless columns among those kept, ± its standard error over tables;")
    print("power: share of useful columns kept; seconds of one processor.")
    groups: tuple[tuple[str, Key, tuple[float, ...]], ...] = (
        ("tables, means over both tasks and four models", lambda r: label(r.case), RATES),
        ("tasks", lambda r: f"{_correlated(r)}, {r.case.task}", RATES[1:2]),
        ("models", lambda r: f"{_correlated(r)}, {r.case.model or 'its own'}", RATES[1:2]),
    )
    for name, key, rates in groups:
        print(f"\n### {name}\n")
        rows = grouped([r for r in records if r.case.kind != "noise" or rates == RATES], key, rates)
        show(next(rows), rows)
    print(f"\n### p-values of useless columns\n\n{uniform.__doc__}".replace("\n    ", "\n"))
    rows = uniform(records, lambda r: r.case.kind)
    show(next(rows), rows)
    print(f"\n### products\n\n{rankings.__doc__}\n")
    rows = rankings(ranked)
    show(next(rows), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = [*SETTINGS, *RIVALS, *OWN_MODEL]
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--methods", nargs="+", choices=every, default=every)
    parser.add_argument("--tables", nargs="+", default=None, help="such as blocks-800-40")
    parser.add_argument("--kept", action="store_true", help="only what the cache holds")
    arguments = parser.parse_args()
    chosen = cases(arguments.seeds, arguments.tables)
    report(collect(chosen, arguments.methods, arguments.kept))


if __name__ == "__main__":
    main()
