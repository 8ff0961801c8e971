"""The fit never leaves more than it found, on any table, and follows linear models exactly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklime._anova import mains, terms
from sklime._anova.effects import variance_split
from sklime._anova.fit import _at_least_0, fit_effects
from sklime._anova.linear import Values
from sklime._anova.terms import descend


def rare_table(seed, *, m=2048, replicates=4):
    """Responses to rows of columns of which some have levels at 0.05 to 1 % of the rows."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(10, 40))
    margins = []
    for _ in range(d):
        rare = rng.uniform(0.0005, 0.01, rng.integers(0, 4))
        common = rng.dirichlet(np.full(rng.integers(1, 6), 5.0)) * (1 - rare.sum())
        margins.append(rng.permutation(np.concatenate([rare, common])))
    codes = [
        np.stack([rng.choice(len(p), (replicates, m // replicates), p=p) for p in margins], axis=-1)
        for _ in range(2)
    ]
    effects = [rng.normal(size=len(p)) * rng.exponential() for p in margins]
    pair = rng.normal(size=(len(margins[0]), len(margins[1]))) * 2

    def f(rows):
        main = sum(effect[rows[..., j]] for j, effect in enumerate(effects))
        return (main + pair[rows[..., 0], rows[..., 1]] + rng.standard_t(3, rows.shape[:-1]))[
            ..., None
        ]

    offsets = np.cumsum([0, *map(len, margins)])
    small = [part.astype(np.uint8) for part in codes]
    return small[0], f(codes[0]), small[1], f(codes[1]), offsets, np.concatenate(margins)


@pytest.mark.parametrize("seed", range(6))
def test_no_step_raises_the_residual_sum_of_squares(seed, monkeypatch):
    sums = []

    def watched(residual, fitted):
        before = np.square(residual).sum()
        share = descend(residual, fitted)
        sums.append(np.square(residual).sum() / before)
        return share

    for module in (mains, terms):
        monkeypatch.setattr(module, "descend", watched)
    fit_effects(*rare_table(seed))
    assert len(sums) > 10
    assert max(sums) <= 1 + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_effects_of_rare_levels_stay_in_the_range_of_the_response(seed):
    arguments = rare_table(seed)
    effects = fit_effects(*arguments)
    response = np.concatenate([arguments[1].ravel(), arguments[3].ravel()])
    tables = [effects.main, *effects.tables]
    largest = max(np.abs(table.mean(axis=0)).max() for table in tables) * effects.unit
    assert largest < np.ptp(response)
    np.testing.assert_allclose(variance_split(effects).sum(axis=0), 1)


@pytest.mark.parametrize("d", [5, 400])
def test_a_linear_model_has_its_exact_main_effects(d):
    rng = np.random.default_rng(0)
    x = rng.integers(-127, 128, size=(2, 4, 1024, d)).astype(np.int8)
    cuts = np.array([-64, 0, 63])
    codes = np.searchsorted(cuts, x).astype(np.uint8)
    slopes = rng.normal(size=d)
    response = (x @ slopes)[..., None]
    grid = np.arange(-127, 128)
    bins = np.searchsorted(cuts, grid)
    means, shares = np.array([[grid[bins == b].mean(), (bins == b).mean()] for b in range(4)]).T
    effects = fit_effects(
        codes[0],
        response[0],
        codes[1],
        response[1],
        4 * np.arange(d + 1),
        np.tile(shares, d),
        values=Values([part.reshape(-1, d).T for part in x], np.tile(means, d)),
    )
    main = effects.unit * effects.main.reshape(4, d, 4)
    expected = slopes[:, None] * (means - shares @ means)
    np.testing.assert_allclose(
        main, np.broadcast_to(expected, main.shape), atol=1e-4 * response.std()
    )


@pytest.mark.parametrize("scale", [1e-150, 1e-10, 1e150])
def test_effects_are_free_of_the_scale_of_the_response(scale):
    sobol, y, random, z, *bins = rare_table(0)
    one, other = (fit_effects(sobol, s * y, random, s * z, *bins) for s in (1.0, scale))
    assert one.terms == other.terms
    np.testing.assert_allclose(other.main * other.unit / scale, one.main * one.unit, rtol=1e-9)
    np.testing.assert_allclose(variance_split(other), variance_split(one), rtol=1e-9)


@pytest.mark.parametrize("estimate", [0.0, 0.5, 2.0])
def test_what_cannot_be_below_0_is_expected_above_its_estimate(estimate):
    drawn = np.random.default_rng(0).normal(estimate, 0.7, 10**5)
    expected = _at_least_0(np.array([estimate]), np.array([0.7]))
    assert_allclose(expected, drawn[drawn >= 0].mean(), rtol=0.01)
