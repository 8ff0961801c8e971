"""What samples do not tell is said: errors without end, and one warning of what to do."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import Lasso, Ridge

from sklime import LimeImportanceWrapper, lime_importance
from sklime.exceptions import NoisyImportanceWarning


class Sum(RegressorMixin, BaseEstimator):
    """Column a's level plus column c."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X["a"].astype(str).map(ord).to_numpy() + X["c"].to_numpy()


def frame(n=400):
    rng = np.random.default_rng(0)
    levels = {name: pd.Categorical(rng.choice(list(name * 3 + "xyz"), n)) for name in "ab"}
    return pd.DataFrame({**levels, "c": rng.normal(size=n)})


@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_columns_of_unknown_levels_only_have_no_finite_error(engine):
    X = frame()
    wrapper = LimeImportanceWrapper(Sum(), engine=engine, random_state=0).fit(X, X["c"])
    new = X.iloc[:50].assign(a="q", b="r")
    explanations = wrapper.explain(new)
    estimate = explanations.estimate()
    assert explanations.unmeasured.tolist() == [True, True, False]
    assert np.isinf(estimate.sem).tolist() == [True, True, False]
    assert estimate.told().tolist() == [False, False, True]
    low, high = estimate.confint().T
    assert low[:2].tolist() == [0, 0]
    assert np.isinf(high[:2]).all()
    assert np.isfinite(wrapper.explain(X.iloc[:50]).estimate().sem).all()


def test_one_unknown_level_of_a_row_is_told_by_its_answer_as_well_as_the_rest_is():
    X = frame()
    wrapper = LimeImportanceWrapper(Sum(), random_state=0).fit(X, X["c"])
    new = X.iloc[:50].assign(a="q")
    estimate = wrapper.explain(new).estimate()
    truth = ord("q") - X["a"].astype(str).map(ord).mean()
    # c varies inside its bins, which a single answer does not tell from the level.
    assert abs(estimate.values[0] - abs(truth)) < 0.3
    assert 0 < estimate.sem[0] < 0.3


def noisy(fit):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    return [str(w.message) for w in caught if w.category is NoisyImportanceWarning]


def wide(d):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, d))
    return X, X @ rng.normal(size=d) + 0.1 * np.abs(X) @ np.ones(d)


def test_a_wide_table_with_few_samples_is_said_to_be_noise_once():
    X, y = wide(600)
    model = RandomForestRegressor(5, random_state=0)
    options = {"num_samples": 1024, "random_state": 0}
    (message,) = noisy(lambda: lime_importance(model.fit(X, y), X, **options))
    assert 300 < int(message.split(" of ")[0]) <= 600
    assert "num_samples=1024" in message
    assert len(noisy(lambda: LimeImportanceWrapper(model, cv=2, **options).fit(X, y))) == 1


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_diabetes])
def test_useless_columns_that_are_well_measured_are_no_noise(load):
    X, y = load(return_X_y=True)
    useless = np.random.default_rng(0).normal(size=(len(X), 2 * X.shape[1]))
    kind = RandomForestRegressor if load is load_diabetes else RandomForestClassifier
    table = np.hstack([X, useless])
    model = kind(20, random_state=0).fit(table, y)
    assert not noisy(lambda: lime_importance(model, table, random_state=0))


def test_a_model_of_nothing_is_no_noise():
    X, y = wide(20)
    assert not noisy(lambda: lime_importance(Lasso(100).fit(X, y), X, random_state=0))
    assert not noisy(lambda: lime_importance(Ridge().fit(X, y), X, random_state=0))
