"""Files as people have them, read into a table and its target."""

import bz2
import codecs
import csv
import gzip
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from io import StringIO
from itertools import count, islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd

from .columns import decimal_mark, understand
from .data import Dataset, require

# More classes cost more time and memory than an answer is worth.
_MAX_CLASSES = 100

# Rows of which any whole numbers may be the first ones.
_FEW = 20

# Lines that tell how a file is built.
_LOOK = 200

_OPEN: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ID = re.compile(r"(?i:(?:^|[\s_.-])(?:id|uuid|key|index|pid|rownames?|unnamed: \d+)$)|[a-z]ID$")
_PLURALS = {"number": "numbers", "category": "categories", "date": "dates", "time": "times of day"}


def read(
    path: Path,
    target: str | None = None,
    task: str | None = None,
    *,
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
    max_rows: int = 100_000,
    seed: int = 0,
) -> Dataset:
    """Read a table from a file; errors say in one line what is missing or wrong.

    The target is the last column unless named. Columns to `drop` are left out; those to `keep`
    are used although they look like an index, an id or text. Without a `task` strings, booleans,
    categories and few different integers are classes.
    """
    frame, mark, notes = _read_frame(path)
    columns = frame.columns.tolist()
    target = columns[-1] if target is None else target
    for name in (*drop, *keep, target):
        if name not in columns:
            hint = get_close_matches(name, columns, n=3, cutoff=0.5) or columns[:10]
            some = ", ".join(map(repr, hint)) + ", ..." * (len(hint) < len(columns))
            raise ValueError(f"{path.name} has no column {name!r}; it has {some}")
    if target in drop:
        raise ValueError(f"the target {target!r} cannot be dropped: choose another by --target")
    if not set(columns) - {*drop, target}:
        raise ValueError(f"{path.name} has no column beside the target {target!r}")
    y, classes = _prepare_target(frame[target], mark, task)
    rows, n_dropped = f"{len(y):,} rows", len(frame) - len(y)
    if len(y) > max_rows:
        rows = f"{max_rows:,} rows drawn from {len(y):,} (--rows N draws more)"
        y = y.sample(max_rows, random_state=seed).sort_index()
    if y.nunique() == 1:
        raise ValueError(f"the target {target!r} has one value only: choose another by --target")
    if n_dropped:
        rows += f", {n_dropped:,} without a target left out"
    X, summary = _prepare(frame.loc[y.index].drop(columns=[*drop, target]), mark, keep, notes)
    if X.columns.empty:
        raise ValueError(f"{path.name} has no column to learn {target!r} from: {summary}")
    return Dataset(
        name=path.name,
        X=X,
        y=y.to_numpy(),
        columns=X.columns.tolist(),
        target=target,
        classes=classes,
        rows=rows,
        read=summary,
        notes=notes,
    )


def _read_frame(path: Path) -> tuple[Any, str, list[str]]:
    """A frame with names, its decimal mark and notes; whatever goes wrong in one line."""
    if not path.is_file():
        raise ValueError(f"{path} is a folder" if path.is_dir() else f"no such file: {path}")
    kind = re.sub(r"\.(gz|bz2|xz|zip)$", "", path.name.lower()).rpartition(".")[2]
    if kind not in _READERS:
        raise ValueError(
            f"{path.name} is neither a .csv, .tsv, .txt, .json, .parquet nor a .xlsx file"
        )
    if kind in _ENGINES:
        require(_ENGINES[kind], "files", f"reading a .{kind} file")
    notes: list[str] = []
    try:
        frame, mark = _READERS[kind](path, notes)
    except Exception as error:  # readers raise what they like
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    if frame.columns.empty:
        raise ValueError(f"{path.name} holds no table")
    frame.columns = _unique(map(str, frame.columns))
    return frame.reset_index(drop=True), mark, notes


def _text(path: Path, notes: list[str]) -> str:
    """The text of a file, compressed or not, in the encoding that its bytes show."""
    if path.suffix.lower() == ".zip":
        with ZipFile(path) as archive:
            data = archive.read(archive.infolist()[0])
    else:
        with _OPEN.get(path.suffix.lower(), Path.open)(path, "rb") as file:
            data = file.read()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or data[1:2] == b"\0"
    encoding = "utf-16" if wide else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = data.decode(encoding, "replace")
    if "\0" in text:
        raise ValueError("it is no text")
    if encoding != "utf-8-sig":
        notes.append(f"the file is not in utf-8 but in {encoding}")
    return text


def _read_text(path: Path, notes: list[str]) -> tuple[Any, str]:
    """Text with separators: all cells as strings."""
    text = _text(path, notes)
    if not text.strip():
        return pd.DataFrame(), "."
    if first := re.match(r"sep=(.)\r?\n", text):
        text = text[first.end() :]
    separator, text = _layout(text, first[1] if first else ",;\t|", notes)
    options: dict[str, Any] = {"header": None, "dtype": str, "keep_default_na": False}
    rows = pd.read_csv(StringIO(text), sep=separator, skipinitialspace=True, **options)
    frame = _with_header(rows, notes)
    cells = pd.Series(frame.head(_LOOK).to_numpy().ravel())
    return frame, decimal_mark(cells, "," if separator == ";" else ".")


def _layout(text: str, separators: str, notes: list[str]) -> tuple[str, str]:
    """The separator that splits most lines alike, and the text from the header on."""
    lines = list(islice(filter(str.strip, StringIO(text, newline=None)), _LOOK))

    def split(separator: str) -> tuple[float, int, list[list[str]]]:
        plain = [" ".join(line.split()) for line in lines] if separator == " " else lines
        records = list(csv.reader(plain, delimiter=separator, skipinitialspace=True))
        width, n = Counter(map(len, records)).most_common(1)[0]
        return n / len(records) if width > 1 else 0, width, records

    best = max(separators, key=lambda each: split(each)[:2])
    if split(best)[0] < 0.5:
        best = " "
    share, width, records = split(best)
    if share < 0.5:
        return separators[0], text
    start = next(k for k, record in enumerate(records) if len(record) == width)
    before = [len(record) for record in records[:start]]
    # R writes no name for the names of rows; a title has less than half of the fields.
    short = start and width > 2 and before[-1] == width - 1 and records[start][-1] != ""
    if short:
        start -= 1
    elif max(before, default=0) > width // 2:
        start = 0
    _note_start(start, notes)
    text = text[text.index(lines[start].rstrip("\n")) :]
    return best.replace(" ", r"\s+"), f"rownames{best}{text}" if short else text


def _read_json(path: Path, notes: list[str]) -> tuple[Any, str]:
    """Records or rows in a list, in a named list or one a line, or columns by name."""
    text = _text(path, notes)
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        data = [json.loads(line) for line in text.splitlines() if line.strip()]
    names = None
    if isinstance(data, dict):
        inner = [each for each in data.values() if isinstance(each, list) and each]
        records = [each for each in inner if isinstance(each[0], dict)]
        if isinstance(data.get("data"), list):  # as pandas splits a table
            data, names = data["data"], data.get("columns")
        elif len(records) == 1:
            (data,) = records
        elif not any(isinstance(each, list | dict) for each in data.values()):
            data = [data]
    if isinstance(data, dict):
        by_row = all(map(str.isdecimal, data))
        return pd.DataFrame.from_dict(data, orient="index" if by_row else "columns"), "."
    if data and isinstance(data[0], list):
        frame = pd.DataFrame(data, columns=names)
        return (frame if names else _with_header(frame, notes).infer_objects()), "."
    frame, first = pd.json_normalize(data), next(iter(data), ())
    places = {str(name): k for k, name in enumerate(first)}

    def place(name: str) -> int:  # what is nested would come last
        return places.get(name, places.get(name.partition(".")[0], len(places)))

    return frame[sorted(frame, key=place)], "."


def _read_excel(path: Path, notes: list[str]) -> tuple[Any, str]:
    """The first sheet of a workbook, from its first filled cell on."""
    with pd.ExcelFile(path) as book:
        rows = pd.read_excel(book, header=None, dtype=object)
        if len(book.sheet_names) > 1:
            notes.append(f"read is {book.sheet_names[0]!r}, the first of several sheets")
    rows = rows.dropna(how="all")
    return _with_header(rows, notes).infer_objects(), "."


_READERS = {
    **dict.fromkeys(("csv", "tsv", "tab", "txt", "dat"), _read_text),
    **dict.fromkeys(("json", "jsonl", "ndjson"), _read_json),
    "parquet": lambda path, notes: (pd.read_parquet(path), "."),
    "xlsx": _read_excel,
}
_ENGINES = {"parquet": "pyarrow", "xlsx": "openpyxl"}


def _with_header(rows: Any, notes: list[str]) -> Any:
    """The rows with names: their first line, or numbers where that holds values like the rest."""
    filled = rows.notna() & (rows != "")
    start = int(filled.head(_LOOK).mean(axis=1).gt(0.5).to_numpy().argmax())
    rows = rows.iloc[start:].loc[:, filled.iloc[start:].any()]
    _note_start(start, notes)
    names, rest = rows.iloc[0].fillna("").astype(str).str.strip().tolist(), rows.iloc[1:]
    known, n_alike = pd.to_numeric(pd.Series(names), errors="coerce").dropna(), 0
    for name, (_, column) in zip(names, rest.head(10 * _LOOK).items(), strict=True):
        cells = column.astype(str).str.strip()
        numeric = pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5
        n_alike += bool(re.fullmatch(r"-?[\d.,]+", name)) if numeric else name in set(cells) - {""}
    # Years and column numbers are names.
    steps = known.diff()[1:]
    years = known[1:].between(1900, 2100) | (known[1:].between(1500, 2100) & steps.gt(0))
    running = len(known) > 1 and (steps.eq(1) | years).all()
    if 2 * n_alike > len(names) and not running:
        notes.append("the first line holds values, not names: columns are numbered from 1")
        names, rest = [""] * len(names), rows
    rest.columns = names
    return rest


def _note_start(start: int, notes: list[str]) -> None:
    if start:
        notes.append(f"the table begins after {start} line{'s' * (start > 1)} of another kind")


def _unique(names: Iterable[str]) -> list[str]:
    """Names that differ, none of them empty."""
    unique: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        name = first = name.strip() or f"column {number}"
        copies = count(2)
        while name in unique:
            name = f"{first} ({next(copies)})"
        unique[name] = None
    return list(unique)


def _prepare_target(column: Any, mark: str, task: str | None) -> tuple[Any, list[str]]:
    """The target where it is known, and the names of its classes if it has classes."""
    name = column.name
    kind, y, _ = understand(column, mark)
    if kind == "empty":
        raise ValueError(f"no row has a value of the target {name!r}: choose another by --target")
    if kind == "date":
        y = (y - np.datetime64(0, "s")) / np.timedelta64(1, "D")
    numeric = y.dtype == "float64"
    known = y.notna()
    y, column = y[known], column[known]
    n_distinct = (y if numeric else column.astype(str)).nunique()
    integers = numeric and bool((y % 1 == 0).all())
    if task is None:
        few = n_distinct <= min(10, max(2, len(y) // 5))
        task = "classification" if not numeric or (integers and few) else "regression"
    if task == "regression":
        if not numeric:
            raise ValueError(f"the target {name!r} holds no numbers: regression is impossible")
        return y, []
    if n_distinct > _MAX_CLASSES:
        raise ValueError(
            f"the target {name!r} has {n_distinct} different values, "
            f"too many for a classification (at most {_MAX_CLASSES}): choose another by --target"
        )
    classes = y.astype("int64") if integers else column.astype(str).str.strip().astype(object)
    return classes, [str(value) for value in np.unique(classes.to_numpy())]


def _prepare(frame: Any, mark: str, keep: Sequence[str], notes: list[str]) -> tuple[Any, str]:
    """The columns that a model can use, and what became of all of them."""
    used, unused = {}, []
    kinds: Counter[str] = Counter()
    for name, column in frame.items():
        kind, values, n_odd = understand(column, mark)
        if name in keep and values.nunique() > 1:
            kind = kind if kind in _PLURALS else "category"
        elif kind == "number":
            kind = _index(name, values) or kind
        if kind not in _PLURALS:
            unused.append(f"{name} ({kind})")
            continue
        used[name] = values
        kinds[kind] += 1
        if n_odd:
            notes.append(f"cells of {name} that are no {_PLURALS[kind]} count as missing ({n_odd})")
    parts = [f"{n} {kind if n == 1 else _PLURALS[kind]}" for kind, n in kinds.items()]
    summary = ", ".join(parts) + "; " * bool(parts and unused)
    summary += f"not used: {', '.join(unused)}" if unused else ""
    return pd.DataFrame(used, index=frame.index).set_axis(frame.index + 1), summary


def _index(name: str, numbers: Any) -> str:
    """What numbers look like that count the rows or, by their name, only tell them apart."""
    if len(numbers) < _FEW or (numbers % 1 != 0).any():
        return ""
    offset = numbers - numbers.index
    if offset.iloc[0] in (0, 1) and (offset == offset.iloc[0]).all():
        return "looks like an index"
    return "looks like an id" if _ID.search(name) and 2 * numbers.nunique() > len(numbers) else ""
