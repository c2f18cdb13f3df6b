"""Proven bounds on set-union knapsack instances beyond 100 items, beside the linear relaxation's."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from benchmarks.placement.sukp_instances import BEST_KNOWN, short, small, sukp
from edgeopt.placement.generator import generate
from edgeopt.placement.instance import PlacementInstance

PUBLISHED = 12  # so many instances with their best known values
SHAPES = ((200, 185), (185, 200), (200, 200))
DENSITIES = ((0.10, 0.75), (0.15, 0.85))
FIRST_SEED = 60_000  # nothing was tried on the instances from here on
HEADER = ["instance", "best known", "linear relaxation", "its CPU s", "branch and bound", "its CPU s", "found", "gap"]


def drawn() -> list[PlacementInstance]:
    """New instances by the published recipe, one of each shape and density."""
    kinds = [(shape, density) for shape in SHAPES for density in DENSITIES]
    return [
        generate("set-union", items, seed=FIRST_SEED + kind, elements=elements, density=share, storage_fraction=ratio)
        for kind, ((items, elements), (share, ratio)) in enumerate(kinds)
    ]


def row(instance: PlacementInstance, seconds: float) -> list[Any]:
    """Both bounds of one instance."""
    relaxation = solved(instance, "bound", time_limit=4 * seconds, threads=1)
    tree = solved(instance, "branch-and-bound", time_limit=seconds, threads=2)
    linear = relaxation.result.bound if relaxation.result else None
    return [
        short(instance.name),
        BEST_KNOWN.get(instance.name),
        linear if linear is not None else f"not within {4 * seconds:g} s",
        relaxation.cpu_s,
        tree.result.bound if tree.result else tree.failure,
        tree.cpu_s,
        tree.result.objective if tree.result else None,
        f"{tree.result.gap:.1%}" if tree.result else None,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = arguments_on_a_quiet_machine(parser).seconds
    solved(sukp("sukp_85_100_0.10_0.75"), "branch-and-bound", time_limit=30, threads=1)  # compiles the kernels
    rows = []
    known = [sukp(name) for name in list(BEST_KNOWN)[:PUBLISHED] if not small(name)]
    for instance in (*known, *drawn()):
        rows.append(row(instance, seconds))
        print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Bounds on larger set-union knapsack instances",
        [
            f"{seconds:g} s of wall time for the branch and bound, its local search included. Two threads: the second "
            "one only computes eigenvalues of semidefinite bounds. `found` is its own placement, and the gap is that "
            "to the bound. What has no best known value is drawn by the published recipe, and was not seen before.",
            table(HEADER, rows),
        ],
    )


if __name__ == "__main__":
    main()
