"""Any file gives a ranking or one line that says why not."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from sklime._cli.main import main
from sklime._cli.models import ESTIMATORS, make_estimator

NAMES = [
    "a",
    "a",
    "größe",
    "id",
    "",
    "2020",
    "1.5",
    "name, first",
    'q"q',
    "new\nline",
    "Unnamed: 0",
]


def cells(rng, n):
    """A column as people write one, perhaps with few cells filled."""
    x, days = rng.normal(size=n), pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), "D")
    kinds = [
        [f"{v:.3f}" for v in x],
        [f"{v:.2f}%" for v in x],
        [f"${abs(v) * 1e5:,.2f}" for v in x],
        [f"{v:.2f}".replace(".", ",") for v in x],
        [f"{v:.1f} km" for v in x],
        ["inf" if v > 1 else f"{v:e}" for v in x],
        ["abc" if v > 1 else str(int(v * 1e9)) for v in x],
        days.strftime("%d.%m.%y").tolist(),
        [f"{k % 24}:30" for k in range(n)],
        [str(k) for k in range(1, n + 1)],
        [f"id{k}" for k in rng.permutation(n)],
        ["same"] * n,
        [""] * n,
        ["x" if k == n // 2 else "" for k in range(n)],
        ["3.5" if k == n // 2 else "" for k in range(n)],
        [f'a "quoted"\nline {k % 3}' for k in range(n)],
        ["lorem ipsum " * k for k in rng.integers(1, 99, n)],
        [str(v > 0) for v in x],
        rng.integers(0, 3, n).astype(str).tolist(),
        [["é", "日本", "a;b, c"][k % 3] for k in range(n)],
    ]
    missing = rng.choice(["", "-", "n/a", "?"])
    share = rng.choice([0, 0, 0.1, 0.98])
    return [missing if rng.random() < share else cell for cell in kinds[rng.integers(len(kinds))]]


def write(path, rng):
    """A file of few columns and rows, with another mark, encoding and layout each time."""
    n, d = int(rng.choice([0, 1, 2, 5, 20, 60])), int(rng.integers(1, 6))
    table = [rng.choice(NAMES, d).tolist(), *zip(*(cells(rng, n) for _ in range(d)), strict=True)]
    with path.open("w", newline="", encoding=rng.choice(["utf-8", "utf-8-sig", "utf-16"])) as file:
        writer = csv.writer(file, delimiter=str(rng.choice([",", ";", "\t", "|"])))
        writer.writerows([["A title"]] * (rng.random() < 0.1))
        for row in table[int(rng.random() < 0.1) :]:
            writer.writerow(row)
            writer.writerows([[]] * (rng.random() < 0.03))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.filterwarnings("default")
def test_any_file_is_ranked_or_refused_in_one_line(seed, tmp_path, capsys):
    rng = np.random.default_rng(seed)
    path = tmp_path / f"table{rng.choice(['.csv', '.tsv', '.txt'])}"
    write(path, rng)
    options = [[], ["--cv", "2"], ["--task", "regression"], ["--rows", "12"]][rng.integers(4)]
    try:
        status = main([str(path), "--estimator", str(rng.choice(list(ESTIMATORS)[:3:2])), *options])
    except SystemExit as stopped:
        status = stopped.code
    printed = capsys.readouterr()
    warned = re.findall("sklime: warning: (.*)", printed.err)
    ours = (
        "All importances are 0",
        "The bins of single columns",
        "Interactions of three",
        "Changes inside",
    )
    assert [text for text in warned if not text.startswith(ours)] == []
    errors = [line for line in printed.err.splitlines() if line.startswith("sklime: error: ")]
    assert (status, len(errors)) in ((0, 0), (2, 1))
    assert all(line.startswith("sklime: ") and len(line) < 500 for line in printed.err.splitlines())
    assert status == 2 or re.search(r"\nrank +column .*\n +1  ", printed.out)


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "linear", "random_forest"])
@pytest.mark.parametrize("kind", ["number", "category"])
@pytest.mark.filterwarnings("ignore:Downcasting behavior:FutureWarning")  # pandas 2.2 in skrub
def test_columns_may_be_empty_in_training(name, kind):
    """A fold may have all the known cells of each column."""
    n = 40
    value = 1.0 if kind == "number" else "u"
    sparse = pd.Series([value, *[None] * (n - 1)], dtype=None if kind == "number" else "category")
    X = pd.DataFrame({"a": sparse, "b": sparse[::-1].to_numpy()})
    y = np.arange(n) / n
    model = make_estimator(name, X, classify=False, seed=0).fit(X[1:-1], y[1:-1])
    np.testing.assert_allclose(model.predict(X), np.full(n, y[1:-1].mean()), atol=0.05)


@pytest.mark.parametrize("n", [4, 12, 30])
@pytest.mark.parametrize("name", ["hist_gradient_boosting", "knn"])
def test_few_rows_are_learnt_from(n, name):
    X = pd.DataFrame({"x": np.arange(n, dtype=float)})
    model = make_estimator(name, X, classify=False, seed=0).fit(X, X["x"])
    assert r2_score(X["x"], model.predict(X)) > 0.8
