import sys
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from tqdm import std

from sklime import lime_importance


@pytest.fixture
def fitted():
    X = np.random.default_rng(0).normal(size=(40, 3))
    return LinearRegression().fit(X, X[:, 0]), X


class Terminal:
    """A stream that says it is a terminal and remembers what it is sent."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.mark.parametrize(("engine", "rows"), [("pooled", 64), ("local", 5 * 64), ("lime", 5 * 63)])
def test_the_bar_counts_every_row_that_the_model_predicts(fitted, engine, rows, monkeypatch):
    counts = []
    update = std.tqdm.update

    def count(bar, n=1):
        counts.append(n)
        return update(bar, n)

    monkeypatch.setattr(std.tqdm, "update", count)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    lime_importance(
        *fitted, engine=engine, num_samples=64, max_samples=5, random_state=0, verbose=1
    )
    assert abs(sum(counts) - rows) <= 8  # halves and twins are rounded down
    assert "model rows" in terminal.text


def test_nothing_is_shown_where_there_is_no_terminal(fitted, capsys):
    lime_importance(*fitted, num_samples=64, random_state=0, verbose=1)
    assert capsys.readouterr() == ("", "")


def test_the_bar_changes_no_number(fitted):
    silent, shown = (
        lime_importance(*fitted, num_samples=64, random_state=0, verbose=verbose)
        for verbose in (0, 1)
    )
    np.testing.assert_array_equal(silent.importances_mean, shown.importances_mean)


def test_a_notebook_shows_the_bar_as_text_without_ipywidgets(fitted, monkeypatch, capsys):
    class Kernel:
        config: ClassVar = {"IPKernelApp": {}}

    notebook = SimpleNamespace(get_ipython=Kernel)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    lime_importance(*fitted, num_samples=64, random_state=0, verbose=1)
    out, err = capsys.readouterr()
    assert "model rows: 100%" in out
    assert "64/64" in out
    assert err == ""
