"""From the model's answers to weights: one file an engine."""

from .lime import Lime
from .local import Local
from .one_column import OneColumn, OneColumnReader
from .pooled import Pooled
from .weights import Engine, Reader, Surrogates
from .workers import explain_rows, over_workers

ENGINES: dict[str, type[Engine]] = {"pooled": Pooled, "local": Local, "lime": Lime}

__all__ = [
    "ENGINES",
    "Engine",
    "OneColumn",
    "OneColumnReader",
    "Pooled",
    "Reader",
    "Surrogates",
    "explain_rows",
    "over_workers",
]
