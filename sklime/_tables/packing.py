"""Dataframes as arrays, lists and bytes, which every way to store an object takes."""

from importlib import import_module
from io import BytesIO
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from .cells import object_cells


def packed(X: Any) -> Any:
    """What a table is stored as: for a dataframe a dict, for others the table itself."""
    dependencies, pyarrow = nw.dependencies, nw.dependencies.get_pyarrow()
    if dependencies.is_polars_dataframe(X):
        X.write_ipc(buffer := BytesIO())
        return {"polars": buffer.getvalue()}
    if dependencies.is_pyarrow_table(X):
        with pyarrow.ipc.new_stream(buffer := BytesIO(), X.schema) as stream:
            stream.write_table(X)
        return {"pyarrow": buffer.getvalue()}
    # What a subclass has besides its cells it knows how to store itself.
    plain = dependencies.is_pandas_dataframe(X) and type(X) is _pandas().DataFrame
    if not plain or not X.flags.allows_duplicate_labels:
        return X
    return {
        "cells": [_packed(column) for _, column in X.items()],
        "index": _packed_index(X.index),
        "columns": _packed_index(X.columns),
        "attrs": X.attrs,
    }


def unpacked(stored: Any) -> Any:
    """The table that was packed."""
    if not isinstance(stored, dict):
        return stored
    if "polars" in stored:
        return import_module("polars").read_ipc(BytesIO(stored["polars"]))
    if "pyarrow" in stored:
        return import_module("pyarrow").ipc.open_stream(stored["pyarrow"]).read_all()
    index = _index(stored["index"])
    cells = {j: _column(column) for j, column in enumerate(stored["cells"])}
    frame = _pandas().DataFrame(cells, copy=False).set_axis(_index(stored["columns"]), axis=1)
    frame = frame.set_axis(index) if cells else frame.reindex(index)
    frame.attrs = stored["attrs"]
    return frame


def _packed(values: Any) -> Any:
    """A column or an index: NumPy's arrays, levels as codes, others as cells where these tell."""
    dtype, pandas = values.dtype, _pandas()
    if isinstance(dtype, np.dtype):
        return values.to_numpy()
    if isinstance(dtype, pandas.CategoricalDtype):
        codes = pandas.Categorical(values).codes
        return {"codes": codes, "levels": _packed(dtype.categories), "ordered": dtype.ordered}
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return {"times": pandas.DatetimeIndex(values).tz_convert(None).to_numpy(), "tz": str(dtype)}
    if isinstance(dtype, pandas.ArrowDtype):
        return packed(import_module("pyarrow").table({"": values.array}))
    for name in (str(dtype), f"{dtype}[{getattr(dtype, 'storage', '')}]"):
        cells = {"cells": object_cells(values.tolist()), "dtype": name}
        if _column(cells).array.equals(values.array):
            return cells
    return values.array


def _column(stored: Any) -> Any:
    """The column that was packed, as a pandas series."""
    pandas = _pandas()
    if not isinstance(stored, dict):
        return pandas.Series(stored, dtype=stored.dtype)
    if "codes" in stored:
        levels = _column(stored["levels"]).array
        dtype = pandas.CategoricalDtype(levels, stored["ordered"])
        return pandas.Series(pandas.Categorical.from_codes(stored["codes"], dtype=dtype))
    if "tz" in stored:
        return pandas.Series(stored["times"]).dt.tz_localize("UTC").astype(stored["tz"])
    if "pyarrow" in stored:
        return pandas.Series(pandas.arrays.ArrowExtensionArray(unpacked(stored)[""]))
    try:
        return pandas.Series(stored["cells"], dtype=stored["dtype"])
    except (TypeError, ValueError):  # a type that no text names
        return pandas.Series(stored["cells"])


def _packed_index(index: Any) -> dict[str, Any]:
    pandas = _pandas()
    names = list(index.names)
    if isinstance(index, pandas.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "names": names}
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    return {"levels": [_packed(level) for level in levels], "names": names}


def _index(stored: dict[str, Any]) -> Any:
    """The index that was packed."""
    pandas, names = _pandas(), stored["names"]
    if "range" in stored:
        return pandas.RangeIndex(*stored["range"], name=names[0])
    levels = [pandas.Index(level, dtype=level.dtype) for level in map(_column, stored["levels"])]
    if len(levels) > 1:
        return pandas.MultiIndex.from_arrays(levels, names=names)
    return levels[0].rename(names[0])


def _pandas() -> Any:
    return import_module("pandas")
