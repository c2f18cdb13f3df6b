"""Stations and users: the plane, neighbourhoods, links, and the published statistics against the data."""

from __future__ import annotations

from itertools import combinations
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.measured.places import (
    MELBOURNE_EXTENT_M,
    MELBOURNE_STATIONS,
    MELBOURNE_USERS,
    area_of,
    draw_area,
    gabriel_links,
    read_area,
)
from tests.measured.data import STATIONS, USERS, real

RNG = np.random.default_rng


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    stations, users = tmp_path / "stations.csv", tmp_path / "users.csv"
    stations.write_text(STATIONS)
    users.write_text(USERS)
    return stations, users


def great_circle_m(first: tuple[float, float], second: tuple[float, float]) -> float:
    (a, b), (c, d) = ((radians(x), radians(y)) for x, y in (first, second))
    return 2 * 6371e3 * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))


def test_distances_are_those_of_the_globe(files: tuple[Path, Path]) -> None:
    area = read_area(*files)
    assert area.names == ("site7", "site8", "site9", "site11")
    degrees = [(-37.81, 144.96), (-37.81, 144.962), (-37.812, 144.961), (-37.815, 144.965)]
    for a, b in combinations(range(4), 2):
        flat = float(np.linalg.norm(area.stations[a] - area.stations[b]))
        assert flat == pytest.approx(great_circle_m(degrees[a], degrees[b]), abs=0.2)
    assert area.users is not None
    first = float(np.linalg.norm(area.users[0] - area.stations[0]))
    assert first == pytest.approx(great_circle_m((-37.8101, 144.9601), degrees[0]), abs=0.2)
    assert area.nearest()[0][0] == 0


def test_bounds_leave_out(files: tuple[Path, Path]) -> None:
    area = read_area(*files, bounds=(-37.813, 144.95, -37.80, 144.97))
    assert area.names == ("site7", "site8", "site9")
    assert area.users is not None
    assert len(area.users) == 8
    with pytest.raises(UsageError, match="none of the places"):
        read_area(*files, bounds=(1, 1, 2, 2))
    with pytest.raises(UsageError, match="south, west"):
        read_area(*files, bounds=(2, 1, 1, 2))


def test_neighbourhood_is_the_nearest(files: tuple[Path, Path]) -> None:
    area = read_area(*files)
    away = np.linalg.norm(area.stations[:, None] - area.stations[None], axis=2) + np.diag([np.inf] * 4)
    pairs = {frozenset((area.names[centre], area.names[int(np.argmin(away[centre]))])) for centre in range(4)}
    assert {frozenset(area.neighbourhood(2, RNG(seed)).names) for seed in range(40)} == pairs
    assert area.neighbourhood(4, RNG(0)).names == area.names
    with pytest.raises(UsageError, match="4 stations, fewer than 5"):
        area.neighbourhood(5, RNG(0))


def test_users_stand_within_reach(files: tuple[Path, Path]) -> None:
    area = read_area(*files)
    users = area.draw_users(4, 100.0, RNG(0))
    distance = np.linalg.norm(users[:, None] - area.stations[None], axis=2).min(axis=1)
    assert (distance <= 100).all()
    assert len(np.unique(users, axis=0)) == 4
    with pytest.raises(UsageError, match="of the 12 users stand within 1 m"):
        area.draw_users(4, 1.0, RNG(0))
    free = read_area(files[0]).draw_users(200, 50.0, RNG(0))
    assert np.linalg.norm(free[:, None] - area.stations[None], axis=2).min(axis=1).max() <= 50


def test_links_are_those_of_the_definition() -> None:
    """No place inside the circle over a pair, pair by pair; the links connect all."""
    for seed in range(20):
        places = RNG(seed).integers(0, 6, (12, 2)).astype(float) if seed % 2 else RNG(seed).random((15, 2))
        links = set(gabriel_links(places, chunk=7))
        for a, b in combinations(range(len(places)), 2):
            angles = [
                float((places[a] - places[c]) @ (places[b] - places[c])) for c in range(len(places)) if c not in (a, b)
            ]
            assert ((a, b) in links) == all(angle >= -1e-9 for angle in angles)
        graph = nx.Graph(list(links))
        assert len(graph) == len(places)
        assert nx.is_connected(graph)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (STATIONS.replace("LATITUDE", "NORTH"), "line 1: no column is named 'latitude' or 'lat'"),
        (STATIONS.replace("144.9620", "east"), "line 3, column LONGITUDE: 'east' is not a number from -180 to 180"),
        (STATIONS.replace("-37.8120", "-97.8120"), "line 4, column LATITUDE: '-97.8120'"),
        (STATIONS.replace("\n9,", "\n7,"), "line 4, column SITE_ID: the station '7' stands twice, first in line 2"),
        (STATIONS.replace("-37.8150", "-30"), "degrees apart (choose an area"),
    ],
)
def test_bad_stations(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "stations.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_area(path)
    assert told in str(caught.value)
    assert "stations.csv" in str(caught.value)


def test_statistics_or_file() -> None:
    with pytest.raises(InputError, match="give a CSV file, or melbourne"):
        area_of("melborne", None, None, RNG(0))
    with pytest.raises(UsageError, match="give no file of users"):
        area_of("melbourne", "users.csv", None, RNG(0))
    drawn = draw_area(RNG(1))
    assert (drawn.stations == draw_area(RNG(1)).stations).all()
    assert (drawn.stations != draw_area(RNG(2)).stations).any()


def test_statistics_are_those_of_the_data() -> None:
    """Counts exactly; the extent along and across the main axes, and distances between neighbours, nearly."""
    area = read_area(real("eua/site-optus-melbCBD.csv"), real("eua/users-melbcbd-generated.csv"))
    assert area.users is not None
    assert (len(area.names), len(area.users)) == (MELBOURNE_STATIONS, MELBOURNE_USERS)
    centred = area.stations - area.stations.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    assert np.ptp(centred @ axes, axis=0) == pytest.approx(MELBOURNE_EXTENT_M, abs=5)
    drawn = draw_area(RNG(0))
    real_m, drawn_m = float(np.median(area.nearest()[1])), float(np.median(drawn.nearest()[1]))
    assert drawn_m == pytest.approx(real_m, rel=0.25)
