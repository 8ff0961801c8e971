"""From a fitted model and a table to explanations of its rows."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state, gen_batches, resample
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

from ._anova.effects import variance_split
from ._engines import ENGINES, Engine, Surrogates, explain_rows
from ._engines.pooled import PooledReader
from ._explanations import Explanations
from ._model.progress import progress
from ._model.response import choose_response, class_values, estimator_type
from ._neighborhood.bins import Bins
from ._neighborhood.kernel import hold
from ._neighborhood.sampler import Neighborhood
from ._tables.columns import categorical_mask
from ._tables.table import Table
from .exceptions import HigherOrderWarning, LowFidelityWarning

# Less than this share of the variance in main effects, and importances of main effects mislead.
LOW_FIDELITY = 0.25

# A kernel that holds other columns with less than this chance shows main effects only.
_WIDE = 0.25

# Rows whose weights are worked on together, so that what is made of them is small.
_ROWS = 256

# More than this share of the variance in higher orders, and pairs do not tell the model.
HIGHER_ORDERS = 0.25

# With fewer samples both shares are mostly noise.
_ENOUGH_SAMPLES = 1024

# Fewer samples do not know their own error, so that `tol` starts here; and where it ends.
LEAST_GROWING = 128
MOST_SAMPLES = 2**17


@dataclass(frozen=True)
class Settings:
    """What :func:`lime_importance` and the wrapper have in common, under the same names."""

    max_samples: str | float | None
    labels: str | ArrayLike
    response_method: str
    categorical_features: Any
    discretizer: str | int
    num_samples: str | int
    kernel_width: float | str
    model_regressor: Any
    num_features: int | None
    values: str
    aggregation: str | Callable[..., Any]
    engine: str
    tol: float | None
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
) -> Explanations:
    """Explain rows of X, see :func:`lime_importance`.

    `candidates` are the positions of the rows that may be explained (a fold's held-out rows), and
    `classes` all classes, of which a fold's model may lack some. The aggregation and the labels
    say whose error `tol` bounds.
    """
    rng = check_random_state(settings.random_state)
    seed = int(rng.randint(np.iinfo(np.int32).max))  # first: the rows explained change no draw
    table = Table(X)
    training_table = table if training_data is None else Table(training_data)
    _check_tables(table, training_table, y)
    weight = _row_weights(sample_weight, X)
    classifier = estimator_type(estimator) == "classifier"
    engine = ENGINES[settings.engine]
    if settings.model_regressor is not None and settings.engine != "lime":
        raise ValueError(
            "The 'model_regressor' parameter must be None for any engine but 'lime'. "
            f"Got {settings.model_regressor!r} for engine={settings.engine!r} instead."
        )
    width = settings.kernel_width
    kernel_width = 0.75 * np.sqrt(table.n_columns) if isinstance(width, str) else float(width)
    n_samples = _first_samples(settings)
    candidates = np.arange(table.n_rows) if candidates is None else candidates
    if weight is not None:
        candidates = candidates[weight[candidates] > 0]
    wanted = engine.MAX_SAMPLES if settings.max_samples == "auto" else settings.max_samples
    stratify = y if classifier and y is not None and np.asarray(y).ndim == 1 else None
    sample = _choose_rows(candidates, wanted, stratify, rng)
    data = table.take(sample)
    neighborhood = _make_neighborhood(
        training_table,
        Table(data),
        weight if training_data is None else None,
        y,
        classifier=classifier,
        categorical_features=settings.categorical_features,
        discretizer=settings.discretizer,
        n_samples=n_samples,
    )
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
        engine=settings.engine,
        kernel_width=kernel_width,
        num_features=settings.num_features,
        values=settings.values,
    )
    n_predicted = n_samples * (len(sample) if engine.ASKS_TO_EXPLAIN else 1)
    # A bar cannot follow the predictions of other processes.
    alone = not engine.ASKS_TO_EXPLAIN or effective_n_jobs(settings.n_jobs) == 1
    with progress(n_predicted, settings.verbose if alone else 0) as advance:
        sampler = engine(
            neighborhood,
            replace(response, advance=advance),
            n_samples,
            seed,
            settings.model_regressor,
        )
        return _explain_until(sampler, settings, n_samples, make)


def _explain_until(
    sampler: Engine, settings: Settings, n_samples: int, make: Callable[..., Explanations]
) -> Explanations:
    """Explain with twice the samples, until the error is as small as asked for."""
    tol = settings.tol
    while True:
        result, main_shares = _explain_once(sampler, settings, n_samples, make)
        if tol is None:
            break
        error = result.relative_error(settings.aggregation, settings.labels)
        if error <= tol:
            break
        if 2 * n_samples > MOST_SAMPLES:
            _warn_of_no_convergence(n_samples, error, tol)
            break
        n_samples *= 2
        sampler.grow(n_samples)
    if n_samples >= _ENOUGH_SAMPLES:
        for effects in result.effects:
            main_shares, _, higher, _ = variance_split(effects)
            _warn_of_higher_orders(higher)
        if _holds(result.bins, result.kernel_width) < _WIDE:
            _warn_of_low_fidelity(main_shares)
    return result


def _explain_once(
    sampler: Engine, settings: Settings, n_samples: int, make: Callable[..., Explanations]
) -> tuple[Explanations, NDArray[np.float64]]:
    """Explanations by the samples there are, and what they show of the main effects."""
    rows: dict[str, Any] = make.keywords  # type: ignore[attr-defined]
    codes, predictions = rows["codes"], rows["predictions"]
    reader = sampler.reader
    surrogates = explain_rows(reader, rows["kernel_width"], settings.n_jobs, codes, predictions)
    for batch in gen_batches(len(codes), _ROWS):
        part = surrogates.rows(batch)
        if settings.values == "contributions":
            _make_contributions(part, rows["bins"].own_probabilities(codes[batch]))
        if settings.num_features is not None:
            _keep_largest(part.replicates, settings.num_features)
    explanations = make(
        replicates=surrogates.replicates,
        intercepts=surrogates.intercepts,
        scores=surrogates.scores,
        num_samples=n_samples,
        effects=(reader.effects,) if isinstance(reader, PooledReader) else (),
    )
    return explanations, surrogates.main_shares


def _holds(bins: Bins, kernel_width: float) -> float:
    """Chance that the kernel holds a column in the row's own bin, beyond the bin's frequency."""
    p = bins.probabilities
    return float(p @ hold(p, kernel_width) / bins.n_features)


def _warn_of_no_convergence(n_samples: int, error: float, tol: float) -> None:
    warnings.warn(
        f"With {n_samples} samples the largest standard error is {error:.2g} of the range "
        f"of the importances, more than tol={tol}. Increase tol.",
        ConvergenceWarning,
        stacklevel=2,
    )


def _warn_of_low_fidelity(main_shares: NDArray[np.float64]) -> None:
    """Warn where a wide kernel shows little of the model."""
    known = main_shares[np.isfinite(main_shares)]
    if known.size and known.mean() < LOW_FIDELITY:
        warnings.warn(
            f"The bins of single columns explain {max(known.mean(), 0):.0%} of the response's "
            "variance. The rest is interactions, which so wide a kernel does not see, or changes "
            "inside bins. A narrower kernel_width, such as 0.4, sees interactions, and "
            "variance_shares tells the two apart; discretizer='decile' has finer bins.",
            LowFidelityWarning,
            stacklevel=2,
        )


def _warn_of_higher_orders(shares: NDArray[np.float64]) -> None:
    """Warn where main effects and pairs leave much of the model out."""
    known = shares[np.isfinite(shares)]
    if known.size and known.mean() > HIGHER_ORDERS:
        warnings.warn(
            f"Interactions of three columns or more are {known.mean():.0%} of the response's "
            "variance, and weights by engine='pooled' leave them out. engine='local' sees them.",
            HigherOrderWarning,
            stacklevel=2,
        )


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


def _first_samples(settings: Settings) -> int:
    """Samples to begin with."""
    n_samples = settings.num_samples
    n_samples = ENGINES[settings.engine].NUM_SAMPLES if isinstance(n_samples, str) else n_samples
    if settings.tol is None:
        return int(n_samples)
    if settings.engine == "lime":
        raise ValueError(
            "The 'tol' parameter must be None for engine='lime', which does not know the error of "
            f"its neighbourhoods. Got {settings.tol!r} instead."
        )
    return max(int(n_samples), LEAST_GROWING)


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
    explained: Table,
    weight: NDArray[np.float64] | None,
    y: Any,
    *,
    classifier: bool,
    categorical_features: Any,
    discretizer: str | int,
    n_samples: int,
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
        explained,
        categorical=categorical_mask(table, categorical_features),
        discretizer=discretizer,
        n_samples=n_samples,
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
