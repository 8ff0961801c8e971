"""Tables of one dtype: arrays and sparse matrices."""

from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.utils import check_array
from sklearn.utils._array_api import device, get_namespace

from .cells import UNITS, cell_unit, numbers, object_cells


class Array:
    """What scikit-learn takes as an array, lists included."""

    kind = "array"

    def __init__(self, X: Any) -> None:
        self._like: Any = np.asarray
        # Of a matrix of real numbers there is nothing to check.
        plain = type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "biuf"
        self._array = X if plain else self._checked(X)
        self._longer: dict[int, NDArray[Any]] = {}
        self.shape: tuple[int, int] = self._array.shape

    def _checked(self, X: Any) -> NDArray[Any]:
        # Arrays of other libraries become NumPy's, and are made again for the model if it is
        # one that scikit-learn gives them as they are.
        xp, is_array_api = get_namespace(X)
        if is_array_api:
            self._like = partial(xp.asarray, device=device(X))
        with config_context(array_api_dispatch=False):
            array = check_array(
                X, dtype=None, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0
            )
        if array.dtype.kind == "U" and not hasattr(X, "dtype"):
            array = np.asarray(X, dtype=object)  # NumPy makes strings of a list's numbers
        if array.dtype.kind == "V":
            raise ValueError(f"Structured arrays are not supported. Got dtype {array.dtype}.")
        return array

    def nbytes(self) -> int:
        return int(self._array.nbytes)

    def is_numeric(self, j: int) -> bool:
        return self._array.dtype.kind in "biufmM"

    def unit(self, j: int) -> str:
        kind = self._array.dtype.kind
        return cell_unit(self.cells(j)) if kind == "O" else UNITS.get(kind, "number")

    def values(self, j: int) -> NDArray[Any]:
        return numbers(self._array[:, j])

    def cells(self, j: int) -> NDArray[np.object_]:
        return object_cells(self._array[:, j].tolist())

    def declared_levels(self, j: int) -> list[Any]:
        return []

    def extended(self, other: "Array", columns: Sequence[int]) -> "Array":
        longer, both = copy(self), (self._array, other._array)
        if len(columns) == self.shape[1]:
            longer._array = np.concatenate(both)
        else:
            longer._longer = {j: np.concatenate([X[:, j] for X in both]) for j in columns}
        return longer

    def changed(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], donors: NDArray[np.intp]
    ) -> Any:
        drawn = self._array[rows]
        drawn[np.arange(len(rows)), columns] = self._array[donors, columns]
        return self._like(drawn)

    def gather(self, rows: NDArray[Any]) -> Any:
        longer = self._longer.values()
        dtype = np.result_type(self._array, *longer) if longer else self._array.dtype
        drawn = np.empty_like(self._array, dtype, shape=rows.shape[::-1])
        for j, row in enumerate(rows):
            drawn[:, j] = self._longer.get(j, self._array[:, j]).take(row)
        return self._like(drawn)

    def take(self, indices: NDArray[np.intp]) -> Any:
        return self._like(self._array[indices])


class Sparse:
    """SciPy's sparse matrices and arrays of every format."""

    kind = "sparse"

    def __init__(self, X: Any) -> None:
        # Drawn cells are on all diagonals: CSR, as scikit-learn makes of DIA itself.
        self._native = X.tocsr() if X.format == "dia" else X
        self._csc = X.tocsc()
        if not self._csc.has_canonical_format:
            self._csc = self._csc.copy()
            self._csc.sum_duplicates()
        self._longer: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        self.shape: tuple[int, int] = X.shape
        self._n_stored = X.shape[0]

    def nbytes(self) -> int:
        return int(self._csc.data.nbytes + self._csc.indices.nbytes)

    def _entries(self, j: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if j in self._longer:
            return self._longer[j]
        entries = slice(self._csc.indptr[j], self._csc.indptr[j + 1])
        return self._csc.indices[entries], self._csc.data[entries]

    def is_numeric(self, j: int) -> bool:
        return True

    def unit(self, j: int) -> str:
        return UNITS.get(self._csc.dtype.kind, "number")

    def values(self, j: int) -> NDArray[Any]:
        column = np.zeros(self.shape[0])
        indices, data = self._entries(j)
        column[indices] = data
        return column

    def cells(self, j: int) -> NDArray[np.object_]:
        return object_cells(self.values(j).tolist())

    def declared_levels(self, j: int) -> list[Any]:
        return []

    def extended(self, other: "Sparse", columns: Sequence[int]) -> "Sparse":
        longer = copy(self)
        longer._n_stored += other.shape[0]
        longer._longer = {}
        for j in columns:
            (indices, data), (more, other_data) = self._entries(j), other._entries(j)
            entries = np.append(indices, more + self.shape[0]), np.append(data, other_data)
            longer._longer[j] = entries
        return longer

    def gather(self, rows: NDArray[Any]) -> Any:
        # One dense column at a time, emptied again by its entries: no pass over its zeros.
        dtype = np.result_type(self._csc, *(data for _, data in self._longer.values()))
        column = np.zeros(self._n_stored, dtype=dtype)
        indices, data = [], []
        for j, row in enumerate(rows):
            filled, column[filled] = self._entries(j)
            drawn = column[row]
            column[filled] = 0
            indices.append(np.flatnonzero(drawn).astype(self._csc.indices.dtype))
            data.append(drawn[indices[-1]])
        indptr = np.cumsum([0, *map(len, data)])
        arrays = np.concatenate(data), np.concatenate(indices), indptr
        return self._like_native(type(self._csc)(arrays, shape=rows.shape[::-1]))

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
