"""Peaks of memory beyond the input and the result stay under scikit-learn's working_memory."""

import tracemalloc

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import config_context

from sklime import lime_importance
from sklime._engines import pool, samples

MIB = 2**20
BOUND = 64

# rows, columns, outputs, and what to do with them; each takes far more memory when done at once
CASES = {
    "pooled, many rows": (
        (30_000, 40, 1),
        {"num_samples": 1000, "max_samples": None},
    ),
    "pooled, many rows, four workers": (
        (30_000, 60, 1),
        {"num_samples": 1000, "max_samples": None, "n_jobs": 4},
    ),
    "pooled, many samples": ((100, 150, 1), {"num_samples": 2**16}),
    "pooled, wide": ((20, 1500, 1), {"num_samples": 128}),
    "local, many rows": (
        (3000, 20, 1),
        {"engine": "local", "num_samples": 128, "max_samples": None},
    ),
    "local, many columns": ((40, 400, 1), {"engine": "local"}),
    "local, a row that does not fit": ((2, 4200, 1), {"engine": "local", "max_samples": 1}),
    "local, many outputs": ((100, 20, 150), {"engine": "local", "max_samples": 60}),
    "local, many levels": (
        (200, 40, 1),
        {
            "engine": "local",
            "num_samples": 4096,
            "max_samples": None,
            "categorical_features": range(40),
        },
    ),
    "local, four workers": (
        (500, 100, 1),
        {"engine": "local", "num_samples": 256, "max_samples": None, "n_jobs": 4},
    ),
}

# A number for each of all pairs would fit in 64 MiB.
TIGHTER = {"pooled, wide": 16}


class Linear:
    """A model that needs hardly any memory of its own, and remembers the largest question."""

    def __init__(self, n_columns, n_outputs):
        self.coef = np.zeros((n_columns, n_outputs))
        self.coef[:5] = np.linspace(1, 2, n_outputs)
        self.most = 0

    def predict(self, X):
        self.most = max(self.most, X.nbytes)
        return X @ self.coef


def explain(case, working_memory):
    """MiB at the peak beyond the result, and in the largest table that the model was given."""
    (n, d, k), params = CASES[case]
    X = np.random.default_rng(0).normal(size=(n, d))
    model = Linear(d, k)
    with config_context(working_memory=working_memory):
        tracemalloc.start()
        result = lime_importance(model, X, random_state=0, **params)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    arrays = [*vars(result.explanations).values(), result.importances]
    returned = sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
    return (peak - returned) / MIB, model.most / MIB


@pytest.mark.filterwarnings("ignore::sklime.exceptions.NoisyImportanceWarning")
@pytest.mark.parametrize("case", CASES)
def test_the_working_memory_bounds_the_peak_and_what_the_model_is_asked(case, monkeypatch):
    bound = TIGHTER.get(case, BOUND)
    peak, asked = explain(case, bound)
    assert peak < bound
    assert asked < bound / 2
    # the work is large enough to tell
    monkeypatch.setattr(pool, "_MOST_DRAWN", 1e12)
    unbounded_peak, asked_at_once = explain(case, 2**11)
    # Rows that fit in one chunk are not copied, so that more rows at once take no more.
    assert unbounded_peak > peak or case.startswith("pooled, many rows")
    assert asked_at_once >= 2 * asked or "columns" not in case


class Probabilities(Linear):
    """Classes by the columns, steep enough for pairs to hide: a pool that wants to grow."""

    _estimator_type = "classifier"

    def __init__(self, n_columns, n_outputs):
        self.coef = 3 * np.random.default_rng(0).normal(size=(n_columns, n_outputs))
        self.classes_ = np.arange(n_outputs)

    def predict_proba(self, X):
        return softmax(X @ self.coef, axis=1)


def test_a_pool_of_many_answers_does_not_grow_by_itself(monkeypatch):
    X = np.random.default_rng(0).normal(size=(2000, 8))
    n_rows = {}
    for n_answers in (2**22, 2**17):
        monkeypatch.setattr(samples, "MOST_ANSWERS", n_answers)
        result = lime_importance(Probabilities(8, 16), X, max_samples=50, random_state=0)
        n_rows[n_answers] = result.explanations.num_samples
    assert n_rows[2**22] > 2**13
    assert n_rows[2**17] == 2**13


def test_many_outputs_take_twice_the_working_memory_beyond_what_is_kept():
    rng = np.random.default_rng(0)
    X, model = rng.normal(size=(300, 40)), Linear(40, 512)
    model.coef = rng.normal(size=(40, 512))
    with config_context(working_memory=48):
        tracemalloc.start()
        result = lime_importance(model, X, num_features=5, random_state=0)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert result.explanations.weights.shape == (300, 40, 512)
    assert (peak - kept) / MIB < 2 * 48
