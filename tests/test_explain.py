"""What was asked once is read ever after: other rows, other widths, parts, slices."""

import pickle

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklime import Explanations, Importances, LimeImportanceWrapper, lime_importance

FIELDS = ("replicates", "intercepts", "scores", "predictions", "codes")


class Counting(RegressorMixin, BaseEstimator):
    """A function that counts the rows it is asked for."""

    def fit(self, X, y=None):
        self.n_rows_ = 0
        return self

    def predict(self, X):
        self.n_rows_ += len(X)
        return X[:, 0] * X[:, 1] + X[:, 2]


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(size=(300, 5))


def wrap(inner, X, y=None, **params):
    params = {"num_samples": 1024, "max_samples": 60, "random_state": 0, **params}
    return LimeImportanceWrapper(inner, **params).fit(X, X[:, 0] if y is None else y)


def assert_same(found, expected):
    for name in FIELDS:
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("engine", ["pooled", "local", "lime"])
def test_rows_of_the_fit_have_the_same_bits_when_they_are_explained_again(table, engine):
    number = 1024 if engine == "pooled" else 32
    wrapper = wrap(DecisionTreeRegressor(max_depth=4), table, engine=engine, num_samples=number)
    fitted = wrapper.explanations_
    assert_same(wrapper.explain(table)[fitted.sample_indices], fitted)
    assert_same(wrapper.explain(table[fitted.sample_indices[[7]]]), fitted[7])


def test_a_pool_is_asked_for_nothing_but_the_rows_themselves(table):
    wrapper = wrap(Counting(), table)
    wrapper.estimator_.n_rows_ = 0
    wrapper.explain(table[:9])
    assert wrapper.estimator_.n_rows_ == 9


@pytest.mark.parametrize("width", [0.3, 1.0, "lime"])
def test_another_width_is_that_of_a_fit_at_this_width(table, width):
    wrapper = wrap(Counting(), table)
    other = wrap(Counting(), table, kernel_width=width).explanations_
    again = wrapper.explain(table, kernel_width=width)
    assert again.kernel_width == other.kernel_width
    assert_same(again[other.sample_indices], other)


def test_rows_are_explained_by_the_mean_of_the_folds_models(table):
    wrapper = wrap(Ridge(), table, cv=3)
    found = wrapper.explain(table[:10])
    parts = [explainer.explain(table[:10]) for explainer in wrapper._explainers]
    assert_allclose(found.weights, np.mean([part.weights for part in parts], axis=0))
    expected = np.mean([fold.predict(table[:10]) for fold in wrapper.estimators_], axis=0)
    assert_allclose(found.predictions[:, 0], expected)
    assert len(found.effects) == 3


def test_folds_have_the_same_bins_of_many_levels():
    rng = np.random.default_rng(0)
    effect = rng.normal(size=3000)
    X = pd.DataFrame({"who": pd.Categorical(np.arange(3000)), "x": rng.normal(size=3000)})

    class Known(Counting):
        def predict(self, X):
            return effect[X["who"].to_numpy().astype(int)] + X["x"].to_numpy()

    wrapper = wrap(Known(), X, y=effect, cv=3, num_samples=8192)
    explanations = wrapper.explanations_
    chosen = effect[explanations.sample_indices]
    found = explanations.contributions[:, 0, 0]
    assert np.corrcoef(found, chosen)[0, 1] > 0.9
    again = wrapper.explain(X.iloc[explanations.sample_indices[:20]])
    assert_array_equal(again.codes, explanations.codes[:20])


def test_other_columns_are_refused(table):
    wrapper = wrap(Ridge(), table)
    with pytest.raises(ValueError, match="X has 4 features, but the training table has 5"):
        wrapper.explain(table[:, :4])


def test_rows_that_do_not_fit_the_answers_are_refused(table):
    wrapper = wrap(Ridge(), table, scoring="auto", cv=2)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[300, 2\]"):
        wrapper.explain(table, [1.0, 2.0])
    wrapper = wrap(Ridge(), table, kernel_width=0, num_samples=4)
    with pytest.raises(TypeError, match="Got a sparse matrix instead"):
        wrapper.explain(sparse.csr_array(table))
    names = [f"x{j}" for j in range(5)]
    wrapper = wrap(Ridge(), pd.DataFrame(table, columns=names), table[:, 0], kernel_width=0)
    with pytest.raises(TypeError, match="Got a polars frame instead"):
        wrapper.explain(pl.DataFrame(table, schema=names))


def test_what_travels_has_neither_table_nor_pool(table):
    wrapper = wrap(Counting(), np.repeat(table, 20, axis=0), num_samples=2**13)
    size = len(pickle.dumps(wrapper._explainers))
    assert size < 60_000
    (explainer,) = pickle.loads(pickle.dumps(wrapper._explainers))
    assert_same(explainer.explain(table[:5]), wrapper.explain(table[:5]))


# -- parts and slices


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame])
def test_parts_put_together_are_the_whole(table, make):
    wrapper = wrap(DecisionTreeRegressor(max_depth=4), make(table), y=table[:, 0])
    whole = wrapper.explain(make(table))
    parts = [wrapper.explain(make(table)[a : a + 100]) for a in (0, 100, 200)]
    together = Explanations.concatenate(parts)
    assert_same(together, whole)
    assert type(together.data) is type(whole.data)
    assert_array_equal(np.asarray(together.data), table)
    assert together.population == 300
    assert len(together.effects) == 1
    assert_array_equal(together.importances(), whole.importances())
    assert_array_equal(together.estimate().sem, whole.estimate().sem)


def test_slices_masks_and_positions_are_those_of_a_list():
    X, y = load_iris(return_X_y=True, as_frame=True)
    X.index = [f"flower {i}" for i in range(150)]
    model = LogisticRegression(max_iter=500).fit(X, y)
    whole = lime_importance(model, X, num_samples=256, random_state=0).explanations
    for rows in (slice(5), slice(None, None, -7), [3, 1], whole.predictions[:, 0] > 0.5, -1):
        chosen = np.atleast_1d(np.arange(150)[rows])
        part = whole[rows]
        assert len(part) == len(chosen)
        assert list(part.data.index) == [f"flower {i}" for i in chosen]
        assert_array_equal(part.weights, whole.weights[chosen])
        assert_array_equal(part.sample_indices, whole.sample_indices[chosen])
        assert list(part.to_frame()["row"].unique()) == [f"flower {i}" for i in chosen]
        assert part.interactions.top(3) == whole.interactions.top(3)


# -- outputs


@pytest.mark.parametrize("label", [1, 2.0, [0, 2]])
def test_only_the_outputs_that_count_are_kept(label):
    X, y = load_iris(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    params = {"num_samples": 4096, "random_state": 0}
    some = lime_importance(model, X, labels=label, **params)
    names = np.atleast_1d(label).astype(int)
    assert some.explanations.output_names.tolist() == names.tolist()
    assert some.explanations.replicates.shape[3] == len(names)
    everything = lime_importance(model, X, **params).explanations
    assert_allclose(some.importances_mean, everything.importances(labels=label), atol=0.01)


def test_contributions_are_the_default_and_weights_a_word_away(table):
    model = Ridge().fit(table, table[:, 0])
    found = lime_importance(model, table, num_samples=256, random_state=0)
    weights = lime_importance(model, table, values="weights", num_samples=256, random_state=0)
    explanations = found.explanations
    assert_array_equal(explanations.weights, weights.explanations.weights)
    own = explanations.bins.own_probabilities(explanations.codes)[..., None]
    assert_allclose(explanations.contributions, explanations.weights * (1 - own))
    assert_array_equal(explanations.attributions, explanations.contributions)
    assert_allclose(found.importances_mean, weights.importances_mean * 0.75, rtol=0.01)


# -- importances


def test_importances_are_a_sorted_table_with_intervals(table):
    X = pd.DataFrame(table, columns=list("abcde"))
    model = Ridge(alpha=1e-6).fit(X, 3 * X["b"] - X["d"])
    importances = lime_importance(model, X, random_state=0)
    assert type(importances) is Importances
    frame = importances.to_frame()
    assert frame["column"].tolist()[:2] == ["b", "d"]
    order = np.argsort(-importances.importances_mean, kind="stable")
    assert_array_equal(frame["importance"], importances.importances_mean[order])
    assert_array_equal(frame[["low", "high"]], importances.confint()[order])
    assert frame["told"].tolist()[:2] == [True, True]
    assert frame["direction"].iloc[0] > 0.9 > -0.9 > frame["direction"].iloc[1]
    assert repr(importances).splitlines()[0].startswith("b ")
    assert "<table>" in importances._repr_html_()
    with pytest.raises(AttributeError, match="'scoring' parameter"):
        _ = importances.gains


COLUMNS = ["column", "importance", "standard_error", "low", "high", "direction", "told"]


@pytest.mark.parametrize("container", ["array", "pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("scoring", [None, "auto"])
def test_the_table_of_importances_has_its_columns_in_every_library(table, container, scoring):
    numbers = pd.DataFrame(table, columns=list("abcde"))
    X = {
        "array": table,
        "pandas": numbers,
        "polars": pl.from_pandas(numbers),
        "pyarrow": pa.Table.from_pandas(numbers),
    }[container]

    class Model:
        def predict(self, X):
            return np.asarray(X)[:, 1] - 2 * np.asarray(X)[:, 3]

    y = Model().predict(table)
    importances = lime_importance(Model(), X, y, scoring=scoring, num_samples=512, random_state=0)
    frame = importances.to_frame()
    native = {"array": pd.DataFrame, "pyarrow": pa.Table, "polars": pl.DataFrame}
    assert type(frame) is native.get(container, pd.DataFrame)
    columns = {name: np.asarray(frame[name]) for name in nw.from_native(frame).columns}
    assert list(columns) == COLUMNS + ["gain", "pvalue", "confidence"] * bool(scoring)
    order = np.argsort(-importances.estimate.values, kind="stable")
    expected = {
        "column": importances.feature_names,
        "standard_error": importances.importances_sem,
        "low": importances.confint()[:, 0],
        "high": importances.confint(0.95)[:, 1],
        "importance": np.maximum(importances.estimate.values, 0),
    }
    for name, values in expected.items():
        assert_array_equal(columns[name], values[order])
    assert_array_equal(columns["told"], (columns["low"] > 0) | (columns["high"] < 0))


def test_the_wrapper_has_the_importances_that_the_function_returns(table):
    wrapper = wrap(Ridge(), table, max_samples=None)
    alone = lime_importance(wrapper.estimator_, table, num_samples=1024, random_state=0)
    assert type(wrapper.importances_) is Importances
    assert_array_equal(wrapper.importances_.importances_mean, alone.importances_mean)
    assert_array_equal(wrapper.feature_importances_sem_, alone.importances_sem)
    assert wrapper.importances_.explanations is wrapper.explanations_


def test_nothing_of_the_table_is_kept_where_that_is_not_wanted():
    X, y = load_digits(return_X_y=True)
    X = X + 123456.125  # numbers to look for
    inner = RandomForestClassifier(5, max_depth=4, random_state=0)
    wrapper = wrap(inner, X, y, keep_explanations=False, num_samples=256)
    wrapper.fit(X, y)
    kept = {name: value for name, value in vars(wrapper).items() if name != "estimator_"}
    data = pickle.dumps(kept)
    assert len(data) < 50_000
    assert not hasattr(wrapper, "explanations_")
    for cell in (X[0, 0], X.mean(axis=0)[5]):
        assert np.float64(cell).tobytes() not in data
    with pytest.raises(AttributeError, match="explain needs keep_explanations=True"):
        wrapper.explain(X[:2])
    assert wrapper.importances_.confint().shape == (64, 2)


# -- mistakes and folds


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"categorical_features": [9]}, "'categorical_features' parameter must"),
        ({"engine": "lime", "tol": 0.1}, "'tol' parameter must be None"),
        ({"model_regressor": Ridge()}, "'model_regressor' parameter must be None"),
        ({"response_method": "predict_proba"}, "has none of the following attributes"),
        ({"scoring": "auto", "labels": [1], "cv": 2}, "'labels' parameter must be 'all'"),
        ({"scoring": "r2", "cv": 2}, "'scoring' parameter must be 'auto' or one of .*no sum over"),
    ],
)
def test_mistakes_are_found_before_anything_is_fitted(table, params, message):
    class NeverFitted(Ridge):
        def fit(self, X, y):
            raise AssertionError

    with pytest.raises((ValueError, AttributeError), match=message):
        wrap(NeverFitted(), table, **params)


def test_a_fold_of_zero_weights_is_named_and_left_out(table):
    weight = np.ones(300)
    weight[200:] = 0
    folds = [(np.arange(200), np.arange(200, 300)), (np.arange(100, 300), np.arange(100))]
    wrapper = LimeImportanceWrapper(Ridge(), cv=folds, num_samples=256, random_state=0)
    with pytest.warns(UserWarning, match="Fold 0 of cv is left out: it has no held-out row"):
        wrapper.fit(table, table[:, 0], sample_weight=weight)
    assert len(wrapper.estimators_) == 1
    with (
        pytest.warns(UserWarning, match="Fold 0"),
        pytest.raises(ValueError, match="No fold of cv has rows"),
    ):
        wrapper.set_params(cv=folds[:1]).fit(table, table[:, 0], sample_weight=weight)
