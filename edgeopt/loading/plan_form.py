"""Whether a `loading` plan can be read at all, before anything of it is scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgeopt.loading.instance import LoadingInstance
from edgeopt.record import EXTREME
from edgeopt.solution import Violation


def form_faults(instance: LoadingInstance, plan: Any) -> list[Violation]:
    """List what is not as the instance's modes want a plan to be."""
    if not isinstance(plan, Mapping):
        return [_fault("the plan is not an object")]
    radio = "uploads" if instance.upload == "overlapped" else "bandwidth_hz"
    faults = [_fault(f"unknown key {key!r}") for key in plan if key not in ("batches", radio)]
    faults += _batch_faults(plan.get("batches"), _optional_keys(instance))
    faults += _radio_faults(radio, plan.get(radio))
    return faults


def _fault(where: str) -> Violation:
    return Violation("form of the plan", where, 1)


def _optional_keys(instance: LoadingInstance) -> dict[str, str]:
    """Return the further keys that a batch may have, with the form of their values."""
    keys = {"start_s": "seconds"}
    if instance.retention == "capacity":
        keys["evict"] = "[blocks]"
    if instance.prefetch == "next":
        keys["prefetch"] = "[blocks]"
    return keys


def _batch_faults(batches: Any, optional: Mapping[str, str]) -> Iterator[Violation]:
    if not isinstance(batches, list):
        yield _fault("'batches' is not a list")
        return
    form = "{'model': name, 'users': [names]} with at most " + ", ".join(f"{k!r}: {v}" for k, v in optional.items())
    for number, batch in enumerate(batches):
        if not (
            isinstance(batch, Mapping)
            and set(batch) - set(optional) == {"model", "users"}
            and isinstance(batch["model"], str)
            and _is_names(batch["users"])
            and _is_names(batch.get("evict", []))
            and _is_names(batch.get("prefetch", []))
            and _is_number(batch.get("start_s", 0))
        ):
            yield _fault(f"batch {number} is not {form}")


def _radio_faults(key: str, entries: Any) -> Iterator[Violation]:
    if not isinstance(entries, Mapping):
        yield _fault(f"{key!r} is not an object")
        return
    for user, entry in entries.items():
        if key == "bandwidth_hz" and not _is_number(entry):
            yield _fault(f"the bandwidth of user {user!r} is not a number of finite and usual size")
        elif key == "uploads" and not (_is_interval(entry) or _are_intervals(entry)):
            yield _fault(f"the upload of user {user!r} is not [from_s, to_s, bandwidth_hz], or a list of them")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _are_intervals(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_interval, value))


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    """Whether it is a number that products with an instance's numbers neither overflow nor lose."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value == 0 or EXTREME**-4 <= abs(value) <= EXTREME
