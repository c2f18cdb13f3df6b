"""Pulling: how tight the aggregated, the plain and the strong integer program are."""

from __future__ import annotations

import numpy as np

import edgeopt
from benchmarks.measure import table, write_results
from edgeopt.method import Options
from edgeopt.pulling.arrays import compile_arrays
from edgeopt.pulling.generator import generate
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.strong import Linking

FORMS: tuple[Linking, ...] = ("aggregated", "plain", "strong")
SEEDS = 5


def main() -> None:
    rows = []
    for compute in ("unlimited", "limited"):
        gaps: dict[str, list[float]] = {form: [] for form in FORMS}
        for seed in range(SEEDS):
            instance = generate(cloudlets=8, requests=60, models=24, compute=compute, seed=seed)
            optimum = edgeopt.solve(instance, "exact", threads=2).objective
            core = compile_arrays(instance).core
            for form in FORMS:
                bound = LinearRelaxation(core, Options(maximize=False), form).bound
                gaps[form].append(1 - bound / optimum)
        for form in FORMS:
            rows.append([compute, form, f"{np.mean(gaps[form]):.2%}", f"{max(gaps[form]):.2%}"])
            print(*rows[-1], flush=True)
    intro = f"Gap of the linear relaxation to the optimum on {SEEDS} drawn instances of 8 x 60 x 24."
    header = ["compute", "form", "mean gap", "largest gap"]
    write_results(__file__, "Linear relaxations of pulling", [intro, table(header, rows)])


if __name__ == "__main__":
    main()
