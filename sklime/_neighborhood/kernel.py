"""lime's kernel over the columns in which a perturbed row is outside the row's own bins."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def decay(kernel_width: float) -> float:
    """What a column outside the own bin multiplies a row's kernel weight by.

    lime weighs a row by ``exp(-D^2 / kernel_width^2) ** 0.5`` with D^2 the number of columns
    outside the instance's own bins, which is a product over columns of ``exp(-1 / (2 width^2))``
    (outside) or 1 (inside).
    """
    if kernel_width == 0:
        return 0.0
    # Above 0, as an unseen level would divide 0 by 0.
    return float(max(np.exp(-0.5 / kernel_width**2), np.finfo(float).tiny))


def stay(own: Floats, kernel_width: float) -> Floats:
    """Chance q of the own bin under the kernel, from its training frequency p.

    ``q = p / (p + (1 - p) decay)``.
    """
    return own / (own + (1 - own) * decay(kernel_width))


def hold(own: Floats, kernel_width: float) -> Floats:
    """Locality r of the kernel: ``(q - p) / (1 - p)``; 0 for a column of one bin.

    Put differently than by `stay`, the kernel holds a column in its own bin with chance r, and
    draws it by the training frequencies otherwise.
    """
    outside = (1 - own) * decay(kernel_width)
    return np.where(own < 1, own * (1 - decay(kernel_width)) / (own + outside), 0.0)


def lime_width(n_features: int) -> float:
    """lime's own kernel width."""
    return 0.75 * float(np.sqrt(n_features))
