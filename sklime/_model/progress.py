"""A bar over the rows that the model predicts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


@contextmanager
def progress(n_rows: int, verbose: int) -> Iterator[Callable[[int], object] | None]:
    """Show a bar while `n_rows` are predicted, in terminals and notebooks, if `verbose`.

    Yields what is to be called with the number of rows of each prediction.
    """
    if not verbose:
        yield None
        return
    # A notebook shows a line of text as well, without ipywidgets; what goes to stderr is red there.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    where: dict[str, Any] = {"disable": None}
    if "IPKernelApp" in getattr(shell, "config", {}):
        where = {"file": sys.stdout, "ncols": 80}
    with tqdm(total=n_rows, desc="model rows", unit="row", **where) as bar:
        yield bar.update
