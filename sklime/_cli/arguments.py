"""The arguments of the command line."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .. import __version__
from .._model.loss import SCORINGS
from .models import ESTIMATORS

# Columns shown unless --top says how many, and folds of --scoring unless --cv does.
SHOWN = 15
FOLDS = 5


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, without the usage."""
        self.exit(2, f"sklime: error: {message}\n")


def _integer(least: int) -> Callable[[str], int]:
    """Argument type of the integers from `least` on, as far as scikit-learn's seeds go."""

    def parse(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) < 2**32):
            raise ArgumentTypeError(f"must be an integer of {least} or more. Got {text!r}.")
        return int(text)

    return parse


def width(text: str) -> float | str:
    """Argument type of kernel widths, of which the wrapper says what else they must be."""
    return text if text in ("auto", "lime") else float(text)


def _new_file(*endings: str) -> Callable[[str], Path]:
    """Argument type of files to write, refused before the work and not after it."""

    def parse(text: str) -> Path:
        path = Path(text)
        if path.is_dir():
            raise ArgumentTypeError(f"{path} is a folder")
        if not path.parent.is_dir():
            raise ArgumentTypeError(f"there is no folder {path.parent}")
        if endings and path.suffix.lower() not in endings:
            raise ArgumentTypeError(f"{path} must end with {', '.join(endings)}")
        return path

    return parse


def make_parser() -> ArgumentParser:
    """Return the parser, whose help is all that is said of the arguments."""
    parser = _Parser(
        prog="sklime",
        description="Rank the columns of a table by their LIME importances for a model.",
        epilog="Without FILE it ranks the columns of scikit-learn's breast cancer data.",
    )
    add = parser.add_argument
    file = "table: .csv, .tsv, .txt, .json, .parquet or .xlsx, as people have them"
    add("file", metavar="FILE", nargs="?", type=Path, help=file)
    add("--version", action="version", version=f"sklime {__version__}")
    add("--target", metavar="COLUMN", help="column to predict (default: the last one)")
    task = "default: classification of texts, booleans, categories and a few different integers"
    add("--task", choices=["classification", "regression"], help=task)
    unwanted = "leave this column out; repeatable"
    add("--drop", metavar="COLUMN", action="append", default=[], help=unwanted)
    odd = "use it though it looks like an index, id or text; repeatable"
    add("--keep", metavar="COLUMN", action="append", default=[], help=odd)
    rows = "rows to draw from a longer file (default: %(default)s)"
    add("--rows", metavar="N", type=_integer(2), default=100_000, help=rows)
    first, *_ = names = list(ESTIMATORS)
    model = "default: %(default)s; %(choices)s"
    add("--estimator", metavar="NAME", choices=names, default=first, help=model)
    top = f"columns to show ({SHOWN}), and with --cv to score"
    add("--top", metavar="K", type=_integer(1), help=top)
    folds = "show what a score gains by each column on the held-out rows of K folds, which columns "
    folds += "to keep, and how well those predict"
    add("--cv", metavar="K", type=_integer(2), help=folds)
    scoring = f"the score that --cv ({FOLDS} folds if not given) takes; default: auto"
    add("--scoring", choices=["auto", *SCORINGS], help=scoring)
    add("--output", metavar="CSV", type=_new_file(), help="write the importances of all columns")
    plot = "draw the importances (or .pdf, .svg)"
    add("--plot", metavar="PNG", type=_new_file(".png", ".pdf", ".svg"), help=plot)
    report = "write a page with ranking, plots and settings"
    add("--report", metavar="HTML", type=_new_file(), help=report)
    see = "see LimeImportanceWrapper"
    add("--values", choices=["contributions", "weights"], help=see)
    reach = "how far a neighbourhood reaches: a number, or 'lime' for lime's own (default: auto)"
    add("--kernel-width", metavar="W", type=width, help=reach)
    add("--engine", choices=["pooled", "local", "lime"], help=see)
    add("--discretizer", choices=["quartile", "decile", "entropy"], help=see)
    given = "redraw each column given the others, by itself (slow; kernel width 0)"
    add("--conditional", action="store_true", help=given)
    seed = "default: %(default)s"
    add("--random-state", metavar="N", type=_integer(0), default=0, help=seed)
    return parser
