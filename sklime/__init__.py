"""LIME importances of whole models, for scikit-learn."""

from ._display import LimeImportanceDisplay
from ._explanations import Explanations
from ._importance import lime_importance
from ._importances import Importances
from ._stability import importance_stability
from ._wrapper import LimeImportanceWrapper

__all__ = [
    "Explanations",
    "Importances",
    "LimeImportanceDisplay",
    "LimeImportanceWrapper",
    "importance_stability",
    "lime_importance",
]

__version__ = "0.1.0"
