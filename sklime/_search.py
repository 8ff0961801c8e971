"""Search for the pairs and triples of columns that interact."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ._terms import Codes, Columns, Floats, Ints, Rows, Term, inverse

Singles = NDArray[np.float32]

MAX_TERMS = 1000  # interactions kept of each order, the strongest
LEAST_SIGNAL = 0.1  # share of a table's variance that must be signal for it to be kept
NULL_TERMS = 10  # tables without effect that the prior of effects counts on top of those seen


class Search:
    """Search for interactions in what the fit leaves unexplained of the random rows.

    In orthonormal contrasts of its columns a table's variance is a sum of squares, and the tables
    of many pairs or triples are one matrix product.
    """

    def __init__(
        self, rows: Rows, codes: Sequence[Codes], margins: Sequence[Floats], working_memory: int
    ) -> None:
        self.rows, self.working_memory = rows, working_memory
        self.codes = [column[:, rows.random] for column in codes]
        self.bases = [_contrasts(margin) for margin in margins]
        self.ranks = np.array([np.count_nonzero(margin) - 1 for margin in margins], np.int32)

    def pairs(self, terms: dict[Columns, Term]) -> dict[Columns, float]:
        """Pairs with signal, those of most first. Terms are pairs found before."""
        fitted = {}
        for columns, term in terms.items():
            estimate = term.estimate(self.rows, self.rows.random).mean(axis=0)
            fitted[columns] = term.variance(estimate) / term.freedom
        noise = self.rows.variance(self.rows.random) / self.rows.count(self.rows.random)

        def ratios(k: int) -> list[Singles]:
            ratios = self._pair_ratios(self._residual(k))
            for (i, j), variance in fitted.items():
                ratios[i][j - i - 1] = variance[k] * inverse(noise)[k]
            return ratios

        d = len(self.codes)
        families = [
            np.stack([np.full(d - 1 - i, i), np.arange(i + 1, d)], axis=1).astype(np.uint16)
            for i in range(d - 1)
        ]
        return self._found(families, ratios)

    def triples(self, columns: Sequence[int]) -> dict[Columns, float]:
        """Triples of these columns with signal, those of most first."""
        families = [
            np.array([(j, *pair) for pair in itertools.combinations(columns[i:], 2)], np.uint16)
            for i, j in enumerate(columns[:-2], start=1)
        ]
        # Threads gain little in products so small, and lose much where the cores are busy.
        with threadpool_limits(1, user_api="blas"):
            return self._found(families, lambda k: self._triple_ratios(self._residual(k), columns))

    def _found(
        self, families: Sequence[NDArray[np.uint16]], ratios: Callable[[int], list[Singles]]
    ) -> dict[Columns, float]:
        """Interactions with signal in the output where they have most.

        A family holds the columns of those interactions whose first column is the same.
        """
        freedom = [self.ranks[family].prod(axis=1, dtype=np.int32) for family in families]
        found: dict[Columns, float] = {}
        for k in self._outputs():
            for family, shares in zip(families, _signal_shares(ratios(k), freedom), strict=True):
                for i in np.flatnonzero(shares > LEAST_SIGNAL):
                    columns = tuple(family[i].tolist())
                    found[columns] = max(float(shares[i]), found.get(columns, 0.0))
        return dict(sorted(found.items(), key=lambda item: -item[1])[:MAX_TERMS])

    def _outputs(self) -> list[int]:
        """Outputs to search: those that vary, and not the second of two mirrored classes."""
        first, *others = self.rows.residual
        if len(others) == 1 and np.allclose(first, -others[0], atol=1e-9):
            others = []
        return [
            k for k, residual in enumerate([first, *others]) if residual[:, self.rows.random].any()
        ]

    def _residual(self, k: int) -> Singles:
        return self.rows.residual[k][:, self.rows.random].ravel().astype(np.float32)

    def _pair_ratios(self, residual: Singles) -> list[Singles]:
        """Variance over that of noise of each column's tables with the columns after it."""
        d = len(self.codes)
        ratios = np.zeros((d, d), dtype=np.float32)
        most = max(len(basis) for basis in self.bases)
        width = max(1, self.working_memory // (64 * residual.size * (most + 1)))
        blocks = [range(start, min(start + width, d)) for start in range(0, d, width)]
        for a, left in enumerate(blocks):
            contrasts, starts, norms = self._encode(left)
            weighted = _exact(contrasts * residual)
            weighted_norms = _exact(norms * np.square(residual))
            for right in blocks[a:]:
                others, other_starts, other_norms = self._encode(right)
                totals = np.square(weighted @ _exact(others).T)
                totals = np.add.reduceat(np.add.reduceat(totals, starts, 0), other_starts, 1)
                block = slice(left.start, left.stop), slice(right.start, right.stop)
                ratios[block] = totals * inverse(weighted_norms @ _exact(other_norms).T)
        return [ratios[i, i + 1 :] for i in range(d - 1)]

    def _triple_ratios(self, residual: Singles, columns: Sequence[int]) -> list[Singles]:
        """The same of each of the columns with the pairs of columns after it."""
        contrasts, starts, norms = self._encode(columns)
        ends = np.append(starts, len(contrasts))
        ratios = []
        for i in range(len(columns) - 2):
            own = contrasts[ends[i] : ends[i + 1]] * residual
            others, first = contrasts[ends[i + 1] :], starts[i + 1 :] - ends[i + 1]
            totals = np.square([(others * contrast) @ others.T for contrast in own]).sum(axis=0)
            totals = np.add.reduceat(np.add.reduceat(totals, first, 0), first, 1)
            noise = (norms[i + 1 :] * (norms[i] * np.square(residual))) @ norms[i + 1 :].T
            after = np.triu_indices(len(first), 1)
            ratios.append(totals[after] * inverse(noise[after]))
        return ratios

    def _encode(self, columns: Sequence[int]) -> tuple[Singles, Ints, Singles]:
        """Contrasts of the columns' bins by row, the first of each, and their squared norms."""
        bases = [self.bases[j] for j in columns]
        ends = np.cumsum([len(basis) for basis in bases])
        contrasts = np.empty((ends[-1], self.codes[0].size), dtype=np.float32)
        norms = np.empty((len(bases), self.codes[0].size), dtype=np.float32)
        for i, (j, basis) in enumerate(zip(columns, bases, strict=True)):
            rows = self.codes[j].ravel()
            contrasts[ends[i] - len(basis) : ends[i]] = basis[:, rows]
            norms[i] = np.square(basis).sum(axis=0)[rows]
        return contrasts, ends - [len(basis) for basis in bases], norms


def _exact(factors: Singles) -> Floats:
    """Factors rounded, each row to its own unit, so that sums of products have no rounding.

    The sums are then the same in any order, and so in any block and on any number of threads.
    """
    bits = (53 - (factors.shape[1] - 1).bit_length()) // 2
    largest = np.abs(factors).max(axis=1, keepdims=True)
    unit = np.exp2(bits - np.frexp(largest)[1].astype(np.float64))
    rounded: Floats = np.rint(factors * unit)
    rounded /= unit
    return rounded


def _contrasts(margin: Floats) -> Singles:
    """Functions of a bin of mean 0, variance 1 and no correlation; a zero if there is one bin.

    The reflection that swaps an axis with the roots of the frequencies turns the other axes into
    vectors orthogonal to these roots.
    """
    seen = np.flatnonzero(margin)
    basis = np.zeros((max(1, len(seen) - 1), len(margin)), dtype=np.float32)
    if len(seen) > 1:
        root = np.sqrt(margin[seen])
        normal = root + np.eye(len(seen))[0]
        reflection = np.eye(len(seen)) - np.outer(normal, normal) / normal[0]
        basis[:, seen] = reflection[1:] / root
    return basis


def _signal_shares(ratios: list[Singles], freedom: Sequence[NDArray[np.int32]]) -> list[Singles]:
    """Expected share of signal in the variance of each table: empirical Bayes over all tables.

    At a signal-to-noise ratio g the variance of a table over that of its noise follows
    ``(1 + g) chi2_f / f``. The prior of g is a mixture over a grid, fitted by
    expectation-maximisation (M. Stephens, "False discovery rates: a new deal", 2017). Millions of
    tables are of a few thousand kinds: degrees of freedom and rounded logarithm of the ratio. The
    shares take the place of the ratios.
    """
    per_unit, per_freedom = 128, 4096

    def kinds(ratio: Singles, free: NDArray[np.int32]) -> Ints:
        rounded = np.rint(np.log(np.clip(ratio, 1e-6, 1e6)) * per_unit).astype(np.intp)
        return free * per_freedom + per_freedom // 2 + rounded

    largest = max((int(free.max()) for free in freedom), default=0)
    counts = np.zeros(per_freedom * (largest + 1))
    for ratio, free in zip(ratios, freedom, strict=True):
        np.add.at(counts, kinds(ratio, free), 1)
    counts[:per_freedom] = 0
    present = np.flatnonzero(counts)
    free, kind = (part[:, None] for part in np.divmod(present, per_freedom))
    ratio = np.exp((kind - per_freedom // 2) / per_unit)
    gains = np.append(0, 2.0 ** np.arange(-3, 14))
    fit = -free / 2 * (ratio / (1 + gains) + np.log1p(gains))
    likelihood = np.exp(fit - fit.max(axis=1, keepdims=True))
    prior = np.full(len(gains), 1 / len(gains))
    posterior = likelihood
    for _ in range(60):
        posterior = likelihood * prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        prior = counts[present] @ posterior
        prior[0] += NULL_TERMS
        prior /= prior.sum()
    shares = np.zeros(len(counts), dtype=np.float32)
    shares[present] = posterior @ (gains / (1 + gains))
    for ratio, free in zip(ratios, freedom, strict=True):
        ratio[:] = shares[kinds(ratio, free)]
    return ratios
