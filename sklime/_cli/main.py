"""``python -m sklime``: rank the columns of a file, or of a data set that scikit-learn brings."""

import csv
import os
import platform
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import SelectFromModel
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from .. import LimeImportanceWrapper, __version__
from .arguments import SHOWN, make_parser
from .data import Dataset, breast_cancer, require
from .models import make_estimator
from .report import Rank, draw, render
from .scores import HeldOut
from .terminal import aligned, one_line, progress, show, table

# Cells of a table that is not worth a second thread, and bytes of a file not worth a word.
_SMALL = 10**6


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its status.

    0; 1 if nobody reads the output any more; 130 if interrupted; 2, after one line on stderr, if
    an argument or the file is of no use.
    """
    parser = make_parser()
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


def _run(args: Namespace) -> None:
    """Rank the columns, print the table, write the files."""
    _check_paths(args)
    with warnings.catch_warnings(record=True) as caught:
        # Folds without a level or with few rows of a class are no news.
        warnings.filterwarnings("ignore", "The least populated class|Found unknown categories")
        data = _load(args)
        held_out = HeldOut(data, args.cv, args.random_state)
        facts = _facts(data, args.estimator)
        progress("")
        show(*aligned(facts), "")
        # On a small table threads that wait for one another take longer, on a busy machine much.
        with threadpool_limits(1 if data.X.size < _SMALL else None):
            wrapper = _explain(args, data)
            progress("scoring on held-out rows")
            order = np.argsort(-wrapper.feature_importances_, kind="stable")
            scores, notes = held_out.judge(wrapper.estimator, order)
            notes |= _meaning(wrapper, data)
            score_lines = _compare(args, wrapper, held_out, scores) if args.cv else []
        progress("")
        ranking, shown = _rank(wrapper, data.columns, order), args.top or SHOWN
        show(*table(ranking, shown), "", *aligned(notes), *score_lines)
        # An array has no names of its own.
        names = np.array(data.columns, dtype=object)
        explanations = replace(wrapper.explanations_, feature_names=names)
        if args.output is not None:
            _write_csv(args.output, ranking)
        if args.plot is not None:
            draw(args.plot, explanations, {"kind": "bar", "max_features": shown})
        if args.report is not None:
            page = render(
                title=f"LIME importances of {data.name}",
                facts=facts | notes,
                scores=score_lines,
                ranking=ranking,
                shown=shown,
                explanations=explanations,
                settings=_settings(args, wrapper, data),
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
        if args.file.is_file() and args.file.stat().st_size > _SMALL:
            progress(f"reading {args.file.name}")
        for module in ("pandas", "skrub"):
            require(module, "files", "reading a file")
        from .files import read

        options = {"drop": args.drop, "keep": args.keep, "max_rows": args.rows}
        data = read(args.file, args.target, args.task, **options, seed=args.random_state)
    elif args.target or args.task or args.drop or args.keep:
        raise ValueError("--target, --task, --drop and --keep are for a FILE")
    else:
        data = breast_cancer()
    return data


def _facts(data: Dataset, estimator: str) -> dict[str, str]:
    """What is ranked."""
    task = "regression"
    if data.classes:
        some = ", ".join(data.classes[:5]) + (", ..." if len(data.classes) > 5 else "")
        task = f"classification, {len(data.classes)} classes ({some})"
    facts = {
        "Data": f"{data.name}, {data.rows}",
        "Columns": data.read,
        "Target": f"{data.target}, {task}",
        "Model": estimator,
    }
    return facts | ({"Note": "; ".join(data.notes)} if data.notes else {})


def _explain(args: Namespace, data: Dataset) -> LimeImportanceWrapper:
    """The model, fitted to all rows and explained."""
    seed = args.random_state
    model = make_estimator(args.estimator, data.X, classify=bool(data.classes), seed=seed)
    chosen = {"kernel_width": args.kernel_width, "values": args.values}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    n_rows, n_columns = data.X.shape
    progress(f"fitting and explaining {args.estimator}: {n_rows:,} rows, {n_columns:,} columns")
    return LimeImportanceWrapper(model, random_state=seed, **chosen).fit(data.X, data.y)


def _compare(
    args: Namespace,
    wrapper: LimeImportanceWrapper,
    held_out: HeldOut,
    with_all: NDArray[np.float64],
) -> list[str]:
    """Scores without a column, with the best columns of each fold, and with all columns."""
    n_columns = wrapper.n_features_in_
    kept = args.top or max(1, min(SHOWN, n_columns // 2))
    scores = {"no column": held_out.baseline}
    if kept < n_columns:
        progress(f"scoring the {kept} best columns of each fold")
        best = SelectFromModel(wrapper, max_features=kept, threshold=-np.inf)
        if hasattr(held_out.data.X, "columns"):
            best.set_output(transform="pandas")  # an array would lose the categories
        scores[f"{kept} best"] = held_out.scores(make_pipeline(best, wrapper.estimator))
    scores[f"all {n_columns}"] = with_all
    width = max(map(len, scores))
    lines = [
        f"  {name:{width}}  {round(score.mean(), 3) + 0.0:6.3f} ± {score.std():.3f}"
        for name, score in scores.items()
    ]
    title = f"Mean {held_out.metric} ± standard deviation over {args.cv} folds:"
    return ["", title, *lines]


def _rank(
    wrapper: LimeImportanceWrapper, columns: Sequence[str], order: NDArray[np.intp]
) -> list[Rank]:
    """All columns, the most important one first."""
    importances, sem = wrapper.feature_importances_, wrapper.feature_importances_sem_
    intervals = wrapper.importances_.confint()
    numbers = np.column_stack([importances, sem, intervals]).tolist()
    return [Rank(rank, columns[j], *numbers[j]) for rank, j in enumerate(order, start=1)]


def _meaning(wrapper: LimeImportanceWrapper, data: Dataset) -> dict[str, str]:
    """What the numbers mean."""
    explanations = wrapper.explanations_
    unit = f"units of {data.target}"
    if data.classes:
        unit = "probability" if hasattr(wrapper, "predict_proba") else "the decision function"
    what = f"mean size of {len(explanations):,} rows' LIME {explanations.values}"
    notes = {"Importance": f"{what}, in {unit}"}
    scores = explanations.scores[~np.isnan(explanations.scores)]
    if len(scores):
        notes["Fit"] = f"the linear explanations have a median R² of {np.median(scores):.2f}"
    return notes


def _write_csv(path: Path, ranking: Sequence[Rank]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([Rank._fields, *ranking])


def _settings(args: Namespace, wrapper: LimeImportanceWrapper, data: Dataset) -> list[str]:
    """What was done, and what it takes to do it again, in sentences."""
    explanations, n_rows = wrapper.explanations_, len(data.y)
    packages = ("scikit-learn", "skrub", "pandas", "numpy", "scipy", "lime", "matplotlib")
    versions = [f"Python {platform.python_version()}", f"sklime {__version__}"]
    for package in packages:
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return f"""
The model is {args.estimator}, fitted to {n_rows:,} rows: {one_line(str(wrapper.estimator[-1]))}.

{len(explanations):,} of the rows are explained. For this the model was asked about \
{explanations.num_samples:,} rows made of the columns' own values. A {explanations.values[:-1]} is \
what the row's own value of a column adds to what the model says while other columns vary, and an \
importance the mean size of it. The neighbourhood has width {explanations.kernel_width:.3g} \
(engine {explanations.engine}); the random state is {args.random_state}.

Intervals are those of the error from asking about so many rows only (95 %). They say nothing of \
other data or another model.

Versions: {", ".join(versions)}.""".strip().split("\n\n")


def _texts(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Each warning once, on one line."""
    return list(dict.fromkeys(one_line(str(each.message)) for each in caught))
