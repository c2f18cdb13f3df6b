"""Plans and methods made by hand, for tests of everything around methods."""

from __future__ import annotations

from typing import Any

from edgeopt.loading.instance import LoadingInstance
from edgeopt.run import Outcome, Run
from tests.loading.small import instance_of

NOBODY: dict[str, Any] = {"batches": [], "bandwidth_hz": {}}


def two_models() -> LoadingInstance:
    """Two models with a common block and three users; all three fit before the deadline."""
    users = {"ann": {"model": "a"}, "bob": {"model": "a"}, "cem": {"model": "b"}}
    return instance_of({"a": ["common", "a-head"], "b": ["common", "b-head"]}, users, deadline_s=20.0)


def serve(instance: LoadingInstance, *users: str) -> dict[str, Any]:
    """Serve each user in a batch of its own, all with the same bandwidth."""
    batches = [{"model": instance.users[user].model, "users": [user]} for user in users]
    return {"batches": batches, "bandwidth_hz": {user: instance.bandwidth_hz / len(users) for user in users}}


def first_user(instance: LoadingInstance) -> dict[str, Any]:
    """Serve the first user: a heuristic that takes the instance alone."""
    return serve(instance, *list(instance.users)[:1])


def all_users(instance: LoadingInstance, run: Run) -> Outcome:
    """Serve everybody, with the number of users as the bound: a heuristic that takes the options, too."""
    return Outcome(serve(instance, *instance.users), bound=len(instance.users))
