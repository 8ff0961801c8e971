"""Targets, and answers of models, of any kind as arrays."""

from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray
from scipy.sparse import issparse


def target_array(y: Any) -> Any:
    """A target or an answer as an array; None stays None.

    A sparse one becomes dense, the fields of a structured one columns of numbers.
    """
    if y is None or issparse(y):
        return None if y is None else y.toarray()
    array: NDArray[Any] = np.asarray(y)
    if array.dtype.names:
        return structured_to_unstructured(array, dtype=np.float64)
    return array
