"""Importances with their errors, from the weights of many explanations.

Weights come in independent replicates, (n_replicates, n_explained, n_features, n_outputs): their
spread is the noise of the neighbourhood, and products of two of them are free of it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import t as student_t

from ..exceptions import parameter_error
from .aggregations import (
    SIGNED,
    Aggregation,
    Array,
    divide,
    normalized_squares,
    resolve,
    row_sum,
    row_weights_of,
)

HIDDEN_DOF = 3  # of the error by interactions that were not found
N_GROUPS = 20  # of rows left out one at a time, where an aggregation is no mean over rows

# Weights of a replicate in one block, to save memory. The same on every machine, as sums in another
# order are rounded differently.
_BLOCK = 2**16

# A smaller difference of squares, relative to their size, is rounding.
_ROUNDING = 1e-12

CORRECTED = ("mean_abs", "rms")  # what noise is taken out of
Subset = tuple[int, ...]  # replicates left out

# Of functions of a mean over n rows: the terms of the mean, and the derivative by it.
_MEANS: dict[str | None, tuple[Callable[[Array], Array], Callable[[Array, float], Any]]] = {
    "mean_abs": (np.abs, lambda mean, n: 1),
    "rms": (np.square, lambda mean, n: divide(np.ones_like(mean), 2 * np.sqrt(mean))),
    "mean": (np.positive, lambda mean, n: 1),
    "sum": (np.positive, lambda mean, n: n),
    "splime": (np.abs, lambda mean, n: divide(np.full_like(mean, n), 2 * np.sqrt(n * mean))),
    "normlime": (normalized_squares, lambda mean, n: 1),
}


class Estimate(NamedTuple):
    """Importances with their standard errors, the degrees of freedom of those, and their kind.

    `noise` and `hidden` are the parts of the errors that more samples make smaller: that of the
    neighbourhood, and that of interactions that were not found.
    """

    values: Array
    sem: Array
    dof: Array
    signed: bool = False
    noise: Array | float = 0.0
    hidden: Array | float = 0.0

    def confint(self, level: float = 0.95) -> Array:
        """Student's intervals (n_features, 2) of the given level; no size goes below 0."""
        if not 0 < level < 1:
            raise parameter_error("level", "be a float in the range (0, 1)", level)
        half = student_t.ppf((1 + level) / 2, self.dof) * self.sem
        lower, upper = self.values - half, self.values + half
        return np.column_stack([lower if self.signed else np.maximum(lower, 0), upper])

    def less_known(self, errors: Array) -> Self:
        """The same with an error on top, of few degrees of freedom, by what was not found."""
        sem, dof = standard_error([(self.sem**2, self.dof), (errors**2, HIDDEN_DOF)])
        return self._replace(sem=sem, dof=dof, hidden=errors)

    def unknown(self, columns: NDArray[np.bool_]) -> Self:
        """The same with infinite errors for columns of which nothing is known."""
        sem, dof = np.where(columns, np.inf, self.sem), np.where(columns, 1.0, self.dof)
        return self._replace(sem=sem, dof=dof)

    def told(self) -> NDArray[np.bool_]:
        """Whether the 95 % interval leaves out 0."""
        low, high = self.confint().T
        return (low > 0) | (high < 0)

    def pvalues(self) -> Array:
        """Chance of a value this large if the true one is at most 0; 1 where nothing varies."""
        known = self.sem > 0
        t = np.divide(self.values, self.sem, out=np.zeros_like(self.values), where=known)
        return np.where(known, student_t.sf(t, self.dof), 1.0)


class Values:
    """Values to aggregate, made from replicates of weights block by block to save memory.

    Weights are multiplied by a `factor` (n_explained, n_features), 1 - p for contributions; with
    `coefficients` (n_explained, n_outputs) the outputs of a row are added up to one.
    """

    def __init__(
        self, replicates: Array, factor: Array | None = None, coefficients: Array | None = None
    ) -> None:
        self._replicates, self._factor, self._coefficients = replicates, factor, coefficients
        n_outputs = replicates.shape[3] if coefficients is None else 1
        self.shape = (*replicates.shape[:3], n_outputs)
        self.ndim = 4

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        """Values of some rows, ``values[:, rows]``, or of one replicate, ``values[r]``."""
        replicate, rows = rows if isinstance(rows, tuple) else (rows, slice(None))
        block = self._replicates[replicate, rows]
        if self._coefficients is not None:
            # Output by output: the last bits of a matrix product depend on how many rows there are.
            columns = self._coefficients[rows].T[..., None]
            whole = np.zeros(block.shape[:-1])
            for k, column in enumerate(columns):
                whole += block[..., k] * column
            block = whole[..., None]
        return block if self._factor is None else block * self._factor[rows][..., None]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:, :], dtype=dtype)

    def mean(self) -> Array:
        """Mean over the replicates, (n_explained, n_features, n_outputs)."""
        mean = np.empty(self.shape[1:])
        for rows in _row_blocks(self):
            mean[rows] = self[:, rows].mean(axis=0)
        return mean


Replicates = Array | Values


def free_of_noise(
    replicates: Replicates, name: str = "mean_abs", sample_weight: ArrayLike | None = None
) -> Array:
    r"""Mean sizes over the rows without what noise adds, (1 + n_replicates, n_features, ...).

    From all replicates, and from all but each. `name` is "mean_abs" or "rms". Where all is noise
    they are near 0 on average, and of either sign.

    Notes
    -----
    Noise adds ``a / R`` for R replicates to the square of a root mean square, and to that of a mean
    size of normal contributions; it adds nothing to a mean size where contributions keep their
    signs. Quenouille's jackknife takes such an addition off whatever a is,
    ``R s_R - (R - 1) mean s_{R-1}`` of squares with all and without one of the replicates (M. H.
    Quenouille, "Notes on bias in estimation", 1956). A single replicate tells no noise. Noise of
    heavy tails adds more to a mean size, but to a mean square ``a / R`` whatever its law: so a mean
    size has the sign of that, and is no larger than its root.
    """
    n = len(replicates)
    squares = _squares(replicates, sample_weight, 2)
    free = [_extrapolated(squares, out, n) for out in squares if len(out) < 2]
    return _root(np.array([each[1] if name == "rms" else _bounded(*each) for each in free]))


def cross_abs(
    replicates: Replicates, sample_weight: ArrayLike | None = None, shares: ArrayLike = 1.0
) -> Array:
    """Sizes of the weights (n_explained, n_features) whose mean over rows is without noise.

    That mean is `free_of_noise`, of all outputs by their `shares` if there is an axis of outputs.
    """
    squares = _squares(replicates, sample_weight, 1)
    free = _bounded(*_extrapolated(squares, (), len(replicates)))
    factor = divide(_root(free), np.sqrt(squares[()][0])) * np.asarray(shares)
    sizes = np.empty(replicates.shape[1:3])
    for rows in _row_blocks(replicates):
        block = factor * np.abs(replicates[:, rows].mean(axis=0))
        sizes[rows] = sum(np.moveaxis(np.atleast_3d(block), -1, 0))
    return sizes


def _squares(
    replicates: Replicates, sample_weight: ArrayLike | None, most: int
) -> dict[Subset, Array]:
    """Squares of mean sizes, and mean squares, from all replicates and without up to that many."""
    n, row_weights = len(replicates), row_weights_of(replicates.shape[1], sample_weight)
    subsets = [out for k in range(min(n, most + 1)) for out in combinations(range(n), k)]
    sums = np.zeros((len(subsets), 2, *replicates.shape[2:]))
    for rows in _row_blocks(replicates):
        block = replicates[:, rows]
        everything = block.sum(axis=0)
        for (sizes, squares), out in zip(sums, subsets, strict=True):
            together = everything.copy()
            for r in out:
                together -= block[r]
            sizes += row_sum(np.abs(together, out=together), row_weights[rows])
            squares += row_sum(np.square(together, out=together), row_weights[rows])
    sums /= row_weights.sum()
    sums[:, 0] **= 2
    return {out: both / (n - len(out)) ** 2 for out, both in zip(subsets, sums, strict=True)}


def _extrapolated(squares: dict[Subset, Array], out: Subset, n: int) -> Array:
    """Squares without some of n replicates, as unlimited replicates would have them."""
    m = n - len(out)
    if m == 1:
        return squares[out]
    without = sum(squares[tuple(sorted({*out, r}))] for r in range(n) if r not in out) / m
    free = m * squares[out] - (m - 1) * without
    return np.where(np.abs(free) > _ROUNDING * squares[out], free, 0.0)


def _bounded(size: Array, square: Array) -> Array:
    """The square of a mean size, no larger than the mean square, whose sign it has."""
    return np.copysign(np.minimum(np.abs(size), np.abs(square)), square)


def _root(squares: Array) -> Array:
    """Roots that keep the signs of the squares."""
    return np.sign(squares) * np.sqrt(np.abs(squares))


def noise_floor(
    replicates: Replicates, shares: Array, sample_weight: ArrayLike | None = None
) -> Array:
    r"""Plain `mean_abs` of each column that noise alone would show; NaN with one replicate.

    For normal noise :math:`\sqrt{2 / \pi}` times its standard deviation, taken from the spread over
    the replicates, and summed over outputs by their `shares`.
    """
    n, row_weights = len(replicates), row_weights_of(replicates.shape[1], sample_weight)
    if n < 2:
        return np.full(replicates.shape[2], np.nan)
    spread = sum(
        row_sum(replicates[:, rows].std(axis=0, ddof=1), row_weights[rows])
        for rows in _row_blocks(replicates)
    )
    # The expected standard deviation of n standard normal values is below 1.
    expected = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
    floors: Array = spread / row_weights.sum() * np.sqrt(2 / np.pi / n) / expected
    return floors @ np.asarray(shares)


def estimate_importances(
    replicates: Replicates,
    aggregation: str | Aggregation = "mean_abs",
    *,
    shares: ArrayLike | None = None,
    bias_correction: bool = True,
    sample_weight: ArrayLike | None = None,
    population: float | None = None,
    row_classes: ArrayLike | None = None,
    num_features: int | None = None,
) -> Estimate:
    """Importances of all columns, with their standard errors.

    `shares` (n_outputs,) are what each output's importance counts in the sum, equal parts by
    default; `bias_correction` takes the noise out of "mean_abs" and "rms", which are then at least
    0; `population` is the weight of the rows that the explained ones were drawn from, unlimited by
    default. "homogeneity" needs `row_classes`, "frequency" takes `num_features`.

    The error of the pool is the jackknife over replicates. That of the choice of rows is the
    variance of a mean over them (by the delta method, of a function of it), or else the jackknife
    over groups of rows; it is smaller by ``1 - n / N`` where N rows are all there are.
    """
    name = aggregation if isinstance(aggregation, str) else None
    function = resolve(aggregation, row_classes=row_classes, num_features=num_features)
    corrected = bias_correction and len(replicates) > 1 and name in CORRECTED
    n_outputs = replicates.shape[-1]
    shares = np.full(n_outputs, 1 / n_outputs) if shares is None else np.asarray(shares, float)
    row_weights = row_weights_of(replicates.shape[1], sample_weight)
    if len(list(_row_blocks(replicates))) == 1:  # values so few are made only once
        replicates = np.asarray(replicates)
    if corrected:
        by_output = free_of_noise(replicates, str(name), sample_weight)
    else:
        by_output = _without_each(function, replicates, sample_weight)
    values, *left_out = by_output @ shares
    pool_variance, pool_dof = _jackknife(left_out)
    noise = np.sqrt(pool_variance)
    errors: list[tuple[Array | float, Array | float]] = []
    unseen = 1.0 if population is None else max(0.0, 1 - row_weights.sum() / population)
    if unseen > 0:
        if name in _MEANS:
            variance, dof = _mean_variance(name, replicates, row_weights, shares)
        else:
            variance, dof = _group_variance(function, replicates, row_weights, shares)
        errors.append((unseen * variance, dof))
        if name == "mean":  # noise that is each row's own is in the spread over rows already
            own = _own_variance(replicates, row_weights, shares)
            pool_variance = np.maximum(pool_variance - unseen * own, 0)
    errors.append((pool_variance, pool_dof))
    if corrected:  # as late as possible, so that noise can average out before
        values = np.maximum(values, 0.0)
    signed = name is None or name in SIGNED
    return Estimate(values, *standard_error(errors), signed, noise)


def mean_estimate(parts: list[Estimate]) -> Estimate:
    """Mean of independent estimates."""
    values = np.mean([part.values for part in parts], axis=0)
    errors = [((part.sem / len(parts)) ** 2, part.dof) for part in parts]
    noise, hidden = (
        np.sqrt(sum(np.square(part) for part in each)) / len(parts)
        for each in ([part.noise for part in parts], [part.hidden for part in parts])
    )
    return Estimate(values, *standard_error(errors), parts[0].signed, noise, hidden)


def standard_error(errors: Sequence[tuple[Array | float, Array | float]]) -> tuple[Array, Array]:
    """Standard error and degrees of freedom, from variances and theirs of independent parts.

    Degrees of freedom add by the formula of Welch and Satterthwaite.
    """
    variance = np.asarray(sum(part for part, _ in errors))
    scale = np.where(variance > 0, variance, 1)  # relative to it, no square is too small
    inverse_dof = np.asarray(sum((part / scale) ** 2 / dof for part, dof in errors))
    dof = np.divide(1, inverse_dof, out=np.full_like(variance, np.inf), where=variance > 0)
    return np.sqrt(variance), dof


def _without_each(
    function: Aggregation, replicates: Replicates, sample_weight: ArrayLike | None
) -> Array:
    """Aggregated mean replicate (subsets, n_features, n_outputs): of all, then without each."""
    n = len(replicates)
    outputs = []
    for output in np.moveaxis(np.asarray(replicates), -1, 0):
        everything = output.sum(axis=0)
        left = [everything - replicate for replicate in output] if n > 1 else []
        means = [everything / n, *(together / (n - 1) for together in left)]
        outputs.append([function(mean, sample_weight) for mean in means])
    return np.moveaxis(np.array(outputs), 0, -1)


def _jackknife(left_out: list[Array]) -> tuple[Array | float, float]:
    """Variance of an estimate and its degrees of freedom, from it without each part."""
    n = len(left_out)
    return ((n - 1) * np.var(left_out, axis=0), n - 1) if n > 1 else (0.0, 1)


def _mean_variance(
    name: str | None, replicates: Replicates, row_weights: Array, shares: Array
) -> tuple[Array | float, float]:
    """Variance of a function of a mean over rows (delta method), and degrees of freedom."""
    (term, slope), n_rows = _MEANS[name], row_weights.sum()
    if n_rows <= 1:
        return 0.0, 1
    mean, spread = np.zeros(replicates.shape[2:]), np.zeros(replicates.shape[2])
    for rows in _row_blocks(replicates):
        mean += row_sum(term(replicates[:, rows].mean(axis=0)), row_weights[rows]) / n_rows
    slopes = slope(mean, n_rows) * shares
    for rows in _row_blocks(replicates):
        deviation = ((term(replicates[:, rows].mean(axis=0)) - mean) * slopes).sum(axis=-1)
        spread += row_sum(np.square(deviation), row_weights[rows]) / n_rows
    return spread / (n_rows - 1), n_rows - 1


def _own_variance(replicates: Replicates, row_weights: Array, shares: Array) -> Array | float:
    """Variance of a mean over rows, were the noise of each row independent of the others'."""
    n, variance = len(replicates), np.zeros(replicates.shape[2])
    for rows in _row_blocks(replicates) if n > 1 else ():
        noise = np.var(replicates[:, rows] @ shares, axis=0, ddof=1) / n
        variance += row_sum(noise, row_weights[rows])
    return variance / row_weights.sum() ** 2


def _group_variance(
    function: Aggregation, replicates: Replicates, row_weights: Array, shares: Array
) -> tuple[Array | float, float]:
    """Jackknife over groups of rows: variance and degrees of freedom."""
    present = np.flatnonzero(row_weights)
    # Random groups, but the same ones for the same rows in another order: one fixed shuffle of
    # the rows in the order of their sizes.
    weights = np.asarray(replicates).mean(axis=0)
    sizes = np.abs(weights).sum(axis=(1, 2))[present]
    groups = np.empty(len(row_weights), dtype=int)
    n_groups = min(N_GROUPS, len(present))
    shuffled = np.random.default_rng(0).permutation(len(present))
    groups[present[np.argsort(sizes, kind="stable")]] = shuffled % n_groups
    outputs = np.moveaxis(weights, -1, 0)
    return _jackknife(
        [
            shares @ [function(output, kept * row_weights) for output in outputs]
            for kept in groups != np.arange(n_groups)[:, None]
            if kept[present].any()
        ]
    )


def _row_blocks(replicates: Replicates) -> Iterator[slice]:
    """Blocks of the rows of replicates (n_replicates, n_explained, ...)."""
    n_rows, size = replicates.shape[1], max(1, _BLOCK // int(np.prod(replicates.shape[2:])))
    return (slice(start, start + size) for start in range(0, n_rows, size))
