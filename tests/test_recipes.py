"""One record per generator: its fields are options of the command line and arguments of grids, checked alike."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import KW_ONLY, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import Field
from typer.main import get_command

import edgeopt
from edgeopt import ModelLibrary
from edgeopt.cli.application import app
from edgeopt.errors import ArgumentError, InputError, UsageError
from edgeopt.experiments.store import unpacked
from edgeopt.experiments.suite import Suite
from edgeopt.experiments.suite_runs import suite_instances
from edgeopt.instance import instance_from_dict
from edgeopt.libraries.generator import generate_library
from edgeopt.measured.load_times import PUBLISHED
from edgeopt.problems import PROBLEMS
from edgeopt.recipes.common import Seed
from edgeopt.recipes.recipe import Argument, Recipe, generator, recipe
from tests.cli.program import run
from tests.measured.data import STATIONS, TRACE

# A value out of range, or of another type, as Python, a suite and the command line write it.
WRONG = [
    ("loading", "users", -1, "--users", "-1"),
    ("loading", "deadline_s", 0.0, "--deadline", "0.0"),
    ("loading", "window_s", (0.0, -1.0), "--window", "0 -1"),
    ("loading", "uploads", "video", "--uploads", "video"),
    ("loading", "bandwidth_hz", -2.0, "--bandwidth", "-2.0"),
    ("pulling", "mean_count", 0.5, "--mean-count", "0.5"),
    ("pulling", "graph", "ring", "--graph", "ring"),
    ("pulling", "memory_fraction", 11.0, "--memory-fraction", "11.0"),
    ("caching", "correlation", 2.0, "--correlation", "2.0"),
    ("caching", "reach_m", 0.0, "--reach", "0.0"),
    ("placement", "models_per_user", 0, "--models-per-user", "0"),
    ("placement", "seed", -1, "--seed", "-1"),
]


def generate(problem: str) -> Any:
    return PROBLEMS[problem].part("generator").generate


def suite(folder: Path, problem: str, arguments: str) -> Suite:
    """Write and read a suite that draws with these arguments."""
    path = folder / "s.toml"
    path.write_text(
        'format = "edgeopt-suite/1"\nname = "s"\ntime_limit_s = 1\n'
        f'[[methods]]\nproblem = "{problem}"\nnames = ["greedy"]\n'
        f'[[instances]]\nproblem = "{problem}"\n[instances.generate]\n{arguments}\n'
    )
    return Suite.read(path)


def toml(value: Any) -> str:
    """A tuple, a number or a text as TOML has it."""
    return repr(list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_field_is_an_option_with_the_same_default(problem: str) -> None:
    made = generate(problem).recipe
    names = list(inspect.signature(made).parameters)
    assert list(made.arguments()) == [name for name in names if name != "name"]
    assert set(names) == {field.name for field in fields(made)}
    program: Any = get_command(app)
    command = program.get_command(None, "generate").get_command(None, problem)
    options = {option.name: option for option in command.params}
    assert list(options)[: len(names)] == ["output", *made.arguments()]
    for name, argument in made.arguments().items():
        assert options[name].opts == [argument.option or f"--{name.replace('_', '-')}"]
        assert options[name].help == argument.description
        assert options[name].default == inspect.signature(made).parameters[name].default


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_field_is_an_argument_of_a_grid(problem: str, tmp_path: Path) -> None:
    for name in generate(problem).recipe.arguments():
        with pytest.raises(InputError, match=rf"at \$\.instances\[0\]\.generate\.{name}: the list is empty"):
            suite_instances(suite(tmp_path, problem, f"{name} = []"))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_function_shows_what_the_record_takes(problem: str) -> None:
    function = generate(problem)
    parameters = inspect.signature(function).parameters
    assert set(parameters) == {field.name for field in fields(function.recipe)}
    assert function.__doc__.startswith(f"Draw an instance of `{problem}`: ")
    for name, argument in function.recipe.arguments().items():
        assert f"\n{name} : " in function.__doc__
        assert argument.description in " ".join(function.__doc__.split())


@pytest.mark.parametrize(("problem", "name", "value", "option", "typed"), WRONG)
def test_a_wrong_value_is_refused_alike(
    problem: str, name: str, value: Any, option: str, typed: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as python:
        generate(problem)(**{name: value})
    said = str(python.value)
    assert said.startswith(f"at {name}: input should be ")
    file = suite(tmp_path, problem, f"{name} = {toml(value)}")
    with pytest.raises(InputError) as caught:
        suite_instances(file)
    assert str(caught.value) == f"{file.file}: {said.replace(f'at {name}', f'at $.instances[0].generate.{name}')}"
    code, _, err = run("generate", problem, option, *typed.split(), "-o", tmp_path / "drawn.json")
    assert (code, " ".join(err.split())) == (2, f"edgeopt: {said.replace(f'at {name}', f'at {option}')}")
    assert not (tmp_path / "drawn.json").exists()


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(ArgumentError) as caught:
        generate("caching")(nodes=0, area=(1, 2), storage_bytes=(1.5, 2))
    assert {finding.place for finding in caught.value.findings} == {"nodes", "storage_bytes", "area"}
    assert "at area: entry 3 is missing" in str(caught.value)


def test_an_unknown_argument_is_told_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"at user: the generator has no argument 'user' \(did you mean 'users'\?\)"):
        generate("loading")(user=3)
    with pytest.raises(TypeError, match="too many positional"):
        generate("loading")("tree", 4, 5, 0, None, "common")


def test_numbers_of_numpy_are_numbers() -> None:
    usual = generate("caching")("tree", 4, 2, 3, 1, 5, storage_bytes=(10**8, 10**9), correlation=0.5)
    sizes = (np.int64(10**8), np.int64(10**9))
    same = generate("caching")("tree", *np.array([4, 2, 3, 1, 5]), storage_bytes=sizes, correlation=np.float64(0.5))
    assert same == usual


def test_files_are_read_wherever_their_paths_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in a suite are relative to it; names of published statistics are no paths."""
    folder = tmp_path / "files"
    folder.mkdir()
    generate_library("tree", 4, 1).write(folder / "l.json")
    (folder / "stations.csv").write_text(STATIONS)
    (folder / "trace.csv").write_text(TRACE)
    monkeypatch.chdir(tmp_path)
    common = 'library = "l.json"\nusers = 4\n'
    library = ModelLibrary.read(folder / "l.json")
    loading = suite(folder, "loading", common + 'trace = ["trace.csv", "azure-code"]\nload_times = "h100-sllm"')
    traces, times = [folder / "trace.csv", "azure-code"], PUBLISHED["h100-sllm"]
    drawn = [generate("loading")(library=library, users=4, trace=trace, load_times=times) for trace in traces]
    assert [found.users for found in read(loading)] == [instance.users for instance in drawn]
    assert generate("loading")(library=folder / "l.json", users=4, trace=traces[0], load_times="h100-sllm") == drawn[0]
    placement = suite(folder, "placement", common + 'nodes = 2\nstations = ["stations.csv", "melbourne"]')
    drawn = [
        generate("placement")(library=library, users=4, nodes=2, stations=stations)
        for stations in (folder / "stations.csv", "melbourne")
    ]
    assert [found.demand for found in read(placement)] == [instance.demand for instance in drawn]


def read(asked: Suite) -> list[Any]:
    return [instance_from_dict(unpacked(found.content)) for found in suite_instances(asked)]


def test_units_of_options_are_those_that_they_name(tmp_path: Path) -> None:
    path = tmp_path / "drawn.json"
    sizes = ("--memory", "2.5GB", "--bandwidth", "20 MHz")
    code, _, err = run("generate", "loading", "--models", 3, "--users", 4, *sizes, "-o", path)
    assert code == 0, err
    assert edgeopt.read(path).server.memory_bytes == 2_500_000_000
    assert edgeopt.read(path).bandwidth_hz == 20e6
    code, _, err = run("generate", "loading", "--memory", "8Gb", "-o", path)
    assert code == 2
    assert "--memory" in err
    assert "'8Gb' is not a number of B, such as 3GB" in err


def test_a_new_argument_needs_one_place() -> None:
    @recipe
    class Own(Recipe):
        seed: Seed = 0
        _: KW_ONLY
        share: Annotated[float, Field(ge=0, le=1), Argument("Part of the users.", "P")] = 0.5
        spread: Annotated[float | None, Argument("Seconds between users.", needs="rate")] = None
        rate: Annotated[float | None, Argument("Users a second.")] = None

        def check(self) -> None:
            super().check()
            if self.share == 1:
                raise UsageError("all is too much")

        def draw(self) -> Any:
            """Draw the arguments."""
            return self.seed, self.share

    draw = generator(Own)
    assert draw(3, share=0.25) == (3, 0.25)
    assert list(Own.arguments()) == ["seed", "share", "spread", "rate"]
    assert "share : float\n    Part of the users." in (draw.__doc__ or "")
    with pytest.raises(UsageError, match="at share: input should be less than or equal to 1"):
        draw(share=1.5)
    with pytest.raises(UsageError, match="at spread: it needs 'rate'"):
        draw(spread=1.0)
    with pytest.raises(UsageError, match="all is too much"):
        draw(share=1.0)
    with pytest.raises(AttributeError):
        Own().share = 0.3  # type: ignore[misc]


def test_the_program_imports_recipes_only_when_it_draws() -> None:
    code = "import sys, edgeopt.cli.application; print(*(name for name in sys.modules if name.startswith('edgeopt')))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in shown.split() if ".recipes" in name or name.endswith(".generator")]
