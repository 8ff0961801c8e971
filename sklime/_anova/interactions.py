"""Pairs and triples of columns that interact, found and fitted together."""

import itertools
from collections.abc import Iterable

import numpy as np

from .search import Search
from .terms import CELLS, Batch, Binned, Columns, Floats, Ints, Law, Rows, Term, inverse

MAX_GROUPS = 10  # of a column's bins, in the tables of its interactions
MAX_TRIPLE_COLUMNS = 10  # columns among which triples are searched for, the most active
RARE = 0.002  # share of the rows; rarer bins join others in interactions
MAX_SEARCHES = 3  # for pairs; each sees what stronger pairs hid
# Terms that are fitted at once have so many rows for each of their degrees of freedom, and at the
# most this share of the variance left: they hardly disturb one another.
ROWS_A_FREEDOM = 32
AT_ONCE = 0.1
LEAST_FALL = 0.85  # of the residual, above which strong pairs hide nothing more
LEAST_HIDDEN = 0.015  # share of the variance in pairs not found that is worth one more
LEAST_UNKNOWN = 0.1  # share of the variance that is worth a search for triples
LEAST_LOOKED = 2048  # rows in which terms are searched for, at the least
MOST_PRODUCTS = 2**37  # of a search for pairs, so that wide tables do not wait for it


class Interactions:
    """Pairs and triples with signal, searched for in the random rows and fitted on all.

    Attributes
    ----------
    terms : list of Term
    all_pairs : float
        Variance of all pairs, found or not, over all outputs.
    error : float
        Its standard error, relative to the variance left beside main effects.
    """

    def __init__(self, rows: Rows, codes: Binned, law: Law) -> None:
        self.rows, self.codes, self.law = rows, codes, law
        self._terms: dict[Columns, Term] = {}
        self.all_pairs, self.error = 0.0, 0.0
        self.looked = rows.random  # rows in which terms are searched for

    @property
    def terms(self) -> list[Term]:
        return [self._terms[columns] for columns in sorted(self._terms, key=lambda c: (len(c), c))]

    def fit(self, activity: Floats, unknown: float, shrinkage: bool, working_memory: int) -> None:
        """Find and fit pairs, and triples where pairs leave much of a variance unknown.

        The variances (d,) of main effects say which columns to look at for triples.
        """
        rows, d = self.rows, len(activity)
        looked = max(LEAST_LOOKED, MOST_PRODUCTS // np.count_nonzero(self.law.designs) ** 2)
        self.looked = slice(rows.random.start, min(rows.random.stop, rows.random.start + looked))
        random = self.codes.columns(np.arange(d), rows.random)[:, :looked]
        search = Search(random, self.law.designs, working_memory)
        self.error = search.error()
        if shrinkage:
            self._find(search, activity, unknown)
        else:
            for order in (2, 3):
                self._add(dict.fromkeys(itertools.combinations(range(d), order), 1.0))
        self._pass(list(self._terms))  # to take their noise off one another

    def _find(self, search: Search, activity: Floats, unknown: float) -> None:
        """Add the pairs that are found, and triples where much is unknown."""
        rows = self.rows
        for _ in range(MAX_SEARCHES):
            before = rows.variance(rows.random).sum()
            found = search.pairs(rows.residual[:, self.looked])
            # What all pairs, found or not, add to those fitted before.
            left = rows.full(rows.residual.T).var(axis=0).sum()
            pairs = self._variance() + search.share * left
            self._add({c: share for c, share in found.items() if c not in self._terms})
            hidden = pairs + search.error() * left - self._variance()
            fallen = rows.variance(rows.random).sum() <= LEAST_FALL * before
            if not fallen or hidden < LEAST_HIDDEN * rows.total:
                break
        self.all_pairs = pairs
        if unknown - pairs > LEAST_UNKNOWN * rows.total:
            for term in self._terms.values():
                activity[list(term.columns)] += term.variances[0]
            active = np.sort(np.argsort(-activity, kind="stable")[:MAX_TRIPLE_COLUMNS])
            self._add(search.triples(rows.residual[:, self.looked], active.tolist()))

    def _add(self, signal: dict[Columns, float]) -> None:
        """Fit new terms, given the share of signal in the random rows' table of each."""
        rows = self.rows
        noise = rows.variance(self.looked).sum() / rows.count(self.looked)
        for columns, share in signal.items():
            odds, own = share / (1 - share) * noise if share < 1 else np.inf, list(columns)
            table = np.zeros((*self.law.sizes[own], len(rows.scale)))
            self._terms[columns] = Term(columns, odds, int(self.law.ranks[own].prod()), table)
        self._pass(signal)

    def _pass(self, chosen: Iterable[Columns]) -> None:
        """Fit terms to what all others leave, the first ones first, and drop those that are noise.

        Keeps the estimates from each replicate.
        """
        rows, terms = self.rows, [self._terms[columns] for columns in chosen]
        variance, n_rows = rows.variance(rows.all).sum(), rows.count(rows.all)
        costs = [max(term.freedom * ROWS_A_FREEDOM / n_rows, n_rows / CELLS) for term in terms]
        for t, term in enumerate(terms):
            if not term.table.any():  # what it is expected to have still disturbs others
                share = term.odds * term.freedom * inverse(variance)
                costs[t] = max(costs[t], min(float(share) / AT_ONCE, 1.0))
        # Costs of the terms before; whole numbers but for rounding are these numbers.
        places = zip(np.floor(np.cumsum([1e-9, *costs])[:-1]).tolist(), terms, strict=True)
        for _, batch in itertools.groupby(places, lambda place: (place[0], len(place[1].columns))):
            own = [term for _, term in batch]
            Batch(own, self.law).improve(rows, self.codes, variance / n_rows)
            for term in own:
                if not term.table.any():
                    del self._terms[term.columns]

    def _variance(self) -> float:
        """Variance of all that was found, over all outputs."""
        return float(sum(term.variances[1:].sum() for term in self._terms.values()))


def groups_of_bins(design: Floats, table: Floats) -> Ints:
    """Group of each bin of a column in its interactions: of similar main effect, and none rare."""
    many = len(design) > MAX_GROUPS
    if not many and design[design > 0].min() >= RARE:
        return np.arange(len(design))
    spread = np.sqrt(design)[:, None] * table
    direction = np.linalg.svd(spread, full_matrices=False)[2][0]
    order = np.argsort(table @ direction, kind="stable")
    groups = np.empty(len(design), dtype=np.intp)
    group, mass = 0, 0.0
    for b in order:
        if mass >= (1 / MAX_GROUPS if many else RARE):
            group, mass = group + 1, 0.0
        groups[b] = group
        mass += design[b]
    if group and mass < RARE:
        groups[groups == group] = group - 1
    return groups
