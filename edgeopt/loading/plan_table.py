"""Tables of `loading` plans: who is served when, who is not and why; and the plans that tables say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeopt.errors import UsageError
from edgeopt.layout import cell_of, in_cell, require_columns
from edgeopt.loading.bandwidths import radio
from edgeopt.loading.checker import Upload, replay
from edgeopt.loading.reasons import unserved

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.loading.instance import LoadingInstance
    from edgeopt.solution import Plan

FRAME_COLUMNS = (
    "user",
    "model",
    "batch",
    "bandwidth_hz",
    "load_start_s",
    "compute_start_s",
    "end_s",
    "deadline_s",
    "slack_s",
    "served",
    "reason",
)
UPLOAD_COLUMNS = ("upload_start_s", "upload_end_s")
LISTS = ("evict", "prefetch")


def plan_frame(instance: LoadingInstance, plan: Plan) -> pd.DataFrame:
    """Return one row for each user: its batch, its upload, when it is served, and the slack; or why it is not served.

    The users whom the plan serves come first, in the order of their batches. Where batches say more, the first row of
    each has it: ``start_s``, the blocks to ``evict`` and to ``prefetch``, and the batches without users ``before`` it.
    """
    import pandas as pd

    schedule = replay(instance, plan)
    uploads: dict[str, list[Upload]] = {}
    for upload in schedule.uploads:
        uploads.setdefault(upload.user, []).append(upload)
    said = _said(plan)
    rows = [
        {
            "user": user,
            "model": visit.model,
            "batch": number,
            **_upload_of(instance, plan, user, uploads.get(user, [])),
            "load_start_s": visit.load_start_s,
            "compute_start_s": visit.compute_start_s,
            "end_s": visit.end_s,
            "deadline_s": instance.users[user].deadline_s,
            "slack_s": instance.users[user].deadline_s - visit.end_s,
            "served": True,
            "reason": "",
            **(said[number] if user == visit.users[0] else {}),
        }
        for number, visit in enumerate(schedule.visits)
        for user in visit.users
    ]
    rows += [
        {
            "user": user,
            "model": instance.users[user].model,
            "deadline_s": instance.users[user].deadline_s,
            "served": False,
            "reason": reason,
        }
        for user, reason in unserved(instance, plan).items()
    ]
    columns = list(FRAME_COLUMNS)
    if instance.upload == "overlapped":
        columns[columns.index("bandwidth_hz") : columns.index("load_start_s")] = [*UPLOAD_COLUMNS, "bandwidth_hz"]
    if instance.weighted:
        columns.insert(columns.index("model") + 1, "weight")
        rows = [{**row, "weight": instance.users[str(row["user"])].weight} for row in rows]
    columns += [key for key in ("start_s", *LISTS, "before") if any(key in batch for batch in said)]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"batch": "Int64", "served": bool})


def plan_of_frame(instance: LoadingInstance, frame: pd.DataFrame) -> Plan:
    """Return the plan of a table with columns ``user`` and ``batch``, as `plan_frame` gives it; the band is dealt anew.

    Raises
    ------
    UsageError
        A column is missing, a cell cannot be read, or a user is unknown.
    """
    require_columns(frame, ("user", "batch"))
    served = frame[frame["batch"].notna()]
    unknown = [user for user in served["user"] if str(user) not in instance.users]
    if unknown:
        raise UsageError(f"the table names {unknown[0]!r}, who is no user of {instance.name!r}")
    batches: list[dict[str, Any]] = []
    for _, group in served.groupby(served["batch"].map(_number), sort=True):
        first = group.iloc[0]
        users = [str(user) for user in group["user"]]
        batches += in_cell(first.get("before"), "before") or []
        batches.append({"model": instance.users[users[0]].model, "users": users, **_keys(first)})
    return {"batches": batches, **radio(instance, [user for batch in batches for user in batch["users"]])}


def _said(plan: Plan) -> list[dict[str, Any]]:
    """Return what each batch says beside its model and users, as cells, and the batches without users before it."""
    said: list[dict[str, Any]] = []
    before: list[Any] = []
    for batch in plan["batches"]:
        cells: dict[str, Any] = {key: cell_of(batch[key]) for key in LISTS if batch.get(key)}
        cells |= {"start_s": float(batch["start_s"])} if "start_s" in batch else {}
        said.append(cells)
        if not batch["users"]:
            before.append(dict(batch))
        elif before:
            cells["before"], before = cell_of(before), []
    return said


def _keys(row: pd.Series[Any]) -> dict[str, Any]:
    """Return the further keys of a batch that its first row says."""
    found: dict[str, Any] = {key: names for key in LISTS if (names := in_cell(row.get(key), key))}
    start = row.get("start_s")
    if start is not None and start == start:
        found["start_s"] = _number(start)
    return found


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise UsageError(f"the table says {cell!r} where a number should stand") from None


def _upload_of(instance: LoadingInstance, plan: Plan, user: str, uploads: list[Upload]) -> dict[str, float]:
    """Return a user's largest bandwidth, and from when to when it uploads where that is a decision."""
    if instance.upload == "phase":
        return {"bandwidth_hz": float(plan["bandwidth_hz"].get(user, 0.0))}
    start, end = (
        min((each.start_s for each in uploads), default=0.0),
        max((each.end_s for each in uploads), default=0.0),
    )
    most = max((each.bandwidth_hz for each in uploads), default=0.0)
    return dict(zip((*UPLOAD_COLUMNS, "bandwidth_hz"), map(float, (start, end, most)), strict=True))
