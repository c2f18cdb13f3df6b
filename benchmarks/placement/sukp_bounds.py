"""Proven bounds on the published set-union knapsack instances beyond 100 items, beside the linear relaxation's."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from benchmarks.placement.sukp_instances import BEST_KNOWN, short, sukp

HEADER = ["instance", "best known", "linear relaxation", "its CPU s", "branch and bound", "its CPU s", "found", "gap"]


def row(name: str, seconds: float) -> list[Any]:
    """Both bounds of one instance."""
    instance = sukp(name)
    relaxation = solved(instance, "bound", time_limit=4 * seconds, threads=1)
    tree = solved(instance, "branch-and-bound", time_limit=seconds, threads=2)
    linear = relaxation.result.bound if relaxation.result else None
    return [
        short(name),
        BEST_KNOWN[name],
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
    for name in list(BEST_KNOWN)[3:]:
        rows.append(row(name, seconds))
        print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Bounds on larger set-union knapsack instances",
        [
            f"{seconds:g} s of wall time for the branch and bound, its local search included. Two threads: the second "
            "one only computes eigenvalues of semidefinite bounds. `found` is its own placement.",
            table(HEADER, rows),
        ],
    )


if __name__ == "__main__":
    main()
