"""The replayer against a slow one, and its plans before the checker, in all modes."""

from __future__ import annotations

import math

import pytest

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.checker import check
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.named import POLICIES, policies_of, replay_policy
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.simulation import Simulation, simulate
from edgeopt.loading.workload import compile_workload
from tests.amounts import some_or_many
from tests.loading.policies.slow_referee import Offer, serve
from tests.loading.policies.streams import MODES, random_stream

SHORTEST_S = 1e-30


def visit_worth(offer: Offer) -> float:
    return max(users / max(end - offer["now"], SHORTEST_S) for users, end in offer["after"])


WORTH = {
    "fifo": lambda offer: -offer["oldest"],
    "edf": lambda offer: -offer["due"],
    "lru-blocks": lambda offer: -offer["due"],
    "affinity": lambda offer: -offer["load"],
    "density": lambda offer: offer["users"] / max(offer["seconds"], SHORTEST_S),
    "visit-density": visit_worth,
}
SLOW = {name: (worth, name.startswith("lru")) for name, worth in WORTH.items()}


@some_or_many(15, 100)
@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
@pytest.mark.parametrize("name", SLOW)
def test_batches_are_those_of_a_slow_replay(name: str, retention: str, numbers: range) -> None:
    served = 0
    for seed in numbers:
        stream = random_stream(seed, retention, silent=True)
        plan = replay_policy(stream, name)
        slow = serve(stream, *SLOW[name])
        assert batches_of(plan) == [(model, users) for model, users, _ in slow], stream.name
        starts = [batch.get("start_s", 0.0) for batch in plan["batches"]]
        assert starts == pytest.approx([start for _, _, start in slow], abs=1e-9)
        served += sum(len(users) for _, users, _ in slow)
    assert served > 2 * len(numbers)


def batches_of(plan: dict) -> list[tuple[str, list[str]]]:
    return [(batch["model"], sorted(batch["users"])) for batch in plan["batches"]]


@some_or_many(6, 60)
@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
def test_models_that_share_nothing_are_replayed_as_if_each_had_one_block(retention: str, numbers: range) -> None:
    density = SLOW["density"][0]
    for seed in numbers:
        stream = random_stream(seed, retention, silent=True)
        apart = without_sharing(stream)
        slow = serve(apart, density)
        assert batches_of(replay_policy(stream, "density-unshared")) == [batch[:2] for batch in slow]
        better = max((serve(apart, SLOW[name][0], True) for name in ("fifo", "edf")), key=served_by)
        assert batches_of(replay_policy(stream, "lru-models")) == [batch[:2] for batch in better]


def served_by(batches: list[tuple[str, list[str], float]]) -> int:
    return sum(len(users) for _, users, _ in batches)


def without_sharing(stream: LoadingInstance) -> LoadingInstance:
    """The stream in which each model is one block of its own."""
    library = stream.library
    models = {name: Model(**{**facts.to_dict(), "blocks": [name]}) for name, facts in library.models.items()}
    apart = ModelLibrary(blocks={name: library.size_bytes(name) for name in models}, models=models)
    return LoadingInstance.from_dict({**stream.to_dict(), "library": apart.to_dict()})


@some_or_many(10, 40)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", POLICIES)
def test_plans_pass_the_checker_in_all_modes(name: str, mode: tuple[str, str], numbers: range) -> None:
    for seed in numbers:
        stream = random_stream(seed, *mode)
        for policy in policies_of(name):
            simulation = simulate(stream, policy)
            report = check(stream, plan_of(simulation))
            assert report.feasible, (stream.name, report.violations)
            assert report.objective == simulation.served
            last = simulation.steps[-1].end_s if simulation.steps else 0.0
            assert math.isclose(report.metrics["end_s"], last, rel_tol=1e-9)


@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
def test_a_replay_that_ends_early_loads_nothing_for_a_batch_that_does_not_come(retention: str) -> None:
    loaded_ahead = 0
    for seed in range(12):
        stream = random_stream(seed, retention, "next", silent=True)
        work = compile_workload(stream)
        (policy,) = policies_of("density")
        for batches in range(1, 4):
            simulation = Simulation(work, policy.shares)
            simulation.run(policy, lambda now_s, simulation=simulation, last=batches: len(simulation.steps) < last)
            assert check(stream, plan_of(simulation)).violations == []
        whole = plan_of(simulate(stream, policy))["batches"]
        loaded_ahead += any("prefetch" in batch for batch in whole[:3])
    assert loaded_ahead
