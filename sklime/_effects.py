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

from ._search import Search
from ._terms import (
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
    are known, the estimate from all rows is the mean of those from each replicate.

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
    codes = _by_column(sobol_codes, random_codes)
    mains = _fit_mains(rows, codes, np.split(probabilities, offsets[1:-1]))
    beyond_mains = rows.variance(rows.random) + rows.share_of_twins * within / 2
    groups = [_groups(term) for term in mains]
    terms = _fit_interactions(rows, mains, groups, shrinkage, working_memory)

    main = np.concatenate([term.estimate(rows, rows.sobol) for term in mains], axis=1)
    tables = [term.estimate(rows, rows.all) for term in terms]
    noise = rows.variance(rows.all) / rows.count(rows.all)
    term_variances = np.zeros((len(terms), len(noise)))
    for t, (term, table) in enumerate(zip(terms, tables, strict=True)):
        term_variances[t] = term.expected_variance(table.mean(axis=0), noise)

    error = probabilities[:, None] * square_error_of_mean(main)
    main_variance = probabilities @ np.square(main.mean(axis=0)) - error.sum(axis=0)
    pair_variance = term_variances[[len(term.columns) == 2 for term in terms]].sum(axis=0)
    error_of_fit = np.repeat([term.signal for term in mains], np.diff(offsets)) @ error
    higher = beyond_mains - error_of_fit - pair_variance - within
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


def _by_column(sobol: Codes, random: Codes) -> list[Codes]:
    """Bins of all rows for each column, (R, m), in the smallest type that holds them."""
    replicates, first, d = sobol.shape
    codes = np.empty(
        (d, replicates, first + random.shape[1]),
        dtype=np.min_scalar_type(max(sobol.max(), random.max())),
    )
    codes[:, :, :first] = np.moveaxis(sobol, -1, 0)
    codes[:, :, first:] = np.moveaxis(random, -1, 0)
    return list(codes)


def _fit_mains(rows: Rows, codes: Sequence[Codes], margins: Sequence[Floats]) -> list[Term]:
    """Main effects from the Sobol rows less the noise in them, to take their variance away."""
    terms = [Term((j,), codes, margins, len(rows.scale)) for j in range(len(margins))]
    noise = rows.variance(rows.sobol).sum() / rows.count(rows.sobol)
    for term in sorted(terms, key=lambda term: -_total(term, rows)):
        total = _total(term, rows)
        term.signal = max(0.0, 1 - noise * term.freedom / total) if total > 0 else 0.0
        term.fit(rows, rows.sobol)
    return terms


def _total(term: Term, rows: Rows) -> float:
    """Variance of a term's estimate from the Sobol rows, over all outputs."""
    return float(term.variance(term.estimate(rows, rows.sobol).mean(axis=0)).sum())


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
    groups: Sequence[Ints],
    shrinkage: bool,
    working_memory: int,
) -> list[Term]:
    """Interactions with signal, searched for in the random rows and fitted together on all."""
    codes = [
        own.astype(np.uint8)[term.cells] if len(own) > MAX_GROUPS else term.cells
        for term, own in zip(mains, groups, strict=True)
    ]
    margins = [
        merged_margin(term.probabilities, own) for term, own in zip(mains, groups, strict=True)
    ]
    share_random = rows.count(rows.random) / rows.count(rows.all)
    search = Search(rows, codes, margins, working_memory)
    terms: dict[Columns, Term] = {}
    for order in SEARCHES:
        if not shrinkage:
            signal = dict.fromkeys(itertools.combinations(range(len(codes)), order), 1.0)
        elif order == 2:
            signal = search.pairs(terms)
        else:
            signal = search.triples(_most_active([*mains, *terms.values()], len(codes)))
        for columns in [c for c in terms if len(c) == order and c not in signal]:
            terms.pop(columns).move(rows, np.zeros((1, len(rows.scale))))
        for columns, share in signal.items():
            if columns not in terms:
                terms[columns] = Term(columns, codes, margins, len(rows.scale))
            # signal was measured on the random rows; all rows carry less noise
            terms[columns].signal = share / (share + (1 - share) * share_random)
            terms[columns].fit(rows, rows.all)
    return [terms[columns] for columns in sorted(terms, key=lambda c: (len(c), c))]


def _most_active(terms: Iterable[Term], n_columns: int) -> list[int]:
    """Columns to search for triples: those in terms of most variance."""
    activity = np.zeros(n_columns)
    for term in terms:
        activity[list(term.columns)] += term.variance(term.table).sum()
    return sorted(np.argsort(-activity, kind="stable")[:MAX_TRIPLE_COLUMNS].tolist())
