"""Main effects and interactions of a model on bins, from its responses to a pool.

The pool's columns are independent, so that the model's functional ANOVA on bins,
``f = f0 + sum_j m_j + sum_jk I_jk + ...``, can be estimated term by term.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from .effects import Effects
from .interactions import Interactions, groups_of_bins
from .linear import Values
from .link import fit_link
from .mains import Additive, Margins, additive, misfit, replicated, take_off
from .terms import (
    Binned,
    Codes,
    Floats,
    Ints,
    Law,
    Rows,
    inverse,
    product_mean,
    square_error_of_mean,
)

LEAST_LEFT = 1e-3  # share of the variance beside a linear model that is worth a search for pairs
TOLD = 0.1  # standard error of the share of all pairs, below which it says something


def fit_effects(
    sobol_codes: Codes,
    sobol_response: Floats,
    random_codes: Codes,
    random_response: Floats,
    offsets: Ints,
    probabilities: Floats,
    *,
    frequencies: Floats | None = None,
    values: Values | None = None,
    twin_response: Floats | None = None,
    shrinkage: bool = True,
    pairs: bool = True,
    working_memory: int = 2**26,
) -> Effects:
    """Estimate main effects and interactions of a model from its responses to a pool.

    Sobol' rows are the better ones for main effects, but their bits alias pairs of columns and
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
    frequencies : ndarray of shape (B,), optional
        How often each bin was drawn; by default as often as it occurs.
    values : Values, optional
        The rows' own values, for a linear model that takes off what varies inside bins.
    twin_response : ndarray of shape (R, t, K), optional
        Response to the first t random rows of each replicate with every value drawn anew
        inside its bin. Twins tell variation inside bins from higher orders: without them it
        counts as higher orders.
    shrinkage : bool, default=True
        False keeps every pair and triple as it was estimated, noise and all: for tables of few
        columns only.
    pairs : bool, default=True
        False estimates main effects only, from all rows.
    working_memory : int, default=64 MiB
        Bound in bytes on the blocks of the search for pairs.

    Returns
    -------
    Effects

    Notes
    -----
    A table is fitted by steps towards its least-squares estimate given all others, shrunk cell by
    cell by the share of its variance that is noise, and each as far only as the residual sum of
    squares falls. As the numbers of rows that an estimate is divided by are the same for all
    replicates, the estimate from all rows is the mean of those from each replicate.

    Main effects are fitted to each half of the rows and come off the other half; what is left
    there corrects them, each replicate for itself. So their errors are independent, and small
    where columns are many: main effects fitted to all rows at once would have errors in common.

    The squared norm of a pair's table is the variance of its effect plus noise,
    ``Var(residual) (B_j - 1) (B_k - 1) / rows``. The share of signal is empirical Bayes over all
    pairs; tables below a tenth are dropped. Then triples, in the same way, among the columns of
    most effect.

    A column takes part in interactions with its bins merged into at most ten groups of similar
    main effect, none of which is rare.
    """
    rows = Rows(sobol_response, random_response)
    drawn = probabilities if frequencies is None else frequencies
    law, designs = (np.split(each, offsets[1:-1]) for each in (probabilities, drawn))
    codes = Binned((sobol_codes, random_codes))
    margins = Margins(offsets, probabilities, drawn)
    within, error = rows.variance_of_twins(twin_response)

    by_sobol = additive(rows, codes, margins, values, rows.sobol)
    by_random = additive(rows, codes, margins, values, rows.random)
    inside = take_off(rows, codes, by_sobol, rows.random)
    inside_sobol = take_off(rows, codes, by_random, rows.sobol)
    random = replicated(rows, codes, by_sobol, rows.random, by_random.counts)
    missed = misfit(by_sobol, random, rows)
    # Variance of the random rows that is not main effects.
    beyond = rows.full((rows.residual[:, rows.random] + inside).T).var(axis=0) - missed

    tables = np.split(by_sobol.tables, offsets[1:-1])  # pairs are looked for in the other half
    groups = [groups_of_bins(*column) for column in zip(designs, tables, strict=True)]
    found = Interactions(rows, codes.grouped(groups), Law(law, designs, groups))
    left = rows.full(rows.residual.T).var(axis=0).sum()
    if pairs and left > LEAST_LEFT * rows.total:
        activity = margins.variances(by_sobol.tables)
        found.fit(activity, (beyond - within).sum(), shrinkage, working_memory)
    if found.terms:
        random = replicated(rows, codes, by_sobol, rows.random, by_random.counts)
    sobol = replicated(rows, codes, by_random, rows.sobol, by_sobol.counts)
    main = _main(margins, (rows.full(sobol), rows.full(random)), (by_sobol, by_random))
    bins = {
        "offsets": offsets,
        "probabilities": probabilities,
        "counts": by_sobol.counts + by_random.counts,
        "groups": np.concatenate(groups),
    }
    effects = _effects(rows, bins, main, found, beyond, within, error)
    sums = _sums(rows, (sobol_response, random_response), (inside_sobol, inside))
    return replace(effects, link=fit_link(sums))


def _sums(
    rows: Rows, responses: tuple[Floats, Floats], inside: tuple[Floats, Floats]
) -> Iterator[tuple[Floats, Floats]]:
    """Sum of the effects on bins at each row, and what it leaves of the response, by output."""
    fitted = rows.scale[:, None] * (rows.residual + np.hstack(inside))
    for k, centre in enumerate(rows.centre):
        left = fitted[k] if k < len(fitted) else -fitted.sum(axis=0)
        response = np.concatenate([each[..., k].ravel() for each in responses])
        yield (response - centre) / rows.unit - left, left


def _main(
    margins: Margins, halves: tuple[Floats, Floats], fits: tuple[Additive, Additive]
) -> Floats:
    """Main effects from both halves of the rows, each by how little noise it has, (R, B, K)."""
    first, second = ((margins.law @ square_error_of_mean(main)).sum() for main in halves)
    noise = first / (first + second) if first + second > 0 else 0.5
    counts = [fit.counts[:, None] for fit in fits]
    # The rows of one half count by how little noise they have beside those of the other.
    weights = [counts[0] * (1 - noise), counts[1] * noise]
    share = weights[0] * inverse(weights[0] + weights[1])
    return margins.tables(share * halves[0] + (1 - share) * halves[1])


def _effects(
    rows: Rows,
    bins: dict[str, Any],
    main: Floats,
    found: Interactions,
    beyond: Floats,
    within: Floats,
    error: float,
) -> Effects:
    """All that was fitted, with variances freed of noise."""
    noise = rows.full(rows.residual.T).var(axis=0) / rows.count(rows.all)
    terms = found.terms
    term_variances = np.zeros((len(terms), len(noise)))
    for t, term in enumerate(terms):
        # expected of the true effect, given its estimate and the share of signal
        term_variances[t] = term.signal**2 * term.estimated + term.signal * term.freedom * noise
    is_pair = [len(term.columns) == 2 for term in terms]
    mains, pairs = bins["probabilities"] @ product_mean(main), term_variances[is_pair].sum(axis=0)
    higher = np.maximum(beyond - pairs - within, 0)
    if found.error < TOLD and higher.any():
        # Pairs too weak to be found one by one are known together.
        unfound = min(max(found.all_pairs - pairs.sum(), 0.0) / higher.sum(), 1.0)
        pairs, higher = pairs + unfound * higher, (1 - unfound) * higher
    variances = np.stack([mains, pairs, higher, within])
    hidden = np.zeros_like(pairs)
    if found.error < TOLD:
        hidden = _at_least_0(pairs - term_variances[is_pair].sum(axis=0), found.error * beyond)
    centre = rows.full(rows.residual[:, rows.sobol].mean(axis=1))
    return Effects(
        unit=rows.unit,
        intercept=rows.centre + rows.unit * centre,
        main=main,
        **bins,
        terms=tuple(term.columns for term in terms),
        tables=tuple(rows.full(term.replicates) for term in terms),
        term_variances=term_variances,
        noise=noise,
        variances=np.maximum(variances, 0),
        hidden=hidden,
        error=float(np.hypot(found.error * beyond.sum(), error) / rows.total)
        if rows.total > 0
        else 0.0,
    )


def _at_least_0(estimates: Floats, errors: Floats) -> Floats:
    """Expected values of what cannot be below 0, from estimates with normal errors."""
    errors = np.maximum(errors, 0)
    z = estimates * inverse(errors)
    return np.asarray(estimates + errors * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / ndtr(z))
