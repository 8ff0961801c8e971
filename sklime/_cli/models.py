"""Models for the command line: pipelines that take any columns, missing values included."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR


def _known(X: Any) -> list[int]:
    """Columns with any value. The others teach nothing, and some models fail with them."""
    missing = X.isna().to_numpy() if hasattr(X, "columns") else np.isnan(X)
    return [j for j, empty in enumerate(missing.all(axis=0)) if not empty]


def _levels(X: Any) -> list[int]:
    """Columns of categories."""
    dtypes = list(X.dtypes) if hasattr(X, "columns") else []
    return [j for j in _known(X) if dtypes and dtypes[j] == "category"]


def _numbers(X: Any) -> list[int]:
    """Columns of numbers."""
    return sorted(set(_known(X)) - set(_levels(X)))


def _native(model: Any) -> Pipeline:
    """Pipeline of a model that takes categories and missing values."""
    columns = [("columns", "passthrough", _known)]
    return make_pipeline(ColumnTransformer(columns, verbose_feature_names_out=False), model)


def _coded(model: Any) -> Pipeline:
    """Pipeline of a model that takes missing values, and numbers for categories."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = [("numbers", "passthrough", _numbers), ("levels", encoder, _levels)]
    return make_pipeline(ColumnTransformer(columns), model)


def _scaled(model: Any) -> Pipeline:
    """Pipeline of a model that takes numbers of one scale."""
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [
        ("numbers", make_pipeline(StandardScaler(), imputer), _numbers),
        ("levels", encoder, _levels),
    ]
    return make_pipeline(ColumnTransformer(columns), model)


def _scaled_target(regressor: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def _hist_gradient_boosting(classify: bool, seed: int) -> Pipeline:
    model = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    # Stopping early would set rows aside, which a class of one row does not allow.
    return _native(model(early_stopping=False, random_state=seed))


def _random_forest(classify: bool, seed: int) -> Pipeline:
    model = RandomForestClassifier if classify else RandomForestRegressor
    return _coded(model(random_state=seed))


def _linear(classify: bool, seed: int) -> Pipeline:
    return _scaled(LogisticRegression(max_iter=1000) if classify else Ridge())


def _svm(classify: bool, seed: int) -> Pipeline:
    return _scaled(SVC() if classify else _scaled_target(SVR()))


def _knn(classify: bool, seed: int) -> Pipeline:
    return _scaled(KNeighborsClassifier() if classify else KNeighborsRegressor())


def _mlp(classify: bool, seed: int) -> Pipeline:
    if classify:
        return _scaled(MLPClassifier(max_iter=1000, random_state=seed))
    return _scaled(_scaled_target(MLPRegressor(max_iter=1000, random_state=seed)))


# The default comes first.
ESTIMATORS: dict[str, Callable[[bool, int], Pipeline]] = {
    "hist_gradient_boosting": _hist_gradient_boosting,
    "random_forest": _random_forest,
    "linear": _linear,
    "svm": _svm,
    "knn": _knn,
    "mlp": _mlp,
}


def make_estimator(name: str, X: Any, *, classify: bool, seed: int) -> Pipeline:
    """Return an unfitted pipeline for the columns as they are.

    Parameters
    ----------
    name : str
        One of ``ESTIMATORS``.
    X : ndarray of numbers or pandas.DataFrame of numbers and categories
        The kind of table that the pipeline will get.
    classify : bool
        Whether the target has classes.
    seed : int
        Random state of a model that draws random numbers.

    Returns
    -------
    pipeline : Pipeline
    """
    container = "pandas" if hasattr(X, "columns") else "default"
    return ESTIMATORS[name](classify, seed).set_output(transform=container)
