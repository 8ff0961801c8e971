"""The reference: the same explanations by the lime package, row by row.

lime sees the table as bin numbers. The discretizer below hands back, for a bin, the place of a
random training value of that bin in the column's distribution, and the neighbourhood turns places
into training values. So lime draws from the same law as the other engines, for any type of column,
and none of lime's own faults in drawing values (see the README) can occur.
"""

import warnings
from typing import Any

import numpy as np
from lime.discretize import BaseDiscretizer
from lime.lime_tabular import LimeTabularExplainer
from numpy.typing import NDArray

from .._model.response import Response
from .._neighborhood.sampler import Bins, Neighborhood
from .weights import Surrogates


def lime_weights(
    neighborhood: Neighborhood,
    response: Response,
    kernel_width: float,
    num_samples: int,
    model_regressor: Any,
    seed: int,
    codes: NDArray[np.unsignedinteger],
    predictions: NDArray[np.float64],
) -> Surrogates:
    """LIME weights of every row of `codes`, each from its own call of lime.

    Parameters
    ----------
    neighborhood : Neighborhood
    response : Response
    kernel_width : float
    num_samples : int
        Rows of each neighbourhood, the explained row among them.
    model_regressor : estimator or None
        lime's parameter; None is its ridge regression.
    seed : int
        A row's random numbers depend on it and on the row's bins, not on the other rows.
    codes : ndarray of shape (n_explained, n_features)
        Bin numbers of the rows explained.
    predictions : ndarray of shape (n_explained, n_outputs)
        The response for the rows explained.

    Returns
    -------
    Surrogates
        With a single replicate.
    """
    explainer = _explainer(neighborhood.bins, kernel_width)
    n_outputs = predictions.shape[1]
    weights = np.zeros((*codes.shape, n_outputs))
    intercepts, scores = np.zeros((2, len(codes), n_outputs))
    for i, own in enumerate(codes):
        state = np.random.RandomState(np.random.MT19937([seed, *own.tolist()]))
        explainer.random_state = explainer.base.random_state = state
        explainer.discretizer.random_state = state
        model = _Model(neighborhood, response, predictions[i])
        with warnings.catch_warnings():
            # lime takes every response for probabilities, and so warns where it is none.
            warnings.filterwarnings("ignore", message="(?s).*Prediction probabilties do not sum")
            explanation = explainer.explain_instance(
                own.astype(np.float64),
                model.predict,
                labels=range(n_outputs),
                num_features=codes.shape[1],
                num_samples=num_samples,
                model_regressor=model_regressor,
            )
        for k in range(n_outputs):
            columns, values = zip(*explanation.as_map()[k], strict=True)
            weights[i, list(columns), k] = values
            intercepts[i, k] = explanation.intercept[k]
        # lime keeps the score of the last output only.
        scores[i] = model.scores(own, weights[i], intercepts[i], kernel_width)
    # lime has the explained row itself among the perturbed ones, the only one with its level then.
    weights[neighborhood.bins.own_probabilities(codes) == 0] = 0
    return Surrogates(weights[None], intercepts, scores, np.full_like(scores, np.nan))


class _Places(BaseDiscretizer):
    """A discretizer of bin numbers that gives back places in the columns' distributions."""

    def __init__(self, bins: Bins) -> None:
        self._start = np.split(bins.starts, bins.offsets[1:-1])
        self._share = np.split(bins.probabilities, bins.offsets[1:-1])
        self.names: dict[int, list[str]] = {}
        self.lambdas: dict[int, Any] = {}
        self.random_state = np.random.RandomState(0)

    def bins(self, data: Any, labels: Any) -> list[NDArray[np.float64]]:
        """lime's hook for a discretizer's own cuts: there are none, the data is in bins."""
        return []

    def discretize(self, data: NDArray[np.float64]) -> NDArray[np.float64]:
        return data

    def undiscretize(self, data: NDArray[np.float64]) -> NDArray[np.float64]:
        """A random place inside each cell's bin."""
        places = self.random_state.random_sample(data.shape)
        for j, (start, share) in enumerate(zip(self._start, self._share, strict=True)):
            bin_number = data[:, j].astype(np.intp)
            places[:, j] = start[bin_number] + share[bin_number] * places[:, j]
        return places


def _explainer(bins: Bins, kernel_width: float) -> LimeTabularExplainer:
    """lime's explainer, told the frequencies of the bins instead of counting them."""
    explainer = LimeTabularExplainer(
        np.zeros((1, bins.n_features)),
        mode="classification",
        kernel_width=kernel_width,
        feature_selection="none",
        discretizer=_Places(bins),
    )
    for j, share in enumerate(np.split(bins.probabilities, bins.offsets[1:-1])):
        explainer.feature_values[j] = np.arange(len(share))
        explainer.feature_frequencies[j] = share
    return explainer


class _Model:
    """The model as lime calls it, for one explained row; remembers what lime does not."""

    def __init__(
        self, neighborhood: Neighborhood, response: Response, prediction: NDArray[np.float64]
    ) -> None:
        self._neighborhood = neighborhood
        self._response = response
        self._prediction = prediction

    def predict(self, inverse: NDArray[np.float64]) -> NDArray[np.float64]:
        """Response for lime's rows: the explained one, then perturbed ones given as places."""
        rows, codes = self._neighborhood.draw(np.ascontiguousarray(inverse[1:].T))
        perturbed = self._response(self._neighborhood.table.gather(rows))
        self._codes = codes.T
        self._answer = np.vstack([self._prediction, perturbed])
        return self._answer

    def scores(
        self,
        own: NDArray[np.unsignedinteger],
        weights: NDArray[np.float64],
        intercept: NDArray[np.float64],
        kernel_width: float,
    ) -> NDArray[np.float64]:
        """Weighted R^2 of each output's linear model on the rows that lime saw."""
        same = np.vstack([np.ones(len(own)), self._codes == own])
        kernel = np.exp(-0.5 * (len(own) - same.sum(axis=1)) / kernel_width**2)
        residual = self._answer - (same @ weights + intercept)
        center = np.average(self._answer, axis=0, weights=kernel)
        spread = np.average((self._answer - center) ** 2, axis=0, weights=kernel)
        error = np.average(residual**2, axis=0, weights=kernel)
        varies = spread > 1e-20 * (1 + center**2)
        return 1 - np.divide(error, spread, out=np.full_like(spread, np.nan), where=varies)
