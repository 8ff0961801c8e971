"""The HTML report of the command line: one page that needs no other file."""

import platform
import warnings
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from math import floor, log10
from typing import Any, NamedTuple

from .. import __version__
from .._display import LimeImportanceDisplay
from .._explanations import Explanations


class Rank(NamedTuple):
    """A column in the ranking, with its standard error."""

    rank: int
    column: str
    importance: float
    sem: float


# Colours are the browser's, bright or dark; blue and orange are seen on both.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{color-scheme: light dark}}
body {{font: 15px/1.5 system-ui, sans-serif; max-width: 760px; margin: 2rem auto; padding: 0 1rem;
  background: Canvas; color: CanvasText}}
h1 {{font-size: 1.5rem; overflow-wrap: anywhere}}
h2 {{font-size: 1.1rem; margin: 2rem 0 .5rem}}
table {{border-collapse: collapse; width: 100%}}
th, td {{padding: 2px 12px 2px 0; text-align: left}}
thead th {{border-bottom: 1px solid; white-space: nowrap}}
td {{overflow-wrap: anywhere}}
.settings th {{font-weight: normal; width: 11rem; opacity: .75; vertical-align: top}}
.number {{text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums}}
.track {{width: 30%}}
.bar {{background: #0072B2; height: 12px; min-width: 1px}}
.warning {{border-left: 4px solid #D55E00; padding-left: .7rem; overflow-wrap: anywhere}}
pre {{white-space: pre-wrap; overflow-wrap: anywhere}}
img {{max-width: 100%; width: 700px}}
</style>
</head>
<body>
{body}
</body>
</html>
"""

_CAPTIONS = {
    "bar": "Importances with their standard errors",
    "beeswarm": "Weights of the explained rows, coloured by the value of the column",
    "heatmap": "Importances for each class",
}

_PACKAGES = ("scikit-learn", "numpy", "scipy", "lime", "pandas", "matplotlib")


def render(
    *,
    title: str,
    facts: Mapping[str, str],
    scores: Sequence[str],
    ranking: Sequence[Rank],
    shown: int,
    explanations: Explanations,
    settings: Mapping[str, Any],
    warned: Sequence[str],
) -> str:
    """Return the report.

    Parameters
    ----------
    title : str
        Plain text, as everything else.
    facts : mapping of str to str
        What was ranked, and what the numbers mean.
    scores : sequence of str
        Lines with the scores of the cross-validation, if there was one.
    ranking : sequence of Rank
        All columns, the most important one first.
    shown : int
        How many of them are seen and drawn at once.
    explanations : Explanations
        What is drawn.
    settings : mapping of str to object
        What it takes to do it again.
    warned : sequence of str
        What went wrong on the way.

    Returns
    -------
    html : str
        A whole page. Nothing in it is taken for markup but what this function writes.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="warning">{escape(text)}</p>' for text in warned),
        _settings(facts),
        "<h2>Ranking</h2>",
        _ranking(ranking[:shown], ranking[0].importance),
    ]
    if rest := ranking[shown:]:
        more = _ranking(rest, ranking[0].importance)
        body.append(f"<details><summary>and {len(rest)} more</summary>{more}</details>")
    if scores:
        body += ["<h2>Cross-validation</h2>", f"<pre>{escape(chr(10).join(scores))}</pre>"]
    for kind in _kinds(explanations):
        body += [f"<h2>{_CAPTIONS[kind]}</h2>", _figure(explanations, kind, shown)]
    body += ["<h2>Settings</h2>", _settings(settings), "<h2>Versions</h2>", _settings(_versions())]
    return _PAGE.format(title=escape(title), body="\n".join(body))


def _ranking(lines: Sequence[Rank], largest: float) -> str:
    """A table with bars."""
    digits = decimals(largest)
    rows = []
    for rank, column, *numbers in lines:
        cells = "".join(f'<td class="number">{number:.{digits}f}</td>' for number in numbers)
        share = numbers[0] / (largest or 1)
        rows.append(
            f'<tr><td class="number">{rank}</td><td>{escape(column)}</td>{cells}'
            f'<td class="track"><div class="bar" style="width: {share:.1%}"></div></td></tr>'
        )
    header = (
        '<th scope="col">rank</th><th scope="col">column</th>'
        '<th scope="col" class="number">importance</th>'
        '<th scope="col" class="number">std. error</th><th></th>'
    )
    return "\n".join(
        ["<table>", f"<thead><tr>{header}</tr></thead><tbody>", *rows, "</tbody></table>"]
    )


def decimals(largest: float) -> int:
    """Decimals that show four digits of the largest number."""
    return max(0, 3 - floor(log10(largest))) if largest > 0 else 4


def _settings(settings: Mapping[str, Any]) -> str:
    """A table of names and values."""
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in settings.items()
    ]
    return "\n".join(['<table class="settings">', *rows, "</table>"])


def _versions() -> dict[str, str]:
    """Versions of what took part; pandas and matplotlib may be missing."""
    versions = {"sklime": __version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _kinds(explanations: Explanations) -> list[str]:
    """The plots that suit the outputs: a swarm shows one, or one of two mirrored ones."""
    n_outputs = len(explanations.output_names)
    one = n_outputs == 1 or (n_outputs == 2 and explanations.classes is not None)
    return ["bar", "beeswarm" if one else "heatmap"]


def _figure(explanations: Explanations, kind: str, shown: int) -> str:
    """A plot for bright and one for dark pages, of which the browser shows the right one."""
    bright, dark = (
        _png(explanations, kind, shown, style) for style in ("default", "dark_background")
    )
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{bright}" alt="{_CAPTIONS[kind]}"></picture>'
    )


def _png(explanations: Explanations, kind: str, shown: int, style: str) -> str:
    """A plot as a data URL."""
    image = BytesIO()
    draw(image, explanations, shown, kind, style, format="png", dpi=144, transparent=True)
    return f"data:image/png;base64,{b64encode(image.getvalue()).decode()}"


def draw(
    file: Any,
    explanations: Explanations,
    shown: int,
    kind: str = "bar",
    style: str = "default",
    **options: Any,
) -> None:
    """Draw into a file, with matplotlib's options of `savefig`."""
    import matplotlib.pyplot as plt

    with plt.style.context(style), warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes; there is no more to say of each one.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        LimeImportanceDisplay.from_explanations(explanations, kind=kind, max_features=shown)
        plt.savefig(file, **options)
        plt.close()
