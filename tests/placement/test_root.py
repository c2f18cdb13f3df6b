"""The rows of the root against enumeration: no placement breaks one, and the bounds stay above the optimum."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

import edgeopt
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.hit_hulls import HitHull
from edgeopt.placement.instance import Demand, Node, PlacementInstance
from edgeopt.placement.node_blocks import NodeBlocks
from edgeopt.placement.node_cuts import NodeCut, make_union
from edgeopt.placement.program import Program
from edgeopt.placement.root import Root
from edgeopt.placement.union_kernel import FREE, LEFT_OUT, STORED
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.placement.brute_force import optimum
from tests.placement.random_instances import random_instance, scaled_instance

ROUNDING = Fraction(1, 10**13)  # of the sum of all weights, which is a bound, too


def rooted(instance: PlacementInstance) -> tuple[Root, float | None]:
    """The root with all its rows, and the bound that it had without any."""
    arrays = DemandArrays(instance)
    root = Root(Program(arrays), greedy_placement(arrays), Run())
    assert root.relax()
    plain = root.bound
    root.strengthen()
    return root, plain


@some_or_many(12, 150)
@pytest.mark.parametrize("kind", ["crowded", "plain", "scaled"])
def test_bounds_stay_above_the_optimum(kind: str, numbers: range) -> None:
    """They hold with ties, zeros, and weights from 1e-12 to 1e12; rows lower many of them."""
    lowered = ran = 0
    for seed in numbers:
        instance = (
            crowded(seed) if kind == "crowded" else (random_instance if kind == "plain" else scaled_instance)(seed)
        )
        if not DemandArrays(instance).model_names:
            continue
        ran += 1
        root, plain = rooted(instance)
        assert Fraction(root.bound) * (1 + ROUNDING) >= optimum(instance), seed
        assert root.bound <= plain, seed
        lowered += root.bound < plain * (1 - 1e-6)
    assert ran > len(numbers) / 2
    assert lowered > (len(numbers) / 2 if kind == "crowded" else len(numbers) / 30)


def crowded(seed: int) -> PlacementInstance:
    """Draw 3 nodes that store about half of 4 models, for demand that reaches each pair of them."""
    rng = np.random.default_rng([seed, 13])
    models = {f"m{number}": Model(blocks=[f"b{number}", f"b{4 + number % 2}"]) for number in range(4)}
    library = ModelLibrary(name="crowded", blocks={f"b{n}": int(rng.integers(1, 4)) for n in range(6)}, models=models)
    total = sum(library.blocks.values())
    return PlacementInstance(
        name=f"crowded{seed}",
        library=library,
        nodes={f"n{node}": Node(storage_bytes=int(total * rng.uniform(0.3, 0.7))) for node in range(3)},
        demand=[
            Demand(user="u", model=model, weight=int(rng.integers(1, 4)), nodes=pair)
            for model in models
            for pair in (["n0", "n1"], ["n0", "n2"], ["n1", "n2"], [f"n{rng.integers(0, 3)}"])
        ],
    )


@some_or_many(10, 100)
def test_strong_programs_keep_every_placement(numbers: range) -> None:
    """Each placement that fits keeps all rows of the strong program: those of models, and those of nodes."""
    of_models = of_nodes = 0
    for seed in numbers:
        instance = scaled_instance(seed) if seed % 3 == 0 else crowded(seed)
        arrays = DemandArrays(instance)
        if not arrays.model_names:
            continue
        root, _ = rooted(instance)
        strong = root.strong_program()
        own = len(root.program.linear.row_upper)
        signed = strong.rows[own:].min(axis=1).toarray() < 0
        of_models, of_nodes = of_models + signed.sum(), of_nodes + (~signed).sum()
        rng = np.random.default_rng(seed)
        for _ in range(40):
            placed = arrays.useful & (rng.random(arrays.useful.shape) < rng.random())
            if (arrays.stored_bytes(placed) <= arrays.storage).all():
                values = root.program.start(placed)
                assert (strong.rows @ values <= strong.row_upper * (1 + 1e-12) + 1e-300)[own:].all(), seed
    assert of_models > len(numbers) / 4
    assert of_nodes > len(numbers) / 4


@some_or_many(30, 400)
def test_hulls_hold_and_touch(numbers: range) -> None:
    """No set of nodes hits more than its row says, in exact arithmetic; the best row meets the best mixture."""
    for seed in numbers:
        rng = np.random.default_rng([seed, 11])
        nodes, groups = int(rng.integers(2, 6)), int(rng.integers(2, 9))
        reach = rng.random((groups, nodes)) < 0.6
        reach[:, 0] |= ~reach.any(axis=1)
        weight = rng.integers(1, 5, groups) * 10.0 ** (rng.uniform(-12, 12, groups) if seed % 2 else 0)
        hull = HitHull(reach, weight, Run())
        point = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0, rng.random()], nodes)
        for prices in (hull.prices(point), rng.random(nodes) * (rng.random(nodes) < 0.7)):
            most = Fraction(hull.most(prices))
            for chosen in subsets(nodes):
                hit = sum(Fraction(w) for w, row in zip(weight, reach, strict=True) if row[list(chosen)].any())
                said = most + sum(Fraction(prices[node]) for node in chosen)
                assert Fraction(hull.scale) * hit <= said, seed
        sets = [list(chosen) for chosen in subsets(nodes)]
        hits = np.array([weight[reach[:, chosen].any(axis=1)].sum() for chosen in sets])
        within = np.array([[node in chosen for chosen in sets] for node in range(nodes)], dtype=float)
        mixed = linprog(-hull.scale * hits, within, point, np.ones((1, len(sets))), [1.0])
        prices = hull.prices(point)
        assert hull.most(prices) + prices @ point == pytest.approx(-mixed.fun, abs=1e-5), seed


def fitting_sets(arrays: DemandArrays, node: int) -> list[NDArray[np.bool_]]:
    """All sets of the models useful on a node that fit there."""
    models, fitting = np.flatnonzero(arrays.useful[node]), []
    for chosen in subsets(len(models)):
        placed = arrays.empty()
        placed[node, models[list(chosen)]] = True
        if arrays.stored_bytes(placed)[node] <= arrays.storage[node]:
            fitting.append(placed[node, models])
    return fitting


@some_or_many(20, 300)
def test_rows_of_nodes_hold_and_cut_off(numbers: range) -> None:
    """No set that fits is worth more than a row says; what is a mixture of sets breaks none."""
    found = 0
    for seed in numbers:
        arrays = DemandArrays(random_instance(seed, nodes=2, models=7))
        rng = np.random.default_rng([seed, 12])
        for node in np.flatnonzero(arrays.useful.any(axis=1)):
            fitting = np.array(fitting_sets(arrays, int(node)))
            cut = NodeCut(make_union(arrays, NodeBlocks(arrays), int(node)), Run())
            for _ in range(4):
                stored = rng.choice([0.0, 0.0, 0.3, 0.5, 0.8, 1.0], fitting.shape[1])
                row = cut.broken(stored, rng.random(len(stored)))
                if row is not None:
                    prices, most = row
                    assert (fitting @ prices <= most).all(), seed
                    assert prices @ stored > most, seed
                    found += 1
            mixed = rng.dirichlet(np.full(len(fitting), 0.1)) @ fitting
            assert cut.broken(mixed, rng.random(len(mixed))) is None, seed
    assert found > len(numbers)


@some_or_many(20, 300)
def test_the_dearest_set_is_that_of_enumeration(numbers: range) -> None:
    """With models stored or left out already, and whole prices; a search that ends early still bounds it."""
    for seed in numbers:
        arrays = DemandArrays(random_instance(seed, nodes=2, models=7))
        rng = np.random.default_rng([seed, 14])
        for node in np.flatnonzero(arrays.useful.any(axis=1)):
            fitting = np.array(fitting_sets(arrays, int(node)))
            union = make_union(arrays, NodeBlocks(arrays), int(node))
            cut = NodeCut(union, Run())
            for limit in (10**6, 2, 1, 0):
                prices = rng.integers(0, 9, fitting.shape[1]).astype(float)
                fate = rng.choice([FREE, FREE, FREE, STORED, LEFT_OUT], len(prices))
                held = (fitting[:, fate == STORED].all(axis=1)) & ~fitting[:, fate == LEFT_OUT].any(axis=1)
                best = (fitting[held] @ prices).max(initial=-1.0)
                cut.steps = limit
                most = cut.most(prices, fate)
                assert most == best if limit > 10 else most >= best, seed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (3, 4))])
def test_the_root_closes_most_of_the_gap(seed: int) -> None:
    """Prices are those of the relaxation: rows at others hold as well, and close nearly nothing."""
    instance = generate("freeze-depth", 12, 3, 14, seed=seed)
    best = edgeopt.solve(instance, "exact", threads=1)
    arrays = DemandArrays(instance)
    root = Root(Program(arrays), arrays.placed(best.plan), Run())
    assert root.relax()
    plain = root.bound
    root.strengthen()
    assert best.status == "optimal"
    assert best.objective <= root.bound * (1 + 1e-9)
    assert plain - root.bound > 0.6 * (plain - best.objective) > 0


def test_rounds_do_not_end_early_for_a_poor_placement() -> None:
    """From nothing the root closes as much as from a good placement."""
    arrays = DemandArrays(generate("backbone", 20, 4, 24, seed=1))
    bounds = []
    for start in (arrays.empty(), greedy_placement(arrays)):
        root = Root(Program(arrays), start, Run())
        assert root.relax()
        root.strengthen()
        bounds.append(root.bound)
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-4)


def subsets(count: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(count), size) for size in range(count + 1)))
