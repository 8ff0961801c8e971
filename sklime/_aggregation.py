"""From the weights of many explanations to one importance for each column, and its error.

Every aggregation is a pure function ``f(weights, sample_weight=None) -> importances`` of a signed
weight matrix of shape (n_explained, n_features); ``AGGREGATIONS`` names them. Two of them take one
keyword more: ``homogeneity`` (row_classes) and ``frequency`` (num_features). In all of them a row
of weight 2 counts as the row twice, and a row of weight 0 as absent.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import t as student_t

Array = NDArray[np.float64]
Aggregation = Callable[..., Array]

N_GROUPS = 20  # of rows left out one at a time, where an aggregation is no mean over rows


class Importances(NamedTuple):
    """Importances with their standard errors, and the degrees of freedom of those."""

    values: Array
    sem: Array
    dof: Array


def mean_abs(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i |W_{ij}|`, as the bars of SHAP.

    The accepted answer to "global importance from LIME" (stats.stackexchange.com, question
    317231).
    """
    return _row_mean(np.abs(weights), sample_weight)


def rms(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{\frac{1}{n} \sum_i W_{ij}^2}`.

    With a flat kernel its square is proportional to the first-order Sobol index of the binned
    column (Sobol, 2001, "Global sensitivity indices for nonlinear mathematical models").
    """
    return np.sqrt(_row_mean(np.square(weights), sample_weight))


def median_abs(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\mathrm{median}_i |W_{ij}|`: what a typical row shows, whatever a few do."""
    return _weighted_median(np.abs(weights), _row_weights(weights, sample_weight))


def max_abs(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\max_i |W_{ij}|`: the worst case over the rows."""
    present = _row_weights(weights, sample_weight) > 0
    return np.abs(weights[present]).max(axis=0)


def mean(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i W_{ij}`, signed: a direction, since signs cancel."""
    return _row_mean(weights, sample_weight)


def total(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sum_i W_{ij}`, signed; named "sum" in ``AGGREGATIONS``."""
    return _row_weights(weights, sample_weight) @ weights


def splime(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{\sum_i |W_{ij}|}`, the importance behind submodular pick.

    Ribeiro, Singh & Guestrin (2016), "Why should I trust you?", section 4.
    """
    return np.sqrt(_row_weights(weights, sample_weight) @ np.abs(weights))


def normlime(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i W_{ij}^2 / \sum_k |W_{ik}|`.

    Each weight counts by its share of its row (Ahern et al., 2019, "NormLIME"). The paper
    averages over the explanations that hold the column; in a table they all do. A row without
    any weight adds 0.
    """
    return _row_mean(_normalized_squares(weights), sample_weight)


def homogeneity(
    weights: Array, sample_weight: ArrayLike | None = None, *, row_classes: ArrayLike
) -> Array:
    r"""Return :math:`(1 - (H_j - H_{min}) / (H_{max} - H_{min})) \sqrt{\sum_i |W_{ij}|}`.

    :math:`H_j` is the entropy over the classes c of
    :math:`p_{cj} \propto \sqrt{\sum_{i \in c} |W_{ij}|}`: columns that speak for one class count
    fully, the one that speaks most evenly for all counts 0 (van der Linden, Haned & Kanoulas,
    2019, "Global aggregations of local explanations for black box models"). Columns without any
    weight have no entropy and stay 0; with equal entropies every factor is 1.

    `row_classes` (n_explained,) is the class of each row.
    """
    members = np.asarray(row_classes) == np.unique(row_classes)[:, np.newaxis]
    roots = np.sqrt((members * _row_weights(weights, sample_weight)) @ np.abs(weights))
    return _homogeneity_factor(roots) * splime(weights, sample_weight)


def frequency(
    weights: Array, sample_weight: ArrayLike | None = None, *, num_features: int | None = None
) -> Array:
    """Return the share of rows with the column among their `num_features` largest weights.

    Weights count by size; those tied with the last one count too, and zeros never do. None takes
    half of the columns (at least one), as scikit-learn's RFE.
    """
    return _row_mean(_among_largest(weights, num_features), sample_weight)


AGGREGATIONS: dict[str, Aggregation] = {
    "mean_abs": mean_abs,
    "rms": rms,
    "median_abs": median_abs,
    "max_abs": max_abs,
    "mean": mean,
    "sum": total,
    "splime": splime,
    "normlime": normlime,
    "homogeneity": homogeneity,
    "frequency": frequency,
}


def bias_corrected_mean_abs(replicates: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{nR} \sum_{ir} \mathrm{sign}(\sum_{s \ne r} b_{sij}) b_{rij}`, >= 0.

    `replicates` (n_replicates, n_explained, n_features) are independent estimates b of the same
    weights. The mean of abs(b) is too large by the noise of b; a sign taken from the other
    replicates is independent of that noise, so that the noise averages out. With one replicate
    it is the plain `mean_abs`.
    """
    return np.maximum(_row_mean(cross_abs(replicates), sample_weight), 0.0)


def bias_corrected_rms(replicates: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{\max(0, \frac{1}{n} \sum_i \mathrm{mean}_{r \ne s} b_{rij} b_{sij})}`.

    Products of two independent estimates have the square of the weight as expectation, without
    their noise. With one replicate it is the plain `rms`.
    """
    return np.sqrt(np.maximum(_row_mean(_cross_square(replicates), sample_weight), 0.0))


BIAS_CORRECTED: dict[str, Aggregation] = {
    "mean_abs": bias_corrected_mean_abs,
    "rms": bias_corrected_rms,
}

# Aggregations that keep the weights' signs.
SIGNED = {"mean", "sum"}


def resolve(
    aggregation: str | Aggregation,
    *,
    row_classes: ArrayLike | None = None,
    num_features: int | None = None,
) -> Aggregation:
    """Return the aggregation as a function of (weights, sample_weight) alone.

    A callable f(weights) is given the rows of weight above 0; where those weights differ it is
    called as f(weights, sample_weight=...).
    """
    if callable(aggregation):
        return lambda weights, sample_weight=None: _call(aggregation, weights, sample_weight)
    options: dict[str, dict[str, Any]] = {
        "homogeneity": {"row_classes": row_classes},
        "frequency": {"num_features": num_features},
    }
    keywords = options.get(aggregation, {})
    return lambda weights, sample_weight=None: AGGREGATIONS[aggregation](
        weights, sample_weight, **keywords
    )


def direction(weights: Array, sample_weight: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return the signed mean weights, and the share of rows with the more common sign.

    A weight of 0 has no sign; the share is 0 for a column of zeros.
    """
    positive = _row_mean((weights > 0).astype(float), sample_weight)
    negative = _row_mean((weights < 0).astype(float), sample_weight)
    return mean(weights, sample_weight), np.maximum(positive, negative)


def noise_floor(replicates: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return the plain `mean_abs` that the noise of the pool alone would show in each column.

    For normal noise it is :math:`\sqrt{2 / \pi}` times its standard deviation, taken from the
    spread over the replicates (n_replicates, n_explained, n_features); NaN with one replicate.
    """
    n_replicates = len(replicates)
    if n_replicates < 2:
        return np.full(replicates.shape[2:], np.nan)
    spread = replicates.std(axis=0, ddof=1) / np.sqrt(n_replicates)
    return np.sqrt(2 / np.pi) / _c4(n_replicates) * _row_mean(spread, sample_weight)


def estimate_importances(
    replicates: Array,
    aggregation: str | Aggregation = "mean_abs",
    *,
    shares: ArrayLike | None = None,
    bias_correction: bool = True,
    sample_weight: ArrayLike | None = None,
    population: float | None = None,
    row_classes: ArrayLike | None = None,
    num_features: int | None = None,
) -> Importances:
    """Return the importances of all columns, with their standard errors.

    Parameters
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
        Independent estimates of the same weights.
    aggregation : str or callable
        A name of ``AGGREGATIONS``, or a function of a weight matrix.
    shares : array-like of shape (n_outputs,), default=None
        What each output's importance counts in the sum over outputs; None: equal parts.
    bias_correction : bool
        Whether to take the noise out of "mean_abs" and "rms"; without effect on others.
    sample_weight : array-like of shape (n_explained,), default=None
    population : float, default=None
        Number of rows (sum of their weights) of the table that the explained ones were drawn
        from; None: of an endless one.
    row_classes, num_features
        Class of each row, for "homogeneity"; length of each list, for "frequency".
    """
    n_outputs = replicates.shape[-1]
    output_shares = np.full(n_outputs, 1 / n_outputs) if shares is None else np.asarray(shares)
    corrected = bias_correction and aggregation in BIAS_CORRECTED
    function = resolve(aggregation, row_classes=row_classes, num_features=num_features)

    def estimate(replicates: Array, sample_weight: ArrayLike | None) -> Array:
        per_output = [
            BIAS_CORRECTED[aggregation](output, sample_weight)
            if corrected
            else function(output.mean(axis=0), sample_weight)
            for output in np.moveaxis(replicates, -1, 0)
        ]
        return output_shares @ np.array(per_output)

    sem, dof = standard_error(estimate, replicates, sample_weight, population)
    return Importances(estimate(replicates, sample_weight), sem, dof)


def standard_error(
    estimate: Aggregation,
    replicates: Array,
    sample_weight: ArrayLike | None = None,
    population: float | None = None,
) -> tuple[Array, Array]:
    """Return the standard error of an estimate, and its degrees of freedom (Welch-Satterthwaite).

    Two errors add: that of the pool (jackknife over replicates) and that of the rows explained
    (jackknife over groups of rows, times sqrt(1 - n / population)). With one replicate the first
    cannot be known and counts as 0.
    """
    parts = [
        _pool_variance(estimate, replicates, sample_weight),
        _row_variance(estimate, replicates, sample_weight, population),
    ]
    variance = sum(part for part, _ in parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        dof = variance**2 / sum(part**2 / dof for part, dof in parts)
    return np.sqrt(variance), np.where(variance > 0, dof, np.inf)


def confint(importances: Importances, level: float = 0.95) -> Array:
    """Return the Student intervals (n_features, 2) of the given level; a size has none below 0."""
    half = student_t.ppf((1 + level) / 2, importances.dof) * importances.sem
    lower, upper = importances.values - half, importances.values + half
    return np.column_stack([np.where(importances.values >= 0, np.maximum(lower, 0), lower), upper])


def _pool_variance(
    estimate: Aggregation, replicates: Array, sample_weight: ArrayLike | None
) -> tuple[Array, float]:
    """Jackknife over replicates: variance and degrees of freedom."""
    n = len(replicates)
    if n < 2:
        return np.zeros(replicates.shape[2]), 1
    left_out = [estimate(np.delete(replicates, r, axis=0), sample_weight) for r in range(n)]
    return (n - 1) * np.var(left_out, axis=0), n - 1


def _row_variance(
    estimate: Aggregation,
    replicates: Array,
    sample_weight: ArrayLike | None,
    population: float | None,
) -> tuple[Array, float]:
    """Jackknife over groups of rows: variance and degrees of freedom."""
    row_weights = _row_weights(replicates[0], sample_weight)
    n_rows = row_weights.sum()
    share = 0.0 if population is None else min(1.0, n_rows / population)
    n_groups = min(N_GROUPS, np.count_nonzero(row_weights))
    if share == 1.0 or n_groups < 2:
        return np.zeros(replicates.shape[2]), 1
    groups = np.arange(len(row_weights)) % n_groups
    left_out = [estimate(replicates, np.where(groups == g, 0, row_weights)) for g in range(n_groups)]
    return (1 - share) * (n_groups - 1) * np.var(left_out, axis=0), n_groups - 1


def _call(function: Aggregation, weights: Array, sample_weight: ArrayLike | None) -> Array:
    """Call a user's function of a weight matrix; rows of weight 0 are absent."""
    row_weights = _row_weights(weights, sample_weight)
    present = row_weights > 0
    if np.ptp(row_weights[present]) == 0:
        return np.asarray(function(weights[present]), dtype=float)
    return np.asarray(function(weights, sample_weight=row_weights), dtype=float)


def _row_weights(weights: Array, sample_weight: ArrayLike | None) -> Array:
    if sample_weight is None:
        return np.ones(len(weights))
    return np.asarray(sample_weight, dtype=float)


def _row_mean(terms: Array, sample_weight: ArrayLike | None) -> Array:
    mean: Array = np.average(terms, axis=0, weights=sample_weight)
    return mean


def _weighted_median(values: Array, row_weights: Array) -> Array:
    """Median over rows; where half of the weight lies on either side, the middle of the two."""
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    cumulated = np.cumsum(row_weights[order], axis=0)
    half = cumulated[-1] / 2
    low, high = np.argmax(cumulated >= half, axis=0), np.argmax(cumulated > half, axis=0)
    columns = np.arange(values.shape[1])
    return (ordered[low, columns] + ordered[high, columns]) / 2


def _normalized_squares(weights: Array) -> Array:
    size = np.abs(weights).sum(axis=1, keepdims=True)
    return np.divide(np.square(weights), size, out=np.zeros_like(weights), where=size > 0)


def _among_largest(weights: Array, num_features: int | None) -> Array:
    sizes = np.abs(weights)
    n_features = sizes.shape[1]
    length = max(1, n_features // 2) if num_features is None else min(num_features, n_features)
    smallest = np.partition(sizes, n_features - length, axis=1)[:, [n_features - length]]
    return ((sizes >= smallest) & (sizes > 0)).astype(float)


def _homogeneity_factor(roots: Array) -> Array:
    """From roots (n_classes, n_features) to 1 for the lowest entropy, 0 for the highest."""
    sums = roots.sum(axis=0)
    shares = np.divide(roots, sums, out=np.ones_like(roots), where=sums > 0)
    entropies = -(shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=0)
    known = entropies[sums > 0]
    if not known.size or np.ptp(known) <= 1e-12:  # equal up to rounding
        return np.ones_like(sums)
    return 1 - np.clip((entropies - known.min()) / np.ptp(known), 0, 1)


def cross_abs(replicates: Array) -> Array:
    """Sizes of the weights (n_explained, n_features), signs taken from the other replicates."""
    if len(replicates) == 1:
        return np.abs(replicates[0])
    signs = np.sign(replicates.sum(axis=0) - replicates)
    return (signs * replicates).mean(axis=0)


def _cross_square(replicates: Array) -> Array:
    """Squares of the weights (n_explained, n_features), as products of different replicates."""
    n = len(replicates)
    if n == 1:
        return np.square(replicates[0])
    return (np.square(replicates.sum(axis=0)) - np.square(replicates).sum(axis=0)) / (n * (n - 1))


def _c4(n: int) -> float:
    """Expected standard deviation of n standard normal values."""
    return float(np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))
