"""Search for the pairs and triples of columns that interact."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from .tally import MAX_TERMS, Tally
from .terms import Codes, Columns, Floats, Ints, inverse, one_thread

Tables = tuple[Ints, NDArray[np.floating[Any]]]  # their columns, (n, order), and ratios of variance

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
    codes : sequence of d ndarrays of shape (M,)
        Group of each row in each column.
    designs : sequence of d ndarrays
        Frequency of each group among the rows.
    working_memory : int
        Bytes for intermediate arrays.

    Attributes
    ----------
    share : float
        Share of the residual's variance that is in all tables searched last, found or not: what
        their squares are on average above their noise.
    """

    def __init__(
        self, codes: Sequence[Codes], designs: Sequence[Floats], working_memory: int
    ) -> None:
        self.codes, self.working_memory = codes, min(working_memory, _MOST_BYTES)
        self.ranks = np.array([np.count_nonzero(design) - 1 for design in designs])
        # Most columns of numbers have the same bins.
        distinct = {design.tobytes(): design for design in designs}
        tables = {key: contrasts(design) for key, design in distinct.items()}
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
        freedoms = np.unique(self.ranks[list(columns)])
        for _ in range(order - 1):
            freedoms = np.unique(np.multiply.outer(freedoms, np.unique(self.ranks[list(columns)])))
        found: dict[Columns, float] = {}
        shares = []
        for size, direction in _directions(residual):
            tally = Tally(freedoms, order)
            tables = self._pairs if order == 2 else self._triples
            for at, ratios in tables(direction, columns):
                tally.add(at, self.ranks[at].prod(axis=1), ratios)
            shares.append((size, tally.excess() / len(direction)))
            for term, share in tally.shares(LEAST_SIGNAL):
                found[term] = max(share, found.get(term, 0.0))
        sizes, excesses = np.array(shares or [(1.0, 0.0)]).T
        self.share = float(np.average(excesses, weights=sizes))
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MAX_TERMS])

    def _pairs(self, residual: Floats, columns: Sequence[int]) -> Iterator[Tables]:
        """Variance over that of noise of the table of every pair, by blocks of columns."""
        widest = max(len(basis) for basis in self.bases)
        # A column takes the values of its contrasts; a pair its sums, and what is made of them.
        fit = self.working_memory // (16 * widest * min(len(residual), _ROWS))
        side = max(1, min(fit, int(np.sqrt(self.working_memory / (24 * widest**2 + 256)))))
        blocks = [columns[block] for block in gen_batches(len(columns), side)]
        for i, left in enumerate(blocks):
            for right in blocks[i:]:
                sums, noise = self._pair_sums(residual, left, right)
                totals = np.add.reduceat(np.square(sums), self._starts(left), 0)
                ratios = np.add.reduceat(totals, self._starts(right), 1) * inverse(noise)
                at = np.argwhere(np.less.outer(left, right))
                yield at + np.array([left[0], right[0]]), ratios[tuple(at.T)]

    def _pair_sums(
        self, residual: Floats, left: Sequence[int], right: Sequence[int]
    ) -> tuple[Floats, Floats]:
        """Residual times contrasts of two columns, summed over rows, and the variance of noise."""
        sums: NDArray[Any] = np.zeros((), np.float32)
        noise = np.zeros(())
        square = np.square(residual)
        for rows in gen_batches(len(residual), _ROWS):
            contrasts = self._weighted(self.bases, left, rows, residual, _BITS)
            others = self._at_rows(self.bases, right, rows)
            # wider once there are several batches to add up
            sums = sums.astype(np.float64 if rows.start else np.float32, copy=False)
            sums = sums + (_upper if left == right else np.matmul)(contrasts, others.T)
            if not self.even:
                norms = self._weighted(self.norms, left, rows, square, _WIDE_BITS)
                noise = noise + norms @ self._at_rows(self.norms, right, rows).T
        if self.even:
            noise = square.sum() * np.multiply.outer(self.ranks[left], self.ranks[right])
        return sums, noise

    def _triples(self, residual: Floats, columns: Sequence[int]) -> Iterator[Tables]:
        """The same for every triple, by its first column."""
        square = np.square(residual)
        for i, j in enumerate(columns[:-2], start=1):
            after = columns[i:]
            starts, sums, noise = self._starts(after), np.zeros(()), np.zeros(())
            for rows in gen_batches(len(residual), _ROWS):
                contrasts = self._at_rows(self.bases, after, rows)
                own = self._at_rows(self.bases, [j], rows) * residual[rows].astype(np.float32)
                sums = sums + np.array([(contrasts * contrast) @ contrasts.T for contrast in own])
                norms = self._at_rows(self.norms, after, rows)
                own_norm = self._at_rows(self.norms, [j], rows) * square[rows]
                noise = noise + (norms * own_norm) @ norms.T
            totals = np.square(sums).sum(axis=0)
            totals = np.add.reduceat(np.add.reduceat(totals, starts, 0), starts, 1)
            second, third = np.triu_indices(len(after), 1)
            at = np.asarray(columns)[[np.full(len(second), i - 1), i + second, i + third]].T
            yield at, totals[second, third] * inverse(noise[second, third])

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

    def _weighted(
        self,
        tables: Sequence[NDArray[Any]],
        columns: Sequence[int],
        rows: slice,
        weight: Floats,
        bits: int,
    ) -> NDArray[Any]:
        """The same times a weight of each row, rounded for exact sums."""
        values = self._at_rows(tables, columns, rows)
        values *= weight[rows].astype(values.dtype)
        largest = np.abs(weight).max() * np.concatenate([np.abs(tables[j]).max(1) for j in columns])
        return _rounded(values, largest[:, None], bits)

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


def _directions(residual: Floats) -> list[tuple[float, Floats]]:
    """Combinations of outputs that hold nearly all of the variance, standardised and cut off.

    With the sum of squares of each.
    """
    square = np.array([[(a * b).sum() for b in residual] for a in residual])
    sizes, vectors = np.linalg.eigh(square)
    order = np.argsort(-sizes)
    enough = np.searchsorted(np.cumsum(sizes[order]), DIRECTIONS * sizes.sum()) + 1
    directions = []
    for k in order[: min(enough, MAX_DIRECTIONS)]:
        if sizes[k] > 0:
            direction = sum(part * row for part, row in zip(vectors[:, k], residual, strict=True))
            deviation = np.sqrt(np.square(direction).mean())
            directions.append((float(sizes[k]), np.clip(direction / deviation, -_CUT, _CUT)))
    return directions


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
    seen = np.flatnonzero(margin)
    basis = np.zeros((max(1, len(seen) - 1), len(margin)))
    if len(seen) > 1:
        root = np.sqrt(margin[seen])
        normal = root + np.eye(len(seen))[0]
        reflection = np.eye(len(seen)) - np.outer(normal, normal) / normal[0]
        basis[:, seen] = reflection[1:] / root
    norm = np.square(basis).sum(axis=0)[None]
    return _rounded(basis.astype(np.float32), basis, _BITS), _rounded(norm.copy(), norm, _WIDE_BITS)
