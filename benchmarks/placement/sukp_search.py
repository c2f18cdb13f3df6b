"""Local search on the published set-union knapsack instances: best, mean and worst over seeds.

Each seed has so many seconds of processor time, and stops earlier at the best known value. A better value is written
as a solution file beside the page.
"""

from __future__ import annotations

import argparse
import time
from statistics import mean
from typing import Any

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, fresh, table, write_results
from benchmarks.placement.sukp_instances import BEST_KNOWN, RESULTS, short, sukp
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.local_search import LocalSearch
from edgeopt.run import Run

STEP = 1_000  # iterations between two looks at the processor's clock
HEADER = ["instance", "best known", "greedy", "best", "mean", "worst", "mean below best known", "seeds that reached it"]
HEADER += ["CPU s to it, mean", "iterations per s"]


def search(name: str, seed: int, seconds: float) -> tuple[int, float, int]:
    """Run one seed; return the checked value, the CPU seconds, and the iterations."""
    instance, best_known = sukp(name), BEST_KNOWN[name]
    arrays = DemandArrays(instance)
    began = time.process_time()
    run = LocalSearch(arrays, seed, greedy_placement(arrays))
    while run.value < best_known and time.process_time() - began < seconds:
        run.run(Run(), STEP, best_known)
    used = time.process_time() - began
    report = edgeopt.check(instance, arrays.plan(run.best))
    if not report.feasible or report.objective is None:
        raise edgeopt.ProgramError(f"the plan fails the check: {report.violations}")
    if report.objective > best_known:
        _keep(instance, arrays, run)
    return int(report.objective), used, run.iterations


def _keep(instance: PlacementInstance, arrays: DemandArrays, run: LocalSearch) -> None:
    """Write a value above the best known as a solution file."""

    def local_search(_: PlacementInstance) -> edgeopt.Plan:
        return arrays.plan(run.best)

    solution = edgeopt.solve(instance, local_search)
    solution.write(RESULTS / f"{instance.name}-{solution.objective}.json")


def row(name: str, seeds: int, seconds: float) -> list[Any]:
    """All seeds on one instance."""
    best_known = BEST_KNOWN[name]
    runs = [fresh(search, name, seed, seconds) for seed in range(seeds)]
    failures = [run.failure for run in runs if run.failure]
    if failures:
        return [short(name), best_known, *failures[:1]]
    values = [run.result[0] for run in runs]
    times = [run.result[1] for run in runs if run.result[0] >= best_known]
    speed = sum(run.result[2] for run in runs) / max(1e-9, sum(run.result[1] for run in runs))
    return [
        short(name),
        best_known,
        edgeopt.solve(sukp(name), "greedy").objective,
        max(values),
        f"{mean(values):.1f}",
        min(values),
        f"{1 - mean(values) / best_known:.2%}",
        f"{len(times)}/{seeds}",
        f"{mean(times):.2f}" if times else None,
        f"{speed:,.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    options = arguments_on_a_quiet_machine(parser)
    fresh(search, "sukp_100_85_0.10_0.75", 0, 5.0)  # compiles the kernels
    rows = []
    for name in BEST_KNOWN:
        rows.append(row(name, options.seeds, options.seconds))
        print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Local search on set-union knapsack instances",
        [
            f"{options.seeds} seeds, each {options.seconds:g} CPU seconds or until it reaches the best known value. "
            "All start from the greedy placement. Values are the checker's.",
            table(HEADER, rows),
        ],
    )


if __name__ == "__main__":
    main()
