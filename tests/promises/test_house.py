"""Imports run one way only: from what users call to what knows arrays alone."""

import ast
from pathlib import Path

import pytest

import sklime

ROOT = Path(sklime.__file__).parent

# Steps of the way, each of which imports only from those after it.
STEPS = (
    {"__init__", "__main__"},
    {"_cli"},
    {"_display", "_wrapper", "_importance"},
    {"_delegation"},
    {"_explainer"},
    {"_importances"},
    {"_engines", "_explanations", "_stability"},
    {"_rows"},
    {"_interactions"},
    {"_views", "_neighborhood"},
    {"_anova", "_statistics", "_tables", "_model"},
    {"_typing", "exceptions"},
)
STEP = {room: i for i, rooms in enumerate(STEPS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def imported(path):
    """Modules of the package that a file imports, as tuples of names."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = here[: len(here) - node.level]
            for alias in node.names:
                whole = (*start, *(node.module or "").split("."), alias.name)
                yield tuple(name for name in whole if name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    room = path.relative_to(ROOT).with_suffix("").parts[0]
    for target in imported(path):
        other = target[0]
        if other in STEP and other != room:
            allowed = STEP[room] < STEP[other] or (room, other) == ("_wrapper", "_importance")
            assert allowed, f"{room} imports {'.'.join(target)}"


def test_the_root_lists_a_dozen_files_at_most():
    assert len(list(ROOT.glob("*.py"))) <= 12


def test_files_of_a_room_do_not_import_in_circles():
    edges = {}
    for path in FILES:
        name = path.relative_to(ROOT).with_suffix("").parts
        known = {other.relative_to(ROOT).with_suffix("").parts for other in FILES}
        targets = {t if t in known else t[:-1] for t in imported(path)}
        edges[name] = {t for t in targets if t in known and name[-1] != "__init__"}
    while leaves := {name for name, targets in edges.items() if not targets & edges.keys()}:
        edges = {name: targets for name, targets in edges.items() if name not in leaves}
    assert not edges


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            assert node.end_lineno - start <= 60, node.name
