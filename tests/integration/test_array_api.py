"""Arrays of other libraries under scikit-learn's `array_api_dispatch`."""

import os
import subprocess
import sys

SCRIPT = """
import array_api_strict as xp
import numpy as np
import sklearn
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from sklime import LimeImportanceWrapper, lime_importance

rng = np.random.default_rng(0)
X, weight = rng.normal(size=(100, 4)), rng.uniform(size=100)
y = X @ [1.0, -2, 0, 0]
weighted, folds = {"sample_weight": weight}, {"engine": "local", "cv": 2}
for inner, target, params, fit_params, dispatch in (
    (Ridge(solver="svd"), y, {}, weighted, False),
    (Ridge(solver="svd"), y, {}, weighted, True),
    (LinearDiscriminantAnalysis(), (y > 0) * 1, folds, {}, True),
):
    wrapper = LimeImportanceWrapper(inner, random_state=0, **params)
    expected = wrapper.fit(X, target, **fit_params).feature_importances_
    assert set(expected.argsort()[-2:]) == {0, 1}
    with sklearn.config_context(array_api_dispatch=dispatch):
        wrapper.fit(xp.asarray(X), xp.asarray(target), **fit_params)
        np.testing.assert_allclose(wrapper.feature_importances_, expected, rtol=1e-9)
        # Rows of several folds are put together as NumPy's.
        kind = type(xp.asarray(X)) if dispatch and not params else np.ndarray
        assert isinstance(wrapper.explanations_.data, kind)
        found = lime_importance(wrapper.estimator_, xp.asarray(X), random_state=0)
        assert set(found.importances_mean.argsort()[-2:]) == {0, 1}
"""


def test_arrays_of_the_array_api_give_the_same_importances_as_numpys():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}  # read when SciPy is imported
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], check=True, env=environment)
