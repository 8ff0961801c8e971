"""What the command line ranks: a table and its target; and packages that may be missing."""

import importlib
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table with its target, and words on how it was read."""

    name: str
    X: Any  # ndarray, or pandas.DataFrame of float64, datetime64 and categories of strings
    y: NDArray[Any]
    columns: list[str]
    target: str
    classes: list[str]  # none in a regression
    rows: str
    read: str
    notes: list[str]


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
