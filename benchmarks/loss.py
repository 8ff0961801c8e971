"""LIME of the loss: which columns help, and how many to keep?

Tables of which the useful columns are known, several settings, and rivals. Prints tables in
markdown. Run as ``python benchmarks/loss.py`` (hours on two cores unless the rivals' results are
kept, see ``common.py``); ``--seeds 2`` takes fewer draws, ``--rivals`` only fills the cache.
"""

import argparse
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from common import code_version, memory, seconds, show
from loss_problems import MODELS, Case, folds, make_model, problem
from loss_rivals import RATES, Found, of_folds, of_tables
from scipy.stats import false_discovery_control, kstest
from sklearn.utils.parallel import Parallel, delayed

from sklime import LimeImportanceWrapper

# Kind of table, rows and columns.
TABLES = (
    ("independent", 200, 20),
    ("noise", 200, 20),
    ("independent", 600, 60),
    ("blocks", 800, 40),
    ("mixed", 600, 60),
    ("independent", 2000, 20),
    ("independent", 1000, 200),
    ("noise", 600, 60),
    ("blocks", 1000, 120),
)
TASKS = ("classification", "regression")

# Of this package; "predictions" is kept by SelectFromModel's own threshold, the mean.
SETTINGS: dict[str, dict[str, Any]] = {
    "predictions, mean": {},
    "loss, default width": {"scoring": "auto"},
    "loss, 0.557": {"scoring": "auto", "kernel_width": 0.557},
    "loss, lime's width": {"scoring": "auto", "kernel_width": "lime"},
}


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
    """All four on small tables; larger ones take two or one in turn, seed by seed."""
    if case.n * case.d <= 8000:
        return MODELS
    if case.n * case.d < 100_000:
        return MODELS[case.seed % 2 :: 2]
    return MODELS[case.seed % 4 :: 4]


def cases(n_seeds: int) -> Iterator[Case]:
    """Tables without their models."""
    for kind, n, d in TABLES:
        for task in TASKS:
            for seed in range(n_seeds):
                yield Case(task, kind, n, d, seed)


@memory.cache
def ours(case: Case, setting: str, version: str) -> Found:
    """Gains and p-values by this package, of the code of that version."""
    X, y, _, categories = problem(case)
    wrapper = LimeImportanceWrapper(
        make_model(case, categories),
        cv=folds(case),
        max_samples=None,
        categorical_features=categories,
        random_state=case.seed,
        **SETTINGS[setting],
    )
    taken = seconds(lambda: wrapper.fit(X, y))
    if "scoring" not in SETTINGS[setting]:
        sizes = wrapper.feature_importances_
        kept = sizes >= sizes.mean()
        return {"scores": sizes, "kept": dict.fromkeys(RATES, kept), "seconds": taken}
    found = wrapper.importances_
    return {"scores": found.gains, "pvalues": found.pvalues, "seconds": taken}


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
        found.get("seconds", np.nan),
    )


def records_of(case: Case, settings: list[str]) -> list[Record]:
    """Of every method on one table; what chooses its own model counts once."""
    warnings.simplefilter("ignore")  # models that stop early; noise that cannot be told from 0
    records = [judge(method, case, found) for method, found in of_tables(case).items()]
    for model in models_of(case):
        fitted = case._replace(model=model)
        records += [
            judge(setting, fitted, ours(fitted, setting, code_version())) for setting in settings
        ]
        records += [judge(method, fitted, found) for method, found in of_folds(fitted).items()]
    return records


def keep_rivals(case: Case) -> None:
    warnings.simplefilter("ignore")
    of_tables(case)
    for model in models_of(case):
        of_folds(case._replace(model=model))


Rows = Iterator[list[Any]]


def summary(records: Iterable[Record]) -> list[Any]:
    """Precision, then false discoveries and power at each rate, columns kept at 0.1, seconds."""
    records = list(records)
    cells: list[Any] = [_mean(record.precision for record in records)]
    for rate in RATES:
        false = np.array([record.false[rate] for record in records])
        # Models of one table are not independent: the error is that over tables.
        tables: dict[Case, list[float]] = {}
        for record in records:
            tables.setdefault(record.case._replace(model=""), []).append(record.false[rate])
        per_table = np.array([np.mean(each) for each in tables.values()])
        error = per_table.std(ddof=1) / np.sqrt(len(per_table)) if len(per_table) > 1 else np.nan
        cells.append(f"{false.mean():.2f} ± {error:.2f}")
        cells.append(_mean(record.power[rate] for record in records))
    cells.append(_mean((record.kept[0.1] for record in records), 1))
    return [*cells, _mean((record.seconds for record in records), 1)]


HEADINGS = ["precision"]
HEADINGS += [f"{what} at {rate}" for rate in RATES for what in ("FDR", "power")]
HEADINGS += ["kept at 0.1", "seconds"]


def _mean(values: Iterable[float], digits: int = 2) -> str:
    found = float(np.mean(list(values)))
    return "-" if np.isnan(found) else f"{found:.{digits}f}"


def grouped(records: list[Record], key: Callable[[Record], Any]) -> Rows:
    """A summary of each method within each group."""
    groups: dict[tuple[Any, str], list[Record]] = {}
    for record in records:
        groups.setdefault((key(record), record.method), []).append(record)
    order = list(dict.fromkeys(key(record) for record in records))
    yield ["where", "method", *HEADINGS]
    for where in order:
        for (group, method), some in groups.items():
            if group == where:
                yield [where, method, *summary(some)]


def uniform(records: list[Record]) -> Rows:
    """p-values of useless columns, nothing correlated: should be uniform.

    KS: Kolmogorov and Smirnov's test of one useless column a table and model, as columns of a
    table are not independent. Below 0.05 and 0.01: shares of all useless columns.
    """
    yield [
        "method",
        "kind",
        "tables and models",
        "KS statistic",
        "KS p",
        "below 0.05",
        "below 0.01",
    ]
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.case.kind != "blocks" and len(record.nulls):
            groups.setdefault((record.method, record.case.kind), []).append(record)
    for (method, kind), some in groups.items():
        every = np.concatenate([record.nulls for record in some])
        one = [record.nulls[-1 - MODELS.index(record.case.model or "linear")] for record in some]
        test = kstest(one, "uniform")
        shares = [f"{(every < level).mean():.3f}" for level in (0.05, 0.01)]
        yield [method, kind, len(some), f"{test.statistic:.3f}", f"{test.pvalue:.3f}", *shares]


@cache
def label(case: Case) -> str:
    return f"{case.kind}, n={case.n}, d={case.d}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--kinds", nargs="+", default=None, help="such as blocks-800-40")
    parser.add_argument("--n_jobs", type=int, default=2)
    arguments = parser.parse_args()
    kinds = arguments.kinds or ["-".join(map(str, each)) for each in TABLES]
    every = [c for c in cases(arguments.seeds) if f"{c.kind}-{c.n}-{c.d}" in kinds]
    run = Parallel(n_jobs=arguments.n_jobs)
    if arguments.rivals:
        run(delayed(keep_rivals)(case) for case in every)
        return
    parts = run(delayed(records_of)(case, arguments.settings) for case in every)
    records = [record for part in parts for record in part]
    print("Five useful columns (two by themselves, one by a step, two by their product only), or")
    print(f"none. FDR: share of useless columns among those kept, ± its error over {len(every)}")
    print("tables in all; power: share of useful columns kept.")
    for name, key in (
        ("tables, means over both tasks and four models", lambda r: label(r.case)),
        ("tasks", lambda r: f"{r.case.kind}, {r.case.task}"),
        ("models", lambda r: f"{r.case.kind}, {r.case.model or 'its own'}"),
    ):
        print(f"\n### {name}\n")
        rows = grouped(records, key)
        show(next(rows), rows)
    print(f"\n### p-values of useless columns\n\n{uniform.__doc__}".replace("\n    ", "\n"))
    rows = uniform(records)
    show(next(rows), rows)


if __name__ == "__main__":
    main()
