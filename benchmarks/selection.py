"""Does a ranking find the columns that matter? Known truth, and real tables with few columns.

Prints tables in markdown. Run as ``python benchmarks/selection.py`` (half an hour of one core;
results are kept as they come, see ``common.py``); ``--seeds 1`` is quicker. Predictions are
explained for the rows that the model was fitted to; the loss, permutation importance and SHAP take
rows held out from it.
"""

import argparse
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import known_truth
import numpy as np
import real_tables
import selection_methods
from scipy.stats import rankdata

FOREST = known_truth.FOREST


class Record(NamedTuple):
    """One figure of one method on one table with one model; of real tables a score."""

    method: str
    table: str
    model: str
    figure: float
    area: float = np.nan


def of_known_truth(name: str, seed: int, kind: str) -> list[Record]:
    """Areas and margins on one problem."""
    true = dict(known_truth.problems(seed))[name][2]
    found = selection_methods.of_known_truth(name, seed, kind)
    found = found | known_truth.rivals(name, seed, kind)
    return [
        Record(method, name, kind, known_truth.margin(each, true), known_truth.area(each, true))
        for method, each in found.items()
    ]


def of_real_table(name: str, fold: int, kind: str) -> list[Record]:
    """Scores of models of the k best columns on rows that no ranking has seen."""
    d = real_tables.load(name)[0].shape[1]
    found = selection_methods.of_real_table(name, fold, kind)
    found = found | real_tables.rivals(name, fold, kind)
    whole = real_tables.score(name, fold, kind, tuple(range(d)))
    records = [Record("(all columns)", f"{name}, {d}", kind, whole)]
    for method, importances in found.items():
        label = "(random columns)" if method.startswith("random") else method
        order = np.argsort(-importances, kind="stable")
        for k in real_tables.how_many(d):
            score = real_tables.score(name, fold, kind, tuple(sorted(order[:k].tolist())))
            records.append(Record(label, f"{name}, {d}", kind, score))
    return records


def means(records: Iterable[Record], by: str) -> dict[str, dict[str, float]]:
    """Method -> heading -> mean figure."""
    cells: dict[str, dict[str, list[float]]] = {}
    for record in records:
        cells.setdefault(record.method, {}).setdefault(getattr(record, by), []).append(
            record.figure
        )
    return {m: {h: float(np.mean(v)) for h, v in row.items()} for m, row in cells.items()}


def table(records: list[Record], by: str = "table", digits: int = 2) -> list[str]:
    """Means in markdown, tables down and methods across; the best of each row in bold."""
    found = means(records, by)
    headings = list(dict.fromkeys(getattr(record, by) for record in records))
    lines = ["| | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    for heading in headings:
        row = {method: of.get(heading, np.nan) for method, of in found.items()}
        lines.append(_line(heading, row, digits))
    average = {m: float(np.mean([of.get(h, np.nan) for h in headings])) for m, of in found.items()}
    return [*lines, _line("mean", average, digits)]


def _line(heading: str, row: dict[str, float], digits: int) -> str:
    rivals = [value for method, value in row.items() if not method.startswith("(")]
    best = f"{np.nanmax(rivals):.{digits}f}"
    texts = ["-" if np.isnan(value) else f"{value:.{digits}f}" for value in row.values()]
    texts = [f"**{each}**" if each == best else each for each in texts]
    return f"| {heading} | " + " | ".join(texts) + " |"


def mean_ranks(records: list[Record], methods: list[str]) -> dict[str, float]:
    """Rank of each method among these (1 is best, ties share) on each table and model, averaged."""
    cells: dict[tuple[str, str], dict[str, list[float]]] = {}
    for record in records:
        if record.method in methods:
            key = (record.table, record.model)
            cells.setdefault(key, {}).setdefault(record.method, []).append(record.figure)
    ranks = [
        rankdata([-round(float(np.mean(row[method])), 6) for method in methods])
        for row in cells.values()
    ]
    return dict(zip(methods, np.mean(ranks, axis=0), strict=True))


def verdict(truth: list[Record], real: list[Record]) -> list[str]:
    """Mean ranks of all methods: known truth, real tables, and both together."""
    methods = [
        method
        for method in dict.fromkeys(record.method for record in truth)
        if any(record.method == method for record in real)
    ]
    parts = {
        "known truth: mean rank": mean_ranks(truth, methods),
        "real tables: mean rank": mean_ranks(real, methods),
    }
    both = {m: float(np.mean([ranks[m] for ranks in parts.values()])) for m in methods}
    parts["both: mean rank"] = both
    for name, some in (("known truth: mean margin", truth), ("real tables: mean score", real)):
        found = means(some, "table")
        parts[name] = {m: float(np.mean(list(found[m].values()))) for m in methods}
    lines = ["| method | " + " | ".join(parts) + " |", "|---" * (len(parts) + 1) + "|"]
    for method in sorted(methods, key=lambda m: both[m]):
        cells = [f"{of[method]:.{3 if 'score' in n else 2}f}" for n, of in parts.items()]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--tables", nargs="+", default=[*real_tables.NAMES])
    parser.add_argument("--kept", action="store_true", help="only what the cache holds")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # networks that stop early; low fidelity is the point
    truth: list[Record] = []
    real: list[Record] = []
    for seed in range(arguments.seeds):
        for name in known_truth.PROBLEMS:
            for kind in known_truth.MODELS:
                cell = (name, seed, kind)
                if not arguments.kept or _kept(selection_methods.of_known_truth, *cell):
                    truth += of_known_truth(*cell)
        for name in arguments.tables:
            for kind in real_tables.MODELS:
                cell = (name, seed, kind)
                if not arguments.kept or _kept(selection_methods.of_real_table, *cell):
                    real += of_real_table(*cell)
    common = [record for record in truth if record.method not in ("impurity", "shadow columns")]
    print("\n".join(report(truth, common, real)))


def _kept(function: Any, *cell: Any) -> bool:
    return function.check_call_in_cache(*cell)


def report(truth: list[Record], common: list[Record], real: list[Record]) -> list[str]:
    areas = [record._replace(figure=record.area) for record in common]
    forest = [record for record in truth if record.model == FOREST]
    return [
        "### verdict",
        "",
        "Mean ranks (1 is best) of all methods over tables and models, means beside them.",
        "",
        *verdict(common, real),
        "",
        "### margins",
        "",
        f"Known truth, {known_truth.N_TRAIN} rows to fit: (smallest importance that matters -",
        "largest useless one) / largest. Means over seeds and four models",
        f"({', '.join(known_truth.MODELS)}).",
        "",
        *table(common),
        "",
        "By model:",
        "",
        *table(common, by="model"),
        "",
        f"{FOREST} only, with what only forests have:",
        "",
        *table(forest),
        "",
        "### areas",
        "",
        "Area under the ROC curve, columns that matter against useless ones:",
        "",
        *table(areas),
        "",
        "### real tables",
        "",
        "Score on rows that no ranking has seen (R^2; area under the ROC curve of two classes;",
        "accuracy of more) of a model refitted to the best eighth and the best quarter of the",
        "columns: means over both, folds and four models",
        f"({', '.join(real_tables.MODELS)}). The number is that of all columns.",
        "",
        *table(real, digits=3),
        "",
        "By model:",
        "",
        *table(real, by="model", digits=3),
    ]


if __name__ == "__main__":
    main()
