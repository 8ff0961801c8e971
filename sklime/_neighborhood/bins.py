"""The bins of every column of a training table, without the table."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._tables.table import Table

Floats = NDArray[np.float64]
Codes = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class NumericColumn:
    """A column cut into intervals.

    Attributes
    ----------
    cuts : ndarray
        Inner edges: bin b holds ``cuts[b-1] < x <= cuts[b]``.
    unit : str
        What the numbers stand for: "number", "bool", "date" or "duration".
    missing : bool
        Whether missing values have a bin of their own, the last.
    """

    cuts: Floats
    unit: str
    missing: bool
    categorical: ClassVar[bool] = False

    @property
    def n_bins(self) -> int:
        return len(self.cuts) + 1 + self.missing

    def encode(self, table: Table, j: int) -> NDArray[np.intp]:
        """Bin of each row in column j: regular bins, then missing values."""
        values = table.numbers(j)
        codes = np.searchsorted(self.cuts, values, side="left")
        return np.where(np.isnan(values), len(self.cuts) + 1, codes)

    def labels(self) -> list[str]:
        labels = _interval_labels(self.cuts.tolist(), self.unit)
        return [*labels, "missing"] if self.missing else labels


@dataclass(frozen=True)
class CategoricalColumn:
    """A column whose every value is a level.

    Attributes
    ----------
    levels : list
        Levels with a bin of their own.
    unit : str
    missing : bool
        Whether missing values have a bin of their own, the last.
    others : bool
        Whether the levels that are not listed share a bin, the one before.
    """

    levels: list[Any]
    unit: str
    missing: bool
    others: bool = False
    categorical: ClassVar[bool] = True

    @property
    def n_bins(self) -> int:
        return len(self.levels) + self.others + self.missing

    def encode(self, table: Table, j: int) -> NDArray[np.intp]:
        """Bin of each row in column j; the number of bins for a level without any."""
        codes = table.codes(j, self.levels)  # -1 where missing, len(levels) where not listed
        if not self.others:
            codes = np.where(codes == len(self.levels), self.n_bins, codes)
        return np.where(codes < 0, len(self.levels) + self.others, codes)

    def labels(self) -> list[str]:
        labels = [str(v) if self.unit == "number" else _text(v, self.unit) for v in self.levels]
        return [*labels, *self.others * ["other levels"], *self.missing * ["missing"]]


Column = NumericColumn | CategoricalColumn


@dataclass(frozen=True)
class Bins:
    """The bins of every column, how often they occur and how often they are drawn.

    Attributes
    ----------
    columns : tuple of NumericColumn or CategoricalColumn
    probabilities : ndarray of shape (n_bins,)
        Training frequency of each flat bin; sums to 1 within a column.
    frequencies : ndarray of shape (n_bins,)
        How often each flat bin is drawn: rare bins of the rows explained more often than they
        occur, so that something is known of each.
    """

    columns: tuple[Column, ...]
    probabilities: Floats
    frequencies: Floats

    @property
    def n_features(self) -> int:
        return len(self.columns)

    @cached_property
    def offsets(self) -> NDArray[np.intp]:
        """Column j owns the flat bins ``offsets[j]:offsets[j + 1]``."""
        return np.concatenate([[0], np.cumsum([column.n_bins for column in self.columns])])

    @property
    def code_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest type of bin numbers."""
        return np.min_scalar_type(np.diff(self.offsets).max())

    @cached_property
    def starts(self) -> Floats:
        """Where each flat bin starts in the distribution that is drawn from, (n_bins,)."""
        columns = self.by_column(self.frequencies)
        return np.concatenate([np.cumsum(column) - column for column in columns])

    def by_column(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of the flat bins, one array for each column."""
        return np.split(values, self.offsets[1:-1])

    def encode(self, table: Table) -> Codes:
        """Bin numbers of a table's cells, (n_rows, n_features).

        What has no bin, such as a level that training did not have, gets the number of bins of its
        column.
        """
        codes = np.empty((self.n_features, table.n_rows), self.code_dtype)
        for j, column in enumerate(self.columns):
            codes[j] = np.minimum(column.encode(table, j), column.n_bins)
        return np.ascontiguousarray(codes.T)

    def flat(
        self, codes: NDArray[np.integer], columns: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.intp]:
        """Flat bins of bins given by number, in the shape of `codes`; n_bins for what has none.

        `columns` are the columns of the last axis of `codes`, all of them by default.
        """
        flat = codes + self.offsets[:-1][columns]
        return np.where(flat < self.offsets[1:][columns], flat, len(self.probabilities))

    def own_probabilities(
        self, codes: NDArray[np.integer], columns: NDArray[np.intp] | slice = slice(None)
    ) -> Floats:
        """Training frequencies of bins given as for :meth:`flat`; 0 for what has none."""
        return np.append(self.probabilities, 0.0)[self.flat(codes, columns)]

    def outside(self, codes: NDArray[np.integer]) -> Floats:
        """1 less the training frequency of each own bin; 1 where there is no other bin."""
        own = self.own_probabilities(codes)
        return np.where(own < 1, 1 - own, 1.0)

    @property
    def told(self) -> NDArray[np.bool_]:
        """Whether a flat bin stands for one level or interval, and not for levels left over."""
        told = np.ones(len(self.probabilities), dtype=bool)
        for column, end in zip(self.columns, self.offsets[1:], strict=True):
            if isinstance(column, CategoricalColumn) and column.others:
                told[end - 1 - column.missing] = False
        return told

    def labels(self, j: int) -> list[str]:
        """One label for each bin of column j: an interval, a level or "missing"."""
        return self.columns[j].labels()


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
