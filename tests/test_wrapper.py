"""The wrapper as an estimator: what it delegates, what it is, and its parameters."""

import inspect
import re
import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from inner_models import ALL, METHODS, WEIGHTED, data_for, name, weights_for, wrap
from numpy.testing import assert_array_equal
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
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from sklime import LimeImportanceWrapper

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


class Recorder(RegressorMixin, BaseEstimator):
    """Remembers how `fit` was called; its `fit` does not return itself."""

    def fit(self, X, y, **params):
        self.seen_ = X, y, params
        self.caller_ = sys._getframe(1).f_code.co_name
        return True

    def predict(self, X):
        return np.zeros(X.shape[0])


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


class Weighed(Ridge):
    """Remembers its weights."""

    def fit(self, X, y, sample_weight=None):
        self.weights_ = sample_weight
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("cv", [None, 2])
def test_no_weights_are_not_weights_of_one(cv):
    X, y = data_for(Ridge())
    wrapper = wrap(Weighed(), cv=cv)
    for weights in (None, np.ones(len(y))):
        wrapper.fit(X, y, sample_weight=weights)
        models = [wrapper.estimator_, *getattr(wrapper, "estimators_", [])]
        assert [model.weights_ is None for model in models] == [weights is None] * len(models)


@pytest.mark.parametrize("inner", ALL, ids=name)
def test_importances_are_what_scikit_learn_reads(inner):
    X, y = data_for(inner)
    wrapper = wrap(inner, num_samples=256).fit(X, y)
    for suffix in ("", "sem_"):
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


def test_clone_keeps_every_parameter_object():
    given = {
        "cv": KFold(3),
        "max_samples": 0.5,
        "labels": ["a", "b"],
        "categorical_features": [0, 1],
        "num_samples": np.int64(99),
        "kernel_width": np.float32(2),
        "engine": "lime",
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
    assert len(always) >= 5
    assert always <= fitted <= {key for key, _ in documented}
    assert ({"estimators_", "fold_importances_"} <= fitted) == (cv is not None)


def test_defaults_are_immutable():
    for parameter in inspect.signature(LimeImportanceWrapper).parameters.values():
        assert isinstance(parameter.default, (str, int, float, type(None), type))


def test_fit_leaves_parameters_alone():
    X, y = data_for(LogisticRegression())
    state = np.random.RandomState(0)
    wrapper = wrap(LogisticRegression(), random_state=state, cv=KFold(3))
    before = wrapper.get_params(deep=False)
    wrapper.fit(X, y)
    assert all(value is before[key] for key, value in wrapper.get_params(deep=False).items())
