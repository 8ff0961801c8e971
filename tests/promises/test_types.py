"""The README's lines have types that mypy knows."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def test_mypy_knows_what_the_readme_does(tmp_path):
    examples = doctest.DocTestParser().get_examples(README.read_text(encoding="utf-8"))
    lines = "".join(example.source for example in examples)
    lines += (
        "\nreveal_type(LimeImportanceWrapper(svm).fit(X, y))"
        "\nreveal_type(lime_importance(svm, X))"
        "\nreveal_type(lime_importance(svm, X).explanations)\n"
    )
    path = tmp_path / "readme.py"
    path.write_text(lines, encoding="utf-8")
    options = ["--ignore-missing-imports", "--no-error-summary", "--allow-redefinition"]
    process = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--cache-dir", ROOT / ".mypy_cache", path],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "", "SYSTEMROOT": ""},
    )
    told = re.findall(r'Revealed type is "([^"]*)"', process.stdout)
    assert told == [
        "sklime._wrapper.LimeImportanceWrapper",
        "sklime._importances.Importances",
        "sklime._explanations.Explanations",
    ]
    # In the README's own lines: what mypy makes of the package's depends on NumPy's version.
    errors = re.findall(r"readme\.py:\d+: error: (.*)", process.stdout)
    assert not [error for error in errors if "sklime" in error or "Lime" in error], errors
