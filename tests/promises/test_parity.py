"""The weights are LIME's: on lime's own rows, within Monte-Carlo error, and by known answers."""

import itertools

import numpy as np
import pytest
from lime.lime_tabular import LimeTabularExplainer
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
)
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import lime_importance

# These tests look at what the wide kernel does not show, too.
pytestmark = pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning")

DATA = {
    "breast_cancer": (
        load_breast_cancer,
        RandomForestClassifier(20, max_depth=6, random_state=0),
    ),
    "wine": (load_wine, make_pipeline(StandardScaler(), LogisticRegression())),
    "diabetes": (load_diabetes, RandomForestRegressor(20, max_depth=6, random_state=0)),
    "iris": (load_iris, KNeighborsClassifier(15)),
    "digits": (load_digits, make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))),
}


@pytest.fixture(scope="module")
def fitted():
    """Each table with its fitted model."""

    def make(name):
        load, model = DATA[name]
        X, y = load(return_X_y=True)
        return X, model.fit(X, y)

    return {name: make(name) for name in DATA}


class Function(RegressorMixin, BaseEstimator):
    """A function as a fitted model."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.function(X)


def explain(function, X, **params):
    """Explanations of a function, from a pool large enough to test against formulas."""
    params = {"num_samples": 2**14, "max_samples": 400, "random_state": 0, **params}
    params = {"values": "weights", **params}
    return lime_importance(Function(function), X, **params).explanations


def assert_within_noise(found, expected, replicates, times=4):
    """The error is that of the mean of the replicates, on average over everything found."""
    error = np.sqrt(replicates.var(axis=0, ddof=1).mean() / len(replicates))
    assert np.sqrt(np.mean((found - expected) ** 2)) < times * error


# -- lime's own rows


def levels_of(X):
    """The quartile of each cell, as lime has it: a table of levels, of which lime knows all."""
    cuts = np.percentile(X, [25, 50, 75], axis=0)
    return np.column_stack(
        [np.searchsorted(cut, column) for cut, column in zip(cuts.T, X.T, strict=True)]
    ).astype(float)


def limes_own(X, model, row, state, kernel_width, num_samples):
    """Stock lime's explanation of a row of a table of levels."""
    classifier = hasattr(model, "predict_proba")
    explainer = LimeTabularExplainer(
        X,
        mode="classification" if classifier else "regression",
        categorical_features=list(range(X.shape[1])),
        feature_selection="none",
        kernel_width=kernel_width,
    )
    explainer.random_state = explainer.base.random_state = state
    return explainer.explain_instance(
        row,
        model.predict_proba if classifier else model.predict,
        labels=range(len(model.classes_)) if classifier else (1,),
        num_features=X.shape[1],
        num_samples=num_samples,
    )


@pytest.mark.parametrize("kernel_width", ["lime", 0.8])
@pytest.mark.parametrize("name", DATA)
def test_engine_lime_is_stock_lime_on_the_same_rows(name, kernel_width):
    load, model = DATA[name]
    X, y = load(return_X_y=True)
    X = levels_of(X)
    model = clone(model).fit(X, y)
    n_features, number = X.shape[1], {"kernel_width": kernel_width, "num_samples": 400}
    rows = X[[7, 90, 120]]
    found = lime_importance(
        model,
        rows,
        training_data=X,
        engine="lime",
        values="weights",
        categorical_features=list(range(n_features)),
        max_samples=None,
        random_state=0,
        **number,
    ).explanations
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    number["kernel_width"] = None if kernel_width == "lime" else kernel_width  # lime's own
    for i, row in enumerate(rows):
        state = np.random.RandomState(np.random.MT19937([seed, *found.codes[i].tolist()]))
        explanation = limes_own(X, model, row, state, **number)
        labels = explanation.local_exp if hasattr(model, "classes_") else [1]
        for k, label in enumerate(sorted(labels)):
            theirs = np.zeros(n_features)
            for column, weight in explanation.local_exp[label]:
                theirs[column] = weight
            assert np.abs(theirs).max() > (1e-4 if kernel_width == "lime" else 0)
            assert_allclose(found.weights[i, :, k], theirs, rtol=1e-8, atol=1e-8)
            assert_allclose(found.intercepts[i, k], explanation.intercept[label], atol=1e-8)
        # lime keeps the R^2 of the label that it fitted last.
        assert_allclose(found.scores[i, -1], explanation.score, atol=1e-8)


# -- the engines


@pytest.mark.parametrize(
    ("name", "n_rows", "num_samples", "kernel_width", "regressor"),
    [
        ("breast_cancer", 15, 2000, "lime", None),
        ("wine", 15, 2000, "lime", None),
        ("diabetes", 20, 2000, "lime", None),
        ("iris", 40, 2000, "lime", None),
        # lime's ridge shrinks the weights of a narrow kernel, under which few of its rows count.
        ("iris", 40, 2000, 0.6, LinearRegression()),
        ("digits", 6, 5000, "lime", None),
    ],
)
def test_pooled_and_lime_engine_agree_within_monte_carlo_error(
    fitted, name, n_rows, num_samples, kernel_width, regressor
):
    X, model = fitted[name]
    rows = X[np.random.default_rng(0).choice(len(X), n_rows, replace=False)]

    def explain(engine, seed, **params):
        return lime_importance(
            model,
            rows,
            training_data=X,
            engine=engine,
            max_samples=None,
            values="weights",
            kernel_width=kernel_width,
            random_state=seed,
            **params,
        )

    lime = [
        explain("lime", seed, num_samples=num_samples, model_regressor=regressor) for seed in (0, 1)
    ]
    pooled = [explain("pooled", seed, num_samples=8192) for seed in (0, 1)]
    # The same goes for bins that hold next to none or next to all of the rows.
    own = pooled[0].explanations.bins.own_probabilities(pooled[0].explanations.codes)
    usual = (own > 0.05) & (own < 0.95)
    assert usual.mean() > 0.5
    theirs, ours = (
        np.array([r.explanations.weights[usual] for r in each]) for each in (lime, pooled)
    )
    # The mean of two independent results is off by half of what they differ.
    noise = np.mean(np.diff(theirs, axis=0) ** 2) / 4 + np.mean(np.diff(ours, axis=0) ** 2) / 4
    distance = np.mean((theirs.mean(axis=0) - ours.mean(axis=0)) ** 2)
    assert 0.5 < distance / noise < 1.6
    assert np.mean(ours.mean(axis=0) ** 2) > 3 * noise  # else noise would hide any difference
    assert np.corrcoef(theirs.mean(axis=0).ravel(), ours.mean(axis=0).ravel())[0, 1] > 0.9


@pytest.mark.parametrize("kernel_width", [0.4, 1.3, 10.0])
def test_weights_are_those_of_least_squares_where_columns_are_independent(kernel_width):
    """On every combination of bins, each as often as its probability says."""
    X = np.array(list(itertools.product([0, 0, 1], range(3), [0, 1, 1, 1, 1])), dtype=float)
    table = np.random.default_rng(0).normal(size=(2, 3, 2))
    model = Function(lambda X: table[tuple(X.astype(int).T)])
    found = lime_importance(
        model,
        X,
        values="weights",
        kernel_width=kernel_width,
        categorical_features=[0, 1, 2],
        num_samples=2**15,
        max_samples=None,
        random_state=0,
    ).explanations
    answer = model.predict(X)
    for i, row in enumerate(X):
        same = row == X
        weight = np.exp(-0.5 * (3 - same.sum(axis=1)) / kernel_width**2)
        fit = LinearRegression().fit(same, answer, sample_weight=weight)
        error = 6 * found.replicates[:, i].std(axis=0, ddof=1) / 2 + 0.01
        assert (np.abs(found.weights[i, :, 0] - fit.coef_) < error[:, 0]).all()


# -- known answers


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_linear_function_has_the_contrast_of_each_bin():
    X = normal(1000, 4)
    c = np.array([1.0, -2.0, 0.0, 5.0])
    explanations = explain(lambda X: X @ c, X)
    inside_outside = np.empty((len(explanations), 4))
    cuts = np.quantile(X, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    for j in range(4):
        bin_number = np.searchsorted(cuts[:, j], X[:, j])
        own = bin_number[explanations.sample_indices]
        for b in range(4):
            same = bin_number == b
            inside_outside[own == b, j] = X[same, j].mean() - X[~same, j].mean()
    found, expected = explanations.weights[..., 0], c * inside_outside
    assert_within_noise(found, expected, explanations.replicates[..., 0], times=2)
    assert_allclose(found, expected, atol=0.02 * np.abs(c).max())
    assert np.abs(found[:, 2]).max() < 0.01 * np.abs(expected[:, 3]).max()


def test_the_middle_of_five_bins_of_a_line_has_weight_zero():
    X = np.linspace(-1, 1, 500)[:, None]
    explanations = explain(lambda X: 7 * X[:, 0], X, discretizer=5, max_samples=None)
    found = explanations.weights[:, 0, 0]
    middle = np.abs(X[:, 0]) < 0.19
    assert_allclose(found[middle], 0, atol=0.01)
    assert_allclose(found[X[:, 0] > 0.61], 7 * (0.8 - -0.2), rtol=0.01)


@pytest.mark.parametrize("engine", ["pooled", "lime"])
@pytest.mark.parametrize("name", ["breast_cancer", "iris"])
def test_weights_of_classes_mirror_each_other(fitted, name, engine):
    X, model = fitted[name]
    result = lime_importance(
        model, X, engine=engine, num_samples=512, max_samples=5, kernel_width="lime"
    )
    weights = result.explanations.weights
    assert np.abs(weights).max() > 0.01
    assert_allclose(weights.sum(axis=-1), 0, atol=1e-9)
    if weights.shape[-1] == 2:
        assert_allclose(weights[..., 0], -weights[..., 1], atol=1e-9)


def test_permuting_columns_permutes_importances(fitted):
    X, model = fitted["breast_cancer"]
    order = np.random.default_rng(0).permutation(30)
    back = np.argsort(order)
    shuffled = Function(lambda X: model.predict_proba(X[:, back])[:, 1])
    plain = Function(lambda X: model.predict_proba(X)[:, 1])
    params = {"num_samples": 8192, "max_samples": 100, "random_state": 0}
    first = lime_importance(plain, X, **params)
    second = lime_importance(shuffled, X[:, order], **params)
    error = np.hypot(first.importances_sem[order], second.importances_sem)
    z = (second.importances_mean - first.importances_mean[order]) / np.maximum(error, 1e-12)
    assert np.sqrt(np.mean(z**2)) < 2
    assert np.corrcoef(second.importances_mean, first.importances_mean[order])[0, 1] > 0.99


@pytest.mark.parametrize("engine", ["pooled", "lime"])
def test_scaling_the_function_scales_importances_and_shifting_does_nothing(engine):
    X = normal(200, 3)

    def f(X):
        return X[:, 0] + X[:, 1] * X[:, 2]

    params = {"engine": engine, "num_samples": 512, "max_samples": 20}
    once = explain(f, X, **params).weights
    assert_allclose(explain(lambda X: 1000 * f(X), X, **params).weights, 1000 * once, rtol=1e-4)
    assert_allclose(explain(lambda X: f(X) + 9, X, **params).weights, once, rtol=0, atol=1e-5)


def test_additive_function_has_the_same_weights_at_every_kernel_width():
    X = normal(500, 3)
    by_width = [
        explain(lambda X: np.sin(X[:, 0]) + X[:, 1] ** 2, X, kernel_width=width)
        for width in (0.8, 1.3, 100.0)
    ]
    assert by_width[0].kernel_width == 0.8
    for narrow in by_width[:2]:
        assert_within_noise(narrow.weights, by_width[2].weights, narrow.replicates, times=2)
        assert_allclose(narrow.weights, by_width[2].weights, atol=0.1)


def test_friedman_1_has_its_first_order_sobol_indices():
    X, _ = make_friedman1(2**14, 10, random_state=0)

    def f(X):
        x0, x1, x2, x3, x4 = X.T[:5]
        return 10 * np.sin(np.pi * x0 * x1) + 20 * (x2 - 0.5) ** 2 + 10 * x3 + 5 * x4

    # 16 bins lose next to nothing of a column's variation. Under a flat kernel a weight depends on
    # the row's own bin only, so one row for each bin is a table of them all.
    rows = np.repeat((np.arange(16)[:, None] + 0.5) / 16, 10, axis=1)
    explanations = explain(
        f, rows, training_data=X, discretizer=16, kernel_width=1e3, num_samples=2**16
    )
    squares = explanations.importances("rms") ** 2 * (15 / 16) ** 2 / f(X).var()
    known = [0.197, 0.196, 0.092, 0.346, 0.083, 0, 0, 0, 0, 0]
    assert_allclose(squares, known, atol=0.012)
    assert squares[5:].max() < 0.001


def test_a_product_is_missed_by_limes_kernel():
    X = normal(1000, 5)
    importances = explain(
        lambda X: 2 * X[:, 0] * X[:, 1] + X[:, 2], X, kernel_width="lime"
    ).importances()
    assert importances.argmax() == 2
    assert importances[:2].max() < 0.25 * importances[2]


@pytest.mark.parametrize(("d", "known"), [(2, 0.164), (10, 0.030)])
def test_exclusive_or_has_a_small_known_weight(d, known):
    X = normal(1000, d)
    X -= np.median(X, axis=0)  # so that no bin has values of both signs
    explanations = explain(
        lambda X: np.sign(X[:, 0] * X[:, 1]),
        X,
        num_samples=2**15,
        max_samples=200,
        kernel_width="lime",
    )
    side = np.sign(explanations.data[:, 0] * explanations.data[:, 1])
    per_replicate = (explanations.replicates[:, :, :2, 0] * side[:, None]).mean(axis=(1, 2))
    error = per_replicate.std(ddof=1) / 2
    assert error < 0.2 * known
    assert abs(per_replicate.mean() - known) < 4 * error + 0.0005  # `known` has three digits


def test_a_sign_has_the_weight_of_a_main_effect():
    X = normal(1000, 2)
    X -= np.median(X, axis=0)
    weights = explain(lambda X: np.sign(X[:, 0]), X).weights
    assert_allclose(np.abs(weights[:, 0, 0]), 4 / 3, rtol=0.01)


def test_contributions_put_columns_of_two_kinds_on_one_scale():
    X = np.c_[norm.ppf((np.arange(1000) + 0.5) / 1000), np.where(np.arange(1000) % 2, 1, -1)]
    params = {"max_samples": None, "categorical_features": [1]}
    weights = explain(lambda X: X.sum(axis=1), X, **params).importances()
    contributions = explain(lambda X: X.sum(axis=1), X, values="contributions", **params)
    assert_allclose(weights, [1.06, 2.0], rtol=0.02)
    # For an additive function mean |SHAP| is mean |x_j - E x_j|: of a normal variable, .798.
    assert_allclose(contributions.importances(), [0.80, 1.0], rtol=0.02)
