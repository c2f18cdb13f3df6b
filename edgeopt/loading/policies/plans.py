"""Plans of what a policy did."""

from __future__ import annotations

from typing import Any

from edgeopt.loading.policies.simulation import Simulation, Step
from edgeopt.solution import Plan


def plan_of(simulation: Simulation) -> Plan:
    """Make the plan of the batches that ran, with their starts, and of the uploads of those who were served."""
    names, users = simulation.queues.model_names, simulation.queues.user_names
    batches: list[dict[str, Any]] = []
    gpu = _Gpu(simulation)
    for step in simulation.steps:
        batch: dict[str, Any] = {"model": names[step.model], "users": [users[user] for user in step.users]}
        evicted = gpu.run(step)
        if evicted:
            batch["evict"] = evicted
        ahead = gpu.prefetch(step)
        if ahead:
            batch["prefetch"] = ahead
        if step.start_s > 0:
            batch["start_s"] = step.start_s
        batches.append(batch)
    band = simulation.work.instance.bandwidth_hz
    uploads = {}
    for step in simulation.steps:
        for user in step.users:
            intervals = [[start, end, band] for start, end in simulation.uploads.get(user, ())]
            if intervals:
                uploads[users[user]] = intervals[0] if len(intervals) == 1 else intervals
    return {"batches": batches, "uploads": uploads}


class _Gpu:
    """The blocks on the GPU as the checker counts them: once, also where each model had copies of its own."""

    def __init__(self, simulation: Simulation) -> None:
        self._blocks, self._keeps = simulation.blocks, simulation.requests.keeps
        self._resident: set[int] = set()
        work = simulation.work
        if simulation.shares:
            self._held = [set(row.nonzero()[0].tolist()) for row in work.holds]
        else:
            self._held = [{model} for model in range(work.models)]

    def run(self, step: Step) -> list[str]:
        """Put a batch's blocks on the GPU; return the names of those that leave for it."""
        before = self._names()
        self._resident = (self._resident - set(step.evicted) if self._keeps else set()) | self._held[step.model]
        return sorted(before - self._names()) if self._keeps else []

    def prefetch(self, step: Step) -> list[str]:
        """Return the names of the blocks loaded ahead while a batch computes."""
        here = self._names()
        return [name for block in step.ahead for name in self._blocks[block] if name not in here]

    def _names(self) -> set[str]:
        return {name for block in self._resident for name in self._blocks[block]}
