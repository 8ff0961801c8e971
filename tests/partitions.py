"""A table and a fitted wrapper whose partitions are explained in several places."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from sklime import LimeImportanceWrapper

KEY = "customer"


def table_and_wrapper():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"age": rng.normal(size=500), "shop": rng.choice(["a", "b", "c"], 500)},
        index=pd.RangeIndex(500, name=KEY),
    )
    X["visits"] = rng.integers(0, 9, 500)
    y = X["age"] * (X["shop"] == "a") + X["visits"]
    encode = make_column_transformer((OneHotEncoder(), ["shop"]), remainder="passthrough")
    model = make_pipeline(encode, DecisionTreeRegressor(max_leaf_nodes=30, random_state=0))
    return X, LimeImportanceWrapper(model, random_state=0).fit(X, y)


def explained(part, wrapper):
    """Contributions of every column to a partition's rows, as the README has it."""
    explanations = wrapper.explain(part)
    return pd.DataFrame(
        explanations.contributions[..., 0], part.index, explanations.feature_names.tolist()
    )
