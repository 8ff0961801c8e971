"""The shared pool's closed form is the least squares that LIME solves, exactly where it can be."""

import itertools

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from sklime import lime_importance
from sklime._engines import weights as _surrogate
from sklime._engines.weights import Pool, closed_form, fit_regressor, near_rows
from sklime._neighborhood.sampler import Neighborhood
from sklime._tables.table import Table

MEMORY = 2.0**30

# Levels of the columns of a full table, with repetitions: 3 * 5 * 3 * 3 rows, an odd number.
LEVELS = [[0, 1, 1], [0, 1, 1, 2, 2], [0, 1, 2], [0, 0, 1]]


class Full:
    """A pool with every combination of levels: its columns are independent, without any noise."""

    def __init__(self, levels=LEVELS, n_outputs=2, response=None, seed=0):
        self.X = np.array(list(itertools.product(*levels)))
        table = Table(self.X)
        categorical = np.ones(self.X.shape[1], dtype=bool)
        self.bins = Neighborhood(table, categorical=categorical).bins
        self.codes = self.bins.encode(table)
        if response is None:
            response = np.random.default_rng(seed).normal(3, 2, (len(self.X), n_outputs))
        self.response = response

    def pool(self, n_replicates=1, repeats=1):
        codes, response = (np.tile(a, (repeats, 1)) for a in (self.codes, self.response))
        return Pool(np.array([codes] * n_replicates), np.array([response] * n_replicates))

    def least_squares(self, row, kernel_width):
        """Weights, intercept and R^2 of the weighted regression of the response on the 0/1 code."""
        same = self.codes == row
        weight = np.exp(-0.5 * (~same).sum(axis=1) / kernel_width**2)
        model = LinearRegression().fit(same, self.response, sample_weight=weight)
        scores = [
            LinearRegression().fit(same, f, sample_weight=weight).score(same, f, weight)
            for f in self.response.T
        ]
        return model.coef_.T, model.intercept_, scores


@pytest.fixture(scope="module")
def full():
    return Full()


@pytest.mark.parametrize("kernel_width", [0.3, 0.7, 1.5, 10.0])
def test_closed_form_is_weighted_least_squares(full, kernel_width):
    found = closed_form(full.pool(), full.bins, kernel_width, MEMORY, full.codes)
    for i, row in enumerate(full.codes):
        weights, intercept, score = full.least_squares(row, kernel_width)
        # Kernel weights are rounded to the unit of the largest, which a narrow kernel feels most.
        atol = 1e-3 if kernel_width < 0.5 else 2e-5
        assert_allclose(found.replicates[0, i], weights, atol=atol)
        assert_allclose(found.intercepts[i], intercept, atol=atol)
        assert_allclose(found.scores[i], score, atol=atol)


def test_a_regressor_gives_the_weights_of_the_closed_form(full):
    rows = full.codes[:9]
    by_formula = closed_form(full.pool(), full.bins, 1.0, MEMORY, rows)
    by_regression = fit_regressor(LinearRegression(), full.pool(), full.bins, 1.0, rows)
    assert_allclose(by_formula.replicates, by_regression.replicates, atol=2e-5)
    assert_allclose(by_formula.intercepts, by_regression.intercepts, atol=2e-5)
    assert_allclose(by_formula.scores, by_regression.scores, atol=1e-5)


def test_few_rows_with_kernel_weights_are_enough_where_they_hold_every_combination(full):
    pool, width = full.pool(n_replicates=2, repeats=64), 5.0
    near = near_rows(full.bins, width, pool.response.shape[1])
    assert len(full.X) <= near < pool.response.shape[1]
    assert near % len(full.X) == 0
    found = closed_form(pool, full.bins, width, MEMORY, full.codes)
    for i, row in enumerate(full.codes):
        weights, intercept, score = full.least_squares(row, width)
        assert_allclose(found.replicates[1, i], weights, atol=5e-5)
        assert_allclose(found.intercepts[i], intercept, atol=5e-5)
        assert_allclose(found.scores[i], score, atol=1e-5)


def test_few_rows_with_kernel_weights_cost_little_accuracy_and_no_bias(full, monkeypatch):
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(full.X), size=(400, 512))
    pool = Pool(full.codes[drawn], full.response[drawn])
    width, row = 4.0, full.codes[[7]]
    true, _, _ = full.least_squares(row[0], width)
    two_levels = closed_form(pool, full.bins, width, MEMORY, row).replicates[:, 0] - true
    assert near_rows(full.bins, width, 512) < 128
    monkeypatch.setattr(_surrogate, "_NEAR", np.inf)
    assert near_rows(full.bins, width, 512) == 512
    all_weighted = closed_form(pool, full.bins, width, MEMORY, row).replicates[:, 0] - true
    assert (np.abs(two_levels.mean(axis=0)) < 4 * two_levels.std(axis=0) / np.sqrt(400)).all()
    assert two_levels.std() < 1.1 * all_weighted.std()


def test_rows_with_kernel_weights_follow_the_kernel(full):
    near = [near_rows(full.bins, width, 4096) for width in (0.3, 3.0, 5.0, 20.0, 1e6)]
    assert near[0] == 4096  # a narrow kernel needs all
    assert near == sorted(near, reverse=True)
    assert near[-1] < 10
    assert near_rows(full.bins, 1e6, 405) == 405  # no power of two is left of an odd number
    for width in (3.0, 5.0, 20.0):
        assert 4096 % near_rows(full.bins, width, 4096) == 0


def test_an_additive_response_has_the_same_weights_at_every_width():
    main = np.random.default_rng(0).normal(size=(4, 3))
    X = Full().X
    full = Full(response=main[np.arange(4), X].sum(axis=1)[:, None])
    wide, narrow = (
        closed_form(full.pool(), full.bins, width, MEMORY, full.codes) for width in (100.0, 0.4)
    )
    assert_allclose(narrow.replicates, wide.replicates, atol=1e-4)
    p = full.bins.own_probabilities(full.codes)
    centred = np.stack([main[j, X[:, j]] - main[j, X[:, j]].mean() for j in range(4)], axis=1)
    assert_allclose(wide.replicates[0, ..., 0], centred / (1 - p), atol=1e-5)


def test_main_shares_average_to_the_share_of_main_effects(full):
    found = closed_form(full.pool(), full.bins, 1e6, MEMORY, full.codes)
    dummies = np.concatenate([np.eye(3)[column] for column in full.X.T], axis=1)
    share = [LinearRegression().fit(dummies, f).score(dummies, f) for f in full.response.T]
    assert_allclose(found.main_shares.mean(axis=0), share, atol=1e-5)


def test_a_constant_response_has_no_weights_and_no_score():
    full = Full(response=np.tile([5.0, 1e8, 0.0], (135, 1)))
    found = closed_form(full.pool(), full.bins, 1.0, MEMORY, full.codes)
    assert_array_equal(found.replicates, 0)
    assert_array_equal(found.intercepts, np.tile([5.0, 1e8, 0.0], (135, 1)))
    assert np.isnan(found.scores).all()


def test_probabilities_have_weights_that_sum_to_0():
    full = Full(n_outputs=3)
    response = np.exp(full.response) / np.exp(full.response).sum(axis=1, keepdims=True)
    full = Full(response=response)
    found = closed_form(full.pool(), full.bins, 1.0, MEMORY, full.codes).replicates
    assert_allclose(found.sum(axis=-1), 0, atol=1e-15)
    for k in range(3):  # as if each class were alone
        alone = Full(response=response[:, [k]])
        expected = closed_form(alone.pool(), alone.bins, 1.0, MEMORY, alone.codes).replicates
        assert_allclose(found[..., [k]], expected, atol=1e-5)


def test_unseen_levels_and_constant_columns_have_the_weight_0():
    full = Full([[0, 1, 1], [4, 4, 4], [0, 1, 2, 2, 2]])
    rows = np.array([[0, 0, 1], [2, 0, 0], [1, 1, 3]], dtype=np.uint8)  # 2, 1 and 3 are unseen
    found = closed_form(full.pool(), full.bins, 1.0, MEMORY, rows).replicates[0]
    assert_array_equal(found[:, 1], 0)
    assert_array_equal(found[1, 0], 0)
    assert_array_equal(found[2, 2], 0)
    for i, row in enumerate(rows):
        weights, _, _ = full.least_squares(row, 1.0)
        assert_allclose(found[i], weights, atol=2e-5)


def test_a_wide_category_has_a_weight_for_each_level():
    full = Full([list(range(301)), [0, 1, 2]], n_outputs=1)
    found = closed_form(full.pool(), full.bins, 1.0, MEMORY, full.codes)
    for i in (0, 450, 902):
        weights, _, _ = full.least_squares(full.codes[i], 1.0)
        assert_allclose(found.replicates[0, i], weights, atol=1e-4)


@pytest.mark.parametrize("kernel_width", [0.5, 20.0])
def test_blocks_of_rows_change_no_bit(full, kernel_width, monkeypatch):
    pool = full.pool(n_replicates=3, repeats=8)
    whole = closed_form(pool, full.bins, kernel_width, MEMORY, full.codes)
    by_rows = closed_form(pool, full.bins, kernel_width, 1.0, full.codes)  # one row at a time
    monkeypatch.setattr(_surrogate, "_MOST_MEMORY", 2.0**12)  # blocks of the pool as well
    by_both = closed_form(pool, full.bins, kernel_width, MEMORY, full.codes)
    for part in (by_rows, by_both):
        assert_array_equal(part.replicates, whole.replicates)
        assert_array_equal(part.intercepts, whole.intercepts)
        assert_array_equal(part.scores, whole.scores)
        assert_array_equal(part.main_shares, whole.main_shares)


def data(n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, n_features))
    return X, X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + rng.normal(scale=0.1, size=200)


class Scaled:
    """A model's prediction, scaled and shifted."""

    def __init__(self, model, scale, shift):
        self.model, self.scale, self.shift = model, scale, shift

    def predict(self, X):
        return self.scale * self.model.predict(X) + self.shift


@pytest.mark.parametrize(("scale", "shift"), [(8.0, 0.0), (-3.0, 100.0), (1e-9, 1.0), (1e12, 5.0)])
def test_weights_follow_the_scale_of_the_response_and_ignore_its_shift(scale, shift):
    X, y = data()
    model = Ridge().fit(X, y)
    one = lime_importance(model, X, random_state=0).explanations
    other = lime_importance(Scaled(model, scale, shift), X, random_state=0).explanations
    # The shift costs digits of the response itself.
    lost = 1e-15 * abs(shift / scale)
    assert_allclose(other.replicates / scale, one.replicates, atol=1e-5 + 100 * lost)
    assert_allclose(other.scores, one.scores, atol=1e-5 + 1e4 * lost)


def test_a_linear_response_has_its_coefficient_times_the_difference_of_means():
    X, y = data()
    model = Ridge().fit(X, y)
    explanations = lime_importance(model, X, num_samples=2**15, random_state=0).explanations
    for j, coefficient in enumerate(model.coef_):
        own = explanations.codes[:, [j]] == explanations.codes[:, j]
        inside = np.array([X[row, j].mean() for row in own])
        outside = np.array([X[~row, j].mean() for row in own])
        expected = coefficient * (inside - outside)
        spread = explanations.replicates[:, :, j, 0].std(axis=0, ddof=1).mean()
        assert_allclose(explanations.weights[:, j, 0], expected, atol=3 * spread + 1e-6)


def test_importances_follow_permuted_columns_within_their_error():
    X, y = data()
    order = np.random.default_rng(1).permutation(6)
    model, permuted = Ridge().fit(X, y), Ridge().fit(X[:, order], y)
    one = lime_importance(model, X, random_state=0)
    other = lime_importance(permuted, X[:, order], random_state=1)
    error = np.hypot(one.importances_sem[order], other.importances_sem)
    difference = one.importances_mean[order] - other.importances_mean
    assert (np.abs(difference) < 5 * error + 1e-3).all()


@pytest.mark.parametrize("num_samples", [*range(2, 14), 100, 1001, 4100])
@pytest.mark.parametrize("kernel_width", [None, 0.5])
def test_any_number_of_samples_will_do(num_samples, kernel_width):
    X, y = data()
    model = LogisticRegression().fit(X, y > 0)
    result = lime_importance(
        model, X, num_samples=num_samples, kernel_width=kernel_width, engine="shared"
    )
    assert result.explanations.replicates.shape == (min(4, num_samples // 2), 200, 6, 2)
    assert np.isfinite(result.importances_mean).all()
    assert np.isfinite(result.explanations.weights).all()


def test_working_memory_changes_no_bit_of_a_model_with_many_outputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 20))
    model = LogisticRegression(max_iter=1000).fit(X, X[:, :5].argmax(axis=1))
    whole = lime_importance(model, X, random_state=0)
    with sklearn.config_context(working_memory=1):
        parts = lime_importance(model, X, random_state=0)
    assert_array_equal(parts.explanations.replicates, whole.explanations.replicates)
    assert_array_equal(parts.explanations.intercepts, whole.explanations.intercepts)
    assert_array_equal(parts.explanations.scores, whole.explanations.scores)
    assert_array_equal(parts.importances_mean, whole.importances_mean)
    assert_array_equal(parts.importances_sem, whole.importances_sem)
