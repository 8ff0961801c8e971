"""A pool grows until it is good enough, and no row is predicted twice."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression

from sklime import LimeImportanceWrapper, lime_importance
from sklime._engines.pool import Questions, grow_pool
from sklime._model.response import choose_response
from sklime._neighborhood.sampler import Neighborhood
from sklime._tables.table import Table

N_ROWS = 60
KERNEL_WIDTH = {"pooled": 0.6, "local": 0.6}


class Counting(RegressorMixin, BaseEstimator):
    """A smooth function with an interaction that counts the rows it is asked for."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        self.rows_ = getattr(self, "rows_", 0) + len(X)
        self.largest_ = max(getattr(self, "largest_", 0), len(X))
        return X @ [3.0, 2.0, 1.0, 0.0, 0.0] + np.tanh(X[:, 0] * X[:, 1])


@pytest.fixture
def model():
    return Counting().fit(None)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(N_ROWS, 5))


def explain(model, X, **params):
    return lime_importance(model, X, **{"random_state": 0, **params})


def count(model, X, **params):
    """Rows predicted beyond the explained ones themselves."""
    model.rows_ = 0
    result = explain(model, X, **params)
    return model.rows_ - N_ROWS, result


@pytest.mark.parametrize("engine", ["pooled"])
def test_a_pool_is_predicted_once_for_all_rows(model, X, engine):
    n_rows, result = count(model, X, engine=engine, num_samples=1024)
    assert result.explanations.num_samples == 1024
    assert 1016 <= n_rows <= 1024  # twins are a ninth of a half, in whole rows


def test_a_neighbourhood_for_each_row_is_predicted_once(model, X):
    n_rows, _ = count(model, X, engine="local", num_samples=64)
    assert n_rows == 64 * N_ROWS


@pytest.mark.parametrize("engine", ["pooled"])
def test_rows_already_predicted_are_used_again(model, X, engine):
    params = {"engine": engine, "num_samples": 256, "tol": 0.004}
    n_rows, result = count(model, X, **params)
    used = result.explanations.num_samples
    assert used >= 1024  # it has grown at least twice
    assert 0.98 * used <= n_rows <= used


@pytest.mark.parametrize("sobol", [True, False])
def test_a_grown_pool_keeps_the_rows_that_it_has(model, X, sobol):
    """Sobol' sequences extend, so that the way to a number of rows leaves no trace in them."""
    table = Table(X)
    neighborhood = Neighborhood(table, categorical=np.zeros(5, dtype=bool))
    response, _ = choose_response(model, "auto", X)
    questions = Questions(neighborhood, response)

    def grow(pool, num_samples):
        more = grow_pool(questions, pool, num_samples, 0, sobol=sobol)
        questions.ask()
        return more

    small = grow(None, 512)
    grown = grow(small, 2048)
    assert_array_equal(grown.codes[:, :128], small.codes)
    assert_array_equal(grown.response[:, :128], small.response)
    drawn = grow(None, 2048)
    assert grown.codes.shape == drawn.codes.shape == (4, 512, 5)
    assert np.array_equal(grown.codes, drawn.codes) == sobol


@pytest.mark.parametrize("engine", ["pooled", "local"])
@pytest.mark.parametrize("tol", [0.05, 0.01])
def test_tol_bounds_the_error_over_the_range(model, X, engine, tol):
    result = explain(
        model, X, engine=engine, kernel_width=KERNEL_WIDTH[engine], num_samples=256, tol=tol
    )
    explanations = result.explanations
    assert explanations._relative_errors().max() <= tol
    # All rows are explained, so there is no error but the neighbourhood's.
    spread = np.ptp(result.importances_mean)
    assert result.importances_sem.max() / spread == pytest.approx(
        explanations._relative_errors().max()
    )


@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_samples_are_doubled_only_as_often_as_needed(model, X, engine, monkeypatch):
    params = {"engine": engine, "kernel_width": KERNEL_WIDTH[engine]}
    result = explain(model, X, num_samples=256, tol=0.005, **params)
    used = result.explanations.num_samples
    assert used > 256
    assert np.log2(used / 256) % 1 == 0
    monkeypatch.setattr("sklime._engines.samples.MOST_SAMPLES", used // 2)
    with pytest.warns(ConvergenceWarning):
        half = explain(model, X, num_samples=256, tol=0.005, **params)
    assert half.explanations._relative_errors().max() > 0.005


def test_without_tol_the_number_is_what_was_asked_for(model, X):
    assert explain(model, X, num_samples=300).explanations.num_samples == 300
    n_rows, result = count(model, X)
    # What permutation_importance(n_repeats=5) asks, 5 * 60 * 5, is 1500: a power of two below.
    assert result.explanations.num_samples == 1024
    assert 1016 <= n_rows <= 1024


@pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning")
def test_a_pool_grows_until_errors_are_small_beside_the_range():
    X = np.random.default_rng(0).normal(size=(500, 20))

    # What varies inside bins is noise to them.
    def rough(X):
        return X @ np.arange(20.0) / 20 + 3 * np.sin(1e3 * X.sum(axis=1))

    found = explain(rough, X).explanations
    assert np.sqrt(np.square(found._relative_errors()).mean()) <= 0.025
    assert found.num_samples > 8192
    fewer = explain(rough, X, num_samples=8192)
    assert np.sqrt(np.square(fewer.explanations._relative_errors()).mean()) > 0.025


@pytest.mark.parametrize(("num_samples", "most", "reached"), [(128, 1000, 512), (512, 100, 512)])
def test_what_is_reached_is_told_where_it_is_not_enough(
    model, X, num_samples, most, reached, monkeypatch
):
    monkeypatch.setattr("sklime._engines.samples.MOST_SAMPLES", most)
    with pytest.warns(ConvergenceWarning) as record:
        result = explain(model, X, num_samples=num_samples, tol=1e-7)
    assert len(record) == 1
    error = result.explanations._relative_errors().max()
    assert error > 1e-7
    message = str(record[0].message)
    assert f"With {reached} samples the largest standard error is {error:.2g}" in message
    assert "more than tol=1e-07. Increase tol." in message
    assert result.explanations.num_samples == reached


@pytest.mark.parametrize("engine", ["pooled", "local"])
@pytest.mark.parametrize("num_samples", [2, 5, 64, 100])
def test_a_small_start_grows_from_where_the_error_is_known(model, X, engine, num_samples):
    result = explain(model, X, engine=engine, num_samples=num_samples, tol=0.05)
    assert len(result.explanations.replicates) == 4
    assert result.explanations.num_samples >= 128
    assert 0 < result.explanations._relative_errors().max() <= 0.05


def test_limes_own_engine_has_no_error_to_bound(model, X):
    with pytest.raises(ValueError, match="'tol' parameter must be None for engine='lime'"):
        explain(model, X, engine="lime", tol=0.1)


def test_equal_importances_never_converge(X, monkeypatch):
    """Their range is 0, so that no error is small beside it."""
    monkeypatch.setattr("sklime._engines.samples.MOST_SAMPLES", 128)
    model = LinearRegression().fit(X, np.zeros(N_ROWS))
    with pytest.warns(ConvergenceWarning, match="is inf of the range"):
        explain(model, X, num_samples=64, tol=0.1)


def test_tol_bounds_the_error_of_the_chosen_aggregation_and_label(X):
    model = LinearRegression().fit(X, np.c_[X[:, 0], X[:, 1] + np.sin(5 * X[:, 2])])
    params = {"aggregation": "rms", "labels": [1], "num_samples": 64, "tol": 0.01}
    explanations = explain(model, X, **params).explanations
    assert explanations._relative_errors("rms", [1]).max() <= 0.01


def test_the_wrapper_says_how_many_samples_it_took(model, X):
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(model), num_samples=256, tol=0.005, random_state=0
    ).fit(X)
    assert wrapper.explanations_.num_samples > 256
    assert wrapper.explanations_._relative_errors().max() <= 0.005
    assert wrapper.set_params(tol=None).fit(X).explanations_.num_samples == 256


def test_the_wrapper_says_the_most_samples_of_any_fold(X, monkeypatch):
    y = X @ [3.0, 2.0, 1.0, 0.0, 0.0]
    params = {"num_samples": 64, "tol": 0.03, "random_state": 0}
    wrapper = LimeImportanceWrapper(LinearRegression(), cv=3, **params).fit(X, y)
    assert wrapper.explanations_.num_samples > 64
    monkeypatch.setattr("sklime._engines.samples.MOST_SAMPLES", 128)
    with pytest.warns(ConvergenceWarning) as record:
        wrapper.set_params(tol=1e-9).fit(X, y)
    assert len(record) == 3
    assert wrapper.explanations_.num_samples == 128


@pytest.mark.parametrize("parameters", [{"tol": 0}, {"tol": -1.0}])
def test_bounds_that_cannot_be_are_refused(model, X, parameters):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter"):
        explain(model, X, **parameters)


def test_a_larger_pool_is_closer_to_the_converged_value(model, X):
    converged = explain(model, X, num_samples=2**16, random_state=9).importances_mean
    errors = []
    for num_samples in (64, 1024, 16384):
        found = [
            explain(model, X, num_samples=num_samples, random_state=seed).importances_mean
            for seed in range(5)
        ]
        errors.append(np.sqrt(np.mean((np.array(found) - converged) ** 2)))
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert_allclose(found[0], converged, atol=0.01)
