"""Every kind of answer that a model gives is explained, output by output."""

import itertools
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklime import LimeImportanceWrapper, lime_importance
from sklime._model.response import choose_response

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]

N_ROWS = 120


def table(seed=0):
    return np.random.default_rng(seed).normal(size=(N_ROWS, 4))


def wrap(inner, **params):
    params = {"num_samples": 256, "max_samples": 20, "random_state": 0, **params}
    return LimeImportanceWrapper(inner, **params)


X = table()
BINARY = np.where(X[:, 0] > 0.2, "yes", "no")
THREE = np.array(["low", "mid", "top"])[np.digitize(X[:, 1], [-0.4, 0.4])]
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.3, X[:, 2] > -0.3]).astype(int)
TARGETS = np.column_stack([BINARY, THREE])
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


class Answer(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are `answer` of a number in [0, 1] for each row."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return self.answer(1 / (1 + np.exp(-np.asarray(X)[:, 0])))

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] > 0).astype(int)]


def pair(p):
    return np.column_stack([1 - p, p])


# -- one output for each class


@pytest.mark.parametrize(
    "inner", [LogisticRegression(), TREE, KNeighborsClassifier(), SVC(), RidgeClassifier()]
)
@pytest.mark.parametrize("y", [BINARY, THREE])
def test_each_class_has_an_output_and_their_weights_sum_to_zero(inner, y):
    explanations = wrap(inner).fit(X, y).explanations_
    assert explanations.output_names.tolist() == np.unique(y).tolist()
    assert explanations.classes.tolist() == np.unique(y).tolist()
    if hasattr(inner, "predict_proba") or len(np.unique(y)) == 2:
        assert_allclose(explanations.weights.sum(axis=2), 0, atol=1e-9)
    informative = 0 if y is BINARY else 1
    assert explanations.importances().argmax() == informative


@pytest.mark.parametrize(
    ("inner", "method"),
    [
        (LogisticRegression(), "predict_proba"),
        (LinearSVC(), "decision_function"),
        (VotingClassifier([("a", TREE), ("b", LogisticRegression())]), "predict"),
        (LinearRegression(), "predict"),
        (IsolationForest(), "score_samples"),
        (OneClassSVM(), "score_samples"),
        (LocalOutlierFactor(novelty=True), "score_samples"),
        (KMeans(3, n_init=1), "predict"),
        (GaussianMixture(2, random_state=0), "score_samples"),
        (make_pipeline(StandardScaler(), IsolationForest()), "score_samples"),
    ],
)
def test_the_method_that_is_explained(inner, method):
    inner.fit(X, LABELS[:, 0])
    response, predictions = choose_response(inner, "auto", X[:7])
    assert response.method == method
    if response.classes is None:
        assert_array_equal(predictions[:, 0], getattr(inner, method)(X[:7]))
    assert_array_equal(response(X[:7]), predictions)


def test_a_decision_is_for_the_second_of_two_classes():
    wrapper = wrap(LinearSVC(random_state=0)).fit(X, BINARY)
    explanations = wrapper.explanations_
    decision = wrapper.decision_function(explanations.data)
    assert_array_equal(explanations.predictions, np.column_stack([-decision, decision]))
    assert_array_equal(explanations.weights[..., 0], -explanations.weights[..., 1])


@pytest.mark.parametrize("response_method", ["auto", "predict"])
def test_hard_votes_are_explained_as_zeros_and_ones(response_method):
    voter = VotingClassifier([("a", TREE), ("b", LogisticRegression())], voting="hard")
    explanations = wrap(voter, response_method=response_method).fit(X, THREE).explanations_
    assert explanations.output_names.tolist() == ["low", "mid", "top"]
    predicted = voter.fit(X, THREE).predict(explanations.data)
    assert_array_equal(explanations.predictions, predicted[:, None] == np.unique(THREE))
    assert explanations.importances().argmax() == 1


@pytest.mark.parametrize("inner", [KMeans(3, n_init=1, random_state=0)])
@pytest.mark.parametrize("cv", [None, KFold(3)])
def test_clusters_are_classes(inner, cv):
    centers = np.repeat([[-4, 0, 0, 0], [4, 0, 0, 0], [0, 9, 0, 0]], N_ROWS // 3, axis=0)
    for model in (inner, make_pipeline(StandardScaler(), inner)):
        # Sorted by cluster: the rows of a fold are of one, and show no other label.
        wrapper = wrap(model, cv=cv, max_samples=None).fit(X + centers)
        explanations = wrapper.explanations_
        assert explanations.output_names.tolist() == [0, 1, 2]
        if cv is None:
            labels = wrapper.predict(X + centers)
            assert_array_equal(explanations.predictions, labels[:, None] == np.arange(3))
            assert set(np.argsort(-wrapper.feature_importances_)[:2]) == {0, 1}


def test_outliers_are_explained_by_the_column_they_stand_out_in():
    outliers = X.copy()
    outliers[:10, 2] = 15
    wrapper = wrap(IsolationForest(random_state=0), max_samples=None, num_samples=1024)
    wrapper.fit(outliers)
    weights = wrapper.explanations_.weights[..., 0]
    assert (weights[:10].argmin(axis=1) == 2).all()  # lowers the score


# -- several targets


def test_multilabel_probabilities_are_one_output_for_each_label():
    inner = OneVsRestClassifier(LogisticRegression())
    options = {"max_samples": None, "num_samples": 4096, "kernel_width": "lime"}
    wrapper = wrap(inner, **options).fit(X, LABELS)
    explanations = wrapper.explanations_
    assert explanations.classes is None
    assert explanations.output_names.tolist() == [0, 1, 2]
    assert_array_equal(explanations.predictions, wrapper.predict_proba(X))
    assert explanations.class_importances().argmax(axis=1).tolist() == [0, 1, 2]
    # The mean over the labels, of each label's own model.
    alone = [wrap(LogisticRegression(), **options).fit(X, label) for label in LABELS.T]
    for k, other in enumerate(alone):
        assert_allclose(
            explanations.weights[..., k], other.explanations_.weights[..., 1], atol=4e-3
        )
    assert_allclose(
        explanations.estimate(bias_correction=False).values,
        np.mean([w.explanations_.estimate(bias_correction=False).values for w in alone], axis=0),
        atol=3e-3,  # labels share what is noise
    )


@pytest.mark.parametrize(
    "inner",
    [
        TREE,
        RandomForestClassifier(10, random_state=0),
        KNeighborsClassifier(),
        MultiOutputClassifier(LogisticRegression()),
        MultiOutputClassifier(LinearSVC(random_state=0)),
        ClassifierChain(LogisticRegression()),
        RidgeClassifier(),
        OneVsRestClassifier(LinearSVC(random_state=0)),
    ],
)
@pytest.mark.parametrize("cv", [None, 2])
def test_every_multilabel_model_is_explained_by_the_columns_of_its_labels(inner, cv):
    wrapper = wrap(inner, cv=cv, max_samples=None).fit(X, LABELS)
    assert wrapper.explanations_.classes is None
    assert wrapper.feature_importances_.argmin() == 3
    assert len(wrapper.explanations_.output_names) in (3, 6)


@pytest.mark.parametrize("inner", [TREE, KNeighborsClassifier(), MultiOutputClassifier(TREE)])
def test_several_targets_have_the_mean_of_their_importances(inner):
    options = {"max_samples": None, "num_samples": 4096}
    wrapper = wrap(inner, **options).fit(X, TARGETS)
    explanations = wrapper.explanations_
    assert explanations.output_names.tolist() == [
        "target 0: no",
        "target 0: yes",
        "target 1: low",
        "target 1: mid",
        "target 1: top",
    ]
    assert_array_equal(explanations.predictions, np.hstack(wrapper.predict_proba(X)))
    if isinstance(inner, MultiOutputClassifier):
        alone = [wrap(TREE, **options).fit(X, y).explanations_ for y in TARGETS.T]
        assert_allclose(
            explanations.estimate(bias_correction=False).values,
            np.mean([other.estimate(bias_correction=False).values for other in alone], axis=0),
            rtol=0.01,  # the targets share what is noise
        )
    assert set(np.argsort(-wrapper.feature_importances_)[:2]) == {0, 1}


def test_several_targets_that_are_only_predicted_are_zeros_and_ones():
    inner = MultiOutputClassifier(LinearSVC(random_state=0))
    wrapper = wrap(inner, max_samples=None).fit(X, TARGETS)
    predicted = wrapper.predict(X)
    expected = np.hstack(
        [predicted[:, [0]] == np.unique(BINARY), predicted[:, [1]] == np.unique(THREE)]
    )
    assert_array_equal(wrapper.explanations_.predictions, expected)
    assert len(wrapper.explanations_.output_names) == 5


@pytest.mark.parametrize("method", ["predict_proba", "predict"])
def test_a_fold_without_a_class_of_one_target_gives_it_nothing(method):
    order = np.argsort(THREE)
    rows, targets = X[order], TARGETS[order]
    sizes = np.cumsum([0, *np.unique(THREE, return_counts=True)[1]])
    folds = [
        (np.setdiff1d(np.arange(N_ROWS), np.arange(a, b)), np.arange(a, b))
        for a, b in itertools.pairwise(sizes)
    ]
    wrapper = wrap(TREE, cv=folds, response_method=method, max_samples=None).fit(rows, targets)
    explanations = wrapper.explanations_
    assert len(explanations.output_names) == 5
    for k, (_, test) in enumerate(folds):
        assert_array_equal(explanations.sample_indices[test], test)
        assert_array_equal(explanations.predictions[test, 2 + k], 0)
        assert_array_equal(explanations.weights[test, :, 2 + k], 0)
    assert_allclose(explanations.predictions[:, :2].sum(axis=1), 1)
    assert_allclose(explanations.predictions[:, 2:].sum(axis=1), 1)


def test_a_row_is_never_predicted_to_be_of_a_class_its_fold_has_not_seen():
    rows = X[np.argsort(X[:, 1])]
    four = np.repeat([0, 1, 2, 3], N_ROWS // 4)  # the classes of four folds
    wrapper = wrap(LinearSVC(random_state=0), cv=KFold(4), labels="predicted", max_samples=None)
    explanations = wrapper.fit(rows, four).explanations_
    predicted = explanations.predictions.argmax(axis=1)
    expected = [
        wrapper.estimators_[k].predict(rows[four == k]) for k in range(4)
    ]  # of one-against-rest decisions, which are all negative for some rows
    assert_array_equal(predicted, np.concatenate(expected))
    negative = (np.sort(explanations.predictions, axis=1)[:, -1] < 0).sum()
    assert negative > 5
    assert np.abs(explanations.weights[np.arange(N_ROWS), :, predicted]).max(axis=1).min() > 0


def test_every_output_of_a_regressor_counts_alike():
    Y = np.column_stack([2 * X[:, 0], -X[:, 1], X[:, 0] + X[:, 2]])
    wrapper = wrap(DecisionTreeRegressor(max_depth=4, random_state=0), max_samples=None).fit(X, Y)
    explanations = wrapper.explanations_
    assert explanations.output_names.tolist() == [0, 1, 2]
    assert_array_equal(explanations.predictions, wrapper.predict(X))
    plain = [explanations.estimate(labels=[k], bias_correction=False).values for k in range(3)]
    assert_allclose(explanations.estimate(bias_correction=False).values, np.mean(plain, axis=0))
    linear = wrap(LinearRegression(), max_samples=None, num_samples=2048).fit(X, Y)
    size = linear.explanations_.class_importances()
    assert_allclose(size[0, 0] / size[2, 0], 2, rtol=0.05)
    expected = [[2, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0]]
    assert_allclose(size / size[1, 1], expected, atol=0.2)


# -- answers of other shapes and types


PLAIN = wrap(Answer(pair)).fit(X, BINARY).explanations_


@pytest.mark.parametrize(
    "answer",
    [
        lambda p: p,
        lambda p: p[:, None],
        lambda p: pair(p).tolist(),
        lambda p: pd.DataFrame(pair(p)),
        lambda p: pair(p).astype(object),
        lambda p: np.asfortranarray(pair(p)),
    ],
    ids=["1-d", "one column", "list of rows", "frame", "objects", "Fortran order"],
)
def test_probabilities_of_every_container_are_the_same(answer):
    explanations = wrap(Answer(answer)).fit(X, BINARY).explanations_
    assert explanations.output_names.tolist() == ["no", "yes"]
    assert_array_equal(explanations.predictions, PLAIN.predictions)
    assert_array_equal(explanations.weights, PLAIN.weights)


def test_a_read_only_answer_is_enough():
    def answer(p):
        values = pair(p)
        values.flags.writeable = False
        return values

    assert_array_equal(wrap(Answer(answer)).fit(X, BINARY).explanations_.weights, PLAIN.weights)


def test_probabilities_that_do_not_sum_to_one_are_explained_as_they_are_with_one_warning():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explanations = wrap(Answer(lambda p: 3 * pair(p))).fit(X, BINARY).explanations_
    assert len(caught) == 1
    assert str(caught[0].message).startswith("The y_prob values do not sum to one: Answer.predict_")
    assert_allclose(explanations.predictions, 3 * PLAIN.predictions)
    assert_allclose(explanations.weights, 3 * PLAIN.weights, rtol=1e-6)


def test_a_model_that_does_not_name_its_classes_has_numbers_for_them():
    class Nameless:
        def predict_proba(self, X):
            return pair(1 / (1 + np.exp(-X[:, 0])))

    result = lime_importance(Nameless(), X, max_samples=20, num_samples=256, random_state=0)
    assert result.explanations.output_names.tolist() == [0, 1]
    assert_allclose(result.importances_mean, PLAIN.importances(), atol=0.01)


def test_classes_in_a_list_are_classes():
    inner = Answer(pair).fit(X, BINARY)
    inner.classes_ = ["no", "yes"]
    result = lime_importance(inner, X, max_samples=20, num_samples=256, random_state=0)
    assert result.explanations.output_names.tolist() == ["no", "yes"]


class Predict:
    """A model without fit, tags or classes: what it predicts is a function of the rows."""

    def __init__(self, function):
        self.predict = function


class ArrayLike:
    """As other libraries' arrays are: NumPy makes an array of it, and that is all."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


def importances(model, table=X, **params):
    params = {"num_samples": 256, "max_samples": 20, "random_state": 0, **params}
    return lime_importance(model, table, **params)


@pytest.mark.parametrize(
    "convert",
    [
        lambda v: v[:, None],
        list,
        lambda v: [[cell] for cell in v],
        pd.Series,
        lambda v: pd.DataFrame({"y": v}),
        lambda v: pl.DataFrame({"y": v}),
        lambda v: pa.chunked_array([v]),
        lambda v: sparse.csr_array(v[:, None]),
        lambda v: sparse.coo_matrix(v[:, None]),
        ArrayLike,
        lambda v: v.astype(object),
    ],
)
def test_predictions_of_every_container_are_the_same(convert):
    def predict(X):
        return X[:, 0] - 2 * X[:, 1]

    expected = importances(Predict(predict))
    result = importances(Predict(lambda X: convert(predict(X))))
    assert_array_equal(result.importances, expected.importances)
    assert result.explanations.output_names.tolist() == [0]


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csc_array])
@pytest.mark.parametrize("cv", [None, 2])
def test_labels_predicted_as_a_sparse_matrix_are_those_predicted_as_an_array(make, cv):
    inner = OneVsRestClassifier(LogisticRegression())
    params = {"response_method": "predict", "max_samples": None, "cv": cv}
    dense = wrap(inner, **params).fit(X, LABELS)
    fitted = wrap(inner, **params).fit(X, make(LABELS))
    assert sparse.issparse(fitted.predict(X))
    assert_array_equal(fitted.feature_importances_, dense.feature_importances_)
    assert fitted.feature_importances_.argmin() == 3


@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "stratified"])
def test_a_dummy_of_sparse_labels_has_no_important_column(strategy):
    dummy = DummyClassifier(strategy=strategy, random_state=0).fit(X, sparse.csc_matrix(LABELS))
    explanations = importances(dummy, response_method="predict").explanations
    assert explanations.predictions.shape == (20, 6)  # two classes for each of three labels
    if strategy != "stratified":
        assert not explanations.weights.any()


@pytest.mark.parametrize("classes", [[], None, np.array([0, 1]), [np.array([0, 1])]])
def test_only_a_classifier_is_believed_to_have_classes(classes):
    model = LinearRegression().fit(X, 2 * X[:, 0] - X[:, 1])
    expected = importances(model)
    model.classes_ = classes  # CatBoostRegressor has []
    result = importances(model)
    assert_array_equal(result.importances, expected.importances)
    assert result.explanations.classes is None


def test_a_method_in_place_of_the_model_is_the_model_and_the_method():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, THREE)
    for method in ("predict_proba", "decision_function", "predict"):
        expected = importances(model, response_method=method, y=THREE, labels=["mid"])
        result = importances(getattr(model, method), y=THREE, labels=["mid"])
        assert_array_equal(result.importances, expected.importances)
        assert result.explanations.output_names.tolist() == ["mid"]


def test_a_plain_function_in_place_of_the_model():
    model = LogisticRegression().fit(X, THREE)
    for method in ("predict_proba", "predict"):
        ask = getattr(model, method)
        expected = importances(model, response_method=method)
        result = importances(lambda X, ask=ask: ask(X))
        assert_allclose(result.importances, expected.importances, atol=1e-12)
    # Other numbers are outputs that count alike.
    result = importances(lambda X: np.column_stack([X[:, 0], 3 * X[:, 1]]))
    alone = [importances(lambda X, j=j: (2 * j + 1) * X[:, j]) for j in (0, 1)]
    mean = np.mean([each.importances for each in alone], axis=0)
    assert_allclose(result.importances, mean, atol=1e-3)  # outputs share what is noise


def test_labels_of_a_model_without_tags_are_classes():
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, THREE)
    expected = importances(model, response_method="predict", max_samples=5)
    asked = []

    def predict(X):
        asked.append(len(X))
        return model.predict(X).astype(object)

    result = importances(Predict(predict), max_samples=5)
    assert_array_equal(result.importances, expected.importances)
    # Whatever labels the rows explained have.
    assert result.explanations.output_names.tolist() == ["low", "mid", "top"]
    assert asked[:3] == [1, N_ROWS, 5]


def test_what_cannot_be_asked_is_told_in_one_sentence():
    with pytest.raises(AttributeError, match="int has none of the following attributes: predict"):
        importances(3)

    def double(X):
        return np.r_[X, X][:, 0]

    with pytest.raises(ValueError, match=r"^double must return one row for each sample\. Got 40 r"):
        importances(double)
    frame = pd.DataFrame(X, index=pd.Index(np.arange(N_ROWS), name="id"))

    def joins_itself(X):
        return X.join(X.rename(columns=str))["0"]

    with pytest.raises(ValueError, match=r"Index labels are drawn with the cells, and repeat: ca"):
        importances(joins_itself, frame)


@pytest.mark.parametrize("n_classes", [3, 4])
def test_decisions_between_pairs_are_not_taken_for_classes(n_classes):
    # three classes have three pairs
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = np.digitize(X[:, 0] + X[:, 1], np.linspace(-1, 1, n_classes - 1))
    pairs = SVC(decision_function_shape="ovo").fit(X, y)
    params = {"num_samples": 64, "random_state": 0}
    ours = lime_importance(pairs, X, **params)
    assert ours.explanations.classes is None
    theirs = lime_importance(partial(SVC.decision_function, pairs), X, **params)
    assert_array_equal(ours.importances_mean, theirs.importances_mean)
    each = SVC(decision_function_shape="ovr").fit(X, y)
    assert lime_importance(each, X, **params).explanations.classes.tolist() == [*range(n_classes)]


def test_answers_of_several_fields_are_several_outputs():
    X = np.random.default_rng(0).normal(size=(40, 2))

    def both(X):
        return np.column_stack([X[:, 0], 2 * X[:, 1]])

    def structured(X):
        return np.array([tuple(row) for row in both(X)], dtype=[("time", float), ("risk", float)])

    params = {"num_samples": 64, "random_state": 0}
    ours, theirs = (lime_importance(model, X, **params) for model in (structured, both))
    assert_array_equal(ours.importances_mean, theirs.importances_mean)


def test_none_may_be_a_label():
    X = np.random.default_rng(0).normal(size=(40, 2))

    def noise_or_group(X):
        return np.array([None if x > 0 else "group" for x in X[:, 0]], dtype=object)

    explanations = lime_importance(noise_or_group, X, num_samples=64, random_state=0).explanations
    assert explanations.output_names.tolist() == [None, "group"]
    assert_array_equal(explanations.predictions[:, 0], X[:, 0] > 0)


@pytest.mark.parametrize("dtype", [complex, "M8[D]", "m8[h]"])
def test_answers_that_are_no_numbers_are_refused(dtype):
    X = np.arange(12.0).reshape(6, 2)
    with pytest.raises(ValueError, match="must answer with numbers or labels"):
        lime_importance(lambda X: X[:, 0].astype(int).astype(dtype), X, num_samples=64)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda X: np.where(X[:, 0] > 0, "a", "b"), "str_"),
        (lambda X: (value for value in X[:, 0]), "generator"),
    ],
)
def test_answers_that_are_no_numbers_are_named(answer, kind):
    class Odd(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return answer(X)

    with pytest.raises(ValueError, match=rf"unless it is a classifier\. Got \['{kind}'\] instead"):
        wrap(Odd()).fit(X, X[:, 0])


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_one_probability_without_a_name_is_that_of_the_second_class(shape):
    class Sigmoid:
        def predict_proba(self, X):
            return expit(2 * X[:, 0]).reshape(shape)

    class Both:
        def predict_proba(self, X):
            second = expit(2 * X[:, 0])
            return np.column_stack([1 - second, second])

    ours, theirs = (
        lime_importance(model, X, num_samples=64, random_state=0) for model in (Sigmoid(), Both())
    )
    assert_array_equal(ours.explanations.classes, [0, 1])
    assert_array_equal(ours.explanations.predictions, theirs.explanations.predictions)
    assert_array_equal(ours.importances_mean, theirs.importances_mean)


def test_answers_too_large_to_be_squared_are_named():
    def large(X):
        return 1e200 * X[:, 0]

    with pytest.raises(ValueError, match=r"^large returned numbers beyond 1e\+152: rescale"):
        lime_importance(large, X, random_state=0)


def test_classes_need_no_order():
    class Sided(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.array([None, "right"], dtype=object)
            return self

        def predict(self, X):
            return self.classes_[(X[:, 0] > 0).astype(int)]

    y = Sided().fit(X, None).predict(X)
    with_all, with_one = (wrap(Sided(), labels=labels).fit(X, y) for labels in ("all", ["right"]))
    # Each class counts a half of all, and the mean over one is that class.
    assert_allclose(with_all.feature_importances_, with_one.feature_importances_)
    assert with_all.feature_importances_.argmax() == 0
