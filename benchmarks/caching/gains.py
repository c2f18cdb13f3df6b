"""What sharing, cooperation, migration and robust beams gain."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np

from benchmarks.measure import table, write_results
from edgeopt.caching import baselines
from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs, robust_amplitudes
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.beamforming.mrt import mrt
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.solving import Worked
from edgeopt.caching.tables import Tables
from edgeopt.method import Options
from edgeopt.solving import check, solve

SEEDS = (1, 2, 3, 4, 5)


def non_robust(channels: Channels, pairs: Pairs) -> Beams:
    """Beams designed as if channels were known exactly, judged under the channel error."""
    blind = dual(Channels(channels.scaled, np.zeros_like(channels.errors)), pairs)
    return Beams(np.maximum(robust_amplitudes(channels, pairs, blind.vectors), 0.0), blind.vectors)


def with_beams(instance: CachingInstance, beamformer: Any) -> float:
    """Delay of the caches and deliveries chosen with another beamformer."""
    options = Options(maximize=False, threads=1)
    work = Worked(Tables(instance, options, beamformer), options)
    if work.outcome is not None:
        return float("inf")
    plan = work.result(work.searched()).plan
    objective = None if plan is None else check(instance, plan).objective
    return float("inf") if objective is None else float(objective)


def delays(instance: CachingInstance) -> dict[str, float]:
    """Delay of each way, in seconds, by the checker."""
    found = {"full": solve(instance, "local-search", threads=1).objective}
    for name in ("no-migration", "no-comp", "no-sharing", "coarse", "random"):
        found[name] = solve(instance, name, threads=1).objective
    found["no-sharing, own world"] = solve(baselines.without_sharing(instance), "local-search", threads=1).objective
    found["coarse, own world"] = solve(baselines.whole_models(instance), "local-search", threads=1).objective
    found["non-robust beams"] = with_beams(instance, non_robust)
    found["maximum-ratio beams"] = with_beams(instance, mrt)
    return {name: float("inf") if value is None else float(value) for name, value in found.items()}


def main() -> None:
    """Measure, and write the page."""
    by_error: dict[float, list[dict[str, float]]] = {}
    for error in (0.05, 0.15):
        by_error[error] = []
        for seed in SEEDS:
            by_error[error].append(
                delays(generate(models=24, nodes=4, users=8, scenarios=6, seed=seed, csi_error=error))
            )
            print(error, seed, by_error[error][-1], flush=True)
    sections = []
    for error, found in by_error.items():
        rows = [
            [name, mean(row[name] for row in found), f"{100 * (mean(r[name] / r['full'] for r in found) - 1):.1f} %"]
            for name in found[0]
        ]
        sections += [f"## Channel error {error:g}", table(["way", "mean delay s", "more than full, mean"], rows)]
    write_results(
        __file__,
        "Gains",
        [
            "4 nodes, 8 users, 24 models, 6 scenarios, five seeds; delays by the checker. *full*: `local-search`. The "
            "other ways are the baselines, judged in the instance itself; *own world*: judged where nothing is shared, "
            "so that each model's copies are stored and sent apart. Channel error as a fraction of the weakest user's "
            "strongest channel. An infinite mean says that some delivery never ends.",
            *sections,
            "Broadcasts do not contend for time in this problem: sending a block once to many users takes as long as "
            "the slowest of them needs, and sending it apart to each model's users costs the others nothing. That "
            "favours the worlds without sharing, which here lose by storage alone.",
        ],
    )


if __name__ == "__main__":
    main()
