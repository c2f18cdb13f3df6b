"""Placement on several nodes: proofs, what heuristics lose, and what sharing gains."""

from __future__ import annotations

import argparse
from statistics import mean
from typing import Any

from benchmarks.measure import Run, arguments_on_a_quiet_machine, fresh, solved, table, write_results
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.program import Program
from edgeopt.placement.root import Root
from edgeopt.run import Run as EdgeoptRun

SIZES = {
    "5 nodes x 30 models x 370 rows": (30, 5, 37),
    "8 nodes x 60 models x 1,200 rows": (60, 8, 120),
    "10 nodes x 100 models x 1,200 rows": (100, 10, 120),
}
SHARINGS = ("freeze-depth", "backbone", "random")
OF_SIZE = dict.fromkeys(SIZES, SHARINGS) | {"8 nodes x 60 models x 1,200 rows": SHARINGS[:1]}
ROOT_HEADER = ["size", "sharing", "seed", "relaxation", "root", "CPU s of the root"]
PROOF_HEADER = ["size", "sharing", "seed", "objective", "bound", "gap", "status", "CPU s", "wall s"]
LOSSES = ("local-search", "greedy", "spec", "random", "no-sharing")
SEARCHES = ("local-search", "auto")
SEARCH_SEED = 1_000
SEARCH_HEADER = ["sharing", "instances", "proved", *(f"{name}, {of}" for name in SEARCHES for of in ("mean", "worst"))]
LOSS_HEADER = ["size", "sharing", "seed", "best hit ratio", "proven", *LOSSES, "gain of sharing"]


def proof_row(size: str, sharing: str, seed: int, run: Run) -> list[Any]:
    """What `exact` proved."""
    if run.result is None:
        return [size, sharing, seed, run.failure]
    solution = run.result
    gap = None if solution.gap is None else f"{solution.gap:.2%}"
    return [
        size,
        sharing,
        seed,
        f"{solution.objective:.6f}",
        f"{solution.bound:.6f}",
        gap,
        str(solution.status),
        run.cpu_s,
        run.wall_s,
    ]


def root_row(size: str, sharing: str, seed: int, instance: PlacementInstance, exact: Run) -> list[Any]:
    """How far above the best placement of `exact` the relaxation is, and the root with its rows."""
    plain, root = fresh(relaxation, instance).result, solved(instance, "bound", threads=2)
    if exact.result is None or root.result is None:
        return [size, sharing, seed, exact.failure or root.failure]
    gaps = [f"{bound / exact.result.objective - 1:.3%}" for bound in (plain, root.result.bound)]
    return [size, sharing, seed, *gaps, root.cpu_s]


def relaxation(instance: PlacementInstance) -> float | None:
    """Bound the hit weight by the linear relaxation without rows of the root."""
    arrays = DemandArrays(instance)
    root = Root(Program(arrays), arrays.empty(), EdgeoptRun())
    root.relax()
    return root.bound


def loss_row(size: str, sharing: str, seed: int, instance: PlacementInstance, exact: Run, seconds: float) -> list[Any]:
    """How far below the best known placement each heuristic stays, and the gain over the best without sharing."""
    total = sum(row.weight for row in instance.demand)
    runs = {name: solved(instance, name, time_limit=seconds, threads=2).result for name in LOSSES}
    values = {name: solution.objective for name, solution in runs.items() if solution is not None}
    best = max([*values.values(), exact.result.objective if exact.result else 0.0])
    losses = [f"{1 - values[name] / best:.2%}" if name in values else "refuses" for name in LOSSES]
    gain = f"{best / values['no-sharing'] - 1:.1%}" if values.get("no-sharing") else None
    proven = "yes" if exact.result is not None and exact.result.status == "optimal" else "no"
    return [size, sharing, seed, f"{best / total:.4f}", proven, *losses, gain]


def search_row(sharing: str, count: int, seconds: float) -> list[Any]:
    """How far `local-search` and `auto` stay below proven optima of instances on which nothing was tried."""
    models, nodes, users = next(iter(SIZES.values()))
    losses: dict[str, list[float]] = {name: [] for name in SEARCHES}
    proved = 0
    for seed in range(SEARCH_SEED, SEARCH_SEED + count):
        instance = generate(sharing, models, nodes, users, seed)
        best = solved(instance, "exact", time_limit=6 * seconds, threads=2).result
        if best is None or best.status != "optimal":
            continue
        proved += 1
        for name in SEARCHES:
            found = solved(instance, name, time_limit=seconds, threads=2).result
            losses[name].append(1 - (found.objective if found else 0) / best.objective)
    if not proved:
        return [sharing, count, proved]
    cells = [f"{value:.3%}" for found in losses.values() for value in (mean(found), max(found))]
    return [sharing, count, proved, *cells]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--drawn", type=int, default=21, help="instances with proven optima for the searches")
    options = arguments_on_a_quiet_machine(parser)
    proofs, roots, losses = [], [], []
    for size, (models, nodes, users) in SIZES.items():
        for sharing in OF_SIZE[size]:
            for seed in range(1, options.seeds + 1):
                instance = generate(sharing, models, nodes, users, seed)
                run = solved(instance, "exact", time_limit=options.seconds, threads=2)
                proofs.append(proof_row(size, sharing, seed, run))
                roots.append(root_row(size, sharing, seed, instance, run))
                losses.append(loss_row(size, sharing, seed, instance, run, options.seconds / 12))
                print(*proofs[-1], *roots[-1][3:], *losses[-1][3:], flush=True)
    searches = []
    for sharing in SHARINGS:
        searches.append(search_row(sharing, options.drawn // len(SHARINGS), options.seconds / 6))
        print(*searches[-1], flush=True)
    write_results(
        __file__,
        "Placement on several nodes",
        [
            f"## Proofs\n\n`exact`, two threads, {options.seconds:g} s of wall time.",
            table(PROOF_HEADER, proofs),
            "## Roots\n\nHow far bounds are above the best placement of `exact`: the linear relaxation, and `bound`, "
            "which adds rows of single models and nodes.",
            table(ROOT_HEADER, roots),
            "## What heuristics lose, what sharing gains\n\nBelow the best placement known; the gain is that of the "
            f"best placement over the best one that stores every model whole. `local-search` and `no-sharing` have "
            f"{options.seconds / 12:g} s of wall time.",
            table(LOSS_HEADER, losses),
            f"## Below proven optima\n\nInstances of {next(iter(SIZES))} on which nothing was tried, with "
            f"{options.seconds / 6:g} s of wall time.",
            table(SEARCH_HEADER, searches),
        ],
    )


if __name__ == "__main__":
    main()
