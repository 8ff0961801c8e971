"""One column's bins, and the distribution that its cells are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .._tables.table import Table
from .bins import CategoricalColumn, Codes, Column, Floats, NumericColumn

# Number of equally frequent bins; "entropy" grows a tree instead.
DISCRETIZERS = {"quartile": 4, "decile": 10, "entropy": 0}

# A column of more levels has bins for those of the rows explained, and one for all others.
MAX_LEVELS = 256

# A bin of a row explained is drawn that many times at the least, if such bins of a column together
# then take no more than `MOST_RAISED` of the draws.
LEAST_DRAWN = 8
MOST_RAISED = 0.75


@dataclass(frozen=True)
class Entries:
    """The inverse distribution function of a column, by (bin, value).

    Attributes
    ----------
    rows, codes : ndarrays of shape (n_entries,), of the smallest unsigned dtypes
        Rows in the order of (bin, value), and their bin numbers.
    values : ndarray of shape (n_entries,), int8, or None
        Their numbers.
    cumulative : ndarray of shape (n_entries,) or None
        Weight of the rows up to and with each entry; None: each row is an entry of 1.
    """

    rows: NDArray[np.unsignedinteger]
    codes: Codes
    values: NDArray[np.int8] | None
    cumulative: Floats | None

    def draw(self, uniforms: Floats) -> NDArray[np.intp]:
        """Entries at uniform numbers in [0, 1)."""
        if self.cumulative is None:
            position = (uniforms * len(self.rows)).astype(np.intp)
        else:
            target = uniforms * self.cumulative[-1]
            position = self.cumulative.searchsorted(target, side="right")
        # A product of a number below 1 can round up to the number of rows.
        return np.minimum(position, len(self.rows) - 1, out=position)

    def merged(self, values: NDArray[Any]) -> Entries:
        """Entries of equal value made one: a sparse table's columns are mostly zeros."""
        last = np.flatnonzero(np.append(values[1:] != values[:-1], True))
        weight = np.arange(1.0, len(values) + 1) if self.cumulative is None else self.cumulative
        numbers = None if self.values is None else self.values[last]
        return Entries(self.rows[last], self.codes[last], numbers, weight[last])


@dataclass(frozen=True)
class Fit:
    """One column's bins, and what is drawn from it; `longer` if from the rows explained, too."""

    column: Column
    entries: Entries
    probabilities: Floats
    frequencies: Floats
    means: Floats
    longer: bool


def fit_column(
    table: Table,
    explained: Table | None,
    j: int,
    weight: Floats | None,
    n_samples: float,
    cut: Callable[..., Floats] | None,
) -> Fit:
    """Bins of column j; `cut` says where to cut numbers."""
    values = table.values(j)
    column: Column
    if cut is None or values.dtype == object or _is_unknown(table, explained, j):
        column, codes = _levels(table, explained, j)
        order = np.argsort(codes, kind="stable")
        ordered, numbers = codes[order], None
    else:
        order = _order(values)
        sorted_values = values[order]
        missing = bool(np.isnan(sorted_values[-1]))
        if explained is not None and not missing:
            missing = bool(np.isnan(explained.numbers(j)).any())
        column = NumericColumn(cut(values, order), table.unit(j), missing)
        ordered = np.searchsorted(column.cuts, sorted_values, side="left")
        ordered[np.isnan(sorted_values)] = len(column.cuts) + 1
        numbers = None
    size = column.n_bins
    each = np.ones(len(order)) if weight is None else weight[order]
    count = np.bincount(ordered, each, size)
    if isinstance(column, NumericColumn):
        numbers = _small(sorted_values, each)
    law = count / count.sum()
    sums = np.zeros(size) if numbers is None else np.bincount(ordered, numbers * each, size)
    means = np.divide(sums, count, where=count > 0, out=np.zeros(size))
    own = np.empty(0, np.intp)
    if explained is not None and law.min() < LEAST_DRAWN / n_samples:  # else no bin is rare
        own = column.encode(explained, j)
    drawn = _frequencies(law, own[own < size], n_samples)
    new = np.append((count == 0) & (drawn > 0), False)[np.minimum(own, size)]
    if new.any():
        # What the training table does not have is drawn from the rows explained.
        order, ordered = (
            np.append(order, table.n_rows + np.flatnonzero(new)),
            np.append(ordered, own[new]),
        )
        each = np.append(each, np.ones(np.count_nonzero(new)))
        by_bin = np.argsort(ordered, kind="stable")
        order, ordered, each = order[by_bin], ordered[by_bin], each[by_bin]
        if numbers is not None:
            numbers = np.append(numbers, np.zeros(np.count_nonzero(new), np.int8))[by_bin]
    cumulative = None
    if weight is not None or not np.array_equal(drawn, law):
        cumulative = np.cumsum(
            each * (drawn / np.bincount(ordered, each, size).clip(1e-300))[ordered]
        )
    entries = Entries(_least(order), _least(ordered), numbers, cumulative)
    if table.kind == "sparse" and not new.any():
        entries = entries.merged(values[order])
    return Fit(column, entries, law, drawn, means, bool(new.any()))


def _least(numbers: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
    """Numbers in the smallest type that holds them."""
    return numbers.astype(np.min_scalar_type(numbers.max()))


def _is_unknown(table: Table, explained: Table | None, j: int) -> bool:
    """Whether column j has missing values only, where the rows explained have levels."""
    levels = explained is not None and explained.is_categorical(j)
    return levels and bool(np.isnan(table.values(j)).all())


def _levels(
    table: Table, explained: Table | None, j: int
) -> tuple[CategoricalColumn, NDArray[np.intp]]:
    """The levels of column j that have bins of their own, and the bins of the training rows."""
    codes, levels = table.levels(j)
    missing, kept, new = bool((codes < 0).any()), np.arange(len(levels)), []
    if explained is not None:
        own = explained.codes(j, levels)
        missing |= bool((own < 0).any())
        if (own == len(levels)).any():
            known = set(levels)
            new = [level for level in explained.levels(j)[1] if level not in known]
        if len(levels) > MAX_LEVELS:
            kept = np.unique(own[(own >= 0) & (own < len(levels))])
    unit = "number" if table.values(j).dtype == object else table.unit(j)
    others = len(kept) < len(levels)
    column = CategoricalColumn([*(levels[i] for i in kept), *new], unit, missing, others)
    bins = np.full(len(levels) + 1, len(column.levels))
    bins[kept] = np.arange(len(kept))
    bins[-1] = len(column.levels) + others  # missing values, whose code is -1
    return column, bins[codes]


def _frequencies(law: Floats, own: NDArray[np.intp], n_samples: float) -> Floats:
    """How often to draw each bin: the bins of the rows explained not too rarely."""
    drawn = law.copy()
    if not own.size:
        return drawn
    seen = np.unique(own)
    least = min(LEAST_DRAWN / n_samples, MOST_RAISED / max(len(seen), 1))
    rare = seen[law[seen] < least]
    if not len(rare) or len(law) == 1:
        return drawn
    common = np.ones(len(law), dtype=bool)
    common[rare] = False
    drawn[rare] = least
    left = law[common].sum()
    drawn[common] *= (1 - drawn[rare].sum()) / left if left > 0 else 0.0
    return drawn / drawn.sum()


def _small(ordered: Floats, weight: Floats) -> NDArray[np.int8] | None:
    """Sorted numbers in 127 steps either side of their mean, six deviations far; 0 where missing.

    None where they are all equal, or too far apart for their deviation to be a number.
    """
    known = ordered[: len(ordered) - np.count_nonzero(np.isnan(ordered))]
    if not known.size or not np.isfinite(known[[0, -1]]).all() or known[0] == known[-1]:
        return None
    scaled = known / max(abs(known[0]), abs(known[-1]))
    weight = weight[: len(known)]
    total = weight.sum()
    scaled -= (scaled * weight).sum() / total
    spread = np.sqrt((np.square(scaled) * weight).sum() / total)
    far = min(max(scaled[-1], -scaled[0]), 6 * spread)
    steps = np.zeros(len(ordered), dtype=np.int8)
    if far > 0:
        steps[: len(known)] = np.rint((scaled / far).clip(-1, 1) * 127)
    return steps


def _order(values: Floats) -> NDArray[np.intp]:
    """Rows by rising value, missing (NaN) last. Rows of one value are alike, in any order."""
    # NumPy's quicksort is many times slower than its merge sort where most values are equal.
    tied = np.count_nonzero(values[1:] == values[:-1])
    return np.argsort(values, kind="stable" if 2 * tied > len(values) else "quicksort")


def cuts(
    values: Floats,
    order: NDArray[np.intp],
    *,
    weight: Floats | None,
    discretizer: str | int,
    y: Any,
    classifier: bool,
) -> Floats:
    """Inner bin edges of a numeric column."""
    known = order[: len(order) - np.count_nonzero(np.isnan(values))]
    if known.size == 0 or values[known[0]] == values[known[-1]]:
        return np.empty(0)
    weight = None if weight is None else weight[known]
    if discretizer == "entropy":
        return _tree_cuts(values[known], y[known], weight, classifier)
    n_bins = discretizer if isinstance(discretizer, int) else DISCRETIZERS[discretizer]
    return _quantile_cuts(values[known], weight, np.arange(1, n_bins) / n_bins)


def _quantile_cuts(ordered: Floats, weight: Floats | None, shares: Floats) -> Floats:
    """Quantiles of sorted values that leave no bin empty.

    A quantile is the smallest value with at least its share of the weight at or below it, so a
    weight of 2 is the value twice. A quantile that is the column's maximum would leave the last
    bin empty and the column constant; the next lower value takes its place.
    """
    # The tolerance keeps e.g. 0.3 * 10 from asking for more than the third value.
    shares = shares * (1 - 1e-12)
    if weight is None:
        ranks = np.ceil(shares * len(ordered)).astype(np.intp) - 1
    else:
        cumulative = np.cumsum(weight)
        ranks = np.searchsorted(cumulative, shares * cumulative[-1], side="left")
    below_maximum = np.searchsorted(ordered, ordered[-1], side="left") - 1
    cuts = ordered[np.minimum(ranks, below_maximum)]
    return cuts[np.append(True, cuts[1:] != cuts[:-1])]


def _tree_cuts(values: Floats, y: Any, weight: Floats | None, classifier: bool) -> Floats:
    """Thresholds of a tree of depth 3 grown on the one column: lime's entropy discretizer."""
    tree = (
        DecisionTreeClassifier(criterion="entropy", max_depth=3, random_state=0)
        if classifier
        else DecisionTreeRegressor(max_depth=3, random_state=0)
    )
    # Trees work in float32, in which 1e39 and infinity do not exist: ranks cut the same.
    distinct, ranks = np.unique(values, return_inverse=True)
    tree.fit(ranks.reshape(-1, 1), y, sample_weight=weight)
    threshold = tree.tree_.threshold[tree.tree_.feature >= 0]
    return np.unique(distinct[np.floor(threshold).astype(np.intp)])
