"""LIME importances for scikit-learn."""

from ._explanations import Explanations
from ._importance import lime_importance
from ._wrapper import LimeImportanceWrapper

__all__ = ["Explanations", "LimeImportanceWrapper", "lime_importance"]

__version__ = "0.1.0"
