"""The weights of many rows, and which of them are meant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._anova.effects import Effects
from ._anova.terms import Floats, inverse
from ._neighborhood.bins import Bins
from ._statistics.aggregations import row_weights_of
from ._statistics.estimates import Values
from ._tables.packing import packed, unpacked
from ._tables.table import Table, stacked
from ._views.exports import Exports
from .exceptions import parameter_error

_ALONE = np.ones(1)  # the share of a single output

# Arrays with an entry for each row, or None.
_OF_ROWS = ("known_fits", "predictions", "sample_indices", "sample_weight", "codes", "coefficients")


@dataclass(eq=False, repr=False, kw_only=True)
class Rows(Exports):
    """Explained rows, see :class:`Explanations`."""

    replicates: Floats
    known_fits: Floats | None
    predictions: Floats
    data: Any
    sample_indices: NDArray[np.intp]
    sample_weight: Floats | None
    population: float
    feature_names: NDArray[np.object_]
    output_names: NDArray[Any]
    output_shares: Floats
    classes: NDArray[Any] | None
    bins: Bins
    codes: NDArray[np.unsignedinteger]
    response: str
    engine: str
    kernel_width: float
    num_features: int | None
    num_samples: int
    values: str
    coefficients: Floats | None
    readers: tuple[Any, ...]
    read_by: NDArray[np.bool_]

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Explanations of all rows of several parts of a table, or of several folds.

        Parameters
        ----------
        parts : list of Explanations
            In the order of the rows to come.

        Returns
        -------
        explanations : Explanations
            Of all the rows.
        """
        if len(parts) == 1:
            return parts[0]

        def joined(name: str, axis: int = 0) -> Any:
            arrays = [getattr(part, name) for part in parts]
            return None if arrays[0] is None else np.concatenate(arrays, axis=axis)

        # Parts made by one explainer have the same reader.
        readers = {id(reader): reader for part in parts for reader in part.readers}
        ids = [[id(reader) for reader in part.readers] for part in parts]
        read_by = [
            part.read_by @ np.equal.outer(own, list(readers))
            for part, own in zip(parts, ids, strict=True)
        ]
        return replace(
            parts[0],
            replicates=joined("replicates", axis=1),
            **{name: joined(name) for name in _OF_ROWS},
            data=stacked([part.data for part in parts]),
            population=sum(part.population for part in parts),
            num_samples=max(part.num_samples for part in parts),
            readers=tuple(readers.values()),
            read_by=np.concatenate(read_by),
        )

    def _each_row_once(self) -> Self:
        """Rows that several models explain share their weight: chance counts the rows there are."""
        _, which, times = np.unique(self.sample_indices, return_inverse=True, return_counts=True)
        if times.max(initial=1) == 1:
            return self
        weight = 1.0 if self.sample_weight is None else self.sample_weight
        return replace(self, sample_weight=weight / times[which])

    @classmethod
    def _mean(cls, parts: Sequence[Self]) -> Self:
        """Explanations of the same rows by several models, as their mean."""
        if len(parts) == 1:
            return parts[0]
        names = ["replicates", "predictions"]
        if parts[0].known_fits is not None:
            names.append("known_fits")
        return replace(
            parts[0],
            **{name: np.mean([getattr(part, name) for part in parts], axis=0) for name in names},
            readers=sum((part.readers for part in parts), ()),
            read_by=np.hstack([part.read_by for part in parts]),
        )

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name != "_estimates"}
        return state | {"data": packed(self.data)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, data=unpacked(state["data"]))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Self:
        """Explanations of some rows: a slice, a mask, positions or a single one."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])

        def some(name: str) -> Any:
            part = getattr(self, name)
            return None if part is None else part[chosen]

        return replace(
            self,
            replicates=self.replicates[:, chosen],
            data=Table(self.data).take(chosen),
            **{name: some(name) for name in (*_OF_ROWS, "read_by")},
        )

    @property
    def effects(self) -> tuple[Effects, ...]:
        """Main effects and interactions of each model, by the engine "pooled"; else empty."""
        return tuple(reader.effects for reader in self.readers)

    @property
    def intercepts(self) -> Floats:
        """Intercepts of the rows' linear models, (n_explained, n_outputs)."""
        return self._fits[:, 0]

    @property
    def scores(self) -> Floats:
        """R^2 of each row's linear model, (n_explained, n_outputs).

        NaN where the response does not vary around the row.
        """
        return self._fits[:, 1]

    @cached_property
    def _fits(self) -> Floats:
        """Intercept and R^2 of each row; the mean of the models that explain it."""
        if self.known_fits is not None:
            return self.known_fits
        fits = np.zeros((len(self), 3, self.predictions.shape[1]))
        for reader, rows in zip(self.readers, self.read_by.T, strict=True):
            fits[rows] += reader.fits(self.kernel_width, self.codes[rows], self.predictions[rows])
        return fits / self.read_by.sum(axis=1)[:, None, None]

    @cached_property
    def r2(self) -> float:
        """R^2 of the rows' predictions by the effects that the pool found, the mean over outputs.

        What is left is compared with the variance of the predictions, or of the pool's where that
        is larger. Low where the model changes inside bins, or has interactions that the pool does
        not see, in these rows; importances are too small then. NaN for engines without a pool, and
        where no prediction varies.
        """
        if not self.readers:
            return np.nan
        left = np.zeros_like(self.predictions)
        for reader, rows in zip(self.readers, self.read_by.T, strict=True):
            left[rows] += reader.left(self.codes[rows], self.predictions[rows])
        left /= self.read_by.sum(axis=1)[:, None]
        mean = np.average(self.predictions, axis=0, weights=self.sample_weight)
        errors, variance = (
            np.average(np.square(each), axis=0, weights=self.sample_weight)
            for each in (left, self.predictions - mean)
        )
        pool = np.mean([each.unit**2 * each.variances.sum(axis=0) for each in self.effects], axis=0)
        spread = np.maximum(variance, pool)
        varies = np.sqrt(spread) > 1e-10 * np.abs(mean)
        return float(np.mean(1 - errors[varies] / spread[varies])) if varies.any() else np.nan

    @cached_property
    def unmeasured(self) -> NDArray[np.bool_]:
        """Columns (n_features,) with no sample in the bins of the rows explained.

        A row with one such cell tells its weight by the row's own answer.
        """
        told = self.bins.frequencies > 0
        for reader in self.readers:
            told = told & reader.told
        sizes = np.diff(self.bins.offsets)
        if self.kernel_width == 0 or (told.all() and not (self.codes == sizes).any()):
            return np.zeros(len(sizes), dtype=bool)
        untold = ~np.append(told, False)[self.bins.flat(self.codes)]
        untold &= np.count_nonzero(untold, axis=1)[:, None] > 1
        return np.asarray(untold.all(axis=0))

    @property
    def weights(self) -> Floats:
        """LIME weights, (n_explained, n_features, n_outputs), in units of the response.

        What being in the row's own bin of a column adds, other columns varying.
        """
        return self.replicates.mean(axis=0)

    @property
    def attributions(self) -> Floats:
        """Weights or contributions, as `values` says; of a score, what each row gains."""
        if self.coefficients is not None:
            return self._values()[0].mean()
        return self.weights if self.values == "weights" else self.contributions

    @property
    def contributions(self) -> Floats:
        """Weights times 1 less the training frequency of the row's own bin, in the same shape.

        What the row's own bin adds over the mean of all bins, on one scale for all columns.
        """
        contributions = self.weights  # which is a new array
        contributions *= self.bins.outside(self.codes)[..., None]
        return contributions

    @property
    def _outputs(self) -> list[Any]:
        """Names of the outputs that there are attributions to: a score is a single one."""
        return self.output_names.tolist() if self.coefficients is None else [self.response]

    def _read(self, table: Floats) -> Floats:
        """From outputs of the model (n_explained, n_outputs) to those of the attributions."""
        if self.coefficients is None:
            return table
        return (table * self.coefficients).sum(axis=1, keepdims=True)

    def _values(
        self, labels: Any = "all", signed: bool = False, sizes: bool = False
    ) -> tuple[Values, Floats]:
        """Values of the outputs that `labels` names, and the share of each output.

        If only `sizes` count, the second of two mirrored outputs is enough.
        """
        factor = None if self.values == "weights" else self.bins.outside(self.codes)
        if self.coefficients is not None:
            return Values(self.replicates, factor, self.coefficients), _ALONE
        if isinstance(labels, str) and labels == "predicted":
            chosen = np.eye(len(self.output_names))[self.predictions.argmax(axis=1)]
            return Values(self.replicates, factor, chosen), _ALONE
        if isinstance(labels, str) and labels == "all":
            if sizes and self._mirrored:
                return Values(self.replicates[..., 1:], factor), 2 * self.output_shares[1:]
            if not signed or self.classes is None:
                return Values(self.replicates, factor), self.output_shares
            refuse_signs(self.classes)
            return Values(self.replicates[..., -1:], factor), _ALONE
        positions = label_positions(self.output_names, labels)
        shares = np.full(len(positions), 1 / len(positions))
        return Values(self.replicates[..., positions], factor), shares

    @cached_property
    def _mirrored(self) -> bool:
        """Whether there are two outputs, one the negative of the other."""
        first, *others = np.moveaxis(self.replicates, -1, 0)
        return len(others) == 1 and np.array_equal(first, -others[0])

    def _counted(self, labels: Any) -> Floats:
        """What each output of the model counts by `labels`, on average over the rows."""
        if isinstance(labels, str) and labels == "all":
            return self.output_shares
        if isinstance(labels, str) and labels == "predicted":
            chosen = self.predictions.argmax(axis=1)
        else:
            chosen = label_positions(self.output_names, labels)
        return np.bincount(chosen, minlength=len(self.output_names)) / len(chosen)

    def _hidden(self, labels: Any, rms: bool) -> Floats:
        """Standard errors as weak pairs were not found, (n_features,)."""
        squares, shares, power = np.zeros(len(self.feature_names)), self._counted(labels), 1 + rms
        weight = row_weights_of(len(self), self.sample_weight)
        weight = weight / self.read_by.sum(axis=1) / weight.mean()
        for reader, own in zip(self.readers, self.read_by.T, strict=True):
            rows = np.flatnonzero(own)
            read = partial(self._contributions_of, rows, weight, power)
            by_output = reader.errors(self.kernel_width, self.codes[rows], read, power)
            squares += np.square(by_output @ shares * own.mean())
        return np.sqrt(squares)

    def _contributions_of(
        self, rows: NDArray[np.intp], weight: Floats, power: int, step: int
    ) -> tuple[Floats, Floats]:
        """Contributions of every so many rows, and what each counts in an importance."""
        rows = rows[::step]
        outside = self.bins.outside(self.codes[rows])
        gain = inverse(outside**power) if self.values == "weights" else np.ones_like(outside)
        contributions = self.replicates[:, rows].mean(axis=0) * outside[..., None]
        return contributions, gain * weight[rows, None]

    def _column(self, column: int | str) -> int:
        """Number of a column given by number or name."""
        names = self.feature_names.tolist()
        if column in names:
            return int(names.index(column))
        if not isinstance(column, str) and -len(names) <= column < len(names):
            return int(column) % len(names)
        raise ValueError(f"A column must be a name or number of one of {names}. Got {column!r}.")

    def _output(self, label: Any) -> int:
        """Number of a label's output; by default the second of two classes, or the only output."""
        names = self._outputs
        if label is None and (len(names) == 1 or (len(names) == 2 and self.classes is not None)):
            return len(names) - 1
        if label not in names:
            raise parameter_error("label", f"be one of {names}", label)
        return names.index(label)


def refuse_signs(classes: NDArray[Any]) -> None:
    """Refuse several classes, over which signed weights sum to 0."""
    if len(classes) > 2:
        must = "be 'predicted' or classes of the model for an aggregation that keeps signs"
        raise parameter_error("labels", must, "all")


def label_positions(output_names: NDArray[Any], labels: Any) -> list[int]:
    """Positions of class values among the outputs."""
    names = output_names.tolist()
    wanted = np.atleast_1d(np.asarray(labels, dtype=object)).tolist()
    unknown = [label for label in wanted if label not in names]
    if unknown or not wanted:
        raise parameter_error("labels", f"be 'all', 'predicted' or values of {names}", labels)
    return [names.index(label) for label in wanted]
