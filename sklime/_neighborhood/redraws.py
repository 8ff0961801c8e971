"""Cells for rows that change in one column only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._tables.cells import mix
from .._tables.table import Table
from .bins import Bins
from .conditional import Conditional
from .sampler import Neighborhood


@dataclass(frozen=True)
class Redraws:
    """Other cells for the rows of a table, drawn from the training table.

    Attributes
    ----------
    neighborhood : Neighborhood
    conditional : Conditional or None
        Draws a column given the row's other columns; None draws from the column's distribution.
    table : Table
        The training rows, and the rows that change below them.
    keys : ndarray of shape (n_rows,), uint64
        Numbers that stand for the cells of each row that changes: rows draw independently, and the
        same whatever other rows there are.
    """

    neighborhood: Neighborhood
    conditional: Conditional | None
    table: Table
    keys: NDArray[np.uint64]

    @classmethod
    def of(cls, neighborhood: Neighborhood, table: Table) -> Redraws:
        """Redraws for the rows of a table."""
        conditional = neighborhood.conditional
        return cls(
            neighborhood,
            None if conditional is None else conditional.beside(table),
            neighborhood.table.extended(table, range(table.n_columns)),
            _keys(table, neighborhood.bins),
        )

    def draw(
        self, rows: NDArray[np.intp], n_replicates: int, each: int, seed: int
    ) -> NDArray[np.intp]:
        """Training rows whose cells the given rows take, (n_rows, n_features, n_draws).

        The draws of a replicate are one after the other, and spread evenly over the distribution.
        """
        n_draws, strata = n_replicates * each, np.tile(np.arange(each), n_replicates)
        keys = mix(self.keys[rows], np.array(seed, dtype=np.uint64))
        donors = np.empty((len(rows), self.neighborhood.bins.n_features, n_draws), dtype=np.intp)
        for j in range(self.neighborhood.bins.n_features):
            draws = np.arange(j * n_draws, (j + 1) * n_draws, dtype=np.uint64)
            numbers = mix(keys[:, None], draws)
            uniforms = (strata + (numbers >> np.uint64(11)) * 2.0**-53) / each
            if self.conditional is None:
                donors[:, j] = self.neighborhood.draw_column(j, uniforms)
            else:
                donors[:, j] = self.conditional.draw(j, rows, uniforms)
        return donors


def _keys(table: Table, bins: Bins) -> NDArray[np.uint64]:
    """Each row's number: of its values, or of its levels."""
    codes, keys = bins.encode(table), np.zeros(table.n_rows, dtype=np.uint64)
    for j, column in enumerate(bins.columns):
        if column.categorical:
            keys = mix(keys, codes[:, j].astype(np.uint64))
        else:
            # one zero, and one missing value
            numbers = np.nan_to_num(table.numbers(j) + 0.0, nan=np.inf)
            keys = mix(keys, numbers.view(np.uint64))
    return keys
