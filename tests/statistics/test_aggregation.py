"""Aggregations are their formulas; their errors are what repeated draws show."""

from itertools import combinations

import numpy as np
import pytest

from sklime._statistics.aggregations import AGGREGATIONS, direction, resolve, submodular_pick
from sklime._statistics.estimates import (
    CORRECTED,
    Estimate,
    cross_abs,
    estimate_importances,
    free_of_noise,
    noise_floor,
)

# Three rows, three columns; the last row has no weight at all.
WEIGHTS = np.array([[3.0, -4.0, 1.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
ROW_CLASSES = ["yes", "no", "no"]

BY_HAND = {
    "mean_abs": [4 / 3, 5 / 3, 1 / 3],
    "rms": [np.sqrt(10 / 3), np.sqrt(17 / 3), np.sqrt(1 / 3)],
    "median_abs": [1, 1, 0],
    "max_abs": [3, 4, 1],
    "mean": [2 / 3, -1, 1 / 3],
    "sum": [2, -3, 1],
    "splime": [2, np.sqrt(5), 1],
    # Rows of sizes 8 and 2, and one of 0.
    "normlime": [(9 / 8 + 1 / 2) / 3, (16 / 8 + 1 / 2) / 3, (1 / 8) / 3],
    # One column a row (half of three, rounded down); ties count all.
    "frequency": [1 / 3, 2 / 3, 0],
}


@pytest.mark.parametrize("name", BY_HAND)
def test_aggregation_equals_hand_computation(name):
    np.testing.assert_allclose(AGGREGATIONS[name](WEIGHTS), BY_HAND[name], atol=1e-15)


def test_every_aggregation_has_a_known_answer():
    assert set(BY_HAND) | {"homogeneity"} == set(AGGREGATIONS)


def test_homogeneity_equals_hand_computation():
    """Column 2 is of one class (entropy 0); roots of the others are sqrt(3), 1 and 2, 1."""
    shares = np.array([[np.sqrt(3), 1], [2, 1]]) / np.array([[np.sqrt(3) + 1], [3]])
    entropies = -(shares * np.log(shares)).sum(axis=1)
    factors = [0, 1 - entropies[1] / entropies[0], 1]  # column 0 speaks most evenly for both
    expected = factors * np.array(BY_HAND["splime"])
    np.testing.assert_allclose(
        AGGREGATIONS["homogeneity"](WEIGHTS, row_classes=ROW_CLASSES), expected
    )


def test_homogeneity_with_equal_entropies_is_splime():
    weights = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
    for row_classes in ([0, 1], [0, 0]):
        result = AGGREGATIONS["homogeneity"](weights, row_classes=row_classes)
        np.testing.assert_allclose(result, np.sqrt([2, 4, 0]))


def test_homogeneity_needs_classes():
    with pytest.raises(ValueError, match="'homogeneity' is for classifiers only"):
        resolve("homogeneity")


@pytest.mark.parametrize(
    ("num_features", "expected"),
    [(1, [0, 2 / 3, 0]), (2, [2 / 3, 2 / 3, 0]), (3, [2 / 3, 2 / 3, 1 / 3])],
)
def test_frequency_counts_the_largest_weights(num_features, expected):
    weights = np.array([[3.0, -4.0, 1.0], [-1.0, 1.1, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(
        AGGREGATIONS["frequency"](weights, num_features=num_features), expected
    )


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 3), (5, 4)])
def test_all_zero_weights_give_zero(name, shape):
    function = resolve(name, row_classes=np.arange(shape[0]))
    np.testing.assert_array_equal(function(np.zeros(shape)), np.zeros(shape[1]))


@pytest.fixture
def replicates():
    """Four replicates of 40 rows, 5 columns, 3 outputs; column 4 is noise."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(40, 5, 3))
    weights[:, 4] = 0
    return weights + 0.3 * rng.normal(size=(4, 40, 5, 3))


@pytest.fixture
def row_classes():
    return np.arange(40) % 3


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_sample_weight_equals_repetition(name, replicates, row_classes):
    weights = replicates[0, :, :, 0]
    counts = np.random.default_rng(1).integers(0, 4, size=40)
    weighted = resolve(name, row_classes=row_classes)(weights, counts)
    repeated = resolve(name, row_classes=np.repeat(row_classes, counts))(
        np.repeat(weights, counts, axis=0)
    )
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


@pytest.mark.parametrize("name", ["mean_abs", "rms", "mean", "sum", "splime", "normlime"])
@pytest.mark.parametrize("bias_correction", [False, True])
def test_standard_error_of_weighted_rows_equals_repetition(name, replicates, bias_correction):
    counts = np.random.default_rng(1).integers(0, 4, size=40)
    options = {"bias_correction": bias_correction, "population": 200}
    weighted = estimate_importances(replicates, name, sample_weight=counts, **options)
    repeated = estimate_importances(np.repeat(replicates, counts, axis=1), name, **options)
    for one, two in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_importances_and_errors_ignore_the_order_of_rows(name, replicates, row_classes):
    order = np.random.default_rng(2).permutation(40)
    one = estimate_importances(replicates, name, row_classes=row_classes)
    two = estimate_importances(replicates[:, order], name, row_classes=row_classes[order])
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-10)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_importances_follow_the_columns_and_the_scale(name, replicates, row_classes):
    order = np.array([3, 1, 4, 0, 2])
    degree = {"splime": 0.5, "homogeneity": 0.5, "frequency": 0}.get(name, 1)
    one = estimate_importances(replicates, name, row_classes=row_classes)
    two = estimate_importances(100 * replicates[:, :, order], name, row_classes=row_classes)
    np.testing.assert_allclose(two.values, 100**degree * one.values[order], rtol=1e-10)
    np.testing.assert_allclose(two.sem, 100**degree * one.sem[order], rtol=1e-10)


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 2, 1), (4, 5, 3, 2)])
def test_importances_of_nothing_are_finite(name, shape):
    result = estimate_importances(np.zeros(shape), name, row_classes=np.arange(shape[1]))
    np.testing.assert_array_equal(result.values, 0)
    np.testing.assert_array_equal(result.sem, 0)
    np.testing.assert_array_equal(result.confint(), 0)


def test_callable_equals_the_same_aggregation_by_name(replicates):
    by_name = estimate_importances(replicates, "median_abs")
    by_callable = estimate_importances(replicates, lambda W: np.median(np.abs(W), axis=0))
    np.testing.assert_allclose(by_callable.values, by_name.values)
    np.testing.assert_allclose(by_callable.sem, by_name.sem)


def test_callable_is_given_the_rows_that_count():
    function = resolve(lambda W: W.sum(axis=0))
    np.testing.assert_array_equal(function(WEIGHTS, [0, 2, 2]), [-1, 1, 0])
    weighted = resolve(lambda W, sample_weight: sample_weight @ W)
    np.testing.assert_array_equal(weighted(WEIGHTS, [1, 2, 0]), [1, -2, 1])


def test_callable_of_wrong_shape_raises():
    with pytest.raises(ValueError, match=r"must return an array of shape \(3,\). Got shape \(\)"):
        resolve(np.max)(WEIGHTS)


def test_outputs_add_by_their_shares(replicates):
    shares = np.array([0.5, 0.25, 0.25])
    separate = [estimate_importances(replicates[..., [k]]).values[:4] for k in range(3)]
    together = estimate_importances(replicates, shares=shares)
    np.testing.assert_allclose(together.values[:4], shares @ separate)
    equal = estimate_importances(replicates)
    np.testing.assert_allclose(equal.values[:4], np.mean(separate, axis=0))


def test_mirrored_classes_give_the_importance_and_error_of_one(replicates):
    one = replicates[..., :1]
    single = estimate_importances(one, population=100)
    mirrored = estimate_importances(
        np.concatenate([one, -one], axis=3), shares=[0.5, 0.5], population=100
    )
    for first, second in zip(single, mirrored, strict=True):
        np.testing.assert_allclose(first, second)


def test_bias_correction_without_replicates_changes_nothing(replicates):
    for name in CORRECTED:
        corrected = estimate_importances(replicates[:1], name)
        plain = estimate_importances(replicates[:1], name, bias_correction=False)
        np.testing.assert_array_equal(corrected.values, plain.values)


def test_bias_correction_leaves_equal_replicates_alone():
    replicates = np.repeat(WEIGHTS[np.newaxis], 4, axis=0)
    for name in CORRECTED:
        np.testing.assert_allclose(free_of_noise(replicates, name)[0], BY_HAND[name])


def test_bias_corrected_square_is_the_mean_product_of_different_replicates(replicates):
    output = replicates[..., 0]
    products = [output[r] * output[s] for r in range(4) for s in range(4) if r != s]
    expected = np.mean(products, axis=(0, 1))
    result = free_of_noise(output, "rms")[0]
    np.testing.assert_allclose(np.sign(result) * result**2, expected)


def test_corrected_sizes_average_to_the_importance(replicates):
    counts = np.random.default_rng(3).integers(0, 3, size=40)
    output = replicates[..., 0]
    np.testing.assert_allclose(
        np.average(cross_abs(output, counts), axis=0, weights=counts),
        free_of_noise(output, "mean_abs", counts)[0],
    )


def _noise(n_levels, rng, n_draws=2000, n_rows=200, n_replicates=4, power=1):
    """Weights of a useless column: every row shows the noise of its own level."""
    rows = rng.integers(0, n_levels, size=n_rows)
    return rng.normal(size=(n_draws, n_replicates, n_levels))[:, :, rows, np.newaxis] ** power


@pytest.mark.parametrize("power", [1, 3])  # normal, and of heavy tails
@pytest.mark.parametrize("n_levels", [2, 4, 10, 50, 200])
@pytest.mark.parametrize("name", CORRECTED)
def test_bias_correction_removes_the_importance_of_noise(n_levels, name, power):
    noise = _noise(n_levels, np.random.default_rng(n_levels), power=power)
    corrected = np.array([free_of_noise(draw, name)[0, 0] for draw in noise])
    plain = np.array([AGGREGATIONS[name](draw.mean(axis=0))[0] for draw in noise])
    assert abs(corrected.mean()) < 0.1 * plain.mean()
    assert np.mean(corrected**2) < np.mean(plain**2)


@pytest.mark.parametrize(
    "contributions",
    [
        np.random.default_rng(1).normal(size=300),
        np.repeat([0.5, -0.5], 150),  # those of a step
        np.where(np.arange(300) < 15, 3.0, -3 / 19),  # of a rare level
    ],
    ids=["normal", "step", "rare level"],
)
def test_bias_correction_is_right_whatever_the_law_of_the_contributions(contributions):
    rng = np.random.default_rng(0)
    noise = 0.5 * rng.normal(size=(300, 4, 300, 1))
    corrected = [free_of_noise(contributions[:, None] + each)[0, 0] for each in noise]
    assert np.mean(corrected) == pytest.approx(np.abs(contributions).mean(), rel=0.05)


@pytest.mark.parametrize("n_levels", [4, 50])
def test_noise_floor_is_the_plain_importance_of_noise(n_levels):
    noise = _noise(n_levels, np.random.default_rng(n_levels))
    floors = [noise_floor(draw[..., np.newaxis], [1.0])[0] for draw in noise]
    plain = [AGGREGATIONS["mean_abs"](draw.mean(axis=0))[0] for draw in noise]
    assert np.mean(floors) == pytest.approx(np.mean(plain), rel=0.02)
    assert np.mean(floors) == pytest.approx(np.sqrt(2 / np.pi) / 2, rel=0.02)


def test_noise_floor_needs_two_replicates(replicates):
    assert np.isnan(noise_floor(replicates[:1], np.ones(3))).all()
    shares = [0.2, 0.3, 0.5]
    separate = [noise_floor(replicates[..., [k]], [1.0]) for k in range(3)]
    np.testing.assert_allclose(noise_floor(replicates, shares), np.dot(shares, separate))


def _draws(n_draws, rng, n_rows, population, noise):
    """Replicates of rows drawn without replacement from one table, and the table's weights."""
    table = np.random.default_rng(0).gamma(2.0, size=(population, 1)) * [1.0, -0.5]
    for _ in range(n_draws):
        rows = rng.choice(population, n_rows, replace=False)
        yield table, table[rows] + noise * rng.normal(size=(8, 1, 2))


@pytest.mark.parametrize("name", ["mean_abs", "rms", "mean", "sum", "splime", "normlime"])
@pytest.mark.parametrize(("n_rows", "noise"), [(60, 0.0), (60, 0.3), (300, 0.3)])
def test_standard_error_equals_the_spread_over_draws(name, n_rows, noise):
    results = [
        estimate_importances(draw[..., np.newaxis], name, population=300)
        for _, draw in _draws(250, np.random.default_rng(1), n_rows, 300, noise)
    ]
    spread = np.std([result.values for result in results], axis=0, ddof=1)
    expected = np.sqrt(np.mean([result.sem**2 for result in results], axis=0))
    np.testing.assert_allclose(expected, spread, rtol=0.15, atol=1e-12)


@pytest.mark.parametrize("name", ["median_abs", "frequency", "homogeneity"])
def test_standard_error_by_groups_of_rows_is_about_the_spread(name):
    """Of a middling column: neither the most nor the least homogeneous one."""
    rng, values, errors = np.random.default_rng(2), [], []
    for _ in range(200):
        row_classes = rng.integers(0, 2, size=100)
        scale = np.where(row_classes[:, np.newaxis], [2.0, 4.0, 1.0], [2.0, 1.0, 0.01])
        weights = scale * rng.normal(size=(100, 3))
        result = estimate_importances(
            weights[np.newaxis, ..., np.newaxis], name, num_features=1, row_classes=row_classes
        )
        values.append(result.values[1])
        errors.append(result.sem[1])
    assert 0.75 < np.mean(errors) / np.std(values) < 1.4


@pytest.mark.parametrize("name", CORRECTED)
@pytest.mark.parametrize("n_rows", [40, 300])
def test_intervals_cover_the_weights_of_the_whole_table(name, n_rows):
    hits = []
    for table, draw in _draws(250, np.random.default_rng(3), n_rows, 300, 0.2):
        low, high = estimate_importances(draw[..., np.newaxis], name, population=300).confint().T
        truth = AGGREGATIONS[name](table)
        hits.append((low <= truth) & (truth <= high))
    coverage = np.mean(hits, axis=0)
    assert ((coverage >= 0.9) & (coverage <= 0.98)).all()


@pytest.mark.parametrize("n_levels", [2, 4, 50])
def test_intervals_of_noise_hold_zero(n_levels):
    noise = _noise(n_levels, np.random.default_rng(4), n_draws=500)
    lows = [
        estimate_importances(draw[..., np.newaxis], population=200).confint()[0, 0]
        for draw in noise
    ]
    assert 0.9 <= np.mean(np.equal(lows, 0)) <= 0.99


def test_intervals_of_signed_importances_may_hold_negative_values(replicates):
    signed = estimate_importances(replicates, "mean").confint()
    assert (signed[:, 0] < 0).all()
    assert (estimate_importances(replicates, "mean_abs").confint()[:, 0] >= 0).all()


def test_degrees_of_freedom_are_those_of_the_only_error(replicates):
    rows_all_seen = estimate_importances(replicates, population=40)
    np.testing.assert_allclose(rows_all_seen.dof, 3)
    without_noise = estimate_importances(replicates[:1])
    np.testing.assert_allclose(without_noise.dof, 39)
    both = estimate_importances(replicates).dof
    assert ((both > 3) & (both < 42)).all()


def test_interval_is_students():
    """Half width 3.182 standard errors at 3 degrees of freedom (any table of Student's t)."""
    result = Estimate(np.array([5.0]), np.array([1.0]), np.array([3.0]))
    np.testing.assert_allclose(result.confint(), [[5 - 3.182446, 5 + 3.182446]], rtol=1e-6)


def test_direction_is_the_mean_and_the_commoner_sign():
    signed, share = direction(WEIGHTS)
    np.testing.assert_allclose(signed, BY_HAND["mean"])
    np.testing.assert_allclose(share, [1 / 3, 1 / 3, 1 / 3])
    signed, share = direction(WEIGHTS, [1, 2, 0])
    np.testing.assert_allclose(signed, [1 / 3, -2 / 3, 1 / 3])
    np.testing.assert_allclose(share, [2 / 3, 2 / 3, 1 / 3])


def _coverage(weights, rows):
    shown = (weights[list(rows)] != 0).any(axis=0)
    return np.sqrt(np.abs(weights).sum(axis=0)) @ shown


@pytest.mark.parametrize("seed", range(20))
def test_submodular_pick_is_near_the_best_choice(seed):
    """Against all choices of three rows; each row shows three of ten columns."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(1.0, size=(9, 10)) * (
        rng.permuted(np.tile(np.arange(10), (9, 1)), axis=1) < 3
    )
    picked = submodular_pick(weights, 3)
    assert len(set(picked)) == 3
    best = max(_coverage(weights, rows) for rows in combinations(range(9), 3))
    assert _coverage(weights, picked) >= (1 - 1 / np.e) * best
    assert _coverage(weights, picked[:1]) == pytest.approx(
        max(_coverage(weights, [row]) for row in range(9))
    )


def test_submodular_pick_equals_hand_computation():
    """Row 1 shows most; then column 4 counts sqrt(3) by row 4, and column 0 only 1 by row 0."""
    weights = np.array(
        [[1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 1, 2]]
    )
    np.testing.assert_array_equal(submodular_pick(weights.astype(float), 3), [1, 4, 0])


def test_submodular_pick_takes_larger_weights_of_equal_rows():
    weights = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(submodular_pick(weights, 2), [1, 2])
    np.testing.assert_array_equal(submodular_pick(weights, 9), [1, 2, 0])
