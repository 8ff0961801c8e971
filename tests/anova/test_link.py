"""A response that is a curve of the sum of its effects is told from one that is the sum."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from sklime._anova.link import Link, fit_link

RNG = np.random.default_rng(0)
SUMS = RNG.normal(size=4000)


def _link(curve, noise=0.1, sums=SUMS):
    answers = curve(sums) + noise * np.random.default_rng(1).normal(size=len(sums))
    return fit_link([(sums, answers - sums)])


@pytest.mark.parametrize(
    "curve",
    [
        lambda s: 2 * norm.cdf(2 * s) - 1,
        lambda s: 2 * expit(3 * s + 1) - 1,
        lambda s: np.clip(s, -1, 0.7),
        lambda s: 3 * norm.cdf(s, 2, 1.5),
    ],
)
def test_a_curve_is_found_and_goes_on_beyond_the_pool(curve):
    link = _link(curve)
    inside = np.linspace(-2, 2, 50)
    found = link.mean(0, inside, 0.0)
    # but for the mean of what is left, which is in the intercept of the effects
    shift = np.mean(curve(SUMS) - SUMS)
    assert np.abs(found - curve(inside) + shift).max() < 0.15
    assert np.abs(np.diff(link.mean(0, np.array([6.0, 12.0]), 0.0))).max() < 0.05


def test_a_curve_comes_little_by_little():
    at = np.array([-2.0, 2.0])
    bends = [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0]
    links = [_link(lambda s, bend=bend: s - bend * (s - np.tanh(s))) for bend in bends]
    found = [at if link is None else link.mean(0, at, 0.0) for link in links]
    reach = [high - low for low, high in found]
    assert reach[0] == 4
    assert reach[-1] == pytest.approx(2 * np.tanh(2), abs=0.3)
    assert (np.diff(reach) <= 0.05).all()


@pytest.mark.parametrize("noise", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_a_sum_with_noise_is_no_curve(noise, scale):
    assert _link(lambda s: s, noise * scale, scale * SUMS) is None


def test_a_response_without_effects_is_no_curve():
    assert fit_link([(np.zeros(500), RNG.normal(size=500))]) is None


@pytest.mark.parametrize(("mean", "deviation"), [(-1.0, 0.3), (0.2, 1.2), (2.0, 0.1)])
def test_the_mean_over_a_normal_sum_is_the_integral(mean, deviation):
    link = Link(*(np.array([each]) for each in (-0.4, 0.9, 0.1, 0.5, 0.7)), [])

    def weighed(s):
        return link.mean(0, np.array(s), 0.0) * norm.pdf(s, mean, deviation)

    area, _ = quad(weighed, mean - 9 * deviation, mean + 9 * deviation)
    assert link.mean(0, np.array(mean), deviation**2) == pytest.approx(area, abs=1e-6)
    low, high = (link.mean(0, np.array(mean + way), deviation**2) for way in (-1e-5, 1e-5))
    slope = link.slope(0, np.array(mean), deviation**2)
    assert slope == pytest.approx((high - low) / 2e-5, rel=1e-6)


def test_two_classes_mirror_each_other():
    answers = norm.cdf(2 * SUMS) - 0.5
    link = fit_link([(SUMS, answers - SUMS), (-SUMS, SUMS - answers)])
    assert link.closing == [slice(0, 2)]
    at = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(link.mean(1, at, 0.2), -link.mean(0, -at, 0.2), atol=1e-15)


def test_classes_of_each_target_are_told_by_their_sums():
    parts = RNG.dirichlet(np.ones(3), size=500).T - 1 / 3
    other = RNG.random(500) - 0.5
    outputs = [*parts, other, -other, RNG.normal(size=500)]
    link = fit_link([(4 * each, each - 4 * each) for each in outputs])
    assert link.closing == [slice(0, 3), slice(3, 5)]
