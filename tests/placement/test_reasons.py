"""Why demand is not hit: what is said of every plan against enumeration, what is said of a plan against the checker."""

from __future__ import annotations

from fractions import Fraction

import edgeopt
from edgeopt.placement.checker import check
from edgeopt.placement.figures import plan_frame
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.reasons import NOTHING, ROOM, UNFIT, UNREACHED, WORTH, _exclusive_weights, displacement, missed
from edgeopt.solution import Plan
from tests.amounts import some_or_many
from tests.placement.brute_force import optimum
from tests.placement.random_instances import random_instance


def kind(reason: str) -> str:
    return reason.partition(":")[0]


@some_or_many(60, 150)
def test_demand_that_no_plan_hits_is_told_from_the_rest(numbers):
    seen = dict.fromkeys((NOTHING, UNREACHED, UNFIT, "other"), 0)
    for seed in numbers:
        instance = random_instance(seed)
        nothing: Plan = {"placed": {}}
        for row, reason in missed(instance, nothing):
            only = instance.replace(demand=[row])
            hopeless = kind(reason) in seen
            assert hopeless == (optimum(only) == 0), (seed, row, reason)
            assert hopeless or kind(reason) == ROOM
            seen[kind(reason) if hopeless else "other"] += 1
    assert min(seen.values()) > len(numbers) / 15


@some_or_many(50, 150, again=True)
def test_displacements_are_true(numbers):
    """What a reason says of a node is what the checker says of the changed plan."""
    count = 0
    for seed in numbers:
        instance = random_instance(seed)
        plan = edgeopt.solve(instance, "greedy", threads=1).plan
        placed = {node: set(plan["placed"].get(node, ())) for node in instance.nodes}
        weights = _exclusive_weights(instance, placed)
        before = check(instance, plan).objective
        for row, reason in missed(instance, plan):
            if kind(reason) not in (ROOM, WORTH):
                continue
            for node in row.nodes:
                if instance.library.size_bytes(row.model) > instance.nodes[node].storage_bytes:
                    continue
                left = [
                    other.weight
                    for other, _ in missed(instance, plan)
                    if other.model == row.model and node in other.nodes
                ]
                option = displacement(instance, placed[node], weights, node, row.model, sum(left))
                kept = [name for name in plan["placed"].get(node, []) if name not in option.gone]
                report = check(instance, {"placed": {**plan["placed"], node: [*kept, row.model]}})
                assert report.feasible
                assert abs(report.objective - (before + option.gain - option.loss)) < 1e-9
                count += 1
    assert count > len(numbers) / 3


@some_or_many(20, 60)
def test_an_optimal_plan_has_no_room_and_no_improvement(numbers):
    for seed in numbers:
        instance = random_instance(seed)
        solution = edgeopt.solve(instance, "exact", threads=1)
        if solution.status == "optimal" and Fraction(solution.objective) == optimum(instance):
            assert not [reason for _, reason in missed(instance, solution.plan) if "can be improved" in reason], seed


def test_the_frame_has_the_missed_demand():
    instance: PlacementInstance = random_instance(5)
    solution = edgeopt.solve(instance, "greedy", threads=1)
    frame = plan_frame(instance, solution.plan)
    missing = frame[~frame["served"]]
    total = sum(row.weight for row in instance.demand)
    assert missing["missed_weight"].sum() + solution.objective == total
    assert (missing["reason"] != "").all()
