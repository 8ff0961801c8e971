"""Bad input, a line each: the message, and the wrapper and the caller's data as before."""

import re

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


def bad(message, inner=LOGISTIC, X=X, y=Y, error=ValueError, **params):
    """What comes in, and what goes out."""
    return inner, X, y, params, error, message


def weigh(message, weight, inner=LOGISTIC):
    return bad(message, inner, sample_weight=weight)


def answer(message, spoil, after=0, error=ValueError):
    return bad(message, Answers(spoil, after), error=error)


BAD = {
    "NaN": bad("Input X contains NaN.", X=changed(NAN)),
    "infinity": bad("Input X contains infinity or a value too large", X=changed(INF)),
    "text": bad("could not convert string to float", X=changed("high", object)),
    "text in a frame": bad("could not convert string to float", X=objects(["u", "v"])),
    "1-d": bad("Expected 2D array, got 1D array instead", X=X[:, 0]),
    "3-d": bad("Found array with dim 3", X=X[:, :, None]),
    "complex": bad("Complex data not supported", X=X * 1j),
    "no rows": bad(f"0 sample(s) (shape=(0, 4)) {MINIMUM}", X=X[:0], y=Y[:0]),
    "no rows, easy model": bad("Found array with 0 sample(s)", Taker(), X[:0], Y[:0]),
    "one row": bad("Found array with 1 sample(s) (shape=(1, 4))", Ridge(), X[:1], Y[:1]),
    "no columns": bad(f"0 feature(s) (shape=(40, 0)) {MINIMUM}", X=X[:, :0]),
    "no columns, easy model": bad("0 feature(s) (shape=(40, 0))", Taker(), X[:, :0]),
    "sparse": bad(
        "Sparse data was passed for X, but dense data is required",
        HistGradientBoostingClassifier(),
        sparse.csr_array(X),
        error=TypeError,
    ),
    "y missing": bad("requires y to be passed, but the target y is None", y=None),
    "y with NaN": bad("Input y contains NaN.", Ridge(), y=np.where(Y, NAN, 1)),
    "y too short": bad("inconsistent numbers of samples: [40, 39]", y=Y[1:]),
    "y continuous": bad("Unknown label type: continuous", y=X[:, 0]),
    "one class": bad("2 classes in the data", y=np.ones(N_ROWS)),
    "negative weight": weigh("Negative values in data passed to `sample_weight`.", -Y),
    "weights of zero": weigh(
        "must contain at least one non-zero number.", 0 * Y, DecisionTreeRegressor()
    ),
    "weights too few": weigh("sample_weight.shape == (3,), expected (40,)!", np.ones(3)),
    "weights 2-d": weigh("Sample weights must be 1D array or scalar", X),
    "weight NaN": weigh("Input sample_weight contains NaN.", np.where(Y, NAN, 1)),
    "text as weights": weigh("could not convert string to float", ["much"] * N_ROWS),
    "one weight left": weigh(
        "Found array with 1 sample(s) (shape=(1, 4)) while a minimum of 2 is required",
        np.eye(N_ROWS)[0],
        Ridge(),
    ),
    "lists in cells": bad(
        "Cells of the X argument must be hashable, such as strings or numbers. Got ['list'] in col",
        Taker(),
        objects([[1], [2]]),
        error=TypeError,
    ),
    "duplicate names": bad(
        "Expected unique column names",
        Taker(),
        FRAME.set_axis(list("abad"), axis=1),
        error=Exception,
    ),
    "names of two types": bad(
        "Feature names are only supported if all input features have string names",
        Taker(),
        FRAME.set_axis(["a", "b", 3, "d"], axis=1),
        error=TypeError,
    ),
    "answer NaN": answer(f"Answers.predict_proba {UNEXPLAINED}", spoiled(NAN)),
    "answer infinite": answer(UNEXPLAINED, spoiled(INF)),
    "answer NaN later": answer(UNEXPLAINED, spoiled(NAN), N_ROWS),
    "answer too short": answer(
        "Answers.predict_proba must return one row for each sample. Got ", lambda p: p[1:]
    ),
    "answer too long later": answer(
        "one row for each sample. Got 2", lambda p: np.vstack([p, p]), N_ROWS
    ),
    "answer fails": answer("gone", stop(OSError("gone")), error=OSError),
    "answer fails midway": answer("gone", stop(OSError("gone")), N_ROWS, OSError),
    "interrupted": answer("now", stop(KeyboardInterrupt("now")), N_ROWS, KeyboardInterrupt),
    "out of memory": answer("all", stop(MemoryError("all")), N_ROWS, MemoryError),
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
        DecisionTreeRegressor(random_state=0), num_samples=128, random_state=0
    )
    if fitted:
        wrapper.fit(*good())
    wrapper.set_params(estimator=inner, cv=cv)
    before = dict(vars(wrapper))
    given = [plain(value) for value in (table, y, *params.values())]
    with pytest.raises(error, match=re.escape(message)):
        wrapper.fit(table, y, **params)
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
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(wrapper, method)(*arguments)
    wrapper = fitted_wrapper(X)
    with pytest.raises(ValueError, match="X has 3 features, but LogisticRegression is expecting 4"):
        getattr(wrapper, method)(X[:, :3], *arguments[1:])


MODEL = LogisticRegression().fit(FRAME, Y)
TREE = DecisionTreeRegressor(random_state=0).fit(X, Y)
ORDER = "Feature names must be in the same order as they were in fit."

# Model, X, other arguments of lime_importance; error and message.
BAD_TO_EXPLAIN = {
    "fewer columns": (TREE, X[:, :3], {}, "X has 3 features, but DecisionTreeRegressor is exp"),
    "other order": (MODEL, FRAME[NAMES[::-1]], {}, ORDER),
    "other names": (MODEL, FRAME.rename(columns={"a": "z"}), {}, "Feature names unseen at"),
    "no training rows": (TREE, X, {"training_data": X[:0]}, "Found array with 0 sample(s)"),
    "one training row": (TREE, X, {"training_data": X[:1]}, "Found array with 1 sample(s)"),
    "no rows": (TREE, X[:0], {}, "Found array with 0 sample(s) (shape=(0, 4)) while a min"),
    "no columns": (TREE, X[:, :0], {}, "Found array with 0 feature(s) (shape=(40, 0)) while a"),
    "one row": (TREE, X[:1], {}, "a minimum of 2 is required to draw from; lime_importance exp"),
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
    "weights too few": (TREE, X, {"sample_weight": [1, 2]}, "sample_weight.shape == (2,), exp"),
    "negative weight": (TREE, X, {"sample_weight": -Y}, "Negative values in data passed"),
    "weights of zero": (TREE, X, {"sample_weight": 0 * Y}, "at least one non-zero number"),
    "no y to cut by": (TREE, X, {"discretizer": "entropy"}, "discretizer='entropy'. Got none"),
}


@pytest.mark.parametrize("name", BAD_TO_EXPLAIN)
def test_what_cannot_be_explained_is_named(name):
    model, table, params, message = BAD_TO_EXPLAIN[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        lime_importance(model, table, num_samples=64, **params)


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
