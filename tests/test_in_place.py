"""A model that changes the rows it is given has the importances of one that copies them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from inner_models import wrap
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler
from sklearn.svm import SVC

from sklime import lime_importance

RNG = np.random.default_rng(0)
X = 3 * RNG.normal(size=(120, 3)) + 5
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
Y = X[:, 0] * X[:, 1] / 10 + X[:, 2]
SETTINGS = [
    {},
    {"kernel_width": 0},
    {"kernel_width": 0, "conditional": True, "cv": 2},
    {"engine": "local", "cv": 2},
    {"engine": "lime", "max_samples": 2},
    {"scoring": "auto", "cv": 2},
]


def assign(X):
    X["a"], X["product"] = -X["a"], X["a"] * X["b"]
    return X


def zero(X):
    X.loc[X["a"] > 5, "b"] = 0.0
    return X


def negate(X):
    X *= -1
    return X


def steps(function):
    return FunctionTransformer(function), FunctionTransformer(lambda X: function(X.copy()))


TABLES = {
    "pandas": (FRAME, *steps(assign)),
    "rows of pandas": (FRAME, *steps(zero)),
    "scaled pandas": (FRAME, StandardScaler(copy=False), StandardScaler()),
    "array": (X, StandardScaler(copy=False), StandardScaler()),
    "sparse": (sparse.csr_array(X), MaxAbsScaler(copy=False), MaxAbsScaler()),
}


@pytest.mark.parametrize("params", SETTINGS, ids=str)
@pytest.mark.parametrize("container", TABLES)
def test_steps_may_change_rows_in_place(container, params):
    table, in_place, copying = TABLES[container]
    found = []
    for step in (in_place, copying):
        wrapper = wrap(make_pipeline(step, LinearRegression()), **params).fit(table.copy(), Y)
        again = wrapper.explain(table.copy(), Y)
        found.append((wrapper.feature_importances_, again.attributions, again.predictions))
    for ours, theirs in zip(*found, strict=True):
        assert_array_equal(ours, theirs)
    assert found[0][0].max() > 0


@pytest.mark.parametrize("params", [{}, {"kernel_width": 0}, {"engine": "local"}], ids=str)
@pytest.mark.parametrize("container", TABLES)
def test_a_fitted_model_leaves_the_rows_explained_as_they_are(container, params):
    table, in_place, copying = TABLES[container]
    found = []
    for step in (in_place, copying):
        model = make_pipeline(step, LinearRegression()).fit(table.copy(), Y)
        given = table.copy()
        found.append(lime_importance(model, given, random_state=0, **params).importances_mean)
        dense = (rows.toarray() if container == "sparse" else rows for rows in (given, table))
        assert_array_equal(*dense)
    assert_array_equal(*found)


@pytest.mark.parametrize("shape", ["ovo", "ovr"])
def test_rows_are_the_same_for_every_method_that_is_asked(shape):
    # Decisions between pairs of three classes look like those for each, and labels tell.
    y = np.digitize(Y, [6, 9])
    models = [
        make_pipeline(step, SVC(decision_function_shape=shape)) for step in TABLES["array"][1:]
    ]
    found = [wrap(model).fit(X.copy(), y).feature_importances_ for model in models]
    assert_array_equal(*found)


class Overwriting(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        negate(X.data if sparse.issparse(X) else X)
        return self

    def predict(self, X):
        return np.asarray(X[:, [0]].sum(axis=1)).ravel()


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("container", [np.array, sparse.csr_array, sparse.csc_matrix])
def test_a_fit_that_changes_the_array_unasked_is_named(container, cv):
    with pytest.raises(ValueError, match="Overwriting changed X in its fit"):
        wrap(Overwriting(), cv=cv).fit(container(X), Y)


def test_frames_that_cannot_change_are_taken_as_they_are():
    frame = pl.DataFrame(X, schema=["a", "b", "c"])
    model = make_pipeline(StandardScaler(copy=False), LinearRegression())
    ours, theirs = wrap(model).fit(frame, Y), wrap(model).fit(FRAME.copy(), Y)
    assert_array_equal(ours.feature_importances_, theirs.feature_importances_)
