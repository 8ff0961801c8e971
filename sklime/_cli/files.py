"""Data sets for the command line: a table of numbers and categories, and a target."""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

# Histogram gradient boosting takes no more levels.
_MAX_LEVELS = 255
_OTHER = "(other)"

# More classes cost more time and memory than an answer is worth.
_MAX_CLASSES = 100

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table with its target.

    Attributes
    ----------
    name : str
    X : ndarray or pandas.DataFrame of shape (n_rows, n_columns)
        Columns are float64 or, in a frame, categories of strings.
    y : ndarray of shape (n_rows,)
    columns : list of str
    target : str
    classes : list of str
        Names of the classes; empty for a regression.
    n_dropped : int
        Rows left out because their target is missing.
    """

    name: str
    X: Any
    y: NDArray[Any]
    columns: list[str]
    target: str
    classes: list[str]
    n_dropped: int = 0


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
    )


def read(path: Path, target: str | None = None, task: str | None = None) -> Dataset:
    """Read a table from a file.

    Parameters
    ----------
    path : Path
        A CSV, TSV or Parquet file; a compressed CSV or TSV file too.
    target : str, default=None
        Name of the target's column; None takes the last one.
    task : {"classification", "regression"}, default=None
        What the target is for; None: strings, booleans, categories and few different integers
        are classes.

    Returns
    -------
    Dataset

    Raises
    ------
    ImportError
        If pandas or, for a Parquet file, pyarrow is not installed.
    ValueError
        If the file cannot be read, or has no such target or nothing to learn from.
    """
    frame = _read_frame(path)
    frame.columns = [str(name) for name in frame.columns]
    columns = frame.columns.tolist()
    if not frame.columns.is_unique:
        name = columns[frame.columns.duplicated().argmax()]
        raise ValueError(f"several columns of {path.name} are named {name!r}")
    target = _find_target(columns, target, path.name)
    columns.remove(target)
    if not columns:
        raise ValueError(f"{path.name} has no column beside the target {target!r}")
    known = frame[target].notna()
    if not known.any():
        raise ValueError(f"{path.name} has no rows with a target ({target!r})")
    frame = frame[known].reset_index(drop=True)
    if frame[columns].isna().all(axis=None):
        raise ValueError(f"the columns of {path.name} beside the target {target!r} are empty")
    y, classes = _prepare_target(frame.pop(target), task)
    return Dataset(
        name=path.name,
        X=type(frame)({name: _prepare(frame[name]) for name in columns}),
        y=y,
        columns=columns,
        target=target,
        classes=classes,
        n_dropped=int((~known).sum()),
    )


def require(module: str, extra: str, purpose: str) -> Any:
    """Import an optional module, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{purpose} needs {module}, which is not installed: pip install "sklime[{extra}]"'
        ) from error


def _read_frame(path: Path) -> Any:
    """Read a file with pandas, whatever goes wrong in one line."""
    if not path.is_file():
        raise ValueError(f"{path} is a folder" if path.is_dir() else f"no such file: {path}")
    match = re.search(r"\.(csv|tsv|parquet)(\.(gz|bz2|xz|zip|zst))?$", path.name.lower())
    if match is None:
        raise ValueError(f"{path.name} is neither a .csv, a .tsv nor a .parquet file")
    require("pandas", "files", "reading a file")
    if match[1] == "parquet":
        require("pyarrow", "files", "reading a Parquet file")
    try:
        return _READERS[match[1]](path)
    except Exception as error:  # readers raise what they like
        raise ValueError(f"{path.name} cannot be read: {error}") from error


def _read_csv(path: Path) -> Any:
    """Read text whose header tells the separator."""
    import pandas as pd

    def n_columns(separator: str) -> int:
        try:
            return len(pd.read_csv(path, sep=separator, nrows=0).columns)
        except pd.errors.ParserError:  # quotes not where another separator expects them
            return 1

    return _read_text(path, max(",;\t|", key=n_columns))


def _read_text(path: Path, separator: str) -> Any:
    """Read text. Where "," does not separate columns, it may be the decimal point."""
    import pandas as pd

    def read_text(decimal: str) -> Any:
        return pd.read_csv(
            path,
            sep=separator,
            decimal=decimal,
            na_values="?",
            skipinitialspace=True,
            low_memory=False,
        )

    def n_numeric(frame: Any) -> int:
        return int(frame.select_dtypes("number").shape[1])

    frame = max(map(read_text, "." if separator == "," else ".,"), key=n_numeric)
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        raise ValueError("the rows have more fields than the header")
    return frame


def _read_tsv(path: Path) -> Any:
    return _read_text(path, "\t")


def _read_parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


_READERS: dict[str, Callable[[Path], Any]] = {
    "csv": _read_csv,
    "tsv": _read_tsv,
    "parquet": _read_parquet,
}


def _find_target(columns: list[str], target: str | None, name: str) -> str:
    """Name of the target's column, the last one if none is asked for."""
    if target is None:
        return columns[-1]
    if target not in columns:
        hint = get_close_matches(target, columns, n=3, cutoff=0.5) or columns[:10]
        raise ValueError(
            f"{name} has no column {target!r}; it has {', '.join(map(repr, hint))}"
            + (", ..." if len(hint) < len(columns) else "")
        )
    return target


def _prepare_target(column: Any, task: str | None) -> tuple[NDArray[Any], list[str]]:
    """The target as an array, and the names of its classes if it has classes."""
    name, y = column.name, _prepare(column)
    numeric = y.dtype == "float64"
    # Not of categories, of which the rare ones are merged.
    n_distinct = (y if numeric else column.astype(str)).nunique()
    if n_distinct < 2:
        raise ValueError(f"the target {name!r} has one value only: there is nothing to explain")
    integers = numeric and bool((y % 1 == 0).all())
    if task is None:
        few = n_distinct <= min(10, max(2, len(y) // 5))
        task = "classification" if not numeric or (integers and few) else "regression"
    if task == "regression":
        if not numeric:
            raise ValueError(f"the target {name!r} holds no numbers: regression is impossible")
        return y.to_numpy(), []
    if n_distinct > _MAX_CLASSES:
        raise ValueError(
            f"the target {name!r} has {n_distinct} different values, "
            f"too many for a classification (at most {_MAX_CLASSES})"
        )
    whole = integers and column.dtype.kind in "iuf"  # not True and False
    classes = np.asarray(y.astype("int64") if whole else column.astype(str).astype(object))
    return classes, [str(value) for value in np.unique(classes)]


def _prepare(column: Any) -> Any:
    """Numbers and times as float64, everything else as categories of strings."""
    from pandas.api import types

    if isinstance(column.dtype, types.CategoricalDtype):
        return _as_categories(column.astype(object))
    if types.is_numeric_dtype(column):
        return column.astype("float64")
    if column.dtype == object and all(map(_is_number, known := column.dropna())) and len(known):
        return column.astype("float64")
    days = _days(column)
    return _as_categories(column) if days is None else days


def _is_number(cell: Any) -> bool:
    return isinstance(cell, Real | Decimal)


def _days(column: Any) -> Any:
    """Dates as days since 1970 in UTC, durations as days; None for a column of anything else."""
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(column):
        return column / pd.Timedelta(days=1)
    if not pd.api.types.is_datetime64_any_dtype(column):
        known = column.dropna()
        if known.empty or not all(map(_is_date, known)):
            return None
    dates = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    if dates.isna().sum() > column.isna().sum():
        return None  # they only began like dates
    return (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)


def _is_date(cell: Any) -> bool:
    return isinstance(cell, date) or (isinstance(cell, str) and bool(_ISO_DATE.match(cell)))


def _as_categories(column: Any) -> Any:
    """Categories of strings; of very many, those in few rows become one."""
    missing = column.isna()
    texts = column.astype(str).where(~missing)
    counts = texts.value_counts()
    if len(counts) > _MAX_LEVELS:
        common = counts[counts > 1].index[: _MAX_LEVELS - 1]
        texts = texts.where(texts.isin(common) | missing, _OTHER)
    return texts.astype("category")
