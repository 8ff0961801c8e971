"""What a score gains by each column, against sums by hand and against chance."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import false_discovery_control, kstest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import load_iris, make_classification
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from sklime import LimeImportanceDisplay, LimeImportanceWrapper, lime_importance
from sklime._model.loss import SCORINGS, score_coefficients, score_response
from sklime._model.response import choose_response

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


def scores_of_rows(model, X, y, scoring):
    response, _ = choose_response(model, "auto", X)
    derived = score_response(response, scoring, y)
    return (derived(X) * score_coefficients(derived, y)).sum(axis=1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_of_rows_average_to_those_of_scikit_learn(n_classes):
    X, y = make_classification(
        200, n_classes=n_classes, n_informative=4, flip_y=0.3, random_state=0
    )
    model = GaussianNB().fit(X, y)
    p = model.predict_proba(X)
    found = {name: scores_of_rows(model, X, y, name).mean() for name in SCORINGS[:3]}
    assert found["neg_log_loss"] == pytest.approx(-log_loss(y, p))
    brier = ((p - np.eye(n_classes)[y]) ** 2).sum(axis=1).mean()
    assert found["neg_brier_score"] == pytest.approx(-brier / (2 if n_classes == 2 else 1))
    if n_classes == 2:
        assert found["neg_brier_score"] == pytest.approx(-brier_score_loss(y, p[:, 1]))
    assert found["accuracy"] == pytest.approx(model.score(X, y))


@pytest.mark.parametrize(
    "model",
    [
        FixedThresholdClassifier(GaussianNB(), threshold=0.9),
        SVC(decision_function_shape="ovo"),
    ],
    ids=["threshold", "pairs"],
)
def test_accuracy_is_of_what_is_predicted(model):
    n_classes = 2 if isinstance(model, FixedThresholdClassifier) else 4
    X, y = make_classification(
        120, n_classes=n_classes, n_informative=4, flip_y=0.3, random_state=0
    )
    model.fit(X, y)
    told = lime_importance(model, X, y, scoring="accuracy", num_samples=64).explanations
    found = (told.predictions * told.coefficients).sum(axis=1)
    assert_allclose(found, model.predict(X) == y)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_squared_errors_are_those_of_scikit_learn_but_for_a_constant(shift):
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = np.column_stack([X[:, 0] + shift, 5 * X[:, 1] ** 2])
    model = DecisionTreeRegressor(max_depth=2).fit(X, y)
    found = scores_of_rows(model, X, y, "neg_mean_squared_error")
    errors = ((y - model.predict(X)) ** 2).mean(axis=1)
    rest = ((y - y.mean(axis=0)) ** 2).mean(axis=1)
    assert_allclose(found, rest - errors, atol=1e-6)


class Quadratic(RegressorMixin, BaseEstimator):
    """An additive function of two columns of three that is no fit."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X[:, 0] ** 2 - X[:, 1]


def test_gains_of_a_known_function_are_those_by_hand():
    """Levels are bins, so that nothing varies inside; every combination is in the table."""
    levels = np.array([-1.0, 0.0, 2.0])
    X = np.array(np.meshgrid(levels, levels, levels)).reshape(3, -1).T
    y = X[:, 0] ** 2 + X[:, 1]  # the second column misleads
    model = Quadratic().fit(X)

    def gain(j, width):
        """Mean over rows and over the columns held in place of what column j's value adds."""
        chance = 1 / 3
        decay = np.exp(-0.5 / width**2)
        hold = chance * (1 - decay) / (chance + (1 - chance) * decay)
        total = 0.0
        others = [k for k in range(3) if k != j]
        for row, target in zip(X, y, strict=True):
            for held in np.ndindex(2, 2):
                share = np.prod([hold if h else 1 - hold for h in held])
                fixed = {k: row[k] for k, h in zip(others, held, strict=True) if h}
                Z = X.copy()
                for k, value in fixed.items():
                    Z[:, k] = value
                score = -((target - model.predict(Z)) ** 2)
                own = Z[:, j] == row[j]
                total += share * (score[own].mean() - score.mean())
        return total / len(X)

    for width in (0.4, 1.5):
        importances = lime_importance(
            model,
            X,
            y,
            scoring="neg_mean_squared_error",
            categorical_features=[0, 1, 2],
            kernel_width=width,
            num_samples=2**14,
            random_state=0,
        )
        expected = [gain(j, width) for j in range(3)]
        assert expected[0] > 1 > -1 > expected[1]
        assert_allclose(importances.gains, expected, atol=0.03 * expected[0])
        assert_allclose(importances.importances_mean, np.maximum(importances.gains, 0))


def test_a_useless_column_of_an_overfitted_model_gains_nothing_on_rows_held_out():
    gains, sizes = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 4))
        y = X[:, 0] + rng.normal(size=200)
        wrapper = LimeImportanceWrapper(
            DecisionTreeRegressor(random_state=0), cv=3, num_samples=1024, random_state=seed
        )
        sizes.append(clone(wrapper).fit(X, y).feature_importances_[1:])
        scored = wrapper.set_params(scoring="auto").fit(X, y)
        gains.append(scored.importances_.gains)
        assert scored.pvalues_[0] < 1e-4
    useless = np.array(gains)[:, 1:]
    assert np.mean(sizes) > 0.05
    assert abs(useless.mean()) < 3 * useless.std() / np.sqrt(useless.size)
    assert np.mean(gains, axis=0)[0] > 10 * abs(useless.mean())


def test_pvalues_of_useless_columns_are_uniform_or_larger():
    pvalues = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(150, 10)), rng.normal(size=150)
        wrapper = LimeImportanceWrapper(
            Ridge(), cv=3, scoring="auto", num_samples=512, random_state=seed
        )
        pvalues.extend(wrapper.fit(X, y).pvalues_)
    assert kstest(pvalues, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(np.array(pvalues) < 0.05) < 0.11


def test_rows_that_several_folds_explain_are_no_more_rows():
    X = np.random.default_rng(0).normal(size=(120, 4))
    y = X[:, 0] + X[:, 1] * X[:, 2]
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    wrapper = LimeImportanceWrapper(Ridge(), scoring="auto", num_samples=2**14, random_state=0)
    once = clone(wrapper).set_params(cv=splits).fit(X, y)
    often = clone(wrapper).set_params(cv=splits * 5).fit(X, y)
    assert_allclose(often.importances_.gains, once.importances_.gains, atol=0.01)
    assert_allclose(often.feature_importances_sem_, once.feature_importances_sem_, rtol=0.1)


def test_selection_by_confidence_keeps_the_useful_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 30))
    y = (X[:, :3].sum(axis=1) + rng.normal(size=400) > 0).astype(int)
    wrapper = LimeImportanceWrapper(
        LogisticRegression(), cv=3, scoring="auto", num_samples=2048, random_state=0
    )
    by_confidence = SelectFromModel(wrapper, importance_getter="confidences_", threshold=0.9)
    chosen = clone(by_confidence).fit(X, y).get_support(indices=True)
    assert set(chosen) >= {0, 1, 2}
    assert len(chosen) <= 5
    assert len(SelectFromModel(wrapper).fit(X, y).get_support(indices=True)) >= 3
    fitted = wrapper.fit(X, y)
    assert_allclose(fitted.confidences_, 1 - false_discovery_control(fitted.pvalues_))
    pipeline = make_pipeline(by_confidence, LogisticRegression())
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.7
    grid = {
        "selectfrommodel__threshold": [0.5, 0.9],
        "selectfrommodel__estimator__estimator__C": [1.0],
    }
    assert GridSearchCV(pipeline, grid, cv=2).fit(X, y).best_score_ > 0.7


def test_a_row_of_weight_two_counts_twice():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X[:, 0] + rng.normal(size=80)
    model = LinearRegression().fit(X, y)
    weight = np.resize([1.0, 2.0], 80)
    twice = np.repeat(np.arange(80), weight.astype(int))
    common = {"scoring": "auto", "num_samples": 512, "random_state": 0, "max_samples": None}
    weighted = lime_importance(model, X, y, sample_weight=weight, **common)
    repeated = lime_importance(model, X[twice], y[twice], **common)
    # The mean and spread of y make units, in which digits are lost.
    assert_allclose(weighted.gains, repeated.gains, rtol=0.02, atol=1e-3)
    assert_allclose(weighted.importances_sem, repeated.importances_sem, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("labels", [["a", "b", "c"], [0, 1, 2]])
def test_folds_may_lack_a_class(labels):
    X, y = load_iris(return_X_y=True)
    y = np.array(labels, dtype=object if labels[0] == "a" else int)[y]
    wrapper = LimeImportanceWrapper(
        GaussianNB(),
        cv=[(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), [0, 1, 60])],
        scoring="neg_log_loss",
        num_samples=512,
        random_state=0,
    )
    assert np.isfinite(wrapper.fit(X, y).importances_.gains).all()


def test_rows_are_explained_again_with_their_target():
    X, y = load_iris(return_X_y=True)
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(GaussianNB().fit(X, y)), scoring="auto", num_samples=512, random_state=0
    ).fit(X, y)
    again = wrapper.explain(X, y)
    assert_allclose(again.importances(), wrapper.importances_.gains)
    with pytest.raises(ValueError, match="'y' parameter must be given for a scoring"):
        wrapper.explain(X)


def test_training_rows_are_warned_of():
    X, y = load_iris(return_X_y=True)
    wrapper = LimeImportanceWrapper(GaussianNB(), scoring="auto", num_samples=256, random_state=0)
    with pytest.warns(UserWarning, match="make useless columns look useful to a score: pass cv"):
        wrapper.fit(X, y)


@pytest.mark.parametrize(
    ("model", "scoring"),
    [
        (Ridge(), "accuracy"),
        (GaussianNB(), "neg_mean_squared_error"),
        (LinearSVC(), "neg_log_loss"),
    ],
)
def test_a_score_that_does_not_fit_the_model_is_named(model, scoring):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=f"'scoring' parameter must fit .* Got '{scoring}'"):
        lime_importance(model.fit(X, y), X, y, scoring=scoring)


def test_groups_and_displays_have_the_gains():
    X, y = load_iris(return_X_y=True)
    model = GaussianNB().fit(X, y)
    importances = lime_importance(model, X, y, scoring="auto", num_samples=512, random_state=0)
    explanations = importances.explanations
    groups = explanations.group_importances({"petal": [2, 3], "one": [0]})
    assert groups["petal"] == pytest.approx(importances.gains[2:].sum())
    assert groups["one"] == pytest.approx(importances.gains[0])
    assert_allclose(explanations.magnitudes().mean(axis=0), importances.gains)
    display = LimeImportanceDisplay.from_explanations(explanations)
    assert_allclose(display.importances, importances.gains)
    assert "gain" in display.ax_.get_xlabel() + display.ax_.get_title(loc="left")
    frame = importances.to_frame()
    assert frame["pvalue"].iloc[0] == importances.pvalues[importances.gains.argmax()]
    assert (frame["told"] == ((frame["low"] > 0) | (frame["high"] < 0))).all()


@pytest.mark.parametrize("y", [[1e140, 2.0, 3.0], [np.nan, 2.0, 3.0]])
def test_targets_whose_squared_errors_are_no_numbers_are_refused(y):
    with pytest.raises(ValueError, match=r"y must have numbers within 1e\+76"):
        lime_importance(lambda X: X[:, 0], np.eye(3), y, scoring="auto")
