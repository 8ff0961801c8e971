"""What saturates: the response as a function of the sum of its effects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from .terms import Floats, Ints, inverse

GROUPS = 32  # of rows with similar sums
CENTRES = np.linspace(-5, 5, 41)  # of curves tried, in deviations of the sums
WIDTHS = 2.0 ** np.linspace(-3, 3, 25)
LEAST_FALL = 0.01  # of what is left, relative to the response's variance; twice for all of a curve
SIGNIFICANT = 12.0  # times the noise of a mean over all rows: four parameters are fitted
ROUNDING = 1e-9  # relative to the range of a response
_LINE = 0.0, 0.0, 0.0, 1.0, 0.0  # low, rise, centre, width, share
FLAT = 1e-4  # variance of a curve that tells nothing


@dataclass(frozen=True)
class Link:
    r"""The mean response where the effects of a row add up to s.

    .. math:: h(s) = (1 - share) s + share (low + rise \, \Phi((s - centre) / width))

    A model whose answers are bounded, such as probabilities, answers far less than the sum says
    where many columns point the same way, as they do in rows of a table but seldom in a pool. Of a
    normal sum the mean of h has the same form, with the variance on top of the squared width. The
    share grows from 0, so that no importance jumps where a curve is hardly told from a line.

    Attributes
    ----------
    low, rise, centre, width, share : ndarrays of shape (K,)
        Of each output; with a share of 0 the response is the sum. Sums and responses are deviations
        from the mean response, in the unit of the effects.
    closing : list of slice
        Outputs that sum to the same for every row: the classes of a target.
    """

    low: Floats
    rise: Floats
    centre: Floats
    width: Floats
    share: Floats
    closing: list[slice]

    @property
    def curved(self) -> Ints:
        """Outputs that are not the sum itself."""
        return np.flatnonzero(self.share)

    def mean(self, k: int, mean: Floats, variance: Floats | float) -> Floats:
        """E h(s) of output k for a normal sum s."""
        z = (mean - self.centre[k]) / np.sqrt(self.width[k] ** 2 + variance)
        curve = self.low[k] + self.rise[k] * ndtr(z)
        return np.asarray((1 - self.share[k]) * mean + self.share[k] * curve)

    def slope(self, k: int, mean: Floats, variance: Floats | float) -> Floats:
        """Derivative of that by the mean."""
        width = np.sqrt(self.width[k] ** 2 + variance)
        z = (mean - self.centre[k]) / width
        curve = self.rise[k] * np.exp(-z * z / 2) / (np.sqrt(2 * np.pi) * width)
        return np.asarray(1 - self.share[k] + self.share[k] * curve)


def fit_link(outputs: Iterable[tuple[Floats, Floats]]) -> Link | None:
    """The link of a pool's rows, from their sums of effects and what is left, for each output.

    None where no output has a curve that is told from the sum itself.
    """
    curves: list[tuple[float, ...]] = []
    closing: list[slice] = []
    total = np.zeros(())
    for k, (sums, residual) in enumerate(outputs):
        start = closing[-1].stop if closing else 0
        total = total + (sums + residual)
        closes = np.abs(total).max() < ROUNDING
        if closes and k == start + 1:  # h(s) of the one class is -h(-s) of the other
            low, rise, centre, width, share = curves[start]
            curves.append((-low - rise, rise, -centre, width, share))
        else:
            curves.append(_curve(sums, residual))
        if closes:
            closing.append(slice(start, k + 1))
            total = np.zeros(())
    low, rise, centre, width, share = np.array(curves).T
    return Link(low, rise, centre, width, share, closing) if share.any() else None


def _curve(sums: Floats, residual: Floats) -> tuple[float, ...]:
    """Least squares over a grid of centres and widths, for groups of rows with similar sums."""
    residual = residual - residual.mean()
    least = LEAST_FALL * (sums + residual).var()
    if residual.var() <= least or not np.ptp(sums) > 0:
        return _LINE
    # Sums that differ by rounding are in one group.
    order = np.argsort(sums)
    sums, residual = sums[order], residual[order]
    last = sums[len(sums) * np.arange(1, GROUPS) // GROUPS] + ROUNDING * np.ptp(sums)
    counts = np.diff(np.searchsorted(sums, last, side="right"), prepend=0, append=len(sums))
    group = np.repeat(np.arange(GROUPS), counts)
    at, left = (np.bincount(group, each, GROUPS) * inverse(counts) for each in (sums, residual))
    part = counts / len(sums)
    least = max(least, SIGNIFICANT * residual.var() / len(sums))
    if part @ np.square(left) <= least:  # no curve takes off more
        return _LINE
    spread = np.sqrt(part @ np.square(at - part @ at))
    centres, widths = part @ at + spread * CENTRES, spread * WIDTHS
    curve = ndtr((at - centres[:, None, None]) / widths[:, None])
    answer = part @ (at + left)
    apart = curve - (curve @ part)[..., None]
    products = apart @ (part * (at + left - answer))
    rise = products / np.maximum(np.square(apart) @ part, FLAT)
    errors = part @ np.square(at + left - answer) - rise * products
    best = np.unravel_index(errors.argmin(), errors.shape)
    fall = part @ np.square(left) - errors[best]
    if fall <= least:
        return _LINE
    low, share = answer - rise[best] * (curve[best] @ part), min(fall / least - 1, 1.0)
    return tuple(map(float, (low, rise[best], centres[best[0]], widths[best[1]], share)))
