"""Places of base stations and users, from files of latitudes and longitudes, or drawn from statistics.

The statistics are those of Melbourne's central business district in the EUA data set (Lai et al., "Optimal edge user
allocation in edge computing with variable sized vector bin packing", ICSOC 2018; github.com/PhuLai/eua-dataset, MIT).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.measured.tables import read_table

Floats = NDArray[np.float64]
Bounds = tuple[float, float, float, float]

LATITUDE, LONGITUDE = ("latitude", "lat"), ("longitude", "lon", "lng", "long")
STATION_ID = ("site_id", "station_id", "id", "site", "station")
EARTH_RADIUS_M = 6_371_000.0
LARGEST_SPAN_DEGREES = 5.0  # up to here the plane below is right within a few per cent
MELBOURNE = "melbourne"
# 125 stations and 816 users; lengths along and across the streets in which the stations stand.
MELBOURNE_STATIONS, MELBOURNE_USERS = 125, 816
MELBOURNE_EXTENT_M = (1854.0, 954.0)


@dataclass(frozen=True)
class Area:
    """Stations, and perhaps users, on a plane.

    Attributes
    ----------
    names : tuple of str
        Names of the stations.
    stations : float array, shape (stations, 2)
        Metres to the east and north of a corner.
    users : float array, shape (users, 2), or None
        Likewise; None when no users are given.
    """

    names: tuple[str, ...]
    stations: Floats
    users: Floats | None = None

    def neighbourhood(self, count: int, rng: np.random.Generator) -> Area:
        """Return a station drawn at random and its nearest ones, `count` in all, in the order of the area.

        Raises
        ------
        UsageError
            There are fewer.
        """
        if count > len(self.names):
            raise UsageError(f"there are {len(self.names)} stations, fewer than {count}; ask for fewer of them")
        centre = self.stations[rng.integers(len(self.names))]
        distance = np.linalg.norm(self.stations - centre, axis=1)
        chosen = np.sort(np.argsort(distance, kind="stable")[:count])
        return Area(tuple(self.names[index] for index in chosen), self.stations[chosen], self.users)

    def draw_users(self, count: int, reach_m: float, rng: np.random.Generator) -> Floats:
        """Draw places of users that have a station within reach, shape (count, 2).

        Known users are drawn without replacement. Where none are known, users stand anywhere within reach.

        Raises
        ------
        UsageError
            Too few known users are within reach.
        """
        if self.users is None:
            home = self.stations[rng.integers(len(self.names), size=count)]
            radius, angle = reach_m * np.sqrt(rng.random(count)), rng.uniform(0, 2 * np.pi, count)
            places: Floats = home + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            return places
        near = np.flatnonzero(self.nearest()[1] <= reach_m)
        if count > len(near):
            problem = f"only {len(near)} of the {len(self.users)} users stand within {reach_m:g} m of a station"
            raise UsageError(f"{problem}; ask for fewer users, more stations or a longer reach")
        return self.users[np.sort(rng.choice(near, count, replace=False))]

    def nearest(self) -> tuple[NDArray[np.int64], Floats]:
        """Return the index of the nearest station of each user, and its distance in metres, shapes (users,)."""
        from scipy.spatial import KDTree

        assert self.users is not None
        distance, index = KDTree(self.stations).query(self.users)
        return np.asarray(index, dtype=np.int64), np.asarray(distance, dtype=np.float64)


def area_of(
    stations: str, users: str | Path | None, bounds: Bounds | None, rng: np.random.Generator
) -> Area:  # fmt: skip
    """Read an area from files, or draw one when `stations` is ``"melbourne"``.

    Raises
    ------
    UsageError
        Files or bounds of users beside drawn stations.
    """
    if stations != MELBOURNE:
        return read_area(stations, users, bounds)
    if users is not None or bounds is not None:
        raise UsageError(f"{MELBOURNE!r} draws stations and users from statistics: give no file of users and no area")
    return draw_area(rng)


def draw_area(rng: np.random.Generator) -> Area:
    """Draw as many stations and users as central Melbourne has, evenly in a rectangle of its extent."""
    width = len(str(MELBOURNE_STATIONS))
    names = tuple(f"site{number:0{width}d}" for number in range(1, MELBOURNE_STATIONS + 1))
    stations, users = (
        rng.uniform((0, 0), MELBOURNE_EXTENT_M, (count, 2)).round(1) for count in (MELBOURNE_STATIONS, MELBOURNE_USERS)
    )
    return Area(names, stations, users)


def read_area(stations: str | Path, users: str | Path | None = None, bounds: Bounds | None = None) -> Area:
    """Read CSV files with the columns LATITUDE and LONGITUDE in degrees.

    Stations may have a column SITE_ID, which names them; other columns do not matter. The plane is the equirectangular
    projection about the middle of the stations.

    Parameters
    ----------
    stations : path
    users : path, optional
    bounds : (south, west, north, east), optional
        In degrees; what stands outside is left out.

    Raises
    ------
    InputError
        A file cannot be read, a cell is wrong, a station stands twice, or the stations span more than 5 degrees.
    UsageError
        No station, or no user, within the bounds.
    """
    if bounds is not None and not (bounds[0] < bounds[2] and bounds[1] < bounds[3]):
        raise UsageError(
            "an area is south, west, north and east in degrees, the south below the north, west below east"
        )
    names, degrees = _read(stations, bounds, "site")
    span = np.ptp(degrees, axis=0).max()
    if span > LARGEST_SPAN_DEGREES:
        problem = f"the stations lie up to {span:.1f} degrees apart"
        remedy = f"choose an area of {LARGEST_SPAN_DEGREES:g} degrees or less (--area SOUTH WEST NORTH EAST)"
        raise InputError(Finding("$", problem, remedy), stations)
    places = degrees if users is None else np.concatenate([degrees, _read(users, bounds, "user")[1]])
    middle = np.radians((degrees.min(axis=0) + degrees.max(axis=0))[0] / 2)
    metres = EARTH_RADIUS_M * np.radians(places)[:, ::-1] * np.array([np.cos(middle), 1.0])
    metres = (metres - metres[: len(names)].min(axis=0)).round(1)
    return Area(tuple(names), metres[: len(names)], None if users is None else metres[len(names) :])


def _read(path: str | Path, bounds: Bounds | None, letter: str) -> tuple[list[str], Floats]:
    """Return the names and degrees (latitude, longitude) within the bounds, shape (places, 2)."""
    columns = {"latitude": LATITUDE, "longitude": LONGITUDE}
    try:
        table = read_table(path, columns | ({"id": STATION_ID} if letter == "site" else {}), optional=("id",))
    except InputError as error:
        if letter == "site" and not Path(path).exists():
            remedy = f"give a CSV file, or {MELBOURNE}"
            raise InputError(Finding("$", "there is no such file", remedy), path) from None
        raise error
    degrees = np.stack([table.numbers("latitude", -90, 90), table.numbers("longitude", -180, 180)], axis=1)
    width = len(str(len(degrees)))
    names = [
        f"{letter}{cell}" for cell in table.cells.get("id", [f"{n:0{width}d}" for n in range(1, len(degrees) + 1)])
    ]
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if first.setdefault(name, row) != row:
            problem = (
                f"the station {name.removeprefix(letter)!r} stands twice, first in line {table.lines[first[name]]}"
            )
            raise table.fault(row, "id", problem, "give each station an id of its own")
    if bounds is None:
        return names, degrees
    south, west, north, east = bounds
    inside = (degrees >= (south, west)).all(axis=1) & (degrees <= (north, east)).all(axis=1)
    if not inside.any():
        raise UsageError(f"none of the places in {str(path)!r} lies in the area {south:g} {west:g} {north:g} {east:g}")
    return [names[index] for index in np.flatnonzero(inside)], degrees[inside]


def gabriel_links(places: Floats, chunk: int = 200_000) -> list[tuple[int, int]]:
    """Return pairs of places whose circle, drawn about them as a diameter, holds no other place inside.

    The Gabriel graph (Gabriel and Sokal, Systematic Zoology 18, 1969); it is connected, for it contains the minimum
    spanning tree.

    Parameters
    ----------
    places : float array, shape (places, 2)
    chunk : int
        Pairs looked at together.
    """
    from scipy.spatial import KDTree

    tree = KDTree(places)
    first, second = np.triu_indices(len(places), 1)
    links: list[tuple[int, int]] = []
    for start in range(0, len(first), chunk):
        a, b = first[start : start + chunk], second[start : start + chunk]
        radius = np.linalg.norm(places[a] - places[b], axis=1) / 2
        nearest, _ = tree.query((places[a] + places[b]) / 2)
        free = nearest >= radius * (1 - 1e-9)
        links.extend(zip(a[free].tolist(), b[free].tolist(), strict=True))
    return links
