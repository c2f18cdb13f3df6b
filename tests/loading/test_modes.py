"""Which mode an instance has, and that a method does what is implemented for it and refuses the rest by name."""

import sys

import pytest

import edgeopt
import edgeopt.method
from edgeopt.errors import MethodRefusal
from edgeopt.loading import modes
from edgeopt.loading.modes import Mode, implementation, mode_of, register_by_mode
from edgeopt.run import Outcome
from tests.loading.small import instance_of

registry = sys.modules["edgeopt.method"]

USERS = {"a": {"model": "m"}, "b": {"model": "m", "deadline_s": 9.0}}


def in_mode(users, **keys):
    return instance_of({"m": ["x"]}, users, 8.0).model_copy(update=keys)


@pytest.mark.parametrize(
    ("users", "keys", "mode"),
    [
        (["m", "m"], {}, Mode.ONE_DEADLINE),
        ([], {}, Mode.ONE_DEADLINE),
        (USERS, {}, Mode.INDIVIDUAL_DEADLINES),
        (["m"], {"upload": "overlapped"}, Mode.EXTENDED),
        (USERS, {"retention": "capacity"}, Mode.EXTENDED_INDIVIDUAL),
    ],
)
def test_mode_of_an_instance(users, keys, mode):
    assert mode_of(in_mode(users, **keys)) == mode


@pytest.fixture
def half_done(monkeypatch):
    """A method that is implemented for individual deadlines only, and there for two users only."""
    monkeypatch.setattr(modes, "_IMPLEMENTATIONS", dict(modes._IMPLEMENTATIONS))
    methods = edgeopt.methods("loading")
    monkeypatch.setattr(registry, "_REGISTRY", {"loading": dict(methods)})
    register_by_mode("half-done", "heuristic", "none")

    @implementation(
        "half-done",
        Mode.INDIVIDUAL_DEADLINES,
        fits=lambda instance: None if len(instance.users) == 2 else "it needs two users",
    )
    def nobody(instance, run):
        return Outcome({"batches": [], "bandwidth_hz": {}}, message="nobody")


@pytest.mark.usefixtures("half_done")
def test_a_method_does_what_is_implemented_for_the_mode():
    assert edgeopt.solve(in_mode(USERS), "half-done").message == "nobody"
    with pytest.raises(MethodRefusal, match="it needs two users"):
        edgeopt.solve(in_mode({**USERS, "c": {"model": "m"}}), "half-done")


@pytest.mark.usefixtures("half_done")
@pytest.mark.parametrize(
    ("users", "keys", "reason"),
    [
        (["m"], {"upload": "overlapped"}, "it does not know `upload`: 'overlapped'"),
        (["m"], {"retention": "capacity"}, "it does not know `retention`: 'capacity'"),
        (["m"], {}, "it does not know one deadline"),
    ],
)
def test_a_mode_without_implementation_is_refused_by_name(users, keys, reason):
    with pytest.raises(MethodRefusal, match=reason):
        edgeopt.solve(in_mode(users, **keys), "half-done")
