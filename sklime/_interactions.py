"""What columns do together: strengths of pairs, their tables, shares of the variance."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from ._anova.effects import interaction_strength, interaction_table, variance_split
from ._statistics.estimates import Estimate
from ._views.html import ranking, variance
from ._views.plots import Floats, short
from .exceptions import parameter_error


class Interaction(NamedTuple):
    """A pair of columns with the strength of its interaction."""

    first: str
    second: str
    strength: float
    sem: float


class Interactions:
    """Interactions of one model, or of the models of several folds.

    Attributes
    ----------
    strength : ndarray of shape (n_features, n_features)
        Of every pair of columns: the standard deviation over the table of what the pair adds to the
        response beyond the sum of its columns' own effects, in units of the response, over all
        outputs. 0 for a pair that does not rise above the noise.
    sem : ndarray of shape (n_features, n_features)
        Standard errors of `strength`.
    """

    def __init__(self, explained: Any) -> None:
        self._explained, self.effects = explained, explained.effects
        parts, shares = map(interaction_strength, self.effects), explained.output_shares
        self.strength, self.sem = _of_models([(size @ shares, sem @ shares) for size, sem in parts])

    def __repr__(self) -> str:
        pairs = ", ".join(f"{a} x {b}: {strength:.3g}" for a, b, strength, _ in self.top(3))
        return f"<Interactions of {len(self.strength)} columns: {pairs or 'none found'}>"

    def _repr_html_(self) -> str:
        names, estimate = self._named()
        notes = ["no pair rises above the noise"] * (not names) + variance(self.effects)
        title = "what pairs add to the response (standard deviation)"
        return ranking(title, names, estimate, notes)

    def _named(self) -> tuple[list[str], Estimate]:
        """Names of all pairs that rise above the noise, and strengths with normal errors."""
        pairs = self.top(self.strength.size)
        names = [" \N{MULTIPLICATION SIGN} ".join(short(name, 15) for name in p[:2]) for p in pairs]
        strength, sem = np.array([pair[2:] for pair in pairs]).reshape(-1, 2).T
        return names, Estimate(strength, sem, np.full(len(pairs), np.inf))

    @property
    def shares(self) -> dict[str, Floats]:
        """Split of the response's variance over the pool, for each output, (n_outputs,).

        "main" effects of the columns' bins, "pairs", "higher" orders of three columns and more, and
        "within" bins, what the bins are too coarse for; they sum to 1.
        """
        shares = np.mean([variance_split(effects) for effects in self.effects], axis=0)
        return dict(zip(("main", "pairs", "higher", "within"), shares, strict=True))

    def top(self, k: int = 10) -> list[Interaction]:
        """The `k` strongest pairs of columns, strongest first; pairs of strength 0 are left out.

        Parameters
        ----------
        k : int, default=10
            Number of pairs, at most.

        Returns
        -------
        pairs : list of (first, second, strength, sem)
            Named tuples with two column names, the strength and its standard error.
        """
        first, second = np.triu_indices(len(self.strength), 1)
        order = np.argsort(-self.strength[first, second], kind="stable")[:k]
        names = self._explained.feature_names
        return [
            Interaction(names[i], names[j], float(self.strength[i, j]), float(self.sem[i, j]))
            for i, j in zip(first[order], second[order], strict=True)
            if self.strength[i, j] > 0
        ]

    def table(self, first: int | str, second: int | str, label: Any = None) -> Bunch:
        """What one pair of columns adds to the response, for each bin of one and of the other.

        Parameters
        ----------
        first, second : int or str
            Two columns, by number or name.
        label : class value or output, default=None
            The output; None is the second class of a binary classifier, or the only output.

        Returns
        -------
        table : :class:`~sklearn.utils.Bunch`
            With these attributes.

            effects, sem : ndarrays of shape (n_bins of first, n_bins of second)
                In units of the response; the mean over either column is 0.
            rows, columns : list of str
                Labels of the bins of `first` and of `second`.
        """
        explained = self._explained
        i, j = map(explained._column, (first, second))
        if i == j:
            raise parameter_error("second", "be another column than the first", second)
        k, bins = explained._output(label), explained.bins
        tables = [interaction_table(effects, i, j) for effects in self.effects]
        effects, sem = _of_models([(table[..., k], sem[..., k]) for table, sem in tables])
        return Bunch(effects=effects, sem=sem, rows=bins.labels(i), columns=bins.labels(j))


def _of_models(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Mean over models, and its standard error from theirs."""
    squares = np.sum([sem**2 for _, sem in parts], axis=0)
    return np.mean([values for values, _ in parts], axis=0), np.sqrt(squares) / len(parts)
