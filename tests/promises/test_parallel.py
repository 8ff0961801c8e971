"""The same bits on any number of workers, in any chunks and row order, on one machine or more."""

import os
import signal
from contextlib import suppress
from functools import cache
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from dask.distributed import Client, LocalCluster
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import ThreadpoolController, threadpool_limits

from sklime import LimeImportanceWrapper, lime_importance
from sklime._anova.search import _rounded
from sklime._engines import workers

# distributed, of a disk that is busy for a second when a cluster starts
pytestmark = pytest.mark.filterwarnings("ignore:Creating scratch directories:UserWarning")

# Python 3.12 warns of every fork of a process that has threads, as any process with BLAS has.
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

N_ROWS, N_COLUMNS = 192, 20  # rows for three chunks


class LeastSquares(RegressorMixin, BaseEstimator):
    """A quick linear regression, which may do harm or tell tales."""

    def __init__(self, before=None):
        self.before = before

    def fit(self, X, y, sample_weight):
        told = None if self.before is None else self.before()
        gram = (X.T * sample_weight) @ X + np.eye(X.shape[1])
        self.coef_ = np.linalg.solve(gram, X.T @ (sample_weight * y))
        self.intercept_ = 0.0
        if told is not None:
            self.coef_[:] = told
        return self

    def predict(self, X):
        return X @ self.coef_


WAYS = {
    "pooled": {"engine": "pooled", "num_samples": 512},
    "narrow": {"engine": "pooled", "num_samples": 1000, "kernel_width": 0.5},
    "local": {"engine": "local", "num_samples": 64, "kernel_width": 0.5},
    "lime": {"engine": "lime", "num_samples": 30},
    "regressor": {"engine": "lime", "num_samples": 30, "model_regressor": LeastSquares()},
}
POOLED = ["pooled", "narrow"]
BACKENDS = ["threading", "loky", pytest.param("multiprocessing", marks=forks)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_COLUMNS))
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] * X[:, 2] > 0)


def grow_tree(X, y, make=DecisionTreeClassifier):
    """A model whose answer for a row does not depend on the rows that it is asked with."""
    weight = np.random.default_rng(1).uniform(size=len(X))  # no two leaves alike
    return make(max_leaf_nodes=30, random_state=0).fit(X, y, weight)


@pytest.fixture(scope="module")
def tree(data):
    return grow_tree(*data)


@pytest.fixture(scope="module")
def alone(data, tree):
    """What a single worker finds."""
    return cache(lambda way: explain(tree, data[0], way))


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def explain(model, X, way, **params):
    params = {**WAYS[way], "max_samples": None, "random_state": 0, **params}
    return lime_importance(model, X, **params)


def tolerance(way):
    """None but for regressors: matrix products of their own may round by place in memory."""
    return {"rtol": 0, "atol": 1e-12 if way == "regressor" else 0}


def assert_same(found, expected, way):
    for name in ("importances_mean", "importances_sem", "importances_std", "importances"):
        assert_allclose(
            getattr(found, name), getattr(expected, name), **tolerance(way), err_msg=name
        )
    assert_same_rows(found, expected, slice(None), way)


def assert_same_rows(found, expected, rows, way):
    """Everything that belongs to a row, against some rows of another result."""
    for name in ("weights", "intercepts", "scores", "predictions"):
        values = getattr(expected.explanations, name)[rows]
        actual = getattr(found.explanations, name)
        assert_allclose(actual, values, **tolerance(way), err_msg=name)
    replicates = expected.explanations.replicates[:, rows]
    assert_allclose(found.explanations.replicates, replicates, **tolerance(way))


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
@pytest.mark.parametrize("way", WAYS)
def test_every_number_of_jobs_gives_the_same_bits(data, tree, alone, way, n_jobs):
    assert_same(explain(tree, data[0], way, n_jobs=n_jobs), alone(way), way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_the_same_bits(data, tree, alone, way, backend):
    expected = alone(way)
    with joblib.parallel_config(backend):
        assert_same(explain(tree, data[0], way, n_jobs=2), expected, way)


@pytest.mark.parametrize("megabytes", [0.01, 1, 8])  # from a row at a time
@pytest.mark.parametrize("way", ["pooled", "narrow", "local"])
def test_every_chunk_gives_the_same_bits(data, tree, alone, way, megabytes):
    expected = alone(way)
    with sklearn.config_context(working_memory=megabytes):
        assert_same(explain(tree, data[0], way), expected, way)
        assert_same(explain(tree, data[0], way, n_jobs=2), expected, way)


class Products:
    """Two strong pairs of columns, in operations that have one result everywhere."""

    def predict(self, X):
        return np.sign(X[:, 0] * X[:, 1]) + X[:, 2] * X[:, 3] / 2 + X[:, 4] / 4


@pytest.mark.parametrize("seed", range(4))
def test_blocks_of_a_search_for_pairs_give_the_same_bits(seed):
    X = np.random.default_rng(seed).normal(size=(150, 60))
    whole = explain(Products(), X, "pooled")
    assert len(whole.explanations.interactions.top(2)) == 2
    with sklearn.config_context(working_memory=0.01):  # a column at a time
        assert_same(explain(Products(), X, "pooled"), whole, "pooled")


@pytest.mark.parametrize(("bits", "dtype"), [(6, np.float32), (20, np.float64)])
def test_sums_of_a_search_for_pairs_have_no_order(bits, dtype):
    factors = np.random.default_rng(0).standard_normal((2, 4, 4096))
    factors[0, 0] *= 1e-9  # each row has its own unit
    left, right = (_rounded(part.astype(dtype), part, bits) for part in factors)
    sums = left @ right.T
    size = np.outer(*np.linalg.norm(factors, axis=2))
    assert (np.abs(sums - factors[0] @ factors[1].T) < 0.5**bits * size).all()
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(4096)
        products = left[:, None, order] * right[:, order]
        assert_allclose(np.cumsum(products, axis=-1, dtype=dtype)[..., -1], sums, rtol=0)


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_rows_changes_no_bit_of_a_row(data, tree, alone, way):
    X, _ = data
    order = np.random.default_rng(2).permutation(N_ROWS)
    found = explain(tree, X[order], way, training_data=X)
    assert_same_rows(found, alone(way), order, way)
    for name in ("importances_mean", "importances_sem"):  # sums over the rows
        assert_allclose(getattr(found, name), getattr(alone(way), name), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("way", WAYS)
def test_a_row_alone_has_the_bits_that_it_has_among_many(data, tree, alone, way):
    X, _ = data
    for rows in ([0], [77], [N_ROWS - 1], list(range(20, 31))):
        assert_same_rows(explain(tree, X[rows], way, training_data=X), alone(way), rows, way)


@pytest.mark.parametrize("way", ["pooled", "local"])
def test_a_model_that_rounds_by_batch_costs_its_own_rounding_only(data, way):
    """The last bits of a matrix product depend on how many rows are predicted at once."""
    X, y = data
    model = LogisticRegression().fit(X, y)
    one = explain(model, X, way)
    with sklearn.config_context(working_memory=0.3):
        other = explain(model, X, way, n_jobs=3)
    for name in ("weights", "intercepts", "scores"):
        values = getattr(one.explanations, name)
        assert_allclose(getattr(other.explanations, name), values, rtol=0, atol=1e-10)
    assert_allclose(other.importances_mean, one.importances_mean, rtol=0, atol=1e-10)


# -- cross-validation


@cache
def fit(way, **params):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    inner = DecisionTreeClassifier(max_leaf_nodes=10, random_state=0)
    params = {**WAYS[way], "cv": 3, "max_samples": None, "random_state": 0, **params}
    return LimeImportanceWrapper(inner, **params).fit(X, X[:, 0] * X[:, 1] > 0)


def assert_same_fit(found, expected, way):
    for name in ("feature_importances_", "feature_importances_sem_", "fold_importances_"):
        values = [getattr(wrapper, name) for wrapper in (found, expected)]
        assert_allclose(*values, **tolerance(way), err_msg=name)
    for name in ("replicates", "scores", "sample_indices"):
        values = [getattr(wrapper.explanations_, name) for wrapper in (found, expected)]
        assert_allclose(*values, **tolerance(way), err_msg=name)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_folds_on_every_backend_have_the_same_bits(way, backend):
    with joblib.parallel_config(backend):
        found = fit.__wrapped__(way, n_jobs=2)
    assert_same_fit(found, fit(way, n_jobs=1), way)


# -- what the workers do, and what they get


@cache
def blas():
    return ThreadpoolController().select(user_api="blas")


def blas_threads():
    return max((pool["num_threads"] for pool in blas().info()), default=1)


def reports(data, before, **params):
    """What the workers tell, one number for each explained row."""
    tree = grow_tree(*data, DecisionTreeRegressor)
    params = {"num_samples": 2, "model_regressor": LeastSquares(before), **params}
    weights = explain(tree, data[0], "regressor", **params).explanations.weights
    return weights[:, 0, 0]


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_rows_are_split_over_processes(data, client, backend):
    assert set(reports(data, os.getpid, n_jobs=1)) == {os.getpid()}
    with joblib.parallel_config(backend):
        found = reports(data, os.getpid, n_jobs=2)
    assert os.getpid() not in found
    for half in np.split(found, 2):
        assert len(set(half)) == 1


class Threads(BaseEstimator):
    """A model that says how many threads a matrix product had when it was fitted."""

    def fit(self, X, y):
        self.threads_ = blas_threads()
        return self

    def predict(self, X):
        return X[:, 0]


@pytest.mark.parametrize("backend", [*BACKENDS, "dask"])
def test_workers_share_the_cores_for_matrix_products(data, client, backend, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)  # new workers would go by it
    n_cores = joblib.cpu_count()
    wrapper = LimeImportanceWrapper(Threads(), cv=2, num_samples=64, n_jobs=2)
    with threadpool_limits(4 * n_cores, user_api="blas"), joblib.parallel_config(backend):
        assert reports(data, blas_threads, n_jobs=1).min() >= 1
        assert reports(data, blas_threads, n_jobs=2).max() <= max(1, n_cores // 2)
        folds = wrapper.fit(*data).estimators_
        assert blas_threads() == 4 * n_cores  # as it was
    assert max(fold.threads_ for fold in folds) <= max(1, n_cores // 2)


def test_fewer_threads_than_the_cores_give_are_left_alone(data, monkeypatch):
    monkeypatch.setattr(workers, "cpu_count", lambda: 64)
    with threadpool_limits(1, user_api="blas"):
        assert set(reports(data, blas_threads, n_jobs=2)) == {1}


class StaysHere(DecisionTreeClassifier):
    """A model that cannot be sent to another process."""

    def __reduce__(self):
        raise TypeError("This model stays where it is.")


@pytest.mark.parametrize("way", POOLED)
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_the_model_of_a_pool_does_not_travel(data, client, alone, way, backend):
    model, expected = grow_tree(*data, StaysHere), alone(way)
    with joblib.parallel_config(backend):
        assert_same(explain(model, data[0], way, n_jobs=2), expected, way)


def test_the_model_of_local_neighbourhoods_travels(data):
    model = grow_tree(*data, StaysHere)
    with joblib.parallel_config("loky"), pytest.raises(Exception, match=r"stays|pickle"):
        explain(model, data[0], "local", n_jobs=2)


def test_what_travels_is_bin_numbers_and_effects(monkeypatch):
    """Not the table: neither its numbers nor its texts, however many and long."""
    sizes = []

    class Weighing(workers.Parallel):
        def __call__(self, tasks):
            tasks = list(tasks)
            sizes.extend(len(cloudpickle.dumps(task)) for task in tasks)
            return super().__call__(tasks)

    class First:
        def predict(self, X):
            return X["0"].to_numpy() * 2

    monkeypatch.setattr(workers, "Parallel", Weighing)
    n = 5000
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(n, 20))).rename(columns=str)
    table["text"] = [f"{'a long text ' * 10}{i}" for i in range(n)]
    params = {"num_samples": 512, "training_data": table, "n_jobs": 2, "random_state": 0}
    lime_importance(First(), table[:200], engine="pooled", **params)
    cells = 200 / 2 * 21 * 2  # two bytes each: so many texts
    assert len(sizes) == 2
    effects = 8 * (n + 20 * 4)  # in each replicate, and frequencies, groups and tables of pairs
    assert cells < min(sizes) <= max(sizes) < cells + 12 * effects
    assert table.memory_usage(deep=True).sum() > 2 * max(sizes)


# -- more than one machine


@pytest.mark.parametrize("way", WAYS)
def test_a_cluster_gives_the_same_bits(data, tree, client, alone, way):
    expected = alone(way)
    with joblib.parallel_config("dask"):
        assert_same(explain(tree, data[0], way, n_jobs=2), expected, way)


@pytest.mark.parametrize("way", ["pooled", "local"])
def test_folds_on_a_cluster_have_the_same_bits(client, way):
    with joblib.parallel_config("dask"):
        found = fit.__wrapped__(way, n_jobs=2)
    assert_same_fit(found, fit(way, n_jobs=1), way)


class Deadly(DecisionTreeRegressor):
    """A model that kills the process that it works in, once, but not the one it comes from."""

    def __init__(self, flag=None, home=None):
        super().__init__(random_state=0)
        self.flag, self.home = flag, home

    def strike(self):
        if os.getpid() == self.home:
            return
        with suppress(FileExistsError):  # one worker's: they may come at the same time
            Path(self.flag).touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)

    def predict(self, X):
        self.strike()
        return super().predict(X)


@pytest.mark.parametrize("way", ["local", "regressor", "folds"])
def test_a_worker_that_is_killed_at_work_changes_nothing(data, client, way, tmp_path):
    X, y = data
    model = Deadly(tmp_path / "flag", os.getpid()).fit(X, y)

    def importances(**params):
        if way == "folds":
            params = {"num_samples": 512, "cv": 3, "random_state": 0, **params}
            return LimeImportanceWrapper(model, **params).fit(X, y).fold_importances_
        if way == "regressor":
            params["model_regressor"] = LeastSquares(model.strike)
        return explain(model, X, way, **params).explanations.replicates

    expected = importances()
    client.wait_for_workers(2)
    before = set(client.run(os.getpid).values())
    with joblib.parallel_config("dask"):
        found = importances(n_jobs=2)
    client.wait_for_workers(2)
    assert len(before - set(client.run(os.getpid).values())) == 1
    assert_allclose(found, expected, **tolerance(way))
