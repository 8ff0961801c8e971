"""Callbacks set on the wrapper. scikit-learn before 1.9 has none, and nothing is heard."""

import pytest
from inner_models import data_for, name, wrap
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# The measure is what scikit-learn's own meta-estimators do.
SUPPORTED = hasattr(make_pipeline(Ridge()), "set_callbacks")
X, Y = data_for(LogisticRegression())


class Recorder:
    """Writes down what estimators tell at any depth."""

    max_propagation_depth = None

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append(("setup", context.estimator_name, context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.estimator_name, context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.told.append(("end", context.estimator_name, context.task_name))

    def teardown(self, estimator, context):
        self.told.append(("teardown", context.estimator_name, context.task_name))


def recorded(estimator):
    """The estimator, with a recorder where scikit-learn has callbacks."""
    recorder = Recorder()
    if SUPPORTED:
        estimator.set_callbacks(recorder)
    return estimator, recorder


def tasks(recorder, estimator):
    """Begins and ends of the tasks of an estimator."""
    return [
        (event, task)
        for event, owner, task in recorder.told
        if owner == name(estimator) and event in ("begin", "end")
    ]


def told_alone(estimator, rows=slice(None)):
    """What an estimator tells when it is fitted by itself."""
    estimator, recorder = recorded(clone(estimator))
    estimator.fit(X[rows], Y[rows])
    return tasks(recorder, estimator)


def test_the_wrapper_takes_callbacks_where_scikit_learn_has_them():
    assert hasattr(wrap(Ridge()), "set_callbacks") == SUPPORTED


@pytest.mark.parametrize(
    "inner", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())], ids=name
)
def test_the_inner_model_tells_what_it_tells_by_itself(inner):
    wrapper, recorder = recorded(wrap(inner))
    wrapper.fit(X, Y)
    told = tasks(recorder, inner)
    assert told == told_alone(inner)
    assert bool(told) == SUPPORTED
    assert (("end", "lbfgs-iter") in tasks(recorder, LogisticRegression())) == SUPPORTED


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_models_of_the_folds_tell_too(n_jobs):
    inner = LogisticRegression()
    wrapper, recorder = recorded(wrap(inner, cv=3, n_jobs=n_jobs))
    wrapper.fit(X, Y)
    expected = told_alone(inner)
    for train, _ in StratifiedKFold(3).split(X, Y):
        expected += told_alone(inner, train)
    assert sorted(tasks(recorder, inner)) == sorted(expected)


def test_the_wrapper_tells_of_its_own_tasks():
    wrapper, recorder = recorded(wrap(LogisticRegression(), cv=2))
    wrapper.fit(X, Y)
    own = [(event, task) for event, owner, task in recorder.told if owner == name(wrapper)]
    both = ["fit", "explain"]
    assert own == SUPPORTED * [
        ("setup", "fit"),
        *[("begin", task) for task in both],
        *[("end", task) for task in reversed(both)],
        ("teardown", "fit"),
    ]


def test_a_search_passes_its_callbacks_through_the_wrapper():
    inner = LogisticRegression()
    search, recorder = recorded(GridSearchCV(wrap(inner), {"estimator__C": [0.1, 1.0]}, cv=2))
    search.fit(X, Y)
    fits = tasks(recorder, inner).count(("end", "fit"))
    assert fits == tasks(recorder, wrap(inner)).count(("end", "fit")) == 5 * SUPPORTED


@pytest.mark.parametrize("cv", [None, 2])
def test_callbacks_change_no_result_and_leave_nothing_behind(cv):
    wrapper, _ = recorded(wrap(LogisticRegression(), cv=cv))
    plain = wrap(LogisticRegression(), cv=cv).fit(X, Y)
    assert_array_equal(wrapper.fit(X, Y).feature_importances_, plain.feature_importances_)
    assert vars(wrapper).keys() - vars(plain).keys() == {"_skl_callbacks"} & vars(wrapper).keys()
    assert vars(wrapper.estimator_).keys() == vars(plain.estimator_).keys()


@pytest.mark.parametrize("cv", [None, 2])
def test_a_frozen_model_tells_nothing_and_stays_as_it_is(cv):
    model = LogisticRegression().fit(X, Y)
    before = vars(model).copy()
    wrapper, recorder = recorded(wrap(FrozenEstimator(model), cv=cv))
    wrapper.fit(X, Y)
    assert tasks(recorder, model) == []
    assert vars(model) == before


def test_callbacks_are_done_with_after_a_failure():
    wrapper, recorder = recorded(wrap(LogisticRegression(C=-1)))
    with pytest.raises(ValueError, match="'C' parameter"):
        wrapper.fit(X, Y)
    events = [event for event, *_ in recorder.told]
    assert [*events[:1], *events[-1:]] == SUPPORTED * ["setup", "teardown"]


def test_a_clone_keeps_the_callbacks():
    wrapper, _ = recorded(wrap(LogisticRegression()))
    copy = clone(wrapper)
    assert getattr(copy, "_skl_callbacks", []) == getattr(wrapper, "_skl_callbacks", [])
