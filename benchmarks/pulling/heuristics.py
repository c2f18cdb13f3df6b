"""Pulling: how far heuristics and baselines are from the optimum, and how long they take."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.libraries.library import ModelLibrary
from edgeopt.pulling.generator import generate
from edgeopt.pulling.instance import PullingInstance

ROOT = Path(__file__).parents[2]
TOPOLOGIES = Path(os.environ.get("EDGEOPT_DATA", ROOT.parent / "shared" / "data")) / "topologies"
METHODS = ("rounding", "greedy", "local-search", "lagrangian", "no-sharing", "nearest", "cloud-only")


def real(library: str, topology: str, **arguments: float) -> Callable[[int], PullingInstance]:
    """Instances over a shipped library and a Topology Zoo network."""
    models = ModelLibrary.read(ROOT / "instances" / "libraries" / f"{library}.json")
    return lambda seed: generate(
        library=models, topology=TOPOLOGIES / f"{topology}.graphml", cloudlets=12, requests=100, seed=seed, **arguments
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = arguments_on_a_quiet_machine(parser)
    cases: dict[str, Callable[[int], PullingInstance]] = {
        "resnet-freeze over Geant2012, 12 x 100": real("resnet-freeze", "Geant2012"),
        "vision-language over UsCarrier, 12 x 100": real("vision-language", "UsCarrier", mean_count=200.0),
        "drawn 10 x 100 x 32": lambda seed: generate(cloudlets=10, requests=100, models=32, seed=seed),
        "drawn 8 x 60 x 24, compute limits": lambda seed: generate(
            cloudlets=8, requests=60, models=24, seed=seed, compute="limited"
        ),
    }
    rows, times = [], []
    for name, make in cases.items():
        gaps: dict[str, list[float]] = {method: [] for method in METHODS}
        seconds: dict[str, float] = dict.fromkeys((*METHODS, "exact"), 0.0)
        for seed in range(options.seeds):
            instance = make(seed)
            best = edgeopt.solve(instance, "exact", threads=2, time_limit=60)
            seconds["exact"] += best.runtime_s
            for method in METHODS:
                solution = edgeopt.solve(instance, method, threads=2, time_limit=20)
                gaps[method].append(solution.objective / best.objective - 1)
                seconds[method] += solution.runtime_s
        rows.append([name, *(f"{np.mean(gaps[m]):.2%} ({max(gaps[m]):.2%})" for m in METHODS)])
        times.append([name, *(seconds[m] / options.seeds for m in ("exact", *METHODS))])
        print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Heuristics and baselines of pulling",
        [
            f"Mean (largest) excess over the best plan of `exact` (60 s), {options.seeds} instances each, in one run.",
            table(["instances", *METHODS], rows),
            "Mean wall seconds of the runs, without set-up.",
            table(["instances", "exact", *METHODS], times),
        ],
    )


if __name__ == "__main__":
    main()
