"""The referee of `loading`: replays a plan, times it, and lists what it breaks. It knows no method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum, isfinite
from typing import Any

from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import CheckReport, Plan, Violation

TOLERANCE = 1e-9  # relative, on time and bandwidth; memory has none


@dataclass(frozen=True)
class Visit:
    """One batch as it runs: times in seconds from the start of the upload phase, bytes as integers."""

    model: str
    users: tuple[str, ...]
    reused_bytes: int
    loaded_bytes: int
    load_start_s: float
    compute_start_s: float
    end_s: float


@dataclass
class Schedule:
    """A replayed plan.

    Attributes
    ----------
    upload_s : float
        Length W of the upload phase.
    visits : list of Visit
    violations : list of Violation
    """

    upload_s: float = 0.0
    visits: list[Visit] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def breaks(self, constraint: str, where: str, amount: float, unit: str) -> None:
        """Note a violated constraint."""
        self.violations.append(Violation(constraint, where, float(amount), unit))


def check(instance: LoadingInstance, plan: Plan) -> CheckReport:
    """Score a plan and list every violated constraint.

    Parameters
    ----------
    instance : LoadingInstance
    plan : dict
        ``{"batches": [{"model": str, "users": [str]}], "bandwidth_hz": {user: float}}``

    Returns
    -------
    CheckReport
        The objective is the number of users served; None when the plan cannot be read.
    """
    faults = _form_faults(plan)
    if faults:
        return CheckReport(None, faults)
    schedule = replay(instance, plan)
    served = {user for visit in schedule.visits for user in visit.users if user in instance.users}
    return CheckReport(
        len(served),
        schedule.violations,
        {
            "upload_s": schedule.upload_s,
            "loading_s": fsum(visit.compute_start_s - visit.load_start_s for visit in schedule.visits),
            "compute_s": fsum(visit.end_s - visit.compute_start_s for visit in schedule.visits),
            "end_s": schedule.visits[-1].end_s if schedule.visits else 0.0,
            "loaded_bytes": float(sum(visit.loaded_bytes for visit in schedule.visits)),
            "reused_bytes": float(sum(visit.reused_bytes for visit in schedule.visits)),
        },
    )


def replay(instance: LoadingInstance, plan: Plan) -> Schedule:
    """Run a well-formed plan step by step; what it breaks is noted and the replay goes on."""
    schedule = Schedule()
    batches = [batch for batch in plan["batches"] if _known_model(instance, batch["model"], schedule)]
    _check_users(instance, batches, schedule)
    schedule.upload_s = _upload_phase(instance, plan, batches, schedule)
    resident: set[str] = set()
    clock = schedule.upload_s
    for number, batch in enumerate(batches):
        needed = set(instance.library.models[batch["model"]].blocks)
        loaded = sum(instance.library.blocks[block] for block in needed - resident)
        reused = sum(instance.library.blocks[block] for block in needed & resident)
        resident = needed
        visit = _run(instance, batch, clock, loaded, reused)
        schedule.visits.append(visit)
        clock = visit.end_s
        _check_memory(instance, number, batch, schedule)
        _check_deadlines(instance, number, visit, schedule)
    return schedule


def _run(instance: LoadingInstance, batch: Mapping[str, Any], clock: float, loaded: int, reused: int) -> Visit:
    model = instance.library.models[batch["model"]]
    size = len(batch["users"])
    ready = clock + loaded / instance.server.load_rate_bytes_per_s
    end = ready + (model.compute_fixed_s or 0.0) + (model.compute_per_sample_s or 0.0) * size
    return Visit(batch["model"], tuple(batch["users"]), reused, loaded, clock, ready, end)


def _known_model(instance: LoadingInstance, model: str, schedule: Schedule) -> bool:
    if model in instance.library.models:
        return True
    schedule.breaks("known model", f"model {model!r}", 1, "model")
    return False


def _check_users(instance: LoadingInstance, batches: list[Any], schedule: Schedule) -> None:
    """Each user is known, asks for the batch's model, and is served once; no batch is empty."""
    times: dict[str, int] = {}
    for number, batch in enumerate(batches):
        if not batch["users"]:
            schedule.breaks("batch not empty", f"batch {number}", 1, "batch")
        for user in batch["users"]:
            times[user] = times.get(user, 0) + 1
            if user not in instance.users:
                schedule.breaks("known user", f"batch {number}, user {user!r}", 1, "user")
            elif instance.users[user].model != batch["model"]:
                schedule.breaks("model of the user", f"batch {number}, user {user!r}", 1, "user")
    for user, count in times.items():
        if count > 1:
            schedule.breaks("served once", f"user {user!r}", count - 1, "times")


def _upload_phase(instance: LoadingInstance, plan: Plan, batches: list[Any], schedule: Schedule) -> float:
    """Return the least W in which every scheduled user uploads with its bandwidth; check the bandwidths."""
    bandwidth = plan["bandwidth_hz"]
    for user, share in bandwidth.items():
        if user not in instance.users:
            schedule.breaks("known user", f"bandwidth of user {user!r}", 1, "user")
        if share < 0:
            schedule.breaks("bandwidth not negative", f"user {user!r}", -share, "Hz")
    excess = fsum(bandwidth.values()) - instance.bandwidth_hz
    if excess > TOLERANCE * instance.bandwidth_hz:
        schedule.breaks("total bandwidth", "all users", excess, "Hz")
    longest = 0.0
    for user in {user for batch in batches for user in batch["users"] if user in instance.users}:
        facts = instance.users[user]
        if facts.upload_bits == 0:
            continue
        share = bandwidth.get(user, 0)
        if share <= 0:
            schedule.breaks("upload", f"user {user!r} has no bandwidth", facts.upload_bits, "bits not uploaded")
        else:
            longest = max(longest, facts.upload_bits / (share * facts.spectral_efficiency))
    return longest


def _check_memory(instance: LoadingInstance, number: int, batch: Mapping[str, Any], schedule: Schedule) -> None:
    """The model and the workspace of its batch fit into memory, to the byte."""
    model = instance.library.models[batch["model"]]
    needed = sum(instance.library.blocks[block] for block in model.blocks)
    needed += (model.workspace_bytes_per_sample or 0) * len(batch["users"])
    if needed > instance.server.memory_bytes:
        schedule.breaks("memory", f"batch {number}", needed - instance.server.memory_bytes, "bytes")


def _check_deadlines(instance: LoadingInstance, number: int, visit: Visit, schedule: Schedule) -> None:
    for user in visit.users:
        if user in instance.users:
            deadline = instance.users[user].deadline_s
            if visit.end_s - deadline > TOLERANCE * deadline:
                schedule.breaks("deadline", f"batch {number}, user {user!r}", visit.end_s - deadline, "s")


def _form_faults(plan: Any) -> list[Violation]:
    """What keeps the plan from being read at all."""

    def fault(where: str) -> Violation:
        return Violation("form of the plan", where, 1)

    if not isinstance(plan, Mapping):
        return [fault("the plan is not an object")]
    faults = [fault(f"unknown key {key!r}") for key in plan if key not in ("batches", "bandwidth_hz")]
    batches, bandwidth = plan.get("batches"), plan.get("bandwidth_hz")
    if not isinstance(batches, list):
        faults.append(fault("'batches' is not a list"))
    else:
        for number, batch in enumerate(batches):
            if not (
                isinstance(batch, Mapping)
                and set(batch) == {"model", "users"}
                and isinstance(batch["model"], str)
                and isinstance(batch["users"], list)
                and all(isinstance(user, str) for user in batch["users"])
            ):
                faults.append(fault(f"batch {number} is not {{'model': name, 'users': [names]}}"))
    if not isinstance(bandwidth, Mapping):
        faults.append(fault("'bandwidth_hz' is not an object"))
    else:
        for user, share in bandwidth.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not isfinite(share):
                faults.append(fault(f"the bandwidth of user {user!r} is not a finite number"))
    return faults
