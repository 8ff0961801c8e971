"""Which of many tables of interactions have signal, and how much of their variance it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .terms import Columns, Floats, Ints

MAX_TERMS = 1000  # interactions kept of each order, the strongest
NULL_TERMS = 10  # tables without effect that the prior of effects counts on top of those seen

# Variance of a table over that of its noise, in steps so small that rounding to them is nothing.
_STEPS = 32  # in a factor of e
_PARTS = 2**16  # of the noise of a degree of freedom, in a sum without order
RATIOS = np.exp(np.arange(-14 * _STEPS, 14 * _STEPS + 1) / _STEPS)


class Tally:
    """Tables by kind, and the strongest ones of each number of degrees of freedom.

    Millions of tables are of a few thousand kinds: degrees of freedom and rounded logarithm of the
    ratio. Of as many degrees of freedom, a stronger table has the larger share of signal.
    """

    def __init__(self, freedoms: Ints, order: int) -> None:
        self._freedoms = freedoms
        self._counts = np.zeros((len(freedoms), len(RATIOS)))
        self._weakest = np.zeros(len(freedoms))  # ratios below this one are not kept
        self._rows, self._columns = np.empty(0, np.intp), np.empty((0, order), np.intp)
        self._ratios = np.empty(0)
        self._excess = 0

    def add(self, columns: Ints, freedom: Ints, ratios: NDArray[np.floating[Any]]) -> None:
        """Count tables of these columns, (n, order), and keep them if they are strong."""
        # Whole numbers, whose sum has no order.
        self._excess += int(np.rint((ratios - 1) * freedom * _PARTS).astype(np.int64).sum())
        rows = np.searchsorted(self._freedoms, freedom)
        kinds = np.ravel_multi_index((rows, _kinds(ratios)), self._counts.shape)
        self._counts += np.bincount(kinds, minlength=self._counts.size).reshape(self._counts.shape)
        new = ratios >= self._weakest[rows]
        rows = np.concatenate([self._rows, rows[new]])
        columns = np.concatenate([self._columns, columns[new]])
        values = np.concatenate([self._ratios, ratios[new]])
        # the same order, whatever the blocks in which tables come
        order = np.lexsort((*columns.T[::-1], -values, rows))
        place = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
        last = order[place == MAX_TERMS - 1]
        self._weakest[rows[last]] = values[last]
        kept = order[place < MAX_TERMS]
        self._rows, self._columns, self._ratios = rows[kept], columns[kept], values[kept]

    def excess(self) -> float:
        """Sum of the tables' squares above what noise gives them, in units of noise."""
        return self._excess / _PARTS

    def shares(self, least: float) -> Iterator[tuple[Columns, float]]:
        """Columns and expected share of signal, above the least, of the strongest tables."""
        shares = signal_shares(self._counts, self._freedoms)[self._rows, _kinds(self._ratios)]
        kept = shares > least
        return zip(map(tuple, self._columns[kept].tolist()), shares[kept].tolist(), strict=True)


def _kinds(ratios: NDArray[np.floating[Any]]) -> Ints:
    """Place of ratios among `RATIOS`."""
    steps = np.log(np.clip(ratios, RATIOS[0], RATIOS[-1]) / RATIOS[0])
    return np.rint(_STEPS * steps).astype(np.intp)


def signal_shares(counts: Floats, freedoms: Ints) -> Floats:
    """Expected share of signal in the variance of each kind of table: empirical Bayes over all.

    At a signal-to-noise ratio g the variance of a table over that of its noise follows
    ``(1 + g) chi2_f / f``. The prior of g is a mixture over a grid, fitted by
    expectation-maximisation (M. Stephens, "False discovery rates: a new deal", 2017).

    Parameters
    ----------
    counts : ndarray of shape (n_freedoms, n_ratios)
        How many tables there are of each number of degrees of freedom and each of `RATIOS`.
    freedoms : ndarray of shape (n_freedoms,)

    Returns
    -------
    ndarray of shape (n_freedoms, n_ratios)
        0 where there is no table, and without degrees of freedom.
    """
    rows, ratios = present = np.nonzero(counts * np.sign(freedoms)[:, None])
    free, ratio = freedoms[rows, None], RATIOS[ratios, None]
    gains = np.append(0, 2.0 ** np.arange(-3, 14))
    fit = -free / 2 * (ratio / (1 + gains) + np.log1p(gains))
    likelihood = np.exp(fit - fit.max(axis=1, keepdims=True))
    prior, kinds = np.full(len(gains), 1 / len(gains)), counts[present]
    for _ in range(60):
        # What each gain explains of the tables.
        before, prior = prior, prior * ((kinds / (likelihood @ prior)) @ likelihood)
        prior[0] += NULL_TERMS
        prior /= prior.sum()
        if np.abs(prior - before).max() < 1e-3:
            break
    posterior = likelihood * before
    posterior /= posterior.sum(axis=1, keepdims=True)
    shares = np.zeros(counts.shape)
    shares[present] = posterior @ (gains / (1 + gains))
    return shares
