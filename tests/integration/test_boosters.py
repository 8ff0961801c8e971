"""CatBoost and XGBoost inside the wrapper, and the wrapper inside scikit-learn's tools."""

from typing import ClassVar

import catboost
import numpy as np
import pytest
import xgboost
from boosters import Boosters

pytestmark = pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning")


class TestCatBoost(Boosters):
    regressor = catboost.CatBoostRegressor
    classifier = catboost.CatBoostClassifier
    ranker = catboost.CatBoostRanker
    params: ClassVar = {
        "n_estimators": 20,
        "max_depth": 3,
        "verbose": 0,
        "thread_count": 1,
        "random_state": 0,
        "allow_writing_files": False,
    }

    def by_dtype(self):
        return {}, {"cat_features": ["shop (name)"]}  # it does not know them by itself

    def by_parameter(self, columns):
        return {}, {"cat_features": columns}

    def stopping(self, X, y):
        return {"early_stopping_rounds": 2}, {"eval_set": (X, y)}

    def groups(self, sizes):
        return {"group_id": np.repeat(np.arange(len(sizes)), sizes)}


class TestXGBoost(Boosters):
    regressor = xgboost.XGBRegressor
    classifier = xgboost.XGBClassifier
    ranker = xgboost.XGBRanker
    params: ClassVar = {"n_estimators": 20, "max_depth": 3, "n_jobs": 1, "random_state": 0}

    def by_dtype(self):
        return {"enable_categorical": True}, {}

    def by_parameter(self, columns):
        types = ["c" if j in columns else "q" for j in range(4)]
        return {"feature_types": types, "enable_categorical": True}, {}

    def stopping(self, X, y):
        return {"early_stopping_rounds": 2}, {"eval_set": [(X, y)], "verbose": False}

    def groups(self, sizes):
        return {"qid": np.repeat(np.arange(len(sizes)), sizes)}
