"""What overlapped uploads and capacity retention gain, and how often their optimum is proved."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import edgeopt
from benchmarks.measure import table, write_results
from edgeopt.loading.generator import generate

KINDS = ("random", "grid", "dense", "interval", "tree", "backbone", "freeze-depth", "lora-towers")
CROSSING = ("random", "grid", "dense", "interval")
SLOW_BYTES_PER_S = 1e8
LIMIT_S = 30.0
# Label, models, users, upload, retention, rate of loading, kinds, seeds.
SUITES: tuple[tuple[str, int, int, str, str, float, tuple[str, ...], int], ...] = (
    ("overlapped", 10, 40, "overlapped", "consecutive", 2.69e9, KINDS, 2),
    ("overlapped", 20, 120, "overlapped", "consecutive", 2.69e9, ("freeze-depth",), 2),
    ("overlapped", 15, 75, "overlapped", "consecutive", 2.69e9, ("random", "grid", "dense"), 1),
    ("capacity", 9, 27, "phase", "capacity", 2.69e9, KINDS, 2),
    ("capacity, slow loading", 9, 27, "phase", "capacity", SLOW_BYTES_PER_S, CROSSING, 8),
    ("both, slow loading", 9, 27, "overlapped", "capacity", SLOW_BYTES_PER_S, KINDS, 1),
)


def measured(suite: tuple[Any, ...], kind: str, seed: int) -> dict[str, float]:
    """Solve one instance in its modes and in the usual one."""
    _, models, users, upload, retention, rate, _, _ = suite
    instance = generate(kind, models, users, seed=seed, upload=upload, retention=retention, load_rate_bytes_per_s=rate)
    began = time.process_time()
    best = edgeopt.solve(instance, "exact", time_limit=LIMIT_S, threads=1)
    cpu = time.process_time() - began
    usual = edgeopt.solve(instance.model_copy(update={"upload": "phase", "retention": "consecutive"}), threads=1)
    assert best.objective is not None
    assert best.bound is not None
    assert usual.status == edgeopt.Status.OPTIMAL
    return {
        "proved": best.status == edgeopt.Status.OPTIMAL,
        "gap": (best.bound - best.objective) / best.objective,
        "cpu": cpu,
        "wall": best.runtime_s,
        "gain": best.objective / (usual.objective or 1) - 1,
    }


def main() -> None:
    """Measure, and write the page."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for upload, retention in (("overlapped", "consecutive"), ("phase", "capacity"), ("overlapped", "capacity")):
        edgeopt.solve(generate("random", 3, 9, seed=0, upload=upload, retention=retention), "counts-dp")  # compiles
    rows = []
    for suite in SUITES:
        label, models, users, _, _, _, kinds, seeds = suite
        for kind in kinds:
            found = [measured(suite, kind, seed) for seed in range(seeds)]
            rows.append(
                [
                    label,
                    f"{models} x {users}",
                    kind,
                    f"{sum(result['proved'] for result in found)} of {seeds}",
                    f"{max(result['gap'] for result in found):.1%}",
                    max(result["cpu"] for result in found),
                    max(result["wall"] for result in found),
                    f"{np.mean([result['gain'] for result in found]):+.0%}",
                ]
            )
            print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Overlapped uploads and capacity retention",
        [
            f"`exact` with a limit of {LIMIT_S:g} s for each instance, one thread, seeds from 0 on. *Gap*, *CPU s* and "
            "*wall s* are the largest of the row. *Gain*: users served beyond the optimum of the usual modes (uploads "
            "first, blocks kept by consecutive models), the mean of the row. Slow loading: "
            f"{SLOW_BYTES_PER_S:g} bytes/s instead of 2.69e9.",
            table(["modes", "models x users", "sharing", "proved", "gap", "CPU s", "wall s", "gain"], rows),
        ],
    )


if __name__ == "__main__":
    main()
