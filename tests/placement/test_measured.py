"""Instances over base stations and users from files."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.placement.generator import generate
from tests.cli.program import run
from tests.measured.data import STATIONS, USERS, real


@pytest.fixture
def stations(tmp_path: Path) -> Path:
    path = tmp_path / "stations.csv"
    path.write_text(STATIONS)
    return path


def test_nodes_are_the_stations_and_near_ones_deliver(stations: Path) -> None:
    users = stations.parent / "users.csv"
    users.write_text("latitude,longitude\n" + "".join(f"-37.8150,{144.9650 + 1e-5 * k:.5f}\n" for k in range(1, 31)))
    instance = generate(models=12, nodes=4, users=30, seed=1, stations=str(stations), user_positions=users)
    assert list(instance.nodes) == ["site7", "site8", "site9", "site11"]
    delivered = {node: sum(node in row.nodes for row in instance.demand) for node in instance.nodes}
    assert max(delivered, key=delivered.__getitem__) == "site11"
    assert delivered["site11"] > 2 * delivered["site7"]
    assert instance == generate(models=12, nodes=4, users=30, seed=1, stations=str(stations), user_positions=users)


def test_arguments_that_cannot_be_meant(stations: Path) -> None:
    with pytest.raises(UsageError, match="fewer than 6"):
        generate(nodes=6, stations=str(stations))
    with pytest.raises(UsageError, match="give no stations"):
        generate("set-union", stations=str(stations))
    with pytest.raises(UsageError, match="it needs 'stations'"):
        generate(area=(0, 0, 1, 1))


def test_bad_files_end_with_exit_code_2(stations: Path) -> None:
    stations.write_text(STATIONS.replace("LONGITUDE", "EAST"))
    code, _, err = run("generate", "placement", "--stations", stations, "-o", stations.parent / "drawn.json")
    assert code == 2
    assert "line 1: no column is named 'longitude'" in err


def test_small_and_real_files(stations: Path, tmp_path: Path) -> None:
    output = tmp_path / "drawn.json"
    (tmp_path / "users.csv").write_text(USERS)
    code, _, err = run("generate", "placement", "--stations", stations, "--nodes", 3, "--users", 20, "-o", output)
    assert code == 0, err
    places = ["--stations", real("eua/site-optus-melbCBD.csv")]
    places += ["--user-positions", real("eua/users-melbcbd-generated.csv")]
    code, _, err = run("generate", "placement", *places, "--nodes", 8, "--users", 60, "-o", output)
    assert code == 0, err
    solution = edgeopt.solve(edgeopt.read(output), "greedy")
    assert solution.objective is not None
    assert 0 < solution.objective < 1
