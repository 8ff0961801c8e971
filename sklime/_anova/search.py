"""Search for the pairs and triples of columns that interact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from .tally import MAX_TERMS, Tally
from .terms import Binned, Columns, Floats, Ints, Rows, Term, inverse

Tables = tuple[Ints, NDArray[np.floating[Any]]]  # their columns, (n, order), and ratios of variance

_ROWS = 4096  # in one product, whatever the memory: sums of single precision have an order
LEAST_SIGNAL = 0.1  # share of a table's variance that must be signal for it to be kept


class Search:
    """Search for interactions in what the fit leaves unexplained of the random rows.

    In orthonormal contrasts of its columns a table's variance is a sum of squares, and the tables
    of many pairs or triples are one matrix product.
    """

    def __init__(
        self, rows: Rows, codes: Binned, margins: Sequence[Floats], working_memory: int
    ) -> None:
        self.rows, self.codes, self.working_memory = rows, codes, working_memory
        self.n_rows = rows.count(rows.random)
        self.ranks = np.array([np.count_nonzero(margin) - 1 for margin in margins])
        bases = [_contrasts(margin) for margin in margins]
        self.norms = [self._exact_table(np.square(basis).sum(axis=0)[None]) for basis in bases]
        self.bases = [self._exact_table(basis) for basis in bases]

    def pairs(self, terms: dict[Columns, Term]) -> dict[Columns, float]:
        """Pairs with signal, those of most first. Terms are pairs found before."""
        noise = self.rows.variance(self.rows.random) / self.rows.count(self.rows.random)
        fitted = {
            columns: term.variance(term.estimate(self.rows, self.rows.random).mean(axis=0))
            * inverse(term.freedom * noise)
            for columns, term in terms.items()
        }

        def tables(k: int) -> Iterator[Tables]:
            before = {columns: ratio[k] for columns, ratio in fitted.items()}
            return self._pair_tables(self._residual(k), before)

        return self._found(2, tables)

    def triples(self, columns: Sequence[int]) -> dict[Columns, float]:
        """Triples of these columns with signal, those of most first."""
        # Threads gain little in products so small, and lose much where the cores are busy.
        with threadpool_limits(1, user_api="blas"):
            return self._found(3, lambda k: self._triple_tables(self._residual(k), columns))

    def _found(self, order: int, tables: Callable[[int], Iterator[Tables]]) -> dict[Columns, float]:
        """Interactions with signal in the output where they have most."""
        freedoms = np.unique(reduce(np.multiply.outer, [np.unique(self.ranks)] * order))
        found: dict[Columns, float] = {}
        for k in self._outputs():
            tally = Tally(freedoms, order)
            for columns, ratios in tables(k):
                tally.add(columns, self.ranks[columns].prod(axis=1), ratios)
            for term, share in tally.shares():
                if share > LEAST_SIGNAL:
                    found[term] = max(share, found.get(term, 0.0))
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MAX_TERMS])

    def _outputs(self) -> list[int]:
        """Outputs to search: those that vary, and not the second of two mirrored classes."""
        first, *others = self.rows.residual
        if len(others) == 1 and np.allclose(first, -others[0], atol=1e-9):
            others = []
        return [
            k for k, residual in enumerate([first, *others]) if residual[:, self.rows.random].any()
        ]

    def _residual(self, k: int) -> Floats:
        return self.rows.residual[k][:, self.rows.random].ravel()

    def _pair_tables(self, residual: Floats, fitted: dict[Columns, float]) -> Iterator[Tables]:
        """Variance over that of noise of the table of every pair, by blocks of columns."""
        d, most = len(self.bases), max(len(basis) for basis in self.bases) + 1
        fit = self.working_memory // (8 * most * min(self.n_rows, _ROWS))  # columns
        side = int(np.sqrt(self.working_memory / 80)) // most  # of a product of two blocks
        wide, narrow = min(fit // 2, side), min(fit // 4, side)
        if self.n_rows > _ROWS:  # the sums with all other columns wait for more rows
            wide = min(wide, self.working_memory // (32 * most**2 * d))
        known = np.array(list(fitted), dtype=np.intp).reshape(-1, 2)
        for left in _blocks(range(d), wide):
            for right, sums, noise in self._pair_sums(residual, left, narrow):
                totals = np.add.reduceat(np.square(sums), self._starts(left), 0)
                ratios = np.add.reduceat(totals, self._starts(right), 1) * inverse(noise)
                first = np.array([left.start, right.start])
                inside = ((known >= first) & (known < [left.stop, right.stop])).all(axis=1)
                for pair in known[inside]:
                    ratios[tuple(pair - first)] = fitted[tuple(pair.tolist())]
                at = np.argwhere(np.less.outer(left, right))
                yield at + first, ratios[tuple(at.T)]

    def _pair_sums(
        self, residual: Floats, left: range, narrow: int
    ) -> Iterator[tuple[range, Floats, Floats]]:
        """Residual times contrasts of two columns, summed over rows, and the variance of noise."""
        square = np.square(residual)
        waiting: dict[range, tuple[Floats, Floats]] = {}
        for rows in gen_batches(self.n_rows, _ROWS):
            contrasts = self._weighted(self.bases, left, rows, residual)
            norms = self._weighted(self.norms, left, rows, square)
            for right in _blocks(range(left.start, len(self.bases)), narrow):
                sums = contrasts @ self._at_rows(self.bases, right, rows).T
                noise = norms @ self._at_rows(self.norms, right, rows).T
                for total, before in zip((sums, noise), waiting.pop(right, ()), strict=False):
                    total += before
                if rows.stop < self.n_rows:
                    waiting[right] = sums, noise
                else:
                    yield right, sums, noise

    def _triple_tables(self, residual: Floats, columns: Sequence[int]) -> Iterator[Tables]:
        """The same for every triple, by its first column."""
        square = np.square(residual)
        for i, j in enumerate(columns[:-2], start=1):
            after, starts = columns[i:], self._starts(columns[i:])
            sums, noise = np.zeros(()), np.zeros(())
            for rows in gen_batches(self.n_rows, _ROWS):
                contrasts = self._at_rows(self.bases, after, rows).astype(np.float32)
                own = (self._at_rows(self.bases, [j], rows) * residual[rows]).astype(np.float32)
                sums = sums + np.array([(contrasts * contrast) @ contrasts.T for contrast in own])
                norms = self._at_rows(self.norms, after, rows)
                own_norm = self._at_rows(self.norms, [j], rows) * square[rows]
                noise = noise + (norms * own_norm) @ norms.T
            totals = np.square(sums).sum(axis=0)
            totals = np.add.reduceat(np.add.reduceat(totals, starts, 0), starts, 1)
            second, third = np.triu_indices(len(after), 1)
            at = np.stack([np.full(len(second), i - 1), i + second, i + third], axis=1)
            yield np.asarray(columns)[at], totals[second, third] * inverse(noise[second, third])

    def _at_rows(self, tables: Sequence[Floats], columns: Sequence[int], rows: slice) -> Floats:
        """Values of the columns' tables, (n, bins) each, at the bins of the rows."""
        ends = np.cumsum([len(tables[j]) for j in columns])
        values = np.empty((ends[-1], rows.stop - rows.start))
        for j, end in zip(columns, ends, strict=True):
            bins = self.codes[j].ravel()[rows]
            np.take(tables[j], bins, axis=1, out=values[end - len(tables[j]) : end], mode="clip")
        return values

    def _weighted(
        self, tables: Sequence[Floats], columns: Sequence[int], rows: slice, weight: Floats
    ) -> Floats:
        """The same times a weight of each row, for exact sums."""
        values = self._at_rows(tables, columns, rows)
        values *= weight[rows]
        largest = np.concatenate([np.abs(tables[j]).max(axis=1) for j in columns])
        return _exact(values, largest * np.abs(weight).max(), self.n_rows)

    def _exact_table(self, table: Floats) -> Floats:
        return _exact(table, np.abs(table).max(axis=1), self.n_rows)

    def _starts(self, columns: Sequence[int]) -> Ints:
        """Place of the first contrast of each of these columns."""
        sizes = np.array([len(self.bases[j]) for j in columns])
        return np.cumsum(sizes) - sizes


def _blocks(columns: range, size: int) -> list[range]:
    """Columns in blocks of that size, of one column at least."""
    return [columns[block] for block in gen_batches(len(columns), max(1, size))]


def _exact(factors: Floats, largest: Floats, n_terms: int) -> Floats:
    """Round factors in place, each row to its own unit, so that sums of products are exact.

    The sums of `n_terms` products are then the same in any order, and so in any block and on any
    number of threads. `largest` is the size that no factor of a row exceeds.
    """
    bits = (53 - (n_terms - 1).bit_length()) // 2
    unit = np.exp2(bits - np.frexp(largest)[1].astype(np.float64))[:, None]
    factors *= unit
    np.rint(factors, out=factors)
    factors /= unit
    return factors


def _contrasts(margin: Floats) -> Floats:
    """Functions of a bin of mean 0, variance 1 and no correlation; a zero if there is one bin.

    The reflection that swaps an axis with the roots of the frequencies turns the other axes into
    vectors orthogonal to these roots.
    """
    seen = np.flatnonzero(margin)
    basis = np.zeros((max(1, len(seen) - 1), len(margin)))
    if len(seen) > 1:
        root = np.sqrt(margin[seen])
        normal = root + np.eye(len(seen))[0]
        reflection = np.eye(len(seen)) - np.outer(normal, normal) / normal[0]
        basis[:, seen] = reflection[1:] / root
    return basis
