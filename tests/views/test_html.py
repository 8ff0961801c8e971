"""Tables of HTML show the numbers, mark what is not told from 0, and escape every text."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklime import lime_importance
from sklime._statistics.estimates import Estimate
from sklime._views.html import bar_line, fragment, ranking


def explain(model, X, **options):
    options = {"num_samples": 256, "random_state": 0, **options}
    return lime_importance(model, X, **options).explanations


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = np.array(["a", "b", "c"])[y]
    return explain(LogisticRegression(max_iter=1000).fit(X, y), X, max_samples=30)


class Cells(HTMLParser):
    """Texts of the cells, widths of the bars and all text outside of style."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.widths, self.faint, self.text, self.tags = [], [], [], "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag == "tr":
            self.faint.append(dict(attributes).get("class") == "faint")
        if tag == "div" and dict(attributes).get("class", "").startswith("bar"):
            self.widths.append(float(dict(attributes)["style"].removeprefix("width: ")[:-1]))

    def handle_data(self, data):
        if self.tags[-1] == "td":
            self.rows[-1][-1] += data
        elif self.tags[-1] != "style" and data.strip():
            self.text += data


def test_html_shows_importances_errors_and_bars(iris):
    cells = Cells(iris._repr_html_())
    importances, sem = iris.importances(), iris.estimate().sem
    order = np.argsort(-importances)
    assert [row[0] for row in cells.rows] == [iris.feature_names[j] for j in order]
    assert [float(row[1]) for row in cells.rows] == pytest.approx(importances[order], rel=0.03)
    assert [float(row[2].removeprefix("± ")) for row in cells.rows] == pytest.approx(
        sem[order], rel=0.5
    )
    shares = 100 * importances[order] / importances.max()
    assert cells.widths == pytest.approx(shares, abs=0.06)


def test_html_tells_how_the_explanations_were_made(iris):
    text = Cells(iris._repr_html_()).text
    low, middle, high = np.percentile(iris.scores, [25, 50, 75])
    for part in (
        "30 rows, 4 columns, 3 classes",
        f"median {middle:.2f}, half of them {low:.2f} to {high:.2f}",
        "engine pooled",
        "256 perturbed rows",
        "kernel width 0.3",
    ):
        assert part in text


class Product:
    def predict(self, X):
        return np.sign(X[:, 0] * X[:, 1])


def test_html_of_the_pooled_engine_splits_the_variance():
    X = np.random.default_rng(0).normal(size=(400, 3))
    X -= np.median(X, axis=0)  # quartiles cut where the sign changes
    explanations = explain(Product(), X, engine="pooled", num_samples=2048, kernel_width=0.4)
    shares = {name: f"{share[0]:.0%}" for name, share in explanations.interactions.shares.items()}
    main, pairs, higher, within = shares.values()
    text = Cells(explanations._repr_html_()).text
    assert f"variance: main effects {main}, pairs {pairs}, higher orders {higher}, " in text
    assert f"inside bins {within}" in text
    assert float(pairs.rstrip("%")) > 90


def test_html_escapes_names():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)))
    X.columns = ['<script>alert("x")</script>', "a' onmouseover='b&amp;"]
    page = explain(LinearRegression().fit(X, X.iloc[:, 0]), X)._repr_html_()
    cells = Cells(page)
    assert [row[0] for row in cells.rows] == list(X.columns)
    assert set(cells.tags) == {"div", "style", "p", "b", "table", "tr", "td"}
    assert "onmouseover='" not in page


def test_html_counts_the_columns_left_out():
    X = np.random.default_rng(0).normal(size=(40, 30))
    explanations = explain(LinearRegression().fit(X, X[:, 3]), X)
    cells = Cells(explanations._repr_html_())
    assert len(cells.rows) == 15
    left_out = np.sort(explanations.importances())[-16]
    assert f"and 15 more, up to {left_out:.2g}" in cells.text  # and a third digit
    assert "40 rows, 30 columns" in cells.text
    assert "outputs" not in cells.text


def test_html_marks_the_columns_not_told_from_0():
    X = np.random.default_rng(0).normal(size=(200, 4))
    explanations = explain(LinearRegression().fit(X, X @ [3.0, -1.0, 0.0, 0.0]), X)
    cells = Cells(explanations._repr_html_())
    told = dict(
        zip(explanations.feature_names, explanations.estimate().confint()[:, 0] > 0, strict=True)
    )
    assert {row[0]: not faint for row, faint in zip(cells.rows, cells.faint, strict=True)} == told
    assert 0 < sum(told.values()) < 4
    assert "italic, empty bar: the 95 % interval holds 0" in cells.text
    sure = Estimate(np.ones(1), np.zeros(1), np.ones(1))
    assert "italic" not in Cells(ranking("t", ["a"], sure)).text


def test_html_of_negative_numbers_has_bars_of_another_colour():
    signed = Estimate(np.array([1.0, -2.0]), np.zeros(2), np.ones(2), True)
    page = ranking("t", ["a", "b"], signed)
    assert page.count('class="bar negative"') == 1
    assert Cells(page).widths == [100, 50]


def test_html_of_an_error_that_is_not_known_says_nothing_of_it():
    unknown = Estimate(np.ones(2), np.array([np.inf, np.nan]), np.ones(2))
    cells = Cells(ranking("t", ["a", "b"], unknown))
    assert [row[2] for row in cells.rows] == ["", ""]


def test_html_of_lines_is_a_table_of_names_and_texts():
    cells = Cells(
        fragment("<t>", [bar_line([("name", "a & b"), ("number", "0.5")], 0.25)], ["note"])
    )
    assert [row[:2] for row in cells.rows] == [["a & b", "0.5"]]
    assert cells.widths == [25]
    assert "<t>" in cells.text
    assert "note" in cells.text


@pytest.mark.filterwarnings("ignore:All importances are 0")
@pytest.mark.parametrize("engine", ["pooled"])
def test_html_of_a_constant_model_says_so(engine):
    X = np.random.default_rng(0).normal(size=(40, 2))
    explanations = explain(RandomForestRegressor(2).fit(X, np.ones(40)), X, engine=engine)
    cells = Cells(explanations._repr_html_())
    assert "none, for the predictions are constant" in cells.text
    assert "variance" not in cells.text
    assert cells.widths == [0, 0]
