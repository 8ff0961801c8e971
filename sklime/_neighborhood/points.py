"""Points of the unit cube from which neighbourhoods are drawn."""

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

# In a Sobol' sequence of m points and of more than about m / 8 columns some pairs of columns have
# the same leading bits, whatever the scrambling: two columns of a table would be one.
_POINTS_A_COLUMN = 8

# Bits of a point's numbers: random matrices of so many rows and columns scramble each column.
_BITS = 20

# Points times columns of a group, at most: a group is drawn whole, as its rows are shuffled.
_GROUP_CELLS = 2**20


def uniform_batches(
    n_features: int, n_replicates: int, rows: range, most: int, seed: int, *, sobol: bool = True
) -> Iterator[NDArray[np.float64]]:
    """Independently randomised quasi-Monte-Carlo points, one replicate after the other.

    Parameters
    ----------
    n_features : int
    n_replicates : int
    rows : range
        Which points of each replicate; balance is best at powers of two.
    most : int
        Points in a batch, at most, and rounded to whole replicates or to powers of two. Changes no
        point.
    seed : int
    sobol : bool
        False draws plain random numbers.

    Returns
    -------
    batches : iterator over ndarrays of shape (n_features, n_points), in [0, 1)

    Notes
    -----
    A replicate is a scrambled Sobol' sequence whose dimensions go to the columns in random order.
    Many columns are split into groups that share one sequence, each with the points in an order of
    its own: Latin supercube sampling (A. B. Owen, ACM TOMACS 8, 1998).
    """
    # A Sobol' sequence is the same from any point on; plain random numbers are drawn anew there.
    streams = np.random.SeedSequence([seed] if sobol else [seed, rows.start, 1]).spawn(n_replicates)
    generators = [np.random.default_rng(stream) for stream in streams]
    # At once, while little else is in memory: scrambling takes much more than drawing does.
    sources = [_Sobol(n_features, rows, rng) if sobol else rng for rng in generators]
    block = len(rows) if most >= len(rows) else 1 << (max(most, 1).bit_length() - 1)
    blocks = [
        (source, range(start, min(start + block, len(rows))))
        for source in sources
        for start in range(0, len(rows), block)
    ]
    whole = max(1, most // len(rows))  # replicates that fit into one batch
    return (_batch(n_features, blocks[i : i + whole]) for i in range(0, len(blocks), whole))


def _batch(
    n_features: int, blocks: list[tuple["_Sobol | np.random.Generator", range]]
) -> NDArray[np.float64]:
    """Points of some blocks, side by side."""
    batch = np.empty((n_features, sum(len(block) for _, block in blocks)))
    start = 0
    for source, block in blocks:
        points = batch[:, start : start + len(block)]
        if isinstance(source, _Sobol):
            source.write(block, points)
        else:
            points[...] = source.random(points.shape[::-1]).T
        start += len(block)
    return batch


class _Sobol:
    """One replicate of scrambled Sobol' points, in groups of columns if there are many."""

    def __init__(self, n_features: int, rows: range, rng: np.random.Generator) -> None:
        self._rows = rows
        widest = max(1, min(rows.stop // _POINTS_A_COLUMN, _GROUP_CELLS // rows.stop))
        self._groups = np.array_split(rng.permutation(n_features), -(-n_features // widest))
        self._sequence = qmc.Sobol(len(self._groups[0]), scramble=True, bits=_BITS, seed=rng)
        self._orders = [rng.permutation(len(rows)) for _ in self._groups]
        self._everything: NDArray[np.float64] | None = None

    def write(self, block: range, points: NDArray[np.float64]) -> None:
        """Write the points (n_features, len(block)) of a block of the rows, asked for in order."""
        if len(self._groups) == 1:
            points[self._groups[0]] = self._draw(block).T
            return
        if self._everything is None:
            self._everything = self._draw(range(len(self._rows))).T
        for columns, order in zip(self._groups, self._orders, strict=True):
            points[columns] = self._everything[: len(columns), order[block.start : block.stop]]
        if block.stop == len(self._rows):
            self._everything = None

    def _draw(self, block: range) -> NDArray[np.float64]:
        """Points of the sequence, whose number of a power of two is the caller's choice."""
        if block.start == 0 and self._rows.start:
            self._sequence.fast_forward(self._rows.start)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The balance properties of Sobol")
            return self._sequence.random(len(block))
