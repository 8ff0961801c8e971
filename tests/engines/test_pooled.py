"""The pooled engine beside the other engines, brute force, shap and Friedman's H."""

import itertools

import numpy as np
import pandas as pd
import pytest
import shap
from agreement import squared_error
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import HistGradientBoostingRegressor

from sklime import LimeImportanceWrapper, lime_importance
from sklime.exceptions import HigherOrderWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklime.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore:The set_.* function:PendingDeprecationWarning"),
]


class Function:
    """A model that is a function of the columns."""

    def __init__(self, f):
        self.f = f

    def predict(self, X):
        return self.f(*(X[:, j] for j in range(X.shape[1])))


def normal(n_features=6, n_rows=500, seed=0):
    return np.random.default_rng(seed).standard_normal((n_rows, n_features))


def explain(model, X, **options):
    return lime_importance(model, X, **{"engine": "pooled", "random_state": 0, **options})


def second_order(a, b, c, d, *_):
    return a * b + np.sign(c) * d + np.abs(a) + 0.5 * c


@pytest.fixture(scope="module")
def boosted():
    """A model with interactions of every order, and its table."""
    X = normal(8, 1000)
    y = np.where(X[:, 0] > 0, X[:, 1], X[:, 2]) + X[:, 3] * X[:, 4]
    return HistGradientBoostingRegressor(random_state=0).fit(X, y), X


@pytest.mark.parametrize("kernel_width", [0.3, 0.5, 1.0])
def test_without_third_order_it_is_the_local_engine_within_the_error(kernel_width):
    X = normal()
    options = {"kernel_width": kernel_width, "max_samples": 40}
    local = explain(Function(second_order), X, engine="local", num_samples=4096, **options)
    pooled = explain(Function(second_order), X, **options)
    assert 0.3 < squared_error(pooled.explanations, local.explanations) < 2


@pytest.mark.parametrize(("kernel_width", "most"), [(0.4, 0.2), (0.8, 0.08)])
def test_a_fitted_model_differs_from_the_local_engine_by_higher_orders(boosted, kernel_width, most):
    model, X = boosted
    options = {"kernel_width": kernel_width, "max_samples": 40}
    local = explain(model, X, engine="local", num_samples=4096, **options).explanations.weights
    pooled = explain(model, X, **options).explanations.weights
    assert np.linalg.norm(pooled - local) < most * np.linalg.norm(local)


KNOWN = {
    "product": (lambda a, b, c, *_: a * b + c, {("x0", "x1")}),
    "gated": (lambda a, b, c, *_: np.where(a > 0, b, c), {("x0", "x1"), ("x0", "x2")}),
    "two pairs": (
        lambda a, b, c, d, *_: np.sign(a * b) + np.sign(c * d),
        {("x0", "x1"), ("x2", "x3")},
    ),
    "additive": (lambda a, b, c, *_: a + np.abs(b) + np.sin(c), set()),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_pairs_of_known_functions_are_found_and_no_others(name):
    f, pairs = KNOWN[name]
    explanations = explain(Function(f), normal(), kernel_width=0.4).explanations
    top = explanations.interactions.top(10)
    assert [pair.strength for pair in top] == sorted((p.strength for p in top), reverse=True)
    clear = [pair for pair in top if pair.strength > 5 * pair.sem]
    assert {(pair.first, pair.second) for pair in clear} == pairs
    # Noise that passes for a pair is small.
    assert all(pair.strength < 0.1 for pair in top[len(clear) :])
    assert all(pair.strength > 0.4 for pair in clear)
    strength = explanations.interactions.strength
    assert_array_equal(strength, strength.T)
    assert_array_equal(np.diag(strength), 0)
    assert np.count_nonzero(strength) == 2 * len(top)


def friedman_h(model, X):
    """Friedman and Popescu's H (2008), unnormalised, of every pair, on these rows."""

    def dependence(*columns):
        rows = np.repeat(X[None], len(X), axis=0)
        rows[:, :, columns] = X[:, None, columns]
        means = model.predict(rows.reshape(-1, X.shape[1])).reshape(len(X), -1).mean(axis=1)
        return means - means.mean()

    single = [dependence(j) for j in range(X.shape[1])]
    return {
        (j, k): np.std(dependence(j, k) - single[j] - single[k])
        for j, k in itertools.combinations(range(X.shape[1]), 2)
    }


def test_the_strongest_pairs_are_those_of_shap_and_of_friedmans_h(boosted):
    model, X = boosted
    ours = explain(model, X).explanations.interactions.strength
    shaps = np.abs(shap.TreeExplainer(model).shap_interaction_values(X[:100])).mean(axis=0)
    h = friedman_h(model, X[:40])
    true = {(0, 1), (0, 2), (3, 4)}
    for strength in (ours, shaps, h):
        found = sorted(h, key=lambda pair: -strength[pair])
        assert set(found[:3]) == true


def test_the_strength_of_a_pair_is_the_standard_deviation_of_what_it_adds():
    # The sign of a product has the variance 1, all of it in the pair, if the bins cut at 0.
    X = normal() - np.median(normal(), axis=0)
    result = explain(Function(lambda a, b, *_: 3 * np.sign(a * b)), X, kernel_width=0.4)
    explanations = result.explanations
    assert explanations.interactions.strength[0, 1] == pytest.approx(3, abs=0.05)
    sign = np.array([1, 1, -1, -1])
    table = explanations.interactions.table(0, 1)
    assert_allclose(table.effects, 3 * np.outer(sign, sign), atol=0.1)
    assert (np.abs(table.effects - 3 * np.outer(sign, sign)) < 8 * table.sem + 0.05).all()


def test_standard_errors_of_strengths_are_their_spread_over_seeds():
    X = normal(n_rows=200)
    model = Function(lambda a, b, c, d, *_: a * b + 0.3 * c * d + c)
    found = [
        explain(model, X, num_samples=1024, max_samples=10, random_state=seed).explanations
        for seed in range(30)
    ]
    for pair in ((0, 1), (2, 3)):
        strength = [explanations.interactions.strength[pair] for explanations in found]
        sem = [explanations.interactions.sem[pair] for explanations in found]
        assert 0.6 < np.std(strength, ddof=1) / np.mean(sem) < 1.6


@pytest.fixture(scope="module")
def mixed():
    """A mixed table with a missing value in every fourth row of one column."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "group": pd.Categorical(np.resize(["a", "b", "c"], 600)),
            "size": rng.normal(size=600),
            "age": np.where(np.arange(600) % 4 == 0, np.nan, rng.normal(size=600)),
            "flag": rng.random(600) < 0.5,
        }
    )


class Mixed:
    """Interactions between columns of different kinds, by hand."""

    def predict(self, X):
        size, flag = X["size"].to_numpy(), X["flag"].to_numpy()
        by_group = np.where(X["group"] == "a", size, -size)
        return np.column_stack([by_group, np.where(X["age"].isna(), 2.0, 0.0) * flag])


def test_pairs_of_categories_and_of_missing_values_equal_brute_force(mixed):
    explanations = explain(Mixed(), mixed, kernel_width=0.4).explanations
    # Output 0: size times +1 in group a and -1 elsewhere; each group is a third of the rows.
    by_group = explanations.interactions.table("group", "size", label=0)
    assert by_group.rows == ["a", "b", "c"]
    assert len(by_group.columns) == 4
    edges = mixed["size"].quantile([0, 0.25, 0.5, 0.75, 1], interpolation="inverted_cdf")
    bins = np.searchsorted(edges.to_numpy()[1:-1], mixed["size"], side="left")
    size = np.array([mixed["size"][bins == b].mean() for b in range(4)]) - mixed["size"].mean()
    expected = np.outer(np.array([1, -1, -1]) + 1 / 3, size)
    assert_allclose(by_group.effects, expected, atol=0.1)
    # Output 1: 2 where age is missing, which is a bin of its own, and the flag is set.
    missing = explanations.interactions.table("age", "flag", label=1)
    assert missing.rows[-1] == "missing"
    assert missing.columns == ["False", "True"]
    p = mixed["flag"].mean()
    expected = 2 * np.outer(np.array([0, 0, 0, 0, 1]) - 0.25, np.array([0, 1]) - p)
    assert_allclose(missing.effects, expected, atol=0.05)
    first, second, *others = explanations.interactions.top(9)
    assert {pair[:2] for pair in (first, second)} == {("group", "size"), ("age", "flag")}
    assert all(pair.strength < 0.1 * second.strength for pair in others)  # by chance
    # A pair's strength is the mean over outputs, of which it is in one.
    assert explanations.interactions.strength[2, 3] == pytest.approx(
        np.sqrt(3 / 16 * p * (1 - p)) * 2 / 2, rel=0.05
    )


def test_a_row_of_weight_two_is_two_rows(mixed):
    weight = np.resize([1.0, 2.0, 0.0], 600)
    weight[:3] = [2, 1, 1]
    twice = mixed.loc[np.repeat(np.arange(600), weight.astype(int))].reset_index(drop=True)
    options = {"num_samples": 1024, "max_samples": None}
    weighted = explain(Mixed(), mixed, sample_weight=weight, **options)
    repeated = explain(Mixed(), twice, **options)
    assert_allclose(weighted.importances_mean, repeated.importances_mean, rtol=1e-10)
    assert_allclose(
        weighted.explanations.interactions.strength,
        repeated.explanations.interactions.strength,
        rtol=1e-10,
    )


def test_a_column_of_many_levels_interacts_by_groups_of_levels():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 200, 2000)
    X = np.column_stack([level, rng.standard_normal(2000), rng.standard_normal(2000)])
    model = Function(lambda a, b, c: (a > 99) * (1 + b) + 0 * c)
    explanations = explain(model, X, categorical_features=[0], kernel_width=0.4).explanations
    effects = explanations.interactions.table(0, 1).effects
    assert effects.shape == (200, 4)
    assert len(np.unique(effects, axis=0)) <= 10
    side = np.sort(np.unique(level)) > 99
    assert (effects[side, 3] > 0.2).mean() > 0.9
    assert (effects[~side, 3] < -0.2).mean() > 0.9
    assert explanations.interactions.top(5)[0][:2] == ("x0", "x1")


def test_a_product_of_three_columns_is_warned_of():
    model = Function(lambda a, b, c, *_: np.sign(a * b * c))
    with pytest.warns(HigherOrderWarning, match="kernel_width=0.* for \\d+ predictions"):
        result = explain(model, normal(), kernel_width=0.4)
    shares = result.explanations.interactions.shares
    assert shares["higher"][0] > 0.7
    assert sum(shares.values())[0] == pytest.approx(1)


@pytest.mark.parametrize("name", KNOWN)
def test_the_variance_of_pairs_and_main_effects_is_split_without_warning(name):
    f, pairs = KNOWN[name]
    shares = explain(Function(f), normal(), kernel_width=0.4).explanations.interactions.shares
    assert shares["higher"][0] < 0.05
    assert (shares["pairs"][0] > 0.2) == bool(pairs)
    assert sum(shares.values())[0] == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::sklime.exceptions.NoisyImportanceWarning")
@pytest.mark.parametrize("seed", range(2))
def test_main_effects_of_many_columns_are_known_as_well_as_they_say(seed):
    # 900 free numbers from 2048 Sobol' rows
    X = normal(300, 100, seed)
    weights = np.linspace(1, 0, 300)
    options = {"num_samples": 4096, "random_state": seed}
    bends = Function(lambda *x: weights @ np.abs(x))
    explanations = explain(bends, X, **options).explanations
    (effects,) = explanations.effects
    sizes = np.abs(np.sort(X, axis=0))
    in_bins = sizes.reshape(4, 25, 300).mean(axis=1) - sizes.mean(axis=0)
    exact = (in_bins * weights).T.ravel()
    main = effects.unit * effects.main[..., 0]
    error = np.square(main.mean(axis=0) - exact).sum()
    squared_sem = main.var(axis=0, ddof=1).sum() / len(main)
    assert squared_sem == pytest.approx(error, rel=0.1)
    shares = {name: share[0] for name, share in explanations.interactions.shares.items()}
    share = np.square(exact).sum() / 4 / (weights**2 @ sizes.var(axis=0))
    assert shares["main"] == pytest.approx(share, abs=0.03)
    assert shares["pairs"] + shares["higher"] < 0.03


def test_folds_are_averaged():
    X = normal(n_rows=300)
    y = X[:, 0] * X[:, 1]
    wrapper = LimeImportanceWrapper(
        HistGradientBoostingRegressor(max_iter=20, random_state=0),
        cv=3,
        engine="pooled",
        num_samples=2048,
        random_state=0,
    ).fit(X, y)
    explanations = wrapper.explanations_
    assert len(explanations.effects) == 3
    alone = [
        lime_importance(
            model, X, engine="pooled", num_samples=2048, max_samples=2, random_state=0
        ).explanations.interactions.strength
        for model in wrapper.estimators_
    ]
    assert_allclose(explanations.interactions.strength, np.mean(alone, axis=0), rtol=0.2, atol=0.03)


def test_columns_go_by_name_or_number(mixed):
    explanations = explain(Mixed(), mixed, num_samples=1024).explanations
    by_name = explanations.interactions.table("size", "group", label=0)
    by_number = explanations.interactions.table(1, -4, label=0)
    assert_array_equal(by_name.effects, by_number.effects)
    turned = explanations.interactions.table("group", "size", label=0)
    assert_array_equal(by_name.effects, turned.effects.T)
    for wrong in ("weight", 4, -5):
        with pytest.raises(ValueError, match="name or number of one of"):
            explanations.interactions.table(wrong, 0, label=0)
    with pytest.raises(ValueError, match="'second' parameter must be another column"):
        explanations.interactions.table("size", 1, label=0)


@pytest.mark.parametrize("attribute", ["strength", "sem", "shares"])
def test_other_engines_know_no_pairs(attribute):
    X = normal(n_rows=50)
    explanations = explain(Function(second_order), X, engine="local", num_samples=8).explanations
    with pytest.raises(AttributeError, match="come with engine='pooled'"):
        getattr(explanations.interactions, attribute)


@pytest.mark.parametrize("num_samples", [2, 3, 8, 17, 100])
def test_few_samples_will_do(num_samples):
    X = normal(n_rows=50)
    result = explain(Function(second_order), X, num_samples=num_samples, kernel_width=0.4)
    assert np.isfinite(result.importances_mean).all()
    assert np.isfinite(result.explanations.interactions.strength).all()
