"""The referee of `loading`: replays a plan, times it, and lists what it breaks. It knows no method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil, fsum
from typing import Any

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.plan_form import form_faults
from edgeopt.solution import CheckReport, Plan, Violation

TOLERANCE = 1e-9  # relative, on time and bandwidth; memory has none
WAITING = {"waiting_p50_s": 0.5, "waiting_p95_s": 0.95, "waiting_p99_s": 0.99}


@dataclass(frozen=True)
class Visit:
    """One batch as it runs: times in seconds from the start of the first upload, bytes as integers.

    Attributes
    ----------
    model : str
    users : tuple of str
    reused_bytes, loaded_bytes : int
        The bytes of the model's blocks that were on the GPU, and of those that were not.
    resident_bytes : int
        All blocks on the GPU while the batch runs.
    load_start_s, load_end_s, compute_start_s, end_s : float
        Computing starts later than loading ends only when an upload is waited for. What was loaded beside the batch
        before is in ``loaded_bytes``, but not between start and end of loading.
    ahead_end_s : float
        When the blocks of the next batch that are loaded beside this one are there, from ``compute_start_s`` on.
    """

    model: str
    users: tuple[str, ...]
    reused_bytes: int
    loaded_bytes: int
    resident_bytes: int
    load_start_s: float
    load_end_s: float
    compute_start_s: float
    end_s: float
    ahead_end_s: float


@dataclass(frozen=True)
class Upload:
    """An interval of a user's upload: from and to in seconds, with a bandwidth in Hz."""

    user: str
    start_s: float
    end_s: float
    bandwidth_hz: float


@dataclass
class Schedule:
    """A replayed plan.

    Attributes
    ----------
    upload_s : float
        When the last scheduled user has uploaded: the length W of the upload phase, where there is one.
    uploads : list of Upload
    visits : list of Visit
    violations : list of Violation
    """

    upload_s: float = 0.0
    uploads: list[Upload] = field(default_factory=list)
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
        ``{"batches": [{"model": str, "users": [str]}], "bandwidth_hz": {user: float}}``. Where uploads overlap the
        service, ``"uploads": {user: [from_s, to_s, bandwidth_hz]}`` takes the place of the bandwidths, or a list of
        such intervals for a user. Where the GPU keeps blocks by choice, a batch may have ``"evict": [block]``.
        Where it loads the next batch's blocks ahead, a batch may have ``"prefetch": [block]``. Any batch may have
        ``"start_s"``, before which it does not compute.

    Returns
    -------
    CheckReport
        The objective is the number of users served, with weights the sum of theirs; None when the plan cannot be read.
    """
    faults = form_faults(instance, plan)
    if faults:
        return CheckReport(None, faults)
    schedule = replay(instance, plan)
    served = {user for visit in schedule.visits for user in visit.users if user in instance.users}
    return CheckReport(
        instance.worth(served),
        schedule.violations,
        {
            **({"served_users": float(len(served))} if instance.weighted else {}),
            "upload_s": schedule.upload_s,
            "loading_s": fsum(map(_loading_s, schedule.visits)),
            "compute_s": fsum(visit.end_s - visit.compute_start_s for visit in schedule.visits),
            "end_s": schedule.visits[-1].end_s if schedule.visits else 0.0,
            "loaded_bytes": float(sum(visit.loaded_bytes for visit in schedule.visits)),
            "reused_bytes": float(sum(visit.reused_bytes for visit in schedule.visits)),
            **({"idle_s": _idle_s(schedule), **_waiting(instance, schedule)} if instance.stream else {}),
        },
    )


def _loading_s(visit: Visit) -> float:
    return (visit.load_end_s - visit.load_start_s) + (visit.ahead_end_s - visit.compute_start_s)


def _idle_s(schedule: Schedule) -> float:
    """Return how long the GPU neither loads nor computes before the last batch ends."""
    idle, free = [], 0.0
    for visit in schedule.visits:
        idle += [visit.load_start_s - free, visit.compute_start_s - visit.load_end_s]
        free = max(visit.end_s, visit.ahead_end_s)
    return fsum(idle)


def _waiting(instance: LoadingInstance, schedule: Schedule) -> dict[str, float]:
    """Return how long served users wait from arrival to answer, never without the share that is served."""
    waits = sorted(
        visit.end_s - instance.users[user].arrival_s
        for visit in schedule.visits
        for user in visit.users
        if user in instance.users
    )
    if not waits:
        return {"served_share": 0.0}
    ranks = {name: waits[ceil(share * len(waits)) - 1] for name, share in WAITING.items()}
    return {"served_share": len(waits) / len(instance.users), **ranks}


def replay(instance: LoadingInstance, plan: Plan) -> Schedule:
    """Run a well-formed plan step by step; what it breaks is noted and the replay goes on."""
    schedule = Schedule()
    batches = [batch for batch in plan["batches"] if _known_model(instance, batch["model"], schedule)]
    _check_users(instance, batches, schedule)
    scheduled = {user for batch in batches for user in batch["users"] if user in instance.users}
    overlapped = instance.upload == "overlapped"
    schedule.uploads = (_timed_uploads if overlapped else _upload_phase)(instance, plan, scheduled, schedule)
    uploaded = {user: instance.users[user].arrival_s for user in scheduled}
    for upload in schedule.uploads:
        if upload.user in scheduled:
            uploaded[upload.user] = max(uploaded[upload.user], upload.end_s)
            schedule.upload_s = max(schedule.upload_s, upload.end_s)
    resident: set[str] = set()
    ahead: set[str] = set()
    clock = 0.0 if overlapped else schedule.upload_s
    for number, batch in enumerate(batches):
        needed = set(instance.library.models[batch["model"]].blocks)
        kept = _kept_blocks(instance, number, batch, resident, schedule)
        resident = kept | needed
        ready = max((uploaded.get(user, 0.0) for user in batch["users"]), default=0.0)
        visit = _run(instance, batch, clock, ready, kept & needed, ahead & kept & needed)
        ahead = _loaded_ahead(instance, number, batches, resident, schedule)
        resident |= ahead
        ahead_end = visit.compute_start_s + _size(instance, ahead) / instance.server.load_rate_bytes_per_s
        visit = replace(visit, resident_bytes=_size(instance, resident), ahead_end_s=ahead_end)
        schedule.visits.append(visit)
        clock = max(visit.end_s, visit.ahead_end_s)
        _check_memory(instance, number, visit, schedule)
        _check_deadlines(instance, number, visit, schedule)
    return schedule


def _kept_blocks(
    instance: LoadingInstance, number: int, batch: Mapping[str, Any], resident: set[str], schedule: Schedule
) -> set[str]:
    """What stays on the GPU: the blocks that the next model uses, or all that are not evicted."""
    if instance.retention == "consecutive":
        return resident & set(instance.library.models[batch["model"]].blocks)
    evicted = set(batch.get("evict", ()))
    for block in sorted(evicted - resident):
        schedule.breaks("evicted block on the GPU", f"batch {number}, block {block!r}", 1, "block")
    return resident - evicted


def _loaded_ahead(
    instance: LoadingInstance, number: int, batches: list[Any], resident: set[str], schedule: Schedule
) -> set[str]:
    """Return the blocks of the next batch that are loaded while this one computes."""
    blocks = list(batches[number].get("prefetch", ()))
    following = batches[number + 1]["model"] if number + 1 < len(batches) else None
    wanted = set(instance.library.models[following].blocks) - resident if following is not None else set()
    for block in sorted(set(blocks) - wanted):
        schedule.breaks("prefetched block of the next batch, not on the GPU", f"batch {number}, {block!r}", 1, "block")
    return set(blocks) & wanted


def _size(instance: LoadingInstance, blocks: Iterable[str]) -> int:
    return sum(instance.library.blocks[block] for block in blocks)


def _run(
    instance: LoadingInstance,
    batch: Mapping[str, Any],
    free_s: float,
    ready_s: float,
    present: set[str],
    ahead: set[str],
) -> Visit:
    """Load what is missing, wait until the batch is ready, compute; an empty batch computes nothing.

    Of the present blocks, those loaded ahead were loaded for this batch. Where a batch starts at a stated time, it
    loads right before it.
    """
    model, rate = instance.library.models[batch["model"]], instance.server.load_rate_bytes_per_s
    ahead_bytes, reused_bytes = _size(instance, ahead), _size(instance, present - ahead)
    missing = _size(instance, model.blocks) - reused_bytes - ahead_bytes
    stated = batch.get("start_s", 0.0)
    load_start = max(free_s, stated - missing / rate)
    load_end = load_start + missing / rate
    start = max(load_end, ready_s, stated)  # the end of loading may be rounded to before the stated time
    number = len(batch["users"])
    seconds = (model.compute_fixed_s or 0.0) + (model.compute_per_sample_s or 0.0) * number if number else 0.0
    return Visit(
        model=batch["model"],
        users=tuple(batch["users"]),
        reused_bytes=reused_bytes,
        loaded_bytes=missing + ahead_bytes,
        resident_bytes=0,
        load_start_s=load_start,
        load_end_s=load_end,
        compute_start_s=start,
        end_s=start + seconds,
        ahead_end_s=start,
    )


def _known_model(instance: LoadingInstance, model: str, schedule: Schedule) -> bool:
    if model in instance.library.models:
        return True
    schedule.breaks("known model", f"model {model!r}", 1, "model")
    return False


def _check_users(instance: LoadingInstance, batches: list[Any], schedule: Schedule) -> None:
    """Each user is known, asks for the batch's model, and is served once; no batch is empty."""
    times: dict[str, int] = {}
    for number, batch in enumerate(batches):
        if not batch["users"] and instance.prefetch != "idle":
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


def _upload_phase(instance: LoadingInstance, plan: Plan, scheduled: set[str], schedule: Schedule) -> list[Upload]:
    """Return the uploads of the phase: each scheduled user's from 0 on with its bandwidth; check the bandwidths."""
    bandwidth = plan["bandwidth_hz"]
    for user, share in bandwidth.items():
        _check_bandwidth(instance, user, share, schedule)
    _check_total_bandwidth(instance, fsum(bandwidth.values()), "all users", schedule)
    uploads = []
    for user in sorted(scheduled):
        facts, share = instance.users[user], bandwidth.get(user, 0)
        if facts.upload_bits == 0:
            continue
        if share <= 0:
            schedule.breaks("upload", f"user {user!r} has no bandwidth", facts.upload_bits, "bits not uploaded")
        else:
            uploads.append(Upload(user, 0.0, facts.upload_bits / (share * facts.spectral_efficiency), share))
    return uploads


def _timed_uploads(instance: LoadingInstance, plan: Plan, scheduled: set[str], schedule: Schedule) -> list[Upload]:
    """Return the uploads as the plan times them; check that each is complete, and the band at every moment."""
    uploads = [
        Upload(user, *interval)
        for user, entry in plan["uploads"].items()
        for interval in (entry if entry and isinstance(entry[0], list) else [entry] if entry else [])
    ]
    for upload in uploads:
        _check_bandwidth(instance, upload.user, upload.bandwidth_hz, schedule)
        early = _arrival_s(instance, upload.user) - upload.start_s
        if early > TOLERANCE * abs(upload.start_s):
            schedule.breaks("upload from the arrival on", f"user {upload.user!r}", early, "s")
        if upload.end_s < upload.start_s:
            schedule.breaks("upload ends after its start", f"user {upload.user!r}", upload.start_s - upload.end_s, "s")
    sent, allowed = dict.fromkeys(scheduled, 0.0), dict.fromkeys(scheduled, 0.0)
    for upload in uploads:
        if upload.user in scheduled:
            rate = upload.bandwidth_hz * instance.users[upload.user].spectral_efficiency
            sent[upload.user] += rate * (upload.end_s - upload.start_s)
            allowed[upload.user] += rate * TOLERANCE * upload.end_s
    for user in sorted(scheduled):
        missing = instance.users[user].upload_bits - sent[user]
        if missing > allowed[user]:
            schedule.breaks("upload", f"user {user!r}", missing, "bits not uploaded")
    _check_band_over_time(instance, uploads, schedule)
    return uploads


def _arrival_s(instance: LoadingInstance, user: str) -> float:
    return instance.users[user].arrival_s if user in instance.users else 0.0


def _check_band_over_time(instance: LoadingInstance, uploads: list[Upload], schedule: Schedule) -> None:
    """The half-open intervals never use more than the band; an end may overlap a start by the tolerance."""
    changes = [(upload.start_s, upload.bandwidth_hz) for upload in uploads]
    changes += [(upload.end_s * (1 - TOLERANCE), -upload.bandwidth_hz) for upload in uploads]
    changes.sort()
    used = most = at = 0.0
    for moment, change in changes:
        used += change
        if used > most:
            most, at = used, moment
    _check_total_bandwidth(instance, most, f"{at:g} s", schedule)


def _check_bandwidth(instance: LoadingInstance, user: str, share: float, schedule: Schedule) -> None:
    if user not in instance.users:
        schedule.breaks("known user", f"bandwidth of user {user!r}", 1, "user")
    if share < 0:
        schedule.breaks("bandwidth not negative", f"user {user!r}", -share, "Hz")


def _check_total_bandwidth(instance: LoadingInstance, used: float, where: str, schedule: Schedule) -> None:
    excess = used - instance.bandwidth_hz
    if excess > TOLERANCE * instance.bandwidth_hz:
        schedule.breaks("total bandwidth", where, excess, "Hz")


def _check_memory(instance: LoadingInstance, number: int, visit: Visit, schedule: Schedule) -> None:
    """The blocks on the GPU and the workspace of the batch fit into memory, to the byte."""
    workspace = instance.library.models[visit.model].workspace_bytes_per_sample or 0
    needed = visit.resident_bytes + workspace * len(visit.users)
    if needed > instance.server.memory_bytes:
        schedule.breaks("memory", f"batch {number}", needed - instance.server.memory_bytes, "bytes")


def _check_deadlines(instance: LoadingInstance, number: int, visit: Visit, schedule: Schedule) -> None:
    for user in visit.users:
        if user in instance.users:
            deadline = instance.users[user].deadline_s
            if visit.end_s - deadline > TOLERANCE * deadline:
                schedule.breaks("deadline", f"batch {number}, user {user!r}", visit.end_s - deadline, "s")
