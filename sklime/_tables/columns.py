"""The columns that parameters point at: `categorical_features` and `feature_groups`."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table import Table

_REMEDY = {
    "categorical_features": (
        "RFE and RFECV pass arrays with columns dropped: use 'from_dtype' or a callable."
    ),
    "feature_groups": "",
}
_KINDS = {
    "categorical_features": (
        "be 'from_dtype', an array-like of bool, int or str, a callable or None."
    ),
    "feature_groups": "hold, for each name, a mask, column numbers or column names.",
}


def categorical_mask(table: Table, categorical_features: Any) -> NDArray[np.bool_]:
    """Columns that `categorical_features` declares, (n_columns,) of bool.

    Parameters
    ----------
    table : Table
    categorical_features : "from_dtype", array-like of bool, int or str, callable or None
        "from_dtype" for the columns that hold levels; a mask, column numbers (negative ones from
        the end) or names; a callable that makes any of these from the table's own container.

    Raises
    ------
    ValueError
        If it is none of these or does not fit the table.
    """
    if callable(categorical_features):
        return categorical_mask(table, categorical_features(table.native))
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        return np.array([table.is_categorical(j) for j in range(table.n_columns)], dtype=bool)
    columns = [] if categorical_features is None else categorical_features
    return _mask(table, columns, "categorical_features")


def group_masks(table: Table, feature_groups: Mapping[Any, Any]) -> dict[Any, NDArray[np.bool_]]:
    """Columns of each group, name -> (n_columns,) of bool.

    Raises
    ------
    ValueError
        If a group has no columns, or one that the table has not.
    """
    masks = {
        name: _mask(table, columns, "feature_groups") for name, columns in feature_groups.items()
    }
    if empty := [name for name, mask in masks.items() if not mask.any()]:
        raise _bad("feature_groups", "hold groups of at least one column.", empty[0])
    return masks


def _mask(table: Table, columns: Any, parameter: str) -> NDArray[np.bool_]:
    """The columns that a mask, numbers or names point at, as a mask."""
    mask = np.zeros(table.n_columns, dtype=bool)
    mask[_numbers(table, np.asarray(columns, dtype=object), parameter)] = True
    return mask


def _numbers(table: Table, columns: NDArray[np.object_], parameter: str) -> list[int]:
    """Numbers of the columns that a mask, numbers or names point at."""
    d, got, remedy = table.n_columns, columns.tolist(), _REMEDY[parameter]
    kinds = {_kind(c) for c in got} if columns.ndim == 1 else {"other"}
    if kinds <= {"bool"}:
        if got and len(got) != d:
            raise _bad(parameter, f"have one entry for each of the {d} columns. {remedy}", len(got))
        return [j for j, declared in enumerate(got) if declared]
    if kinds == {"int"}:
        if not all(-d <= c < d for c in got):
            raise _bad(parameter, f"hold column numbers from {-d} to {d - 1}. {remedy}", got)
        return [int(c) for c in got]
    if kinds == {"str"}:
        if table.names is None:
            raise _bad(parameter, f"not hold names when X has no column names. {remedy}", got)
        number = {name: j for j, name in enumerate(table.names)}
        if unknown := [c for c in got if c not in number]:
            raise _bad(parameter, f"hold names of columns of X, unlike {unknown}.", got)
        return [number[c] for c in got]
    raise _bad(parameter, _KINDS[parameter], got)


def _kind(cell: Any) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "bool"
    return "int" if isinstance(cell, Integral) else "str" if isinstance(cell, str) else "other"


def _bad(parameter: str, rule: str, got: Any) -> ValueError:
    return ValueError(f"The '{parameter}' parameter must {rule.strip()} Got {got!r} instead.")
