"""A bar over the rows that the model predicts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


@contextmanager
def progress(n_rows: int, verbose: int) -> Iterator[Callable[[int], object] | None]:
    """Show a bar while model rows are predicted, in terminals and notebooks only.

    Parameters
    ----------
    n_rows : int
        Rows expected.
    verbose : int
        0 shows nothing.

    Yields
    ------
    advance : callable or None
        To be called with the number of rows of each prediction.
    """
    if not verbose:
        yield None
        return
    # A notebook shows a line of text as well, without ipywidgets; what goes to stderr is red there.
    where: dict[str, Any] = {"disable": None}
    if _in_notebook():
        where = {"file": sys.stdout, "ncols": 80}
    with tqdm(total=n_rows, desc="model rows", unit="row", **where) as bar:
        yield bar.update


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", {})
