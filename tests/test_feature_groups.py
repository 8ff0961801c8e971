"""Groups of columns: a row's signed contributions are summed before their size is taken."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]

EFFECTS = {"red": 2.0, "green": -1.0, "blue": 0.5, "grey": 0.0}


def coloured(n_rows=300):
    """A category, and the dummy columns that stand for it."""
    rng = np.random.default_rng(0)
    colour = rng.choice(list(EFFECTS), n_rows, p=[0.1, 0.2, 0.3, 0.4])
    X = pd.DataFrame({"colour": colour, "size": rng.normal(size=n_rows)})
    dummies = pd.get_dummies(X["colour"], dtype=float).assign(size=X["size"])
    y = X["colour"].map(EFFECTS).to_numpy() + X["size"].to_numpy()
    return X, dummies, y


GROUPS = {"colour": list(EFFECTS), "size": ["size"]}


@pytest.mark.parametrize("engine", ["pooled", "local"])
@pytest.mark.parametrize("values", ["weights", "contributions"])
def test_dummy_columns_have_the_contributions_of_their_category(values, engine):
    X, dummies, y = coloured()
    result = lime_importance(
        LinearRegression().fit(dummies, y),
        dummies,
        values=values,
        engine=engine,
        kernel_width="lime",
        max_samples=None,
        random_state=0,
    )
    # The effect of the row's colour less the mean effect: its SHAP value.
    effect = X["colour"].map(EFFECTS)
    expected = np.abs(effect - effect.mean()).mean()
    found = result.explanations.group_importances(GROUPS)
    assert_allclose(found["colour"], expected, rtol=0.02)
    # The mean sizes of the dummies alone add up to much more.
    dummy_sizes = result.explanations.importances()[:4]
    assert dummy_sizes.sum() > 1.3 * expected


def test_a_category_behind_an_encoder_equals_the_group_of_its_dummies():
    X, _, y = coloured()
    encoder = OneHotEncoder(sparse_output=False)
    pipeline = make_pipeline(encoder, LinearRegression()).fit(X[["colour"]], y)
    inside = lime_importance(
        pipeline, X[["colour"]], values="contributions", max_samples=None, random_state=0
    )
    outside = lime_importance(
        pipeline[-1],
        encoder.fit_transform(X[["colour"]]),
        max_samples=None,
        random_state=0,
    )
    outside = outside.explanations.group_importances({"colour": [0, 1, 2, 3]})
    assert_allclose(outside["colour"], inside.importances_mean[0], rtol=0.02)


def test_a_group_is_the_sum_of_signed_contributions():
    X, y = load_iris(return_X_y=True, as_frame=True)
    groups = {"petal": [2, 3], "sepal": X.columns[:2], 7: [True, False, False, True], "one": [1]}
    params = {"max_samples": None, "num_samples": 2**17, "random_state": 0}
    result = lime_importance(LogisticRegression(max_iter=500).fit(X, y), X, **params)
    explanations = result.explanations
    outside = 1 - explanations.bins.own_probabilities(explanations.codes)
    contributions = explanations.weights * outside[..., None]
    found = explanations.group_importances(groups)
    assert list(found) == list(groups)
    for name, columns in (("petal", [2, 3]), ("sepal", [0, 1]), (7, [0, 3]), ("one", [1])):
        plain = 0.5 * np.abs(contributions[:, columns].sum(axis=1)).sum(axis=1).mean()
        # Without the noise of the neighbourhood, which is little.
        assert_allclose(found[name], plain, rtol=0.03)
        for aggregation, labels in (("rms", "all"), ("mean_abs", [2]), ("max_abs", "predicted")):
            importances = explanations.group_importances(groups, aggregation, labels)
            assert isinstance(importances[name], float)
    sums = contributions[:, [2, 3], 2].sum(axis=1)
    assert_allclose(
        explanations.group_importances(groups, "max_abs", [2])["petal"], abs(sums).max()
    )
    assert_allclose(explanations.group_importances(groups, "mean", [2])["petal"], sums.mean())
    single = lime_importance(
        LogisticRegression(max_iter=500).fit(X, y), X, values="contributions", **params
    )
    by_group = single.explanations.group_importances(groups)
    assert_allclose(by_group["one"], single.importances_mean[1], rtol=1e-12)
    assert_allclose(by_group["petal"], found["petal"])


def test_opposite_columns_cancel_in_a_group():
    x = np.random.default_rng(0).normal(size=(200, 1))
    X = np.hstack([x, x])
    model = LinearRegression()
    model.fit(X, x[:, 0])
    model.coef_ = np.array([1.0, -1.0])
    result = lime_importance(
        model, X, values="weights", kernel_width="lime", max_samples=None, random_state=0
    )
    assert result.importances_mean.min() > 1
    assert result.explanations.group_importances({"both": [0, 1]})["both"] < 0.05


@pytest.mark.parametrize("cv", [None, 3])
def test_the_wrapper_has_importances_by_group(cv):
    _, dummies, y = coloured()
    wrapper = LimeImportanceWrapper(LinearRegression(), cv=cv, max_samples=None, random_state=0)
    found = wrapper.fit(dummies, y).explanations_.group_importances(GROUPS)
    effect = dummies[list(EFFECTS)] @ pd.Series(EFFECTS)
    expected = np.abs(effect - effect.mean()).mean()
    assert_allclose(found["colour"], expected, rtol=0.02)
    assert list(found) == ["colour", "size"]
    assert wrapper.explanations_.group_importances({}) == {}


def test_the_noise_of_a_useless_group_is_taken_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    model = LinearRegression().fit(X, X[:, 0] * 3 + X[:, 1])
    groups = {"useless": list(range(2, 12))}
    result = lime_importance(model, X, max_samples=None, num_samples=512, random_state=0)
    explanations = result.explanations
    outside = 1 - explanations.bins.own_probabilities(explanations.codes)[:, 2:, None]
    plain = np.abs((explanations.weights[:, 2:] * outside).sum(axis=1)).mean()
    assert explanations.group_importances(groups)["useless"] < 0.5 * plain


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["colour"]}, "hold names of columns of X, unlike ['colour']. Got ['colour']"),
        ({"a": [0, 5]}, "hold column numbers from -5 to 4. Got [0, 5] instead."),
        ({"a": [True]}, "have one entry for each of the 5 columns. Got 1 instead."),
        ({"ok": [0], "a": []}, "hold groups of at least one column. Got 'a' instead."),
        ({"a": "red"}, "hold, for each name, a mask, column numbers or column names. Got 'red'"),
        ({"a": 0}, "hold, for each name, a mask, column numbers or column names. Got 0"),
        ({"a": ["red", 0]}, "hold, for each name, a mask, column numbers or column names."),
    ],
)
def test_a_bad_group_is_named(groups, message):
    _, dummies, y = coloured()
    model = LinearRegression().fit(dummies, y)
    explanations = lime_importance(model, dummies, num_samples=64).explanations
    expected = re.escape(f"The 'feature_groups' parameter must {message}")
    with pytest.raises(ValueError, match=expected):
        explanations.group_importances(groups)
