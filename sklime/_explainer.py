"""From a fitted model and a table to explanations of its rows."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state, gen_batches, resample
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

from ._anova.effects import variance_split
from ._engines.engines import (
    ENGINES,
    MAX_SAMPLES,
    MIN_EFFECTIVE,
    NARROW_ENGINE,
    NUM_SAMPLES,
    POOLED_ENGINES,
    Engine,
    Pairwise,
    Problem,
)
from ._engines.weights import Surrogates
from ._explanations import Explanations
from ._model.progress import progress
from ._model.response import choose_response, class_values, estimator_type
from ._neighborhood.sampler import Neighborhood, effective_sample_size
from ._tables.columns import categorical_mask, group_masks
from ._tables.table import Table
from .exceptions import HigherOrderWarning, LowFidelityWarning

# Less than this share of the variance in main effects, and importances of main effects mislead.
LOW_FIDELITY = 0.25

# Rows whose weights are worked on together, so that what is made of them is small.
_ROWS = 256

# More than this share of the variance in higher orders, and pairs do not tell the model.
HIGHER_ORDERS = 0.25

# With fewer samples both shares are mostly noise.
_ENOUGH_SAMPLES = 1024

# Fewer samples do not know their own error, so that `tol` starts here.
LEAST_GROWING = 128


@dataclass(frozen=True)
class Settings:
    """What :func:`lime_importance` and the wrapper have in common, under the same names."""

    max_samples: str | float | None
    labels: str | ArrayLike
    response_method: str
    categorical_features: Any
    discretizer: str | int
    num_samples: str | int
    kernel_width: float | Sequence[float] | None
    model_regressor: Any
    num_features: int | None
    values: str
    feature_groups: dict[Any, Any] | None
    aggregation: str | Callable[..., Any]
    engine: str
    tol: float | None
    max_num_samples: int
    n_jobs: int | None
    random_state: Any
    verbose: int


def explain(
    estimator: Any,
    X: Any,
    y: Any,
    settings: Settings,
    *,
    training_data: Any = None,
    sample_weight: ArrayLike | None = None,
    candidates: NDArray[np.intp] | None = None,
    classes: NDArray[Any] | None = None,
) -> list[Explanations]:
    """Explain rows of X at each kernel width, see :func:`lime_importance`.

    `candidates` are the positions of the rows that may be explained (a fold's held-out rows), and
    `classes` all classes, of which a fold's model may lack some. The aggregation and the labels
    say whose error `tol` bounds. Groups of columns are checked, before the model is asked anything.
    """
    rng = check_random_state(settings.random_state)
    seed = int(rng.randint(np.iinfo(np.int32).max))  # first: the rows explained change no draw
    table = Table(X)
    training_table = table if training_data is None else Table(training_data)
    _check_tables(table, training_table, y)
    weight = _row_weights(sample_weight, X)
    if settings.feature_groups is not None:
        group_masks(table, settings.feature_groups)
    classifier = estimator_type(estimator) == "classifier"
    neighborhood = _make_neighborhood(
        training_table,
        weight if training_data is None else None,
        y,
        classifier=classifier,
        categorical_features=settings.categorical_features,
        discretizer=settings.discretizer,
    )
    widths = _kernel_widths(settings.kernel_width, table.n_columns)
    effective = [effective_sample_size(neighborhood.bins, width) for width in widths]
    engine = settings.engine
    if engine == "auto":
        engine = "shared" if min(effective) >= MIN_EFFECTIVE else NARROW_ENGINE
    n_samples = _first_samples(engine, settings.num_samples, settings.tol)
    candidates = np.arange(table.n_rows) if candidates is None else candidates
    if weight is not None:
        candidates = candidates[weight[candidates] > 0]
    wanted = MAX_SAMPLES[engine] if settings.max_samples == "auto" else settings.max_samples
    stratify = y if classifier and y is not None and np.asarray(y).ndim == 1 else None
    sample = _choose_rows(candidates, wanted, stratify, rng)
    data = table.take(sample)
    codes = neighborhood.bins.encode(Table(data))
    if classes is None:
        classes = class_values(estimator, settings.response_method, neighborhood.table.native)
    response, predictions = choose_response(estimator, settings.response_method, data, classes)
    make = partial(
        Explanations,
        predictions=predictions,
        data=data,
        sample_indices=sample,
        sample_weight=None if weight is None else weight[sample],
        population=float(len(candidates) if weight is None else weight[candidates].sum()),
        feature_names=_feature_names(table),
        output_names=response.output_names,
        output_shares=response.shares,
        classes=response.classes,
        bins=neighborhood.bins,
        codes=codes,
        engine=engine,
        num_features=settings.num_features,
        values=settings.values,
    )
    shared = engine in POOLED_ENGINES
    n_predicted = n_samples if shared else n_samples * len(sample) * len(widths)
    # A bar cannot follow the predictions of other processes.
    shown = settings.verbose if shared or effective_n_jobs(settings.n_jobs) == 1 else 0
    with progress(n_predicted, shown) as advance:
        problem = Problem(
            neighborhood=neighborhood,
            response=replace(response, advance=advance),
            predictions=predictions,
            codes=codes,
            model_regressor=settings.model_regressor,
            seed=seed,
            n_jobs=settings.n_jobs,
        )
        return _explain_until(problem, settings, engine, n_samples, widths, effective, make)


def _explain_until(
    problem: Problem,
    settings: Settings,
    engine: str,
    n_samples: int,
    widths: list[float],
    effective: list[float],
    make: Callable[..., Explanations],
) -> list[Explanations]:
    """Explain at each width with twice the samples, until the error is as small as asked for."""
    sampler, tol = ENGINES[engine](problem, n_samples), settings.tol
    while True:
        explained = [_explain_at(sampler, width, problem, settings) for width in widths]
        results = [
            make(
                replicates=surrogates.replicates,
                intercepts=surrogates.intercepts,
                scores=surrogates.scores,
                kernel_width=width,
                effective_sample_size=share,
                num_samples=n_samples,
                effects=(sampler.effects,) if isinstance(sampler, Pairwise) else (),
            )
            for surrogates, width, share in zip(explained, widths, effective, strict=True)
        ]
        if tol is None:
            break
        error = max(
            result.relative_error(settings.aggregation, settings.labels) for result in results
        )
        if error <= tol:
            break
        if 2 * n_samples > settings.max_num_samples:
            _warn_of_no_convergence(n_samples, error, tol)
            break
        n_samples *= 2
        sampler.grow(n_samples)
    if n_samples >= _ENOUGH_SAMPLES:
        # A narrower kernel sees more than main effects.
        wide = np.array(effective) >= MIN_EFFECTIVE
        _warn_of_low_fidelity([explained[i].main_shares for i in np.flatnonzero(wide)])
        if isinstance(sampler, Pairwise):
            _warn_of_higher_orders(variance_split(sampler.effects)[2])
    return results


def _explain_at(
    sampler: Engine, kernel_width: float, problem: Problem, settings: Settings
) -> Surrogates:
    """Surrogates at one kernel width, their weights as the caller wants them."""
    surrogates = sampler.explain(kernel_width)
    _drop_rounding(surrogates, problem.predictions)
    for rows in gen_batches(len(problem.codes), _ROWS):
        part = surrogates.rows(rows)
        if settings.values == "contributions":
            own = problem.neighborhood.bins.own_probabilities(problem.codes[rows])
            _make_contributions(part, own)
        if settings.num_features is not None:
            _keep_largest(part.replicates, settings.num_features)
    return surrogates


def _warn_of_no_convergence(n_samples: int, error: float, tol: float) -> None:
    warnings.warn(
        f"With {n_samples} samples the largest standard error is {error:.2g} of the range "
        f"of the importances, more than tol={tol}. Increase max_num_samples or tol.",
        ConvergenceWarning,
        stacklevel=2,
    )


def _warn_of_low_fidelity(main_shares: list[NDArray[np.float64]]) -> None:
    """Warn, once, where a wide kernel shows little of the model; one array for each width."""
    known = [shares[np.isfinite(shares)] for shares in main_shares]
    lowest = min((shares.mean() for shares in known if shares.size), default=1.0)
    if lowest < LOW_FIDELITY:
        warnings.warn(
            f"The bins of single columns explain {max(lowest, 0):.0%} of the response's variance. "
            "The rest is interactions, which so wide a kernel does not see, or changes inside "
            "bins. A narrower kernel_width, such as 0.4, takes the pairwise engine, which sees "
            "interactions and tells the two apart (variance_shares); discretizer='decile' has "
            "finer bins.",
            LowFidelityWarning,
            stacklevel=2,
        )


def _warn_of_higher_orders(shares: NDArray[np.float64]) -> None:
    """Warn where main effects and pairs leave much of the model out."""
    known = shares[np.isfinite(shares)]
    if known.size and known.mean() > HIGHER_ORDERS:
        warnings.warn(
            f"Interactions of three columns or more are {known.mean():.0%} of the response's "
            "variance, and weights by engine='pairwise' leave them out. engine='local' sees them.",
            HigherOrderWarning,
            stacklevel=2,
        )


def _drop_rounding(surrogates: Surrogates, predictions: NDArray[np.float64]) -> None:
    """Set weights to 0 that are the rounding of a constant response, in place."""
    outputs = np.moveaxis(surrogates.replicates, -1, 0)
    for weights, answer in zip(outputs, predictions.T, strict=True):
        largest = max(weights.max(initial=0), -weights.min(initial=0))
        if largest <= 1e-13 * np.abs(answer).max(initial=0):
            weights[...] = 0


def _make_contributions(surrogates: Surrogates, own: NDArray[np.float64]) -> None:
    """Make weights contributions, in place; `own` are the frequencies of the rows' own bins."""
    replicates = surrogates.replicates
    # The surrogate's prediction at the row, intercept plus weights, stays what it was.
    surrogates.intercepts[...] += (own[..., None] * replicates.mean(axis=0)).sum(axis=1)
    replicates *= (1 - own)[..., None]


def _keep_largest(replicates: NDArray[np.float64], num_features: int) -> None:
    """Set all but each row's largest weights to 0, in place."""
    if num_features < replicates.shape[2]:
        size = np.abs(replicates.mean(axis=0))
        rank = np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1)
        replicates *= rank < num_features


def _feature_names(table: Table) -> NDArray[np.object_]:
    """The table's own names, or scikit-learn's x0, x1, ..."""
    if table.names is not None:
        return table.names
    return np.array([f"x{j}" for j in range(table.n_columns)], dtype=object)


def _kernel_widths(kernel_width: float | Sequence[float] | None, n_columns: int) -> list[float]:
    """Checked widths of kernels, lime's own where None stands."""
    given: Any = [None] if kernel_width is None else np.atleast_1d(kernel_width).tolist()
    widths = [0.75 * np.sqrt(n_columns) if width is None else width for width in given]
    if not widths or not all(isinstance(width, Real) and float(width) > 0 for width in widths):
        raise ValueError(
            "The 'kernel_width' parameter of lime_importance must be a float in the range "
            f"(0.0, inf), a sequence of such floats or None. Got {given!r} instead."
        )
    return [float(width) for width in widths]


def _first_samples(engine: str, num_samples: str | int, tol: float | None) -> int:
    """Samples to begin with."""
    n_samples = NUM_SAMPLES[engine] if num_samples == "auto" else int(num_samples)
    if tol is None:
        return n_samples
    if engine == "lime":
        raise ValueError(
            "The 'tol' parameter must be None for engine='lime', which does not know the error of "
            f"its neighbourhoods. Got {tol!r} instead."
        )
    return max(n_samples, LEAST_GROWING)


def _check_tables(table: Table, training_table: Table, y: Any) -> None:
    """Refuse tables without cells or of other columns than the training table, and a short y."""
    check_consistent_length(table.native, y)
    for size, what in ((table.n_rows, "sample"), (table.n_columns, "feature")):
        if size == 0:
            shape = (table.n_rows, table.n_columns)
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is required."
            )
    if table.n_columns != training_table.n_columns:
        raise ValueError(
            f"X has {table.n_columns} features, but the training table has "
            f"{training_table.n_columns} features."
        )
    if not np.array_equal(_feature_names(table), _feature_names(training_table)):
        raise ValueError(
            "The feature names of X must be those of the training table, in the same order."
        )


def _row_weights(sample_weight: ArrayLike | None, X: Any) -> NDArray[np.float64] | None:
    """Checked weights of rows, in scikit-learn's wording."""
    if sample_weight is None:
        return None
    with config_context(array_api_dispatch=False):  # the weights are NumPy's whatever X is
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def _make_neighborhood(
    table: Table,
    weight: NDArray[np.float64] | None,
    y: Any,
    *,
    classifier: bool,
    categorical_features: Any,
    discretizer: str | int,
) -> Neighborhood:
    """The neighbourhood of the rows whose weight is not 0."""
    if discretizer == "entropy" and y is None:
        raise ValueError("The 'y' parameter must be given for discretizer='entropy'. Got None.")
    if weight is not None and not weight.all():
        present = np.flatnonzero(weight)
        table, weight = Table(table.take(present)), weight[present]
        y = None if y is None else _safe_indexing(y, present)
    if table.n_rows < 2:
        raise ValueError(
            f"Found array with {table.n_rows} sample(s) (shape={(table.n_rows, table.n_columns)}) "
            "while a minimum of 2 is required to draw from. Pass training_data to explain one row."
        )
    return Neighborhood(
        table,
        categorical=categorical_mask(table, categorical_features),
        discretizer=discretizer,
        y=y,
        classifier=classifier,
        sample_weight=weight,
    )


def _choose_rows(
    candidates: NDArray[np.intp],
    max_samples: str | float | None,
    y: Any,
    rng: np.random.RandomState,
) -> NDArray[np.intp]:
    """Sorted positions of the rows to explain; the classes of y in their proportions."""
    n = len(candidates)
    if max_samples is None:
        wanted = n
    elif isinstance(max_samples, float | np.floating):
        wanted = max(1, round(float(max_samples) * n))
    else:
        wanted = min(int(max_samples), n)
    if wanted == n:
        return candidates
    stratify = None if y is None else np.asarray(y)[candidates]
    return np.sort(
        resample(candidates, replace=False, n_samples=wanted, random_state=rng, stratify=stratify)
    )
