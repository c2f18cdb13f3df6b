"""Tabu search: what it keeps incrementally, that it repeats itself, and the values it reaches."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import edgeopt
from edgeopt.kernels import kernel
from edgeopt.placement import tabu_kernel
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.importers import read_sukp
from edgeopt.placement.local_search import LocalSearch, make_sites, place
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.from_python import from_python
from tests.placement.random_instances import random_instance

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
SUKP = Path(os.environ.get("EDGEOPT_DATA", BESIDE)) / "sukp"


toggle = from_python(tabu_kernel.toggle)


@some_or_many(20, 60)
def test_incremental_figures_are_those_from_scratch(numbers: range) -> None:
    """After any series of moves, what each model would change is what the placement itself says."""
    for seed in numbers:
        arrays = DemandArrays(random_instance(seed))
        if not arrays.model_names:
            continue
        rng = np.random.default_rng(seed)
        sites = make_sites(arrays)
        state = tabu_kernel.make_state(sites, seed)
        placed = arrays.empty()
        place(arrays, state, placed)
        for _ in range(25):
            node, model = rng.integers(placed.shape[0]), rng.integers(placed.shape[1])
            toggle(sites, state, node, model)
            placed[node, model] ^= True
        anew = tabu_kernel.make_state(sites, seed)
        place(arrays, anew, placed)
        for kept, counted in zip(state[:8], anew[:8], strict=True):
            assert np.allclose(kept, counted, rtol=1e-12, atol=0)
        assert np.array_equal(state.placed, placed)
        assert np.array_equal(state.used, arrays.stored_bytes(placed))
        assert state.values[tabu_kernel.VALUE] == pytest.approx(arrays.value(placed))
        for node in range(placed.shape[0]):
            for model in range(placed.shape[1]):
                changed = placed.copy()
                changed[node, model] ^= True
                size = abs(int(arrays.stored_bytes(changed)[node] - arrays.stored_bytes(placed)[node]))
                assert state.change_bytes[node, model] == size
                value = abs(arrays.value(changed) - arrays.value(placed))
                assert state.change_value[node, model] == pytest.approx(value)


@pytest.mark.parametrize("nodes", [1, 4])
def test_repeats_itself_and_keeps_a_start(nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.placement.neighbourhoods.ROUNDS", 40)  # so that nodes are re-solved, too
    instance = generate("random", models=20, nodes=nodes, users=15, seed=5)
    first = edgeopt.solve(instance, "local-search", seed=3, iteration_limit=3000, threads=1)
    again = edgeopt.solve(instance, "local-search", seed=3, iteration_limit=3000, threads=1)
    assert first.plan == again.plan
    assert first.objective >= edgeopt.solve(instance, "greedy").objective
    onward = edgeopt.solve(instance, "local-search", seed=4, iteration_limit=1, threads=1, start=first)
    assert onward.objective >= first.objective


@some_or_many(25, 80)
def test_re_solved_nodes_see_only_what_the_others_leave(numbers: range) -> None:
    """The problem of some nodes, and of one as a knapsack, adds exactly its value to what the others hit."""
    for seed in numbers:
        arrays = DemandArrays(random_instance(seed, nodes=3, models=5))
        rng = np.random.default_rng(seed)
        placed = (rng.random(arrays.useful.shape) < 0.5) & arrays.useful
        for nodes in ([1], [0, 2]):
            rest = placed.copy()
            rest[nodes] = False
            view = arrays.focus(nodes, placed)
            assert arrays.value(rest) + view.value(placed[nodes]) == pytest.approx(arrays.value(placed))
        knapsack = arrays.knapsack(1, placed)
        rest = placed.copy()
        rest[1] = False
        assert arrays.value(rest) + knapsack.value(placed[1]) == pytest.approx(arrays.value(placed))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "best_known", "iterations"),
    [("85_100_0.10_0.75", 12045, 100_000), ("185_200_0.15_0.85", 11298, 60_000), ("285_300_0.10_0.75", 11568, 200_000)],
)
def test_reaches_best_known_values(name: str, best_known: int, iterations: int) -> None:
    path = SUKP / f"sukp_{name}.txt"
    if not path.exists():
        pytest.skip("the published instances are not here")
    instance = read_sukp(path)
    arrays = DemandArrays(instance)
    state = LocalSearch(arrays, 0, greedy_placement(arrays))
    state.run(Run(), iterations, best_known)
    report = edgeopt.check(instance, arrays.plan(state.best))
    assert report.feasible
    assert report.objective == best_known


@pytest.mark.slow
def test_no_kernel_compiles_for_literal_numbers_besides() -> None:
    arrays = DemandArrays(random_instance(1))
    sites = make_sites(arrays)
    run = kernel(cache=False)(tabu_kernel.run.py_func)  # compiled now, whatever the cache holds
    run(sites, tabu_kernel.make_state(sites, 1), 1, np.inf)
    for inner in (tabu_kernel.best_move, tabu_kernel.toggle, tabu_kernel.revalue, tabu_kernel.recount):
        assert "Literal" not in str(inner.signatures), inner.__name__
    assert len(tabu_kernel.best_move.signatures) == 1


def test_a_placement_found_again_is_no_progress() -> None:
    """Rounding in the sums of a search must not pass for something better, or patience never ends it."""
    arrays = DemandArrays(random_instance(11, nodes=2, models=5))
    state = LocalSearch(arrays, 0, greedy_placement(arrays))
    for _ in range(5):
        state.run(Run(), 4_000)
        state.adopt(state.best)
        assert state.value == arrays.value(state.best)
