"""LIME weights of many rows at once, in closed form, from one pool of perturbed rows.

The kernel is a product over columns and the pool's columns are independent. Under the
kernel-weighted law the indicators z_j ("column j is in the instance's own bin") are then
independent too, and the weighted least-squares problem that LIME solves for a row falls apart into
one problem for each column::

    beta_j = E_w[f | z_j = 1] - E_w[f | z_j = 0] = Cov_w(f, z_j) / (q_j (1 - q_j))

with q_j the chance of the own bin under the kernel. It is the limit of many samples that Garreau
and von Luxburg derive for tabular LIME [1]_.

Every sum below is exact. Kernel weights and responses are rounded, once, to so few bits that
their products, summed over the pool, are integers that a float64 holds. So the order in which a
matrix product adds, and with it the chunk, the number of threads and the other rows explained,
changes nothing, not even the last bit. What the rounding costs is a thousandth of the Monte-Carlo
error or less.

References
----------
.. [1] D. Garreau and U. von Luxburg, "Looking Deeper into Tabular LIME", 2020, arXiv:2008.11092.
.. [2] M. B. Giles, "Multilevel Monte Carlo Methods", Acta Numerica 24, 2015.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import gen_batches

from .._memory import Store
from .._neighborhood.sampler import Bins, effective_sample_size, own_bin_odds

# A float64 holds integers of up to 53 bits. The sum over the pool's rows takes some; the kernel
# weights and the responses share the others.
_EXACT_BITS = 53

# The share of the pool's rows that is given kernel weights is this many times the share that the
# kernel makes useless. The weights' error is then at most a tenth above that of weighing all rows.
_NEAR = 32

# Cells of a row's neighbourhood that are multiplied at once. Whatever the working memory, as the
# last bits of a matrix product depend on its shape.
_BLOCK_CELLS = 2**20

# Intermediate arrays larger than this, in bytes, would only leave the processor's cache.
_MOST_MEMORY = 2.0**25

# A replicate's one-hot code is made once if it is not larger than this, in bytes.
_MOST_KEPT = 2**21


@dataclass(frozen=True)
class Pool:
    """Perturbed rows as a surrogate sees them.

    Attributes
    ----------
    codes : ndarray of shape (n_replicates, n_rows, n_features)
        Bin numbers.
    response : ndarray of shape (n_replicates, n_rows, n_outputs)
        What the model answers for the rows.
    """

    codes: NDArray[np.unsignedinteger]
    response: NDArray[np.float64]

    def extended(self, more: "Pool") -> "Pool":
        """The pool with more rows in each replicate."""
        n_replicates, n_rows, n_features = self.codes.shape
        shape = n_features, n_replicates, n_rows + more.codes.shape[1]
        # The codes of a column side by side, as they are drawn and summed.
        codes = Store().empty(shape, self.codes.dtype).transpose(1, 2, 0)
        codes[:, :n_rows], codes[:, n_rows:] = self.codes, more.codes
        return Pool(codes, np.concatenate([self.response, more.response], axis=1))


@dataclass(frozen=True)
class Surrogates:
    """Linear models of many rows.

    Attributes
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
        Weights, from each independent replicate of the neighbourhood.
    intercepts : ndarray of shape (n_explained, n_outputs)
    scores : ndarray of shape (n_explained, n_outputs)
        Weighted R^2; NaN where the response does not vary.
    main_shares : ndarray of shape (n_explained, n_outputs)
        What each row shows of the share of main effects in the variance of the response; the mean
        over rows is that share. NaN where the response does not vary.
    """

    replicates: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    scores: NDArray[np.float64]
    main_shares: NDArray[np.float64]

    def rows(self, rows: slice) -> "Surrogates":
        """Views of the surrogates of some rows."""
        return Surrogates(
            self.replicates[:, rows],
            self.intercepts[rows],
            self.scores[rows],
            self.main_shares[rows],
        )

    @classmethod
    def joined(
        cls, parts: Iterable["Surrogates"], shape: tuple[int, int, int, int]
    ) -> "Surrogates":
        """Surrogates of some rows followed by those of others; `shape` is that of all replicates.

        A part is copied before the next one is asked for.
        """
        _, n_explained, _, n_outputs = shape
        whole = cls(np.empty(shape), *np.empty((3, n_explained, n_outputs)))
        start = 0
        for part in parts:
            if len(part.scores) == n_explained:
                return part
            place = whole.rows(slice(start, start + len(part.scores)))
            for field in fields(cls):
                getattr(place, field.name)[...] = getattr(part, field.name)
            start += len(part.scores)
        return whole


def closed_form(
    pool: Pool, bins: Bins, kernel_width: float, memory: float, codes: NDArray[np.unsignedinteger]
) -> Surrogates:
    """LIME weights of every row of `codes` from one pool.

    Parameters
    ----------
    pool : Pool
    bins : Bins
    kernel_width : float
    memory : float
        Bytes to use beyond the input and the result. Changes no number.
    codes : ndarray of shape (n_explained, n_features)
        Bin numbers of the rows explained.

    Returns
    -------
    Surrogates

    Notes
    -----
    With f centred by its mean over the pool, a replicate's sums are ``A = sum w``,
    ``T = sum w f`` and ``S_j = sum w f z_j``, and ``beta_j = (S_j - q_j T) / (A q_j (1 - q_j))``.
    The share of z_j = 1 is the known q_j rather than the replicate's own ``sum w z_j / A``: under
    Sobol' rows both have the same error, and the known one saves a third of the work.

    Kernel weights are nearly all of the work, and a nearly flat kernel changes little. So there
    are two levels, as in multilevel Monte Carlo [2]_: the weights of a flat kernel from all rows of
    the pool, which the explained rows in a bin have in common, plus what the kernel changes in
    the first :func:`near_rows` of them.
    """
    levels = _TwoLevels(pool, bins, kernel_width)
    chunk = max(1, int(min(memory, _MOST_MEMORY) / 2 / levels.row_bytes))
    chunks = (codes[start : start + chunk] for start in range(0, len(codes), chunk))
    shape = (len(pool.codes), *codes.shape, pool.response.shape[2])
    return Surrogates.joined(map(levels.explain, chunks), shape)


def near_rows(bins: Bins, kernel_width: float, n_rows: int) -> int:
    """Rows of a replicate that are enough to tell what the kernel changes.

    It changes a weight by ``sqrt(1 / ESS - 1)`` of the response, roughly, with ESS the share of
    rows that the kernel leaves effective. So few rows will do where ESS is near 1. The number of
    rows is halved only, as Sobol' rows are best by powers of two.
    """
    effective = effective_sample_size(bins, kernel_width)
    near = n_rows
    while near % 2 == 0 and near / 2 * effective >= _NEAR * (1 - effective) * n_rows:
        near //= 2
    return near


class _TwoLevels:
    """A pool made ready for :func:`closed_form`.

    Parameters
    ----------
    pool : Pool
    bins : Bins
    kernel_width : float
    """

    def __init__(self, pool: Pool, bins: Bins, kernel_width: float) -> None:
        n_replicates, n_rows, n_outputs = pool.response.shape
        self._bins = bins
        self._own = np.append(bins.probabilities, 0.0)
        self._width = kernel_width
        self._center = pool.response.mean(axis=(0, 1))
        self._scale = _scale(pool.response - self._center, self._center)
        # Probabilities sum to 1, so the weights of one class are those of the others, negated.
        self._closes = n_outputs > 1 and bool(np.ptp(pool.response.sum(axis=-1)) < 1e-9)
        self._unit = 2.0 ** ((_EXACT_BITS - (n_rows - 1).bit_length()) // 2)
        decay = np.exp(-0.5 * np.arange(bins.n_features + 1) / kernel_width**2)
        self._kernel = np.rint(decay * self._unit)
        moments = np.empty((n_replicates, n_rows, 2 * n_outputs))
        f, f_square = moments[..., :n_outputs], moments[..., n_outputs:]
        np.divide(pool.response - self._center, self._scale, out=f)
        np.square(f, out=f_square)
        moments *= self._unit
        np.rint(moments, out=moments)

        near = near_rows(bins, kernel_width, n_rows)
        near_codes, self._moments = pool.codes[:, :near], moments[:, :near]
        self._hot = [_OneHot(codes, bins) for codes in near_codes]
        self._shift = (moments.mean(axis=1) - self._moments.mean(axis=1)) / self._unit
        f = moments[..., : n_outputs - self._closes]
        flat = flat_weights(pool.codes, f, bins) - flat_weights(near_codes, f[:, :near], bins)
        self._flat = flat / self._unit * self._scale[: f.shape[-1]]
        # What an explained row takes: one-hot code and sums by bin, kernel weights, and arrays of
        # its columns.
        columns = bins.n_features * (10 + n_outputs * (n_replicates + 3))
        self.row_bytes = 8 * (3 * len(bins.probabilities) + 4 * near + columns)

    def explain(self, codes: NDArray[np.unsignedinteger]) -> Surrogates:
        """Surrogates of some rows."""
        n_replicates, _, n_outputs = self._moments.shape
        n_outputs //= 2
        replicates = np.zeros((n_replicates, *codes.shape, n_outputs))
        flat_bins = self._bins.flat(codes)
        own = self._own[flat_bins]
        inside, _ = own_bin_odds(own, self._width)
        gain = weight_gain(inside)
        own_hot = _indicators(flat_bins, self._bins, np.float32)
        mean, variance = np.zeros((2, len(codes), n_outputs))
        # Fresh memory for each of these would take longer than what is done in it.
        weight, weighted = np.empty((2, len(codes), self._moments.shape[1]))
        places = np.empty(weight.shape, dtype=np.intp)
        for r, hot in enumerate(self._hot):
            places[...] = hot.mismatches(own_hot)
            self._kernel.take(places, out=weight, mode="clip")
            total = weight.sum(axis=1, keepdims=True) * self._unit
            near = weight @ self._moments[r] / total
            row_mean, row_square = np.split(near + self._shift[r], 2, axis=1)
            mean += row_mean / n_replicates
            variance += (row_square - row_mean**2) / n_replicates
            for k in range(n_outputs - self._closes):
                np.multiply(weight, self._moments[r, :, k], out=weighted)
                own_sum = hot.own_bin_sums(weighted, flat_bins)
                covariance = (own_sum / total - inside * near[:, [k]]) * self._scale[k]
                weights = gain * covariance + self._flat[r, :, k][flat_bins]
                replicates[r, ..., k] = weights
                if self._closes:
                    replicates[r, ..., -1] -= weights
        mean = self._center + mean * self._scale
        return summarize(replicates, mean, variance * self._scale**2, inside, own)


def flat_weights(
    codes: NDArray[np.unsignedinteger], f: NDArray[np.float64], bins: Bins
) -> NDArray[np.float64]:
    """Weights of each bin under a flat kernel, (n_replicates, n_bins + 1, n_outputs).

    The last one, that of a level without a bin, is 0.
    """
    n_replicates, n_rows, n_outputs = f.shape
    own = np.append(bins.probabilities, 0.0)
    sums = np.zeros((n_replicates, len(own), n_outputs))
    for j, (start, stop) in enumerate(itertools.pairwise(bins.offsets)):
        size = stop - start
        cell = (codes[..., j] + size * np.arange(n_replicates)[:, None]).ravel()
        for k in range(n_outputs):
            bin_sum = np.bincount(cell, f[..., k].ravel(), n_replicates * size)
            sums[:, start:stop, k] = bin_sum.reshape(n_replicates, size)
    covariance = sums / n_rows - own[:, None] * f.mean(axis=1)[:, None]
    return weight_gain(own)[:, None] * covariance


def difference_of_means(
    same: NDArray[np.bool_],
    cell: NDArray[np.intp],
    response: NDArray[np.float64],
    inside: NDArray[np.float64],
    own: NDArray[np.float64],
) -> Surrogates:
    """LIME weights from neighbourhoods drawn from the kernel-weighted law itself.

    There are no kernel weights left, so :func:`closed_form`'s covariance is a plain one.

    Parameters
    ----------
    same : ndarray of shape (n_cells, n_replicates * n_rows)
        Whether each drawn cell is in the own bin that it was drawn around.
    cell : ndarray of shape (n_explained, n_features)
        Entry of `same` for each column of each explained row.
    response : ndarray of shape (n_explained, n_replicates, n_rows, n_outputs)
    inside, own : ndarrays of shape (n_explained, n_features)
        Chance of the own bin under the kernel and without it.

    Returns
    -------
    Surrogates
    """
    n_rows = response.shape[2]
    mean = response.mean(axis=2, keepdims=True)
    # The centred response makes the mean of f z_j the covariance, with q_j known or not.
    centered = response - mean
    n_replicates, _, n_outputs = centered.shape[1:]
    covariance = np.empty((len(cell), n_replicates, cell.shape[1], n_outputs))
    for columns in gen_batches(cell.shape[1], max(1, _BLOCK_CELLS // same.shape[1])):
        z = same[cell[:, columns]].reshape(len(cell), -1, n_replicates, n_rows)
        covariance[:, :, columns] = z.swapaxes(1, 2).astype(np.float64) @ centered
    covariance *= weight_gain(inside)[:, None, :, None] / n_rows
    replicates = covariance.swapaxes(0, 1)
    variance = (centered**2).mean(axis=(1, 2))
    return summarize(replicates, mean.mean(axis=(1, 2)), variance, inside, own)


def summarize(
    replicates: NDArray[np.float64],
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    inside: NDArray[np.float64],
    own: NDArray[np.float64],
) -> Surrogates:
    """Intercept, R^2 and share of main effects that go with weights.

    Parameters
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
    mean, variance : ndarrays of shape (n_explained, n_outputs)
        Of the response under each row's kernel.
    inside : ndarray of shape (n_explained, n_features)
        Chance q of each own bin under the kernel.
    own : ndarray of shape (n_explained, n_features)
        Its chance p without the kernel.

    Notes
    -----
    ``R^2 = sum_j beta_j^2 q_j (1 - q_j) / Var_w(f)``. Under a flat kernel a weight is
    ``m / (1 - p)`` with m the main effect of the bin, so that the mean over the rows of
    ``sum_j (beta_j (1 - p_j))^2 / Var(f)`` is the share of main effects in the variance. R^2 is low
    even where they are all there is, 1/3 at four bins and 1/9 at ten; the share is then 1 less
    what varies inside bins.
    """
    intercepts, scores, main_shares = np.empty((3, *mean.shape))
    spread, outside = inside * (1 - inside), (1 - own) ** 2
    for k, output in enumerate(np.moveaxis(replicates, -1, 0)):
        squares = mean_square(output)
        intercepts[:, k] = mean[:, k] - (output.mean(axis=0) * inside).sum(axis=1)
        scores[:, k] = (squares * spread).sum(axis=1)
        main_shares[:, k] = (squares * outside).sum(axis=1)
    variance = np.where(variance > 1e-20 * (1 + mean**2), variance, np.nan)
    return Surrogates(
        replicates, intercepts, np.minimum(scores / variance, 1.0), main_shares / variance
    )


def mean_square(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squares of the mean over independent replicates, less what their noise adds.

    The square of an estimate is too large by its variance; the product of two independent
    estimates is not. With a single replicate it is the plain square.
    """
    n = len(replicates)
    together, apart = replicates.sum(axis=0) ** 2, (replicates**2).sum(axis=0)
    return (together - apart) / (n * (n - 1)) if n > 1 else together


def weight_gain(inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 / (q (1 - q))``, what turns a covariance with z_j into a weight.

    0 for a column with a single bin and for a level that training did not have: z_j is then
    constant, and the ridge that LIME fits gives it the weight 0.
    """
    spread = inside * (1 - inside)
    return np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)


def _scale(centered: NDArray[np.float64], center: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest deviation of each output; 1 where the response is constant up to rounding."""
    largest = np.abs(centered).max(axis=(0, 1))
    return np.where(largest > 1e-12 * np.abs(center), largest, 1.0)


class _OneHot:
    """One-hot coded rows of the pool, made when needed and by blocks.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_features)
    bins : Bins
    """

    def __init__(self, codes: NDArray[np.unsignedinteger], bins: Bins) -> None:
        self._codes = codes
        self._bins = bins
        size = max(1, int(_MOST_MEMORY / 4 / (12 * len(bins.probabilities))))
        self._blocks = [slice(a, a + size) for a in range(0, len(codes), size)]
        self._kept: dict[type, NDArray[np.floating[Any]]] = {}

    def mismatches(self, own: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Columns in which explained row i and pool row m differ, (n_explained, n_rows).

        Less the smallest such number of each explained row: it would only scale its kernel.
        `own` is the one-hot code of the explained rows.
        """
        matches = np.empty((len(own), len(self._codes)), dtype=np.float32)
        for block in self._blocks:
            matches[:, block] = own @ self._hot(block, np.float32).T
        return np.subtract(matches.max(axis=1, keepdims=True), matches, out=matches)

    def own_bin_sums(
        self, values: NDArray[np.float64], flat_bins: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Sums of values (n_explained, n_rows) over the pool rows in each explained row's own bins.

        0 at a level without a bin.
        """
        parts = (values[:, block] @ self._hot(block, np.float64) for block in self._blocks)
        return np.take_along_axis(reduce(np.add, parts), flat_bins, axis=1)

    def _hot(self, block: slice, dtype: type[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        if dtype in self._kept:
            return self._kept[dtype]
        hot = _indicators(self._bins.flat(self._codes[block]), self._bins, dtype)
        if len(self._blocks) == 1 and hot.nbytes <= _MOST_KEPT:
            self._kept[dtype] = hot
        return hot


def _indicators(
    flat_bins: NDArray[np.intp], bins: Bins, dtype: type[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """1 at each row's bins, (n_rows, n_bins + 1), and 0 elsewhere."""
    hot = np.zeros((len(flat_bins), len(bins.probabilities) + 1), dtype=dtype)
    np.put_along_axis(hot, flat_bins, 1, axis=1)
    return hot


def fit_regressor(
    regressor: Any,
    pool: Pool,
    bins: Bins,
    kernel_width: float,
    codes: NDArray[np.unsignedinteger],
) -> Surrogates:
    """The same weights from any linear model of scikit-learn's, fitted row by row.

    Parameters
    ----------
    regressor : estimator
        With `sample_weight` in `fit` and `coef_` after it.
    pool, bins, kernel_width, codes
        As in :func:`closed_form`.

    Returns
    -------
    Surrogates
    """
    n_replicates, _, n_outputs = pool.response.shape
    replicates = np.zeros((n_replicates, *codes.shape, n_outputs))
    intercepts, scores = np.zeros((2, len(codes), n_outputs))
    for r in range(n_replicates):
        for i, row in enumerate(codes):
            same = (pool.codes[r] == row).astype(np.float64)
            weight = np.exp(-0.5 * (bins.n_features - same.sum(axis=1)) / kernel_width**2)
            fit = weighted_regression(regressor, same, pool.response[r], weight)
            replicates[r, i] = fit[0]
            intercepts[i] += fit[1] / n_replicates
            scores[i] += fit[2] / n_replicates
    return Surrogates(replicates, intercepts, scores, np.full_like(scores, np.nan))


def weighted_regression(
    regressor: Any,
    same: NDArray[np.float64],
    response: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """LIME's own last step: a weighted linear regression of the response on the 0/1 code.

    Parameters
    ----------
    regressor : estimator
    same : ndarray of shape (n_rows, n_features)
        1 where a perturbed row is in the instance's own bin.
    response : ndarray of shape (n_rows, n_outputs)
    weight : ndarray of shape (n_rows,)

    Returns
    -------
    weights : ndarray of shape (n_features, n_outputs)
    intercept : ndarray of shape (n_outputs,)
    score : ndarray of shape (n_outputs,)
        Weighted R^2; NaN where the response does not vary.
    """
    weights, intercept, score = [], [], []
    for f in response.T:
        model = clone(regressor).fit(same, f, sample_weight=weight)
        mean = np.average(f, weights=weight)
        spread = np.average((f - mean) ** 2, weights=weight)
        error = np.average((f - model.predict(same)) ** 2, weights=weight)
        weights.append(np.ravel(model.coef_))
        intercept.append(np.ravel(model.intercept_)[0])
        score.append(1 - error / spread if spread > 1e-20 * (1 + mean**2) else np.nan)
    return np.array(weights).T, np.array(intercept), np.array(score)
