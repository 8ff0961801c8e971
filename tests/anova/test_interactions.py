"""The maths of the pairwise engine against brute force and known answers."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import qmc

from sklime._anova.effects import interaction_strength, interaction_table, variance_split
from sklime._anova.fit import fit_effects
from sklime._anova.interactions import MAX_GROUPS
from sklime._engines.closed_form import kernel_moments, kernel_weights

WIDTHS = [0.3, 0.75 * math.sqrt(3), 20.0]


def simulate(f, levels, *, seed=0, m=4096, replicates=4, twins=512):
    """Effects of f, a function of uniforms, on equally frequent bins, and the arguments used."""
    levels = np.asarray(levels)
    rng = np.random.default_rng(seed)
    d, rows = len(levels), m // replicates
    sobol = np.stack(
        [qmc.Sobol(d, scramble=True, seed=rng).random(rows) for _ in range(replicates)]
    )
    random = rng.random((replicates, rows, d))
    bins = [(u * levels).astype(np.uint8) for u in (sobol, random)]
    first = bins[1][:, : twins // replicates]
    twin = (first + rng.random(first.shape)) / levels
    arguments = {
        "sobol_codes": bins[0],
        "sobol_response": response(f, sobol),
        "random_codes": bins[1],
        "random_response": response(f, random),
        "offsets": np.concatenate([[0], np.cumsum(levels)]),
        "probabilities": np.repeat(1 / levels, levels),
        "twin_response": response(f, twin) if twins else None,
    }
    return fit_effects(**arguments), arguments


def response(f, u):
    y = f(np.moveaxis(u, -1, 0))
    return y if y.ndim == u.ndim else y[..., None]


def friedman1(x):
    return 10 * np.sin(np.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]


def xor(x):
    return np.sign(x[0] - 0.5) * np.sign(x[1] - 0.5) + np.sign(x[2] - 0.5) * np.sign(x[3] - 0.5)


def gated(x):
    return np.where(x[0] > 0.5, x[1], x[2])


def additive(x):
    return 2 * x[0] + (x[1] - 0.5) ** 2 * 4 + np.exp(x[2])


def product(x):
    return (x[0] - 0.5) * (x[1] - 0.5)


def three_way(x):
    return (x[0] - 0.5) * (x[1] - 0.5) * (x[2] - 0.5)


def parity(x):
    return np.sign(three_way(x))


class Factorial:
    """A model on a small discrete table, given by its value in every cell."""

    def __init__(self, counts=((2, 1), (1, 1, 2), (1, 3, 1)), order=2, seed=0, outputs=2):
        rng = np.random.default_rng(seed)
        self.margins = [np.array(c) / sum(c) for c in counts]
        self.shape = tuple(len(c) for c in counts)
        table = np.zeros((*self.shape, outputs))
        for size in range(order + 1):
            for axes in itertools.combinations(range(len(counts)), size):
                shape = [self.shape[a] if a in axes else 1 for a in range(len(counts))]
                table = table + rng.normal(size=(*shape, outputs))
        self.table = table
        values = [np.repeat(np.arange(len(c)), c) for c in counts]  # a bin as often as it is drawn
        self.codes = np.array(list(itertools.product(*values)), dtype=np.uint8)
        self.offsets = np.concatenate([[0], np.cumsum(self.shape)])
        self.probabilities = np.concatenate(self.margins)

    def effects(self, **options):
        codes = np.stack([self.codes, self.codes[::-1]])
        y = self.table[tuple(np.moveaxis(codes, -1, 0))]
        return fit_effects(
            codes, y, codes, y, self.offsets, self.probabilities, **{"shrinkage": False, **options}
        )

    def mean(self, laws):
        """Mean of the model when column j follows laws[j]."""
        mean = self.table
        for law in laws:
            mean = np.tensordot(law, mean, axes=(0, 0))
        return mean

    def given(self, fixed):
        """Mean over the training law of the columns that are not fixed."""
        return self.mean(
            [np.eye(len(p))[fixed[j]] if j in fixed else p for j, p in enumerate(self.margins)]
        )

    def cells(self):
        return np.array(list(itertools.product(*map(range, self.shape))), dtype=np.uint8)


def tilted(margin, own, kernel_width):
    law = margin * np.where(np.arange(len(margin)) == own, 1, math.exp(-0.5 / kernel_width**2))
    return law / law.sum()


def brute_force_weights(model, cell, kernel_width):
    laws = [tilted(p, b, kernel_width) for p, b in zip(model.margins, cell, strict=True)]
    weights = []
    for j, b in enumerate(cell):
        inside = np.eye(len(laws[j]))[b]
        outside = (1 - inside) * laws[j]
        sides = [[*laws[:j], law / law.sum(), *laws[j + 1 :]] for law in (inside, outside)]
        weights.append(model.mean(sides[0]) - model.mean(sides[1]))
    return np.array(weights)


def test_effects_equal_brute_force_anova():
    model = Factorial(order=3)
    effects = model.effects()
    mean = model.given({})
    np.testing.assert_allclose(effects.intercept, mean)
    main = effects.unit * effects.main.mean(axis=0)
    for j, k in itertools.combinations(range(3), 2):
        table, _ = interaction_table(effects, j, k)
        for b, c in np.ndindex(table.shape[:2]):
            one, other = model.given({j: b}) - mean, model.given({k: c}) - mean
            np.testing.assert_allclose(main[effects.offsets[j] + b], one, atol=1e-12)
            both = model.given({j: b, k: c}) - mean
            np.testing.assert_allclose(table[b, c], both - one - other, atol=1e-12)
        np.testing.assert_array_equal(interaction_table(effects, k, j)[0], table.swapaxes(0, 1))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("kernel_width", WIDTHS)
def test_weights_equal_brute_force_difference_of_kernel_means(kernel_width, order):
    model = Factorial(order=order)
    weights = kernel_weights(model.effects(), model.cells(), kernel_width)
    expected = [brute_force_weights(model, cell, kernel_width) for cell in model.cells()]
    for replicate in weights:
        np.testing.assert_allclose(replicate, expected, atol=1e-10)


@pytest.mark.parametrize("kernel_width", WIDTHS)
def test_moments_equal_brute_force_kernel_mean_and_variance(kernel_width):
    model = Factorial(order=2)
    effects = model.effects()
    mean, variance = kernel_moments(effects, model.cells(), kernel_width)
    variance -= np.maximum(0, effects.variances[2:].sum(axis=0) - effects.term_variances[-1])
    square = Factorial(order=2)
    square.table = model.table**2
    for i, cell in enumerate(model.cells()):
        laws = [tilted(p, b, kernel_width) for p, b in zip(model.margins, cell, strict=True)]
        np.testing.assert_allclose(mean[i], model.mean(laws), atol=1e-10)
        expected = square.mean(laws) - model.mean(laws) ** 2
        np.testing.assert_allclose(variance[i], expected, atol=1e-10)


@pytest.mark.parametrize("kernel_width", WIDTHS)
def test_mean_under_the_kernel_is_exact_up_to_third_order(kernel_width):
    model = Factorial(order=3)
    mean, variance = kernel_moments(model.effects(), model.cells(), kernel_width)
    for i, cell in enumerate(model.cells()):
        laws = [tilted(p, b, kernel_width) for p, b in zip(model.margins, cell, strict=True)]
        np.testing.assert_allclose(mean[i], model.mean(laws), atol=1e-10)
    assert (variance > 0).all()


def test_contributions_at_half_locality_are_shapley_values():
    model = Factorial(counts=((1, 1), (1, 1), (1, 1), (1, 1)), order=2)
    # r = p (1 - lambda) / (p + (1 - p) lambda) is 1/2 at p = 1/2 for lambda = 1/3
    weights = kernel_weights(model.effects(), model.cells(), 1 / math.sqrt(2 * math.log(3)))
    contributions = weights.mean(axis=0) / 2
    d = len(model.shape)
    for cell, values in zip(model.cells(), contributions, strict=True):
        for j in range(d):
            others = [k for k in range(d) if k != j]
            shapley = sum(
                math.factorial(size)
                * math.factorial(d - 1 - size)
                / math.factorial(d)
                * (
                    model.given({k: cell[k] for k in (*group, j)})
                    - model.given({k: cell[k] for k in group})
                )
                for size in range(d)
                for group in itertools.combinations(others, size)
            )
            np.testing.assert_allclose(values[j], shapley, atol=1e-10)


def test_shrinkage_leaves_clear_effects_alone():
    model = Factorial(counts=((2, 1), (1, 1, 2), (1, 3, 1), (20, 11), (9, 5)), order=2)
    free, shrunk = (
        kernel_weights(model.effects(shrinkage=s), model.cells(), 0.5) for s in (False, True)
    )
    assert np.linalg.norm(free - shrunk) < 0.01 * np.linalg.norm(free)


def test_flat_kernel_gives_main_effects_only():
    effects, arguments = simulate(friedman1, [4] * 6)
    codes = arguments["random_codes"][0]
    weights = kernel_weights(effects, codes, 1e6)
    own = effects.offsets[:-1] + codes
    np.testing.assert_allclose(
        weights, effects.unit * effects.main[:, own] / (1 - 1 / 4), atol=1e-9
    )


@pytest.mark.parametrize(
    ("f", "pairs"),
    [
        (friedman1, {(0, 1)}),
        (xor, {(0, 1), (2, 3)}),
        (gated, {(0, 1), (0, 2)}),
        (product, {(0, 1)}),
        (additive, set()),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_known_pairs_are_found_and_no_others(f, pairs, seed):
    effects, _ = simulate(f, [4] * 20, seed=seed)
    strength, sem = interaction_strength(effects)
    np.testing.assert_array_equal(strength, strength.swapaxes(0, 1))
    total = math.sqrt(effects.variances.sum())
    strong = {(j, k) for j, k, _ in np.argwhere(strength > 0.05 * total) if j < k}
    assert strong == pairs
    significant = {(j, k) for j, k, _ in np.argwhere(strength > 4 * sem) if j < k}
    assert significant == pairs


@pytest.mark.parametrize(("f", "size"), [(parity, 1), (three_way, (15 / 16 / 12) ** 1.5)])
@pytest.mark.parametrize("seed", range(3))
def test_a_pure_triple_is_found_and_weighs(f, size, seed):
    effects, arguments = simulate(f, [4] * 20, seed=seed)
    assert effects.terms[-1] == (0, 1, 2)
    table, _ = interaction_table(effects, 2, 0, 1)
    np.testing.assert_allclose(np.sqrt(np.mean(table**2)), size, rtol=0.1)
    np.testing.assert_array_equal(
        interaction_table(effects, 0, 1, 2)[0], table.transpose(1, 2, 0, 3)
    )
    weights = kernel_weights(effects, arguments["random_codes"][0], 0.4).mean(axis=0)
    importances = np.abs(weights).mean(axis=0)[:, 0]
    assert importances[:3].min() > 5 * importances[3:].max()


def test_strength_is_that_of_the_formula():
    effects, _ = simulate(xor, [4] * 10)
    strength, sem = interaction_strength(effects)
    np.testing.assert_allclose(strength[0, 1], 1, atol=1e-3)
    # gated: (x1 - x2) sign(x0 - 1/2) / 2; on four bins x1 - 1/2 is +-1/8 or +-3/8
    effects, _ = simulate(gated, [4] * 10)
    strength, sem = interaction_strength(effects)
    np.testing.assert_allclose(strength[0, 1], math.sqrt(5 / 64) / 2, atol=4 * sem[0, 1, 0])


def test_standard_errors_are_those_of_many_seeds():
    strengths, sems, tables, table_sems = [], [], [], []
    for seed in range(30):
        effects, _ = simulate(friedman1, [4] * 6, seed=seed, m=1024, twins=0)
        strength, sem = interaction_strength(effects)
        strengths.append(strength[0, 1, 0])
        sems.append(sem[0, 1, 0])
        table, sem = interaction_table(effects, 0, 1)
        tables.append(table)
        table_sems.append(sem)
    assert 0.6 < np.mean(sems) / np.std(strengths) < 1.6
    spread = np.sqrt(np.var(tables, axis=0).mean())
    assert 0.7 < np.sqrt(np.mean(np.square(table_sems))) / spread < 1.4


def test_a_single_replicate_has_no_standard_error():
    effects, _ = simulate(friedman1, [4] * 6, replicates=1)
    table, sem = interaction_table(effects, 0, 1)
    assert np.abs(table).max() > 0.5
    assert np.isnan(sem).all()


@pytest.mark.parametrize("f", [additive, product, xor, friedman1, gated])
@pytest.mark.parametrize("seed", range(3))
def test_higher_orders_are_absent_without_third_order(f, seed):
    effects, _ = simulate(f, [4] * 20, seed=seed)
    shares = variance_split(effects)
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    assert shares[2] < 0.06


@pytest.mark.parametrize(("f", "share"), [(parity, 1), (three_way, (15 / 16) ** 3)])
@pytest.mark.parametrize("seed", range(3))
def test_higher_orders_are_seen_in_a_three_way_product(f, share, seed):
    effects, _ = simulate(f, [4] * 20, seed=seed)
    np.testing.assert_allclose(variance_split(effects)[2], share, atol=0.1)


def test_variance_split_is_that_of_the_formula():
    effects, _ = simulate(lambda x: x[0] + 2 * product(x), [4] * 10, m=16384)
    main, pair, unbinned = 1 / 12, 4 / 144, np.array([15 / 16, (15 / 16) ** 2])
    seen = np.array([main, pair]) * unbinned
    expected = np.array([*seen, 0, main + pair - seen.sum()]) / (main + pair)
    np.testing.assert_allclose(variance_split(effects)[:, 0], expected, atol=0.015)


def test_variance_split_of_a_constant_is_nan():
    effects, arguments = simulate(lambda x: 0 * x[0] + 7, [4] * 3)
    assert np.isnan(variance_split(effects)).all()
    assert not kernel_weights(effects, arguments["random_codes"][0], 0.4).any()


def test_estimates_are_means_over_replicates():
    arguments = simulate(xor, [4] * 5)[1]
    order = [2, 0, 3, 1]
    names = [name for name in arguments if name.endswith(("codes", "response"))]
    shuffled = fit_effects(**arguments | {name: arguments[name][order] for name in names})
    codes = arguments["random_codes"][0]
    weights = kernel_weights(fit_effects(**arguments), codes, 0.4)
    np.testing.assert_allclose(kernel_weights(shuffled, codes, 0.4), weights[order], atol=1e-12)

    pooled = fit_effects(
        **arguments
        | {name: arguments[name].reshape(1, -1, arguments[name].shape[-1]) for name in names[:4]}
        | {"twin_response": None}
    )
    split = fit_effects(**arguments | {"twin_response": None})
    assert pooled.terms == split.terms
    for one, other in zip(pooled.tables, split.tables, strict=True):
        np.testing.assert_allclose(other.mean(axis=0), one[0], atol=1e-12)


def test_weights_scale_and_shift_with_the_response():
    arguments = simulate(friedman1, [4] * 8)[1]
    names = [name for name in arguments if name.endswith("response")]
    other = fit_effects(**arguments | {name: 1e3 - 50 * arguments[name] for name in names})
    codes = arguments["random_codes"][0]
    weights = kernel_weights(fit_effects(**arguments), codes, 0.4)
    np.testing.assert_allclose(kernel_weights(other, codes, 0.4), -50 * weights, atol=1e-9)


def test_weights_of_probabilities_sum_to_zero_over_classes():
    def classes(x):
        score = np.stack([4 * product(x), x[2], 0 * x[0]], axis=-1)
        return np.exp(score) / np.exp(score).sum(axis=-1, keepdims=True)

    effects, arguments = simulate(classes, [4] * 6)
    weights = kernel_weights(effects, arguments["random_codes"][0], 0.4)
    assert np.abs(weights).max() > 0.1
    np.testing.assert_allclose(weights.sum(axis=-1), 0, atol=1e-13)


def test_two_classes_mirror_each_other():
    def classes(x):
        probability = 1 / (1 + np.exp(-8 * product(x) - x[2]))
        return np.stack([1 - probability, probability], axis=-1)

    effects, arguments = simulate(classes, [4] * 6)
    alone, _ = simulate(lambda x: classes(x)[..., 1], [4] * 6)
    codes = arguments["random_codes"][0]
    weights = kernel_weights(effects, codes, 0.4)
    np.testing.assert_allclose(weights[..., 0], -weights[..., 1], atol=1e-13)
    np.testing.assert_allclose(weights[..., 1:], kernel_weights(alone, codes, 0.4), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_tables_of_one_or_two_columns(d):
    effects, arguments = simulate(lambda x: x[0] * x[-1], [4] * d)
    codes = arguments["random_codes"][0]
    weights = kernel_weights(effects, codes, 0.4).mean(axis=0)[..., 0]
    middle = (codes + 0.5) / 4
    if d == 1:
        expected = (middle**2 + 1 / 192 - 1 / 3) / (1 - 1 / 4)
        np.testing.assert_allclose(weights, expected, atol=0.02)
    else:
        main = (middle - 0.5) / 2 / (1 - 1 / 4)
        r = 0.25 * (1 - math.exp(-1 / 0.32)) / (0.25 + 0.75 * math.exp(-1 / 0.32))
        pair = (middle[:, 0] - 0.5) * (middle[:, 1] - 0.5) / (1 - 1 / 4)
        np.testing.assert_allclose(weights, main + r * pair[:, None], atol=0.02)


def test_outputs_of_different_scale_do_not_disturb_each_other():
    both, arguments = simulate(lambda x: np.stack([friedman1(x), 1e-6 * xor(x)], axis=-1), [4] * 8)
    alone, _ = simulate(xor, [4] * 8)
    codes = arguments["random_codes"][0]
    weights = kernel_weights(both, codes, 0.4)[..., 1] * 1e6
    expected = kernel_weights(alone, codes, 0.4)[..., 0]
    assert np.linalg.norm(weights - expected) < 0.02 * np.linalg.norm(expected)


def test_permuting_columns_permutes_weights():
    arguments = simulate(friedman1, [4, 3, 5, 4, 2, 4])[1]
    order = np.array([4, 2, 0, 5, 1, 3])
    flat = np.split(np.arange(22), arguments["offsets"][1:-1])
    permuted = fit_effects(
        **arguments
        | {name: arguments[name][..., order] for name in ("sobol_codes", "random_codes")}
        | {
            "offsets": np.concatenate([[0], np.cumsum([len(flat[j]) for j in order])]),
            "probabilities": arguments["probabilities"][np.concatenate([flat[j] for j in order])],
        }
    )
    codes = arguments["random_codes"][0]
    weights = kernel_weights(fit_effects(**arguments), codes, 0.4)
    np.testing.assert_allclose(
        kernel_weights(permuted, codes[:, order], 0.4), weights[:, :, order], atol=1e-4
    )


def test_a_row_is_explained_alike_whatever_else_is():
    effects, arguments = simulate(friedman1, [4] * 6)
    codes = arguments["random_codes"][0]
    weights = kernel_weights(effects, codes, 0.4)
    for rows in ([5], [7, 5], range(100)):
        np.testing.assert_array_equal(kernel_weights(effects, codes[rows], 0.4), weights[:, rows])


@pytest.mark.parametrize("working_memory", [1, 2**20])
def test_blocks_of_columns_change_nothing(working_memory):
    effects, arguments = simulate(xor, [4] * 12)
    blocks = fit_effects(**arguments, working_memory=working_memory)
    np.testing.assert_array_equal(blocks.terms, effects.terms)
    for table, expected in zip(blocks.tables, effects.tables, strict=True):
        np.testing.assert_allclose(table, expected, atol=1e-10)


def test_unseen_levels_weigh_nothing_and_hold_nothing():
    effects, arguments = simulate(xor, [4] * 6)
    codes = arguments["random_codes"][0, :50].copy()
    codes[:, 0] = 4
    weights = kernel_weights(effects, codes, 0.4)
    assert not weights[:, :, 0].any()
    wide = kernel_weights(effects, codes, 1e6)
    np.testing.assert_allclose(np.abs(weights[:, :, 1]).mean(), np.abs(wide[:, :, 1]).mean(), 0.3)
    assert np.abs(weights[:, :, 2]).mean() > 0.5


def test_constant_columns_and_empty_bins_weigh_nothing():
    effects, arguments = simulate(xor, [4, 4, 4, 4, 1])
    codes = arguments["random_codes"][0]
    assert not kernel_weights(effects, codes, 0.4)[:, :, 4].any()
    strength, _ = interaction_strength(effects)
    assert not strength[4].any()

    arguments["offsets"] = arguments["offsets"] + np.array([0, 1, 1, 1, 1, 1])
    arguments["probabilities"] = np.insert(arguments["probabilities"], 4, 0.0)
    with_empty = fit_effects(**arguments)
    np.testing.assert_allclose(
        kernel_weights(with_empty, codes, 0.4), kernel_weights(effects, codes, 0.4), atol=1e-6
    )
    codes[:, 0] = 4
    assert not kernel_weights(with_empty, codes, 0.4)[:, :, 0].any()


def test_a_column_of_many_levels_does_not_flood_the_pairs():
    rng = np.random.default_rng(0)
    slope = rng.normal(size=200)

    def slopes(x):
        level = slope[(x[0] * 200).astype(int)]
        return level + level * np.sign(x[1] - 0.5)

    effects, _ = simulate(slopes, [200, 4, 4, 4, 4, 4])
    strength, _ = interaction_strength(effects)
    true = np.std(slope)
    np.testing.assert_allclose(strength[0, 1], true, rtol=0.15)
    others = np.triu(strength[..., 0], 1)
    others[0, 1] = 0
    assert others.max() < 0.1 * true
    assert max(max(table.shape[1:-1]) for table in effects.tables) <= MAX_GROUPS
    table, _ = interaction_table(effects, 0, 1)
    assert table.shape == (200, 4, 1)
    assert np.corrcoef(table[:, 3, 0], slope)[0, 1] > 0.9
