"""How many rows the model is asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._neighborhood.bins import Bins, CategoricalColumn

Floats = NDArray[np.float64]

# Fewer samples do not know their own error, so that `tol` starts here; and where growing ends.
LEAST_GROWING = 128
MOST_SAMPLES = 2**17

# By itself a pool grows while the root mean square of the standard errors is more than this share
# of the range of the importances, or while pairs could be hidden in what seems to be of higher
# order. The largest of many standard errors, which four replicates tell, is large by chance.
AUTO_TOL = 0.025
HIGHER_ORDERS = 0.25
MOST_FOR_PAIRS = 2**15

# permutation_importance(n_repeats=5) asks five times about each cell. A pool asks no more, but for
# this many rows, which cost nothing.
REPEATS = 5
LEAST_POOL = 1024

# Cells of a pool, which take two bytes each.
MOST_CELLS = 2**27

# Answers of a pool that grows by itself, which take 8 bytes each and are worked on in a few copies.
MOST_ANSWERS = 2**22

# Rows of a pool for each level of a column that has bins for those of the rows explained.
LEVEL_ROWS = 16


@dataclass(frozen=True)
class Samples:
    """The number of samples to begin with, and when to take more.

    Attributes
    ----------
    given : int or None
        What the caller wants.
    usual : int
        What the engine takes otherwise.
    tol : float or None
        The error to reach.
    cells : int or None
        Cells of the table that a pool follows; None for samples that do not follow it.
    n_features : int
    n_outputs : int
    """

    given: int | None
    usual: int
    tol: float | None
    cells: int | None
    n_features: int
    n_outputs: int = 1

    @property
    def _follows(self) -> bool:
        return self.cells is not None and self.given is None and self.tol is None

    @property
    def grow(self) -> bool:
        """Whether more samples may be wanted."""
        return self.tol is not None or self._follows

    @property
    def most(self) -> int:
        """Samples at the most, a power of two."""
        if not self._follows or self.cells is None:
            return MOST_SAMPLES
        answers = max(self.usual, MOST_ANSWERS // self.n_outputs)
        most = min(REPEATS * self.cells, MOST_CELLS // self.n_features, answers)
        return min(MOST_SAMPLES, max(LEAST_POOL, _power(most + 1) // 2))

    def first(self, bins: Bins | None = None) -> int:
        """Samples to begin with."""
        n_samples = self.usual if self.given is None else self.given
        if self.tol is not None:
            return max(n_samples, min(LEAST_GROWING, self.usual))
        if not self._follows:
            return n_samples
        columns = () if bins is None else bins.columns
        levels = [len(c.levels) for c in columns if isinstance(c, CategoricalColumn) and c.others]
        return min(max([n_samples, *(_power(LEVEL_ROWS * n) for n in levels)]), self.most)

    def wanted(self, n_samples: int, errors: Floats, higher: Sequence[Floats]) -> int:
        """Samples for errors relative to the range, and a share of higher orders, as they are.

        Errors fall with the root of the samples, and faster where columns are many.
        """
        if not np.isfinite(errors).all():  # importances without any range
            return n_samples * (1 if self.tol is None else 2)
        if self.tol is not None:
            return n_samples * (2 if errors.max() > self.tol else 1)
        excess = np.square(errors).mean() / AUTO_TOL**2
        if excess > 1:
            return n_samples * int(2 ** np.floor(np.clip(np.log2(excess), 1, 3)))
        known = np.concatenate([share[np.isfinite(share)] for share in higher] or [np.empty(0)])
        hidden = known.size > 0 and known.mean() > HIGHER_ORDERS
        if hidden and n_samples < MOST_FOR_PAIRS:
            return 2 * n_samples
        return n_samples


def _power(number: float) -> int:
    """The least power of two that is not less."""
    return int(2 ** np.ceil(np.log2(number)))
