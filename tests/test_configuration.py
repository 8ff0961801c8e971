"""What stands in two files of the configuration is the same in both."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

import sklime

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


def versions(requirements, operator):
    """Name of each requirement that has a specifier with the operator -> version."""
    parsed = [Requirement(text) for text in requirements]
    return {
        each.name: specifier.version.removesuffix(".*")
        for each in parsed
        for specifier in each.specifier
        if specifier.operator == operator
    }


def test_the_oldest_versions_tested_are_the_lower_bounds():
    extras = PROJECT["optional-dependencies"]
    required = [
        *PROJECT["dependencies"],
        *(text for extra in ("plot", "files") for text in extras[extra]),
    ]
    bounds = versions(required + extras["test"], ">=")
    pins = versions(PYPROJECT["tool"]["tox"]["env"]["oldest"]["deps"], "==")
    assert {name: bounds[name] for name in pins} == pins
    assert {Requirement(text).name for text in required} <= pins.keys()


def test_tools_have_the_versions_of_their_hooks():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    revisions = {Version(text) for text in re.findall(r"rev: (\S+)", hooks)}
    pins = [text for text in PYPROJECT["dependency-groups"]["lint"] if "==" in text]
    tools = {Version(text) for text in versions(pins, "==").values()}
    assert len(tools) >= 6
    assert tools <= revisions


def test_python_versions_are_those_of_the_classifiers():
    named = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text]
    tested = [
        env["base_python"][0]
        for env in PYPROJECT["tool"]["tox"]["env"].values()
        if "base_python" in env
    ]
    assert PROJECT["requires-python"] == f">={named[0]}"
    assert tested == [f"python{named[0]}", f"python{named[-1]}"]


def test_every_picture_of_the_readme_has_the_code_that_draws_it_above():
    parts = re.split(r"!\[.*?\]\((\S+\.png)\)", (ROOT / "README.md").read_text())
    images = parts[1::2]
    assert images
    for text, image in zip(parts[::2], images, strict=False):
        assert ">>> display = LimeImportanceDisplay" in text, image
        assert (ROOT / image).exists()
    assert len(set(images)) == len(images)


def test_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sklime.__version__}\n" in citation
    assert f"\nlicense: {PROJECT['license']}\n" in citation
