"""Instances over base stations and users from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeopt
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance
from edgeopt.errors import UsageError
from tests.cli.program import run
from tests.measured.data import STATIONS, USERS, real


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    stations, users = tmp_path / "stations.csv", tmp_path / "users.csv"
    stations.write_text(STATIONS)
    users.write_text(USERS)
    return stations, users


def small(stations: Path | str, homes: Path | None = None, seed: int = 1, **changes: object) -> CachingInstance:
    arguments: dict[str, object] = {"models": 8, "nodes": 4, "users": 6, "scenarios": 2, "seed": seed, **changes}
    return generate(stations=str(stations), user_positions=homes, **arguments)  # type: ignore[arg-type]


def test_nodes_are_the_stations(files: tuple[Path, Path]) -> None:
    instance = small(*files)
    assert list(instance.nodes) == ["site7", "site8", "site9", "site11"]
    near = {frozenset((link.source, link.to)) for link in instance.backhaul.links}
    three = ("site7", "site8", "site9")  # within 360 m of each other; the fourth is further from all of them
    assert near == {frozenset((a, b)) for a in three for b in three if a != b}
    assert instance == small(*files)
    assert instance.radio != small(*files, seed=2).radio


def test_users_are_heard_best_where_they_stand(files: tuple[Path, Path]) -> None:
    stations, users = files
    rows = "".join(f"{-37.8150 - 1e-5 * k:.5f},144.9650\n" for k in range(1, 31))
    users.write_text("latitude,longitude\n" + rows)
    channels = small(stations, users, users=30).radio.channels
    power = {node: float(np.square([list(of.values())]).sum()) for node, of in channels.items()}
    assert max(power, key=power.__getitem__) == "site11"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nodes": 5}, "4 stations, fewer than 5"),
        ({"users": 13}, "of the 12 users stand within"),
        ({"reach_m": 0.0}, "at reach_m: input should be greater than 0"),
        ({"area": (0.0, 0.0, 1.0, 1.0)}, "none of the places"),
    ],
)
def test_arguments_that_cannot_be_meant(files: tuple[Path, Path], changes: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        small(*files, **changes)  # type: ignore[arg-type]


def test_users_need_stations(files: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="it needs 'stations'"):
        generate(user_positions=files[1])


def test_bad_files_end_with_exit_code_2(files: tuple[Path, Path]) -> None:
    stations, users = files
    users.write_text(USERS.replace("-37.8105", "south"))
    output = users.parent / "drawn.json"
    code, _, err = run("generate", "caching", "--stations", stations, "--user-positions", users, "-o", output)
    assert code == 2
    assert "users.csv: at line 3, column Latitude: 'south' is not a number from -90 to 90" in err
    assert not output.exists()


def test_real_files(tmp_path: Path) -> None:
    places = ["--stations", real("eua/site-optus-melbCBD.csv")]
    places += ["--user-positions", real("eua/users-melbcbd-generated.csv")]
    output = tmp_path / "drawn.json"
    size = ["--models", 10, "--nodes", 5, "--users", 20, "--scenarios", 2]
    code, _, err = run("generate", "caching", *places, *size, "-o", output)
    assert code == 0, err
    assert edgeopt.solve(edgeopt.read(output), "greedy").objective is not None
