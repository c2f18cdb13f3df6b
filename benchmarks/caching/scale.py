"""20 nodes: the neighbourhood method, its plan and the bound over all caches."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.caching.bound_tables import BoundTables
from edgeopt.caching.generator import generate
from edgeopt.caching.groups import find_requests
from edgeopt.caching.instance import CachingInstance
from edgeopt.run import Options, Run
from edgeopt.solution import Solution

# Models and seeds such that about 200 blocks are requested by 40 users in 20 scenarios.
DRAWS = ((180, 1),)
LIMIT_S = 500.0


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    solved(generate(models=6, nodes=10, users=3, scenarios=2), "neighbourhood")  # compiles the kernels, untimed
    rows: list[list[Any]] = []
    for models, seed in DRAWS:
        instance = generate(models=models, nodes=20, users=40, scenarios=20, seed=seed)
        requests = find_requests(instance)
        run = solved(instance, "neighbourhood", time_limit=LIMIT_S, threads=2)
        solution = run.result
        least, best = parts(instance, solution)
        rows.append(
            [
                *(models, seed, len(requests.blocks), len(requests.audiences), solution.objective, solution.bound),
                *(f"{100 * solution.gap:.2f} %", f"{100 * (1 - best / solution.objective):.2f} %"),
                *(f"{100 * (best - least) / solution.objective:.2f} %", run.cpu_s, run.wall_s, run.peak_bytes / 1e6),
            ]
        )
        print(*rows[-1], flush=True)
    write_results(
        __file__,
        "20 nodes x 200 blocks x 20 scenarios",
        [
            "Target: a proven gap of at most 2 %. The bound holds for the problem itself: any caches, any sets of the "
            "20 nodes, any beams. Parts of the gap: *beams*, what the plan's deliveries take beyond the least that any "
            "nodes and beams could at its caches, by the upper bounds on rates; *caches*, from there to the bound.",
            table(
                [
                    *("models", "seed", "blocks", "audiences", "delay s", "bound s", "gap", "beams", "caches"),
                    *("CPU s", "wall s", "peak MB"),
                ],
                rows,
            ),
        ],
    )


def parts(instance: CachingInstance, solution: Solution) -> tuple[float, float]:
    """The bound, and the least delay of the plan's caches for any nodes and any beams."""
    tables = BoundTables(instance, Run(Options(threads=2), maximize=False))
    masks = tables.masks_of(solution.plan)
    assert masks is not None
    assert solution.bound is not None
    return float(solution.bound), tables.delay(masks)


if __name__ == "__main__":
    main()
