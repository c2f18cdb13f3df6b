"""Which instances of the other modes the methods take."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.modes import different_deadlines


def modes_of(instance: LoadingInstance) -> str:
    """Name the modes of an instance."""
    return f"`upload`: {instance.upload!r} and `retention`: {instance.retention!r}"


def one_deadline_refusal(instance: LoadingInstance) -> str | None:
    """Say why a method for one deadline in any mode refuses the instance, or return None."""
    reason = different_deadlines(instance)
    return f"with {modes_of(instance)} {reason}; 'edf' and 'random' would work" if reason else None
