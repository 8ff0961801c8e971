"""The columns that parameters point at: `categorical_features` and `feature_groups`."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import parameter_error
from .table import Table

_STALE = ". RFE and RFECV pass arrays with columns dropped: use 'from_dtype' or a callable"


def categorical_mask(table: Table, categorical_features: Any) -> NDArray[np.bool_]:
    """Columns (n_columns,) that a mask, numbers, names, "from_dtype", a callable or None mean."""
    if callable(categorical_features):
        return categorical_mask(table, categorical_features(table.native))
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        return np.array([table.is_categorical(j) for j in range(table.n_columns)], dtype=bool)
    columns = [] if categorical_features is None else categorical_features
    kinds = "be 'from_dtype', an array-like of bool, int or str, a callable or None"
    return _mask(table, columns, "categorical_features", kinds, _STALE)


def group_masks(table: Table, feature_groups: Mapping[Any, Any]) -> dict[Any, NDArray[np.bool_]]:
    """Columns of each group, name -> (n_columns,) of bool."""
    kinds = "hold, for each name, a mask, column numbers or column names"
    masks = {
        name: _mask(table, columns, "feature_groups", kinds)
        for name, columns in feature_groups.items()
    }
    if empty := [name for name, mask in masks.items() if not mask.any()]:
        raise parameter_error("feature_groups", "hold groups of at least one column", empty[0])
    return masks


def _mask(
    table: Table, columns: Any, parameter: str, forms: str, remedy: str = ""
) -> NDArray[np.bool_]:
    """The columns that a mask, numbers or names point at, as a mask."""
    given, d = np.asarray(columns, dtype=object), table.n_columns
    got, mask = given.tolist(), np.zeros(d, dtype=bool)
    kinds = {_kind(c) for c in got} if given.ndim == 1 else {"other"}
    names = [] if table.names is None else table.names.tolist()
    must = ""
    if kinds <= {"bool"} and len(got) in (0, d):
        mask[: len(got)] = got
    elif kinds <= {"bool"}:
        must, got = f"have one entry for each of the {d} columns{remedy}", len(got)
    elif kinds == {"int"} and all(-d <= c < d for c in got):
        mask[got] = True
    elif kinds == {"int"}:
        must = f"hold column numbers from {-d} to {d - 1}{remedy}"
    elif kinds == {"str"} and not names:
        must = f"not hold names when X has no column names{remedy}"
    elif kinds == {"str"}:
        mask = np.isin(names, got)
        if unknown := [c for c in got if c not in names]:
            must = f"hold names of columns of X, unlike {unknown}"
    else:
        must = forms
    if must:
        raise parameter_error(parameter, must, got)
    return mask


def _kind(cell: Any) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "bool"
    return "int" if isinstance(cell, Integral) else "str" if isinstance(cell, str) else "other"
