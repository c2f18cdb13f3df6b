"""Where no user can be served even alone, every method returns the empty plan and says why it is empty."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

import edgeopt
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import why_nobody
from tests.loading.small import instance_of

METHODS = edgeopt.methods("loading")
MODES = list(product(("phase", "overlapped"), ("consecutive", "capacity"), (True, False)))
NAMES = [f"{upload}-{retention}-{'one' if one else 'individual'}" for upload, retention, one in MODES]
MEMORY, LATE, USERS = "fits into the GPU's memory of 1 B", "after its deadline of", "there are no users"


def hopeless(reason: str, upload: str, retention: str, one_deadline: bool) -> LoadingInstance:
    """Two models, and two users who cannot be served for this reason."""
    deadlines = (0.5, 0.5 if one_deadline else 0.25)
    users = {name: {"model": name, "deadline_s": due} for name, due in zip("ab", deadlines, strict=True)}
    changes: dict[str, Any] = {"memory_bytes": 1} if reason == MEMORY else {}
    instance = instance_of({"a": ["x", "y"], "b": ["y"]}, {} if reason == USERS else users, 0.5, **changes)
    return LoadingInstance.from_dict({**instance.to_dict(), "upload": upload, "retention": retention})


@pytest.mark.parametrize("reason", [MEMORY, LATE, USERS])
@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_every_method_says_why_it_serves_nobody(mode, reason):
    instance = hopeless(reason, *mode)
    fitting = [name for name in METHODS if METHODS[name].refusal(instance) is None]
    assert {"exact", "bound", "greedy", "local-search", "edf"} <= set(fitting)
    for name in fitting:
        solution = edgeopt.solve(instance, name, threads=1)
        assert reason in solution.message, name
        assert solution.bound == 0
        assert METHODS[name].kind == "bound" or (solution.status, solution.objective) == ("optimal", 0), name


def test_the_model_that_needs_least_memory_is_named():
    sizes = {"x": 70, "y": 50}
    instance = instance_of({"a": ["x"], "b": ["y"]}, ["a", "b"], 9.0, sizes=sizes, memory_bytes=50)
    assert why_nobody(instance).endswith("with a batch of one user: 'b' needs least, 51 B")


@pytest.mark.parametrize(("upload", "late"), [("phase", "2"), ("overlapped", "1.5")])
def test_the_user_who_comes_nearest_is_named_with_its_lateness(upload, late):
    users = {"far": {"model": "a", "upload_bits": 9.0}, "near": {"model": "a"}, "large": {"model": "b"}}
    instance = instance_of({"a": ["x"], "b": ["y"]}, users, 1.0, sizes={"x": 1, "y": 5000})
    found = why_nobody(LoadingInstance.from_dict({**instance.to_dict(), "upload": upload}))
    assert f"'near' comes nearest, {late} s after its deadline of 1 s" in found
    assert found.endswith("1 of 2 requested models do not fit into memory")
