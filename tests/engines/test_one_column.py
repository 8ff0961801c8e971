"""kernel_width=0: one column of a row at a time, given the others or not."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from scipy.stats import kstest, norm
from sklearn import config_context
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, mean_squared_error

from sklime import LimeImportanceWrapper, lime_importance


class Recorder:
    """A model that keeps the rows it is asked about."""

    def __init__(self, model):
        self.model, self.asked = model, []
        self.classes_ = getattr(model, "classes_", None)
        if self.classes_ is not None:
            self.predict_proba = lambda X: self.answer("predict_proba", X)

    def __sklearn_tags__(self):
        return self.model.__sklearn_tags__()

    def predict(self, X):
        return self.answer("predict", X)

    def answer(self, method, X):
        self.asked.append(X)
        return getattr(self.model, method)(X)

    def changed(self, n, d, n_redraws=4):
        """The rows asked about beyond those explained."""
        return np.concatenate(self.asked)[-n * d * n_redraws :].reshape(n, d, n_redraws, d)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X, y, RandomForestRegressor(10, max_depth=6, random_state=0).fit(X[:200], y[:200])


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, y, LogisticRegression().fit(X[::2], y[::2])


def test_a_contribution_is_what_a_prediction_loses_when_one_cell_is_drawn_anew(diabetes):
    X, _, forest = diabetes
    model, rows = Recorder(forest), X[:7]
    settings = {"training_data": X, "kernel_width": 0, "num_samples": 4, "random_state": 0}
    found = lime_importance(model, rows, **settings).explanations
    changed = model.changed(7, 10)
    for j in range(10):
        others = np.delete(np.arange(10), j)
        own = np.broadcast_to(rows[:, None, others], (7, 4, 9))
        np.testing.assert_array_equal(changed[:, j][..., others], own)
        assert np.isin(changed[:, j, :, j], X[:, j]).all()
    means = forest.predict(changed.reshape(-1, 10)).reshape(7, 10, 4).mean(axis=2)
    own = forest.predict(rows)
    np.testing.assert_allclose(found.contributions[..., 0], own[:, None] - means, atol=1e-9)
    base = found.to_shap().base_values
    np.testing.assert_allclose(base, forest.predict(X).mean())
    assert found.engine == "local"


@pytest.mark.parametrize("conditional", [False, True])
def test_the_loss_is_permutation_importance_of_the_same_redraws(diabetes, conditional):
    X, y, forest = diabetes
    model, rows, target = Recorder(forest), X[200:], y[200:]
    found = lime_importance(
        model,
        rows,
        target,
        training_data=X[:200],
        scoring="neg_mean_squared_error",
        kernel_width=0,
        conditional=conditional,
        random_state=0,
    )
    changed = model.changed(len(rows), 10)
    own = mean_squared_error(target, forest.predict(rows))
    losses = [
        [mean_squared_error(target, forest.predict(changed[:, j, k])) for k in range(4)]
        for j in range(10)
    ]
    np.testing.assert_allclose(found.gains, np.mean(losses, axis=1) - own, rtol=0, atol=1e-10 * own)


@pytest.mark.parametrize(
    ("scoring", "loss"),
    [
        ("neg_log_loss", lambda y, p: log_loss(y, p, labels=[0, 1, 2])),
        ("neg_brier_score", lambda y, p: np.mean(((p - np.eye(3)[y]) ** 2).sum(axis=1))),
        ("accuracy", lambda y, p: -accuracy_score(y, p.argmax(axis=1))),
    ],
)
def test_scores_of_classes_are_permutation_importance_too(iris, scoring, loss):
    X, y, regression = iris
    model, rows, target = Recorder(regression), X[1::2], y[1::2]
    found = lime_importance(
        model, rows, target, training_data=X, scoring=scoring, kernel_width=0, random_state=0
    )
    changed = model.changed(len(rows), 4)
    own = loss(target, regression.predict_proba(rows))
    losses = [
        [loss(target, regression.predict_proba(changed[:, j, k])) for k in range(4)]
        for j in range(4)
    ]
    np.testing.assert_allclose(found.gains, np.mean(losses, axis=1) - own, rtol=0, atol=1e-10)


def test_the_brier_score_of_two_classes_is_that_of_scikit_learn(iris):
    X, y, _ = iris
    X, y = X[50:], y[50:] == 2
    model = Recorder(LogisticRegression(C=0.1).fit(X, y))
    found = lime_importance(model, X, y, scoring="auto", kernel_width=0, random_state=0)
    changed = model.changed(100, 4)
    own = brier_score_loss(y, model.model.predict_proba(X)[:, 1])
    losses = [
        [brier_score_loss(y, model.model.predict_proba(changed[:, j, k])[:, 1]) for k in range(4)]
        for j in range(4)
    ]
    np.testing.assert_allclose(found.gains, np.mean(losses, axis=1) - own, rtol=0, atol=1e-10)


def test_an_additive_model_has_the_contributions_of_its_formula():
    X = np.random.default_rng(0).standard_normal((400, 3))
    found = lime_importance(
        lambda X: 3 * X[:, 0] - X[:, 1], X, kernel_width=0, num_samples=256, random_state=0
    )
    exact = X * [3, -1, 0]
    exact -= exact.mean(axis=0)
    error = found.explanations.contributions[..., 0] - exact
    assert np.abs(error).max() < 6 * 3 / np.sqrt(256)
    np.testing.assert_allclose(found.importances_mean, np.abs(exact).mean(axis=0), rtol=0.02)
    assert found.importances_mean[2] == 0 == found.importances_sem[2]


def test_few_redraws_know_the_size_of_steps_and_of_skewed_columns():
    X = np.random.default_rng(0).normal(size=(1000, 3))

    def parts(X):
        return np.column_stack([X[:, 0] > 0, np.exp(X[:, 1]), X[:, 2]])

    exact = np.abs(parts(X) - parts(X).mean(axis=0)).mean(axis=0)
    found = [
        lime_importance(lambda X: parts(X).sum(axis=1), X, kernel_width=0, random_state=seed)
        for seed in range(10)
    ]
    sizes = np.array([each.importances_mean for each in found])
    np.testing.assert_allclose(sizes.mean(axis=0), exact, rtol=0.03)
    covered = [(low <= exact) & (exact <= high) for low, high in (f.confint().T for f in found)]
    assert np.mean(covered) >= 0.8


def test_a_product_of_three_columns_and_a_wave_inside_bins_are_seen():
    X = np.random.default_rng(0).uniform(-1, 1, (300, 4))

    def model(X):
        return X[:, 0] * X[:, 1] * X[:, 2] + np.sin(40 * X[:, 3])

    found = lime_importance(model, X, kernel_width=0, num_samples=64, random_state=0)
    # E|x_j - x_j'| of a column given the two others: 1/4 is E|x_2 x_3|, 1/2 is E|x_1|.
    np.testing.assert_allclose(found.importances_mean[:3], 1 / 8, rtol=0.15)
    np.testing.assert_allclose(found.importances_mean[3], 2 / np.pi, rtol=0.1)


@pytest.mark.parametrize("conditional", [False, True])
def test_every_container_has_the_same_numbers(conditional):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (120, 4)).astype(float)
    X[:, 3] = X[:, 0] + rng.standard_normal(120).round(1)
    forest = RandomForestRegressor(5, random_state=0).fit(X, X[:, 0] * X[:, 3])

    def model(table):
        return forest.predict(table.toarray() if sparse.issparse(table) else np.asarray(table))

    settings = {"kernel_width": 0, "conditional": conditional, "random_state": 0}
    expected = lime_importance(model, X, **settings).explanations.replicates
    names = [f"c{j}" for j in range(4)]
    tables = (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names), sparse.csr_array(X))
    for table in tables:
        found = lime_importance(model, table, **settings).explanations
        np.testing.assert_array_equal(found.replicates, expected)


@pytest.mark.parametrize("conditional", [False, True])
def test_levels_and_missing_values_are_redrawn_like_numbers(conditional):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "city": pd.Categorical(rng.choice(["a", "b", "c", "d"], 400)),
            "size": rng.standard_normal(400),
            "text": rng.choice(np.array(["yes", "no", None], dtype=object), 400),
        }
    )
    X.loc[::5, "size"] = np.nan
    seen = []

    def parts(table):
        big = table["size"].fillna(-2).to_numpy()
        return np.column_stack([2.0 * (table["city"] == "a"), big, 1.0 * (table["text"] == "yes")])

    def model(table):
        seen.append(table.dtypes)
        return parts(table).sum(axis=1)

    found = lime_importance(
        model, X, kernel_width=0, num_samples=64, conditional=conditional, random_state=0
    )
    assert (seen[-1] == X.dtypes).all()
    exact = np.abs(parts(X) - parts(X).mean(axis=0)).mean(axis=0)
    np.testing.assert_allclose(found.importances_mean, exact, rtol=0.12)


def fit(X, y, **settings):
    model = RandomForestClassifier(5, max_depth=4, random_state=0)
    return LimeImportanceWrapper(model, kernel_width=0, random_state=0, **settings).fit(X, y)


@pytest.mark.parametrize("conditional", [False, True])
def test_a_row_has_the_same_bits_alone_in_chunks_on_workers_and_after_the_fit(iris, conditional):
    X, y, _ = iris
    wrapper = fit(X, y, conditional=conditional)
    expected = wrapper.explanations_
    with config_context(working_memory=0.05):
        chunks = fit(X, y, conditional=conditional).explanations_
    workers = fit(X, y, conditional=conditional, n_jobs=2).explanations_
    for found in (chunks, workers, wrapper.explain(X)):
        np.testing.assert_array_equal(found.replicates, expected.replicates)
    backwards = wrapper.explain(X[::-1])
    np.testing.assert_array_equal(backwards.replicates[:, ::-1], expected.replicates)
    alone = wrapper.explain(X[30:31])
    np.testing.assert_array_equal(alone.replicates, expected.replicates[:, 30:31])


def test_rows_that_are_alike_in_all_but_a_column_draw_from_one_another_however_few_are_asked():
    """Products of matrices differ in their last digits by the number of rows."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(400, 1)) + rng.normal(size=(400, 5)) > 0).astype(float)
    settings = {"kernel_width": 0, "conditional": True, "num_samples": 1024, "random_state": 0}
    asked = partial(lime_importance, lambda Z: Z[:, 0], training_data=X, **settings)
    every = asked(X[:40]).explanations
    for i in range(40):
        alone = asked(X[i : i + 1]).explanations
        np.testing.assert_array_equal(alone.replicates[:, 0], every.replicates[:, i])
        like = X[(X[:, 1:] == X[i, 1:]).all(axis=1), 0]
        if len(like) >= 20:  # fewer are joined by others
            expected = X[i, 0] - like.mean()
            assert alone.contributions[0, 0, 0] == pytest.approx(expected, abs=0.06)


def test_the_model_is_asked_less_than_permutation_importance_asks(diabetes):
    X, y, forest = diabetes
    model = Recorder(forest)
    found = lime_importance(model, X, y, kernel_width=0, random_state=0)
    assert len(found.explanations) == len(X)
    assert sum(map(len, model.asked)) <= 5 * X.size
    assert len(model.asked) < 10  # in large batches


def test_groups_have_the_sum_of_their_contributions(diabetes):
    X, _, forest = diabetes
    explanations = lime_importance(forest, X[:50], kernel_width=0, random_state=0).explanations
    both = explanations.contributions[:, [2, 8], 0].sum(axis=1)
    found = explanations.group_importances({"both": [2, 8]}, aggregation="mean")
    np.testing.assert_allclose(found["both"], both.mean())


def test_tol_doubles_the_redraws(diabetes):
    X, _, forest = diabetes
    settings = {"kernel_width": 0, "random_state": 0}
    found = lime_importance(forest, X[:50], tol=0.04, **settings)
    assert found.explanations.num_samples > 4
    error = found.importances_sem.max() / np.ptp(found.importances_mean)
    assert error <= 0.04


def test_errors_are_those_over_seeds(diabetes):
    X, _, forest = diabetes
    runs = [lime_importance(forest, X[:100], kernel_width=0, random_state=s) for s in range(20)]
    spread = np.std([run.importances_mean for run in runs], axis=0, ddof=1)
    claimed = np.sqrt(np.mean([run.importances_sem**2 for run in runs], axis=0))
    assert np.median(claimed / spread) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("conditional", [False, True])
def test_p_values_of_useless_columns_are_uniform(conditional):
    # A model that uses columns which say nothing about the target.
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((400, 60)), rng.standard_normal(400)
    slopes = rng.standard_normal(60)
    found = lime_importance(
        lambda X: np.tanh(X) @ slopes / 4,
        X,
        y,
        scoring="auto",
        kernel_width=0,
        conditional=conditional,
        random_state=0,
    )
    assert kstest(found.pvalues, "uniform").pvalue > 0.01


def test_given_the_others_a_number_is_drawn_from_its_regression():
    # Of a normal pair, x given z is normal with mean 0.8 z and deviation 0.6.
    rng = np.random.default_rng(0)
    z = rng.standard_normal(2000)
    X = np.column_stack([0.8 * z + 0.6 * rng.standard_normal(2000), z])
    drawn = []

    def model(table):
        drawn.append(table)
        return table[:, 0]

    lime_importance(
        model, X[:500], training_data=X, kernel_width=0, conditional=True, random_state=0
    )
    cells = np.concatenate(drawn)[-4000:].reshape(500, 2, 4, 2)[:, 0, :, 0]
    residuals = (cells - 0.8 * X[:500, 1:]) / 0.6
    assert np.abs(residuals.mean()) < 0.1
    assert kstest(residuals[:, 0], norm.cdf).pvalue > 0.01


def test_given_the_others_a_column_that_they_tell_adds_nothing():
    rng = np.random.default_rng(0)
    level, number = rng.choice(list("abcd"), 600), rng.standard_normal(600)
    X = pd.DataFrame({"level": level, "twin": level, "number": number, "curve": number**2})

    def model(table):
        return (table["level"] == "a") + table["curve"].to_numpy()

    settings = {"kernel_width": 0, "random_state": 0, "num_samples": 16}
    alone = lime_importance(model, X, **settings).importances_mean
    given = lime_importance(model, X, conditional=True, **settings).importances_mean
    assert (given[[0, 3]] < 0.35 * alone[[0, 3]]).all()
    assert (given[[1, 2]] == 0).all()


def test_stand_ins_for_a_useful_column_are_not_kept():
    rng = np.random.default_rng(0)
    n, blocks = 400, 4
    common = np.repeat(rng.standard_normal((n, blocks)), 5, axis=1)
    X = np.sqrt(0.7) * common + np.sqrt(0.3) * rng.standard_normal((n, 5 * blocks))
    useful = np.arange(0, 5 * blocks, 5)
    y = X[:, useful].sum(axis=1) + rng.standard_normal(n)
    kept = {}
    for conditional in (False, True):
        wrapper = LimeImportanceWrapper(
            RandomForestRegressor(20, random_state=0),
            cv=4,
            scoring="auto",
            kernel_width=0,
            conditional=conditional,
            random_state=0,
        )
        kept[conditional] = np.flatnonzero(wrapper.fit(X, y).confidences_ >= 0.9)
    assert np.isin(useful, kept[True]).all()
    assert len(kept[True]) < len(kept[False])
    assert np.isin(kept[True], useful).mean() >= 0.8


def test_a_fold_has_levels_and_rows_of_its_own():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"c": rng.choice(list("ab"), 120), "x": rng.standard_normal(120), "one": 1.0},
        index=pd.date_range("2026-01-01", periods=120),
    )
    X.iloc[7, 0] = "only once"
    y = (X["c"] == "a") & (X["x"] > 0)

    class Model(LogisticRegression):
        def _numbers(self, X):
            return np.column_stack([X["c"] == "a", X["x"]])

        def fit(self, X, y):
            return super().fit(self._numbers(X), y)

        def predict_proba(self, X):
            return super().predict_proba(self._numbers(X))

    wrapper = LimeImportanceWrapper(
        Model(), cv=3, scoring="auto", kernel_width=0, conditional=True, random_state=0
    ).fit(X, y)
    assert wrapper.confidences_[0] > 0.9
    assert wrapper.importances_.gains[2] == 0
    assert len(wrapper.explain(X[:3], y[:3])) == 3


@pytest.mark.parametrize("n", [2, 3, 50])
def test_few_rows_and_a_single_column_are_redrawn_given_the_others(n):
    X = np.random.default_rng(0).standard_normal((n, 2))
    settings = {"kernel_width": 0, "conditional": True, "random_state": 0}
    for table in (X, X[:, :1]):
        found = lime_importance(lambda X: X[:, 0], table, **settings)
        exact = np.abs(X[:, 0] - X[:, 0].mean()).mean()
        assert 0.3 * exact < found.importances_mean[0] < 2 * exact


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conditional": True}, "'conditional' parameter must be False unless kernel_width=0"),
        ({"kernel_width": 0, "engine": "lime"}, "must be above 0 for engine='lime'"),
        ({"kernel_width": -1}, "'kernel_width' parameter"),
        ({"kernel_width": 0, "conditional": "yes"}, "'conditional' parameter"),
    ],
)
def test_what_does_not_go_together_is_told_before_the_fit(iris, settings, message):
    class Untouched(LinearRegression):
        def fit(self, X, y):
            raise AssertionError("fitted")

    with pytest.raises(ValueError, match=message):
        LimeImportanceWrapper(Untouched(), **settings).fit(*iris[:2])


def test_a_width_of_0_is_that_of_the_fit(iris):
    X, y, _ = iris
    with pytest.raises(ValueError, match="must be 0 if it was 0 in fit"):
        fit(X, y).explain(X, kernel_width=0.4)
    wide = LimeImportanceWrapper(LogisticRegression(max_iter=1000), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="must be 0 if it was 0 in fit"):
        wide.explain(X, kernel_width=0)
