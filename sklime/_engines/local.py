"""A neighbourhood for each row, drawn from its own kernel-weighted law."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from .._model.response import Response
from .._neighborhood.points import uniform_batches
from .._neighborhood.sampler import Neighborhood
from .pool import split_samples
from .weights import Codes, Engine, Floats, Surrogates, drop_rounding, linear_fits, weight_gain
from .workers import chunks, working_memory

# Cells of a row's neighbourhood that are multiplied at once. Whatever the working memory, as the
# last bits of a matrix product depend on its shape.
_BLOCK_CELLS = 2**20


class Local(Engine):
    """Neighbourhoods at the same random points for every row, so that no row changes another."""

    NUM_SAMPLES = 1024
    MAX_SAMPLES = 100
    ASKS_TO_EXPLAIN = True

    def grow(self, num_samples: int) -> None:
        n_replicates, n_rows = split_samples(num_samples)
        n_features = self.neighborhood.bins.n_features
        uniforms = np.empty((n_features, n_replicates * n_rows))
        most = max(1, int(working_memory() / (16 * n_features)))
        start = 0
        for batch in uniform_batches(n_features, n_replicates, range(n_rows), most, self.seed):
            uniforms[:, start : start + batch.shape[1]] = batch
            start += batch.shape[1]
        self.reader = LocalReader(self.neighborhood, self.response, uniforms, n_replicates)


@dataclass(frozen=True)
class LocalReader:
    """It asks the model about the neighbours of each row."""

    neighborhood: Neighborhood
    response: Response
    uniforms: Floats
    n_replicates: int

    @property
    def row_bytes(self) -> float:
        return self._cell_bytes * self.uniforms.shape[1]

    @property
    def _cell_bytes(self) -> float:
        """Bytes of a neighbour."""
        # A drawn cell passes as a row number three times, a value twice and once inside or not.
        cells = 14 * len(self.uniforms) + 2 * self.neighborhood.table.row_nbytes
        return cells + 40 * self.response.n_outputs

    def explain(self, kernel_width: float, codes: Codes, predictions: Floats) -> Surrogates:
        """LIME weights of rows, given by their bins."""
        neighborhood, (n_features, n_points) = self.neighborhood, self.uniforms.shape
        n_outputs = predictions.shape[1]
        # Rows in the same bin of a column share that column's cells.
        columns = np.broadcast_to(np.arange(n_features), codes.shape)
        pairs = np.stack([columns.ravel(), codes.ravel()])
        (column, code), cell = np.unique(pairs, axis=1, return_inverse=True)
        cell = cell.reshape(codes.shape)
        inside = np.empty((len(column), n_points), bool)
        answer = np.empty((len(codes), n_points, n_outputs))
        # A single row may not fit.
        for points in chunks(n_points, self._cell_bytes * len(codes)):
            drawn, inside[:, points] = neighborhood.draw_near(
                self.uniforms[:, points], column, code, kernel_width, n_points
            )
            cells = drawn[cell].swapaxes(0, 1).reshape(n_features, -1)
            answer[:, points] = self.response(neighborhood.table.gather(cells)).reshape(
                len(cell), -1, n_outputs
            )
        own = neighborhood.bins.own_probabilities(codes)
        stay = neighborhood.stay(own, kernel_width, n_points, codes)
        replicates = answer.reshape(len(cell), self.n_replicates, -1, n_outputs)
        surrogates = difference_of_means(inside, cell, replicates, stay, own)
        return surrogates.filled(stay == 0, own, predictions)


def difference_of_means(
    same: NDArray[np.bool_], cell: NDArray[np.intp], response: Floats, inside: Floats, own: Floats
) -> Surrogates:
    """LIME weights from neighbourhoods drawn from the kernel-weighted law itself.

    Under that law the indicators z_j ("column j is in the row's own bin") are independent, and
    LIME's weight is ``E[f | z_j = 1] - E[f | z_j = 0] = Cov(f, z_j) / (q_j (1 - q_j))``, with q_j
    the chance of the own bin [1]_.

    `same` (n_cells, n_replicates * n_rows) tells which drawn cells are in the own bin that they
    were drawn around, `cell` (n_explained, n_features) which of them are a row's; `response` is
    (n_explained, n_replicates, n_rows, n_outputs); `inside` and `own` (n_explained, n_features) are
    the chances of the own bin under the kernel and without it.

    .. [1] D. Garreau and U. von Luxburg, "Looking Deeper into Tabular LIME", 2020.
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
    # By the share that was drawn: a rare bin is in a few rows more or less than expected.
    drawn = same.reshape(len(same), n_replicates, n_rows).mean(axis=2)
    gain = weight_gain(drawn[cell].swapaxes(1, 2))
    covariance *= gain[..., None] / n_rows
    replicates = covariance.swapaxes(0, 1)
    variance = (centered**2).mean(axis=(1, 2))
    means = mean.mean(axis=(1, 2))
    drop_rounding(replicates, means)
    return Surrogates(replicates, linear_fits(replicates, means, variance, inside, own))
