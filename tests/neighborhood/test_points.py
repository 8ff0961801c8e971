import numpy as np
import pytest

from sklime._neighborhood.points import uniform_batches


def points(n_features, n_replicates, rows, most=10**9, seed=0, **options):
    batches = uniform_batches(n_features, n_replicates, rows, most, seed, **options)
    return np.hstack(list(batches))


@pytest.mark.parametrize(("n_features", "n_rows"), [(5, 64), (30, 256), (300, 512)])
@pytest.mark.parametrize("sobol", [True, False])
def test_points_do_not_depend_on_the_batches_they_come_in(n_features, n_rows, sobol):
    whole = points(n_features, 2, range(n_rows), sobol=sobol)
    assert whole.shape == (n_features, 2 * n_rows)
    assert whole.min() >= 0
    assert whole.max() < 1
    np.testing.assert_array_equal(points(n_features, 2, range(n_rows), most=37, sobol=sobol), whole)


def test_a_sequence_goes_on_where_it_stopped():
    parts = [points(5, 1, range(64)), points(5, 1, range(64, 128))]
    np.testing.assert_array_equal(np.hstack(parts), points(5, 1, range(128)))


@pytest.mark.parametrize("n_features", [20, 300])
def test_every_column_of_a_replicate_is_stratified(n_features):
    # One point in each of m intervals: what makes a bin's share of the pool exact.
    drawn = points(n_features, 2, range(256))
    for replicate in np.split(drawn, 2, axis=1):
        intervals = np.sort(np.floor(replicate * 256), axis=1)
        np.testing.assert_array_equal(intervals, np.tile(np.arange(256), (n_features, 1)))


@pytest.mark.parametrize("seed", range(3))
def test_no_two_columns_have_the_same_quarters_in_every_replicate(seed):
    # Two dimensions of scipy's Sobol' sequence can agree in their leading bits at any scrambling,
    # which once made useless columns of wide tables as important as real ones.
    drawn = np.floor(points(300, 4, range(2048), seed=seed) * 4)
    signs = np.where(drawn >= 2, 1.0, -1.0)
    correlation = signs @ signs.T / signs.shape[1]
    np.fill_diagonal(correlation, 0)
    assert np.abs(correlation).max() < 0.5
