"""How much importances agree over folds, seeds or bootstraps."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata
from sklearn.utils import Bunch, check_array
from sklearn.utils._param_validation import Interval, validate_params

from ._views.html import bar_line, fragment


class _Stability(Bunch):
    """A Bunch that notebooks show as a table."""

    def _repr_html_(self) -> str:
        low, high = self.nogueira_confint
        lines = [
            bar_line([("name", name), ("number", f"{value:.2f}{more}")], np.nan_to_num(value))
            for name, value, more in (
                ("Nogueira's stability", self.nogueira, f", {low:.2f} to {high:.2f}"),
                ("Jaccard index", self.jaccard, ""),
                ("Kendall's tau", self.kendall, ""),
                ("Spearman's rho", self.spearman, ""),
            )
        ]
        notes = ["1 is full agreement, 0 what chance gives (but for the Jaccard index)"]
        return fragment(f"Stability of the best {self.k} columns", lines, notes)


@validate_params(
    {
        "importances": ["array-like"],
        "k": [Interval(Integral, 1, None, closed="left"), None],
        "level": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def importance_stability(
    importances: ArrayLike, k: int | None = None, *, level: float = 0.95
) -> Bunch:
    r"""Measure how much the importances of several runs agree.

    Parameters
    ----------
    importances : array-like of shape (n_runs, n_features)
        Importances from at least two runs: folds, seeds or bootstrap samples.
    k : int, default=None
        Number of columns that a run selects: the k most important ones, of equal ones the first.
        At least 1 and less than n_features; None takes half of the columns, rounded down.
    level : float, default=0.95
        Level of the confidence interval.

    Returns
    -------
    stability : :class:`~sklearn.utils.Bunch`
        With these attributes.

        nogueira : float
            Stability of the selected sets: 1 if all are the same, 0 on average if they are random.
        nogueira_variance : float
            Estimated variance of `nogueira`.
        nogueira_confint : tuple of two floats
            Confidence interval of `nogueira`, by the normal approximation; it may pass 1.
        jaccard : float
            Columns that two runs both select as a share of those that either selects; the mean
            over pairs of runs, as of the correlations.
        kendall, spearman : float
            Rank correlations (tau-b, rho) of two runs; NaN if a run has all columns the same.
        k : int
            Number of columns that a run selects.

    Notes
    -----
    With M runs, d columns, :math:`z_{if} = 1` if run i selects column f, and :math:`\hat p_f`
    the share of runs that select it,

    .. math:: \hat\Phi = 1 - \frac{\frac{1}{d} \sum_f \frac{M}{M-1} \hat p_f (1 - \hat p_f)}
       {\frac{k}{d} \left(1 - \frac{k}{d}\right)},

    with variance :math:`\frac{4}{M^2} \sum_i (\hat\Phi_i - \bar\Phi)^2` (theorem 7 of [1]_).

    References
    ----------
    .. [1] S. Nogueira, K. Sechidis and G. Brown, "On the Stability of Feature Selection
       Algorithms", Journal of Machine Learning Research 18(174), 2018.

    Examples
    --------
    >>> from sklime import importance_stability
    >>> folds = [[0.9, 0.5, 0.1, 0.0], [0.8, 0.6, 0.0, 0.1], [0.7, 0.1, 0.6, 0.0]]
    >>> stability = importance_stability(folds, k=2)
    >>> round(stability.nogueira, 3), round(stability.jaccard, 3), round(stability.kendall, 3)
    (0.333, 0.556, 0.556)
    """
    runs = check_array(
        importances,
        dtype=np.float64,
        ensure_min_samples=2,
        ensure_min_features=2,
        input_name="importances",
    )
    n_features = runs.shape[1]
    k = n_features // 2 if k is None else k
    if k >= n_features:
        raise ValueError(
            "The 'k' parameter of importance_stability must be an int in the range "
            f"[1, {n_features}). Got {k!r} instead."
        )
    selected = np.zeros_like(runs)  # 1 for the k largest importances of each run
    np.put_along_axis(selected, np.argsort(-runs, axis=1, kind="stable")[:, :k], 1.0, axis=1)
    stability, variance = _nogueira(selected)
    half = float(norm.ppf((1 + level) / 2) * np.sqrt(variance))
    both = selected @ selected.T
    pairs = np.triu_indices(len(runs), k=1)
    concordant = np.zeros_like(both)  # pairs of columns less discordant ones, of runs all at once
    for column in range(n_features - 1):
        signs = np.sign(runs[:, column + 1 :] - runs[:, [column]])
        concordant += signs @ signs.T
    sizes = np.sqrt(np.diag(concordant))
    with np.errstate(invalid="ignore"):  # a run of equal importances has no rank correlation
        kendall = concordant / np.outer(sizes, sizes)
        spearman = np.corrcoef(rankdata(runs, axis=1))
    return _Stability(
        nogueira=stability,
        nogueira_variance=variance,
        nogueira_confint=(stability - half, stability + half),
        jaccard=float((both / (2 * k - both))[pairs].mean()),
        kendall=float(kendall[pairs].mean()),
        spearman=float(spearman[pairs].mean()),
        k=k,
    )


def _nogueira(selected: NDArray[np.float64]) -> tuple[float, float]:
    """Stability of the sets selected (n_runs, n_features), and its variance.

    All sets have the same size, for which the terms of the variance are simpler than in the paper.
    """
    n_runs = len(selected)
    frequency = selected.mean(axis=0)
    share = frequency.mean()
    chance = share * (1 - share)
    spread = n_runs / (n_runs - 1) * np.mean(frequency * (1 - frequency))
    terms = (selected * frequency).mean(axis=1) / chance
    return float(1 - spread / chance), float(4 / n_runs * terms.var())
