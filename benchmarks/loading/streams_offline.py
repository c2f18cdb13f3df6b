"""Plans with hindsight: how far the portfolio's plan and bound are apart, and searches from proved optima."""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from typing import Any

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance

LIBRARIES = Path(__file__).parents[2] / "instances" / "libraries"
MEMORY_BYTES, LOAD_RATE_BYTES_PER_S, WINDOW_S, RATE_PER_S = 24 * 10**9, 2.69e9, 30.0, 2.69
SIZES = [(20, 100), (50, 1_000), (60, 9_655)]
FIRST_SEED = 301  # of streams on which nothing was tuned
SEEDS = {100: 5, 1_000: 5, 9_655: 2}
LIMITS_S = {100: 20.0, 1_000: 60.0, 9_655: 60.0}
PROVED_SIZES = [
    (10, 40, 10.0),
    (10, 50, 10.0),
    (10, 60, WINDOW_S),
    (15, 100, WINDOW_S),
    (20, 100, WINDOW_S),
    (30, 300, WINDOW_S),
]
PROVED_SEEDS, PROOF_LIMIT_S = (51, 52), 8.0
ITERATIONS = {"beam": 12, "local-search": 150}
HEAD = ("library", "models x users", "window in s", "retention", "streams", "proved", "all served")
POLICIES = ("density", "rolling", "affinity", "visit-density")


def some_models(name: str, count: int) -> ModelLibrary:
    """Return every so many of a library's models, and their blocks."""
    data = ModelLibrary.read(LIBRARIES / f"{name}.json").to_dict()
    names = list(data["models"])
    kept = [names[number * len(names) // count] for number in range(count)]
    data["models"] = {model: data["models"][model] for model in kept}
    used = {block for model in data["models"].values() for block in model["blocks"]}
    data["blocks"] = {block: size for block, size in data["blocks"].items() if block in used}
    return ModelLibrary.from_dict(data)


def stream(
    library: str, models: int, users: int, seed: int, retention: str, window_s: float = WINDOW_S
) -> LoadingInstance:
    """Draw a stream: Poisson arrivals, models by Zipf 0.9, no uploads."""
    return generate(
        library=some_models(library, models),
        users=users,
        seed=seed,
        arrivals="poisson",
        rate_per_s=RATE_PER_S,
        uploads="none",
        zipf_exponent=0.9,
        deadline_s=window_s,
        load_rate_bytes_per_s=LOAD_RATE_BYTES_PER_S,
        memory_bytes=MEMORY_BYTES,
        retention=retention,
    )


def row(library: str, models: int, users: int, retention: str, seeds: int, limit_s: float) -> list[Any]:
    """Solve the streams of some seeds; return the means of plan, bound and best policy, and the gaps."""
    plans, bounds, policies = [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        instance = stream(library, models, users, seed, retention)
        solution = edgeopt.solve(instance, "portfolio", time_limit=limit_s, threads=2)
        plans.append(float(solution.objective or 0))
        bounds.append(float(solution.bound or users))
        policies.append(max(float(edgeopt.solve(instance, name).objective or 0) for name in POLICIES))
    gaps = [bound / plan - 1 for bound, plan in zip(bounds, plans, strict=True)]
    figures = [f"{mean(values):,.1f}" for values in (policies, plans, bounds)]
    return [library, f"{models} x {users:,}", retention, seeds, *figures, f"{mean(gaps):.1%}", f"{max(gaps):.1%}"]


def against_optima(library: str, models: int, users: int, window_s: float, retention: str) -> list[Any]:
    """Prove what can be proved; return how many users the best policy and the searches alone serve fewer, at most."""
    proved, everybody = 0, 0
    fewer: dict[str, list[float]] = {name: [] for name in ("greedy", *ITERATIONS)}
    for seed in PROVED_SEEDS:
        instance = stream(library, models, users, seed, retention, window_s)
        solution = edgeopt.solve(instance, "portfolio", time_limit=PROOF_LIMIT_S, threads=2)
        if solution.status != "optimal" or solution.objective is None:
            continue
        proved += 1
        everybody += solution.objective == users
        for name, missing in fewer.items():
            searched = edgeopt.solve(instance, name, iteration_limit=ITERATIONS.get(name))
            missing.append(solution.objective - float(searched.objective or 0))
    worst = [f"{max(missing):.0f}" if missing else "" for missing in fewer.values()]
    return [library, f"{models} x {users}", f"{window_s:g}", retention, len(PROVED_SEEDS), proved, everybody, *worst]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, metavar="S", help="seconds of each portfolio; default: by size")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="so many sizes")
    arguments = arguments_on_a_quiet_machine(parser)
    edgeopt.solve(stream("llama-lora", 10, 40, 1, "consecutive"), "portfolio", iteration_limit=3)  # compiles
    rows = []
    for models, users in SIZES[: arguments.sizes]:
        for library, retention in (("llama-lora", "consecutive"), ("vision-language", "capacity")):
            limit_s = arguments.limit or LIMITS_S[users]
            rows.append(row(library, models, users, retention, SEEDS[users], limit_s))
            print(*rows[-1], flush=True)
    optima = [
        against_optima(library, models, users, window_s, retention)
        for library, retention in (("llama-lora", "consecutive"), ("vision-language", "capacity"))
        for models, users, window_s in PROVED_SIZES
    ]
    limits = ", ".join(f"{limit:g} s for {users:,} users" for users, limit in LIMITS_S.items())
    write_results(
        __file__,
        "Streams with hindsight: plans and bounds",
        [
            f"Poisson arrivals, {RATE_PER_S} in a second, models by Zipf 0.9, windows of {WINDOW_S:g} s, no uploads, "
            f"{MEMORY_BYTES / 1e9:g} GB, {LOAD_RATE_BYTES_PER_S:.3g} bytes/s. `portfolio` had "
            f"{limits}, with two threads. *Policy* is the best of {', '.join(POLICIES)}. Means over the "
            "seeds; the gap is that of the plan to the bound, in parts of the plan. A bound of all users says nothing.",
            table(
                ["library", "models x users", "retention", "seeds", "policy", "plan", "bound", "gap", "worst gap"], rows
            ),
            "## Searches against proved optima",
            f"Streams drawn likewise, of seeds {', '.join(map(str, PROVED_SEEDS))}. *Proved*: by `portfolio` within "
            f"{PROOF_LIMIT_S:g} s with two threads; *all served*: those whose optimum serves everybody. Then, at most, "
            "how many users fewer than the optimum are served by `greedy`, the best policy, and by "
            f"{', '.join(f'`{name}` alone in {count} iterations' for name, count in ITERATIONS.items())}.",
            table(
                [*HEAD, "greedy", *ITERATIONS],
                optima,
            ),
        ],
    )


if __name__ == "__main__":
    main()
