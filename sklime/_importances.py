"""Importances of a model's columns, with what is known of them."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from ._anova.terms import Floats
from ._explanations import Explanations
from ._statistics.estimates import Estimate
from ._views.exports import dataframe_library
from ._views.html import ranking


@dataclass(eq=False, repr=False, kw_only=True)
class Importances:
    """Importances of all columns, as :func:`lime_importance` and the wrapper make them.

    Parameters
    ----------
    estimate : Estimate
        Values, standard errors and degrees of freedom.
    feature_names : ndarray of shape (n_features,)
        Names of the columns.
    importances : ndarray of shape (n_features, n_explained)
        Size of each row's contributions (or weights), free of noise on average; of a score, gains.
    importances_std : ndarray of shape (n_features,)
        Standard deviation of `importances` over the rows.
    explanations : Explanations
        The weights of every row. With the wrapper's ``keep_explanations=False`` there are no
        explanations and no `importances`.
    name : str
        What they are, in words.
    scored : bool, default=False
        Whether they are what a score gains.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklime import lime_importance
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> importances = lime_importance(model, X, random_state=0)
    >>> importances.to_frame()["column"].tolist()[:2]
    ['petal length (cm)', 'petal width (cm)']
    """

    estimate: Estimate
    feature_names: NDArray[np.object_]
    importances: Floats
    importances_std: Floats
    explanations: Explanations
    name: str
    scored: bool = False

    @property
    def importances_mean(self) -> Floats:
        """The importances (n_features,), in units of the response; of a score, gains above 0."""
        return np.maximum(self.estimate.values, 0) if self.scored else self.estimate.values

    @property
    def importances_sem(self) -> Floats:
        """Standard errors of the importances, (n_features,)."""
        return self.estimate.sem

    @property
    def gains(self) -> Floats:
        """What a score gains by each column, (n_features,); below 0 where it loses."""
        return self._of_score(self.estimate.values)

    @property
    def pvalues(self) -> Floats:
        """Chance of such gains of a score if new rows gained nothing, (n_features,)."""
        return self._of_score(self.estimate.pvalues())

    @property
    def confidences(self) -> Floats:
        """1 less the p-values adjusted by Benjamini and Hochberg, (n_features,)."""
        return self._of_score(1 - false_discovery_control(self.estimate.pvalues()))

    def _of_score(self, values: Floats) -> Floats:
        if not self.scored:
            raise AttributeError("Gains and their p-values come with the 'scoring' parameter.")
        return values

    def confint(self, level: float = 0.95) -> Floats:
        """Confidence intervals of the importances, of the gains of a score, from Student's t.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, in (0, 1).

        Returns
        -------
        intervals : ndarray of shape (n_features, 2)
            Lower and upper ends. They cover what unlimited samples would give for the same table;
            of a score, what it would gain on unlimited rows.
        """
        return self.estimate.confint(level)

    def to_frame(self) -> Any:
        """The importances as a table, the most important column first.

        Returns
        -------
        frame : dataframe
            Of the library of the rows explained, pandas for arrays: column, importance,
            standard_error, low and high (an interval of level 0.95), direction (the correlation
            of the rows' bins with their contributions to the only output, or to the second class
            of two: above 0 where more of the column goes with more of it; NaN for categories),
            told (whether the interval leaves out 0), and of a score gain, pvalue and confidence.
        """
        order = np.argsort(-self.estimate.values, kind="stable")
        explained = getattr(self, "explanations", None)
        backend = dataframe_library(None if explained is None else explained.data)
        low, high = self.confint().T
        columns: dict[str, NDArray[Any]] = {
            "column": self.feature_names,
            "importance": self.importances_mean,
            "standard_error": self.importances_sem,
            "low": low,
            "high": high,
            "direction": self._direction(),
            "told": self.estimate.told(),
        }
        if self.scored:
            columns |= {"gain": self.gains, "pvalue": self.pvalues, "confidence": self.confidences}
        sorted_ = {name: values[order] for name, values in columns.items()}
        return nw.from_dict(sorted_, backend=backend).to_native()

    def _direction(self) -> Floats:
        directions = np.full(len(self.feature_names), np.nan)
        explained = getattr(self, "explanations", None)
        several = explained is not None and len(explained.output_names) > 2
        if explained is None or several or self.scored:
            return directions
        parts = explained.contributions[..., -1]
        for j, column in enumerate(explained.bins.columns):
            known = explained.codes[:, j] < column.n_bins - column.missing
            codes, part = explained.codes[known, j].astype(float), parts[known, j]
            if not column.categorical and len(codes) and np.ptp(codes) and np.ptp(part):
                directions[j] = np.corrcoef(codes, part)[0, 1]
        return directions

    def __repr__(self) -> str:
        order = np.argsort(-self.estimate.values, kind="stable")
        width = max(map(len, map(str, self.feature_names)))
        lines = [
            f"{self.feature_names[j]!s:{width}} {self.estimate.values[j]:10.4g} "
            f"± {self.importances_sem[j]:.2g}"
            for j in order[:10]
        ]
        if len(order) > len(lines):
            lines.append(f"and {len(order) - len(lines)} more columns")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return ranking(self.name, self.feature_names, self.estimate)
