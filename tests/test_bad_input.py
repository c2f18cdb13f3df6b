"""Bad input: through the API and the command line it gets one clear message, or the right answer, never a traceback."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt import InputError, MethodRefusal, Status
from tests.cli.program import run
from tests.plans import serve, two_models

Change = Callable[[dict[str, Any]], None]


def at(*path: str | int, value: Any) -> Change:
    """Set one value of an instance."""

    def change(data: dict[str, Any]) -> None:
        for part in path[:-1]:
            data = data[part]  # type: ignore[index]
        data[path[-1]] = value  # type: ignore[index]

    return change


def without(*path: str) -> Change:
    """Delete one key of an instance."""

    def change(data: dict[str, Any]) -> None:
        for part in path[:-1]:
            data = data[part]
        del data[path[-1]]

    return change


FAULTS: list[tuple[Change, str, str]] = [
    (at("library", "blocks", "common", value=-1), "$.library.blocks.common", "greater than or equal to 0"),
    (at("library", "blocks", "common", value=1.5), "$.library.blocks.common", "valid integer"),
    (at("library", "blocks", "common", value=1.0), "$.library.blocks.common", "valid integer"),
    (at("library", "blocks", "common", value=True), "$.library.blocks.common", "valid integer"),
    (at("library", "blocks", "common", value="1"), "$.library.blocks.common", "valid integer"),
    (at("library", "blocks", "common", value=10**30), "$.library.blocks.common", "less than or equal to"),
    (at("library", "blocks", "common", value=2**62), "$.library.blocks", "more bytes"),
    (at("library", "blocks", "", value=1), "$.library.blocks.", "at least 1 character"),
    (at("library", "models", "a", "blocks", 0, value="comon"), "$.library.models.a.blocks[0]", "'common'"),
    (at("library", "models", "a", "blocks", 0, value="a-head"), "$.library.models.a.blocks[1]", "stands twice"),
    (at("library", "models", "a", "blocks", value="common"), "$.library.models.a.blocks", "list"),
    (at("library", "models", "a", "color", value="red"), "$.library.models.a.color", "unknown key"),
    (at("library", "models", "a", "compute_fixed", value=1.0), "$.library.models.a.compute_fixed", "'compute_fixed_s'"),
    (at("library", "models", "a", "compute_fixed_s", value=-1.0), "$.library.models.a.compute_fixed_s", "greater"),
    (at("library", "models", "a", "compute_fixed_s", value=None), "$.library.models.a", "lacks the key"),
    (without("library", "models", "a", "compute_per_sample_s"), "$.library.models.a", "'compute_per_sample_s'"),
    (without("library", "blocks"), "$.library.blocks", "missing"),
    (without("library"), "$.library", "missing"),
    (without("server"), "$.server", "missing"),
    (without("users"), "$.users", "missing"),
    (without("name"), "$.name", "missing"),
    (at("name", value=""), "$.name", "at least 1 character"),
    (at("server", "load_rate_bytes_per_s", value=0), "$.server.load_rate_bytes_per_s", "greater than 0"),
    (at("server", "load_rate_bytes_per_s", value=-5.0), "$.server.load_rate_bytes_per_s", "greater than 0"),
    (at("server", "memory_bytes", value=1e9), "$.server.memory_bytes", "valid integer"),
    (at("server", "memory", value=1), "$.server.memory", "'memory_bytes'"),
    (at("bandwidth_hz", value=0.0), "$.bandwidth_hz", "greater than 0"),
    (at("bandwidth_hz", value="4"), "$.bandwidth_hz", "valid number"),
    (at("users", "ann", "spectral_efficiency", value=0), "$.users.ann.spectral_efficiency", "greater than 0"),
    (at("users", "ann", "upload_bits", value=-1), "$.users.ann.upload_bits", "greater than or equal to 0"),
    (at("users", "ann", "upload_bits", value=False), "$.users.ann.upload_bits", "valid number"),
    (at("users", "ann", "upload_bits", value=1e31), "$.users.ann.upload_bits", "between 1e-30 and 1e+30"),
    (at("bandwidth_hz", value=1e-31), "$.bandwidth_hz", "between 1e-30 and 1e+30"),
    (at("users", "ann", "upload_bits", value=10**400), "$.users.ann.upload_bits", ""),
    (at("users", "ann", "deadline_s", value=-1.0), "$.users.ann.deadline_s", "greater than or equal to 0"),
    (at("users", "ann", "deadline", value=1.0), "$.users.ann.deadline", "'deadline_s'"),
    (at("users", "ann", "model", value="c"), "$.users.ann.model", "no model 'c'"),
    (at("users", "ann", value=None), "$.users.ann", "it needs 'model'"),
    (at("users", value=[]), "$.users", "an object with keys"),
    (at("user", value={}), "$.user", "'users'"),
]


@pytest.mark.parametrize(("change", "place", "problem"), FAULTS)
def test_one_fault_in_an_instance(tmp_path: Path, change: Change, place: str, problem: str) -> None:
    data = two_models().to_dict()
    change(data)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        edgeopt.read(path)
    assert [finding.place for finding in caught.value.findings] == [place]
    assert str(caught.value).startswith(f"{path}: at {place}: ")
    assert problem in str(caught.value)
    code, out, err = run("solve", path)
    assert (code, out) == (2, "")
    assert err == f"edgeopt: {caught.value}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b'{"format": "edgeopt-instance/1", "problem": "loading", "na', "is it truncated?"),
        (b'{"format": "edgeopt-instance/1", "name": NaN}', "NaN is not a finite number"),
        (b'{"format": "edgeopt-instance/1", "name": -Infinity}', "-Infinity is not a finite number"),
        (b'{"format": "edgeopt-instance/1", "name": 1e999}', "1e999 is not a finite number"),
        (b'{"users": {"u1": {}, "u1": {}}}', "the key 'u1' stands twice"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8"),
        (b"\x93NUMPY\x01\x00", "is not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"1" * 10_000, "not JSON that can be read"),
        (b"null", "no format that edgeopt knows|not an instance"),
    ],
)
@pytest.mark.parametrize("verb", ["solve", "info", "compare"])
def test_files_that_are_no_instances(tmp_path: Path, content: bytes, message: str, verb: str) -> None:
    import re

    path = tmp_path / "bad.json"
    path.write_bytes(content)
    code, out, err = run(verb, path)
    assert (code, out) == (2, "")
    assert re.search(message, err)
    assert str(path) in err


@pytest.mark.parametrize("verb", ["solve", "info", "compare"])
def test_paths_that_are_no_files(tmp_path: Path, verb: str) -> None:
    assert run(verb, tmp_path / "missing.json")[0] == 2
    code, _, err = run(verb, tmp_path)
    assert code == 2
    assert "Is a directory" in err


class TestLibraryPath:
    def solve(self, tmp_path: Path, library: str) -> str:
        path = tmp_path / "instance.json"
        path.write_text(json.dumps({**two_models().to_dict(), "library": library}))
        code, out, err = run("solve", path)
        assert (code, out) == (2, "")
        return err

    def test_missing(self, tmp_path: Path) -> None:
        assert "there is no library file" in self.solve(tmp_path, "nowhere.json")

    def test_folder(self, tmp_path: Path) -> None:
        assert "there is no library file" in self.solve(tmp_path, ".")

    def test_empty_name(self, tmp_path: Path) -> None:
        assert "there is no library file" in self.solve(tmp_path, "")

    def test_name_too_long(self, tmp_path: Path) -> None:
        assert "there is no library file" in self.solve(tmp_path, "x" * 5000)

    def test_zero_byte_in_name(self, tmp_path: Path) -> None:
        assert "$.library" in self.solve(tmp_path, "a\0b")

    def test_the_instance_itself(self, tmp_path: Path) -> None:
        assert "this is not a model library" in self.solve(tmp_path, "instance.json")

    def test_binary(self, tmp_path: Path) -> None:
        (tmp_path / "weights.bin").write_bytes(bytes(range(256)))
        assert "is not UTF-8" in self.solve(tmp_path, "weights.bin")


class TestRightAnswers:
    """Unusual, but valid: the right answer."""

    def solved(self, change: Change) -> edgeopt.Solution:
        data = two_models().to_dict()
        change(data)
        return edgeopt.solve(edgeopt.instance_from_dict(data), time_limit=30)

    def test_no_users(self) -> None:
        solution = self.solved(at("users", value={}))
        assert (solution.objective, solution.status) == (0, Status.OPTIMAL)

    def test_no_models_and_no_users(self) -> None:
        def change(data: dict[str, Any]) -> None:
            data["users"], data["library"]["models"], data["library"]["blocks"] = {}, {}, {}

        solution = self.solved(change)
        assert (solution.objective, solution.status) == (0, Status.OPTIMAL)

    def test_a_model_larger_than_the_gpu_serves_nobody(self) -> None:
        solution = self.solved(at("library", "blocks", "b-head", value=10**6))
        assert (solution.objective, solution.status) == (2, Status.OPTIMAL)
        assert {batch["model"] for batch in solution.plan["batches"]} == {"a"}  # type: ignore[index]

    def test_every_model_larger_than_the_gpu(self) -> None:
        solution = self.solved(at("server", "memory_bytes", value=0))
        assert (solution.objective, solution.status) == (0, Status.OPTIMAL)

    def test_deadlines_that_are_over(self) -> None:
        def change(data: dict[str, Any]) -> None:
            for user in data["users"].values():
                user["deadline_s"] = 0.0

        solution = self.solved(change)
        assert (solution.objective, solution.status) == (0, Status.OPTIMAL)

    def test_nothing_to_upload(self) -> None:
        def change(data: dict[str, Any]) -> None:
            for user in data["users"].values():
                user["upload_bits"] = 0.0

        assert self.solved(change).objective == 3

    def test_everything_is_free(self) -> None:
        def change(data: dict[str, Any]) -> None:
            data["library"]["blocks"] = dict.fromkeys(data["library"]["blocks"], 0)
            for model in data["library"]["models"].values():
                model |= {"compute_fixed_s": 0.0, "compute_per_sample_s": 0.0, "workspace_bytes_per_sample": 0}
            for user in data["users"].values():
                user |= {"upload_bits": 0.0, "deadline_s": 0.0}

        solution = self.solved(change)
        assert (solution.objective, solution.status) == (3, Status.OPTIMAL)

    def test_names_of_any_kind(self) -> None:
        text = json.dumps(two_models().to_dict())
        for old, new in [("ann", "user 1/é"), ("common", "../../x $y[0].z"), ("a-head", "\U0001f600")]:
            text = text.replace(json.dumps(old), json.dumps(new))
        assert edgeopt.solve(edgeopt.instance_from_dict(json.loads(text))).objective == 3


@pytest.mark.slow
def test_a_file_of_ten_megabytes_is_solved_and_its_truncation_refused(tmp_path: Path) -> None:
    data = two_models().to_dict()
    data["users"] = {f"user-{number}": data["users"]["ann"] for number in range(105_000)}
    text = json.dumps(data)
    assert len(text) > 10_000_000
    path = tmp_path / "large.json"
    path.write_text(text)
    # 2 s to load the model, 1 s for a batch, and for each user 0.5 s to upload and 0.5 s to compute, within 20 s.
    code, out, _ = run("solve", path, "--json")
    assert (code, json.loads(out)["objective"], json.loads(out)["bound"]) == (0, 17, 17)
    path.write_text(text[:-100])
    code, out, err = run("solve", path)
    assert (code, out) == (2, "")
    assert "is it truncated?" in err or "is not JSON" in err
    assert len(err) < 500


class TestUsage:
    @pytest.fixture
    def instance(self, tmp_path: Path) -> Path:
        path = tmp_path / "i.json"
        two_models().write(path)
        return path

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--method", "magic"], "no method 'magic'"),
            (["--time-limit", "-1"], "time_limit must be a number of at least 0"),
            (["--time-limit", "nan"], "time_limit"),
            (["--time-limit", "soon"], "--time-limit"),
            (["--gap", "-0.5"], "gap must be"),
            (["--threads", "0"], "threads must be"),
            (["--seed", "-1"], "seed must be"),
            (["--seed", "1.5"], "--seed"),
            (["--colour", "red"], "--colour"),
            (["-o", "missing/s.json"], "folder 'missing' of the output does not exist"),
            (["-o", "."], None),
            (["--start", "missing.json"], "missing.json: there is no such file"),
        ],
    )
    def test_solve(self, instance: Path, arguments: list[str], message: str | None, monkeypatch: Any) -> None:
        monkeypatch.chdir(instance.parent)
        code, out, err = run("solve", instance, *arguments)
        if message is None:
            assert code == 0
            return
        assert (code, out) == (2, "")
        assert message in err
        assert "Traceback" not in err

    def test_output_is_checked_before_the_solve(self, instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(edgeopt, "solve", lambda *_, **__: pytest.fail("solved before the output was checked"))
        assert run("solve", instance, "-o", instance.parent / "missing" / "s.json")[0] == 2
        assert run("solve", instance, "-o", instance)[0] == 2
        assert edgeopt.read(instance) == two_models()

    def test_solution_of_another_instance(self, instance: Path, tmp_path: Path) -> None:
        other = two_models().model_copy(update={"name": "other", "bandwidth_hz": 2.0})
        solution = edgeopt.solve(two_models(), lambda given: serve(given, "ann"))
        other.write(tmp_path / "other.json")
        solution.write(tmp_path / "s.json")
        code, out, _ = run("check", tmp_path / "other.json", tmp_path / "s.json")
        assert code == 4
        assert "same instance" in out
        assert "total bandwidth" in out
        code, _, err = run("plot", tmp_path / "s.json", "--instance", tmp_path / "other.json", "-o", tmp_path / "s.png")
        assert code == 2
        assert "other content" in err

    def test_an_instance_for_a_solution(self, instance: Path) -> None:
        code, _, err = run("check", instance, instance)
        assert code == 2
        assert "this is not a solution" in err


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places of a JSON value below its root."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


METHODS = ("modular-dp", "greedy", "auto")
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e-320, 1e308, -1e308, 2**53 + 1, 2**62, 2**63, 2**64, 10**30, 10**400,
    "", "common", "a", "ann", "\0", "x" * 300, [], {}, [[]], [None], {"": {}}, {"a": 1}, ["common", "common"],
]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_instances_changed_at_random_are_refused_or_solved(seed: int) -> None:
    rng = random.Random(seed)
    original = two_models().to_dict()
    where = list(places(original))
    refused = 0
    for _ in range(40):
        data = copy.deepcopy(original)
        for path in rng.sample(where, rng.choice([1, 1, 2])):
            _mutate(data, path, rng)
        try:
            instance = edgeopt.instance_from_dict(json.loads(json.dumps(data)))
        except InputError:
            refused += 1
            continue
        for method in METHODS:
            with suppress(MethodRefusal):
                solution = edgeopt.solve(instance, method, time_limit=20, threads=1)
                assert edgeopt.check(instance, solution).feasible
        assert instance.facts()
    assert 0 < refused < 40


def _mutate(data: Any, path: tuple[Any, ...], rng: random.Random) -> None:
    """Set, rename or delete one value; a place that an earlier change took away is left alone."""
    with suppress(KeyError, IndexError, TypeError, AttributeError):
        for part in path[:-1]:
            data = data[part]
        last, action = path[-1], rng.random()
        if action < 0.8:
            data[last] = copy.deepcopy(rng.choice(STRANGE))
        elif action < 0.9:
            data[str(rng.choice(STRANGE))] = data.pop(last)
        else:
            del data[last]
