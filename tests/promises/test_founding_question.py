"""How to extract global importances of a black box from local explanations with LIME?

The question (stats.stackexchange.com, 317231): sum LIME's weights for the class "signal" over the
rows predicted as signal, normalise the sums, draw bars. Its answer: take absolute values first.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from lime.lime_tabular import LimeTabularExplainer
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from sklime import LimeImportanceDisplay, LimeImportanceWrapper, lime_importance

BACKGROUND, SIGNAL = 0, 1


@pytest.fixture(scope="module")
def problem():
    """A table, a fitted model, and the rows that it takes for signal.

    The columns are uniform, so that the values lime makes up inside a bin have the right mean.
    """
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(120, 5))
    y = (X @ [3, -2, 1, 0, 0] + 0.3 * rng.normal(size=120) > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    return X, model, X[model.predict_proba(X)[:, SIGNAL] > 0.5]


def loop_over_lime(X, model, rows, seed, num_samples=1000):
    """The question's own loop: LIME's weights for signal, (n_rows, n_features)."""
    explainer = LimeTabularExplainer(X, discretize_continuous=True, random_state=seed)
    weights = np.zeros(rows.shape)
    for i, row in enumerate(rows):
        explanation = explainer.explain_instance(
            row, model.predict_proba, num_features=X.shape[1], num_samples=num_samples
        )
        for column, weight in explanation.as_map()[SIGNAL]:
            weights[i, column] = weight
    return weights


@pytest.fixture(scope="module")
def loops(problem):
    """The loop with two seeds: what they differ is lime's Monte-Carlo error."""
    return np.array([loop_over_lime(*problem, seed) for seed in (0, 1)])


@pytest.fixture(scope="module")
def explanations(problem):
    X, model, signal = problem
    return lime_importance(
        model,
        signal,
        training_data=X,
        values="weights",
        kernel_width="lime",
        max_samples=None,
        num_samples=8192,
        random_state=0,
    ).explanations


def test_sum_of_signed_weights_is_that_of_the_loop(loops, explanations):
    sums = loops.sum(axis=1)
    ours = explanations.importances("sum", labels=[SIGNAL])
    error = np.sqrt(np.mean((sums[0] - sums[1]) ** 2) / 4)
    error = np.hypot(error, explanations.estimate("sum", labels=[SIGNAL]).sem)
    z = (ours - sums.mean(axis=0)) / error
    assert np.abs(z).max() < 4
    assert np.sqrt(np.mean(z**2)) < 2
    assert ours[0] > 20 * error[0]
    assert ours[1] > 20 * error[1]  # a low x1 speaks for signal: the weights of its bins do, too
    assert_allclose(ours, explanations.weights[:, :, SIGNAL].sum(axis=0), rtol=1e-12)


def test_normalised_sums_are_those_of_the_loop(loops, explanations):
    sums = loops.sum(axis=1)
    theirs = sums / np.abs(sums).sum(axis=1, keepdims=True)
    total = explanations.importances("sum", labels=[SIGNAL])
    ours = total / np.abs(total).sum()
    error = np.sqrt(np.mean((theirs[0] - theirs[1]) ** 2) / 4)
    assert np.abs(ours).sum() == pytest.approx(1)
    assert_allclose(ours, theirs.mean(axis=0), rtol=0, atol=max(4 * error, 0.01))


def test_absolute_version_is_that_of_the_loop(loops, explanations):
    ours = explanations.importances("mean_abs", labels=[SIGNAL])
    theirs = np.abs(loops).mean(axis=(0, 1))
    # lime's sizes are too large by its noise, and by no more than that.
    noise = np.sqrt(np.mean((loops[0] - loops[1]) ** 2) / 2)
    assert_allclose(ours, theirs, rtol=0, atol=noise)
    assert noise < 0.1 * ours[0]
    assert ours.argsort()[::-1][:3].tolist() == [0, 1, 2]


def test_signed_sums_cancel_where_sizes_do_not(problem):
    # Over all rows and under a flat kernel, sum_b p_b (1 - p_b) weight_b = 0 for every column.
    X, model, _ = problem
    explanations = lime_importance(
        model, X, max_samples=None, kernel_width=1e3, random_state=0
    ).explanations
    signed = explanations.importances("mean", labels=[SIGNAL])
    sizes = explanations.importances("mean_abs", labels=[SIGNAL])
    assert np.abs(signed).max() < 0.01 * sizes.max()


def test_a_wrapper_around_the_fitted_model_has_the_same_numbers(problem, explanations):
    X, model, _ = problem
    wrapper = LimeImportanceWrapper(
        FrozenEstimator(model),
        labels=[SIGNAL],
        values="weights",
        aggregation="sum",
        kernel_width="lime",
        max_samples=None,
        num_samples=8192,
        random_state=0,
    ).fit(X)
    weights = wrapper.explanations_.weights[..., 0]
    assert_allclose(wrapper.feature_importances_, weights.sum(axis=0), rtol=1e-9, atol=1e-12)
    ours = explanations.importances("sum", labels=[SIGNAL])
    assert_allclose(weights[model.predict(X) == SIGNAL].sum(axis=0), ours, rtol=1e-9)


def test_each_version_is_a_bar_plot_in_one_line(explanations):
    total = explanations.importances("sum", labels=[SIGNAL])
    versions = {
        "sum": total,
        "share": total / np.abs(total).sum(),
        "mean absolute": explanations.importances("mean_abs", labels=[SIGNAL]),
    }
    for name, importances in versions.items():
        axes = LimeImportanceDisplay.from_importances({name: importances}).ax_
        order = np.argsort(-np.abs(importances))
        assert_allclose([bar.get_width() for bar in axes.patches], importances[order])
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == [f"x{j}" for j in order]
        plt.close(axes.figure)


def test_real_data_give_the_ranking_of_the_loop():
    X, y = load_breast_cancer(return_X_y=True)
    model = RandomForestClassifier(20, max_depth=6, random_state=0).fit(X, y)
    rows = X[model.predict(X) == SIGNAL][:40]
    theirs = loop_over_lime(X, model, rows, seed=0)
    explanations = lime_importance(
        model, rows, training_data=X, kernel_width="lime", num_samples=8192, random_state=0
    ).explanations
    # lime makes values up inside the bins, so that the numbers are not quite the same.
    ours = explanations.importances("sum", labels=[SIGNAL])
    assert np.corrcoef(ours, theirs.sum(axis=0))[0, 1] > 0.99
    sizes = explanations.importances("mean_abs", labels=[SIGNAL])
    assert np.corrcoef(sizes, np.abs(theirs).mean(axis=0))[0, 1] > 0.98
