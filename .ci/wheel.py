"""What an installed wheel must hold and do."""

from importlib.metadata import files, version

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import sklime

paths = {path.name: path for path in files("sklime") or []}
assert {"LICENSE", "METADATA", "py.typed"} <= paths.keys(), paths
assert paths["__main__.py"].locate().parent.samefile(sklime.__path__[0]), sklime.__path__
assert version("sklime") == sklime.__version__

X, y = load_iris(return_X_y=True)
wrapper = sklime.LimeImportanceWrapper(LogisticRegression(max_iter=1000), random_state=0).fit(X, y)
assert wrapper.feature_importances_.argmax() == 2
