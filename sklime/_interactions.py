"""Main effects and interactions of a model on bins, and LIME weights at any kernel width.

The pool's columns are independent, so the model's functional ANOVA on bins,
``f = f0 + sum_j m_j + sum_jk I_jk + ...``, is estimated once by :func:`fit_effects`, and every
row's weights follow from it in closed form: :func:`kernel_weights`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.intp]
Codes = NDArray[np.unsignedinteger]
Columns = tuple[int, ...]

MAX_GROUPS = 10  # of a column's bins, in the tables of its interactions
MAX_TERMS = 1000  # interactions kept of each order, the strongest
MAX_TRIPLE_COLUMNS = 30  # columns among which triples are searched for, the most active
LEAST_SIGNAL = 0.1  # share of a table's variance that must be signal for it to be kept
SEARCHES = (2, 2, 3)  # orders; the second search for pairs sees what stronger pairs hid
NULL_TERMS = 10  # tables without effect that the prior of effects counts on top of those seen
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
    rows = _Rows(sobol_response, random_response)
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

    error = probabilities[:, None] * _square_error_of_mean(main)
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


def kernel_weights(effects: Effects, codes: Codes, kernel_width: float) -> Floats:
    """LIME weights of rows at any kernel width, for each replicate.

    Parameters
    ----------
    effects : Effects
    codes : ndarray of shape (n, d)
        Bin of each row inside each column. A level unseen in training has the number of bins.
    kernel_width : float

    Returns
    -------
    ndarray of shape (R, n, d, K)
        In units of the response. A row's weights depend on no other row, to the last bit.

    Notes
    -----
    Under the kernel a column whose own bin b has frequency p stays there with probability
    ``q = p / (p + (1 - p) lambda)``, ``lambda = exp(-1 / (2 kernel_width^2))``, and otherwise
    takes another bin by its frequency. Put differently: with probability ``r = (q - p) / (1 - p)``
    it is held in its bin, else it is drawn by the training frequencies. A centred term with one
    column drawn has mean 0, so what is left of it is the term at the row's own bins times r for
    each of its columns. LIME's weight is ``E[f | z_j = 1] - E[f | z_j = 0]`` [1]_. Given
    ``z_j = 1`` column j is held; given ``z_j = 0`` it is drawn from the other bins, over which
    the term's sum is ``-p_j`` times its value at the own bin. The difference is::

        beta_j = [m_j(b_j) + sum_k r_k I_jk(b_j, b_k) + ...] / (1 - p_j)

    r is 0 for a wide kernel, which sees main effects only, and 1 for a narrow one. Holding each
    column with probability r is also how the multilinear extension of a game picks coalitions
    [2]_: ``(1 - p_j) beta_j`` at ``r = 1/2`` is the Banzhaf value of the column, and for a model
    without third order its Shapley value, too: quartiles are at
    ``r = 1/2`` for a kernel width of 0.557.

    References
    ----------
    .. [1] D. Garreau and U. von Luxburg, "Looking deeper into tabular LIME", 2020.
    .. [2] G. Owen, "Multilinear extensions of games", Management Science 18, 1972.
    """
    kernel = _Kernel(effects, kernel_width)
    main = np.insert(effects.main, effects.offsets[1:], 0, axis=1)
    weights = np.empty((len(main), *codes.shape, main.shape[2]))
    for j in range(codes.shape[1]):
        own = kernel.bins(codes, j)
        weights[:, :, j] = main[:, own] * kernel.gain[own, None]
    for columns, table in zip(effects.terms, effects.tables, strict=True):
        at = [kernel.bins(codes, j) for j in columns]
        index: tuple[Any, ...] = (slice(None), *(kernel.groups[bins] for bins in at))
        effect = table[index]
        for i, j in enumerate(columns):
            held = _product(kernel.hold[bins] for bins in at[:i] + at[i + 1 :])
            weights[:, :, j] += effect * (kernel.gain[at[i]] * held)[:, None]
    return weights


def kernel_moments(effects: Effects, codes: Codes, kernel_width: float) -> tuple[Floats, Floats]:
    """Mean and variance of the response under each row's kernel.

    Parameters
    ----------
    effects : Effects
    codes : ndarray of shape (n, d)
        Bin of each row inside each column.
    kernel_width : float

    Returns
    -------
    mean, variance : ndarrays of shape (n, K)
        Of main effects and interactions found; for the variance of the rest, that over the whole
        pool is taken.

    Notes
    -----
    With o the row's own bins and r as in :func:`kernel_weights`, the mean of a term is its value
    at o times r for each of its columns. The variance is that of the model's functional ANOVA
    under the kernel. Its main effects are ``a_j(b) = m_j(b) + sum_k r_k I_jk(b, o_k) + ...`` with
    the variance ``r_j (1 - r_j) a_j(o_j)^2 + (1 - r_j) E[a_j^2]``. A pair's effect has
    ``(1 - r_j) (1 - r_k) (r_j r_k s(o_j, o_k) + r_j s(o_j) + r_k s(o_k) + s)`` with s its square
    and the means of that over one column or both; a triple likewise. Covariances between a pair
    and a triple that holds it, which about average out over rows, are left out.
    """
    kernel = _Kernel(effects, kernel_width)
    n, d = codes.shape
    main = np.split(effects.main.mean(axis=0), effects.offsets[1:-1])
    margins, groups = effects.by_column(effects.probabilities), effects.by_column(effects.groups)
    tables = [table.mean(axis=0) for table in effects.tables]
    mean = np.tile(effects.intercept, (n, 1))
    triples = effects.term_variances[[len(columns) == 3 for columns in effects.terms]].sum(axis=0)
    rest = effects.variances[2:].sum(axis=0) - triples
    variance = np.tile(np.maximum(rest, 0), (n, 1))
    for j in range(d):
        own = kernel.bins(codes, j)
        hold = kernel.hold[own, None]
        here = np.arange(n), np.minimum(codes[:, j], len(margins[j]) - 1)
        effect = np.tile(main[j], (n, 1, 1))
        mean += hold * effect[here]
        for columns, table in zip(effects.terms, tables, strict=True):
            if j in columns:
                others = [kernel.bins(codes, k) for k in columns if k != j]
                slices = np.moveaxis(table, columns.index(j), 0)[
                    :, *(kernel.groups[bins] for bins in others)
                ]
                held = _product(kernel.hold[bins] for bins in others)
                effect += slices[groups[j]].swapaxes(0, 1) * held[:, None, None]
        square = np.square(effect)
        variance += hold * (1 - hold) * square[here]
        variance += (1 - hold) * np.tensordot(square, margins[j], axes=(1, 0))
    for columns, table in zip(effects.terms, tables, strict=True):
        at = [kernel.bins(codes, j) for j in columns]
        cells = [kernel.groups[bins] for bins in at]
        holds = [kernel.hold[bins, None] for bins in at]
        mean += _product(holds) * table[*cells]
        group_margins = [_merged(margins[j], groups[j]) for j in columns]
        variance += _interaction_variance(np.square(table), group_margins, cells, holds)
    return mean, variance


def _interaction_variance(
    square: Floats, margins: Sequence[Floats], cells: Sequence[Ints], holds: Sequence[Floats]
) -> Floats:
    """Variance under each row's kernel that an interaction has beyond main effects, (n, K)."""
    every = range(len(margins))
    variance = np.zeros((len(cells[0]), square.shape[-1]))
    for free in _subsets(every, least=2):
        for held in _subsets(free):
            mean = square
            for i in reversed(free):
                if i not in held:
                    mean = np.tensordot(margins[i], mean, axes=(0, i))
            at = tuple(cells[i] for i in every if i in held or i not in free)
            fixed = [np.square(holds[i]) for i in every if i not in free]
            factors = [1 - holds[i] for i in free] + [holds[i] for i in held] + fixed
            variance += _product(factors) * mean[at]
    return variance


def _subsets(items: Sequence[int], least: int = 0) -> Iterator[Columns]:
    sizes = range(least, len(items) + 1)
    return itertools.chain.from_iterable(itertools.combinations(items, size) for size in sizes)


def _product(factors: Iterable[Floats]) -> Floats:
    return reduce(np.multiply, factors)


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
                sem[pair] = error / 2 * np.sqrt(_inverse(np.maximum(variance, error)))
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
    sem = np.sqrt(_square_error_of_mean(tables)) if replicates > 1 else np.nan * tables[0]
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


class _Kernel:
    """What a kernel does to each flat bin, with one more bin a column, all 0: unseen levels."""

    def __init__(self, effects: Effects, kernel_width: float) -> None:
        p, ends = effects.probabilities, effects.offsets[1:]
        decay = np.exp(-0.5 / kernel_width**2)
        inside = (p > 0) & (p < 1)
        self.gain = np.insert(inside * _inverse(1 - p), ends, 0)  # 1 / (1 - p)
        self.hold = np.insert(inside * p * (1 - decay) * _inverse(p + (1 - p) * decay), ends, 0)
        self.groups = np.insert(effects.groups, ends, 0)
        self.starts = effects.offsets[:-1] + np.arange(len(ends))

    def bins(self, codes: Codes, j: int) -> Ints:
        """Each row's flat bin of column j."""
        return self.starts[j] + codes[:, j].astype(np.intp)


class _Rows:
    """What the fit leaves unexplained of the response, standardised: Sobol rows, then random.

    ``residual`` is (K, R, m): the rows of one output are contiguous.
    """

    all = slice(None)

    def __init__(self, sobol: Floats, random: Floats) -> None:
        response = np.concatenate([sobol, random], axis=1)
        spread = response.std(axis=(0, 1))
        self.centre = sobol.mean(axis=(0, 1))
        self.scale = np.where(spread > 0, spread, 1.0)
        self.residual = np.ascontiguousarray(self._standardised(response))
        self.sobol = slice(None, sobol.shape[1])
        self.random = slice(sobol.shape[1], None)
        self.share_of_twins = 0.0  # of the random rows

    def _standardised(self, response: Floats) -> Floats:
        return np.moveaxis((response - self.centre) / self.scale, -1, 0)

    def average_twins(self, twin_response: Floats | None) -> Floats:
        """Variance inside bins. A row and its twin are from here on one row, their mean."""
        if twin_response is None:
            return np.zeros(len(self.scale))
        twins = self._standardised(twin_response)
        random = self.residual[:, :, self.random]
        rows = random[:, :, : twins.shape[2]]
        self.share_of_twins = rows.size / random.size
        within = np.square(rows - twins).mean(axis=(1, 2)) / 2
        rows += twins
        rows /= 2
        return within

    def count(self, part: slice) -> int:
        return self.residual[0, :, part].size

    def variance(self, part: slice) -> Floats:
        return np.square(self.residual[:, :, part]).mean(axis=(1, 2))

    def sums(self, cells: Codes, size: int, part: slice) -> Floats:
        """Sum of the residual over each cell's rows, for each replicate: (R, size, K)."""
        replicates = len(cells)
        index = (cells[:, part] + size * np.arange(replicates)[:, None]).ravel()
        sums = [np.bincount(index, r[:, part].ravel(), size * replicates) for r in self.residual]
        by_output = np.array(sums, dtype=np.float64).reshape(-1, replicates, size)
        return np.moveaxis(by_output, 0, -1)


class _Term:
    """One term of the functional ANOVA: a table over the cells of its columns, mean 0 each way."""

    def __init__(
        self, columns: Columns, codes: Sequence[Codes], margins: Sequence[Floats], outputs: int
    ) -> None:
        self.columns = columns
        self.codes, self.margins = [codes[j] for j in columns], [margins[j] for j in columns]
        self.shape = tuple(len(margin) for margin in self.margins)
        self.probabilities = reduce(np.multiply.outer, self.margins).ravel()
        self.freedom = math.prod(np.count_nonzero(margin) - 1 for margin in self.margins)
        self.table = np.zeros((len(self.probabilities), outputs))
        self.signal = 1.0

    @property
    def cells(self) -> Codes:
        """Each row's cell of the table."""
        cells, *others = self.codes
        for size, codes in zip(self.shape[1:], others, strict=True):
            cells = cells.astype(np.min_scalar_type(len(self.table))) * size + codes
        return cells

    def estimate(self, rows: _Rows, part: slice) -> Floats:
        """The table plus the means of what the fit leaves, for each replicate: (R, cells, K)."""
        sums = rows.sums(self.cells, len(self.table), part)
        expected = self.probabilities * (rows.count(part) / len(sums))
        return self.table + self._centred(sums * _inverse(expected)[:, None])

    def move(self, rows: _Rows, table: Floats) -> None:
        """Take another table, and what it explains off the residual."""
        for residual, step in zip(rows.residual, (table - self.table).T, strict=True):
            residual -= step[self.cells]
        self.table = table

    def fit(self, rows: _Rows, part: slice) -> None:
        """Move to the shrunk estimate from these rows."""
        self.move(rows, self.signal * self.estimate(rows, part).mean(axis=0))

    def variance(self, table: Floats) -> Floats:
        """Variance over the pool, for each output."""
        return self.probabilities @ np.square(table)

    def expected_variance(self, table: Floats, noise: Floats) -> Floats:
        """Variance of the true effect given its estimate and the share of signal."""
        return self.signal**2 * self.variance(table) + self.signal * self.freedom * noise

    def _centred(self, tables: Floats) -> Floats:
        shaped = tables.reshape(len(tables), *self.shape, -1)
        for axis, margin in enumerate(self.margins, start=1):
            mean = np.tensordot(margin, shaped, axes=(0, axis))
            shaped = shaped - np.expand_dims(mean, axis)
        return shaped.reshape(tables.shape)


def _inverse(values: NDArray[Any]) -> NDArray[Any]:
    """1 / values, 0 where there is nothing."""
    return np.divide(1, values, where=values > 0, out=np.zeros_like(values))


def _merged(margin: Floats, groups: Ints) -> Floats:
    """Frequencies of groups of bins."""
    return np.bincount(groups, margin).astype(np.float64)


def _square_error_of_mean(replicates: Floats) -> Floats:
    """Squared standard error of the mean over the first axis; 0 for a single replicate."""
    n = len(replicates)
    return replicates.var(axis=0) / max(n - 1, 1)


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


def _fit_mains(rows: _Rows, codes: Sequence[Codes], margins: Sequence[Floats]) -> list[_Term]:
    """Main effects from the Sobol rows less the noise in them, to take their variance away."""
    terms = [_Term((j,), codes, margins, len(rows.scale)) for j in range(len(margins))]
    noise = rows.variance(rows.sobol).sum() / rows.count(rows.sobol)
    for term in sorted(terms, key=lambda term: -_total(term, rows)):
        total = _total(term, rows)
        term.signal = max(0.0, 1 - noise * term.freedom / total) if total > 0 else 0.0
        term.fit(rows, rows.sobol)
    return terms


def _total(term: _Term, rows: _Rows) -> float:
    """Variance of a term's estimate from the Sobol rows, over all outputs."""
    return float(term.variance(term.estimate(rows, rows.sobol).mean(axis=0)).sum())


def _groups(main: _Term) -> Ints:
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
    rows: _Rows,
    mains: Sequence[_Term],
    groups: Sequence[Ints],
    shrinkage: bool,
    working_memory: int,
) -> list[_Term]:
    """Interactions with signal, searched for in the random rows and fitted together on all."""
    codes = [
        own.astype(np.uint8)[term.cells] if len(own) > MAX_GROUPS else term.cells
        for term, own in zip(mains, groups, strict=True)
    ]
    margins = [_merged(term.probabilities, own) for term, own in zip(mains, groups, strict=True)]
    share_random = rows.count(rows.random) / rows.count(rows.all)
    search = _Search(rows, codes, margins, working_memory)
    terms: dict[Columns, _Term] = {}
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
                terms[columns] = _Term(columns, codes, margins, len(rows.scale))
            # signal was measured on the random rows; all rows carry less noise
            terms[columns].signal = share / (share + (1 - share) * share_random)
            terms[columns].fit(rows, rows.all)
    return [terms[columns] for columns in sorted(terms, key=lambda c: (len(c), c))]


def _most_active(terms: Iterable[_Term], n_columns: int) -> list[int]:
    """Columns to search for triples: those in terms of most variance."""
    activity = np.zeros(n_columns)
    for term in terms:
        activity[list(term.columns)] += term.variance(term.table).sum()
    return sorted(np.argsort(-activity, kind="stable")[:MAX_TRIPLE_COLUMNS].tolist())


class _Search:
    """Search for interactions in what the fit leaves unexplained of the random rows.

    In orthonormal contrasts of its columns a table's variance is a sum of squares, and the tables
    of many pairs or triples are one matrix product.
    """

    def __init__(
        self, rows: _Rows, codes: Sequence[Codes], margins: Sequence[Floats], working_memory: int
    ) -> None:
        self.rows, self.working_memory = rows, working_memory
        self.codes = [column[:, rows.random] for column in codes]
        self.bases = [_contrasts(margin) for margin in margins]
        self.ranks = np.array([np.count_nonzero(margin) - 1 for margin in margins], np.int32)

    def pairs(self, terms: dict[Columns, _Term]) -> dict[Columns, float]:
        """Pairs with signal, those of most first. Terms are pairs found before."""
        fitted = {}
        for columns, term in terms.items():
            estimate = term.estimate(self.rows, self.rows.random).mean(axis=0)
            fitted[columns] = term.variance(estimate) / term.freedom
        noise = self.rows.variance(self.rows.random) / self.rows.count(self.rows.random)

        def ratios(k: int) -> list[Singles]:
            ratios = self._pair_ratios(self._residual(k))
            for (i, j), variance in fitted.items():
                ratios[i][j - i - 1] = variance[k] * _inverse(noise)[k]
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
            contrasts *= residual
            norms *= np.square(residual)
            for right in blocks[a:]:
                others, other_starts, other_norms = self._encode(right)
                totals = np.square(contrasts @ others.T)
                totals = np.add.reduceat(np.add.reduceat(totals, starts, 0), other_starts, 1)
                block = slice(left.start, left.stop), slice(right.start, right.stop)
                ratios[block] = totals * _inverse(norms @ other_norms.T)
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
            ratios.append(totals[after] * _inverse(noise[after]))
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
