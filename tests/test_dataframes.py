"""Tables of every library: the model gets what it was fitted on, and the numbers are the same."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
    pytest.mark.filterwarnings("ignore:All importances are 0"),
]

N_ROWS = 40
RNG = np.random.default_rng(0)


def with_missing(cells):
    """Every seventh cell is missing."""
    return [None if i % 7 == 3 else cell for i, cell in enumerate(cells)]


NUMBERS = RNG.normal(size=N_ROWS).round(2).tolist()
WHOLE = RNG.integers(0, 9, N_ROWS).tolist()
FLAGS = RNG.integers(0, 2, N_ROWS).astype(bool).tolist()
TEXT = RNG.choice(["a", "bb", "ccc"], N_ROWS).tolist()
DATES = [dt.datetime(2020, 1, 1) + dt.timedelta(hours=13 * i % 97) for i in range(N_ROWS)]
SPANS = [dt.timedelta(minutes=17 * i % 101) for i in range(N_ROWS)]
SIZES = RNG.choice(["low", "mid", "high"], N_ROWS).tolist()

# The same cells for every library.
CELLS = {
    "float": NUMBERS,
    "int": WHOLE,
    "bool": FLAGS,
    "text": TEXT,
    "date": DATES,
    "span": SPANS,
    "maybe int": with_missing(WHOLE),
    "maybe bool": with_missing(FLAGS[::-1]),
    "maybe text": with_missing(TEXT[::-1]),
    "maybe date": with_missing(DATES[::-1]),
}


TEXTS = ["text", "maybe text"]


def as_pandas():
    dtypes = {"maybe int": "Int64", "maybe bool": "boolean"}
    return pd.DataFrame({k: pd.Series(v, dtype=dtypes.get(k)) for k, v in CELLS.items()})


def as_objects():
    X = np.empty((N_ROWS, len(CELLS)), dtype=object)
    for j, cells in enumerate(CELLS.values()):
        X[:, j] = np.fromiter(cells, dtype=object, count=N_ROWS)
    return X


def as_dictionaries():
    table = pa.table(CELLS)
    for name in TEXTS:
        j = table.column_names.index(name)
        table = table.set_column(j, name, table[name].dictionary_encode())
    return table


SAME = {
    "pandas": as_pandas,
    "pandas categories": lambda: as_pandas().astype(dict.fromkeys(TEXTS, "category")),
    "polars categories": lambda: pl.DataFrame(CELLS).with_columns(
        pl.col(TEXTS).cast(pl.Categorical)
    ),
    "pyarrow dictionaries": as_dictionaries,
    "pandas objects": lambda: pd.DataFrame(as_objects(), columns=list(CELLS)),
    "polars": lambda: pl.DataFrame(CELLS),
    "pyarrow": lambda: pa.table(CELLS),
    "array of objects": as_objects,
    "list": lambda: as_objects().tolist(),
}


def every_pandas_dtype():
    X = as_pandas()
    X["float32"] = X["float"].astype("float32")
    X["uint8"] = X["int"].astype("uint8")
    X["Float64"] = pd.array(with_missing(NUMBERS), dtype="Float64")
    X["object"] = X["text"].astype(object)
    X["string"] = X["maybe text"].astype("string")
    X["category"] = X["maybe text"].astype("category")
    X["ordered"] = pd.Categorical(SIZES, ["low", "mid", "high", "unused"], ordered=True)
    X["numbers as categories"] = X["int"].astype("category")
    X["zoned"] = X["date"].dt.tz_localize("Europe/Berlin")
    X["arrow int"] = X["maybe int"].astype(pd.ArrowDtype(pa.int64()))
    X["arrow text"] = X["maybe text"].astype(pd.ArrowDtype(pa.string()))
    return X.set_index(pd.Index(range(N_ROWS, 0, -1)))


def every_polars_dtype():
    return pl.DataFrame(CELLS).with_columns(
        pl.col("float").cast(pl.Float32).alias("float32"),
        pl.col("int").cast(pl.UInt8).alias("uint8"),
        pl.col("maybe text").cast(pl.Categorical).alias("category"),
        pl.Series("enum", SIZES, dtype=pl.Enum(["low", "mid", "high", "unused"])),
        pl.col("date").cast(pl.Date).alias("day"),
        pl.col("date").dt.time().alias("time"),
        pl.col("date").dt.replace_time_zone("Europe/Berlin").alias("zoned"),
    )


def every_pyarrow_dtype():
    table = every_polars_dtype().drop("enum").to_arrow()
    return table.append_column("dictionary", pa.array(TEXT).dictionary_encode())


EVERY_DTYPE = {
    "pandas": every_pandas_dtype,
    "polars": every_polars_dtype,
    "pyarrow": every_pyarrow_dtype,
}


def schema(X):
    """All of a table's type but its rows."""
    if isinstance(X, pd.DataFrame):
        return pd.DataFrame, list(X.columns), list(X.dtypes)
    if isinstance(X, pl.DataFrame | pa.Table):
        return type(X), X.schema
    return type(X), X.dtype, X.shape[1], X.flags.f_contiguous


def columns(X):
    """Columns of a table as lists of Python objects, with None for what is missing."""
    if isinstance(X, pd.DataFrame):
        cells = [X[name].tolist() for name in X.columns]
    elif isinstance(X, pl.DataFrame):
        cells = [column.to_list() for column in X.iter_columns()]
    elif isinstance(X, pa.Table):
        cells = [column.to_pylist() for column in X.columns]
    else:
        cells = [column.tolist() for column in np.asarray(X, dtype=object).T]
    return [[None if pd.isna(cell) else cell for cell in column] for column in cells]


def number(cell):
    """A number for any cell, the same whatever library the cell comes from."""
    if cell is None:
        return 0.3
    if isinstance(cell, dt.datetime):
        return (cell.hour + 24 * cell.day) / 50
    if isinstance(cell, dt.date):
        return cell.day / 2
    if isinstance(cell, dt.time):
        return cell.hour / 12
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds() / 3600
    return len(cell) if isinstance(cell, str) else float(cell)


class Recorder(RegressorMixin, BaseEstimator):
    """A weighted sum over the columns, which keeps the schema of all that it is given."""

    asked = 0

    def fit(self, X, y=None):
        self.schema_ = schema(X)
        return self

    def predict(self, X):
        Recorder.asked += 1
        assert schema(X) == self.schema_
        rows = zip(*columns(X), strict=True)
        return np.array([sum(number(v) / (j + 1) for j, v in enumerate(row)) for row in rows])


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("engine", ["pooled", "local", "lime"])
@pytest.mark.parametrize("library", EVERY_DTYPE)
def test_the_model_is_asked_in_the_schema_it_was_fitted_on(library, engine, cv):
    X = EVERY_DTYPE[library]()
    Recorder.asked = 0
    wrapper = LimeImportanceWrapper(
        Recorder(), engine=engine, cv=cv, num_samples=64, max_samples=2, random_state=0
    ).fit(X, np.zeros(N_ROWS))
    assert Recorder.asked >= 2 * (cv or 1)  # the rows explained, and those around them
    assert schema(wrapper.explanations_.data) == schema(X)
    names = X.column_names if library == "pyarrow" else X.columns
    assert wrapper.feature_names_in_.tolist() == list(names)
    assert wrapper.explanations_.feature_names.tolist() == list(names)


@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_the_same_table_has_the_same_importances_in_every_library(engine):
    def importances(X):
        return lime_importance(
            Recorder().fit(X if hasattr(X, "shape") else as_objects()),
            X,
            engine=engine,
            num_samples=64,
            max_samples=10,
            random_state=0,
        )

    expected = importances(as_pandas())
    assert np.abs(expected.explanations.weights).max(axis=0).min() > 0.01
    for make in SAME.values():
        actual = importances(make())
        for key in ("importances_mean", "importances_sem", "importances"):
            assert_array_equal(getattr(actual, key), getattr(expected, key))
        assert_array_equal(actual.explanations.weights, expected.explanations.weights)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "bool"])
def test_tables_of_numbers_have_the_same_importances_in_every_container(dtype):
    X = np.random.default_rng(0).normal(size=(60, 4)).round(2 if "float" in dtype else 0)
    X = X.astype(dtype)
    y = X @ [1.0, 2, 0, -1]
    names = ["a", "b", "c", "d"]
    tables = [
        X,
        np.asfortranarray(X),
        X[::-1, ::-1][::-1, ::-1],
        pd.DataFrame(X, columns=names),
        pl.DataFrame(X, schema=names),
        pa.table(dict(zip(names, X.T.copy(), strict=True))),
    ]
    wrapper = LimeImportanceWrapper(
        DecisionTreeRegressor(random_state=0), num_samples=256, random_state=0
    )
    expected = wrapper.fit(X, y).explanations_.weights
    assert np.abs(expected).max() > 0.1
    for table in tables:
        assert_array_equal(wrapper.fit(table, y).explanations_.weights, expected)


def test_levels_of_an_ordered_category_and_an_enum_give_the_same_importances():
    order = ["low", "mid", "high", "unused"]
    frames = [
        pd.DataFrame({"size": pd.Categorical(SIZES, order, ordered=True), "x": NUMBERS}),
        pl.DataFrame({"size": pl.Series(SIZES, dtype=pl.Enum(order)), "x": NUMBERS}),
    ]
    results = [
        lime_importance(Recorder().fit(X), X, num_samples=256, random_state=0) for X in frames
    ]
    assert_array_equal(results[0].importances, results[1].importances)
    for result in results:
        assert result.explanations.bins.labels(0) == ["low", "mid", "high"]
        assert result.importances_mean.min() > 0.1


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_selection_keeps_the_frame(library):
    X = SAME[library]()
    X = X[["float", "int"]] if library == "pandas" else X.select("float", "int")
    y = np.array(WHOLE, dtype=float)
    wrapper = LimeImportanceWrapper(
        DecisionTreeRegressor(random_state=0), num_samples=256, random_state=0
    )
    selector = SelectFromModel(wrapper, max_features=1).set_output(transform=library)
    assert list(selector.fit(X, y).transform(X).columns) == ["int"]


@pytest.mark.parametrize("library", SAME)
def test_the_callers_table_is_not_modified(library):
    X, y, weight = SAME[library](), np.array(NUMBERS), np.arange(1.0, N_ROWS + 1)
    before = columns(X)
    lime_importance(
        Recorder().fit(X if hasattr(X, "shape") else as_objects()),
        X,
        y,
        sample_weight=weight,
        discretizer="entropy",
        num_samples=16,
    )
    assert columns(X) == before
    assert y.tolist() == NUMBERS
    assert weight.tolist() == list(range(1, N_ROWS + 1))


TARGETS = {
    "bool": np.array(FLAGS),
    "series": pd.Series(FLAGS, index=range(N_ROWS, 0, -1)),
    "categories": pd.Series(FLAGS).map({True: "yes", False: "no"}).astype("category"),
    "nullable": pd.Series(FLAGS, dtype="boolean"),
    "polars": pl.Series(FLAGS),
    "pyarrow": pa.array(FLAGS),
    "list": FLAGS,
}


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_targets_and_weights_of_every_container_give_the_same_importances(library, cv):
    names = ["float", "int"]
    X = pd.DataFrame({name: CELLS[name] for name in names})
    X["float"] += 3 * np.array(FLAGS)
    weight = np.arange(N_ROWS) % 3
    table = {"pandas": X, "polars": pl.from_pandas(X), "pyarrow": pa.Table.from_pandas(X)}[library]
    wrapper = LimeImportanceWrapper(
        DecisionTreeClassifier(random_state=0), cv=cv, num_samples=64, max_samples=10
    )
    wrapper.set_params(random_state=0).fit(X.to_numpy(), FLAGS, sample_weight=weight)
    expected = wrapper.feature_importances_
    assert expected[0] > 0.4
    for y in TARGETS.values():
        for weights in (weight.tolist(), pd.Series(weight), pl.Series(weight)):
            wrapper.fit(table, y, sample_weight=weights)
            assert_array_equal(wrapper.feature_importances_, expected)


HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
KEYS = [f"customer {i}" for i in np.random.default_rng(1).permutation(400)]


@pytest.mark.parametrize(
    ("index", "number"),
    [
        (HOURS, lambda X: X.index.hour / 24),
        (pd.Index(KEYS), lambda X: X.index.str[9:].astype(float) / 400),
        (
            pd.MultiIndex.from_arrays([KEYS, HOURS]),
            lambda X: X.index.get_level_values(1).hour / 24,
        ),
    ],
    ids=["dates", "strings", "several levels"],
)
@pytest.mark.parametrize("cv", [None, 2])
def test_steps_that_read_or_join_by_the_index_get_its_labels(index, number, cv):
    X = pd.DataFrame({"x": np.linspace(0, 1, 400), "z": np.linspace(1, 0, 400) ** 2}, index=index)
    known = pd.Series(number(X), index=index)
    joined = []

    def add(X):
        joined.append(known.reindex(X.index).to_numpy())
        return X.assign(read=number(X), joined=joined[-1])

    y = X["x"] + known
    model = make_pipeline(FunctionTransformer(add), LinearRegression())
    wrapper = LimeImportanceWrapper(model, cv=cv, random_state=0).fit(X, y)
    assert not np.isnan(np.concatenate(joined)).any()
    plain = LimeImportanceWrapper(LinearRegression(), random_state=0).fit(X, X["x"])
    error = wrapper.feature_importances_sem_ + plain.feature_importances_sem_
    difference = np.abs(wrapper.feature_importances_ - plain.feature_importances_)
    assert (difference < 4 * error + 1e-12).all()
    assert wrapper.feature_importances_.shape == (2,)


@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("index", [HOURS, pd.Index(KEYS), pd.MultiIndex.from_arrays([KEYS, HOURS])])
def test_a_row_of_which_one_column_changes_keeps_its_index_label(index, conditional, cv):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=400), "z": rng.normal(size=400)}, index=index)
    far = pd.Series(rng.normal(scale=100, size=400), index=index)
    add = FunctionTransformer(lambda X: X.assign(far=far.reindex(X.index).to_numpy()))
    model = make_pipeline(add, LinearRegression())
    params = {"kernel_width": 0, "conditional": conditional, "cv": cv, "random_state": 0}
    read = LimeImportanceWrapper(model, **params).fit(X, X["x"] + far)
    plain = LimeImportanceWrapper(LinearRegression(), **params).fit(X, X["x"])
    # What the label adds is the same in both answers.
    found, expected = (each.explanations_.contributions for each in (read, plain))
    assert_allclose(found, expected, atol=1e-9)
    assert np.abs(expected[:, 0]).mean() > 0.3
