"""Main effects and interactions of the model from one pool; weights at any width from them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._anova.effects import Effects
from .._anova.fit import fit_effects
from .._anova.linear import Values
from .._neighborhood.kernel import stay
from .closed_form import answers, kernel_moments, kernel_weights, own_values
from .hidden import hidden_errors
from .pool import N_REPLICATES, Pool, Questions, grow_pool, grow_twins
from .saturation import Saturation
from .weights import Codes, Engine, Floats, Surrogates, fill_untold, linear_fits
from .workers import chunks, working_memory


class Pooled(Engine):
    """One pool for all explanations.

    Half of the samples are Sobol' rows, for main effects. The others are plain random rows, as the
    low bits of Sobol' rows alias pairs of columns; an eighth of these has a twin, the same bins
    with other values, which tells variation inside bins from interactions of high order.
    """

    NUM_SAMPLES = 8192
    MAX_SAMPLES = 2000
    ASKS_TO_EXPLAIN = False

    _sobol: Pool | None = None
    _random: Pool | None = None
    _twins: Floats | None = None

    def grow(self, num_samples: int) -> None:
        questions, seed = Questions(self.neighborhood, self.response), self.seed
        bins, means = self.neighborhood.bins, self.neighborhood.means
        n_random = (num_samples - num_samples // 2) * 8 // 9
        n_random = max(n_random, min(num_samples // 2, 2 * N_REPLICATES))  # as many replicates
        self._sobol = grow_pool(questions, self._sobol, num_samples // 2, seed)
        self._random = grow_pool(questions, self._random, n_random, seed, sobol=False)
        self._twins = grow_twins(questions, self._random, self._twins, seed)
        questions.ask()
        effects = fit_effects(
            self._sobol.codes,
            self._sobol.response,
            self._random.codes,
            self._random.response,
            bins.offsets,
            bins.probabilities,
            frequencies=bins.frequencies,
            values=Values([_by_column(self._sobol), _by_column(self._random)], means),
            twin_response=self._twins,
            working_memory=int(working_memory()),
        )
        self.reader = PooledReader(effects, bins.told & (effects.counts > 0))


@dataclass(frozen=True)
class PooledReader:
    """What the model's answers say about any row: it needs neither the model nor the pool."""

    effects: Effects
    told: NDArray[np.bool_]  # bins that the pool says something about

    def __getstate__(self) -> dict[str, Any]:
        return {"effects": self.effects, "told": self.told}

    @cached_property
    def _saturations(self) -> dict[float, Saturation]:
        """By kernel width; kept, as they take longer than a row."""
        return {}

    @property
    def row_bytes(self) -> float:
        # A row's weights come in replicates and twice more in their moments and sums.
        n_replicates, _, n_outputs = self.effects.main.shape
        return 32 * (len(self.effects.offsets) - 1) * n_outputs * (n_replicates + 4)

    def left(self, codes: Codes, predictions: Floats) -> Floats:
        """What the effects leave of the predictions (n, K); 0 where the row's own answer fills."""
        told = np.all(own_values(self.effects, self.told, codes), axis=1, keepdims=True)
        return (predictions - answers(self.effects, codes).mean(axis=0)) * told

    def explain(self, kernel_width: float, codes: Codes, predictions: Floats) -> Surrogates:
        """LIME weights of rows, given by their bins."""
        weights = kernel_weights(self.effects, codes, kernel_width)
        if self.effects.link is not None:
            if kernel_width not in self._saturations:
                self._saturations[kernel_width] = Saturation(
                    self.effects, self.effects.link, kernel_width
                )
            self._saturations[kernel_width].apply(weights, codes)
        untold = ~own_values(self.effects, self.told, codes)
        if untold.any():
            own = own_values(self.effects, self.effects.probabilities, codes)
            left = predictions - answers(self.effects, codes)
            fill_untold(weights, untold, left, own, predictions)
        return Surrogates(weights)

    def errors(
        self,
        kernel_width: float,
        codes: Codes,
        read: Callable[[int], tuple[Floats, Floats]],
        power: int,
    ) -> Floats:
        """What is not known of importances as weak pairs were not found."""
        return hidden_errors(self.effects, kernel_width, codes, read, power)

    def fits(self, kernel_width: float, codes: Codes, predictions: Floats) -> Floats:
        """Intercept and R^2 of rows: they take longer than the weights, and few ask for them."""
        fits = []
        for rows in chunks(len(codes), self.row_bytes):
            weights = self.explain(kernel_width, codes[rows], predictions[rows]).replicates
            moments = kernel_moments(self.effects, codes[rows], kernel_width)
            own = own_values(self.effects, self.effects.probabilities, codes[rows])
            fits.append(linear_fits(weights, *moments, stay(own, kernel_width), own))
        return np.concatenate(fits)


def _by_column(pool: Pool) -> NDArray[np.int8]:
    """Values of the pool's rows, (n_features, n_rows)."""
    return pool.values.reshape(-1, pool.values.shape[2]).T
