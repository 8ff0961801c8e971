"""Targets of every container have the importances of the same target as an array."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from inner_models import wrap
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklime import lime_importance

X = np.random.default_rng(0).normal(size=(80, 4))
TIME = 2 * X[:, 0] + X[:, 1]
BOTH = np.column_stack([X[:, 2] > 0, TIME])
LABELS = np.column_stack([X[:, 2] > 0, TIME > 0]).astype(int)


class Survival(RegressorMixin, BaseEstimator):
    """Takes what a survival model takes: an event and a time."""

    def fit(self, X, y):
        both = [y["event"], y["time"]] if hasattr(y, "keys") or len(y.dtype or ()) else y.T
        self.model_ = LinearRegression().fit(X, np.column_stack([*map(np.asarray, both)]))
        return self

    def predict(self, X):
        return self.model_.predict(X)


def structured(array):
    pairs = [tuple(row) for row in array]
    return np.array(pairs, dtype=[("event", bool), ("time", float)])


SEVERAL = {
    "structured": structured,
    "pandas": lambda array: pd.DataFrame(array, columns=["event", "time"]),
}
SPARSE = {
    kind.__name__: kind
    for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix, sparse.lil_array)
}


@pytest.mark.parametrize("params", [{}, {"cv": 3}, {"discretizer": "entropy", "cv": 3}], ids=str)
@pytest.mark.parametrize("container", SEVERAL)
def test_targets_of_several_fields(container, params):
    ours = wrap(Survival(), **params).fit(X, SEVERAL[container](BOTH))
    theirs = wrap(Survival(), **params).fit(X, BOTH)
    assert_array_equal(ours.feature_importances_, theirs.feature_importances_)


@pytest.mark.parametrize("params", [{}, {"cv": 3}, {"discretizer": "entropy", "cv": 3}], ids=str)
@pytest.mark.parametrize("container", SPARSE)
def test_sparse_labels(container, params):
    model = OneVsRestClassifier(LogisticRegression())
    ours = wrap(model, **params).fit(X, SPARSE[container](LABELS))
    theirs = wrap(model, **params).fit(X, LABELS)
    assert_array_equal(ours.feature_importances_, theirs.feature_importances_)


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
@pytest.mark.parametrize("container", [pd.Series, pl.Series, pa.array, list, np.atleast_2d])
def test_a_target_of_numbers(container, scoring):
    params = {"scoring": scoring, "discretizer": "entropy", "num_samples": 64, "random_state": 0}
    model = LinearRegression().fit(X, TIME)
    y = container(TIME)
    y = y.T if container is np.atleast_2d else y
    ours, theirs = lime_importance(model, X, y, **params), lime_importance(model, X, TIME, **params)
    assert_array_equal(ours.importances_mean, theirs.importances_mean)


@pytest.mark.parametrize("params", [{}, {"scoring": "accuracy"}, {"labels": "yes"}], ids=str)
@pytest.mark.parametrize("container", [pd.Series, pl.Series, pd.DataFrame, np.vstack])
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_a_target_of_classes_may_be_one_column(container, params):
    y = np.where(TIME > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)
    ours, theirs = (
        wrap(LogisticRegression(), cv=3, **params).fit(X, target) for target in (container(y), y)
    )
    assert_array_equal(ours.feature_importances_, theirs.feature_importances_)
    again = ours.explain(X[:9], container(y[:9])), theirs.explain(X[:9], y[:9])
    assert_array_equal(*(part.attributions for part in again))
    params = {"max_samples": 40, "random_state": 0, **params}
    found = [lime_importance(model, X, target, **params) for target in (container(y), y)]
    assert_array_equal(*(each.importances_mean for each in found))


def test_entropy_cuts_a_table_by_its_own_target_only():
    model = LinearRegression().fit(X, TIME)
    with pytest.raises(ValueError, match="Got that of X beside training_data instead"):
        lime_importance(model, X[:9], TIME[:9], training_data=X, discretizer="entropy")


def test_a_score_of_more_targets_than_outputs_is_refused():
    model = LinearRegression().fit(X, TIME)
    with pytest.raises(ValueError, match="Got 1 outputs for 2 targets instead"):
        lime_importance(model, X, BOTH, scoring="neg_mean_squared_error")
