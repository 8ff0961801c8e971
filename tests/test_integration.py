"""The wrapper inside scikit-learn's own tools, against what the bare inner model gives there."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sklime import LimeImportanceWrapper, lime_importance

# The few samples of these tests tell nothing about fidelity.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::sklime.exceptions.HigherOrderWarning"),
]


def wrap(inner, **params):
    """A wrapper that is as quick as its inner model."""
    return LimeImportanceWrapper(inner, **{"num_samples": 256, "random_state": 0, **params})


def name(value):
    return type(value).__name__


@pytest.fixture
def _routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def classes():
    """Six columns; those with numbers 1, 3 and 4 inform about two classes that overlap."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 6))
    return X, (X @ [0, 2, 0, -2, 2, 0] + rng.normal(size=160) > 0).astype(int)


@pytest.fixture(scope="module")
def linear():
    """A linear target; LIME's importances are all but proportional to 1, 2, 0, 4, 5."""
    X = np.random.default_rng(0).normal(size=(150, 5))
    return X, X @ [1.0, 2.0, 0.0, 4.0, 5.0]


def weights_for(y):
    return np.random.default_rng(0).uniform(0.1, 3, len(y))


# -- selection of columns


@pytest.mark.parametrize("prefit", [False, True])
@pytest.mark.parametrize(
    "inner", [LinearRegression(), make_pipeline(StandardScaler(), Ridge(1e-3))], ids=name
)
@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({}, [3, 4]),
        ({"threshold": "mean"}, [3, 4]),
        ({"threshold": "median"}, [1, 3, 4]),
        ({"threshold": "1.25*mean"}, [3, 4]),
        ({"threshold": "1.9*mean"}, [4]),
        ({"threshold": 0.5}, [0, 1, 3, 4]),
        ({"threshold": -np.inf, "max_features": 1}, [4]),
        ({"threshold": -np.inf, "max_features": 3}, [1, 3, 4]),
        ({"max_features": 1}, [4]),
        ({"max_features": lambda X: X.shape[1] - 1}, [3, 4]),
    ],
)
def test_select_from_model_chooses_by_size(linear, options, chosen, inner, prefit):
    X, y = linear
    wrapper = wrap(inner, num_samples=2048)
    selector = SelectFromModel(wrapper.fit(X, y) if prefit else wrapper, prefit=prefit, **options)
    selector.fit(X, y)
    assert selector.get_support(indices=True).tolist() == chosen
    assert_array_equal(selector.transform(X), X[:, chosen])
    if options.get("threshold", "mean") == "mean":
        assert selector.threshold_ == wrapper.fit(X, y).feature_importances_.mean()


def test_any_model_can_select(linear):
    X, y = linear
    for inner in (make_pipeline(StandardScaler(), Ridge()), HistGradientBoostingRegressor()):
        with pytest.raises(ValueError, match="importance_getter=="):
            SelectFromModel(inner).fit(X, y).get_support()
        assert SelectFromModel(wrap(inner)).fit(X, y).get_support(indices=True).tolist() == [3, 4]


@pytest.fixture(scope="module")
def scaled():
    """By coefficients column 0 counts most, by what it does to the model column 1."""
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1e-3, 1.0, 1.0]
    return X, X @ [100.0, 10.0, 1.0]


@pytest.mark.parametrize("prefit", [False, True])
def test_selection_goes_by_lime_and_not_by_coefficients(scaled, prefit):
    X, y = scaled
    inner = LinearRegression()
    bare = SelectFromModel(inner.fit(X, y), prefit=True, max_features=1, threshold=-np.inf)
    assert bare.fit(X, y).get_support(indices=True).tolist() == [0]
    selector = clone(bare).set_params(prefit=prefit)
    selector.estimator = wrap(inner).fit(X, y)
    assert selector.fit(X, y).get_support(indices=True).tolist() == [1]
    assert RFE(inner, n_features_to_select=2).fit(X, y).ranking_.tolist() == [1, 1, 2]
    rfe = RFE(wrap(inner), n_features_to_select=2).fit(X, y)
    assert rfe.ranking_.tolist() == [2, 1, 1]
    assert not hasattr(rfe.estimator_, "coef_")


@pytest.mark.parametrize("step", [1, 2])
def test_rfe_drops_what_lime_finds_least_important(classes, step):
    X, y = classes
    inner = SVC(random_state=0)
    rfe = RFE(wrap(inner), n_features_to_select=1, step=step).fit(X, y)
    left, ranking = np.arange(6), np.ones(6, dtype=int)
    while len(left) > 1:
        model = clone(inner).fit(X[:, left], y)
        result = lime_importance(model, X[:, left], y, num_samples=256, random_state=0)
        n_dropped = min(step, len(left) - 1)
        ranking[np.setdiff1d(np.arange(6), left)] += 1
        worst = np.argsort(result.importances_mean, kind="stable")[:n_dropped]
        ranking[left[worst]] = 2
        left = np.delete(left, worst)
    assert rfe.ranking_.tolist() == ranking.tolist()
    assert_array_equal(rfe.predict(X), clone(inner).fit(X[:, left], y).predict(X[:, left]))


def test_rfe_passes_weights_and_sparse_tables_on(linear):
    X, y = linear
    weight = weights_for(y)
    rfe = RFE(wrap(Ridge()), n_features_to_select=2).fit(X, y, sample_weight=weight)
    expected = Ridge().fit(X[:, [3, 4]], y, sample_weight=weight)
    assert rfe.get_support(indices=True).tolist() == [3, 4]
    assert_array_equal(rfe.predict(X), expected.predict(X[:, [3, 4]]))
    thin = RFE(wrap(Ridge(solver="lsqr")), n_features_to_select=2).fit(sparse.csr_array(X), y)
    assert thin.get_support(indices=True).tolist() == [3, 4]


def test_rfecv_keeps_the_informative_columns(classes):
    X, y = classes
    inner = LogisticRegression()
    rfecv = RFECV(wrap(inner), cv=3).fit(X, y)
    everything = cross_val_score(inner, X, y, cv=StratifiedKFold(3)).mean()
    assert rfecv.cv_results_["mean_test_score"][-1] == everything
    assert set(rfecv.get_support(indices=True)) >= {1, 3, 4}
    assert_array_equal(
        rfecv.support_, RFE(wrap(inner), n_features_to_select=rfecv.n_features_).fit(X, y).support_
    )
    kept = X[:, rfecv.support_]
    assert_array_equal(rfecv.predict_proba(X), clone(inner).fit(kept, y).predict_proba(kept))


def test_sequential_selection_is_that_of_the_bare_model(classes):
    X, y = classes
    inner = LogisticRegression()
    found = SequentialFeatureSelector(wrap(inner), n_features_to_select=2, cv=2).fit(X, y)
    bare = SequentialFeatureSelector(inner, n_features_to_select=2, cv=2).fit(X, y)
    assert_array_equal(found.support_, bare.support_)


@pytest.mark.parametrize(
    ("frame", "output"),
    [(pd.DataFrame, "pandas"), (pl.DataFrame, "polars")],
    ids=["pandas", "polars"],
)
def test_selected_columns_keep_their_names(linear, frame, output):
    X, y = linear
    table = frame(dict(zip("abcde", X.T, strict=True)))
    pipeline = make_pipeline(StandardScaler(), SelectFromModel(wrap(Ridge())))
    pipeline.set_output(transform=output).fit(table, y)
    assert pipeline.get_feature_names_out().tolist() == ["d", "e"]
    selected = pipeline.transform(table)
    assert type(selected) is frame
    assert list(selected.columns) == ["d", "e"]
    assert_allclose(selected.to_numpy(), StandardScaler().fit_transform(X)[:, [3, 4]])
    wrapper = pipeline[-1].estimator_
    assert wrapper.feature_names_in_.tolist() == list("abcde")
    assert type(wrapper.explanations_.data) is frame


# -- pipelines


def test_before_and_after_other_steps(linear):
    X, y = linear
    last = make_pipeline(StandardScaler(), wrap(Ridge())).fit(X, y)
    bare = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    assert_array_equal(last.predict(X), bare.predict(X))
    direct = wrap(Ridge()).fit(StandardScaler().fit_transform(X), y)
    assert_array_equal(last[-1].feature_importances_, direct.feature_importances_)
    first = make_pipeline(SelectFromModel(wrap(Ridge())), LinearRegression()).fit(X, y)
    expected = LinearRegression().fit(X[:, [3, 4]], y)
    assert_array_equal(first.predict(X), expected.predict(X[:, [3, 4]]))


def test_rfe_reads_importances_through_a_pipeline(linear):
    X, y = linear
    getter = "named_steps.limeimportancewrapper.feature_importances_"
    rfe = RFE(
        make_pipeline(StandardScaler(), wrap(Ridge(), num_samples=2048)), importance_getter=getter
    )
    assert rfe.set_params(n_features_to_select=1).fit(X, y).ranking_.tolist() == [4, 3, 5, 2, 1]


def test_columns_of_a_mixed_table_are_ranked_as_they_stand():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "noise": rng.normal(size=200),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], 200)),
            "size": rng.normal(size=200),
        }
    )
    y = (table["colour"] == "red") * 2.0 + 0.3 * table["size"]
    encode = ColumnTransformer(
        [("colour", OneHotEncoder(), ["colour"])], remainder=StandardScaler()
    )
    selector = SelectFromModel(
        wrap(make_pipeline(encode, Ridge())), threshold=-np.inf, max_features=2
    ).fit(table, y)
    assert selector.get_feature_names_out().tolist() == ["colour", "size"]
    assert selector.estimator_.feature_importances_.argmax() == 1


# -- searches and cross-validation


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_a_search_over_the_inner_model_is_the_bare_search(classes, search):
    X, y = classes
    options = {"cv": 3, "random_state": 0} if search is HalvingGridSearchCV else {"cv": 3}
    grid = [1e-4, 1e-2, 1.0]
    found = search(wrap(LogisticRegression()), {"estimator__C": grid}, **options).fit(X, y)
    bare = search(LogisticRegression(), {"C": grid}, **options).fit(X, y)
    assert_array_equal(found.cv_results_["mean_test_score"], bare.cv_results_["mean_test_score"])
    assert found.best_params_ == {"estimator__C": bare.best_params_["C"]}
    assert_array_equal(found.predict_proba(X), bare.predict_proba(X))
    direct = wrap(LogisticRegression(C=bare.best_params_["C"])).fit(X, y)
    assert_array_equal(found.best_estimator_.feature_importances_, direct.feature_importances_)


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_a_search_over_estimators(classes, search):
    X, y = classes
    options = {"cv": 3, "random_state": 0} if search is HalvingGridSearchCV else {"cv": 3}
    models = [LogisticRegression(C=1e-5), KNeighborsClassifier(), LogisticRegression()]
    found = search(wrap(SVC()), {"estimator": models}, **options).fit(X, y)
    if search is GridSearchCV:
        scores = [cross_val_score(model, X, y, cv=3).mean() for model in models]
        assert_array_equal(found.cv_results_["mean_test_score"], scores)
    best = found.best_params_["estimator"]
    assert_array_equal(found.predict_proba(X), clone(best).fit(X, y).predict_proba(X))


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_a_search_over_own_parameters(linear, search):
    X, y = linear
    steps = make_pipeline(SelectFromModel(wrap(Ridge())), LinearRegression())
    grid = {
        "selectfrommodel__max_features": [1, 4],
        "selectfrommodel__threshold": [-np.inf],
        "selectfrommodel__estimator__aggregation": ["mean_abs", "rms"],
        "selectfrommodel__estimator__num_samples": [64, 128],
    }
    options = {"cv": 3, "random_state": 0} if search is HalvingGridSearchCV else {"cv": 3}
    found = search(steps, grid, **options).fit(X, y)
    assert found.best_params_["selectfrommodel__max_features"] == 4
    assert found.best_estimator_[0].get_support(indices=True).tolist() == [0, 1, 3, 4]
    wrapper = found.best_estimator_[0].estimator_
    key = "selectfrommodel__estimator__num_samples"
    assert wrapper.explanations_.num_samples == found.best_params_[key]


def test_own_parameters_do_not_change_the_score(linear):
    X, y = linear
    grid = {"max_samples": [5, 500, 0.1], "aggregation": ["mean_abs", "rms"], "cv": [None, 2]}
    found = GridSearchCV(wrap(Ridge()), grid, cv=2).fit(X, y)
    expected = cross_val_score(Ridge(), X, y, cv=2).mean()
    assert_array_equal(found.cv_results_["mean_test_score"], np.full(12, expected))


def test_halving_may_use_samples_of_the_neighbourhood_as_its_resource(linear):
    X, y = linear
    found = HalvingGridSearchCV(
        wrap(Ridge()),
        {"estimator__alpha": [1e-3, 1e3]},
        resource="num_samples",
        min_resources=32,
        max_resources=64,
        cv=2,
        factor=2,
    ).fit(X, y)
    assert found.best_params_["estimator__alpha"] == 1e-3
    assert found.best_estimator_.explanations_.num_samples == 64


def test_cross_validate_scores_and_returns_importances_of_each_fold(classes):
    X, y = classes
    inner = LogisticRegression()
    result = cross_validate(wrap(inner), X, y, cv=3, return_estimator=True)
    bare = cross_validate(inner, X, y, cv=3)
    assert_array_equal(result["test_score"], bare["test_score"])
    for (train, _), wrapper in zip(
        StratifiedKFold(3).split(X, y), result["estimator"], strict=True
    ):
        direct = wrap(inner).fit(X[train], y[train])
        assert_array_equal(wrapper.feature_importances_, direct.feature_importances_)
        assert set(wrapper.feature_importances_.argsort()[-3:]) == {1, 3, 4}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_cross_val_predict_is_that_of_the_bare_model(classes, method):
    X, y = classes
    inner = LogisticRegression()
    found = cross_val_predict(wrap(inner), X, y, cv=3, method=method)
    assert_array_equal(found, cross_val_predict(inner, X, y, cv=3, method=method))


# -- other meta-estimators

LR, NB, RIDGE = LogisticRegression(), GaussianNB(), Ridge()
CLASSIFIERS = {
    "voting": lambda e: VotingClassifier([("a", e), ("b", NB)], voting="soft"),
    "stacking": lambda e: StackingClassifier([("a", e), ("b", NB)], LR, cv=2),
    "stacking final": lambda e: StackingClassifier([("a", LR)], e, cv=2),
    "bagging": lambda e: BaggingClassifier(e, n_estimators=3, random_state=0),
    "adaboost": lambda e: AdaBoostClassifier(e, n_estimators=3, random_state=0),
    "calibrated": lambda e: CalibratedClassifierCV(e, cv=2),
    "one vs rest": OneVsRestClassifier,
    "one vs one": OneVsOneClassifier,
    "wrapper": wrap,
}
REGRESSORS = {
    "voting": lambda e: VotingRegressor([("a", e), ("b", LinearRegression())]),
    "stacking": lambda e: StackingRegressor([("a", e)], RIDGE, cv=2),
    "bagging": lambda e: BaggingRegressor(e, n_estimators=3, random_state=0),
    "transformed target": lambda e: TransformedTargetRegressor(e, func=np.cbrt, inverse_func=cube),
}


def cube(y):
    return y**3


@pytest.mark.parametrize(
    ("kind", "weighted"),
    [(kind, False) for kind in CLASSIFIERS]
    + [(kind, True) for kind in CLASSIFIERS if not kind.startswith("one vs")],
)
def test_classifiers_made_of_wrappers_are_those_made_of_the_inner_model(kind, weighted):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    params = {"sample_weight": weights_for(y)} if weighted else {}
    made = CLASSIFIERS[kind](wrap(LR)).fit(X, y, **params)
    bare = CLASSIFIERS[kind](LR).fit(X, y, **params)
    method = "decision_function" if kind == "one vs one" else "predict_proba"
    assert_array_equal(getattr(made, method)(X), getattr(bare, method)(X))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", REGRESSORS)
def test_regressors_made_of_wrappers_are_those_made_of_the_inner_model(linear, kind, weighted):
    X, y = linear
    params = {"sample_weight": weights_for(y)} if weighted else {}
    made = REGRESSORS[kind](wrap(RIDGE)).fit(X, y, **params)
    bare = REGRESSORS[kind](RIDGE).fit(X, y, **params)
    assert_array_equal(made.predict(X), bare.predict(X))


@pytest.mark.parametrize("weighted", [False, True])
def test_several_targets_each_have_a_wrapper(linear, weighted):
    X, y = linear
    Y = np.c_[y, X[:, 0]]
    params = {"sample_weight": weights_for(y)} if weighted else {}
    made = MultiOutputRegressor(wrap(RIDGE)).fit(X, Y, **params)
    bare = MultiOutputRegressor(RIDGE).fit(X, Y, **params)
    assert_array_equal(made.predict(X), bare.predict(X))
    assert [e.feature_importances_.argmax() for e in made.estimators_] == [4, 0]
    for meta in (MultiOutputClassifier, ClassifierChain):
        found = meta(wrap(LR)).fit(X, Y > 0)
        assert_array_equal(found.predict(X), meta(LR).fit(X, Y > 0).predict(X))


def test_members_keep_their_importances(classes):
    X, y = classes
    bagging = BaggingClassifier(wrap(LR), n_estimators=3, random_state=0).fit(X, y)
    importances = [member.feature_importances_ for member in bagging.estimators_]
    assert set(np.mean(importances, axis=0).argsort()[-3:]) == {1, 3, 4}


# -- fitted models


def test_a_frozen_model_selects_in_searches_without_being_fitted(linear):
    X, y = linear
    model = LinearRegression().fit(X, y)
    coefficients = model.coef_
    steps = make_pipeline(SelectFromModel(wrap(FrozenEstimator(model))), Ridge())
    search = GridSearchCV(steps, {"selectfrommodel__threshold": ["mean", "median"]}, cv=2)
    search.fit(X, y - 3 * X[:, 0])  # another target: a new fit would find other columns
    assert model.coef_ is coefficients
    selector = search.best_estimator_[0]
    assert selector.estimator_.estimator_.estimator is model
    assert selector.get_support(indices=True).tolist() == [1, 3, 4]


def test_a_frozen_wrapper_is_used_as_it_is(classes):
    X, y = classes
    wrapper = wrap(LR).fit(X, y)
    importances = wrapper.feature_importances_
    selector = SelectFromModel(FrozenEstimator(wrapper)).fit(X, 1 - y)
    assert selector.estimator_.estimator is wrapper
    assert wrapper.feature_importances_ is importances
    assert_array_equal(selector.get_support(), importances >= importances.mean())
    calibrated = CalibratedClassifierCV(FrozenEstimator(wrapper), cv=2).fit(X, y)
    bare = CalibratedClassifierCV(FrozenEstimator(clone(LR).fit(X, y)), cv=2).fit(X, y)
    assert_array_equal(calibrated.predict_proba(X), bare.predict_proba(X))


# -- metadata


@pytest.mark.usefixtures("_routing")
def test_routed_weights_reach_the_inner_model_and_the_explanations(classes):
    X, y = classes
    weight = weights_for(y)
    inner = LogisticRegression().set_fit_request(sample_weight=True)
    expected = LogisticRegression().fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=False):
        direct = wrap(LogisticRegression()).fit(X, y, sample_weight=weight)
    wrapper = wrap(inner).fit(X, y, sample_weight=weight)
    selector = SelectFromModel(wrap(inner)).fit(X, y, sample_weight=weight)
    nothing = StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=False)
    steps = make_pipeline(nothing, wrap(inner))
    routed = [
        wrapper,
        selector.estimator_,
        steps.fit(X, y, sample_weight=weight)[-1],
        wrap(make_pipeline(inner)).fit(X, y, sample_weight=weight),
    ]
    for fitted in routed:
        assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))
        assert_array_equal(fitted.feature_importances_, direct.feature_importances_)


@pytest.mark.usefixtures("_routing")
@pytest.mark.parametrize("scored", [False, True])
def test_searches_route_weights_to_fit_and_score(classes, scored):
    X, y = classes
    weight = weights_for(y)
    inner = LogisticRegression()
    inner.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    options = {
        "cv": 3,
        "scoring": make_scorer(accuracy_score).set_score_request(sample_weight=scored),
    }
    search = GridSearchCV(wrap(inner), {"estimator__C": [1e-3, 1.0]}, **options)
    bare = GridSearchCV(inner, {"C": [1e-3, 1.0]}, **options)
    for each in (search, bare):
        each.fit(X, y, sample_weight=weight)
    assert_array_equal(search.cv_results_["mean_test_score"], bare.cv_results_["mean_test_score"])
    score, expected = (
        each.best_estimator_.score(X, y, sample_weight=weight) for each in (search, bare)
    )
    assert score == expected
    found, expected = (
        cross_validate(each, X, y, params={"sample_weight": weight}, **options)["test_score"]
        for each in (wrap(inner), inner)
    )
    assert_array_equal(found, expected)


@pytest.mark.usefixtures("_routing")
def test_weights_that_nobody_asked_for_are_refused(classes):
    X, y = classes
    weight = weights_for(y)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        wrap(LogisticRegression()).fit(X, y, sample_weight=weight)
    refuses = LogisticRegression().set_fit_request(sample_weight=False)
    with pytest.raises(TypeError, match="sample_weight"):
        wrap(refuses).fit(X, y, sample_weight=weight)


@pytest.mark.usefixtures("_routing")
def test_the_inner_model_alone_requests_weights():
    # A request of the wrapper's own would have to be made beside the inner model's.
    assert not hasattr(wrap(LogisticRegression()), "set_fit_request")
    assert hasattr(LogisticRegression(), "set_fit_request")


@pytest.mark.usefixtures("_routing")
def test_routed_weights_reach_score(classes):
    X, y = classes
    weight = weights_for(y)
    inner = LogisticRegression().set_score_request(sample_weight=True)
    wrapper = wrap(inner).fit(X, y)
    expected = LogisticRegression().fit(X, y).score(X, y, sample_weight=weight)
    assert wrapper.score(X, y, sample_weight=weight) == expected
    assert expected != wrapper.score(X, y)


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_the_splitter(classes, routing):
    X, y = classes
    groups = np.arange(len(y)) % 4
    with sklearn.config_context(enable_metadata_routing=routing):
        wrapper = wrap(LogisticRegression(), cv=GroupKFold(4), max_samples=None)
        wrapper.fit(X, y, groups=groups)
    held_out = groups[wrapper.explanations_.sample_indices].reshape(4, -1)
    assert (held_out == held_out[:, [0]]).all()
    assert sorted(held_out[:, 0]) == [0, 1, 2, 3]


@pytest.mark.usefixtures("_routing")
def test_groups_are_routed_through_other_tools(classes):
    X, y = classes
    groups = np.arange(len(y)) % 4
    wrapper = wrap(LogisticRegression(), cv=GroupKFold(4), max_samples=None)
    for meta in (make_pipeline(StandardScaler(), wrapper), SelectFromModel(wrapper)):
        meta.fit(X, y, groups=groups)
        fitted = meta.estimator_ if isinstance(meta, SelectFromModel) else meta[-1]
        held_out = groups[fitted.explanations_.sample_indices].reshape(4, -1)
        assert (held_out == held_out[:, [0]]).all()
    search = GridSearchCV(wrap(LogisticRegression()), {"estimator__C": [1.0]}, cv=GroupKFold(4))
    bare = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=GroupKFold(4))
    for each in (search, bare):
        each.fit(X, y, groups=groups)
    assert search.best_score_ == bare.best_score_


@pytest.mark.parametrize("routing", [False, True])
def test_groups_and_weights_together(classes, routing):
    X, y = classes
    groups, weight = np.arange(len(y)) % 4, weights_for(y)
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = LogisticRegression()
        if routing:
            inner.set_fit_request(sample_weight=True)
        wrapper = wrap(inner, cv=GroupKFold(4))
        wrapper.fit(X, y, sample_weight=weight, groups=groups)
    for (train, _), model in zip(
        GroupKFold(4).split(X, y, groups), wrapper.estimators_, strict=True
    ):
        expected = LogisticRegression().fit(X[train], y[train], weight[train])
        assert_array_equal(model.coef_, expected.coef_)
