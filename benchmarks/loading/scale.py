"""The dynamic programs at 1,000 models x 10,000 users, and against the integer program on tree sharing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import geometric_mean
from typing import Any

from benchmarks.measure import Run, solved, table, write_results
from edgeopt.loading.generator import generate

EXACT_LIMIT_S = 120.0


def large(method: str, sharing: str, seeds: Sequence[int]) -> list[list[Any]]:
    """One row per seed: a method at 1,000 models x 10,000 users."""
    rows = []
    for seed in seeds:
        instance = generate(sharing, 1000, 10_000, seed)
        run = solved(instance, method)
        rows.append([method, sharing, seed, *outcome(run), run.cpu_s, run.wall_s, f"{run.peak_bytes / 1e6:.0f}"])
        print(*rows[-1])
    return rows


def outcome(run: Run) -> list[Any]:
    """Users served and status; without a result the reason."""
    if run.result is None:
        return [None, run.failure]
    return [run.result.objective, str(run.result.status)]


def against_exact(seeds: Sequence[int]) -> tuple[list[list[Any]], float]:
    """`dp` and `exact` on the same instances of 100 x 1,000 with tree sharing; the rows, and the mean ratio."""
    rows, ratios = [], []
    for seed in seeds:
        instance = generate("tree", 100, 1000, seed)
        tree = solved(instance, "dp", threads=1)
        exact = solved(instance, "exact", threads=2, time_limit=EXACT_LIMIT_S)
        ratio = exact.cpu_s / tree.cpu_s
        if exact.result is not None:
            ratios.append(ratio)
        rows.append([seed, *outcome(tree), tree.cpu_s, *outcome(exact), exact.cpu_s, ratio])
        print(*rows[-1])
    return rows, geometric_mean(ratios) if ratios else float("nan")


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="instances of each kind")
    seeds = range(parser.parse_args().seeds)
    for method in ("dp", "modular-dp", "exact"):  # compiles the kernels, untimed
        solved(generate("tree", 20, 100, 0), method)
    tree, towers = large("dp", "tree", seeds), large("modular-dp", "lora-towers", seeds)
    compared, ratio = against_exact(seeds)
    write_results(
        __file__,
        "Dynamic programs at scale",
        [
            "## 1,000 models x 10,000 users",
            "Target: `dp` on tree sharing below one CPU second; `modular-dp` with LoRA adapters and crossing vision "
            "towers exact in a few CPU seconds.",
            table(
                ["method", "sharing", "seed", "served", "status", "CPU s", "wall s", "peak MB"],
                [*tree, *towers],
            ),
            "How the time grows with users and models stands in dp_growth.md.",
            "## `dp` against `exact`, tree sharing, 100 x 1,000",
            f"Target: `dp` at least 100 times faster. Both solve the same instances in this run; `exact` has "
            f"2 threads and {EXACT_LIMIT_S:g} s.",
            table(
                ["seed", "dp served", "status", "CPU s", "exact served", "status", "CPU s", "exact / dp"],
                compared,
            ),
            f"Geometric mean of the ratios of CPU seconds: {ratio:.3g}.",
        ],
    )


if __name__ == "__main__":
    main()
