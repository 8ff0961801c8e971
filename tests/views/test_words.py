"""Every view says what its numbers are: the response or the score, weight, contribution or gain."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.svm import SVC

from sklime import (
    LimeImportanceDisplay,
    LimeImportanceWrapper,
    importance_stability,
    lime_importance,
)

from_explanations = LimeImportanceDisplay.from_explanations


@pytest.fixture(autouse=True)
def _close_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, np.array(["a", "b", "c"])[y]


@pytest.fixture(scope="module")
def scored(data):
    model = LogisticRegression(max_iter=1000).fit(*data)
    options = {"scoring": "neg_brier_score", "num_samples": 512, "random_state": 0}
    return lime_importance(model, *data, **options)


def numbers(names):
    return pd.DataFrame(np.random.default_rng(0).normal(size=(80, len(names))), columns=list(names))


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (LogisticRegression(), {}, "mean |contribution| to the probability"),
        (SVC(), {"values": "weights"}, "mean |LIME weight| to the decision function"),
        (SVC(), {"response_method": "predict"}, "mean |contribution| to the prediction"),
        (SVC(), {"aggregation": "rms"}, "root mean square contribution to the decision function"),
        (SVC(), {"scoring": "accuracy"}, "mean gain in accuracy"),
        (LogisticRegression(), {"scoring": "auto"}, "mean gain in neg_brier_score"),
        (LogisticRegression(), {"scoring": "neg_log_loss"}, "mean gain in neg_log_loss"),
        (LinearRegression(), {"scoring": "auto"}, "mean gain in neg_mean_squared_error"),
    ],
)
def test_bars_and_tables_name_what_is_explained(model, options, words):
    X = numbers("abc")
    y = X["a"] > 0
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(model.fit(X, y)), num_samples=256, random_state=0, **options
    ).fit(X, y)
    display = LimeImportanceDisplay.from_estimator(wrapper)
    assert display.ax_.get_xlabel() == words
    assert words in wrapper.importances_._repr_html_()
    assert words.split(" ")[-1] in wrapper.explanations_._repr_html_()
    noun = next(noun for noun in ("contribution", "weight", "gain") if noun in words)
    assert noun in wrapper.explanations_.to_frame().columns


def test_a_score_is_one_output_of_that_name_in_every_view(scored, data):
    explanations = scored.explanations
    frame = explanations.to_frame()
    assert list(frame.columns) == ["row", "column", "output", "value", "gain"]
    assert set(frame["output"]) == {"neg_brier_score"}
    gains = frame.groupby("column", sort=False)["gain"].mean()
    np.testing.assert_allclose(gains, scored.gains, rtol=1e-9, atol=1e-12)
    shap = explanations.to_shap()
    np.testing.assert_allclose(shap.values[:, :-1].mean(axis=0), scored.gains, atol=1e-12)
    assert explanations.class_importances().shape == (1, 4)
    for kind in ("beeswarm", "row"):
        display = from_explanations(explanations, kind=kind)
        assert display.ax_.get_xlabel() == "gain in neg_brier_score"
        assert display.label_ == "neg_brier_score"
    with pytest.raises(ValueError, match="lime explains a response, not a score"):
        explanations.to_lime(0)


def test_the_waterfall_of_a_score_ends_at_the_rows_own_score(scored, data):
    X, y = data
    p = LogisticRegression(max_iter=1000).fit(X, y).predict_proba(X)
    own = -np.square(p - (y[:, None] == np.array(["a", "b", "c"]))).sum(axis=1)
    for row in (0, 77, 149):
        bars = from_explanations(scored.explanations, kind="row", row=row).ax_.patches
        assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(own[row], abs=1e-12)
        texts = [text.get_text() for text in plt.gca().texts]
        assert any(text.startswith("score = ") for text in texts)
    shap = scored.explanations.to_shap()
    np.testing.assert_allclose(shap.base_values.ravel() + shap.values.sum(axis=1), own)


@pytest.mark.parametrize("kind", ["effect", "interactions"])
@pytest.mark.parametrize("options", [{"engine": "local"}, {"engine": "lime"}, {"scoring": "auto"}])
def test_kinds_that_only_one_engine_has_say_which(data, kind, options):
    X, y = data
    model = LogisticRegression(max_iter=1000).fit(X, y)
    options = {"num_samples": 64, "max_samples": 5, "random_state": 0, **options}
    explanations = lime_importance(model, X, y, **options).explanations
    with pytest.raises(ValueError, match=f"kind='{kind}' needs a response.*engine='pooled'"):
        from_explanations(explanations, kind=kind, label="a")
    assert not plt.get_fignums()


def test_only_a_known_mean_response_is_called_the_average(data):
    model = LogisticRegression(max_iter=1000).fit(*data)
    for options in ({"engine": "local", "kernel_width": 0}, {"engine": "local"}, {}):
        explanations = lime_importance(
            model, data[0], num_samples=256, max_samples=9, random_state=0, **options
        ).explanations
        display = from_explanations(explanations, kind="row", label="a")
        first = "start = " if options == {"engine": "local"} else "average = "
        assert any(text.get_text().startswith(first) for text in display.ax_.texts)


def test_the_average_is_that_of_the_model_that_explains_the_row():
    X = numbers("ab")

    class Counts(LinearRegression):
        """It adds the number of rows it was fitted to, so that averages of folds differ."""

        def predict(self, X):
            return super().predict(X) + self.n_rows_

        def fit(self, X, y):
            self.n_rows_ = len(X)
            return super().fit(X, y)

    folds = [(np.arange(10, 80), np.arange(10)), (np.arange(30), np.arange(30, 80))]
    wrapper = LimeImportanceWrapper(Counts(), cv=folds, num_samples=512, random_state=0)
    explanations = wrapper.fit(X, X["a"]).explanations_
    base = explanations.to_shap().base_values
    np.testing.assert_allclose(base, np.repeat([70, 30], [10, 50]), atol=0.5)


def test_a_pair_wants_two_columns(data):
    model = LogisticRegression(max_iter=1000).fit(*data)
    explanations = lime_importance(model, data[0], num_samples=64, random_state=0).explanations
    for column in ("sepal length (cm)", ("sepal length (cm)",), 3):
        with pytest.raises(ValueError, match="'column' parameter must be two columns"):
            from_explanations(explanations, kind="interactions", label="a", column=column)


def test_results_are_tables_in_a_notebook(scored, data):
    X = numbers("abc")
    model = LinearRegression().fit(X, X["a"])
    model.predict = lambda X: np.asarray(X)[:, 0] * np.asarray(X)[:, 1]
    plain = lime_importance(model, X, random_state=0)
    pages = {
        "a": plain,
        "b": plain.explanations,
        "a \N{MULTIPLICATION SIGN} b": plain.explanations.interactions,
        "neg_brier_score": scored,
        "Nogueira": importance_stability([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]),
    }
    for text, result in pages.items():
        page = result._repr_html_()
        assert "<table>" in page
        assert text in page
    strength = plain.explanations.interactions.top(1)[0].strength
    assert f"{strength:.2f}"[:3] in pages["a \N{MULTIPLICATION SIGN} b"]._repr_html_()


def test_no_interactions_are_a_table_that_says_so():
    X = numbers("ab")
    explanations = lime_importance(LinearRegression().fit(X, X["a"]), X, random_state=0)
    assert "no pair rises" in explanations.explanations.interactions._repr_html_()


@pytest.mark.parametrize("scale", [1e-3, 1e6])
@pytest.mark.parametrize("kind", ["bar", "row", "effect", "interactions"])
def test_numbers_stay_inside_and_off_the_names(kind, scale):
    X = numbers(["a", "income_before_tax_and_deductions_2023", "c"])
    X["city"] = pd.Categorical(np.where(X["a"] > 0, "Oslo", "Bonn"))

    class Model:
        def predict(self, X):
            names = list(X)
            sign = np.where(X["city"] == "Oslo", -1.0, 1.0)
            return scale * (X["c"] * X[names[1]] - 3 * sign - 5 * X[names[1]]).to_numpy()

    explanations = lime_importance(Model(), X, random_state=0).explanations
    for row in range(2):
        display = from_explanations(
            explanations, kind=kind, row=row, column="city" * (kind != "interactions") or None
        )
        display.figure_.canvas.draw()
        ax = display.ax_
        inside = ax.get_window_extent()
        boxes = [text.get_window_extent() for text in ax.texts]
        assert boxes
        assert min(box.x0 for box in boxes) >= inside.x0 - 1
        assert max(box.x1 for box in boxes) <= inside.x1 + 1
        assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "box", "effect", "pair", "row"])
def test_titles_and_labels_are_inside_the_figure(kind):
    names = ["income before tax and all deductions in 2023", "kind of occupation by the census"]
    X = numbers(names[:1])
    X[names[1]] = pd.Categorical(np.where(np.arange(80) % 3, "a level of many words", "b"))
    y = np.where(X[names[0]] + np.arange(80) % 2 > 0, "a class of many words, too", "no")

    class Model:
        classes_ = np.unique(y)

        def predict_proba(self, X):
            p = 1 / (1 + np.exp(-X[names[0]].to_numpy() * (X[names[1]] == "b")))
            return np.column_stack([p, 1 - p])

    options = {"aggregation": "rms", "num_samples": 512, "random_state": 0}
    explanations = lime_importance(Model(), X, **options).explanations
    shown = {"kind": kind, "column": names[1] if kind == "effect" else None}
    if kind == "pair":
        shown = {"kind": "interactions", "column": names}
    display = from_explanations(explanations, aggregation="rms", **shown)
    figure, ax = display.figure_, display.ax_
    figure.canvas.draw()
    for text in (ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.get_yticklabels()):
        if text.get_text():
            box = text.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1, text.get_text()


def test_wrappers_without_explanations_are_drawn(data):
    wrapper = LimeImportanceWrapper(
        LogisticRegression(max_iter=1000), num_samples=128, random_state=0, keep_explanations=False
    )
    folds = cross_validate(wrapper, *data, cv=3, return_estimator=True)
    display = LimeImportanceDisplay.from_cv_results(folds)
    assert display.ax_.get_xlabel() == "mean |contribution| to the probability"
    fitted = wrapper.fit(*data)
    widths = [bar.get_width() for bar in LimeImportanceDisplay.from_estimator(fitted).ax_.patches]
    np.testing.assert_allclose(widths, np.sort(fitted.feature_importances_)[::-1])
    with pytest.raises(ValueError, match="kind='row' needs explanations, which"):
        LimeImportanceDisplay.from_estimator(fitted, kind="row")
