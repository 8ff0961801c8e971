"""Reading files: formats, separators, dtypes, targets, and what cannot be read."""

import re
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklime._cli.files import read


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_formats_read_alike(suffix, tmp_path):
    frame = pd.DataFrame(
        {
            "number": [1.5, None, 2.5, 3.5],
            "flag": [True, None, False, True],
            "level": ["u", "v", None, "u"],
            "day": ["2020-01-01", None, "2020-01-02", "2020-02-29"],
            "empty": [np.nan] * 4,
            'größe, "cm"\n': [1, 2, 3, 4],
            "y": [0.5, 1.5, None, 2.5],
        }
    )
    path = tmp_path / f"Table{suffix.upper()}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        gzip = "gzip" if suffix.endswith("gz") else None
        separator = "\t" if suffix == ".tsv" else ","
        frame.to_csv(path, index=False, sep=separator, compression=gzip)
    data = read(path)
    assert (data.target, data.classes, data.n_dropped) == ("y", [], 1)
    assert data.y.tolist() == [0.5, 1.5, 2.5]
    expected = {
        "number": [1.5, np.nan, 3.5],
        "flag": [1, np.nan, 1],
        "level": ["u", "v", "u"],
        "day": [18262, np.nan, 18321],
        "empty": [np.nan] * 3,
        'größe, "cm"\n': [1, 2, 4],
    }
    assert data.columns == data.X.columns.tolist() == list(expected)
    for name, values in expected.items():
        if name == "level":
            assert data.X[name].tolist() == values
        elif name != "empty":
            np.testing.assert_array_equal(data.X[name], values)
        assert data.X[name].isna().sum() == pd.isna(values).sum()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_header_tells_the_separator(separator, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        separator.join(["a", "b", '"c, d; e"'])
        + "\n"
        + separator.join("123")
        + "\n"
        + separator.join("456")
        + "\n"
    )
    data = read(path)
    assert data.columns == ["a", "b"]
    assert data.target == "c, d; e"
    assert data.X.to_numpy().tolist() == [[1, 2], [4, 5]]


@pytest.mark.parametrize(
    "text", ["a;b\n1,5;2\n2,5;3\n", "a;b\n1.5;2\n2.5;3\n", "a,b\n1.5,2\n2.5,3\n"]
)
def test_decimal_commas_are_numbers(text, tmp_path):
    (tmp_path / "table.csv").write_text(text)
    assert read(tmp_path / "table.csv").X["a"].tolist() == [1.5, 2.5]


def test_every_dtype_becomes_a_number_or_a_category(tmp_path):
    numbers = {
        "int": [1, 2, 3],
        "nullable int": pd.array([1, None, 3], dtype="Int64"),
        "nullable boolean": pd.array([True, None, False], dtype="boolean"),
        "optional boolean": [True, None, False],
        "decimal": [Decimal("1.5"), None, Decimal(2)],
        "date": [date(1970, 1, 2), None, date(1970, 1, 3)],
        "zone": pd.date_range("1970-01-01", periods=3, tz="Etc/GMT+12"),
        "duration": pd.to_timedelta([12, None, 36], unit="h"),
        "iso text": ["1970-01-02", None, "1970-01-02T12:00:00Z"],
    }
    categories = {
        "text": ["u", None, "v"],
        "category": pd.Categorical(["u", None, "v"]),
        "not quite dates": ["1970-01-02", None, "1970-13-02"],
        "bytes": [b"u", None, b"v"],
        "list": [[1], None, [2]],
    }
    frame = pd.DataFrame({**numbers, **categories, "y": [1.5, 2.5, 3.5]})
    frame.to_parquet(tmp_path / "table.parquet")
    X = read(tmp_path / "table.parquet").X
    expected = {
        "int": [1, 2, 3],
        "nullable int": [1, np.nan, 3],
        "nullable boolean": [1, np.nan, 0],
        "optional boolean": [1, np.nan, 0],
        "decimal": [1.5, np.nan, 2],
        "date": [1, np.nan, 2],
        "zone": [0.5, 1.5, 2.5],
        "duration": [0.5, np.nan, 1.5],
        "iso text": [1, np.nan, 1.5],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(X[name], values, err_msg=name)
        assert X[name].dtype == np.float64
    for name in categories:
        assert X[name].dtype == "category"
        assert X[name].isna().tolist() == [False, True, False]
        assert X[name].nunique() == 2
        assert all(isinstance(level, str) for level in X[name].cat.categories)


def test_levels_in_one_row_are_merged_if_there_are_too_many(tmp_path):
    values = [f"once {i}" for i in range(300)] + [f"twice {i // 2}" for i in range(200)]
    path = tmp_path / "table.csv"
    pd.DataFrame({"x": values, "y": range(500)}).to_csv(path, index=False)
    counts = read(path).X["x"].value_counts()
    assert counts["(other)"] == 300
    assert len(counts) == 101
    pd.DataFrame({"x": [f"twice {i // 2}" for i in range(600)], "y": range(600)}).to_csv(
        path, index=False
    )
    assert read(path).X["x"].nunique() == 255  # the most that gradient boosting takes


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["b", "a", "b", "a"], None, ["a", "b"]),
        ([True, False, True, None], None, ["False", "True"]),
        ([1, 0, None, 1], None, ["0", "1"]),
        ([1, 2, 3, 4], None, []),
        ([0.5, 1.0, 0.5, 1.0], None, []),
        ([1, 0, 1, 0], "regression", []),
        ([1.5, 2.5, 3.5, 1.5], "classification", ["1.5", "2.5", "3.5"]),
        ([*range(10)] * 5, None, [str(k) for k in range(10)]),
        ([*range(11)] * 10, None, []),
        (["2020-01-01", "2020-01-02", "2020-01-05", "2020-01-03"], None, []),
    ],
)
def test_target_tells_the_task(values, task, classes, tmp_path):
    path = tmp_path / "table.csv"
    pd.DataFrame({"x": range(len(values)), "y": values}).to_csv(path, index=False)
    data = read(path, task=task)
    assert data.classes == classes
    assert data.n_dropped == sum(value is None for value in values)
    assert len(data.y) == len(data.X) == len(values) - data.n_dropped


def test_target_is_any_column(tmp_path):
    path = tmp_path / "table.csv"
    pd.DataFrame({"a": [1, 2], "b": ["u", "v"], "c": [3, 4]}).to_csv(path, index=False)
    data = read(path, "b")
    assert data.classes == ["u", "v"]
    assert data.columns == data.X.columns.tolist() == ["a", "c"]


def test_question_marks_and_spaces_of_old_files_are_understood(tmp_path):
    path = tmp_path / "adult.csv"
    path.write_text("age, work, pay\n39, State, low\n?, ?, high\n50, Private, low\n")
    data = read(path)
    assert data.columns == ["age", "work"]
    np.testing.assert_array_equal(data.X["age"], [39, np.nan, 50])
    assert data.X["work"].isna().tolist() == [False, True, False]
    assert data.classes == ["high", "low"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "t.csv cannot be read: "),
        ("t.csv", b"a,b\n", "t.csv has no rows with a target ('b')"),
        ("t.csv", b"a,b\n1,\n2,\n", "t.csv has no rows with a target ('b')"),
        ("t.csv", b"a\n1\n2\n", "t.csv has no column beside the target 'a'"),
        ("t.csv", b"a,b\n1,2\n3,2\n", "the target 'b' has one value only"),
        ("t.csv", b"a,b\n1,2,\n3,4,\n", "t.csv cannot be read: the rows have more fields"),
        ("t.csv", b"a,b\n1,2\n3,4,5\n", "t.csv cannot be read: Error tokenizing data."),
        ("t.csv", b"a,b\n\xff\xfe,2\n3,4\n", "t.csv cannot be read: 'utf-8' codec can't decode"),
        ("t.csv.gz", b"a,b\n1,2\n", "t.csv.gz cannot be read: "),
        ("t.parquet", b"a,b\n1,2\n", "t.parquet cannot be read: "),
        (
            "t.csv",
            b"a,b\n" + b"".join(b"1,v%d\n" % k for k in range(101)),
            "the target 'b' has 101 different values, too many for a classification (at most 100)",
        ),
        ("t.csv", b"a,b\n,1.5\n,2.5\n", "the columns of t.csv beside the target 'b' are empty"),
    ],
)
def test_useless_file_is_told(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read(path)


def test_repeated_column_is_told(tmp_path, monkeypatch):
    frame = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["1", 1, "y"])
    path = tmp_path / "table.parquet"
    path.touch()
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame)
    with pytest.raises(ValueError, match=r"^several columns of table\.parquet are named '1'$"):
        read(path)
