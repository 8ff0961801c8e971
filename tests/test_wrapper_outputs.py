"""Classes, targets and folds: which output is explained, by which model, for which rows."""

import numpy as np
import pandas as pd
import pytest
from inner_models import PredictOnly, data_for, iris, name, weights_for, wrap
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


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
    assert explanations.attributions.shape == (len(y), 4, len(values))
    bare = clone(inner).fit(X, y)
    method = next(m for m in ("predict_proba", "decision_function", "predict") if hasattr(bare, m))
    answer = getattr(bare, method)(X)
    if method == "predict":
        answer = answer[:, None] == np.array(values)
    elif answer.ndim == 1:
        answer = np.c_[-answer, answer]
    assert_array_equal(explanations.predictions, answer)
    if method != "decision_function" or len(values) == 2:  # classes' weights sum to 0
        assert_allclose(explanations.attributions.sum(axis=-1), 0, atol=1e-12)


def test_predicted_labels_are_each_rows_own_class():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000)).fit(X, y)
    weights = wrapper.explanations_.attributions
    expected = np.abs([weights[i, :, k] for i, k in enumerate(wrapper.predict(X))]).max(axis=0)
    found = wrapper.explanations_.importances("max_abs", labels="predicted")
    assert_allclose(found, expected, rtol=1e-12)
    wrapper.set_params(labels="predicted", aggregation="max_abs").fit(X, y)
    assert_allclose(wrapper.feature_importances_, expected, rtol=1e-12)


def test_all_labels_are_the_total_variation_of_the_classes():
    X, y = iris()
    wrapper = wrap(LogisticRegression(max_iter=1000), kernel_width="lime")
    wrapper.set_params(aggregation="max_abs").fit(X, y)
    per_class = np.abs(wrapper.explanations_.attributions).max(axis=0).T
    assert_allclose(wrapper.feature_importances_, per_class.sum(axis=0) / 2, rtol=1e-12)
    two = clone(wrapper).set_params(labels=[2, 0]).fit(X, y)
    assert_allclose(two.feature_importances_, (per_class[0] + per_class[2]) / 2, rtol=0.1)


def test_every_output_of_a_regressor_is_explained():
    X, Y = make_regression(80, 3, n_informative=3, n_targets=2, random_state=0)
    Y[:, 0] = X[:, 0]
    Y[:, 1] = 10 * X[:, 2]
    explanations = wrap(Ridge(alpha=1e-9), num_samples=4096).fit(X, Y).explanations_
    assert explanations.attributions.shape == (80, 3, 2)
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
    assert explanations.attributions.shape == (150, 4, 5)
    assert_allclose(explanations.attributions[..., :3].sum(axis=-1), 0, atol=1e-7)
    assert_allclose(explanations.attributions[..., 3:].sum(axis=-1), 0, atol=1e-7)
    by_output = explanations.class_importances()
    assert by_output[3].argmax() == 0


@pytest.mark.parametrize(
    "inner", [LinearSVC(random_state=0), RidgeClassifier(), Perceptron(), PredictOnly()], ids=name
)
@pytest.mark.parametrize("engine", ["pooled", "lime"])
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
    for k, fold in enumerate(np.split(wrapper.explanations_.attributions, 5)):
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
        assert_allclose(explanations.attributions[rows, :, k], 0, atol=1e-14)
        assert np.abs(explanations.attributions[rows]).max() > 0.01


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
