"""Terms of a model's functional ANOVA on bins, and the rows that they are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Codes = NDArray[np.unsignedinteger]
Columns = tuple[int, ...]

CELLS = 2**18  # of rows and columns that are worked on at once, so that they fit into a cache

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
    varies : ndarray of shape (L,)
        Whether an output changes by more than its rounding.
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
        response = np.concatenate([part.reshape(-1, outputs).T for part in (sobol, random)], axis=1)
        self.centre = sobol.mean(axis=(0, 1))
        deviation = np.subtract(response, self.centre[:, None], order="C")
        largest, self.unit = np.abs(deviation).max(), 1.0
        if largest > 0:
            self.unit = float(2.0 ** np.ceil(np.log2(largest)))
        deviation /= self.unit
        self._closes = outputs > 1 and float(np.abs(deviation.sum(axis=0)).max()) < _ROUNDING
        deviation = deviation[: outputs - self._closes]
        spread = np.ptp(deviation, axis=1) / 2
        self.varies = spread * self.unit > 1e-13 * np.abs(self.centre[: len(spread)])
        self.scale = np.where(self.varies, spread, 1.0)
        self.residual = deviation * self.varies[:, None] / self.scale[:, None]
        self.total = float(self.full(self.residual.T).var(axis=0).sum())
        half = sobol.shape[0] * sobol.shape[1]
        self.sobol, self.random = slice(0, half), slice(half, response.shape[1])
        self.all = slice(0, response.shape[1])
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
        twins = ((twin_response - self.centre) / self.unit)[..., : len(self.scale)]
        twins = self.full(twins * self.varies / self.scale)
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
    """

    def __init__(self, parts: Sequence[Codes]) -> None:
        # the rows of a column side by side
        self._parts = [part.reshape(-1, part.shape[-1]).T for part in parts]
        self._groups: dict[int, Codes] = {}

    def grouped(self, groups: Sequence[Ints]) -> Binned:
        """The same rows with groups of bins."""
        grouped = copy(self)
        grouped._groups = {
            j: own.astype(np.uint8)
            for j, own in enumerate(groups)
            if not np.array_equal(own, np.arange(len(own)))
        }
        return grouped

    def columns(self, columns: Ints, part: slice) -> Codes:
        """Bins of some columns of one half of the rows, or of all, (columns, m)."""
        size = self._parts[0].shape[1]
        halves = self._parts[part.start // size : -(-part.stop // size)]
        codes = np.concatenate([half[columns] for half in halves], axis=1)
        for i, j in enumerate(columns.tolist()):
            if j in self._groups:
                codes[i] = self._groups[j].take(codes[i])
        return codes


class Law:
    """Groups of the columns' bins: how often they occur, and how often they were drawn.

    Parameters
    ----------
    margins, designs : sequences of d ndarrays
        Frequency of each bin under the law of the table, and in the pool.
    groups : sequence of d ndarrays
        Group of each bin.

    Attributes
    ----------
    sizes, ranks : ndarrays of shape (d,)
        Groups of each column, and contrasts between those that were drawn.
    margins, designs : ndarrays of shape (d, most groups)
        Frequencies of the groups, then zeros.
    """

    def __init__(
        self, margins: Sequence[Floats], designs: Sequence[Floats], groups: Sequence[Ints]
    ) -> None:
        self.sizes = np.array([own.max() + 1 for own in groups])
        self.margins, self.designs = np.zeros((2, len(groups), self.sizes.max()))
        for j, own in enumerate(groups):
            self.margins[j, : self.sizes[j]] = merged_margin(margins[j], own)
            self.designs[j, : self.sizes[j]] = merged_margin(designs[j], own)
        self.ranks = np.count_nonzero(self.designs, axis=1) - 1


@dataclass
class Term:
    """One term of the functional ANOVA: a table over the cells of its columns, mean 0 each way.

    Attributes
    ----------
    columns : tuple of int
    odds : float
        Of its signal, times the variance of noise that they were seen at.
    freedom : int
        Degrees of freedom.
    table : ndarray of shape (groups of one column, of the next, ..., L)
        What the residual is less of.
    signal : float
        Share of its estimate's variance.
    replicates : ndarray of shape (R, groups of one column, of the next, ..., L)
        Estimates from each replicate, by the others' tables, less their noise.
    estimated : ndarray of shape (K,)
        Variance of the estimate with its noise, under the law.
    variances : ndarray of shape (1 + K,)
        Variance of the table over all outputs fitted, in units of each, and of every output.
    """

    columns: Columns
    odds: float
    freedom: int
    table: Floats
    signal: float = 1.0
    replicates: Floats = field(default_factory=lambda: np.empty(0))
    estimated: Floats = field(default_factory=lambda: np.empty(0))
    variances: Floats = field(default_factory=lambda: np.empty(0))


class Batch:
    """Terms of as many columns that are fitted at once, so few that they hardly disturb another.

    Their tables have one shape: smaller ones are padded by cells that are never drawn.

    Parameters
    ----------
    terms : sequence of n Term
    law : Law
    """

    def __init__(self, terms: Sequence[Term], law: Law) -> None:
        self.terms = terms
        self.columns = np.array([term.columns for term in terms]).T
        self.shape = tuple(int(law.sizes[own].max()) for own in self.columns)
        sides = list(zip(self.columns, self.shape, strict=True))
        self.margins = [law.margins[own, :side] for own, side in sides]
        outer = "na,nb->nab" if len(sides) == 2 else "na,nb,nc->nabc"
        self.probabilities = np.einsum(outer, *self.margins)
        self.design = np.einsum(outer, *(law.designs[own, :side] for own, side in sides))
        self.freedom = np.array([term.freedom for term in terms])

    def improve(self, rows: Rows, codes: Binned, noise: float) -> None:
        """Fit the terms to what all others leave, less their noise, and take it off the residual.

        Columns are independent in a pool, so a cell's best step is the mean of its residuals. The
        mean over replicates is the table that fits all rows best.
        """
        cells, before = self._cells(rows, codes), np.zeros((*self.design.shape, len(rows.scale)))
        for table, term in zip(before, self.terms, strict=True):
            table[_corner(term.table)] = term.table
        n, size = rows.n_replicates, self.design[0].size
        sums = [[np.bincount(own, row, n * size) for row in rows.residual] for own in cells]
        counts = np.array([np.bincount(own, minlength=n * size) for own in cells])
        counts = counts.reshape(-1, n, *self.shape).sum(axis=1)
        gain = n * inverse(counts) * (self.freedom > 0).reshape(-1, *[1] * len(self.shape))
        steps = np.reshape(sums, (len(cells), -1, n, *self.shape)) * gain[:, None, None]
        estimates = before + self._tables(np.moveaxis(steps, (2, 1), (0, -1)))
        estimate = estimates.mean(axis=0)
        signal = self._signal(estimate, noise)
        replicates = self._shrunk(estimates, signal, rows.count(rows.all))
        step = replicates.mean(axis=0) - before
        fitted = np.zeros_like(rows.residual)
        flat = np.tile(step.reshape(len(cells), size, -1).swapaxes(1, 2), n)
        for own, tables in zip(cells, flat, strict=True):
            for row, table in zip(fitted, tables, strict=True):
                row += table.take(own)
        after = before + descend(rows.residual, fitted) * step
        estimated, full = self._variances(rows.full(estimate)), self._variances(rows.full(after))
        alone = self._variances(after).sum(axis=1)
        for t, term in enumerate(self.terms):
            own = _corner(term.table)
            term.table, term.replicates = after[t][own], replicates[:, t][:, *own]
            term.signal, term.estimated = float(signal[t]), estimated[t]
            term.variances = np.append(alone[t], full[t])

    def _cells(self, rows: Rows, codes: Binned) -> Ints:
        """Cell of each row in each term's table, after those of the replicates before its own."""
        first, *others = (codes.columns(own, rows.all) for own in self.columns)
        cells = first.astype(np.intp)
        for side, code in zip(self.shape[1:], others, strict=True):
            cells *= side
            cells += code
        cells += rows.replicate * self.design[0].size
        return cells

    def _tables(self, values: Floats) -> Floats:
        """Values (..., n, cells, L) with mean 0 along every side, 0 in cells never drawn."""
        first = values.ndim - 1 - len(self.margins)
        for axis, margin in enumerate(self.margins, start=first):
            after = [1] * (values.ndim - axis - 1)
            weight = margin.reshape(len(margin), *[1] * (axis - first), -1, *after)
            values = values - (weight * values).sum(axis=axis, keepdims=True)
        return values * (self.design > 0)[..., None]

    def _variances(self, tables: Floats) -> Floats:
        """Variance of each table under the law, for each output."""
        squares = self.probabilities[..., None] * np.square(tables)
        return squares.sum(axis=tuple(range(1, tables.ndim - 1)))

    def _signal(self, tables: Floats, noise: float) -> Floats:
        """Share of signal in estimates of the terms, from that when the terms were found.

        The odds of signal against noise grow as the noise falls, with more rows or a better fit,
        if the estimate itself stands as high above the noise.
        """
        odds = np.array([term.odds for term in self.terms])
        total = self._variances(tables).sum(axis=1)
        above = np.maximum(1 - 2 * self.freedom * noise * inverse(total), 0) * (total > 0)
        return np.where(odds == np.inf, 1.0, np.minimum(inverse(1 + noise * inverse(odds)), above))

    def _shrunk(self, tables: Floats, signal: Floats, n_rows: int) -> Floats:
        """Tables less their noise, cell by cell, if a share of their variance is signal.

        A cell of n rows counts ``n / (n + k)``: the ridge regression whose k leaves the share of
        signal at an average cell. Rare cells shrink most.
        """
        each = (-1, *[1] * len(self.shape))
        filled = np.count_nonzero(self.design.reshape(len(signal), -1), axis=1)
        ridge = n_rows * inverse(filled) * (1 - signal) * inverse(signal)
        expected = self.design * n_rows
        factor = expected * inverse(expected + ridge.reshape(each)) * np.sign(signal).reshape(each)
        return self._tables(tables * factor[..., None])


def _corner(table: Floats) -> tuple[slice, ...]:
    """Where a table is in one that is padded."""
    return tuple(slice(side) for side in table.shape[:-1])


def descend(residual: Floats, fitted: Floats) -> float:
    """Take the share of a fit off the residual that leaves least, in place, and return it.

    Along a step D the sum of squares changes by ``-2 a <r, D> + a^2 <D, D>``, which is least at
    ``a = <r, D> / <D, D>``: any a between 0 and that lowers it. One a for all outputs keeps
    probabilities that sum to 1 what they are.
    """
    size = np.square(fitted).sum()
    share = min(max((residual * fitted).sum() / size, 0.0), 1.0) if size > 0 else 0.0
    residual -= share * fitted
    return float(share)


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
