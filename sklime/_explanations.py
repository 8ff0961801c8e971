"""The explanations of many rows, and what can be read off them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._anova.terms import Floats
from ._interactions import Interactions
from ._rows import Rows
from ._statistics.aggregations import SIGNED, direction, submodular_pick
from ._statistics.estimates import (
    CORRECTED,
    Estimate,
    cross_abs,
    estimate_importances,
    noise_floor,
)
from ._tables.columns import group_masks
from ._tables.table import Table
from ._views.html import describe, ranking
from ._views.pictures import measure

Aggregation = str | Callable[..., Any]


class Explanations(Rows):
    """LIME weights of many rows of one model, with their errors, as :func:`lime_importance` has.

    It can be sliced like a list of its rows, ``explanations[:5]``, also by a mask or by positions,
    and drawn by :class:`LimeImportanceDisplay`.

    Parameters
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
        The weights from each independent replicate of the neighbourhood.
    known_fits : ndarray of shape (n_explained, 3, n_outputs) or None
        Intercept, R^2 and share of main effects of each row; None where `readers` compute them.
    predictions : ndarray of shape (n_explained, n_outputs)
        The model's response for the rows explained.
    data : array, sparse matrix or dataframe with n_explained rows
        The rows explained, in the container they came in.
    sample_indices : ndarray of shape (n_explained,)
        Their positions in X.
    sample_weight : ndarray of shape (n_explained,) or None
        Their weights in the aggregation.
    population : float
        Total weight of the rows of X, of which the rows explained are a part.
    feature_names : ndarray of shape (n_features,)
        Names of the columns; x0, x1 and so on where X has none.
    output_names : ndarray of shape (n_outputs,)
        Class values of a classifier; else numbers of the outputs.
    output_shares : ndarray of shape (n_outputs,)
        What each output counts in an importance over all outputs.
    classes : ndarray of shape (n_outputs,) or None
        Class values, if the outputs are classes.
    bins : Bins
        Cuts, levels and training frequencies of the columns.
    codes : ndarray of shape (n_explained, n_features)
        The bins of the rows explained.
    response : str
        The method of the model that is explained, or the score.
    engine : {"pooled", "local", "lime"}
        The engine that was taken.
    kernel_width : float
        Width of the kernel over the number of columns outside the row's own bins.
    num_features : int or None
        Weights kept in each row.
    num_samples : int
        Model rows of the pool, or of each row's neighbourhood.
    values : {"weights", "contributions"}
        What importances are made of.
    coefficients : ndarray of shape (n_explained, n_outputs) or None
        What each row's outputs count in the score of its own target, where that is explained.
    readers : tuple
        What explains rows by each (fold's) model, with the engine "pooled"; else empty.
    read_by : ndarray of shape (n_explained, n_readers)
        Which reader explains which row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklime import lime_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> explanations = lime_importance(model, X, random_state=0).explanations
    >>> explanations
    <Explanations of 150 rows: 4 features, 3 outputs, engine 'pooled', 2048 samples>
    >>> explanations[:2].weights.shape
    (2, 4, 3)
    >>> explanations.class_importances().argmax(axis=1).tolist()
    [2, 2, 2]
    """

    def __repr__(self) -> str:
        _, n_explained, n_features, n_outputs = self.replicates.shape
        return (
            f"<Explanations of {n_explained} rows: {n_features} features, {n_outputs} outputs, "
            f"engine {self.engine!r}, {self.num_samples} samples>"
        )

    def estimate(
        self,
        aggregation: Aggregation = "mean_abs",
        labels: Any = "all",
        bias_correction: bool = True,
    ) -> Estimate:
        """Importances with their standard errors, degrees of freedom and intervals.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :func:`lime_importance`. Gains of a score have their mean, whatever it is.
        labels : {"all", "predicted"}, class value or array-like of class values, default="all"
            "all": half the sum over the classes (the total variation), the mean over other
            outputs. "predicted": each row's predicted class. Else the mean over these classes.
        bias_correction : bool, default=True
            Take the noise of the neighbourhood out of "mean_abs" and "rms".

        Returns
        -------
        estimate : Estimate
            A named tuple with values, sem and dof, each an ndarray of shape (n_features,),
            signed, whether the values keep their signs, noise and hidden, the parts of sem by the
            neighbourhood and by pairs too weak to be found; its method confint(level) returns
            intervals, (n_features, 2), by Student's t. They cover what unlimited samples and all
            rows of the table would give, not the truth about the data.
        """
        return self._estimate(aggregation, labels, bias_correction).unknown(self.unmeasured)

    def importances(self, aggregation: Aggregation = "mean_abs", labels: Any = "all") -> Floats:
        """One importance for each column.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :meth:`estimate`.
        labels : {"all", "predicted"}, class value or array-like of class values, default="all"
            As in :meth:`estimate`.

        Returns
        -------
        importances : ndarray of shape (n_features,)
            In units of the response.
        """
        return self.estimate(aggregation, labels).values

    def class_importances(self, aggregation: Aggregation = "mean_abs") -> Floats:
        """Importances for each output by itself.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :meth:`estimate`.

        Returns
        -------
        importances : ndarray of shape (n_outputs, n_features)
            In units of the response.
        """
        names = [[name] for name in self._outputs]
        return np.array([self.importances(aggregation, name) for name in names])

    def group_importances(
        self,
        feature_groups: Mapping[Any, Any],
        aggregation: Aggregation = "mean_abs",
        labels: Any = "all",
    ) -> dict[Any, float]:
        """One importance for each group of columns, as if a group were one column.

        A row's signed contributions, whatever `values` is, are summed over the group before their
        size is taken: the dummy columns of a category count as the category itself.

        Parameters
        ----------
        feature_groups : dict
            Name -> columns, by name or by number. Groups may share columns, and need not have all.
        aggregation : str or callable, default="mean_abs"
            As in :meth:`estimate`.
        labels : {"all", "predicted"}, class value or array-like of class values, default="all"
            As in :meth:`estimate`.

        Returns
        -------
        importances : dict
            Name -> importance.
        """
        if not feature_groups:
            return {}
        outside = self.bins.outside(self.codes)
        sums = [
            (self.replicates[:, :, mask] * outside[:, mask, None]).sum(axis=2)
            for mask in group_masks(Table(self.data), feature_groups).values()
        ]
        # Readers tell errors of columns, not of groups.
        grouped = replace(self, replicates=np.stack(sums, axis=2), values="weights", readers=())
        estimate = grouped._estimate(aggregation, labels)
        return dict(zip(feature_groups, estimate.values.tolist(), strict=True))

    def magnitudes(self, labels: Any = "all") -> Floats:
        """Size of each row's weights or contributions over the outputs; of a score, its gains.

        Free of the noise of the neighbourhood on average, so a size near 0 may be negative; the
        mean over the rows is the "mean_abs" importance.

        Parameters
        ----------
        labels : {"all", "predicted"}, class value or array-like of class values, default="all"
            As in :meth:`estimate`.

        Returns
        -------
        magnitudes : ndarray of shape (n_explained, n_features)
            In units of the response.
        """
        values, shares = self._values(labels, sizes=True)
        if self.coefficients is not None:
            return values.mean()[..., 0]
        return cross_abs(values, self.sample_weight, shares)

    def noise_floor(self, labels: Any = "all") -> Floats:
        """Mean size that the weights of a useless column would show by chance, uncorrected.

        Parameters
        ----------
        labels : {"all", "predicted"}, class value or array-like of class values, default="all"
            As in :meth:`estimate`.

        Returns
        -------
        floor : ndarray of shape (n_features,)
            In units of the response; NaN with a single replicate.
        """
        return noise_floor(*self._values(labels), self.sample_weight)

    def direction(self, labels: Any = "all") -> tuple[Floats, Floats]:
        """Mean weights with their signs, and the share of rows that have the more common sign.

        "all" is the second class of a binary classifier, and refused for more classes. Signs
        cancel: a column that adds in one half of the table and takes away in the other has 0.

        Parameters
        ----------
        labels : {"all", "predicted"}, class value or array-like of class values, default="all"
            As in :meth:`estimate`.

        Returns
        -------
        signed : ndarray of shape (n_features,)
            In units of the response.
        share : ndarray of shape (n_features,)
            Share of the rows that have the more common sign, in [0, 1].
        """
        # Contributions average to 0 over the table.
        values, shares = replace(self, values="weights")._values(labels, signed=True)
        return direction(values.mean() @ shares, self.sample_weight)

    def fidelity(self) -> dict[str, NDArray[np.float64]]:
        """Distribution over the rows of R^2.

        Rows whose response does not vary have none and are left out (NaN without any). Even for a
        linear model the R^2 of 0/1 coded bins is low, 0.3 at quartiles.

        Returns
        -------
        distribution : dict of str to ndarray of shape (n_outputs,)
            "mean", "min", "q25", "median", "q75" and "max".
        """
        unknown = np.isnan(self.scores).all(axis=0)
        scores = np.where(unknown, 0.0, self.scores)  # NumPy warns of columns without any number
        quantiles = np.nanquantile(scores, [0, 0.25, 0.5, 0.75, 1], axis=0)
        names = ("min", "q25", "median", "q75", "max")
        figures = {"mean": np.nanmean(scores, axis=0), **dict(zip(names, quantiles, strict=True))}
        return {name: np.where(unknown, np.nan, figure) for name, figure in figures.items()}

    @property
    def interactions(self) -> Interactions:
        """Interactions of the columns: strength, sem, top(k), table(first, second) and shares.

        Only by the engine "pooled", and for a response, not for a score.
        """
        if not self.effects or self.coefficients is not None:
            raise AttributeError(
                "Interactions come with engine='pooled' for a response, not for a score. "
                f"Got engine={self.engine!r} for {self.response!r} instead."
            )
        return Interactions(self)

    def main_effect(self, column: int | str, label: Any = None) -> Bunch:
        """What each bin of one column adds to the response, the other columns varying.

        Only by the engine "pooled", and for a response, not for a score.

        Parameters
        ----------
        column : int or str
            The column, by number or name.
        label : class value or output, default=None
            The output; None is the second class of a binary classifier, or the only output.

        Returns
        -------
        effect : :class:`~sklearn.utils.Bunch`
            With these attributes.

            effects, sem : ndarrays of shape (n_bins,)
                In units of the response; the mean over the training table is 0.
            intervals : ndarray of shape (n_bins, 2)
                Student's intervals of level 0.95; infinite where one replicate tells no error.
            frequencies : ndarray of shape (n_bins,)
                Shares of the training rows.
            bins : list of str
                Labels of the bins.
        """
        models = self.interactions.effects  # or why there are none
        j, k = self._column(column), self._output(label)
        own = slice(*self.bins.offsets[j : j + 2])
        parts = np.array([effects.unit * effects.main[:, own, k] for effects in models])
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

    def pick(self, n: int, num_features: int = 10) -> NDArray[np.intp]:
        """Rows that together show the model: submodular pick.

        Parameters
        ----------
        n : int
            Rows to pick, at most all.
        num_features : int, default=10
            A row shows the columns of its `num_features` largest weights, as lime does.

        Returns
        -------
        positions : ndarray of shape (n,)
            Positions among the rows explained, in the order picked.

        Notes
        -----
        Greedily maximises ``sum_j I_j 1[some picked row shows column j]`` with
        ``I_j = sqrt(sum_i |W_ij|)``, which is at least 1 - 1/e of the best choice (Ribeiro, Singh
        and Guestrin, 2016). Of equally good rows the one with the larger weights is taken.
        """
        values, shares = self._values()
        size = np.abs(values.mean()) @ shares
        rank = np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1)
        return submodular_pick(np.where(rank < num_features, size, 0.0), n)

    def _repr_html_(self) -> str:
        title = measure(self, "mean_abs")
        return ranking(title, self.feature_names, self.estimate(), describe(self))

    def _estimate(
        self, aggregation: Aggregation, labels: Any, bias_correction: bool = True
    ) -> Estimate:
        """An estimate, kept if it has a name."""
        key = aggregation, labels, bias_correction
        named = isinstance(aggregation, str) and isinstance(labels, str)
        if named and key in self._estimates:
            return self._estimates[key]
        if self.coefficients is not None:
            aggregation = "mean"
        sizes = isinstance(aggregation, str) and aggregation not in SIGNED
        values, shares = self._values(labels, signed=aggregation in SIGNED, sizes=sizes)
        estimate = estimate_importances(
            values,
            aggregation,
            shares=shares,
            bias_correction=bias_correction,
            sample_weight=self.sample_weight,
            # A gain is that on new rows, so the table is no finite population.
            population=self.population if self.coefficients is None else None,
            row_classes=None if self.classes is None else self.predictions.argmax(axis=1),
            num_features=self.num_features,
        )
        if self.readers and self.coefficients is None and aggregation in CORRECTED:
            estimate = estimate.less_known(self._hidden(labels, aggregation == "rms"))
        if named:
            self._estimates[key] = estimate
        return estimate

    @cached_property
    def _estimates(self) -> dict[Any, Estimate]:
        return {}

    def _relative_errors(
        self, aggregation: Aggregation = "mean_abs", labels: Any = "all", hidden: bool = True
    ) -> Floats:
        """Standard errors over the range of the importances (Covert et al., SAGE, 2020).

        Of the neighbourhood's part of the error: that of the choice of rows does not shrink with
        more samples. Infinite if all importances are equal, 0 with a single replicate.
        """
        estimate = self._estimate(aggregation, labels)
        spread = np.ptp(estimate.values)
        size = np.ones_like(estimate.values)
        noise = np.hypot(estimate.noise, estimate.hidden if hidden else 0.0)
        return size * (noise / spread if spread > 0 else np.inf)
