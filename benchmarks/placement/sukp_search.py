"""Local search on set-union knapsack instances, published and new ones: best, mean and worst over seeds.

Each seed has so many seconds of processor time, and stops earlier at the best known value. A better value is written
as a solution file beside the page. The optima of the new ones are proved by branch and bound.
"""

from __future__ import annotations

import argparse
import time
from statistics import mean
from typing import Any

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, fresh, table, write_results
from benchmarks.placement.sukp_instances import BEST_KNOWN, RESULTS, published, short, sukp
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.local_search import LocalSearch
from edgeopt.run import Run

STEP = 1_000  # iterations between two looks at the processor's clock
HEADER = ["instance", "best known", "greedy", "best", "mean", "worst", "mean below best known", "seeds that reached it"]
HEADER += ["CPU s to it, mean", "iterations per s"]


SHAPES = [(100, 85), (85, 100), (100, 100)]
DENSITIES = [(0.10, 0.75), (0.15, 0.85)]
NEW_SEED = 50_000  # nothing was tried on the instances from here on
NEW_SECONDS = 5.0
NEW_HEADER = ["items x elements", "density", "capacity", "instances", "proved", "CPU s of a proof, mean and most"]
NEW_HEADER += ["seeds that reached it", "CPU s to it, mean and most"]


def search_published(name: str, seed: int, seconds: float) -> tuple[int, float, int]:
    """Run one seed on a published instance."""
    return search(sukp(name), BEST_KNOWN[name], seed, seconds)


def search(instance: PlacementInstance, best_known: float, seed: int, seconds: float) -> tuple[int, float, int]:
    """Run one seed; return the checked value, the CPU seconds, and the iterations."""
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
    runs = [fresh(search_published, name, seed, seconds) for seed in range(seeds)]
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


def new_row(shape: tuple[int, int], density: tuple[float, float], count: int, seeds: int, first: int) -> list[Any]:
    """Prove so many new instances of a shape, and search on each with all seeds."""
    proofs: list[float] = []
    times: list[float] = []
    for number in range(count):
        instance = generate(
            "set-union",
            shape[0],
            seed=first + number,
            elements=shape[1],
            density=density[0],
            storage_fraction=density[1],
        )
        began = time.process_time()
        solution = edgeopt.solve(instance, "branch-and-bound", threads=1)
        if solution.status != "optimal" or solution.objective is None:
            continue
        proofs.append(time.process_time() - began)
        for seed in range(seeds):
            value, used, _ = search(instance, solution.objective, seed, NEW_SECONDS)
            times += [used] if value >= solution.objective else []
    cells = [f"{mean(found):.2f}, {max(found):.2f}" if found else None for found in (proofs, times)]
    sizes = [f"{shape[0]} x {shape[1]}", density[0], density[1], count, len(proofs)]
    return [*sizes, cells[0], f"{len(times)}/{seeds * len(proofs)}", cells[1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--new", type=int, default=102, help="instances drawn anew")
    parser.add_argument("--seconds", type=float, default=60)
    options = arguments_on_a_quiet_machine(parser)
    fresh(search_published, "sukp_100_85_0.10_0.75", 0, 5.0)  # compiles the kernels
    rows = []
    for name in published():
        rows.append(row(name, options.seeds, options.seconds))
        print(*rows[-1], flush=True)
    new_rows = []
    kinds = [(shape, density) for shape in SHAPES for density in DENSITIES]
    for kind, (shape, density) in enumerate(kinds):
        count = options.new // len(kinds)
        new_rows.append(new_row(shape, density, count, options.seeds, NEW_SEED + kind * count))
        print(*new_rows[-1], flush=True)
    write_results(
        __file__,
        "Local search on set-union knapsack instances",
        [
            f"{options.seeds} seeds, each {options.seconds:g} CPU seconds or until it reaches the best known value. "
            "All start from the greedy placement. Values are the checker's.",
            table(HEADER, rows),
            "## New instances\n\nDrawn by the published recipe, and proved by branch and bound on one thread; then "
            f"{options.seeds} seeds each, {NEW_SECONDS:g} CPU seconds or until they reach the optimum.",
            table(NEW_HEADER, new_rows),
        ],
    )


if __name__ == "__main__":
    main()
