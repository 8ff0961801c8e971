"""A row of weight 2 is the row twice, a row of weight 0 is no row; groups reach the splitter."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]

N_ROWS = 60
RNG = np.random.default_rng(0)
WEIGHT = np.array([0, 1, 2, 3, 1, 2] * 10)
TWICE = np.repeat(np.arange(N_ROWS), WEIGHT)  # each row as often as it weighs


def numbers():
    X = RNG.normal(size=(N_ROWS, 4)).round(1)  # ties within columns
    X[:, 3] = np.where(RNG.random(N_ROWS) < 0.3, np.nan, X[:, 3])
    return X


def frame():
    X = pd.DataFrame(numbers(), columns=list("abcd"))
    X["level"] = pd.Categorical(RNG.choice(["u", "v", "w"], N_ROWS))
    return X


TABLES = {
    "array": numbers(),
    "frame": frame(),
    "sparse": sparse.csr_array(np.nan_to_num(numbers())),
}
Y = RNG.integers(0, 2, N_ROWS)
TARGET = RNG.normal(size=N_ROWS)


class Function:
    """Of numbers, codes and missing values, with an interaction."""

    def predict(self, X):
        if isinstance(X, pd.DataFrame):
            X = X.assign(level=X["level"].cat.codes.astype(float)).to_numpy()
        X = X.toarray() if sparse.issparse(X) else X
        missing = np.isnan(X).any(axis=1)
        X = np.nan_to_num(X)
        return X[:, 0] * X[:, 1] + np.exp(X[:, 2] / 2) + 2 * missing + X[:, -1]


def rows_of(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


RESULTS = ("importances_mean", "importances_std", "importances_sem")


@pytest.mark.parametrize(
    "aggregation",
    ["mean_abs", "rms", "median_abs", "max_abs", "mean", "sum", "splime", "normlime", "frequency"],
)
@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_a_weight_is_a_number_of_rows_in_every_aggregation(engine, aggregation):
    params = {"max_samples": None, "num_samples": 64, "engine": engine, "random_state": 0}
    X = TABLES["frame"]
    weighted = lime_importance(
        Function(), X, sample_weight=WEIGHT, aggregation=aggregation, **params
    )
    repeated = lime_importance(Function(), rows_of(X, TWICE), aggregation=aggregation, **params)
    for key in RESULTS[: 2 if aggregation in ("median_abs", "max_abs", "frequency") else 3]:
        assert_allclose(getattr(weighted, key), getattr(repeated, key), rtol=1e-10, atol=1e-10)
    assert weighted.importances_mean.any()


@pytest.mark.parametrize("discretizer", ["quartile", "decile", 3, "entropy"])
@pytest.mark.parametrize("engine", ["pooled", "local"])
@pytest.mark.parametrize("kind", TABLES)
def test_bins_pool_and_weights_of_each_row_are_those_of_repeated_rows(kind, engine, discretizer):
    X = TABLES[kind]
    results = [
        lime_importance(
            Function(),
            rows_of(X, rows),
            y=TARGET[rows],
            sample_weight=weight,
            discretizer=discretizer,
            engine=engine,
            max_samples=None,
            num_samples=64,
            random_state=0,
        )
        for rows, weight in ((np.arange(N_ROWS), WEIGHT), (TWICE, None))
    ]
    weighted, repeated = (result.explanations for result in results)
    assert_allclose(weighted.bins.probabilities, repeated.bins.probabilities, rtol=1e-12)
    for a, b in zip(weighted.bins.columns, repeated.bins.columns, strict=True):
        assert a == b if a.categorical else np.array_equal(a.cuts, b.cuts)
    # The rows of weight 0 are not explained; the others are, once.
    assert_array_equal(weighted.sample_indices, np.flatnonzero(WEIGHT))
    once = np.repeat(np.arange(len(weighted)), WEIGHT[WEIGHT > 0])
    assert_allclose(weighted.weights[once], repeated.weights, rtol=1e-10, atol=1e-10)
    assert_allclose(weighted.scores[once], repeated.scores, rtol=1e-10, atol=1e-10)
    for key in RESULTS:
        assert_allclose(getattr(results[0], key), getattr(results[1], key), rtol=1e-10, atol=1e-10)


def test_gains_by_weight_are_those_of_repeated_rows():
    X = numbers()
    tree = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, TARGET)
    settings = {"scoring": "auto", "num_samples": 256, "random_state": 0}
    by_weight = lime_importance(tree, X, TARGET, sample_weight=WEIGHT, **settings)
    repeated = lime_importance(tree, X[TWICE], TARGET[TWICE], **settings)
    assert_allclose(by_weight.gains, repeated.gains, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 7])
def test_only_the_ratios_of_weights_count(scale):
    X = TABLES["array"]
    a, b = (
        lime_importance(
            Function(), X, sample_weight=weight, max_samples=None, num_samples=64, random_state=0
        )
        for weight in (WEIGHT, scale * WEIGHT)
    )
    assert_allclose(a.importances_mean, b.importances_mean, rtol=1e-10)
    assert_allclose(a.importances_std, b.importances_std, rtol=1e-10)


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
def test_errors_do_not_know_the_unit_of_weights_that_are_no_counts(scoring):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(60, 3)), rng.uniform(size=60)
    y = X[:, 0] + rng.normal(size=60)
    params = {"scoring": scoring, "max_samples": 40, "random_state": 0}
    model = LinearRegression().fit(X, y)
    sems = [
        lime_importance(model, X, y, sample_weight=scale * weight, **params).importances_sem
        for scale in (1, 1 / weight.sum(), 1e300, 1e-300)
    ]
    assert sems[0][0] > 0
    for sem in sems[1:]:
        assert_allclose(sem, sems[0], rtol=1e-9)


def test_rows_of_weight_0_do_not_make_the_pool_larger():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(120, 4)), (np.arange(120) % 4 > 0).astype(float)
    results = [
        lime_importance(Function(), X[rows], sample_weight=weights, random_state=0)
        for rows, weights in ((slice(None), weight), (weight > 0, None))
    ]
    assert results[0].explanations.num_samples == results[1].explanations.num_samples
    assert_allclose(results[0].importances_mean, results[1].importances_mean, rtol=1e-9)


def test_equal_weights_are_no_weights():
    X = TABLES["array"]
    a, b = (
        lime_importance(Function(), X, sample_weight=weight, num_samples=64, random_state=0)
        for weight in (None, np.full(N_ROWS, 2))
    )
    assert_array_equal(a.explanations.weights, b.explanations.weights)
    assert_allclose(a.importances_mean, b.importances_mean, rtol=1e-12)


@pytest.mark.parametrize(
    "inner",
    [
        Ridge(),
        LogisticRegression(tol=1e-10, max_iter=1000),
        DecisionTreeClassifier(max_depth=2, random_state=0),
    ],
)
def test_the_wrapper_fits_and_explains_by_weight(inner):
    X, y = make_classification(N_ROWS, 4, random_state=0)
    wrapper = LimeImportanceWrapper(inner, max_samples=None, num_samples=64, random_state=0)
    weighted = wrapper.fit(X, y, sample_weight=WEIGHT)
    fields = ("feature_importances_", "feature_importances_sem_")
    expected = [getattr(weighted, field) for field in fields]
    repeated = wrapper.fit(X[TWICE], y[TWICE])
    tolerance = 1e-10 if not isinstance(inner, LogisticRegression) else 1e-6
    for field, value in zip(fields, expected, strict=True):
        assert_allclose(getattr(repeated, field), value, rtol=tolerance, atol=tolerance)


def test_a_frozen_model_is_explained_by_weight_and_not_fitted():
    X, y = make_classification(N_ROWS, 4, random_state=0)
    model = KNeighborsRegressor().fit(X, y)  # takes no weights itself
    wrapper = LimeImportanceWrapper(FrozenEstimator(model), max_samples=None, num_samples=64)
    wrapper.set_params(random_state=0).fit(X, y, sample_weight=WEIGHT)
    expected = lime_importance(
        model, X, sample_weight=WEIGHT, max_samples=None, num_samples=64, random_state=0
    )
    assert_array_equal(wrapper.feature_importances_, expected.importances_mean)
    plain = lime_importance(model, X, max_samples=None, num_samples=64, random_state=0)
    assert np.abs(wrapper.feature_importances_ - plain.importances_mean).max() > 1e-3


SEEN = []


class WeightRecorder(RegressorMixin, BaseEstimator):
    """Keeps the weights that `fit` was given, for all instances."""

    def fit(self, X, y, sample_weight=None):
        SEEN.append(sample_weight)
        return self

    def predict(self, X):
        return X[:, 0]


@pytest.mark.parametrize("routing", [False, True])
def test_weights_and_groups_reach_the_models_and_the_splitter(routing):
    X, y = make_classification(N_ROWS, 4, random_state=0)
    groups = np.arange(N_ROWS) % 3
    SEEN.clear()
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = WeightRecorder()
        if routing:
            inner.set_fit_request(sample_weight=True)
        wrapper = LimeImportanceWrapper(
            inner, cv=LeaveOneGroupOut(), max_samples=None, num_samples=64, random_state=0
        )
        wrapper.fit(X, y, sample_weight=WEIGHT, groups=groups)
    # All rows, and then the rows outside each group.
    expected = [WEIGHT, *(WEIGHT[groups != group] for group in range(3))]
    for seen, weight in zip(SEEN, expected, strict=True):
        assert_array_equal(seen, weight)
    # The rows explained come fold by fold, those of weight 0 left out.
    explained = wrapper.explanations_.sample_indices
    weighted = groups[WEIGHT > 0]
    assert_array_equal(groups[explained], np.sort(weighted))
    assert_array_equal(np.sort(explained), np.flatnonzero(WEIGHT))
    assert_array_equal(wrapper.explanations_.sample_weight, WEIGHT[explained])


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_a_step_of_a_pipeline(routing):
    X, y = make_classification(N_ROWS, 4, random_state=0)
    with sklearn.config_context(enable_metadata_routing=routing):
        last = LogisticRegression()
        scaler = StandardScaler()
        if routing:
            last.set_fit_request(sample_weight=True)
            scaler.set_fit_request(sample_weight=False)
        name = "sample_weight" if routing else "logisticregression__sample_weight"
        wrapper = LimeImportanceWrapper(make_pipeline(scaler, last), num_samples=64)
        wrapper.fit(X, y, **{name: WEIGHT})
    expected = LogisticRegression().fit(StandardScaler().fit_transform(X), y, WEIGHT)
    assert_array_equal(wrapper.estimator_[-1].coef_, expected.coef_)


def test_groups_are_needed_where_the_splitter_needs_them():
    X, y = make_classification(N_ROWS, 4, random_state=0)
    wrapper = LimeImportanceWrapper(Ridge(), cv=GroupKFold(2), num_samples=64)
    with pytest.raises(ValueError, match="The 'groups' parameter should not be None"):
        wrapper.fit(X, y)


def test_only_rows_with_weight_are_stratified():
    X, y = make_classification(200, 4, weights=[0.8], random_state=0)
    weight = np.where((y == 0) & (np.arange(200) % 2 == 0), 0, 1.0)
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    explanations = lime_importance(
        model, X, y, sample_weight=weight, max_samples=30, num_samples=64, random_state=0
    ).explanations
    chosen = explanations.sample_indices
    assert (weight[chosen] == 1).all()
    share = y[weight > 0].mean()
    assert abs(y[chosen].mean() - share) <= 0.5 / 30 + 1e-9
    assert explanations.population == weight.sum()


def test_a_regression_tree_cuts_by_weight():
    x = np.repeat([0.0, 1, 2, 3], 15)
    y = np.repeat([0.0, 0, 1, 1], 15)
    weight = np.where(x == 2, 0, 1)
    result = lime_importance(
        DecisionTreeRegressor().fit(x[:, None], y),
        x[:, None],
        y,
        sample_weight=weight,
        discretizer="entropy",
        num_samples=64,
    )
    assert result.explanations.bins.labels(0) == ["x <= 1", "x > 1"]
    assert_allclose(result.explanations.bins.probabilities, [2 / 3, 1 / 3])
