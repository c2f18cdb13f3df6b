"""What loading ahead, loading in idle time and keeping blocks are worth on streams; counts, no times."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import product

import edgeopt
from benchmarks.loading.streams_offline import LOAD_RATE_BYTES_PER_S, MEMORY_BYTES, some_models
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance

RETENTION, PREFETCH = ("consecutive", "capacity"), ("none", "idle", "next")
SMALL_STREAMS, SMALL_USERS, SMALL_MODELS = 60, 12, 6
PROOF_LIMIT_S = 60.0
LIBRARIES = ("llama-lora", "vision-language")
SEEDS, REQUESTS, MODELS, WINDOW_S = (1, 2, 3), 600, 50, 5.0
SECONDS_APART = (20.0, 10.0, 3.3)


def crowded(seed: int, retention: str, prefetch: str) -> LoadingInstance:
    """Draw a small stream that arrives faster than it can be served.

    A request comes every 0.15 of the seconds that the largest model takes to load, and is due 1.6 of them later.
    """
    data = generate("tree", models=SMALL_MODELS, users=SMALL_USERS, seed=seed, upload="overlapped").to_dict()
    data |= {"retention": retention, "prefetch": prefetch}
    library = edgeopt.ModelLibrary.from_dict(data["library"])
    load_s = max(map(library.size_bytes, library.models)) / data["server"]["load_rate_bytes_per_s"]
    for number, user in enumerate(data["users"].values()):
        user["arrival_s"] = 0.15 * load_s * number
        user["deadline_s"] = user["arrival_s"] + 1.6 * load_s
    return LoadingInstance.from_dict(data)


def proved(retention: str, prefetch: str) -> int:
    """Return the users served at the optimum of all small streams together."""
    served = 0
    for seed in range(SMALL_STREAMS):
        solution = edgeopt.solve(crowded(seed, retention, prefetch), "exact", time_limit=PROOF_LIMIT_S, threads=1)
        if solution.status != "optimal" or solution.objective is None:
            raise SystemExit(f"the optimum of seed {seed}, {retention}, {prefetch} was not proved")
        served += int(solution.objective)
    return served


def by_density(retention: str) -> int:
    """Return the users that `density` serves of all small streams together, loading nothing ahead."""
    return sum(_served(crowded(seed, retention, "none"), ["density"])["density"] for seed in range(SMALL_STREAMS))


def _served(instance: LoadingInstance, policies: Iterable[str]) -> dict[str, int]:
    replays = edgeopt.replay(instance, list(policies)).replays
    return {each.policy: round(each.served_share * len(instance.users)) for each in replays}


def idle(library: str, retention: str, apart_s: float) -> str:
    """Return the mean users served by `density` and by `density-idle`, of Poisson streams so many seconds apart."""
    policies = ("density", "density-idle")
    found = []
    for seed in SEEDS:
        instance = generate(
            library=some_models(library, MODELS), users=REQUESTS, seed=seed, arrivals="poisson", rate_per_s=1 / apart_s,
            uploads="none", zipf_exponent=0.9, deadline_s=WINDOW_S, load_rate_bytes_per_s=LOAD_RATE_BYTES_PER_S,
            memory_bytes=MEMORY_BYTES, retention=retention, prefetch="idle",
        )  # fmt: skip
        found.append(_served(instance, policies))
    return ", ".join(f"{sum(each[policy] for each in found) / len(found):.0f}" for policy in policies)


def main() -> None:
    """Count, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    optima = [
        [retention, *(proved(retention, prefetch) for prefetch in PREFETCH), by_density(retention)]
        for retention in RETENTION
    ]
    gains = [
        [library, retention, *(idle(library, retention, apart_s) for apart_s in SECONDS_APART)]
        for library, retention in product(LIBRARIES, RETENTION)
    ]
    write_results(
        __file__,
        "Loading ahead, and keeping blocks",
        [
            "## At the optimum",
            f"Users served at the proved optima of {SMALL_STREAMS} streams of {SMALL_USERS} users over {SMALL_MODELS} "
            f"models with tree sharing, {SMALL_STREAMS * SMALL_USERS} users in all, by what may be loaded beside a "
            "batch. A request comes every 0.15 of the seconds that the largest model takes to load, and is due 1.6 of "
            "them later; uploads overlap. *density* does not know the future, and loads nothing ahead.",
            table(["retention", *(f'`"{prefetch}"`' for prefetch in PREFETCH), "density"], optima),
            "## In idle time, by a policy",
            f"Users served by `density`, `density-idle`, means of seeds {', '.join(map(str, SEEDS))}. The streams have "
            f"{REQUESTS} Poisson requests for {MODELS} models (Zipf 0.9) with windows of {WINDOW_S:g} s, no uploads; "
            f"the GPU has {MEMORY_BYTES / 1e9:g} GB and loads {LOAD_RATE_BYTES_PER_S:.3g} bytes/s.",
            table(["models", "retention", *(f"a request in {apart_s:g} s" for apart_s in SECONDS_APART)], gains),
        ],
    )


if __name__ == "__main__":
    main()
