"""The page of best known values of the shipped instances, from the file that `edgeopt bench` keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeopt.problems import PROBLEMS
from edgeopt.quantities import percent

SOURCE = "instances/best_known.json"


def best_known_pages(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the page: place in the site, place from which its links count, content."""
    entries = json.loads((root / SOURCE).read_text(encoding="utf-8"))["instances"]
    lines = ["# Best known values", ""]
    lines += ["This page lists, for each shipped instance, the best plan that the checker has scored, and"]
    lines += ["the tightest bound."]
    lines += ["`edgeopt bench` compares with them ([how](../docs/experiments.md#best-known-values)), and"]
    lines += ["[the file](../docs/reference/formats/best-known.md) also keeps seeds, limits, machines and versions."]
    for problem, facts in PROBLEMS.items():
        lines += ["", f"## {problem.capitalize()}", ""]
        lines += [f"| instance | {facts.heading} | bound | gap | plan by | bound by | plan found |"]
        lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
        lines += [row(name, entry) for name, entry in entries.items() if entry["problem"] == problem]
    yield "best-known.md", SOURCE, "\n".join([*lines, ""])


def row(name: str, entry: dict[str, Any]) -> str:
    """Return the row of an instance."""
    objective, bound = entry["objective"], entry["bound"]
    gap = percent(abs(objective - bound) / abs(objective))
    found, bounded = entry["found"], entry["bounded"]
    cells = [f"`{name}`", f"{objective:,.10g}", f"{bound:,.10g}", gap]
    return f"| {' | '.join([*cells, found['method'], bounded['method'], found['date']])} |"
