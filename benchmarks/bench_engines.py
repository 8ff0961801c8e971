"""The engines and their peers under pytest-benchmark, to follow them from one version to the next.

Run as ``pytest benchmarks/bench_engines.py --benchmark-group-by=param:work``, with
``--benchmark-autosave`` and later ``--benchmark-compare``. The ratios in RESULTS.md come from
``speed.py`` instead, where ours and the peer take turns. Peers explain as few rows as there.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from speed import lime_cases, lime_loop, shap_and_permutation

from sklime import lime_importance

# Third parties warn at import and in use; narrow kernels warn of what they do not see.
pytestmark = pytest.mark.filterwarnings("ignore")

OTHERS = {
    "lime's width": {"kernel_width": "lime"},
    "local": {"engine": "local", "kernel_width": 0.4},
}


@cache
def jobs(work: str) -> dict[str, Callable[[], Any]]:
    """Ours and the peers' on one table, by name."""
    if work == "forest":
        X, y = load_breast_cancer(return_X_y=True)
        model = RandomForestClassifier(100, random_state=0).fit(X, y)
        peers = {name: peer for name, _, peer, _ in shap_and_permutation(model, X, y)}
    else:
        d = int(work.removeprefix("d="))
        X, model = next((X, model) for _, _, X, model in lime_cases() if X.shape[1] == d)
        peers = {"lime, 10 rows": lime_loop(model, X)}
    explain = partial(lime_importance, model, X, random_state=0)
    return {"pooled": explain} | {k: partial(explain, **v) for k, v in OTHERS.items()} | peers


PEERS = {
    "forest": [
        "permutation_importance(n_repeats=5)",
        "shap.TreeExplainer",
        "shap.KernelExplainer, 2 rows scaled",
        "shap.PermutationExplainer, 2 rows scaled",
        'eli5 PermutationImportance(n_iter=5, cv="prefit")',
    ],
    "d=30": ["lime, 10 rows"],
    "d=200": ["lime, 10 rows"],
    "d=1000": ["lime, 10 rows"],
}
CASES = [(work, name) for work in PEERS for name in ["pooled", "lime's width", *PEERS[work]]]


@pytest.mark.parametrize(("work", "name"), [*CASES, ("forest", "local")])
def test_speed(benchmark: Any, work: str, name: str) -> None:
    benchmark.pedantic(jobs(work)[name], rounds=3, warmup_rounds=1)
