"""scikit-learn's own checks of an estimator, run on the wrapper around many inner models."""

import os
import subprocess
import sys
import textwrap
import warnings

import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._test_common.instance_generator import _get_expected_failed_checks
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_inplace_ensure_writeable,
    check_param_validation,
    estimator_checks_generator,
)

from sklime import LimeImportanceWrapper

# As in scikit-learn's own test of all its estimators.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

# Checks that scikit-learn generates for a parameter, a method or a tag of the inner model that the
# wrapper is right not to have: class_weight, sparsify and support of array libraries.
NOT_DELEGATED = {
    "check_class_weight_classifiers",
    "check_class_weight_balanced_linear_classifier",
    "check_sparsify_coefficients",
    "check_array_api_input",
    "check_array_api_same_namespace",
    "check_array_api_mixed_inputs",
}

INNER_MODELS = [
    LogisticRegression(),
    LinearSVC(random_state=0),
    RandomForestClassifier(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5, random_state=0),
    KNeighborsClassifier(),
    Ridge(),
    SVR(),
    RandomForestRegressor(n_estimators=5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]

# Each of these has caught a fault that the ten above let pass.
MORE_INNER_MODELS = [
    SVC(random_state=0),
    # It divides by 0 itself for a class whose rows all have weight 0.
    pytest.param(GaussianNB(), marks=pytest.mark.filterwarnings("ignore::RuntimeWarning")),
    MultinomialNB(),
    DecisionTreeClassifier(random_state=0),
    make_pipeline(StandardScaler(), Ridge()),
]


def name(inner):
    return type(inner).__name__


def wrap(inner, **params):
    """A wrapper that is as quick as its inner model."""
    return LimeImportanceWrapper(inner, **{"num_samples": 16, "max_samples": 4, **params})


def names_of_checks(estimator):
    """The checks that scikit-learn generates for an estimator."""
    checks = estimator_checks_generator(estimator, mark=None)
    return {getattr(check, "func", check).__name__ for _, check in checks}


def assert_all_checks_pass(wrapper):
    """No check fails that scikit-learn does not expect to fail for the bare inner model."""
    inner = wrapper.estimator
    results = check_estimator(
        wrapper,
        expected_failed_checks=_get_expected_failed_checks(inner),
        on_fail=None,
        on_skip=None,
    )
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not failed
    names = [r["check_name"] for r in results]
    assert names_of_checks(inner) - NOT_DELEGATED <= set(names) <= names_of_checks(inner)
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    allowed = {"check_array_api_input"}  # it runs in a process of its own below
    if not hasattr(inner, "decision_function"):
        allowed.add("check_classifiers_multilabel_output_format_decision_function")
    assert skipped <= allowed
    return sum(r["status"] != "skipped" for r in results)


@pytest.mark.parametrize("inner", INNER_MODELS, ids=name)
def test_every_check_of_the_inner_model_runs_and_passes(inner):
    # A wrapper without tags, or with FrozenEstimator's _skip_test, would run a few checks only.
    assert assert_all_checks_pass(wrap(inner)) >= 50


@pytest.mark.parametrize("engine", ["pooled", "local", "lime"])
@pytest.mark.parametrize("inner", [LogisticRegression(), Ridge()], ids=name)
def test_every_check_passes_with_the_other_engines(inner, engine):
    assert assert_all_checks_pass(wrap(inner, engine=engine, max_samples=2)) >= 50


@pytest.mark.parametrize("inner", [LogisticRegression(), Ridge()], ids=name)
def test_every_check_passes_with_cross_validation(inner):
    assert assert_all_checks_pass(wrap(inner, cv=2)) >= 50


@pytest.mark.parametrize("inner", MORE_INNER_MODELS, ids=name)
def test_every_check_passes_for_models_that_have_caught_faults(inner):
    assert assert_all_checks_pass(wrap(inner)) >= 50


@pytest.mark.parametrize(
    "inner",
    [
        LogisticRegression(),
        LinearSVC(random_state=0),
        LinearRegression(),
        HistGradientBoostingClassifier(max_iter=5),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=name,
)
@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
)
def test_checks_that_check_estimator_leaves_out(check, inner):
    with warnings.catch_warnings():
        # scikit-learn's own test forbids this warning here: names would have been lost.
        warnings.filterwarnings("error", message=".*valid feature names")
        check("LimeImportanceWrapper", wrap(inner))


def test_a_frozen_inner_model_does_not_switch_the_checks_off():
    # FrozenEstimator carries a tag that makes check_estimator run a single check.
    assert len(names_of_checks(wrap(FrozenEstimator(LogisticRegression())))) >= 50


@pytest.mark.parametrize("inner", ["LogisticRegression()", "Ridge()"])
def test_checks_with_array_api_dispatch(inner):
    # The inner models' tag says that they take other libraries' arrays; the wrapper's must not.
    script = f"""
        import warnings
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.utils.estimator_checks import check_estimator
        from sklime import LimeImportanceWrapper

        warnings.simplefilter("ignore")
        wrapper = LimeImportanceWrapper({inner}, num_samples=16, max_samples=4)
        results = check_estimator(wrapper, on_fail="raise", on_skip=None)
        status = {{r["check_name"]: r["status"] for r in results}}
        assert set(status.values()) == {{"passed"}}, status
        assert len(status) >= 50
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
