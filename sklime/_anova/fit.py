"""Main effects and interactions of a model on bins, from its responses to a pool.

The pool's columns are independent, so that the model's functional ANOVA on bins,
``f = f0 + sum_j m_j + sum_jk I_jk + ...``, can be estimated term by term.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .search import Search
from .terms import (
    Binned,
    Codes,
    Columns,
    Floats,
    Ints,
    Rows,
    Term,
    merged_margin,
    square_error_of_mean,
)

MAX_GROUPS = 10  # of a column's bins, in the tables of its interactions
MAX_TRIPLE_COLUMNS = 30  # columns among which triples are searched for, the most active
PASSES = 2  # over the main effects; the second takes their noise off one another
SEARCHES = (2, 2, 3)  # orders; the second search for pairs sees what stronger pairs hid
WORKING_MEMORY = 2**26  # bytes


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
    intercept : ndarray of shape (K,)
        Mean response of the pool.
    main : ndarray of shape (R, B, K)
        Main effect of each flat bin, in units of the response; mean 0 over a column's bins.
    groups : ndarray of shape (B,)
        Group of each flat bin inside its column: the tables of pairs are made of groups.
    terms : tuple of S tuples of int
        Columns of each interaction, in order: pairs, then triples.
    tables : tuple of S ndarrays of shape (R, groups of one column, of the next, ..., K)
        Their effects, in units of the response; mean 0 along every side. Multiplied by the share
        of their variance that is signal.
    term_variances : ndarray of shape (S, K)
        Expected variance of each interaction over the pool.
    noise : ndarray of shape (K,)
        Sampling variance of a table, for each of its degrees of freedom.
    variances : ndarray of shape (4, K)
        Variance of main effects, pairs, higher orders, and variation inside bins. Triples are
        higher orders, and so are pairs too weak to be found.
    """

    offsets: Ints
    probabilities: Floats
    intercept: Floats
    main: Floats
    groups: Ints
    terms: tuple[Columns, ...]
    tables: tuple[Floats, ...]
    term_variances: Floats
    noise: Floats
    variances: Floats

    def by_column(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of the flat bins, one array for each column."""
        return np.split(values, self.offsets[1:-1])


def fit_effects(
    sobol_codes: Codes,
    sobol_response: Floats,
    random_codes: Codes,
    random_response: Floats,
    offsets: Ints,
    probabilities: Floats,
    *,
    twin_response: Floats | None = None,
    shrinkage: bool = True,
    working_memory: int = WORKING_MEMORY,
) -> Effects:
    """Estimate main effects and interactions of a model from its responses to a pool.

    Sobol rows are the better ones for main effects, but their bits alias pairs of columns and
    invent interactions: these are searched for in the plain random rows, and only the tables of
    those found are estimated from all rows.

    Parameters
    ----------
    sobol_codes, random_codes : ndarray of shape (R, m, d)
        Bin of each row inside each column; m may differ between the two.
    sobol_response, random_response : ndarray of shape (R, m, K)
        Response of the model to the same rows.
    offsets : ndarray of shape (d + 1,)
        Column j owns the flat bins ``offsets[j]:offsets[j + 1]``.
    probabilities : ndarray of shape (B,)
        Training frequency of each flat bin.
    twin_response : ndarray of shape (R, t, K), optional
        Response to the first t random rows of each replicate with every value drawn anew
        inside its bin. Twins tell variation inside bins from higher orders: without them it
        counts as higher orders.
    shrinkage : bool, default=True
        False keeps every pair and triple as it was estimated, noise and all: for tables of few
        columns only.
    working_memory : int, default=64 MiB
        Bound in bytes on the blocks of the search for pairs.

    Returns
    -------
    Effects

    Notes
    -----
    An estimate of a table is the table so far plus, cell by cell, the residual of the whole fit
    summed over the cell's rows by the number of rows expected there, centred along every side.
    Going round the terms solves their joint least-squares problem, and as the numbers expected
    are known, the estimate from all rows is the mean of those from each replicate. Main effects
    are estimated from the Sobol rows of each replicate, less what the random rows say they are,
    so that their errors stay independent where columns are many.

    The squared norm of a pair's table is the variance of its effect plus noise,
    ``Var(residual) (B_j - 1) (B_k - 1) / rows``. Every table is multiplied by its expected share
    of signal, empirical Bayes over all pairs; those below a tenth are dropped. Pairs are searched
    for twice, as the strong ones hide the weak ones; then triples, in the same way, among the 30
    columns of most effect.

    A column of more than ten bins takes part in interactions with its bins merged into at most
    ten groups, of about equal frequency and similar main effect.
    """
    rows = Rows(sobol_response, random_response)
    within = rows.average_twins(twin_response)
    codes, margins = (sobol_codes, random_codes), np.split(probabilities, offsets[1:-1])
    by_random, by_sobol, beyond = _fit_mains(rows, Binned(codes), margins)
    beyond += rows.share_of_twins * within / 2
    groups = [_groups(term) for term in by_sobol]
    terms = _fit_interactions(rows, by_sobol, codes, groups, shrinkage, working_memory)

    main = np.concatenate([term.estimate(rows, rows.sobol) for term in by_random], axis=1)
    tables = [term.estimate(rows, rows.all) for term in terms]
    noise = rows.variance(rows.all) / rows.count(rows.all)
    term_variances = np.zeros((len(terms), len(noise)))
    for t, (term, table) in enumerate(zip(terms, tables, strict=True)):
        term_variances[t] = term.expected_variance(table.mean(axis=0), noise)

    error = probabilities[:, None] * square_error_of_mean(main)
    main_variance = probabilities @ np.square(main.mean(axis=0)) - error.sum(axis=0)
    pair_variance = term_variances[[len(term.columns) == 2 for term in terms]].sum(axis=0)
    higher = beyond - pair_variance - within
    variances = np.stack([main_variance, pair_variance, higher, within])
    return Effects(
        offsets=offsets,
        probabilities=probabilities,
        intercept=rows.centre,
        main=main * rows.scale,
        groups=np.concatenate(groups),
        terms=tuple(term.columns for term in terms),
        tables=tuple(
            (term.signal * rows.scale * table).reshape(len(table), *term.shape, -1)
            for term, table in zip(terms, tables, strict=True)
        ),
        term_variances=term_variances * rows.scale**2,
        noise=noise * rows.scale**2,
        variances=np.maximum(variances, 0) * rows.scale**2,
    )


def _fit_mains(
    rows: Rows, codes: Binned, margins: Sequence[Floats]
) -> tuple[list[Term], list[Term], Floats]:
    """Main effects that come off each half of the rows, as the other half shows them.

    Main effects fitted to all Sobol rows at once would have errors in common between replicates,
    and explain more of these rows than of others, where columns are many. So the random rows tell
    what to expect, only to make less noise of what is left of the Sobol rows; and these correct
    it, each replicate for itself.

    Returns
    -------
    by_random, by_sobol : lists of d Terms
        Main effects by the random rows, which come off the Sobol rows, and these together with
        what is left of the Sobol rows, which come off the random rows. Both are shrunk.
    beyond : ndarray of shape (K,)
        Variance of the random rows that is not main effects.
    """
    by_random, by_sobol = (
        [Term((j,), codes, margins, len(rows.scale)) for j in range(len(margins))] for _ in range(2)
    )
    response = rows.residual[:, :, rows.random].copy()

    def estimate(term: Term) -> Floats:
        return term.estimate(rows, rows.random).mean(axis=0)

    order = sorted(by_random, key=lambda term: -term.variance(estimate(term)).sum())
    for _ in range(PASSES):
        noise = rows.variance(rows.random) / rows.count(rows.random)
        for term in order:
            term.move(rows, _shrunk(term, estimate(term), noise))
    rows.residual[:, :, rows.random] = response

    error = np.zeros(len(rows.scale))
    for first, term in zip(by_random, by_sobol, strict=True):
        replicates = first.estimate(rows, rows.sobol)
        error += term.probabilities @ square_error_of_mean(replicates)
        term.move(rows, replicates.mean(axis=0), rows.random)
    # The square of an estimate is too large by its error.
    beyond = rows.variance(rows.random) - error
    noise = error / max(1, sum(term.freedom for term in by_sobol))
    for term in by_sobol:
        term.move(rows, _shrunk(term, term.table, noise), rows.random)
    return by_random, by_sobol, beyond


def _shrunk(term: Term, table: Floats, noise: Floats) -> Floats:
    """A table times the share of its variance, over all outputs, that is not noise."""
    total = term.variance(table).sum()
    return table * max(0.0, 1 - term.freedom * noise.sum() / total) if total > 0 else table


def _groups(main: Term) -> Ints:
    """Group of each bin of a column in its pairs: similar main effects, where bins are many."""
    margin = main.probabilities
    if len(margin) <= MAX_GROUPS:
        return np.arange(len(margin))
    spread = np.sqrt(margin)[:, None] * main.table
    direction = np.linalg.svd(spread, full_matrices=False)[2][0]
    order = np.argsort(main.table @ direction, kind="stable")
    middle = np.cumsum(margin[order]) - margin[order] / 2
    groups = np.empty(len(margin), dtype=np.intp)
    groups[order] = np.minimum(middle * MAX_GROUPS, MAX_GROUPS - 1)
    return np.unique(groups, return_inverse=True)[1]


def _fit_interactions(
    rows: Rows,
    mains: Sequence[Term],
    bins: Sequence[Codes],
    groups: Sequence[Ints],
    shrinkage: bool,
    working_memory: int,
) -> list[Term]:
    """Interactions with signal, searched for in the random rows and fitted together on all."""
    codes = Binned(bins, groups)
    margins = [
        merged_margin(term.probabilities, own) for term, own in zip(mains, groups, strict=True)
    ]
    share_random = rows.count(rows.random) / rows.count(rows.all)
    search = Search(rows, Binned(bins[1:], groups), margins, working_memory)
    terms: dict[Columns, Term] = {}
    for order in SEARCHES:
        if not shrinkage:
            signal = dict.fromkeys(itertools.combinations(range(len(mains)), order), 1.0)
        elif order == 2:
            signal = search.pairs(terms)
        else:
            signal = search.triples(_most_active([*mains, *terms.values()], len(mains)))
        for columns in [c for c in terms if len(c) == order and c not in signal]:
            terms.pop(columns).move(rows, np.zeros((1, len(rows.scale))))
        for columns, share in signal.items():
            if columns not in terms:
                terms[columns] = Term(columns, codes, margins, len(rows.scale))
            # signal was measured on the random rows; all rows carry less noise
            terms[columns].signal = share / (share + (1 - share) * share_random)
            estimate = terms[columns].estimate(rows, rows.all).mean(axis=0)
            terms[columns].move(rows, terms[columns].signal * estimate)
    return [terms[columns] for columns in sorted(terms, key=lambda c: (len(c), c))]


def _most_active(terms: Iterable[Term], n_columns: int) -> list[int]:
    """Columns to search for triples: those in terms of most variance."""
    activity = np.zeros(n_columns)
    for term in terms:
        activity[list(term.columns)] += term.variance(term.table).sum()
    return sorted(np.argsort(-activity, kind="stable")[:MAX_TRIPLE_COLUMNS].tolist())
