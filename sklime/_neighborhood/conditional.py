"""A column given the other columns of a row."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.covariance import LedoitWolf
from sklearn.tree import ExtraTreeRegressor

from .._tables.table import Table
from .bins import Bins, Floats, NumericColumn

# Training rows that a row draws from at the least. A level of fewer rows is like other rare ones.
N_DONORS = 20


class Conditional:
    """For each column, the training rows that are alike in what the other columns say of it.

    A column of numbers, or of two levels, is predicted from all others, and a row draws among the
    training rows whose predictions are nearest to its own: predictive mean matching [1]_. The
    prediction is linear in normal scores, all columns at once from one inverse covariance [2]_, and
    a tree of what that leaves, if there is more than chance. A column of several levels is drawn in
    the row's leaf of such a tree [3]_. So a cell is always one of the table's, of whatever kind.

    Parameters
    ----------
    table : Table
        The training table.
    bins : Bins
    weight : ndarray of shape (n_rows,) or None
        How often each training row is drawn.

    References
    ----------
    .. [1] R. J. A. Little, "Missing-data adjustments in large surveys", 1988.
    .. [2] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", 2004.
    .. [3] C. Molnar, G. Koenig, B. Bischl and G. Casalicchio, "Model-agnostic feature importance
       and effects with dependent features: a conditional subgroup approach", 2023.
    """

    def __init__(self, table: Table, bins: Bins, weight: Floats | None) -> None:
        self._scores = _Scores(table, bins)
        scores, parts = self._scores(table)
        precision = np.zeros((0, 0))
        if scores.shape[1]:  # else no column varies
            precision = LedoitWolf(assume_centered=True).fit(scores).precision_
        linear = np.diag(1 / np.diag(precision)) @ -precision
        np.fill_diagonal(linear, 0)
        self._weight = np.ones(table.n_rows) if weight is None else weight
        self._columns = [_Column(scores, part, linear) for part in parts]
        self._cumulative: list[Floats] = []
        self._places: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []

    def beside(self, table: Table) -> Conditional:
        """The same for the rows of another table, which are then given by their positions."""
        ready, (scores, _) = copy(self), self._scores(table)
        ready._cumulative = [np.cumsum(self._weight[column.order]) for column in self._columns]
        ready._places = [column.places(scores) for column in self._columns]
        return ready

    def draw(self, j: int, rows: NDArray[np.intp], uniforms: Floats) -> NDArray[np.intp]:
        """Training rows whose cells of column j the rows take, by uniform numbers (n_rows, m)."""
        order, (first, last) = self._columns[j].order, self._places[j]
        cumulative = np.append(0.0, self._cumulative[j])
        low, high = cumulative[first[rows], None], cumulative[last[rows], None]
        at = np.searchsorted(cumulative, low + uniforms * (high - low), "right") - 1
        return order[np.minimum(at, last[rows, None] - 1)]


class _Column:
    """Training rows in an order in which like ones are side by side."""

    def __init__(self, scores: Floats, own: slice, linear: Floats) -> None:
        width = own.stop - own.start
        self.slope = linear[own.start] if width == 1 else None
        rest = scores[:, own] - (0 if self.slope is None else (scores @ self.slope)[:, None])
        self.own = own
        self.tree: ExtraTreeRegressor | None = None
        others = self._others(scores)
        # Cuts at random fit less of what is chance than the best ones, in a tenth of the time.
        tree = ExtraTreeRegressor(min_samples_leaf=N_DONORS, random_state=0)
        # A tree that half of the rows do not confirm for the other half is chance.
        halves = (others[::2], rest[::2]), (others[1::2], rest[1::2])
        enough = width and others.shape[1] and len(scores) >= 4 * N_DONORS
        if enough and tree.fit(*halves[0]).score(*halves[1]) > 0:
            self.tree = tree.fit(others, rest)
        like = self._like(scores)
        self.order = np.argsort(like, kind="stable")
        self.sorted = like[self.order]

    def _others(self, scores: Floats) -> Floats:
        return np.delete(scores, np.r_[self.own], axis=1)

    def _like(self, scores: Floats) -> Floats:
        """The prediction for each row, or its leaf."""
        like = np.zeros(len(scores)) if self.slope is None else scores @ self.slope
        if self.tree is not None:
            others = self._others(scores)
            like += self.tree.apply(others) if self.slope is None else self.tree.predict(others)
        return np.round(like, 9)  # a product's last digits depend on how many rows there are

    def places(self, scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First place and the place after the last that each row draws from."""
        like, n = self._like(scores), len(self.order)
        first = np.searchsorted(self.sorted, like, "left")
        last = np.searchsorted(self.sorted, like, "right")
        if self.slope is None:
            return first, last
        middle = (first + last) // 2 - N_DONORS // 2
        middle = np.clip(middle, 0, max(0, n - N_DONORS))
        return np.minimum(first, middle), np.maximum(last, np.minimum(middle + N_DONORS, n))


class _Scores:
    """Columns as numbers, none of which is far from the others.

    Numbers become normal scores of their ranks; levels, and whether a number is missing, 0 or 1.
    All are in units of their standard deviation; what does not vary is left out.
    """

    def __init__(self, table: Table, bins: Bins) -> None:
        self._bins, codes = bins, bins.encode(table)
        self._known: list[Floats | None] = []
        self._levels: list[NDArray[np.intp]] = []
        for j, column in enumerate(bins.columns):
            count = np.bincount(codes[:, j], minlength=column.n_bins)
            common = np.flatnonzero(count >= N_DONORS)
            self._known.append(None)
            if isinstance(column, NumericColumn):
                values = table.numbers(j)
                self._known[j] = np.sort(values[~np.isnan(values)])
                common = common[common > len(column.cuts)]  # missing
            elif len(common) == 2 and count.sum() == count[common].sum():
                common = common[1:]
            self._levels.append(common)
        parts = self._raw(table)
        self._centers = [part.mean(axis=0) for part in parts]
        self._spreads = [part.std(axis=0) for part in parts]

    def __call__(self, table: Table) -> tuple[Floats, list[slice]]:
        """Scores of a table's rows, (n_rows, n_scores), and which of them are each column's."""
        parts = [
            (part[:, spread > 0] - center[spread > 0]) / spread[spread > 0]
            for part, center, spread in zip(
                self._raw(table), self._centers, self._spreads, strict=True
            )
        ]
        ends = np.cumsum([part.shape[1] for part in parts]).tolist()
        slices = [slice(end - part.shape[1], end) for part, end in zip(parts, ends, strict=True)]
        return np.hstack(parts), slices

    def _raw(self, table: Table) -> list[Floats]:
        codes, parts = self._bins.encode(table), []
        for j, (known, levels) in enumerate(zip(self._known, self._levels, strict=True)):
            part = (codes[:, j, None] == levels).astype(np.float64)
            if known is not None and len(known):
                values = table.numbers(j)
                sides = [np.searchsorted(known, values, side) for side in ("left", "right")]
                share = (sides[0] + sides[1]) / (2 * len(known))
                edge = 0.5 / len(known)
                score = np.where(np.isnan(values), 0.0, ndtri(share.clip(edge, 1 - edge)))
                part = np.column_stack([score, part])
            parts.append(part)
        return parts
