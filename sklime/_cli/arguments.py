"""The arguments of the command line."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from .models import ESTIMATORS

# Columns shown unless --top says how many, and folds of --scoring unless --cv does.
SHOWN = 15
FOLDS = 5


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, without the usage."""
        self.exit(2, f"sklime: error: {message}\n")


def make_parser() -> ArgumentParser:
    """Return the parser, whose help is all that is said of the arguments."""
    parser = _Parser(
        prog="sklime",
        description="Rank the columns of a table by their LIME importances for a model.",
        epilog="Without FILE it ranks the columns of scikit-learn's breast cancer data.",
    )
    file = "table: .csv, .tsv, .txt, .json, .parquet or .xlsx, as people have them"
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help=file)
    parser.add_argument("--version", action="version", version=f"sklime {__version__}")

    def add(name: str, metavar: str | None, text: str, **options: Any) -> None:
        options |= {} if metavar is None else {"metavar": metavar}
        parser.add_argument(f"--{name}", help=text, **options)

    several: dict[str, Any] = {"action": "append", "default": []}
    add("target", "COLUMN", "column to predict (default: the last one)")
    add(
        "task",
        None,
        "default: classification of texts, booleans, categories and a few different integers",
        choices=["classification", "regression"],
    )
    add("drop", "COLUMN", "leave this column out; repeatable", **several)
    add("keep", "COLUMN", "use it though it looks like an index, id or text; repeatable", **several)
    add(
        "rows",
        "N",
        "rows to draw from a longer file (default: %(default)s)",
        type=_integer(2),
        default=100_000,
    )
    names = list(ESTIMATORS)
    add("estimator", "NAME", "%(choices)s (default: the first)", choices=names, default=names[0])
    add("top", "K", f"columns to show (default: {SHOWN}), and with --cv to score", type=_integer(1))
    add(
        "cv",
        "K",
        "show what a score gains by each column on the held-out rows of K folds, which to keep, "
        "and how well those predict",
        type=_integer(2),
    )
    add(
        "scoring",
        None,
        f"the score that --cv ({FOLDS} folds if not given) takes; default: auto",
        choices=["auto", "neg_log_loss", "neg_brier_score", "accuracy", "neg_mean_squared_error"],
    )
    add("output", "CSV", "write the importances of all columns", type=Path)
    add("plot", "PNG", "draw the importances (or .pdf, .svg)", type=Path)
    add("report", "HTML", "write a page with ranking, plots and settings", type=Path)
    _add_method(add)
    add("random-state", "N", "default: %(default)s", type=_integer(0), default=0)
    return parser


def _add_method(add: Callable[..., None]) -> None:
    """Options that go to the wrapper as they are."""
    see = "see LimeImportanceWrapper"
    add("values", None, see, choices=["contributions", "weights"])
    add(
        "kernel-width",
        "W",
        "how far a neighbourhood reaches; 'lime' is lime's own width",
        type=_width,
    )
    add("engine", None, see, choices=["pooled", "local", "lime"])
    add("discretizer", None, see, choices=["quartile", "decile", "entropy"])
    conditional = "redraw each column given the others, by itself (slow; kernel width 0)"
    add("conditional", None, conditional, action="store_true")


def _integer(least: int) -> Callable[[str], int]:
    """Argument type of the integers from `least` on, as far as scikit-learn's seeds go."""

    def parse(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) < 2**32):
            raise ArgumentTypeError(f"must be an integer of {least} or more. Got {text!r}.")
        return int(text)

    return parse


def _width(text: str) -> float | str:
    """Argument type of kernel widths."""
    try:
        number = inf if text == "lime" else float(text)
    except ValueError:
        number = nan
    if text != "lime" and not 0 <= number < inf:
        raise ArgumentTypeError(f"must be 'lime' or a number of 0 or more. Got {text!r}.")
    return text if text == "lime" else number
