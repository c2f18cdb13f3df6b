"""Online pulling: regret of policies, a contextual bandit of another library among them."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from benchmarks.measure import arguments_on_a_quiet_machine, cpu_seconds, table, write_results
from edgeopt.libraries.library import ModelLibrary
from edgeopt.pulling.generator import generate
from edgeopt.pulling.online import POLICIES, Arrivals, Environment, run_study
from edgeopt.pulling.online.environment import SIZE, TASK
from edgeopt.pulling.online.figure import plot_regret

ROOT = Path(__file__).parents[2]


class Mabwiser:
    """LinUCB of mabwiser 2.7: an arm for each pair, task and size as indicators, the reward minus the ratio."""

    def __init__(self, environment: Environment, generator: np.random.Generator) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        self.levels = environment.levels
        arms = list(range(len(environment.pair_site)))
        self.bandit = MAB(arms, LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0), seed=int(generator.integers(2**31)))
        contexts = np.zeros((len(arms), sum(self.levels[:2])))
        self.bandit.fit(arms, np.zeros(len(arms)), contexts)

    def _contexts(self, arrivals: Arrivals) -> np.ndarray:
        tasks, sizes = self.levels[:2]
        return np.hstack([np.eye(tasks)[arrivals.features[:, TASK]], np.eye(sizes)[arrivals.features[:, SIZE]]])

    def ratios(self, arrivals: Arrivals) -> np.ndarray:
        expected = self.bandit.predict_expectations(self._contexts(arrivals))
        return np.maximum(-np.array([list(row.values()) for row in expected]), 0.0)

    def learn(self, arrivals: Arrivals, pair: np.ndarray, seen: np.ndarray) -> None:
        self.bandit.partial_fit(pair.tolist(), -seen, self._contexts(arrivals))


def rows(study) -> list[list[object]]:
    """One row of the table for each policy, the least regret first."""
    return [
        [
            f"`{name}`",
            f"{row.regret_s:.0f} ± {row.half_width_s:.0f}",
            f"{row.exponent:.2f}",
            f"{row.largest_exponent:.2f}",
            f"{row.delay_over_best - 1:+.1%}",
        ]
        for name, row in study.summary().sort_values("regret_s").iterrows()
    ]


HEADINGS = ["policy", "regret (s)", "exponent", "largest of a seed", "delay over best"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--peer-rounds", type=int, default=1000)
    parser.add_argument("--peer-seeds", type=int, default=3)
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "images" / "regret.png")
    try:
        peer_version = version("mabwiser")
    except PackageNotFoundError:
        parser.error("a bandit of mabwiser is measured, too: pip install mabwiser==2.7.4")
    options = arguments_on_a_quiet_machine(parser)
    models = ModelLibrary.read(ROOT / "instances" / "libraries" / "llama-lora.json")
    instance = generate(library=models, cloudlets=4, requests=24, memory_fraction=0.3, cloud_to_edge=2.0)
    began = cpu_seconds()
    study = run_study(instance, rounds=options.rounds, seeds=options.seeds)
    took = cpu_seconds() - began
    peers = {**{name: POLICIES[name] for name in ("linucb", "ucb", "greedy")}, "mabwiser LinUCB": Mabwiser}
    peer = run_study(instance, peers, rounds=options.peer_rounds, seeds=options.peer_seeds)
    pairs = len(Environment.from_instance(instance, None, arrivals=10, slots=2, distractors=3, seed=0).pair_site)
    plot_regret(study).savefig(options.figure, dpi=150)
    write_results(
        __file__,
        "Online pulling",
        [
            f"{instance.name}: adapters of one Llama base on 4 cloudlets with 2 slots each and in the cloud, {pairs} "
            "placed pairs of model and site; 10 arrivals in a round, 4 tasks, 3 sizes, 3 distractors. Each seed draws "
            "the unknown service times and the arrivals anew. Regret in seconds after the last round, mean over seeds "
            "with its 95 % interval; exponents are slopes of log regret over log rounds in the last nine tenths.",
            f"{options.rounds} rounds, {options.seeds} seeds, {took:.0f} CPU s for all policies.",
            table(HEADINGS, rows(study)),
            f"A contextual bandit of another library (mabwiser {peer_version}) through the same interface, "
            f"{options.peer_rounds} rounds, {options.peer_seeds} seeds:",
            table(HEADINGS, rows(peer)),
        ],
    )


if __name__ == "__main__":
    main()
