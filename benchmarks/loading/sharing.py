"""What sharing gains: the optimum against the optimum of loading each model whole, on the real libraries."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.generator import BANDWIDTH_HZ, generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.method import find_method

LIBRARIES = {"resnet-freeze": "image", "resnet-detection": "image", "llama-lora": "prompt", "vision-language": "image"}
FOLDER = Path(__file__).parents[2] / "instances" / "libraries"
USERS = 600
TIME_LIMIT_S = 60.0
BANDWIDTHS_HZ = (20e6, 40e6, 100e6, 400e6)
MEMORY_FACTORS = (1.0, 2.0, 4.0)
DEGREES = (0.0, 0.25, 0.5, 0.75, 1.0)


def unshared(library: ModelLibrary, degree: float, seed: int) -> ModelLibrary:
    """Return the library in which each model takes part in sharing with probability `degree`.

    The other models hold copies of their own of all their blocks.
    """
    draws = np.random.default_rng(seed).random(len(library.models))
    data = library.to_dict()
    for draw, (name, model) in zip(draws, data["models"].items(), strict=True):
        if draw >= degree:
            copies = {block: f"{name}/copy-of/{block}" for block in model["blocks"]}
            data["blocks"] |= {copy: library.blocks[block] for block, copy in copies.items()}
            model["blocks"] = list(copies.values())
    held = {block for model in data["models"].values() for block in model["blocks"]}
    data["blocks"] = {block: size for block, size in data["blocks"].items() if block in held}
    return ModelLibrary.from_dict(data)


def compared(instance: LoadingInstance) -> list[Any]:
    """Users served with and without sharing, the gain, and the method that proved the first."""
    method = "modular-dp" if find_method("loading", "modular-dp").refusal(instance) is None else "exact"
    shared = solved(instance, method, time_limit=TIME_LIMIT_S, threads=2)
    alone = solved(instance, "no-sharing", time_limit=TIME_LIMIT_S)
    if shared.result is None or alone.result is None:
        return [None, None, None, shared.failure or alone.failure]
    with_sharing, without = shared.result.objective, alone.result.objective
    gain = f"{with_sharing / without - 1:+.0%}" if without else None
    return [with_sharing, without, gain, f"{method}, {shared.result.status}"]


def study(name: str, uploads: Any, seed: int) -> list[list[Any]]:
    """Vary bandwidth, memory and degree of sharing, one at a time; the deadline stays that of the base case."""
    library = ModelLibrary.read(FOLDER / f"{name}.json")
    base = generate(library=library, users=USERS, seed=seed, uploads=uploads)
    deadline, memory = base.deadlines()[0], base.server.memory_bytes
    cases: list[tuple[str, LoadingInstance]] = []

    def case(label: str, other: ModelLibrary = library, **changed: Any) -> None:
        fixed = {"users": USERS, "seed": seed, "uploads": uploads, "deadline_s": deadline, "memory_bytes": memory}
        cases.append((label, generate(library=other, **(fixed | changed))))

    for bandwidth in BANDWIDTHS_HZ:
        base_mark = " (base)" if bandwidth == BANDWIDTH_HZ else ""
        case(f"bandwidth {bandwidth / 1e6:g} MHz{base_mark}", bandwidth_hz=bandwidth)
    for factor in MEMORY_FACTORS:
        if factor != 1:
            case(f"memory {factor * memory / 1e9:g} GB", memory_bytes=round(factor * memory))
    for degree in DEGREES:
        if degree != 1:
            case(f"{degree:.0%} of the models share", unshared(library, degree, seed))
    rows = []
    for label, instance in cases:
        rows.append([name, label, *compared(instance)])
        print(*rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed = arguments_on_a_quiet_machine(parser).seed
    rows = [row for name, uploads in LIBRARIES.items() for row in study(name, uploads, seed)]
    header = ["library", "case", "served", "without sharing", "gain", "proved by"]
    write_results(
        __file__,
        "What sharing gains",
        [
            f"Each real library, 60 models x {USERS} users, seed {seed}. The deadline is that of the base case: "
            "100 MHz, and the smallest memory in which every model runs a batch of 4. *Without sharing*: the optimum "
            "when each switch loads the whole model.",
            table(header, rows),
        ],
    )


if __name__ == "__main__":
    main()
