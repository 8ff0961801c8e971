"""Stability is what the papers say, on their own examples and by hand."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import jaccard_score

from sklime._stability import _nogueira, importance_stability

# Z2 and Z3 of the authors' own demonstration (github.com/nogueirs/JMLR2018, stabilityDemo.ipynb).
Z2 = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])
Z3 = np.array(
    [
        [1, 1, 1, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 1, 1, 1, 0, 0],
        [0, 1, 0, 0, 0, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0, 1, 0, 0, 0],
        [0, 1, 1, 0, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 1, 0, 0, 0],
        [1, 0, 0, 1, 0, 0, 0, 0, 1, 1],
        [0, 0, 0, 1, 0, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0, 1, 1, 1],
    ]
)


@pytest.mark.parametrize(("selected", "k", "published"), [(Z2, 2, -0.5), (Z3, 4, -0.037037037037)])
def test_nogueira_equals_published_values(selected, k, published):
    assert importance_stability(selected, k=k).nogueira == pytest.approx(published, abs=1e-12)


def test_nogueira_variance_equals_published_value():
    stability = importance_stability(Z3, k=4)
    assert stability.nogueira_variance == pytest.approx(0.00516666666667, abs=1e-14)
    half = 1.959963984540054 * np.sqrt(0.00516666666667)
    np.testing.assert_allclose(
        stability.nogueira_confint, [-0.037037037037 - half, -0.037037037037 + half], atol=1e-11
    )


def test_nogueira_variance_equals_the_papers_formula():
    """Theorem 7 written out, for sets of any size; it reduces to ours where sizes are equal."""
    selected = np.array([np.random.default_rng(i).permutation([1] * 3 + [0] * 5) for i in range(7)])
    n_runs, d = selected.shape
    frequency, sizes = selected.mean(axis=0), selected.sum(axis=1)
    mean_size = sizes.mean()
    chance = mean_size / d * (1 - mean_size / d)
    phi = 1 - n_runs / (n_runs - 1) * np.mean(frequency * (1 - frequency)) / chance
    terms = (
        (selected * frequency).mean(axis=1)
        - sizes * mean_size / d**2
        + phi / 2 * (2 * mean_size * sizes / d**2 - sizes / d - mean_size / d + 1)
    ) / chance
    expected = 4 / n_runs**2 * np.sum((terms - terms.mean()) ** 2)
    np.testing.assert_allclose(_nogueira(selected.astype(float)), (phi, expected))


def test_nogueira_interval_covers_the_population_value():
    """Sets of column 0 and one more, which is column 1 in 80 % of the runs and column 2 in 20 %."""
    population = 1 - np.mean([0, 0.16, 0.16]) / (2 / 3 * 1 / 3)
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(300):
        runs = np.zeros((60, 3))
        runs[:, 0], runs[np.arange(60), np.where(rng.random(60) < 0.8, 1, 2)] = 2, 1
        low, high = importance_stability(runs, k=2).nogueira_confint
        hits.append(low <= population <= high)
    assert 0.9 <= np.mean(hits) <= 0.99


def test_identical_runs_are_perfectly_stable():
    stability = importance_stability([[3.0, 1.0, 2.0, 0.0]] * 4)
    assert stability.k == 2
    assert stability.nogueira_variance == 0
    for name in ("nogueira", "jaccard", "kendall", "spearman"):
        assert stability[name] == pytest.approx(1)


def test_reversed_rankings_disagree_completely():
    stability = importance_stability([[1, 2, 3, 4], [4, 3, 2, 1]])
    assert stability.nogueira == pytest.approx(-1)
    assert stability.jaccard == 0
    assert stability.kendall == pytest.approx(-1)
    assert stability.spearman == pytest.approx(-1)


def test_random_runs_have_nogueira_near_zero():
    runs = np.random.default_rng(0).random((200, 12))
    assert abs(importance_stability(runs, k=4).nogueira) < 0.02


def test_pairwise_measures_equal_scipy_and_scikit_learn():
    runs = np.random.default_rng(1).integers(0, 6, size=(5, 9)).astype(float)
    runs += np.linspace(0.3, 0, 9)  # no tie decides the sets, ties remain out of them
    runs[:, :2] = np.round(runs[:, :2])
    stability = importance_stability(runs, k=3)
    top = np.array([np.isin(np.arange(9), np.argsort(-run, kind="stable")[:3]) for run in runs])
    pairs = list(combinations(range(5), 2))
    expected = {
        "kendall": np.mean([kendalltau(runs[i], runs[j]).statistic for i, j in pairs]),
        "spearman": np.mean([spearmanr(runs[i], runs[j]).statistic for i, j in pairs]),
        "jaccard": np.mean([jaccard_score(top[i], top[j]) for i, j in pairs]),
    }
    for name, value in expected.items():
        assert stability[name] == pytest.approx(value)


def test_stability_is_invariant_to_order_and_scale():
    rng = np.random.default_rng(2)
    runs = rng.random((6, 7))
    shuffled = 3 * runs[rng.permutation(6)][:, rng.permutation(7)]
    one, two = importance_stability(runs, k=3), importance_stability(shuffled, k=3)
    for name in ("nogueira", "nogueira_variance", "jaccard", "kendall", "spearman"):
        assert one[name] == pytest.approx(two[name])


def test_run_without_any_ranking_has_no_rank_correlation():
    stability = importance_stability([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    assert np.isnan(stability.kendall)
    assert np.isnan(stability.spearman)


def test_wider_level_gives_wider_interval():
    low, high = importance_stability(Z3, k=4, level=0.99).nogueira_confint
    narrow_low, narrow_high = importance_stability(Z3, k=4, level=0.9).nogueira_confint
    assert low < narrow_low < narrow_high < high


@pytest.mark.parametrize(
    ("importances", "k", "message"),
    [
        (Z2, 0, r"'k' parameter of importance_stability must be an int in the range \[1, inf\)"),
        (Z2, 3, r"'k' parameter of importance_stability must be an int in the range \[1, 3\)"),
        (Z2, 1.5, r"'k' parameter of importance_stability must be an int"),
        ([1.0, 2.0], None, "Expected 2D array, got 1D array instead"),
        ([[1.0, 2.0]], None, "1 sample.* while a minimum of 2 is required"),
        ([[1.0], [2.0]], None, "1 feature.* while a minimum of 2 is required"),
        ([[1.0, np.nan], [2.0, 1.0]], None, "Input importances contains NaN"),
    ],
)
def test_unusable_input_raises(importances, k, message):
    with pytest.raises(ValueError, match=message):
        importance_stability(importances, k=k)


def test_level_out_of_range_raises():
    with pytest.raises(ValueError, match="'level' parameter of importance_stability must be"):
        importance_stability(Z2, level=1.0)


def test_stability_is_a_table_in_notebooks():
    runs = [[0.9, 0.5, 0.1, 0.0], [0.8, 0.6, 0.0, 0.1], [0.7, 0.1, 0.6, 0.0]]
    page = importance_stability(runs, k=2)._repr_html_()
    assert "Stability of the best 2 columns" in page
    for number in ("0.33,", "0.56"):
        assert number in page
