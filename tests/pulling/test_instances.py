"""The shipped instances are what their commands draw, and have the optima that their page states."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import edgeopt
from edgeopt.cli.application import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "instances" / "pulling"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^edgeopt (generate pulling .*)$", PAGE, re.M)
OPTIMA = dict(re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \|$", PAGE, re.M))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_draw_the_files(command, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = shlex.split(command)
    shipped = ROOT / words[-1]
    result = CliRunner().invoke(app, [*words[:-1], str(tmp_path / shipped.name)])
    assert result.exit_code == 0
    assert edgeopt.read(tmp_path / shipped.name) == edgeopt.read(shipped)


def test_every_file_has_a_command_and_an_optimum():
    names = {path.stem for path in FOLDER.glob("*.json")}
    assert names == set(OPTIMA) == {Path(command.split()[-1]).stem for command in COMMANDS}


@pytest.mark.parametrize(
    "name", ["tiny", "resnet-freeze-12x100", "resnet-freeze-12x100-peers", "vision-language-12x100"]
)
def test_optima(name):
    solution = edgeopt.solve(edgeopt.read(FOLDER / f"{name}.json"), "exact", threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(float(OPTIMA[name]), rel=1e-9)


def test_peers_save_what_the_page_says():
    instance = edgeopt.read(FOLDER / "resnet-freeze-12x100-peers.json")
    values = {sources: edgeopt.solve(instance.replace(sources=sources), threads=1) for sources in ("cloud", "peers")}
    assert all(solution.status == "optimal" for solution in values.values())
    told = re.search(
        r"optimum is ([\d.]+) s \(so `sources: any` saves ([\d.]+) %\), when only cloudlets do, ([\d.]+) s", PAGE
    )
    cloud, saving, peers = map(float, told.groups())
    assert values["cloud"].objective == pytest.approx(cloud, abs=0.005)
    assert values["peers"].objective == pytest.approx(peers, abs=0.005)
    best = float(OPTIMA[instance.name])
    assert 100 * (1 - best / values["cloud"].objective) == pytest.approx(saving, abs=0.05)
