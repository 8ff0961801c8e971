"""Terms of a model's functional ANOVA on bins, and the rows that they are fitted to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Codes = NDArray[np.unsignedinteger]
Columns = tuple[int, ...]


class Binned:
    """Bins of rows by column, put together where asked for: all of them may not fit in memory.

    Parameters
    ----------
    parts : sequence of ndarrays of shape (R, m, d)
        Bin of each row inside each column; m may differ between parts.
    groups : sequence of d ndarrays, optional
        Group of each bin, to have groups instead of bins.
    """

    def __init__(self, parts: Sequence[Codes], groups: Sequence[Ints] | None = None) -> None:
        self._parts = parts
        self._groups = None if groups is None else [own.astype(np.uint8) for own in groups]

    def __getitem__(self, j: int) -> Codes:
        """Bins of column j, of the rows of all parts: (R, m)."""
        codes = np.concatenate([part[..., j] for part in self._parts], axis=1)
        return codes if self._groups is None else self._groups[j][codes]


class Rows:
    """What the fit leaves unexplained of the response, standardised: Sobol rows, then random.

    ``residual`` is (K, R, m): the rows of one output are contiguous.
    """

    all = slice(None)

    def __init__(self, sobol: Floats, random: Floats) -> None:
        response = np.concatenate([sobol, random], axis=1)
        spread = response.std(axis=(0, 1))
        self.centre = sobol.mean(axis=(0, 1))
        self.scale = np.where(spread > 0, spread, 1.0)
        self.residual = np.ascontiguousarray(self._standardised(response))
        self.sobol = slice(None, sobol.shape[1])
        self.random = slice(sobol.shape[1], None)
        self.share_of_twins = 0.0  # of the random rows

    def _standardised(self, response: Floats) -> Floats:
        return np.moveaxis((response - self.centre) / self.scale, -1, 0)

    def average_twins(self, twin_response: Floats | None) -> Floats:
        """Variance inside bins. A row and its twin are from here on one row, their mean."""
        if twin_response is None:
            return np.zeros(len(self.scale))
        twins = self._standardised(twin_response)
        random = self.residual[:, :, self.random]
        rows = random[:, :, : twins.shape[2]]
        self.share_of_twins = rows.size / random.size
        within = np.square(rows - twins).mean(axis=(1, 2)) / 2
        rows += twins
        rows /= 2
        return within

    def count(self, part: slice) -> int:
        return self.residual[0, :, part].size

    def variance(self, part: slice) -> Floats:
        return np.square(self.residual[:, :, part]).mean(axis=(1, 2))

    def sums(self, cells: Codes, size: int, part: slice) -> Floats:
        """Sum of the residual over each cell's rows, for each replicate: (R, size, K)."""
        replicates = len(cells)
        index = (cells[:, part] + size * np.arange(replicates)[:, None]).ravel()
        sums = [np.bincount(index, r[:, part].ravel(), size * replicates) for r in self.residual]
        by_output = np.array(sums, dtype=np.float64).reshape(-1, replicates, size)
        return np.moveaxis(by_output, 0, -1)


class Term:
    """One term of the functional ANOVA: a table over the cells of its columns, mean 0 each way."""

    def __init__(
        self, columns: Columns, codes: Binned, margins: Sequence[Floats], outputs: int
    ) -> None:
        self.columns, self.codes = columns, codes
        self.margins = [margins[j] for j in columns]
        self.shape = tuple(len(margin) for margin in self.margins)
        self.probabilities = reduce(np.multiply.outer, self.margins).ravel()
        self.freedom = math.prod(np.count_nonzero(margin) - 1 for margin in self.margins)
        self.table = np.zeros((len(self.probabilities), outputs))
        self.signal = 1.0

    @property
    def cells(self) -> Codes:
        """Each row's cell of the table."""
        first, *others = self.columns
        cells = self.codes[first]
        for size, j in zip(self.shape[1:], others, strict=True):
            cells = cells.astype(np.min_scalar_type(len(self.table))) * size + self.codes[j]
        return cells

    def estimate(self, rows: Rows, part: slice) -> Floats:
        """The table plus the means of what the fit leaves, for each replicate: (R, cells, K)."""
        sums = rows.sums(self.cells, len(self.table), part)
        expected = self.probabilities * (rows.count(part) / len(sums))
        return self.table + self._centred(sums * inverse(expected)[:, None])

    def move(self, rows: Rows, table: Floats, part: slice = Rows.all) -> None:
        """Take another table, and what it explains off the residual of these rows."""
        cells = self.cells[:, part]
        for residual, step in zip(rows.residual, (table - self.table).T, strict=True):
            residual[:, part] -= step[cells]
        self.table = table

    def variance(self, table: Floats) -> Floats:
        """Variance over the pool, for each output."""
        return self.probabilities @ np.square(table)

    def expected_variance(self, table: Floats, noise: Floats) -> Floats:
        """Variance of the true effect given its estimate and the share of signal."""
        return self.signal**2 * self.variance(table) + self.signal * self.freedom * noise

    def _centred(self, tables: Floats) -> Floats:
        shaped = tables.reshape(len(tables), *self.shape, -1)
        for axis, margin in enumerate(self.margins, start=1):
            mean = np.tensordot(margin, shaped, axes=(0, axis))
            shaped = shaped - np.expand_dims(mean, axis)
        return shaped.reshape(tables.shape)


def inverse(values: NDArray[Any]) -> NDArray[Any]:
    """1 / values, 0 where there is nothing."""
    return np.divide(1, values, where=values > 0, out=np.zeros_like(values))


def merged_margin(margin: Floats, groups: Ints) -> Floats:
    """Frequencies of groups of bins."""
    return np.bincount(groups, margin).astype(np.float64)


def square_error_of_mean(replicates: Floats) -> Floats:
    """Squared standard error of the mean over the first axis; 0 for a single replicate."""
    n = len(replicates)
    return replicates.var(axis=0) / max(n - 1, 1)
