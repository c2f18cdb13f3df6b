"""Individual deadlines: proofs by `exact`, and the proven gap of the local search where there is no proof."""

from __future__ import annotations

import argparse
from statistics import mean
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.loading.generator import generate

THREADS = 1
PROOF_S = 60.0
WALKS, ITERATIONS = 4_000, 315_000  # repeatable limits of `exact` and of the local search
PROVED = [("random", 6, 30, 3), ("grid", 8, 50, 1), ("random", 8, 50, 1), ("freeze-depth", 8, 50, 1)]
BOUNDED = [("random", 15, 150, 2), ("grid", 15, 150, 2), ("freeze-depth", 15, 150, 2)]  # and the number of seeds
HEADER = ["sharing", "models x users", "seed", "exact", "bound", "gap", "status", "CPU s", "wall s"]
SEARCH = ["edf", "greedy", "local-search", "CPU s", "its gap to the bound"]


def measured(sharing: str, models: int, users: int, seed: int, limits: dict[str, Any]) -> list[Any]:
    """Return a row: what `exact` proves and what the others find."""
    instance = generate(sharing, models, users, seed, deadlines="individual")
    search = solved(instance, "local-search", threads=THREADS, seed=seed, iteration_limit=ITERATIONS)
    found = search.result.objective
    start = search.result if "iteration_limit" in limits else None
    run = solved(instance, "exact", threads=THREADS, seed=seed, start=start, **limits)
    if run.result is None:
        raise RuntimeError(run.failure)
    served, bound, gap = run.result.objective, run.result.bound, run.result.gap
    row: list[Any] = [sharing, f"{models} x {users}", seed, served, bound, f"{gap:.1%}", str(run.result.status)]
    row += [run.cpu_s, run.wall_s]
    for name in ("edf", "greedy"):
        row.append(solved(instance, name, threads=THREADS, seed=seed).result.objective)
    return [*row, found, search.cpu_s, f"{(bound - found) / found:.1%}"]


def write(proved: list[list[Any]], bounded: list[list[Any]]) -> None:
    """Write the page."""
    gap = mean((row[4] - row[-3]) / row[-3] for row in bounded)
    write_results(
        __file__,
        "Individual deadlines",
        [
            f"One thread. Instances of the generator, each user's deadline between 0.5 and 1.5 of the common one. Up "
            f"to 50 users `exact` has {PROOF_S:g} s; with 150 users it has {WALKS:,} walks of its path "
            "relaxation, from the plan of `local-search`. "
            f"`local-search` has {ITERATIONS:,} iterations. Targets: 6 x 30 and grid at 8 x 50 proved in 60 s; at 15 x "
            "150 a mean proven gap of `local-search` of at most 5 %.",
            f"Mean proven gap of `local-search` at 15 x 150: {gap:.1%}.",
            table([*HEADER, *SEARCH], proved + bounded),
        ],
    )


def rows(kinds: list[tuple[str, int, int, int]], limits: dict[str, Any]) -> list[list[Any]]:
    """Measure all seeds of some kinds of instances."""
    found = []
    for sharing, models, users, seeds in kinds:
        for seed in range(seeds):
            found.append(measured(sharing, models, users, seed, limits))
            print(*found[-1], flush=True)
    return found


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    solved(generate("random", 6, 30, 9, deadlines="individual"), "exact")  # compiles the kernels, untimed
    write(rows(PROVED, {"time_limit": PROOF_S}), rows(BOUNDED, {"iteration_limit": WALKS}))


if __name__ == "__main__":
    main()
