"""Warnings of the package, so that they can be filtered by class."""


class LowFidelityWarning(UserWarning):
    """The linear models explain so little of the response that the importances mean little.

    Given when the columns by themselves explain less than a quarter of the response's variance.

    See Also
    --------
    Explanations.fidelity : How much each row's linear model explains.

    Examples
    --------
    >>> import warnings
    >>> from sklime.exceptions import LowFidelityWarning
    >>> warnings.filterwarnings("error", category=LowFidelityWarning)  # stop there
    """


class HigherOrderWarning(UserWarning):
    """Much of the response comes from interactions of three columns or more.

    Given by the engine "pooled" when they are more than a quarter of the response's variance.

    See Also
    --------
    Explanations.interactions : Shares of main effects, pairs, higher orders and the rest.

    Examples
    --------
    >>> import warnings
    >>> from sklime.exceptions import HigherOrderWarning
    >>> warnings.filterwarnings("ignore", category=HigherOrderWarning)
    """
