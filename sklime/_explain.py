"""From a fitted model and a table to explanations of its rows."""

import warnings
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state, resample
from sklearn.utils.validation import _check_sample_weight

from ._engines import ENGINES, MAX_SAMPLES, MIN_EFFECTIVE, NARROW_ENGINE, NUM_SAMPLES, Problem
from ._explanations import Explanations
from ._neighborhood import Neighborhood, effective_sample_size
from ._response import choose_response, class_values, estimator_type
from ._surrogate import Surrogates
from ._table import Table, categorical_mask
from .exceptions import LowFidelityWarning

# Less than this share of the variance in main effects, and importances of main effects mislead.
LOW_FIDELITY = 0.25


def explain(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    training_data: Any = None,
    sample_weight: ArrayLike | None = None,
    candidates: NDArray[np.intp] | None = None,
    classes: NDArray[Any] | None = None,
    max_samples: str | float | None,
    labels: str | ArrayLike,
    response_method: str,
    categorical_features: Any,
    discretizer: str | int,
    num_samples: str | int,
    kernel_widths: Iterable[float | None],
    model_regressor: Any,
    num_features: int | None,
    values: str,
    aggregation: str | Callable[..., Any],
    engine: str,
    tol: float | None,
    max_num_samples: int,
    n_jobs: int | None,
    random_state: Any,
    verbose: int,
) -> list[Explanations]:
    """Explain rows of X at each kernel width, see :func:`lime_importance`.

    `candidates` are the positions of the rows that may be explained (a fold's held-out rows), and
    `classes` all classes, of which a fold's model may lack some. `aggregation` and `labels` say
    whose error `tol` bounds.
    """
    rng = check_random_state(random_state)
    seed = int(rng.randint(np.iinfo(np.int32).max))  # first: the rows explained change no draw
    table = Table(X)
    weight = _row_weights(sample_weight, X)
    classifier = estimator_type(estimator) == "classifier"
    neighborhood = _make_neighborhood(
        table if training_data is None else Table(training_data),
        weight if training_data is None else None,
        y,
        classifier=classifier,
        categorical_features=categorical_features,
        discretizer=discretizer,
    )
    lime_width = 0.75 * np.sqrt(table.n_columns)
    widths = [lime_width if width is None else float(width) for width in kernel_widths]
    effective = [effective_sample_size(neighborhood.bins, width) for width in widths]
    if engine == "auto":
        engine = "shared" if min(effective) >= MIN_EFFECTIVE else NARROW_ENGINE
    candidates = np.arange(table.n_rows) if candidates is None else candidates
    if weight is not None:
        candidates = candidates[weight[candidates] > 0]
    wanted = MAX_SAMPLES[engine] if max_samples == "auto" else max_samples
    stratify = y if classifier and y is not None and np.asarray(y).ndim == 1 else None
    sample = _choose_rows(candidates, wanted, stratify, rng)
    data = table.take(sample)
    codes = neighborhood.bins.encode(Table(data))
    if classes is None:
        classes = class_values(estimator, response_method, neighborhood.table.native)
    response, predictions = choose_response(estimator, response_method, data, classes)
    sampler = ENGINES[engine](
        Problem(
            neighborhood=neighborhood,
            response=response,
            predictions=predictions,
            codes=codes,
            model_regressor=model_regressor,
            seed=seed,
            n_jobs=n_jobs,
        )
    )

    def explanations(width: float, effective: float, n_samples: int) -> Explanations:
        surrogates = sampler.explain(width)
        if engine == "shared":
            _warn_of_low_fidelity(surrogates.main_shares)
        _shape_weights(surrogates, neighborhood.bins.own_probabilities(codes), values, num_features)
        return Explanations(
            replicates=surrogates.replicates,
            intercepts=surrogates.intercepts,
            scores=surrogates.scores,
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
            kernel_width=width,
            num_samples=n_samples,
            effective_sample_size=effective,
        )

    n_samples = NUM_SAMPLES[engine] if num_samples == "auto" else int(num_samples)
    while True:
        sampler.sample(n_samples)
        results = [
            explanations(*width, n_samples) for width in zip(widths, effective, strict=True)
        ]
        if tol is None:
            return results
        error = max(result.relative_error(aggregation, labels) for result in results)
        if error <= tol:
            return results
        if 2 * n_samples > max_num_samples:
            warnings.warn(
                f"With {n_samples} samples the largest standard error is {error:.2g} of the range "
                f"of the importances, more than tol={tol}. Increase max_num_samples or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
            return results
        n_samples *= 2


def _warn_of_low_fidelity(main_shares: NDArray[np.float64]) -> None:
    """Warn where the shared pool's wide kernel shows little of the model."""
    known = main_shares[np.isfinite(main_shares)]
    if known.size and known.mean() < LOW_FIDELITY:
        warnings.warn(
            f"The columns by themselves explain {max(known.mean(), 0):.0%} of the response's variance: "
            "the rest is interactions, which the default kernel does not see. A narrower "
            "kernel_width, such as 0.4, takes the pairwise engine, which does.",
            LowFidelityWarning,
            stacklevel=2,
        )


def _shape_weights(
    surrogates: Surrogates,
    own: NDArray[np.float64],
    values: str,
    num_features: int | None,
) -> None:
    """Make weights contributions, and set all but each row's largest to 0, in place."""
    replicates = surrogates.replicates
    if values == "contributions":
        replicates *= (1 - own)[..., None]
    if num_features is not None and num_features < replicates.shape[2]:
        size = np.abs(replicates.mean(axis=0))
        rank = np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1)
        replicates *= rank < num_features


def _feature_names(table: Table) -> NDArray[np.object_]:
    """The table's own names, or scikit-learn's x0, x1, ..."""
    if table.names is not None:
        return table.names
    return np.array([f"x{j}" for j in range(table.n_columns)], dtype=object)


def _row_weights(sample_weight: ArrayLike | None, X: Any) -> NDArray[np.float64] | None:
    """Checked weights of rows, in scikit-learn's wording."""
    if sample_weight is None:
        return None
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
    elif isinstance(max_samples, Integral):
        wanted = min(int(max_samples), n)
    else:
        wanted = max(1, round(float(max_samples) * n))
    if wanted == n:
        return candidates
    stratify = None if y is None else np.asarray(y)[candidates]
    return np.sort(
        resample(candidates, replace=False, n_samples=wanted, random_state=rng, stratify=stratify)
    )
