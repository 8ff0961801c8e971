"""Targets, and answers of models, of any kind as arrays."""

from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray
from scipy.sparse import issparse


def target_array(y: Any) -> Any:
    """A target as an array, of one axis where it has one column; None stays None."""
    if y is None:
        return None
    array = dense_array(y)
    return array.ravel() if array.shape[1:] == (1,) else array


def dense_array(y: Any) -> NDArray[Any]:
    """A target or an answer as an array.

    A sparse one becomes dense, the fields of a structured one columns of numbers.
    """
    array: NDArray[Any] = y.toarray() if issparse(y) else np.asarray(y)
    if array.dtype.names:
        return structured_to_unstructured(array, dtype=np.float64)
    return array
