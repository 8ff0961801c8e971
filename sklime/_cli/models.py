"""Models for the command line: pipelines that take any columns, missing values included."""

from functools import partial
from typing import Any

from sklearn import clone, ensemble
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

# Stopping early would set rows aside, which a class of one row does not allow. Without a little
# regularization, rare classes let boosting diverge.
_BOOSTING: dict[str, Any] = {"early_stopping": False, "l2_regularization": 1.0}

_scaled = partial(TransformedTargetRegressor, transformer=StandardScaler())

# Classifier and regressor; the default comes first.
ESTIMATORS: dict[str, tuple[Any, Any]] = {
    "hist_gradient_boosting": (
        ensemble.HistGradientBoostingClassifier(**_BOOSTING),
        ensemble.HistGradientBoostingRegressor(**_BOOSTING),
    ),
    "random_forest": (
        ensemble.RandomForestClassifier(n_jobs=-1),
        ensemble.RandomForestRegressor(n_jobs=-1),
    ),
    "linear": (LogisticRegression(max_iter=1000), Ridge()),
    "svm": (SVC(), _scaled(SVR())),
    "knn": (KNeighborsClassifier(), KNeighborsRegressor()),
    "mlp": (MLPClassifier(max_iter=1000), _scaled(MLPRegressor(max_iter=1000))),
}


def make_estimator(name: str, X: Any, *, classify: bool, seed: int) -> Pipeline:
    """Return an unfitted pipeline around a model of that name, for a table like `X`."""
    model, n_rows = clone(ESTIMATORS[name][not classify]), len(X)
    # Leaves of 20 rows tell nothing of a few, and those have few neighbours, fewer in a fold.
    chosen = {"random_state": seed, "n_neighbors": min(5, max(1, n_rows // 4))}
    if name == "hist_gradient_boosting":
        chosen["min_samples_leaf"] = min(20, max(1, n_rows // 6))
    inner = getattr(model, "regressor", model)
    inner.set_params(**{key: chosen[key] for key in chosen.keys() & inner.get_params()})
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
