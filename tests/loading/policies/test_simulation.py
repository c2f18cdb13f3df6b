"""The replayer against a slow one, and its plans before the checker, in all modes."""

from __future__ import annotations

import pytest

from edgeopt.loading.checker import check
from edgeopt.loading.policies.named import POLICIES, policy_of, replay_policy
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.simulation import simulate
from tests.loading.policies.slow_referee import serve
from tests.loading.policies.streams import MODES, random_stream

WORTH = {
    "fifo": lambda offer: -offer["oldest"],
    "edf": lambda offer: -offer["due"],
    "affinity": lambda offer: -offer["load"],
    "density": lambda offer: offer["users"] / max(offer["seconds"], 1e-30),
}


@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
@pytest.mark.parametrize("name", WORTH)
def test_batches_are_those_of_a_slow_replay(name: str, retention: str) -> None:
    served = 0
    for seed in range(150):
        stream = random_stream(seed, retention, silent=True)
        plan = replay_policy(stream, name)
        batches = [(batch["model"], sorted(batch["users"]), batch.get("start_s", 0.0)) for batch in plan["batches"]]
        slow = serve(stream, WORTH[name])
        assert [batch[:2] for batch in batches] == [batch[:2] for batch in slow], stream.name
        assert [batch[2] for batch in batches] == pytest.approx([batch[2] for batch in slow], abs=1e-9)
        served += sum(len(users) for _, users, _ in slow)
    assert served > 300


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", POLICIES)
def test_plans_pass_the_checker_in_all_modes(name: str, mode: tuple[str, str]) -> None:
    for seed in range(60):
        stream = random_stream(seed, *mode)
        simulation = simulate(stream, policy_of(name))
        report = check(stream, plan_of(simulation))
        assert report.feasible, (stream.name, report.violations)
        assert report.objective == sum(len(step.users) for step in simulation.steps)
        assert report.metrics["end_s"] == pytest.approx(simulation.steps[-1].end_s if simulation.steps else 0.0)
