"""A bar over the rows that the model predicts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


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

    Raises
    ------
    ImportError
        If tqdm is missing and `verbose` is not 0.
    """
    if not verbose:
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("verbose=1 needs tqdm for its progress bar: pip install tqdm.") from error
    # tqdm would take a notebook's output for a file.
    in_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    with tqdm(
        total=n_rows, desc="model rows", unit="row", disable=False if in_notebook else None
    ) as bar:
        yield bar.update
