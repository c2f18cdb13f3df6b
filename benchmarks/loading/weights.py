"""Users with weights: what heuristics lose of proven optima; losses, no times."""

from __future__ import annotations

import argparse

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.loading.generator import generate

SHARING, SEEDS = ("tree", "lora-towers", "backbone", "grid"), tuple(range(401, 411))
MODELS, USERS = 30, 300
PROOF_LIMIT_S, ITERATIONS = 60.0, 20_000
HEURISTICS: dict[str, dict[str, int]] = {
    "local-search": {"iteration_limit": ITERATIONS},
    "greedy": {},
    "edf": {},
    "random": {},
}


def row(sharing: str) -> list[object]:
    """Return one sharing's row: proofs, and mean and worst loss of each heuristic."""
    losses: dict[str, list[float]] = {name: [] for name in HEURISTICS}
    proofs = 0
    for seed in SEEDS:
        instance = generate(models=MODELS, users=USERS, weights="classes", sharing=sharing, seed=seed)
        exact = edgeopt.solve(instance, "exact", time_limit=PROOF_LIMIT_S, threads=2)
        if exact.status != "optimal" or not exact.objective:
            continue
        proofs += 1
        for name, limits in HEURISTICS.items():
            found = edgeopt.solve(instance, name, threads=1, **limits).objective or 0
            losses[name].append(100 * (1 - found / exact.objective))
    shown = [f"{sum(each) / len(each):.2f} %, {max(each):.2f} %" if each else None for each in losses.values()]
    return [sharing, f"{proofs} of {len(SEEDS)}", *shown]


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    write_results(
        __file__,
        "Users with weights",
        [
            f'{MODELS} models x {USERS} users with the weights 1, 3 and 10 (`weights="classes"`), seeds {SEEDS[0]} to '
            f"{SEEDS[-1]} of each sharing. *Proved*: by `exact` within {PROOF_LIMIT_S:g} s with two threads. Then what "
            f"heuristics lose of the proven weight, mean and worst; `local-search` has {ITERATIONS:,} iterations.",
            table(["sharing", "proved", *HEURISTICS], [row(sharing) for sharing in SHARING]),
        ],
    )


if __name__ == "__main__":
    main()
