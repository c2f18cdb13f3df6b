"""Pulling: what `exact` proves in a minute with two threads."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.pulling.generator import generate

CLASSES: dict[str, Any] = {"requests": 10_000, "classes": 300, "mean_count": 2.0}
CASES: dict[str, tuple[dict[str, Any], float, int]] = {  # what to generate, gap, seeds
    "30 cloudlets x 500 requests x 48 models": ({"cloudlets": 30, "requests": 500, "models": 48}, 0.0, 1),
    "10 x 100 x 32, compute limits": ({"cloudlets": 10, "requests": 100, "models": 32, "compute": "limited"}, 0.0, 5),
    "50 x 1,000 x 60, to 1 %": ({"cloudlets": 50, "requests": 1000, "models": 60}, 0.01, 1),
    "10,000 requests of 300 classes, to 1 %": (CLASSES, 0.01, 1),
    "10,000 requests of 300 classes, compute limits, to 1 %": ({**CLASSES, "compute": "limited"}, 0.01, 1),
}
HEADER = ["instance", "seed", "objective (s)", "bound (s)", "gap", "status", "CPU s", "wall s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    options = arguments_on_a_quiet_machine(parser)
    rows: list[list[Any]] = []
    for name, (arguments, gap, seeds) in CASES.items():
        for seed in range(seeds):
            run = solved(generate(seed=seed, **arguments), "exact", time_limit=options.seconds, threads=2, gap=gap)
            if run.result is None:
                rows.append([name, seed, run.failure])
                continue
            solution = run.result
            bound = None if solution.bound is None else f"{solution.bound:.4f}"
            shown = None if solution.gap is None else f"{solution.gap:.3%}"
            values = [f"{solution.objective:.4f}", bound, shown, str(solution.status), run.cpu_s, run.wall_s]
            rows.append([name, seed, *values])
            print(*rows[-1], flush=True)
    intro = f"Two threads, {options.seconds:g} s of wall time, instances of the generator's defaults."
    write_results(__file__, "Proofs of `exact` for pulling", [intro, table(HEADER, rows)])


if __name__ == "__main__":
    main()
