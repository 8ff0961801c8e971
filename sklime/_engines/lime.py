"""The reference: the same explanations by the lime package, row by row.

lime sees the table as bin numbers. For a bin the discretizer below hands back the place of a random
training value of it in the column's distribution, and the neighbourhood turns places into training
values. So lime draws from the same distribution as the other engines, for any type of column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from .._model.response import Response
from .._neighborhood.bins import Bins
from .._neighborhood.sampler import LEAST_SEEN, LEAST_STAY, Neighborhood
from .weights import Codes, Engine, Floats, Surrogates, drop_rounding, varies

if TYPE_CHECKING:
    from lime.lime_tabular import LimeTabularExplainer


class Lime(Engine):
    """The lime package, which has no pool: all is done when rows are explained."""

    NUM_SAMPLES = 5000
    MAX_SAMPLES = 100
    ASKS_TO_EXPLAIN = True

    def grow(self, num_samples: int) -> None:
        asked = self.neighborhood, self.response
        self.reader = LimeReader(*asked, num_samples, self.seed, self.model_regressor)


@dataclass(frozen=True)
class LimeReader:
    """It calls lime for each row, with random numbers by the seed and the row's own bins alone."""

    neighborhood: Neighborhood
    response: Response
    num_samples: int
    seed: int
    model_regressor: Any

    @property
    def row_bytes(self) -> float:
        return 32 * self.neighborhood.bins.n_features * self.response.n_outputs

    def explain(self, kernel_width: float, codes: Codes, predictions: Floats) -> Surrogates:
        """LIME weights of rows, with a single replicate, each from its own call of lime."""
        explainer = _explainer(self.neighborhood.bins, kernel_width)
        # lime fits the one it is given, which other threads have too.
        regressor = None if self.model_regressor is None else clone(self.model_regressor)
        n_outputs = predictions.shape[1]
        weights = np.zeros((*codes.shape, n_outputs))
        fits = np.full((len(codes), 3, n_outputs), np.nan)
        for i, own in enumerate(codes):
            state = np.random.RandomState(np.random.MT19937([self.seed, *own.tolist()]))
            explainer.random_state = explainer.base.random_state = state
            explainer.discretizer.random_state = state
            for j, frequencies in enumerate(_raised(self.neighborhood.bins, own, self.num_samples)):
                explainer.feature_frequencies[j] = frequencies
            model = _Model(self.neighborhood, self.response, predictions[i])
            explanation = explainer.explain_instance(
                own.astype(np.float64),
                model.predict,
                labels=range(0, 2 * n_outputs, 2),
                num_features=codes.shape[1],
                num_samples=self.num_samples,
                model_regressor=regressor,
            )
            for k in range(n_outputs):
                columns, values = zip(*explanation.as_map()[2 * k], strict=True)
                weights[i, list(columns), k] = values
                fits[i, 0, k] = explanation.intercept[2 * k]
            # lime keeps the score of the last output only.
            fits[i, 1] = model.scores(own, weights[i], fits[i, 0], kernel_width)
        drop_rounding(weights[None], fits[:, 0])
        # lime has the explained row itself among the perturbed ones, the only one with its level.
        bins = self.neighborhood.bins
        untold = np.append(bins.frequencies, 0.0)[bins.flat(codes)] == 0
        weights[untold] = 0
        return Surrogates(weights[None], fits).filled(
            untold, bins.own_probabilities(codes), predictions
        )


class _Places:
    """A discretizer of bin numbers that gives back places in the columns' distributions."""

    def __init__(self, bins: Bins) -> None:
        self._start = bins.by_column(bins.starts)
        self._share = bins.by_column(bins.frequencies)
        self.names: dict[int, list[str]] = {}
        self.lambdas: dict[int, Any] = {}
        self.random_state = np.random.RandomState(0)

    def bins(self, data: Any, labels: Any) -> list[Floats]:
        """lime's hook for a discretizer's own cuts: there are none, the data is in bins."""
        return []

    def discretize(self, data: Floats) -> Floats:
        return data

    def undiscretize(self, data: Floats) -> Floats:
        """A random place inside each cell's bin."""
        places = self.random_state.random_sample(data.shape)
        for j, (start, share) in enumerate(zip(self._start, self._share, strict=True)):
            bin_number = data[:, j].astype(np.intp)
            places[:, j] = start[bin_number] + share[bin_number] * places[:, j]
        return places


def _explainer(bins: Bins, kernel_width: float) -> LimeTabularExplainer:
    """lime's explainer, told the frequencies of the bins instead of counting them."""
    from lime.discretize import BaseDiscretizer
    from lime.lime_tabular import LimeTabularExplainer

    class Discretizer(_Places, BaseDiscretizer):
        """For lime, which asks for its own type."""

    explainer = LimeTabularExplainer(
        np.zeros((1, bins.n_features)),
        mode="classification",
        kernel_width=kernel_width,
        feature_selection="none",
        discretizer=Discretizer(bins),
    )
    for j, column in enumerate(bins.columns):
        explainer.feature_values[j] = np.arange(column.n_bins)
    return explainer


def _raised(bins: Bins, own: Codes, num_samples: int) -> list[Floats]:
    """Frequencies of the bins of each column, a row's own not too rare to be seen."""
    frequencies = bins.by_column(bins.probabilities.copy())
    for j, (share, drawn) in enumerate(
        zip(frequencies, bins.by_column(bins.frequencies), strict=True)
    ):
        code = own[j]
        rare = code < len(share) and share[code] * num_samples < LEAST_SEEN
        if rare and drawn[code] > 0:
            share *= (1 - LEAST_STAY) / (1 - share[code])
            share[code] = LEAST_STAY
    return frequencies


@dataclass
class _Model:
    """The model as lime calls it, for one explained row; remembers what lime does not."""

    neighborhood: Neighborhood
    response: Response
    prediction: Floats

    def predict(self, inverse: Floats) -> Floats:
        """Response for lime's rows: the explained one, then perturbed ones given as places."""
        drawn = self.neighborhood.draw(np.ascontiguousarray(inverse[1:].T))
        perturbed = self.response(self.neighborhood.table.gather(drawn.rows))
        self._codes = drawn.codes.T
        self._answer = np.vstack([self.prediction, perturbed])
        # lime takes every response for probabilities, and warns where a row does not sum to 1: an
        # output's negative stands beside it, and a 1 at the end.
        pairs = np.stack([self._answer, -self._answer], axis=2).reshape(len(self._answer), -1)
        return np.column_stack([pairs, np.ones(len(pairs))])

    def scores(self, own: Codes, weights: Floats, intercept: Floats, kernel_width: float) -> Floats:
        """Weighted R^2 of each output's linear model on the rows that lime saw."""
        same = np.vstack([np.ones(len(own)), self._codes == own])
        kernel = np.exp(-0.5 * (len(own) - same.sum(axis=1)) / kernel_width**2)
        residual = self._answer - (same @ weights + intercept)
        center = np.average(self._answer, axis=0, weights=kernel)
        spread = np.average((self._answer - center) ** 2, axis=0, weights=kernel)
        error = np.average(residual**2, axis=0, weights=kernel)
        known = varies(spread, center)
        return 1 - np.divide(error, spread, out=np.full_like(spread, np.nan), where=known)
