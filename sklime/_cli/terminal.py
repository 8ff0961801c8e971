"""Output of the command line on a terminal."""

import shutil
import sys
from collections.abc import Sequence
from textwrap import wrap

from .._views.plots import places, short
from .data import Rank, decimals

# Characters that a bar gets at least, where the terminal is wide enough.
_LEAST_BAR = 10
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def table(ranking: Sequence[Rank], shown: int, title: str) -> list[str]:
    """The ranking, in lines that fit the terminal."""
    digits, largest = decimals(ranking[0].value), max(ranking[0].value, 0) or 1
    rows = [(title, "95 % interval", ""), *((*r.texts(digits), r.mark) for r in ranking[:shown])]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    numbers = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    free = shutil.get_terminal_size().columns - len("rank") - len(numbers[0]) - 3 * len("  ")
    longest = max(places(_clean(line.column)) for line in ranking[:shown])
    name = max(len("column"), min(longest, free - _LEAST_BAR))
    lines = [f"rank  {_pad('column', name)}  {numbers[0]}".rstrip()]
    for line, number in zip(ranking, numbers[1:], strict=False):
        bar = _bar(line.value / largest, free - name)
        lines.append(f"{line.rank:4}  {_pad(line.column, name)}  {number}  {bar}".rstrip())
    if rest := ranking[shown:]:
        lines.append(f"      and {len(rest)} more, up to {rest[0].value:.{digits}f}")
    return lines


def aligned(pairs: dict[str, str]) -> list[str]:
    """Names and texts in two columns."""
    width = max(map(len, pairs)) + 2
    indent = " " * width
    free = shutil.get_terminal_size().columns
    return [
        line
        for name, text in pairs.items()
        for line in wrap(f"{name:{width}}{one_line(text)}", free, subsequent_indent=indent)
    ]


def one_line(text: str) -> str:
    """Text without line breaks and what else would move the cursor."""
    return " ".join(_clean(text).split())


def _clean(text: str) -> str:
    """Text with spaces for what would move the cursor or change the terminal's state."""
    return "".join(c if c.isprintable() else " " for c in text)


def _pad(text: str, width: int) -> str:
    """Text of a given width."""
    cut = short(_clean(text), width)
    return cut + " " * (width - places(cut))


def _bar(share: float, width: int) -> str:
    """A bar in eighths of a character, or in plain characters where there are no others."""
    eighths = max(0, round(share * width * 8))
    bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8]
    return bar if _printable(bar) == bar else "#" * round(share * width)


def _printable(text: str) -> str:
    """Text with question marks for what the output's encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def show(*lines: str) -> None:
    """Write lines to the output, now, in place of what was being done."""
    progress("")
    sys.stdout.write("".join(f"{_printable(_clean(line))}\n" for line in lines))
    sys.stdout.flush()


def progress(text: str) -> None:
    """Say what is being done: on a terminal in a line that the next text replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{one_line(text)}" + " ..." * bool(text))
    elif text:
        sys.stderr.write(f"sklime: {one_line(text)}\n")
    sys.stderr.flush()
