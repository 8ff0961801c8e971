"""Dataframes: columns of several dtypes, drawn by blocks of one dtype where NumPy has it."""

from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from .cells import UNITS, cell_unit, mix, numbers, numbers_or_texts, object_cells


class Frame:
    """Eager dataframes that narwhals knows: polars, pyarrow, ..."""

    kind = "frame"

    def __init__(self, X: Any) -> None:
        self._frame = nw.from_native(X, eager_only=True)
        self.shape: tuple[int, int] = self._frame.shape
        self.library = self._frame.implementation.name.lower()
        # Arrays where a column is one to its library, too; else the library's own columns.
        self._columns: list[Any] = self._read()

    def _read(self) -> list[Any]:
        return [_plain(column) for column in self._frame.iter_columns()]

    def _series(self, j: int) -> nw.Series[Any]:
        column = self._columns[j]
        return self._frame[:, j] if isinstance(column, np.ndarray) else column

    def nbytes(self) -> int:
        return int(self._frame.estimated_size())

    def _kind(self, j: int) -> str:
        """NumPy's letter for the dtype of column j: "O" for all that is no array."""
        column = self._columns[j]
        return column.dtype.kind if isinstance(column, np.ndarray) else "O"

    def is_numeric(self, j: int) -> bool:
        return self._kind(j) in "biufmM"

    def unit(self, j: int) -> str:
        if (kind := self._kind(j)) != "O":
            return UNITS.get(kind, "number")
        dtype = self._series(j).dtype
        if dtype in (nw.Date, nw.Datetime):
            return "date"
        if dtype in (nw.Duration, nw.Time):
            return "duration"
        return "number" if dtype.is_numeric() else cell_unit(self.cells(j))

    def values(self, j: int) -> NDArray[Any]:
        if isinstance(self._columns[j], np.ndarray):
            objects = self._kind(j) == "O"
            return numbers_or_texts(self.cells(j)) if objects else numbers(self._columns[j])
        column = self._series(j)
        dtype = column.dtype
        if dtype.is_numeric() or dtype == nw.Boolean:
            return np.asarray(column.cast(nw.Float64).to_numpy())
        if dtype == nw.Time:
            return numbers(column.cast(nw.Int64).cast(nw.Float64).to_numpy())
        if dtype in (nw.Date, nw.Datetime, nw.Duration):
            return numbers(column.to_numpy())
        cells = self.cells(j)
        return cells if dtype in (nw.Categorical, nw.Enum, nw.String) else numbers_or_texts(cells)

    def cells(self, j: int) -> NDArray[np.object_]:
        return object_cells(self._series(j).to_list())

    def declared_levels(self, j: int) -> list[Any]:
        dtype = self._series(j).dtype
        return list(dtype.categories) if isinstance(dtype, nw.Enum) else []

    def extended(self, other: Any, columns: Sequence[int]) -> Self:
        longer = copy(self)
        longer._columns = list(self._columns)
        for j in columns:
            both = column, more = self._columns[j], other._columns[j]
            arrays = all(isinstance(part, np.ndarray) for part in both)
            same = arrays and column.dtype == more.dtype
            longer._columns[j] = np.concatenate(both) if same else self._joined(j, other)
        return longer

    def _joined(self, j: int, other: "Frame") -> Any:
        """Column j with another frame's below it, in a dtype that holds both."""
        first, second = self._series(j), other._series(j)
        both = (first, second)
        types = [getattr(column.to_native(), "type", column.dtype) for column in both]
        if declared := self.declared_levels(j):
            others = other.declared_levels(j) or second.drop_nulls().unique().to_list()
            levels = nw.Enum(list(dict.fromkeys([*declared, *map(str, others)])))
            first, second = (column.cast(levels) for column in both)
        elif types[0] == types[1]:
            pass
        elif first.null_count() == len(first):
            first = first.cast(second.dtype)
        elif first.dtype == nw.Categorical:  # of which pyarrow has types by those of its parts
            first, second = (column.cast(nw.String).cast(nw.Categorical) for column in both)
        else:
            numeric = all(column.dtype.is_numeric() for column in both)
            dtype = nw.Float64 if numeric else first.dtype
            first, second = (column.cast(dtype) for column in both)
        parts = [first.to_frame(), second.to_frame()]
        return _plain(nw.concat(parts, how="vertical")[first.name])

    def gather(self, rows: NDArray[Any]) -> Any:
        drawn: dict[int, Any] = {}
        backend, m = self._frame.implementation, rows.shape[1]
        for columns, block in self._blocks(rows):
            # To cut one column of the library's is faster than to make many.
            whole = nw.new_series("", block.ravel(), backend=backend).to_native()
            drawn |= {j: whole.slice(k * m, m) for k, j in enumerate(columns)}
        for j, column in enumerate(self._columns):
            if j not in drawn:
                drawn[j] = column[rows[j]].to_native()
        data = {name: drawn[j] for j, name in enumerate(self._frame.columns)}
        return nw.from_dict(data, backend=backend).to_native()

    def _blocks(self, rows: NDArray[Any]) -> list[tuple[list[int], NDArray[Any]]]:
        """Drawn cells (n_columns, m) of the columns of each dtype that NumPy has."""
        by_dtype = defaultdict(list)
        for j, column in enumerate(self._columns):
            if isinstance(column, np.ndarray):
                by_dtype[column.dtype].append(j)
        blocks = []
        for dtype, columns in by_dtype.items():
            block = np.empty((len(columns), rows.shape[1]), dtype)
            for j, cells in zip(columns, block, strict=True):
                self._columns[j].take(rows[j], out=cells, mode="clip")
            blocks.append((columns, block))
        return blocks

    def take(self, indices: NDArray[np.intp]) -> Any:
        return self._frame[indices].to_native()


class PandasFrame(Frame):
    """A pandas frame, whose index labels are drawn as one more column that is not reported."""

    def _read(self) -> list[Any]:
        self._index: Any = self._frame.to_native().index
        return [_pandas_plain(column) for _, column in self._frame.to_native().items()]

    def _kind(self, j: int) -> str:
        return str(self._columns[j].dtype.kind)

    def _series(self, j: int) -> nw.Series[Any]:
        column = self._columns[j]
        return nw.from_native(_pandas().Series(column, dtype=column.dtype), series_only=True)

    def _joined(self, j: int, other: Frame) -> Any:
        first, second = self._series(j).to_native(), other._series(j).to_native()
        categories = [hasattr(column.dtype, "categories") for column in (first, second)]
        if all(categories) and first.dtype != second.dtype:
            known = first.cat.categories
            first = first.cat.add_categories([c for c in second.cat.categories if c not in known])
            second = second.astype(first.dtype)
        return _pandas_plain(_pandas().concat([first, second], ignore_index=True))

    def extended(self, other: Any, columns: Sequence[int]) -> Self:
        longer = super().extended(other, columns)
        if len(columns) == self.shape[1]:
            longer._index = self._index.append(other._index)
        return longer

    def take(self, indices: NDArray[np.intp]) -> Any:
        return super().take(indices).copy()  # the same rows would be the same cells

    def gather(self, rows: NDArray[Any], own: NDArray[Any] | None = None) -> Any:
        pandas, X = _pandas(), self._frame.to_native()
        parts = [
            pandas.DataFrame(block.T, columns=columns, dtype=block.dtype, copy=False)
            for columns, block in self._blocks(rows)
        ]
        others = {
            j: column.take(rows[j])
            for j, column in enumerate(self._columns)
            if not isinstance(column, np.ndarray)
        }
        if others:
            parts.append(pandas.DataFrame(others, copy=False))
        drawn = pandas.concat(parts, axis=1).sort_index(axis=1) if len(parts) > 1 else parts[0]
        drawn.columns = X.columns
        # Labels that only number the rows, and those that must not repeat, begin anew.
        if type(X.index) is not pandas.RangeIndex and X.flags.allows_duplicate_labels:
            drawn.index = self._index.take(_scattered(rows, len(X)) if own is None else own)
        return X._constructor(drawn).__finalize__(X)  # a subclass, and what it has beside the cells


def _plain(column: nw.Series[Any]) -> Any:
    """A column as an array from which it can be made again, or as it is."""
    dtype = column.dtype
    known = dtype.is_numeric() and dtype not in (nw.Int128, nw.UInt128)  # none of NumPy's
    if (known or dtype == nw.Boolean) and column.null_count() == 0:
        array = column.to_numpy()
        if str(dtype).lower().startswith(array.dtype.name):
            return array
    return column


def _pandas_plain(column: Any) -> Any:
    """A pandas column as an array, NumPy's own where that is its dtype."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def _pandas() -> Any:
    return nw.dependencies.get_pandas()


def _scattered(rows: NDArray[Any], n_rows: int) -> NDArray[np.intp]:
    """Row numbers below n_rows that look random, and depend on nothing but each draw's rows.

    So a draw has the same label in whatever batch it is.
    """
    mixed = np.zeros(rows.shape[1], dtype=np.uint64)
    for row in rows:
        mixed = mix(mixed, row.astype(np.uint64))
    return (mixed % np.uint64(n_rows)).astype(np.intp)
