"""From a fitted model and a table to explanations of its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from .._anova.effects import variance_split
from .._engines import ENGINES, Engine, OneColumn, OneColumnReader, Reader, explain_rows
from .._engines.pooled import PooledReader
from .._engines.samples import Samples
from .._engines.workers import chunks
from .._explanations import Explanations
from .._model.loss import Derived, only, score_coefficients, score_response
from .._model.response import (
    Response,
    choose_response,
    class_values,
    distinct,
    estimator_type,
    progress,
    target_array,
)
from .._neighborhood.kernel import lime_width
from .._neighborhood.rows import (
    check_table,
    choose_rows,
    feature_names,
    make_neighborhood,
    row_weights,
)
from .._neighborhood.sampler import Neighborhood
from .._rows import label_positions
from .._statistics.aggregations import resolve
from .._tables.cells import encode
from .._tables.table import Table
from ..exceptions import parameter_error, warn
from .checks import check_parameters

# The pool's width of best mean rank over known truth and real tables (benchmarks/RESULTS.md). A
# neighbourhood of its own would hardly leave the row's own bins there.
NARROW = {"pooled": 0.3, "local": 0.4}


@dataclass(frozen=True)
class Plan:
    """What a model is to be asked about which rows, checked before the model is fitted."""

    table: Table
    neighborhood: Neighborhood
    target: NDArray[Any] | None
    rows: NDArray[np.intp]  # positions of those to explain
    weight: NDArray[np.float64] | None  # of every row of the table
    population: float  # weight of the rows that could have been explained
    seed: int


@dataclass(kw_only=True)
class Explainer:
    """Asks a model once in `fit_explain`, and explains any rows by its answers in `explain`.

    Its parameters are those of :func:`lime_importance`.
    """

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
        if stratify is not None and y.dtype == object:  # of classes that may have no order
            stratify = encode(y, distinct(y).tolist())
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
            # One column at a time needs no extra rows in rare bins.
            n_samples=np.inf if self.kernel_width == 0 else self._samples(table, weight).first(),
            conditional=self.conditional,
        )
        return [Plan(table, neighborhood, y, *fold) for fold in chosen]

    def _engine(self) -> type[Engine]:
        """What asks the model."""
        return OneColumn if self.kernel_width == 0 else ENGINES[self.engine]

    def method(self, estimator: Any) -> str:
        """The method to ask: accuracy is that of the classes predicted, not of the likeliest."""
        classifier = estimator_type(estimator) == "classifier" and hasattr(estimator, "predict")
        given = self.response_method != "auto" or self.scoring not in ("accuracy", "auto")
        if given or not classifier:
            return self.response_method
        proper = self.scoring == "auto" and hasattr(estimator, "predict_proba")
        return "predict_proba" if proper else "predict"

    def _samples(
        self, table: Table, weight: NDArray[np.float64] | None, n_outputs: int = 1
    ) -> Samples:
        """How many rows to ask about."""
        engine = self._engine()
        given = None if self.num_samples == "auto" else int(self.num_samples)
        # The error of a score is mostly that of the choice of rows: a larger pool helps little.
        follows = not engine.ASKS_TO_EXPLAIN and self.scoring is None
        n_rows = table.n_rows if weight is None else int(np.count_nonzero(weight))
        cells = n_rows * table.n_columns if follows else None
        return Samples(given, engine.NUM_SAMPLES, self.tol, cells, table.n_columns, n_outputs)

    def fit_explain(self, estimator: Any, plan: Plan, classes: Any = None) -> Explanations:
        """Ask a fitted model, and explain the rows of a plan.

        `classes` are all classes, of which a fold's model may lack some. The aggregation and the
        labels say whose error `tol` bounds.
        """
        neighborhood, table = plan.neighborhood, plan.table
        data = table.take(plan.rows)
        method = self.method(estimator)
        if classes is None:
            classes = class_values(estimator, method, neighborhood.table.native)
        response, predictions = choose_response(estimator, method, data, classes)
        target = None if plan.target is None else plan.target[plan.rows]
        self.response_ = self._read(response, plan)
        if isinstance(self.response_, Derived):
            predictions = self.response_.transform(predictions)
        self.bins_, self.feature_names_ = neighborhood.bins, feature_names(table)
        engine = self._engine()
        samples = self._samples(table, plan.weight, self.response_.n_outputs)
        self.num_samples_ = samples.first(self.bins_)
        n_predicted = self.num_samples_ * (len(plan.rows) if engine.ASKS_TO_EXPLAIN else 1)
        n_predicted *= table.n_columns if engine is OneColumn else 1
        # A bar cannot follow the predictions of other processes.
        alone = not engine.ASKS_TO_EXPLAIN or effective_n_jobs(self.n_jobs) == 1
        with progress(n_predicted, self.verbose if alone else 0) as advance:
            asked = replace(self.response_, advance=advance)
            sampler = engine(
                neighborhood, asked, self.num_samples_, plan.seed, self.model_regressor
            )
            read = partial(
                self._explain,
                Table(data),
                data,
                predictions,
                target,
                kernel_width=self._width(None),
                sample_indices=plan.rows,
                sample_weight=None if plan.weight is None else plan.weight[plan.rows],
                population=plan.population,
            )
            explanations = self._explain_until(sampler, read, samples)
        self.reader_ = sampler.reader
        return explanations

    def explain(
        self, X: Any, y: Any = None, kernel_width: float | str | None = None
    ) -> Explanations:
        """Explain any rows, by the answers that there are."""
        table = Table(X)
        check_table(table, self.feature_names_)
        check_consistent_length(X, y)
        if self.scoring is not None and y is None:
            raise parameter_error("y", "be given for a scoring", None)
        rows = np.arange(table.n_rows)
        return self._explain(
            table,
            table.take(rows),
            self.response_(table.take(rows)),  # which it may change
            target_array(y),
            self.reader_,
            kernel_width=self._width(kernel_width),
            sample_indices=rows,
            sample_weight=None,
            population=float(len(rows)),
        )

    def _read(self, response: Response, plan: Plan) -> Response:
        """The outputs that count: of some classes, or of a score."""
        if self.scoring is not None:
            return score_response(response, self.scoring, plan.target, plan.weight)
        if isinstance(self.labels, str) and self.labels in ("all", "predicted"):
            return response
        return only(response, label_positions(response.output_names, self.labels))

    def _width(self, kernel_width: float | str | None) -> float:
        width = self.kernel_width if kernel_width is None else kernel_width
        if (width == 0) != (self.kernel_width == 0):
            must = f"be 0 if it was 0 in fit, and only then (it was {self.kernel_width!r})"
            raise parameter_error("kernel_width", must, width)
        if width == "lime" or (width == "auto" and self.engine == "lime"):
            return lime_width(len(self.feature_names_))
        return NARROW[self.engine] if width == "auto" else float(width)

    def _explain_until(
        self, sampler: Engine, read: Callable[..., Any], samples: Samples
    ) -> Explanations:
        """Explain with more samples, until the error is as small as asked for."""
        while True:
            explanations = read(sampler.reader)
            if not samples.grow:
                break
            # By itself a pool does not grow for weak pairs: it would take very many rows.
            errors = explanations._relative_errors(
                self.aggregation, kept_labels(self.labels), hidden=self.tol is not None
            )
            higher = [variance_split(effects)[2] for effects in explanations.effects]
            wanted = samples.wanted(self.num_samples_, errors, higher)
            if wanted <= self.num_samples_:
                break
            if 2 * self.num_samples_ > samples.most:
                if self.tol is not None:
                    warn(
                        f"With {self.num_samples_} samples the largest standard error is "
                        f"{errors.max():.2g} of the range of the importances, more than "
                        f"tol={self.tol}. Increase tol.",
                        ConvergenceWarning,
                    )
                break
            self.num_samples_ = min(wanted, samples.most)
            sampler.grow(self.num_samples_)
        return explanations

    def _explain(
        self,
        table: Table,
        data: Any,
        predictions: NDArray[np.float64],
        y: Any,
        reader: Reader,
        *,
        kernel_width: float,
        **rows: Any,
    ) -> Explanations:
        """Explanations of a table, whose rows are the data, by the samples there are."""
        response = self.response_
        codes = self.bins_.encode(table)
        arrays: list[NDArray[Any]] = [codes, predictions]
        if isinstance(reader, OneColumnReader):
            reader = reader.beside(table)
            arrays.append(np.arange(table.n_rows))
        surrogates = explain_rows(reader, kernel_width, self.n_jobs, *arrays)
        if self.num_features is not None:
            self._keep_largest(surrogates.replicates, codes, self.num_features)
        readers = (reader,) if isinstance(reader, PooledReader) else ()
        return Explanations(
            replicates=surrogates.replicates,
            known_fits=surrogates.fits,
            predictions=predictions,
            data=data,
            feature_names=self.feature_names_,
            output_names=response.output_names,
            output_shares=response.shares,
            classes=response.classes,
            bins=self.bins_,
            codes=codes,
            response=response.method,
            engine="local" if kernel_width == 0 else self.engine,
            kernel_width=kernel_width,
            num_features=self.num_features,
            num_samples=self.num_samples_,
            values=self.values if self.scoring is None else "contributions",
            coefficients=None if self.scoring is None else score_coefficients(response, y),
            readers=readers,
            read_by=np.ones((len(codes), len(readers)), bool),
            **rows,
        )

    def _keep_largest(
        self, replicates: NDArray[np.float64], codes: NDArray[Any], num_features: int
    ) -> None:
        """Set all but each row's largest weights (or contributions) to 0, in place."""
        row_bytes = 5 * replicates[0, 0].nbytes
        for rows in chunks(len(codes), row_bytes):
            size = np.abs(replicates[:, rows].mean(axis=0))
            if self.values == "contributions":
                size *= self.bins_.outside(codes[rows])[..., None]
            rank = np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1)
            replicates[:, rows] *= rank < num_features


def kept_labels(labels: Any) -> str:
    """`labels` for explanations that have only the outputs that were asked for."""
    return labels if isinstance(labels, str) and labels == "predicted" else "all"
