"""Columns declared categorical: every form, the numbers, and selection with columns dropped."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import RFE, RFECV
from sklearn.tree import DecisionTreeRegressor

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]

NAMES = ["size", "code", "noise", "kind"]
EFFECTS = np.array([2.0, -1, 0, 3, -4, 0, 1, -1])


def coded(n_rows=400, seed=0):
    """Numbers and codes: the target is x0 and an effect for each code of column 1."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.normal(size=n_rows),
            rng.integers(0, 8, n_rows),
            rng.normal(size=n_rows),
            rng.integers(0, 3, n_rows),
        ]
    )
    return X, X[:, 0] + EFFECTS[X[:, 1].astype(int)]


class Truth:
    """The function behind the target, for arrays and frames."""

    def predict(self, X):
        X = np.asarray(X)
        return X[:, 0] + EFFECTS[X[:, 1].astype(int)]


FORMS = {
    "mask": [False, True, False, True],
    "indices": [1, 3],
    "negative indices": np.array([-3, -1]),
    "names": ["kind", "code"],
    "callable": lambda X: [len(np.unique(column)) < 10 for column in np.asarray(X).T],
}


@pytest.mark.parametrize("engine", ["pooled", "local"])
def test_every_form_declares_the_same_columns(engine):
    X, _ = coded(100)
    frame = pd.DataFrame(X, columns=NAMES)
    explanations = [
        lime_importance(
            Truth(),
            frame,
            categorical_features=form,
            engine=engine,
            num_samples=64,
            max_samples=5,
            random_state=0,
        ).explanations
        for form in FORMS.values()
    ]
    assert np.diff(explanations[0].bins.offsets).tolist() == [4, 8, 4, 3]
    for other in explanations[1:]:
        assert_array_equal(other.weights, explanations[0].weights)


def test_codes_declared_categorical_have_a_weight_for_each_level():
    X, _ = coded()
    result = lime_importance(
        Truth(),
        X,
        categorical_features=[1, 3],
        values="weights",
        max_samples=None,
        num_samples=8192,
        random_state=0,
    )
    in_bins = lime_importance(
        Truth(), X, values="weights", max_samples=None, num_samples=8192, random_state=0
    )
    code = X[:, 1].astype(int)
    quartiles = np.quantile(code, [0.25, 0.5, 0.75], method="inverted_cdf")
    for explained, groups in ((result, code), (in_bins, np.searchsorted(quartiles, code))):
        expected = np.array(
            [EFFECTS[code[groups == g]].mean() - EFFECTS[code[groups != g]].mean() for g in groups]
        )
        assert_allclose(explained.explanations.weights[:, 1, 0], expected, atol=0.05)
        assert_allclose(explained.importances_mean[1], np.abs(expected).mean(), rtol=0.01)
        assert explained.importances_mean[2:].max() < 0.02
    # Bins of several codes mix effects of opposite signs.
    assert in_bins.importances_mean[1] < 0.8 * result.importances_mean[1]


def test_none_declares_no_column_but_those_without_numbers():
    X, _ = coded(100)
    frame = pd.DataFrame(X, columns=NAMES).astype({"kind": "category", "code": "int64"})
    frame["kind"] = frame["kind"].cat.rename_categories(str)

    def sizes(categorical_features):
        explanations = lime_importance(
            Truth(), frame, categorical_features=categorical_features, num_samples=16
        ).explanations
        return np.diff(explanations.bins.offsets).tolist()

    assert sizes("from_dtype") == sizes(None) == [4, 4, 4, 3]
    assert sizes(["code"]) == [4, 8, 4, 3]


@pytest.mark.parametrize("categorical_features", ["from_dtype", FORMS["callable"]])
@pytest.mark.parametrize("as_frame", [False, True])
def test_recursive_elimination_keeps_the_informative_columns(categorical_features, as_frame):
    X, y = coded()
    X = pd.DataFrame(X, columns=NAMES) if as_frame else X
    wrapper = LimeImportanceWrapper(
        HistGradientBoostingRegressor(max_iter=30, random_state=0),
        categorical_features=categorical_features,
        num_samples=256,
        random_state=0,
    )
    assert RFE(wrapper, n_features_to_select=2).fit(X, y).support_.tolist() == [1, 1, 0, 0]
    selector = RFECV(wrapper, cv=2, min_features_to_select=1).fit(X, y)
    assert selector.support_[:2].all()
    assert len(selector.cv_results_["n_features"]) == 4


@pytest.mark.parametrize("selector", [RFE, RFECV])
@pytest.mark.parametrize(
    ("categorical_features", "message"),
    [
        ([1, 3], "hold column numbers from -3 to 2."),
        ([False, True, False, True], "have one entry for each of the 3 columns."),
        (["code"], "not hold names when X has no column names."),
    ],
)
def test_recursive_elimination_with_stale_columns_names_the_remedy(
    selector, categorical_features, message
):
    X, y = coded(60)
    wrapper = LimeImportanceWrapper(
        DecisionTreeRegressor(random_state=0),
        categorical_features=categorical_features,
        num_samples=64,
        random_state=0,
    )
    remedy = "RFE and RFECV pass arrays with columns dropped: use 'from_dtype' or a callable."
    expected = f"The 'categorical_features' parameter must {message} {remedy} Got "
    with pytest.raises(ValueError, match=re.escape(expected)):
        selector(wrapper).fit(pd.DataFrame(X, columns=NAMES), y)


def test_unknown_names_are_named():
    X, y = coded(60)
    wrapper = LimeImportanceWrapper(
        DecisionTreeRegressor(), categorical_features=["code", "colour"]
    )
    with pytest.raises(ValueError, match=r"must hold names of columns of X, unlike \['colour'\]\."):
        wrapper.fit(pd.DataFrame(X, columns=NAMES), y)
    assert not hasattr(wrapper, "estimator_")
