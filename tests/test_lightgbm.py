"""LightGBM inside the wrapper, and the wrapper inside scikit-learn's tools."""

from typing import ClassVar

import lightgbm
import pytest
from boosters import Boosters

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


class TestLightGBM(Boosters):
    regressor = lightgbm.LGBMRegressor
    classifier = lightgbm.LGBMClassifier
    ranker = lightgbm.LGBMRanker
    params: ClassVar = {
        "n_estimators": 20,
        "max_depth": 3,
        "verbose": -1,
        "n_jobs": 1,
        "random_state": 0,
    }

    def by_parameter(self, columns):
        return {}, {"categorical_feature": columns}

    def stopping(self, X, y):
        callbacks = [lightgbm.early_stopping(2, verbose=False)]
        return {}, {"eval_set": [(X, y)], "callbacks": callbacks}

    def groups(self, sizes):
        return {"group": sizes}
