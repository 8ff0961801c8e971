"""Inner models of every kind, and tables for them, for the tests of the wrapper."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.utils.validation import has_fit_parameter

from sklime import LimeImportanceWrapper

ENGINES = ["pooled", "local", "lime"]
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")

CLASSIFIERS = [
    LogisticRegression(),
    RandomForestClassifier(n_estimators=5, random_state=0),
    BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    KNeighborsClassifier(),
    GaussianNB(),
    SVC(random_state=0),
    LinearSVC(random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]
REGRESSORS = [
    Ridge(),
    SVR(),
    RandomForestRegressor(n_estimators=5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5, random_state=0),
    KNeighborsRegressor(),
    make_pipeline(StandardScaler(), Ridge()),
]
ALL = CLASSIFIERS + REGRESSORS
WEIGHTED = [inner for inner in ALL if has_fit_parameter(inner, "sample_weight")]


def name(value):
    return type(value).__name__


def wrap(inner, **params):
    """A wrapper that is as quick as its inner model."""
    return LimeImportanceWrapper(inner, **{"num_samples": 64, "random_state": 0, **params})


def data_for(inner, n_samples=60):
    """A table of four columns, the first two informative, and a target for the inner model."""
    if is_classifier(inner):
        X, y = make_classification(
            n_samples, 4, n_informative=2, n_redundant=0, shuffle=False, random_state=0
        )
        return X, y
    return make_regression(n_samples, 4, n_informative=2, shuffle=False, random_state=0)


def iris():
    return load_iris(return_X_y=True)


def weights_for(y, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2, len(y))


class CountingClassifier(LogisticRegression):
    """Counts, over all its instances, how often it is fitted and asked."""

    fits = asked = 0

    def fit(self, X, y, sample_weight=None):
        CountingClassifier.fits += 1
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        CountingClassifier.asked += 1
        return super().predict_proba(X)


class PredictOnly(ClassifierMixin, BaseEstimator):
    """The class with the nearest mean of the first column, and nothing but `predict`."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self._centers = np.array([X[y == c, 0].mean() for c in self.classes_])
        return self

    def predict(self, X):
        return self.classes_[np.abs(X[:, [0]] - self._centers).argmin(axis=1)]
