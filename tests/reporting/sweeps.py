"""A results file with a run of every kind: proved, feasible, without plan, infeasible, refused, failed, pending."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgeopt.experiments.store import RunRecord, Store, StoredInstance, packed
from edgeopt.loading.instance import LoadingInstance
from tests.loading.small import instance_of
from tests.reporting.comparisons import HOSTILE

LIMITS: dict[str, Any] = {"time_limit_s": 10.0, "iteration_limit": None, "gap_limit": 0.0, "threads": 1}
VERSIONS = json.dumps({"edgeopt": "0.1.0", "numpy": "2.0"})
SUITE = json.dumps({"name": HOSTILE, "time_limit_s": 10.0})


def record(status: str, seconds: float, objective: int | None = None, bound: int | None = None) -> RunRecord:
    """A finished run that found its plan half way."""
    history = [[seconds / 2, objective, None], [seconds, objective, bound]] if objective is not None else []
    return RunRecord(
        status,
        stopped="proved" if status in ("optimal", "infeasible") else "time_limit",
        objective=objective,
        bound=bound,
        wall_s=seconds,
        cpu_s=seconds,
        peak_bytes=10**8,
        begun_at=f"2026-01-01T00:00:{int(seconds):02d}+00:00",
        machine="2 cores",
        versions=VERSIONS,
        history=packed(history),
    )


def ended(status: str, error: str) -> RunRecord:
    """A run without a solution."""
    return RunRecord(status, wall_s=0.1, begun_at="2026-01-01T00:00:00+00:00", machine="2 cores", error=error)


EASY, HARD, NONE = "easy", "hard", f"none {HOSTILE}"
RUNS: dict[tuple[str, str], RunRecord | None] = {
    (EASY, "exact"): record("optimal", 2.0, 5, 5),
    (EASY, "greedy"): record("feasible", 1.0, 4),
    (EASY, "tree"): ended("refused", f"it needs a tree {HOSTILE}"),
    (HARD, "exact"): record("feasible", 10.0, 7, 9),
    (HARD, "greedy"): record("feasible", 3.0, 8),
    (HARD, "tree"): ended("failed", f"ZeroDivisionError: {HOSTILE}"),
    (NONE, "exact"): record("infeasible", 4.0),
    (NONE, "greedy"): record("unknown", 10.0),
    (NONE, "tree"): None,
}


def small(name: str, deadline_s: float) -> LoadingInstance:
    made = instance_of({"a": ["common", "a-head"], "b": ["common", "b-head"]}, ["a", "b"], deadline_s)
    return made.model_copy(update={"name": name})


def write_results(path: Path, several_limits: bool = False) -> None:
    """Write the results file; with several limits every method was also run with two threads."""
    instances = {name: small(name, 20.0 + index) for index, name in enumerate((EASY, HARD, NONE))}
    with Store(path) as store:
        requested = []
        with store.transaction():
            store.add_suite(HOSTILE, SUITE, "2026-01-01T00:00:00+00:00")
            for name, instance in instances.items():
                store.add_instance(StoredInstance.of(instance, f"{name}.json"))
            for (name, method), finished in RUNS.items():
                for threads in (1, 2) if several_limits else (1,):
                    options = {**LIMITS, "threads": threads}
                    requested.append((store.request(instances[name].sha256, method, 0, options)[0], finished))
        for run, finished in requested:
            if finished is not None:
                store.finish(run, finished)
