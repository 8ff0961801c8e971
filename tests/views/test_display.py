"""What the plots show: artists, labels, order, lengths and colours."""

import datetime as dt
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import LimeImportanceDisplay, LimeImportanceWrapper, lime_importance
from sklime._views import plots

from_estimator = LimeImportanceDisplay.from_estimator
from_explanations = LimeImportanceDisplay.from_explanations
from_importances = LimeImportanceDisplay.from_importances


@pytest.fixture(autouse=True)
def _close_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


def wrap(model, **options):
    options = {"num_samples": 256, "random_state": 0, "values": "contributions", **options}
    return LimeImportanceWrapper(model, **options)


@pytest.fixture(scope="module")
def binary():
    X = np.random.default_rng(0).normal(size=(120, 4))
    return wrap(LogisticRegression()).fit(X, np.where(X[:, 2] + 0.5 * X[:, 0] > 0, "yes", "no"))


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return wrap(LogisticRegression(max_iter=1000)).fit(X, np.array(["a", "b", "c"])[y])


@pytest.fixture(scope="module")
def wide():
    X = np.random.default_rng(0).normal(size=(60, 300))
    return wrap(LinearRegression(), num_samples=8192).fit(X, X[:, 7] - 3 * X[:, 5])


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(20, 80, 150).astype(float),
            "city": pd.Categorical(rng.choice(["Oslo", "Bonn", "Rome"], 150)),
        }
    )
    y = (X["age"] > 50) | (X["city"] == "Rome")
    X.loc[::10, "age"] = np.nan
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=5)
    return wrap(model).fit(X, y)


@pytest.fixture(scope="module")
def folds():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return wrap(LogisticRegression(max_iter=1000), cv=3).fit(X, y)


def y_labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def x_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


def dots(ax, n_rows):
    """Places and colours of the beeswarm's dots, (n_rows, n_columns) and (n_rows, n_columns, 4)."""
    (collection,) = [c for c in ax.collections if c.get_offsets().shape[0] > 1]
    x, y = (part.reshape(n_rows, -1) for part in collection.get_offsets().data.T)
    return x, y, collection.get_facecolors().reshape(*x.shape, 4)


def numbers(ax):
    """The numbers written in a plot."""
    texts = [text.get_text().strip("()").replace(",", "") for text in ax.texts]
    texts = [text.replace("\N{MINUS SIGN}", "-") for text in texts]
    return [float(text) for text in texts if text.lstrip("+-")[:1].isdigit()]


def note(ax):
    (text,) = [text for text in ax.texts if text.get_text().startswith("and ")]
    return text


def swarm(x, values, levels=None):
    """Dots of given places and values on an axis of their own."""
    ax = plt.figure().add_subplot()
    plots.beeswarm(ax, x, plots.ranks(values), levels or {})
    return ax


def contrast(color, background):
    """The contrast ratio of the Web Content Accessibility Guidelines 2."""

    def luminance(color):
        rgb = np.array(to_rgb(color))
        linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(color), luminance(background)])
    return (high + 0.05) / (low + 0.05)


# Bars


def test_bars_are_the_importances_largest_on_top(binary):
    display = from_estimator(binary)
    order = np.argsort(-binary.feature_importances_)
    assert order[0] == 2
    assert y_labels(display.ax_) == [f"x{j}" for j in order]
    bars = display.ax_.patches
    np.testing.assert_allclose([b.get_width() for b in bars], binary.feature_importances_[order])
    heights = display.ax_.transData.transform([(0, b.get_y()) for b in bars])[:, 1]
    assert (np.diff(heights) < 0).all()
    assert numbers(display.ax_) == pytest.approx(binary.feature_importances_[order], abs=5e-4)
    assert display.ax_.get_xlabel() == "mean |contribution| to the probability"
    title = "Importances, with 95 % intervals (empty bars: they hold 0)"
    assert display.ax_.get_title(loc="left") == title


def test_error_bars_are_the_confidence_intervals_cut_at_0(binary):
    display = from_estimator(binary)
    order = np.argsort(-binary.feature_importances_)
    lines = next(c for c in display.ax_.collections if hasattr(c, "get_segments"))
    ends = np.array(lines.get_segments())[:, :, 0]
    intervals = binary.explanations_.estimate().confint(0.95)[order]
    np.testing.assert_allclose(ends, intervals, atol=1e-15)
    assert (ends >= 0).all()
    assert (ends[1:, 0] == 0).any()  # useless columns of a linear model


def test_columns_not_told_from_0_are_grey_with_empty_bars(binary):
    display = from_estimator(binary)
    order = np.argsort(-binary.feature_importances_)
    low = binary.explanations_.estimate().confint(0.95)[order, 0]
    assert 0 < np.count_nonzero(low <= 0) < 4
    labels = display.ax_.get_yticklabels()
    for bar, label, end in zip(display.ax_.patches, labels, low, strict=True):
        assert (bar.get_facecolor()[3] == 0) == (end <= 0)
        assert bar.get_edgecolor()[3] == 1
        assert (to_hex(label.get_color()) == "#7f7f7f") == (end <= 0)
        assert (label.get_style() == "italic") == (end <= 0)


def test_bars_without_standard_errors_do_not_speak_of_them():
    display = from_importances({"SHAP": [1.0, 3.0]}, feature_names=["a", "b"])
    assert not display.ax_.collections
    assert display.ax_.get_xlabel() == "importance (SHAP)"
    assert y_labels(display.ax_) == ["b", "a"]


def test_negative_importances_go_left_in_another_colour(wide):
    explanations = wide.explanations_
    display = from_explanations(explanations, aggregation=lambda W: W[0], max_features=None)
    signed = explanations.importances(lambda W: W[0])
    assert y_labels(display.ax_)[0] == f"x{np.abs(signed).argmax()}"
    for bar in display.ax_.patches:
        assert to_hex(bar.get_edgecolor()) == ("#d55e00" if bar.get_width() < 0 else "#0072b2")
    assert display.ax_.get_xlabel().startswith("<lambda> of the contributions to the prediction")


def test_labels_choose_the_classes_whose_importances_are_drawn(iris):
    explanations = iris.explanations_
    display = from_explanations(explanations, labels=["b"])
    expected = np.sort(explanations.class_importances()[1])[::-1]
    np.testing.assert_allclose([bar.get_width() for bar in display.ax_.patches], expected)
    # The boxes are of the same class.
    medians = [m for m in display.plot("box").ax_.lines if to_hex(m.get_color()) == "#d55e00"]
    sizes = np.median(explanations.magnitudes(["b"]), axis=0)
    shown = [line.get_xdata()[0] for line in medians]
    np.testing.assert_allclose(np.sort(shown), np.sort(sizes))


def test_aggregation_without_a_name_can_be_drawn(binary):
    class Largest:
        def __call__(self, weights):
            return np.abs(weights).max(axis=0)

    display = from_explanations(binary.explanations_, aggregation=Largest())
    assert display.ax_.get_xlabel().startswith("own measure of the contributions")


# Columns shown, names, axes


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "box", "heatmap"])
def test_columns_left_out_are_counted(wide, kind):
    display = from_estimator(wide, kind=kind)
    importances = np.sort(wide.feature_importances_)[::-1]
    assert len(y_labels(display.ax_)) == 15
    assert y_labels(display.ax_)[0] == "x5"
    text, _, largest = note(display.ax_).get_text().rpartition(" ")
    assert text == "and 285 more, up to"
    assert float(largest) == pytest.approx(importances[15], rel=0.01)
    bottom, top = display.ax_.get_ylim()
    assert top < 0
    assert 14 < note(display.ax_).get_position()[1] < bottom


def test_max_features_none_draws_every_column(wide):
    display = from_estimator(wide, max_features=None)
    assert len(display.ax_.patches) == 300
    assert len(numbers(display.ax_)) == len(display.ax_.texts) == 300


def test_figure_is_as_high_as_its_columns_need(wide):
    few, many = from_estimator(wide, max_features=3), from_estimator(wide, max_features=30)
    assert few.figure_.get_figheight() < 3
    assert many.figure_.get_figheight() == pytest.approx(few.figure_.get_figheight() + 27 * 0.32)


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "box", "heatmap"])
def test_given_axes_are_drawn_on(binary, kind):
    figure, axes = plt.subplots(1, 2, figsize=(9, 4))
    display = from_estimator(binary, kind=kind, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert tuple(figure.get_size_inches()) == (9, 4)
    assert len(plt.get_fignums()) == 1
    assert not axes[0].has_data()


def test_plot_draws_the_same_data_again(binary):
    display = from_estimator(binary)
    first = display.ax_
    assert display.plot("box") is display
    assert display.ax_ is not first
    assert y_labels(display.ax_) == y_labels(first)
    assert display.label_ is None


def test_long_and_strange_names_stay_on_one_short_line():
    names = [
        "household_income_before_all_tax_2023",
        "household_income_before_all_tax_2024",
        "a\nb",
        "$x$ {",
    ]
    display = from_importances({"LIME": [4, 3, 2, 1]}, feature_names=names)
    display.figure_.canvas.draw()  # would fail on $ read as mathematics
    assert y_labels(display.ax_) == [
        "household_income_…ore_all_tax_2023",
        "household_income_…ore_all_tax_2024",
        "a b",
        "$x$ {",
    ]
    assert not any(label.get_parse_math() for label in display.ax_.get_yticklabels())


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "box"])
def test_lines_and_texts_follow_the_style(folds, kind):
    with plt.style.context("dark_background"):
        display = from_estimator(folds, kind=kind, label=1 if kind == "beeswarm" else None)
        display.figure_.canvas.draw()
    own = [c for c in display.ax_.collections if len(np.atleast_2d(c.get_edgecolor())) == 1]
    lines = [to_hex(line.get_color()) for line in display.ax_.lines]
    edges = [to_hex(color) for c in own for color in np.atleast_2d(c.get_edgecolor())[:, :3]]
    assert "#000000" not in lines + edges
    assert "#ffffff" in lines + edges


@pytest.mark.parametrize("background", ["white", "black"])
def test_colours_stand_out_from_bright_and_dark(background):
    shades = np.linspace(0, 1, 11)[:, None]
    levels = np.array([*"aaabbccd", "missing", "e", "f"], dtype=object)
    dot_colors = [dots(swarm(shades, shades, named), 11)[2] for named in ({}, {0: levels})]
    bars = from_importances({"a": [1, -1]}).ax_.patches
    lines = from_importances({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}).ax_.lines
    colors = [
        *np.concatenate(dot_colors)[:, 0],
        *(b.get_facecolor() for b in bars),
        *(line.get_color() for line in lines),
    ]
    assert min(contrast(color, background) for color in colors) >= 3


# Beeswarm


def test_beeswarm_shows_the_contributions_to_the_positive_class(binary):
    display = from_estimator(binary, kind="beeswarm")
    order = np.argsort(-binary.feature_importances_)
    x, y, _ = dots(display.ax_, 120)
    np.testing.assert_array_equal(x, binary.explanations_.attributions[:, order, 1])
    assert np.abs(y - np.arange(4)).max() < 0.5
    assert display.label_ == "yes"
    assert display.ax_.get_xlabel() == "contribution to the probability of yes"
    assert display.ax_.get_title(loc="left") == "120 rows"
    assert y_labels(display.figure_.axes[1]) == ["low", "high"]


def test_weights_are_called_weights():
    X = np.random.default_rng(0).normal(size=(60, 2))
    wrapper = wrap(LinearRegression(), values="weights").fit(X, X[:, 0])
    display = from_estimator(wrapper)
    assert display.ax_.get_xlabel().startswith("mean |LIME weight| to the prediction")
    assert display.plot("beeswarm").ax_.get_xlabel() == "LIME weight to the prediction"


def test_beeswarm_colours_are_ranks_of_the_values(binary):
    colors = dots(from_estimator(binary, kind="beeswarm").ax_, 120)[2]
    order = np.argsort(-binary.feature_importances_)
    values = binary.explanations_.data[:, order]
    shares = values.argsort(axis=0).argsort(axis=0) / (len(values) - 1)
    # From blue to orange: more red, less blue.
    for j in range(4):
        rising = colors[np.argsort(shares[:, j]), j]
        assert to_hex(rising[0]) == "#0072b2"
        assert to_hex(rising[-1]) == "#e8702a"
        assert (np.diff(rising[:, 0]) >= 0).all()


def test_beeswarm_names_levels_in_the_colours_of_their_dots(mixed):
    display = from_estimator(mixed, kind="beeswarm")
    colors = dots(display.ax_, 150)[2]
    data = mixed.explanations_.data
    line = y_labels(display.ax_).index("city")
    names = {text.get_text(): text for text in display.ax_.texts}
    assert names
    seen = set()
    for level in ("Bonn", "Oslo", "Rome"):
        (color,) = {to_hex(c) for c in colors[data["city"] == level, line]}
        seen.add(color)
        if level in names:
            assert to_hex(names[level].get_color()) == color
            assert line < names[level].get_position()[1] < line + 0.5
    assert len(seen) == 3
    age = colors[:, y_labels(display.ax_).index("age")]
    grey = np.array([to_hex(color) == "#7f7f7f" for color in age])
    np.testing.assert_array_equal(grey, data["age"].isna())
    assert display.figure_.axes[1].get_ylabel() == "value (grey: missing)"


def test_beeswarm_of_levels_alone_has_no_scale_of_values():
    levels = np.array(["a", "b"] * 10, dtype=object)
    ax = swarm(np.arange(20.0)[:, None], np.zeros((20, 1)), {0: levels})
    assert ax.figure.axes == [ax]


def test_names_of_levels_do_not_overlap():
    rng = np.random.default_rng(0)
    levels = rng.choice(np.array(["Amsterdam", "Berlin", "Cologne", "Dresden"], object), 400)
    x = np.select([levels == "Amsterdam", levels == "Berlin"], [0.0, 0.01], 1.0)
    ax = swarm(x[:, None], np.zeros((400, 1)), {0: levels})
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])


def test_beeswarm_dots_at_one_place_are_stacked_not_hidden():
    x = np.array([0.0] * 4 + [1.0] * 40 + [0.5])[:, None]
    values = np.arange(45.0)[::-1, None]
    y = dots(swarm(x, values), 45)[1][:, 0]
    assert y[44] == 0  # alone in its place
    for place, share in ((0, 4), (1, 40)):
        here = x[:, 0] == place
        steps = np.diff(np.sort(y[here]))
        assert len(np.unique(y[here])) == share
        assert steps.max() == pytest.approx(steps.min())
        assert y[here].mean() == pytest.approx(0, abs=1e-12)
        assert np.abs(y[here]).max() < 0.5
        # Higher values are higher up, where y is smaller.
        assert (np.diff(y[here][np.argsort(values[here, 0])]) < 0).all()


def test_beeswarm_of_constants_is_drawn():
    values = np.column_stack([np.ones(5), np.full(5, np.nan)])
    colors = dots(swarm(np.zeros((5, 2)), values), 5)[2]
    assert np.abs(colors[:, 0, :3] - to_rgb("#9a62b0")).max() < 0.01  # the middle
    assert {to_hex(color) for color in colors[:, 1]} == {"#7f7f7f"}


def test_beeswarm_of_several_classes_wants_one_named(iris):
    with pytest.raises(ValueError, match=r"'label' parameter must be one of \['a', 'b', 'c'\]"):
        from_estimator(iris, kind="beeswarm")
    with pytest.raises(ValueError, match=r"one of \['a', 'b', 'c'\]. Got 'd'"):
        from_estimator(iris, kind="beeswarm", label="d")
    assert not plt.get_fignums()
    display = from_estimator(iris, kind="beeswarm", label="c")
    order = np.argsort(-iris.feature_importances_)
    x = dots(display.ax_, 150)[0]
    np.testing.assert_array_equal(x, iris.explanations_.attributions[:, order, 2])
    assert display.ax_.get_xlabel() == "contribution to the probability of c"


def test_beeswarm_of_two_regression_targets_wants_one_named():
    X = np.random.default_rng(0).normal(size=(60, 3))
    explanations = lime_importance(
        LinearRegression().fit(X, X[:, :2]), X, num_samples=256, random_state=0
    ).explanations
    with pytest.raises(ValueError, match=r"one of \[0, 1\]"):
        from_explanations(explanations, kind="beeswarm")
    display = from_explanations(explanations, kind="beeswarm", label=0)
    assert display.label_ == 0
    x = dots(display.ax_, 60)[0]
    np.testing.assert_array_equal(np.sort(x[0]), np.sort(explanations.attributions[0, :, 0]))


# One row


def waterfall(display):
    """Where the bars start and end, from the top."""
    bars = display.ax_.patches
    return np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in bars])


@pytest.mark.parametrize("values", ["contributions", "weights"])
def test_waterfall_ends_at_the_models_own_prediction(mixed, values):
    X, model = mixed.explanations_.data, mixed.estimator_
    options = {"num_samples": 256, "random_state": 0, "values": values}
    explanations = lime_importance(model, X, **options).explanations
    for row in (0, 7, -1):
        display = from_explanations(explanations, kind="row", row=row)
        steps = waterfall(display)
        prediction = model.predict_proba(X.iloc[[row]])[0, 1]
        assert steps[-1, 1] == pytest.approx(prediction, abs=1e-12)
        np.testing.assert_allclose(steps[1:, 0], steps[:-1, 1])  # each starts where one ends
        assert y_labels(display.ax_)[-1] == "(interactions, change inside bins)"
        (end,) = [t.get_text() for t in display.ax_.texts if "prediction" in t.get_text()]
        assert float(end.split(" = ")[1]) == pytest.approx(prediction, rel=0.01)


def test_waterfall_starts_at_the_mean_over_the_columns_own_distributions():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    wrapper = wrap(LinearRegression(), num_samples=8192).fit(X, X @ [3.0, -1.0, 0.0] + 7)
    display = from_estimator(wrapper, kind="row", row=5)
    # Of a linear model the mean over independent columns is the mean over the rows.
    assert waterfall(display)[0, 0] == pytest.approx(wrapper.predict(X).mean(), abs=0.05)
    i = wrapper.explanations_.sample_indices[5]
    largest = np.abs(X[i] * [3, -1, 0]).argmax()
    assert y_labels(display.ax_)[0] == f"x{largest} = {X[i, largest]:.4g}"
    assert display.ax_.get_title(loc="left") == f"Row {i}"


def test_waterfall_sums_the_columns_left_out(wide):
    display = from_estimator(wide, kind="row", max_features=4)
    assert len(y_labels(display.ax_)) == 6
    assert y_labels(display.ax_)[4] == "296 other columns"
    weights = wide.explanations_.attributions[0, :, 0]
    rest = weights[np.argsort(-np.abs(weights))[4:]].sum()
    start, end = waterfall(display)[4]
    assert end - start == pytest.approx(rest)


def test_waterfall_of_a_row_that_is_not_there_is_refused(binary):
    with pytest.raises(IndexError):
        from_estimator(binary, kind="row", row=120)
    assert not plt.get_fignums()


# Interactions and effects


class Product:
    """x0 x1 + x2, by whole columns of signs: an effect of 1 and a pair of strength 1."""

    def predict(self, X):
        X = np.sign(np.asarray(X))
        return X[:, 0] * X[:, 1] + X[:, 2]


@pytest.fixture(scope="module")
def product():
    X = np.random.default_rng(0).normal(size=(400, 4))
    X -= np.median(X, axis=0)  # quartiles cut where the sign changes
    options = {"kernel_width": 0.4, "values": "contributions", "random_state": 0}
    return lime_importance(Product(), X, engine="pooled", **options).explanations


def test_interactions_are_bars_of_the_strongest_pairs(product):
    display = from_explanations(product, kind="interactions")
    assert y_labels(display.ax_)[0] == "x0 \N{MULTIPLICATION SIGN} x1"
    assert display.ax_.patches[0].get_width() == pytest.approx(1, abs=0.1)
    assert display.ax_.get_xlabel().startswith("adds to the prediction")


def test_no_interactions_are_said_to_be_none():
    X = np.random.default_rng(0).normal(size=(200, 2))
    model = LinearRegression().fit(X, X[:, 0])
    options = {"engine": "pooled", "kernel_width": 0.4, "random_state": 0}
    explanations = lime_importance(model, X, **options).explanations
    display = from_explanations(explanations, kind="interactions")
    assert [text.get_text() for text in display.ax_.texts] == ["no pair rises above the noise"]


def test_a_pair_is_a_map_of_its_bins(product):
    display = from_explanations(product, kind="interactions", column=("x1", 0))
    (image,) = display.ax_.images
    sign = np.array([-1, -1, 1, 1])
    np.testing.assert_allclose(image.get_array(), np.outer(sign, sign), atol=0.2)
    assert y_labels(display.ax_) == product.bins.labels(1)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x0", "x1")


def test_effect_of_numbers_is_a_line_of_steps_over_the_rows(product):
    display = from_explanations(product, kind="effect", column="x2")
    counts, steps = [p for p in display.ax_.patches if hasattr(p, "get_data")]
    shares = np.histogram(product.data[:, 2], 30)[0]
    np.testing.assert_allclose(counts.get_data().values, shares / shares.max() / 5)
    np.testing.assert_allclose(steps.get_data().values, [-1, -1, 1, 1], atol=0.05)
    cuts = np.quantile(product.data[:, 2], [0.25, 0.5, 0.75], method="inverted_cdf")
    ends = product.data[:, 2].min(), product.data[:, 2].max()
    edges = steps.get_data().edges
    assert (edges[0], edges[-1]) == ends
    x = product.data[:, 2]  # between the last value of a bin and the first one of the next
    assert [x[x < edge].max() for edge in edges[1:-1]] == cuts.tolist()
    (shown,) = [c for c in display.ax_.collections if len(c.get_offsets()) == 400]
    np.testing.assert_array_equal(shown.get_offsets()[:, 0], product.data[:, 2])
    np.testing.assert_array_equal(shown.get_offsets()[:, 1], product.attributions[:, 2, 0])
    assert display.ax_.get_title(loc="left") == "Effect of x2"
    assert display.ax_.get_ylabel() == "adds to the prediction"


def test_effect_is_coloured_by_the_column_that_interacts_most(product):
    display = from_explanations(product, kind="effect", column="x0")
    assert display.figure_.axes[1].get_ylabel() == "value of x1"
    assert y_labels(display.figure_.axes[1]) == ["low", "high"]


def test_effect_of_a_category_is_bars_of_its_levels(mixed):
    display = from_estimator(mixed, kind="effect", column="city")
    effect = mixed.explanations_.main_effect("city")
    widths = [bar.get_width() for bar in display.ax_.patches]
    shown = dict(zip(y_labels(display.ax_), widths, strict=True))
    assert shown == dict(zip(effect.bins, effect.effects, strict=True))
    assert max(shown, key=shown.get) == "Rome"


@pytest.fixture(scope="module")
def odd():
    """Explanations of a table with dates, flags, missing values, constants and infinities."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "date": pd.date_range("2020-01-01", periods=80),
            "some": np.where(rng.random(80) < 0.3, np.nan, rng.normal(size=80)),
            "flag": rng.random(80) > 0.5,
            "constant": 1.0,
            "none": np.nan,
            "endless": np.where(rng.random(80) < 0.3, np.inf, rng.normal(size=80)),
            "ends": np.where(rng.random(80) < 0.5, np.inf, -np.inf),
            "wait": pd.to_timedelta(np.arange(80.0), unit="h"),
            "clock": [dt.time(hour % 24) for hour in range(80)],
        }
    )

    class Model:
        def predict(self, X):
            return X["some"].fillna(5).to_numpy() + X["flag"].to_numpy()

    return lime_importance(Model(), X, engine="pooled", random_state=0).explanations


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "box", "heatmap", "row", "interactions"])
def test_odd_columns_are_drawn(odd, kind):
    from_explanations(odd, kind=kind).figure_.canvas.draw()


def test_effects_of_odd_columns_have_axes_that_say_what_they_are(odd):
    shown = {name: from_explanations(odd, kind="effect", column=name) for name in odd.data}
    for display in shown.values():
        display.figure_.canvas.draw()
    assert "Mar" in x_labels(shown["date"].ax_)
    label, _, effect = shown["some"].ax_.get_xlabel().partition(" (missing: ")
    assert label == "some"
    share = np.isnan(odd.data["some"]).mean()  # what is missing counts as 5
    assert float(effect.rstrip(")")) == pytest.approx((1 - share) * 5, abs=0.5)
    assert set(y_labels(shown["flag"].ax_)) == {"True", "False"}
    assert y_labels(shown["constant"].ax_) == ["any"]
    assert "missing" in y_labels(shown["none"].ax_)
    finite = odd.data["endless"][np.isfinite(odd.data["endless"])]
    (dots,) = [c for c in shown["endless"].ax_.collections if len(c.get_offsets()) == 80]
    assert dots.get_offsets()[:, 0].max() == finite.max()
    for name, unit, last in (("wait", "days", 79 / 24), ("clock", "hours", 23)):
        assert shown[name].ax_.get_xlabel() == f"{name} ({unit})"
        assert shown[name].ax_.patches[-1].get_data().edges[-1] == pytest.approx(last)
    assert set(y_labels(shown["ends"].ax_)) == {"x <= -inf", "x > -inf"}


def test_effect_of_the_most_important_column_comes_without_asking(binary):
    assert from_estimator(binary, kind="effect").ax_.get_xlabel() == "x2"


# Boxes


def test_boxes_and_dots_are_the_folds(folds):
    display = from_estimator(folds, kind="box")
    order = np.argsort(-folds.feature_importances_)
    spread = folds.fold_importances_[:, order]
    medians = [m for m in display.ax_.lines if to_hex(m.get_color()) == "#d55e00"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in medians], np.median(spread, axis=0))
    (shown,) = [c for c in display.ax_.collections if len(c.get_offsets()) == spread.size]
    np.testing.assert_allclose(np.sort(shown.get_offsets()[:, 0]), np.sort(spread.ravel()))
    assert display.ax_.get_xlabel() == "mean |contribution| to the probability"
    assert display.ax_.get_title(loc="left") == "Importances in 3 folds"


def test_boxes_without_folds_are_the_rows(iris):
    display = from_estimator(iris, kind="box")
    order = np.argsort(-iris.feature_importances_)
    sizes = iris.explanations_.magnitudes()[:, order]
    medians = [m for m in display.ax_.lines if to_hex(m.get_color()) == "#d55e00"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in medians], np.median(sizes, axis=0))
    assert display.ax_.get_xlabel() == "|contribution| to the probability"
    assert display.ax_.get_title(loc="left") == "150 rows"
    assert y_labels(display.ax_) == [iris.feature_names_in_[j] for j in order]


# Heat map


def test_heatmap_cells_are_the_class_importances(iris):
    display = from_estimator(iris, kind="heatmap")
    order = np.argsort(-iris.feature_importances_)
    expected = iris.explanations_.class_importances()[:, order].T
    (image,) = display.ax_.images
    np.testing.assert_allclose(image.get_array(), expected)
    assert x_labels(display.ax_) == ["a", "b", "c"]
    assert y_labels(display.ax_) == [iris.feature_names_in_[j] for j in order]
    assert numbers(display.ax_) == pytest.approx(expected.ravel(), abs=6e-4)
    for text, color in zip(display.ax_.texts, image.to_rgba(expected).reshape(-1, 4), strict=True):
        assert contrast(text.get_color(), color[:3]) > 4
    assert display.figure_.axes[1].get_ylabel() == "mean |contribution| to the probability"


def heatmap(table, names):
    ax = plt.figure().add_subplot()
    plots.heatmap(ax, table, names)
    return ax


def test_heatmap_of_signed_importances_has_white_at_zero():
    table = np.array([[1.0, 0.0], [-0.5, 0.25]])
    (image,) = heatmap(table, [0, 1]).images
    assert image.get_clim() == (-1, 1)
    assert contrast(image.to_rgba(table)[0, 1][:3], "white") < 1.1


def test_heatmap_of_many_classes_stays_legible():
    ax = heatmap(np.random.default_rng(0).random((15, 100)), [f"class {k}" for k in range(100)])
    assert not ax.texts
    assert x_labels(ax) == [f"class {k}" for k in range(0, 100, 3)]
    assert ax.get_xticklabels()[0].get_rotation() == 90


# Comparison


def test_comparison_joins_the_ranks():
    display = from_importances(
        {"LIME": [3, 2, 1], "permutation": [0.2, 0, 0.1], "SHAP": [5, -9, 1]},
        feature_names=["a", "b", "c"],
    )
    ranks = {name: i for i, name in enumerate(["a", "b", "c"])}
    lines = {int(line.get_ydata()[0]): list(line.get_ydata()) for line in display.ax_.lines}
    assert lines[ranks["a"]] == [0, 0, 1]
    assert lines[ranks["b"]] == [1, 2, 0]
    assert lines[ranks["c"]] == [2, 1, 2]
    assert x_labels(display.ax_) == ["LIME", "permutation", "SHAP"]
    left = dict(zip(display.ax_.get_yticks(), y_labels(display.ax_), strict=True))
    assert left == {0: "1  a", 1: "2  b", 2: "3  c"}
    (right,) = display.ax_.child_axes
    right = dict(zip(right.get_yticks(), y_labels(right), strict=True))
    assert right == {0: "1  b", 1: "2  a", 2: "3  c"}


def test_comparison_dots_grow_with_the_share_of_the_largest():
    display = from_importances({"LIME": [4, 2, 0], "SHAP": [10, 0, 5]})
    sizes = [collection.get_sizes() for collection in display.ax_.collections]
    assert sizes == [pytest.approx(s) for s in ([200, 200], [110, 20], [20, 110])]


def test_comparison_of_many_columns_tells_ranks_among_all():
    rng = np.random.default_rng(0)
    first, second = rng.random(300), rng.random(300)
    display = from_importances({"one": first, "two": second})
    assert len(display.ax_.lines) == 15
    assert display.ax_.texts[-1].get_text() == "and 285 more"
    (right,) = display.ax_.child_axes
    for axis, numbers in ((display.ax_, first), (right, second)):
        for label in y_labels(axis):
            rank, name = label.split()
            assert int(rank) == 1 + (numbers > numbers[int(name[1:])]).sum()
    # The best columns of each are there.
    names = {label.split()[1] for label in y_labels(display.ax_)}
    assert {f"x{first.argmax()}", f"x{second.argmax()}"} <= names


def test_comparison_of_zeros_is_drawn():
    display = from_importances({"one": [0, 0], "two": [0, 0]})
    assert [list(line.get_ydata()) for line in display.ax_.lines] == [[0, 0], [1, 1]]


def test_bar_of_a_comparison_draws_the_first():
    display = from_importances({"one": [1, 2], "two": [4, 3]}, kind="bar")
    assert [bar.get_width() for bar in display.ax_.patches] == [2, 1]
    assert display.ax_.get_xlabel() == "importance (one)"


@pytest.mark.parametrize(
    ("importances", "names"),
    [
        ({}, None),
        ({"a": [1, 2], "b": [1, 2, 3]}, None),
        ({"a": [[1, 2]]}, None),
        ({"a": [1]}, "xy"),
    ],
)
def test_importances_that_do_not_fit_are_refused(importances, names):
    with pytest.raises(ValueError, match="importances must hold arrays of shape"):
        from_importances(importances, feature_names=names)


# Sources


def test_cv_results_show_each_fold_of_a_pipeline():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), wrap(LogisticRegression()))
    results = cross_validate(model, X, y, cv=3, return_estimator=True)
    importances = np.array([fit[-1].feature_importances_ for fit in results["estimator"]])
    display = LimeImportanceDisplay.from_cv_results(results)
    np.testing.assert_allclose(display.fold_importances, importances)
    order = np.argsort(-importances.mean(axis=0))
    assert y_labels(display.ax_) == [f"x{j}" for j in order]
    bars = display.plot("bar").ax_.patches
    np.testing.assert_allclose([b.get_width() for b in bars], importances.mean(axis=0)[order])
    # Student's interval of three numbers reaches 4.303 standard errors.
    upper = importances.mean(axis=0) + 4.303 * importances.std(axis=0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(display.intervals[:, 1], upper, rtol=1e-3)
    assert (display.intervals[:, 0] >= 0).all()


def test_cv_results_without_estimators_or_with_other_columns_are_refused(iris, binary):
    with pytest.raises(ValueError, match="return_estimator=True"):
        LimeImportanceDisplay.from_cv_results({"test_score": [1]})
    with pytest.raises(ValueError, match="different columns"):
        LimeImportanceDisplay.from_cv_results({"estimator": [iris, binary]})


def test_pipeline_is_drawn_as_the_wrapper_it_ends_with():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), wrap(LogisticRegression())).fit(X, y)
    direct = from_estimator(pipeline[-1])
    through = from_estimator(pipeline)
    np.testing.assert_array_equal(direct.importances, through.importances)


def test_other_or_unfitted_estimators_are_refused(binary):
    with pytest.raises(TypeError, match=r"must be a LimeImportanceWrapper.*Got LogisticRegression"):
        from_estimator(binary.estimator_)
    with pytest.raises(NotFittedError, match="LimeImportanceWrapper"):
        from_estimator(wrap(LogisticRegression()))


def test_wrapper_and_its_explanations_show_the_same(binary):
    wrapper, explanations = from_estimator(binary), from_explanations(binary.explanations_)
    np.testing.assert_allclose(wrapper.importances, explanations.importances)
    np.testing.assert_allclose(wrapper.intervals, explanations.intervals)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pie"}, r"kind must be one of \['bar', .*\]. Got 'pie'"),
        ({"kind": "compare"}, "kind='compare' needs comparison, which this display"),
        ({"max_features": 0}, "max_features must be at least 1. Got 0"),
    ],
)
def test_plot_refuses_what_it_cannot_draw(binary, options, message):
    with pytest.raises(ValueError, match=message):
        from_estimator(binary, **options)
    assert not plt.get_fignums()


def test_kinds_without_their_data_say_what_is_missing():
    display = from_importances({"a": [1, 2]})
    for kind, needed in {
        "beeswarm": "explanations",
        "row": "explanations",
        "effect": "explanations",
        "box": "fold_importances or explanations",
        "heatmap": "explanations",
    }.items():
        with pytest.raises(ValueError, match=f"kind='{kind}' needs {needed}, which"):
            display.plot(kind)


def test_without_matplotlib_the_error_names_the_command(binary, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"requires matplotlib.*`pip install matplotlib`"):
        from_estimator(binary)
