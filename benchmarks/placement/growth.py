"""How the time and memory of placement on several nodes grow: proofs, bounds and local search."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.loading.dp_growth import exponent
from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate

SHARING = "freeze-depth"
USERS_PER_NODE = 8
PROVED = ((3, 15), (4, 20), (5, 30), (6, 40))  # nodes, models
LARGER = ((4, 20), (6, 45), (9, 90), (12, 150))
METHODS = {"exact": PROVED, "bound": LARGER, "local-search": LARGER}
COLUMNS = ["pairs of a node and a model useful there", "nodes x models", "gap", "CPU s", "peak MB", "failure"]


def rows(method: str, seed: int, seconds: float) -> list[list[Any]]:
    """One row for each size; local search makes its usual number of iterations, without a limit of time."""
    found = []
    for nodes, models in METHODS[method]:
        instance = generate(SHARING, models, nodes, USERS_PER_NODE * nodes, seed)
        limits = {} if method == "local-search" else {"time_limit": seconds}
        run = solved(instance, method, threads=1, **limits)
        gap = None if run.result is None or run.result.gap is None else f"{run.result.gap:.3%}"
        pairs, cpu_s = int(DemandArrays(instance).useful.sum()), None if run.failure else run.cpu_s
        found.append([pairs, f"{nodes} x {models}", gap, cpu_s, f"{run.peak_bytes / 1e6:.0f}", run.failure])
        print(method, *found[-1], flush=True)
    return found


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    options = arguments_on_a_quiet_machine(parser)
    found = {method: rows(method, options.seed, options.seconds) for method in METHODS}
    parts = [
        f"Sharing {SHARING}, {USERS_PER_NODE} users for each node, seed {options.seed}, one thread. `exact` and "
        f"`bound` have {options.seconds:g} s; a row that ends there is too short. `local-search` makes its usual "
        "number of iterations."
    ]
    for method, lines in found.items():
        parts += [f"## `{method}`\n\nFitted growth: pairs ** {exponent(lines):.2f}.", table(COLUMNS, lines)]
    write_results(__file__, "Growth of placement on several nodes", parts)


if __name__ == "__main__":
    main()
