"""Every form of `categorical_features` means the columns it should, or says what is wrong."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector

from sklime._tables.columns import categorical_mask
from sklime._tables.table import Table

MIXED = pd.DataFrame(
    {
        "age": [1.0, 2.0],
        "town": ["x", "y"],
        "size": pd.Categorical(["u", "v"]),
        "old": [True, False],
    }
)


@pytest.mark.parametrize(
    ("categorical_features", "expected"),
    [
        ("from_dtype", [0, 1, 1, 0]),
        (None, [0, 0, 0, 0]),
        ([], [0, 0, 0, 0]),
        ([True, False, False, True], [1, 0, 0, 1]),
        (np.array([False, False, True, False]), [0, 0, 1, 0]),
        ([0, 1], [1, 1, 0, 0]),
        (np.array([-1, 0], dtype=np.int8), [1, 0, 0, 1]),
        ((3, -1), [0, 0, 0, 1]),
        (["old", "age"], [1, 0, 0, 1]),
        (np.array(["town"]), [0, 1, 0, 0]),
        (MIXED.columns[1:3], [0, 1, 1, 0]),
        (pd.Series([True, False, True, False]), [1, 0, 1, 0]),
        (make_column_selector(dtype_include="category"), [0, 0, 1, 0]),
        (lambda X: X.dtypes == "category", [0, 0, 1, 0]),
        (lambda X: [X.shape[1] - 1], [0, 0, 0, 1]),
        (lambda X: None, [0, 0, 0, 0]),
        (lambda X: "from_dtype", [0, 1, 1, 0]),
    ],
)
def test_categorical_mask(categorical_features, expected):
    mask = categorical_mask(Table(MIXED), categorical_features)
    np.testing.assert_array_equal(mask, np.array(expected, dtype=bool), strict=True)


STALE = "RFE and RFECV pass arrays with columns dropped: use 'from_dtype' or a callable."
KINDS = "be 'from_dtype', an array-like of bool, int or str, a callable or None."


@pytest.mark.parametrize(
    ("categorical_features", "message"),
    [
        ([4], f"hold column numbers from -4 to 3. {STALE} Got [4] instead."),
        ([-5, 0], f"hold column numbers from -4 to 3. {STALE} Got [-5, 0] instead."),
        ([True], f"have one entry for each of the 4 columns. {STALE} Got 1 instead."),
        (["x", "age"], "hold names of columns of X, unlike ['x']. Got ['x', 'age'] instead."),
        ("age", f"{KINDS} Got 'age' instead."),
        (0, f"{KINDS} Got 0 instead."),
        ([0.5], f"{KINDS} Got [0.5] instead."),
        ([True, 1], f"{KINDS} Got [True, 1] instead."),
        (["age", 0], f"{KINDS} Got ['age', 0] instead."),
        ({"age"}, f"{KINDS} Got {{'age'}} instead."),
        ([[0]], f"{KINDS} Got [[0]] instead."),
        (lambda X: [9], f"hold column numbers from -4 to 3. {STALE} Got [9] instead."),
    ],
)
def test_categorical_mask_refuses(categorical_features, message):
    expected = re.escape(f"The 'categorical_features' parameter must {message}")
    with pytest.raises(ValueError, match=f"^{expected}$"):
        categorical_mask(Table(MIXED), categorical_features)


def test_categorical_mask_refuses_names_for_a_nameless_array():
    with pytest.raises(ValueError, match="must not hold names when X has no column names"):
        categorical_mask(Table(np.eye(2)), ["age"])
