"""Small instances of each kind of `loading`, on which methods are rehearsed."""

from __future__ import annotations

from itertools import product
from typing import Any

from edgeopt.loading.instance import LoadingInstance

KINDS = list(product(("phase", "overlapped"), ("consecutive", "capacity"), ("common", "individual")))
ITERATIONS = 60  # of a rehearsal


def kind_of(instance: LoadingInstance) -> tuple[str, str, str]:
    """Return the keys by which methods differ."""
    return instance.upload, instance.retention, instance.deadline_kind


def specimen(kind: tuple[Any, Any, Any]) -> LoadingInstance:
    """Draw the instance of a kind."""
    from edgeopt.loading.generator import generate

    upload, retention, deadlines = kind
    sharing = "random" if retention == "consecutive" else "tree"
    return generate(sharing, models=4, users=9, seed=1, upload=upload, retention=retention, deadlines=deadlines)
