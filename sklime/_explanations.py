"""The explanations of many rows, and what can be read off them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student_t
from sklearn.utils import Bunch

from ._anova.effects import Effects, interaction_strength, interaction_table, variance_split
from ._neighborhood.bins import Bins
from ._statistics.aggregations import (
    SIGNED,
    Importances,
    confint,
    cross_abs,
    direction,
    estimate_importances,
    noise_floor,
    submodular_pick,
)
from ._tables.columns import group_masks
from ._tables.table import Table
from ._views.exports import to_frame, to_lime, to_shap
from ._views.html import describe, ranking

_ALONE = np.ones(1)  # what the only output counts


class Interaction(NamedTuple):
    """A pair of columns with the strength of its interaction."""

    first: str
    second: str
    strength: float
    sem: float


@dataclass(eq=False, repr=False, kw_only=True)
class Explanations:
    """LIME weights of many rows of one model, with their errors.

    Made by :func:`lime_importance` and by :class:`LimeImportanceWrapper`, not by hand.

    Parameters
    ----------
    replicates : ndarray of shape (n_replicates, n_explained, n_features, n_outputs)
        The weights from each independent replicate of the neighbourhood.
    intercepts : ndarray of shape (n_explained, n_outputs)
        Intercepts of the rows' linear models, in units of the response.
    scores : ndarray of shape (n_explained, n_outputs)
        R^2 of each row's linear model; NaN where the response does not vary around the row.
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
    engine : {"pooled", "local", "lime"}
        The engine that was taken.
    kernel_width : float
        Width of the kernel over the number of columns outside the row's own bins.
    num_features : int or None
        Weights kept in each row.
    num_samples : int
        Model rows of the pool, or of each row's neighbourhood.
    effects : tuple of Effects, default=()
        Main and pair effects of each model (one, or one for each fold), by the engine "pooled";
        empty otherwise.
    values : {"weights", "contributions"}, default="weights"
        What the weights are.

    Attributes
    ----------
    weights : ndarray of shape (n_explained, n_features, n_outputs)
        LIME weights (or contributions) in units of the model's response: what being in the row's
        own bin of a column adds to the response, other columns varying. The mean of `replicates`.

    See Also
    --------
    LimeImportanceDisplay : Plots of them.

    References
    ----------
    .. [1] M. T. Ribeiro, S. Singh and C. Guestrin, "Why Should I Trust You?", KDD 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklime import lime_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> explanations = lime_importance(model, X, random_state=0).explanations
    >>> explanations
    <Explanations of 150 rows: 4 features, 3 outputs, engine 'pooled', 8192 samples>
    >>> explanations.class_importances().argmax(axis=1).tolist()
    [2, 2, 2]
    """

    replicates: NDArray[np.float64]
    weights: NDArray[np.float64] = field(init=False)
    intercepts: NDArray[np.float64]
    scores: NDArray[np.float64]
    predictions: NDArray[np.float64]
    data: Any
    sample_indices: NDArray[np.intp]
    sample_weight: NDArray[np.float64] | None
    population: float
    feature_names: NDArray[np.object_]
    output_names: NDArray[Any]
    output_shares: NDArray[np.float64]
    classes: NDArray[Any] | None
    bins: Bins
    codes: NDArray[np.unsignedinteger]
    engine: str
    kernel_width: float
    num_features: int | None
    num_samples: int
    effects: tuple[Effects, ...] = ()
    values: str = "weights"

    def __post_init__(self) -> None:
        self.weights = self.replicates.mean(axis=0)

    @classmethod
    def concatenate(cls, parts: Sequence["Explanations"], table: Table) -> "Explanations":
        """Explanations of other rows of one table, by other models (the folds'), as one.

        Parameters
        ----------
        parts : list of Explanations
            One of each model.
        table : Table
            The whole table.

        Returns
        -------
        explanations : Explanations
            Of all the rows, in the order of `parts`.
        """
        if len(parts) == 1:
            return parts[0]

        def joined(name: str, axis: int = 0) -> NDArray[Any]:
            return np.concatenate([getattr(part, name) for part in parts], axis=axis)

        weighted = parts[0].sample_weight is not None
        return replace(
            parts[0],
            replicates=joined("replicates", axis=1),
            intercepts=joined("intercepts"),
            scores=joined("scores"),
            predictions=joined("predictions"),
            data=table.take(joined("sample_indices")),
            sample_indices=joined("sample_indices"),
            sample_weight=joined("sample_weight") if weighted else None,
            population=sum(part.population for part in parts),
            codes=joined("codes"),
            num_samples=max(part.num_samples for part in parts),
            effects=sum((part.effects for part in parts), ()),
        )

    def __len__(self) -> int:
        return len(self.weights)

    def __repr__(self) -> str:
        n_explained, n_features, n_outputs = self.weights.shape
        return (
            f"<Explanations of {n_explained} rows: {n_features} features, {n_outputs} outputs, "
            f"engine {self.engine!r}, {self.num_samples} samples>"
        )

    def importances(
        self,
        aggregation: str | Callable[..., Any] = "mean_abs",
        labels: str | ArrayLike = "all",
        bias_correction: bool = True,
    ) -> NDArray[np.float64]:
        """One importance for each column.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            A name of ``AGGREGATIONS``, or a function from a weight matrix (n_explained,
            n_features) to (n_features,).
        labels : {"all", "predicted"} or array-like of class values, default="all"
            "all": half the sum over the classes (the total variation), the mean over other
            outputs. "predicted": each row's predicted class. Else the mean over these classes.
        bias_correction : bool, default=True
            Take the noise of the neighbourhood out of "mean_abs" and "rms".

        Returns
        -------
        importances : ndarray of shape (n_features,)
            In units of the response.

        Raises
        ------
        ValueError
            If `labels` names no output of the model.
        """
        return self.estimate(aggregation, labels, bias_correction).values

    def standard_error(
        self,
        aggregation: str | Callable[..., Any] = "mean_abs",
        labels: str | ArrayLike = "all",
        bias_correction: bool = True,
    ) -> NDArray[np.float64]:
        """Standard error of each importance, from the neighbourhood and from the rows explained.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :meth:`importances`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.
        bias_correction : bool, default=True
            As in :meth:`importances`.

        Returns
        -------
        sem : ndarray of shape (n_features,)
            In units of the response.

        Raises
        ------
        ValueError
            If `labels` names no output of the model.
        """
        return self.estimate(aggregation, labels, bias_correction).sem

    def estimate(
        self,
        aggregation: str | Callable[..., Any] = "mean_abs",
        labels: str | ArrayLike = "all",
        bias_correction: bool = True,
    ) -> Importances:
        """Importances with their standard errors and degrees of freedom.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :meth:`importances`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.
        bias_correction : bool, default=True
            As in :meth:`importances`.

        Returns
        -------
        estimate : Importances
            A named tuple with values, sem and dof, each an ndarray of shape (n_features,), and
            signed, whether the values keep their signs.

        Raises
        ------
        ValueError
            If `labels` names no output of the model.
        """
        replicates, shares = self._outputs(labels, signed=aggregation in SIGNED)
        return self._estimate(replicates, aggregation, shares, bias_correction)

    def class_importances(
        self, aggregation: str | Callable[..., Any] = "mean_abs", bias_correction: bool = True
    ) -> NDArray[np.float64]:
        """Importances for each output by itself.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :meth:`importances`.
        bias_correction : bool, default=True
            As in :meth:`importances`.

        Returns
        -------
        importances : ndarray of shape (n_outputs, n_features)
            In units of the response.
        """
        return np.array(
            [
                self._estimate(self.replicates[..., [k]], aggregation, _ALONE, bias_correction)[0]
                for k in range(len(self.output_names))
            ]
        )

    def group_importances(
        self,
        feature_groups: Mapping[Any, Any],
        aggregation: str | Callable[..., Any] = "mean_abs",
        labels: str | ArrayLike = "all",
    ) -> dict[Any, float]:
        """One importance for each group of columns, as if a group were one column.

        A row's signed contributions (weight times 1 less the training frequency of the row's own
        bin, whatever `values` is) are summed over the group before their size is taken. So the
        dummy columns of a category have the contributions of the category itself.

        Parameters
        ----------
        feature_groups : dict
            Name -> columns, by name or by number. Groups may share columns, and need not have all;
            within one a column counts once.
        aggregation : str or callable, default="mean_abs"
            As in :meth:`importances`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        importances : dict
            Name -> importance.

        Raises
        ------
        ValueError
            If a group has no columns, or one that the table has not.
        """
        if not feature_groups:
            return {}
        outside = np.ones(self.codes.shape)
        if self.values == "weights":
            outside -= self.bins.own_probabilities(self.codes)
        sums = [
            (self.replicates[:, :, mask] * outside[:, mask, None]).sum(axis=2)
            for mask in group_masks(Table(self.data), feature_groups).values()
        ]
        grouped = replace(self, replicates=np.stack(sums, axis=2))
        return dict(
            zip(feature_groups, grouped.importances(aggregation, labels).tolist(), strict=True)
        )

    def magnitudes(self, labels: str | ArrayLike = "all") -> NDArray[np.float64]:
        """Size of each row's weights over the outputs.

        Free of the noise of the neighbourhood on average, so a size near 0 may be negative; the
        mean over the rows is the "mean_abs" importance.

        Parameters
        ----------
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        magnitudes : ndarray of shape (n_explained, n_features)
            In units of the response.

        Raises
        ------
        ValueError
            If `labels` names no output of the model.
        """
        replicates, shares = self._outputs(labels)
        return cross_abs(replicates, self.sample_weight, shares)

    def confint(
        self,
        level: float = 0.95,
        aggregation: str | Callable[..., Any] = "mean_abs",
        labels: str | ArrayLike = "all",
    ) -> NDArray[np.float64]:
        """Confidence intervals of the importances, from Student's t.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, in (0, 1).
        aggregation : str or callable, default="mean_abs"
            As in :meth:`importances`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        intervals : ndarray of shape (n_features, 2)
            Lower and upper ends. They cover what endless samples for the same rows' table would
            give, not the truth about the data.

        Raises
        ------
        ValueError
            If `level` is out of range, or `labels` names no output of the model.
        """
        if not 0 < level < 1:
            raise ValueError(
                "The 'level' parameter of confint must be a float in the range (0, 1). "
                f"Got {level!r} instead."
            )
        return confint(self.estimate(aggregation, labels), level)

    def relative_error(
        self, aggregation: str | Callable[..., Any] = "mean_abs", labels: str | ArrayLike = "all"
    ) -> float:
        """Largest standard error over the range of the importances (Covert et al., SAGE, 2020).

        Of the neighbourhood's part of the error: that of the choice of rows does not shrink with
        more samples.

        Parameters
        ----------
        aggregation : str or callable, default="mean_abs"
            As in :meth:`importances`.
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        error : float
            Infinite if all importances are equal, 0 with a single replicate.

        Raises
        ------
        ValueError
            If `labels` names no output of the model.
        """
        explained = len(self) if self.sample_weight is None else self.sample_weight.sum()
        replicates, shares = self._outputs(labels, signed=aggregation in SIGNED)
        estimate = replace(self, population=float(explained))._estimate(
            replicates, aggregation, shares, bias_correction=True
        )
        spread = np.ptp(estimate.values)
        return float(estimate.sem.max() / spread) if spread > 0 else np.inf

    def noise_floor(self, labels: str | ArrayLike = "all") -> NDArray[np.float64]:
        """Mean size that the weights of a useless column would show by chance.

        That much of the uncorrected mean absolute weight is noise of the neighbourhood.

        Parameters
        ----------
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        floor : ndarray of shape (n_features,)
            In units of the response; NaN with a single replicate.

        Raises
        ------
        ValueError
            If `labels` names no output of the model.
        """
        replicates, shares = self._outputs(labels)
        return noise_floor(replicates, shares, self.sample_weight)

    def direction(
        self, labels: str | ArrayLike = "all"
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Signed mean weights, and the share of rows that have the more common sign.

        "all" is the second class of a binary classifier, and no choice for more classes. Signed
        means cancel (a column that is good in one half of the table and bad in the other has 0):
        they tell a direction, never an importance.

        Parameters
        ----------
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        signed : ndarray of shape (n_features,)
            Mean weights, in units of the response.
        share : ndarray of shape (n_features,)
            Share of the rows that have the more common sign, in [0, 1].

        Raises
        ------
        ValueError
            If `labels` names no output of the model, or is "all" of more than two classes.
        """
        replicates, shares = self._outputs(labels, signed=True)
        return direction(replicates.mean(axis=0) @ shares, self.sample_weight)

    def has_direction(self, labels: str | ArrayLike = "all") -> bool:
        """Whether the weights of `labels` have a sign; those of all of many classes have none.

        Parameters
        ----------
        labels : {"all", "predicted"} or array-like of class values, default="all"
            As in :meth:`importances`.

        Returns
        -------
        signed : bool
            Whether :meth:`direction` takes `labels`.
        """
        every = isinstance(labels, str) and labels == "all"
        return not every or self.classes is None or len(self.classes) <= 2

    def fidelity(self) -> dict[str, NDArray[np.float64]]:
        """Distribution over the rows of R^2.

        Rows whose response does not vary have no R^2 and are left out (NaN without any). Even for
        a linear model the R^2 of 0/1 coded bins is low, 0.3 at quartiles: compare with that, not
        with 1.

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
    def interactions(self) -> NDArray[np.float64]:
        """Strength of every pair of columns, (n_features, n_features), symmetric.

        The standard deviation over the table of what the pair adds to the response beyond the sum
        of its columns' own effects, in units of the response, over all outputs. 0 for a pair that
        does not rise above the noise.

        Raises
        ------
        AttributeError
            If the engine was not "pooled".
        """
        return self._interaction_strength()[0]

    @property
    def interactions_sem(self) -> NDArray[np.float64]:
        """Standard errors of :attr:`interactions`."""
        return self._interaction_strength()[1]

    @property
    def variance_shares(self) -> dict[str, NDArray[np.float64]]:
        """Split of the response's variance over the pool, for each output, (n_outputs,).

        "main" effects of the columns' bins, "pairs", "higher" orders of three columns and more, and
        "within" bins, what the bins are too coarse for; they sum to 1.

        Raises
        ------
        AttributeError
            If the engine was not "pooled".
        """
        shares = np.mean([variance_split(effects) for effects in self._effects()], axis=0)
        return dict(zip(("main", "pairs", "higher", "within"), shares, strict=True))

    def top_interactions(self, k: int = 10) -> list[Interaction]:
        """The `k` strongest pairs of columns, strongest first; pairs of strength 0 are left out.

        Parameters
        ----------
        k : int, default=10
            Number of pairs, at most.

        Returns
        -------
        pairs : list of (first, second, strength, sem)
            Named tuples with two column names, the strength and its standard error.

        Raises
        ------
        AttributeError
            If the engine was not "pooled".
        """
        strength, sem = self._interaction_strength()
        first, second = np.triu_indices(len(strength), 1)
        order = np.argsort(-strength[first, second], kind="stable")[:k]
        names = self.feature_names
        return [
            Interaction(names[i], names[j], float(strength[i, j]), float(sem[i, j]))
            for i, j in zip(first[order], second[order], strict=True)
            if strength[i, j] > 0
        ]

    def interaction_table(self, first: int | str, second: int | str, label: Any = None) -> Bunch:
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

        Raises
        ------
        AttributeError
            If the engine was not "pooled".
        ValueError
            If the table has no such columns or they are the same, or the model no such output.
        """
        i, j = self._column(first), self._column(second)
        if i == j:
            raise ValueError(
                f"The 'second' parameter must be another column. Got {second!r} twice."
            )
        k = self._output(label)
        tables = [interaction_table(effects, i, j) for effects in self._effects()]
        return Bunch(
            effects=np.mean([table[..., k] for table, _ in tables], axis=0),
            sem=np.sqrt(np.sum([sem[..., k] ** 2 for _, sem in tables], axis=0)) / len(tables),
            rows=self.bins.labels(i),
            columns=self.bins.labels(j),
        )

    def main_effect(self, column: int | str, label: Any = None) -> Bunch:
        """What each bin of one column adds to the response, the other columns varying.

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

        Raises
        ------
        AttributeError
            If the engine was not "pooled".
        ValueError
            If the table has no such column, or the model no such output.
        """
        j, k = self._column(column), self._output(label)
        own = slice(*self.bins.offsets[j : j + 2])
        parts = np.array([effects.unit * effects.main[:, own, k] for effects in self._effects()])
        n_models, n_replicates, _ = parts.shape
        means, dof = parts.mean(axis=(0, 1)), n_models * (n_replicates - 1)
        if dof:
            errors = parts.var(axis=1, ddof=1).sum(axis=0) / n_replicates
            sem, reach = np.sqrt(errors) / n_models, student_t.ppf(0.975, dof)
        else:
            sem, reach = np.full(len(means), np.inf), 1.0
        return Bunch(
            effects=means,
            sem=sem,
            intervals=np.column_stack([means - reach * sem, means + reach * sem]),
            frequencies=self.bins.probabilities[own],
            bins=self.bins.labels(j),
        )

    def _effects(self) -> tuple[Effects, ...]:
        if not self.effects:
            raise AttributeError(
                f"Interactions come with engine='pooled'. Got engine={self.engine!r} instead."
            )
        return self.effects

    def _interaction_strength(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Strengths of pairs over all outputs and models, with standard errors."""
        parts = [interaction_strength(effects) for effects in self._effects()]
        strength = np.mean([strength @ self.output_shares for strength, _ in parts], axis=0)
        errors = [(sem @ self.output_shares) ** 2 for _, sem in parts]
        return strength, np.sqrt(np.sum(errors, axis=0)) / len(parts)

    def _column(self, column: int | str) -> int:
        """Number of a column given by number or name."""
        names = self.feature_names.tolist()
        if column in names:
            return names.index(column)
        if not isinstance(column, str) and -len(names) <= column < len(names):
            return int(column) % len(names)
        raise ValueError(f"A column must be a name or number of one of {names}. Got {column!r}.")

    def _output(self, label: Any) -> int:
        """Number of a label's output; by default the second of two classes, or the only output."""
        if label is not None:
            return self._label_positions(label)[0]
        if len(self.output_names) > 2 or (len(self.output_names) == 2 and self.classes is None):
            raise ValueError(
                f"The 'label' parameter must be one of {self.output_names.tolist()}. "
                "Got None instead."
            )
        return len(self.output_names) - 1

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
        ``I_j = sqrt(sum_i |W_ij|)``, which is at least 1 - 1/e of the best choice [1]_. Where rows
        add equally much, the one with the larger weights is taken.

        References
        ----------
        .. [1] M. T. Ribeiro, S. Singh and C. Guestrin, "Why Should I Trust You?", KDD 2016.
        """
        size = np.abs(self.weights) @ self.output_shares
        rank = np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1)
        shown = np.where(rank < num_features, size, 0.0)
        return submodular_pick(shown, n)

    def to_frame(self) -> Any:
        """The weights as a tidy table: row, column, output, value and weight.

        Returns
        -------
        frame : dataframe
            Of the library of the rows explained; pandas for arrays.
        """
        return to_frame(self)

    def to_shap(self, *, label: Any = None) -> Any:
        """The weights as a `shap.Explanation`, which shap's plots take.

        Parameters
        ----------
        label : class value or output, default=None
            One output. None is the second class of a binary classifier, else all outputs.

        Returns
        -------
        explanation : shap.Explanation
            Values, base values, data and names.

        Raises
        ------
        ImportError
            If shap is not installed.
        ValueError
            If the model has no such output.
        """
        return to_shap(self, label=label)

    def to_lime(self, i: int, *, label: Any = None) -> Any:
        """The explanation of the i-th row explained as a `lime.explanation.Explanation`.

        Parameters
        ----------
        i : int
            Position among the rows explained.
        label : class value or output, default=None
            One output; a regressor with several needs it. None is every class.

        Returns
        -------
        explanation : lime.explanation.Explanation
            With lime's as_list, as_html and as_pyplot_figure.

        Raises
        ------
        IndexError
            If there is no row `i`.
        ValueError
            If the model has no such output, or several and none is named.
        """
        return to_lime(self, i, label=label)

    def _repr_html_(self) -> str:
        estimate, (low, high) = self.estimate(), self.confint().T
        told = (low > 0) | (high < 0)
        title = f"LIME {self.values}: mean size over the rows"
        return ranking(
            title, self.feature_names, estimate.values, estimate.sem, told, describe(self)
        )

    def _estimate(
        self,
        replicates: NDArray[np.float64],
        aggregation: str | Callable[..., Any],
        shares: NDArray[np.float64],
        bias_correction: bool,
    ) -> Importances:
        return estimate_importances(
            replicates,
            aggregation,
            shares=shares,
            bias_correction=bias_correction,
            sample_weight=self.sample_weight,
            population=self.population,
            row_classes=None if self.classes is None else self.predictions.argmax(axis=1),
            num_features=self.num_features,
        )

    def _outputs(
        self, labels: str | ArrayLike, signed: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Replicates of the outputs that `labels` means, and what each output counts."""
        if isinstance(labels, str) and labels == "all":
            if signed and self.classes is not None:
                # Over the classes signed weights sum to 0.
                if not self.has_direction():
                    raise ValueError(
                        "The 'labels' parameter must be 'predicted' or classes of the model for an "
                        "aggregation that keeps signs. Got 'all' instead."
                    )
                return self.replicates[..., -1:], _ALONE
            return self.replicates, self.output_shares
        if isinstance(labels, str) and labels == "predicted":
            predicted = self.predictions.argmax(axis=1)[None, :, None, None]
            return np.take_along_axis(self.replicates, predicted, axis=3), _ALONE
        chosen = self._label_positions(labels)
        return self.replicates[..., chosen], np.full(len(chosen), 1 / len(chosen))

    def _label_positions(self, labels: str | ArrayLike) -> list[int]:
        """Positions of class values among the outputs."""
        names = self.output_names.tolist()
        wanted = np.atleast_1d(np.asarray(labels, dtype=object)).tolist()
        unknown = [label for label in wanted if label not in names]
        if unknown or not wanted:
            raise ValueError(
                f"The 'labels' parameter must be 'all', 'predicted' or values of {names}. "
                f"Got {labels!r} instead."
            )
        return [names.index(label) for label in wanted]
