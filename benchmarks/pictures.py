"""Draw the pictures of the README. Run as ``python benchmarks/pictures.py``."""

from pathlib import Path

import matplotlib as mpl
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from sklime import LimeImportanceDisplay, LimeImportanceWrapper

HERE = Path(__file__).parent


def main() -> None:
    mpl.use("Agg")
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    wrapper = LimeImportanceWrapper(RandomForestClassifier(random_state=0), random_state=0)
    wrapper.fit(X, y)
    for kind in ("bar", "beeswarm"):
        display = LimeImportanceDisplay.from_estimator(wrapper, kind=kind, max_features=10)
        display.figure_.savefig(HERE / f"{kind}.png", dpi=80, bbox_inches="tight")


if __name__ == "__main__":
    main()
