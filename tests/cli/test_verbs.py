"""The other verbs: compare, info, methods, generate, schema, plot, and the program itself."""

from __future__ import annotations

import csv
import json
import runpy
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.loading.instance import LoadingInstance
from edgeopt.problems import PROBLEMS
from edgeopt.run import Outcome, Run
from edgeopt.schema import RECORDS
from tests.cli.program import run
from tests.cli.test_solve import SLOW
from tests.plans import two_models

ROOT = Path(__file__).parents[2]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    path = tmp_path / "two.json"
    two_models().write(path)
    return path


@pytest.fixture
def solution(instance: Path, tmp_path: Path) -> Path:
    path = tmp_path / "s.json"
    assert run("solve", instance, "-m", "modular-dp", "-o", path, "-q")[0] == 0
    return path


class TestCompare:
    def test_table(self, instance: Path) -> None:
        code, out, err = run("compare", instance, "-m", "dp, modular-dp")
        assert code == 0
        lines = out.splitlines()
        assert lines[0] == "loading small"
        assert lines[1].split() == ["method", "users", "bound", "gap", "to", "optimum", "time", "set-up", "status"]
        assert [line.split()[0] for line in lines[2:4]] == ["dp", "modular-dp"]
        assert lines[4] == "optimum: 3 users, proven"
        assert [line.split(":")[0] for line in err.splitlines()] == ["dp", "modular-dp"]

    def test_json_and_csv(self, instance: Path, tmp_path: Path) -> None:
        target = tmp_path / "t.csv"
        code, out, _ = run("compare", instance, instance, "-m", "dp,modular-dp", "--json", "--csv", target, "-q")
        assert code == 0
        first, second = json.loads(out)
        assert first["optimum"] == 3
        assert [row["method"] for row in second["rows"]] == ["dp", "modular-dp"]
        rows = list(csv.DictReader(target.read_text().splitlines()))
        assert [(row["instance"], row["method"], row["objective"]) for row in rows] == [
            ("small", "dp", "3"),
            ("small", "modular-dp", "3"),
        ] * 2

    def test_a_contradiction_is_in_every_output(self, instance: Path, tmp_path: Path) -> None:
        @edgeopt.method("loading", "false-bound", kind="bound", guarantee="none")
        def false_bound(instance: LoadingInstance, run: Run) -> Outcome:
            return Outcome(bound=2)

        csv_file, page = tmp_path / "t.csv", tmp_path / "r.html"
        files = ("--csv", csv_file, "--report", page)
        code, out, _ = run("compare", instance, "-m", "dp,false-bound", "--json", *files, "-q")
        assert code == 4
        told = json.loads(out)
        assert (told["optimum"], told["rows"][0]["gap_to_optimum"]) == (None, None)
        assert "'false-bound' crosses the checked objective 3 of 'dp'" in told["contradiction"]
        assert {row["contradiction"] for row in csv.DictReader(csv_file.read_text().splitlines())} == {
            told["contradiction"]
        }
        assert "The results contradict each other" in page.read_text()

    def test_one_file_is_one_object(self, instance: Path) -> None:
        assert isinstance(json.loads(run("compare", instance, "-m", "dp", "--json")[1]), dict)

    def test_wrong_names_and_outputs(self, instance: Path, tmp_path: Path) -> None:
        assert "no method 'dpp'" in run("compare", instance, "-m", "dp,dpp")[2]
        assert "names no method" in run("compare", instance, "-m", ",")[2]
        assert run("compare", instance, "--csv", tmp_path / "no" / "t.csv")[0] == 2

    @pytest.mark.parametrize(
        ("methods", "code"), [("stuck", 1), ("impossible", 3), ("dp,wrong", 4), ("dp,stuck", 0), ("dp,impossible", 4)]
    )
    def test_exit_codes(self, instance: Path, methods: str, code: int) -> None:
        exec(SLOW, {"__name__": "__main__"})
        ended, out, err = run("compare", instance, "-m", methods, "--time-limit", "0.2")
        assert ended == code
        assert "Traceback" not in err
        assert "loading small" in out


class TestInfo:
    def test_instance(self, instance: Path) -> None:
        code, out, _ = run("info", instance)
        assert code == 0
        assert "3 of 2 models" in out
        assert "modular-dp" in out.split("methods that fit")[1]

    def test_methods_that_do_not_fit_say_why(self) -> None:
        _, out, _ = run("info", ROOT / "instances" / "loading" / "tiny-crossing.json")
        assert "tree sharing" in out.split("methods that do not")[1]

    def test_library(self, instance: Path, tmp_path: Path) -> None:
        two_models().library.write(tmp_path / "l.json")
        code, out, _ = run("info", tmp_path / "l.json")
        assert code == 0
        assert "2 models of 3 blocks (3 atoms)" in out
        assert "3 B; model by model 4 B, sharing saves 25.0%" in out

    def test_solution(self, solution: Path) -> None:
        code, out, _ = run("info", solution)
        assert code == 0
        assert "optimal (proved)" in out
        assert any(line.split()[:1] == ["loaded"] and line.endswith(" B") for line in out.splitlines())


class TestMethods:
    def test_of_one_problem(self) -> None:
        code, out, _ = run("methods", "loading")
        assert code == 0
        assert "optimal for tree sharing and one deadline" in out

    def test_of_all(self) -> None:
        out = run("methods")[1]
        assert all(f"{name}: " in out for name in PROBLEMS)

    def test_unknown(self) -> None:
        assert "did you mean 'loading'" in run("methods", "loadin")[2]


class TestGenerate:
    def test_drawn_library(self, tmp_path: Path) -> None:
        target = tmp_path / "g.json"
        code, out, _ = run("generate", "loading", "--sharing", "tree", "--models", 5, "--users", 9, "-o", target)
        assert (code, out) == (0, "")
        made = edgeopt.read(target)
        assert isinstance(made, LoadingInstance)
        assert (len(made.users), len(made.library.models)) == (9, 5)

    def test_given_library_stays_a_file(self, tmp_path: Path) -> None:
        library = ROOT / "instances" / "libraries" / "resnet-freeze.json"
        target = tmp_path / "g.json"
        code, _, err = run("generate", "loading", "--library", library, "--users", 9, "-o", target)
        assert (code, err) == (0, f"written to {target}\n")
        assert isinstance(json.loads(target.read_text())["library"], str)
        assert edgeopt.read(target).library == edgeopt.ModelLibrary.read(library)

    def test_demand_of_caching(self, tmp_path: Path) -> None:
        """With a steep exponent nearly all ask for one model; with 0 they do not."""
        common = ("--models", 8, "--nodes", 2, "--users", 40, "--scenarios", 1)
        most = {}
        for exponent in (0, 9):
            target = tmp_path / f"zipf{exponent}.json"
            code, _, _ = run("generate", "caching", *common, "--zipf-exponent", exponent, "-o", target)
            assert code == 0
            asked = list(edgeopt.read(target).scenarios[0].requests.values())
            most[exponent] = max(map(asked.count, asked))
        assert most[9] > 35
        assert most[0] < 20
        code, _, err = run("generate", "caching", "--zipf-exponent", -1, "-o", tmp_path / "wrong.json")
        assert code == 2
        assert "at --zipf-exponent: input should be greater than or equal to 0" in err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--sharing", "trees"], "did you mean 'tree'"),
            (["--users", "-1"], "at --users: input should be greater than or equal to 0"),
            (["--deadline", "-1"], "at --deadline: input should be greater than 0"),
            (["--library", "no.json"], "no such file"),
        ],
    )
    def test_faults(self, tmp_path: Path, arguments: list[str], message: str) -> None:
        code, _, err = run("generate", "loading", "-o", tmp_path / "g.json", *arguments)
        assert code == 2
        assert message in err
        assert not (tmp_path / "g.json").exists()


class TestSchema:
    @pytest.mark.parametrize("kind", [*PROBLEMS, *RECORDS])
    def test_every_format_has_one(self, kind: str) -> None:
        code, out, _ = run("schema", kind)
        assert code == 0
        schema = json.loads(out)
        assert schema["additionalProperties"] is False
        assert "format" in schema["required"]

    def test_the_help_names_all(self) -> None:
        assert "|".join(["PROBLEM", *RECORDS]) in "".join(run("schema", "--help")[1].split())

    def test_unknown(self) -> None:
        assert "did you mean 'library'" in run("schema", "librari")[2]

    @pytest.mark.parametrize("kind", ["loading", "library", "solution", "best-known"])
    def test_shipped_and_written_files_follow_it(self, kind: str, instance: Path, solution: Path) -> None:
        validator = validator_of(kind)
        for path in {
            "loading": [instance, *sorted((ROOT / "instances" / "loading").glob("tiny*.json"))],
            "library": sorted((ROOT / "instances" / "libraries").glob("*.json")),
            "solution": [solution],
            "best-known": [ROOT / "instances" / "best_known.json"],
        }[kind]:
            validator.validate(json.loads(path.read_text()))

    def test_shipped_suites_follow_it(self) -> None:
        validator = validator_of("suite")
        for path in sorted((ROOT / "benchmarks" / "suites").glob("*.toml")):
            validator.validate(tomllib.loads(path.read_text()))

    def test_it_refuses_what_the_reader_refuses(self, instance: Path) -> None:
        validator = validator_of("loading")
        data = json.loads(instance.read_text())
        assert validator.is_valid({**data, "library": "l.json"})
        for wrong in (
            {**data, "more": 1},
            {**data, "bandwidth_hz": 0},
            {**data, "library": 3},
            {**data, "users": {"u": {"model": "a"}}},
            {key: value for key, value in data.items() if key != "format"},
        ):
            assert not validator.is_valid(wrong)


def validator_of(kind: str) -> Any:
    """A validator of the dialect that the schema names."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(run("schema", kind)[1])
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    return cls(schema)


class TestPlot:
    @pytest.mark.parametrize(("name", "start"), [("p.png", b"\x89PNG"), ("p.pdf", b"%PDF"), ("p.svg", b"<?xml")])
    def test_solution_finds_its_instance(self, solution: Path, tmp_path: Path, name: str, start: bytes) -> None:
        code, _, err = run("plot", solution, "-o", tmp_path / name)
        assert (code, err) == (0, f"written to {tmp_path / name}\n")
        assert (tmp_path / name).read_bytes().startswith(start)

    def test_instance_and_library(self, instance: Path, tmp_path: Path) -> None:
        two_models().library.write(tmp_path / "l.json")
        for source in (instance, tmp_path / "l.json"):
            assert run("plot", source, "-o", tmp_path / "p.png")[0] == 0

    def test_faults(self, instance: Path, solution: Path, tmp_path: Path) -> None:
        assert "should end in one of" in run("plot", instance, "-o", tmp_path / "p.doc")[2]
        assert "does not exist" in run("plot", instance, "-o", tmp_path / "no" / "p.png")[2]
        assert "is the input" in run("plot", instance, "-o", instance)[2]
        moved = tmp_path / "moved"
        moved.mkdir()
        solution.rename(moved / "s.json")
        assert "no such file" in run("plot", moved / "s.json", "-o", tmp_path / "p.png")[2]
        assert run("plot", moved / "s.json", "--instance", instance, "-o", tmp_path / "p.png")[0] == 0


def test_version_and_help() -> None:
    assert run("--version") == (0, f"edgeopt {edgeopt.__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0
    for verb in ("solve", "compare", "check", "info", "methods", "generate", "schema", "plot"):
        assert verb in out
        assert run(verb, "--help")[0] == 0


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["edgeopt", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("edgeopt", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"edgeopt {edgeopt.__version__}\n"


def test_a_fault_of_the_program_says_so(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(edgeopt, "solve", broken)
    code, _, err = run("solve", instance)
    assert code == 4
    assert "this is a fault of edgeopt" in err
