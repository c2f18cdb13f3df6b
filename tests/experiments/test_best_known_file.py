import json
import math
from pathlib import Path

import pandas as pd
import pytest

import edgeopt
from edgeopt.experiments import read_best_known, read_results, read_solution, sweep
from edgeopt.experiments.best_known_file import BestKnownFile, compare_with_known, improved, plan_sha256
from tests.cli.program import run

INSTANCES = Path(__file__).parents[2] / "instances"
SUITE = {
    "format": "edgeopt-suite/1",
    "name": "first",
    "time_limit_s": 20,
    "instances": [{"files": [str(INSTANCES / problem / "tiny.json") for problem in ("loading", "pulling")]}],
    "methods": [{"problem": "loading", "names": ["edf"]}, {"problem": "pulling", "names": ["cloud-only"]}],
}
EXACT = {
    **SUITE,
    "methods": [{"problem": "loading", "names": ["modular-dp"]}, {"problem": "pulling", "names": ["exact"]}],
}
EMPTY = BestKnownFile(instances={})


@pytest.fixture(scope="module")
def weak(tmp_path_factory):
    return sweep(SUITE, tmp_path_factory.mktemp("weak") / "weak.sqlite")


@pytest.fixture(scope="module")
def strong(tmp_path_factory):
    return sweep(EXACT, tmp_path_factory.mktemp("strong") / "strong.sqlite")


def verdicts(results, known):
    return {row.name: row.verdict for row in compare_with_known(read_results(results), known)}


@pytest.mark.slow
def test_values_only_get_better(weak, strong):
    first = improved(weak, read_results(weak), EMPTY)
    assert verdicts(weak, EMPTY) == {"loading/tiny": "new", "pulling/tiny": "new"}
    assert verdicts(weak, first) == {"loading/tiny": "as known", "pulling/tiny": "as known"}
    assert verdicts(strong, first) == {"loading/tiny": "better", "pulling/tiny": "better"}
    second = improved(strong, read_results(strong), first)
    assert set(verdicts(weak, second).values()) == {"worse"}
    assert improved(weak, read_results(weak), second) == second
    for name, entry in second.instances.items():
        assert entry.bound == pytest.approx(entry.objective, rel=1e-9)
        assert entry.bounded is not None
        assert entry.sha256 == edgeopt.read(INSTANCES / f"{name}.json").sha256


def test_provenance_is_that_of_the_run(strong):
    entry = improved(strong, read_results(strong), EMPTY).instances["loading/tiny"]
    row = read_results(strong).query("problem == 'loading'").iloc[0]
    solution = read_solution(strong, row["run"])
    assert (entry.found.method, entry.found.seed, entry.found.time_limit_s) == ("modular-dp", 0, 20)
    assert entry.found.plan_sha256 == plan_sha256(solution.plan)
    assert entry.found.versions == solution.versions
    assert entry.found.date == row["begun_at"][:10]
    reordered = dict(reversed(list(solution.plan.items())))
    assert plan_sha256(reordered) == plan_sha256(solution.plan)


def test_a_tighter_bound_leaves_the_plan_as_it_is(strong):
    known = improved(strong, read_results(strong), EMPTY)
    entry = known.instances["pulling/tiny"]
    loose = entry.model_copy(update={"bound": entry.bound / 2})
    newer = improved(strong, read_results(strong), BestKnownFile(instances={"pulling/tiny": loose}))
    assert newer.instances["pulling/tiny"].bound == entry.bound
    assert newer.instances["pulling/tiny"].found == entry.found


@pytest.mark.parametrize("value", [99, 3])
def test_contradictions_are_told_and_nothing_is_updated(strong, value):
    entry = improved(strong, read_results(strong), EMPTY).instances["loading/tiny"]
    wrong = BestKnownFile(instances={"loading/tiny": entry.replace(objective=value, bound=value)})
    assert verdicts(strong, wrong)["loading/tiny"] == "contradiction"
    with pytest.raises(edgeopt.ProgramError, match="loading/tiny"):
        improved(strong, read_results(strong), wrong)


def test_a_plan_that_fails_the_check_is_not_taken(strong, monkeypatch):
    def flattering(path, run):
        solution = read_solution(path, run)
        return solution.model_copy(update={"objective": solution.objective + 1})

    monkeypatch.setattr("edgeopt.experiments.best_known_file.read_solution", flattering)
    with pytest.raises(edgeopt.ProgramError, match="fails the check"):
        improved(strong, read_results(strong), EMPTY)


def test_runs_without_plan_say_so(weak):
    frame = read_results(weak).assign(objective=math.nan, bound=math.nan)
    assert {row.verdict for row in compare_with_known(frame, EMPTY)} == {"no plan"}
    assert improved(weak, frame, EMPTY) == EMPTY


def test_instances_of_which_no_run_is_made_are_left_out(weak):
    frame = read_results(weak)
    stopped = frame.assign(status=frame["status"].where(frame["problem"] == "loading", "pending"))
    assert [row.name for row in compare_with_known(stopped, EMPTY)] == ["loading/tiny"]
    assert compare_with_known(frame.assign(status="pending"), EMPTY) == []


def test_the_file_round_trips_and_serves_other_readers(strong, tmp_path):
    path = tmp_path / "best_known.json"
    assert BestKnownFile.read(path) == EMPTY
    known = improved(strong, read_results(strong), EMPTY)
    known.write(path)
    assert BestKnownFile.read(path) == known
    assert read_best_known(path) == {entry.sha256: entry.objective for entry in known.instances.values()}
    data = json.loads(path.read_text())
    data["instances"]["loading/tiny"]["bound"] = 1
    path.write_text(json.dumps(data))
    with pytest.raises(edgeopt.InputError, match=r"\$\.instances\.loading/tiny\.bound.*crosses"):
        BestKnownFile.read(path)


def test_bench_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'format = "edgeopt-suite/1"\nname = "one"\ntime_limit_s = 20\n[[instances]]\n'
        f'files = ["{INSTANCES / "loading" / "tiny.json"}"]\n[[methods]]\nproblem = "loading"\nnames = ["modular-dp"]\n'
    )
    code, out, err = run("bench", suite, "--best-known", "known.json", "--update", "-q")
    assert code == 0, err
    assert out.splitlines()[1].split()[0] == "loading/tiny"
    assert out.splitlines()[1].endswith("new")
    before = (tmp_path / "known.json").read_bytes()
    code, out, _ = run("bench", suite, "--best-known", "known.json", "--update", "--resume", "-q")
    assert (code, out.splitlines()[1].endswith("as known")) == (0, True)
    assert (tmp_path / "known.json").read_bytes() == before
    data = json.loads(before)
    data["instances"]["loading/tiny"].update(objective=99, bound=None)
    (tmp_path / "known.json").write_text(json.dumps(data))
    code, out, err = run("bench", suite, "--best-known", "known.json", "--resume", "-q")
    assert (code, out.splitlines()[1].endswith("contradiction")) == (4, True)


def test_bench_reads_all_suites_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = 'format = "edgeopt-suite/1"\nname = "s"\ntime_limit_s = 20\n[[instances]]\n'
    head += f'files = ["{INSTANCES}/loading/tiny.json"]\n'
    for name, method in (("right", "edf"), ("wrong", "edff")):
        Path(f"{name}.toml").write_text(f'{head}[[methods]]\nproblem = "loading"\nnames = ["{method}"]\n')
    code, _, err = run("bench", "right.toml", "wrong.toml", "-q")
    assert code == 2
    assert "loading has no method 'edff'" in err
    assert not Path("bench.sqlite").exists()


def test_the_shipped_values_are_of_the_shipped_instances():
    known = BestKnownFile.read(INSTANCES / "best_known.json")
    for problem in ("loading", "pulling", "caching", "placement"):
        for path in (INSTANCES / problem).glob("*.json"):
            instance = edgeopt.read(path)
            name = f"{problem}/{instance.name}"
            assert name in known.instances, (
                f"{name} has no best known value: edgeopt bench benchmarks/suites/shipped.toml"
            )
            assert known.instances[name].sha256 == instance.sha256
    assert all(isinstance(entry.objective, int | float) for entry in known.instances.values())


def test_the_frame_of_no_runs_compares_to_nothing(weak):
    frame = read_results(weak)
    assert compare_with_known(pd.DataFrame(frame.iloc[:0]), EMPTY) == []
