"""What is read off explanations follows from their weights and replicates, by the formulas."""

from collections import OrderedDict

import numpy as np
import pytest
from lime.explanation import Explanation
from lime.lime_tabular import TableDomainMapper
from lime.submodular_pick import SubmodularPick
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t as student_t
from sklearn.datasets import load_breast_cancer, load_iris, make_friedman1
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import LimeImportanceWrapper, lime_importance
from sklime._explanations import Explanations
from sklime._statistics.aggregations import AGGREGATIONS

SIGNED = ("mean", "sum")


@pytest.fixture(scope="module")
def iris():
    """Three classes, all rows but ten, so that the choice of rows has an error too."""
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    return lime_importance(model, X, max_samples=140, random_state=0).explanations


@pytest.fixture(scope="module")
def cancer():
    """Two classes."""
    X, y = load_breast_cancer(return_X_y=True)
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    return lime_importance(model, X, max_samples=100, random_state=0).explanations


def regression(n_features=4, coefficients=(3.0, -2.0, 1.0, 0.0), seed=0, **params):
    """Explanations of a linear function of normal columns, and its model and table."""
    X = np.random.default_rng(seed).normal(size=(400, n_features))
    model = LinearRegression().fit(X, X @ np.array(coefficients))
    return lime_importance(model, X, random_state=seed, **params).explanations, model, X


# -- importances and labels


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("label", [0, 1, 2])
def test_importance_of_a_class_is_the_aggregation_of_its_weights(iris, name, label):
    options = {"row_classes": iris.predictions.argmax(axis=1)} if name == "homogeneity" else {}
    expected = AGGREGATIONS[name](iris.attributions[..., label], **options)
    found = iris.estimate(name, labels=[label], bias_correction=False).values
    assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert found.any()


@pytest.mark.parametrize("name", ["mean_abs", "rms", "max_abs", "splime"])
def test_all_classes_count_half_their_sum(iris, name):
    """Total variation: the weights of the classes sum to 0."""
    classes = [AGGREGATIONS[name](iris.attributions[..., k]) for k in range(3)]
    found = iris.estimate(name, bias_correction=False).values
    assert_allclose(found, np.sum(classes, axis=0) / 2, rtol=1e-12)


def test_all_of_two_classes_is_either_of_them(cancer):
    for label in (0, 1):
        assert_allclose(cancer.importances(labels=[label]), cancer.importances(), rtol=1e-9)


def test_predicted_takes_each_rows_own_class(iris):
    predicted = iris.predictions.argmax(axis=1)
    own = iris.attributions[np.arange(len(iris)), :, predicted]
    found = iris.estimate(labels="predicted", bias_correction=False).values
    assert_allclose(found, np.abs(own).mean(axis=0), rtol=1e-12)
    signed = iris.importances("mean", labels="predicted")
    assert_allclose(signed, own.mean(axis=0), rtol=1e-12, atol=1e-15)


def test_class_values_count_their_mean(iris):
    first, last = (iris.estimate(labels=[k], bias_correction=False).values for k in (0, 2))
    found = iris.estimate(labels=[0, 2], bias_correction=False).values
    assert_allclose(found, (first + last) / 2, rtol=1e-12)


def test_class_importances_are_those_of_each_class(iris):
    found = iris.class_importances("rms")
    assert found.shape == (3, 4)
    for k in range(3):
        assert_allclose(found[k], iris.importances("rms", labels=[k]), rtol=1e-12)


def test_outputs_of_a_regressor_count_their_mean():
    X = np.random.default_rng(0).normal(size=(200, 3))
    model = LinearRegression().fit(X, X @ np.array([[3.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    explanations = lime_importance(model, X, random_state=0).explanations
    parts = [explanations.estimate(labels=[k], bias_correction=False).values for k in range(2)]
    found = explanations.estimate(bias_correction=False).values
    assert_allclose(found, np.mean(parts, axis=0), rtol=1e-12)
    corrected = explanations.importances(labels=[1])
    assert_allclose(explanations.class_importances()[1], corrected, rtol=1e-12)


@pytest.mark.parametrize("labels", ["setosa", 7, [0, 7], []])
def test_labels_that_are_no_class_are_refused(iris, labels):
    with pytest.raises(ValueError, match="The 'labels' parameter must be"):
        iris.importances(labels=labels)


@pytest.mark.parametrize("name", SIGNED)
def test_signed_importances_of_all_of_three_classes_are_refused(iris, name):
    with pytest.raises(ValueError, match="for an aggregation that keeps signs"):
        iris.importances(name)


def test_magnitudes_have_the_importances_as_their_mean(iris, cancer):
    for explanations, labels in [(iris, "all"), (iris, "predicted"), (cancer, [1])]:
        magnitudes = explanations.magnitudes(labels)
        assert magnitudes.shape == explanations.attributions.shape[:2]
        found = np.maximum(magnitudes.mean(axis=0), 0)
        assert_allclose(found, explanations.importances(labels=labels), rtol=1e-9, atol=1e-15)


def test_weights_are_the_mean_over_independent_replicates(cancer):
    assert len(cancer.replicates) == 4
    assert_allclose(cancer.weights, cancer.replicates.mean(axis=0), rtol=1e-12)
    errors = cancer.replicates - cancer.weights
    between = np.corrcoef(errors[..., 1].reshape(4, -1))[np.triu_indices(4, 1)]
    # Deviations from a mean of four independent values correlate by -1/3.
    assert abs(between.mean() + 1 / 3) < 0.02
    assert between.max() < 0.1


# -- errors


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_intervals_are_students(iris, level):
    estimate = iris.estimate("mean_abs")
    half = student_t.ppf((1 + level) / 2, estimate.dof) * estimate.sem
    low, high = iris.estimate().confint(level).T
    assert_allclose(high, estimate.values + half, rtol=1e-12)
    assert_allclose(low, np.maximum(estimate.values - half, 0), rtol=1e-12, atol=1e-15)
    assert (high > low).all()


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, np.nan])
def test_level_out_of_range_is_refused(iris, level):
    with pytest.raises(ValueError, match="The 'level' parameter must be a float"):
        iris.estimate().confint(level)


def test_intervals_follow_aggregation_and_labels(iris):
    low, high = iris.estimate("rms", [1]).confint().T
    importances = iris.importances("rms", labels=[1])
    assert ((low <= importances) & (importances <= high)).all()
    low, high = iris.estimate("mean", [2]).confint().T
    signed = iris.importances("mean", labels=[2])
    assert_allclose((low + high) / 2, signed, rtol=1e-9, atol=1e-15)
    assert low.min() < 0


@pytest.mark.parametrize("aggregation", ["mean_abs", "rms"])
def test_standard_error_is_the_spread_over_seeds(aggregation):
    """Both its parts: the neighbourhoods and the rows explained differ by seed."""
    X, _ = make_friedman1(300, 6, random_state=0)
    model = LinearRegression().fit(X, X @ np.array([4.0, 2.0, 1.0, 0.5, 0.0, 0.0]) + X[:, 0] ** 2)
    values, errors = [], []
    for seed in range(40):
        explanations = lime_importance(
            model, X, num_samples=1024, max_samples=60, random_state=seed
        ).explanations
        values.append(explanations.importances(aggregation))
        errors.append(explanations.estimate(aggregation).sem)
    spread = np.std(values, axis=0, ddof=1)[:4]
    expected = np.sqrt(np.mean(np.square(errors), axis=0))[:4]
    assert_allclose(expected, spread, rtol=0.4)  # 40 draws know a spread to 11 %
    assert abs(np.mean(np.log(expected / spread))) < 0.2


def test_standard_error_shrinks_with_rows_and_samples():
    few, _, _ = regression(num_samples=512, max_samples=50)
    more_rows, _, _ = regression(num_samples=512, max_samples=200)
    all_rows, _, _ = regression(num_samples=512, max_samples=None)
    more_samples, _, _ = regression(num_samples=2**14, max_samples=None)
    errors = [e.estimate().sem[0] for e in (few, more_rows, all_rows, more_samples)]
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < errors[2] / 4


def test_relative_error_is_the_neighbourhoods_error_over_the_range():
    """Of all rows explained there is no other error, so it is the largest standard error."""
    explanations, _, _ = regression(max_samples=None)
    estimate = explanations.estimate()
    expected = estimate.sem.max() / np.ptp(estimate.values)
    assert explanations._relative_errors().max() == pytest.approx(expected, rel=1e-12)
    some, _, _ = regression(max_samples=40)
    assert some._relative_errors().max() < 0.5 * some.estimate().sem.max() / np.ptp(
        some.importances()
    )


def test_equal_importances_have_no_finite_relative_error():
    X = np.random.default_rng(0).normal(size=(50, 2))
    model = LinearRegression().fit(X, np.zeros(50))
    assert lime_importance(model, X, random_state=0).explanations._relative_errors().max() == np.inf


def with_useless_columns(n_levels=(2, 10, 50)):
    """A linear model of three columns in a table with more: one continuous, others categories."""
    rng = np.random.default_rng(0)
    levels = [rng.integers(0, n, size=600) for n in n_levels]
    X = np.column_stack([rng.normal(size=(600, 4)), *levels])
    model = LinearRegression().fit(X, X[:, :3] @ [3.0, -2.0, 1.0] + np.sin(3 * X[:, 0] * X[:, 1]))
    model.coef_[3:] = 0  # exactly
    return model, X, list(range(4, X.shape[1]))


def test_noise_floor_is_the_uncorrected_importance_of_a_useless_column():
    model, X, categories = with_useless_columns()
    plain, corrected, floors = [], [], []
    for seed in range(100):
        explanations = lime_importance(
            model,
            X,
            categorical_features=categories,
            num_samples=2048,
            max_samples=60,
            random_state=seed,
        ).explanations
        plain.append(explanations.estimate(bias_correction=False).values[3:])
        corrected.append(explanations.magnitudes().mean(axis=0)[3:])
        floors.append(explanations.noise_floor()[3:])
    chance = np.mean(plain, axis=0)
    error = np.std(plain, axis=0) / 10  # nearly that of a half-normal number for two levels
    assert (error < 0.1 * chance).all()
    assert (np.abs(np.mean(floors, axis=0) - chance) < 3 * error).all()
    assert (np.diff(chance[1:]) > 0).all()  # it grows with the levels
    error = np.std(corrected, axis=0) / 10
    assert (error < 0.2 * chance).all()
    assert (np.abs(np.mean(corrected, axis=0)) < 3 * error).all()
    # What is published is not below 0, so that 0 is not its mean, but it is nearer to 0.
    published = np.maximum(corrected, 0)
    assert (published.mean(axis=0) < 0.6 * chance).all()
    assert (np.square(published).mean(axis=0) < np.square(plain).mean(axis=0)).all()


def test_a_threshold_of_noise_floors_selects_the_columns_that_the_model_uses():
    model, X, categories = with_useless_columns()
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(model), categorical_features=categories, random_state=0
    )
    wrapper.fit(X)
    threshold = 3 * wrapper.explanations_.noise_floor().max()
    selector = SelectFromModel(wrapper, threshold=threshold, prefit=True)
    assert_array_equal(selector.get_support(), np.arange(X.shape[1]) < 3)


def test_intervals_tell_the_columns_that_the_model_uses():
    model, X, categories = with_useless_columns()
    options = {"categorical_features": categories, "num_samples": 8192, "random_state": 0}
    frame = lime_importance(model, X, **options).to_frame()
    assert set(frame["column"][:3]) == {"x0", "x1", "x2"}
    assert frame["told"][:3].all()
    assert not frame["told"][3:].all()


# -- direction


def test_direction_is_the_signed_mean_and_the_share_of_its_sign():
    explanations, _, _ = regression(max_samples=None)
    signed, share = explanations.direction()
    weights = explanations.weights[..., 0]
    assert_allclose(signed, weights.mean(axis=0), rtol=0, atol=1e-14)
    positive = (weights > 0).mean(axis=0)
    negative = (weights < 0).mean(axis=0)
    assert_allclose(share, np.maximum(positive, negative), rtol=1e-12)


def test_direction_of_two_classes_is_that_of_the_second(cancer):
    signed, _ = cancer.direction()
    assert_allclose(signed, cancer.direction([1])[0], rtol=1e-12)
    assert_allclose(signed, -cancer.direction([0])[0], rtol=1e-9)


def test_signs_of_a_skewed_column_do_not_cancel():
    """Nine rows of ten are 0, and their bin is below the mean: nine negative, one positive."""
    X = np.c_[np.arange(500) % 10 == 0, np.arange(500) % 2].astype(float)
    model = LinearRegression().fit(X, 5 * X[:, 0] + X[:, 1])
    wrapper = LimeImportanceWrapper(
        model, values="weights", categorical_features=[0, 1], random_state=0
    )
    wrapper.fit(X, 5 * X[:, 0] + X[:, 1])
    signed, share = wrapper.explanations_.direction()
    assert_allclose(share, [0.9, 0.5], rtol=1e-12)
    assert_allclose(signed, [-4, 0], atol=0.02)
    assert_allclose(wrapper.feature_importances_, [5, 1], rtol=0.01)


# -- fidelity


def test_fidelity_is_the_distribution_of_the_scores(iris):
    fidelity = iris.fidelity()
    assert set(fidelity) == {"mean", "min", "q25", "median", "q75", "max"}
    for k in range(3):
        assert fidelity["mean"][k] == pytest.approx(iris.scores[:, k].mean())
        assert fidelity["median"][k] == pytest.approx(np.median(iris.scores[:, k]))
        assert fidelity["min"][k] == iris.scores[:, k].min()
        assert fidelity["max"][k] == iris.scores[:, k].max()


# -- submodular pick


class GivenExplainer:
    """Hands lime the explanations that are there, with columns named without their bins."""

    mode = "regression"

    def __init__(self, weights):
        self.attributions = weights

    def explain_instance(self, row, predict_fn, num_features, top_labels):
        """The explanation of row number row[0], as lime keeps a regressor's."""
        i, d = int(row[0]), self.attributions.shape[1]
        names = [f"x{j}" for j in range(d)]
        mapper = TableDomainMapper(names, ["0"] * d, np.zeros(d), [])
        explanation = Explanation(mapper, mode=self.mode, class_names=["negative", "positive"])
        explanation.dummy_label = 1
        largest = sorted(enumerate(self.attributions[i]), key=lambda pair: -abs(pair[1]))
        explanation.local_exp = OrderedDict({1: largest[:num_features]})
        return explanation


@pytest.mark.parametrize("num_features", [1, 2, 3])
def test_pick_shows_as_much_as_limes_own(num_features):
    """Where lime's is right: one output, and a column is a column whatever its bin."""
    explanations, _, _ = regression(max_samples=60, num_samples=1024)
    lime = SubmodularPick(
        GivenExplainer(explanations.attributions[..., 0]),
        np.arange(60)[:, None],
        None,
        method="full",
        num_exps_desired=3,
        num_features=num_features,
    )
    size = np.abs(explanations.attributions[..., 0])
    shown = np.where(np.argsort(np.argsort(-size)) < num_features, size, 0)
    importance = np.sqrt(shown.sum(axis=0))

    def coverage(rows):
        return importance @ (shown[list(rows)] > 0).any(axis=0)

    ours = explanations.pick(3, num_features=num_features)
    for k in (1, 2, 3):
        assert coverage(ours[:k]) == pytest.approx(coverage(lime.V[:k]), rel=1e-12)
    assert len(set(ours.tolist())) == 3


def test_pick_equals_limes_rows_where_no_rows_tie():
    """Rows that each have another set of columns, so that the greedy choice is unique."""
    explanations, _, _ = regression(max_samples=5, num_samples=512)
    sets = np.array([[1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1]])
    explanations.values = "weights"
    explanations.replicates = (sets * np.array([1.0, 2.0, 4.0, 8.0]))[None, ..., None]
    lime = SubmodularPick(
        GivenExplainer(explanations.attributions[..., 0]),
        np.arange(5)[:, None],
        None,
        method="full",
        num_exps_desired=2,
        num_features=4,
    )
    assert_array_equal(explanations.pick(2), [1, 0])
    # lime counts a column of weight 0 as not shown, as here.
    assert lime.V == [1, 0]


def test_pick_gives_at_most_all_rows(cancer):
    assert sorted(cancer.pick(1000)) == list(range(100))


# -- folds as one


def test_parts_of_folds_put_together_again_are_read_by_their_own_models():
    X, y = load_iris(return_X_y=True)
    wrapper = LimeImportanceWrapper(
        LogisticRegression(max_iter=1000), cv=3, num_samples=256, random_state=0
    )
    whole = wrapper.fit(X[::2], y[::2]).explanations_
    again = Explanations.concatenate([whole[:10], whole[10:40], whole[40:]])
    assert_array_equal(again.scores, whole.scores)
    assert_array_equal(again.intercepts, whole.intercepts)


def test_concatenated_folds_hold_every_row_of_every_fold():
    X, y = load_iris(return_X_y=True, as_frame=True)
    cv = KFold(3, shuffle=True, random_state=0)
    wrapper = LimeImportanceWrapper(LogisticRegression(max_iter=500), cv=cv, random_state=0)
    explanations = wrapper.fit(X, y).explanations_
    expected = np.concatenate([test for _, test in cv.split(X)])
    assert_array_equal(explanations.sample_indices, expected)
    assert explanations.data.equals(X.iloc[expected])
    assert explanations.population == 150
    for number, (model, (_, test)) in enumerate(zip(wrapper.estimators_, cv.split(X), strict=True)):
        part = slice(50 * number, 50 * (number + 1))
        assert_allclose(explanations.predictions[part], model.predict_proba(X.iloc[test]))
        weights = explanations.attributions[part]
        plain = 0.5 * np.abs(weights).mean(axis=0).sum(axis=-1)
        assert_allclose(wrapper.fold_importances_[number], plain, rtol=0.05, atol=0.005)
    for array in (explanations.codes, explanations.scores, explanations.intercepts):
        assert len(array) == 150


def test_concatenating_one_is_that_one(iris):
    assert Explanations.concatenate([iris]) is iris


# -- what the wrapper says of it


@pytest.mark.parametrize("cv", [None, 3])
def test_class_importances_of_the_wrapper_sum_to_twice_its_importances(cv):
    """Of all classes: half the sum, as far as none is set to 0."""
    X, y = load_iris(return_X_y=True)
    wrapper = LimeImportanceWrapper(
        make_pipeline(StandardScaler(), LogisticRegression(C=10)), cv=cv, random_state=0
    ).fit(X, y)
    by_class = wrapper.explanations_.class_importances()
    assert by_class.shape == (3, 4)
    assert (by_class > 0).all()
    expected = 2 * wrapper.explanations_.importances()
    assert_allclose(by_class.sum(axis=0), expected, rtol=1e-9)


def test_wrapper_attributes_are_those_of_its_explanations():
    X, y = load_breast_cancer(return_X_y=True)
    model = RandomForestClassifier(5, random_state=0)
    wrapper = LimeImportanceWrapper(model, max_samples=50, random_state=0).fit(X, y)
    explanations = wrapper.explanations_
    assert_allclose(wrapper.feature_importances_, explanations.importances(), rtol=1e-12)
    assert_allclose(wrapper.feature_importances_sem_, explanations.estimate().sem, rtol=1e-12)


def test_three_classes_have_a_direction_only_by_label():
    X, y = load_iris(return_X_y=True)
    explanations = lime_importance(LogisticRegression(max_iter=500).fit(X, y), X).explanations
    signed, _ = explanations.direction([2])
    assert_allclose(signed, explanations.weights[..., 2].mean(axis=0), rtol=1e-12)
    with pytest.raises(ValueError, match="'labels' parameter must be"):
        explanations.direction()
