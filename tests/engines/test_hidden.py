"""What pairs too weak to be found add to the errors of importances."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from sklime import lime_importance
from sklime._anova.effects import hidden_variance
from sklime._engines.hidden import hidden_errors
from sklime._neighborhood.kernel import hold

WIDTH = 0.5
HIDDEN = 0.001


def contrasts_of_quartiles():
    """Orthonormal contrasts of four bins of one frequency: steps of a Walsh function each."""
    return np.array([[1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1.0]]).T


@pytest.mark.parametrize(("power", "scale"), [(1, 1.0), (2, 1.0), (1, 1e-140)])
def test_errors_are_those_of_pairs_drawn_at_random(power, scale):
    """The spread and a third of the shift of importances, of rows whose columns go together."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((400, 1))
    X = common + 0.7 * rng.standard_normal((400, 4))
    result = lime_importance(
        lambda X: scale * (X[:, 0] + 0.3 * X[:, 1] + 0.05 * X[:, 2]), X, random_state=0
    )
    explanations = result.explanations
    (effects,), codes = explanations.effects, explanations.codes
    effects = replace(effects, hidden=np.array([HIDDEN]))
    c = explanations.contributions
    ones = np.ones(codes.shape)
    found = hidden_errors(effects, WIDTH, codes, lambda step: (c[::step], ones[::step]), power)[
        :, 0
    ]

    phi, r = contrasts_of_quartiles()[codes], hold(np.array([0.25]), WIDTH)
    (left,), share = hidden_variance(effects)
    variances = left * np.outer(share, share) * ~np.eye(4, dtype=bool)  # of a pair of contrasts
    assert_allclose(9 * variances.sum() / 2, HIDDEN)
    deviations = np.sqrt(variances)[:, None, :, None] * effects.unit

    def importances(values):
        sizes = np.abs(values) ** power
        return sizes.mean(axis=0) ** (1 / power)

    changes = []
    for _ in range(1000):
        theta = rng.standard_normal((4, 3, 4, 3)) * deviations
        added = r * np.einsum("nja,jakb,nkb->nj", phi, theta, phi)
        # Pairs of (j, k) and (k, j) need not be the same for one column's error.
        changes.append(importances(c[..., 0] + added) - importances(c[..., 0]))
    changes = np.array(changes)
    expected = np.hypot(changes.std(axis=0), changes.mean(axis=0) / 3)
    assert_allclose(found, expected, rtol=0.2)


def test_a_linear_model_has_no_hidden_pairs():
    X = np.random.default_rng(0).standard_normal((300, 6))
    model = LinearRegression().fit(X, X @ np.arange(6.0))
    explanations = lime_importance(model, X, random_state=0).explanations
    assert_allclose(explanations._hidden("all", False), 0, atol=1e-3)


@pytest.mark.parametrize("options", [{}, {"values": "weights"}, {"labels": [1]}])
def test_intervals_of_a_forest_hold_what_many_more_rows_say(options):
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    many = lime_importance(forest, X, num_samples=2**17, random_state=10, **options)
    held = []
    for seed in range(4):
        low, high = lime_importance(forest, X, random_state=seed, **options).confint().T
        held.append((low <= many.importances_mean) & (many.importances_mean <= high))
    assert np.mean(held) >= 0.9
