"""The narrow end of the kernel: one column of a row drawn anew, the others as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._model.response import Response
from .._neighborhood.redraws import Redraws
from .._neighborhood.sampler import Neighborhood
from .._tables.table import Table
from .pool import N_REPLICATES
from .weights import Codes, Engine, Floats, Surrogates
from .workers import chunks

# A difference that small beside the answers it is made of is their rounding.
_ROUNDING = 1e-13

# Bytes of a batch: models that go through it many times want it in the processor's cache.
_BATCH_BYTES = 2.0**25


class OneColumn(Engine):
    """The engine "local" at the width 0, which no bins limit: neighbours differ in one column."""

    NUM_SAMPLES = 4  # for each cell; one less than permutation_importance asks, which repeats 5
    MAX_SAMPLES = 1000
    ASKS_TO_EXPLAIN = True

    _mean: Floats | None = None

    def grow(self, num_samples: int) -> None:
        asked = self.neighborhood, self.response
        if self._mean is None:
            table = self.neighborhood.table
            step = -(-table.n_rows // self.MAX_SAMPLES)
            self._mean = self.response(table.take(np.arange(0, table.n_rows, step))).mean(axis=0)
        self.reader = OneColumnReader(*asked, self._mean, num_samples, self.seed)


@dataclass(frozen=True)
class OneColumnReader:
    """It asks the model about the rows with one cell changed."""

    neighborhood: Neighborhood
    response: Response
    mean: Floats  # of the response over the training table, to which contributions are added
    num_samples: int
    seed: int
    redraws: Redraws | None = None

    def beside(self, table: Table) -> OneColumnReader:
        """The reader of these rows, which are then given by their positions."""
        return replace(self, redraws=Redraws.of(self.neighborhood, table))

    @property
    def row_bytes(self) -> float:
        cell_bytes = 24 * self.num_samples + 64 * self.response.n_outputs
        return cell_bytes * self.neighborhood.bins.n_features

    def explain(
        self, kernel_width: float, codes: Codes, predictions: Floats, rows: NDArray[np.intp]
    ) -> Surrogates:
        """What each column adds to each row: ``f(x) - E[f(x with x_j drawn anew)]``.

        That is a contribution; the weight is ``1 / (1 - p)`` times as large, as ever.
        """
        n_replicates = min(N_REPLICATES, self.num_samples)
        each = self.num_samples // n_replicates
        (n, d), n_outputs = codes.shape, predictions.shape[1]
        if self.redraws is None:
            raise ValueError("Rows must be given before they are explained.")
        donors = self.redraws.draw(rows, n_replicates, each, self.seed).reshape(n * d, -1)
        n_draws, table = donors.shape[1], self.redraws.table
        contributions = np.empty((n_replicates, n * d, n_outputs))
        largest = np.abs(predictions)
        row_bytes = 24 * d + 2 * table.row_nbytes + 40 * n_outputs
        for cells in chunks(n * d, n_draws * row_bytes, _BATCH_BYTES):
            i, j = np.divmod(np.arange(cells.start, min(cells.stop, n * d)), d)
            own = np.repeat(table.n_rows + rows[i], n_draws)
            changed = table.changed(own, np.repeat(j, n_draws), donors[cells].ravel())
            answers = self.response(changed)
            answers = answers.reshape(len(i), n_replicates, each, n_outputs)
            contributions[:, cells] = predictions[i] - answers.mean(axis=2).swapaxes(0, 1)
            np.maximum.at(largest, i, np.abs(answers).max(axis=(1, 2)))
        replicates = contributions.reshape(n_replicates, n, d, n_outputs)
        replicates[np.abs(replicates) <= _ROUNDING * largest[:, None]] = 0
        outside = self.neighborhood.bins.outside(codes)[..., None]
        replicates /= outside
        fits = np.full((n, 3, n_outputs), np.nan)
        fits[:, 0] = self.mean - ((1 - outside) * replicates.mean(axis=0)).sum(axis=1)
        return Surrogates(replicates, fits)
