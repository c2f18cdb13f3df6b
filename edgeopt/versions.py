"""The installed versions."""

from __future__ import annotations

import json
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

OTHERS = (
    "numba",
    "scipy",
    "networkx",
    "pandas",
    "matplotlib",
    "pydantic",
    "pyscipopt",
    "clarabel",
    "torch",
    "distributed",
    "pyarrow",
)
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


def show_versions() -> None:
    """Print what a report of a fault should say: versions of edgeopt, Python, the system and the libraries used."""
    lines = {"python": sys.version.split()[0], "system": platform.platform(), "processors": str(os.cpu_count())}
    lines |= {name: installed_version(name) for name in (*REPORTED, *OTHERS)}
    width = max(map(len, lines))
    print("\n".join(f"{name.ljust(width)}  {'-' if value == 'unknown' else value}" for name, value in lines.items()))


@cache
def install_command(extra: str) -> str:
    """Return the command that installs an extra from where edgeopt itself was installed, or stands where it was not."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # takes long to import

    try:
        origin = json.loads(distribution("edgeopt").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return f"pip install -e '{Path(__file__).parents[1]}[{extra}]'"
    url = origin.get("url", "")
    if "dir_info" in origin:
        flag = "-e " if origin["dir_info"].get("editable") else ""
        return f"pip install {flag}'{url2pathname(urlsplit(url).path)}[{extra}]'"
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}"
    return f"pip install 'edgeopt[{extra}] @ {url}'" if url else f"pip install 'edgeopt[{extra}]'"
