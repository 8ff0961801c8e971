"""Draw the pictures of the README. Run as ``python benchmarks/pictures.py``."""

from pathlib import Path

import matplotlib as mpl
from palmerpenguins import load_penguins
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklime import LimeImportanceDisplay, LimeImportanceWrapper

HERE = Path(__file__).parent


def main() -> None:
    mpl.use("Agg")
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    wrapper = LimeImportanceWrapper(RandomForestClassifier(random_state=0), random_state=0)
    wrapper.fit(X, y)
    for kind in ("bar", "beeswarm"):
        save(LimeImportanceDisplay.from_estimator(wrapper, kind=kind, max_features=10), kind)

    folds = cross_validate(wrapper, X, y, cv=5, return_estimator=True)
    save(LimeImportanceDisplay.from_cv_results(folds, max_features=10), "box")

    permuted = permutation_importance(wrapper.estimator_, X, y, random_state=0).importances_mean
    importances = {
        "LIME": wrapper.feature_importances_,
        "permutation": permuted,
        "impurity": wrapper.estimator_.feature_importances_,
    }
    display = LimeImportanceDisplay.from_importances(
        importances, feature_names=X.columns, max_features=10
    )
    save(display, "compare")

    # The model of the README's recipe, which names what the picture shows.
    penguins = load_penguins()
    columns, species = penguins.drop(columns=["species", "year"]), penguins["species"]
    prepare = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        remainder=make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    )
    model = make_pipeline(prepare, LogisticRegression())
    logistic = LimeImportanceWrapper(model, random_state=0).fit(columns, species)
    save(LimeImportanceDisplay.from_estimator(logistic, kind="heatmap"), "heatmap")


def save(display: LimeImportanceDisplay, name: str) -> None:
    display.figure_.savefig(HERE / "images" / f"{name}.png", dpi=70, bbox_inches="tight")


if __name__ == "__main__":
    main()
