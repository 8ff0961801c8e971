"""LIME of the loss: which columns help, and how many to keep?

Columns of which the truth is known, for several settings and rivals. Prints tables in markdown.
Run as ``python benchmarks/loss.py`` (hours on two cores unless the rivals' results are in a cache,
see ``common.py``); ``--seeds 2`` takes fewer draws, ``--rivals`` only fills the cache.
"""

import argparse
import warnings
from collections.abc import Iterator

from loss_problems import MODELS, Case
from loss_rivals import of_folds, of_tables
from sklearn.utils.parallel import Parallel, delayed

# Kind of table, rows and columns.
TABLES = (
    ("independent", 200, 20),
    ("independent", 600, 60),
    ("noise", 200, 20),
    ("blocks", 800, 40),
    ("mixed", 600, 60),
    ("noise", 600, 60),
    ("independent", 2000, 20),
    ("independent", 1000, 200),
    ("blocks", 1000, 120),
)
TASKS = ("classification", "regression")


def cases(n_seeds: int) -> Iterator[Case]:
    """Tables without their models."""
    for kind, n, d in TABLES:
        for task in TASKS:
            for seed in range(n_seeds):
                yield Case(task, kind, n, d, seed)


def rivals(case: Case) -> None:
    warnings.simplefilter("ignore")
    of_tables(case)
    for model in MODELS:
        of_folds(case._replace(model=model))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--n_jobs", type=int, default=2)
    arguments = parser.parse_args()
    tasks = (delayed(rivals)(case) for case in cases(arguments.seeds))
    Parallel(n_jobs=arguments.n_jobs)(tasks)


if __name__ == "__main__":
    main()
