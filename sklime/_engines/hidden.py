"""What pairs of columns too weak to be found one by one may add to importances."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from .._anova.effects import Effects, hidden_variance
from .._anova.search import contrasts
from .._anova.terms import Codes, Floats, merged_margin
from .._neighborhood.kernel import hold

MOST_PRODUCTS = 2**22  # of rows and pairs of contrasts looked at, but for the least rows
LEAST_ROWS = 256
SHIFT = 1 / 3  # of a shift between 0 and 1, its standard error


def hidden_errors(
    effects: Effects,
    kernel_width: float,
    codes: Codes,
    read: Callable[[int], tuple[Floats, Floats]],
    power: int,
) -> Floats:
    """Standard errors (d, K) of importances for all that is not known of weak pairs.

    Parameters
    ----------
    effects : Effects
    kernel_width : float
    codes : ndarray of shape (n, d)
    read : callable
        For every m-th row its contributions (n / m, d, K), and what they are multiplied by
        (n / m, d); the mean over rows is the importance.
    power : {1, 2}
        1 for the mean size, 2 for the root of the mean square.

    Notes
    -----
    What all pairs add to the variance is known, and which those of the rest are is not. So a
    hidden pair is taken for ``sum_ab theta_ab phi_a(b_j) phi_b(b_k)`` with orthonormal contrasts
    phi and independent theta, of variances by :func:`hidden_variance`. Where columns go together
    in the rows explained it changes the mean size of a contribution c by ``mean_i sign(c_ij) r_k
    phi_a phi_b`` for each theta. And a contribution near 0 is larger for it on average, by a shift
    between 0 and ``E|c + e| - |c|``, of which a third is taken for a standard error.
    """
    hidden, share = hidden_variance(effects)
    if not hidden.any():
        return np.zeros((codes.shape[1], len(hidden)))
    bases, held = _contrasts_of_bins(effects, kernel_width, share)
    starts = np.cumsum([0, *(basis.shape[1] for basis in bases)])
    step = -(-len(codes) // max(LEAST_ROWS, MOST_PRODUCTS // starts[-1] ** 2))
    unlike = (step - 1) / len(codes)  # rows left out make those looked at differ by chance
    codes, (values, gain) = codes[::step], read(step)
    values = values / effects.unit
    own = [basis[code] for basis, code in zip(bases, codes.T, strict=True)]
    reach = np.stack([each[code] for each, code in zip(held, codes.T, strict=True)], axis=1)
    beside = np.hstack(own) * np.repeat(reach, np.diff(starts), axis=1)
    of_bins = [np.square(basis).sum(axis=1) for basis in bases]
    lengths = np.stack([each[code] for each, code in zip(of_bins, codes.T, strict=True)], axis=1)
    others = np.square(reach) * lengths
    spread = lengths * (others.sum(axis=1, keepdims=True) - others)
    errors = np.zeros(values.shape[1:])
    mirrored = len(hidden) == 2 and np.array_equal(values[..., 0], -values[..., 1])
    for k, variance in enumerate(hidden[: 1 if mirrored else None]):
        slope, shift = _change(values[..., k], variance * spread, gain, power)
        by_chance = unlike * (np.square(slope) * spread).mean(axis=0)
        for j, contrasts_of_j in enumerate(own):
            moved = np.square((slope[:, j, None] * contrasts_of_j).T @ beside / len(codes)).sum(0)
            moved[starts[j] : starts[j + 1]] = 0
            first = variance * max(moved.sum() - by_chance[j], 0.0)
            errors[j, k] = np.hypot(np.sqrt(first), SHIFT * shift[j])
    if mirrored:  # the classes of a binary classifier
        errors[:, 1] = errors[:, 0]
    return errors * effects.unit


def _change(c: Floats, spread: Floats, gain: Floats, power: int) -> tuple[Floats, Floats]:
    """What an importance changes by with contributions c, and on average by their variance."""
    if power == 1:
        return np.sign(c) * gain, (gain * _folded(c, np.sqrt(spread))).mean(axis=0)
    size = np.sqrt((gain * np.square(c)).mean(axis=0))
    larger = np.sqrt(np.square(size) + (gain * spread).mean(axis=0))
    return gain * c / np.where(size > 0, size, 1), larger - size


def _contrasts_of_bins(
    effects: Effects, kernel_width: float, share: Floats
) -> tuple[list[Floats], list[Floats]]:
    """Contrasts of the bins of each column (bins, f), and how much the kernel holds each bin.

    Times the root of the column's share in the variance of pairs. A level unseen in training, the
    last of each column, has none.
    """
    bases, held = [], []
    columns = zip(*map(effects.by_column, (effects.probabilities, effects.groups)), strict=True)
    known: dict[tuple[bytes, bytes], Floats] = {}  # most columns of numbers have the same bins
    for (margin, groups), size in zip(columns, np.sqrt(share), strict=True):
        key = margin.tobytes(), groups.tobytes()
        if key not in known:
            basis = contrasts(merged_margin(margin, groups))[0][:, groups].T
            known[key] = np.vstack([basis.astype(np.float64), np.zeros(basis.shape[1])])
        bases.append(size * known[key])
        held.append(np.append(hold(margin, kernel_width), 0.0))
    return bases, held


def _folded(mean: Floats, deviation: Floats) -> Floats:
    """``E|m + e| - |m|`` for normal e."""
    size = np.abs(mean)
    z = size / np.where(deviation > 0, deviation, 1)
    return (
        2
        * (deviation * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) - size * ndtr(-z))
        * (deviation > 0)
    )
