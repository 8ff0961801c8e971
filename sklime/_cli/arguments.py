"""The arguments of the command line."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from .models import ESTIMATORS

# Columns shown unless --top says how many, and folds of --scoring unless --cv does.
SHOWN = 15
FOLDS = 5

_SCORES = ["auto", "neg_log_loss", "neg_brier_score", "accuracy", "neg_mean_squared_error"]


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
    for name, (metavar, text, options) in _options().items():
        options |= {"metavar": metavar} if metavar else {}
        parser.add_argument(f"--{name}", help=text, **options)
    return parser


def _options() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """What stands for the value of each option, its help, and what else argparse is told."""
    several = {"action": "append", "default": []}
    task = "default: classification of texts, booleans, categories and a few different integers"
    odd = "use it though it looks like an index, id or text; repeatable"
    rows = "rows to draw from a longer file (default: %(default)s)"
    folds = "show what a score gains by each column on the held-out rows of K folds, which columns "
    folds += "to keep, and how well those predict"
    scoring = f"the score that --cv ({FOLDS} folds if not given) takes; default: auto"
    first, *_ = names = list(ESTIMATORS)
    reach = "how far a neighbourhood reaches: a number, or 'lime' for lime's own (default: auto)"
    given = "redraw each column given the others, by itself (slow; kernel width 0)"
    see = "see LimeImportanceWrapper"
    return {
        "target": ("COLUMN", "column to predict (default: the last one)", {}),
        "task": ("", task, {"choices": ["classification", "regression"]}),
        "drop": ("COLUMN", "leave this column out; repeatable", dict(several)),
        "keep": ("COLUMN", odd, dict(several)),
        "rows": ("N", rows, {"type": _integer(2), "default": 100_000}),
        "estimator": (
            "NAME",
            "default: %(default)s; %(choices)s",
            {"choices": names, "default": first},
        ),
        "top": ("K", f"columns to show ({SHOWN}), and with --cv to score", {"type": _integer(1)}),
        "cv": ("K", folds, {"type": _integer(2)}),
        "scoring": ("", scoring, {"choices": _SCORES}),
        "output": ("CSV", "write the importances of all columns", {"type": Path}),
        "plot": ("PNG", "draw the importances (or .pdf, .svg)", {"type": Path}),
        "report": ("HTML", "write a page with ranking, plots and settings", {"type": Path}),
        "values": ("", see, {"choices": ["contributions", "weights"]}),
        "kernel-width": ("W", reach, {"type": width}),
        "engine": ("", see, {"choices": ["pooled", "local", "lime"]}),
        "discretizer": ("", see, {"choices": ["quartile", "decile", "entropy"]}),
        "conditional": ("", given, {"action": "store_true"}),
        "random-state": ("N", "default: %(default)s", {"type": _integer(0), "default": 0}),
    }
