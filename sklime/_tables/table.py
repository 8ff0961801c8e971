"""Column-wise access to two-dimensional inputs of every kind, which are never modified."""

from collections.abc import Sequence
from functools import cached_property
from numbers import Number
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import _get_feature_names

from .arrays import Array, Sparse
from .cells import encode, in_order, type_names
from .frames import Frame, PandasFrame
from .packing import packed, unpacked


class Table:
    """Columns of a two-dimensional input of any kind, read and drawn from one by one.

    It is what scikit-learn takes as an array, lists included; a SciPy sparse matrix or array of
    every format; an eager dataframe that narwhals knows (pandas, polars, pyarrow, ...).
    """

    def __init__(self, X: Any) -> None:
        if nw.dependencies.is_pandas_dataframe(X):
            X = X.copy(deep=False)  # columns that a model assigns to X are not the table's
        self._store: Any = _store(X)
        self._more: tuple[Table, Sequence[int]] | None = None  # rows to gather from besides
        self.native = X
        self.kind: str = self._store.kind  # "array", "sparse" or "frame"
        self.n_rows, self.n_columns = self._store.shape
        named = not isinstance(X, np.ndarray)
        self.names: NDArray[np.object_] | None = _get_feature_names(X) if named else None

    @cached_property
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

        They are in the declared order of an ordered category or enum, else sorted, those of
        different types by type. Those of a numeric column are its numbers, whole ones as int.
        """
        values = self.values(j)
        if values.dtype != object:
            numbers = np.unique(values[~np.isnan(values)]).tolist()
            levels = [int(number) if number.is_integer() else number for number in numbers]
        else:
            try:
                seen = set(values) - {None}
            except TypeError:
                raise TypeError(
                    "Cells of the X argument must be hashable, such as strings or numbers. "
                    f"Got {type_names(values)} in column {self._name(j)}."
                ) from None
            declared = self._store.declared_levels(j)
            levels = [v for v in declared if v in seen] if declared else in_order(seen)
        return encode(values, levels), levels

    def numbers(self, j: int) -> NDArray[np.float64]:
        """Column j, (n_rows,), which held numbers or times in the training table."""
        values = self.values(j)
        if values.dtype == object:
            raise ValueError(
                f"Column {self._name(j)} must hold numbers or times, as in the training table. "
                f"Got {type_names(values)} instead."
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

    def extended(self, other: "Table", columns: Sequence[int]) -> "Table":
        """The table with more rows to gather from in some columns: row ``n_rows + i`` is other's i.

        Both must be of one kind. Categories and dtypes that differ become those that hold both.
        """
        if other._container != self._container:
            raise TypeError(
                f"X must be a {self._container}, as the training table is. "
                f"Got a {other._container} instead."
            )
        longer = object.__new__(Table)
        store = self._store.extended(other._store, columns)
        vars(longer).update(vars(self), _store=store, _more=(other, columns))
        return longer

    def gather(self, rows: NDArray[np.integer]) -> Any:
        """Table (m, n_columns) whose cell (i, j) is this one's cell (rows[j, i], j).

        Container, dtypes, categories, names, memory order and sparse format are those of this
        table. A list becomes an array, DIA becomes CSR. The index of a pandas frame is drawn with
        the cells, as one more column; a RangeIndex is a fresh one.
        """
        return self._store.gather(rows)

    def changed(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], donors: NDArray[np.intp]
    ) -> Any:
        """Table of the same kind: these rows, of which one cell each is another row's.

        Cell ``columns[i]`` of row i is that of row ``donors[i]``. The index labels of a pandas
        frame are these rows' own, but for a RangeIndex.
        """
        if isinstance(self._store, Array):
            return self._store.changed(rows, columns, donors)
        cells = np.tile(rows, (self.n_columns, 1))
        cells[columns, np.arange(len(rows))] = donors
        own = (rows,) if isinstance(self._store, PandasFrame) else ()
        return self._store.gather(cells, *own)

    def take(self, indices: NDArray[Any]) -> Any:
        """Rows at integer `indices`, in the same container (an array for a list)."""
        return self._store.take(np.asarray(indices, dtype=np.intp))

    def __getstate__(self) -> dict[str, Any]:
        return {"native": packed(self.native), "more": self._more}

    def __setstate__(self, state: dict[str, Any]) -> None:
        table = Table(unpacked(state["native"]))
        vars(self).update(vars(table.extended(*state["more"]) if state["more"] else table))

    @property
    def _container(self) -> str:
        """What this table gathers rows from, in a message."""
        if isinstance(self._store, Frame):
            return f"{self._store.library} frame"
        return "sparse matrix" if self.kind == "sparse" else "dense array"

    def _name(self, j: int) -> str:
        """Column j in a message."""
        return str(j) if self.names is None else repr(self.names[j])


def _store(X: Any) -> Array | Sparse | Frame:
    """X by the means of its kind."""
    if isinstance(X, np.ndarray):  # the most common, and the others take long to tell
        return Array(X)
    if sparse.issparse(X):
        return Sparse(X)
    if nw.dependencies.is_pandas_dataframe(X):
        return PandasFrame(X)
    if nw.dependencies.is_into_dataframe(X):
        return Frame(X)
    if isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame):
        raise TypeError(
            f"Got a lazy {type(X).__name__}: X must be in memory, call collect() before."
        )
    return Array(X)


def stacked(tables: Sequence[Any]) -> Any:
    """Rows of tables of one kind below one another, in the same container."""
    if sparse.issparse(tables[0]):
        return sparse.vstack(tables, format=tables[0].format)
    if nw.dependencies.is_into_dataframe(tables[0]):
        frames = [nw.from_native(table, eager_only=True) for table in tables]
        return nw.concat(frames, how="vertical").to_native()
    return np.concatenate(tables)
