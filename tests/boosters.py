"""What holds of every library of boosted trees; a subclass in a test file makes its tests."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklime import LimeImportanceWrapper, lime_importance

N_ROWS = 300
RNG = np.random.default_rng(0)
SHOPS = RNG.choice(["north", "south", "far east"], N_ROWS)

# Two columns matter, the third and the last do not.
X = pd.DataFrame(
    {
        "my num": RNG.normal(size=N_ROWS),
        "shop (name)": pd.Categorical(SHOPS),
        "noise": RNG.normal(size=N_ROWS),
        "more noise": RNG.integers(0, 5, N_ROWS),
    }
)
Y = 2 * X["my num"].to_numpy() + 3 * (SHOPS == "far east")
NUMBERS = X.assign(**{"shop (name)": X["shop (name)"].cat.codes})
LABELS = np.where(Y > 1.5, "high", np.where(Y < -0.5, "low", "mid"))
INFORMATIVE = {"my num", "shop (name)"}


def wrap(inner, **params):
    params = {"num_samples": 512, "max_samples": 100, "random_state": 0, **params}
    return LimeImportanceWrapper(inner, **params)


def best_two(wrapper):
    return set(X.columns[np.argsort(-wrapper.feature_importances_)[:2]])


class Boosters:
    """The tests. `regressor`, `classifier` and `ranker` are the library's classes."""

    regressor = classifier = ranker = None
    params: ClassVar[dict] = {}

    def by_dtype(self):
        """Parameters of the estimator, and of its fit, where categories have their dtype."""
        return {}, {}

    def by_parameter(self, columns):
        """The same where these columns are categories by name or number only."""
        raise NotImplementedError

    def stopping(self, X, y):
        """The same to stop early by a set of other rows."""
        raise NotImplementedError

    def groups(self, sizes):
        """Parameters of a ranker's fit for groups of these sizes."""
        raise NotImplementedError

    @pytest.mark.parametrize("cv", [None, 2])
    def test_regressor(self, cv):
        inner = self.regressor(**self.params)
        wrapper = wrap(inner, cv=cv).fit(NUMBERS, Y)
        assert best_two(wrapper) == INFORMATIVE
        assert_array_equal(wrapper.predict(NUMBERS), clone(inner).fit(NUMBERS, Y).predict(NUMBERS))
        assert wrapper.explanations_.output_names.tolist() == [0]
        assert wrapper.explanations_.classes is None
        # What libraries make of names is not what the table has.
        assert wrapper.feature_names_in_.tolist() == X.columns.tolist()
        assert not hasattr(wrapper.fit(NUMBERS.to_numpy(), Y), "feature_names_in_")

    @pytest.mark.parametrize("cv", [None, 2])
    @pytest.mark.parametrize("classes", [2, 3])
    def test_classifier(self, classes, cv):
        y = pd.factorize(LABELS, sort=True)[0].clip(max=classes - 1)
        wrapper = wrap(self.classifier(**self.params), cv=cv).fit(NUMBERS, y)
        assert best_two(wrapper) == INFORMATIVE
        assert wrapper.explanations_.classes.tolist() == list(range(classes))
        rows = wrapper.explanations_.sample_indices
        if cv is None:
            expected = wrapper.predict_proba(NUMBERS.iloc[rows])
            assert_array_equal(wrapper.explanations_.predictions, expected)
        predicted = lime_importance(
            wrapper.estimator_, NUMBERS, response_method="predict", random_state=0
        )
        assert predicted.explanations.predictions.shape[1] == classes
        assert set(predicted.importances_mean.argsort()[-2:]) == {0, 1}

    def test_ranker(self):
        sizes = [30] * 10
        grades = np.digitize(Y, [-1, 1, 3])
        wrapper = wrap(self.ranker(**self.params)).fit(NUMBERS, grades, **self.groups(sizes))
        assert best_two(wrapper) == INFORMATIVE
        assert wrapper.explanations_.classes is None

    def test_categories_by_dtype(self):
        params, fit_params = self.by_dtype()
        wrapper = wrap(self.regressor(**self.params, **params)).fit(X, Y, **fit_params)
        assert best_two(wrapper) == INFORMATIVE
        assert wrapper.explanations_.bins.columns[1].levels == ["far east", "north", "south"]

    def test_categories_by_parameter(self):
        params, fit_params = self.by_parameter([1, 3])
        wrapper = wrap(self.regressor(**self.params, **params), categorical_features=[1, 3])
        wrapper.fit(NUMBERS, Y, **fit_params)
        assert best_two(wrapper) == INFORMATIVE
        assert wrapper.explanations_.bins.columns[1].levels == [0, 1, 2]
        assert wrapper.explanations_.bins.columns[3].levels == [0, 1, 2, 3, 4]

    def test_early_stopping(self):
        params, fit_params = self.stopping(NUMBERS[200:], Y[200:])
        inner = self.regressor(**self.params, **params)
        wrapper = wrap(inner).fit(NUMBERS[:200], Y[:200], **fit_params)
        bare = clone(inner).fit(NUMBERS[:200], Y[:200], **fit_params)
        assert_array_equal(wrapper.predict(NUMBERS), bare.predict(NUMBERS))
        assert best_two(wrapper) == INFORMATIVE

    @pytest.mark.parametrize("kind", ["regressor", "classifier"])
    def test_selection_search_and_pipelines(self, kind):
        inner = getattr(self, kind)(**self.params)
        y = Y if kind == "regressor" else (Y > 1).astype(int)
        wrapper = wrap(inner)
        for selector in (
            SelectFromModel(wrapper, max_features=2, threshold=-np.inf),
            RFE(wrapper, n_features_to_select=2),
            make_pipeline(StandardScaler(), SelectFromModel(wrapper, max_features=2)),
        ):
            selector.set_output(transform="pandas").fit(NUMBERS, y)
            assert set(selector.transform(NUMBERS).columns) == INFORMATIVE
        search = GridSearchCV(wrapper, {"estimator__max_depth": [2, 3]}, cv=2).fit(NUMBERS, y)
        bare = GridSearchCV(inner, {"max_depth": [2, 3]}, cv=2).fit(NUMBERS, y)
        scores = [each.cv_results_["mean_test_score"] for each in (search, bare)]
        assert_array_equal(*scores)
        assert best_two(search.best_estimator_) == INFORMATIVE
        whole = wrap(make_pipeline(StandardScaler().set_output(transform="pandas"), inner))
        assert best_two(whole.fit(NUMBERS, y)) == INFORMATIVE
