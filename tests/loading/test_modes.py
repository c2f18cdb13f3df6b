"""A mode of an instance is its keys: a method runs the code that is written for them and refuses the rest by name."""

import sys

import pytest

import edgeopt
import edgeopt.method
from edgeopt.errors import MethodRefusal
from edgeopt.loading.methods import INDIVIDUAL, METHODS, WALKS, not_taken
from edgeopt.method import Code, Row
from edgeopt.run import Outcome
from tests.loading.small import instance_of

registry = sys.modules["edgeopt.method"]

USERS = {"a": {"model": "m"}, "b": {"model": "m", "deadline_s": 9.0}}


def in_mode(users, **keys):
    return instance_of({"m": ["x"]}, users, 8.0).replace(**keys)


@pytest.mark.parametrize(
    ("users", "keys", "kind", "usual"),
    [
        (["m", "m"], {}, "common", True),
        ([], {}, "common", True),
        (USERS, {}, "individual", True),
        (["m"], {"upload": "overlapped"}, "common", False),
        (USERS, {"retention": "capacity"}, "individual", False),
    ],
)
def test_keys_of_an_instance(users, keys, kind, usual):
    instance = in_mode(users, **keys)
    assert (instance.deadline_kind, instance.usual_modes) == (kind, usual)


def nobody(instance, run):
    return Outcome({"batches": [], "bandwidth_hz": {}}, message="nobody")


def more_than_two(instance):
    return None if len(instance.users) == 2 else "it needs two users"


@pytest.fixture
def half_done(monkeypatch):
    """A method that is written for individual deadlines only, and there for two users only."""
    monkeypatch.setattr("edgeopt.loading.nobody.solve", nobody, raising=False)
    monkeypatch.setattr("edgeopt.loading.nobody.refusal", more_than_two, raising=False)
    row = Row("half-done", "heuristic", "none", {WALKS: Code("nobody:solve", "nobody:refusal")})
    methods = {**edgeopt.methods("loading"), "half-done": row.method("loading", not_taken)}
    monkeypatch.setattr(registry, "_REGISTRY", {"loading": methods})


@pytest.mark.usefixtures("half_done")
def test_a_method_does_what_is_written_for_the_mode():
    assert edgeopt.solve(in_mode(USERS), "half-done").message == "nobody"
    with pytest.raises(MethodRefusal, match="it needs two users"):
        edgeopt.solve(in_mode({**USERS, "c": {"model": "m"}}), "half-done")


@pytest.mark.usefixtures("half_done")
@pytest.mark.parametrize(
    ("users", "keys", "reason"),
    [
        (USERS, {"upload": "overlapped"}, "it does not know `upload`: 'overlapped'"),
        (USERS, {"retention": "capacity"}, "it does not know `retention`: 'capacity'"),
        (["m"], {}, "it does not know one deadline"),
    ],
)
def test_a_mode_for_which_nothing_is_written_is_refused_by_name(users, keys, reason):
    with pytest.raises(MethodRefusal, match=reason):
        edgeopt.solve(in_mode(users, **keys), "half-done")


@pytest.mark.parametrize("upload", ["phase", "overlapped"])
@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
@pytest.mark.parametrize("users", [["m", "m"], USERS])
def test_exact_local_search_greedy_bound_and_no_sharing_know_every_mode(upload, retention, users):
    instance = in_mode(users, upload=upload, retention=retention)
    refused = {name for name, method in edgeopt.methods("loading").items() if method.refusal(instance)}
    assert not refused & {"exact", "local-search", "greedy", "bound", "no-sharing", "cpsat", "edf", "random"}


def test_a_method_for_one_deadline_says_whose_differ():
    reason = edgeopt.methods("loading")["dp"].refusal(in_mode(USERS))
    assert reason.startswith("it needs one deadline for all users, but 'a' has 8 s and 'b' has 9 s")
    assert "'exact' and 'local-search' would work" in reason


def test_the_first_code_whose_keys_an_instance_has_is_taken():
    exact = next(row for row in METHODS if row.name == "exact")
    keys = list(exact.codes)
    assert keys.index(WALKS) < keys.index(INDIVIDUAL)  # the general keys come after the special ones
