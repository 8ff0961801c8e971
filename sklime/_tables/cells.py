"""Cells of any type as numbers, as objects, and as codes of levels."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What numbers stand for, by the kind of their dtype.
UNITS = {"b": "bool", "M": "date", "m": "duration"}


def encode(values: NDArray[Any], levels: Sequence[Any]) -> NDArray[np.intp]:
    """Positions of values in levels: -1 for None and NaN, ``len(levels)`` for others."""
    code = {level: code for code, level in enumerate(levels)} | {None: -1}
    if values.dtype == object:
        return np.array([code.get(v, len(levels)) for v in values], dtype=np.intp)
    distinct, inverse = np.unique(values, return_inverse=True)
    codes = [code.get(None if v != v else v, len(levels)) for v in distinct.tolist()]
    return np.array(codes, dtype=np.intp)[inverse]


def in_order(levels: set[Any]) -> list[Any]:
    """Levels sorted; by type and text what has no order of its own."""
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=lambda level: (type(level).__qualname__, str(level)))


def mix(state: NDArray[np.uint64], numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers that look random, from two that need not: the same ones on every machine."""
    mixed = (state ^ numbers) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return mixed ^ (mixed >> np.uint64(32))


def type_names(cells: NDArray[Any]) -> list[str]:
    return sorted({type(cell).__qualname__ for cell in cells if cell is not None})


def cell_unit(cells: NDArray[np.object_]) -> str:
    """What the numbers of a column of objects stand for."""
    types: dict[str, Any] = {"bool": (bool, np.bool_), "date": date, "duration": (timedelta, time)}
    known = [cell for cell in cells if cell is not None]
    units = (unit for unit, kind in types.items() if all(isinstance(c, kind) for c in known))
    return next(units, "number") if known else "number"


def numbers(column: NDArray[Any]) -> NDArray[Any]:
    """Cells as float64 if all are numbers or times, else as objects."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind in "mM":
        # Microseconds reach past the year 2262, where nanoseconds overflow.
        times = column.astype(f"{column.dtype.kind}8[us]")
        return np.where(np.isnat(times), np.nan, times.astype(np.int64) * 1e3)
    cells = object_cells(column.tolist())
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return _times(cells)


def numbers_or_texts(cells: NDArray[np.object_]) -> NDArray[Any]:
    """Cells of a frame's column: "1" beside other texts only is a level, unlike in an array.

    So are cells that are all missing: others of the column may be texts.
    """
    texts = all(cell is None or isinstance(cell, str) for cell in cells)
    return cells if texts else numbers(cells)


def _times(cells: NDArray[np.object_]) -> NDArray[Any]:
    """Cells as float64 nanoseconds if all are dates, durations or hours, else as they are."""
    for kind, unit in ((date, "M8[us]"), (timedelta, "m8[us]"), (time, "m8[us]")):
        if all(cell is None or isinstance(cell, kind) for cell in cells):
            return numbers(np.array([_numpy_time(cell) for cell in cells], dtype=unit))
    return cells


def _numpy_time(cell: Any) -> Any:
    """A time in UTC, as NumPy's times know no zones; of a day, since midnight."""
    if isinstance(cell, time):
        return datetime.combine(date.min, cell.replace(tzinfo=None)) - datetime.min
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell.astimezone(UTC).replace(tzinfo=None)
    return cell


def object_cells(column: list[Any]) -> NDArray[np.object_]:
    """Cells as an array of objects, with None for every kind of missing value."""
    # Strings are common, and never missing: the first test spares them the slow second one.
    cells = (None if type(v) is not str and _is_missing(v) else v for v in column)
    return np.fromiter(cells, object, len(column))


def _is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, NaT or NA."""
    differs = cell != cell  # true for NaN and NaT; NA for NA; no single boolean for an array
    if isinstance(differs, (bool, np.bool_)):
        return cell is None or bool(differs)
    return differs is cell
