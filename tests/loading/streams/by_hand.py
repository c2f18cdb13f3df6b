"""Streams written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeopt.loading.instance import LoadingInstance
from tests.loading.small import instance_of


def stream_of(
    models: Mapping[str, Sequence[str]],
    users: Mapping[str, Mapping[str, Any]],
    *,
    retention: str = "consecutive",
    prefetch: str = "none",
    **keys: Any,
) -> LoadingInstance:
    """Make a stream; without other keys each user has nothing to upload and a deadline of 100 s.

    The remaining arguments are those of `instance_of`.
    """
    silent = {name: {"upload_bits": 0.0, **facts} for name, facts in users.items()}
    modes = {"upload": "overlapped", "retention": retention, "prefetch": prefetch}
    return instance_of(models, silent, 100.0, modes=modes, **keys)
