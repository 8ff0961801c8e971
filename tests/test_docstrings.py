"""Docstrings: complete by numpydoc's rules, and true to the signatures."""

import inspect
import tomllib
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import get_validation_checks, validate

import sklime
from sklime import exceptions

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
CHECKS = get_validation_checks(set(PYPROJECT["tool"]["numpydoc_validation"]["checks"]))
OBJECTS = [f"sklime.{name}" for name in sklime.__all__] + [
    f"sklime.exceptions.{name}" for name, _ in inspect.getmembers(exceptions, inspect.isclass)
]


def resolve(path):
    """The object at a dotted path below the package, a property as itself."""
    found = sklime
    for name in path.split(".")[1:]:
        found = getattr(found, name)
    return found


def members(path):
    """Public methods and properties that a class of the package defines itself."""
    found = resolve(path)
    if not inspect.isclass(found):
        return []
    return [
        f"{path}.{name}"
        for name, member in vars(found).items()
        if not name.startswith("_")
        and (callable(getattr(found, name)) or isinstance(member, property))
    ]


PUBLIC = OBJECTS + [member for path in OBJECTS for member in members(path)]
CALLED = [path for path in PUBLIC if callable(resolve(path)) and "exceptions" not in path]


def documented_defaults(path):
    """Parameter -> the default that its docstring states."""
    defaults = {}
    for parameter in get_doc_object(resolve(path))["Parameters"]:
        _, stated, default = parameter.type.partition("default=")
        if stated:
            defaults[parameter.name] = eval(default)
    return defaults


def test_public_objects_are_found():
    assert len(OBJECTS) == len(sklime.__all__) + 3
    assert {"sklime.Explanations.interactions", "sklime.LimeImportanceWrapper.fit"} < set(PUBLIC)


@pytest.mark.parametrize("path", PUBLIC)
def test_docstrings_pass_the_checks_of_numpydoc(path):
    errors = validate(path)["errors"]
    assert [(code, text) for code, text in errors if code in CHECKS] == []


@pytest.mark.parametrize("path", OBJECTS)
def test_every_object_has_an_example(path):
    assert any(line.startswith(">>> ") for line in get_doc_object(resolve(path))["Examples"])


@pytest.mark.parametrize("path", CALLED)
def test_documented_defaults_are_those_of_the_signature(path):
    parameters = inspect.signature(resolve(path)).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    assert documented_defaults(path) == defaults


def test_help_of_the_wrapper_begins_with_the_parameters_that_matter_first():
    first, _, parameters = inspect.getdoc(sklime.LimeImportanceWrapper).partition("Parameters\n---")
    assert parameters
    assert all(f"`{name}`" in first for name in ("cv", "scoring", "kernel_width", "random_state"))
