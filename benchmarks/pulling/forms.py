"""Pulling: how tight the aggregated, the plain and the strong integer program are."""

from __future__ import annotations

import argparse

import numpy as np

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.generator import Compute, generate
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.strong_form import Linking
from edgeopt.run import Run

FORMS: tuple[Linking, ...] = ("aggregated", "plain", "strong")
SEEDS = 5
SIZES: dict[Compute, tuple[int, int, int]] = {"unlimited": (8, 60, 24), "limited": (5, 30, 18)}


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    rows = []
    for compute, (cloudlets, requests, models) in SIZES.items():
        gaps: dict[str, list[float]] = {form: [] for form in FORMS}
        for seed in range(SEEDS):
            instance = generate(
                cloudlets=cloudlets, requests=requests, models=models, compute=compute, seed=seed, mean_count=10
            )
            optimum = edgeopt.solve(instance, "exact", threads=2).objective
            core = reduce_instance(instance).core
            for form in FORMS:
                bound = LinearRelaxation(core, Run(maximize=False), form).bound
                gaps[form].append(1 - bound / optimum)
        for form in FORMS:
            rows.append(
                [
                    f"{cloudlets} cloudlets x {requests} requests x {models} models, compute {compute}",
                    form,
                    f"{np.mean(gaps[form]):.2%}",
                    f"{max(gaps[form]):.2%}",
                ]
            )
            print(*rows[-1], flush=True)
    intro = f"Gap of the linear relaxation to the optimum on {SEEDS} drawn instances of each size."
    header = ["size", "form", "mean gap", "largest gap"]
    write_results(__file__, "Linear relaxations of pulling", [intro, table(header, rows)])


if __name__ == "__main__":
    main()
