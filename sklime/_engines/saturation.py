"""LIME weights of a response that saturates, from those of the sum of its effects."""

from functools import partial

import numpy as np
from sklearn.utils import gen_batches

from .._anova.effects import Effects
from .._anova.link import Link
from .._anova.terms import Codes, Floats, Ints
from .._statistics.aggregations import divide
from .closed_form import Kernel, kernel_means

_BLOCK_CELLS = 2**17


def saturated(effects: Effects, link: Link, codes: Codes, width: float, weights: Floats) -> None:
    """Turn weights of the sum of effects into those of the response, in place.

    Parameters
    ----------
    effects : Effects
    link : Link
    codes : ndarray of shape (n, d)
    width : float
        Of the kernel.
    weights : ndarray of shape (R, n, d, K)
        As of :func:`kernel_weights`.

    Notes
    -----
    LIME's weight is ``E[h(s) | z_j = 1] - E[h(s) | z_j = 0]`` for the sum of effects s under the
    kernel, whose mean is ``(1 - q) beta`` above m or ``q beta`` below. The law of s is taken for
    normal, with the variance of main effects: ``(1 - r_k) (r_k a_k^2 + E m_k^2)`` by each other
    column, with ``a = (1 - p) beta``, and by column j itself where it is drawn. What that says of a
    kernel that holds nothing is taken off, as the curve ``h(s) - s`` has no main effects.

    The noise of the replicates is multiplied by the slope of h.
    """
    kernel, means = Kernel(effects, width), kernel_means(effects, codes, width)
    mirrored = [own.start + 1 for own in link.closing if own.stop - own.start == 2]
    laws = {k: _Law(kernel, effects, link, k) for k in np.setdiff1d(link.curved, mirrored)}
    # So few rows that all stays in the processor's cache, and output by output.
    for rows in gen_batches(len(codes), max(1, _BLOCK_CELLS // weights[:, 0].size)):
        at = kernel.starts + codes[rows]
        block = np.ascontiguousarray(np.moveaxis(weights[:, rows], -1, 0))
        for k, law in laws.items():
            law.apply(block[k], at, means[rows, k, None])
        for own in link.closing:
            if own.start + 1 in mirrored:
                block[own.start + 1] = -block[own.start]
            else:  # what the curves of the outputs lack of a sum of 0, by their sizes
                sizes = np.abs(block[own])
                block[own] -= sizes * divide(block[own].sum(axis=0), sizes.sum(axis=0))
        weights[:, rows] = np.moveaxis(block, 0, -1)


class _Law:
    """The sum of effects of one output under a kernel, by flat bin.

    With z_j = 1, `above` times beta on top of its mean, else `above - 1` times; of variance
    ``held * beta^2 + drawn`` by each other column, and `others` by column j itself.
    """

    def __init__(self, kernel: Kernel, effects: Effects, link: Link, k: int) -> None:
        self.link, self.k, self.unit = link, k, effects.unit
        own, hold = kernel.own, kernel.hold
        main = np.insert(effects.main[..., k].mean(axis=0), effects.offsets[1:], 0)
        squares = own * np.square(main)
        sizes = np.diff([*kernel.starts, len(main)])
        variance = np.repeat(np.add.reduceat(squares, kernel.starts), sizes)
        self.above = (1 - own) * (1 - hold)
        self.held = (1 - hold) * hold * np.square(1 - own)
        self.drawn = (1 - hold) * variance
        others = (variance - squares) * kernel.gain - np.square(own * main * kernel.gain)
        self.others = np.maximum(others, 0)
        # Weights that the curve seems to have without any kernel, less those of the sum.
        beta, total = main * kernel.gain, variance[kernel.starts].sum()
        beside = np.maximum(total - variance, 0)
        self.invented = self._difference(0.0, (1 - own) * beta, beta, beside, self.others) - beta

    def _difference(
        self, mean: Floats | float, above: Floats, beta: Floats, beside: Floats, others: Floats
    ) -> Floats:
        """Mean response with z_j = 1 less that with z_j = 0."""
        high, low = mean + above, mean + above - beta
        response = partial(self.link.mean, self.k)
        return np.asarray(response(high, beside) - response(low, beside + others))

    def apply(self, weights: Floats, at: Ints, mean: Floats) -> None:
        """Turn weights (R, rows, d) of rows with these flat bins, in place."""
        beta = weights.mean(axis=0) / self.unit
        spread = self.held[at] * np.square(beta) + self.drawn[at]
        total = spread.sum(axis=1, keepdims=True)
        beside = np.maximum(total - spread, 0)
        linked = self._difference(mean, self.above[at] * beta, beta, beside, self.others[at])
        slope = self.link.slope(self.k, mean, total)
        weights *= slope
        weights += (linked - self.invented[at] - slope * beta) * self.unit
