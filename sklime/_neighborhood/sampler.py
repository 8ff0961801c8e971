"""The neighbourhood of a table: perturbed rows drawn column by column.

A perturbed row takes, column by column and independently, a bin by its frequency and a value inside
the bin. One gather through the inverse of the column's distribution function does both, so every
value that a model is asked about is one of the training table, or of a row to explain.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tables.table import Table
from .bins import Bins, Codes, Floats
from .columns import cuts, fit_column
from .conditional import Conditional
from .kernel import stay

# In a neighbourhood of its own a row stays this often in a bin that would hardly be seen otherwise,
# in fewer than that many of the neighbours; and that many leave it, half of them at the most.
LEAST_STAY = 1 / 16
LEAST_SEEN = 8
LEAST_LEFT = 32


@dataclass(frozen=True)
class Drawn:
    """Cells of perturbed rows, (n_features, m) each.

    Attributes
    ----------
    rows : ndarray
        The row from which each cell's value comes: a training row, or after these a row explained.
    codes : ndarray
        The cells' bin numbers.
    values : ndarray of int8
        The cells' numbers, in a unit of each column's own; 0 in columns without numbers.
    """

    rows: NDArray[np.unsignedinteger]
    codes: Codes
    values: NDArray[np.int8]


class Neighborhood:
    """Bins of a training table and the law of the rows perturbed from it.

    Parameters
    ----------
    table : Table
        The training table. Rows of weight 0 must have been left out.
    explained : Table, optional
        The rows to explain. Their levels are kept apart in a column of very many; and what the
        training table does not have of them is drawn from them.
    categorical : ndarray of shape (n_features,), bool
        Columns whose every value is a level. Columns that hold no numbers are so in any case.
    n_samples : int
        Rows that will be drawn, so that rare bins of the rows explained are among them.
    discretizer : {"quartile", "decile", "entropy"} or int
        How numeric columns are cut; an int is a number of equally frequent bins.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), optional
        The target, by which "entropy" cuts.
    classifier : bool
        Whether `y` holds classes.
    sample_weight : ndarray of shape (n_rows,), optional
        A row of weight 2 counts as two rows.
    conditional : bool
        Whether columns are to be drawn given the others, too.
    """

    def __init__(
        self,
        table: Table,
        explained: Table | None = None,
        *,
        categorical: NDArray[np.bool_],
        n_samples: float = 8192,
        discretizer: str | int = "quartile",
        y: Any = None,
        classifier: bool = True,
        sample_weight: Floats | None = None,
        conditional: bool = False,
    ) -> None:
        cut = partial(
            cuts, weight=sample_weight, discretizer=discretizer, y=y, classifier=classifier
        )
        fits = [
            fit_column(
                table, explained, j, sample_weight, n_samples, None if categorical[j] else cut
            )
            for j in range(table.n_columns)
        ]
        self._entries = [fit.entries for fit in fits]
        longer = [j for j, fit in enumerate(fits) if fit.longer]
        self.table = table.extended(explained, longer) if explained and longer else table
        self.bins = Bins(
            tuple(fit.column for fit in fits),
            np.concatenate([fit.probabilities for fit in fits]),
            np.concatenate([fit.frequencies for fit in fits]),
        )
        self.means = np.concatenate([fit.means for fit in fits])
        self.conditional = Conditional(table, self.bins, sample_weight) if conditional else None

    def draw(self, uniforms: Floats) -> Drawn:
        """Cells from uniform numbers (n_features, m) in [0, 1).

        By the inverse of the distribution function that each column is drawn from.
        """
        rows = np.empty(uniforms.shape, dtype=self._row_dtype)
        codes = np.empty(uniforms.shape, dtype=self.bins.code_dtype)
        values = np.zeros(uniforms.shape, dtype=np.int8)
        for j, entries in enumerate(self._entries):
            at = entries.draw(uniforms[j])
            rows[j], codes[j] = entries.rows.take(at), entries.codes.take(at)
            if entries.values is not None:
                values[j] = entries.values.take(at)
        return Drawn(rows, codes, values)

    def draw_column(self, j: int, uniforms: Floats) -> NDArray[np.unsignedinteger]:
        """Training rows whose cells of column j are drawn by uniform numbers, of any shape."""
        entries = self._entries[j]
        return entries.rows.take(entries.draw(uniforms))

    @property
    def _row_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The type of rows' numbers."""
        return max(entries.rows.dtype for entries in self._entries)

    def redraw(self, uniforms: Floats, codes: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """Other rows for cells (n_features, m) whose bins `codes` stay as they are."""
        flat = self.bins.offsets[:-1, None] + codes
        return self.draw(self.bins.starts[flat] + uniforms * self.bins.frequencies[flat]).rows

    def draw_near(
        self,
        uniforms: Floats,
        columns: NDArray[np.intp],
        codes: NDArray[np.integer],
        kernel_width: float,
        n_points: int,
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
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
        n_points : int
            Neighbours of a row in all.

        Returns
        -------
        rows : ndarray of shape (n_cells, m)
            The row from which each cell's value comes.
        inside : ndarray of shape (n_cells, m)
            Whether the cell is in the bin.
        """
        rows = np.empty((len(columns), uniforms.shape[1]), dtype=self._row_dtype)
        inside = np.empty(rows.shape, dtype=bool)
        shares = self.bins.own_probabilities(codes, columns)
        chances = self.stay(shares, kernel_width, n_points, codes, columns)
        for i, (j, code, chance) in enumerate(zip(columns, codes, chances, strict=True)):
            inside[i] = uniforms[j] < chance
            places = self._places(j, int(code), float(chance), shares[i], uniforms[j], inside[i])
            entries = self._entries[j]
            rows[i] = entries.rows.take(entries.draw(places))
        return rows, inside

    def stay(
        self,
        own: Floats,
        kernel_width: float,
        n_points: int,
        codes: NDArray[np.integer],
        columns: NDArray[np.intp] | slice = slice(None),
    ) -> Floats:
        """Chance that a row's neighbour stays in the row's own bin.

        That of the kernel, but for bins that can be drawn and would have too few of `n_points`
        neighbours, or nearly all.
        """
        drawn = np.append(self.bins.frequencies, 0.0)[self.bins.flat(codes, columns)]
        chance = stay(own, kernel_width)
        chance = np.where(chance * n_points < LEAST_SEEN, LEAST_STAY, chance)
        most = max(0.5, 1 - LEAST_LEFT / n_points)
        chance = np.where(own < 1, np.minimum(chance, most), chance)
        return np.where(drawn > 0, chance, 0.0)

    def _places(
        self,
        j: int,
        code: int,
        chance: float,
        share: float,
        uniforms: Floats,
        inside: NDArray[np.bool_],
    ) -> Floats:
        """Places in column j's distribution of cells inside a bin, or outside of it."""
        first, last = self.bins.offsets[j : j + 2]
        law, drawn = self.bins.probabilities[first:last], self.bins.frequencies[first:last]
        start = (np.cumsum(law) - law)[code] if code < len(law) else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):  # in the branch not taken
            within = uniforms / chance
            other = (uniforms - chance) / (1 - chance) * (1 - share)
            inner = start + within * share
        other += np.where(other < start, 0, share)
        if np.array_equal(law, drawn):
            return np.where(inside, inner, other)
        # Bins are drawn by other frequencies than they occur.
        ends, drawn_ends = np.cumsum(law), np.cumsum(drawn)
        other = np.interp(other, np.append(0, ends), np.append(0, drawn_ends))
        if code < len(law):
            within = drawn_ends[code] + (within - 1) * drawn[code]
        return np.where(inside, within, other)
