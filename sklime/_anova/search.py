"""Search for the pairs and triples of columns that interact."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from .tally import MAX_TERMS, Tally
from .terms import Codes, Columns, Floats, Ints, inverse, one_thread

# their columns, (n, order), and ratios of variance for each direction
Tables = tuple[Ints, NDArray[np.floating[Any]]]

# Sums over 4096 rows of products of two factors of 6 bits are integers of 24 bits, which a float32
# holds: they are the same in any order, and so in any block and on any number of threads. At that
# the rounding adds less than a hundredth to the noise. Residuals are cut off at five deviations.
_ROWS = 4096
_BITS = 6
_WIDE_BITS = 20  # of factors in a float64
_CUT = 5.0
_STRIP = 192  # rows of a product of which only one half is read
_MOST_BYTES = 2**26  # of intermediate arrays; larger ones leave the processor's caches

LEAST_SIGNAL = 0.25  # share of a table's variance that must be signal for it to be kept
_EVEN = 0.05  # the spread of noise over rows that makes no difference

DIRECTIONS = 0.95  # share of the outputs' variance in the directions searched
MAX_DIRECTIONS = 3  # of the outputs


class Search:
    """Search for interactions in what the fit leaves unexplained of some rows.

    In orthonormal contrasts of its columns a table's variance is a sum of squares, and the tables
    of many pairs or triples are one matrix product.

    Parameters
    ----------
    codes : ndarray of shape (d, M)
        Group of each row in each column.
    designs : ndarray of shape (d, most groups)
        Frequency of each group among the rows.
    working_memory : int
        Bytes for intermediate arrays.

    Attributes
    ----------
    share : float
        Share of the residual's variance that is in all tables searched last, found or not: what
        their squares are on average above their noise.
    """

    def __init__(self, codes: Codes, designs: Floats, working_memory: int) -> None:
        self.codes, self.working_memory = codes, min(working_memory, _MOST_BYTES)
        self.ranks = np.count_nonzero(designs, axis=1) - 1
        tables = {design.tobytes(): contrasts(design) for design in designs}
        columns = [tables[design.tobytes()] for design in designs]
        self.bases, self.norms = [basis for basis, _ in columns], [norm for _, norm in columns]
        self.share = 0.0
        # With bins of one frequency every row has as much of the noise.
        norms = [norm for _, norm in tables.values() if norm.any()]
        self.even = all(np.ptp(norm[norm > 0]) < _EVEN * norm.max() for norm in norms)

    def error(self) -> float:
        """Standard error of `share` over all pairs: each chi square has twice its freedom."""
        freedom = (self.ranks.sum() ** 2 - np.square(self.ranks).sum()) / 2
        return float(np.sqrt(2 * freedom) / len(self.codes[0]))

    def pairs(self, residual: Floats) -> dict[Columns, float]:
        """Pairs with signal, those of most first, in the residual (K, M)."""
        return self._found(2, residual, range(len(self.codes)))

    def triples(self, residual: Floats, columns: Sequence[int]) -> dict[Columns, float]:
        """Triples of these columns with signal, those of most first."""
        # Threads gain little in products so small, and lose much where the cores are busy.
        with one_thread():
            return self._found(3, residual, columns)

    def _found(self, order: int, residual: Floats, columns: Sequence[int]) -> dict[Columns, float]:
        """Interactions with signal in the direction of the outputs where they have most."""
        freedoms = ranks = np.unique(self.ranks[list(columns)])
        for _ in range(order - 1):
            freedoms = np.unique(np.multiply.outer(freedoms, ranks))
        sizes, directions = _directions(residual)
        tallies = [Tally(freedoms, order) for _ in sizes]
        tables = self._pairs if order == 2 else self._triples
        for at, ratios in tables(directions, columns) if len(sizes) else ():
            freedom = self.ranks[at].prod(axis=1)
            for tally, own in zip(tallies, ratios, strict=True):
                tally.add(at, freedom, own)
        found: dict[Columns, float] = {}
        for tally in tallies:
            for term, share in tally.shares(LEAST_SIGNAL):
                found[term] = max(share, found.get(term, 0.0))
        excesses = [tally.excess() / residual.shape[1] for tally in tallies]
        self.share = float(np.average(excesses, weights=sizes)) if len(sizes) else 0.0
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MAX_TERMS])

    def _pairs(self, directions: Floats, columns: Sequence[int]) -> Iterator[Tables]:
        """Variance over that of noise of the table of every pair, by blocks of columns."""
        widest, n = max(len(basis) for basis in self.bases), len(directions)
        # A column takes the values of its contrasts; a pair its sums, and what is made of them.
        fit = self.working_memory // (16 * widest * min(directions.shape[1], _ROWS))
        most = self.working_memory / (24 * n * widest**2 + 256)
        side = max(1, min(fit, int(np.sqrt(most))))
        blocks = [columns[block] for block in gen_batches(len(columns), side)]
        for i, left in enumerate(blocks):
            for right in blocks[i:]:
                at = np.argwhere(np.less.outer(left, right))
                sums = self._pair_sums(directions, left, right)
                totals = np.add.reduceat(np.square(sums), self._starts(left), 1)
                totals = np.add.reduceat(totals, self._starts(right), 2)[:, *at.T]
                noise = self._pair_noise(directions, left, right)[:, *at.T]
                yield at + np.array([left[0], right[0]]), totals * inverse(noise)

    def _pair_sums(
        self, directions: Floats, left: Sequence[int], right: Sequence[int]
    ) -> NDArray[Any]:
        """Each direction times contrasts of two columns, summed over rows."""
        sums: NDArray[Any] = np.empty(0)
        multiply = _upper if left == right else np.matmul
        single, sizes = directions.astype(np.float32), self._sizes(self.bases, left, directions)
        for rows in gen_batches(directions.shape[1], _ROWS):
            others = self._at_rows(self.bases, right, rows)
            contrasts = others if left == right else self._at_rows(self.bases, left, rows)
            products = [
                multiply(_rounded(contrasts * row[rows], largest, _BITS), others.T)
                for row, largest in zip(single, sizes, strict=True)
            ]
            # wider once there are several batches to add up
            sums = sums.astype(np.float64) + products if rows.start else np.array(products)
        return sums

    def _pair_noise(self, directions: Floats, left: Sequence[int], right: Sequence[int]) -> Floats:
        """Variance of the noise in all sums of two columns."""
        squares, noise = np.square(directions), np.zeros(())
        if self.even:
            ranks = np.multiply.outer(self.ranks[left], self.ranks[right])
            return np.multiply.outer(squares.sum(axis=1), ranks)
        sizes = self._sizes(self.norms, left, squares)
        for rows in gen_batches(directions.shape[1], _ROWS):
            norms = self._at_rows(self.norms, left, rows)
            others = self._at_rows(self.norms, right, rows).T
            noise = noise + [
                _rounded(norms * row[rows], largest, _WIDE_BITS) @ others
                for row, largest in zip(squares, sizes, strict=True)
            ]
        return noise

    def _triples(self, directions: Floats, columns: Sequence[int]) -> Iterator[Tables]:
        """The same for every triple, by its second column."""
        single, squares = directions.astype(np.float32), np.square(directions)
        for i, j in enumerate(columns[1:-1], start=1):
            before, after = columns[:i], columns[i + 1 :]
            sums, noise = np.zeros(()), np.zeros(())
            for rows in gen_batches(directions.shape[1], _ROWS):
                own, others = (self._at_rows(self.bases, each, rows) for each in ([j], after))
                pairs = self._at_rows(self.bases, before, rows)[:, None] * own
                pairs = pairs.reshape(-1, pairs.shape[-1])
                sums = sums + [pairs @ (others * row[rows]).T for row in single]
                own, others = (self._at_rows(self.norms, each, rows) for each in ([j], after))
                norms = self._at_rows(self.norms, before, rows) * own
                noise = noise + [norms @ (others * row[rows]).T for row in squares]
            totals = np.add.reduceat(np.square(sums), len(self.bases[j]) * self._starts(before), 1)
            totals = np.add.reduceat(totals, self._starts(after), 2)
            first, third = np.meshgrid(before, after, indexing="ij")
            at = np.stack([first.ravel(), np.full(first.size, j), third.ravel()], axis=1)
            yield at, (totals * inverse(noise)).reshape(len(single), -1)

    def _at_rows(
        self, tables: Sequence[NDArray[Any]], columns: Sequence[int], rows: slice
    ) -> NDArray[Any]:
        """Values of the columns' tables, (n, bins) each, at the bins of the rows."""
        ends = np.cumsum([len(tables[j]) for j in columns])
        values = np.empty((ends[-1], rows.stop - rows.start), dtype=tables[0].dtype)
        for j, end in zip(columns, ends, strict=True):
            table, out = tables[j], values[end - len(tables[j]) : end]
            np.take(table, self.codes[j][rows], axis=1, out=out, mode="clip")
        return values

    def _sizes(
        self, tables: Sequence[NDArray[Any]], columns: Sequence[int], weights: Floats
    ) -> Floats:
        """Bounds of the columns' tables, times that of each weight of the rows."""
        largest = np.concatenate([np.abs(tables[j]).max(axis=1) for j in columns])
        return np.multiply.outer(np.abs(weights).max(axis=1), largest)[..., None]

    def _starts(self, columns: Sequence[int]) -> Ints:
        """Place of the first contrast of each of these columns."""
        sizes = np.array([len(self.bases[j]) for j in columns])
        return np.cumsum(sizes) - sizes


def _upper(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Matrix product whose entries below the diagonal nobody reads, by strips; some are 0."""
    product = np.zeros((len(first), second.shape[1]), first.dtype)
    for strip in gen_batches(len(first), _STRIP):
        np.matmul(first[strip], second[:, strip.start :], out=product[strip, strip.start :])
    return product


def _directions(residual: Floats) -> tuple[Floats, Floats]:
    """Combinations of outputs that hold nearly all of the variance: sums of squares, and values.

    The values (n, M) are standardised and cut off.
    """
    square = np.array([[(a * b).sum() for b in residual] for a in residual])
    sizes, vectors = np.linalg.eigh(square)
    order = np.argsort(-sizes)
    enough = np.searchsorted(np.cumsum(sizes[order]), DIRECTIONS * sizes.sum()) + 1
    kept = [k for k in order[: min(enough, MAX_DIRECTIONS)] if sizes[k] > 0]
    # not a matrix product, whose last bits depend on the processor's threads
    values = np.array([(vectors[:, k, None] * residual).sum(axis=0) for k in kept])
    if kept:
        values /= np.sqrt(np.square(values).mean(axis=1, keepdims=True))
    return sizes[kept], np.clip(values, -_CUT, _CUT)


def _rounded(factors: NDArray[Any], sizes: NDArray[Any], bits: int) -> NDArray[Any]:
    """Round factors in place, each row to integers of that many bits times a unit of its own.

    Units are powers of two, so that sums of products are exact. No factor of a row is larger than
    the largest of its `sizes`.
    """
    largest = np.maximum(np.abs(sizes).max(axis=1, keepdims=True), 1e-30)
    unit = np.exp2(np.ceil(np.log2(largest / (2**bits - 1)))).astype(factors.dtype)
    factors *= 1 / unit
    np.rint(factors, out=factors)
    factors *= unit
    return factors


def contrasts(margin: Floats) -> tuple[NDArray[np.float32], Floats]:
    """Functions of a bin of mean 0, variance 1 and no correlation; a zero if there is one bin.

    And the sum of their squares, both rounded for exact sums. The reflection that swaps an axis
    with the roots of the frequencies turns the other axes into vectors orthogonal to these roots.
    """
    return _contrasts(margin.tobytes())


@lru_cache(4096)  # most columns of numbers have the same bins
def _contrasts(margin_bytes: bytes) -> tuple[NDArray[np.float32], Floats]:
    margin = np.frombuffer(margin_bytes)
    seen = np.flatnonzero(margin)
    basis = np.zeros((max(1, len(seen) - 1), len(margin)))
    if len(seen) > 1:
        root = np.sqrt(margin[seen])
        normal = root + np.eye(len(seen))[0]
        reflection = np.eye(len(seen)) - np.outer(normal, normal) / normal[0]
        basis[:, seen] = reflection[1:] / root
    norm = np.square(basis).sum(axis=0)[None]
    return _rounded(basis.astype(np.float32), basis, _BITS), _rounded(norm.copy(), norm, _WIDE_BITS)
