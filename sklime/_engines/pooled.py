"""Main effects and interactions of the model from one pool; weights at any width from them."""

from __future__ import annotations

from dataclasses import dataclass

from .._anova.fit import Effects, fit_effects
from .._neighborhood.sampler import Bins, own_bin_odds
from .closed_form import kernel_moments, kernel_weights
from .pool import N_REPLICATES, Pool, grow_pool, grow_twins
from .weights import Codes, Engine, Floats, Surrogates, summarize
from .workers import working_memory


class Pooled(Engine):
    """One pool for all explanations.

    Half of the samples are Sobol' rows, for main effects. The others are plain random rows, as the
    low bits of Sobol' rows alias pairs of columns; an eighth of these has a twin, the same bins
    with other values, which tells variation inside bins from interactions of high order.
    """

    NUM_SAMPLES = 8192
    MAX_SAMPLES = 1000
    ASKS_TO_EXPLAIN = False

    _sobol: Pool | None = None
    _random: Pool | None = None
    _twins: Floats | None = None

    def grow(self, num_samples: int) -> None:
        asked, seed = (self.neighborhood, self.response), self.seed
        bins = self.neighborhood.bins
        n_random = (num_samples - num_samples // 2) * 8 // 9
        n_random = max(n_random, min(num_samples // 2, 2 * N_REPLICATES))  # as many replicates
        self._sobol = grow_pool(*asked, self._sobol, num_samples // 2, seed)
        self._random = grow_pool(*asked, self._random, n_random, seed, sobol=False)
        self._twins = grow_twins(*asked, self._random, self._twins, seed)
        effects = fit_effects(
            self._sobol.codes,
            self._sobol.response,
            self._random.codes,
            self._random.response,
            bins.offsets,
            bins.probabilities,
            twin_response=self._twins,
            working_memory=int(working_memory()),
        )
        self.reader = PooledReader(effects, bins.without_values())


@dataclass(frozen=True)
class PooledReader:
    """What the model's answers say about any row: it needs neither the model nor the pool."""

    effects: Effects
    bins: Bins

    @property
    def row_bytes(self) -> float:
        # A row's weights come in replicates and twice more in their moments and sums.
        n_replicates, _, n_outputs = self.effects.main.shape
        return 32 * self.bins.n_features * n_outputs * (n_replicates + 4)

    def explain(self, kernel_width: float, codes: Codes, predictions: Floats) -> Surrogates:
        """LIME weights of rows, given by their bins."""
        own = self.bins.own_probabilities(codes)
        inside, _ = own_bin_odds(own, kernel_width)
        mean, variance = kernel_moments(self.effects, codes, kernel_width)
        weights = kernel_weights(self.effects, codes, kernel_width)
        return summarize(weights, mean, variance, inside, own)
