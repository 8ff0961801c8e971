"""LIME weights at any kernel width, in closed form, from main effects and interactions."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._anova.effects import Effects
from .._anova.terms import Codes, Columns, Floats, Ints, inverse, merged_margin
from .._neighborhood.kernel import hold


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
    kernel = Kernel(effects, kernel_width)
    main = np.insert(effects.main * effects.unit, effects.offsets[1:], 0, axis=1)
    weights = (main * kernel.gain[:, None]).take(kernel.starts + codes, axis=1)
    if not effects.terms:
        return weights
    places = {j: i for i, j in enumerate(sorted({j for own in effects.terms for j in own}))}
    bins = [kernel.bins(codes, j) for j in places]
    gain, held, groups = (each.take(bins) for each in (kernel.gain, kernel.hold, kernel.groups))
    # The rows side by side: in the order of the result they would be far apart.
    added = np.zeros((len(weights), weights.shape[3], *groups.shape))
    for own, table in zip(effects.terms, effects.tables, strict=True):
        at = [places[j] for j in own]
        cells = np.ravel_multi_index([groups[i] for i in at], table.shape[1:-1])
        flat = np.moveaxis(table * effects.unit, -1, 1).reshape(*added.shape[:2], -1)
        effect = flat.take(cells, axis=2)
        for i in at:
            added[:, :, i] += effect * (gain[i] * _product(held[k] for k in at if k != i))
    for j, i in places.items():
        weights[:, :, j] += added[:, :, i].swapaxes(1, 2)
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
    and a triple that holds it, which about average out over rows, are left out. Where the response
    is a curve of the sum of its effects it has the slope that the curve has there on average.
    """
    kernel = Kernel(effects, kernel_width)
    n, d = codes.shape
    main = np.split(effects.main.mean(axis=0), effects.offsets[1:-1])
    margins, groups = effects.by_column(effects.probabilities), effects.by_column(effects.groups)
    tables = [table.mean(axis=0) for table in effects.tables]
    mean = np.zeros((n, len(effects.intercept)))
    triples = effects.term_variances[[len(columns) == 3 for columns in effects.terms]].sum(axis=0)
    rest = np.maximum(effects.variances[2:].sum(axis=0) - triples, 0)
    variance = np.tile(rest, (n, 1))
    for j in range(d):
        own = kernel.bins(codes, j)
        held_here = kernel.hold[own, None]
        here = np.arange(n), np.minimum(codes[:, j], len(margins[j]) - 1)
        effect = np.tile(main[j], (n, 1, 1))
        mean += held_here * effect[here]
        for columns, table in zip(effects.terms, tables, strict=True):
            if j in columns:
                others = [kernel.bins(codes, k) for k in columns if k != j]
                slices = np.moveaxis(table, columns.index(j), 0)[
                    :, *(kernel.groups[bins] for bins in others)
                ]
                held = _product(kernel.hold[bins] for bins in others)
                effect += slices[groups[j]].swapaxes(0, 1) * held[:, None, None]
        square = np.square(effect)
        variance += held_here * (1 - held_here) * square[here]
        # not a matrix product, whose last bits depend on the number of rows
        variance += (1 - held_here) * (square * margins[j][:, None]).sum(axis=1)
    for columns, table in zip(effects.terms, tables, strict=True):
        at = [kernel.bins(codes, j) for j in columns]
        cells = [kernel.groups[bins] for bins in at]
        holds = [kernel.hold[bins, None] for bins in at]
        mean += _product(holds) * table[*cells]
        group_margins = [merged_margin(margins[j], groups[j]) for j in columns]
        variance += _interaction_variance(np.square(table), group_margins, cells, holds)
    if effects.link is not None:
        for k in effects.link.curved:
            total, spread = mean[:, k].copy(), variance[:, k] - rest[k]
            mean[:, k] = effects.link.mean(k, total, spread)
            variance[:, k] = np.square(effects.link.slope(k, total, spread)) * spread + rest[k]
    return effects.intercept + mean * effects.unit, variance * effects.unit**2


def _interaction_variance(
    square: Floats, margins: Sequence[Floats], cells: Sequence[Ints], holds: Sequence[Floats]
) -> Floats:
    """Variance under each row's kernel that an interaction has beyond main effects, (n, K)."""
    every = range(len(margins))
    variance = np.zeros((len(cells[0]), square.shape[-1]))
    means: dict[Columns, Floats] = {(): square}
    for free in _subsets(every, least=2):
        for held in _subsets(free):
            mean = _averaged(means, margins, tuple(i for i in free if i not in held))
            at = tuple(cells[i] for i in every if i in held or i not in free)
            fixed = [np.square(holds[i]) for i in every if i not in free]
            factors = [1 - holds[i] for i in free] + [holds[i] for i in held] + fixed
            variance += _product(factors) * mean[at]
    return variance


def _averaged(means: dict[Columns, Floats], margins: Sequence[Floats], axes: Columns) -> Floats:
    """A table averaged over some axes; `means` holds those of earlier calls."""
    if axes not in means:
        # From the last axis on, so that the numbers of those before it stay.
        later = _averaged(means, margins, axes[1:])
        means[axes] = np.tensordot(margins[axes[0]], later, axes=(0, axes[0]))
    return means[axes]


def _subsets(items: Sequence[int], least: int = 0) -> Iterator[Columns]:
    sizes = range(least, len(items) + 1)
    return itertools.chain.from_iterable(itertools.combinations(items, size) for size in sizes)


def _product(factors: Iterable[Floats]) -> Floats:
    return reduce(np.multiply, factors)


def own_values(effects: Effects, values: NDArray[Any], codes: Codes) -> NDArray[Any]:
    """Values of the flat bins at each row's own bins, (n, d); 0 for what has no bin."""
    starts = effects.offsets[:-1] + np.arange(codes.shape[1])
    return np.insert(values, effects.offsets[1:], 0).take(starts + codes)


def answers(effects: Effects, codes: Codes) -> Floats:
    """What the effects of rows at their own bins say of the response, (R, n, K)."""
    groups = own_values(effects, effects.groups, codes)
    total = np.zeros((len(effects.main), len(codes), len(effects.intercept)))
    for r, replicate in enumerate(effects.main):
        for k, main in enumerate(replicate.T):
            total[r, :, k] = own_values(effects, main, codes).sum(axis=1)
    for columns, table in zip(effects.terms, effects.tables, strict=True):
        own: Any = [groups[:, j] for j in columns]
        total += table[:, *own]
    if effects.link is not None:
        for k in effects.link.curved:
            total[..., k] = effects.link.mean(k, total[..., k], 0.0)
    return effects.intercept + effects.unit * total


class Kernel:
    """What a kernel does to each flat bin, with one more bin a column, all 0: unseen levels."""

    def __init__(self, effects: Effects, kernel_width: float) -> None:
        p, ends = effects.probabilities, effects.offsets[1:]
        # A bin that training does not have has an effect, but there is no kernel for it to hold.
        values = [p, (p < 1) * inverse(1 - p), hold(p, kernel_width), effects.groups]
        self.own, self.gain, self.hold, groups = np.insert(values, ends, 0, axis=1)
        self.groups = groups.astype(np.intp)
        self.starts = effects.offsets[:-1] + np.arange(len(ends))

    def bins(self, codes: Codes, j: int) -> Ints:
        """Each row's flat bin of column j."""
        return self.starts[j] + codes[:, j].astype(np.intp)
