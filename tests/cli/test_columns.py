"""Columns as people write them: numbers, dates, times, categories, and what is of no use."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklime._cli.columns import decimal_mark, understand


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["3,504", "1,200", "12"], [3504, 1200, 12]),
        (["1,25,000", "75,000"], [125000, 75000]),
        (["$28,000", "$1,000.50", "-$5", "$-6", "($7)"], [28000, 1000.5, -5, -6, -7]),
        (["14.07%", "12.6 %", "-", "3%"], [14.07, 12.6, np.nan, 3]),
        (["1,5", "2,25", "1.000,5"], [1.5, 2.25, 1000.5]),
        (["1 234,5 €", "2 €", "12\u202f000,0 €"], [1234.5, 2, 12000]),
        (["CHF 1'200", "CHF 2'300.50"], [1200, 2300.5]),
        (["36 months", "60 months"], [36, 60]),
        (["€1.2M", "€250K", "€0"], [1.2e6, 2.5e5, 0]),
        (["1.5k", "900", "2 M"], [1500, 900, 2e6]),
        (["3 m", "4", "5.5m"], [3, 4, 5.5]),
        (["300 K", "273 K"], [300, 273]),
        (["1.23-", "4.5", "(6)"], [-1.23, 4.5, -6]),
        (["12 km/h", "13", "n/a"], [12, 13, np.nan]),
        (["1e-3", "2E5", ".5", "1.", "\u22123"], [0.001, 2e5, 0.5, 1, -3]),
        (["1.234", "1,234.5"], [1.234, 1234.5]),
        (["0,5", "1,234"], [0.5, 1.234]),
        (["1.234.567", "1.500"], [1234567, 1500]),
        (["inf", "1", "2"], [np.nan, 1, 2]),
        ([*"123" * 10, "unknown"], [*[1, 2, 3] * 10, np.nan]),
        ([1, 2.5, "3", Decimal("4.5"), None], [1, 2.5, 3, 4.5, np.nan]),
    ],
)
def test_numbers_in_every_dress(cells, numbers):
    kind, values, n_odd = understand(pd.Series(cells, dtype=object))
    assert kind == "number"
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, numbers, rtol=1e-15)
    assert n_odd == ("unknown" in cells)


@pytest.mark.parametrize("missing", ["", " ", "-", "n/a", "N/A", "?", "NULL", "nan", "#N/A", None])
@pytest.mark.parametrize("cells", [["1", "2"], ["2020-01-01", "2020-01-02"], ["u", "v"]])
def test_what_says_nothing_is_missing(missing, cells):
    _, values, n_odd = understand(pd.Series([missing, *cells], dtype=object))
    assert values.isna().tolist() == [True, False, False]
    assert n_odd == 0


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["06/12/2012", "01/02/2013"], ["2012-06-12", "2013-01-02"]),
        (["06/12/2012", "23/02/2013"], ["2012-12-06", "2013-02-23"]),
        (["12.06.2012", "11.07.2013"], ["2012-06-12", "2013-07-11"]),
        (["1.5.12", "31.12.99"], ["2012-05-01", "1999-12-31"]),
        (["5 June 2012", "7 May 2013"], ["2012-06-05", "2013-05-07"]),
        (["Jan 5, 2012", "Feb 7, 2013"], ["2012-01-05", "2013-02-07"]),
        (["01-JAN-99", "02-FEB-01"], ["1999-01-01", "2001-02-02"]),
        (["Jan-2018", "Feb-2018"], ["2018-01-01", "2018-02-01"]),
        (["07/2012", "08/2012"], ["2012-07-01", "2012-08-01"]),
        (["12.6.2012 17.30", "1.7.2013 8.05"], ["2012-06-12 17:30", "2013-07-01 8:05"]),
        (["Jan-18", "Dec-99"], ["2018-01-01", "1999-12-01"]),
        (["Tue, 5 Jun 2012", "Wed, 6 Jun 2012"], ["2012-06-05", "2012-06-06"]),
        (["5th June 2012", "5 May 13"], ["2012-06-05", "2013-05-05"]),
        (["2020-01-02", "31.12.2019", "1.2.2020"], ["2020-01-02", "2019-12-31", "2020-02-01"]),
        (["2012-06-05 10:00 EST", "2012-06-06 10:30 PST"], ["2012-06-05 10", "2012-06-06 10:30"]),
        (["20120612", "20130713"], ["2012-06-12", "2013-07-13"]),
        (["20141013T000000", "20150101T120000"], ["2014-10-13", "2015-01-01 12:00"]),
        (["12/31/2012 5:00 PM", "1/2/2013 4:30 a.m."], ["2012-12-31 17:00", "2013-01-02 04:30"]),
        (["31.12.2012 17:00", "1.2.2013, 4:30"], ["2012-12-31 17:00", "2013-02-01 04:30"]),
        (["2020-01-01", "2020-01-02 10:00"], ["2020-01-01", "2020-01-02 10:00"]),
        (
            ["2012-06-12T10:00:00Z", "2012-06-12T11:30:00+02:00"],
            ["2012-06-12 10", "2012-06-12 9:30"],
        ),
        ([date(1970, 1, 2), None, date(1970, 1, 3)], ["1970-01-02", None, "1970-01-03"]),
        (
            ["2020-01-01"] * 15 + ["2020-01-02"] * 15 + ["soon"],
            ["2020-01-01"] * 15 + ["2020-01-02"] * 15 + [None],
        ),
    ],
)
def test_dates_in_every_dress(cells, days):
    kind, values, n_odd = understand(pd.Series(cells, dtype=object))
    assert kind == "date"
    assert list(map(str, values)) == [str(pd.Timestamp(each)) for each in days]
    assert n_odd == ("soon" in cells)


@pytest.mark.parametrize(
    "cells", [["12:30", "1:45"], ["12:30:00", "01:45:00"], ["12:30 pm", "1:45 AM"]]
)
def test_times_of_day_are_hours(cells):
    kind, values, _ = understand(pd.Series(cells))
    assert kind == "time"
    assert values.tolist() == [12.5, 1.75]


@pytest.mark.parametrize(
    "cells",
    [
        ["u", "v"],
        [True, False],
        ["3 km", "3 mi"],
        ["1-2", "3-4"],
        ["1st", "2nd"],
        ["5'10", "6'1"],
        ["12.34.5", "1.2.3"],
        ["1,2,3", "4,5,6"],
        ["192.168.1.1", "10.0.0.1"],
        ["Q1 2020", "Q2 2020"],
        ["2020Q1", "2020Q2"],
        ["2012-2013", "2013-2014"],
        ["Model 2012", "Model 2013"],
        ["2020-02-30", "2020-13-01"],
        ["25:00", "1:61"],
        ["0", "1", "2", "three"],
        [*"1234567" * 6, "c12"],
        [[1], [2]],
        [b"u", b"v"],
    ],
)
def test_everything_else_is_a_category(cells):
    kind, values, _ = understand(pd.Series(cells, dtype=object))
    assert kind == "category"
    assert values.tolist() == [str(cell) for cell in cells]


def test_typed_columns_keep_what_they_hold():
    noons = pd.date_range("1970-01-01 12:00", periods=3, tz="UTC")
    halves = pd.to_timedelta([12, None, 36], unit="h")
    for kind, cells, expected in (
        ("number", pd.Series([1, 2, None], dtype="Int64"), [1.0, 2.0, None]),
        ("number", pd.Series(halves), [0.5, None, 1.5]),
        ("date", pd.Series(noons.tz_convert("Etc/GMT+12")), noons.tz_localize(None).tolist()),
        ("category", pd.Series(["u", "v", None], dtype="category"), ["u", "v", None]),
        ("category", pd.Series([True, None, False], dtype="boolean"), ["True", None, "False"]),
    ):
        found, values, n_odd = understand(cells)
        assert (found, n_odd) == (kind, 0)
        assert [None if pd.isna(each) else each for each in values] == expected


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["1", "1"], "one value"),
        (["u", "u"], "one value"),
        (["u", "u", None], "category"),
        (["1", "1", None], "number"),
        (["", "-"], "empty"),
        ([np.nan, np.nan], "empty"),
        ([f"id {k}x{k}" for k in range(30)], "different in each row"),
        ([f"name {k // 2}, x" for k in range(29)] + ["again"] * 5, "category"),
        ([f"word {k // 3} b{k // 3}" for k in range(1800)], "text"),
    ],
)
def test_columns_of_no_use_say_why(cells, reason):
    assert understand(pd.Series(cells, dtype=object))[0] == reason


def test_rare_levels_are_merged_if_there_are_too_many():
    cells = [f"x{i}y" for i in range(300)] + [f"common {i % 50}y" for i in range(1000)]
    kind, values, _ = understand(pd.Series(cells))
    assert kind == "category"
    assert values.nunique() == 255  # the most that gradient boosting takes
    assert (values == "(other)").sum() == 350 - 254


@pytest.mark.parametrize(
    ("cells", "default", "mark"),
    [
        (["a", "1,5", "2,75", "3.5"], ".", ","),
        (["a", "1.5", "2.75", "3,5"], ",", "."),
        (["1,234", "2.345"], ".", "."),
        (["1,234", "2.345"], ",", ","),
        (["1.234.567"], ".", ","),
    ],
)
def test_cells_tell_the_decimal_mark_of_a_file(cells, default, mark):
    assert decimal_mark(pd.Series(cells), default) == mark


@pytest.mark.parametrize("mark", [".", ","])
def test_mark_of_the_file_settles_what_a_column_leaves_open(mark):
    cells = pd.Series(["1.500", "2.345"])
    assert understand(cells, mark)[1].tolist() == ([1.5, 2.345] if mark == "." else [1500, 2345])


DAYS = """%Y-%m-%d|%m/%d/%Y|%d/%m/%Y|%d.%m.%Y|%d-%m-%Y|%m-%d-%Y|%d.%m.%y|%m/%d/%y|%d/%m/%y|%d-%b-%Y
%d-%b-%y|%d %B %Y|%B %d, %Y|%b %d, %Y|%a, %d %b %Y|%Y/%m/%d|%Y%m%d|%Y.%m.%d|%d %b %y|%A %d %B %Y
%d%b%Y|%d. %B %Y|%d. %m. %Y""".replace("\n", "|").split("|")
TIMES = ["", " %H:%M", " %H:%M:%S", ", %H:%M", " %I:%M %p", " %I:%M%p", " %H:%M:%S.%f", " at %H:%M"]


@pytest.mark.parametrize("day", DAYS)
def test_what_strftime_writes_is_read_back(day):
    rng = np.random.default_rng(0)
    seconds = pd.to_timedelta(rng.integers(0, 30 * 365 * 86_400, 40), "s")
    moments = pd.Timestamp("1991-02-03") + seconds
    for time in TIMES:
        texts = pd.Series(moments.strftime(day + time))
        kind, values, n_odd = understand(texts)
        assert (kind, n_odd) == ("date", 0), texts[0]
        assert (values == pd.to_datetime(texts, format=day + time)).all(), texts[0]


@pytest.mark.parametrize("unit", ["{}", "{} %", "${}", "{} €", "CHF {}", "{} kg"])
@pytest.mark.parametrize("negative", ["-{}", "({})", "\u2212{}"])
def test_numbers_of_many_countries_are_read_back(unit, negative):
    rng = np.random.default_rng(0)
    for gap, mark in [
        (",", "."),
        ("", "."),
        (".", ","),
        (" ", ","),
        ("\u202f", ","),
        ("\u2019", "."),
    ]:
        for decimals in range(3):
            numbers = np.round(rng.normal(size=60) * 10_000, decimals)
            plain = [f"{abs(v):,.{decimals}f}" for v in numbers]
            plain = [each.translate(str.maketrans({",": gap, ".": mark})) for each in plain]
            cells = [unit.format(each) for each in plain]
            cells = [
                negative.format(c) if v < 0 else c for c, v in zip(cells, numbers, strict=True)
            ]
            kind, values, n_odd = understand(pd.Series(cells), mark)
            assert (kind, n_odd) == ("number", 0), cells[:3]
            np.testing.assert_array_equal(values, numbers, cells[0])
