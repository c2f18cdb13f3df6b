"""How far the heuristics and baselines stay below proven optima, on general sharing with one deadline."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.orders.local_search import solve_local_search
from edgeopt.run import Outcome, Progress, Run

KINDS = ("random", "grid", "freeze-depth", "interval", "dense")
RATES_BYTES_PER_S = (2.69e9, 0.8e9, 0.3e9)
MODELS, USERS, SEEDS = 60, 600, 6
PROOF_LIMIT_S = 60.0
SEARCH_LIMIT_S = 10.0
METHODS = ("local-search", "greedy", "tree", "no-sharing", "greedy-append", "edf", "random")


def searched(instance: LoadingInstance, optimum: int) -> edgeopt.Solution:
    """Run the local search with its time limit; it ends early at the proven optimum, where nothing is left to gain."""

    runs: list[Run] = []

    def local_search(instance: LoadingInstance, run: Run) -> Outcome:
        runs.append(run)
        return solve_local_search(instance, run)

    def watch(step: Progress) -> None:
        if step.objective is not None and step.objective >= optimum:
            runs[0].interrupt.set()

    return edgeopt.solve(instance, local_search, time_limit=SEARCH_LIMIT_S, threads=1, progress=watch)


def measured(instance: LoadingInstance) -> dict[str, float] | None:
    """Ratio of each method to the proven optimum, and figures of the instance; None when there is no proof."""
    best = edgeopt.solve(instance, "exact", time_limit=PROOF_LIMIT_S, threads=1)
    if best.status != edgeopt.Status.OPTIMAL or not best.objective:
        return None
    found = {name: edgeopt.solve(instance, name).objective for name in METHODS[1:]}
    search = searched(instance, int(best.objective))
    found[METHODS[0]] = search.objective
    ratios = {name: (value or 0) / best.objective for name, value in found.items()}
    share = best.metrics["loading_s"] / best.metrics["end_s"]
    return {**ratios, "served": best.objective / len(instance.users), "loading": share, "found": search.history[-1][0]}


def summary(label: list[Any], results: list[dict[str, float]], drawn: int) -> list[Any]:
    """One row: mean and worst ratio of each method in percent."""
    row = [*label, f"{len(results)} of {drawn}"]
    if not results:
        return row + [None] * (2 + len(METHODS))
    for figure in ("served", "loading"):
        row.append(f"{np.mean([result[figure] for result in results]):.0%}")
    for name in METHODS:
        ratios = [result[name] for result in results]
        row.append(f"{np.mean(ratios):.2%} / {np.min(ratios):.2%}")
    return row


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = arguments_on_a_quiet_machine(parser).seeds
    edgeopt.solve(generate("random", 10, 60, seed=1), "local-search", iteration_limit=10)  # compiles the kernels
    rows, everything = [], []
    for kind in KINDS:
        for rate in RATES_BYTES_PER_S:
            instances = [generate(kind, MODELS, USERS, seed=s, load_rate_bytes_per_s=rate) for s in range(1, seeds + 1)]
            results = [result for result in map(measured, instances) if result]
            everything += results
            rows.append(summary([kind, f"{rate / 1e9:g} GB/s"], results, seeds))
            print(*rows[-1], flush=True)
    rows.append(summary(["all", ""], everything, len(rows) * seeds))
    times = [result["found"] for result in everything]
    header = ["sharing", "loading rate", "proved", "users served", "time spent loading", *METHODS]
    write_results(
        __file__,
        "Heuristics and baselines against proven optima",
        [
            f"{MODELS} models x {USERS} users, seeds 1 to {seeds} of each kind. Each method's users served as a part "
            f"of the optimum that `exact` proved within {PROOF_LIMIT_S:g} s: mean / worst. *Users served* and *time "
            "spent loading* (of the whole schedule) are those of the optimum. All methods ran in one process. "
            f"`local-search` had {SEARCH_LIMIT_S:g} s, and was ended early when it had the optimum: it found its best "
            f"plan after {np.median(times):.2g} s (median), {np.max(times):.2g} s at most.",
            table(header, rows),
        ],
    )


if __name__ == "__main__":
    main()
