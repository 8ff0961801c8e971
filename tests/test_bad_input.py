"""Bad input, one line each: the message, the wrapper as it was before, the caller's data as well."""

import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore:All importances are 0"),
]

N_ROWS = 40
NAN, INF = np.nan, np.inf
NAMES = ["a", "b", "c", "d"]


def good(n_rows=N_ROWS):
    X = np.random.default_rng(0).normal(size=(n_rows, 4))
    return X, (X[:, 0] > 0).astype(int)


X, Y = good()
FRAME = pd.DataFrame(X, columns=NAMES)


def changed(cell, dtype=float):
    """X with another cell."""
    other = X.astype(dtype)
    other[3, 1] = cell
    return other


def objects(cells):
    """A frame with a column of objects."""
    column = np.empty(N_ROWS, dtype=object)
    column[:] = [cells[i % len(cells)] for i in range(N_ROWS)]
    return FRAME.assign(c=pd.Series(column, dtype=object))


class Taker(RegressorMixin, BaseEstimator):
    """Takes whatever it is given."""

    def fit(self, X, y=None, sample_weight=None):
        return self

    def predict(self, X):
        return np.zeros(X.shape[0])


class Answers(ClassifierMixin, BaseEstimator):
    """A classifier whose answer for more than `after` rows is spoiled."""

    def __init__(self, spoil=None, after=0):
        self.spoil = spoil
        self.after = after

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = np.full((len(X), 2), 0.5)
        return self.spoil(p) if len(X) > self.after else p


def spoiled(cell):
    def spoil(p):
        p[-1, 0] = cell
        return p

    return spoil


def stop(error):
    def spoil(p):
        raise error

    return spoil


LOGISTIC = LogisticRegression()
MINIMUM = "while a minimum of 1 is required"
UNEXPLAINED = "returned NaN or infinity, which cannot be explained"

# What comes in, inner model, X, y, fit parameters; what goes out: error and message.
BAD = {
    "NaN": (LOGISTIC, changed(NAN), Y, {}, ValueError, "Input X contains NaN."),
    "infinity": (LOGISTIC, changed(INF), Y, {}, ValueError, "Input X contains infinity or a value"),
    "text": (LOGISTIC, changed("high", object), Y, {}, ValueError, "could not convert string to f"),
    "text in a frame": (LOGISTIC, objects(["u", "v"]), Y, {}, ValueError, "could not convert str"),
    "1-d": (LOGISTIC, X[:, 0], Y, {}, ValueError, "Expected 2D array, got 1D array instead"),
    "3-d": (LOGISTIC, X[:, :, None], Y, {}, ValueError, "Found array with dim 3"),
    "complex": (LOGISTIC, X * 1j, Y, {}, ValueError, "Complex data not supported"),
    "no rows": (LOGISTIC, X[:0], Y[:0], {}, ValueError, f"0 sample(s) (shape=(0, 4)) {MINIMUM}"),
    "one row": (Ridge(), X[:1], Y[:1], {}, ValueError, "Found array with 1 sample(s) (shape=(1, 4))"),
    "no columns": (LOGISTIC, X[:, :0], Y, {}, ValueError, f"0 feature(s) (shape=(40, 0)) {MINIMUM}"),
    "no rows, easy model": (Taker(), X[:0], Y[:0], {}, ValueError, "Found array with 0 sample(s)"),
    "no columns, easy model": (Taker(), X[:, :0], Y, {}, ValueError, "0 feature(s) (shape=(40, 0))"),
    "sparse": (
        HistGradientBoostingClassifier(),
        sparse.csr_array(X),
        Y,
        {},
        TypeError,
        "Sparse data was passed for X, but dense data is required",
    ),
    "y missing": (LOGISTIC, X, None, {}, ValueError, "requires y to be passed, but the target y is"),
    "y with NaN": (Ridge(), X, np.where(Y, NAN, 1), {}, ValueError, "Input y contains NaN."),
    "y too short": (LOGISTIC, X, Y[1:], {}, ValueError, "inconsistent numbers of samples: [40, 39]"),
    "y continuous": (LOGISTIC, X, X[:, 0], {}, ValueError, "Unknown label type: continuous"),
    "one class": (LOGISTIC, X, np.ones(N_ROWS), {}, ValueError, "2 classes in the data"),
    "negative weight": (
        LOGISTIC,
        X,
        Y,
        {"sample_weight": -np.ones(N_ROWS)},
        ValueError,
        "Negative values in data passed to `sample_weight`.",
    ),
    "weights of zero": (
        LOGISTIC,
        X,
        Y,
        {"sample_weight": np.zeros(N_ROWS)},
        ValueError,
        "Sample weights must contain at least one non-zero number.",
    ),
    "weights too few": (
        LOGISTIC,
        X,
        Y,
        {"sample_weight": np.ones(3)},
        ValueError,
        "sample_weight.shape == (3,), expected (40,)!",
    ),
    "weights 2-d": (
        LOGISTIC,
        X,
        Y,
        {"sample_weight": np.ones((N_ROWS, 2))},
        ValueError,
        "Sample weights must be 1D array or scalar, got 2D array.",
    ),
    "weight NaN": (
        LOGISTIC,
        X,
        Y,
        {"sample_weight": np.where(Y, NAN, 1)},
        ValueError,
        "Input sample_weight contains NaN.",
    ),
    "text as weights": (
        LOGISTIC,
        X,
        Y,
        {"sample_weight": ["much"] * N_ROWS},
        ValueError,
        "could not convert string to float",
    ),
    "one weight left": (
        Ridge(),
        X,
        Y,
        {"sample_weight": np.eye(N_ROWS)[0]},
        ValueError,
        "Found array with 1 sample(s) (shape=(1, 4)) while a minimum of 2 is required",
    ),
    "text and numbers": (
        Taker(),
        objects(["u", 1, None]),
        Y,
        {},
        TypeError,
        "The levels of column 'c' must be uniformly strings or numbers. Got ['int', 'str']",
    ),
    "lists in cells": (
        Taker(),
        objects([[1], [2]]),
        Y,
        {},
        TypeError,
        "The levels of column 'c' must be uniformly strings or numbers. Got ['list']",
    ),
    "duplicate names": (
        Taker(),
        FRAME.set_axis(["a", "b", "a", "d"], axis=1),
        Y,
        {},
        Exception,
        "Expected unique column names",
    ),
    "names of two types": (
        Taker(),
        FRAME.set_axis(["a", "b", 3, "d"], axis=1),
        Y,
        {},
        TypeError,
        "Feature names are only supported if all input features have string names",
    ),
    "answer NaN": (Answers(spoiled(NAN)), X, Y, {}, ValueError, f"Answers.predict_proba {UNEXPLAINED}"),
    "answer infinite": (Answers(spoiled(INF)), X, Y, {}, ValueError, UNEXPLAINED),
    "answer NaN later": (Answers(spoiled(NAN), N_ROWS), X, Y, {}, ValueError, UNEXPLAINED),
    "answer too short": (
        Answers(lambda p: p[1:]),
        X,
        Y,
        {},
        ValueError,
        "Answers.predict_proba must return one row for each sample. Got ",
    ),
    "answer too long later": (
        Answers(lambda p: np.vstack([p, p]), N_ROWS),
        X,
        Y,
        {},
        ValueError,
        "Got 128 rows for 64 samples instead.",
    ),
    "answer fails": (Answers(stop(OSError("gone"))), X, Y, {}, OSError, "gone"),
    "answer fails midway": (Answers(stop(OSError("gone")), N_ROWS), X, Y, {}, OSError, "gone"),
    "interrupted": (
        Answers(stop(KeyboardInterrupt("now")), N_ROWS),
        X,
        Y,
        {},
        KeyboardInterrupt,
        "now",
    ),
    "out of memory": (Answers(stop(MemoryError("all")), N_ROWS), X, Y, {}, MemoryError, "all"),
}


def plain(value):
    """A value that can be compared with ==, its missing values as text."""
    if sparse.issparse(value):
        value = value.toarray()
    if isinstance(value, pd.DataFrame):
        return list(value.columns), value.astype(str).to_numpy().tolist()
    return np.asarray(value, dtype=object).astype(str).tolist()


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_changes_nothing(name, cv, fitted):
    inner, table, y, params, error, message = BAD[name]
    if cv and name in ("one row", "one weight left"):
        everything = np.arange(len(y))
        cv = [(everything, everything)] * 2
    wrapper = LimeImportanceWrapper(
        DecisionTreeRegressor(random_state=0), num_samples=64, random_state=0
    )
    if fitted:
        wrapper.fit(*good())
    wrapper.set_params(estimator=inner, cv=cv)
    before = dict(vars(wrapper))
    given = [copy.deepcopy(plain(value)) for value in (table, y, *params.values())]
    with pytest.raises(error) as caught:
        wrapper.fit(table, y, **params)
    assert message in str(caught.value)
    assert vars(wrapper).keys() == before.keys()
    assert all(value is before[key] for key, value in vars(wrapper).items())
    assert [plain(value) for value in (table, y, *params.values())] == given


def fitted_wrapper(table=FRAME):
    return LimeImportanceWrapper(LOGISTIC, num_samples=64, random_state=0).fit(table, Y)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "score"])
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (FRAME[NAMES[:3]], "Feature names seen at fit time, yet now missing:\n- d"),
        (FRAME.assign(e=1), "Feature names unseen at fit time:\n- e"),
        (FRAME[NAMES[::-1]], "Feature names must be in the same order as they were in fit."),
        (FRAME.rename(columns={"a": "z"}), "Feature names unseen at fit time:\n- z"),
        (changed(NAN), "Input X contains NaN."),
    ],
)
def test_predictions_refuse_other_columns_as_the_inner_model_does(method, table, message):
    arguments = (table, Y) if method == "score" else (table,)
    wrapper = fitted_wrapper(FRAME if isinstance(table, pd.DataFrame) else X)
    with pytest.raises(ValueError) as error:
        getattr(wrapper, method)(*arguments)
    assert message in str(error.value)
    wrapper = fitted_wrapper(X)
    with pytest.raises(ValueError, match="X has 3 features, but LogisticRegression is expecting 4"):
        getattr(wrapper, method)(X[:, :3], *arguments[1:])


MODEL = LogisticRegression().fit(FRAME, Y)
TREE = DecisionTreeRegressor(random_state=0).fit(X, Y)
ORDER = "Feature names must be in the same order as they were in fit."

# Model, X, other arguments of lime_importance; error and message.
BAD_TO_EXPLAIN = {
    "fewer columns": (TREE, X[:, :3], {}, "X has 3 features, but DecisionTreeRegressor is expecting"),
    "other order": (MODEL, FRAME[NAMES[::-1]], {}, ORDER),
    "other names": (MODEL, FRAME.rename(columns={"a": "z"}), {}, "Feature names unseen at fit time"),
    "no training rows": (TREE, X, {"training_data": X[:0]}, "Found array with 0 sample(s)"),
    "one training row": (TREE, X, {"training_data": X[:1]}, "Found array with 1 sample(s)"),
    "no rows": (TREE, X[:0], {}, "Found array with 0 sample(s) (shape=(0, 4)) while a minimum of 1"),
    "no columns": (TREE, X[:, :0], {}, "Found array with 0 feature(s) (shape=(40, 0)) while a"),
    "one row": (TREE, X[:1], {}, "a minimum of 2 is required to draw from. Pass training_data to"),
    "fewer columns than training": (
        TREE,
        X[:, :3],
        {"training_data": X},
        "X has 3 features, but the training table has 4 features.",
    ),
    "other order than training": (
        MODEL,
        FRAME[NAMES[::-1]],
        {"training_data": FRAME},
        "The feature names of X must be those of the training table, in the same order.",
    ),
    "text where training has numbers": (
        MODEL,
        objects(["u", "v"]),
        {"training_data": FRAME},
        "Column 'c' must hold numbers or times, as in the training table. Got ['str'] instead.",
    ),
    "y too short": (TREE, X, {"y": Y[1:]}, "inconsistent numbers of samples: [40, 39]"),
    "weights too few": (TREE, X, {"sample_weight": [1, 2]}, "sample_weight.shape == (2,), expected"),
    "negative weight": (TREE, X, {"sample_weight": -Y}, "Negative values in data passed to `sample"),
    "weights of zero": (TREE, X, {"sample_weight": 0 * Y}, "at least one non-zero number"),
    "no y to cut by": (TREE, X, {"discretizer": "entropy"}, "must be given for discretizer='entropy'"),
}


@pytest.mark.parametrize("name", BAD_TO_EXPLAIN)
def test_what_cannot_be_explained_is_named(name):
    model, table, params, message = BAD_TO_EXPLAIN[name]
    with pytest.raises(ValueError) as error:
        lime_importance(model, table, num_samples=64, **params)
    assert message in str(error.value)


def test_one_row_is_explained_with_training_data():
    result = lime_importance(TREE, X[:1], training_data=X, num_samples=64, random_state=0)
    expected = lime_importance(TREE, X, training_data=X, num_samples=64, random_state=0)
    assert_array_equal(result.explanations.weights[0], expected.explanations.weights[0])
    assert np.abs(expected.explanations.weights[0]).max() > 0.1


def test_a_column_without_any_value_has_importance_zero():
    table = X.copy()
    table[:, 2] = NAN
    model = make_pipeline(SimpleImputer(keep_empty_features=True), LogisticRegression())
    wrapper = LimeImportanceWrapper(model, num_samples=64, random_state=0).fit(table, Y)
    assert wrapper.feature_importances_[2] == 0
    assert wrapper.explanations_.bins.labels(2) == ["any", "missing"]


def memory_map(path, array):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("layout", ["memory map", "Fortran", "strided", "reversed", "frozen frame"])
def test_other_memory_layouts_work_and_are_not_written_to(layout, tmp_path):
    weight = np.arange(N_ROWS) % 3
    wide = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
    table = {
        "memory map": lambda: memory_map(tmp_path / "X.npy", X),
        "Fortran": lambda: np.asfortranarray(X),
        "strided": lambda: wide[::2, ::2],
        "reversed": lambda: X[::-1, ::-1].copy()[::-1, ::-1],
        "frozen frame": lambda: pd.DataFrame(memory_map(tmp_path / "X.npy", X)),
    }[layout]()
    y = memory_map(tmp_path / "y.npy", Y)
    weights = memory_map(tmp_path / "weights.npy", weight)
    for frozen in (table, y, weights):
        if isinstance(frozen, np.ndarray):
            frozen.flags.writeable = False
    wrapper = LimeImportanceWrapper(
        DecisionTreeClassifier(max_depth=3, random_state=0), num_samples=64, random_state=0
    )
    expected = wrapper.fit(X.copy(), Y.copy(), sample_weight=weight).feature_importances_
    actual = wrapper.fit(table, y, sample_weight=weights).feature_importances_
    assert_array_equal(actual, expected)
    assert_array_equal(np.asarray(table), X)
    assert expected.max() > 0.1
