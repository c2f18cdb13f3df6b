"""The published set-union knapsack instances and their best known values; the files are data, read where they lie."""

from __future__ import annotations

import os
from pathlib import Path

from edgeopt.placement.importers import read_sukp
from edgeopt.placement.instance import PlacementInstance

RESULTS = Path(__file__).parent / "results"

# Best known values in the literature for instances of He et al. (2018) and Wei and Hao (2019).
BEST_KNOWN = {
    "sukp_100_85_0.10_0.75": 13283,
    "sukp_85_100_0.10_0.75": 12045,
    "sukp_100_100_0.15_0.85": 13508,
    "sukp_200_185_0.10_0.75": 13521,
    "sukp_185_200_0.15_0.85": 11298,
    "sukp_200_200_0.10_0.75": 12522,
    "sukp_300_285_0.15_0.85": 12607,
    "sukp_285_300_0.10_0.75": 11568,
    "sukp_300_300_0.10_0.75": 12817,
    "sukp_400_400_0.10_0.75": 11665,
    "sukp_500_485_0.10_0.75": 11771,
    "sukp_500_500_0.10_0.75": 11249,
}
SMALL = 100  # items and elements of those that are proved within seconds


def path_of(name: str) -> Path:
    """Where an instance lies: in ``shared/data/sukp`` beside the checkout, or in the folder that EDGEOPT_DATA names."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("EDGEOPT_DATA", beside)) / "sukp" / f"{name}.txt"


def sukp(name: str) -> PlacementInstance:
    """Read an instance."""
    return read_sukp(path_of(name))


def published() -> list[str]:
    """Names of the instances whose files are there, small ones first."""
    there = [name for name in BEST_KNOWN if path_of(name).is_file()]
    return sorted(there, key=lambda name: not small(name))


def small(name: str) -> bool:
    """Whether an instance is proved within seconds."""
    return all(int(number) <= SMALL for number in name.split("_")[1:3])


def short(name: str) -> str:
    """Name of an instance without the prefix that all share."""
    return name.removeprefix("sukp_")
