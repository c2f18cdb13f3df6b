"""Files of best known values."""

from __future__ import annotations

from pathlib import Path

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_json


def read_best_known(path: str | Path) -> dict[str, float]:
    """Read the best known objectives by the instances' SHA-256.

    Parameters
    ----------
    path : path
        JSON: ``{"instances": {NAME: {"sha256": ..., "objective": ...}}}``; further keys are provenance.

    Raises
    ------
    InputError
        The file says something else.
    """
    data = read_json(path)
    entries = data.get("instances") if isinstance(data, dict) else None
    if not isinstance(entries, dict):
        raise InputError(Finding("$.instances", "the key 'instances' is missing", "an object by names"), path)
    objectives = {}
    for name, entry in entries.items():
        place = f"$.instances.{name}"
        sha256, objective = (entry.get("sha256"), entry.get("objective")) if isinstance(entry, dict) else (None, None)
        if not isinstance(sha256, str) or isinstance(objective, bool) or not isinstance(objective, int | float):
            remedy = "give 'sha256' as text and 'objective' as a number"
            raise InputError(Finding(place, "it does not say which instance has which value", remedy), path)
        objectives[sha256] = float(objective)
    return objectives
