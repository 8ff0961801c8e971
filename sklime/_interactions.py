"""What columns do together: strengths of pairs, their tables, shares of the variance."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._anova.effects import Effects, interaction_strength, interaction_table, variance_split
from ._neighborhood.bins import Bins
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


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Interactions of one model, or of the models of several folds, with their effects."""

    effects: tuple[Effects, ...]
    bins: Bins
    feature_names: NDArray[np.object_]
    output_shares: Floats  # what each output counts in a strength
    output: Callable[[Any], int]  # from a label to the number of its output

    def __repr__(self) -> str:
        pairs = ", ".join(f"{a} x {b}: {strength:.3g}" for a, b, strength, _ in self.top(3))
        return f"<Interactions of {len(self.feature_names)} columns: {pairs or 'none found'}>"

    def _repr_html_(self) -> str:
        pairs, estimate = self.estimates()
        names = [" \N{MULTIPLICATION SIGN} ".join(short(name, 20) for name in p[:2]) for p in pairs]
        notes = ["no pair rises above the noise"] * (not pairs) + variance(self.effects)
        title = "what pairs add to the response (standard deviation)"
        return ranking(title, names, estimate, notes)

    def estimates(self) -> tuple[list[Interaction], Estimate]:
        """All pairs that rise above the noise, and their strengths with normal errors."""
        pairs = self.top(len(self.feature_names) ** 2)
        strength, sem = np.array([pair[2:] for pair in pairs]).reshape(-1, 2).T
        return pairs, Estimate(strength, sem, np.full(len(pairs), np.inf))

    @cached_property
    def _strengths(self) -> tuple[Floats, Floats]:
        parts, shares = map(interaction_strength, self.effects), self.output_shares
        return _of_models([(strength @ shares, sem @ shares) for strength, sem in parts])

    @property
    def strength(self) -> Floats:
        """Strength of every pair of columns, (n_features, n_features), symmetric.

        The standard deviation over the table of what the pair adds to the response beyond the sum
        of its columns' own effects, in units of the response, over all outputs. 0 for a pair that
        does not rise above the noise.
        """
        return self._strengths[0]

    @property
    def sem(self) -> Floats:
        """Standard errors of :attr:`strength`."""
        return self._strengths[1]

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
        names = self.feature_names
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
        i, j = (column_number(self.feature_names, column) for column in (first, second))
        if i == j:
            raise parameter_error("second", "be another column than the first", second)
        k = self.output(label)
        tables = [interaction_table(effects, i, j) for effects in self.effects]
        effects, sem = _of_models([(table[..., k], sem[..., k]) for table, sem in tables])
        return Bunch(
            effects=effects, sem=sem, rows=self.bins.labels(i), columns=self.bins.labels(j)
        )

    def main_effect(self, column: int | str, label: Any = None) -> Bunch:
        """Main effect of a column, see :meth:`Explanations.main_effect`."""
        j, k = column_number(self.feature_names, column), self.output(label)
        own = slice(*self.bins.offsets[j : j + 2])
        parts = np.array([effects.unit * effects.main[:, own, k] for effects in self.effects])
        n_models, n_replicates, _ = parts.shape
        means, dof = parts.mean(axis=(0, 1)), n_models * (n_replicates - 1)
        sem = np.full(len(means), np.inf)
        if dof:
            sem = np.sqrt(parts.var(axis=1, ddof=1).sum(axis=0) / n_replicates) / n_models
        estimate = Estimate(means, sem, np.full(len(means), dof or 1), signed=True)
        return Bunch(
            effects=means,
            sem=sem,
            intervals=estimate.confint(),
            frequencies=self.bins.probabilities[own],
            bins=self.bins.labels(j),
        )


def _of_models(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Mean over models, and its standard error from theirs."""
    squares = np.sum([sem**2 for _, sem in parts], axis=0)
    return np.mean([values for values, _ in parts], axis=0), np.sqrt(squares) / len(parts)


def column_number(feature_names: NDArray[np.object_], column: int | str) -> int:
    """Number of a column given by number or name."""
    names = feature_names.tolist()
    if column in names:
        return int(names.index(column))
    if not isinstance(column, str) and -len(names) <= column < len(names):
        return int(column) % len(names)
    raise ValueError(f"A column must be a name or number of one of {names}. Got {column!r}.")
