"""Which rows are explained, and the neighbourhood that they have in common."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.utils import resample
from sklearn.utils.validation import _check_sample_weight

from .._tables.columns import categorical_mask
from .._tables.table import Table
from ..exceptions import warn
from .sampler import Neighborhood


def feature_names(table: Table) -> NDArray[np.object_]:
    """The table's own names, or scikit-learn's x0, x1, ..."""
    if table.names is not None:
        return table.names
    return np.array([f"x{j}" for j in range(table.n_columns)], dtype=object)


def check_table(table: Table, names: NDArray[np.object_]) -> None:
    """Refuse a table without cells, or of other columns than the training table has."""
    for size, what in ((table.n_rows, "sample"), (table.n_columns, "feature")):
        if size == 0:
            shape = (table.n_rows, table.n_columns)
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is required."
            )
    if table.n_columns != len(names):
        raise ValueError(
            f"X has {table.n_columns} features, but the training table has {len(names)} features."
        )
    if not np.array_equal(feature_names(table), names):
        raise ValueError(
            "The feature names of X must be those of the training table, in the same order."
        )


def row_weights(sample_weight: ArrayLike | None, X: Any) -> NDArray[np.float64] | None:
    """Checked weights of rows, in scikit-learn's wording.

    Whole numbers are counts of rows; others count as many rows in all as there are of weight.
    """
    if sample_weight is None:
        return None
    with config_context(array_api_dispatch=False):  # the weights are NumPy's whatever X is
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if (weight == np.rint(weight)).all() and weight.max() < 2**32:
        return weight
    weight = weight / weight.max()
    return weight * (np.count_nonzero(weight) / weight.sum())


def has_weight(i: int, train: NDArray[np.float64], test: NDArray[np.float64]) -> bool:
    """Whether a fold has rows to fit and to explain; it is named if not."""
    if train.any() and test.any():
        return True
    warn(
        f"Fold {i} of cv is left out: it has no {'held-out' if train.any() else 'training'} row of "
        "weight above 0."
    )
    return False


def make_neighborhood(
    table: Table,
    explained: Table,
    weight: NDArray[np.float64] | None,
    y: Any,
    *,
    classifier: bool,
    categorical_features: Any,
    discretizer: str | int,
    n_samples: float,
    conditional: bool,
) -> Neighborhood:
    """The neighbourhood of the rows whose weight is not 0."""
    if weight is not None and not weight.all():
        present = np.flatnonzero(weight)
        table, weight = Table(table.take(present)), weight[present]
        y = None if y is None else y[present]
    if table.n_rows < 2:
        raise ValueError(
            f"Found array with {table.n_rows} sample(s) (shape={(table.n_rows, table.n_columns)}) "
            "while a minimum of 2 is required to draw from; lime_importance explains one row with "
            "training_data."
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
        conditional=conditional,
    )


def choose_rows(
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
    stratify = None if y is None else y[candidates]
    return np.sort(
        resample(candidates, replace=False, n_samples=wanted, random_state=rng, stratify=stratify)
    )
