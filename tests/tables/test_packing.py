"""Dataframes come back from every store as they were, cell for cell and type for type."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from sklearn.linear_model import Ridge

from sklime._tables.packing import packed, unpacked

N = 6
DAYS = pd.date_range("2020-03-28", periods=N, tz="Europe/Berlin")
TEXTS = ["a", None, "c"] * 2
NUMBERS = [1, None, 3] * 2

PANDAS = pd.DataFrame(
    {
        "float32": np.arange(N, dtype=np.float32),
        "int8": np.arange(N, dtype=np.int8),
        "bool": [True, False] * 3,
        "object": pd.Series(["a", None, 1, 2.5, True, "b"], dtype=object),
        "str": TEXTS,
        "category": pd.Categorical(TEXTS),
        "ordered": pd.Categorical(list("abcabc"), list("cbad"), ordered=True),
        "numbers as levels": pd.Categorical(NUMBERS),
        "intervals as levels": pd.cut(np.arange(N), 3),
        "date": [dt.date(2020, 1, 1 + i) for i in range(N)],
        "decimal": [decimal.Decimal(i) / 3 for i in range(N)],
        "time": DAYS.tz_localize(None),
        "zone": DAYS,
        "duration": pd.to_timedelta(np.arange(N), "h"),
        "period": pd.period_range("2020", periods=N, freq="M"),
        "interval": pd.interval_range(0, N),
        "sparse": pd.arrays.SparseArray([0, 0, 1, 0, 0, 2.0]),
        "Int64": pd.array(NUMBERS, dtype="Int64"),
        "Float32": pd.array(NUMBERS, dtype="Float32"),
        "boolean": pd.array([True, None, False] * 2, dtype="boolean"),
        "string[python]": pd.array(TEXTS, dtype="string[python]"),
        "string[pyarrow]": pd.array(TEXTS, dtype="string[pyarrow]"),
        "arrow number": pd.array(NUMBERS, dtype="int64[pyarrow]"),
        "arrow text": pd.array(TEXTS, dtype=pd.ArrowDtype(pa.string())),
        "arrow time": pd.array(DAYS, dtype="timestamp[ns, tz=UTC][pyarrow]"),
        "arrow levels": pd.array(
            TEXTS, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
        ),
    }
)


def through_skops(stored):
    data = skops.io.dumps(stored)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


@pytest.mark.parametrize("column", PANDAS)
def test_columns_of_pandas(column):
    frame = PANDAS[[column]]
    back = unpacked(through_skops(packed(frame)))
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.parametrize(
    "frame",
    [
        PANDAS.iloc[1::2],
        PANDAS.iloc[:0],
        PANDAS[[]],
        PANDAS.set_index("zone"),
        PANDAS.set_index("category"),
        PANDAS.set_index("interval"),
        PANDAS.set_index(["str", "int8"]),
        PANDAS.set_axis(range(PANDAS.shape[1]), axis=1),
        pd.concat({"above": PANDAS}, axis=1, names=["upper", "lower"]),
    ],
)
def test_labels_of_pandas(frame):
    frame.attrs["source"] = "here"
    back = unpacked(through_skops(packed(frame)))
    pd.testing.assert_frame_equal(back, frame)
    assert type(back.index) is type(frame.index)
    assert back.attrs == frame.attrs


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(
            {
                "number": NUMBERS,
                "categorical": pl.Series(TEXTS, dtype=pl.Categorical),
                "enum": pl.Series(TEXTS, dtype=pl.Enum(["c", "a"])),
                "list": [[1], [2, 3], []] * 2,
                "time": [dt.datetime(2020, 1, 1)] * N,
            }
        ),
        pa.table({"levels": pa.array(TEXTS).dictionary_encode(), "number": NUMBERS}),
    ],
    ids=["polars", "pyarrow"],
)
def test_other_frames(frame):
    back = unpacked(through_skops(packed(frame)))
    assert back.equals(frame)
    assert back.schema == frame.schema


@pytest.mark.parametrize("X", [np.eye(2), [[1, 2]], Ridge()])
def test_other_tables_are_stored_as_they_are(X):
    assert packed(X) is X
    assert unpacked(X) is X


def test_a_subclass_stores_itself():
    class Special(pd.DataFrame):
        pass

    frame = Special({"a": [1]})
    assert packed(frame) is frame
