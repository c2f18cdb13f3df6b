"""Trainings of caching agents: networks, slots, variants, seeds; runs that are there are not made again."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from edgeopt.caching.agents.play import Played
from edgeopt.caching.agents.policy import TrainedPolicy
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.slots import draw_slots
from edgeopt.caching.agents.trainer import Trainer
from edgeopt.caching.agents.world import World, build_world, tabulate
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance, Scenario
from edgeopt.caching.tables import DelayTables
from edgeopt.certificates import check
from edgeopt.files import write_text
from edgeopt.run import Run
from edgeopt.solving import solve

RUNS = Path(__file__).parent / "results" / "learning-runs.json"
NETWORKS = (12, 13, 14)  # seeds of the generator; no setting was chosen by a look at them
TRAINING_SLOTS, HELD_OUT_SLOTS, SCENARIOS = 72, 16, 3
EPISODES, PAIRED_EPISODES, LOOK_EPISODES = 1280, 480, 160

BEST, MAIN, MAIN_SEEDS = "turns", ("turns", "vdn", "qmix", "iql"), (0, 1, 2, 3, 4)
AUGMENTED, CONTROL, PAIRED_SEEDS = "synthetic", "replay", (0, 1, 2, 3, 4, 5, 6, 7)
ABLATION_SEEDS = (0, 1, 2)
VARIANTS: dict[str, dict[str, Any]] = {
    "turns": {},
    "vdn": {"critic": "vdn"},
    "qmix": {"critic": "qmix"},
    "iql": {"critic": "iql"},
    AUGMENTED: {"critic": "vdn", "batch": 32, "extra": "synthetic", "least_fit": 0.8},
    CONTROL: {"critic": "vdn", "batch": 32, "extra": "replay"},
    "no action semantics": {"semantics": False},
    "no marginal figures": {"marginal": False},
    "no shaping": {"shaping": False},
}
ABLATIONS = tuple(VARIANTS)[6:]


def seeds_of(variant: str) -> Sequence[int]:
    """Seeds with which a variant is trained."""
    if variant in (AUGMENTED, CONTROL):
        return PAIRED_SEEDS
    return MAIN_SEEDS if variant in MAIN else ABLATION_SEEDS


def episodes_of(variant: str) -> int:
    """Episodes of a training; augmentation is judged where data are few."""
    return PAIRED_EPISODES if variant in (AUGMENTED, CONTROL) else EPISODES


def networks_of(variant: str) -> Sequence[int]:
    """Networks on which a variant is trained: the best one on all, the others on the first."""
    return NETWORKS if variant == BEST else NETWORKS[:1]


def network(seed: int) -> CachingInstance:
    """Four nodes that store 15 to 30 % of eight models' blocks each, six users, 120 scenarios in a row."""
    drawn = generate(models=8, nodes=4, users=6, scenarios=2 * 60, seed=seed)
    total = drawn.library.union_bytes(drawn.library.models)
    storage = (int(0.15 * total), int(0.3 * total))
    return generate(models=8, nodes=4, users=6, scenarios=2 * 60, seed=seed, storage_bytes=storage)


@dataclass(frozen=True)
class Case:
    """Slots to learn on, and others to be judged on."""

    training: World
    held_out: list[CachingInstance]
    tables: list[DelayTables]
    world: World
    exact_s: np.ndarray

    def ratios(self, played: Played, rounds: int | None = None) -> list[float]:
        """Delay over the optimum for each held-out slot after some rounds (default: all), by the checker."""
        ratios = []
        for slot, table_, masks, best in zip(
            self.held_out, self.tables, played.masks[:, -1 if rounds is None else rounds], self.exact_s, strict=True
        ):
            requested = [self.world.blocks.index(block) for block in table_.requests.blocks]
            report = check(slot, table_.plan(masks[requested]))
            assert not report.violations
            ratios.append(float(report.objective or np.inf) / best)
        return ratios


def part(whole: CachingInstance, scenarios: Sequence[Scenario]) -> CachingInstance:
    """The instance with some of its scenarios, all equally probable."""
    equal = [Scenario(probability=1 / len(scenarios), requests=scenario.requests) for scenario in scenarios]
    return whole.replace(scenarios=equal)


@cache
def make_case(seed: int) -> Case:
    """The slots of a network: training ones from the first half of the scenarios, the others from the second."""
    whole = network(seed)
    half = len(whole.scenarios) // 2
    first, second = part(whole, whole.scenarios[:half]), part(whole, whole.scenarios[half:])
    held_out = draw_slots(second, HELD_OUT_SLOTS, seed=1, scenarios=SCENARIOS)
    tables = [DelayTables(slot, Run(maximize=False)) for slot in held_out]
    return Case(
        training=build_world(draw_slots(first, TRAINING_SLOTS, seed=0, scenarios=SCENARIOS)),
        held_out=held_out,
        tables=tables,
        world=tabulate(tables),
        exact_s=np.array([solve(slot, "exact", threads=1).objective for slot in held_out]),
    )


def trained(case: Case, recipe: Recipe, episodes: int) -> dict[str, Any]:
    """Train once: how the policy does on the held-out slots during the training, and the one kept at the end."""
    curve: list[list[float]] = []

    def look(trainer: Trainer) -> None:
        if trainer.episodes % LOOK_EPISODES == 0:
            played = TrainedPolicy(recipe, trainer.policy(), {}).play(case.world)
            delays = played.delays(case.world)[:, -1]
            curve.append([trainer.episodes, float(np.mean(delays / case.exact_s))])

    start = time.process_time()
    trainer = Trainer(case.training, recipe)
    trainer.run(episodes, look)
    cpu_s = time.process_time() - start
    played = TrainedPolicy(recipe, trainer.best, {}).play(case.world)
    delays = played.delays(case.world)
    return {
        "recipe": recipe.to_dict(),
        "final": case.ratios(played),
        "visited": float(np.mean(delays.min(axis=1) / case.exact_s)),
        "curve": curve,
        "updates": trainer.updates,
        "fits": [point.fit for point in trainer.curve],
        "cpu_s": cpu_s,
    }


def wanted() -> list[tuple[str, int, int]]:
    """All runs: variant, network and seed."""
    return [
        (variant, number, seed) for variant in VARIANTS for number in networks_of(variant) for seed in seeds_of(variant)
    ]


def key_of(variant: str, number: int, seed: int) -> str:
    """Name of a run in the file."""
    return f"{variant}/{number}/{seed}"


def make_runs() -> dict[str, dict[str, Any]]:
    """All runs, the missing ones made now by a process on each core; each is written when it is there."""
    runs = read_runs()
    pending = [run for run in wanted() if key_of(*run) not in runs]
    pending.sort(key=lambda run: run[2] if run[0] in (AUGMENTED, CONTROL) else -1)  # pairs side by side
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        made = {pool.submit(make_run, *run): key_of(*run) for run in pending}
        for future in as_completed(made):
            runs[made[future]] = run = future.result()
            write_text(RUNS, json.dumps(runs))
            print(f"{made[future]}: {mean(run['final']):.4f} x exact, {run['cpu_s']:.1f} CPU s", flush=True)
    return runs


def make_run(variant: str, number: int, seed: int) -> dict[str, Any]:
    """Train a variant on a network."""
    return trained(make_case(number), recipe_of(variant, seed), episodes_of(variant))


def recipe_of(variant: str, seed: int) -> Recipe:
    """Settings of a run."""
    return Recipe(**{**VARIANTS[variant], "seed": seed})


def read_runs() -> dict[str, dict[str, Any]]:
    """The runs with the present settings that are there, by variant, network and seed."""
    runs: dict[str, dict[str, Any]] = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    present = {key_of(variant, number, seed): recipe_of(variant, seed) for variant, number, seed in wanted()}
    return {key: run for key, run in runs.items() if key in present and run["recipe"] == present[key].to_dict()}
