"""Scores on held-out rows, and columns that give the target away."""

from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .data import Dataset
from .models import around

# Quarters are held out unless the user asks for folds; of more rows, one quarter is enough.
_N_FOLDS = 4
_MANY_ROWS = 5_000

# First columns that are tried alone, and the share of the target that no honest one should tell.
_SUSPECTS = 3
_GIVEN_AWAY = 0.97


class HeldOut:
    """Rows held out to score models on: in folds, or quarters, or one quarter of many rows."""

    def __init__(self, data: Dataset, n_folds: int | None, seed: int) -> None:
        self.data, n_rows = data, len(data.y)
        self.metric = "accuracy" if data.classes else "R²"
        self.folds: list[Any] = []
        sizes: Any = np.sort(np.unique(data.y, return_counts=True)[1]) if data.classes else []
        if n_folds is not None and data.classes and sizes[-1] < n_folds:
            raise ValueError(f"--cv {n_folds} needs a class of as many rows; there are {sizes[-1]}")
        if n_folds is not None and n_rows < 2 * n_folds:  # one row has no R²
            raise ValueError(f"--cv {n_folds} needs {2 * n_folds} rows; there are {n_rows}")
        if n_folds or (sizes[-2] if data.classes else n_rows // 2) >= _N_FOLDS:
            splitter = StratifiedKFold if data.classes else KFold
            splits = splitter(n_folds or _N_FOLDS, shuffle=True, random_state=seed)
            n_used = 1 if n_folds is None and n_rows > _MANY_ROWS else None
            self.folds = list(islice(splits.split(np.zeros(n_rows), data.y), n_used))

    def scores(self, model: Any, X: Any = None, n_folds: int | None = None) -> NDArray[np.float64]:
        """The score of a model in each fold or the first of them, perhaps on other columns."""
        X = self.data.X if X is None else X
        scoring, folds = "accuracy" if self.data.classes else "r2", self.folds[:n_folds]
        return cross_val_score(
            model, X, self.data.y, cv=folds, scoring=scoring, error_score="raise"
        )

    @cached_property
    def baseline(self) -> NDArray[np.float64]:
        """The scores without a column: of the commonest class, or the mean."""
        model = DummyClassifier() if self.data.classes else DummyRegressor()
        return self.scores(model, np.zeros((len(self.data.y), 1)))

    def judge(self, model: Any, order: NDArray[np.intp]) -> tuple[NDArray[np.float64], Any]:
        """The scores of the model, and what to print of them and of the first columns.

        A column that alone tells nearly all about the target gives it away.
        """
        if not self.folds:
            return np.array([]), {"Score": "not known: too few rows to hold some out"}
        data, scores, least = self.data, self.scores(model), self.baseline.mean()
        n_rows = sum(len(test) for _, test in self.folds)
        said = f"{self.metric} {scores.mean():.3f} on {n_rows:,} held-out rows"
        chance = f", {least:.3f} by naming the commonest class" if data.classes else ""
        doubts = []
        if scores.mean() <= least:
            doubts.append("the model predicts no better than without columns")
        tree = DecisionTreeClassifier if data.classes else DecisionTreeRegressor
        for j in order[:_SUSPECTS]:
            X = data.X.iloc[:, [j]] if hasattr(data.X, "iloc") else data.X[:, [j]]
            score = self.scores(around(tree(min_samples_leaf=3), X), X, n_folds=1).mean()
            if score - least > _GIVEN_AWAY * (1 - least):
                doubts.append(
                    f"{data.columns[j]} alone tells {data.target} ({self.metric} {score:.3f}): "
                    "would it be known before? If not, --drop it"
                )
        careful = {"Careful": "; ".join(doubts)} if doubts else {}
        return scores, {"Score": f"{said}{chance}"} | careful
