"""What the plots show: artists, labels, order, lengths and colours."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from matplotlib.container import BarContainer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import LimeImportanceDisplay, LimeImportanceWrapper, lime_importance

from_estimator = LimeImportanceDisplay.from_estimator
from_explanations = LimeImportanceDisplay.from_explanations
from_importances = LimeImportanceDisplay.from_importances


@pytest.fixture(autouse=True)
def _close_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


def wrap(model, **options):
    return LimeImportanceWrapper(model, **{"num_samples": 256, "random_state": 0, **options})


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
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=20)
    return wrap(model).fit(X, y)


@pytest.fixture(scope="module")
def folds():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return wrap(LogisticRegression(max_iter=1000), cv=3).fit(X, y)


def y_labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def x_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


def dots(display):
    """Places and shades of the beeswarm's dots, (n_rows, n_columns)."""
    (collection,) = [c for c in display.ax_.collections if c.get_offsets().shape[0] > 1]
    shape = len(display.weights), -1
    x, y = (part.reshape(shape) for part in collection.get_offsets().data.T)
    return x, y, np.ma.filled(collection.get_array(), np.nan).reshape(shape), collection


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
    assert display.ax_.get_xlabel() == "importance (mean_abs) ± standard error"


def test_error_bars_reach_one_standard_error_to_either_side(binary):
    display = from_estimator(binary)
    order = np.argsort(-binary.feature_importances_)
    (bars,) = [c for c in display.ax_.containers if isinstance(c, BarContainer)]
    (lines,) = bars.errorbar.lines[2]
    segments = np.array(lines.get_segments())
    middle, sem = binary.feature_importances_[order], binary.feature_importances_sem_[order]
    np.testing.assert_allclose(segments[:, 0, 0], middle - sem)
    np.testing.assert_allclose(segments[:, 1, 0], middle + sem)


def test_bars_without_standard_errors_do_not_speak_of_them():
    display = from_importances({"SHAP": [1.0, 3.0]}, feature_names=["a", "b"])
    assert display.ax_.get_xlabel() == "importance (SHAP)"
    assert y_labels(display.ax_) == ["b", "a"]


def test_negative_importances_go_left_in_another_colour(wide):
    explanations = wide.explanations_
    display = from_explanations(explanations, aggregation=lambda W: W[0], max_features=None)
    signed = explanations.importances(lambda W: W[0])
    assert y_labels(display.ax_)[0] == f"x{np.abs(signed).argmax()}"
    for bar in display.ax_.patches:
        assert to_hex(bar.get_facecolor()) == ("#d55e00" if bar.get_width() < 0 else "#0072b2")
    assert display.ax_.get_xlabel() == "importance (<lambda>) ± standard error"


def test_labels_choose_the_classes_whose_importances_are_drawn(iris):
    explanations = iris.explanations_
    display = from_explanations(explanations, labels=["b"])
    expected = np.sort(explanations.class_importances()[1])[::-1]
    np.testing.assert_allclose([bar.get_width() for bar in display.ax_.patches], expected)
    # The rows' sizes average to the same importances.
    means = np.sort(np.maximum(display.row_importances.mean(axis=0), 0))[::-1]
    np.testing.assert_allclose(means, expected, atol=1e-12)


def test_aggregation_without_a_name_can_be_drawn(binary):
    class Largest:
        def __call__(self, weights):
            return np.abs(weights).max(axis=0)

    display = from_explanations(binary.explanations_, aggregation=Largest())
    assert display.ax_.get_xlabel().startswith("importance (own)")


# Columns shown, names, axes


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "box", "heatmap"])
def test_columns_left_out_are_counted(wide, kind):
    display = from_estimator(wide, kind=kind)
    importances = np.sort(wide.feature_importances_)[::-1]
    assert len(y_labels(display.ax_)) == 15
    assert y_labels(display.ax_)[0] == "x5"
    note = display.ax_.texts[-1]
    assert note.get_text() == f"and 285 more, up to {importances[15]:.2g}"
    bottom, top = display.ax_.get_ylim()
    assert top < 0
    assert 14 < note.get_position()[1] < bottom


def test_max_features_none_draws_every_column(wide):
    display = from_estimator(wide, max_features=None)
    assert len(display.ax_.patches) == 300
    assert not display.ax_.texts


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


def test_long_and_strange_names_stay_on_one_short_line():
    names = [
        "household_income_before_tax_2023",
        "household_income_before_tax_2024",
        "a\nb",
        "$x$ {",
    ]
    display = from_importances({"LIME": [4, 3, 2, 1]}, feature_names=names)
    display.figure_.canvas.draw()  # would fail on $ read as mathematics
    assert y_labels(display.ax_) == [
        "household_incom…efore_tax_2023",
        "household_incom…efore_tax_2024",
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
def test_colours_stand_out_from_bright_and_dark(mixed, background):
    *_, collection = dots(from_estimator(mixed, kind="beeswarm"))
    swarm = [collection.cmap(share) for share in np.linspace(0, 1, 11)]
    bars = from_importances({"a": [1, -1]}).ax_.patches
    lines = from_importances({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]}).ax_.lines
    colors = [*swarm, *(b.get_facecolor() for b in bars), *(line.get_color() for line in lines)]
    assert min(contrast(color, background) for color in colors) >= 3


# Beeswarm


def test_beeswarm_shows_the_weights_of_the_positive_class(binary):
    display = from_estimator(binary, kind="beeswarm")
    order = np.argsort(-binary.feature_importances_)
    x, y, _, _ = dots(display)
    np.testing.assert_array_equal(x, binary.explanations_.weights[:, order, 1])
    assert np.abs(y - np.arange(4)).max() < 0.5
    assert display.label_ == "yes"
    assert display.ax_.get_xlabel() == "LIME weight for label yes"


def test_beeswarm_shades_are_ranks_of_the_values(binary):
    *_, shade, _ = dots(from_estimator(binary, kind="beeswarm"))
    order = np.argsort(-binary.feature_importances_)
    values = binary.explanations_.data[:, order]
    expected = values.argsort(axis=0).argsort(axis=0) / (len(values) - 1)
    np.testing.assert_allclose(shade, expected)


def test_beeswarm_shades_categories_and_greys_missing_values(mixed):
    display = from_estimator(mixed, kind="beeswarm")
    *_, shade, collection = dots(display)
    data = mixed.explanations_.data
    city = shade[:, y_labels(display.ax_).index("city")]
    for level, expected in {"Bonn": 0, "Oslo": 0.5, "Rome": 1}.items():
        shown = city[data["city"] == level]
        assert shown == pytest.approx(expected, abs=0.15)
        assert np.ptp(shown) == 0
    age = shade[:, y_labels(display.ax_).index("age")]
    np.testing.assert_array_equal(np.isnan(age), data["age"].isna())
    assert to_hex(collection.cmap(np.nan)) == "#7f7f7f"
    bar = display.figure_.axes[1]
    assert y_labels(bar) == ["low", "high"]
    assert bar.get_ylabel() == "value (grey: missing)"


def test_beeswarm_without_values_has_no_colour_bar():
    weights = np.random.default_rng(0).normal(size=(20, 2, 1))
    display = LimeImportanceDisplay(
        importances=np.ones(2), feature_names=["a", "b"], weights=weights, output_names=[0]
    ).plot("beeswarm")
    assert len(display.figure_.axes) == 1
    assert display.ax_.get_xlabel() == "LIME weight"


def test_beeswarm_dots_at_one_place_are_stacked_not_hidden():
    weights = np.array([0.0] * 4 + [1.0] * 40 + [0.5])[:, None, None]
    values = np.arange(45.0)[::-1, None]
    display = LimeImportanceDisplay(
        importances=np.ones(1),
        feature_names=["a"],
        weights=weights,
        values=values,
        output_names=[0],
    ).plot("beeswarm")
    x, y, shade = (part[:, 0] for part in dots(display)[:3])
    assert y[44] == 0  # alone in its place
    for place, share in ((0, 4), (1, 40)):
        stack = y[x == place]
        steps = np.diff(np.sort(stack))
        assert len(np.unique(stack)) == share
        assert steps.max() == pytest.approx(steps.min())
        assert stack.mean() == pytest.approx(0, abs=1e-12)
        assert np.abs(stack).max() < 0.5
        # Higher values are higher up, where y is smaller.
        assert (np.diff(y[x == place][np.argsort(shade[x == place])]) < 0).all()


def test_beeswarm_of_constants_is_drawn():
    display = LimeImportanceDisplay(
        importances=np.zeros(2),
        feature_names=["a", "b"],
        weights=np.zeros((5, 2, 1)),
        values=np.column_stack([np.ones(5), np.full(5, np.nan)]),
        output_names=[0],
    ).plot("beeswarm")
    shade = dots(display)[2]
    assert (shade[:, 0] == 0.5).all()
    assert np.isnan(shade[:, 1]).all()


def test_beeswarm_of_several_classes_wants_one_named(iris):
    with pytest.raises(ValueError, match=r"pass label=, one of \['a', 'b', 'c'\]"):
        from_estimator(iris, kind="beeswarm")
    with pytest.raises(ValueError, match=r"label must be one of \['a', 'b', 'c'\]. Got 'd'"):
        from_estimator(iris, kind="beeswarm", label="d")
    display = from_estimator(iris, kind="beeswarm", label="c")
    order = np.argsort(-iris.feature_importances_)
    np.testing.assert_array_equal(dots(display)[0], iris.explanations_.weights[:, order, 2])
    assert display.ax_.get_xlabel() == "LIME weight for label c"


def test_beeswarm_of_two_regression_targets_wants_one_named():
    X = np.random.default_rng(0).normal(size=(60, 3))
    explanations = lime_importance(
        LinearRegression().fit(X, X[:, :2]), X, num_samples=256, random_state=0
    ).explanations
    with pytest.raises(ValueError, match=r"one of \[0, 1\]"):
        from_explanations(explanations, kind="beeswarm")
    display = from_explanations(explanations, kind="beeswarm", label=0)
    assert y_labels(display.ax_)[0] in ("x0", "x1")
    np.testing.assert_array_equal(
        np.sort(dots(display)[0][0]), np.sort(explanations.weights[0, :, 0])
    )


# Boxes


def test_boxes_and_dots_are_the_folds(folds):
    display = from_estimator(folds, kind="box")
    order = np.argsort(-folds.feature_importances_)
    spread = folds.fold_importances_[:, order]
    medians = [m for m in display.ax_.lines if to_hex(m.get_color()) == "#d55e00"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in medians], np.median(spread, axis=0))
    (shown,) = [c for c in display.ax_.collections if len(c.get_offsets()) == spread.size]
    np.testing.assert_allclose(np.sort(shown.get_offsets()[:, 0]), np.sort(spread.ravel()))
    assert display.ax_.get_xlabel() == "importance (mean_abs), 3 folds"


def test_boxes_without_folds_are_the_rows(iris):
    display = from_estimator(iris, kind="box")
    order = np.argsort(-iris.feature_importances_)
    sizes = iris.explanations_.magnitudes()[:, order]
    medians = [m for m in display.ax_.lines if to_hex(m.get_color()) == "#d55e00"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in medians], np.median(sizes, axis=0))
    assert display.ax_.get_xlabel() == "size of the LIME weight, 150 rows"
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
    assert [float(t.get_text()) for t in display.ax_.texts] == pytest.approx(
        expected.ravel(), abs=6e-4
    )
    for text, color in zip(display.ax_.texts, image.to_rgba(expected).reshape(-1, 4), strict=True):
        assert contrast(text.get_color(), color[:3]) > 4
    assert display.figure_.axes[1].get_ylabel() == "importance (mean_abs)"


def test_heatmap_of_signed_importances_has_white_at_zero():
    table = np.array([[1.0, -0.5], [0.0, 0.25]])
    display = LimeImportanceDisplay(
        importances=np.ones(2),
        feature_names=["a", "b"],
        class_importances=table,
        output_names=[0, 1],
    ).plot("heatmap")
    (image,) = display.ax_.images
    assert image.get_clim() == (-1, 1)
    assert contrast(image.to_rgba(table)[1, 0][:3], "white") < 1.1


def test_heatmap_of_many_classes_stays_legible():
    rng = np.random.default_rng(0)
    display = LimeImportanceDisplay(
        importances=rng.random(300),
        feature_names=[f"column {j}" for j in range(300)],
        class_importances=rng.random((100, 300)),
        output_names=[f"class {k}" for k in range(100)],
    ).plot("heatmap")
    assert display.ax_.texts[0].get_text().startswith("and 285 more")
    assert x_labels(display.ax_) == [f"class {k}" for k in range(0, 100, 3)]
    assert display.ax_.get_xticklabels()[0].get_rotation() == 90


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
    np.testing.assert_allclose(display.sem, importances.std(axis=0, ddof=1) / np.sqrt(3))


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
    np.testing.assert_allclose(wrapper.sem, explanations.sem)


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
        "beeswarm": "weights",
        "box": "fold_importances or row_importances",
        "heatmap": "class_importances",
    }.items():
        with pytest.raises(ValueError, match=f"kind='{kind}' needs {needed}, which"):
            display.plot(kind)


def test_without_matplotlib_the_error_names_the_command(binary, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"requires matplotlib.*`pip install matplotlib`"):
        from_estimator(binary)
