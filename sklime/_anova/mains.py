"""Main effects of all columns from the two halves of a pool, each freed of the others' noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .linear import Values, linear_fit, linear_part
from .terms import Codes, Floats, Ints, Law, Rows, Term, centred, product_mean

# Passes over the columns, at most, and the least fall of the residual that is worth one more.
MAX_PASSES = 3
LEAST_FALL = 0.03

Bins = Callable[[int, slice], Codes]  # bins of a column, in some of the rows


@dataclass
class Additive:
    """An additive model: a table for each column, and a slope inside its bins.

    Attributes
    ----------
    terms : list of d Terms
    slopes : ndarray of shape (d, K)
    values : Values or None
    counts : list of d ndarrays
        Rows in each bin of each column.
    """

    terms: list[Term]
    slopes: Floats
    values: Values | None
    counts: list[Ints] = field(default_factory=list)

    def predict(self, rows: Rows, bins: Bins, part: slice) -> tuple[Floats, Floats]:
        """What the tables say of some rows, and what the slopes add inside bins, (K, m) each."""
        tables, inside = np.zeros((2, len(rows.scale), rows.count(part)))
        if self.values is not None:
            inside += linear_part(self.values.of(rows, part), self.slopes)
        for term, slope, means in zip(self.terms, self.slopes, self._means(), strict=True):
            codes = bins(term.columns[0], part)
            for k, table in enumerate(term.table.T):
                tables[k] += table.take(codes)
                if slope[k]:
                    inside[k] -= (slope[k] * means).take(codes)
        return tables, inside

    def follow(self, slopes: Floats) -> None:
        """Take slopes of the values, and the main effects that they have on bins."""
        self.slopes = slopes
        for term, slope, means in zip(self.terms, slopes, self._means(), strict=True):
            if term.freedom:
                term.table = term.filled(centred(np.multiply.outer(means, slope), term.margins))

    def shrink(self, share: float) -> None:
        """Keep a share of everything."""
        self.slopes = share * self.slopes
        for term in self.terms:
            term.table = share * term.table

    def _means(self) -> list[Floats]:
        sizes = [len(term.table) for term in self.terms]
        means = np.zeros(sum(sizes)) if self.values is None else self.values.means
        return np.split(means, np.cumsum(sizes)[:-1])


def additive(rows: Rows, bins: Bins, law: Law, values: Values | None, part: slice) -> Additive:
    """Additive model of some rows, by a linear model and backfitting; the rows stay as they are.

    Every step is shrunk by the share of its variance that is noise, and no step raises the
    residual sum of squares.
    """
    residual = rows.residual[:, part] - rows.residual[:, part].mean(axis=1, keepdims=True)
    terms = [Term((j,), law, len(rows.scale)) for j in range(len(law.margins))]
    model = Additive(terms, np.zeros((len(terms), len(rows.scale))), values)
    if values is not None:
        slopes = linear_fit(values.of(rows, part), residual)
        fitted = linear_part(values.of(rows, part), slopes)
        model.follow(lower(residual, fitted) * slopes)
    # The strongest first, whatever the order of the columns.
    found = [term.least_squares(bins(j, part), residual) for j, term in enumerate(terms)]
    model.counts = [each[2] for each in found]
    variances = [term.variance(each[0]).sum() for term, each in zip(terms, found, strict=True)]
    order = np.argsort(-np.array(variances), kind="stable")
    left = np.square(residual).sum()
    for _ in range(MAX_PASSES):
        noise = np.square(residual).mean(axis=1).sum() / rows.count(part)
        for j in order:
            _improve(terms[j], bins(j, part), residual, model.counts[j], noise)
        residual -= residual.mean(axis=1, keepdims=True)
        before, left = left, np.square(residual).sum()
        if left >= (1 - LEAST_FALL) * before:
            break
    return model


def _improve(term: Term, codes: Codes, residual: Floats, counts: Ints, noise: float) -> None:
    """Fit a main effect to what all others leave, less its noise."""
    table, sums, _ = term.least_squares(codes, residual, counts)
    total = term.variance(table).sum()
    signal = 1 - term.freedom * noise / total if total > 0 else 0.0
    term.move(codes, residual, term.shrunk(table, signal, len(codes)), sums, counts)


def lower(residual: Floats, fitted: Floats) -> float:
    """Take the share of a fit off the residual that leaves least, in place, and return it."""
    fitted = fitted - fitted.mean(axis=1, keepdims=True)
    size = np.square(fitted).sum()
    share = min(max((residual * fitted).sum() / size, 0.0), 1.0) if size > 0 else 0.0
    residual -= share * fitted
    residual -= residual.mean(axis=1, keepdims=True)
    return float(share)


def take_off(rows: Rows, bins: Bins, model: Additive, part: slice) -> Floats:
    """Take a model off rows that it was not fitted to; return what it says inside bins."""
    tables, inside = model.predict(rows, bins, part)
    share = lower(rows.residual[:, part], tables + inside)
    model.shrink(share)
    return share * inside


def replicated(rows: Rows, bins: Bins, model: Additive, part: slice) -> Floats:
    """Main effects of every column from each replicate of some rows, (R, B, K)."""
    return np.concatenate(
        [term.replicates(bins(term.columns[0], part), rows, part) for term in model.terms], axis=1
    )


def misfit(model: Additive, replicates: Floats, probabilities: Floats, rows: Rows) -> Floats:
    """Variance that the tables miss of the main effects, free of noise, for each output."""
    missed = replicates - np.concatenate([term.table for term in model.terms])
    return probabilities @ product_mean(rows.full(missed))
