"""What others have published is found again.

The closed forms and experiments of Garreau & von Luxburg, "Looking Deeper into Tabular LIME"
(2020, arXiv:2008.11092), Friedman's function with its Sobol' indices, the interaction model of
xplainfi's documentation, and SHAP values of additive models.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_wine, make_friedman1
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.gaussian_process.kernels import RBF
from sklearn.inspection import permutation_importance
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import scale
from sklearn.tree import DecisionTreeRegressor

from sklime import lime_importance

# Some of these functions are published because a wide kernel does not see them.
# shap 0.51 still calls what matplotlib 3.11 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore:.*will be deprecated:PendingDeprecationWarning"),
]

N_BINS = 4  # the paper's p


class Function(RegressorMixin, BaseEstimator):
    """A function as a fitted model."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.function(X)


def explain(function, X, training_data=None, **params):
    params = {"num_samples": 2**15, "max_samples": 100, "random_state": 0, **params}
    if training_data is not None:
        params["max_samples"] = None
    model = Function(function)
    return lime_importance(model, X, training_data=training_data, **params).explanations


def uniform(n_features, n_rows=1000, seed=0):
    """The paper's training data."""
    return np.random.default_rng(seed).uniform(-10, 10, (n_rows, n_features))


def bin_numbers(X, training_data=None, n_bins=N_BINS):
    training_data = X if training_data is None else training_data
    inner = np.arange(1, n_bins) / n_bins
    cuts = np.quantile(training_data, inner, axis=0, method="inverted_cdf")
    columns = zip(cuts.T, X.T, strict=True)
    return np.array([np.searchsorted(cut, column) for cut, column in columns]).T


def bin_means(values, codes, n_bins=N_BINS):
    """The paper's e_jb: means over the bins of each column, (n_features, n_bins)."""
    columns = zip(values.T, codes.T, strict=True)
    return np.array([[value[code == b].mean() for b in range(n_bins)] for value, code in columns])


def kernel_constants(width, n_bins=N_BINS):
    """What a cell outside the own bin weighs, and the paper's c (equation 4)."""
    outside = np.exp(-1 / (2 * width**2))
    return outside, 1 / n_bins + (1 - 1 / n_bins) * outside


def additive_weights(means, row_codes, width):
    """Proposition 3: of a sum of functions of one column each."""
    outside, c = kernel_constants(width)
    pc = N_BINS * c
    own = np.arange(N_BINS) == row_codes[:, None]
    weighted = np.where(own, 1, outside) * means
    return pc / (pc - 1) * (weighted[own] - weighted.mean(axis=1) / c)


def product_weights(means, row_codes, width):
    """Proposition 5: of a product of functions of one column each."""
    outside, c = kernel_constants(width)
    pc = N_BINS * c
    own = np.arange(N_BINS) == row_codes[:, None]
    weighted = np.where(own, 1, outside) * means
    mean = weighted.mean(axis=1)
    # Times the mean rather than over it: it may be 0.
    others = np.array([np.delete(mean, j).prod() for j in range(len(mean))])
    return pc / (pc - 1) * (weighted[own] * c - mean) * others / c ** len(mean)


# -- Garreau & von Luxburg: closed forms


@pytest.mark.parametrize("width", ["lime", 1.0, 10.0])
def test_linear_function_has_the_weights_of_corollary_4(width):
    X = uniform(10)
    slopes = np.random.default_rng(1).uniform(0, 10, 10)
    explanations = explain(lambda X: 3 + X @ slopes, X, kernel_width=width, engine="pooled")
    codes = bin_numbers(X)
    means = bin_means(X, codes)
    own = np.take_along_axis(means.T, codes[explanations.sample_indices], axis=0)
    expected = slopes / (N_BINS - 1) * (N_BINS * own - means.sum(axis=1))
    tolerance = {"lime": 0.01, 1.0: 0.08, 10.0: 0.01}[width] * np.abs(expected).max()
    assert_allclose(explanations.weights[..., 0], expected, atol=tolerance)


def test_odd_numbers_of_bins_cancel_a_linear_function():
    """Their figure 9: at 5 bins next to nothing is left of the middle of uniform columns."""
    X, middle = uniform(10, n_rows=20_000), np.zeros((1, 10))
    slopes = np.random.default_rng(1).uniform(0, 10, 10)
    sizes = [
        np.abs(explain(lambda X: X @ slopes, middle, X, discretizer=p).weights[0, :, 0])
        for p in (4, 5)
    ]
    assert_allclose(sizes[0], slopes * 10 / 3, rtol=0.1)  # 2.5 - -0.83 from the bin next to 0
    assert (sizes[1] < 0.05 * sizes[0].max()).all()
    assert sizes[1].mean() < 0.03 * sizes[0].mean()


@pytest.mark.parametrize("width", [1.0, 3.0])
def test_additive_function_has_the_weights_of_proposition_3(width):
    X = uniform(4)

    def parts(X):
        return np.c_[np.sin(X[:, 0]), np.abs(X[:, 1]), np.exp(X[:, 2] / 5), 0 * X[:, 3]]

    explanations = explain(lambda X: parts(X).sum(axis=1), X, kernel_width=width)
    codes = bin_numbers(X)
    means = bin_means(parts(X), codes)
    expected = [additive_weights(means, codes[i], width) for i in explanations.sample_indices]
    assert np.abs(expected).max() > 3
    assert_allclose(explanations.weights[..., 0], expected, atol=0.1)


@pytest.mark.parametrize("width", [0.7, 1.5, 10.0])
@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_multiplicative_function_has_the_weights_of_proposition_5(width, engine):
    """A Gaussian kernel, their example."""
    X = uniform(3)

    def factors(X):
        return np.exp(-((X - [2.0, -3.0, 6.0]) ** 2) / (2 * 6**2))

    explanations = explain(
        lambda X: factors(X).prod(axis=1),
        X,
        kernel_width=width,
        engine=engine,
        num_samples={"pooled": 2**15, "local": 2**11}[engine],
    )
    codes = bin_numbers(X)
    means = bin_means(factors(X), codes)
    expected = np.array(
        [product_weights(means, codes[i], width) for i in explanations.sample_indices]
    )
    assert_allclose(explanations.weights[..., 0], expected, atol=0.04 * np.abs(expected).max())


def test_indicator_of_a_box_in_one_cell_has_the_weights_of_a_large_bandwidth():
    """Their approximation: I / p^(d-1) in the box's bin, -I / ((p-1) p^(d-1)) outside of it."""
    X = uniform(3, n_rows=4000)
    low, high = np.quantile(X, [0.05, 0.2], axis=0)  # in the first bin of every column
    part = 0.15 / 0.25  # the part of that bin

    def indicator(X):
        return ((low < X) & (high >= X)).all(axis=1).astype(float)

    explanations = explain(indicator, X, kernel_width=1e3, num_samples=2**17)
    inside = bin_numbers(X)[explanations.sample_indices] == 0
    importance = part**3
    expected = np.where(inside, importance / 4**2, -importance / (3 * 4**2))
    assert_allclose(explanations.weights[..., 0], expected, atol=0.15 * importance / 16)


def leaf_boxes(tree, n_features):
    """Value, lower and upper ends of every leaf."""
    boxes, todo = [], [(0, np.full(n_features, -np.inf), np.full(n_features, np.inf))]
    while todo:
        node, low, high = todo.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            boxes.append((tree.value[node, 0, 0], low, high))
            continue
        j, threshold = tree.feature[node], tree.threshold[node]
        least, most = low.copy(), high.copy()
        most[j] = least[j] = threshold
        todo += [(left, low, most), (right, least, high)]
    return boxes


@pytest.mark.parametrize("width", [1.5, 10.0])
def test_tree_has_the_sum_of_its_leaves_weights(width):
    """Their figure 11: a tree of depth 3 for the sum of ten uniform columns."""
    X = uniform(10)
    tree = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, X.sum(axis=1))
    explanations = explain(tree.predict, X, kernel_width=width, engine="pooled", num_samples=2**16)
    codes = bin_numbers(X)
    boxes = leaf_boxes(tree.tree_, 10)
    assert len(boxes) == 8
    means = [bin_means(((low < X) & (high >= X)).astype(float), codes) for _, low, high in boxes]
    expected = np.array(
        [
            sum(
                value * product_weights(leaf, codes[i], width)
                for leaf, (value, _, _) in zip(means, boxes, strict=True)
            )
            for i in explanations.sample_indices
        ]
    )
    found = explanations.weights[..., 0]
    size = np.abs(expected).max()
    assert_allclose(found, expected, atol={1.5: 0.1, 10.0: 0.02}[width] * size)
    unused = np.setdiff1d(np.arange(10), tree.tree_.feature)
    assert unused.size
    assert_allclose(expected[:, unused], 0, atol=1e-12 * size)


# -- Garreau & von Luxburg: the wine data


def kernel_ridge(n_columns, length_scale):
    """Their model of the wine data's class number: the first columns, scaled."""
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    model = KernelRidge(kernel=RBF(length_scale=length_scale), alpha=1).fit(X[:, :n_columns], y)
    return X, model


def test_kernel_ridge_gives_unused_columns_nothing():
    """Their figure 15: the last 6 of 13 columns of the wine data are not used."""
    X, model = kernel_ridge(7, length_scale=10)
    explanations = explain(
        lambda X: model.predict(X[:, :7]), X, kernel_width=5, max_samples=None, num_samples=2**15
    )
    importances, error = explanations.importances(), explanations.estimate().sem
    assert (importances[:7] > 10 * error[:7]).all()
    assert (importances[7:] < 0.01 * importances.max()).all()
    assert (importances[7:] < importances[:7].min() / 3).all()
    low = explanations.estimate().confint(0.999)[:, 0]
    assert (low[7:] == 0).all()
    assert (low[:7] > 0).all()
    # lime's own estimate, whose importances have the noise of its 1000 rows.
    lime = explain(
        lambda X: model.predict(X[:, :7]),
        X,
        kernel_width=5,
        engine="lime",
        num_samples=1000,
        max_samples=20,
    )
    assert lime.importances()[7:].min() > 10 * importances[7:].max()


def kernel_ridge_weights(model, X, row_codes, codes, width):
    """Weights of a sum of Gaussian kernels, bins of any frequency."""
    outside, _ = kernel_constants(width)
    support, dual = model.X_fit_, model.dual_coef_
    share = np.array([np.bincount(code, minlength=N_BINS) for code in codes.T]) / len(codes)
    kernels = np.exp(-((X[:, None] - support) ** 2) / (2 * model.kernel.length_scale**2))
    means = np.array(
        [
            [kernels[code == b, :, j].mean(axis=0) for b in range(N_BINS)]
            for j, code in enumerate(codes.T)
        ]
    )  # (n_features, n_bins, n_support)
    columns = np.arange(len(means))
    p, inside = share[columns, row_codes], means[columns, row_codes].T
    elsewhere = (np.einsum("jb,jbt->tj", share, means) - p * inside) / (1 - p)
    q = p / (p + (1 - p) * outside)
    near = q * inside + (1 - q) * elsewhere
    return dual @ ((inside - elsewhere) * near.prod(axis=1, keepdims=True) / near)


def test_weights_of_kernel_ridge_follow_the_bandwidth():
    """Their figure 7: weights of the first wine over the bandwidth, some of which change sign."""
    X, model = kernel_ridge(13, length_scale=5)
    widths = [0.3, 0.6, 1.0, 2.0, 4.0]
    codes = bin_numbers(X)
    expected = np.array(
        [kernel_ridge_weights(model, X, codes[0], codes, width) for width in widths]
    )
    pooled, local = (
        np.array(
            [
                lime_importance(
                    model,
                    X[:1],
                    training_data=X,
                    engine=engine,
                    values="weights",
                    kernel_width=width,
                    num_samples=2**15,
                    random_state=0,
                ).explanations.weights[0, :, 0]
                for width in widths
            ]
        )
        for engine in ("pooled", "local")
    )
    size = np.abs(expected).max()
    assert_allclose(local, expected, atol=0.04 * size)
    # Pairs leave out what three columns do together, which a narrow kernel shows.
    assert_allclose(pooled[2:], expected[2:], atol=0.03 * size)
    assert_allclose(pooled, expected, atol=0.25 * size)
    changes = (expected.max(axis=0) > 0.01 * size) & (expected.min(axis=0) < -0.01 * size)
    assert changes.any()
    for j in np.flatnonzero(changes):
        assert local[:, j].max() > 0 > local[:, j].min()


# -- Friedman #1


def friedman(X):
    x0, x1, x2, x3, x4 = X.T[:5]
    return 10 * np.sin(np.pi * x0 * x1) + 20 * (x2 - 0.5) ** 2 + 10 * x3 + 5 * x4


FIRST_ORDER = np.array([0.197, 0.196, 0.092, 0.346, 0.083])  # Sobol' indices
TOTAL = np.array([0.273, 0.272, 0.093, 0.350, 0.087])


def between_quartiles():
    """Parts of the first-order indices that four bins keep, by integration over a grid."""
    grid = (np.arange(400) + 0.5) / 400
    curve = (10 * np.sin(np.pi * grid[:, None] * grid)).mean(axis=1)
    curves = np.array([curve, curve, 20 * (grid - 0.5) ** 2, 10 * grid, 5 * grid])
    return curves.reshape(5, 4, 100).mean(axis=2).var(axis=1) / curves.var(axis=1)


def test_default_rms_squared_is_the_binned_first_order_index():
    rng = np.random.default_rng(0)
    even = np.tile((np.arange(1000) + 0.5) / 1000, (10, 1))
    X = rng.permuted(even, axis=1).T  # uniform up to a thousandth
    variance = friedman(rng.random((10**6, 5))).var()
    explanations = explain(
        friedman, X, max_samples=None, num_samples=8192, values="weights", kernel_width="lime"
    )
    indices = explanations.importances("rms") ** 2 * 9 / 16 / variance
    assert_allclose(indices[:5], FIRST_ORDER * between_quartiles(), atol=0.005)
    assert (indices[:5] < FIRST_ORDER).all()
    assert indices[5:].max() < 1e-4


@pytest.mark.parametrize("aggregation", ["mean_abs", "rms"])
def test_importances_go_with_the_root_of_the_total_index(aggregation):
    X, _ = make_friedman1(1000, 10, random_state=0)
    model = HistGradientBoostingRegressor(random_state=0).fit(X, friedman(X))
    found = explain(model.predict, X, num_samples=8192).importances(aggregation)
    assert np.corrcoef(found, np.sqrt(np.r_[TOTAL, np.zeros(5)]))[0, 1] > 0.97
    assert found[:5].min() > 10 * found[5:].max()


# -- xplainfi


def test_interaction_model_needs_a_narrow_kernel():
    """y = 2 x1 x2 + x3 and two useless columns: a wide kernel shows x3 alone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 5))
    y = 2 * X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.normal(size=1000)
    forest = RandomForestRegressor(50, min_samples_leaf=3, random_state=0).fit(X, y)
    wide = lime_importance(forest, X, kernel_width="lime", random_state=0)
    narrow = lime_importance(forest, X, kernel_width=0.4, random_state=0)
    assert wide.importances_mean.argmax() == 2
    assert wide.importances_mean[:2].max() < 0.3 * wide.importances_mean[2]
    importances = narrow.importances_mean
    assert importances[:3].min() > 4 * importances[3:].max()
    (pair, *_) = narrow.explanations.interactions.top(1)
    assert {pair.first, pair.second} == {"x0", "x1"}
    # As permutation importance, the peer that sees the interaction.
    peer = permutation_importance(forest, X, y, n_repeats=2, random_state=0).importances_mean
    assert peer[:3].min() > 4 * peer[3:].max()


# -- SHAP


def stumps(X, y):
    """An additive model: trees with one split each."""
    return GradientBoostingRegressor(max_depth=1, n_estimators=100, random_state=0).fit(X, y)


def shap_values(model, rows, background):
    import shap

    every = shap.maskers.Independent(background, max_samples=len(background))  # not 100 of them
    explainer = shap.TreeExplainer(model, every, feature_perturbation="interventional")
    return explainer.shap_values(rows)


def test_contributions_to_an_additive_model_of_levels_are_shap_values():
    """Row by row, so their mean size is SHAP's bar."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, n, size=300) for n in (2, 3, 7, 4)]).astype(float)
    model = stumps(X, X[:, 0] + np.cos(2 * X[:, 1]) + 0.3 * X[:, 2] ** 1.5)
    phi = shap_values(model, X, X)
    found = explain(
        model.predict,
        X,
        categorical_features=[0, 1, 2, 3],
        values="contributions",
        max_samples=None,
    )
    assert_allclose(found.contributions[..., 0], phi, atol=0.003 * np.abs(phi).max())
    bars = np.abs(phi).mean(axis=0)
    assert bars[3] < 1e-12 < bars[:3].min()
    assert_allclose(found.importances(), bars, rtol=0.001, atol=0.001)


def test_contributions_to_an_additive_model_are_shap_values_up_to_bins():
    X, y = make_friedman1(400, 7, noise=0.5, random_state=0)
    model = stumps(X, y)
    bars = np.abs(shap_values(model, X, X)).mean(axis=0)
    found, weights = (
        explain(model.predict, X, values=values, discretizer=20, max_samples=None).importances()
        for values in ("contributions", "weights")
    )
    assert_allclose(found, bars, rtol=0.03, atol=0.01)
    # Of columns cut into equal bins all weights are on one scale too.
    assert_allclose(weights * 19 / 20, found, rtol=1e-3, atol=1e-3)
