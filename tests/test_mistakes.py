"""Mistakes in parameters, X and y are found before the inner estimator is fitted."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from inner_models import data_for, wrap
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClusterMixin,
    OutlierMixin,
    RegressorMixin,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from sklime import LimeImportanceWrapper

ROWS = np.arange(8)
Y = ROWS % 2
X = np.random.default_rng(0).normal(size=(8, 3))


class Classifier(ClassifierMixin, BaseEstimator):
    """Its fit costs too much to find a mistake by."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("fitted before what was given was checked")

    def predict(self, X):
        raise AssertionError("asked")


class Regressor(RegressorMixin, Classifier):
    pass


class Decider(Classifier):
    def decision_function(self, X):
        raise AssertionError("asked")


class Detector(OutlierMixin, Classifier):
    def score_samples(self, X):
        raise AssertionError("asked")


class Clusterer(ClusterMixin, Classifier):
    pass


class Answerless(BaseEstimator):
    fit = Classifier.fit


def cells(*values):
    column = pd.Series([*values] * 8, dtype=object)[:8]
    return pd.DataFrame({"a": np.arange(8.0), "b": column})


def mistake(message, X=X, y=Y, inner=Classifier, weight=None, **params):
    return inner, X, y, {} if weight is None else {"sample_weight": weight}, params, message


MISTAKES = {
    "lists": mistake(r"must be hashable.*\['list'\] in column 'b'", cells([1], [2])),
    "dicts": mistake("must be hashable", cells({"a": 1})),
    "sets": mistake("must be hashable.* in column 1", cells({1}).to_numpy(object)),
    "arrays": mistake("must be hashable", cells(np.arange(2))),
    "tuples of lists": mistake("must be hashable", cells((1, [2]))),
    "a matrix": mistake("np.matrix is not supported", np.asmatrix(X)),
    "three axes": mistake("Found array with dim 3", X[..., None]),
    "names of two types": mistake(
        "only supported if all input features have string names",
        pd.DataFrame(X, columns=["a", "b", 3]),
    ),
    "a regressor without weights": mistake(
        "'model_regressor' parameter must be a linear model.* whose fit has sample_weight",
        engine="lime",
        model_regressor=KNeighborsRegressor(),
    ),
    "a regressor without coefficients": mistake(
        "'model_regressor' parameter must be a linear model, with coef_ and intercept_",
        engine="lime",
        model_regressor=DecisionTreeRegressor(),
    ),
    "a plan of a table": mistake("a lazy LazyFrame: X must be in memory", pl.DataFrame(X).lazy()),
    "no probabilities": mistake("the response predict, of classes", scoring="neg_log_loss"),
    "a score of numbers": mistake("predict, of classes", scoring="neg_mean_squared_error"),
    "a score of classes": mistake("predict, of numbers", inner=Regressor, scoring="accuracy"),
    "a score of text": mistake(
        "could not convert string to float",
        y=np.array(["u", "v"] * 4),
        inner=Regressor,
        scoring="auto",
    ),
    "a score of NaN": mistake(
        "Input y contains NaN", y=np.where(Y, np.nan, 1), inner=Regressor, scoring="auto"
    ),
    "a score of two targets": mistake(
        "must be None unless the target is one class a row",
        y=np.stack([Y, Y], axis=1),
        scoring="accuracy",
    ),
    "a score of anomalies": mistake("outlier_detector do not", inner=Detector, scoring="auto"),
    "a score of clusters": mistake("clusterer do not", inner=Clusterer, scoring="accuracy"),
    "no answers": mistake("Answerless has none of the following attributes", inner=Answerless),
    "labels": mistake(r"'labels' parameter must be .*values of \[0, 1\]", labels=[9]),
    "labels of a number": mistake(r"values of \[0\]", inner=Regressor, labels="x"),
    "labels of numbers": mistake(
        r"values of \[0, 1\]", y=np.stack([Y, Y], axis=1), inner=Regressor, labels=[1, "x"]
    ),
    "labels of decisions": mistake(r"values of \[0, 1\]", inner=Decider, labels=["x"]),
    "no labels of decisions": mistake("'labels' parameter must be", inner=Decider, labels=[]),
    "no labels": mistake("'labels' parameter must be", labels=[]),
    "signs of three classes": mistake("that keeps signs", y=ROWS % 3, aggregation="mean"),
    "classes of a number": mistake("classifiers only", inner=Regressor, aggregation="homogeneity"),
    "an aggregation": mistake("aggregation must return", aggregation=np.abs),
    "no workers": mistake("n_jobs == 0", n_jobs=0),
    "too many folds": mistake("n_splits=9", cv=9),
    "no groups": mistake("The 'groups' parameter should not be None", cv=GroupKFold(2)),
    "no folds": mistake("No fold of cv has rows", cv=[]),
    "rows that are not there": mistake("out of bounds", cv=[(ROWS, [8])]),
    "weights below 0": mistake("Negative values in data", weight=-Y),
}


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.filterwarnings("ignore:Rows that the model was fitted to")
def test_mistakes_are_found_before_anything_is_fitted(name, cv):
    inner, table, y, metadata, params, message = MISTAKES[name]
    wrapper = LimeImportanceWrapper(inner(), **{"cv": cv, **params})
    with pytest.raises((ValueError, TypeError, IndexError, AttributeError), match=f"(?s){message}"):
        wrapper.fit(table, y, **metadata)


def test_an_empty_fold_is_named_and_the_others_are_used():
    # masks stand for the rows where they are true, as everywhere in scikit-learn
    table, y = data_for(LogisticRegression())
    first = np.arange(60) < 30
    wrapper = wrap(LogisticRegression(), cv=[(first, ~first), (~first, [])])
    with pytest.warns(UserWarning, match="Fold 1 of cv is left out: it has no held-out row"):
        wrapper.fit(table, y)
    assert_array_equal(wrapper.explanations_.sample_indices, np.flatnonzero(~first))
    expected = LogisticRegression().fit(table[first], y[first]).predict_proba(table[~first])
    assert_allclose(wrapper.explanations_.predictions, expected)


def test_strings_and_numbers_may_be_levels_of_one_column():
    table = pd.DataFrame({"mixed": np.array(["u", 1, None, "v"] * 10, dtype=object)})
    table["useless"] = np.arange(40) % 3
    effect = {"u": 1.0, 1: 2.0, None: 0.0, "v": -3.0}

    class Model(Regressor):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return X["mixed"].map(effect).to_numpy(float)

    wrapper = wrap(Model(), num_samples=1024).fit(table, np.arange(40))
    assert wrapper.explanations_.bins.labels(0) == ["1", "u", "v", "missing"]
    # contributions of an effect of one column are its deviations from their mean, 0
    assert_allclose(wrapper.feature_importances_, [1.5, 0], atol=1e-9)
