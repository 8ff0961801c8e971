"""joblib's ray backend gives the bits that one worker gives."""

import os
import sys

import joblib
import numpy as np
import pytest
import ray
from numpy.testing import assert_array_equal
from ray.util.joblib import register_ray
from sklearn.base import clone
from sklearn.tree import DecisionTreeRegressor

from sklime import LimeImportanceWrapper

# joblib tells ray of its context, for which ray has no use.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _ray():
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    register_ray()
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import it
    yield
    ray.shutdown()


class Signing(DecisionTreeRegressor):
    """A tree that leaves a file named after each process in which it is asked."""

    def __init__(self, folder=None):
        super().__init__(max_leaf_nodes=20, random_state=0)
        self.folder = folder

    def predict(self, X):
        (self.folder / str(os.getpid())).touch()
        return super().predict(X)


@pytest.mark.parametrize("params", [{"engine": "local", "max_samples": None}, {"cv": 3}])
def test_ray_gives_the_same_importances(params, tmp_path):
    X = np.random.default_rng(0).normal(size=(300, 8))
    y = X[:, 0] + X[:, 1] * X[:, 2]
    wrapper = LimeImportanceWrapper(Signing(tmp_path), random_state=0, **params)
    expected = clone(wrapper).fit(X, y)
    with joblib.parallel_config("ray"):
        found = clone(wrapper).set_params(n_jobs=2).fit(X, y)
    assert {path.name for path in tmp_path.iterdir()} - {str(os.getpid())}
    assert_array_equal(found.feature_importances_, expected.feature_importances_)
    assert_array_equal(found.explanations_.weights, expected.explanations_.weights)
