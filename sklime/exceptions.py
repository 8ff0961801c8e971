"""Warnings of the package, so that they can be filtered by class, and how it warns and refuses."""

import os
import pathlib
import sys
import warnings

import sklearn

# What lies between the user's line and ours.
_INNER = tuple(f"{pathlib.Path(file).parent}{os.sep}" for file in (__file__, str(sklearn.__file__)))


class LowFidelityWarning(UserWarning):
    """The linear models explain so little of the response that the importances mean little.

    Given when the columns by themselves explain less than a quarter of the response's variance;
    :meth:`Explanations.fidelity` tells how much each row's linear model explains.

    Examples
    --------
    >>> import warnings
    >>> from sklime.exceptions import LowFidelityWarning
    >>> warnings.filterwarnings("error", category=LowFidelityWarning)  # stop there
    """


class HigherOrderWarning(UserWarning):
    """Much of the response comes from interactions of three columns or more.

    Given by the engine "pooled" when they are more than a quarter of the response's variance, of
    which :attr:`Explanations.interactions` has the shares.

    Examples
    --------
    >>> import warnings
    >>> from sklime.exceptions import HigherOrderWarning
    >>> warnings.filterwarnings("ignore", category=HigherOrderWarning)
    """


class NoisyImportanceWarning(UserWarning):
    """The samples are too few for most columns, or tell nothing of some.

    Given when more than half of the columns cannot be told from 0, from 1024 samples on, and the
    largest of their errors may be a fifth of the range of the importances. Columns of which nothing
    was measured are named, and have infinite errors. More samples come by `num_samples` or `tol`.

    Examples
    --------
    >>> import warnings
    >>> from sklime.exceptions import NoisyImportanceWarning
    >>> warnings.filterwarnings("error", category=NoisyImportanceWarning)  # stop there
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's own line, from wherever inside of this package or scikit-learn."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INNER):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def parameter_error(name: str, must: str, got: object) -> ValueError:
    """An error about a parameter, in the words of scikit-learn."""
    return ValueError(f"The {name!r} parameter must {must}. Got {got!r} instead.")
