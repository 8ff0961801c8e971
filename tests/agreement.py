"""How far two engines' weights are apart."""

import numpy as np


def squared_error(one, other):
    """Mean squared difference in units of what the spread of the replicates lets expect."""
    variance = sum(each.replicates.var(axis=0, ddof=1).mean() / 4 for each in (one, other))
    return np.square(one.weights - other.weights).mean() / variance
