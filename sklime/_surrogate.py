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
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._neighborhood import Bins, own_bin_odds

# A float64 holds integers of up to 53 bits. The sum over the pool's rows takes some; the kernel
# weights and the responses share the others.
_EXACT_BITS = 53

# Bytes for a pair of a pool row and an explained row (their count of equal bins as float32, the
# same as an index, the kernel weight), and for a cell of a one-hot block (float32 for the counts,
# float64 times the response, and what makes them).
_BYTES_A_PAIR = 24
_BYTES_A_CELL = 24


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
        return Pool(
            np.concatenate([self.codes, more.codes], axis=1),
            np.concatenate([self.response, more.response], axis=1),
        )


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
    """
    n_replicates, n_rows, n_outputs = pool.response.shape
    own = bins.own_probabilities(codes)
    inside, _ = own_bin_odds(own, kernel_width)
    gain = weight_gain(inside)
    center = pool.response.mean(axis=(0, 1))
    scale = _scale(pool.response - center, center)
    spare_bits = _EXACT_BITS - (n_rows - 1).bit_length()
    unit = 2.0 ** (spare_bits - spare_bits // 2)
    decay = np.exp(-0.5 * np.arange(bins.n_features + 1) / kernel_width**2)
    kernel = np.rint(decay * 2.0 ** (spare_bits // 2))
    chunk = max(1, int(memory / 2 / (n_rows * _BYTES_A_PAIR)))

    # Probabilities sum to 1, so the weights of one class are those of the others, negated.
    closes = n_outputs > 1 and bool(np.ptp(pool.response.sum(axis=-1)) < 1e-9)
    replicates = np.zeros((n_replicates, *codes.shape, n_outputs))
    mean, variance = np.zeros((2, len(codes), n_outputs))
    for r in range(n_replicates):
        f = (pool.response[r] - center) / scale
        f, square = np.rint(f * unit), np.rint(f**2 * unit)
        hot = _OneHot(pool.codes[r], bins, memory / 2 / (n_rows * _BYTES_A_CELL))
        for start in range(0, len(codes), chunk):
            rows = slice(start, start + chunk)
            weight = kernel[hot.mismatches(codes[rows])]
            total = weight.sum(axis=0)[:, None] * unit
            row_mean = (f.T @ weight).T / total
            mean[rows] += row_mean
            variance[rows] += (square.T @ weight).T / total - row_mean**2
            for k in range(n_outputs - closes):
                for columns, own_sum in hot.own_bin_sums(codes[rows], f[:, k], weight):
                    covariance = own_sum / total - inside[rows, columns] * row_mean[:, [k]]
                    replicates[r, rows, columns, k] = gain[rows, columns] * covariance
    replicates *= scale
    if closes:
        replicates[..., -1] = -replicates[..., :-1].sum(axis=-1)
    mean = center + mean / n_replicates * scale
    return summarize(replicates, mean, variance / n_replicates * scale**2, inside, own)


def difference_of_means(
    same: NDArray[np.bool_],
    response: NDArray[np.float64],
    inside: NDArray[np.float64],
    own: NDArray[np.float64],
) -> Surrogates:
    """LIME weights from neighbourhoods drawn from the kernel-weighted law itself.

    There are no kernel weights left, so :func:`closed_form`'s covariance is a plain one.

    Parameters
    ----------
    same : ndarray of shape (n_explained, n_replicates, n_features, n_rows)
        Whether each drawn cell is in the explained row's own bin.
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
    covariance = np.matmul(same.astype(np.float64), centered) / n_rows
    replicates = (weight_gain(inside)[:, None, :, None] * covariance).swapaxes(0, 1)
    variance = (centered**2).mean(axis=(1, 2))
    return summarize(replicates.copy(), mean.mean(axis=(1, 2)), variance, inside, own)


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
    squares = mean_square(replicates)
    intercepts = mean - (replicates.mean(axis=0) * inside[..., None]).sum(axis=1)
    varies = variance > 1e-20 * (1 + mean**2)

    def share(factor: NDArray[np.float64]) -> NDArray[np.float64]:
        explained = (squares * factor[..., None]).sum(axis=1)
        unknown = np.full_like(variance, np.nan)
        return np.divide(explained, variance, out=unknown, where=varies)

    scores = np.minimum(share(inside * (1 - inside)), 1.0)
    return Surrogates(replicates, intercepts, scores, share((1 - own) ** 2))


def mean_square(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squares of the mean over independent replicates, less what their noise adds.

    The square of an estimate is too large by its variance; the product of two independent
    estimates is not. With a single replicate it is the plain square.
    """
    n_replicates = len(replicates)
    squares = replicates.mean(axis=0) ** 2
    if n_replicates > 1:
        noise = (replicates**2).sum(axis=0) - n_replicates * squares
        squares -= noise / (n_replicates * (n_replicates - 1))
    return squares


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
    """One-hot coded pool rows, by blocks of columns, without each column's last bin.

    The last bin's indicator is 1 minus the sum of the others', which saves a quarter of the work
    at four bins.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_features)
    bins : Bins
    widest : float
        Bins in a block, at most; a block has at least one column.
    """

    def __init__(
        self, codes: NDArray[np.unsignedinteger], bins: Bins, widest: float
    ) -> None:
        self._codes = codes
        self._width = np.diff(bins.offsets) - 1
        block = (np.cumsum(self._width) // max(widest, 1)).astype(np.intp)
        edges = [0, *np.flatnonzero(np.diff(block)) + 1, bins.n_features]
        self._blocks = [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        self._cached: tuple[slice, NDArray[np.float32]] | None = None

    def _matrix(self, columns: slice) -> NDArray[np.float32]:
        """Indicators of the pool's bins in a block of columns; the last block asked for is kept."""
        if self._cached is None or self._cached[0] != columns:
            self._cached = None
            self._cached = (columns, _indicators(self._codes[:, columns], self._width[columns]))
        return self._cached[1]

    def mismatches(self, codes: NDArray[np.unsignedinteger]) -> NDArray[np.intp]:
        """Columns in which pool row m and explained row i differ, (n_rows, n_explained).

        Less the smallest such number of each explained row: it would only scale its kernel.
        """
        matches = np.zeros((len(self._codes), len(codes)), dtype=np.float32)
        for columns in self._blocks:
            width = self._width[columns]
            last = codes[:, columns] == width
            selector = _indicators(codes[:, columns], width)
            selector -= np.repeat(last, width, axis=1)
            matches += self._matrix(columns) @ selector.T
            matches += np.count_nonzero(last, axis=1).astype(np.float32)
        np.subtract(matches.max(axis=0), matches, out=matches)
        return matches.astype(np.intp)

    def own_bin_sums(
        self,
        codes: NDArray[np.unsignedinteger],
        f: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Sums of weight * f over the pool rows in each explained row's own bins.

        Yields
        ------
        columns : slice
        sums : ndarray of shape (n_explained, n_columns)
            What stands at a level that the pool's bins do not have means nothing.
        """
        total = f @ weight
        for columns in self._blocks:
            width = self._width[columns]
            start = np.cumsum(width) - width
            sums = np.zeros((width.sum() + 1 + len(width), len(codes)))
            np.matmul((self._matrix(columns) * f[:, None]).T, weight, out=sums[: width.sum()])
            sums[width.sum() + 1 :] = total - np.add.reduceat(sums[: width.sum() + 1], start)
            own = codes[:, columns].astype(np.intp)
            row = np.where(own < width, start + own, width.sum() + 1 + np.arange(len(width)))
            yield columns, np.take_along_axis(sums, row.T, axis=0).T


def _indicators(
    codes: NDArray[np.unsignedinteger], width: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Whether each code is the bin, for the first `width` bins of each column."""
    number = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    equal = np.repeat(codes, width, axis=1) == number.astype(codes.dtype)
    return equal.astype(np.float32)


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
