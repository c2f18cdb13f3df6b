"""Pulling: what the roundings promise beside what is observed, and `rounding` against `exact` in time."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.core import Core
from edgeopt.pulling.derandomized import conditional_thresholds
from edgeopt.pulling.generator import generate
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.openings import Openings, core_arrays
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.repair import repaired
from edgeopt.pulling.rounding import VARIANTS
from edgeopt.run import Run

DRAWS = 200
SPEED_CASES: dict[str, dict[str, Any]] = {
    "30 cloudlets x 500 requests x 48 models": {"cloudlets": 30, "requests": 500, "models": 48},
}
RATIO_CASES: dict[str, dict[str, Any]] = {
    "10 x 100 x 32": {"cloudlets": 10, "requests": 100, "models": 32},
    "10 x 100 x 32, ample memory": {"cloudlets": 10, "requests": 100, "models": 32, "memory_fraction": 1.0},
}


def timed(instance: PullingInstance, method: str, **options: Any) -> tuple[Any, float]:
    """Solve in this process; CPU seconds."""
    before = time.process_time()
    solution = edgeopt.solve(instance, method, threads=2, **options)
    return solution, time.process_time() - before


def speed_rows(seeds: int, limit_s: float) -> list[list[Any]]:
    """Rows of `rounding` and `exact` on the same instances, compiled kernels loaded."""
    for method in ("rounding", "exact"):
        edgeopt.solve(generate(cloudlets=4, requests=20, models=12, seed=0), method, threads=2)
    rows = []
    for name, arguments in SPEED_CASES.items():
        for seed in range(seeds):
            instance = generate(seed=seed, **arguments)
            rounded, quick = timed(instance, "rounding")
            best, slow = timed(instance, "exact", time_limit=limit_s)
            excess = f"{rounded.objective / best.objective - 1:.3%}"
            rows.append([name, seed, quick, slow, slow / quick, str(best.status), excess])
            print(*rows[-1], flush=True)
    return rows


def ratio_rows(seeds: int) -> list[list[Any]]:
    """Mean pulling, overflow and delay of single draws, against the relaxation."""
    rows = []
    for name, arguments in RATIO_CASES.items():
        draws_of: dict[str, list[list[float]]] = {}
        for seed in range(seeds):
            core = reduce_instance(generate(seed=seed, **arguments)).core
            relaxation = LinearRelaxation(core, Run(maximize=False))
            values, openings = relaxation.openings(), Openings(core)
            pulling = float((core.atom_pull * np.where(core.costly, values, 0.0)).sum())
            rng = np.random.default_rng(seed)
            draws = [
                (label, variant(core, relaxation, rng)) for label, variant in VARIANTS.items() for _ in range(DRAWS)
            ]
            draws.append(("derandomized threshold", conditional_thresholds(core, core_arrays(core), values)))
            for label, opened in draws:
                overfull = float((core.overfull(opened) > 0).mean())
                before = float(core.atom_pull[opened].sum()) / pulling
                openings.restore(repaired(core, opened, values))
                row = [before, overfull, openings.total / (relaxation.bound or 1.0), promised(core, relaxation)]
                draws_of.setdefault(label, []).append(row)
        for label, draws_seen in draws_of.items():
            before, overfull, total, promise = np.mean(draws_seen, axis=0)
            least = np.min(draws_seen, axis=0)[2]
            shown = f"{promise:.3g}" if label == "kleinberg-tardos" else "1" if label == "threshold" else "-"
            rows.append([name, label, shown, before, f"{overfull:.1%}", f"{total:.4f}", f"{least:.4f}"])
            print(*rows[-1], flush=True)
    return rows


def promised(core: Core, relaxation: LinearRelaxation) -> float:
    """Factor on expected pulling that is proved for Kleinberg-Tardos: by atoms, with this relaxation's values."""
    assert relaxation.values is not None
    share = relaxation.values[: core.options] / core.units[core.option_group]
    used = np.flatnonzero(share > 0)
    label = core.option_site * core.models + core.option_model
    largest = np.zeros(core.sites * core.models)
    np.maximum.at(largest, label[used], share[used])
    labels = np.unique(label[used])
    site, model = np.divmod(labels, core.models)
    bound, total = np.zeros(core.atom_bytes.shape), 1 + np.log(core.groups) + 1 / (len(labels) + 1)
    for v, i, y in zip(site.tolist(), model.tolist(), largest[labels].tolist(), strict=True):
        bound[v, core.model_atoms[core.model_start[i] : core.model_start[i + 1]]] += total * y
    lp = float((core.atom_pull * np.where(core.costly, relaxation.openings(), 0.0)).sum())
    return float((core.atom_pull * np.minimum(bound, 1.0) * core.costly).sum()) / lp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    options = arguments_on_a_quiet_machine(parser)
    speed = ["instance", "seed", "rounding, CPU s", "exact, CPU s", "times faster", "exact says", "excess of rounding"]
    ratio = ["instances", "variant", "pulling, proved", "pulling, seen", "sites overfull", "delay, mean", "delay, best"]
    write_results(
        __file__,
        "Rounding of pulling",
        [
            f"`rounding` and `exact` ({options.seconds:g} s) one after the other in one process, kernels loaded; "
            "CPU seconds.",
            table(speed, speed_rows(options.seeds, options.seconds)),
            f"Single roundings, {DRAWS} draws on each of {options.seeds} instances. Pulling before repair, as a "
            "multiple of the relaxation's: the proved factor on its expectation and the mean seen; how many sites are "
            "overfull before repair; delay after repair, before polishing, as a multiple of the relaxation's value.",
            table(ratio, ratio_rows(options.seeds)),
        ],
    )


if __name__ == "__main__":
    main()
