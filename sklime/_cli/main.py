"""``python -m sklime``: rank the columns of a file, or of a data set that scikit-learn brings."""

import csv
import os
import sys
import warnings
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from .. import LimeImportanceWrapper, __version__
from .files import Dataset, breast_cancer, read, require
from .models import ESTIMATORS, make_estimator
from .report import Rank, draw, render
from .terminal import aligned, one_line, progress, show, table

# Columns shown, and the most that --cv keeps, unless --top says how many.
_SHOWN = 15

# Cells of a table that is not worth a second thread.
_SMALL = 10**6


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    status : int
        0; 1 if nobody reads the output any more; 130 if interrupted.

    Raises
    ------
    SystemExit
        With code 2, after one line on stderr, if an argument or the file is of no use.
    """
    parser = _make_parser()
    args = parser.parse_args(argv)
    try:
        _run(args)
    except BrokenPipeError:  # head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        progress("")
        return 130
    except (ImportError, OSError, ValueError) as error:
        progress("")
        parser.error(one_line(str(error)))
    return 0


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, without the usage."""
        self.exit(2, f"sklime: error: {message}\n")


def _make_parser() -> ArgumentParser:
    parser = _Parser(
        prog="python -m sklime",
        description="Rank the columns of a table by their LIME importances for a model.",
    )
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        help="CSV, TSV or Parquet file with column names; numbers, dates, categories and missing "
        "values are welcome (default: scikit-learn's breast cancer data)",
    )
    add("--target", metavar="COLUMN", help="column to predict (default: the last one)")
    add(
        "--task",
        choices=["classification", "regression"],
        help="default: classification if the target holds strings, booleans, categories or a few "
        "different integers",
    )
    add(
        "--estimator",
        metavar="NAME",
        choices=list(ESTIMATORS),
        default=next(iter(ESTIMATORS)),
        help="%(choices)s (default: the first)",
    )
    add(
        "--top",
        metavar="K",
        type=_integer(1),
        help=f"columns to show and, with --cv, to keep (default: {_SHOWN} to show, and as many "
        "to keep but at most half of them)",
    )
    add(
        "--cv",
        metavar="K",
        type=_integer(2),
        help="score the model in K folds, on all columns and on the best ones of each fold",
    )
    add("--output", metavar="CSV", type=Path, help="write the importances of all columns")
    add("--plot", metavar="PNG", type=Path, help="draw the importances (or .pdf, .svg)")
    add("--report", metavar="HTML", type=Path, help="write a page with table, plots and settings")
    add(
        "--kernel-width",
        metavar="W",
        type=_positive,
        help="width of LIME's kernel, see LimeImportanceWrapper; 0.4 sees interactions "
        "(default: lime's)",
    )
    add("--random-state", metavar="N", type=_integer(0), default=0, help="default: %(default)s")
    add("--version", action="version", version=f"sklime {__version__}")
    return parser


def _integer(least: int) -> Callable[[str], int]:
    """Argument type of the integers from `least` on, as far as scikit-learn's seeds go."""

    def parse(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) < 2**32):
            raise ArgumentTypeError(f"must be an integer of {least} or more. Got {text!r}.")
        return int(text)

    return parse


def _positive(text: str) -> float:
    """Argument type of the numbers above 0."""
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not 0 < number < np.inf:
        raise ArgumentTypeError(f"must be a number above 0. Got {text!r}.")
    return number


def _run(args: Namespace) -> None:
    """Rank the columns, print the table, write the files."""
    _check_paths(args)
    progress("reading ...")
    data = _load(args)
    progress("")
    facts = _facts(data, args.estimator)
    show(*aligned(facts), "")
    shown = args.top or _SHOWN
    with warnings.catch_warnings(record=True) as caught:
        wrapper, scores = _compute(args, data)
        ranking = _rank(wrapper, data.columns)
        notes = _notes(wrapper, data)
        score_lines = _score_lines(scores, data)
        show(*table(ranking, shown), "", *aligned(notes), *score_lines)
        # An array has no names of its own.
        names = np.array(data.columns, dtype=object)
        explanations = replace(wrapper.explanations_, feature_names=names)
        if args.output is not None:
            _write_csv(args.output, ranking)
        if args.plot is not None:
            draw(args.plot, explanations, shown, dpi=150)
        if args.report is not None:
            page = render(
                title=f"LIME importances of {data.name}",
                facts=facts | notes,
                scores=score_lines,
                ranking=ranking,
                shown=shown,
                explanations=explanations,
                settings=_settings(args, wrapper),
                warned=_texts(caught),
            )
            args.report.write_text(page, encoding="utf-8")
    for text in _texts(caught):
        sys.stderr.write(f"sklime: warning: {text}\n")


def _check_paths(args: Namespace) -> None:
    """Refuse files that cannot be written, before the work and not after it."""
    paths = {name: getattr(args, name) for name in ("output", "plot", "report")}
    paths = {name: path for name, path in paths.items() if path is not None}
    for name, path in paths.items():
        if path.is_dir():
            raise ValueError(f"--{name}: {path} is a folder")
        if not path.parent.is_dir():
            raise ValueError(f"--{name}: there is no folder {path.parent}")
    files = [path.resolve() for path in (args.file, *paths.values()) if path is not None]
    if len(set(files)) < len(files):
        raise ValueError("FILE, --output, --plot and --report must be different files")
    if args.plot is not None and args.plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--plot: {args.plot} must end with .png, .pdf or .svg")
    if args.plot is not None or args.report is not None:
        require("matplotlib", "plot", "a plot").use("Agg")


def _load(args: Namespace) -> Dataset:
    """The data, of a size that allows the folds."""
    if args.file is not None:
        data = read(args.file, args.target, args.task)
    elif args.target is not None or args.task is not None:
        raise ValueError("--target and --task are for a FILE")
    else:
        data = breast_cancer()
    if args.cv is not None and data.classes:
        largest = np.unique(data.y, return_counts=True)[1].max()
        if largest < args.cv:
            raise ValueError(f"--cv {args.cv} needs a class of as many rows; there are {largest}")
    elif args.cv is not None and len(data.y) < 2 * args.cv:  # one row has no R²
        raise ValueError(f"--cv {args.cv} needs {2 * args.cv} rows; there are {len(data.y)}")
    return data


def _facts(data: Dataset, estimator: str) -> dict[str, str]:
    """What is ranked."""
    n_rows, n_columns = data.X.shape
    dropped = f" ({data.n_dropped} without a target dropped)" if data.n_dropped else ""
    task = "regression"
    if data.classes:
        some = ", ".join(data.classes[:5]) + (", ..." if len(data.classes) > 5 else "")
        task = f"classification, {len(data.classes)} classes ({some})"
    return {
        "Data": f"{data.name}, {n_rows} rows{dropped}, {n_columns} columns",
        "Target": f"{data.target}, {task}",
        "Model": estimator,
    }


def _compute(
    args: Namespace, data: Dataset
) -> tuple[LimeImportanceWrapper, dict[str, NDArray[np.float64]]]:
    """The model, fitted and explained, and its scores in the folds."""
    classify = bool(data.classes)
    model = make_estimator(args.estimator, data.X, classify=classify, seed=args.random_state)
    wrapper = LimeImportanceWrapper(
        model, kernel_width=args.kernel_width, random_state=args.random_state
    )
    scores = {}
    # On a small table threads that wait for one another take longer, on a busy machine much longer.
    with threadpool_limits(1 if data.X.size < _SMALL else None):
        progress("fitting the model and explaining it ...")
        wrapper.fit(data.X, data.y)
        if args.cv:
            progress(f"cross-validating in {args.cv} folds ...")
            scores = _cross_validate(args, data, wrapper)
    progress("")
    return wrapper, scores


def _cross_validate(
    args: Namespace, data: Dataset, wrapper: LimeImportanceWrapper
) -> dict[str, NDArray[np.float64]]:
    """Scores without a column, with the best columns of each fold, and with all columns."""
    n_columns = len(data.columns)
    kept = args.top or max(1, min(_SHOWN, n_columns // 2))
    models = {"no column": DummyClassifier() if data.classes else DummyRegressor()}
    if kept < n_columns:
        best = SelectFromModel(wrapper, max_features=kept, threshold=-np.inf)
        if hasattr(data.X, "columns"):
            best.set_output(transform="pandas")  # an array would lose the categories
        models[f"{kept} best"] = make_pipeline(best, wrapper.estimator)
    models[f"all {n_columns}"] = wrapper.estimator
    splitter = StratifiedKFold if data.classes else KFold
    cv = splitter(args.cv, shuffle=True, random_state=args.random_state)
    return {
        name: cross_val_score(
            model, data.X, data.y, cv=cv, scoring=_metric(data), error_score="raise"
        )
        for name, model in models.items()
    }


def _metric(data: Dataset) -> str:
    return "accuracy" if data.classes else "r2"


def _rank(wrapper: LimeImportanceWrapper, columns: Sequence[str]) -> list[Rank]:
    """All columns, the most important one first."""
    importances, sem = wrapper.feature_importances_, wrapper.feature_importances_sem_
    std = wrapper.feature_importances_std_
    return [
        Rank(rank, columns[j], float(importances[j]), float(sem[j]), float(std[j]))
        for rank, j in enumerate(np.argsort(-importances, kind="stable"), start=1)
    ]


def _notes(wrapper: LimeImportanceWrapper, data: Dataset) -> dict[str, str]:
    """What the numbers mean."""
    explanations = wrapper.explanations_
    unit = f"units of {data.target}"
    if data.classes:
        unit = "probability" if hasattr(wrapper, "predict_proba") else "the decision function"
    notes = {"Importance": f"mean size of {len(explanations)} rows' LIME weights, in {unit}"}
    scores = explanations.scores[~np.isnan(explanations.scores)]
    if len(scores):
        notes["Fit"] = f"the linear explanations have a median R² of {np.median(scores):.2f}"
    return notes


def _score_lines(scores: dict[str, NDArray[np.float64]], data: Dataset) -> list[str]:
    """The scores below one another."""
    if not scores:
        return []
    metric = "accuracy" if data.classes else "R²"
    n_folds, width = len(scores["no column"]), max(map(len, scores))
    lines = [
        f"  {name:{width}}  {round(score.mean(), 3) + 0.0:6.3f} ± {score.std():.3f}"
        for name, score in scores.items()
    ]
    return ["", f"Mean {metric} ± standard deviation over {n_folds} folds:", *lines]


def _write_csv(path: Path, ranking: Sequence[Rank]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([Rank._fields, *ranking])


def _settings(args: Namespace, wrapper: LimeImportanceWrapper) -> dict[str, Any]:
    """What it takes to do it again."""
    explanations = wrapper.explanations_
    return {
        "estimator": wrapper.estimator[-1],
        "random state": args.random_state,
        "aggregation": wrapper.aggregation,
        "engine": explanations.engine,
        "kernel width": f"{explanations.kernel_width:.4g}",
        "perturbed rows": explanations.num_samples,
        "effective share of them": f"{explanations.effective_sample_size:.1%}",
        "rows explained": len(explanations),
    }


def _texts(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Each warning once, on one line."""
    return list(dict.fromkeys(one_line(str(each.message)) for each in caught))
