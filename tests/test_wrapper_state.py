"""What a fitted wrapper keeps, and that nothing but its seed decides its numbers."""

import io
import pickle
from copy import deepcopy

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from inner_models import ENGINES, CountingClassifier, data_for, iris, name, weights_for, wrap
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.utils import check_random_state

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_fit_with_the_same_seed_gives_the_same_numbers(engine, cv):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression(), engine=engine, cv=cv, max_samples=5).fit(X, y)
    first = wrapper.feature_importances_.copy()
    assert_array_equal(wrapper.fit(X, y).feature_importances_, first)
    assert_array_equal(clone(wrapper).fit(X, y).feature_importances_, first)
    other = wrapper.set_params(random_state=1).fit(X, y).feature_importances_
    assert not np.array_equal(other, first)


def test_a_random_state_instance_advances():
    X, y = data_for(Ridge())
    wrapper = wrap(Ridge(), random_state=np.random.RandomState(0))
    first = wrapper.fit(X, y).feature_importances_
    assert not np.array_equal(wrapper.fit(X, y).feature_importances_, first)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_global_random_state_is_neither_read_nor_changed(engine):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression(), engine=engine, max_samples=5)
    everyones = check_random_state(None)
    everyones.seed(3)
    first = wrapper.fit(X, y).feature_importances_
    after = everyones.randint(10**9)
    everyones.seed(3)
    assert everyones.randint(10**9) == after
    assert_array_equal(wrapper.fit(X, y).feature_importances_, first)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_seed_the_global_one_decides(engine):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression(), engine=engine, max_samples=5, random_state=None)
    everyones = check_random_state(None)
    everyones.seed(3)
    first = wrapper.fit(X, y).feature_importances_
    assert not np.array_equal(wrapper.fit(X, y).feature_importances_, first)
    everyones.seed(3)
    assert_array_equal(wrapper.fit(X, y).feature_importances_, first)


@pytest.mark.parametrize(("cv", "n_samples"), [(None, 130), (2, 20)])  # two chunks, two folds
@pytest.mark.parametrize("engine", ENGINES)
def test_the_number_of_jobs_changes_nothing(engine, cv, n_samples):
    X, y = data_for(LogisticRegression(), n_samples)
    wrapper = wrap(LogisticRegression(), engine=engine, cv=cv, max_samples=None)
    one = wrapper.fit(X, y).explanations_.weights
    assert_array_equal(wrapper.set_params(n_jobs=2).fit(X, y).explanations_.weights, one)


def test_the_order_of_rows_changes_rounding_at_most():
    X, y = data_for(LinearRegression(), n_samples=64)
    frozen = FrozenEstimator(LinearRegression().fit(X, y))
    order = np.random.default_rng(0).permutation(64)
    first = wrap(frozen, max_samples=None).fit(X, y)
    second = wrap(frozen, max_samples=None).fit(X[order], y[order])
    assert_allclose(second.explanations_.weights, first.explanations_.weights[order], rtol=1e-9)


def test_a_row_has_the_same_weights_whatever_else_is_explained():
    X, y = data_for(LogisticRegression())
    for engine in ENGINES:
        every = wrap(LogisticRegression(), engine=engine, max_samples=None).fit(X, y).explanations_
        few = wrap(LogisticRegression(), engine=engine, max_samples=7).fit(X, y).explanations_
        assert len(few) == 7
        assert_array_equal(few.weights, every.weights[few.sample_indices])


def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row():
    # The frozen model is the same for both, so nothing but the explanations can differ.
    X, y = iris()
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    frozen = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    weighted = wrap(frozen, max_samples=None).fit(X, y, sample_weight=weight)
    repeated = wrap(frozen, max_samples=None).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_allclose(
        weighted.feature_importances_, repeated.feature_importances_, rtol=1e-10, atol=1e-12
    )
    assert_array_equal(weighted.explanations_.sample_indices, np.flatnonzero(weight))
    plain = wrap(frozen, max_samples=None).fit(X, y)
    assert not np.allclose(
        weighted.feature_importances_, plain.feature_importances_, rtol=1e-3, atol=0
    )


def test_bins_are_cut_by_weight():
    X = np.arange(8.0).reshape(-1, 1)
    weight = [3, 0, 1, 0, 2, 2, 0, 4]
    wrapper = wrap(Ridge()).fit(X, X[:, 0], sample_weight=weight)
    expected = wrap(Ridge()).fit(X.repeat(weight, axis=0), X[:, 0].repeat(weight))
    assert_array_equal(
        wrapper.explanations_.bins.columns[0].cuts, expected.explanations_.bins.columns[0].cuts
    )
    assert_allclose(
        wrapper.explanations_.bins.probabilities, expected.explanations_.bins.probabilities
    )


def test_weights_are_not_modified():
    X, y = data_for(Ridge())
    weight = weights_for(y)
    before = weight.copy()
    weight.flags.writeable = False
    wrap(Ridge()).fit(X, y, sample_weight=weight)
    assert_array_equal(weight, before)


def test_names_and_counts_follow_the_table():
    X, y = data_for(Ridge())
    frame = pd.DataFrame(X, columns=list("abcd"))
    wrapper = wrap(Ridge()).fit(frame, y)
    assert wrapper.feature_names_in_.tolist() == list("abcd")
    assert wrapper.explanations_.feature_names.tolist() == list("abcd")
    wrapper.fit(X[:, :3], y)
    assert not hasattr(wrapper, "feature_names_in_")
    assert wrapper.n_features_in_ == 3
    assert wrapper.explanations_.feature_names.tolist() == ["x0", "x1", "x2"]


def test_attributes_of_a_fit_with_folds_do_not_outlive_it():
    X, y = data_for(Ridge())
    wrapper = wrap(Ridge(), cv=2).fit(X, y)
    assert len(wrapper.estimators_) == 2
    wrapper.set_params(cv=None).fit(X, y)
    assert not hasattr(wrapper, "estimators_")
    assert not hasattr(wrapper, "fold_importances_")


def test_the_training_table_is_not_kept():
    sizes = []
    for n_samples in (100, 4000):
        X, y = data_for(LogisticRegression(), n_samples)
        sizes.append(len(pickle.dumps(wrap(LogisticRegression(), max_samples=5).fit(X, y))))
    assert abs(sizes[1] - sizes[0]) < 2000  # the table alone grows by 125 kB


def joblib_round_trip(wrapper):
    buffer = io.BytesIO()
    joblib.dump(wrapper, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def skops_round_trip(wrapper):
    dumped = skops.io.dumps(wrapper)
    unknown = skops.io.get_untrusted_types(data=dumped)
    assert all(kind.startswith(("sklime.", "test_")) for kind in unknown)
    return skops.io.loads(dumped, trusted=unknown)


ROUND_TRIPS = {
    "pickle": lambda wrapper: pickle.loads(pickle.dumps(wrapper)),
    "cloudpickle": lambda wrapper: pickle.loads(cloudpickle.dumps(wrapper)),
    "joblib": joblib_round_trip,
    "skops": skops_round_trip,
    "deepcopy": deepcopy,
}


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("inner", [LogisticRegression(), Ridge()], ids=name)
@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame], ids=lambda value: value.__name__)
@pytest.mark.parametrize("trip", ROUND_TRIPS)
def test_round_trips_keep_everything(trip, make, inner, cv):
    X, y = data_for(inner)
    X = make(X)
    wrapper = wrap(inner, cv=cv).fit(X, y)
    back = ROUND_TRIPS[trip](wrapper)
    assert vars(back).keys() == vars(wrapper).keys()
    assert repr(back) == repr(wrapper)
    for attribute in ("feature_importances_", "feature_importances_sem_", "n_features_in_"):
        assert_array_equal(getattr(back, attribute), getattr(wrapper, attribute))
    assert_array_equal(back.predict(X), wrapper.predict(X))
    ours, theirs = back.explanations_, wrapper.explanations_
    assert_array_equal(ours.weights, theirs.weights)
    assert_array_equal(ours.data, theirs.data)
    assert ours.bins.labels(0) == theirs.bins.labels(0)
    assert_array_equal(ours.importances("rms"), theirs.importances("rms"))


def mixed_table(library, n_rows=60):
    """Numbers, texts, levels and times, under labels of their own."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "text": rng.choice(["u", "v", "w"], n_rows),
            "level": pd.Categorical(rng.choice(["x", "y"], n_rows)),
            "time": pd.date_range("2020", periods=n_rows, tz="UTC"),
        },
        index=pd.Index([f"row {i}" for i in range(n_rows)]),
    )
    if library == "pandas":
        return table
    return pl.from_pandas(table) if library == "polars" else pa.Table.from_pandas(table)


class Numbers(RegressorMixin, BaseEstimator):
    """Answers with the column of numbers."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X["number"])


@pytest.mark.parametrize(
    "params", [{}, {"engine": "local"}, {"kernel_width": 0, "conditional": True}], ids=str
)
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("trip", ROUND_TRIPS)
def test_frames_come_back_and_explain_other_rows_by_the_same_bits(trip, library, params):
    X = mixed_table(library)
    fitted = wrap(Numbers(), max_samples=9, **params).fit(X, np.arange(60))
    back = ROUND_TRIPS[trip](fitted)
    assert back.explanations_.data.equals(fitted.explanations_.data)
    rows = X[:5]
    ours, theirs = back.explain(rows), fitted.explain(rows)
    assert_array_equal(ours.weights, theirs.weights)
    assert ours.weights[:, 0].any()
    assert ours.bins.labels(1) == ["u", "v", "w"]


@pytest.mark.parametrize("fitted", [False, True])
def test_looking_at_the_wrapper_computes_nothing(fitted):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(CountingClassifier())
    if fitted:
        wrapper.fit(X, y)
    before = CountingClassifier.fits, CountingClassifier.asked
    state = dict(vars(wrapper))
    repr(wrapper)
    wrapper._repr_html_()
    wrapper._repr_mimebundle_()
    for attribute in dir(wrapper):
        getattr(wrapper, attribute, None)
    assert (CountingClassifier.fits, CountingClassifier.asked) == before
    assert vars(wrapper).keys() == state.keys()
    assert all(value is state[key] for key, value in vars(wrapper).items())


def test_a_frozen_model_is_explained_and_not_fitted_again():
    X, y = data_for(LogisticRegression())
    model = CountingClassifier().fit(X, y)
    before = CountingClassifier.fits
    wrapper = wrap(FrozenEstimator(model))
    for fitted in (wrapper.fit(X, y), clone(wrapper).fit(X[:30], y[:30]), wrapper.fit(X)):
        assert fitted.estimator_.estimator is model
        assert_array_equal(fitted.predict_proba(X), model.predict_proba(X))
        assert fitted.feature_importances_.max() > 0
    assert CountingClassifier.fits == before


def test_folds_of_a_frozen_model_share_it():
    X, y = data_for(LogisticRegression())
    model = LogisticRegression().fit(X, y)
    wrapper = wrap(FrozenEstimator(model), cv=3).fit(X, y)
    assert all(fold.estimator is model for fold in wrapper.estimators_)
    assert_array_equal(
        wrapper.explanations_.predictions,
        model.predict_proba(X[wrapper.explanations_.sample_indices]),
    )
