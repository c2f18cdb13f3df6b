"""Residency: what servers load, what the best plan loads, and the floor under both, by memory and by size."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.residency.generator import generate
from edgeopt.residency.instance import ResidencyInstance

SIZES = {"11 models x 1,500 requests": (11, 1_500, "exact"), "60 models x 10,000 requests": (60, 10_000, "windows")}
MEMORY_GB = (24, 48, 96)
SMALLEST, LARGEST = 0.3e9, 18.6e9  # bytes of quantised language models from 0.5 to 32 billion parameters
POLICIES = ("one-at-a-time", "lru", "costs")
HEADER = ["size", "GPU", "seed", *POLICIES, "best plan", "floor", "gap", "CPU s", "wall s"]


def drawn(models: int, requests: int, memory_gb: int, seed: int) -> ResidencyInstance:
    """Whole models with sizes even in their logarithm; as many requests before as there are, by Zipf's popularities."""
    rng = np.random.default_rng([seed, 5])
    sizes = np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST), models)).astype(np.int64).tolist()
    blocks = {f"m{number:02d}": size for number, size in enumerate(sizes, 1)}
    library = ModelLibrary(name="whole", blocks=blocks, models={name: Model(blocks=[name]) for name in blocks})
    return generate(library=library, memory_bytes=memory_gb * 10**9, count=2 * requests, seed=seed)


def row(size: str, memory_gb: int, seed: int, instance: ResidencyInstance, method: str, seconds: float) -> list[Any]:
    """Seconds of loading by each policy, and what the method proved."""
    policies = [solved(instance, policy).result for policy in POLICIES]
    loaded = [None if result is None else f"{result.objective:,.0f} s" for result in policies]
    run = solved(instance, method, time_limit=seconds, threads=1)
    if run.result is None:
        return [size, f"{memory_gb} GB", seed, *loaded, run.failure]
    best = run.result
    return [
        size,
        f"{memory_gb} GB",
        seed,
        *loaded,
        f"{best.objective:,.0f} s",
        f"{best.bound:,.0f} s",
        f"{best.gap:.2%}",
        run.cpu_s,
        run.wall_s,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--requests", type=int, help="Draw so many instead.")
    options = arguments_on_a_quiet_machine(parser)
    rows = []
    for size, (models, requests, method) in SIZES.items():
        for memory_gb in MEMORY_GB:
            for seed in range(1, options.seeds + 1):
                instance = drawn(models, options.requests or requests, memory_gb, seed)
                rows.append(row(size, memory_gb, seed, instance, method, options.seconds))
                print(*rows[-1], flush=True)
    write_results(
        __file__,
        "Residency: floors under what servers load",
        [
            "Seconds of loading. `exact` for the smaller size, `windows` for the larger, one thread, "
            f"{options.seconds:g} s of wall time. Models are whole, with sizes even in their logarithm from 0.3 to "
            "18.6 GB; requests are drawn by Zipf's popularities with exponent 0.9, as many before as in the table, "
            "from which `costs` takes its rates; 2.69 GB reach the GPU in a second. Popularities do not change, which "
            "is kind to `costs`.",
            table(HEADER, rows),
        ],
    )


if __name__ == "__main__":
    main()
