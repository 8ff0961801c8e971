"""From the weights of many explanations to one importance for each column, and its error.

Every aggregation is a pure function ``f(weights, sample_weight=None) -> importances`` of a signed
weight matrix of shape (n_explained, n_features); ``AGGREGATIONS`` names them. Two of them take one
keyword more: ``homogeneity`` (row_classes) and ``frequency`` (num_features). In all of them a row
of weight 2 counts as the row twice, and a row of weight 0 as absent.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import t as student_t

Array = NDArray[np.float64]
Aggregation = Callable[..., Array]

N_GROUPS = 20  # of rows left out one at a time, where an aggregation is no mean over rows

# Weights of a replicate that are worked on together, so that what is made of them is small. The
# same on every machine, as sums in another order are rounded differently.
_BLOCK = 2**16


class Importances(NamedTuple):
    """Importances with their standard errors, the degrees of freedom of those, and their kind."""

    values: Array
    sem: Array
    dof: Array
    signed: bool = False


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
    return np.asarray(np.abs(weights[present]).max(axis=0))


def mean(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\frac{1}{n} \sum_i W_{ij}`, signed: a direction, since signs cancel."""
    return _row_mean(weights, sample_weight)


def total(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sum_i W_{ij}`, signed; named "sum" in ``AGGREGATIONS``."""
    return _row_sum(weights, sample_weight)


def splime(weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{\sum_i |W_{ij}|}`, the importance behind submodular pick.

    Ribeiro, Singh & Guestrin (2016), "Why should I trust you?", section 4.
    """
    return np.sqrt(_row_sum(np.abs(weights), sample_weight))


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


def bias_corrected_mean_abs(
    replicates: Array, sample_weight: ArrayLike | None = None, *, jackknife: bool = False
) -> Array:
    r"""Return the `mean_abs` of the mean replicate, times the `signal_share` of each column.

    `replicates` (n_replicates, n_explained, n_features) are independent estimates of the same
    weights. The plain mean of sizes is too large by their noise; this one is near 0 on average,
    and as often below it as above, where all is noise. With one replicate it is the plain one.

    With `jackknife` there is an axis before the others: all replicates, then without each of them.
    """
    sums = _sums(replicates, sample_weight, jackknife)
    values = sums.signal_share * sums.sizes / sums.n_rows
    return values if jackknife else values[0]


def bias_corrected_rms(
    replicates: Array, sample_weight: ArrayLike | None = None, *, jackknife: bool = False
) -> Array:
    r"""Return :math:`\sqrt{D_j}`, or :math:`-\sqrt{-D_j}` where :math:`D_j < 0`.

    :math:`D_j = \frac{1}{n} \sum_i \mathrm{mean}_{r \ne s} b_{rij} b_{sij}`: the product of two
    independent estimates of a weight has its square as expectation, without any noise. With one
    replicate it is the plain `rms`. `jackknife` as in `bias_corrected_mean_abs`.
    """
    sums = _sums(replicates, sample_weight, jackknife)
    values = sums.signal_share * np.sqrt(sums.squares / sums.n_rows)
    return values if jackknife else values[0]


BIAS_CORRECTED: dict[str, Aggregation] = {
    "mean_abs": bias_corrected_mean_abs,
    "rms": bias_corrected_rms,
}

# Aggregations that keep the weights' signs.
SIGNED = {"mean", "sum"}


def signal_share(replicates: Array, sample_weight: ArrayLike | None = None) -> Array:
    r"""Return :math:`\sqrt{D_j / T_j}`, the part of each column's `rms` that is not noise.

    :math:`T_j` is the mean square of the weights (their mean over replicates), :math:`D_j` the
    same without noise (see `bias_corrected_rms`). Negative where :math:`D_j` is; 1 with one
    replicate, of which the noise cannot be known.
    """
    return _sums(replicates, sample_weight).signal_share[0]


def cross_abs(
    replicates: Array, sample_weight: ArrayLike | None = None, shares: ArrayLike = 1.0
) -> Array:
    """Return sizes of the weights (n_explained, n_features) whose mean over rows has no bias.

    That mean is `bias_corrected_mean_abs`, of all outputs by their `shares` if there is an axis of
    outputs.
    """
    factor = signal_share(replicates, sample_weight) * np.asarray(shares)
    sizes = np.empty(replicates.shape[1:3])
    for rows in _row_blocks(replicates):
        block = factor * np.abs(replicates[:, rows].mean(axis=0))
        sizes[rows] = sum(np.moveaxis(np.atleast_3d(block), -1, 0))
    return sizes


class _Sums(NamedTuple):
    """Sums over rows of the mean replicate, with the axes (subsets, n_features, ...).

    The first subset is all replicates, the others are all but one.
    """

    n_rows: float
    sizes: Array
    squares: Array
    products: Array  # of different replicates, on average: the squares without noise

    @property
    def signal_share(self) -> Array:
        share = _divide(self.products, self.squares)
        return np.sign(share) * np.sqrt(np.abs(share))


def _sums(
    replicates: Array, sample_weight: ArrayLike | None = None, jackknife: bool = False
) -> _Sums:
    """Sums from all replicates, and with `jackknife` from all but each one too."""
    n_replicates = len(replicates)
    n_subsets = 1 + n_replicates * (jackknife and n_replicates > 1)
    row_weights = _row_weights(replicates[0], sample_weight)
    sizes, squares = np.zeros((2, n_subsets, *replicates.shape[2:]))
    own_squares = np.zeros((n_replicates, *replicates.shape[2:]))
    for rows in _row_blocks(replicates):
        block, weights = replicates[:, rows], row_weights[rows]
        everything = block.sum(axis=0)
        for s in range(n_subsets):
            together = everything - block[s - 1] if s else everything
            sizes[s] += _row_sum(np.abs(together), weights)
            squares[s] += _row_sum(np.square(together), weights)
        for own_square, replicate in zip(own_squares, block, strict=True):
            own_square += _row_sum(np.square(replicate), weights)
    without = np.concatenate([np.zeros_like(own_squares[:1]), own_squares])[:n_subsets]
    n = np.full((n_subsets, *[1] * (replicates.ndim - 2)), n_replicates)
    n[1:] -= 1
    products = (squares - own_squares.sum(axis=0) + without) / np.maximum(n * (n - 1), 1)
    products = np.where(n > 1, products, squares)
    return _Sums(row_weights.sum(), sizes / n, squares / n**2, products)


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


def noise_floor(
    replicates: Array, shares: ArrayLike | None = None, sample_weight: ArrayLike | None = None
) -> Array:
    r"""Return the plain `mean_abs` that the noise of the pool alone would show in each column.

    For normal noise it is :math:`\sqrt{2 / \pi}` times its standard deviation, taken from the
    spread over the replicates (n_replicates, n_explained, n_features, n_outputs), and summed over
    outputs by their `shares` as in `estimate_importances`. NaN with one replicate.
    """
    n = len(replicates)
    if n < 2:
        return np.full(replicates.shape[2], np.nan)
    row_weights = _row_weights(replicates[0], sample_weight)
    spread = sum(
        _row_sum(replicates[:, rows].std(axis=0, ddof=1), row_weights[rows])
        for rows in _row_blocks(replicates)
    )
    deviation = spread / row_weights.sum() / np.sqrt(n) / _expected_deviation(n)
    floors: Array = np.sqrt(2 / np.pi) * deviation
    return floors @ _output_shares(replicates, shares)


def submodular_pick(weights: Array, n: int) -> NDArray[np.intp]:
    r"""Return the positions of `n` rows that cover the important columns, chosen greedily.

    Maximises :math:`\sum_j 1[\text{some picked row has } W_{ij} \ne 0] \sqrt{\sum_i |W_{ij}|}`,
    which greedy choice reaches to 1 - 1/e (Ribeiro, Singh & Guestrin, 2016, algorithm 2). Of rows
    that add equally much, the one with the larger weights is picked.
    """
    importance = splime(weights)
    shows = weights != 0
    size = np.abs(weights).sum(axis=1)
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
        Weights of the rows explained.
    population : float, default=None
        Number of rows (sum of their weights) of the table that the explained ones were drawn
        from; None: of an endless one.
    row_classes, num_features
        Class of each row, for "homogeneity"; length of each list, for "frequency".

    Returns
    -------
    Importances
        Of shape (n_features,) each. Bias-corrected values below 0 are 0.
    """
    name = aggregation if isinstance(aggregation, str) else None
    function = resolve(aggregation, row_classes=row_classes, num_features=num_features)
    corrected = BIAS_CORRECTED.get(str(name)) if bias_correction and len(replicates) > 1 else None
    output_shares = _output_shares(replicates, shares)
    row_weights = _row_weights(replicates[0], sample_weight)
    if corrected is None:
        by_output = _jackknife(function, replicates, sample_weight)
    else:
        by_output = corrected(replicates, sample_weight, jackknife=True)
    values, *left_out = by_output @ output_shares
    errors = [_pool_variance(left_out)]
    unseen = 1.0 if population is None else max(0.0, 1 - row_weights.sum() / population)
    if unseen > 0:
        if name in _TERMS:
            variance, dof = _mean_variance(str(name), replicates, row_weights, output_shares)
        else:
            variance, dof = _group_variance(function, replicates, row_weights, output_shares)
        errors.append((unseen * variance, dof))
    if corrected is not None:  # as late as possible, so that noise can average out before
        values = np.maximum(values, 0.0)
    return Importances(values, *standard_error(errors), signed=name is None or name in SIGNED)


def standard_error(errors: list[tuple[Array | float, float]]) -> tuple[Array, Array]:
    r"""Return the standard error of an estimate, and its degrees of freedom.

    `errors` are independent: the variance of each and its degrees of freedom. That of the pool is
    the jackknife over replicates,
    :math:`\frac{R-1}{R} \sum_r (\hat\theta_{-r} - \bar\theta)^2`; with one replicate it cannot
    be known and counts as 0. That of the rows explained is the variance of a mean over them (by
    the delta method, of a function of it), or the jackknife over groups of rows where the
    aggregation is none. It is smaller by :math:`1 - n / N` where N rows are all there are. A row of
    weight 2 counts as two rows. Degrees of freedom add by Welch's and Satterthwaite's formula.
    """
    variance = np.asarray(sum(part for part, _ in errors))
    scale = np.where(variance > 0, variance, 1)  # relative to it, no square is too small
    inverse_dof = np.asarray(sum((part / scale) ** 2 / dof for part, dof in errors))
    dof = np.divide(1, inverse_dof, out=np.full_like(variance, np.inf), where=variance > 0)
    return np.sqrt(variance), dof


def confint(importances: Importances, level: float = 0.95) -> Array:
    """Return Student's intervals (n_features, 2) of the given level; no size goes below 0."""
    half = student_t.ppf((1 + level) / 2, importances.dof) * importances.sem
    lower, upper = importances.values - half, importances.values + half
    return np.column_stack([lower if importances.signed else np.maximum(lower, 0), upper])


def _jackknife(function: Aggregation, replicates: Array, sample_weight: ArrayLike | None) -> Array:
    """Aggregated mean replicate (subsets, n_features, n_outputs): of all, then without each."""
    n = len(replicates)
    outputs = []
    for output in np.moveaxis(replicates, -1, 0):
        everything = output.sum(axis=0)
        left = [everything - replicate for replicate in output] if n > 1 else []
        means = [everything / n, *(together / (n - 1) for together in left)]
        outputs.append([function(mean, sample_weight) for mean in means])
    return np.moveaxis(np.array(outputs), 0, -1)


def _pool_variance(left_out: list[Array]) -> tuple[Array | float, float]:
    """Jackknife over replicates: variance and degrees of freedom."""
    n = len(left_out)
    return ((n - 1) * np.var(left_out, axis=0), n - 1) if n > 1 else (0.0, 1)


def _mean_variance(
    name: str, replicates: Array, row_weights: Array, output_shares: Array
) -> tuple[Array | float, float]:
    """Variance of a function of a mean over rows (delta method), and degrees of freedom."""
    term, n_rows = _TERMS[name], row_weights.sum()
    if n_rows <= 1:
        return 0.0, 1
    mean, spread = np.zeros(replicates.shape[2:]), np.zeros(replicates.shape[2])
    for rows in _row_blocks(replicates):
        mean += _row_sum(term(replicates[:, rows].mean(axis=0)), row_weights[rows]) / n_rows
    slopes = _slope(name, mean, n_rows) * output_shares
    for rows in _row_blocks(replicates):
        deviation = ((term(replicates[:, rows].mean(axis=0)) - mean) * slopes).sum(axis=-1)
        spread += _row_sum(np.square(deviation), row_weights[rows]) / n_rows
    return spread / (n_rows - 1), n_rows - 1


def _slope(name: str, mean: Array, n_rows: float) -> Array:
    """Derivative of an aggregation by the mean over rows of its `_TERMS`."""
    if name == "rms":
        return _divide(np.ones_like(mean), 2 * np.sqrt(mean))
    if name == "splime":
        return _divide(np.full_like(mean, n_rows), 2 * np.sqrt(n_rows * mean))
    return np.full_like(mean, n_rows if name == "sum" else 1)


def _group_variance(
    function: Aggregation, replicates: Array, row_weights: Array, output_shares: Array
) -> tuple[Array | float, float]:
    """Jackknife over groups of rows: variance and degrees of freedom."""
    present = np.flatnonzero(row_weights)
    n_groups = min(N_GROUPS, len(present))
    if n_groups < 2:
        return 0.0, 1
    # Random groups, but the same ones for the same rows in another order: one fixed shuffle of
    # the rows in the order of their sizes.
    weights = replicates.mean(axis=0)
    sizes = np.abs(weights).sum(axis=(1, 2))[present]
    groups = np.empty(len(row_weights), dtype=int)
    shuffled = np.random.default_rng(0).permutation(len(present))
    groups[present[np.argsort(sizes, kind="stable")]] = shuffled % n_groups
    outputs = np.moveaxis(weights, -1, 0)
    left_out = [
        output_shares @ [function(output, kept * row_weights) for output in outputs]
        for kept in groups != np.arange(n_groups)[:, None]
    ]
    return (n_groups - 1) * np.var(left_out, axis=0), n_groups - 1


def _row_blocks(replicates: Array) -> Iterator[slice]:
    """Blocks of the rows of replicates (n_replicates, n_explained, ...)."""
    n_rows, size = replicates.shape[1], max(1, _BLOCK // int(np.prod(replicates.shape[2:])))
    return (slice(start, start + size) for start in range(0, n_rows, size))


def _output_shares(replicates: Array, shares: ArrayLike | None) -> Array:
    n_outputs = replicates.shape[-1]
    return np.full(n_outputs, 1 / n_outputs) if shares is None else np.asarray(shares, dtype=float)


def _call(function: Aggregation, weights: Array, sample_weight: ArrayLike | None = None) -> Array:
    """Call a user's function of a weight matrix; rows of weight 0 are absent."""
    row_weights = _row_weights(weights, sample_weight)
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


def _row_weights(weights: Array, sample_weight: ArrayLike | None) -> Array:
    if sample_weight is None:
        return np.ones(len(weights))
    return np.asarray(sample_weight, dtype=float)


def _row_mean(terms: Array, sample_weight: ArrayLike | None) -> Array:
    row_weights = _row_weights(terms, sample_weight)
    return np.asarray(_row_sum(terms, row_weights) / row_weights.sum())


def _row_sum(terms: Array, sample_weight: ArrayLike | None) -> Array:
    return np.tensordot(_row_weights(terms, sample_weight), terms, 1)


def _weighted_median(values: Array, row_weights: Array) -> Array:
    """Median over rows; where half of the weight lies on either side, the middle of the two."""
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    cumulated = np.cumsum(row_weights[order], axis=0)
    half = cumulated[-1] / 2
    low = np.argmax(cumulated >= half * (1 - 1e-12), axis=0)  # equal up to rounding
    high = np.argmax(cumulated > half * (1 + 1e-12), axis=0)
    columns = np.arange(values.shape[1])
    return np.asarray((ordered[low, columns] + ordered[high, columns]) / 2)


def _normalized_squares(weights: Array) -> Array:
    return _divide(np.square(weights), np.abs(weights).sum(axis=1, keepdims=True))


# Aggregations that are functions of a mean over rows, of these terms.
_TERMS: dict[str | None, Callable[[Array], Array]] = {
    "mean_abs": np.abs,
    "rms": np.square,
    "mean": np.positive,
    "sum": np.positive,
    "splime": np.abs,
    "normlime": _normalized_squares,
}


def _divide(values: Array, sizes: Array) -> Array:
    """Quotient; 0 where the divisor, a sum of sizes, is 0."""
    return np.divide(values, sizes, out=np.zeros_like(values), where=sizes > 0)


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
    return np.asarray(1 - np.clip((entropies - known.min()) / np.ptp(known), 0, 1))


def _expected_deviation(n: int) -> float:
    """Expected standard deviation of n standard normal values."""
    return float(np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))
