"""From a matrix of weights to one importance for each column.

Every aggregation is a pure function ``f(weights, sample_weight=None) -> importances`` of signed
weights (n_explained, n_features); ``AGGREGATIONS`` names them. A row of weight 2 counts as the row
twice, and a row of weight 0 as absent.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

Array = NDArray[np.float64]
Aggregation = Callable[..., Array]


def mean_abs(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i |W_{ij}|`, as the bars of SHAP."""
    return _row_mean(np.abs(weights), sample_weight)


def rms(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{\frac{1}{n} \sum_i W_{ij}^2}`, as Sobol's index of the first order."""
    return np.sqrt(_row_mean(np.square(weights), sample_weight))


def median_abs(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\mathrm{median}_i |W_{ij}|`: what a typical row shows, whatever a few do."""
    sizes, by = np.abs(weights), row_weights_of(len(weights), sample_weight)
    # The middle of the two where half of the weight lies on either side.
    low, high = (
        sign * np.quantile(sign * sizes, 0.5, axis=0, method="inverted_cdf", weights=by)
        for sign in (1, -1)
    )
    return np.asarray((low + high) / 2)


def max_abs(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\max_i |W_{ij}|`: the worst case over the rows."""
    present = row_weights_of(len(weights), sample_weight) > 0
    return np.asarray(np.abs(weights[present]).max(axis=0))


def mean(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i W_{ij}`, signed: a direction, since signs cancel."""
    return _row_mean(weights, sample_weight)


def total(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sum_i W_{ij}`, signed; named "sum" in ``AGGREGATIONS``."""
    return row_sum(weights, sample_weight)


def splime(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{\sum_i |W_{ij}|}`, the importance behind lime's submodular pick."""
    return np.sqrt(row_sum(np.abs(weights), sample_weight))


def normlime(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i W_{ij}^2 / \sum_k |W_{ik}|`.

    Each weight counts by its share of its row (Ahern et al., 2019, "NormLIME"); a row without any
    weight adds 0.
    """
    return _row_mean(normalized_squares(weights), sample_weight)


def homogeneity(
    weights: Array, sample_weight: ArrayLike | None = None, *, row_classes: ArrayLike
) -> Array:
    r"""Return :math:`(1 - (H_j - H_{min}) / (H_{max} - H_{min})) \sqrt{\sum_i |W_{ij}|}`.

    :math:`H_j` is the entropy over the classes c (`row_classes`) of
    :math:`p_{cj} \propto \sqrt{\sum_{i \in c} |W_{ij}|}`: columns of one class count fully, the
    one most even over all counts 0 (van der Linden, Haned & Kanoulas, 2019, "Global aggregations
    of local explanations for black box models"). With equal entropies every factor is 1.
    """
    members = np.asarray(row_classes) == np.unique(row_classes)[:, np.newaxis]
    roots = np.sqrt((members * row_weights_of(len(weights), sample_weight)) @ np.abs(weights))
    return _homogeneity_factor(roots) * splime(weights, sample_weight)


def frequency(
    weights: Array, sample_weight: ArrayLike | None = None, *, num_features: int | None = None
) -> Array:
    """Return the share of rows with the column among their `num_features` largest weights.

    Weights count by size; those tied with the last one count too, and zeros never do. None takes
    half of the columns (at least one), as scikit-learn's RFE.
    """
    sizes, n_features = np.abs(weights), weights.shape[1]
    length = max(1, n_features // 2) if num_features is None else min(num_features, n_features)
    smallest = np.partition(sizes, n_features - length, axis=1)[:, [n_features - length]]
    return _row_mean(((sizes >= smallest) & (sizes > 0)).astype(float), sample_weight)


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


SIGNED = {"mean", "sum"}


def resolve(
    aggregation: str | Aggregation,
    *,
    row_classes: ArrayLike | None = None,
    num_features: int | None = None,
) -> Aggregation:
    """Return the aggregation as a function of (weights, sample_weight) alone."""
    if not isinstance(aggregation, str):
        return partial(_call, aggregation)
    if aggregation == "homogeneity":
        if row_classes is None:
            raise ValueError("The aggregation 'homogeneity' is for classifiers only.")
        return partial(homogeneity, row_classes=row_classes)
    if aggregation == "frequency":
        return partial(frequency, num_features=num_features)
    return AGGREGATIONS[aggregation]


def direction(weights: Array, sample_weight: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return the signed mean weights, and the share of rows with the more common sign.

    A weight of 0 has no sign; the share is 0 for a column of zeros.
    """
    positive = _row_mean((weights > 0).astype(float), sample_weight)
    negative = _row_mean((weights < 0).astype(float), sample_weight)
    return mean(weights, sample_weight), np.maximum(positive, negative)


def submodular_pick(weights: Array, n: int) -> NDArray[np.intp]:
    """Return the positions of `n` rows that cover the important columns, chosen greedily."""
    importance, shows, size = splime(weights), weights != 0, np.abs(weights).sum(axis=1)
    covered = np.zeros(weights.shape[1], dtype=bool)
    left = np.arange(len(weights))
    picked = []
    for _ in range(min(n, len(weights))):
        gain = (shows[left] & ~covered) @ importance
        best = left[np.lexsort((size[left], gain))[-1]]
        covered |= shows[best]
        left = left[left != best]
        picked.append(best)
    return np.array(picked, dtype=np.intp)


def _call(function: Aggregation, weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    """Call a user's f(weights), or f(weights, sample_weight=...) of rows that count unlike."""
    row_weights = row_weights_of(len(weights), sample_weight)
    present = row_weights > 0
    if np.ptp(row_weights[present]) == 0:
        importances = np.asarray(function(weights[present]), dtype=float)
    else:
        importances = np.asarray(function(weights, sample_weight=row_weights), dtype=float)
    if importances.shape != weights.shape[1:]:
        raise ValueError(
            f"An aggregation must return an array of shape {weights.shape[1:]}. "
            f"Got shape {importances.shape} instead."
        )
    if not np.isfinite(importances).all():
        raise ValueError(f"An aggregation must return finite numbers. Got {importances} instead.")
    return importances


def row_weights_of(n_rows: int, sample_weight: ArrayLike | None) -> Array:
    return np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, dtype=float)


def _row_mean(terms: Array, sample_weight: ArrayLike | None) -> Array:
    row_weights = row_weights_of(len(terms), sample_weight)
    return np.asarray(row_sum(terms, row_weights) / row_weights.sum())


def row_sum(terms: Array, sample_weight: ArrayLike | None) -> Array:
    return np.tensordot(row_weights_of(len(terms), sample_weight), terms, 1)


def normalized_squares(weights: Array) -> Array:
    return divide(np.square(weights), np.abs(weights).sum(axis=1, keepdims=True))


def divide(values: Array, sizes: Array) -> Array:
    """Quotient; 0 where the divisor, a sum of sizes, is 0."""
    return np.divide(values, sizes, out=np.zeros_like(values), where=sizes > 0)


def _homogeneity_factor(roots: Array) -> Array:
    """From roots (n_classes, n_features) to 1 for the lowest entropy, 0 for the highest."""
    sums = roots.sum(axis=0)
    shares = np.divide(roots, sums, out=np.ones_like(roots), where=sums > 0)
    entropies = entr(shares).sum(axis=0)
    known = entropies[sums > 0]
    if not known.size or np.ptp(known) <= 1e-12:  # equal up to rounding
        return np.ones_like(sums)
    return np.asarray(1 - np.clip((entropies - known.min()) / np.ptp(known), 0, 1))
