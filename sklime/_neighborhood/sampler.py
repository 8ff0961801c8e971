"""The neighbourhood of a table: bins of its columns and perturbed rows drawn from them.

Every column is cut into bins (or levels). A perturbed row takes, column by column and
independently, a bin by its training frequency and a training value inside the bin. One gather
through the inverse of the column's distribution function does both, so every value that a model
is asked about is a value it was trained on.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .._tables.table import Table

# Number of equally frequent bins; "entropy" grows a tree instead.
DISCRETIZERS = {"quartile": 4, "decile": 10, "entropy": 0}


@dataclass(frozen=True)
class Bins:
    """The bins of every column of a training table, without the table.

    Attributes
    ----------
    cuts : tuple of ndarray or None
        For a numeric column its inner edges: bin b holds ``cuts[b-1] < x <= cuts[b]``. None for
        a categorical column.
    levels : tuple of list or None
        For a categorical column its levels, one bin each. None for a numeric column.
    missing : ndarray of shape (n_features,), bool
        Whether missing values have a bin of their own, the column's last.
    offsets : ndarray of shape (n_features + 1,)
        Column j owns the flat bins ``offsets[j]:offsets[j + 1]``.
    probabilities : ndarray of shape (n_bins,)
        Training frequency of each flat bin; sums to 1 within a column.
    units : tuple of str
        What each column's numbers stand for: "number", "bool", "date" or "duration".
    """

    cuts: tuple[NDArray[np.float64] | None, ...]
    levels: tuple[list[Any] | None, ...]
    missing: NDArray[np.bool_]
    offsets: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    units: tuple[str, ...]

    @property
    def n_features(self) -> int:
        return len(self.cuts)

    @property
    def code_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest type of bin numbers."""
        return np.min_scalar_type(np.diff(self.offsets).max())

    def without_values(self) -> "Bins":
        """The bins without cuts and levels, which may be as large as the table."""
        nothing = (None,) * self.n_features
        return replace(self, cuts=nothing, levels=nothing)

    def encode(self, table: Table) -> NDArray[np.unsignedinteger]:
        """Bin numbers of a table's cells, (n_rows, n_features).

        A level, or a missing value, that training did not have gets the number of bins of its
        column, which is no bin: its probability is 0.
        """
        codes = np.empty((table.n_rows, self.n_features), self.code_dtype)
        for j, size in enumerate(np.diff(self.offsets)):
            codes[:, j] = np.minimum(_column_codes(table, j, self.cuts[j], self.levels[j]), size)
        return codes

    @property
    def starts(self) -> NDArray[np.float64]:
        """Where each flat bin starts in its column's distribution, (n_bins,)."""
        columns = np.split(self.probabilities, self.offsets[1:-1])
        return np.concatenate([np.cumsum(column) - column for column in columns])

    def flat(
        self, codes: NDArray[np.integer], columns: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.intp]:
        """Flat bins of bins given by number, in the shape of `codes`; n_bins for unseen ones.

        `columns` are the columns of the last axis of `codes`, all of them by default.
        """
        flat = codes + self.offsets[:-1][columns]
        return np.where(flat < self.offsets[1:][columns], flat, len(self.probabilities))

    def own_probabilities(
        self, codes: NDArray[np.integer], columns: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.float64]:
        """Training frequencies of bins given as for :meth:`flat`; 0 for unseen ones."""
        return np.append(self.probabilities, 0.0)[self.flat(codes, columns)]

    def labels(self, j: int) -> list[str]:
        """One label for each bin of column j: an interval, a level or "missing"."""
        cuts, levels, unit = self.cuts[j], self.levels[j], self.units[j]
        if levels is not None:
            labels = [str(v) if unit == "number" else _text(v, unit) for v in levels]
        else:
            labels = _interval_labels([] if cuts is None else cuts.tolist(), unit)
        return [*labels, "missing"] if self.missing[j] else labels


def _text(value: float, unit: str) -> str:
    """A number as what it stands for; whole ones without decimals."""
    if unit == "bool":
        return str(bool(value))
    if unit == "date":
        return str(np.datetime_as_string(np.datetime64(round(value / 1e3), "us"), unit="auto"))
    if unit == "duration":
        return str(timedelta(microseconds=value / 1e3))
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def _interval_labels(cuts: list[float], unit: str) -> list[str]:
    """Texts of the intervals between cuts, in lime's notation."""
    if not cuts:
        return ["any"]
    if unit == "bool":
        return ["False", "True"]
    texts = [_text(cut, unit) for cut in cuts]
    if len(set(texts)) < len(texts):  # cuts closer than four digits tell apart
        texts = [repr(cut) for cut in cuts]
    inner = [f"{low} < x <= {high}" for low, high in pairwise(texts)]
    return [f"x <= {texts[0]}", *inner, f"x > {texts[-1]}"]


def _column_codes(
    table: Table, j: int, cuts: NDArray[np.float64] | None, levels: list[Any] | None
) -> NDArray[np.intp]:
    """Bin numbers of one column: regular bins, then missing values, then unseen ones."""
    if levels is None:
        values = table.numbers(j)
        regular = 1 if cuts is None else len(cuts) + 1
        codes = np.searchsorted(np.empty(0) if cuts is None else cuts, values, side="left")
        return np.where(np.isnan(values), regular, codes)
    codes = table.codes(j, levels)  # -1 where missing, len(levels) where unseen
    return np.where(codes < 0, len(levels), np.where(codes == len(levels), len(levels) + 1, codes))


@dataclass(frozen=True)
class _Column:
    """The inverse distribution function of a training column, by (bin, value).

    Attributes
    ----------
    rows, codes : ndarrays of shape (n_entries,), of the smallest unsigned dtypes
        Training rows in the order of (bin, value), and their bin numbers.
    cumulative : ndarray of shape (n_entries,) or None
        Weight of the training rows up to and with each entry; None: each row is an entry of 1.
    """

    rows: NDArray[np.unsignedinteger]
    codes: NDArray[np.unsignedinteger]
    cumulative: NDArray[np.float64] | None

    @classmethod
    def make(
        cls,
        order: NDArray[np.intp],
        codes: NDArray[np.intp],
        weight: NDArray[np.float64] | None,
        values: NDArray[np.float64] | None,
    ) -> "_Column":
        """The column of these sorted rows, those of equal value made one if `values` are given.

        A sparse table's columns are mostly zeros, and would not fit in memory one by one.
        """
        cumulative: Any = None if weight is None else np.cumsum(weight)
        if values is not None:
            ordered = values[order]
            last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
            cumulative = last + 1.0 if cumulative is None else cumulative[last]
            order, codes = order[last], codes[last]
        return cls(
            order.astype(np.min_scalar_type(order.max())),
            codes.astype(np.min_scalar_type(codes.max())),
            cumulative,
        )

    def draw(
        self, uniforms: NDArray[np.float64]
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]:
        """Training rows and bin numbers at uniform numbers in [0, 1)."""
        if self.cumulative is None:
            position = (uniforms * len(self.rows)).astype(np.intp)
        else:
            target = uniforms * self.cumulative[-1]
            position = self.cumulative.searchsorted(target, side="right")
        # A product of a number below 1 can round up to the number of rows.
        return self.rows.take(position, mode="clip"), self.codes.take(position, mode="clip")


class Neighborhood:
    """Bins of a training table and the law of the rows perturbed from it.

    Parameters
    ----------
    table : Table
        The training table. Rows of weight 0 must have been left out.
    categorical : ndarray of shape (n_features,), bool
        Columns whose every value is a level. Columns that hold no numbers are so in any case.
    discretizer : {"quartile", "decile", "entropy"} or int
        How numeric columns are cut; an int is a number of equally frequent bins.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), optional
        The target, by which "entropy" cuts.
    classifier : bool
        Whether `y` holds classes.
    sample_weight : ndarray of shape (n_rows,), optional
        A row of weight 2 counts as two rows.
    """

    def __init__(
        self,
        table: Table,
        *,
        categorical: NDArray[np.bool_],
        discretizer: str | int = "quartile",
        y: Any = None,
        classifier: bool = True,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> None:
        self.table = table
        self._columns: list[_Column] = []
        cuts: list[NDArray[np.float64] | None] = []
        levels: list[list[Any] | None] = []
        missing, sizes, probabilities, units = [], [], [], []
        for j in range(table.n_columns):
            values = table.values(j)
            if categorical[j] or values.dtype == object:
                codes, column_levels = table.levels(j)
                n_regular = len(column_levels)
                order = np.argsort(codes.astype(np.uintp), kind="stable")  # missing (-1) last
                codes = np.where(codes < 0, n_regular, codes)[order]
                cuts.append(None)
                levels.append(column_levels)
            else:
                order = _order(values)
                column_cuts = _cuts(values, order, sample_weight, discretizer, y, classifier)
                n_regular = len(column_cuts) + 1
                codes = np.searchsorted(column_cuts, values[order], side="left")
                codes[np.isnan(values[order])] = n_regular
                cuts.append(column_cuts)
                levels.append(None)
            units.append("number" if values.dtype == object else table.unit(j))
            missing.append(codes[-1] == n_regular)
            sizes.append(n_regular + missing[-1])
            weight = None if sample_weight is None else sample_weight[order]
            count = np.bincount(codes, weights=weight, minlength=sizes[-1])
            probabilities.append(count / count.sum())
            merged = values if table.kind == "sparse" else None
            self._columns.append(_Column.make(order, codes, weight, merged))
        self.bins = Bins(
            tuple(cuts),
            tuple(levels),
            np.array(missing),
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate(probabilities),
            tuple(units),
        )

    def draw(
        self, uniforms: NDArray[np.float64]
    ) -> tuple[NDArray[np.integer], NDArray[np.unsignedinteger]]:
        """Cells from uniform numbers, by the inverse distribution function of each column.

        Parameters
        ----------
        uniforms : ndarray of shape (n_features, m), in [0, 1)

        Returns
        -------
        rows : ndarray of shape (n_features, m)
            The training row from which each cell's value comes.
        codes : ndarray of shape (n_features, m)
            The cells' bin numbers.
        """
        rows = np.empty(uniforms.shape, dtype=self._row_dtype)
        codes = np.empty(uniforms.shape, dtype=max(column.codes.dtype for column in self._columns))
        for j, column in enumerate(self._columns):
            rows[j], codes[j] = column.draw(uniforms[j])
        return rows, codes

    @property
    def _row_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The type of training rows' numbers."""
        return max(column.rows.dtype for column in self._columns)

    def redraw(
        self, uniforms: NDArray[np.float64], codes: NDArray[np.integer]
    ) -> NDArray[np.integer]:
        """Other training rows for cells (n_features, m) whose bins `codes` stay as they are."""
        flat = self.bins.offsets[:-1, None] + codes
        places = self.bins.starts[flat] + uniforms * self.bins.probabilities[flat]
        rows, _ = self.draw(places)
        return rows

    def draw_near(
        self,
        uniforms: NDArray[np.float64],
        columns: NDArray[np.intp],
        codes: NDArray[np.integer],
        kernel_width: float,
    ) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
        """Cells from the kernel-weighted law around a bin.

        The column stays in the bin with chance q, else takes another by its frequency
        (Tan, Tian and Li, "GLIME", 2023): the uniform number is stretched over the bin, or over
        the rest of the column's distribution.

        Parameters
        ----------
        uniforms : ndarray of shape (n_features, m), in [0, 1)
        columns, codes : ndarrays of shape (n_cells,)
            Columns, and bin numbers around which to draw by the uniform numbers of the column.
        kernel_width : float

        Returns
        -------
        rows : ndarray of shape (n_cells, m)
            The training row from which each cell's value comes.
        inside : ndarray of shape (n_cells, m)
            Whether the cell is in the bin.
        """
        shares = self.bins.own_probabilities(codes, columns)
        odds, _ = own_bin_odds(shares, kernel_width)
        # An unseen level has no bin, and no chance to be stayed in: where it starts is the same.
        starts = np.append(self.bins.starts, 0.0)[self.bins.flat(codes, columns)]
        rows = np.empty((len(columns), uniforms.shape[1]), dtype=self._row_dtype)
        inside = np.empty(rows.shape, dtype=bool)
        cells = zip(columns, shares, odds, starts, strict=True)
        for i, (j, share, stay, start) in enumerate(cells):
            inside[i] = uniforms[j] < stay
            with np.errstate(divide="ignore", invalid="ignore"):  # in the branch not taken
                own = start + uniforms[j] / stay * share
                other = (uniforms[j] - stay) / (1 - stay) * (1 - share)
            other += np.where(other < start, 0, share)
            rows[i], _ = self._columns[j].draw(np.where(inside[i], own, other))
        return rows, inside


def _order(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows by rising value, missing (NaN) last. Rows of one value are alike, in any order."""
    # NumPy's quicksort is many times slower than its merge sort where most values are equal.
    tied = np.count_nonzero(values[1:] == values[:-1])
    return np.argsort(values, kind="stable" if 2 * tied > len(values) else "quicksort")


def _cuts(
    values: NDArray[np.float64],
    order: NDArray[np.intp],
    sample_weight: NDArray[np.float64] | None,
    discretizer: str | int,
    y: Any,
    classifier: bool,
) -> NDArray[np.float64]:
    """Inner bin edges of a numeric column."""
    known = order[: len(order) - np.count_nonzero(np.isnan(values))]
    if known.size == 0 or values[known[0]] == values[known[-1]]:
        return np.empty(0)
    weight = None if sample_weight is None else sample_weight[known]
    if discretizer == "entropy":
        return _tree_cuts(values[known], np.asarray(y)[known], weight, classifier)
    n_bins = discretizer if isinstance(discretizer, int) else DISCRETIZERS[discretizer]
    return _quantile_cuts(values[known], weight, np.arange(1, n_bins) / n_bins)


def _quantile_cuts(
    ordered: NDArray[np.float64], weight: NDArray[np.float64] | None, shares: NDArray[np.float64]
) -> NDArray[np.float64]:
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


def _tree_cuts(
    values: NDArray[np.float64], y: Any, weight: NDArray[np.float64] | None, classifier: bool
) -> NDArray[np.float64]:
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


def own_bin_odds(
    own: NDArray[np.float64], kernel_width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chance of the own bin under the kernel, and the mean of the kernel's column factor.

    lime weighs a row by ``exp(-D^2 / kernel_width^2) ** 0.5`` with D^2 the number of columns
    outside the instance's own bin, which is a product over columns of ``lambda`` (outside) or 1
    (inside), ``lambda = exp(-1 / (2 kernel_width^2))``. A column stays in its own bin, whose
    training frequency is p, with chance ``q = p / (p + (1 - p) lambda)`` under that law.

    Parameters
    ----------
    own : ndarray
        Training frequencies p of the own bins.
    kernel_width : float

    Returns
    -------
    q, mean : ndarrays of the shape of `own`
    """
    decay = max(np.exp(-0.5 / kernel_width**2), np.finfo(float).tiny)  # 0 / 0 at an unseen level
    mean = own + (1 - own) * decay
    return own / mean, mean
