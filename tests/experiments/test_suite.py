"""Suites: what they ask for, and what is said when they are wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.errors import InputError
from edgeopt.experiments import Suite
from edgeopt.experiments.suite_runs import RequestedRun, suite_instances, suite_plugins, suite_runs
from edgeopt.loading.generator import generate
from tests.experiments.suites import write_instances

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "benchmarks" / "suites").glob("*.toml"))

HEAD = 'format = "edgeopt-suite/1"\nname = "s"\ntime_limit_s = 10\n'
FILES = '[[instances]]\nfiles = ["i*.json"]\n'
DP = '[[methods]]\nproblem = "loading"\nnames = ["dp"]\n'


def requested(path: Path) -> list[RequestedRun]:
    suite = Suite.read(path)
    return suite_runs(suite, suite_instances(suite), suite_plugins(suite))


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_suite(text: str) -> Path:
        write_instances(tmp_path, 2)
        path = tmp_path / "s.toml"
        path.write_text(text)
        return path

    return write_suite


def test_instances_times_methods_times_seeds(write: Any) -> None:
    text = HEAD + "seeds = [1, 2]\nthreads = 2\n" + FILES + DP
    text += (
        '[[methods]]\nproblem = "loading"\nnames = ["greedy", "auto"]\nseeds = [7]\ntime_limit_s = 3\ngap_limit = 0.1\n'
    )
    runs = requested(write(text))
    usual = {"time_limit_s": 10.0, "iteration_limit": None, "gap_limit": 0.0, "threads": 2}
    other = {**usual, "time_limit_s": 3.0, "gap_limit": 0.1}
    expected = [("dp", 1, usual), ("dp", 2, usual), ("greedy", 7, other), ("auto", 7, other)] * 2
    assert [(run.method, run.seed, run.options) for run in runs] == expected
    assert len({run.sha256 for run in runs}) == 2


def test_equal_instances_count_once(write: Any) -> None:
    assert len(requested(write(HEAD + '[[instances]]\nfiles = ["i*.json", "i0.json", "./i1.json"]\n' + DP))) == 2


def test_grid_is_every_combination(write: Any) -> None:
    grid = (
        '[[instances]]\nproblem = "loading"\n[instances.generate]\nsharing = ["tree", "random"]\nmodels = 4\n'
        "users = [5, 6]\nseed = 3\nserved_fraction = [0.3, 0.6]\n"
    )
    suite = Suite.read(write(HEAD + grid + DP))
    found = suite_instances(suite)
    assert len({instance.sha256 for instance in found}) == 8
    assert len({instance.name for instance in found}) == 8
    last = generate("random", 4, 6, 3, served_fraction=0.6, name="random-4x6-seed3-served_fraction=0.6")
    assert found[-1].sha256 == last.sha256
    assert found[-1].source == "loading: sharing='random', models=4, users=6, seed=3, served_fraction=0.6"


def test_labels_tell_equal_names_apart(write: Any) -> None:
    grid = '[[instances]]\nproblem = "loading"\nlabel = "late"\n'
    grid += "generate = { models = 4, users = 5, deadline_s = [8, 9] }\n"
    names = [instance.name for instance in suite_instances(Suite.read(write(HEAD + grid + DP)))]
    assert names == ["random-4x5-seed0-deadline_s=8-late", "random-4x5-seed0-deadline_s=9-late"]


def test_grid_with_a_library_and_with_pairs(write: Any, tmp_path: Path) -> None:
    library = edgeopt.read(ROOT / "instances" / "loading" / "tiny.json").library
    library.write(tmp_path / "l.json")
    grid = '[[instances]]\nproblem = "loading"\ngenerate = { library = "l.json", users = 3 }\n'
    (instance,) = suite_instances(Suite.read(write(HEAD + grid + DP)))
    assert instance.name.startswith(library.name)
    grid = '[[instances]]\nproblem = "caching"\n[instances.generate]\nmodels = 3\nnodes = 2\nusers = 2\nscenarios = 1\n'
    for pairs, count in (("[1000, 2000]", 1), ("[[1000, 2000], [3000, 4000]]", 2)):
        suite = Suite.read(write(HEAD + grid + f"storage_bytes = {pairs}\n" + DP))
        assert len(suite_instances(suite)) == count


def test_plugin_is_known_and_its_content_is_part_of_the_run(write: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from edgeopt.method import method, Outcome\n"
        "@method('loading', 'mine', kind='heuristic', guarantee='none')\n"
        "def mine(instance, run): return Outcome()\n"
    )
    text = HEAD + 'plugins = ["mine.py"]\n' + FILES + DP.replace('["dp"]', '["dp", "mine"]')
    hashes = {run.method: run.options.get("plugin_sha256") for run in requested(write(text))}
    assert hashes["dp"] is None
    assert len(hashes["mine"]) == 64


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.slow
def test_shipped_suites_are_right(path: Path) -> None:
    assert requested(path)


def test_the_smallest_shipped_suite_is_right() -> None:
    assert requested(ROOT / "benchmarks" / "suites" / "tiny.toml")


PLACEMENT = '[[methods]]\nproblem = "placement"\nnames = ["greedy"]\n'
GRID = '[[instances]]\nproblem = "loading"\n'
WRONG = [
    ("", "the key 'format' is missing"),
    ("a = ", "this is not TOML: Invalid value"),
    ("a = 1\na = 2\n", "this is not TOML"),
    (HEAD + "time_limit = 3\n" + FILES + DP, "unknown key 'time_limit' (did you mean 'time_limit_s'?)"),
    (HEAD.replace("10", '"10"') + FILES + DP, "at $.time_limit_s:"),
    (HEAD.replace("10", "nan") + FILES + DP, "at $.time_limit_s:"),
    (HEAD.replace("10", "0") + FILES + DP, "at $.time_limit_s:"),
    (HEAD + "seeds = []\n" + FILES + DP, "at $.seeds:"),
    (HEAD + "seeds = [-1]\n" + FILES + DP, "at $.seeds[0]:"),
    (HEAD + "threads = 0\n" + FILES + DP, "at $.threads:"),
    (HEAD + DP, "the key 'instances' is missing"),
    (HEAD + FILES, "the key 'methods' is missing"),
    (HEAD + FILES.replace("i*", "x*") + DP, "at $.instances[0].files[0]: there is no file 'x*.json'"),
    (HEAD + "[[instances]]\n" + DP, "at $.instances[0]: it should give one of 'files', 'generate' and 'instance'"),
    (HEAD + "[[instances]]\ngenerate = { users = 3 }\n" + DP, "the key 'problem' is missing"),
    (HEAD + FILES + 'problem = "loading"\n' + DP, "at $.instances[0].problem: instances say themselves"),
    (HEAD + FILES + 'label = "x"\n' + DP, "at $.instances[0].label: instances that are not drawn have their names"),
    (HEAD + GRID + "generate = { user = 3 }\n" + DP, "no argument 'user' (did you mean 'users'?)"),
    (HEAD + GRID + "generate = { users = [] }\n" + DP, "at $.instances[0].generate.users: the list is empty"),
    (HEAD + GRID + "generate = { users = -1 }\n" + DP, "at $.instances[0].generate.users: input should be"),
    (HEAD + GRID + 'generate = { users = "many" }\n' + DP, "at $.instances[0].generate.users: input should be"),
    (HEAD + GRID + 'generate = { sharing = "x" }\n' + DP, "at $.instances[0].generate: the generator refuses"),
    (HEAD + GRID + 'generate = { library = "no.json" }\n' + DP, "no.json: there is no such file"),
    (HEAD + GRID + 'generate = { name = "x" }\n' + DP, "no argument 'name'"),
    (HEAD + FILES + DP.replace('"dp"', '"gredy"'), "at $.methods[0].names[0]: loading has no method 'gredy' (did you"),
    (HEAD + FILES + DP.replace('"loading"', '"lading"'), "at $.methods[0].problem:"),
    (HEAD + FILES + PLACEMENT, "no method is named for the problem 'loading'"),
    (HEAD + 'methods = ["dp"]\n' + FILES, "it should be an object with keys, not 'dp' (it needs 'problem', 'names')"),
    (HEAD + FILES + DP.replace('["dp"]', '"dp"'), "at $.methods[0].names: it should be a list, not 'dp' (give ['dp'])"),
    (HEAD + FILES + DP + PLACEMENT, "at $.methods[1]: no instance is of the problem 'placement'"),
    (HEAD + 'plugins = ["no.py"]\n' + FILES + DP, "at $.plugins[0]: there is no file 'no.py'"),
    (HEAD + 'plugins = ["no_such_module"]\n' + FILES + DP, "at $.plugins[0]: 'no_such_module' cannot be imported"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG, ids=range(len(WRONG)))
def test_faults_name_file_place_and_remedy(write: Any, text: str, said: str) -> None:
    path = write(text)
    with pytest.raises(InputError) as caught:
        requested(path)
    assert str(path.parent) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_no_instance_is_named(write: Any, tmp_path: Path) -> None:
    (tmp_path / "i9.json").write_text("{}")
    with pytest.raises(InputError, match=r"i9\.json.*this is not an instance"):
        requested(write(HEAD + FILES + DP))


def test_a_missing_suite(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        Suite.read(tmp_path / "no.toml")


def test_the_example_of_the_documentation_is_a_suite() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "experiments.md").read_text(), re.S)
    suite = Suite.from_dict(tomllib.loads(example))
    assert suite.seeds == [0, 1, 2]
