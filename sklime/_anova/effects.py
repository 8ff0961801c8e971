"""What main effects and interactions say about the model: pairs, tables, shares of variance."""

from __future__ import annotations

import numpy as np

from .fit import Effects
from .terms import Floats, inverse, square_error_of_mean


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
    return strength, sem


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
    return tables.mean(axis=0), sem


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
