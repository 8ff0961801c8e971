"""Draw the pictures of the README: each is what the code above it draws.

Run as ``python benchmarks/pictures.py``.
"""

import re
from contextlib import redirect_stdout
from doctest import DocTestParser
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl

from sklime import LimeImportanceDisplay

ROOT = Path(__file__).parents[1]


def main() -> None:
    mpl.use("Agg")
    parts = re.split(r"!\[.*?\]\((\S+\.png)\)", (ROOT / "README.md").read_text())
    drawn: list[LimeImportanceDisplay] = []
    names: dict[str, Any] = {}
    for text, image in zip(parts[::2], [*parts[1::2], None], strict=True):
        displays = run(text, names)
        if displays:
            drawn = displays
        if image is not None:
            if not drawn:
                raise ValueError(f"The code above {image} draws nothing that is not shown already.")
            drawn.pop(0).figure_.savefig(ROOT / image, dpi=80)
            print(image)


def run(text: str, names: dict[str, Any]) -> list[LimeImportanceDisplay]:
    """Run the examples in a text; what they draw, in that order."""
    displays = []
    for example in DocTestParser().get_examples(text):
        with redirect_stdout(StringIO()):
            exec(compile(example.source, "README.md", "single"), names)
        display = names.get("display")
        if example.source.startswith("display =") and isinstance(display, LimeImportanceDisplay):
            displays.append(display)
    return displays


if __name__ == "__main__":
    main()
