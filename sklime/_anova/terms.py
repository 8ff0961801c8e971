"""Terms of a model's functional ANOVA on bins, and the rows that they are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import copy
from functools import cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Codes = NDArray[np.unsignedinteger]
Columns = tuple[int, ...]
Cells = NDArray[np.integer]

_ROUNDING = 1e-9  # of sums of outputs, relative to their deviations


class Rows:
    """What the fit leaves unexplained of the response: Sobol' rows, then random ones.

    Parameters
    ----------
    sobol, random : ndarrays of shape (R, m, K)
        The response.

    Attributes
    ----------
    centre : ndarray of shape (K,)
    unit : float
        Power of two that deviations from the centre are measured in, so that their squares are
        numbers whatever the scale of the response.
    scale : ndarray of shape (L,)
        Half the range of each output, in that unit. Where the outputs of every row sum to the
        same, as probabilities do, the last one follows from the others and is left out.
    residual : ndarray of shape (L, M)
        In units of `scale`; the rows of one output are contiguous.
    total : float
        Variance of the response, over all outputs.
    """

    def __init__(self, sobol: Floats, random: Floats) -> None:
        self.n_replicates, outputs = len(sobol), sobol.shape[-1]
        response = np.concatenate([part.reshape(-1, outputs) for part in (sobol, random)])
        self.centre = sobol.mean(axis=(0, 1))
        self.unit = 1.0
        largest = np.abs(response - self.centre).max()
        if largest > 0:
            self.unit = float(2.0 ** np.ceil(np.log2(largest)))
        deviation = (response - self.centre) / self.unit
        self._closes = outputs > 1 and float(np.abs(deviation.sum(axis=1)).max()) < _ROUNDING
        deviation = deviation[:, : outputs - self._closes]
        spread = np.ptp(deviation, axis=0) / 2
        varies = spread * self.unit > 1e-13 * np.abs(self.centre[: len(spread)])
        self.scale = np.where(varies, spread, 1.0)
        self.residual = np.ascontiguousarray((deviation * varies / self.scale).T)
        self.total = float(self.full(self.residual.T).var(axis=0).sum())
        half = sobol.shape[0] * sobol.shape[1]
        self.sobol, self.random = slice(0, half), slice(half, len(response))
        self.all = slice(0, len(response))
        parts = [np.repeat(np.arange(len(part)), part.shape[1]) for part in (sobol, random)]
        self.replicate = np.concatenate(parts)

    def full(self, values: Floats) -> Floats:
        """Values (..., L) of the outputs fitted as values (..., K) of all outputs, in `unit`."""
        scaled = values * self.scale
        if not self._closes:
            return scaled
        return np.concatenate([scaled, -scaled.sum(axis=-1, keepdims=True)], axis=-1)

    def variance_of_twins(self, twin_response: Floats | None) -> tuple[Floats, float]:
        """Variance inside bins (K,), from twins of the first random rows of each replicate.

        And the error of its sum over the outputs: the standard error, and the variance of all rows
        that these rows lack, as they do where few rows have most of it.
        """
        if twin_response is None:
            return np.zeros(len(self.centre)), 0.0
        n_twins = twin_response.shape[1]
        random = self.full(self.residual[:, self.random].T)
        rows = random.reshape(self.n_replicates, -1, random.shape[1])[:, :n_twins]
        twins = (twin_response - self.centre) / self.unit
        squares = np.square(rows - twins).reshape(-1, random.shape[1]) / 2
        error = squares.sum(axis=1).std() / np.sqrt(len(squares))
        seen = np.square([rows, twins]).mean(axis=(0, 1, 2)).sum()
        return squares.mean(axis=0), float(np.hypot(error, max(self.total - seen, 0)))

    def count(self, part: slice) -> int:
        return part.stop - part.start

    def variance(self, part: slice) -> Floats:
        """Of the residual about its mean, for each output fitted."""
        return self.residual[:, part].var(axis=1)


class Binned:
    """Bins of rows by column, put together where asked for: all of them may not fit in memory.

    Parameters
    ----------
    parts : two ndarrays of shape (R, m, d)
        Bin of each row inside each column; m may differ between parts.
    groups : sequence of d ndarrays, optional
        Group of each bin, to have groups instead of bins.
    """

    def __init__(self, parts: Sequence[Codes], groups: Sequence[Codes] | None = None) -> None:
        # the rows of a column side by side
        self._parts = [part.reshape(-1, part.shape[-1]).T for part in parts]
        self._groups = groups

    def grouped(self, groups: Sequence[Ints]) -> Binned:
        """The same rows with groups of bins."""
        grouped = copy(self)
        grouped._groups = [own.astype(np.uint8) for own in groups]
        return grouped

    def __call__(self, j: int, part: slice) -> Codes:
        """Bins of column j of one half of the rows, or of all."""
        codes = np.concatenate([half[j] for half in self._halves(part)])
        return codes if self._groups is None else self._groups[j].take(codes)

    def columns(self, columns: Ints, part: slice) -> Codes:
        """Bins, not groups, of some columns of one half of the rows, (columns, m)."""
        (half,) = self._halves(part)
        return half[columns]

    def _halves(self, part: slice) -> list[Codes]:
        size = self._parts[0].shape[1]
        return self._parts[part.start // size : -(-part.stop // size)]


class Law:
    """Bins of the columns: how often they occur, and how often they were drawn.

    Parameters
    ----------
    margins, designs : sequences of d ndarrays
        Frequency of each bin under the law of the table, and in the pool.
    """

    def __init__(self, margins: Sequence[Floats], designs: Sequence[Floats]) -> None:
        self.margins, self.designs = list(margins), list(designs)

    def merged(self, groups: Sequence[Ints]) -> Law:
        """The law of groups of bins."""
        return Law(
            *(
                [merged_margin(margin, own) for margin, own in zip(each, groups, strict=True)]
                for each in (self.margins, self.designs)
            )
        )


class Term:
    """One term of the functional ANOVA: a table over the cells of its columns, mean 0 each way.

    Parameters
    ----------
    columns : tuple of int
    law : Law
    outputs : int
    """

    def __init__(self, columns: Columns, law: Law, outputs: int) -> None:
        self.columns = columns
        self.margins = [law.margins[j] for j in columns]
        self.shape = tuple(len(margin) for margin in self.margins)
        self.probabilities = reduce(np.multiply.outer, self.margins).ravel()
        drawn = [law.designs[j] for j in columns]
        self.design = reduce(np.multiply.outer, drawn).ravel()
        self._full = bool((self.design > 0).all())
        self.freedom = int(np.prod([np.count_nonzero(design) - 1 for design in drawn]))
        self.table = np.zeros((len(self.probabilities), outputs))
        self.odds = np.inf  # of its signal, times the variance of noise that they were seen at
        self.signal = 1.0  # share of its estimate's variance
        self.replicates = self.table[None]  # estimates from each replicate, by the others' tables

    def cells(self, *codes: Codes) -> Ints:
        """Each row's cell of the table, from the bins of all rows in the term's columns."""
        first, *others = codes
        cells = first.astype(np.intp)
        for size, code in zip(self.shape[1:], others, strict=True):
            cells *= size
            cells += code
        return cells

    def estimates(self, cells: Cells, rows: Rows) -> tuple[Floats, Floats, Ints]:
        """Tables that fit the rows of each replicate best, sums of residuals, counts of rows.

        Columns are independent in a pool, so a cell's best step is the mean of its residuals. The
        mean over replicates is the table that fits all rows best.
        """
        n, size = rows.n_replicates, len(self.table)
        counts = np.bincount(cells, minlength=size)
        apart = cells + size * rows.replicate
        sums = np.array([np.bincount(apart, row, n * size) for row in rows.residual])
        by_replicate = sums.T.reshape(n, size, -1)
        step = by_replicate * (n * inverse(counts) * bool(self.freedom))[:, None]
        tables = self.filled(self.table + centred(step, self.margins))
        return tables, by_replicate.sum(axis=0), counts

    def filled(self, tables: Floats) -> Floats:
        """Tables with 0 in cells that are never drawn."""
        return tables if self._full else tables * (self.design > 0)[:, None]

    def shrunk(self, table: Floats, signal: float, n_rows: int) -> Floats:
        """A table less its noise, cell by cell, if a share of its variance is signal.

        A cell of n rows counts ``n / (n + k)``: the ridge regression whose k leaves the share of
        signal at an average cell. Rare cells shrink most.
        """
        filled = np.count_nonzero(self.design)
        if signal <= 0 or not filled:
            return np.zeros_like(table)
        expected = self.design * n_rows
        ridge = n_rows / filled * (1 - signal) / signal
        factor = expected * inverse(expected + ridge)
        return self.filled(centred(table * factor[:, None], self.margins))

    def move(
        self, cells: Cells, residual: Floats, table: Floats, sums: Floats, counts: Ints
    ) -> None:
        """Go towards a table as far as the residual sum of squares falls, and no farther.

        Along a step D the sum of squares changes by ``-2 a <r, D> + a^2 <D, D>``, which is least
        at ``a = <r, D> / <D, D>``: any a between 0 and that lowers it. One a for all outputs keeps
        probabilities that sum to 1 what they are.
        """
        step = table - self.table
        falls, size = (sums * step).sum(), (counts[:, None] * np.square(step)).sum()
        share = min(max(falls / size, 0.0), 1.0) if size > 0 else 0.0
        self.take(cells, residual, self.table + share * step)

    def take(self, cells: Cells, residual: Floats, table: Floats) -> None:
        """Have this table, and what it explains off the residual."""
        for row, step in zip(residual, (table - self.table).T, strict=True):
            row -= step.take(cells)
        self.table = table

    def variance(self, table: Floats) -> Floats:
        """Variance under the law, for each output."""
        return self.probabilities @ np.square(table)

    def expected_variance(self, table: Floats, noise: Floats) -> Floats:
        """Variance of the true effect given its estimate and the share of signal."""
        return self.signal**2 * self.variance(table) + self.signal * self.freedom * noise


def centred(tables: Floats, margins: Sequence[Floats]) -> Floats:
    """Tables (..., cells, K) with mean 0 along every side under the law."""
    lead = tables.shape[:-2]
    shaped = tables.reshape(*lead, *map(len, margins), tables.shape[-1])
    for axis, margin in enumerate(margins, start=len(lead)):
        weight = margin.reshape(-1, *[1] * (shaped.ndim - axis - 1))
        shaped = shaped - (weight * shaped).sum(axis=axis, keepdims=True)
    return shaped.reshape(tables.shape)


def inverse(values: NDArray[Any]) -> Floats:
    """1 / values, 0 where there is nothing."""
    return np.divide(1.0, values, where=values > 0, out=np.zeros(np.shape(values)))


def merged_margin(margin: Floats, groups: Ints) -> Floats:
    """Frequencies of groups of bins."""
    return np.bincount(groups, margin).astype(np.float64)


def product_mean(replicates: Floats) -> Floats:
    """Squares of the mean over replicates, less what their noise adds; plain with a single one.

    The product of two independent estimates has no noise on average.
    """
    n = len(replicates)
    together, apart = replicates.sum(axis=0) ** 2, np.square(replicates).sum(axis=0)
    return (together - apart) / (n * (n - 1)) if n > 1 else together


def square_error_of_mean(replicates: Floats) -> Floats:
    """Squared standard error of the mean over the first axis; 0 for a single replicate."""
    n = len(replicates)
    return replicates.var(axis=0) / max(n - 1, 1)


def one_thread() -> AbstractContextManager[Any]:
    """Matrix products on one thread: their sums have one order then."""
    context: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return context


@cache
def _controller() -> ThreadpoolController:
    """Made once, as it reads which libraries the process has loaded."""
    return ThreadpoolController()
