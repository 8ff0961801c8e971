"""Results as small tables of HTML, for notebooks and pages, bright or dark."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from .._anova.effects import Effects, variance_split
from .._statistics.estimates import Estimate
from .pictures import largest
from .plots import Names, texts

STYLE = """<style>
.sklime {font-size: 13px; line-height: 1.4; max-width: 640px}
.sklime p {margin: 4px 0}
.sklime table {border-collapse: collapse; table-layout: auto; width: 100%;
  margin: 6px 0; color: inherit; font-size: inherit}
.sklime tr, .sklime td {background: none; border: 0}
.sklime td {padding: 1px 8px 1px 0; white-space: nowrap; width: 1%}
.sklime .name {text-align: left; width: 30%; white-space: normal; overflow-wrap: anywhere}
.sklime .number {text-align: right; font-variant-numeric: tabular-nums}
.sklime .track {width: auto; min-width: 3em}
.sklime .bar {background: #0072B2; height: 11px; min-width: 1px}
.sklime .negative {background: #D55E00}
.sklime .quiet {opacity: 0.75}
.sklime .faint td {font-style: italic; opacity: 0.75}
.sklime .faint .bar {background: none; border: 1px solid; box-sizing: border-box; min-width: 3px}
</style>"""


def ranking(title: str, names: Names, estimate: Estimate, notes: Sequence[str] = ()) -> str:
    """Return a table of names by decreasing size of their values, with bars.

    It takes the colours of its page. Standard errors that are not finite are left out; values
    whose interval holds 0 are in italics, with empty bars.
    """
    values, sem, told = estimate.values, estimate.sem, estimate.told()
    shown, rest = largest(values, 15)
    numbers = np.reshape(texts(np.append(values[shown], sem[shown])), (2, -1))
    shares = values / (np.abs(values).max(initial=0) or 1)
    lines = []
    for j, number, error in zip(shown, *numbers, strict=True):
        known = f"± {error}" if np.isfinite(sem[j]) else ""
        cells = [("name", names[j]), ("number", number), ("number quiet", known)]
        lines.append(bar_line(cells, shares[j], told[j]))
    more = [rest] if rest else []
    if not told[shown].all():
        more.append("italic, empty bar: the 95 % interval holds 0")
    return fragment(title, lines, [*more, *notes])


def bar_line(cells: Iterable[tuple[str, Any]], share: float, told: bool = True) -> str:
    """Return a line of a table: kinds and texts of cells, and a bar."""
    texts = "".join(f'<td class="{kind}">{escape(str(text))}</td>' for kind, text in cells)
    kind = "bar negative" if share < 0 else "bar"
    bar = f'<td class="track"><div class="{kind}" style="width: {abs(share):.1%}"></div></td>'
    return f'<tr class="{"told" if told else "faint"}">{texts}{bar}</tr>'


def fragment(title: str, lines: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return a table of lines with a title above and notes below."""
    below = [f'<p class="quiet">{escape(note)}</p>' for note in notes]
    table = ["<table>", *lines, "</table>"] if lines else []
    head = ['<div class="sklime">', STYLE, f"<p><b>{escape(title)}</b></p>"]
    return "\n".join([*head, *table, *below, "</div>"])


def describe(explained: Any) -> list[str]:
    """How many rows were explained, how well, and how."""
    n, d, n_outputs = explained.attributions.shape
    counts = f"{n} rows, {d} columns"
    if n_outputs > 1:
        counts += f", {n_outputs} {'outputs' if explained.classes is None else 'classes'}"
    scores = explained.scores[~np.isnan(explained.scores)]
    if scores.size:
        low, middle, high = np.percentile(scores, [25, 50, 75])
        fit = f"R² of the rows: median {middle:.2f}, half of them {low:.2f} to {high:.2f}"
    elif explained.kernel_width == 0:
        fit = "one column changed at a time"
    else:
        fit = "R² of the rows: none, for the predictions are constant"
    rows = "perturbed rows" if explained.kernel_width else "redraws of each cell"
    made = f"engine {explained.engine} · {explained.num_samples} {rows}"
    width = f"kernel width {explained.kernel_width:.3g}"
    parts = [] if explained.coefficients is not None else variance(explained.effects)
    return [" · ".join([counts, fit, *parts, made, width])]


def variance(models: Sequence[Effects]) -> list[str]:
    """What the variance of the response is made of, where the engine knows it."""
    if not models:
        return []
    splits = np.mean([variance_split(effects) for effects in models], axis=0)
    shares = splits.mean(axis=1)
    if np.isnan(shares[0]):  # an output does not vary
        return []
    texts = ("main effects", "pairs", "higher orders")
    parts = [f"{text} {share:.0%}" for text, share in zip(texts, shares, strict=False)]
    return [f"variance: {', '.join(parts)}, inside bins {shares[3]:.0%}"]
