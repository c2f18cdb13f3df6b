"""Proofs of optimality on set-union knapsack instances of 85 to 100 items: branch and bound, and general solvers."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from benchmarks.placement.sukp_instances import published, short, small, sukp
from edgeopt.placement.generator import generate
from edgeopt.placement.instance import PlacementInstance

COMPARED = 3  # so many of the published instances are given to general solvers, too
RECIPES = ((100, 85, 0.15, 0.85), (85, 100, 0.15, 0.85), (100, 100, 0.10, 0.75))
GENERAL = ("exact", "cpsat")
HEADER = ["instance", "method", "objective", "bound", "gap", "status", "CPU s", "wall s", "note"]


def instances() -> list[PlacementInstance]:
    """The published ones, and one of each of the other shapes by the same recipe."""
    drawn = [
        generate("set-union", items, seed=1, elements=elements, density=density, storage_fraction=ratio)
        for items, elements, density, ratio in RECIPES
    ]
    return [*map(sukp, filter(small, published())), *drawn]


def row(instance: PlacementInstance, method: str, seconds: float | None) -> list[Any]:
    """One method on one instance."""
    run = solved(instance, method, time_limit=seconds, threads=1)
    if run.result is None:
        return [short(instance.name), method, None, None, None, run.failure, run.cpu_s, run.wall_s, ""]
    solution = run.result
    gap = None if solution.gap is None else f"{solution.gap:.1%}"
    cells = [short(instance.name), method, solution.objective, solution.bound, gap, str(solution.status)]
    return [*cells, run.cpu_s, run.wall_s, solution.message]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = arguments_on_a_quiet_machine(parser).seconds
    solved(sukp("sukp_85_100_0.10_0.75"), "branch-and-bound", time_limit=30, threads=1)  # compiles the kernels
    rows = []
    for number, instance in enumerate(instances()):
        limits = {"branch-and-bound": None, **dict.fromkeys(GENERAL if number < COMPARED else (), seconds)}
        for method, limit in limits.items():
            rows.append(row(instance, method, limit))
            print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Proofs on set-union knapsack instances of 85 to 100 items",
        [
            "One thread. The branch and bound runs to its end; the general solvers have "
            f"{seconds:g} s of wall time, on the first {COMPARED} instances only.",
            table(HEADER, rows),
        ],
    )


if __name__ == "__main__":
    main()
