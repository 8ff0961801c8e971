"""The HTML report of the command line: one page that needs no other file."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from io import StringIO
from typing import Any

import numpy as np

from .. import Explanations, LimeImportanceDisplay
from .._views.html import STYLE, bar_line
from .data import Rank, decimals

# Columns whose effects are drawn, rows that are shown as examples, and columns in each of them.
_N_EFFECTS = 4
_N_ROWS = 3
_IN_ROW = 8

# Dots from which on a picture of them is smaller than their list.
_MANY_DOTS = 100

# A colour that no plot has stands for the colour of the page's text.
_INK = "#010203"


# Colours are the browser's, bright or dark; blue and orange are seen on both.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{style}
<style>
:root {{color-scheme: light dark}}
body {{font: 15px/1.5 system-ui, sans-serif; max-width: 760px; margin: 2rem auto; padding: 0 1rem;
  background: Canvas; color: CanvasText; overflow-wrap: anywhere}}
h1 {{font-size: 1.5rem}}
h2 {{font-size: 1.1rem; margin: 2rem 0 .5rem}}
th {{font-weight: normal; opacity: .75; padding-right: 12px; white-space: nowrap;
  text-align: left; vertical-align: top}}
.sklime th:nth-child(odd) {{text-align: right}}
.sklime {{font-size: inherit; max-width: none}}
.warning {{border-left: 4px solid #D55E00; padding-left: .7rem}}
pre {{white-space: pre-wrap}}
@media (max-width: 500px) {{.sklime {{font-size: 11px}}}}
.plot {{overflow-x: auto}}
svg {{min-width: 500px; max-width: 100%; height: auto; display: block; margin: .7rem 0}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def render(
    title: str,
    facts: Mapping[str, str],
    warned: Sequence[str],
    scores: Sequence[str],
    settings: Sequence[str],
    ranking: Sequence[Rank],
    shown: int,
    value: str,
    explanations: Explanations,
) -> str:
    """Return a whole page, in which nothing given is taken for markup.

    `facts` say what was ranked and how well, `scores` are lines of a cross-validation, `settings`
    are sentences. Of the `ranking` by some `value` the columns `shown` are seen and drawn at once.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="warning">{escape(text)}</p>' for text in warned),
        "<table>",
        *(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in facts.items()),
        "</table>",
        "<h2>Ranking</h2>",
        _ranking(ranking[:shown], value, ranking[0]),
    ]
    if rest := ranking[shown:]:
        more = _ranking(rest, value, ranking[0])
        body.append(f"<details><summary>and {len(rest)} more</summary>{more}</details>")
    if scores:
        body += ["<h2>Cross-validation</h2>", f"<pre>{escape(chr(10).join(scores))}</pre>"]
    caption = ""
    for heading, options in _pictures(explanations, [line.column for line in ranking]):
        body += [f"<h2>{heading}</h2>"] * (heading != caption)
        body.append(_svg(explanations, {"max_features": shown} | options))
        caption = heading
    body += ["<h2>How it was done</h2>", *(f"<p>{escape(text)}</p>" for text in settings)]
    return _PAGE.format(title=escape(title), style=STYLE, body="\n".join(body))


def _ranking(ranking: Sequence[Rank], value: str, first: Rank) -> str:
    """A table with bars."""
    digits, largest = decimals(first.value), max(first.value, 0) or 1
    titles = ("rank", "column", value, "95 % interval")
    lines = [f"<tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>"]
    for each in ranking:
        cells = [("number", each.rank), ("name", each.column)]
        cells += [("number", text) for text in (*each.texts(digits), each.mark)]
        lines.append(bar_line(cells, max(each.value, 0) / largest, each.told))
    return "\n".join(['<div class="sklime"><table>', *lines, "</table></div>"])


def _pictures(
    explanations: Explanations, columns: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is drawn under which caption: the options of the display."""
    names, predictions = explanations.output_names.tolist(), explanations.predictions
    several = len(names) > 2 or (len(names) == 2 and explanations.classes is None)
    label = names[predictions.mean(axis=0).argmax()] if several else None
    if several:
        yield "Importances for each output", {"kind": "heatmap"}
    else:
        yield "Rows", {"kind": "beeswarm"}
    if explanations.effects:
        for name in columns[:_N_EFFECTS]:
            yield "What the first columns add", {"kind": "effect", "column": name, "label": label}
        yield "Columns that work together", {"kind": "interactions"}
    for row in explanations.pick(min(_N_ROWS, len(explanations))):
        label = names[predictions[row].argmax()] if several else None
        options = {"kind": "row", "row": row, "label": label, "max_features": _IN_ROW}
        yield "Example rows (the first below the names is 1)", options


def _svg(explanations: Explanations, options: Mapping[str, Any]) -> str:
    """A plot as a part of the page, in the colour of its text."""
    from matplotlib import rc_context

    parts = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: Any = {"svg.fonttype": "none"} | dict.fromkeys(parts, _INK)
    image = StringIO()
    with rc_context(style):
        draw(image, explanations, options, format="svg", transparent=True)
    svg = image.getvalue().partition("<svg")[2].replace(_INK, "currentColor")
    return f'<div class="plot"><svg{svg}</div>'


def draw(file: Any, explanations: Explanations, options: Mapping[str, Any], **saved: Any) -> None:
    """Draw by the display's `options` into a file, with matplotlib's options of `savefig`."""
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes; there is no more to say of each one.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        display = LimeImportanceDisplay.from_explanations(explanations, **options)
        for each in display.ax_.collections:
            each.set_rasterized(np.size(each.get_offsets()) > _MANY_DOTS)
        plt.savefig(file, dpi=150, **saved)
        plt.close()
