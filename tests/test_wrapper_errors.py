"""What the wrapper refuses, in whose words, and that a failed fit loses nothing."""

import numpy as np
import pandas as pd
import pytest
from inner_models import METHODS, data_for, iris, name, weights_for, wrap
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("aggregation", "average"),
        ("aggregation", None),
        ("labels", None),
        ("response_method", "transform"),
        ("max_samples", 0),
        ("max_samples", 0.0),
        ("max_samples", 1.5),
        ("max_samples", -1),
        ("num_samples", 1),
        ("num_samples", 0.5),
        ("kernel_width", -1),
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


@pytest.mark.parametrize("labels", [[7], [], ["setosa"], [1.5], [0, 7], [None]], ids=str)
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
    with pytest.raises(ValueError, match=r"The 'labels' parameter must be .*Got 'all' instead"):
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
    assert_allclose(importances, np.abs(wrapper.explanations_.contributions[..., 0]).max(axis=0))


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
    message = r"Found array with 1 sample\(s\) .* a minimum of 2 is required to draw"
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


class Stops(LogisticRegression):
    """Fails while it is being explained."""

    error = None

    def predict_proba(self, X):
        if Stops.error is not None:
            raise Stops.error
        return super().predict_proba(X)


@pytest.mark.parametrize(
    "error", [RuntimeError("no"), KeyboardInterrupt(), MemoryError()], ids=name
)
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
    ("parameters", "message"),
    [
        ({"labels": [9]}, "'labels' parameter"),
        ({"aggregation": lambda weights: weights}, "aggregation must return"),
        ({"cv": 1000}, "n_splits=1000"),
        ({"num_samples": 0}, "'num_samples' parameter"),
    ],
)
def test_a_fit_with_bad_parameters_loses_nothing(parameters, message):
    X, y = data_for(LogisticRegression())
    wrapper = wrap(LogisticRegression()).fit(X, y)
    before = {key: value for key, value in vars(wrapper).items() if key.endswith("_")}
    with pytest.raises(ValueError, match=message):
        wrapper.set_params(**parameters).fit(X[:, :2], y)
    after = {key: value for key, value in vars(wrapper).items() if key.endswith("_")}
    assert after.keys() == before.keys()
    assert all(value is before[key] for key, value in after.items())
    wrapper.predict(X)
