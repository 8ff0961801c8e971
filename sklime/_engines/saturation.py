"""LIME weights of a response that saturates, from those of the sum of its effects."""

from functools import partial

import numpy as np

from .._anova.effects import Effects
from .._anova.link import Link
from .._anova.terms import Codes, Floats, Ints
from .._statistics.aggregations import divide
from .closed_form import Kernel
from .workers import chunks

_BLOCK_BYTES = 2.0**20


class Saturation:
    """LIME weights under one kernel, where the response is a curve of the sum of its effects.

    Parameters
    ----------
    effects : Effects
    link : Link
    width : float
        Of the kernel.

    Notes
    -----
    LIME's weight is ``E[h(s) | z_j = 1] - E[h(s) | z_j = 0]`` for the sum of effects s under the
    kernel, whose mean is ``(1 - q) beta`` above m or ``q beta`` below. The law of s is taken for
    normal, with the variance of main effects: ``(1 - r_k) (r_k a_k^2 + E m_k^2)`` by each other
    column, with ``a = (1 - p) beta``, and by column j itself where it is drawn. What that says of a
    kernel that holds nothing is taken off, as the curve ``h(s) - s`` has no main effects.

    The noise of the replicates is multiplied by the slope of all that.
    """

    def __init__(self, effects: Effects, link: Link, width: float) -> None:
        self.effects, self.closing, self.kernel = effects, link.closing, Kernel(effects, width)
        mirrored = [own.start + 1 for own in link.closing if own.stop - own.start == 2]
        curved = np.setdiff1d(link.curved, mirrored).tolist()
        self._laws = {k: _Law(self.kernel, effects, link, k) for k in curved}

    def apply(self, weights: Floats, codes: Codes) -> None:
        """Turn weights of the sum of effects (R, n, d, K) into those of the response, in place."""
        triples = self._triples(codes)
        # So few rows that all stays in the processor's cache, and output by output.
        for rows in chunks(len(codes), weights[:, 0].nbytes, _BLOCK_BYTES):
            at = self.kernel.starts + codes[rows]
            block = np.ascontiguousarray(np.moveaxis(weights[:, rows], -1, 0))
            for k, law in self._laws.items():
                law.apply(block[k], at, triples[rows, k, None])
            for own in self.closing:
                if own.stop - own.start == 2:
                    block[own.start + 1] = -block[own.start]
                else:  # what the curves of the outputs lack of a sum of 0, by their sizes
                    sizes = np.abs(block[own])
                    block[own] -= sizes * divide(block[own].sum(axis=0), sizes.sum(axis=0))
            weights[:, rows] = np.moveaxis(block, 0, -1)

    def _triples(self, codes: Codes) -> Floats:
        """What triples add to the mean sum of effects under each row's kernel, (n, K)."""
        kernel, total = self.kernel, np.zeros((len(codes), len(self.effects.intercept)))
        for columns, table in zip(self.effects.terms, self.effects.tables, strict=True):
            if len(columns) == 3:
                at = [kernel.bins(codes, j) for j in columns]
                cells = tuple(kernel.groups[bins] for bins in at)
                holds = np.prod([kernel.hold[bins] for bins in at], axis=0)
                total += table.mean(axis=0)[cells] * holds[:, None]
        return total


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
        self.alone, self.held_weight = hold * main, hold * (1 - own)
        self.above = (1 - own) * (1 - hold)
        self.held = (1 - hold) * hold * np.square(1 - own)
        self.drawn = (1 - hold) * variance
        others = (variance - squares) * kernel.gain - np.square(own * main * kernel.gain)
        self.others = np.maximum(others, 0)
        # Weights that the curve seems to have without any kernel, less those of the sum.
        beta, total = main * kernel.gain, variance[kernel.starts].sum()
        beside = np.maximum(total - variance, 0)
        self.free_slope = float(link.slope(k, np.zeros(()), total))
        self.invented = self._difference(0.0, (1 - own) * beta, beta, beside, self.others) - beta

    def _difference(
        self, mean: Floats | float, above: Floats, beta: Floats, beside: Floats, others: Floats
    ) -> Floats:
        """Mean response with z_j = 1 less that with z_j = 0."""
        high, low = mean + above, mean + above - beta
        response = partial(self.link.mean, self.k)
        return np.asarray(response(high, beside) - response(low, beside + others))

    def apply(self, weights: Floats, at: Ints, triples: Floats) -> None:
        """Turn weights (R, rows, d) of rows with these flat bins, in place.

        A term is in the weights of each of its columns: ``sum_j r_j (1 - p_j) beta_j`` is the mean
        sum of effects, but for pairs twice and triples three times.
        """
        beta = weights.mean(axis=0) / self.unit
        alone = self.alone[at].sum(axis=1, keepdims=True)
        together = (self.held_weight[at] * beta).sum(axis=1, keepdims=True)
        mean = (alone + together - triples) / 2
        spread = self.held[at] * np.square(beta) + self.drawn[at]
        total = spread.sum(axis=1, keepdims=True)
        beside = np.maximum(total - spread, 0)
        linked = self._difference(mean, self.above[at] * beta, beta, beside, self.others[at])
        slope = np.maximum(1 + self.link.slope(self.k, mean, total) - self.free_slope, 0)
        weights *= slope
        weights += (linked - self.invented[at] - slope * beta) * self.unit
