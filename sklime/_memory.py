"""Room for what would not fit in scikit-learn's working memory."""

import math
import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn import get_config

_SLAB = 2**26  # bytes of a temporary file, at least
_ALIGNMENT = 64


def working_memory() -> float:
    """Bytes for intermediate arrays: half of what scikit-learn's configuration grants.

    The other half is for what stays: tables of bin numbers, each of which has a `Store`.
    """
    return float(get_config()["working_memory"]) * 2**20 / 2


class Store:
    """Arrays that stay, in memory up to an eighth of the working memory, the others in files.

    The files are temporary, mapped into memory, and removed with the last array in them.
    """

    def __init__(self) -> None:
        self._left = working_memory() / 4
        self._slab: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self._used = 0

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of any content."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if self._fits(size):
            return np.empty(shape, dtype)
        start = -(-self._used // _ALIGNMENT) * _ALIGNMENT
        if start + size > len(self._slab):
            self._slab, start = _mapped(max(size, _SLAB)), 0
        self._used = start + size
        # Not a memmap any more, which would be slower in small pieces.
        return np.asarray(self._slab[start : self._used]).view(dtype).reshape(shape)

    def keep(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array, or a copy in a file."""
        if self._fits(array.nbytes):
            return array
        copy = self.empty(array.shape, array.dtype)
        copy[...] = array
        return copy

    def _fits(self, size: int) -> bool:
        """Whether there is room in memory for that many bytes, which are taken then."""
        fits = size <= self._left
        self._left -= size * fits
        return fits


def _mapped(size: int) -> "np.memmap[Any, np.dtype[np.uint8]]":
    """Bytes in a temporary file. It has a name, by which joblib's workers open it as well."""
    handle, name = tempfile.mkstemp(prefix="sklime-")
    os.close(handle)
    slab = np.memmap(name, dtype=np.uint8, mode="w+", shape=size)
    weakref.finalize(slab, _remove, name)
    return slab


def _remove(name: str) -> None:
    with suppress(OSError):  # Windows keeps a file that is still mapped
        Path(name).unlink()
