"""The dynamic programs at 1,000 models x 10,000 users, and against the integer program on tree sharing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from statistics import geometric_mean
from typing import Any

from benchmarks.loading.exact import REGIMES
from benchmarks.measure import Run, arguments_on_a_quiet_machine, cpu_seconds, fresh, solved, table, write_results
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Solution
from edgeopt.solving import solve

EXACT_LIMIT_S = 120.0
COMPARED = [
    *("dp served", "status", "first", "second"),
    *("exact served", "status", "first", "second"),
    *("exact / dp, first", "second"),
]


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


def repeated(instance: LoadingInstance, method: str, options: dict[str, Any]) -> tuple[Solution, float, float]:
    """Solve twice in one process: the solution, CPU seconds of the first run, which imports, and of the second."""
    times = []
    for _ in range(2):
        began = cpu_seconds()
        solution = solve(instance, method, **options)
        times.append(cpu_seconds() - began)
    return solution, times[0], times[1]


def against_exact(regime: str, seeds: Sequence[int]) -> list[list[Any]]:
    """`dp` and `exact` on the same instances of 100 x 1,000 with tree sharing; a row per seed, the ratios last."""
    rows = []
    for seed in seeds:
        instance = generate("tree", 100, 1000, seed, **REGIMES[regime])
        cells: list[Any] = [regime, seed]
        times = []
        for method, options in (("dp", {}), ("exact", {"threads": 2, "time_limit": EXACT_LIMIT_S})):
            run = fresh(repeated, instance, method, options)
            solution, *seconds = run.result or (None, float("nan"), float("nan"))
            cells += [*outcome(replace(run, result=solution)), *seconds]
            times.append(seconds)
        rows.append([*cells, times[1][0] / times[0][0], times[1][1] / times[0][1]])
        print(*rows[-1], flush=True)
    return rows


def ratios(rows: list[list[Any]], column: int) -> str:
    """Geometric mean and range of a column of ratios."""
    values = [row[column] for row in rows]
    return f"{geometric_mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="instances of each kind")
    seeds = range(arguments_on_a_quiet_machine(parser).seeds)
    for method in ("dp", "modular-dp", "exact"):  # compiles the kernels, untimed
        solved(generate("tree", 20, 100, 0), method)
    tree, towers = large("dp", "tree", seeds), large("modular-dp", "lora-towers", seeds)
    compared = {regime: against_exact(regime, seeds) for regime in REGIMES}
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
            "Target: `dp` at least 100 times faster. Both solve the same instances in this run; `exact` has 2 threads "
            f"and {EXACT_LIMIT_S:g} s. *First*: CPU seconds of the first call in a new process, with the imports. "
            "*Second*: of the same call again. The regimes are those of exact.md.",
            table(
                ["regime", "seed", *COMPARED],
                [row for rows in compared.values() for row in rows],
            ),
            "Geometric means and ranges of the ratios:",
            table(
                ["regime", "first call", "second call"],
                [[regime, ratios(rows, -2), ratios(rows, -1)] for regime, rows in compared.items()],
            ),
        ],
    )


if __name__ == "__main__":
    main()
