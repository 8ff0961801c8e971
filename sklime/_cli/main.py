"""``python -m sklime``: rank the columns of a file, or of a data set that scikit-learn brings."""

import os
import platform
import re
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from textwrap import shorten

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from .. import Explanations, LimeImportanceWrapper, __version__
from .arguments import FOLDS, SHOWN, make_parser
from .data import Dataset, Rank, breast_cancer, require, write
from .models import make_estimator
from .report import draw, render
from .scores import HeldOut
from .terminal import aligned, one_line, progress, show, table

# Cells of a table that is not worth a second thread, and bytes of a file not worth a word.
_SMALL = 10**6


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 1 if nobody reads any more, 2 after one line on what is of no use."""
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
        parser.error(shorten(one_line(str(error)), 400, placeholder=" ..."))
    return 0


def _run(args: Namespace) -> None:
    """Rank the columns, print the table, write the files."""
    _check_files(args)
    if args.scoring and not args.cv:
        args.cv = FOLDS
    with warnings.catch_warnings(record=True) as caught:
        # Folds that lack a level, classes of few rows, and what packages will do are no news.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", "The least populated|Found unknown|The number of unique")
        data = _load(args)
        held_out = HeldOut(data, args.cv, args.random_state)
        facts = _facts(data, args.estimator)
        show(*aligned(facts), "")
        # On a small table threads that wait for one another take longer, on a busy machine much.
        with threadpool_limits(1 if data.X.size < _SMALL else None):
            wrapper = _explain(args, data, held_out)
            progress("scoring on held-out rows")
            # A squared error says more as a share of the target's variance.
            share = args.cv and not data.classes and args.scoring in (None, "auto")
            ranking = Rank.all(wrapper, data.columns, np.var(data.y) if share else 1)
            order = [data.columns.index(line.column) for line in ranking]
            scores, notes = held_out.judge(wrapper.estimator, order)
            score = "R²" if share else wrapper.explanations_.response
            notes |= _meaning(wrapper, data, ranking[: args.top or SHOWN], score)
            lines = held_out.compare(wrapper, scores, args.top) if args.cv else []
            value, shown = "gain" if args.cv else "importance", args.top or SHOWN
            show(*table(ranking, shown, value), "", *aligned(notes), *lines)
            explanations = _named(wrapper, data)
            if args.output is not None:
                write(args.output, ranking, value)
            if args.plot is not None:
                draw(args.plot, explanations, {"kind": "bar", "max_features": shown})
            if args.report is not None:
                if args.cv:  # of gains, what the model predicts is shown beside them
                    predicted = clone(wrapper).set_params(scoring=None, cv=None).fit(data.X, data.y)
                    explanations = _named(predicted, data)
                title, settings = f"LIME importances of {data.name}", _settings(args, wrapper, data)
                words = (title, facts | notes, _texts(caught), lines, settings)
                page = render(*words, ranking, shown, value, explanations)
                args.report.write_text(page, encoding="utf-8")
    for text in _texts(caught):
        sys.stderr.write(f"sklime: warning: {text}\n")


def _named(wrapper: LimeImportanceWrapper, data: Dataset) -> Explanations:
    """Explanations with the names of the columns, and rows counted from 1 that have no index."""
    names, explained = np.array(data.columns, dtype=object), wrapper.explanations_
    return replace(explained, feature_names=names, sample_indices=explained.sample_indices + 1)


def _check_files(args: Namespace) -> None:
    """Refuse to write over a file, and without what draws, before the work and not after it."""
    paths = (args.file, args.output, args.plot, args.report)
    files = [path.resolve() for path in paths if path]
    if len(set(files)) < len(files):
        raise ValueError("FILE, --output, --plot and --report must be different files")
    if args.plot or args.report:
        require("matplotlib", "plot", "a plot").use("Agg")


def _load(args: Namespace) -> Dataset:
    """The data of the file, or those that need none."""
    if args.file is None:
        if args.target or args.task or args.drop or args.keep:
            raise ValueError("--target, --task, --drop and --keep are for a FILE")
        return breast_cancer()
    if args.file.is_file() and args.file.stat().st_size > _SMALL:
        progress(f"reading {args.file.name}")
    for module in ("pandas", "skrub"):
        require(module, "files", "reading a file")
    from .files import read

    options = {"drop": args.drop, "keep": args.keep, "max_rows": args.rows}
    return read(args.file, args.target, args.task, **options, seed=args.random_state)


def _facts(data: Dataset, estimator: str) -> dict[str, str]:
    """What is ranked."""
    some = ", ".join(data.classes[:5]) + ", ..." * (len(data.classes) > 5)
    task = f"classification, {len(data.classes)} classes ({some})" if some else "regression"
    facts = {"Data": f"{data.name}, {data.rows}", "Columns": data.read}
    facts |= {"Target": f"{data.target}, {task}", "Model": estimator}
    return facts | ({"Note": "; ".join(data.notes)} if data.notes else {})


def _explain(args: Namespace, data: Dataset, held_out: HeldOut) -> LimeImportanceWrapper:
    """The model, fitted to all rows and explained; of a score, on the rows that are held out."""
    seed, (n_rows, n_columns) = args.random_state, data.X.shape
    size = f"{n_rows:,} rows, {n_columns:,} column{'s' * (n_columns > 1)}"
    progress(f"fitting and explaining {args.estimator}: {size}")
    names = ("kernel_width", "values", "engine", "discretizer")
    chosen = {name: vars(args)[name] for name in names if vars(args)[name] is not None}
    if args.conditional:
        chosen |= {"kernel_width": 0, "conditional": True}
    if args.cv:
        chosen |= {"cv": held_out.folds, "scoring": args.scoring or "auto"}
    model = make_estimator(args.estimator, data.X, classify=bool(data.classes), seed=seed)
    return LimeImportanceWrapper(model, random_state=seed, **chosen).fit(data.X, data.y)


def _meaning(
    wrapper: LimeImportanceWrapper, data: Dataset, ranking: Sequence[Rank], score: str
) -> dict[str, str]:
    """What the numbers and marks mean."""
    explanations, n_rows = wrapper.explanations_, f"{len(wrapper.explanations_):,}"
    if wrapper.scoring is not None:
        kept = "helps, and not by chance; about a tenth of these columns may be useless, more "
        kept += "where they are correlated with useful ones (--conditional tells)"
        if wrapper.conditional:
            kept = "tells what no other column does; columns that say the same hide each other"
        return {
            "Gain": f"what {score} loses on average where the column is redrawn, on {n_rows} "
            "held-out rows, each explained by a model that has not seen it",
            "keep": kept,
        }
    unit = f"units of {data.target}"
    if data.classes:
        unit = "the decision function" if score == "decision_function" else "probability"
    notes = {"Importance": f"mean size of {n_rows} rows' LIME {explanations.values}, in {unit}"}
    if not all(line.told for line in ranking):
        notes["?"] = "not told from 0: the interval of the error holds it"
    return notes


def _settings(args: Namespace, wrapper: LimeImportanceWrapper, data: Dataset) -> list[str]:
    """What was done, and what it takes to do it again, in sentences."""
    explained, versions = wrapper.explanations_, [f"sklime {__version__}"]
    for package in ("scikit-learn", "skrub", "pandas", "numpy", "scipy", "lime", "matplotlib"):
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    asked = f"{explained.num_samples:,} rows made of the columns' own values"
    asked += ", for each of them" * (explained.engine != "pooled")
    what = "the row's own value of a column adds to what the model says while other columns vary"
    if explained.kernel_width == 0:
        asked = f"the rows with one cell changed, {explained.num_samples} times each cell"
        what = "the model says less where the row's own value of a column is drawn anew"
    asker, sure = "the model was", "They say nothing of other data or another model."
    if args.cv:
        asker = f"the model of each of {args.cv} folds was"
        sure = "Those of gains are of the choice of rows, too: they hold for rows to come."
    return f"""
The model is {args.estimator}, fitted to {len(data.y):,} rows: \
{one_line(str(wrapper.estimator[-1]))}.

{len(explained):,} of the rows are explained. For this {asker} asked about {asked}. \
A {explained.values[:-1]} is what {what}, and an importance the mean size of it. \
The neighbourhood has width {explained.kernel_width:.3g} (engine {explained.engine}); \
the random state is {args.random_state}.

Intervals are those of the error from asking about so many rows only (95 %). {sure}

Versions: Python {platform.python_version()}, {", ".join(versions)}.""".strip().split("\n\n")


def _texts(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Each warning once, on a line, with parameters as options and no advice for programs."""
    texts = (one_line(str(each.message)).partition(" SelectFromModel")[0] for each in caught)
    once: dict[str, str] = {}
    for text in texts:  # the folds in which columns are chosen have other numbers
        option = re.sub(r"(\w+)='?(\w+)'?", r"--\1 \2", text).replace("--kernel_w", "--kernel-w")
        once.setdefault(re.sub(r"\d+", "", text), option)
    return list(once.values())
