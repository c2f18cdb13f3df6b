"""Instances in each mode."""

from __future__ import annotations

from typing import Any

from edgeopt.loading.instance import LoadingInstance
from tests.loading.random_instances import random_instance

MODES = (("overlapped", "consecutive"), ("phase", "capacity"), ("overlapped", "capacity"))
FEW_BLOCKS = 6  # so that enumeration can try every eviction


def in_mode(instance: LoadingInstance, upload: str, retention: str) -> LoadingInstance:
    """Return the same instance in other modes."""
    return LoadingInstance.from_dict({**instance.to_dict(), "upload": upload, "retention": retention})


def tiny(seeds: range, upload: str, retention: str, **sizes: Any) -> list[LoadingInstance]:
    """Draw instances of at most three models and five users, few blocks where evictions are to be enumerated."""
    drawn = [random_instance(seed, **{"models": 3, "users": 5, **sizes}) for seed in seeds]
    return [
        in_mode(instance, upload, retention)
        for instance in drawn
        if retention == "consecutive" or len(instance.library.blocks) <= FEW_BLOCKS
    ]
