"""Every container gives the same numbers, and is drawn from without losing anything."""

import datetime as dt
import sys
import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from sklime._tables.table import Table

N_ROWS = 6
NAN = np.nan
DATES = [dt.datetime(2020, 1, day, 12, 30) for day in (3, 1, 2, 1, 5, 4)]
DURATIONS = [dt.timedelta(hours=hours) for hours in (3, 1, 2, 1, 5, 4)]
DAY, HOUR = 86_400e9, 3_600e9
NOON_2020 = 1_577_836_800e9 + 12.5 * HOUR + DAY * np.array([NAN, 0, 1, 0, 4, 3])
TEXT = ["b", None, "a", "b", "c", "a"]
SIZES = ["low", None, "high", "mid", "low", "mid"]
PERIODS = pd.period_range("2020-01", periods=N_ROWS, freq="M")
SPARSE_FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr"]

# Columns of a pandas frame, and what Table.values makes of each.
PANDAS = {
    "float": ([0.5, NAN, -1.0, 2.0, np.inf, 0.5], [0.5, NAN, -1.0, 2.0, np.inf, 0.5]),
    "float32": (np.arange(6, dtype=np.float32) / 4, np.arange(6) / 4),
    "int": ([3, -1, 2, 2, 0, 7], [3, -1, 2, 2, 0, 7]),
    "uint8": (np.array([3, 255, 2, 2, 0, 7], dtype=np.uint8), [3, 255, 2, 2, 0, 7]),
    "bool": ([True, False, True, True, False, False], [1, 0, 1, 1, 0, 0]),
    "Int64": (pd.array([1, None, 3, 1, None, 2], dtype="Int64"), [1, NAN, 3, 1, NAN, 2]),
    "boolean": (pd.array([True, None, False] * 2, dtype="boolean"), [1, NAN, 0] * 2),
    "Float32": (pd.array([1.5, None, 3] * 2, dtype="Float32"), [1.5, NAN, 3] * 2),
    "str": (TEXT, TEXT),
    "string": (pd.array(TEXT, dtype="string"), TEXT),
    "object": (pd.Series(TEXT, dtype=object).replace("c", NAN), [*TEXT[:4], None, "a"]),
    "object numbers": (pd.Series([1, None, pd.NA, True, 0, 2.5]), [1, NAN, NAN, 1, 0, 2.5]),
    "category": (pd.Categorical(TEXT), TEXT),
    "ordered": (pd.Categorical(SIZES, ["low", "mid", "high", "top"], ordered=True), SIZES),
    "number category": (pd.Categorical([10, None, 9] * 2), [10, None, 9] * 2),
    "datetime": (pd.Series([pd.NaT, *DATES[1:]]), NOON_2020),
    "zoned": (pd.Series([pd.NaT, *DATES[1:]]).dt.tz_localize("Europe/Berlin"), NOON_2020 - HOUR),
    "timedelta": (pd.Series([pd.NaT, *DURATIONS[1:]]), HOUR * np.array([NAN, 1, 2, 1, 5, 4])),
    "arrow int": (pd.array([1, None, 3] * 2, dtype=pd.ArrowDtype(pa.int64())), [1, NAN, 3] * 2),
    "arrow str": (pd.array(TEXT, dtype=pd.ArrowDtype(pa.string())), TEXT),
    "arrow date": (
        pd.array([None, *DATES[1:]], dtype=pd.ArrowDtype(pa.date32())),
        NOON_2020 - 12.5 * HOUR,
    ),
    "sparse": (pd.arrays.SparseArray([0.0, 0, 1, 0, 0, 2]), [0, 0, 1, 0, 0, 2]),
    "period": (PERIODS, PERIODS.tolist()),
}


def pandas_frame():
    """Every pandas dtype that users have, under an index that repeats itself."""
    X = pd.DataFrame({name: column for name, (column, _) in PANDAS.items()})
    return X.set_axis([4, 4, 9, 1, 0, 2])


def polars_frame():
    return pl.DataFrame(
        {
            "float": [0.5, float("nan"), -1.0, None, 0.1, 0.5],
            "float32": pl.Series([0.5, None, -1, 2, 0.1, 0.5], dtype=pl.Float32),
            "int": [3, -1, None, 2, 0, 7],
            "uint8": pl.Series([3, 255, 2, 2, 0, 7], dtype=pl.UInt8),
            "bool": [True, None, True, True, False, False],
            "str": TEXT,
            "category": pl.Series(TEXT, dtype=pl.Categorical),
            "enum": pl.Series(TEXT, dtype=pl.Enum(["c", "z", "a", "b"])),
            "datetime": [None, *DATES[1:]],
            "zoned": pl.Series([None, *DATES[1:]]).dt.replace_time_zone("Europe/Berlin"),
            "date": [None, *(date.date() for date in DATES[1:])],
            "time": [None, *(date.time() for date in DATES[1:])],
            "duration": [None, *DURATIONS[1:]],
            "null": [None] * N_ROWS,
        }
    )


def arrow_table():
    return polars_frame().drop("enum").to_arrow()


FRAMES = {"pandas": pandas_frame, "polars": polars_frame, "pyarrow": arrow_table}


def same(left, right):
    """Whether two columns of cells are equal, missing ones included."""
    pairs = zip(left, right, strict=True)
    return all(bool(pd.isna(a) and pd.isna(b)) or bool(a == b) for a, b in pairs)


def cells(X):
    """Columns of a container as lists of Python objects, by the container's own means."""
    if isinstance(X, pd.DataFrame):
        return [X[name].tolist() for name in X.columns]
    if isinstance(X, pl.DataFrame):
        return [column.to_list() for column in X.iter_columns()]
    if isinstance(X, pa.Table):
        return [column.to_pylist() for column in X.columns]
    return (X.toarray() if sparse.issparse(X) else np.asarray(X)).T.tolist()


def random_rows(n_columns, m=11, n_rows=N_ROWS):
    return np.random.default_rng(0).integers(0, n_rows, (n_columns, m)).astype(np.int32)


def check_gather(X):
    """Compare gather with picking the cells one by one; the caller's X stays as it was."""
    before = cells(X)
    rows = random_rows(len(before), n_rows=X.shape[0])
    drawn = Table(X).gather(rows)
    assert type(drawn) is type(X)
    assert drawn.shape == (rows.shape[1], X.shape[1])
    for column, drawn_column, row in zip(before, cells(drawn), rows, strict=True):
        assert same(drawn_column, [column[i] for i in row])
    assert all(map(same, cells(X), before))
    return drawn


@pytest.mark.parametrize("frame", FRAMES)
def test_gather_of_a_frame_equals_picking_cells(frame):
    check_gather(FRAMES[frame]())


def test_gather_keeps_every_pandas_dtype_and_category():
    X = pandas_frame()
    drawn = check_gather(X)
    assert (drawn.dtypes == X.dtypes).all()
    assert drawn.columns.equals(X.columns)
    assert drawn.index.isin(X.index).all()
    assert drawn["ordered"].cat.categories.tolist() == ["low", "mid", "high", "top"]
    assert drawn["ordered"].cat.ordered


@pytest.mark.parametrize("frame", [polars_frame, arrow_table])
def test_gather_keeps_every_polars_and_pyarrow_dtype(frame):
    assert check_gather(frame()).schema == frame().schema


def test_gather_keeps_pandas_column_names_that_are_not_strings():
    X = pd.DataFrame([[1, 2.5], [3, 4.5]], columns=[3, 1])
    assert Table(X).names is None
    pd.testing.assert_frame_equal(
        Table(X).gather(np.array([[1, 0], [0, 0]])), pd.DataFrame({3: [3, 1], 1: [2.5, 2.5]})
    )


ARRAYS = {
    "C": np.arange(24.0).reshape(6, 4),
    "F": np.asfortranarray(np.arange(24.0).reshape(6, 4)),
    "negative strides": np.arange(24.0).reshape(6, 4)[::-1, ::-1],
    "every other column": np.arange(48.0).reshape(6, 8)[:, ::2],
    "NaN": np.where(np.eye(6, 4), NAN, 1.5),
    "float16": np.arange(24).reshape(6, 4).astype(np.float16),
    "float32": np.arange(24).reshape(6, 4).astype(np.float32),
    "big-endian": np.arange(24).reshape(6, 4).astype(">f8"),
    "int": np.arange(24).reshape(6, 4),
    "uint8": np.arange(24).reshape(6, 4).astype(np.uint8),
    "bool": np.eye(6, 4, dtype=bool),
    "str": np.arange(24).reshape(6, 4).astype(str),
    "object": np.array([[1, "a", None, dt.date(2020, 1, 1)]] * 3 + [[2, "b", True, None]] * 3),
    "datetime": np.arange(24).reshape(6, 4).astype("M8[h]"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_gather_of_an_array_equals_picking_cells(name):
    X = ARRAYS[name]
    drawn = check_gather(X)
    assert drawn.dtype == X.dtype
    assert drawn.flags.f_contiguous == X.flags.f_contiguous


def test_gather_from_a_read_only_memory_map(tmp_path):
    np.save(tmp_path / "X.npy", ARRAYS["C"])
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    rows = random_rows(4)
    np.testing.assert_array_equal(Table(X).gather(rows), Table(ARRAYS["C"]).gather(rows))


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("format", SPARSE_FORMATS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_gather_of_a_sparse_table_equals_the_dense_one(format, kind, dtype):
    dense = np.random.default_rng(0).poisson(0.4, (N_ROWS, 7)).astype(dtype)
    X = getattr(sparse, f"{format}_{kind}")(dense)
    drawn = check_gather(X)
    assert drawn.dtype == dtype
    np.testing.assert_array_equal(drawn.toarray(), Table(dense).gather(random_rows(7)))


def test_a_table_of_diagonals_becomes_one_of_rows():
    # drawn cells are on thousands of diagonals
    dense = np.diag(np.arange(1.0, 1 + N_ROWS))
    drawn = Table(sparse.dia_array(dense)).gather(random_rows(N_ROWS))
    assert drawn.format == "csr"
    np.testing.assert_array_equal(drawn.toarray(), Table(dense).gather(random_rows(N_ROWS)))


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("format", ["csr", "csc", "bsr", "coo"])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_sparse_index_dtype_is_kept(format, kind, index_dtype):
    def arrays(X):
        return X.coords if format == "coo" else (X.indices, X.indptr)

    X = getattr(sparse, f"{format}_{kind}")(np.eye(N_ROWS))
    converted = [array.astype(index_dtype) for array in arrays(X)]
    if format == "coo":
        X.coords = tuple(converted)
    else:
        X.indices, X.indptr = converted
    for result in (Table(X).gather(random_rows(N_ROWS)), Table(X).take([2, 0])):
        assert {array.dtype for array in arrays(result)} == {np.dtype(index_dtype)}


def test_sparse_duplicates_and_missing_values():
    entries = ([1.0, 2.0, NAN, 5.0, -5.0], ([0, 0, 1, 2, 2], [1, 1, 0, 0, 0]))
    X = sparse.csc_array(sparse.coo_array(entries, shape=(3, 2)))
    unsorted = sparse.csc_array(([2.0, 3.0, 4.0], [2, 0, 2], [0, 3, 3]), shape=(3, 2))
    for matrix in (X, sparse.coo_array(entries, shape=(3, 2)), unsorted):
        before = matrix.data.copy()
        for j, column in enumerate(matrix.toarray().T):
            np.testing.assert_array_equal(Table(matrix).values(j), column)
        check_gather(matrix)
        np.testing.assert_array_equal(matrix.data, before)


# -- the index of a pandas frame

DAYS = pd.date_range("2020-01-01", periods=N_ROWS, freq="D", tz="Europe/Berlin", name="day")
INDEXES = {
    "dates": DAYS,
    "strings": pd.Index(list("uvwxyz"), name="key"),
    "numbers": pd.Index([40, 10, 90, 20, 60, 70]),
    "several levels": pd.MultiIndex.from_arrays([list("aabbcc"), DAYS], names=["shop", "day"]),
    "categories": pd.CategoricalIndex(list("uvwxyz")),
}


@pytest.mark.parametrize("name", INDEXES)
def test_index_labels_are_drawn_as_one_more_column(name):
    index = INDEXES[name]
    X = pd.DataFrame(np.arange(54).reshape(N_ROWS, 9), index=index)
    rows = random_rows(9, m=6000)
    drawn = Table(X).gather(rows)
    assert type(drawn.index) is type(index)
    assert drawn.index.names == index.names
    assert drawn.index.dtype == index.dtype
    # Each label equally often, beside every cell: within five standard errors.
    label = index.get_indexer(drawn.index)
    together = np.array([np.bincount(label * N_ROWS + row, minlength=36) for row in rows])
    expected = 6000 / 36
    assert np.abs(together - expected).max() < 5 * np.sqrt(expected)
    # The cells are those of a frame whose index only numbers the rows.
    plain = Table(X.reset_index(drop=True)).gather(rows)
    assert plain.index.equals(pd.RangeIndex(6000))
    pd.testing.assert_frame_equal(drawn.reset_index(drop=True), plain)
    # A draw has its label in whatever batch it is.
    parts = [Table(X).gather(part) for part in np.array_split(rows, 3, axis=1)]
    pd.testing.assert_frame_equal(pd.concat(parts), drawn)


def test_labels_that_must_not_repeat_are_not_drawn():
    X = pd.DataFrame(ARRAYS["C"], index=INDEXES["strings"]).set_flags(allows_duplicate_labels=False)
    drawn = Table(X).gather(random_rows(4))
    assert drawn.index.equals(pd.RangeIndex(11))
    assert not drawn.flags.allows_duplicate_labels


class Measured(pd.DataFrame):
    """A subclass as pandas' manual has it, with something beside the cells."""

    _metadata: ClassVar = ["unit"]

    @property
    def _constructor(self):
        return Measured


def test_subclasses_and_attributes_are_kept_as_pandas_keeps_them():
    X = Measured(pandas_frame())
    X.unit, X.attrs = "mm", {"source": "lab"}
    for result in (Table(X).gather(random_rows(X.shape[1])), Table(X).take([2, 0])):
        assert type(result) is Measured
        assert result.unit == "mm"
        assert result.attrs == {"source": "lab"}
        assert (result.dtypes == X.dtypes).all()


# -- cells of a second table


def below(X, others):
    """The cells of X, with those of others[j] below column j."""
    return [
        [*column, *(cells(others[j])[j] if j in others else [])]
        for j, column in enumerate(cells(X))
    ]


SECOND = {
    "pandas": lambda: pandas_frame().iloc[[5, 1]],
    "polars": lambda: polars_frame()[[5, 1]],
    "pyarrow": lambda: arrow_table().take([5, 1]),
    "array": lambda: ARRAYS["object"][[4, 0]],
}


@pytest.mark.parametrize("kind", SECOND)
def test_more_rows_of_the_same_dtypes_are_gathered_like_the_first(kind):
    X = FRAMES[kind]() if kind in FRAMES else ARRAYS["object"]
    others = dict.fromkeys(range(0, X.shape[1], 2), SECOND[kind]())
    table = Table(X).extended(Table(SECOND[kind]()), list(others))
    rows = random_rows(X.shape[1])
    rows[::2] += random_rows(X.shape[1], n_rows=3)[::2]  # up to one of the other rows
    drawn = table.gather(rows)
    for drawn_column, column, row in zip(cells(drawn), below(X, others), rows, strict=True):
        assert same(drawn_column, [column[i] for i in row])
    if kind == "pandas":
        assert (drawn.dtypes == X.dtypes).all()
    elif kind != "array":
        assert drawn.schema == X.schema
    assert (table.n_rows, table.n_columns) == X.shape


@pytest.mark.parametrize("format", SPARSE_FORMATS)
def test_more_rows_of_a_sparse_table(format):
    dense = np.random.default_rng(0).poisson(0.5, (2, N_ROWS, 3))
    X, other = (getattr(sparse, f"{format}_array")(half) for half in dense)
    drawn = Table(X).extended(Table(other), [1]).gather(np.array([[0, 5], [6, 11], [1, 1]]))
    assert drawn.format == format
    expected = [[dense[0, 0, 0], dense[1, 0, 1], dense[0, 1, 2]]]
    expected += [[dense[0, 5, 0], dense[1, 5, 1], dense[0, 1, 2]]]
    np.testing.assert_array_equal(drawn.toarray(), expected)


def categories(*levels, ordered=False):
    return pd.DataFrame({"c": pd.Categorical(levels, ordered=ordered)})


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        (categories("b", "a"), categories("z", "a"), pd.CategoricalDtype(["a", "b", "z"])),
        (
            categories("b", "a", ordered=True),
            categories("z", "a", ordered=True),
            pd.CategoricalDtype(["a", "b", "z"], ordered=True),
        ),
        (pd.DataFrame({"c": [3, 1]}), pd.DataFrame({"c": [2.5, np.nan]}), np.dtype(float)),
        (
            pl.DataFrame({"c": ["b", "a"]}, schema={"c": pl.Enum(["b", "a"])}),
            pl.DataFrame({"c": ["z", "a"]}, schema={"c": pl.Enum(["a", "z"])}),
            pl.Enum(["b", "a", "z"]),
        ),
        (
            pl.DataFrame({"c": ["b", "a"]}, schema={"c": pl.Categorical}),
            pl.DataFrame({"c": ["z", "a"]}, schema={"c": pl.Categorical}),
            pl.Categorical,
        ),
        (
            pl.DataFrame({"c": ["b", "a"]}, schema={"c": pl.Enum(["b", "a"])}),
            pl.DataFrame({"c": ["z", "a"]}),
            pl.Enum(["b", "a", "z"]),
        ),
        (
            pl.DataFrame({"c": ["b", "a"]}),
            pl.DataFrame({"c": ["z", "a"]}, schema={"c": pl.Categorical}),
            pl.String,
        ),
        (pl.DataFrame({"c": [3, 1]}), pl.DataFrame({"c": [2, None]}), pl.Int64),
        (pl.DataFrame({"c": [3, 1]}), pl.DataFrame({"c": [2.5, NAN]}), pl.Float64),
        (np.array([["b"], ["a"]]), np.array([["zebra"], ["a"]]), np.dtype("U5")),
        (np.array([[3], [1]]), np.array([[2.5], [np.nan]]), np.dtype(float)),
    ],
)
def test_more_rows_of_other_levels_or_numbers(first, second, dtype):
    drawn = Table(first).extended(Table(second), [0]).gather(np.array([[2, 0, 1, 3, 2]]))
    column = [*cells(first)[0], *cells(second)[0]]
    assert same(cells(drawn)[0], [column[i] for i in (2, 0, 1, 3, 2)])
    assert (drawn.dtype if isinstance(drawn, np.ndarray) else drawn["c"].dtype) == dtype


@pytest.mark.parametrize("index", [pa.int8(), pa.int32()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
def test_more_rows_of_other_dictionaries_of_pyarrow(index, text):
    first, texts = pa.array(["b", "a"]).dictionary_encode(), pa.array(["z", None], text)
    for second in (texts, texts.cast(pa.dictionary(index, text))):
        table = Table(pa.table({"c": first})).extended(Table(pa.table({"c": second})), [0])
        drawn = table.gather(np.array([[2, 0, 3, 1]]))
        assert drawn["c"].to_pylist() == ["z", "b", None, "a"]
        assert pa.types.is_dictionary(drawn["c"].type)


@pytest.mark.parametrize(
    "X",
    [*(frame() for frame in FRAMES.values()), ARRAYS["C"], ARRAYS["object"]]
    + [getattr(sparse, f"{format}_array")(np.eye(N_ROWS)) for format in SPARSE_FORMATS],
)
@pytest.mark.parametrize("indices", [[4, 0, 0], [], range(N_ROWS)])
def test_take_returns_the_same_container_and_rows(X, indices):
    taken = Table(X).take(indices)
    assert type(taken) is type(X)
    assert taken.shape == (len(indices), X.shape[1])
    for column, taken_column in zip(cells(X), cells(taken), strict=True):
        assert same(taken_column, [column[i] for i in indices])
    if isinstance(X, pd.DataFrame):
        assert (taken.dtypes == X.dtypes).all()
        assert taken.index.tolist() == X.index[list(indices)].tolist()


@pytest.mark.parametrize("name", PANDAS)
def test_values_of_a_pandas_column(name):
    expected = PANDAS[name][1]
    table = Table(pandas_frame()[[name]])
    values = table.values(0)
    if any(isinstance(cell, str | pd.Period) for cell in expected) or name == "number category":
        assert table.is_categorical(0)
        assert values.tolist() == expected
    else:
        assert not table.is_categorical(0)
        np.testing.assert_array_equal(values, np.array(expected, dtype=float), strict=True)


def test_values_of_polars_and_pyarrow_columns_equal_those_of_pandas():
    X = polars_frame()
    names = ["float", "float32", "int", "uint8", "bool", "datetime", "duration"]
    columns = {name: pd.Series(X[name].to_list()) for name in names} | {
        "str": pd.Series(TEXT, dtype=object),
        "category": pd.Categorical(TEXT),
        "zoned": pd.Series(X["zoned"].to_list()).dt.tz_convert("UTC"),
        "date": pd.to_datetime(pd.Series(X["date"].to_list())),
        "time": [cell and (cell.hour + cell.minute / 60) * HOUR for cell in X["time"]],
        "null": pd.Series([None] * N_ROWS, dtype=object),
    }
    expected = Table(pd.DataFrame(columns))
    for frame in (X, X.drop("enum").to_arrow()):
        table = Table(frame)
        for k, name in enumerate(columns):
            j = table.names.tolist().index(name)
            assert same(table.values(j), expected.values(k)), name
            assert table.is_categorical(j) == expected.is_categorical(k), name
            assert all(map(same, table.levels(j), expected.levels(k))), name


@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow", "F", "object", "str", "list"])
def test_numbers_are_the_same_from_every_container(container):
    X = np.random.default_rng(0).normal(size=(20, 3)).round(2)
    columns = {f"x{j}": column for j, column in enumerate(X.T)}
    converted = {
        "pandas": pd.DataFrame(columns),
        "polars": pl.DataFrame(columns),
        "pyarrow": pa.table(columns),
        "F": np.asfortranarray(X),
        "object": X.astype(object),
        "str": X.astype(str),
        "list": X.tolist(),
    }[container]
    table = Table(converted)
    assert (table.n_rows, table.n_columns) == X.shape
    for j in range(3):
        np.testing.assert_array_equal(table.values(j), X[:, j], strict=True)
    rows = random_rows(3, n_rows=20)
    np.testing.assert_array_equal(
        np.asarray(table.gather(rows)).astype(float), np.take_along_axis(X, rows.T, axis=0)
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, None, 2.5], [1, NAN, 2.5]),
        ([True, None, False], [1, NAN, 0]),
        ([pd.NA, 3, NAN], [NAN, 3, NAN]),
        (["3", "1.5", None], [3, 1.5, NAN]),
        ([None, None, pd.NaT], [NAN] * 3),
        ([dt.datetime(1970, 1, 2), None, pd.NaT], [86_400e9, NAN, NAN]),
        ([dt.date(1970, 1, 2), None, dt.date(1970, 1, 1)], [86_400e9, NAN, 0]),
        ([dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC), None, pd.NaT], [3_600e9, NAN, NAN]),
        ([pd.Timestamp("1970-01-01 03:00+02:00"), None, None], [3_600e9, NAN, NAN]),
        ([dt.timedelta(hours=1), None, pd.Timedelta(0)], [3_600e9, NAN, 0]),
        ([dt.time(1), None, dt.time(0, 0, 1, tzinfo=dt.UTC)], [3_600e9, NAN, 1e9]),
        (["a", NAN, "3"], ["a", None, "3"]),
        ([None, [1], {}], [None, [1], {}]),
        ([3, 10**400, None], [3, 10**400, None]),
    ],
)
def test_object_cells_are_numbers_or_times_if_all_are(cells, expected):
    X = np.empty((3, 1), dtype=object)
    X[:, 0] = np.fromiter(cells, dtype=object, count=3)
    values = Table(X).values(0)
    if isinstance(expected[0], float | int) and 10**400 not in expected:
        np.testing.assert_array_equal(values, np.array(expected, dtype=float), strict=True)
    else:
        assert values.dtype == object
        assert values.tolist() == expected
    assert Table(X).is_categorical(0) == (values.dtype == object)


def test_object_column_that_starts_with_missing_cells_holds_numbers():
    X = pd.DataFrame({"late": pd.Series([None] * 200 + [1, 2.5], dtype=object)})
    np.testing.assert_array_equal(Table(X).values(0), [NAN] * 200 + [1, 2.5])


def test_times_beyond_the_reach_of_nanoseconds():
    X = np.array([["3000-01-01"], ["1000-01-01"], ["NaT"]], dtype="M8[D]")
    expected = [32503680000e9, -30610224000e9, NAN]
    np.testing.assert_array_equal(Table(X).values(0), expected)


def test_list_of_numbers_and_strings_keeps_its_numbers():
    table = Table([[1, "a"], [2, "b"]])
    np.testing.assert_array_equal(table.values(0), [1.0, 2.0], strict=True)
    assert table.values(1).tolist() == ["a", "b"]
    assert table.gather(np.array([[1], [0]])).tolist() == [[2, "a"]]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_wide_frames_are_read_and_drawn_without_a_narwhals_call_for_each_column(frame):
    n_columns = 1000
    X = frame({f"x{j}": np.arange(6) * (1.0 if j % 3 else 1) for j in range(n_columns)})
    table = Table(X)
    calls = 0

    def count(python_frame, event, _):
        nonlocal calls
        calls += event == "call" and "narwhals" in python_frame.f_code.co_filename

    sys.setprofile(count)
    try:
        drawn = table.gather(random_rows(n_columns))
        for j in range(n_columns):
            table.values(j), table.is_categorical(j), table.unit(j)
    finally:
        sys.setprofile(None)
    assert calls < n_columns / 5
    np.testing.assert_array_equal(cells(drawn), random_rows(n_columns))  # cell i of a column is i


def test_wide_sparse_table_is_never_made_dense():
    columns = np.arange(50_000)
    X = sparse.csr_array((columns + 1.0, (columns % 400, columns)), shape=(400, 50_000))
    assert Table(X).row_nbytes < 5_000  # 400,000 if dense
    drawn = Table(X).gather(np.stack([columns, columns + 1], axis=1) % 400)
    np.testing.assert_array_equal(drawn[[0]].toarray(), [columns + 1.0])
    assert drawn[[1]].nnz == 0


def test_names_are_those_of_scikit_learn():
    for frame in FRAMES.values():
        X = frame()
        names = list(X.column_names if isinstance(X, pa.Table) else X.columns)
        assert Table(X).names.tolist() == names
    assert Table(np.eye(2)).names is None
    with pytest.raises(TypeError, match="Feature names are only supported if all input features"):
        Table(pd.DataFrame([[1, 2]], columns=["a", 1]))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(3), ValueError, "Expected 2D array, got 1D array instead"),
        (np.ones((3, 1, 1)), ValueError, "Found array with dim 3"),
        (np.ones((2, 2)) * 1j, ValueError, "Complex data not supported"),
        (np.zeros((2, 2), dtype=[("a", float)]), ValueError, "Structured arrays are not supported"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), Exception, "Expected unique column names"),
    ],
)
def test_what_is_no_table_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        Table(X)


def test_np_matrix_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        X = np.matrix([[1.0]])
    with pytest.raises(TypeError, match=r"np\.matrix is not supported"):
        Table(X)


def test_integers_that_numpy_has_not_are_numbers():
    X = pl.DataFrame({"long": pl.Series([1, None, 2**80], dtype=pl.Int128)})
    np.testing.assert_array_equal(Table(X).values(0), [1, NAN, 2.0**80])
    drawn = Table(X).gather(np.array([[2, 0, 2]]))
    assert drawn["long"].to_list() == [2**80, 1, 2**80]
    assert drawn.schema == X.schema
