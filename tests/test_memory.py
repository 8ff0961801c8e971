"""Intermediate arrays stay within scikit-learn's working_memory, however large the table."""

import tracemalloc

import numpy as np
import pytest
from sklearn import config_context

from sklime import _engines, lime_importance

BOUND = 64  # MiB


class Sum:
    """A model that costs nothing, and keeps the size of the largest table it is given."""

    def __init__(self):
        self.largest = 0

    def predict(self, X):
        self.largest = max(self.largest, X.nbytes)
        return X[:, 0] + X[:, 1] * X[:, 2]


# At once, the kernel weights of all rows, the pool as a table, or all neighbourhoods would take
# several times the bound.
TABLES = {
    "shared, many rows": (20_000, 50, {"engine": "shared"}),
    "shared, many columns": (200, 2000, {"engine": "shared"}),
    "pairwise, many rows": (20_000, 50, {"engine": "pairwise", "kernel_width": 0.4}),
    "pairwise, many columns": (200, 1000, {"engine": "pairwise", "kernel_width": 0.4}),
    "local, many columns": (60, 500, {"engine": "local", "kernel_width": 0.4}),
}


def peak(name, *, bound=BOUND):
    """MiB at the peak beyond the table and what is returned, and in the largest prediction."""
    n_rows, n_features, options = TABLES[name]
    X = np.random.default_rng(0).standard_normal((n_rows, n_features))
    model = Sum()
    with config_context(working_memory=bound):
        tracemalloc.start()
        try:
            result = lime_importance(model, X, max_samples=None, random_state=0, **options)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    explanations = result.explanations
    arrays = (
        explanations.weights,
        explanations.replicates,
        explanations.data,
        result.importances,
    )
    returned = sum(array.nbytes for array in arrays)
    return (most - returned) / 2**20, model.largest / 2**20


@pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning")
@pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning")
@pytest.mark.parametrize("name", TABLES)
def test_the_peak_stays_below_working_memory(name):
    most, largest_prediction = peak(name)
    assert most < BOUND
    assert largest_prediction < BOUND


@pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning")
@pytest.mark.parametrize("name", ["shared, many columns", "local, many columns"])
def test_the_bound_is_what_keeps_the_peak_low(name, monkeypatch):
    monkeypatch.setattr(_engines, "_working_memory", lambda: 2.0**31)
    most, largest_prediction = peak(name)
    assert most > 1.5 * BOUND
    assert largest_prediction > 1.5 * BOUND
