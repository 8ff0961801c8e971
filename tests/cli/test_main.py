"""The command line: numbers, lines, files and errors of ``python -m sklime``."""

import csv
import io
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skrub import tabular_pipeline

import sklime
from sklime import LimeImportanceWrapper
from sklime._cli.main import main
from sklime._cli.models import ESTIMATORS, make_estimator


def mixed_frame(n=160):
    """Numbers, categories, booleans, dates and missing values; `a` and `kind` matter."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "<script>": rng.normal(size=n),
            "kind": rng.choice(["red", "green", "blue"], n),
            "flag": rng.choice([True, False], n),
            "when": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "identity": [f"id {i}" for i in range(n)],
            "constant": 1.0,
        }
    )
    value = 3 * frame["a"] + 4 * (frame["kind"] == "red")
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    frame["empty"] = np.nan
    return frame, value


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same table with a target of strings and with one of numbers."""
    folder = tmp_path_factory.mktemp("files")
    frame, value = mixed_frame()
    label = np.where(value > 1.5, "high", "low").astype(object)
    label[:3] = None
    frame.assign(label=label).to_csv(folder / "label.csv", index=False)
    frame.assign(value=value).to_csv(folder / "value.csv", index=False)
    return folder


def prepared_by_hand(name):
    """The columns that the model of a file gets, and the target."""
    frame, value = mixed_frame()
    X = pd.DataFrame(
        {
            "a": frame["a"],
            "<script>": frame["<script>"],
            "kind": frame["kind"].astype("category"),
            "flag": frame["flag"].astype("str").where(frame["flag"].notna()).astype("category"),
            "when": pd.to_datetime(frame["when"]),
            "constant": frame["constant"].astype(float),
        }
    )
    if name == "value":
        return X, value.to_numpy()
    return X[3:].reset_index(drop=True), np.where(value > 1.5, "high", "low")[3:]


def model_of(y, seed=0):
    """Gradient boosting behind skrub's pipeline."""
    classify = y.dtype.kind == "U"
    model = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    options = {"early_stopping": False, "l2_regularization": 1.0, "random_state": seed}
    return tabular_pipeline(model(categorical_features="from_dtype", **options))


def read_ranking(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def error_of(argv, capsys):
    """The one line of an error, after those that say what is being done."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    assert stopped.value.code == 2
    *steps, error = captured.err.splitlines()
    assert all(re.match("sklime: (reading|fitting|scoring|choosing) ", step) for step in steps)
    assert error.startswith("sklime: error: ")
    return error.removeprefix("sklime: error: ")


def terminal_width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_built_in_data_gives_the_wrappers_numbers(tmp_path, capsys):
    output = tmp_path / "importances.csv"
    assert main(["--output", str(output)]) == 0
    data = load_breast_cancer()
    model = HistGradientBoostingClassifier(
        early_stopping=False, l2_regularization=1.0, random_state=0
    )
    wrapper = LimeImportanceWrapper(make_pipeline(StandardScaler(), model), random_state=0)
    wrapper.fit(data.data, data.target_names[data.target])
    order = np.argsort(-wrapper.feature_importances_, kind="stable")
    ranking = read_ranking(output)
    assert list(ranking[0]) == ["rank", "column", "importance", "sem", "low", "high", "told"]
    assert [line["rank"] for line in ranking] == [str(k) for k in range(1, 31)]
    assert [line["column"] for line in ranking] == data.feature_names[order].tolist()
    for key, attribute in (
        ("importance", wrapper.feature_importances_),
        ("sem", wrapper.feature_importances_sem_),
    ):
        assert [float(line[key]) for line in ranking] == attribute[order].tolist()
    lines = capsys.readouterr().out.splitlines()
    first = ranking[0]
    numbers = [f"{float(first[key]):.5f}" for key in ("importance", "low", "high")]
    assert lines[6].split()[:-1] == [
        "1",
        *first["column"].split(),
        numbers[0],
        numbers[1],
        "to",
        numbers[2],
    ]
    assert len([line for line in lines if re.match(r" +\d+  ", line)]) == 15
    assert any(line.startswith("      and 15 more, up to 0.0") for line in lines)


@pytest.mark.parametrize("name", ["label", "value"])
def test_mixed_file_gives_the_wrappers_numbers(name, files, tmp_path, capsys):
    output = tmp_path / "importances.csv"
    assert main([str(files / f"{name}.csv"), "--output", str(output)]) == 0
    X, y = prepared_by_hand(name)
    wrapper = LimeImportanceWrapper(model_of(y), random_state=0).fit(X, y)
    ranking = read_ranking(output)
    assert {line["column"]: float(line["importance"]) for line in ranking} == dict(
        zip(X.columns, wrapper.feature_importances_.tolist(), strict=True)
    )
    assert {line["column"] for line in ranking[:2]} == {"a", "kind"}
    printed = " ".join(capsys.readouterr().out.split())
    rows = {"label": "157 rows, 3 without a target left out", "value": "160 rows"}
    assert f"Data {name}.csv, {rows[name]} Columns 3 numbers, 2 categories, 1 date; " in printed
    assert "; not used: identity (different in each row), empty (empty) Target" in printed
    expected = {
        "label": "label, classification, 2 classes (high, low)",
        "value": "value, regression",
    }
    assert f"Target {expected[name]} Model hist_gradient_boosting" in printed


def test_kernel_width_and_random_state_reach_the_wrapper(files, tmp_path, capsys):
    output = tmp_path / "importances.csv"
    options = ["--kernel-width", "0.9", "--random-state", "7", "--output", str(output)]
    assert main([str(files / "value.csv"), *options]) == 0
    X, y = prepared_by_hand("value")
    wrapper = LimeImportanceWrapper(model_of(y, seed=7), kernel_width=0.9, random_state=7).fit(X, y)
    importances = sorted(wrapper.feature_importances_.tolist(), reverse=True)
    assert [float(line["importance"]) for line in read_ranking(output)] == importances


def test_held_out_score_stands_beside_the_ranking(files, capsys):
    for name, measure in (("label", "accuracy"), ("value", "R²")):
        assert main([str(files / f"{name}.csv")]) == 0
        X, y = prepared_by_hand(name)
        folds = (StratifiedKFold if name == "label" else KFold)(4, shuffle=True, random_state=0)
        score = cross_val_score(model_of(y), X, y, cv=folds).mean()
        out = " ".join(capsys.readouterr().out.split())
        assert f"Score {measure} {score:.3f} on {len(y)} held-out rows" in out
        if name == "label":
            share = (y == "low").mean()
            assert f"rows, {share:.3f} by naming the commonest class" in out


def test_many_rows_are_scored_on_a_quarter_of_them(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=6000)
    frame = pd.DataFrame({"x": x, "y": x + rng.normal(size=6000)})
    frame.to_csv(tmp_path / "long.csv", index=False)
    assert main([str(tmp_path / "long.csv"), "--estimator", "linear"]) == 0
    train, test = next(KFold(4, shuffle=True, random_state=0).split(frame))
    model = tabular_pipeline(Ridge()).fit(frame[["x"]].iloc[train], frame["y"].iloc[train])
    score = model.score(frame[["x"]].iloc[test], frame["y"].iloc[test])
    captured = capsys.readouterr()
    assert f"R² {score:.3f} on 1,500 held-out rows" in " ".join(captured.out.split())
    assert main([str(tmp_path / "long.csv"), "--estimator", "linear", "--rows", "500"]) == 0
    assert "500 rows drawn from 6,000 (--rows N draws more)" in capsys.readouterr().out


@pytest.mark.parametrize("classify", [True, False])
def test_column_that_gives_the_target_away_is_named(classify, tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = x[:, 0] + rng.normal(size=400)
    frame = pd.DataFrame(x, columns=["honest", "b", "c"])
    frame["leak"] = y * 2 + 1
    frame["y"] = np.where(y > 0, "up", "down") if classify else y
    frame.to_csv(tmp_path / "leak.csv", index=False)
    measure = "accuracy" if classify else "R²"
    assert main([str(tmp_path / "leak.csv")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert re.search(
        rf"Careful leak alone tells y \({measure} (1.000|0.9[89]\d)\): would it be", out
    )
    assert main([str(tmp_path / "leak.csv"), "--drop", "leak"]) == 0
    assert "Careful" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("classify", [True, False])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:Found unknown categories")
def test_estimators_take_mixed_columns_with_missing_values(name, classify):
    X, value = prepared_by_hand("value")
    X = X.assign(void=pd.Categorical([None] * len(X)), empty=np.nan)
    y = np.where(value > 1.5, "high", "low") if classify else value
    model = make_estimator(name, X, classify=classify, seed=3)
    train = X[::2].assign(kind=X["kind"].where(X["kind"] != "blue"))
    test = X[1::2].assign(empty=1.0, void="new")  # values and levels unseen in training
    model.fit(train, y[::2])
    assert model.score(test, y[1::2]) > (0.6 if classify else 0.3)


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "random_forest", "mlp"])
@pytest.mark.parametrize("classify", [True, False])
def test_seed_reaches_the_model(name, classify):
    model = make_estimator(name, np.empty((0, 2)), classify=classify, seed=3)[-1]
    assert getattr(model, "regressor", model).random_state == 3


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_take_arrays(name):
    X, y = load_breast_cancer(return_X_y=True)
    model = make_estimator(name, X[::4], classify=True, seed=0).fit(X[::4], y[::4])
    assert model.score(X[1::4], y[1::4]) > 0.9


@pytest.mark.parametrize("estimator", ["svm", "knn"])
def test_other_estimators_rank_the_columns(estimator, files, capsys):
    assert main([str(files / "label.csv"), "--estimator", estimator, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"Model    {estimator}" in lines
    first = next(number for number, line in enumerate(lines) if line.startswith("rank"))
    assert {line.split()[1] for line in lines[first + 1 : first + 3]} == {"a", "kind"}
    unit = {"svm": "the decision function", "knn": "probability"}[estimator]
    assert any(line.endswith(f"in {unit}") for line in lines)


def test_lines_fit_the_terminal_and_bars_are_aligned(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    names = ["plain", "a\nbreak\x1b[31m", "身長" * 30, "b" * 50 + "end"]
    frame = pd.DataFrame(rng.normal(size=(100, 4)), columns=names)
    frame.assign(y=frame.sum(axis=1)).to_csv(tmp_path / "wide.csv", index=False)
    monkeypatch.setenv("COLUMNS", "62")
    main([str(tmp_path / "wide.csv"), "--estimator", "linear"])
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(terminal_width, lines)) == 62  # the longest bar
    assert "\x1b" not in out
    first = next(number for number, line in enumerate(lines) if line.startswith("rank"))
    ranking = lines[first : first + 5]
    assert len({terminal_width(re.sub("[█▏▎▍▌▋▊▉]", "", line).rstrip()) for line in ranking}) == 1
    assert any("bbb…b" in line and "end " in line for line in ranking)


def test_bars_are_proportional(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    main([str(files / "value.csv"), "--estimator", "linear"])
    rows = [line for line in capsys.readouterr().out.splitlines() if re.match(r" +\d  ", line)]
    number = [float(row.split()[2]) for row in rows]
    eighths = [
        8 * row.count("█") + sum(1 + "▏▎▍▌▋▊▉".index(c) for c in row if c in "▏▎▍▌▋▊▉")
        for row in rows
    ]
    longest = eighths[0]
    assert eighths == [pytest.approx(longest * each / number[0], abs=0.6) for each in number]


def test_output_without_unicode_has_plain_bars(files, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    main([str(files / "value.csv"), "--estimator", "linear"])
    text = raw.getvalue().decode("ascii")
    assert "##########" in text
    assert "R? 0." in text


def test_progress_is_told_on_a_terminal_and_off_it(files, capsys, monkeypatch):
    argv = [str(files / "value.csv"), "--estimator", "linear", "--cv", "2", "--top", "3"]
    steps = [
        "fitting and explaining linear: 160 rows, 6 columns",
        "scoring on held-out rows",
        "choosing columns in fold 1 of 2",
        "choosing columns in fold 2 of 2",
    ]
    main(argv)
    assert capsys.readouterr().err.splitlines() == [f"sklime: {step}" for step in steps]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    main(argv)
    shown = capsys.readouterr().err.split("\r\033[K")
    assert [text for text in shown if text] == [f"{step} ..." for step in steps]
    assert not shown[-1]  # nothing stays


def test_large_file_is_named_while_it_is_read(files, capsys, monkeypatch):
    monkeypatch.setattr("sklime._cli.main._SMALL", 100)
    main([str(files / "value.csv"), "--estimator", "linear"])
    assert capsys.readouterr().err.startswith("sklime: reading value.csv\n")


@pytest.mark.filterwarnings("default")
def test_warnings_are_lines_said_once(tmp_path, capsys):
    path = tmp_path / "few.csv"
    pd.DataFrame({"x": [0.5] * 11 + [1.5], "y": ["a", "b"] * 6}).to_csv(path, index=False)
    assert main([str(path)]) == 0  # a leaf of one row is not made
    captured = capsys.readouterr()
    assert re.search(r"\n   1  x +0\.0000  0\.0000 to 0\.0000  \?\n", captured.out)
    lines = [line for line in captured.err.splitlines() if "warning" in line]
    assert len(lines) == len(set(lines)) >= 1
    assert all(line.startswith("sklime: warning: ") for line in lines)
    assert "All importances are 0" in captured.err


@pytest.mark.filterwarnings("default")
def test_warnings_name_options_of_the_command_line(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(300, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=np.sin(20 * x[:, 0]))
    frame.to_csv(tmp_path / "t.csv", index=False)
    for options in ([], ["--cv", "3"]):  # where columns are chosen in each fold, too
        main([str(tmp_path / "t.csv"), *options])
        printed = capsys.readouterr().err
        assert printed.count("--discretizer decile") == 1
        assert "=" not in printed


class _Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("name", ["label", "kind"])
def test_report_is_one_escaped_page(name, files, tmp_path, capsys):
    path = tmp_path / "report.html"
    argv = [files / f"{name}.csv", "--report", path, "--top", "3", "--cv", "2"]
    if name == "kind":
        argv[:1] = [files / "value.csv", "--target", "kind"]
    output = tmp_path / "importances.csv"
    assert main([*map(str, argv), "--output", str(output), "--estimator", "linear"]) == 0
    html = path.read_text(encoding="utf-8")
    page = _Page(html)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "<script>" in page.texts
    urls = [value for key, value in page.attributes if key in ("src", "href", "xlink:href")]
    inside = r"#|data:image/png;base64,\s*iVBOR"
    assert all(re.match(inside, url) for url in urls)
    # A swarm or a map, four effects, the interactions, three rows: on bright and on dark pages.
    assert page.tags.count("svg") == 9
    assert "currentColor" in html
    assert not re.search(r"(?i)url\(http|@import|#010203", html)
    text = "\n".join(page.texts)
    for line in read_ranking(output):
        assert line["column"] in page.texts
        low, high = float(line["low"]), float(line["high"])
        assert low <= float(line["gain"]) <= high
    assert "and 3 more" in text
    captions = {"label": "Rows", "kind": "Importances for each output"}
    for caption in (
        captions[name],
        "What the first columns add",
        "Example rows (the first below the names is 1)",
    ):
        assert caption in page.texts
    assert capsys.readouterr().out.split("\n\n")[-1].rstrip() in text  # the scores
    assert page.texts.count(f"LIME importances of {argv[0].name}") == 2
    for wanted in ("random state", sklime.__version__):
        assert wanted in text
    widths = [value for key, value in page.attributes if key == "style" and "%" in value]
    assert widths[0] == "width: 100.0%"


def test_rows_of_the_report_are_numbered_as_in_the_file(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=90).round(3), "y": rng.normal(size=90)})
    frame.loc[rng.random(90) < 0.3, "y"] = np.nan  # rows that are left out
    frame.to_csv(tmp_path / "t.csv", index=False)
    report = tmp_path / "page.html"
    argv = [str(tmp_path / "t.csv"), "--rows", "40", "--estimator", "linear"]
    assert main([*argv, "--report", str(report)]) == 0
    page = _Page(report.read_text(encoding="utf-8"))
    titles = [text.strip() for text in page.texts if re.match(r"\s*Row \d", text)]
    assert len(titles) == 3
    cells = [text.strip() for text in page.texts if re.match(r"\s*x = ", text)]
    for title, cell in zip(titles, cells, strict=True):
        x = frame["x"].iloc[int(re.findall(r"\d+", title)[0]) - 1]
        assert float(cell.partition("= ")[2].replace("\N{MINUS SIGN}", "-")) == pytest.approx(x)


def test_importances_not_told_from_0_are_marked(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 6)), columns=list("abcdef"))
    frame["y"] = frame["a"] + rng.normal(size=300)
    frame.to_csv(tmp_path / "t.csv", index=False)
    report, output = tmp_path / "page.html", tmp_path / "out.csv"
    main([str(tmp_path / "t.csv"), "--report", str(report), "--output", str(output)])
    unsure = [line["column"] for line in read_ranking(output) if float(line["low"]) <= 0]
    html = report.read_text(encoding="utf-8")
    marked = re.findall(
        r'<tr class="faint"><td class="number">\d</td><td class="name">(\w)</td>', html
    )
    assert marked == unsure
    assert ("Empty bars: importances that cannot be told from 0" in html) == bool(unsure)
    printed = capsys.readouterr().out
    assert len(re.findall(r"\n +\d  \w .* \?(?: |\n)", printed)) == len(unsure)


@pytest.mark.filterwarnings("default")
def test_report_has_the_warnings_and_no_package_that_is_missing(tmp_path, monkeypatch):
    def version(package):
        raise PackageNotFoundError

    monkeypatch.setattr("sklime._cli.main.version", version)
    pd.DataFrame({"x": [0.5] * 11 + [1.5], "y": ["a", "b"] * 6}).to_csv(
        tmp_path / "few.csv", index=False
    )
    report = tmp_path / "report.html"
    main([str(tmp_path / "few.csv"), "--report", str(report)])
    page = report.read_text(encoding="utf-8")
    assert '<p class="warning">All importances are 0' in page
    assert "pandas" not in page.split("Versions: ")[1]


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("PDF", b"%PDF"), ("svg", b"<?xml")]
)
def test_plot_is_written_in_the_format_of_its_name(suffix, start, tmp_path, files):
    path = tmp_path / f"plot.{suffix}"
    main([str(files / "value.csv"), "--estimator", "linear", "--plot", str(path), "--top", "2"])
    assert path.read_bytes().startswith(start)
    if suffix == "svg":
        text = path.read_text(encoding="utf-8")
        assert "and 4 more" in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["missing.csv"], "no such file: missing.csv"),
        (["."], ". is a folder"),
        (["broken.csv"], "broken.csv cannot be read: Error tokenizing data."),
        (
            ["table.doc"],
            "table.doc is neither a .csv, .tsv, .txt, .json, .parquet nor a .xlsx file",
        ),
        (["--estimator", "magic"], "argument --estimator: invalid choice: 'magic'"),
        (["--task", "magic"], "argument --task: invalid choice"),
        (["--magic"], "unrecognized arguments: --magic"),
        (["--top", "0"], "argument --top: must be an integer of 1 or more. Got '0'."),
        (["--cv", "1"], "argument --cv: must be an integer of 2 or more. Got '1'."),
        (["--cv", "2.5"], "argument --cv: must be an integer of 2 or more. Got '2.5'."),
        (["--cv", "107"], "--cv 107 needs two classes of 214 rows; there are 212"),
        (["table.csv", "--cv", "5"], "--cv 5 needs 10 rows; there are 8"),
        (
            ["--random-state", "4294967296"],
            "argument --random-state: must be an integer of 0 or more",
        ),
        (
            ["--kernel-width=-1"],
            "The 'kernel_width' parameter of LimeImportanceWrapper must be",
        ),
        (
            ["--kernel-width", "x"],
            "argument --kernel-width: invalid width value: 'x'",
        ),
        (["--values", "x"], "argument --values: invalid choice: 'x'"),
        (["--rows", "1"], "argument --rows: must be an integer of 2 or more. Got '1'."),
        (["--target", "x"], "--target, --task, --drop and --keep are for a FILE"),
        (["--drop", "x"], "--target, --task, --drop and --keep are for a FILE"),
        (["table.csv", "--drop", "z"], "table.csv has no column 'z'; it has 'x', 'y'"),
        (
            ["table.csv", "--drop", "y"],
            "the target 'y' cannot be dropped: choose another by --target",
        ),
        (["table.csv", "--drop", "x"], "table.csv has no column beside the target 'y'"),
        (["table.csv", "--target", "yy"], "table.csv has no column 'yy'; it has 'y', ..."),
        (["table.csv", "--target", "Q"], "table.csv has no column 'Q'; it has 'x', 'y', 't'"),
        (["table.csv", "--target", "t", "--task", "regression"], "the target 't' holds no numbers"),
        (["--output", "."], "argument --output: . is a folder"),
        (["--report", "none/page.html"], "argument --report: there is no folder none"),
        (["table.csv", "--output", "table.csv"], "FILE, --output, --plot and --report must be"),
        (["--plot", "plot.doc"], "argument --plot: plot.doc must end with .png, .pdf, .svg"),
    ],
)
def test_useless_argument_is_one_line(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    columns = {"x": range(8), "y": [float(k) for k in range(8)], "t": list("abababab")}
    Path("table.doc").touch()
    Path("broken.csv").write_text("a,b\n1,2\n1,2,3\n")
    frame = pd.DataFrame(columns)
    (frame if "--target" in argv else frame[["x", "y"]]).to_csv("table.csv", index=False)
    assert error_of(argv, capsys).startswith(message)


@pytest.mark.parametrize(
    ("module", "argv", "purpose", "extra"),
    [
        ("pandas", ["t.csv"], "reading a file", "files"),
        ("skrub", ["t.csv"], "reading a file", "files"),
        ("pyarrow", ["t.parquet"], "reading a .parquet file", "files"),
        ("openpyxl", ["t.xlsx"], "reading a .xlsx file", "files"),
        ("matplotlib", ["--plot", "p.png"], "a plot", "plot"),
        ("matplotlib", ["--report", "p.html"], "a plot", "plot"),
    ],
)
def test_missing_package_is_named(module, argv, purpose, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path(argv[0]).touch()
    monkeypatch.setitem(sys.modules, module, None)
    assert error_of(argv, capsys) == (
        f"{purpose} needs {module}, which is not installed: "
        f'python -m pip install ".[{extra}]" in the clone of sklime installs it'
    )


def test_unwritable_file_is_one_line(tmp_path, capsys):
    path = tmp_path / "out.csv"
    path.symlink_to(tmp_path / "none" / "out.csv")
    argv = ["--estimator", "linear", "--output", path]
    assert error_of(argv, capsys) == f"[Errno 2] No such file or directory: '{path}'"


def test_interrupt_ends_quietly(files, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(LimeImportanceWrapper, "fit", interrupt)
    assert main([str(files / "value.csv")]) == 130
    assert capsys.readouterr().err.startswith("sklime: fitting")


def test_help_names_every_estimator_and_version_is_the_packages(capsys):
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as stopped:
            main([option])
        assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ESTIMATORS)
    assert out.endswith(f"sklime {sklime.__version__}\n")


def test_module_runs_without_the_extras(tmp_path):
    for name in ("pandas", "skrub", "pyarrow", "openpyxl", "matplotlib"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sklime", "--top", "3", "--cv", "2"],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert process.returncode == 0
    assert [line[:16] for line in process.stderr.splitlines()] == [
        "sklime: fitting ",
        "sklime: scoring ",
        "sklime: choosing",
        "sklime: choosing",
    ]
    assert re.search(
        r"\n   1  worst [a-z ]+ +0\.\d{5} +0\.\d{5} to 0\.\d{5} +keep  █{17}", process.stdout
    )
    assert "and 27 more" in process.stdout
    assert re.search(r"\n  3 best +0\.9\d\d ± ", process.stdout)


def test_reader_may_leave():
    process = subprocess.Popen(
        [sys.executable, "-m", "sklime"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert b"rror" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
