"""The local engine: LIME's weights at any kernel width, from rows near each row."""

import numpy as np
import pytest
from agreement import squared_error
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier

from sklime import lime_importance
from sklime.exceptions import NoisyImportanceWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


class Function:
    """A model that is a function of the table, and counts the rows it is asked for."""

    def __init__(self, f):
        self.f, self.n_rows = f, 0

    def predict(self, X):
        self.n_rows += len(X)
        return self.f(X)


def normal(n_features=5, n_rows=300, seed=0):
    return np.random.default_rng(seed).standard_normal((n_rows, n_features))


def explain(model, X, **options):
    return lime_importance(model, X, **{"engine": "local", "random_state": 0, **options})


def by_level(X):
    """A function of a category of four levels, in column 0, and of numbers."""
    return np.where(X[:, 0] == 2, X[:, 1], -X[:, 2]) + X[:, 3] ** 2


@pytest.mark.parametrize("kernel_width", [0.7, 1.2, 3.0])
@pytest.mark.parametrize("categories", [[], [0]])
def test_weights_are_those_of_the_pooled_engine_within_the_error(kernel_width, categories):
    X = normal()
    X[:, 0] = np.resize(np.arange(4.0), len(X))
    options = {"kernel_width": kernel_width, "categorical_features": categories, "max_samples": 40}
    local = explain(Function(by_level), X, num_samples=4096, **options).explanations
    pooled = explain(Function(by_level), X, engine="pooled", num_samples=2**15, **options)
    assert 0.3 < squared_error(local, pooled.explanations) < 2


def test_weights_of_classes_are_about_those_of_the_pooled_engine():
    X, y = load_iris(return_X_y=True)
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    options = {"kernel_width": 1.0, "max_samples": 30}
    local = explain(model, X, num_samples=2048, **options).explanations
    pooled = explain(model, X, engine="pooled", num_samples=2**14, **options).explanations
    assert local.weights.shape == (30, 4, 3)
    assert_allclose(local.weights.sum(axis=-1), 0, atol=1e-12)
    assert_allclose(local.weights, pooled.weights, atol=0.03)  # higher orders too


@pytest.mark.parametrize("kernel_width", [0.3, 1.0, 10.0])
def test_a_linear_function_has_its_slope_times_the_difference_of_means(kernel_width):
    X = normal()
    slopes = np.array([2.0, -1.0, 0.5, 0.0, 0.0])
    explanations = explain(
        Function(lambda X: X @ slopes), X, kernel_width=kernel_width, max_samples=30
    ).explanations
    every = explain(
        Function(lambda X: X[:, 0]), X, engine="pooled", max_samples=None, num_samples=8
    )
    for j, slope in enumerate(slopes):
        own = explanations.codes[:, [j]] == every.explanations.codes[:, j]
        expected = [slope * (X[row, j].mean() - X[~row, j].mean()) for row in own]
        # Of all rows, as four replicates tell little of the error of one.
        error = np.sqrt(explanations.replicates[:, :, j, 0].var(axis=0, ddof=1).mean()) / 2
        assert (np.abs(explanations.weights[:, j, 0] - expected) < 5 * error + 1e-3).all()


def margin(importances, n_true):
    """How far the smallest of the true importances is above the largest useless one."""
    return (importances[:n_true].min() - importances[n_true:].max()) / importances.max()


TARGETS = {
    "XOR": (4, 0.6, lambda X: X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3]),
    "gated": (3, 0.5, lambda X: np.where(X[:, 0] > 0, X[:, 1], X[:, 2])),
    "quadratic": (3, 0.3, lambda X: (X[:, :3] ** 2).sum(axis=1)),
    "linear": (3, 0.1, lambda X: X[:, :3] @ [2.0, 1.5, 1.0]),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_narrow_kernel_sees_interactions_and_main_effects(name):
    n_true, least, target = TARGETS[name]
    X = normal(20, 1000)
    model = HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(X, target(X))
    result = explain(model, X, kernel_width=0.4, max_samples=60, num_samples=2048)
    assert margin(result.importances_mean, n_true) > least
    if name in ("XOR", "gated"):  # what the default kernel does not see
        wide = lime_importance(model, X, kernel_width="lime", random_state=0).importances_mean
        assert margin(wide, n_true) < 0.2


def test_a_product_of_three_columns_needs_the_local_engine():
    X = normal(6, 500)
    model = Function(lambda X: np.sign(X[:, 0] * X[:, 1] * X[:, 2]))
    result = explain(model, X, kernel_width=0.4, max_samples=50)
    assert margin(result.importances_mean, 3) > 0.6
    with pytest.warns(NoisyImportanceWarning, match="[56] of 6 columns cannot be told from 0"):
        wide = lime_importance(model, X, kernel_width="lime", random_state=0).importances_mean
    assert margin(wide, 3) < 0.2


def test_a_hundred_rows_have_a_thousand_neighbours_each():
    model, X = Function(lambda X: X[:, 0]), normal()
    explanations = explain(model, X, kernel_width=0.5).explanations
    assert model.n_rows - 100 * 1024 in (100, 101)  # one of them may be asked for twice
    assert explanations.weights.shape == (100, 5, 1)
    assert explanations.num_samples == 1024
    assert explanations.replicates.shape[0] == 4


@pytest.mark.parametrize("kernel_width", [0.3, 2.0])
def test_an_effect_of_a_column_of_unique_levels_is_told_by_the_few_neighbours_that_share_it(
    kernel_width,
):
    rng = np.random.default_rng(0)
    effect = rng.standard_normal(20_000)
    X = np.column_stack([np.arange(20_000.0), rng.standard_normal(20_000)])
    model = Function(lambda X: effect[X[:, 0].astype(int)])
    options = {"categorical_features": [0], "kernel_width": kernel_width, "max_samples": 50}
    explanations = explain(model, X, **options).explanations
    truth = effect[explanations.sample_indices] - effect.mean()
    # The neighbours outside say how high the mean is, to about one over the root of their number.
    assert_allclose(explanations.contributions[:, 0, 0], truth, atol=4 / np.sqrt(1024))


@pytest.mark.parametrize("kernel_width", [0.1, 0.3, 0.4])
def test_bins_that_a_narrow_kernel_hardly_leaves_are_explained(kernel_width):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(300) < share for share in (0.5, 0.8, 0.95, 0.98)]).astype(float)
    effects = np.array([1.0, 2.0, 3.0, 4.0])
    found = lime_importance(
        lambda X: X @ effects, X, engine="local", kernel_width=kernel_width, random_state=0
    )
    rows = X[found.explanations.sample_indices]
    exact = (effects * np.abs(rows - X.mean(axis=0))).mean(axis=0)
    np.testing.assert_allclose(found.importances_mean, exact, rtol=0.1)
