"""Data sets for the command line: a table of numbers, dates and categories, and a target."""

import bz2
import codecs
import csv
import gzip
import importlib
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from .columns import decimal_mark, understand

# More classes cost more time and memory than an answer is worth.
_MAX_CLASSES = 100

# Rows of which any whole numbers may be the first ones.
_FEW = 20

# Lines that tell how a file is built.
_LOOK = 100

_TEXT = ("csv", "tsv", "tab", "txt", "dat", "json", "jsonl", "ndjson")
_OPEN: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ID = re.compile(r"(?i:(?:^|[\s_.-])(?:id|uuid|key|index|pid|rownames?|unnamed: \d+)$)|[a-z]ID$")
_PLURALS = {"number": "numbers", "category": "categories", "date": "dates", "time": "times of day"}


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table with its target, and words on how it was read."""

    name: str
    X: Any  # ndarray, or pandas.DataFrame of float64, datetime64 and categories of strings
    y: NDArray[Any]
    columns: list[str]
    target: str
    classes: list[str]  # none in a regression
    rows: str
    read: str
    notes: list[str]


def breast_cancer() -> Dataset:
    """Return scikit-learn's breast cancer data, which need no file and no pandas."""
    data = load_breast_cancer()
    return Dataset(
        name="breast cancer (scikit-learn)",
        X=data.data,
        y=data.target_names[data.target],
        columns=data.feature_names.tolist(),
        target="diagnosis",
        classes=sorted(data.target_names.tolist()),
        rows=f"{len(data.data):,} rows",
        read=f"{data.data.shape[1]} numbers",
        notes=[],
    )


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
    """Read a table from a file, of at most `max_rows` rows.

    The target is the last column unless named. Columns to `drop` are left out; those to `keep`
    are used although they look like an index, an id or text. Without a `task` strings, booleans,
    categories and few different integers are classes.

    Raises
    ------
    ImportError
        If a package that reads the file is not installed.
    ValueError
        If the file cannot be read, or has no such column or nothing to learn from.
    """
    frame, mark, notes = _read_frame(path)
    columns = frame.columns.tolist()
    target = columns[-1] if target is None else target
    for name in (*drop, *keep, target):
        _check_name(columns, name, path.name)
    if target in drop:
        raise ValueError(f"the target {target!r} cannot be dropped: choose another by --target")
    if not set(columns) - {*drop, target}:
        raise ValueError(f"{path.name} has no column beside the target {target!r}")
    y, classes = _prepare_target(frame[target], mark, task, path.name)
    n_dropped = len(frame) - len(y)
    rows = f"{len(y):,} rows"
    if len(y) > max_rows:
        rows = f"{max_rows:,} rows drawn from {len(y):,} (--rows N draws more)"
        y = y.sample(max_rows, random_state=seed).sort_index()
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


def require(module: str, extra: str, purpose: str) -> Any:
    """Import an optional module, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {module}, which is not installed: "
            f'python -m pip install ".[{extra}]" in the clone of sklime installs it'
        ) from error


def _read_frame(path: Path) -> tuple[Any, str, list[str]]:
    """A frame with names, its decimal mark and notes; whatever goes wrong in one line."""
    if not path.is_file():
        raise ValueError(f"{path} is a folder" if path.is_dir() else f"no such file: {path}")
    match = re.search(r"\.([a-z]+)(?:\.(gz|bz2|xz|zip))?$", path.name.lower())
    kind = match[1] if match else ""
    if kind not in (*_TEXT, "parquet", "xlsx"):
        raise ValueError(
            f"{path.name} is neither a .csv, .tsv, .txt, .json, .parquet nor a .xlsx file"
        )
    for module in ("pandas", "skrub", *_ENGINES.get(kind, ())):
        require(module, "files", f"reading a .{kind} file")
    notes: list[str] = []
    try:
        frame, mark = _READERS.get(kind, _read_text)(path, notes)
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
    encodings = ["utf-8-sig", "cp1252"]
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encodings = ["utf-16"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        if encoding != "utf-8-sig":
            notes.append(f"the file is not in utf-8 but in {encoding}")
        return text
    raise ValueError("it is no text")


def _read_text(path: Path, notes: list[str]) -> tuple[Any, str]:
    """Text with separators: all cells as strings."""
    import pandas as pd

    text = _text(path, notes)
    if first := re.match(r"sep=(.)\r?\n", text):
        text = text[first.end() :]
    separator = first[1] if first else _separator(text)
    rows = pd.read_csv(
        StringIO(text),
        sep=separator,
        header=None,
        dtype=str,
        keep_default_na=False,
        skipinitialspace=True,
        skip_blank_lines=True,
    )
    frame = _with_header(rows, notes)
    cells = pd.Series(frame.head(_LOOK).to_numpy().ravel())
    return frame, decimal_mark(cells, "," if separator == ";" else ".")


def _separator(text: str) -> str:
    """The separator that makes most columns, the same number in each line."""
    lines = list(islice((line for line in StringIO(text, newline=None) if line.strip()), _LOOK))

    def n_columns(separator: str) -> int:
        widths = set(map(len, csv.reader(lines, delimiter=separator, skipinitialspace=True)))
        return max(widths) if len(widths) == 1 else 1

    best = max(",;\t|", key=n_columns)
    # With none of them, lines of different lengths will say what is wrong with commas.
    blanks = {len(line.split()) for line in lines}
    return r"\s+" if n_columns(best) == 1 and len(blanks) == 1 and blanks != {1} else best


def _read_json(path: Path, notes: list[str]) -> tuple[Any, str]:
    """Records in a list, in a named list or one a line, or columns by name."""
    import pandas as pd

    text = _text(path, notes)
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        data = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(data, dict):
        lists = [each for each in data.values() if isinstance(each, list)]
        data = lists[0] if len(lists) == 1 and isinstance(lists[0][0], dict) else data
    frame = pd.DataFrame(data) if isinstance(data, dict) else pd.json_normalize(data)
    return frame, "."


def _read_excel(path: Path, notes: list[str]) -> tuple[Any, str]:
    """The first sheet of a workbook, from its first filled cell on."""
    import pandas as pd

    with pd.ExcelFile(path) as book:
        rows = pd.read_excel(book, header=None, dtype=object)
        if len(book.sheet_names) > 1:
            notes.append(f"read is {book.sheet_names[0]!r}, the first of several sheets")
    rows = rows.dropna(how="all").dropna(how="all", axis=1)
    return _with_header(rows, notes).infer_objects(), "."


def _read_parquet(path: Path, notes: list[str]) -> tuple[Any, str]:
    import pandas as pd

    return pd.read_parquet(path), "."


_READERS = {
    "json": _read_json,
    "jsonl": _read_json,
    "ndjson": _read_json,
    "parquet": _read_parquet,
    "xlsx": _read_excel,
}
_ENGINES = {"parquet": ("pyarrow",), "xlsx": ("openpyxl",)}


def _with_header(rows: Any, notes: list[str]) -> Any:
    """The rows with names: their first line, or numbers where that holds values like the rest."""
    import pandas as pd

    names, rest = rows.iloc[0].fillna("").astype(str).str.strip().tolist(), rows.iloc[1:]
    known, n_alike = pd.to_numeric(pd.Series(names), errors="coerce").dropna(), 0
    for name, (_, column) in zip(names, rest.head(10 * _LOOK).items(), strict=True):
        cells = column.astype(str).str.strip()
        numeric = pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5
        n_alike += bool(re.fullmatch(r"-?[\d.,]+", name)) if numeric else name in set(cells) - {""}
    # Years and column numbers are names.
    running = len(known) > 1 and (known.diff()[1:].eq(1) | known[1:].between(1900, 2100)).all()
    if 2 * n_alike > len(names) and not running:
        notes.append("the first line holds values, not names: columns are numbered from 1")
        names, rest = [""] * len(names), rows
    rest.columns = names
    return rest


def _unique(names: Iterable[str]) -> list[str]:
    """Names that differ, none of them empty."""
    seen: Counter[str] = Counter()
    unique = []
    for number, name in enumerate(names, start=1):
        name = name.strip() or f"column {number}"
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique


def _check_name(columns: list[str], name: str, file: str) -> None:
    """Refuse a column that is not there, and name similar ones."""
    if name not in columns:
        hint = get_close_matches(name, columns, n=3, cutoff=0.5) or columns[:10]
        raise ValueError(
            f"{file} has no column {name!r}; it has {', '.join(map(repr, hint))}"
            + (", ..." if len(hint) < len(columns) else "")
        )


def _prepare_target(column: Any, mark: str, task: str | None, file: str) -> tuple[Any, list[str]]:
    """The target where it is known, and the names of its classes if it has classes."""
    name = column.name
    kind, y, _ = understand(column, mark)
    if kind == "empty":
        raise ValueError(f"{file} has no rows with a target ({name!r})")
    if kind == "one value":
        raise ValueError(f"the target {name!r} has one value only: there is nothing to explain")
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
            f"too many for a classification (at most {_MAX_CLASSES})"
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
            notes.append(f"{n_odd} cells of {name} are no {_PLURALS[kind]} and count as missing")
    parts = [f"{n} {kind if n == 1 else _PLURALS[kind]}" for kind, n in kinds.items()]
    summary = ", ".join(parts) + ("; " if parts and unused else "")
    summary += f"not used: {', '.join(unused)}" if unused else ""
    return type(frame)(used, index=frame.index).reset_index(drop=True), summary


def _index(name: str, numbers: Any) -> str:
    """What numbers look like that count the rows or, by their name, only tell them apart."""
    if len(numbers) < _FEW or not numbers.is_unique or (numbers % 1 != 0).any():
        return ""
    offset = numbers - numbers.index
    if offset.iloc[0] in (0, 1) and (offset == offset.iloc[0]).all():
        return "looks like an index"
    return "looks like an id" if _ID.search(name) else ""
