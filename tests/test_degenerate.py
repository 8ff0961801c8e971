"""Columns on which lime is silently wrong, or fails: right numbers, against known truths."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]

N_ROWS = 400


class Linear:
    """sum_j coefficients[j] * x_j, which notes the values that it is asked about."""

    def __init__(self, *coefficients):
        self.coefficients = coefficients
        self.seen = [set() for _ in coefficients]

    def predict(self, X):
        X = np.asarray(X, dtype=float)
        for column, seen in zip(X.T, self.seen, strict=True):
            seen.update(column.tolist())
        return X @ self.coefficients


def importances(model, X, **params):
    params = {"max_samples": None, "num_samples": 4096, "random_state": 0, **params}
    params = {"values": "weights", **params}
    return lime_importance(model, X, **params)


def with_noise(column, seed=0):
    """The column and one of standard normal values."""
    column = np.asarray(column)
    return np.column_stack([column, np.random.default_rng(seed).normal(size=len(column))])


def quartile_weights(x, coefficient=1.0):
    """coefficient * (mean of x in the row's bin - mean outside it), for every row."""
    x = x.astype(float)
    below_maximum = x[x < x.max()].max(initial=-np.inf)
    cuts = np.quantile(x, [0.25, 0.5, 0.75], method="inverted_cdf")
    bins = np.searchsorted(np.unique(np.minimum(cuts, below_maximum)), x)
    return np.array([coefficient * (x[bins == b].mean() - x[bins != b].mean()) for b in bins])


def test_a_column_mostly_at_its_maximum_keeps_its_importance():
    # y = 0.9 x0, P(x0 = 1) = p. Whatever p, a row's weight is 0.9 (E[x0 | own] - E[x0 | other]),
    # which is 0.9 for x0 = 1 and -0.9 for x0 = 0: mean size 0.9. lime gives .885 at .70, then 0.
    for share in (0.70, 0.76, 0.90, 0.99):
        x = (np.arange(N_ROWS) < share * N_ROWS).astype(float)
        result = importances(Linear(0.9, 0), with_noise(x), num_samples=8192)
        assert result.explanations.bins.labels(0) == ["x <= 0", "x > 0"]
        # Of 8192 rows, 82 are in a bin of 1 %.
        assert_allclose(result.importances_mean, [0.9, 0], atol=0.02)
        assert_allclose(result.explanations.weights[:, 0, 0], np.where(x, 0.9, -0.9), atol=0.02)


def test_a_column_mostly_at_its_minimum_keeps_its_importance():
    for share in (0.01, 0.24, 0.5):
        x = (np.arange(N_ROWS) < share * N_ROWS) * 5.0 - 2
        result = importances(Linear(2, 0), with_noise(x), num_samples=8192)
        assert_allclose(result.importances_mean, [10, 0], rtol=0.02, atol=0.2)


def test_tied_values_are_drawn_as_they_are():
    # lime makes {0, 3} of {2, 3}, and 0.99999999998 of 1.
    x = np.where(np.arange(N_ROWS) % 3, 2.0, 3.0)
    model = Linear(1, 0)
    result = importances(model, with_noise(x))
    assert model.seen[0] == {2.0, 3.0}
    assert_allclose(result.importances_mean[0], 1, rtol=0.01)


def test_diabetes_sex_has_the_importance_of_its_coefficient():
    # lime gives 11.5 for 'sex', of which the truth is 22.9.
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    distance = np.ptp(X["sex"]) * abs(model.coef_[1])
    result = importances(model, X, num_samples=8192)
    assert_allclose(distance, 22.9, rtol=0.01)
    assert_allclose(result.importances_mean[1], distance, rtol=0.02)


def test_a_constant_column_has_importance_exactly_zero():
    for constant in (0.0, 7.0, -1e300, np.inf):
        model = Linear(0, 1)
        X = with_noise(np.zeros(N_ROWS))
        X[:, 0] = constant
        if np.isinf(constant):
            model.predict = lambda X: X[:, 1]
        result = importances(model, X)
        assert result.importances_mean[0] == result.importances_sem[0] == 0
        assert not result.explanations.weights[:, 0].any()
        assert result.importances_mean[1] > 1
        assert model.seen[0] <= {constant}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("constant", [1.0, "a", np.nan])
@pytest.mark.filterwarnings("ignore:All importances are 0")
def test_a_table_of_constants_has_importances_exactly_zero(constant, conditional):
    X = pd.DataFrame({"a": [constant] * 40, "b": 7.0})
    found = importances(
        lambda X: np.ones(len(X)), X, kernel_width=0, num_samples=4, conditional=conditional
    )
    assert_allclose(found.importances_mean, 0, atol=0)


@pytest.mark.parametrize("constant", [1e-9 / 3, 0.1, 61.7, -1e6 / 3, np.pi])
@pytest.mark.parametrize("settings", [{}, {"kernel_width": 0}, {"engine": "local"}], ids=str)
def test_a_constant_answer_has_no_variance_whatever_its_digits(constant, settings):
    """Its mean over thousands of rows is another number, in the last digit."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    found = importances(lambda X: np.full(len(X), constant), X, max_samples=10, **settings)
    assert not found.importances_mean.any()
    assert not found.importances_sem.any()
    assert not found.explanations.weights.any()
    if not settings:
        assert np.isnan(list(found.explanations.interactions.shares.values())).all()
        beside = importances(lambda X: np.column_stack([X[:, 0], X[:, :1] * 0 + constant]), X)
        shares = beside.explanations.interactions.shares
        assert not np.isnan(shares["main"][0])
        assert np.isnan([share[1] for share in shares.values()]).all()


def test_a_constant_category_has_importance_exactly_zero():
    X = pd.DataFrame({"a": ["x"] * 50, "b": np.arange(50.0)})

    class Model:
        def predict(self, X):
            return X["b"].to_numpy() + X["a"].str.len().to_numpy()

    assert importances(Model(), X).importances_mean[0] == 0


def test_an_outlier_is_one_row_and_stays_in_its_bin():
    # With lime, 26 % of the perturbed values are above 10.
    x = np.random.default_rng(0).normal(size=300)
    x[17] = 1e6
    model = Linear(1, 0)
    result = importances(model, with_noise(x))
    assert model.seen[0] <= set(x)
    # The outlier is drawn 4096 / 300 times, 14 or 13.
    assert_allclose(result.explanations.weights[:, 0, 0], quartile_weights(x), rtol=0.08)
    bounded = Linear(1, 0)
    bounded.predict = lambda X: np.clip(X[:, 0], -5, 5)
    expected = np.abs(quartile_weights(np.clip(x, -5, 5))).mean()
    assert_allclose(importances(bounded, with_noise(x)).importances_mean[0], expected, rtol=0.02)


def test_integers_stay_integers():
    x = np.random.default_rng(0).poisson(2, N_ROWS)
    X = np.column_stack([x, np.arange(N_ROWS)])
    model = Linear(1.5, 0)
    result = importances(model, X)
    assert model.seen[0] == set(x.tolist())
    assert_allclose(
        result.explanations.weights[:, 0, 0], quartile_weights(x, 1.5), rtol=0.02, atol=0.05
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8", "int8", "bool", ">f8"])
def test_small_dtypes_are_asked_as_they_are_and_explained_without_overflow(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(N_ROWS, 2)) * (60 if "int" in dtype else 1)).round(2).clip(-120, 120)
    if dtype == "float16":
        X *= 500  # sums overflow beyond 65504
    X = X.astype(dtype) if dtype not in ("uint8", "bool") else (X > 0).astype(dtype)

    class Model:
        def predict(self, X):
            assert X.dtype == dtype
            return X[:, 0].astype(float)

    result = importances(Model(), X)
    expected = np.abs(quartile_weights(X[:, 0].astype(float))).mean()
    assert_allclose(result.importances_mean, [expected, 0], rtol=0.02, atol=0.02 * expected)


def test_duplicated_columns_share_their_importance():
    x = np.random.default_rng(0).normal(size=N_ROWS)
    alone = importances(Linear(2), x[:, None]).importances_mean
    twice = importances(Linear(1, 1), np.column_stack([x, x])).importances_mean
    # Each gets the importance of its own coefficient.
    assert_allclose(twice, [alone[0] / 2] * 2, rtol=0.02)


def test_a_permuted_copy_of_the_columns_permutes_the_importances():
    X = np.random.default_rng(0).normal(size=(N_ROWS, 3))
    a = importances(Linear(1, 2, 0), X).importances_mean
    b = importances(Linear(0, 2, 1), X[:, ::-1]).importances_mean
    assert_allclose(b, a[::-1], atol=0.03)


def levels(n_levels, n_rows):
    """A column of levels as evenly spread as can be, and one of noise."""
    return pd.DataFrame(
        {
            "level": [f"level {i % n_levels:03}" for i in range(n_rows)],
            "x": np.random.default_rng(0).normal(size=n_rows),
        }
    )


class LevelEffect:
    """1 for levels of an odd number."""

    def predict(self, X):
        return (X["level"].str[-1].astype(int) % 2).to_numpy() + 0.5 * X["x"].to_numpy()


def test_five_hundred_levels_are_unbiased():
    X = levels(500, 1000)
    result = importances(LevelEffect(), X, num_samples=2**14)
    # Half of the others are odd, whatever the row's own level: 1 - 249/499 or 0 - 250/499.
    plain = result.explanations.estimate(bias_correction=False).values
    assert_allclose(result.importances_mean[0], 0.5 * (250 / 499 + 250 / 499), rtol=0.02)
    assert result.importances_mean[0] < plain[0]
    assert len(result.explanations.bins.labels(0)) == 500


def test_five_hundred_useless_levels_are_no_more_than_noise():
    rng = np.random.default_rng(0)

    class Useless:
        def predict(self, X):
            return rng.normal(size=len(X))

    result = importances(Useless(), levels(500, 1000), num_samples=2**14)
    floor = result.explanations.noise_floor()
    plain = result.explanations.estimate(bias_correction=False).values
    # Of a weight of a level drawn about 2^14 / 500 times, of which half tell main effects.
    chance = np.sqrt(2 / np.pi) * np.sqrt(500 / 2**14)
    assert 0.9 * chance < plain[0] < 1.1 * np.sqrt(2) * chance
    assert_allclose(floor[0], plain[0], rtol=0.1)
    assert result.importances_mean[0] < 0.3 * floor[0]


@pytest.mark.parametrize("n_rows", [300, 1300])
@pytest.mark.parametrize("power", [1, 3])
def test_an_id_that_the_model_ignores_is_in_no_pair_and_seldom_told_from_0(power, n_rows):
    """Levels of few rows each are not put together by the noise that pairs are looked for in.

    What varies inside the bins of a power of 3 is noise of heavy tails.
    """
    pairs, told = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=list("abc"))
        X["id"] = [f"u{i}" for i in range(n_rows)]

        def model(X):
            a, b, c = (X[name].to_numpy() for name in "abc")
            return a**power + 0.5 * b + 0.5 * (c > 0)

        found = lime_importance(model, X, random_state=seed)
        pairs += [pair for pair in found.explanations.interactions.top(9) if "id" in pair[:2]]
        told.append(found.estimate.told()[3])
    assert len(pairs) <= 1
    assert sum(told) < 4


def test_a_level_seen_once_has_its_weight():
    X = levels(4, 101)
    X.loc[100, "level"] = "level 009"
    result = importances(LevelEffect(), X, num_samples=2**13)
    weights = result.explanations.weights[:, 0, 0]
    odd = X["level"].str[-1].astype(int) % 2
    assert_allclose(weights[100], 1 - odd[:100].mean(), atol=0.2)
    assert_allclose(result.explanations.bins.probabilities[4], 1 / 101)


@pytest.mark.parametrize("engine", ["pooled", "local", "lime"])
def test_a_level_that_only_explained_rows_have_has_the_effect_of_its_own_value(engine):
    training = levels(4, 100)
    X = training.iloc[:6].copy()
    X.loc[2, "level"] = "level 009"
    X.loc[4, "level"] = None
    result = importances(
        LevelEffectOrMissing(), X, training_data=training, engine=engine, num_samples=2048
    )
    weights = result.explanations.weights[:, 0, 0]
    # Half of the training rows have an odd level; "level 009" is odd, a missing one counts as even.
    assert_allclose(weights[[2, 4]], [0.5, -0.5], atol=0.1)
    assert np.abs(weights[[0, 1, 3, 5]]).min() > 0.3


@pytest.mark.parametrize("engine", ["pooled", "local", "lime"])
def test_a_level_that_comes_after_fit_has_the_effect_of_its_own_value(engine):
    training = levels(4, 100)
    X = training.iloc[:6].copy()
    X.loc[2, "level"] = "level 009"
    X.loc[4, "level"] = None
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(LevelEffectOrMissing()), engine=engine, num_samples=2048, random_state=0
    ).fit(training)
    weights = wrapper.explain(X).weights[:, 0, 0]
    assert_allclose(weights[[2, 4]], [0.5, -0.5], atol=0.25)
    assert np.abs(weights[[0, 1, 3, 5]]).min() > 0.3


class LevelEffectOrMissing(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        number = X["level"].fillna("0").str[-1].astype(int)
        return (number % 2).to_numpy() + 0.5 * X["x"].to_numpy()


def test_numbers_outside_the_training_range_are_in_the_outer_bins():
    training = with_noise(np.arange(100.0))
    X = np.array([[-1e9, 0], [1e9, 0], [np.inf, 0]])
    model = Linear(1, 0)
    model.predict = lambda X: np.clip(X[:, 0], 0, 99)
    result = importances(model, X, training_data=training)
    low, high = training[:25, 0].mean(), training[75:, 0].mean()
    rest = training[25:, 0].mean(), training[:75, 0].mean()
    expected = [low - rest[0], high - rest[1], high - rest[1]]
    assert_allclose(result.explanations.weights[:, 0, 0], expected, rtol=0.02)


def test_two_rows_are_enough():
    wrapper = LimeImportanceWrapper(
        LinearRegression(), values="weights", num_samples=64, random_state=0
    )
    wrapper.fit([[0.0, 1.0], [2.0, 1.0]], [0.0, 4.0])
    # Own value against the other: 2 * 2.
    assert_allclose(wrapper.feature_importances_, [4, 0], atol=1e-10)


def test_one_column_is_enough():
    x = np.random.default_rng(0).normal(size=(100, 1))
    wrapper = LimeImportanceWrapper(
        LinearRegression(), values="weights", max_samples=None, random_state=0
    )
    wrapper.fit(x, 3 * x[:, 0])
    expected = np.abs(quartile_weights(x[:, 0], 3)).mean()
    assert_allclose(wrapper.feature_importances_, [expected], rtol=0.01)


def test_wide_numbers_are_neither_lost_nor_overflow():
    X = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    expected = importances(Linear(1, 0), X).importances_mean
    for scale in (1e-200, 1e200):
        model = Linear(1, 0)
        model.predict = lambda X, scale=scale: X[:, 0] / scale
        assert_allclose(importances(model, X * [scale, 1]).importances_mean, expected, atol=1e-6)
    for scale in (1e-100, 1e100):
        model = Linear(scale, 0)
        result = importances(model, X)
        assert_allclose(result.importances_mean / scale, expected, atol=1e-6)
