"""What the cells of a column stand for: numbers, dates, times of day, categories or nothing."""

import re
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

# A column is what nearly all of its cells are; this share of others, at most, counts as missing.
_ODD = 0.05

# Histogram gradient boosting takes no more levels.
_MAX_LEVELS = 255
_OTHER = "(other)"

_MISSING = {"", "-", "--", "?", ".", "..", "...", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan"}
_MISSING |= {"nat", "null", "(null)", "#null!", "#div/0!", "none", "nil"}

# "-$1,234.50", "(12)", "EUR 3", "14,07 %", "36 months", "1e-3".
_NUMBER = re.compile(
    r"(?P<open>\(?)(?P<sign>[-+\u2212]?)\s*(?P<before>(?:[A-Z]{3}|[A-Z]{0,2}[$€£¥₹₽₩])?)\s*"
    r"(?P<inner>[-+\u2212]?)(?P<digits>[.,]?\d(?:[\d.,'\u2019\s]*\d)?[.,]?)(?P<power>(?:[eE][-+]?\d+)?)"
    r"\s*(?P<after>[^\d.,()]{0,12})\)?"
)
_FACTORS = {"-": -1.0, "k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9}  # "1.5-", "€1.2M" beside "€250K"
# Digits in full by the decimal mark.
_DIGITS = {
    mark: rf"(?:\d+|[1-9]\d{{0,2}}(?:{gap}\d{{2,3}})*{gap}\d{{3}})?(?:\{mark}\d*)?"
    for mark, gap in ((".", r"[,\s'\u2019]"), (",", r"[.\s'\u2019]"))
}

# A year of four digits, three parts that end with one of two, or Jan-18. pandas would take "1-2",
# "5'10" and "Q1" for dates, too.
_DATE = r"(?!.*q)(?:.*\D)?(?:1[5-9]|20)\d\d|\w{1,9}([-/. ])\w{1,9}\1\d\d\b|[a-z]{3}[-/ ]\d\d$"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[ap]\.?m\.?)?"


def understand(column: Any, mark: str = ".") -> tuple[str, Any, int]:
    """Return what a Series holds, its values, and how many cells are unlike nearly all others.

    It holds a "number" (float64), "date" (datetime64), "time" (hours as float64) or "category"
    (of strings), or else the first text says why the column is of no use. `mark` is the decimal
    mark where the cells leave it open. Odd cells count as missing.
    """
    if types.is_timedelta64_dtype(column):
        column = column / pd.Timedelta(days=1)
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        return _finite("number", column.astype("float64"))
    if types.is_datetime64_any_dtype(column):
        return _finite("date", pd.to_datetime(column, utc=True).dt.tz_localize(None))
    texts = _texts(column)
    counts = texts.value_counts()
    if counts.empty:
        return "empty", texts, 0
    for kind, parse in (("number", _numbers), ("date", _dates), ("time", _times)):
        parsed = parse(counts, mark)
        odd = counts[parsed.isna().to_numpy()]
        n_codes = odd[odd.index.str.contains(r"\d")].sum()  # "c12" below "1234"
        if max(odd.sum(), 5 * n_codes) <= _ODD * counts.sum():
            values = texts.map(dict(zip(counts.index, parsed, strict=True)))
            values = values.astype("datetime64[us]" if kind == "date" else "float64")
            return _finite(kind, values, int(odd.sum()))
    return _categories(texts, counts)


def decimal_mark(cells: Any, default: str) -> str:
    """Tell the decimal mark of a file from a Series of its cells."""
    return _mark(_parts(_texts(cells).dropna())["digits"], default)


def _texts(column: Any) -> Any:
    """Cells as strings without spaces around, missing where nothing is said."""
    texts = column.astype(object).where(column.notna(), "").map(str).str.strip()
    return texts.where(~texts.str.lower().isin(_MISSING))


def _finite(kind: str, values: Any, n_odd: int = 0) -> tuple[str, Any, int]:
    """The column, or why there is nothing to learn from it."""
    if kind == "number":
        values = values.replace([np.inf, -np.inf], np.nan)
    if values.nunique(dropna=False) < 2:
        kind = "empty" if values.isna().all() else "one value"
    return kind, values, n_odd


def _parts(texts: Any) -> Any:
    """The parts of what looks like a number."""
    return texts.astype(object).str.extract(rf"^{_NUMBER.pattern}$")


def _mark(digits: Any, default: str) -> str:
    """The decimal mark that more of the digits allow only."""
    fits = {mark: digits.str.fullmatch(_DIGITS[mark]).eq(True).sum() for mark in ".,"}
    return default if fits["."] == fits[","] else max(fits, key=fits.__getitem__)


def _numbers(counts: Any, mark: str) -> Any:
    """Numbers of one unit at most; 20120612 and its like are dates."""
    texts = counts.index.to_series()
    if texts.str.fullmatch(r"(?:19|20)\d\d[01]\d[0-3]\d").mean() >= 1 - _ODD:
        return pd.Series(np.nan, texts.index)
    plain = pd.to_numeric(texts, errors="coerce")
    if mark == "." and plain.notna().all():
        return plain
    parts = _parts(texts)
    after = parts["after"].str.lower()
    factors = after.map(_FACTORS).fillna(1.0)
    if factors[after.notna()].nunique() > 1 and factors.isin([-1, 1e3]).any():
        after = after.mask(after.isin(_FACTORS), "")
    else:  # "3 m" beside "4", or kelvins
        factors = 1.0
    units = parts["before"].str.lower() + after
    weights = counts.groupby(units.to_numpy()).sum().drop("", errors="ignore")
    fits = units.isin(["", *weights.nlargest(1).index])
    mark = _mark(parts["digits"][fits], mark)
    digits = parts["digits"].where(fits & parts["digits"].str.fullmatch(_DIGITS[mark]).eq(True))
    digits = digits.str.replace(rf"[^\d{mark}]", "", regex=True).str.replace(mark, ".")
    negative = (parts["open"] + parts["sign"] + parts["inner"]).str.contains(r"[(\u2212-]").eq(True)
    factors *= np.where(negative, -1, 1)
    return pd.to_numeric(digits + parts["power"], errors="coerce") * factors


def _dates(counts: Any, mark: str) -> Any:
    """Dates, those with a zone in UTC. The American order is the first guess, but not with dots."""
    texts = counts.index.to_series()
    texts = texts.where(texts.str.match(_DATE, flags=re.IGNORECASE))
    options: dict[str, Any] = {"errors": "coerce", "utc": True}
    dates = pd.to_datetime(texts, format="ISO8601", **options)
    if dates.notna().mean() < 1 - _ODD:
        texts = texts.str.replace(r"(:\d\d) ?[A-Z]{3,4}$", r"\1", regex=True)  # time zones
        texts = texts.str.replace(r"(\d{4}.* \d\d?)\.(\d\d)$", r"\1:\2", regex=True)  # 17.30
        forms = (r"\d\d?\.\d+\.", r"(?:1[3-9]|[23]\d)[-/.]", r"\d\d?[-/.](?:1[3-9]|[23]\d)\D")
        dots, days, months = (texts.str.match(form).eq(True).sum() for form in forms)
        day_first = bool(dots > len(texts) / 2 if days == months else days > months)
        dates = dates.fillna(pd.to_datetime(texts, format="%b-%y", **options))
        dates = dates.fillna(pd.to_datetime(texts, format="mixed", dayfirst=day_first, **options))
    return dates.dt.tz_localize(None)


def _times(counts: Any, mark: str) -> Any:
    """Times of day in hours."""
    texts = counts.index.to_series()
    texts = texts.where(texts.str.fullmatch(_TIME, flags=re.IGNORECASE))
    moments = pd.to_datetime(texts, format="mixed", errors="coerce")
    return (moments - moments.dt.normalize()) / pd.Timedelta(hours=1)


def _categories(texts: Any, counts: Any) -> tuple[str, Any, int]:
    """Categories; of very many, those in few rows become one."""
    n_known, n_levels = counts.sum(), len(counts)
    if n_levels == 1 and n_known == len(texts):
        return "one value", texts, 0
    common = counts.index[: _MAX_LEVELS - 1]
    kind = "category"
    if n_levels > 20 and (2 * n_levels > n_known or 2 * counts[common].sum() < n_known):
        kind = "different in each row" if n_levels == n_known else "text"
    if n_levels > _MAX_LEVELS:
        texts = texts.where(texts.isin(common) | texts.isna(), _OTHER)
    return kind, texts.astype(object).astype("category"), 0
