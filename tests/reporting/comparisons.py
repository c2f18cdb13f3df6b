"""Comparisons to report on: one of each problem, and one full of names that mean something in HTML."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import edgeopt
from edgeopt.comparison import Comparison
from edgeopt.loading.instance import LoadingInstance
from edgeopt.run import Outcome, Run
from tests.loading.small import instance_of
from tests.plans import all_users, first_user, serve

INSTANCES = Path(__file__).parents[2] / "instances"
RUNS = {
    "loading": ("tiny", ("exact", "greedy", "random", "bound")),
    "pulling": ("tiny", ("exact", "greedy", "cloud-only")),
    "caching": ("cells-4", ("greedy", "random", "bound")),
    "placement": ("tiny", ("exact", "greedy", "no-sharing")),
}
HOSTILE = "<script>alert('x')</script>&\"'<img src=x onerror=alert(1)>"


@cache
def shipped(problem: str) -> Comparison:
    """Return a comparison of a few methods on a small instance that comes with edgeopt."""
    name, methods = RUNS[problem]
    instance = edgeopt.read(INSTANCES / problem / f"{name}.json")
    return edgeopt.compare(instance, methods, time_limit=300, threads=1)


def improving(instance: LoadingInstance, run: Run) -> Outcome:
    """Serve one user more at a time, and prove in the end that nobody is left out: a run with a course."""
    users = list(instance.users)
    for count in range(1, len(users) + 1):
        run.report(objective=count, bound=2 * len(users) - count)
    return Outcome(serve(instance, *users), bound=len(users))


def failing(instance: LoadingInstance) -> dict[str, Any]:
    """Fail with a message that is HTML."""
    raise ValueError(HOSTILE)


def hostile() -> Comparison:
    """Return a comparison whose instance, library, models, users and methods have names that are HTML and script."""
    library = {f"a {HOSTILE}": ["common", f"head {HOSTILE}"], "b": ["common", "b-head"]}
    users = {f"{index} {HOSTILE}": {"model": model} for index, model in enumerate([*library, "b"])}
    small = instance_of(library, users, deadline_s=20.0)
    instance = small.model_copy(update={"name": f"name {HOSTILE}"})

    def named(instance: LoadingInstance) -> Outcome:
        return Outcome(serve(instance, *instance.users), message=HOSTILE)

    named.__name__ = f"method {HOSTILE}"
    return edgeopt.compare(instance, [named, improving, all_users, first_user, failing])
