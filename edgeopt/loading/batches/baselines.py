"""Baselines of the other modes: the best plan of the usual mode run in this one, and least recently used blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.batches.plans import Batch, plan_for, plan_of, served
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.method import methods
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped


def solve_two_phase(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve the instance as if all uploads came before the service, and run that plan with overlapped uploads."""
    return _solved_as(instance, {"upload": "phase"}, run)


def solve_consecutive(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve the instance as if blocks stayed only while consecutive models use them, and run that plan here."""
    return _solved_as(instance, {"retention": "consecutive"}, run)


def solve_without_sharing(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve the instance as if each switch loaded the whole model, and run that plan here."""
    return _solved_as(instance, {"retention": "consecutive", "library": unshared(instance.library)}, run)


def unshared(library: ModelLibrary) -> ModelLibrary:
    """Return the library in which each model has its own copy of each of its blocks."""
    return ModelLibrary(
        name=f"{library.name}, unshared",
        blocks={
            f"{name}: {block}": library.blocks[block]
            for name, model in library.models.items()
            for block in model.blocks
        },
        models={
            name: model.replace(blocks=[f"{name}: {block}" for block in model.blocks])
            for name, model in library.models.items()
        },
    )


def _solved_as(instance: LoadingInstance, changes: dict[str, Any], run: Run) -> Outcome:
    from edgeopt.loading.auto import choose

    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    other = instance.replace(**changes)

    def take(other_plan: Plan) -> Plan:
        users = [entry["users"] for entry in other_plan["batches"]]
        plan = plan_for(workload, converted(workload, other_plan, other.retention), users)
        run.report(instance.worth(user for batch in users for user in batch), plan=lambda: plan)
        return plan

    part = run.part(iterations=run.options.iteration_limit, reports=take)
    name, _ = choose(other, part.options)
    outcome = methods("loading")[name].function(other, part)
    plan = take({"batches": []} if outcome.plan is None else outcome.plan)
    how = ", ".join(f"`{key}`: {value!r}" for key, value in changes.items() if isinstance(value, str))
    return Outcome(
        plan,
        stopped=outcome.stopped,
        message=f"solved by {name} with {how}" + (f": {outcome.message}" if outcome.message else ""),
    )


def converted(workload: Workload, plan: Plan, retention: str) -> list[Batch]:
    """Return the batches of a plan for another mode, with the blocks on the GPU that are there in that mode."""
    number = {name: index for index, name in enumerate(workload.model_names)}
    place = {name: index for index, names in enumerate(workload.blocks) for name in names}
    resident: set[int] = set()
    batches = []
    for entry in plan["batches"]:
        model = number[entry["model"]]
        resident -= {place[name] for name in entry.get("evict", ())}
        held = set(np.flatnonzero(workload.holds[model]).tolist())
        resident = resident | held if retention == "capacity" else held
        batches.append(Batch(model, len(entry["users"]), tuple(sorted(resident))))
    return batches


def solve_least_recently_used(instance: LoadingInstance, run: Run) -> Outcome:
    """Append the batch that takes the least time for each user; blocks used longest ago make room for it."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    cache = Cache(workload)
    while (stopped := run.stop_reason()) is None and cache.append():
        run.report(served(cache.batches), plan=partial(plan_of, workload, list(cache.batches)))
    return Outcome(
        plan_of(workload, cache.batches),
        stopped=stopped or Stopped.FINISHED,
        message=f"{len(cache.batches)} batches, least recently used blocks evicted",
    )


class Cache:
    """Batches one after another, and the blocks on the GPU in the order of their last use.

    Attributes
    ----------
    batches : list of Batch
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._served = [0] * workload.models
        self._held = [np.flatnonzero(row).tolist() for row in workload.holds]
        self._recent: list[int] = []  # least recently used first
        self._gpu_s = self._radio_s = 0.0
        self.batches: list[Batch] = []

    def append(self) -> bool:
        """Run the next batch; return False when none is in time."""
        work = self._workload
        best: tuple[float, int, int] | None = None
        for model in range(work.models):
            count = min(int(work.batch[model]), int(work.most[model]) - self._served[model])
            for users in range(count, 0, -1):
                end = sum(self._after(model, users)) if not work.overlapped else self._after(model, users)[0]
                if end <= work.horizon_s:
                    spent = (end - self._gpu_s - (0.0 if work.overlapped else self._radio_s)) / users
                    best = min(best, (spent, model, users)) if best else (spent, model, users)
                    break
        if best is None:
            return False
        self._run(*best[1:])
        return True

    def _after(self, model: int, users: int) -> tuple[float, float]:
        """When the GPU and the radio would be done with this batch, each for itself in an upload phase."""
        work, first = self._workload, self._served[model]
        radio = self._radio_s + float(work.upload_s[model, first + users] - work.upload_s[model, first])
        missing = [block for block in self._held[model] if block not in self._recent]
        gpu = self._gpu_s + float(work.block_bytes[missing].sum()) / work.rate
        start = max(gpu, radio) if work.overlapped else gpu
        return start + float(work.fixed_s[model] + work.sample_s[model] * users), radio

    def _run(self, model: int, users: int) -> None:
        work = self._workload
        self._gpu_s, self._radio_s = self._after(model, users)
        held = self._held[model]
        others = [block for block in self._recent if block not in held]
        room = int(work.room_bytes[model]) - int(work.workspace_bytes[model]) * users
        while sum(int(work.block_bytes[block]) for block in others) > room:
            others.pop(0)
        self._recent = others + held
        self._served[model] += users
        self.batches.append(Batch(model, users, tuple(sorted(self._recent))))
