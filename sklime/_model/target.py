"""The target of any kind as an array."""

from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray
from scipy.sparse import issparse


def target_array(y: Any) -> Any:
    """A target as an array: a sparse one dense, fields of a structured one as columns of numbers.

    None stays None.
    """
    if y is None or issparse(y):
        return None if y is None else y.toarray()
    array: NDArray[Any] = np.asarray(y)
    if array.dtype.names:
        return structured_to_unstructured(array, dtype=np.float64)
    return array
