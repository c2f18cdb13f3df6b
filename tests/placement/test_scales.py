"""Every method against enumeration: weights from 1e-12 to 1e12, of one size and mixed, nodes that fill to the byte."""

from __future__ import annotations

from fractions import Fraction

import pytest

import edgeopt
from edgeopt.placement.instance import Demand, Node, PlacementInstance
from edgeopt.tolerances import PROVED_GAP
from tests.placement.brute_force import optimum
from tests.placement.random_instances import random_instance, scaled_instance


def assert_true(instance: PlacementInstance) -> None:
    best = optimum(instance)
    room = Fraction(PROVED_GAP) * best
    for method in edgeopt.fitting_methods(instance):
        kind = edgeopt.methods("placement")[method].kind
        solution = edgeopt.solve(instance, method, threads=1, iteration_limit=500 if kind == "heuristic" else None)
        about = f"{instance.name}, {method}: {solution.objective} of {float(best)}, bound {solution.bound}"
        if solution.objective is not None:
            assert Fraction(solution.objective) <= best + room, about
        if solution.bound is not None:
            assert Fraction(solution.bound) >= best - room, about
        if kind == "exact":
            assert solution.status == "optimal", about
        if solution.status == "optimal":
            assert Fraction(solution.objective) >= best - 2 * room, about


@pytest.mark.parametrize("seed", [*range(20), 53, 92, 101, 143])  # the last: whole numbers of 1e12 and of 1
def test_bounds_and_optima_at_every_scale(seed: int) -> None:
    assert_true(scaled_instance(seed))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 500, 50))
def test_bounds_and_optima_of_hundreds(first: int) -> None:
    for seed in range(first, first + 50):
        assert_true(scaled_instance(seed))


def changed(instance: PlacementInstance, *, storage: int | None = None, weight: int | None = None) -> PlacementInstance:
    nodes = {
        name: Node(storage_bytes=node.storage_bytes if storage is None else storage)
        for name, node in instance.nodes.items()
    }
    demand = [
        Demand(user=row.user, model=row.model, weight=row.weight if weight is None else weight, nodes=row.nodes)
        for row in instance.demand
    ]
    return PlacementInstance(name="changed", library=instance.library, nodes=nodes, demand=demand)


@pytest.mark.parametrize("nodes", [1, 2])
def test_storage_of_nothing_says_what_it_lacks(nodes: int) -> None:
    """An optimum of 0 is proved by every method that places models, and its message says why it is 0."""
    plain = random_instance(11, nodes=nodes, models=4)
    tiny = PlacementInstance(
        name="tiny",
        library={
            "format": "edgeopt-library/1",
            "name": "two",
            "blocks": {"a": 1000, "b": 30},
            "models": {"x": {"blocks": ["a"]}, "y": {"blocks": ["a", "b"]}},
        },
        nodes={f"n{number}": Node(storage_bytes=10 + number) for number in range(nodes)},
        demand=[Demand(user="u", model=model, weight=1.5, nodes=[f"n{nodes - 1}"]) for model in ("x", "y")],
    )
    for instance, message in (
        (tiny, f"'x' on 'n{nodes - 1}', lacks {1000 - 9 - nodes} bytes"),
        (changed(plain, weight=0), "no demand has a positive weight"),
    ):
        for method in edgeopt.fitting_methods(instance):
            solution = edgeopt.solve(instance, method, threads=1)
            assert message in solution.message, method
            assert solution.bound == 0, method
            if edgeopt.methods("placement")[method].kind != "bound":
                assert (solution.objective, solution.status, solution.stopped) == (0, "optimal", "proved"), method
