"""The wrapper as an estimator: what it delegates, keeps, refuses and leaves alone."""

import inspect
import io
import pickle
import re
import sys
from copy import deepcopy

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    clone,
    is_classifier,
    is_outlier_detector,
    is_regressor,
)
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from sklime import LimeImportanceWrapper

# The few samples of these tests tell nothing about fidelity.
pytestmark = pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning")

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")

CLASSIFIERS = [
    LogisticRegression(),
    RandomForestClassifier(n_estimators=5, random_state=0),
    BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    KNeighborsClassifier(),
    GaussianNB(),
    SVC(random_state=0),
    LinearSVC(random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]
REGRESSORS = [
    Ridge(),
    SVR(),
    RandomForestRegressor(n_estimators=5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5, random_state=0),
    KNeighborsRegressor(),
    make_pipeline(StandardScaler(), Ridge()),
]
ALL = CLASSIFIERS + REGRESSORS
WEIGHTED = [inner for inner in ALL if has_fit_parameter(inner, "sample_weight")]


def name(value):
    return type(value).__name__


def wrap(inner, **params):
    """A wrapper that is as quick as its inner model."""
    return LimeImportanceWrapper(inner, **{"num_samples": 64, "random_state": 0, **params})


def data_for(inner, n_samples=60):
    """A table of four columns, the first two informative, and a target for the inner model."""
    if is_classifier(inner):
        X, y = make_classification(
            n_samples, 4, n_informative=2, n_redundant=0, shuffle=False, random_state=0
        )
        return X, y
    return make_regression(n_samples, 4, n_informative=2, shuffle=False, random_state=0)


def iris():
    return load_iris(return_X_y=True)


def weights_for(y, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2, len(y))


class CountingClassifier(LogisticRegression):
    """Counts, over all its instances, how often it is fitted and asked."""

    fits = asked = 0

    def fit(self, X, y, sample_weight=None):
        CountingClassifier.fits += 1
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        CountingClassifier.asked += 1
        return super().predict_proba(X)


class Recorder(RegressorMixin, BaseEstimator):
    """Remembers how `fit` was called; its `fit` does not return itself."""

    def fit(self, X, y, **params):
        self.seen_ = X, y, params
        self.caller_ = sys._getframe(1).f_code.co_name
        return True

    def predict(self, X):
        return np.zeros(X.shape[0])


class PredictOnly(ClassifierMixin, BaseEstimator):
    """The class with the nearest mean of the first column, and nothing but `predict`."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self._centers = np.array([X[y == c, 0].mean() for c in self.classes_])
        return self

    def predict(self, X):
        return self.classes_[np.abs(X[:, [0]] - self._centers).argmin(axis=1)]


# -- the inner model's answers


def assert_same_answers(wrapper, inner, X, y, weight=None):
    asked = 0
    for method in METHODS:
        assert hasattr(wrapper, method) == hasattr(inner, method)
        if hasattr(inner, method):
            with np.errstate(divide="ignore"):  # the logarithm of a forest's 0
                assert_array_equal(getattr(wrapper, method)(X), getattr(inner, method)(X))
            asked += 1
    assert wrapper.score(X, y) == inner.score(X, y)
    if weight is not None:
        expected = inner.score(X, y, sample_weight=weight)
        assert wrapper.score(X, y, sample_weight=weight) == expected
    assert asked


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("inner", ALL, ids=name)
def test_answers_are_those_of_the_bare_inner_model(inner, cv):
    X, y = data_for(inner)
    assert_same_answers(wrap(inner, cv=cv).fit(X, y), clone(inner).fit(X, y), X, y)


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("inner", WEIGHTED, ids=name)
def test_answers_are_those_of_the_bare_inner_model_with_weights(inner, cv):
    X, y = data_for(inner)
    weight = weights_for(y)
    wrapper = wrap(inner, cv=cv).fit(X, y, sample_weight=weight)
    assert_same_answers(wrapper, clone(inner).fit(X, y, sample_weight=weight), X, y, weight)


@pytest.mark.parametrize(
    "inner",
    [
        RandomForestClassifier(n_estimators=5, random_state=0),
        BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
    ],
    ids=name,
)
def test_no_weights_are_not_weights_of_one(inner):
    X, y = data_for(inner)
    plain = wrap(inner).fit(X, y).predict_proba(X)
    ones = wrap(inner).fit(X, y, sample_weight=np.ones(len(y))).predict_proba(X)
    assert_array_equal(plain, clone(inner).fit(X, y).predict_proba(X))
    assert not np.array_equal(plain, ones)  # else the line above could not fail


@pytest.mark.parametrize("inner", ALL, ids=name)
def test_importances_are_what_scikit_learn_reads(inner):
    X, y = data_for(inner)
    wrapper = wrap(inner, num_samples=256).fit(X, y)
    for suffix in ("", "std_", "sem_"):
        values = getattr(wrapper, f"feature_importances_{suffix}")
        assert type(values) is np.ndarray
        assert values.dtype == np.float64
        assert values.shape == (4,)
        assert values.flags.c_contiguous
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    useful, useless = np.split(wrapper.feature_importances_, 2)
    assert useful.max() > useless.max()


@pytest.mark.parametrize("inner", ALL, ids=name)
def test_the_inner_model_asks_for_weights_through_the_wrapper(inner):
    wrapper = wrap(inner)
    assert has_fit_parameter(wrapper, "sample_weight") == has_fit_parameter(inner, "sample_weight")
    assert list(inspect.signature(wrapper.fit).parameters)[:2] == ["X", "y"]


@pytest.mark.filterwarnings("ignore:All importances are 0")
def test_fit_hands_on_what_it_is_given_as_it_is():
    y = np.arange(6.0)
    for X in (pd.DataFrame({"a": y, "b": -y}), sparse.csr_array(np.c_[y, -y]), np.c_[y, -y]):
        extra = object()
        wrapper = wrap(Recorder()).fit(X, y, extra=extra)
        seen_X, seen_y, params = wrapper.estimator_.seen_
        assert seen_X is X
        assert seen_y is y
        assert params == {"extra": extra}


@pytest.mark.filterwarnings("ignore:All importances are 0")
def test_inner_fit_is_called_from_a_function_named_fit():
    # scikit-learn's metadata routing tells callers by that name.
    wrapper = wrap(Recorder()).fit(np.c_[np.arange(6.0)], np.arange(6.0))
    assert wrapper.estimator_.caller_ == "fit"


def test_the_given_estimator_is_not_fitted():
    inner = LogisticRegression()
    X, y = data_for(inner)
    wrapper = wrap(inner).fit(X, y)
    assert vars(inner) == vars(LogisticRegression())
    assert wrapper.estimator is inner


# -- what the wrapper is, and is not


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (LogisticRegression(), is_classifier),
        (make_pipeline(StandardScaler(), SVC()), is_classifier),
        (FrozenEstimator(LogisticRegression()), is_classifier),
        (Ridge(), is_regressor),
        (make_pipeline(StandardScaler(), Ridge()), is_regressor),
        (IsolationForest(), is_outlier_detector),
    ],
    ids=lambda value: value.__name__ if inspect.isfunction(value) else name(value),
)
def test_the_wrapper_is_of_its_inner_models_kind(inner, kind):
    wrapper = wrap(inner)
    kinds = [is_classifier, is_regressor, is_outlier_detector]
    assert [check(wrapper) for check in kinds] == [check is kind for check in kinds]
    assert not isinstance(wrapper, (ClassifierMixin, RegressorMixin))


@pytest.mark.parametrize("inner", [*ALL, FrozenEstimator(Ridge())], ids=name)
def test_tags_are_copies_of_those_that_stay_true(inner):
    tags, bare = get_tags(wrap(inner)), get_tags(inner)
    for part in ("target_tags", "input_tags", "classifier_tags", "regressor_tags"):
        assert getattr(tags, part) == getattr(bare, part)
    assert tags.non_deterministic == bare.non_deterministic


class OneTagsObject(Ridge):
    """Answers with the same object each time it is asked for its tags."""

    tags = Ridge().__sklearn_tags__()

    def __sklearn_tags__(self):
        return OneTagsObject.tags


def test_tags_of_the_inner_model_are_not_shared():
    inner = OneTagsObject()
    before = deepcopy(get_tags(inner))
    tags = get_tags(wrap(inner))
    tags.input_tags.sparse = tags.target_tags.required = tags.regressor_tags.poor_score = "changed"
    assert get_tags(inner) == before


def test_tags_of_the_inner_model_that_do_not_hold_for_the_wrapper():
    assert get_tags(Ridge()).array_api_support
    assert not get_tags(wrap(Ridge())).array_api_support
    assert get_tags(FrozenEstimator(Ridge()))._skip_test
    assert not get_tags(wrap(FrozenEstimator(Ridge())))._skip_test
    assert get_tags(wrap(LinearDiscriminantAnalysis())).transformer_tags is None


@pytest.mark.parametrize(
    ("inner", "attribute"),
    [
        (LogisticRegression(), "coef_"),
        (LogisticRegression(), "intercept_"),
        (LogisticRegression(), "n_iter_"),
        (LinearDiscriminantAnalysis(), "transform"),
        (SGDClassifier(random_state=0), "partial_fit"),
        (SGDClassifier(random_state=0), "sparsify"),
        (RandomForestClassifier(n_estimators=2), "estimators_"),
        (Ridge(), "classes_"),
        (Ridge(), "predict_proba"),
        (LinearSVC(), "predict_proba"),
    ],
    ids=lambda value: value if isinstance(value, str) else name(value),
)
def test_what_the_wrapper_does_not_have(inner, attribute):
    X, y = data_for(inner)
    wrapper = wrap(inner)
    assert not hasattr(wrapper, attribute)
    assert not hasattr(wrapper.fit(X, y), attribute)
    assert attribute not in vars(wrapper)


def test_missing_method_says_which_and_whose():
    with pytest.raises(AttributeError, match="'LimeImportanceWrapper' has no attribute 'predict_p"):
        wrap(LinearSVC()).predict_proba([[0.0]])


# -- parameters


def test_clone_keeps_every_parameter_object():
    given = {
        "cv": KFold(3),
        "max_samples": 0.5,
        "labels": ["a", "b"],
        "categorical_features": [0, 1],
        "num_samples": np.int64(99),
        "kernel_width": np.float32(2),
        "model_regressor": Ridge(),
        "aggregation": np.ptp,
        "random_state": np.random.RandomState(0),
    }
    wrapper = LimeImportanceWrapper(LogisticRegression(), **given)
    for key, value in given.items():
        assert wrapper.get_params(deep=False)[key] is value
    for key, value in clone(wrapper).get_params(deep=False).items():
        assert type(value) is type(wrapper.get_params(deep=False)[key])


def test_every_parameter_is_constrained_and_documented():
    names = list(inspect.signature(LimeImportanceWrapper).parameters)
    assert set(LimeImportanceWrapper._parameter_constraints) == set(names)
    doc = inspect.getdoc(LimeImportanceWrapper)
    parameters = doc.split("Parameters\n----------\n")[1].split("Attributes\n----------\n")[0]
    assert re.findall(r"^(\w+) : ", parameters, flags=re.MULTILINE) == names


@pytest.mark.parametrize("cv", [None, 2])
def test_documented_attributes_are_set_and_no_others(cv):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression(), cv=cv).fit(pd.DataFrame(X).add_prefix("x"), y)
    doc = inspect.getdoc(LimeImportanceWrapper)
    section = doc.split("Attributes\n----------\n")[1].split("\n\n")[0]
    documented = re.findall(r"^(\w+_) : .*\n((?:    .*\n?)+)", section, flags=re.MULTILINE)
    always = {key for key, text in documented if "Only " not in text}
    fitted = {key for key in vars(wrapper) if key.endswith("_")}
    assert len(always) >= 6
    assert always <= fitted <= {key for key, _ in documented}
    assert ({"estimators_", "fold_importances_"} <= fitted) == (cv is not None)


def test_defaults_are_immutable():
    for parameter in inspect.signature(LimeImportanceWrapper).parameters.values():
        assert isinstance(parameter.default, (str, int, type(None), type))


def test_fit_leaves_parameters_alone():
    X, y = data_for(LogisticRegression())
    state = np.random.RandomState(0)
    wrapper = wrap(LogisticRegression(), random_state=state, cv=KFold(3))
    before = wrapper.get_params(deep=False)
    wrapper.fit(X, y)
    assert all(value is before[key] for key, value in wrapper.get_params(deep=False).items())


# -- determinism


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("engine", ["shared", "lime"])
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


@pytest.mark.parametrize("engine", ["shared", "lime"])
@pytest.mark.parametrize("seed", [None, 0])
def test_the_global_random_state_is_not_touched(engine, seed):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression(), engine=engine, max_samples=5, random_state=seed)
    if seed is None:  # None means the global state, as everywhere in scikit-learn
        np.random.seed(3)
        first = wrapper.fit(X, y).feature_importances_
        np.random.seed(3)
        assert_array_equal(wrapper.fit(X, y).feature_importances_, first)
        return
    before = np.random.get_state()[1].copy()
    wrapper.fit(X, y)
    assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(("cv", "n_samples"), [(None, 130), (2, 20)])  # two chunks, two folds
@pytest.mark.parametrize("engine", ["shared", "lime"])
def test_the_number_of_jobs_changes_nothing(engine, cv, n_samples):
    X, y = data_for(LogisticRegression(), n_samples)
    wrapper = wrap(LogisticRegression(), engine=engine, cv=cv, max_samples=None)
    one = wrapper.fit(X, y).explanations_.weights
    assert_array_equal(wrapper.set_params(n_jobs=2).fit(X, y).explanations_.weights, one)


# -- weights of rows


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
    assert_allclose(
        weighted.feature_importances_std_, repeated.feature_importances_std_, rtol=1e-8
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
    assert_array_equal(wrapper.explanations_.bins.cuts[0], expected.explanations_.bins.cuts[0])
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


# -- fitted state


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
    assert all(kind.startswith("sklime.") for kind in unknown)
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
@pytest.mark.parametrize(
    ("trip", "make"),
    # skops knows no pandas, whatever is to be stored.
    [(trip, np.asarray) for trip in ROUND_TRIPS]
    + [(trip, pd.DataFrame) for trip in ROUND_TRIPS if trip != "skops"],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
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


# -- classes and outputs


@pytest.mark.parametrize(
    "values",
    [[0, 1], [False, True], ["no", "yes"], [-1, 1], ["a", "b", "c"], [3, 5, 8]],
    ids=str,
)
@pytest.mark.parametrize(
    "inner", [LogisticRegression(), LinearSVC(random_state=0), PredictOnly()], ids=name
)
def test_outputs_are_the_class_values(inner, values):
    X, y = iris()
    rows = y < len(values)
    X, y = StandardScaler().fit_transform(X[rows]), np.array(values)[y[rows]]
    explanations = wrap(inner).fit(X, y).explanations_
    assert explanations.output_names.tolist() == values
    assert explanations.weights.shape == (len(y), 4, len(values))
    bare = clone(inner).fit(X, y)
    method = next(m for m in ("predict_proba", "decision_function", "predict") if hasattr(bare, m))
    answer = getattr(bare, method)(X)
    if method == "predict":
        answer = answer[:, None] == np.array(values)
    elif answer.ndim == 1:
        answer = np.c_[-answer, answer]
    assert_array_equal(explanations.predictions, answer)
    if method != "decision_function" or len(values) == 2:  # classes' weights sum to 0
        assert_allclose(explanations.weights.sum(axis=-1), 0, atol=1e-12)


def test_predicted_labels_are_each_rows_own_class():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000)).fit(X, y)
    weights = wrapper.explanations_.weights
    expected = np.abs([weights[i, :, k] for i, k in enumerate(wrapper.predict(X))]).max(axis=0)
    found = wrapper.explanations_.importances("max_abs", labels="predicted")
    assert_allclose(found, expected, rtol=1e-12)
    wrapper.set_params(labels="predicted", aggregation="max_abs").fit(X, y)
    assert_allclose(wrapper.feature_importances_, expected, rtol=1e-12)


def test_all_labels_are_the_total_variation_of_the_classes():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000)).fit(X, y)
    wrapper.set_params(aggregation="max_abs").fit(X, y)
    per_class = np.abs(wrapper.explanations_.weights).max(axis=0).T
    assert_allclose(wrapper.feature_importances_, per_class.sum(axis=0) / 2, rtol=1e-12)
    two = clone(wrapper).set_params(labels=[2, 0]).fit(X, y)
    assert_allclose(two.feature_importances_, (per_class[0] + per_class[2]) / 2, rtol=1e-12)


def test_every_output_of_a_regressor_is_explained():
    X, Y = make_regression(80, 3, n_informative=3, n_targets=2, random_state=0)
    Y[:, 0] = X[:, 0]
    Y[:, 1] = 10 * X[:, 2]
    explanations = wrap(Ridge(alpha=1e-9), num_samples=4096).fit(X, Y).explanations_
    assert explanations.weights.shape == (80, 3, 2)
    first, second = explanations.class_importances()
    assert first[0] > 100 * max(first[1:])
    assert second[2] > 100 * max(second[:2])
    assert second[2] > 5 * first[0]
    found = explanations.importances("max_abs")
    assert_allclose(found, explanations.class_importances("max_abs").mean(axis=0), rtol=1e-12)


def test_every_target_of_a_classifier_is_explained():
    X, y = iris()
    Y = np.c_[y, X[:, 0] > 5.8]
    explanations = wrap(RandomForestClassifier(5, random_state=0)).fit(X, Y).explanations_
    assert explanations.weights.shape == (150, 4, 5)
    assert_allclose(explanations.weights[..., :3].sum(axis=-1), 0, atol=1e-7)
    assert_allclose(explanations.weights[..., 3:].sum(axis=-1), 0, atol=1e-7)
    by_output = explanations.class_importances()
    assert by_output[3].argmax() == 0


@pytest.mark.parametrize(
    "inner", [LinearSVC(random_state=0), RidgeClassifier(), Perceptron(), PredictOnly()], ids=name
)
@pytest.mark.parametrize("engine", ["shared", "lime"])
def test_models_without_probabilities(engine, inner):
    X, y = data_for(LogisticRegression())
    y = (X[:, 0] > 0).astype(int)
    wrapper = wrap(inner, engine=engine, num_samples=512, max_samples=10).fit(X, y)
    assert wrapper.feature_importances_.argmax() == 0
    assert wrapper.feature_importances_[0] > 0


def test_response_method_decides_what_is_explained():
    X, y = data_for(LogisticRegression())
    explanations = {
        method: wrap(LogisticRegression(), response_method=method).fit(X, y).explanations_
        for method in ("auto", "predict_proba", "decision_function", "predict")
    }
    model = LogisticRegression().fit(X, y)
    assert_array_equal(explanations["auto"].weights, explanations["predict_proba"].weights)
    assert_array_equal(explanations["predict_proba"].predictions, model.predict_proba(X))
    decision = explanations["decision_function"].predictions[:, 1]
    assert_array_equal(decision, model.decision_function(X))
    assert_array_equal(explanations["predict"].predictions[:, 1], model.predict(X) == 1)


def test_an_informative_column_with_missing_values_is_found():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 1] > 0).astype(int)
    X[rng.random(200) < 0.3, 1] = np.nan
    wrapper = wrap(HistGradientBoostingClassifier(max_iter=10, random_state=0)).fit(X, y)
    assert wrapper.feature_importances_.argmax() == 1
    assert np.isfinite(wrapper.feature_importances_).all()


# -- cross-validation


@pytest.mark.parametrize("cv", [3, KFold(4, shuffle=True, random_state=0), GroupKFold(3)], ids=str)
@pytest.mark.parametrize("inner", [LogisticRegression(max_iter=1000), Ridge()], ids=name)
def test_each_row_is_explained_once_by_the_model_that_has_not_seen_it(inner, cv):
    X, y = iris()
    groups = np.arange(len(y)) % 7
    extra = {"groups": groups} if isinstance(cv, GroupKFold) else {}
    wrapper = wrap(inner, cv=cv, max_samples=None).fit(X, y, **extra)
    splitter = cv
    if cv == 3:
        splitter = StratifiedKFold(3) if is_classifier(inner) else KFold(3)
    splits = list(splitter.split(X, y, **extra))
    explanations = wrapper.explanations_
    assert_array_equal(np.sort(explanations.sample_indices), np.arange(len(y)))
    assert_array_equal(explanations.data, X[explanations.sample_indices])
    start = 0
    for (train, test), model in zip(splits, wrapper.estimators_, strict=True):
        held_out = slice(start, start + len(test))
        assert_array_equal(explanations.sample_indices[held_out], test)
        method = "predict_proba" if is_classifier(inner) else "predict"
        expected = getattr(clone(inner).fit(X[train], y[train]), method)(X[test])
        assert_array_equal(explanations.predictions[held_out], expected.reshape(len(test), -1))
        assert_array_equal(model.predict(X), clone(inner).fit(X[train], y[train]).predict(X))
        start += len(test)


def test_importances_are_the_mean_over_folds():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000), cv=5).fit(X, y)
    folds = wrapper.fold_importances_
    assert folds.shape == (5, 4)
    assert len(wrapper.estimators_) == 5
    assert np.ptp(folds, axis=0).min() > 0
    assert_allclose(wrapper.feature_importances_, folds.mean(axis=0), rtol=1e-14)


def test_the_importances_of_a_fold_are_those_of_its_rows():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000), cv=5, aggregation="max_abs").fit(X, y)
    for k, fold in enumerate(np.split(wrapper.explanations_.weights, 5)):
        by_hand = np.abs(fold).max(axis=0).sum(axis=-1) / 2
        assert_allclose(wrapper.fold_importances_[k], by_hand, rtol=1e-12)


def test_the_rows_to_explain_are_counted_in_each_fold():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000), cv=3, max_samples=6).fit(X, y)
    assert len(wrapper.explanations_) == 18
    assert_array_equal(np.bincount(y[wrapper.explanations_.sample_indices]), [6, 6, 6])


class OneTimeSplitter(KFold):
    """Gives other folds when it is asked again."""

    def split(self, X, y=None, groups=None):
        self.calls = getattr(self, "calls", 0) + 1
        return super().split(X, y, groups)


def test_folds_are_asked_for_once():
    X, y = iris()
    cv = OneTimeSplitter(3, shuffle=True)
    wrapper = wrap(LogisticRegression(max_iter=1000), cv=cv, max_samples=None).fit(X, y)
    assert cv.calls == 1
    assert_array_equal(np.sort(wrapper.explanations_.sample_indices), np.arange(150))


def test_folds_may_come_as_pairs_of_indices():
    X, y = iris()
    pairs = [(np.arange(0, 150, 2), np.array([1, 7])), (np.arange(1, 150, 2), np.array([4]))]
    wrapper = wrap(LogisticRegression(max_iter=1000), cv=pairs).fit(X, y)
    assert wrapper.explanations_.sample_indices.tolist() == [1, 7, 4]


@pytest.mark.parametrize(
    "inner", [LogisticRegression(max_iter=1000), LinearSVC(random_state=0), PredictOnly()], ids=name
)
@pytest.mark.parametrize("values", [["a", "b", "c"], [0, 1, 2]], ids=str)
def test_a_fold_without_a_class_gives_it_nothing(inner, values):
    X, y = iris()  # sorted by class, so that a fold's model has not seen its test rows' class
    X, y = StandardScaler().fit_transform(X), np.array(values)[y]
    explanations = wrap(inner, cv=KFold(3)).fit(X, y).explanations_
    assert explanations.output_names.tolist() == values
    for k in range(3):
        rows = slice(50 * k, 50 * (k + 1))
        absent = explanations.predictions[rows, k]
        assert np.ptp(absent) == 0
        assert_array_equal(absent, explanations.predictions[rows].min(axis=1))
        assert_allclose(explanations.weights[rows, :, k], 0, atol=1e-14)
        assert np.abs(explanations.weights[rows]).max() > 0.01


def test_weights_reach_the_models_of_the_folds():
    X, y = data_for(LogisticRegression())
    weight = weights_for(y)
    wrapper = wrap(LogisticRegression(), cv=KFold(3)).fit(X, y, sample_weight=weight)
    for (train, _), model in zip(KFold(3).split(X), wrapper.estimators_, strict=True):
        expected = LogisticRegression().fit(X[train], y[train], weight[train])
        assert_array_equal(model.coef_, expected.coef_)


@pytest.mark.parametrize("make", [sparse.coo_matrix, sparse.bsr_array, pd.DataFrame, list])
def test_folds_of_every_container(make):
    X, y = data_for(Ridge())
    X = np.where(np.abs(X) < 0.5, 0, X)
    expected = wrap(Ridge(solver="lsqr"), cv=3).fit(X, y).feature_importances_
    table = X.tolist() if make is list else make(X)
    if make is pd.DataFrame:
        table.columns = list("abcd")
    wrapper = wrap(Ridge(solver="lsqr"), cv=3).fit(table, y)
    assert_allclose(wrapper.feature_importances_, expected, rtol=1e-6)


# -- fitted models


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


# -- bad input


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("aggregation", "average"),
        ("aggregation", None),
        ("labels", "setosa"),
        ("labels", None),
        ("response_method", "transform"),
        ("max_samples", 0),
        ("max_samples", 0.0),
        ("max_samples", 1.5),
        ("max_samples", -1),
        ("num_samples", 1),
        ("num_samples", 0.5),
        ("kernel_width", 0),
        ("num_features", 0),
        ("discretizer", 1),
        ("discretizer", "octile"),
        ("engine", "fast"),
        ("values", "shap"),
        ("cv", "three"),
        ("model_regressor", "ridge"),
        ("n_jobs", 0.5),
        ("random_state", -1),
        ("estimator", None),
    ],
)
def test_a_parameter_that_cannot_be_is_named_with_what_came(parameter, value):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression()).set_params(**{parameter: value})
    message = rf"(?s)The '{parameter}' parameter of LimeImportanceWrapper must be .* Got .* instead"
    with pytest.raises(ValueError, match=message):
        wrapper.fit(X, y)
    assert not hasattr(wrapper, "estimator_")


@pytest.mark.parametrize(
    "labels", [[7], [], ["setosa"], [1.5], [0, 7], [None]], ids=lambda value: str(value)
)
def test_a_label_that_is_no_class_is_named(labels):
    X, y = iris()
    message = r"The 'labels' parameter must be .* \[0, 1, 2\]\. Got .* instead\."
    with pytest.raises(ValueError, match=message):
        wrap(LogisticRegression(max_iter=1000), labels=labels).fit(X, y)


def test_a_label_is_not_cut_to_the_length_of_the_classes():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000), labels=["abc"])
    with pytest.raises(ValueError, match=r"The 'labels' parameter must be .*Got \['abc'\] instead"):
        wrapper.fit(X, np.array(["a", "b", "c"])[y])


@pytest.mark.parametrize("aggregation", ["mean", "sum"])
def test_signed_aggregations_need_one_of_several_classes(aggregation):
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000), aggregation=aggregation)
    with pytest.raises(ValueError, match="The 'labels' parameter must be .*Got 'all' instead"):
        wrapper.fit(X, y)


@pytest.mark.parametrize(
    ("aggregation", "message"),
    [
        (lambda weights: weights.mean(), r"array of shape \(4,\)\. Got shape \(\) instead"),
        (lambda weights: weights, r"array of shape \(4,\)\. Got shape \(60, 4\) instead"),
        (lambda weights: weights[0, :2], r"array of shape \(4,\)\. Got shape \(2,\) instead"),
        (lambda weights: weights[0] * np.nan, r"finite numbers\. Got \[.*nan.*\] instead"),
        (lambda weights: weights[0] + np.inf, r"finite numbers\. Got \[.*inf.*\] instead"),
    ],
)
def test_an_aggregation_must_give_one_number_for_each_column(aggregation, message):
    X, y = data_for(Ridge())
    with pytest.raises(ValueError, match=message):
        wrap(Ridge(), aggregation=aggregation).fit(X, y)


def test_an_aggregation_may_give_a_list():
    X, y = data_for(Ridge())
    wrapper = wrap(Ridge(), aggregation=lambda weights: np.abs(weights).max(axis=0).tolist())
    importances = wrapper.fit(X, y).feature_importances_
    assert type(importances) is np.ndarray
    assert_allclose(importances, np.abs(wrapper.explanations_.weights[..., 0]).max(axis=0))


@pytest.mark.parametrize(
    ("inner", "method"), [(LinearSVC(), "predict_proba"), (Ridge(), "decision_function")], ids=str
)
def test_a_response_method_that_the_model_lacks(inner, method):
    X, y = data_for(inner)
    message = f"{name(inner)} has none of the following attributes: {method}"
    with pytest.raises(AttributeError, match=message):
        wrap(inner, response_method=method).fit(X, y)


def bad(change):
    """Data of which one thing is wrong."""
    X, y = data_for(LogisticRegression())
    weight = np.ones(len(y))
    return change(X, y, weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y, w: (np.where(X > 1, np.nan, X), y, w), "Input X contains NaN"),
        (lambda X, y, w: (np.where(X > 1, np.inf, X), y, w), "Input X contains infinity"),
        (lambda X, y, w: (X[:, 0], y, w), "Expected 2D array, got 1D array instead"),
        (lambda X, y, w: (X, y[1:], None), "inconsistent numbers of samples: \\[60, 59\\]"),
        (lambda X, y, w: (X[:0], y[:0], None), r"Found array with 0 sample\(s\)"),
        (lambda X, y, w: (X[:, :0], y, None), r"0 feature\(s\)"),
        (lambda X, y, w: (X, None, w), "requires y to be passed, but the target y is None"),
        (lambda X, y, w: (X, y + 0.5 * X[:, 0], w), "Unknown label type: continuous"),
        (lambda X, y, w: (X, y, w[1:]), r"sample_weight.shape == \(59,\), expected \(60,\)!"),
        (lambda X, y, w: (X, y, w[:, None] + [0, 1]), "Sample weights must be 1D array or scalar"),
        (lambda X, y, w: (X, y, w * np.nan), "Input sample_weight contains NaN"),
        (lambda X, y, w: (X, y, -w), "Negative values in data passed to `sample_weight`"),
        (lambda X, y, w: (X, y, 0 * w), "must contain at least one non-zero number"),
    ],
)
def test_bad_data_is_refused_in_the_words_of_scikit_learn(change, message):
    X, y, weight = bad(change)
    wrapper = wrap(LogisticRegression())
    with pytest.raises(ValueError, match=message):
        wrapper.fit(X, y, sample_weight=weight)
    with pytest.raises(NotFittedError):
        wrapper.predict(X)


@pytest.mark.parametrize(
    "inner", [RandomForestClassifier(2, random_state=0), KNeighborsClassifier(1)], ids=name
)
def test_one_sample_is_too_few(inner):
    message = r"Found array with 1 sample\(s\) .* a minimum of 2 is required by LimeImp"
    with pytest.raises(ValueError, match=message):
        wrap(inner).fit([[0.0, 1.0]], [1])


def test_a_wrong_number_of_columns_is_refused_by_the_inner_model():
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression()).fit(X, y)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(ValueError, match="X has 2 features, but LogisticRegression is expect"):
            getattr(wrapper, method)(X[:, :2])
    with pytest.raises(ValueError, match="X has 2 features"):
        wrapper.score(X[:, :2], y)


def test_column_names_are_checked_by_the_inner_model():
    X, y = data_for(LogisticRegression())
    frame = pd.DataFrame(X, columns=list("abcd"))
    wrapper = wrap(LogisticRegression()).fit(frame, y)
    with pytest.raises(ValueError, match="The feature names should match those that were passed"):
        wrapper.predict(frame[list("dcba")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        wrapper.predict(X)


@pytest.mark.parametrize("method", [*METHODS, "score"])
def test_nothing_is_answered_before_fit(method):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression())
    arguments = (X, y) if method == "score" else (X,)
    message = "This LimeImportanceWrapper instance is not fitted yet. Call 'fit'"
    with pytest.raises(NotFittedError, match=message):
        getattr(wrapper, method)(*arguments)


def test_an_estimator_without_weights_names_the_way_out():
    X, y = data_for(LogisticRegression())
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    for inner in (KNeighborsClassifier(), pipeline):
        with pytest.raises(ValueError, match=r"does not support sample weights.*__sample_weight"):
            wrap(inner).fit(X, y, sample_weight=np.ones(len(y)))
    weight = weights_for(y)
    wrapper = wrap(pipeline).fit(X, y, logisticregression__sample_weight=weight)
    expected = clone(pipeline).fit(X, y, logisticregression__sample_weight=weight)
    assert_array_equal(wrapper.predict_proba(X), expected.predict_proba(X))


class Answers(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities go wrong."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return self.answer(X)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda X: np.full((len(X), 2), np.nan), "Answers.predict_proba returned NaN or infinity"),
        (lambda X: np.full((len(X), 2), np.inf), "Answers.predict_proba returned NaN or infinity"),
        (lambda X: np.full((3, 2), 0.5), "one row for each sample. Got 3 rows for 60 samples"),
    ],
)
def test_an_answer_that_cannot_be_explained_names_the_model(answer, message):
    X, y = data_for(LogisticRegression())
    with pytest.raises(ValueError, match=message):
        wrap(Answers(answer)).fit(X, y)


def test_probabilities_that_do_not_sum_to_one_are_told_once():
    X, y = data_for(LogisticRegression())
    with pytest.warns(UserWarning, match="y_prob values do not sum to one") as caught:
        wrapper = wrap(Answers(lambda X: np.c_[X[:, 0] > 0, X[:, 0] > 1])).fit(X, y)
    assert len(caught) == 1
    assert wrapper.feature_importances_[0] > 0


@pytest.mark.parametrize("y", [np.ones(60), np.array(["a"] * 60)], ids=["number", "string"])
def test_a_single_class_gives_zeros_and_a_warning(y):
    X, _ = data_for(LogisticRegression())
    with pytest.warns(UserWarning, match="All importances are 0"):
        wrapper = wrap(RandomForestClassifier(2, random_state=0)).fit(X, y)
    assert_array_equal(wrapper.feature_importances_, np.zeros(4))


# -- a failed fit


class Stops(LogisticRegression):
    """Fails while it is being explained."""

    error = None

    def predict_proba(self, X):
        if Stops.error is not None:
            raise Stops.error
        return super().predict_proba(X)


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), MemoryError()], ids=name)
@pytest.mark.parametrize("cv", [None, 2])
def test_a_failed_fit_loses_nothing(cv, error, monkeypatch):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(Stops(), cv=cv)
    monkeypatch.setattr(Stops, "error", error)
    with pytest.raises(type(error)):
        wrapper.fit(X, y)
    assert not [key for key in vars(wrapper) if key.endswith("_")]
    monkeypatch.setattr(Stops, "error", None)
    wrapper.fit(X, y)
    before = dict(vars(wrapper))
    monkeypatch.setattr(Stops, "error", error)
    with pytest.raises(type(error)):
        wrapper.fit(X[:, :2], 1 - y)
    assert vars(wrapper).keys() == before.keys()
    assert all(value is before[key] for key, value in vars(wrapper).items())


@pytest.mark.parametrize(
    "parameters",
    [{"labels": [9]}, {"aggregation": lambda weights: weights}, {"cv": 1000}, {"num_samples": 0}],
    ids=str,
)
def test_a_fit_with_bad_parameters_loses_nothing(parameters):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression()).fit(X, y)
    before = {key: value for key, value in vars(wrapper).items() if key.endswith("_")}
    with pytest.raises(ValueError):
        wrapper.set_params(**parameters).fit(X[:, :2], y)
    after = {key: value for key, value in vars(wrapper).items() if key.endswith("_")}
    assert after.keys() == before.keys()
    assert all(value is before[key] for key, value in after.items())
    wrapper.predict(X)


def test_the_order_of_rows_changes_rounding_at_most():
    X, y = data_for(LinearRegression(), n_samples=64)
    frozen = FrozenEstimator(LinearRegression().fit(X, y))
    order = np.random.default_rng(0).permutation(64)
    first = wrap(frozen, max_samples=None).fit(X, y)
    second = wrap(frozen, max_samples=None).fit(X[order], y[order])
    assert_allclose(second.explanations_.weights, first.explanations_.weights[order], rtol=1e-9)


def test_a_row_has_the_same_weights_whatever_else_is_explained():
    X, y = data_for(LogisticRegression())
    for engine in ("shared", "lime"):
        every = wrap(LogisticRegression(), engine=engine, max_samples=None).fit(X, y).explanations_
        few = wrap(LogisticRegression(), engine=engine, max_samples=7).fit(X, y).explanations_
        assert len(few) == 7
        assert_array_equal(few.weights, every.weights[few.sample_indices])
