"""LIME weights of a response that saturates, from those of the sum of its effects."""

import numpy as np

from .._anova.effects import Effects
from .._anova.link import Link
from .._anova.terms import Codes, Floats
from .._statistics.aggregations import divide
from .closed_form import Kernel, kernel_means


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
    kernel = Kernel(effects, width)
    at = kernel.starts + codes
    chance, hold = kernel.own.take(at), kernel.hold.take(at)
    stay, means = chance + (1 - chance) * hold, kernel_means(effects, codes, width)
    mirrored = [own.start + 1 for own in link.closing if own.stop - own.start == 2]
    for k in np.setdiff1d(link.curved, mirrored):
        law = _Law(kernel, effects, k)
        beta, mean = weights[..., k].mean(axis=0) / effects.unit, means[:, [k]]
        spread = (1 - hold) * (hold * np.square((1 - chance) * beta) + law.drawn)
        every = spread.sum(axis=1, keepdims=True)
        beside = np.maximum(every - spread, 0)
        linked = link.mean(k, mean + (1 - stay) * beta, beside)
        linked -= link.mean(k, mean - stay * beta, beside + law.others.take(at))
        linked -= law.invented(link, k).take(at)
        slope = link.slope(k, mean, every)
        for replicate in weights[..., k]:
            replicate -= beta * effects.unit
            replicate *= slope
            replicate += linked * effects.unit
    for own in link.closing:
        if own.start + 1 in mirrored:
            weights[..., own.start + 1] = -weights[..., own.start]
        else:  # what the curves of the outputs lack of a sum of 0, by their sizes
            part = weights[..., own]
            sizes, sums = np.abs(part), part.sum(axis=-1, keepdims=True)
            part -= divide(sizes, sizes.sum(axis=-1, keepdims=True)) * sums


class _Law:
    """Main effects of one output, by flat bin, and their variances.

    Attributes
    ----------
    main : ndarray of shape (B + d,)
    drawn : ndarray of shape (d,)
        Variance of each column.
    others : ndarray of shape (B + d,)
        Variance over the column's other bins.
    """

    def __init__(self, kernel: Kernel, effects: Effects, k: int) -> None:
        self.kernel = kernel
        self.main = np.insert(effects.main[..., k].mean(axis=0), effects.offsets[1:], 0)
        squares = kernel.own * np.square(self.main)
        self.drawn = np.add.reduceat(squares, kernel.starts)
        self._sizes = np.diff([*kernel.starts, len(squares)])
        mean = kernel.own * self.main * kernel.gain
        others = (np.repeat(self.drawn, self._sizes) - squares) * kernel.gain - np.square(mean)
        self.others = np.maximum(others, 0)

    def invented(self, link: Link, k: int) -> Floats:
        """Weights that the curve seems to have without any kernel, for each flat bin."""
        own, beta = self.kernel.own, self.main * self.kernel.gain
        beside = np.repeat(np.maximum(self.drawn.sum() - self.drawn, 0), self._sizes)
        inside, outside = (1 - own) * beta, -own * beta
        curve = link.mean(k, inside, beside) - link.mean(k, outside, beside + self.others)
        return np.asarray(curve - beta)
