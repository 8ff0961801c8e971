"""Column-wise access to two-dimensional inputs of every kind, which are never modified."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from numbers import Number
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import _get_feature_names

# What numbers stand for, by the kind of their dtype.
_UNITS = {"b": "bool", "M": "date", "m": "duration"}


class Table:
    """Columns of a two-dimensional input of any kind, read and drawn from one by one.

    Parameters
    ----------
    X : array-like, sparse matrix or dataframe of shape (n_rows, n_columns)
        What scikit-learn takes as an array, lists included; SciPy sparse matrices and arrays of
        every format; eager dataframes that narwhals knows (pandas, polars, pyarrow, ...).

    Attributes
    ----------
    native : object
        `X` itself.
    kind : {"array", "sparse", "frame"}
    n_rows, n_columns : int
    names : ndarray of shape (n_columns,), dtype object, or None
        The column names if all are strings, as in scikit-learn's ``feature_names_in_``.
    """

    def __init__(self, X: Any) -> None:
        self._store: _Array | _Sparse | _Frame
        if sparse.issparse(X):
            self._store = _Sparse(X)
        else:
            self._store = _Frame(X) if nw.dependencies.is_into_dataframe(X) else _Array(X)
        self.native = X
        self.kind = self._store.kind
        self.n_rows, self.n_columns = self._store.shape
        self.names: NDArray[np.object_] | None = _get_feature_names(X)

    @property
    def row_nbytes(self) -> float:
        """Mean bytes of a row; an estimate for frames, without the objects of object columns."""
        return self._store.nbytes() / max(self.n_rows, 1)

    def values(self, j: int) -> NDArray[Any]:
        """Column j, (n_rows,): as float64 if it holds numbers or times, else as objects.

        Missing values are NaN in the one, None in the other. Booleans are 0 and 1; times are
        nanoseconds, those of dates since 1970 in UTC.
        """
        return self._store.values(j)

    def is_categorical(self, j: int) -> bool:
        """Whether column j holds levels: strings, categories or other objects but numbers."""
        return not self._store.is_numeric(j) and self.values(j).dtype == object

    def levels(self, j: int) -> tuple[NDArray[np.intp], list[Any]]:
        """Level numbers (n_rows,) of column j, -1 where missing, and the levels that occur.

        Levels are in the declared order of an ordered category or enum, else sorted. Those of a
        numeric column are its distinct numbers, the whole ones as int.

        Raises
        ------
        TypeError
            If the values cannot be sorted, like strings and numbers, or not hashed, like lists.
        """
        values = self.values(j)
        if values.dtype != object:
            numbers = np.unique(values[~np.isnan(values)]).tolist()
            levels = [int(number) if number.is_integer() else number for number in numbers]
        else:
            try:
                seen = set(values) - {None}
                declared = self._store.declared_levels(j)
                levels = [v for v in declared if v in seen] if declared else sorted(seen)
            except TypeError:
                raise TypeError(
                    f"The levels of column {self._name(j)} must be uniformly strings or numbers. "
                    f"Got {_type_names(values)}"
                ) from None
        return encode(values, levels), levels

    def numbers(self, j: int) -> NDArray[np.float64]:
        """Column j, (n_rows,), which held numbers or times in the training table.

        Raises
        ------
        ValueError
            If it does not here.
        """
        values = self.values(j)
        if values.dtype == object:
            raise ValueError(
                f"Column {self._name(j)} must hold numbers or times, as in the training table. "
                f"Got {_type_names(values)} instead."
            )
        return values

    def unit(self, j: int) -> str:
        """What the numbers of column j stand for: "number", "bool", "date" or "duration"."""
        return self._store.unit(j)

    def codes(self, j: int, levels: Sequence[Any]) -> NDArray[np.intp]:
        """Positions (n_rows,) of column j's values in the levels of this or another table.

        -1 where missing, ``len(levels)`` where the value is none of the levels.
        """
        values = self.values(j)
        if values.dtype != object and not all(isinstance(level, Number) for level in levels):
            # These rows alone look like numbers ("1") or are missing, but the levels are not.
            values = self._store.cells(j)
        return encode(values, levels)

    def gather(self, rows: Iterable[NDArray[Any]] | Callable[[int], NDArray[Any]]) -> Any:
        """Table of the same kind whose cell (i, j) is this one's cell (rows[j][i], j).

        Parameters
        ----------
        rows : n_columns int arrays of shape (m,), or a callable that returns the j-th

        Returns
        -------
        X : array, sparse matrix or dataframe of shape (m, n_columns)
            Container, dtypes, categories, names, memory order and sparse format are those of
            this table. A list becomes an array; a pandas index is a fresh one.
        """
        return self._store.gather(map(rows, range(self.n_columns)) if callable(rows) else rows)

    def take(self, indices: NDArray[Any]) -> Any:
        """Rows at integer `indices`, in the same container (an array for a list)."""
        return self._store.take(np.asarray(indices, dtype=np.intp))

    def _name(self, j: int) -> str:
        """Column j in a message."""
        return str(j) if self.names is None else repr(self.names[j])


class _Array:
    kind = "array"

    def __init__(self, X: Any) -> None:
        array = check_array(
            X, dtype=None, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0
        )
        if array.dtype.kind == "U" and not hasattr(X, "dtype"):
            array = np.asarray(X, dtype=object)  # NumPy makes strings of a list's numbers
        if array.dtype.kind == "V":
            raise ValueError(f"Structured arrays are not supported. Got dtype {array.dtype}.")
        self._array = array
        self.shape: tuple[int, int] = array.shape

    def nbytes(self) -> int:
        return int(self._array.nbytes)

    def is_numeric(self, j: int) -> bool:
        return self._array.dtype.kind in "biufmM"

    def unit(self, j: int) -> str:
        kind = self._array.dtype.kind
        return _cell_unit(self.cells(j)) if kind == "O" else _UNITS.get(kind, "number")

    def values(self, j: int) -> NDArray[Any]:
        return _numbers(self._array[:, j])

    def cells(self, j: int) -> NDArray[np.object_]:
        return _cells(self._array[:, j].tolist())

    def declared_levels(self, j: int) -> list[Any]:
        return []

    def gather(self, rows: Iterable[NDArray[Any]]) -> NDArray[Any]:
        drawn: NDArray[Any] = np.empty_like(self._array, shape=(0, self.shape[1]))
        for j, row in enumerate(rows):
            if j == 0:  # only now is the number of rows known
                drawn = np.empty_like(self._array, shape=(len(row), self.shape[1]))
            drawn[:, j] = self._array[:, j].take(row)
        return drawn

    def take(self, indices: NDArray[np.intp]) -> NDArray[Any]:
        return np.asarray(self._array[indices])


class _Sparse:
    kind = "sparse"

    def __init__(self, X: Any) -> None:
        self._native = X
        self._csc = X.tocsc()
        if not self._csc.has_canonical_format:
            self._csc = self._csc.copy()
            self._csc.sum_duplicates()
        self.shape: tuple[int, int] = X.shape

    def nbytes(self) -> int:
        return int(self._csc.data.nbytes + self._csc.indices.nbytes)

    def _entries(self, j: int) -> tuple[NDArray[Any], NDArray[Any]]:
        entries = slice(self._csc.indptr[j], self._csc.indptr[j + 1])
        return self._csc.indices[entries], self._csc.data[entries]

    def is_numeric(self, j: int) -> bool:
        return True

    def unit(self, j: int) -> str:
        return _UNITS.get(self._csc.dtype.kind, "number")

    def values(self, j: int) -> NDArray[Any]:
        column = np.zeros(self.shape[0])
        indices, data = self._entries(j)
        column[indices] = data
        return column

    def cells(self, j: int) -> NDArray[np.object_]:
        return _cells(self.values(j).tolist())

    def declared_levels(self, j: int) -> list[Any]:
        return []

    def gather(self, rows: Iterable[NDArray[Any]]) -> Any:
        # One dense column at a time, emptied again by its entries: no pass over its zeros.
        column = np.zeros(self.shape[0], dtype=self._csc.dtype)
        indices, data, m = [], [], 0
        for j, row in enumerate(rows):
            filled, column[filled] = self._entries(j)
            drawn, m = column[row], len(row)
            column[filled] = 0
            indices.append(np.flatnonzero(drawn).astype(self._csc.indices.dtype))
            data.append(drawn[indices[-1]])
        indptr = np.cumsum([0, *map(len, data)])
        arrays = np.concatenate(data), np.concatenate(indices), indptr
        return self._like_native(type(self._csc)(arrays, shape=(m, self.shape[1])))

    def take(self, indices: NDArray[np.intp]) -> Any:
        return self._like_native(self._native.tocsr()[indices])

    def _like_native(self, X: Any) -> Any:
        """The same numbers in the format and index dtype of the table."""
        X = X.asformat(self._native.format)
        if X.format == "coo":
            X.coords = tuple(c.astype(self._native.coords[0].dtype, copy=False) for c in X.coords)
        elif hasattr(X, "indptr"):
            X.indices = X.indices.astype(self._native.indices.dtype, copy=False)
            X.indptr = X.indptr.astype(self._native.indptr.dtype, copy=False)
        return X


class _Frame:
    kind = "frame"

    def __init__(self, X: Any) -> None:
        self._frame = nw.from_native(X, eager_only=True)
        self._columns = list(self._frame.iter_columns())
        self.shape: tuple[int, int] = self._frame.shape

    def nbytes(self) -> int:
        return int(self._frame.estimated_size())

    def is_numeric(self, j: int) -> bool:
        dtype = self._columns[j].dtype
        return bool(dtype.is_numeric() or dtype == nw.Boolean)

    def unit(self, j: int) -> str:
        dtype = self._columns[j].dtype
        if dtype in (nw.Date, nw.Datetime):
            return "date"
        if dtype in (nw.Duration, nw.Time):
            return "duration"
        return "number" if dtype.is_numeric() else _cell_unit(self.cells(j))

    def values(self, j: int) -> NDArray[Any]:
        column = self._columns[j]
        dtype = column.dtype
        if self.is_numeric(j):
            return np.asarray(column.cast(nw.Float64).to_numpy())
        if dtype == nw.Time:
            return _numbers(column.cast(nw.Int64).cast(nw.Float64).to_numpy())
        if dtype in (nw.Date, nw.Datetime, nw.Duration):
            return _numbers(column.to_numpy())
        cells = self.cells(j)
        # narwhals calls objects strings by the first hundred, which may all be missing.
        strings = dtype == nw.String and any(isinstance(cell, str) for cell in cells)
        return cells if strings or dtype in (nw.Categorical, nw.Enum) else _numbers(cells)

    def cells(self, j: int) -> NDArray[np.object_]:
        return _cells(self._columns[j].to_list())

    def declared_levels(self, j: int) -> list[Any]:
        dtype = self._columns[j].dtype
        return list(dtype.categories) if isinstance(dtype, nw.Enum) else []

    def gather(self, rows: Iterable[NDArray[Any]]) -> Any:
        # Not by narwhals' from_dict: it loses the nullable and arrow-backed dtypes of pandas.
        drawn = (
            nw.maybe_reset_index(column[row]).to_frame()
            for column, row in zip(self._columns, rows, strict=True)
        )
        return nw.concat(list(drawn), how="horizontal").to_native()

    def take(self, indices: NDArray[np.intp]) -> Any:
        return self._frame[indices].to_native()


def encode(values: NDArray[Any], levels: Sequence[Any]) -> NDArray[np.intp]:
    """Positions of values in levels: -1 for None and NaN, ``len(levels)`` for others."""
    code = {level: code for code, level in enumerate(levels)} | {None: -1}
    if values.dtype == object:
        return np.array([code.get(v, len(levels)) for v in values], dtype=np.intp)
    distinct, inverse = np.unique(values, return_inverse=True)
    codes = [code.get(None if v != v else v, len(levels)) for v in distinct.tolist()]
    return np.array(codes, dtype=np.intp)[inverse]


def _type_names(cells: NDArray[Any]) -> list[str]:
    return sorted({type(cell).__qualname__ for cell in cells if cell is not None})


def _cell_unit(cells: NDArray[np.object_]) -> str:
    """What the numbers of a column of objects stand for."""
    types: dict[str, Any] = {"bool": (bool, np.bool_), "date": date, "duration": timedelta}
    known = [cell for cell in cells if cell is not None]
    units = (unit for unit, kind in types.items() if all(isinstance(c, kind) for c in known))
    return next(units, "number") if known else "number"


def _numbers(column: NDArray[Any]) -> NDArray[Any]:
    """Cells as float64 if all are numbers or times, else as objects."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind in "mM":
        # Microseconds reach past the year 2262, where nanoseconds overflow.
        times = column.astype(f"{column.dtype.kind}8[us]")
        return np.where(np.isnat(times), np.nan, times.astype(np.int64) * 1e3)
    cells = _cells(column.tolist())
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return _times(cells)


def _times(cells: NDArray[np.object_]) -> NDArray[Any]:
    """Cells as float64 nanoseconds if all are dates or all are durations, else as they are."""
    for kind, unit in ((date, "M8[us]"), (timedelta, "m8[us]")):
        if all(cell is None or isinstance(cell, kind) for cell in cells):
            return _numbers(np.array([_without_zone(cell) for cell in cells], dtype=unit))
    return cells


def _without_zone(cell: Any) -> Any:
    """A time in UTC, as NumPy's times know no zones."""
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell.astimezone(UTC).replace(tzinfo=None)
    return cell


def _cells(column: list[Any]) -> NDArray[np.object_]:
    """Cells as an array of objects, with None for every kind of missing value."""
    # Strings are common, and never missing: the first test spares them the slow second one.
    cells = (None if type(v) is not str and _is_missing(v) else v for v in column)
    return np.fromiter(cells, object, len(column))


def _is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, NaT or NA."""
    differs = cell != cell  # true for NaN and NaT; NA for NA; no single boolean for an array
    if isinstance(differs, (bool, np.bool_)):
        return cell is None or bool(differs)
    return differs is cell
