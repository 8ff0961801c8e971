"""How the time grows with rows explained, columns, pool rows and the cost of the model.

Prints tables in markdown. Run as ``python benchmarks/growth.py``: some three minutes on two cores.
A slope is that of a straight line through the logarithms: 1 is linear.
"""

import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from joblib import parallel_config
from matplotlib.axes import Axes
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from sklime import LimeImportanceWrapper, lime_importance

HERE = Path(__file__).parent


class Linear:
    """A model that costs next to nothing."""

    def __init__(self, n_features: int) -> None:
        self.coef = np.linspace(1, 0, n_features)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X @ self.coef


def main() -> None:
    warnings.simplefilter("ignore")
    mpl.use("Agg")
    rng = np.random.default_rng(0)

    def explain(n: int, d: int, num_samples: int) -> Callable[[], None]:
        X = rng.normal(size=(n, d))
        model = Linear(d)
        return lambda: lime_importance(
            model, X, max_samples=None, num_samples=num_samples, random_state=0
        )

    figure, panels = plt.subplots(1, 4, figsize=(14, 3.2), layout="constrained")
    series = {
        "rows explained": ([100, 1000, 10_000, 100_000], lambda n: explain(n, 50, 8192)),
        "columns": ([10, 30, 100, 300, 1000, 3000], lambda d: explain(1000, d, 8192)),
        "pool rows": ([2**k for k in range(10, 17, 2)], lambda m: explain(1000, 30, m)),
    }
    for ax, (name, (sizes, make)) in zip(panels, series.items(), strict=False):
        draw(ax, name, {"whole call": dict(zip(sizes, table(name, sizes, make), strict=True))})
    draw(panels[-1], "trees of the model", cost_of_the_model(rng))
    figure.savefig(HERE / "images" / "growth.png", dpi=70)
    print("\n![Seconds by rows, columns, pool rows and trees](images/growth.png)")
    workers(rng)


def table(name: str, sizes: list[int], make: Callable[[int], Callable[[], None]]) -> list[float]:
    print(f"\n### growth with {name}\n\n| {name} | seconds |\n|---|---|")
    found = []
    for size in sizes:
        found.append(median(make(size)))
        print(f"| {size} | {found[-1]:.3f} |", flush=True)
    print(f"\nSlope over the last decade: {slope(sizes[-3:], found[-3:]):.2f}")
    return found


def cost_of_the_model(rng: np.random.Generator) -> dict[str, dict[int, float]]:
    print("\n### growth with the cost of the model\n")
    print("| trees | the model's prediction of 8192 rows, s | the call outside it, s |")
    print("|---|---|---|")
    X = rng.normal(size=(1000, 30))
    rows = rng.normal(size=(8192, 30))
    inside, outside = {}, {}
    for trees in (10, 30, 100, 300):
        forest = RandomForestRegressor(trees, max_depth=8, random_state=0).fit(X, X[:, 0])
        predict = lambda forest=forest: (forest.predict(rows), forest.predict(X))  # noqa: E731
        explain = partial(lime_importance, forest, X, random_state=0)
        pairs = np.array([(seconds(predict), seconds(explain)) for _ in range(15)])
        inside[trees] = float(np.median(pairs[:, 0]))
        outside[trees] = max(float(np.median(pairs[:, 1] - pairs[:, 0])), 1e-3)
        print(f"| {trees} | {inside[trees]:.3f} | {outside[trees]:.3f} |", flush=True)
    return {"the model's prediction": inside, "outside it": outside}


def workers(rng: np.random.Generator) -> None:
    """Rows a second that a fitted wrapper explains, without asking about neighbours: medians."""
    print("\n### two workers\n\nRows explained a second: medians of five, taken in turns.\n")
    print("| table | one worker | two threads | two processes |\n|---|---|---|---|")
    for n, d in ((20_000, 30), (20_000, 100), (200, 30)):
        X = rng.normal(size=(n, d))
        y = X[:, 0] * X[:, 1] + X[:, 2]
        fits = [
            LimeImportanceWrapper(Ridge(), n_jobs=k, max_samples=100, random_state=0).fit(X, y)
            for k in (1, 2)
        ]
        ways = [(fits[0], "threading"), (fits[1], "threading"), (fits[1], "loky")]
        times = np.array([[timed(wrapper, X, way) for wrapper, way in ways] for _ in range(6)])
        rates = n / np.median(times[1:], axis=0)
        print(f"| {n:,} x {d} | " + " | ".join(f"{rate:,.0f}" for rate in rates) + " |", flush=True)


def timed(wrapper: LimeImportanceWrapper, X: np.ndarray, backend: str) -> float:
    """Seconds by the clock, of explaining all rows."""
    with parallel_config(backend):
        return seconds(lambda: wrapper.explain(X), time.perf_counter)


def draw(ax: Axes, name: str, lines: dict[str, dict[int, float]]) -> None:
    for label, line in lines.items():
        ax.loglog(list(line), list(line.values()), marker="o", label=label)
    ax.set(xlabel=name, ylabel="seconds")
    if len(lines) > 1:
        ax.legend(frameon=False)


def slope(sizes: Iterable[int], found: Iterable[float]) -> float:
    return float(np.polyfit(np.log(list(sizes)), np.log(list(found)), 1)[0])


def median(job: Callable[[], object]) -> float:
    job()
    return float(np.median([seconds(job) for _ in range(3)]))


def seconds(job: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Of processor time, so that other work on the machine does not count."""
    start = clock()
    job()
    return clock() - start


if __name__ == "__main__":
    main()
