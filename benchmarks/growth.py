"""How the time grows with rows explained, columns, pool rows and the cost of the model.

Prints tables in markdown. Run as ``python benchmarks/growth.py``: some three minutes on two cores.
A slope is that of a straight line through the logarithms: 1 is linear.
"""

import time
import warnings
from collections.abc import Callable, Iterable

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from sklime import lime_importance


class Linear:
    """A model that costs next to nothing, or `delay` seconds a call."""

    def __init__(self, n_features: int, delay: float = 0.0) -> None:
        self.coef, self.delay = np.linspace(1, 0, n_features), delay

    def predict(self, X: np.ndarray) -> np.ndarray:
        time.sleep(self.delay)
        return X @ self.coef


def main() -> None:
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)

    def explain(n: int, d: int, num_samples: int, delay: float = 0.0) -> Callable[[], None]:
        X = rng.normal(size=(n, d))
        model = Linear(d, delay)
        return lambda: lime_importance(
            model, X, max_samples=None, num_samples=num_samples, random_state=0
        )

    table("rows explained", [100, 1000, 10_000, 100_000], lambda n: explain(n, 50, 8192))
    table("columns", [10, 30, 100, 300, 1000, 3000], lambda d: explain(1000, d, 8192))
    table("pool rows", [2**k for k in range(10, 17, 2)], lambda m: explain(1000, 30, m))
    print("\n### growth with the cost of the model\n")
    print("| trees | the model's prediction of 8192 rows, s | the call outside it, s |")
    print("|---|---|---|")
    X = rng.normal(size=(1000, 30))
    rows = rng.normal(size=(8192, 30))
    for trees in (10, 30, 100, 300):
        forest = RandomForestRegressor(trees, max_depth=8, random_state=0).fit(X, X[:, 0])
        prediction = median(lambda forest=forest: (forest.predict(rows), forest.predict(X)))
        whole = median(lambda forest=forest: lime_importance(forest, X, random_state=0))
        print(f"| {trees} | {prediction:.3f} | {max(whole - prediction, 0):.3f} |", flush=True)


def table(name: str, sizes: list[int], make: Callable[[int], Callable[[], None]]) -> None:
    print(f"\n### growth with {name}\n\n| {name} | seconds |\n|---|---|")
    found = []
    for size in sizes:
        found.append(median(make(size)))
        print(f"| {size} | {found[-1]:.3f} |", flush=True)
    print(f"\nSlope over the last decade: {slope(sizes[-3:], found[-3:]):.2f}")


def slope(sizes: Iterable[int], found: Iterable[float]) -> float:
    return float(np.polyfit(np.log(list(sizes)), np.log(list(found)), 1)[0])


def median(job: Callable[[], object]) -> float:
    job()
    found = []
    for _ in range(3):
        start = time.perf_counter()
        job()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


if __name__ == "__main__":
    main()
