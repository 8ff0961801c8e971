"""What main effects and interactions say about the model: pairs, tables, shares of variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .link import Link
from .terms import Columns, Floats, Ints, inverse, product_mean, square_error_of_mean

LEAST_ACTIVE = 0.01  # variance of a column's main effect over the mean of all, for its interactions


@dataclass(frozen=True)
class Effects:
    """Main effects and interactions of a model on the bins of a table, up to third order.

    d columns, B bins in all, K outputs, R replicates, S interactions that rise above the noise. An
    estimate is the mean over the replicates, which differ from one another by noise alone.

    Parameters
    ----------
    offsets : ndarray of shape (d + 1,)
        Column j owns the flat bins ``offsets[j]:offsets[j + 1]``.
    probabilities : ndarray of shape (B,)
        Training frequency of each flat bin.
    counts : ndarray of shape (B,)
        Rows of the pool in each flat bin.
    unit : float
        What all effects and the roots of all variances are to be multiplied by.
    intercept : ndarray of shape (K,)
        Mean response, in its own unit.
    main : ndarray of shape (R, B, K)
        Main effect of each flat bin; mean 0 over a column's bins.
    groups : ndarray of shape (B,)
        Group of each flat bin inside its column: the tables of pairs are made of groups.
    terms : tuple of S tuples of int
        Columns of each interaction, in order: pairs, then triples.
    tables : tuple of S ndarrays of shape (R, groups of one column, of the next, ..., K)
        Their effects; mean 0 along every side. Shrunk by the share of their variance that is
        noise.
    term_variances : ndarray of shape (S, K)
        Expected variance of each interaction over the pool.
    noise : ndarray of shape (K,)
        Sampling variance of a table, for each of its degrees of freedom.
    variances : ndarray of shape (4, K)
        Variance of main effects, pairs, higher orders, and variation inside bins. Triples are
        higher orders; so are pairs where columns are too many to know those that are weak.
    hidden : ndarray of shape (K,)
        Expected variance of pairs that were not found; 0 where columns are too many to know.
    error : float
        Standard error of the shares of pairs and of variation inside bins in the variance: what
        they have too little, higher orders have too much.
    link : Link or None
        The response as a function of the sum of its effects, where that is not the sum.
    """

    offsets: Ints
    probabilities: Floats
    counts: Ints
    unit: float
    intercept: Floats
    main: Floats
    groups: Ints
    terms: tuple[Columns, ...]
    tables: tuple[Floats, ...]
    term_variances: Floats
    noise: Floats
    variances: Floats
    hidden: Floats
    error: float
    link: Link | None = None

    def by_column(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of the flat bins, one array for each column."""
        return np.split(values, self.offsets[1:-1])


def interaction_strength(effects: Effects) -> tuple[Floats, Floats]:
    """Strength of every pair: the standard deviation of its effect over the pool.

    Parameters
    ----------
    effects : Effects

    Returns
    -------
    strength, sem : ndarrays of shape (d, d, K)
        In units of the response, symmetric; noise is subtracted, and 0 is a pair that does not
        rise above it. `sem` is the standard error.

    Notes
    -----
    A squared strength ``s^2`` with f degrees of freedom and noise v in each has the standard
    error of a noncentral chi-square, ``sqrt(4 v s^2 + 2 f v^2)``.
    """
    groups, margins = effects.by_column(effects.groups), effects.by_column(effects.probabilities)
    ranks = np.array([len(np.unique(g[p > 0])) - 1 for g, p in zip(groups, margins, strict=True)])
    strength = np.zeros((len(ranks), len(ranks), len(effects.noise)))
    # the same at a variance of 0
    sem = np.multiply.outer(np.multiply.outer(ranks, ranks / 8) ** 0.25, np.sqrt(effects.noise))
    for columns, variance in zip(effects.terms, effects.term_variances, strict=True):
        if len(columns) == 2:
            noise = 2 * ranks[columns[0]] * ranks[columns[1]] * effects.noise**2
            error = np.sqrt(4 * effects.noise * variance + noise)
            for pair in (columns, columns[::-1]):
                strength[pair] = np.sqrt(variance)
                sem[pair] = error / 2 * np.sqrt(inverse(np.maximum(variance, error)))
    return strength * effects.unit, sem * effects.unit


def interaction_table(effects: Effects, *columns: int) -> tuple[Floats, Floats]:
    """Effect of a pair or triple of columns for each of their bins.

    Parameters
    ----------
    effects : Effects
    *columns : int
        Two or three columns.

    Returns
    -------
    table, sem : ndarrays of shape (bins of the first, bins of the second, ..., K)
        In units of the response, 0 for an interaction that does not rise above the noise. `sem`
        is the standard error; NaN with a single replicate.
    """
    groups = effects.by_column(effects.groups)
    replicates, _, outputs = effects.main.shape
    tables = np.zeros((replicates, *(len(groups[j]) for j in columns), outputs))
    ordered = tuple(sorted(columns))
    if ordered in effects.terms:
        axes = [1 + ordered.index(j) for j in columns]
        tables = effects.tables[effects.terms.index(ordered)].transpose(0, *axes, -1)
        for axis, j in enumerate(columns, start=1):
            tables = tables.take(groups[j], axis)
    sem = np.sqrt(square_error_of_mean(tables)) if replicates > 1 else np.nan * tables[0]
    return tables.mean(axis=0) * effects.unit, sem * effects.unit


def hidden_variance(effects: Effects) -> tuple[Floats, Floats]:
    """Variance (K,) of pairs that were not found, and the share (d,) that columns have in it.

    A pair of contrasts, one of column j and one of column k, has on average the variance times the
    shares of both. Columns of larger main effects have larger interactions, by about the root of
    their deviations on all models that this was looked at for.
    """
    groups, margins = effects.by_column(effects.groups), effects.by_column(effects.probabilities)
    ranks = np.array([len(np.unique(g[p > 0])) - 1 for g, p in zip(groups, margins, strict=True)])
    cells = effects.probabilities[:, None] * product_mean(effects.main)
    mains = np.maximum(np.add.reduceat(cells, effects.offsets[:-1]), 0)
    activity = (mains * inverse(mains.sum(axis=0))).mean(axis=1)
    share = (activity + LEAST_ACTIVE * activity.mean()) ** 0.25 * (ranks > 0)
    pairs = (share.sum() ** 2 - np.square(share).sum()) / 2
    return effects.hidden * inverse(pairs), share * inverse(ranks)


def variance_split(effects: Effects) -> Floats:
    """Shares of the model's variance over the pool.

    Parameters
    ----------
    effects : Effects

    Returns
    -------
    ndarray of shape (4, K)
        Main effects, pairs, higher orders (triples too), variation inside bins; they sum to 1.
        NaN for an output that does not vary.
    """
    total = effects.variances.sum(axis=0)
    return np.divide(
        effects.variances, total, where=total > 0, out=np.full_like(effects.variances, np.nan)
    )
