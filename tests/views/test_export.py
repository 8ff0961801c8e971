"""The weights keep their numbers and names in dataframes, shap and lime."""

import copy
import json
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklime import LimeImportanceDisplay, lime_importance
from sklime._explanations import Explanations

to_frame, to_shap, to_lime = Explanations.to_frame, Explanations.to_shap, Explanations.to_lime

# shap 0.51 still calls what matplotlib 3.11 deprecates; lime leaves its script file open.
uses_shap = pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)
uses_lime_html = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _close_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


def explain(model, X, **options):
    options = {"num_samples": 256, "random_state": 0, **options}
    return lime_importance(model, X, **options).explanations


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = np.array(["a", "b", "c"])[y]
    return explain(LogisticRegression(max_iter=1000).fit(X, y), X, max_samples=30)


@pytest.fixture(scope="module")
def linear():
    """A regression with known weights, without column names."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    return explain(LinearRegression().fit(X, X @ [3.0, -1.0, 0.0]), X)


@pytest.fixture(scope="module")
def targets():
    X = np.random.default_rng(0).normal(size=(50, 3))
    return explain(LinearRegression().fit(X, X[:, :2]), X)


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(20, 80, 120).astype(float),
            "city": pd.Categorical(rng.choice(["Oslo", "Bonn", "Rome"], 120)),
            "<b>x</b>": rng.random(120) > 0.5,
        }
    )
    y = np.where((X["age"] > 50) | (X["city"] == "Rome"), "yes", "no")
    X.loc[::10, "age"] = np.nan
    X.loc[5, "city"] = None
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=5)
    return explain(model.fit(X, y), X)


# Dataframes


def test_frame_has_one_line_for_each_row_column_and_class(iris):
    frame = to_frame(iris)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["row", "column", "class", "value", "contribution"]
    assert len(frame) == 30 * 4 * 3
    wide = frame.pivot(index="row", columns=["column", "class"], values="contribution")
    names = list(iris.feature_names)
    for k, name in enumerate("abc"):
        weights = wide.xs(name, axis=1, level=1).loc[iris.sample_indices, names]
        np.testing.assert_array_equal(weights, iris.attributions[:, :, k])
    values = frame[frame["class"] == "a"].pivot(index="row", columns="column", values="value")
    pd.testing.assert_frame_equal(
        values.loc[iris.sample_indices, names],
        iris.data.set_axis(iris.sample_indices),
        check_names=False,
    )


def test_frame_of_a_table_with_an_index_has_its_labels():
    X = pd.DataFrame({"a": np.arange(40.0)}, index=[f"r{i}" for i in range(40)])
    model = ModelOfArrays(LinearRegression().fit(X.to_numpy(), X["a"]))
    explanations = explain(model, X, max_samples=7)
    labels = X.index[explanations.sample_indices]
    assert to_frame(explanations)["row"].tolist() == labels.tolist()
    title = LimeImportanceDisplay.from_explanations(explanations, kind="row", row=2).ax_
    assert title.get_title(loc="left") == f"Row {labels[2]}"


def test_frame_of_a_regression_has_numbered_outputs(targets):
    frame = to_frame(targets)
    assert list(frame.columns) == ["row", "column", "output", "value", "contribution"]
    assert frame["output"].unique().tolist() == [0, 1]
    line = frame[(frame["row"] == 7) & (frame["column"] == "x1") & (frame["output"] == 1)]
    assert line["contribution"].item() == targets.attributions[7, 1, 1]
    assert line["value"].item() == targets.data[7, 1]


def test_frame_of_mixed_columns_keeps_every_value(mixed):
    frame = to_frame(mixed)
    for name in mixed.data:
        shown = frame[(frame["column"] == name) & (frame["class"] == "yes")]["value"]
        for value, original in zip(shown, mixed.data[name], strict=True):
            assert (value is None and pd.isna(original)) or value == original


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frame_is_of_the_library_of_the_table(library):
    X = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40) % 3})
    y = X["a"] + X["b"]
    native, kind = {
        "polars": (pl.from_pandas(X), pl.DataFrame),
        "pyarrow": (pa.Table.from_pandas(X), pa.Table),
    }[library]
    model = LinearRegression().fit(X.to_numpy(), y)
    model_of_arrays = ModelOfArrays(model)
    expected = to_frame(explain(model_of_arrays, X))
    frame = to_frame(explain(model_of_arrays, native))
    assert isinstance(frame, kind)
    columns = {name: np.asarray(frame[name]) for name in ("row", "column", "value", "contribution")}
    for name, column in columns.items():
        np.testing.assert_array_equal(column, expected[name].to_numpy())


class ModelOfArrays:
    """A model that takes any table as an array, and so can be asked with any library's."""

    def __init__(self, model):
        self.model = model

    def predict(self, X):
        return self.model.predict(np.asarray(X, dtype=float))


def test_frame_of_mixed_columns_in_polars_has_text():
    X = pl.DataFrame({"a": [1.5, None, 3.0, 4.0] * 5, "b": ["u", "v", None, "u"] * 5})

    class Model:
        def predict(self, X):
            return X["a"].fill_null(0).to_numpy() + (X["b"] == "u").fill_null(False).to_numpy()

    frame = to_frame(explain(Model(), X))
    assert frame.schema["value"] == pl.String
    shown = frame.filter(pl.col("row") < 4)["value"].to_list()
    assert shown == ["1.5", "u", None, "v", "3.0", None, "4.0", "u"]


def test_frame_of_sparse_rows_has_their_zeros():
    X = sparse.random(60, 5, density=0.3, format="csr", random_state=0)
    frame = to_frame(explain(LinearRegression().fit(X, X.toarray().sum(axis=1)), X))
    np.testing.assert_array_equal(frame["value"].to_numpy().reshape(60, 5), X.toarray())


def test_frame_of_arrays_without_pandas_names_the_command(linear, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"requires pandas.*`pip install pandas`"):
        to_frame(linear)


# shap


@uses_shap
def test_shap_values_are_those_of_the_positive_class(mixed):
    explanation = to_shap(mixed)
    np.testing.assert_array_equal(explanation.values[:, :-1], mixed.attributions[:, :, 1])
    names = ["age", "city", "<b>x</b>", "(interactions, change inside bins)"]
    assert list(explanation.feature_names) == names
    plain = to_shap(mixed, remainder=False)
    np.testing.assert_array_equal(plain.values, mixed.attributions[:, :, 1])
    np.testing.assert_array_equal(plain.base_values, explanation.base_values)
    assert list(plain.feature_names) == names[:-1]
    other = to_shap(mixed, label="no", remainder=False)
    np.testing.assert_array_equal(other.values, mixed.attributions[:, :, 0])
    with pytest.raises(ValueError, match=r"'label' parameter must be one of \['no', 'yes'\]"):
        to_shap(mixed, label="maybe")


@uses_shap
@pytest.mark.parametrize("values", ["weights", "contributions"])
def test_shap_base_and_values_add_up_to_the_models_prediction(iris, values):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    explanations = explain(model, X, values=values)
    total = to_shap(explanations).base_values + to_shap(explanations).values.sum(axis=1)
    np.testing.assert_allclose(total, model.predict_proba(X), atol=1e-12)


@uses_shap
def test_shap_base_of_contributions_is_the_same_for_every_row(targets):
    X, model = targets.data, LinearRegression().fit(targets.data, targets.data[:, :2])
    explanations = explain(model, X, values="contributions", num_samples=8192)
    base = to_shap(explanations).base_values
    assert (base == base[0]).all()
    # Of a linear model the mean over independent columns is the mean over the rows.
    np.testing.assert_allclose(base[0], X[:, :2].mean(axis=0), atol=0.02)


@uses_shap
def test_shap_waterfall_ends_at_the_models_prediction(mixed):
    import shap

    shap.plots.waterfall(to_shap(mixed)[3], show=False)
    plt.gcf().canvas.draw()
    texts = [label.get_text() for ax in plt.gcf().axes for label in ax.get_xticklabels()]
    assert f"${mixed.predictions[3, 1]:0.3f}".rstrip("0").lstrip("$") in " ".join(texts)
    names = [label.get_text() for label in plt.gcf().axes[0].get_yticklabels()]
    assert any("(interactions, change inside bins)" in name for name in names)


@uses_shap
def test_shap_data_are_numbers_with_the_categories_beside(mixed):
    explanation = to_shap(mixed)
    np.testing.assert_array_equal(explanation.data[:, 0], mixed.data["age"])
    np.testing.assert_array_equal(explanation.data[:, 2], mixed.data["<b>x</b>"])
    levels = dict(zip(explanation.display_data[:, 1], explanation.data[:, 1], strict=True))
    assert np.isnan(levels.pop(None))
    assert levels == {"Bonn": 0, "Oslo": 1, "Rome": 2}


@uses_shap
def test_shap_values_of_several_classes_have_an_axis_for_them(iris):
    explanation = to_shap(iris)
    assert explanation.shape == (30, 5, 3)
    assert list(explanation.output_names) == ["a", "b", "c"]
    second = explanation[..., 1]
    np.testing.assert_array_equal(second.values[:, :-1], iris.attributions[:, :, 1])
    np.testing.assert_array_equal(to_shap(iris, label="b").values, second.values)


@uses_shap
def test_shap_bar_and_beeswarm_plot_the_weights(mixed):
    import shap

    explanation = to_shap(mixed, remainder=False)
    ax = shap.plots.bar(explanation, show=False)
    expected = np.sort(np.abs(mixed.attributions[:, :, 1]).mean(axis=0))[::-1]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], expected)
    plt.figure()
    ax = shap.plots.beeswarm(explanation, show=False)
    shown = np.concatenate([c.get_offsets()[:, 0] for c in ax.collections])
    np.testing.assert_allclose(np.sort(shown), np.sort(mixed.attributions[:, :, 1].ravel()))


@uses_shap
def test_shap_scatter_names_the_categories(mixed):
    import shap

    shap.plots.scatter(to_shap(mixed)[:40, "city"], show=False)
    ax = plt.gca()
    ax.figure.canvas.draw()
    assert {"Bonn", "Oslo", "Rome"} <= {label.get_text() for label in ax.get_xticklabels()}


def test_without_shap_the_error_names_the_command(linear, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ImportError, match=r"to_shap requires shap.*`pip install shap`"):
        to_shap(linear)


# lime


def test_lime_lists_the_weights_with_their_bins(linear):
    x = linear.data[4]
    cuts = np.quantile(linear.data, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf").T
    expected = {}
    for j in (0, 1):
        b = np.searchsorted(cuts[j], x[j])
        low, high = (f"{cut:.4g}" for cut in (cuts[j][max(b - 1, 0)], cuts[j][min(b, 2)]))
        text = [f"x{j} <= {high}", *2 * [f"{low} < x{j} <= {high}"], f"x{j} > {low}"][b]
        # A linear model's weight: its coefficient times the shift of the bin's mean.
        inside = np.searchsorted(cuts[j], linear.data[:, j]) == b
        column = linear.data[:, j]
        expected[text] = [3.0, -1.0][j] * (column[inside].mean() - column[~inside].mean())
    listed = dict(to_lime(linear, 4).as_list())
    assert listed.keys() >= expected.keys()
    for text, weight in expected.items():
        assert listed[text] == pytest.approx(weight, abs=0.3)


def test_lime_maps_regressions_as_lime_does(linear):
    explanation = to_lime(linear, 4)
    forward, backward = explanation.as_map()[1], explanation.as_map()[0]
    assert forward == sorted(forward, key=lambda pair: -abs(pair[1]))
    assert dict(forward) == dict(enumerate(linear.weights[4, :, 0]))
    assert backward == [(j, -weight) for j, weight in forward]
    assert explanation.predicted_value == linear.predictions[4, 0]
    assert (explanation.min_value, explanation.max_value) == (
        linear.predictions.min(),
        linear.predictions.max(),
    )


def test_lime_has_every_class(iris):
    explanation = to_lime(iris, 9)
    assert explanation.available_labels() == [0, 1, 2]
    assert explanation.class_names == ["a", "b", "c"]
    np.testing.assert_array_equal(explanation.predict_proba, iris.predictions[9])
    for k in range(3):
        assert dict(explanation.as_map()[k]) == dict(enumerate(iris.weights[9, :, k]))
        assert explanation.score[k] == iris.scores[9, k]
        assert explanation.intercept[k] == iris.intercepts[9, k]
        assert explanation.local_pred[k] == pytest.approx(
            iris.intercepts[9, k] + iris.weights[9, :, k].sum()
        )


def test_lime_names_categories_missing_values_and_unseen_levels(mixed):
    assert "city=Rome" in dict(
        to_lime(mixed, int((mixed.data["city"] == "Rome").argmax())).as_list()
    )
    texts = to_lime(mixed, 0).domain_mapper.discretized_feature_names
    assert texts[0] == "age=missing"
    unseen = copy.copy(mixed)
    unseen.codes = np.full_like(mixed.codes, 9)  # more than there are bins
    texts = to_lime(unseen, 1).domain_mapper.discretized_feature_names
    assert texts[1] == f"city={mixed.data['city'].iloc[1]}"


def test_lime_leaves_out_columns_without_weight():
    X = np.column_stack([np.arange(40.0), np.ones(40)])
    explanations = explain(LinearRegression().fit(X, X[:, 0]), X)
    explanation = to_lime(explanations, 0)
    assert [j for j, _ in explanation.as_map()[1]] == [0]
    assert explanation.domain_mapper.discretized_feature_names[1] == "x1=any"


def test_lime_rows_are_numbered_as_in_a_list(linear):
    assert to_lime(linear, -1).as_list() == to_lime(linear, 199).as_list()
    with pytest.raises(IndexError):
        to_lime(linear, 200)


def test_lime_of_several_targets_wants_one_named(targets):
    with pytest.raises(ValueError, match=r"The 'label' parameter must be one of \[0, 1\]"):
        to_lime(targets, 0)
    assert dict(to_lime(targets, 0, label=1).as_map()[1]) == dict(
        enumerate(targets.weights[0, :, 1])
    )


@uses_lime_html
def test_lime_page_shows_values_probabilities_and_bins(mixed):
    page = to_lime(mixed, 1).as_html()
    age, city, flag = mixed.data.iloc[1]
    bins = [f'"city={city}"', '["no", "yes"]', json.dumps(mixed.predictions[1].tolist())]
    values = [f'["age", "{age:.4g}"', f'["city", "{city}"', f'["<b>x</b>", "{flag}"']
    assert all(text in page for text in bins + values)


def test_lime_figure_has_the_weights_as_bars(iris):
    figure = to_lime(iris, 2).as_pyplot_figure(label=2)
    (ax,) = figure.axes
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, sorted(iris.weights[2, :, 2], key=abs))
    assert ax.get_title() == "Local explanation for class c"


def test_without_lime_the_error_names_the_command(linear, monkeypatch):
    monkeypatch.setitem(sys.modules, "lime.explanation", None)
    with pytest.raises(ImportError, match=r"to_lime requires lime.*`pip install lime`"):
        to_lime(linear, 0)
