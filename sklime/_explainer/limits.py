"""Warnings of what explanations do not show, and of what would."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._anova.effects import variance_split
from .._engines import OneColumn
from .._engines.samples import HIGHER_ORDERS
from .._explanations import Explanations
from .._neighborhood.kernel import decay, hold
from .._statistics.estimates import Estimate
from ..exceptions import HigherOrderWarning, LowFidelityWarning, NoisyImportanceWarning, warn
from .explainer import NARROW

LOW_FIDELITY = 0.25  # of a variance that is explained: with less, importances mislead
INSIDE_BINS = 0.5  # of the variance: with more, what the pool shows misleads
NOISY = 0.22  # of the range of the importances: larger errors of useless columns are warned of
ENOUGH_SAMPLES = 1024  # with fewer, shares and errors are mostly noise
_WIDE = 0.25  # a kernel that holds other columns with less chance shows main effects only


def warn_of_limits(
    estimate: Estimate, explanations: Explanations, aggregation: Any, labels: str
) -> None:
    """Warn once, of all folds together, where much is not seen or not known."""
    _warn_of_unmeasured(explanations)
    if explanations.num_samples < ENOUGH_SAMPLES:
        return
    _warn_of_shares(explanations)
    if explanations.engine == "lime":
        _warn_of_light_neighbours(explanations)
    if explanations.coefficients is None:
        _warn_of_noise(estimate, explanations, aggregation, labels)


def _warn_of_unmeasured(explanations: Explanations) -> None:
    unmeasured = explanations.unmeasured
    if unmeasured.any():
        warn(
            "Nothing was measured of the columns "
            f"{explanations.feature_names[unmeasured].tolist()}: no sample was in "
            "the bins of the rows explained. Their standard errors are infinite. Take more "
            "samples, or leave these columns out.",
            NoisyImportanceWarning,
        )


def _warn_of_shares(explanations: Explanations) -> None:
    """Warn where the samples are enough to tell that much of the model is not seen."""
    effects, bins = explanations.effects, explanations.bins
    n_asked = OneColumn.NUM_SAMPLES * explanations.codes.size
    remedy = f"kernel_width=0, one column at a time, sees them for {n_asked} predictions."
    if effects:
        shares = [variance_split(one) for one in effects]
        surely = [share - 2 * one.error for share, one in zip(shares, effects, strict=True)]
        main_share = _mean([share[0] for share in shares])
        higher, inside = (_mean([share[k] for share in surely]) for k in (2, 3))
        if bins.n_features > 2 and higher > HIGHER_ORDERS:
            warn(
                f"Interactions of three columns or more are at least {higher:.0%} of the "
                f"response's variance, and engine='pooled' leaves them out. {remedy}",
                HigherOrderWarning,
            )
        elif inside <= INSIDE_BINS and explanations.r2 < LOW_FIDELITY:
            warn(
                f"The effects that engine='pooled' found explain {max(explanations.r2, 0):.0%} "
                "of the variance of the model's answers for these rows, so that importances are "
                "too small. The rest is interactions and changes inside bins: "
                f"discretizer='decile' has finer bins; {remedy}",
                LowFidelityWarning,
            )
        # Rare levels share a bin, but the weights of a row with one follow from its own answer.
        if inside > (INSIDE_BINS if bins.told.all() else 1.0):
            warn(
                f"Changes inside bins are at least {inside:.0%} of the response's variance, and "
                f"engine='pooled' averages them. discretizer='decile' has finer bins; {remedy}",
                LowFidelityWarning,
            )
    else:
        main_share = _mean([] if explanations.known_fits is None else explanations.known_fits[:, 2])
    p = bins.probabilities
    holds = p @ hold(p, explanations.kernel_width) / bins.n_features
    if holds < _WIDE and main_share < LOW_FIDELITY:
        warn(
            f"The bins of single columns explain {max(main_share, 0):.0%} of the response's "
            "variance. The rest is interactions, which so wide a kernel does not see, or changes "
            f"inside bins. A narrower kernel_width, such as {NARROW['pooled']}, sees interactions, "
            "and interactions.shares tells the two apart; discretizer='decile' has finer bins.",
            LowFidelityWarning,
        )


def _warn_of_light_neighbours(explanations: Explanations) -> None:
    """Warn where lime's ridge, whose penalty is 1, outweighs all neighbours of a row."""
    p = explanations.bins.own_probabilities(explanations.codes)
    # Those in all of the row's own bins weigh 1, and tell nothing of any column.
    weights = np.prod(p + (1 - p) * decay(explanations.kernel_width), axis=1) - np.prod(p, axis=1)
    total = explanations.num_samples * weights.mean()
    if total < 1:
        warn(
            f"At kernel_width={explanations.kernel_width:.3g} the neighbours that leave a row's "
            f"bins weigh {total:.1g} in all, too little for engine='lime', whose penalty is 1: its "
            "weights come out as 0. Take a wider kernel, or another engine.",
            LowFidelityWarning,
        )


def _warn_of_noise(
    estimate: Estimate, explanations: Explanations, aggregation: Any, labels: str
) -> None:
    """Warn where most columns were not measured well enough to tell."""
    n, spread = len(explanations.feature_names), np.ptp(estimate.values)
    if not spread:
        return
    # Useless columns are not told from 0, however well they are measured. The largest of so many
    # errors is about this many standard errors.
    most = NOISY / np.sqrt(2 * np.log(n + 1))
    noisy = ~estimate.told() & (estimate.sem > most * spread)
    if np.count_nonzero(noisy) > n / 2:  # and without the error of the choice of rows
        noisy &= explanations._relative_errors(aggregation, labels) > most
    if np.count_nonzero(noisy) > n / 2:
        warn(
            f"{np.count_nonzero(noisy)} of {n} columns cannot be told from 0: their "
            f"standard errors are more than {most:.0%} of the range of the importances. Take "
            f"more samples than num_samples={explanations.num_samples}, or fewer columns.",
            NoisyImportanceWarning,
        )


def _mean(shares: ArrayLike) -> float:
    """Mean of the finite numbers; NaN if there are none, which is below no limit."""
    shares = np.asarray(shares)
    known = shares[np.isfinite(shares)]
    return float(known.mean()) if known.size else np.nan
