"""How proofs, the local search, and semidefinite bounds grow with the size of a set-union knapsack."""

from __future__ import annotations

import argparse
import time
from statistics import mean
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.growth import exponent
from benchmarks.measure import arguments_on_a_quiet_machine, fresh, solved, table, write_results
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.semidefinite import SemidefiniteBound

FIRST_SEED = 40_000  # nothing was tried on the instances from here on
PROVED, SEARCHED, BOUNDED = (60, 70, 80, 90), (100, 200, 400, 800), (50, 100, 200, 400)
DRAWS = 3  # proofs of a size
ITERATIONS, STEPS = 100_000, 50  # of a search, and of a semidefinite bound
HEADER = ["items and elements, each", "CPU s", "peak MB"]


def drawn(size: int, number: int = 0) -> PlacementInstance:
    """An instance of the published recipe with as many items as elements."""
    return generate(
        "set-union", size, seed=FIRST_SEED + size + number, elements=size, density=0.10, storage_fraction=0.75
    )


def proof(size: int) -> list[Any]:
    """CPU seconds of the proofs of a size, and the nodes of their trees."""
    runs = [solved(drawn(size, number), "branch-and-bound", threads=1) for number in range(DRAWS)]
    nodes = mean(int(run.result.message.split()[0]) for run in runs)
    return [size, mean(run.cpu_s for run in runs), max(run.peak_bytes for run in runs) / 1e6, nodes]


def search(size: int) -> list[Any]:
    """CPU seconds of so many iterations of the local search."""
    run = solved(drawn(size), "local-search", iteration_limit=ITERATIONS, threads=1)
    return [size, run.cpu_s, run.peak_bytes / 1e6]


def iterate(instance: PlacementInstance) -> float:
    """CPU seconds of so many iterations of a semidefinite bound and of its proof, after one of each."""
    arrays = DemandArrays(instance)
    knapsack = arrays.knapsack(0, arrays.empty()).reduced()[0]
    need, excess = int(knapsack.weight.sum()) - knapsack.capacity, int(knapsack.weight.max()) - 1
    bound = SemidefiniteBound(knapsack.profit, knapsack.incidence, knapsack.weight, need, excess)
    with threadpool_limits(1, user_api="blas"):
        bound.run(1)
        bound.prove()
        began = time.process_time()
        bound.run(STEPS)
        bound.prove()
    return time.process_time() - began


def bounding(size: int) -> list[Any]:
    """CPU seconds of a semidefinite bound."""
    run = fresh(iterate, drawn(size))
    return [size, run.result, run.peak_bytes / 1e6]


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    solved(drawn(40), "branch-and-bound", threads=1)  # compiles the kernels
    solved(drawn(40), "local-search", iteration_limit=10, threads=1)
    found = {}
    for sizes, measure in ((PROVED, proof), (SEARCHED, search), (BOUNDED, bounding)):
        found[measure] = [measure(size) for size in sizes]
        print(measure.__name__, found[measure], flush=True)
    fitted = {measure: exponent([row[0] for row in rows], [row[1] for row in rows]) for measure, rows in found.items()}
    sizes, seconds = zip(*(row[:2] for row in found[proof]), strict=True)
    tenfold = np.log(10) / np.polyfit(sizes, np.log(seconds), 1)[0]
    write_results(
        __file__,
        "Growth on set-union knapsacks",
        [
            "Drawn by the published recipe with density 0.10 and capacity 0.75, as many items as elements; one thread. "
            "Peak memory is that of the whole process, with all libraries.",
            f"## `branch-and-bound` to its end\n\nMeans of {DRAWS} draws. Fitted growth: size ** {fitted[proof]:.1f}; "
            f"or, as the tree grows, ten times with {tenfold:.0f} more items and elements.",
            table([*HEADER, "nodes"], found[proof]),
            f"## `local-search`, {ITERATIONS:,} iterations\n\nFitted growth: size ** {fitted[search]:.2f}.",
            table(HEADER, found[search]),
            f"## Semidefinite bound, {STEPS} iterations and a proof\n\nFitted growth: size ** {fitted[bounding]:.2f}. "
            "The matrix has as many rows as items and elements together, and one.",
            table(HEADER, found[bounding]),
        ],
    )


if __name__ == "__main__":
    main()
