"""Warnings of the package, so that they can be filtered by class."""


class LowFidelityWarning(UserWarning):
    """The linear models explain so little of the response that the importances mean little."""


class HigherOrderWarning(UserWarning):
    """Much of the response comes from interactions of three columns or more."""
