"""Records: checked wherever they come from, frozen all the way down, changed by `replace`, short to read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import edgeopt
from edgeopt import InputError, Instance
from edgeopt.caching.generator import generate as caching
from edgeopt.loading.instance import LoadingInstance, User
from edgeopt.placement.generator import generate as placement
from edgeopt.pulling.generator import generate as pulling
from tests.plans import two_models


def fields(instance: Instance) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in type(instance).model_fields}


@pytest.mark.parametrize("make", [two_models, caching, placement, pulling])
def test_every_container_is_frozen_and_survives_pickling(make: Callable[[], Instance]) -> None:
    instance = make()
    containers: list[Any] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict | list):
            containers.append(value)
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for child in children or (vars(value).values() if hasattr(value, "model_fields_set") else ()):
            collect(child)

    collect(instance)
    assert len(containers) > 4
    for container in containers:
        with pytest.raises(TypeError, match="records do not change"):
            container.clear()
        with pytest.raises(TypeError, match="records do not change"):
            container.__setitem__(0, None)
    again = pickle.loads(pickle.dumps(instance))
    assert again == instance == copy.deepcopy(instance)
    assert again.sha256 == instance.sha256
    with pytest.raises(TypeError, match="records do not change"):
        again.library.blocks["new"] = 1


def test_no_record_is_made_unchecked() -> None:
    instance = two_models()
    users = {name: user.replace(model="misspelt") for name, user in instance.users.items()}
    with pytest.raises(InputError, match="the library has no model 'misspelt'"):
        LoadingInstance.model_construct(**{**fields(instance), "users": users})


def test_writing_to_a_field_says_what_to_do() -> None:
    instance = two_models()
    with pytest.raises(AttributeError, match=r"records do not change: make a changed copy with replace\(name=\.\.\.\)"):
        instance.name = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="records do not change"):
        del instance.name


def test_solutions_are_frozen_too() -> None:
    solution = edgeopt.solve(two_models(), "greedy")
    assert solution.plan
    for container in (solution.plan, solution.plan["batches"], solution.history, solution.metrics):
        with pytest.raises(TypeError, match="records do not change"):
            container.clear()


def test_a_typo_in_python_is_as_clear_as_one_in_a_file() -> None:
    instance = two_models()
    user = User(model="aa", upload_bits=1.0, spectral_efficiency=1.0, deadline_s=1.0)
    with pytest.raises(InputError, match=r"at \$\.users\.eve\.model: the library has no model 'aa' \(did you mean 'a'"):
        LoadingInstance(**{**fields(instance), "users": {"eve": user}})
    with pytest.raises(InputError, match=r"at \$\.deadline: unknown key 'deadline' \(did you mean 'deadline_s'\?\)"):
        User(model="a", upload_bits=1.0, spectral_efficiency=1.0, deadline_s=1.0, deadline=2.0)  # type: ignore[call-arg]
    with pytest.raises(InputError, match="no block 'y'"):
        edgeopt.ModelLibrary(blocks={"x": 1}, models={"m": edgeopt.Model(blocks=["y"])})


class TestReplace:
    def test_paths(self) -> None:
        instance = two_models()
        changed = instance.replace(bandwidth_hz=2.0, **{"server.memory_bytes": 5, "users.ann.deadline_s": 3.0})
        assert (changed.bandwidth_hz, changed.server.memory_bytes, changed.users["ann"].deadline_s) == (2.0, 5, 3.0)
        back = {"server.memory_bytes": instance.server.memory_bytes, "bandwidth_hz": instance.bandwidth_hz}
        back["users.ann.deadline_s"] = instance.users["ann"].deadline_s
        assert changed.replace(**back).sha256 == instance.sha256 != changed.sha256

    def test_places_in_lists_and_names_with_dots(self) -> None:
        library = edgeopt.ModelLibrary(blocks={"a.b": 1, "a": 2}, models={"m.1": edgeopt.Model(blocks=["a.b"])})
        changed = library.replace(**{"blocks.a.b": 7, "models.m.1.blocks[0]": "a"})
        assert changed.blocks == {"a.b": 7, "a": 2}
        assert changed.models["m.1"].blocks == ["a"]

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("bandwith_hz", 1.0, r"unknown key 'bandwith_hz' \(did you mean 'bandwidth_hz'\?\)"),
            ("server.memory", 1, r"\$\.server\.memory: unknown key 'memory' \(did you mean 'memory_bytes'\?\)"),
            ("users.an.deadline_s", 1.0, r"\$\.users\.an.*unknown key 'an' \(did you mean 'ann'\?\)"),
            ("users.ann.deadline_s", -1.0, r"\$\.users\.ann\.deadline_s: input should be greater than or equal to 0"),
            ("bandwidth_hz.unit", 1.0, r"\$\.bandwidth_hz: there is no 'unit' in it"),
            ("server", None, r"\$\.server: "),
        ],
    )
    def test_faults(self, path: str, value: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            two_models().replace(**{path: value})
        with pytest.raises(InputError, match=message):
            two_models().model_copy(update={path: value})


def test_a_representation_fits_a_screen() -> None:
    instance = pulling(cloudlets=20)
    comparison = edgeopt.compare(instance, ["greedy"])
    for thing in (instance, instance.library, comparison.rows[0].solution, comparison):
        assert len(repr(thing)) < 1000
        assert len(str(thing)) < 2000
    assert instance.name in repr(instance)
    assert instance.name in repr(comparison)


def many_users(number: int) -> dict[str, Any]:
    data = two_models().to_dict()
    ann = data["users"]["ann"]
    return {**data, "users": {f"user-{index}": dict(ann) for index in range(number)}}


def test_one_wrong_key_among_many_users(monkeypatch: pytest.MonkeyPatch) -> None:
    data = many_users(10_000)
    data["users"]["user-77"]["dead_line_s"] = 1.0
    with pytest.raises(InputError) as caught:
        edgeopt.instance_from_dict(data)
    place = "at $.users.user-77.dead_line_s: "
    assert str(caught.value) == f"{place}unknown key 'dead_line_s' (did you mean 'deadline_s'?)"


@pytest.mark.parametrize(("key", "value"), [("dead_line_s", 1.0), ("model", "c"), ("deadline_s", -1.0)])
def test_many_faults_search_for_near_names_only_where_they_are_shown(
    monkeypatch: pytest.MonkeyPatch, key: str, value: Any
) -> None:
    from edgeopt import errors

    searches = 0

    def counted(*args: Any, **options: Any) -> list[str]:
        nonlocal searches
        searches += 1
        return []

    monkeypatch.setattr(errors, "get_close_matches", counted)
    data = many_users(10_000)
    for user in data["users"].values():
        user[key] = value
    with pytest.raises(InputError) as caught:
        edgeopt.instance_from_dict(data)
    assert str(caught.value).endswith("\n  ... and 9,990 more")
    assert len(caught.value.findings) == 10_000
    assert searches <= 10


@pytest.mark.parametrize(
    ("make", "path", "value"),
    [
        (caching, "radio.bandwidth_hz", 1e308),
        (caching, "radio.noise_w", 1e-300),
        (pulling, "cloud.speed_flops_per_s", 1e-308),
        (pulling, "links[0].bandwidth_bps", 1e308),
        (placement, "demand[0].weight", 1e308),
    ],
)
def test_numbers_out_of_range_are_refused(make: Callable[[], Instance], path: str, value: float) -> None:
    instance = make()
    with pytest.raises(InputError, match=r"between 1e-30 and 1e\+30"):
        instance.replace(**{path: value})


def test_counts_and_channels_out_of_range_are_refused() -> None:
    pulled, cached = pulling(cloudlets=3, requests=4), caching()
    request = next(iter(pulled.requests))
    with pytest.raises(InputError, match=r"samples: input should be less than or equal to 1000000000"):
        pulled.replace(**{f"requests.{request}.samples": 10**30})
    node = next(iter(cached.nodes))
    user = cached.users[0]
    with pytest.raises(InputError, match=r"between 1e-30 and 1e\+30"):
        cached.replace(**{f"radio.channels.{node}.{user}[0]": [1e308, 0.0]})
