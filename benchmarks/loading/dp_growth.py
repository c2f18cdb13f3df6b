"""How the time of the dynamic programs grows with users, with models, and with the width of crossing groups."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.growth import exponent
from benchmarks.measure import arguments_on_a_quiet_machine, fresh, table, write_results
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.workload import compile_workload
from edgeopt.method import find_method
from edgeopt.run import Run

USERS = (2500, 5000, 10_000, 20_000, 40_000)
MODELS = (125, 250, 500, 1000, 2000)
WIDTHS = (3, 5, 7, 9, 11, 13, 15)
ENOUGH_S = 5.0  # no repetition after so many seconds
PART = 0.95  # with nearly everybody served the horizon cuts little, and the merges are longest


def ring(kinds: int, users: int, seed: int) -> LoadingInstance:
    """1,000 adapters of `kinds` models on a ring, each of which shares blocks with the next: groups of that width."""
    rng = np.random.default_rng(seed)
    blocks = {f"base{number}": int(rng.integers(2e9, 6e9)) for number in range(kinds)}
    models = {}
    for number in range(1000):
        own = f"adapter{number}"
        blocks[own] = int(rng.integers(10e6, 200e6))
        held = dict.fromkeys([f"base{number % kinds}", f"base{(number + 1) % kinds}", own])
        models[f"m{number}"] = Model(
            blocks=list(held),
            compute_fixed_s=0.2,
            compute_per_sample_s=0.02,
            workspace_bytes_per_sample=500_000_000,
        )
    library = ModelLibrary(name=f"ring-{kinds}", blocks=blocks, models=models)
    return generate(users=users, seed=seed, library=library, served_fraction=PART)


def measured(instance: LoadingInstance, method: str) -> tuple[int, int, float]:
    """Users served, models that can serve someone, and CPU seconds of the method's call, least of up to three."""
    chosen = find_method("loading", method)
    times: list[float] = []
    while len(times) < 3 and sum(times) < ENOUGH_S:
        began = time.process_time()
        outcome = chosen.function(instance, Run())
        times.append(time.process_time() - began)
    return outcome.bound, len(compile_workload(instance).prefixes.model_names), min(times)


def rows(method: str, varied: Sequence[int], make: Callable[[int], LoadingInstance]) -> list[list[Any]]:
    """One row for each size."""
    found = []
    for size in varied:
        run = fresh(measured, make(size), method)
        found.append([size, *(run.result or (None, None, None)), f"{run.peak_bytes / 1e6:.0f}", run.failure])
        print(method, *found[-1])
    return found


def fitted(found: Sequence[Sequence[Any]]) -> float:
    """Exponent of the seconds in the size."""
    return exponent([row[0] for row in found], [row[3] for row in found])


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed = arguments_on_a_quiet_machine(parser).seed
    by_users = rows("dp", USERS, lambda users: generate("tree", 1000, users, seed, served_fraction=PART))
    by_models = rows("dp", MODELS, lambda models: generate("tree", models, 10_000, seed, served_fraction=PART))
    towers = rows("modular-dp", USERS, lambda users: generate("lora-towers", 1000, users, seed, served_fraction=PART))
    wide = rows("modular-dp", WIDTHS, lambda kinds: ring(kinds, 10_000, seed))
    columns = ["served", "models that can serve", "CPU s", "peak MB", "failure"]
    write_results(
        __file__,
        "Growth of the dynamic programs",
        [
            f"Seed {seed}; the deadline lets about {PART:.0%} of the users through, which makes the tables long. "
            "CPU seconds of the method's call with everything imported, "
            f"least of three where they take less than {ENOUGH_S:g} s.",
            f"## `dp`, tree sharing, 1,000 models\n\nFitted growth: users ** {fitted(by_users):.2f}.",
            table(["users", *columns], by_users),
            f"## `dp`, tree sharing, 10,000 users\n\nFitted growth: models ** {fitted(by_models):.2f}.",
            table(["models", *columns], by_models),
            "## `modular-dp`, LoRA adapters with crossing vision towers, 1,000 models\n\n"
            f"Groups of up to 8 kinds. Fitted growth: users ** {fitted(towers):.2f}.",
            table(["users", *columns], towers),
            "## `modular-dp`, one group of crossing blocks, 1,000 models x 10,000 users\n\n"
            "Models on a ring, each of which shares a block with the next; the width is the number of kinds of models.",
            table(["width", *columns], wide),
        ],
    )


if __name__ == "__main__":
    main()
