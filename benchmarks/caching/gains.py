"""What sharing, cooperation, migration and robust beams gain."""

from __future__ import annotations

import argparse
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.caching import baselines
from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs, robust_amplitudes
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.beamforming.mrt import mrt
from edgeopt.caching.checker import evaluate
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.pipeline import Worked
from edgeopt.caching.tables import DelayTables
from edgeopt.certificates import check
from edgeopt.run import Options, Run
from edgeopt.solution import Plan
from edgeopt.solving import solve

SEEDS = (1, 2, 3, 4, 5)
DRAWN_ERRORS = 50


def non_robust(channels: Channels, pairs: Pairs) -> Beams:
    """Beams designed as if channels were known exactly, judged under the channel error."""
    blind = dual(Channels(channels.scaled, np.zeros_like(channels.errors)), pairs)
    return Beams(np.maximum(robust_amplitudes(channels, pairs, blind.vectors), 0.0), blind.vectors)


def blind_plan(instance: CachingInstance) -> tuple[float, float, float]:
    """Choose caches, nodes and beams as if channels were known exactly, and send at the rates so promised.

    Returns
    -------
    tuple of (float, float, float)
        The delay that is promised; that of the same beams at the rates that hold for all errors; and the share of
        deliveries to users that, for an error drawn evenly from the sphere of each node, get less than promised.
    """
    blind = CachingInstance.from_dict(
        {**instance.to_dict(), "radio": {**instance.to_dict()["radio"], "csi_error": 0.0}}
    )
    solution = solve(blind, "local-search", threads=1)
    assert solution.plan is not None
    assert solution.objective is not None
    worst = check(instance, solution.plan).objective
    return float(solution.objective), float("inf") if worst is None else float(worst), outage(instance, solution.plan)


def outage(instance: CachingInstance, plan: Plan) -> float:
    """Share of (delivery, user, drawn error) in which the signal is weaker than the weakest of the known channels."""
    rng = np.random.default_rng(1)
    failed, count, error = 0, 0, instance.radio.csi_error
    for delivery in evaluate(instance, plan).deliveries:
        beams = next(
            row["beamformer"]
            for row in plan["deliveries"]
            if row["scenario"] == delivery.scenario and row["block"] == delivery.block
        )
        received, disturbance = [], []
        for user in delivery.users:
            signal, noise = 0j, np.zeros(DRAWN_ERRORS, np.complex128)
            for node, beam in beams.items():
                vector = np.array(beam) @ [1, 1j]
                signal += np.vdot(np.array(instance.radio.channels[node][user]) @ [1, 1j], vector)
                drawn = rng.normal(size=(DRAWN_ERRORS, len(vector), 2)) @ [1, 1j]
                noise += error * (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).conj() @ vector
            received.append(signal)
            disturbance.append(noise)
        promised = min(abs(signal) for signal in received)
        for signal, noise in zip(received, disturbance, strict=True):
            failed += int((np.abs(signal + noise) < promised * (1 - 1e-9)).sum())
            count += DRAWN_ERRORS
    return failed / count


def robustness(errors: tuple[float, ...], seeds: tuple[int, ...]) -> list[list[Any]]:
    """Rows of the comparison of robust and other beams."""
    rows = []
    for error in errors:
        measured = []
        for seed in seeds:
            instance = generate(models=24, nodes=4, users=8, scenarios=6, seed=seed, csi_error=error)
            robust = solve(instance, "local-search", threads=1).objective
            measured.append((float("inf") if robust is None else float(robust), *blind_plan(instance)))
            print(error, seed, measured[-1], flush=True)
        robust, promised, failing = (mean(row[column] for row in measured) for column in (0, 1, 3))
        never = sum(np.isinf(row[2]) for row in measured)
        finite = [row[2] / row[0] for row in measured if np.isfinite(row[2])]
        more = f"{100 * (mean(finite) - 1):.2f} %" if finite else "-"
        rows.append(
            [f"{100 * error:g} %", robust, promised, more, f"{never} of {len(seeds)}", f"{100 * failing:.0f} %"]
        )
    return rows


def with_beams(instance: CachingInstance, beamformer: Any) -> float:
    """Delay of the caches and deliveries chosen with another beamformer."""
    run = Run(Options(threads=1), maximize=False)
    work = Worked(DelayTables(instance, run, beamformer), run)
    if work.outcome is not None:
        return float("inf")
    plan = work.result(work.searched()).plan
    objective = None if plan is None else check(instance, plan).objective
    return float("inf") if objective is None else float(objective)


def delays(instance: CachingInstance) -> dict[str, float]:
    """Delay of each way, in seconds, by the checker."""
    delay_of = {"full": solve(instance, "local-search", threads=1).objective}
    for name in ("no-migration", "no-comp", "no-sharing", "coarse", "random"):
        delay_of[name] = solve(instance, name, threads=1).objective
    delay_of["no-sharing, own world"] = solve(baselines.without_sharing(instance), "local-search", threads=1).objective
    delay_of["coarse, own world"] = solve(baselines.whole_models(instance), "local-search", threads=1).objective
    delay_of["non-robust beams"] = with_beams(instance, non_robust)
    delay_of["maximum-ratio beams"] = with_beams(instance, mrt)
    return {name: float("inf") if value is None else float(value) for name, value in delay_of.items()}


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    by_error: dict[float, list[dict[str, float]]] = {}
    for error in (0.05, 0.15):
        by_error[error] = []
        for seed in SEEDS:
            by_error[error].append(
                delays(generate(models=24, nodes=4, users=8, scenarios=6, seed=seed, csi_error=error))
            )
            print(error, seed, by_error[error][-1], flush=True)
    sections = []
    for error, delays_by_seed in by_error.items():
        rows = [
            [
                name,
                mean(row[name] for row in delays_by_seed),
                f"{100 * (mean(r[name] / r['full'] for r in delays_by_seed) - 1):.1f} %",
            ]
            for name in delays_by_seed[0]
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
            "## Robust beams",
            "Beams for the worst error of the ball against beams for the known channels, whose rates are *promised*: "
            "caches, nodes and beams are all chosen without the error. *Worst case*: the same plan at the rates that "
            "hold for every error, against the robust plan; *never ends*: plans of which some delivery has then no "
            "rate at all. *Fails*: share of the deliveries to a user that fall below the promised rate, for errors "
            f"drawn evenly from the sphere at each node, {DRAWN_ERRORS} for each. The robust plan's rates hold for all "
            "errors, by proof. Radius as a fraction of the weakest user's strongest channel.",
            table(
                ["radius", "robust s", "promised s", "worst case, more than robust", "never ends", "fails"],
                robustness((0.05, 0.1, 0.2, 0.3), SEEDS),
            ),
            "Broadcasts do not contend for time in this problem: sending a block once to many users takes as long as "
            "the slowest of them needs, and sending it apart to each model's users costs the others nothing. That "
            "favours the worlds without sharing, which here lose by storage alone.",
        ],
    )


if __name__ == "__main__":
    main()
