"""The installed versions."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

REPORTED = ("edgeopt", "pyomo", "highspy", "ortools", "numpy")


def installed_version(package: str) -> str:
    """Return a package's version, ``"unknown"`` where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


@cache
def reported_versions() -> dict[str, str]:
    """Return the versions that a solution states: of edgeopt and of what it solves with, where they are installed."""
    numbers = {name: installed_version(name) for name in REPORTED}
    return {name: number for name, number in numbers.items() if number != "unknown"}
