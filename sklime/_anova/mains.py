"""Main effects of all columns from the two halves of a pool, each freed of the others' noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .linear import Values, linear_fit, linear_part
from .terms import (
    CELLS,
    Binned,
    Floats,
    Ints,
    Rows,
    descend,
    inverse,
    product_mean,
)

# Passes over the columns, at most, and the least fall of the residual that is worth one more.
MAX_PASSES = 3
LEAST_FALL = 0.03

# Columns are fitted together whose bins are this much fewer than the rows: they hardly disturb one
# another.
ROWS_A_BIN = 64


@dataclass(frozen=True)
class Margins:
    """The bins of all columns, one after the other.

    Parameters
    ----------
    offsets : ndarray of shape (d + 1,)
        Column j owns the bins ``offsets[j]:offsets[j + 1]``.
    law, design : ndarrays of shape (B,)
        Frequency of each bin under the law of the table, and in the pool.
    """

    offsets: Ints
    law: Floats
    design: Floats

    @cached_property
    def sizes(self) -> Ints:
        return np.diff(self.offsets)

    @cached_property
    def drawn(self) -> Ints:
        """Bins of each column that the pool has."""
        return np.add.reduceat((self.design > 0).astype(np.intp), self.offsets[:-1])

    def sums(self, values: Floats) -> Floats:
        """Sums over the bins of each column, (..., B, K) to (..., d, K)."""
        return np.add.reduceat(values, self.offsets[:-1], axis=-2)

    def spread(self, values: Floats) -> Floats:
        """A value of each column at each of its bins, (..., d, K) to (..., B, K)."""
        return values.repeat(self.sizes, axis=-2)

    def tables(self, values: Floats) -> Floats:
        """Values as main effects: of mean 0 in each column, 0 in bins that are never drawn."""
        centred = values - self.spread(self.sums(self.law[:, None] * values))
        known = (self.design > 0) & np.repeat(self.drawn > 1, self.sizes)
        return centred if known.all() else centred * known[:, None]

    def variances(self, tables: Floats) -> Floats:
        """Variance of each column's main effect, over all outputs, (d,)."""
        return self.sums(self.law[:, None] * np.square(tables)).sum(axis=1)

    def of(self, columns: Ints) -> tuple[Margins, Ints]:
        """Some columns' margins, and where their bins are among all."""
        sizes = self.sizes[columns]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        at = np.arange(offsets[-1]) + np.repeat(self.offsets[columns] - offsets[:-1], sizes)
        return Margins(offsets, self.law[at], self.design[at]), at

    def shrunk(self, tables: Floats, noise: float, n_rows: int) -> Floats:
        """Main effects less their noise, as :class:`Batch` does it."""
        total = self.variances(tables)
        signal = np.maximum(1 - (self.drawn - 1) * noise * inverse(total), 0.0)
        ridge = n_rows * (1 - signal) * inverse(signal) * inverse(self.drawn)
        expected = self.design[:, None] * n_rows
        factor = expected * inverse(expected + self.spread(ridge[:, None]))
        return self.tables(tables * factor * self.spread(np.sign(signal)[:, None]))


@dataclass
class Additive:
    """An additive model: a main effect of each bin, and a slope inside it.

    Attributes
    ----------
    margins : Margins
    tables : ndarray of shape (B, K)
    slopes : ndarray of shape (d, K)
    values : Values or None
    counts : ndarray of shape (B,)
        Rows in each bin.
    """

    margins: Margins
    tables: Floats
    slopes: Floats
    values: Values | None
    counts: Ints

    def predict(self, rows: Rows, bins: Binned, part: slice) -> tuple[Floats, Floats]:
        """What the tables say of some rows, and what the slopes add inside bins, (K, m) each."""
        tables, inside = np.zeros((2, len(rows.scale), rows.count(part)))
        if self.values is not None:
            inside += linear_part(self.values.of(rows, part), self.slopes)
        means = self._sloped()
        for block in blocks(self.margins, bins, part, np.arange(len(self.slopes))):
            tables += block.at_rows(self.tables[block.at])
            if means[block.at].any():
                inside -= block.at_rows(means[block.at])
        return tables, inside

    def follow(self, slopes: Floats) -> None:
        """Take slopes of the values, and the main effects that they have on bins."""
        self.slopes = slopes
        self.tables = self.margins.tables(self._sloped())

    def _sloped(self) -> Floats:
        """What the slopes say of the mean value of each bin."""
        if self.values is None:
            return np.zeros_like(self.tables)
        return self.margins.spread(self.slopes) * self.values.means[:, None]


@dataclass(frozen=True)
class Block:
    """Some columns at some rows.

    Attributes
    ----------
    margins : Margins
    at : ndarray
        Where the bins are among those of all columns.
    cells : ndarray of shape (columns, m)
        Bin of each row, among those of the block.
    """

    margins: Margins
    at: Ints
    cells: Ints

    def at_rows(self, tables: Floats) -> Floats:
        """Sum over the columns of their tables (bins, K) at the rows' own bins, (K, m)."""
        return np.array([table.take(self.cells).sum(axis=0) for table in tables.T])

    def counts(self) -> Ints:
        return np.bincount(self.cells.ravel(), minlength=len(self.at))

    def sums(self, residual: Floats) -> Floats:
        """Sum of the residual (K, m) over the rows of each bin, (bins, K)."""
        cells, sums = self.cells.ravel(), np.empty((len(self.at), len(residual)))
        for k, row in enumerate(residual):
            weights = np.broadcast_to(row, self.cells.shape).ravel()
            sums[:, k] = np.bincount(cells, weights, len(self.at))
        return sums


def blocks(
    margins: Margins, bins: Binned, part: slice, columns: Ints, most: float = np.inf
) -> Iterator[Block]:
    """Blocks of columns, in order, of at most that many bins or one column."""
    n_rows = part.stop - part.start
    ends = np.cumsum(margins.sizes[columns])
    start = 0
    while start < len(columns):
        reach = ends[start] - margins.sizes[columns[start]] + most
        stop = min(np.searchsorted(ends, reach, side="right"), start + CELLS // n_rows)
        own = columns[start : max(stop, start + 1)]
        block, at = margins.of(own)
        yield Block(block, at, bins.columns(own, part) + block.offsets[:-1, None])
        start += len(own)


def additive(
    rows: Rows, bins: Binned, margins: Margins, values: Values | None, part: slice
) -> Additive:
    """Additive model of some rows, by a linear model and backfitting; the rows stay as they are.

    Every step is shrunk by the share of its variance that is noise, and no step raises the
    residual sum of squares.
    """
    residual = rows.residual[:, part] - rows.residual[:, part].mean(axis=1, keepdims=True)
    n_columns, n_outputs = len(margins.sizes), len(rows.scale)
    tables, slopes = np.zeros((len(margins.law), n_outputs)), np.zeros((n_columns, n_outputs))
    model = Additive(margins, tables, slopes, values, np.zeros(len(tables), np.intp))
    if values is not None:
        slopes = linear_fit(values.of(rows, part), residual)
        fitted = linear_part(values.of(rows, part), slopes)
        model.follow(lower(residual, fitted) * slopes)
    # The strongest first, whatever the order of the columns.
    alone = np.empty_like(model.tables)
    for block in blocks(margins, bins, part, np.arange(n_columns)):
        model.counts[block.at] = block.counts()
        alone[block.at] = block.sums(residual) * inverse(model.counts[block.at])[:, None]
    variances = margins.variances(model.tables + margins.tables(alone))
    order = np.argsort(-variances, kind="stable")
    left = np.square(residual).sum()
    for _ in range(MAX_PASSES):
        noise = np.square(residual).mean(axis=1).sum() / rows.count(part)
        for block in blocks(margins, bins, part, order, rows.count(part) / ROWS_A_BIN):
            _improve(model, block, residual, noise)
        residual -= residual.mean(axis=1, keepdims=True)
        before, left = left, np.square(residual).sum()
        if left >= (1 - LEAST_FALL) * before:
            break
    return model


def _improve(model: Additive, block: Block, residual: Floats, noise: float) -> None:
    """Fit some main effects to what all others leave, less their noise."""
    own, before = block.margins, model.tables[block.at]
    means = block.sums(residual) * inverse(model.counts[block.at])[:, None]
    step = own.shrunk(before + own.tables(means), noise, residual.shape[1]) - before
    if step.any():
        model.tables[block.at] = before + lower(residual, block.at_rows(step)) * step


def lower(residual: Floats, fitted: Floats) -> float:
    """Take a fit off the residual as :func:`descend` does, both from their means on."""
    share = descend(residual, fitted - fitted.mean(axis=1, keepdims=True))
    residual -= residual.mean(axis=1, keepdims=True)
    return share


def take_off(rows: Rows, bins: Binned, model: Additive, part: slice) -> Floats:
    """Take a model off rows that it was not fitted to; return what it says inside bins."""
    tables, inside = model.predict(rows, bins, part)
    share = lower(rows.residual[:, part], tables + inside)
    model.tables, model.slopes = share * model.tables, share * model.slopes
    return share * inside


def replicated(rows: Rows, bins: Binned, model: Additive, part: slice, counts: Ints) -> Floats:
    """Main effects of every column from each replicate of some rows, (R, B, K).

    Their mean is what all rows tell, of which there are so many in each bin.
    """
    n = rows.n_replicates
    steps, shares = np.empty((n, *model.tables.shape)), n * inverse(counts)[:, None]
    for block in blocks(model.margins, bins, part, np.arange(len(model.slopes))):
        share = shares[block.at]
        cells = np.split(block.cells, n, axis=1)
        residuals = np.split(rows.residual[:, part], n, axis=1)
        for r, (own, residual) in enumerate(zip(cells, residuals, strict=True)):
            steps[r, block.at] = replace(block, cells=own).sums(residual) * share
    return model.tables + model.margins.tables(steps)


def misfit(model: Additive, replicates: Floats, rows: Rows) -> Floats:
    """Variance that the tables miss of the main effects, free of noise, for each output."""
    return model.margins.law @ product_mean(rows.full(replicates - model.tables))
