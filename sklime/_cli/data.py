"""What the command line ranks: a table and its target; and packages that may be missing."""

import csv
import importlib
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

# Columns that are kept are told to help so surely: a tenth of them may be useless.
KEEP = 0.9


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table with its target, and words on how it was read."""

    name: str
    X: Any  # ndarray, or DataFrame of float64, datetime64 and categories; rows counted from 1
    y: NDArray[Any]
    columns: list[str]
    target: str
    classes: list[str]  # none in a regression
    rows: str
    read: str
    notes: list[str]


class Rank(NamedTuple):
    """A column in the ranking, with its 95 % interval and what is to be said of it."""

    rank: int
    column: str
    value: float
    sem: float
    low: float
    high: float
    told: bool
    mark: str

    @classmethod
    def all(cls, wrapper: Any, names: list[str], unit: float = 1) -> list["Rank"]:
        """All columns of a fitted wrapper, the most important one first, in a given unit."""
        found = wrapper.importances_
        values, told, marks = found.estimate.values, found.confint()[:, 0] > 0, ("", "?")
        if wrapper.scoring is not None:
            told, marks = found.confidences >= KEEP, ("keep", "")
        numbers = np.array([values, found.importances_sem, *found.confint().T]) / unit
        columns = [*numbers.tolist(), told.tolist(), np.where(told, *marks).tolist()]
        lines = list(zip(names, *columns, strict=True))
        order = np.argsort(-values, kind="stable")
        return [cls(rank, *lines[j]) for rank, j in enumerate(order, start=1)]

    def texts(self, digits: int) -> tuple[str, str]:
        """Value and interval."""
        return f"{self.value:.{digits}f}", f"{self.low:.{digits}f} to {self.high:.{digits}f}"


def write(path: Path, ranking: list[Rank], value: str) -> None:
    """Write a ranking by some value as a table of comma-separated values."""
    told = "keep" if value == "gain" else "told"
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["rank", "column", value, "sem", "low", "high", told])
        lines.writerows(line[:-1] for line in ranking)


def decimals(largest: float) -> int:
    """Decimals that show four digits of the largest number."""
    return max(0, 3 - floor(log10(largest))) if largest > 0 else 4


def breast_cancer() -> Dataset:
    """Return scikit-learn's breast cancer data, which need no file and no pandas."""
    data = load_breast_cancer()
    return Dataset(
        name="breast cancer (scikit-learn)",
        X=data.data,
        y=data.target_names[data.target],
        columns=data.feature_names.tolist(),
        target="diagnosis",
        classes=sorted(data.target_names.tolist()),
        rows=f"{len(data.data):,} rows",
        read=f"{data.data.shape[1]} numbers",
        notes=[],
    )


def require(module: str, extra: str, purpose: str) -> Any:
    """Import an optional module, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {module}, which is not installed: "
            f'python -m pip install ".[{extra}]" in the clone of sklime installs it'
        ) from error
