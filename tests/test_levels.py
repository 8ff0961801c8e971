"""Levels of categorical columns, and the labels of bins."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from sklime import lime_importance
from sklime._neighborhood.sampler import Neighborhood
from sklime._tables.table import Table, encode

NAN = np.nan


@pytest.mark.parametrize(
    ("column", "levels", "codes"),
    [
        (pd.Categorical(["b", None, "a"]), ["a", "b"], [1, -1, 0]),
        (pd.Categorical(["b", None, "a"], ["z", "b", "a"], ordered=True), ["b", "a"], [0, -1, 1]),
        (pd.Categorical([10, None, 9], [10, 9]), [9, 10], [1, -1, 0]),
        (pd.Series(["b", None, "a"], dtype=object), ["a", "b"], [1, -1, 0]),
        ([3.5, NAN, -1], [-1, 3.5], [1, -1, 0]),
        ([True, False, True], [0, 1], [1, 0, 1]),
        ([None, None, None], [], [-1, -1, -1]),
        (pd.Series([b"b", None, b"a"], dtype=object), [b"a", b"b"], [1, -1, 0]),
    ],
)
def test_levels_are_in_declared_or_sorted_order(column, levels, codes):
    table = Table(pd.DataFrame({"c": column}))
    actual_codes, actual_levels = table.levels(0)
    assert repr(actual_levels) == repr(levels)
    assert actual_codes.tolist() == codes
    assert table.codes(0, levels).tolist() == codes


def test_enum_levels_are_in_declared_order():
    text = ["b", None, "a", "b", "c", "a"]
    columns = {
        "enum": pl.Series(text, dtype=pl.Enum(["c", "z", "a", "b"])),
        "category": pl.Series(text, dtype=pl.Categorical),
    }
    table = Table(pl.DataFrame(columns))
    assert table.levels(0)[1] == ["c", "a", "b"]
    assert table.levels(1)[1] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("column", "types"), [([[1], [2], [3]], "['list']"), ([{}, None, 1], "dict")]
)
def test_cells_that_cannot_be_levels_name_the_column(column, types):
    frame = pd.DataFrame({"age": pd.Series(column, dtype=object)})
    with pytest.raises(TypeError, match=r"must be hashable.* in column 'age'") as error:
        Table(frame).levels(0)
    assert types in str(error.value)
    with pytest.raises(TypeError, match=r"must be hashable.* in column 0"):
        Table(frame.to_numpy()).levels(0)


def test_levels_of_several_types_are_sorted_by_type():
    cells = [2, "a", None, 1, "B", 0.5, (1, "x")]
    table = Table(pd.DataFrame({"c": pd.Series(cells, dtype=object)}))
    codes, levels = table.levels(0)
    assert levels == [0.5, 1, 2, "B", "a", (1, "x")]
    assert codes.tolist() == [2, 4, -1, 1, 3, 0, 5]


@pytest.mark.parametrize("library", [pd, pl])
def test_a_column_of_texts_may_have_none_in_training(library):
    nothing = Table(library.DataFrame({"c": library.Series([None, None], dtype=_text(library))}))
    assert nothing.is_categorical(0)
    assert nothing.levels(0)[1] == []


def _text(library):
    return pl.String if library is pl else "string"


def test_codes_in_the_levels_of_another_table():
    training = Table(np.array([["1"], ["a"], [None]], dtype=object))
    codes, levels = training.levels(0)
    assert (codes.tolist(), levels) == ([0, 1, -1], ["1", "a"])
    # Alone, these rows hold nothing but numbers.
    assert Table(np.array([["1"], [2], [None]], dtype=object)).codes(0, levels).tolist() == [
        0,
        2,
        -1,
    ]
    assert Table(np.array([[None]], dtype=object)).codes(0, levels).tolist() == [-1]
    numbers = Table(np.array([[3.0], [1.0]])).levels(0)[1]
    assert Table(np.array([[1], [2], [3]])).codes(0, numbers).tolist() == [0, 2, 1]
    assert encode(np.array([1.0, NAN, 7.0]), numbers).tolist() == [0, -1, 2]


def test_a_column_that_was_numbers_in_training_is_named_if_it_is_none_now():
    for X, name in ((pd.DataFrame({"age": ["a", None, "b"]}), "'age'"), ([["a"], ["1"]], "0")):
        with pytest.raises(ValueError, match=f"Column {name} must hold numbers or times, as in"):
            Table(X).numbers(0)
    np.testing.assert_array_equal(Table([["1"], [None], ["2.5"]]).numbers(0), [1, NAN, 2.5])


DAYS = [dt.datetime(2020, 1, day) for day in (1, 2, 3, 4, 5)]
FLAGS = [True, False, True, False, True]
HOURS = [dt.timedelta(hours=hours) for hours in (1, 2, 26, 27, 28)]

# Columns of five values, cut at their quartiles (the second, third and fourth value), and labels.
LABELS = {
    "float": ([0.123456, 1.5, 2.25, 1234567.8, 9e9], [1.5, 2.25, "1.235e+06"]),
    "whole float": ([1.0, 20000.0, 300000.0, NAN, 4e6], [1, 20000, 300000, "missing"]),
    "int": ([1, 200000, 3000001, 4, 7], [4, 7, 200000]),
    "close": ([1.00001, 1.00002, 1.00003, 1.00004, 2], [1.00002, 1.00003, 1.00004]),
    "two": ([3, 3, 3, 5, 5], [3]),
    "date": (DAYS, ["2020-01-02", "2020-01-03", "2020-01-04"]),
    "time": (
        pd.Series(DAYS) + HOURS[0],
        ["2020-01-02T01:00", "2020-01-03T01:00", "2020-01-04T01:00"],
    ),
    "zoned": (
        pd.Series(DAYS).dt.tz_localize("Asia/Tokyo"),  # in UTC
        ["2020-01-01T15:00", "2020-01-02T15:00", "2020-01-03T15:00"],
    ),
    "object date": (
        pd.Series([d.date() for d in DAYS], dtype=object),
        ["2020-01-02", "2020-01-03", "2020-01-04"],
    ),
    "duration": (HOURS, ["2:00:00", "1 day, 2:00:00", "1 day, 3:00:00"]),
}


def labels(X, *, categorical=False):
    table = Table(X)
    mask = np.full(table.n_columns, categorical)
    bins = Neighborhood(table, categorical=mask).bins
    return [bins.labels(j) for j in range(table.n_columns)]


@pytest.mark.parametrize("name", LABELS)
def test_bins_are_named_by_what_their_numbers_stand_for(name):
    column, expected = LABELS[name]
    cuts = [str(cut) for cut in expected if cut != "missing"]
    (actual,) = labels(pd.DataFrame({"c": column}))
    assert actual == [
        f"x <= {cuts[0]}",
        *(f"{low} < x <= {high}" for low, high in pairwise(cuts)),
        f"x > {cuts[-1]}",
        *(["missing"] if "missing" in expected else []),
    ]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([True, False, True, False, True], ["False", "True"]),
        (pd.array([True, None, False, True, True], dtype="boolean"), ["False", "True", "missing"]),
        (pd.Series([True, None, False], dtype=object), ["False", "True", "missing"]),
        ([True, True, True], ["any"]),
        ([NAN, NAN], ["any", "missing"]),
        ([3, 3, 3], ["any"]),
        (list("abcab"), ["a", "b", "c"]),
        (pd.Categorical(["x", "y", None, "x"], ["z", "y", "x"]), ["x", "y", "missing"]),
    ],
)
def test_bins_without_cuts_are_named_by_their_values(column, expected):
    assert labels(pd.DataFrame({"c": column})) == [expected]


def test_levels_are_named_by_what_they_stand_for():
    X = pd.DataFrame({"b": FLAGS, "d": DAYS, "h": HOURS, "n": [1.0, 2, 2.5, 3, 3]})
    assert labels(X, categorical=True) == [
        ["False", "True"],
        ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "2020-01-05"],
        ["1:00:00", "2:00:00", "1 day, 2:00:00", "1 day, 3:00:00", "1 day, 4:00:00"],
        ["1", "2", "2.5", "3"],
    ]


@pytest.mark.parametrize("library", ["numpy", "polars", "pyarrow", "sparse"])
def test_labels_are_the_same_from_every_container(library):
    X = pd.DataFrame({"bool": FLAGS, "date": DAYS, "duration": HOURS})
    expected = labels(X)
    frame = pl.DataFrame({"bool": X["bool"].tolist(), "date": DAYS, "duration": HOURS})
    if library == "numpy":
        arrays = [np.array(X[[name]].to_numpy()) for name in X]
        assert [labels(array)[0] for array in arrays] == expected
        assert labels(X.astype(object).to_numpy()) == expected
    elif library == "sparse":
        assert labels(sparse.csr_array(X[["bool"]].to_numpy())) == expected[:1]
    else:
        assert labels(frame if library == "polars" else frame.to_arrow()) == expected


def test_the_bins_are_those_that_the_labels_name():
    X = pd.DataFrame({"date": DAYS, "bool": FLAGS})
    bins = Neighborhood(Table(X), categorical=np.zeros(2, dtype=bool)).bins
    codes = bins.encode(Table(X))
    assert [bins.labels(0)[code] for code in codes[:, 0]] == [
        "x <= 2020-01-02",
        "x <= 2020-01-02",
        "2020-01-02 < x <= 2020-01-03",
        "2020-01-03 < x <= 2020-01-04",
        "x > 2020-01-04",
    ]
    assert [bins.labels(1)[code] for code in codes[:, 1]] == [str(b) for b in X["bool"]]


@pytest.mark.parametrize("kernel_width", ["auto", 0])
@pytest.mark.parametrize(
    "container",
    [
        lambda x, c: pd.DataFrame({"x": x, "c": pd.Series(c, dtype=object)}),
        lambda x, c: pd.DataFrame({"x": x, "c": np.nan if c[0] is None else c}),
        lambda x, c: pl.DataFrame({"x": x, "c": c}),
        lambda x, c: pa.table({"x": x, "c": c}),
        lambda x, c: np.array([x, c], dtype=object).T,
    ],
    ids=["objects", "numbers", "polars", "pyarrow", "array"],
)
def test_a_column_without_any_value_in_training_has_levels_in_other_rows(container, kernel_width):
    def model(X):
        x, c = X.T if isinstance(X, np.ndarray) else (X["x"], X["c"])
        c = c.to_pylist() if hasattr(c, "to_pylist") else c
        return np.asarray(x, dtype=float) + [2.0 * (cell == "a") for cell in c]

    x = np.arange(20.0) % 2
    importances = lime_importance(
        model,
        container(x, ["a", None] * 10),
        training_data=container(x, [None] * 20),
        kernel_width=kernel_width,
        random_state=0,
    )
    assert importances.importances_mean[1] == pytest.approx(1)
