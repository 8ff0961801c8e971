"""Models for the command line: pipelines that take any columns, missing values included."""

from collections.abc import Callable
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

# Stopping early would set rows aside, which a class of one row does not allow. Without a little
# regularization, rare classes let boosting diverge.
_BOOSTING = {
    "early_stopping": False,
    "categorical_features": "from_dtype",
    "l2_regularization": 1.0,
}


def _scaled(regressor: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


# Classifier and regressor by their random state; the default comes first.
ESTIMATORS: dict[str, tuple[Callable[[int], Any], Callable[[int], Any]]] = {
    "hist_gradient_boosting": (
        lambda seed: HistGradientBoostingClassifier(**_BOOSTING, random_state=seed),
        lambda seed: HistGradientBoostingRegressor(**_BOOSTING, random_state=seed),
    ),
    "random_forest": (
        lambda seed: RandomForestClassifier(n_jobs=-1, random_state=seed),
        lambda seed: RandomForestRegressor(n_jobs=-1, random_state=seed),
    ),
    "linear": (lambda _: LogisticRegression(max_iter=1000), lambda _: Ridge()),
    "svm": (lambda _: SVC(), lambda _: _scaled(SVR())),
    "knn": (lambda _: KNeighborsClassifier(), lambda _: _scaled(KNeighborsRegressor())),
    "mlp": (
        lambda seed: MLPClassifier(max_iter=1000, random_state=seed),
        lambda seed: _scaled(MLPRegressor(max_iter=1000, random_state=seed)),
    ),
}


def make_estimator(name: str, X: Any, *, classify: bool, seed: int) -> Pipeline:
    """Return an unfitted pipeline around a model of that name, for a table like `X`."""
    model, n_rows = ESTIMATORS[name][not classify](seed), len(X)
    # Leaves of 20 rows tell nothing of a few, and those have few neighbours, fewer in a fold.
    if name == "hist_gradient_boosting":
        model.set_params(min_samples_leaf=min(20, max(1, n_rows // 6)))
    elif name == "knn":
        getattr(model, "regressor", model).set_params(n_neighbors=min(5, max(1, n_rows // 4)))
    return around(model, X)


def around(model: Any, X: Any) -> Pipeline:
    """Return the model behind what prepares the columns of `X` for it."""
    if not hasattr(X, "columns"):
        return make_pipeline(StandardScaler(), model)
    from skrub import DatetimeEncoder, tabular_pipeline

    # All categories are levels, for texts have been left out; a date is not to outweigh all else.
    pipeline = tabular_pipeline(model).set_params(
        tablevectorizer__cardinality_threshold=256, tablevectorizer__datetime=DatetimeEncoder()
    )
    if X.isna().any().all():  # each column may be empty in a fold, and then is dropped
        pipeline.steps.insert(0, ("constant", FunctionTransformer(_with_constant)))
    return pipeline


def _with_constant(X: Any) -> Any:
    return X.assign(**{" constant": 0.0})  # no other name begins with a space
