"""Scores on held-out rows, columns worth keeping, and columns that give the target away."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import _safe_indexing

from .data import KEEP, Dataset
from .models import around
from .terminal import progress

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
        least = np.sort(np.unique(data.y, return_counts=True)[1])[-2] if data.classes else n_rows
        # In each fold there are folds again, and one row has no R².
        if n_folds is not None and least < 2 * n_folds:
            of = "two classes of " if data.classes else ""
            raise ValueError(f"--cv {n_folds} needs {of}{2 * n_folds} rows; there are {least}")
        splitter = StratifiedKFold if data.classes else KFold
        self.splitter = splitter(n_folds or _N_FOLDS, shuffle=True, random_state=seed)
        self.folds: list[Any] = []
        if least >= (1 if data.classes else 2) * _N_FOLDS or n_folds:
            n_used = 1 if n_folds is None and n_rows > _MANY_ROWS else None
            self.folds = list(islice(self.splitter.split(np.zeros(n_rows), data.y), n_used))

    def scores(self, model: Any, columns: Any = None, folds: Any = None) -> NDArray[np.float64]:
        """The score of a model in each fold, perhaps on some columns only; without any, of none."""
        X, y = self.data.X, self.data.y
        if columns is not None and not len(columns):
            model = DummyClassifier() if self.data.classes else DummyRegressor()
        elif columns is not None:
            X = _safe_indexing(X, list(columns), axis=1)
            model = around(model, X)
        scoring = "accuracy" if self.data.classes else "r2"
        return cross_val_score(
            model, X, y, cv=folds or self.folds, scoring=scoring, error_score="raise"
        )

    def judge(self, model: Any, order: Sequence[int]) -> tuple[NDArray[np.float64], Any]:
        """The scores of the model, and what to print of them and of the first columns.

        A column that alone tells nearly all about the target gives it away.
        """
        if not self.folds:
            return np.array([]), {"Score": "not known: too few rows to hold some out"}
        data, scores, least = self.data, self.scores(model), self.scores(model, []).mean()
        n_rows = sum(len(test) for _, test in self.folds)
        said = f"{self.metric} {scores.mean():.3f} on {n_rows:,} held-out rows"
        chance = f", {least:.3f} by naming the commonest class" if data.classes else ""
        doubts = []
        if scores.mean() <= least:
            doubts.append("the model predicts no better than without columns")
        tree = DecisionTreeClassifier if data.classes else DecisionTreeRegressor
        for j in order[:_SUSPECTS]:
            score = self.scores(tree(min_samples_leaf=3), [j], self.folds[:1]).mean()
            if score - least > _GIVEN_AWAY * (1 - least):
                doubts.append(
                    f"{data.columns[j]} alone tells {data.target} ({self.metric} {score:.3f}): "
                    "would it be known before? If not, --drop it"
                )
        careful = {"Careful": "; ".join(doubts)} if doubts else {}
        return scores, {"Score": f"{said}{chance}"} | careful

    def compare(self, wrapper: Any, with_all: NDArray[np.float64], top: int | None) -> list[str]:
        """Lines of scores: without a column, with those chosen, with all.

        What is chosen is chosen anew in each fold, by its training rows: columns told to help
        and, if asked for, the `top` ones that help most.
        """
        model, kept, best, sizes = wrapper.estimator[-1], [], [], []
        for k, (train, test) in enumerate(self.folds, start=1):
            progress(f"choosing columns in fold {k} of {len(self.folds)}")
            chosen = clone(wrapper).set_params(cv=self.splitter, keep_explanations=False)
            chosen.fit(_safe_indexing(self.data.X, train), self.data.y[train])
            helping = np.flatnonzero(chosen.confidences_ >= KEEP)
            sizes.append(len(helping))
            kept += self.scores(model, helping, [(train, test)]).tolist()
            if top is not None:
                order = np.argsort(-chosen.importances_.gains, kind="stable")
                best += self.scores(model, order[:top], [(train, test)]).tolist()
        n_kept = " to ".join(map(str, sorted({min(sizes), max(sizes)})))
        scores = {"no column": self.scores(model, []), f"{n_kept} kept": np.array(kept)}
        if top is not None and top < len(self.data.columns):
            scores[f"{top} best"] = np.array(best)
        scores[f"all {len(self.data.columns)}"] = with_all
        width = max(map(len, scores))
        return [
            "",
            f"Mean {self.metric} ± standard deviation over {len(self.folds)} folds,",
            "columns chosen anew in each by its training rows:",
            *(
                f"  {name:{width}}  {round(each.mean(), 3) + 0.0:6.3f} ± {each.std():.3f}"
                for name, each in scores.items()
            ),
        ]
