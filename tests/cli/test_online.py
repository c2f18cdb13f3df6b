import json

import pytest

from tests.cli.program import run


@pytest.fixture
def instance(tmp_path):
    path = tmp_path / "instance.json"
    assert run("generate", "pulling", "--models", 6, "--cloudlets", 2, "--requests", 6, "-o", path)[0] == 0
    return path


def test_a_study_is_told_written_and_drawn(instance, tmp_path):
    table, picture = tmp_path / "regret.csv", tmp_path / "regret.png"
    code, out, _ = run(
        "online", instance, "--rounds", 40, "--seeds", 2, "--policies", "ucb,random", "-o", table, "--figure", picture
    )
    assert code == 0
    assert "40 rounds, mean of 2 seeds" in out
    assert {line.split()[0] for line in out.splitlines()[3:]} == {"ucb", "random"}
    lines = table.read_text().splitlines()
    assert lines[0] == "policy,seed,round,regret_s"
    assert lines[1].startswith("ucb,0,1,")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_json_and_a_placement(instance, tmp_path):
    solution = tmp_path / "solution.json"
    assert run("solve", instance, "--method", "greedy", "-o", solution)[0] == 0
    code, out, _ = run("online", instance, "--placement", solution, "--rounds", 20, "--seeds", 1, "-p", "ucb", "--json")
    assert code == 0
    assert json.loads(out)["ucb"]["regret_s"] >= 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policies", "ucbb"], "did you mean 'ucb'"),
        (["--policies", ","], "names no policy"),
        (["--figure", "regret.xyz"], "should end in one of"),
        (["--rounds", "0"], "Invalid value for '--rounds'"),
    ],
)
def test_bad_usage_is_said(instance, arguments, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("online", instance, *arguments)
    assert code == 2
    assert out == ""
    assert message in " ".join(err.replace("│", " ").split())


def test_other_problems_and_other_placements_are_refused(instance, tmp_path):
    other, solution = tmp_path / "loading.json", tmp_path / "solution.json"
    assert run("generate", "loading", "--models", 4, "--users", 8, "-o", other)[0] == 0
    code, _, err = run("online", other)
    assert code == 2
    assert "an instance of loading" in err
    assert run("solve", instance, "--method", "greedy", "-o", solution)[0] == 0
    data = json.loads(solution.read_text())
    data["plan"]["assignments"].popitem()
    solution.write_text(json.dumps(data))
    code, _, err = run("online", instance, "--placement", solution)
    assert code == 2
    assert "no feasible plan" in err
