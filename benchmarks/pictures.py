"""Draw the pictures of the README. Run as ``python benchmarks/pictures.py``."""

from pathlib import Path

import matplotlib as mpl
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_validate

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

    penguins = load_penguins().astype({"island": "category", "sex": "category"})
    columns, species = penguins.drop(columns=["species", "year"]), penguins["species"]
    boosting = LimeImportanceWrapper(HistGradientBoostingClassifier(random_state=0), random_state=0)
    boosting.fit(columns, species)
    save(LimeImportanceDisplay.from_estimator(boosting, kind="heatmap"), "heatmap")


def save(display: LimeImportanceDisplay, name: str) -> None:
    display.figure_.savefig(HERE / f"{name}.png", dpi=70, bbox_inches="tight")


if __name__ == "__main__":
    main()
