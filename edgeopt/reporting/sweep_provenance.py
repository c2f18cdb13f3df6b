"""The provenance of a sweep: suites, limits, machines and versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from edgeopt.files import format_json
from edgeopt.quantities import quantity
from edgeopt.reporting.markup import Markup, tag
from edgeopt.reporting.page import card, facts_list

if TYPE_CHECKING:
    import pandas as pd


def what_was_run(name: str, runs: pd.DataFrame, suites: pd.DataFrame, facts: Mapping[str, str]) -> Markup:
    """Return the limits, times, machines and versions that the runs state, each once, and the suites."""
    versions = [json.loads(text) for text in runs["versions"].dropna().unique()]
    begun = runs["begun_at"].dropna().sort_values()
    memory = runs["peak_bytes"].max()
    stated = {
        "results": name,
        "limits": "; ".join(limits_text(options) for options in runs["options"].unique()),
        "seeds": _each(sorted(runs["seed"].unique())),
        "first run": _each(begun.head(1)),
        "last run": _each(begun.tail(1)),
        "wall time": f"{quantity(float(runs['wall_s'].sum()), 's')} in all runs",
        "CPU time": f"{quantity(float(runs['cpu_s'].sum()), 's')} in all runs",
        "memory": f"{quantity(float(memory), 'B')} at most" if memory > 0 else "",
        "machine": _each(runs["machine"].dropna()),
        "versions": _each(f"{package} {version}" for numbers in versions for package, version in numbers.items()),
        **facts,
    }
    listed = facts_list({key: fact for key, fact in stated.items() if fact})
    return card("What was run", listed, *(_suite(suite) for suite in suites.to_dict("records")))


def limits_text(options: str) -> str:
    """Write the limits of a run, which are JSON, in words."""
    limits = json.loads(options)
    threads = limits["threads"]
    words = [f"{threads} thread{'s' if threads != 1 else ''}"]
    if limits.get("time_limit_s") is not None:
        words.insert(0, quantity(limits["time_limit_s"], "s"))
    if limits.get("iteration_limit") is not None:
        words.append(f"{limits['iteration_limit']} iterations")
    if limits.get("gap_limit"):
        words.append(f"gap {limits['gap_limit']:g}")
    return ", ".join(words)


def _suite(suite: Mapping[Any, Any]) -> Markup:
    content = tag("pre", format_json(json.loads(suite["content"])), tabindex="0")
    return tag("details", tag("summary", f"suite {suite['name']}, begun {suite['begun_at']}"), content)


def _each(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))
