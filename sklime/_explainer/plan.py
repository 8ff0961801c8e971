"""What is asked, and of which rows: all that can be told before there is a fitted model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from .._engines import ENGINES, Engine, OneColumn
from .._engines.samples import Samples
from .._model.response import estimator_type
from .._model.target import target_array
from .._neighborhood.rows import (
    check_table,
    choose_rows,
    feature_names,
    make_neighborhood,
    row_weights,
)
from .._neighborhood.sampler import Neighborhood
from .._statistics.aggregations import resolve
from .._tables.table import Table
from .checks import check_parameters


@dataclass(frozen=True)
class Plan:
    """What can be told and checked before there is a fitted model.

    Attributes
    ----------
    table : Table
        The rows of which some are explained.
    neighborhood : Neighborhood
    target : ndarray of shape (n_rows,) or (n_rows, n_targets), or None
    rows : ndarray of shape (n_explained,)
        Positions of the rows to explain.
    weight : ndarray of shape (n_rows,) or None
    population : float
        Total weight of the rows that could have been explained.
    seed : int
    """

    table: Table
    neighborhood: Neighborhood
    target: NDArray[Any] | None
    rows: NDArray[np.intp]
    weight: NDArray[np.float64] | None
    population: float
    seed: int


@dataclass(kw_only=True)
class Settings:
    """The parameters of :func:`lime_importance`, under the same names."""

    scoring: str | None
    max_samples: str | float | None
    labels: Any
    response_method: str
    categorical_features: Any
    discretizer: str | int
    num_samples: str | int
    kernel_width: float | str
    conditional: bool
    model_regressor: Any
    num_features: int | None
    values: str
    aggregation: str | Callable[..., Any]
    engine: str
    tol: float | None
    n_jobs: int | None
    random_state: Any
    verbose: int

    def plans(
        self,
        X: Any,
        y: Any,
        folds: Sequence[tuple[NDArray[np.intp] | None, Any]],
        *,
        estimator: Any,
        training_data: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> list[Plan]:
        """Choose rows of each fold; mistakes in what is given show here.

        A fold is the positions of the rows that may be explained, all if it is None, and a random
        state. All folds have one neighbourhood, so that their bins are the same.
        """
        kind = estimator_type(estimator)
        check_parameters(self, y, training_data, kind)
        table, classifier = Table(X), kind == "classifier"
        training_table = table if training_data is None else Table(training_data)
        check_consistent_length(table.native, y)
        check_table(table, feature_names(training_table))
        weight = row_weights(sample_weight, X)
        most = self._engine().MAX_SAMPLES if self.max_samples == "auto" else self.max_samples
        y = target_array(y)
        stratify = y if classifier and y is not None and y.ndim == 1 else None
        chosen = []
        for candidates, random_state in folds:
            rng = check_random_state(random_state)
            seed = int(rng.randint(np.iinfo(np.int32).max))  # first: rows explained change no draw
            candidates = np.arange(table.n_rows) if candidates is None else candidates
            if weight is not None:
                candidates = candidates[weight[candidates] > 0]
            population = len(candidates) if weight is None else weight[candidates].sum()
            rows = choose_rows(candidates, most, stratify, rng)
            chosen.append((rows, weight, float(population), seed))
        if callable(self.aggregation):  # a try shows whether it makes importances
            resolve(self.aggregation)(np.ones((len(chosen[0][0]), table.n_columns)))
        every = np.unique(np.concatenate([rows for rows, *_ in chosen]))
        neighborhood = make_neighborhood(
            training_table,
            Table(table.take(every)),
            weight if training_data is None else None,
            y,
            classifier=classifier,
            categorical_features=self.categorical_features,
            discretizer=self.discretizer,
            # One column at a time needs no rare bin often.
            n_samples=np.inf if self.kernel_width == 0 else self._samples(table).first(),
            conditional=self.conditional,
        )
        return [Plan(table, neighborhood, y, *fold) for fold in chosen]

    def _engine(self) -> type[Engine]:
        """What asks the model."""
        return OneColumn if self.kernel_width == 0 else ENGINES[self.engine]

    def _samples(self, table: Table, n_outputs: int = 1) -> Samples:
        """How many rows to ask about."""
        engine = self._engine()
        given = None if self.num_samples == "auto" else int(self.num_samples)
        # Chance, not the pool, limits what a score tells.
        follows = not engine.ASKS_TO_EXPLAIN and self.scoring is None
        cells = table.n_rows * table.n_columns
        return Samples(
            given,
            engine.NUM_SAMPLES,
            self.tol,
            cells if follows else None,
            table.n_columns,
            n_outputs,
        )
