"""The example notebook runs from top to bottom, and shows what its words say."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parents[1] / "benchmarks" / "example.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


@pytest.fixture(scope="module")
def names():
    found = {}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), found)
    plt.close("all")
    return found


def test_columns_that_cannot_matter_are_used_but_not_kept(names):
    used = names["wrapper"].importances_.to_frame().query("told")["column"].tolist()
    assert used[:2] == ["sex", "pclass"]
    assert any("random" in name for name in used)
    assert {"sex", "pclass"} <= set(names["kept"])
    assert sum("random" in name for name in names["kept"]) <= 1


def test_women_of_the_first_classes_are_the_pair_that_counts(names):
    pair = names["pairs"][0]
    assert {pair.first, pair.second} == {"sex", "pclass"}
    table = names["wrapper"].explanations_.interactions.table("sex", "pclass", "survived")
    effects = dict(zip(table.columns, table.effects[table.rows.index("female")], strict=True))
    assert min(effects["1st"], effects["2nd"]) > 0 > effects["3rd"]


def test_columns_kept_predict_as_well_as_all(names):
    losses = {name: loss.mean() for name, loss in names["losses"].items()}
    assert losses["those kept"] < losses["all columns"]
    assert names["importances"].importances_mean.shape == (names["X"].shape[1],)


def test_notebook_holds_what_its_cells_print():
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["outputs"] for cell in code)
    drawn = ["image/png" in each.get("data", {}) for cell in code for each in cell["outputs"]]
    assert sum(drawn) == sum("LimeImportanceDisplay.from" in "".join(c["source"]) for c in code)
    assert NOTEBOOK.stat().st_size < 300_000
