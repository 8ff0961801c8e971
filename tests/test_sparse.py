"""Sparse tables: the model gets its format, the numbers are the dense ones, memory is bounded."""

import tracemalloc

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]

FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr"]


def counts(n_rows=80, n_columns=6, seed=0):
    """Counts as of words, most of them 0, in two classes that differ in two columns."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_rows)
    rates = np.full((n_rows, n_columns), 0.3)
    rates[:, 1] += y
    rates[:, 4] += 1 - y
    X = rng.poisson(rates).astype(float)
    X[:, 5] *= rng.normal(size=n_rows)  # both signs
    return X, y


class Recorder(RegressorMixin, BaseEstimator):
    """A weighted sum that insists on the kind of matrix of `fit`."""

    def fit(self, X, y=None):
        self.kind_ = type(X), X.dtype, X.shape[1]
        return self

    def predict(self, X):
        assert (type(X), X.dtype, X.shape[1]) == self.kind_
        dense = X.toarray() if sparse.issparse(X) else X
        # Element by element: sums of products may round differently in other memory orders.
        return sum(dense[:, j].astype(float) * (j - 1.5) for j in range(X.shape[1]))


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("engine", ["pooled", "local", "lime"])
@pytest.mark.parametrize("container", ["array", "matrix"])
@pytest.mark.parametrize("format", FORMATS)
def test_the_model_gets_the_format_it_was_fitted_on_and_the_dense_numbers(
    format, container, engine, cv
):
    X, y = counts()
    wrapper = LimeImportanceWrapper(
        Recorder(), engine=engine, cv=cv, num_samples=64, max_samples=4, random_state=0
    )
    expected = wrapper.fit(X, y)
    dense = expected.explanations_, expected.feature_importances_
    S = getattr(sparse, f"{format}_{container}")(X)
    wrapper.fit(S, y)
    assert type(wrapper.explanations_.data) is type(S)
    assert_array_equal(wrapper.explanations_.weights, dense[0].weights)
    assert_array_equal(wrapper.feature_importances_, dense[1])
    assert np.abs(dense[0].weights).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_dtypes_are_kept_and_weights_are_the_dense_ones(dtype):
    X, _ = counts()
    X = X.astype(dtype)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    results = [
        lime_importance(
            Recorder().fit(table), table, sample_weight=weight, num_samples=256, random_state=0
        )
        for table in (X, sparse.csr_array(X), sparse.csc_matrix(X))
    ]
    for result in results[1:]:
        assert_array_equal(result.importances, results[0].importances)
    assert results[0].importances_mean.max() > 0.1


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_a_tree_on_sparse_counts_is_explained_as_on_dense_ones(index_dtype):
    X, y = counts(300)
    S = sparse.csc_matrix(X)
    S.indices, S.indptr = S.indices.astype(index_dtype), S.indptr.astype(index_dtype)
    wrapper = LimeImportanceWrapper(
        DecisionTreeClassifier(max_depth=4, random_state=0),
        categorical_features=[0, 1, 2],
        num_samples=1024,
        random_state=0,
    )
    expected = wrapper.fit(X, y).feature_importances_
    assert_array_equal(wrapper.fit(S, y).feature_importances_, expected)
    assert set(np.argsort(-expected)[:2]) == {1, 4}
    before = S.data.copy(), S.indices.copy(), S.indptr.copy()
    by_dtype = clone(wrapper).set_params(categorical_features="from_dtype")
    for selector in (
        SelectFromModel(wrapper, max_features=2),
        RFE(by_dtype, n_features_to_select=2),
    ):
        assert selector.fit(S, y).get_support(indices=True).tolist() == [1, 4]
    for array, copy in zip((S.data, S.indices, S.indptr), before, strict=True):
        assert_array_equal(array, copy)


def test_explicit_zeros_and_missing_values_are_values_like_others():
    X = np.array([[0, np.nan], [1, 0], [0, 2], [3, 0], [0, np.nan], [0, 5.0]])
    rows, columns = np.nonzero(X)
    cells = np.append(X[rows, columns], 0), (np.append(rows, 0), np.append(columns, 0))
    S = sparse.csr_array(cells, shape=X.shape)
    assert S.nnz == 7  # a zero is stored

    class MissingIsSignal(Recorder):
        def predict(self, X):
            X = X.toarray() if sparse.issparse(X) else X
            return np.isnan(X[:, 1]) * 1.0 + X[:, 0]

    results = [
        lime_importance(MissingIsSignal().fit(T), T, num_samples=256, random_state=0)
        for T in (X, S)
    ]
    assert_array_equal(results[0].importances, results[1].importances)
    assert results[1].explanations.bins.labels(1) == ["x <= 0", "0 < x <= 2", "x > 2", "missing"]
    assert results[1].importances_mean.min() > 0.3


def test_a_wide_sparse_table_is_explained_within_the_working_memory():
    rng = np.random.default_rng(0)
    X = sparse.random(11_314, 2_500, 0.01, format="lil", random_state=rng)
    X[:, [0, 1]] = rng.random((11_314, 2)) < 0.3
    X = X.tocsr()
    y = X[:, [0]].toarray().ravel() - 2 * X[:, [1]].toarray().ravel()
    model = Ridge(alpha=1e-3, solver="lsqr").fit(X, y)
    megabytes = 48
    with sklearn.config_context(working_memory=megabytes):
        tracemalloc.start()
        result = lime_importance(
            model, X, max_samples=20, num_samples=1024, values="contributions", random_state=0
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    explanations = result.explanations
    own = explanations.replicates.nbytes + explanations.weights.nbytes + result.importances.nbytes
    assert peak - own < megabytes * 2**20  # the table made dense has 216 MiB
    assert np.argsort(-result.importances_mean)[:2].tolist() == [1, 0]
