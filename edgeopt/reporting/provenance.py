"""The provenance of a comparison: the instance, the limits, the machine and the versions."""

from __future__ import annotations

from collections.abc import Iterable

from edgeopt.comparison import Comparison
from edgeopt.quantities import quantity
from edgeopt.reporting.markup import tag
from edgeopt.solution import Solution


def instance_facts(comparison: Comparison) -> dict[str, str]:
    """Return which instance it is, its content's hash and its sizes."""
    instance = comparison.instance
    return {
        "instance": instance.name,
        "problem": f"{instance.problem}: {instance.conventions.title}",
        "SHA-256": tag("code", instance.sha256),
        **instance.facts(),
    }


def run_facts(comparison: Comparison) -> dict[str, str]:
    """Return under which limits the methods ran, and with which versions."""
    solutions = [row.solution for row in comparison.rows if row.solution is not None]
    limits, limit = comparison.limits, comparison.limits.get("time_limit")
    facts = {
        "time limit": "none" if limit is None else f"{quantity(limit, 's')} for each method",
        "iteration limit": str(limits.get("iteration_limit") or ""),
        "gap to stop at": f"{limits['gap']:g}" if limits.get("gap") else "",
        "seed": _values(str(solution.seed) for solution in solutions),
        "threads": _values(str(solution.threads) for solution in solutions),
        "total time": quantity(sum(solution.runtime_s for solution in solutions), "s"),
        "versions": versions(solutions),
    }
    return {name: fact for name, fact in facts.items() if fact}


def versions(solutions: Iterable[Solution]) -> str:
    """Return the versions that the solutions state, each once."""
    return _values(f"{name} {version}" for solution in solutions for name, version in solution.versions.items())


def _values(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
