"""Whole pipelines on raw columns: one importance for each column the user has.

Every pipeline here ends in a model that is additive in the raw columns, f(x) = sum_j g_j(x_j). The
contribution of a column is then the mean of g_j in the row's bin less its mean over the table,
which the tests work out from the pipeline's answers alone.
"""

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from palmerpenguins import load_penguins
from pandas.api.types import is_numeric_dtype
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils import get_tags

from sklime import LimeImportanceDisplay, LimeImportanceWrapper

NUMBERS = make_column_selector(dtype_include="number")
TEXT = make_column_selector(dtype_exclude="number")


def penguins(target="species"):
    """344 rows, strings and missing values as they come."""
    data = load_penguins().dropna(subset=target)
    return data.drop(columns=target), data[target]


def one_hot_pipeline(model):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = [("numbers", numbers, NUMBERS), ("text", OneHotEncoder(), TEXT)]
    return make_pipeline(ColumnTransformer(columns), model)


def target_pipeline(model):
    columns = [
        ("numbers", SimpleImputer(add_indicator=True), NUMBERS),
        # It shuffles to fit, not to predict.
        ("text", TargetEncoder(target_type="continuous"), TEXT),
    ]
    return make_pipeline(ColumnTransformer(columns), StandardScaler(), model)


def binned_pipeline(model):
    bins = KBinsDiscretizer(4, strategy="uniform", encode="onehot")
    columns = [
        ("numbers", make_pipeline(SimpleImputer(), bins), NUMBERS),
        ("text", OneHotEncoder(), TEXT),
    ]
    return make_pipeline(ColumnTransformer(columns), model)


def as_categories(model):
    def with_categories(X):
        text = TEXT(X)
        return X.assign(**{name: X[name].astype("category") for name in text})

    return make_pipeline(FunctionTransformer(with_categories), model)


def stumps(model, **params):
    """Trees of one split each add up column by column."""
    return as_categories(model(max_iter=40, max_leaf_nodes=2, random_state=0, **params))


LIGHTGBM = lightgbm.LGBMRegressor(
    n_estimators=40, num_leaves=2, n_jobs=1, random_state=0, verbose=-1
)

ADDITIVE = {
    "one-hot, classes": (one_hot_pipeline(LogisticRegression(max_iter=500)), "species"),
    "one-hot, numbers": (one_hot_pipeline(Ridge()), "body_mass_g"),
    "target encoder": (target_pipeline(Ridge()), "body_mass_g"),
    "bins": (binned_pipeline(Ridge()), "body_mass_g"),
    "bins, two classes": (binned_pipeline(LogisticRegression(max_iter=500)), "sex"),
    "hist gradient boosting": (
        stumps(HistGradientBoostingRegressor, categorical_features="from_dtype"),
        "body_mass_g",
    ),
    "hist gradient boosting, classes": (
        stumps(HistGradientBoostingClassifier, categorical_features="from_dtype"),
        "species",
    ),
    "lightgbm": (as_categories(LIGHTGBM), "body_mass_g"),
}


def bins_of(column):
    """Quartile bins or levels; missing values are a bin of their own."""
    if not is_numeric_dtype(column):
        return column.fillna("missing").to_numpy()
    known = column.dropna().to_numpy()
    cuts = np.unique(np.quantile(known, [0.25, 0.5, 0.75], method="inverted_cdf"))
    return np.where(column.isna(), -1, np.searchsorted(cuts, column, side="left"))


def contributions_of(respond, X, name):
    """Mean of g_j in the bin of each row, less its mean, (n_rows, n_outputs)."""
    alone = pd.concat([X.iloc[[0]]] * len(X), ignore_index=True)
    alone[name] = X[name].to_numpy()
    effects = pd.DataFrame(np.asarray(respond(alone)).reshape(len(X), -1))
    means = effects.groupby(bins_of(X[name])).transform("mean")
    return (means - effects.mean()).to_numpy()


@pytest.mark.parametrize("case", ADDITIVE)
def test_each_raw_column_has_the_importance_of_its_additive_part(case):
    pipeline, target = ADDITIVE[case]
    X, y = penguins(target)
    classes = not is_numeric_dtype(y)
    wrapper = LimeImportanceWrapper(
        pipeline,
        values="contributions",
        response_method="decision_function" if classes else "predict",
        max_samples=None,
        random_state=0,
    ).fit(X, y)
    assert wrapper.feature_names_in_.tolist() == X.columns.tolist()
    respond = wrapper.decision_function if classes else wrapper.predict
    # Of two classes the decision is for the second; the first has its negative.
    share = 0.5 if classes and y.nunique() > 2 else 1
    expected = [
        np.abs(share * contributions_of(respond, X, name)).sum(axis=1).mean() for name in X.columns
    ]
    assert np.count_nonzero(expected) >= 6
    assert_allclose(wrapper.feature_importances_, expected, rtol=0.02, atol=0.02 * max(expected))


def test_the_ranking_of_the_penguins():
    X, y = penguins()
    pipeline = one_hot_pipeline(LogisticRegression(max_iter=500))
    wrapper = LimeImportanceWrapper(pipeline, random_state=0).fit(X, y)
    ranked = X.columns[np.argsort(-wrapper.feature_importances_)].tolist()
    # The bill tells the species apart and the year does not, as their describers found.
    assert ranked[:2] == ["bill_length_mm", "bill_depth_mm"]
    assert ranked[-1] == "year"
    assert wrapper.feature_importances_[-1] < 0.03 < wrapper.feature_importances_[:-1].min()
    assert wrapper.explanations_.output_names.tolist() == ["Adelie", "Chinstrap", "Gentoo"]
    assert wrapper.score(X, y) == pipeline.fit(X, y).score(X, y)


def test_everything_that_leaves_carries_the_names():
    X, y = penguins()
    pipeline = one_hot_pipeline(LogisticRegression(max_iter=500))
    wrapper = LimeImportanceWrapper(pipeline, max_samples=20, num_samples=256, random_state=0)
    explanations = wrapper.fit(X, y).explanations_
    frame = explanations.to_frame()
    assert frame["column"].unique().tolist() == X.columns.tolist()
    assert frame["class"].unique().tolist() == ["Adelie", "Chinstrap", "Gentoo"]
    assert list(explanations.group_importances({"bill": [1, 2]})) == ["bill"]
    assert all(name in explanations._repr_html_() for name in X.columns)
    texts = " ".join(text for text, _ in explanations.to_lime(0).as_list(label=0))
    assert all(name in texts for name in X.columns)
    display = LimeImportanceDisplay.from_estimator(wrapper)
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert sorted(ticks) == sorted(X.columns)


def test_penguins_in_polars_have_the_same_importances():
    X, y = penguins()
    numbers = NUMBERS(X)
    columns = [
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        ("text", OneHotEncoder(), ["island", "sex"]),
    ]
    pipeline = make_pipeline(ColumnTransformer(columns), LogisticRegression(max_iter=500))
    wrapper = LimeImportanceWrapper(pipeline, num_samples=1024, random_state=0)
    expected = wrapper.fit(X, y).feature_importances_
    polars = wrapper.fit(pl.from_pandas(X), y.to_numpy())
    assert isinstance(polars.explanations_.data, pl.DataFrame)
    assert_allclose(polars.feature_importances_, expected, rtol=1e-10)


@pytest.mark.parametrize("cv", [None, 3])
def test_a_column_whose_missingness_is_the_signal_is_found(cv):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    missing = rng.random((300, 4)) < 0.3
    X = X.mask(missing)
    y = 2.0 * missing[:, 1]
    model = HistGradientBoostingRegressor(max_leaf_nodes=2, max_iter=200, random_state=0)
    wrapper = LimeImportanceWrapper(
        model, cv=cv, values="weights", max_samples=None, random_state=0
    ).fit(X, y)
    share = missing[:, 1].mean()
    # Where missing, the weight is 2 against the rest; else -2 * (1 - 0) * share / (1 - p_bin).
    own = (1 - share) / 4
    expected = share * 2 + (1 - share) * 2 * share / (1 - own)
    assert_allclose(wrapper.feature_importances_[1], expected, rtol=0.03)
    assert wrapper.feature_importances_[[0, 2, 3]].max() < 0.02
    assert wrapper.explanations_.bins.labels(1)[-1] == "missing"
    assert_allclose(wrapper.explanations_.bins.probabilities[9], share)


class MissingCounter(Ridge):
    """Counts the missing cells of the first 512 rows that it is asked about at once."""

    def fit(self, X, y):
        return super().fit(np.zeros((len(X), 1)), y)

    def predict(self, X):
        self.counts_ = {**getattr(self, "counts_", {}), len(X): np.isnan(X[:512]).mean(axis=0)}
        return np.zeros(len(X))


@pytest.mark.filterwarnings("ignore:All importances are 0")
def test_missing_values_are_drawn_at_the_training_rate():
    X = np.random.default_rng(0).normal(size=(100, 4))
    for j, rate in enumerate([0, 25, 50, 100]):
        X[:rate, j] = np.nan
    wrapper = LimeImportanceWrapper(
        MissingCounter(), num_samples=1024, max_samples=8, random_state=0
    ).fit(X, np.zeros(100))
    # Each of four replicates of 128 scrambled Sobol' points fills each of 128 intervals once.
    most = max(wrapper.estimator_.counts_)
    assert_allclose(wrapper.estimator_.counts_[most], [0, 0.25, 0.5, 1], atol=1 / 128)


@pytest.mark.parametrize(
    ("missing", "dtype"),
    [(np.nan, "float64"), (None, "object"), (pd.NA, "Int64"), (pd.NA, "string"), (None, "str")],
)
def test_missing_values_reach_the_model_as_they_were(missing, dtype):
    values = ["1", "2"] if dtype in ("string", "str") else [1, 2]
    X = pd.DataFrame({"x": pd.Series([*values, missing] * 6, dtype=dtype), "other": range(18)})
    kinds, dtype = set(), X["x"].dtype

    class Watcher(Ridge):
        def fit(self, X, y):
            return self

        def predict(self, X):
            assert X["x"].dtype == dtype
            kinds.update(type(cell) for cell in X["x"] if pd.isna(cell))
            return X["x"].isna().to_numpy() * 1.0

    wrapper = LimeImportanceWrapper(
        Watcher(), values="contributions", num_samples=1024, random_state=0
    ).fit(X, np.zeros(18))
    assert kinds == {type(cell) for cell in X["x"] if pd.isna(cell)}
    # A third is missing: contributions 2/3 there, 1/3 elsewhere.
    assert_allclose(wrapper.feature_importances_, [4 / 9, 0], atol=0.01)


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        (HistGradientBoostingClassifier(), True),
        (LogisticRegression(), False),
        (make_pipeline(SimpleImputer(), LogisticRegression()), True),
    ],
)
def test_missing_values_are_allowed_where_the_inner_model_allows_them(model, allowed):
    tags = get_tags(LimeImportanceWrapper(model)).input_tags
    assert tags.allow_nan == get_tags(model).input_tags.allow_nan
    X, y = penguins("sex")
    X = X[["bill_length_mm", "bill_depth_mm"]].mask(lambda X: X > 50)
    wrapper = LimeImportanceWrapper(model, num_samples=64, random_state=0)
    if allowed:
        assert wrapper.fit(X, y).feature_importances_.shape == (2,)
    else:
        with pytest.raises(ValueError, match="Input X contains NaN"):
            wrapper.fit(X, y)


def test_the_pipeline_of_the_user_is_not_touched():
    X, y = penguins()
    before, labels = X.copy(), y.copy()
    pipeline = one_hot_pipeline(LogisticRegression(max_iter=500))
    LimeImportanceWrapper(pipeline, num_samples=64).fit(X, y)
    assert not hasattr(pipeline[-1], "coef_")
    pd.testing.assert_frame_equal(X, before)
    assert_array_equal(y, labels)
