"""What caching agents learn, against the exact optimum of each slot."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.caching.learning_runs import (
    ABLATIONS,
    AUGMENTED,
    CONTROL,
    EPISODES,
    HELD_OUT_SLOTS,
    MAIN,
    PAIRED_EPISODES,
    PAIRED_SEEDS,
    SCENARIOS,
    TRAINING_SLOTS,
    Case,
    make_case,
    make_runs,
    read_runs,
    seeds_of,
)
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.caching.agents.observation import DENSITY, Observer
from edgeopt.caching.agents.play import Played, empty, play
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.solving import solve

FIGURE = Path(__file__).parents[2] / "docs" / "images" / "caching-learning.png"
RANDOM_SEEDS = 10


def myopic(case: Case) -> Played:
    """Agents that learn nothing: each fetches what saves most delay for the storage it takes, given the others."""
    observer, runs = Observer(case.world), len(case.exact_s)

    def choose(slots: Any, masks: Any, played: int, legal: Any) -> Any:
        density = observer.observe(slots, masks, np.ones(runs)).own[..., DENSITY]
        worth = np.where(legal[:, :, 1 : 1 + len(case.world.blocks)], density, 0.0)
        return np.where(worth.max(axis=-1) > 0, 1 + worth.argmax(axis=-1), 0)

    return play(case.world, np.arange(runs), empty(case.world, runs), Recipe().rounds, choose)


def by_method(case: Case, method: str, seed: int = 0) -> float:
    """Mean ratio of a registered method on the held-out slots."""
    delays = [solve(slot, method, threads=1, seed=seed).objective for slot in case.held_out]
    return mean(float(delay or np.inf) / best for delay, best in zip(delays, case.exact_s, strict=True))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % confidence interval by Student's t."""
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return mean(values), float(half)


def finals(runs: dict[str, dict[str, Any]], variant: str, seeds: Sequence[int]) -> list[float]:
    """Mean final ratio of each seed."""
    return [mean(runs[f"{variant}/{seed}"]["final"]) for seed in seeds]


def early(runs: dict[str, dict[str, Any]], variant: str, seeds: Sequence[int]) -> list[float]:
    """Mean ratio over the looks at the policy of each seed: lower is learned sooner."""
    return [mean(ratio for _, ratio in runs[f"{variant}/{seed}"]["curve"]) for seed in seeds]


def there(runs: dict[str, dict[str, Any]], *variants: str) -> list[int]:
    """Seeds for which all these variants have a run."""
    return [seed for seed in seeds_of(variants[0]) if all(f"{variant}/{seed}" in runs for variant in variants)]


def paired(
    runs: dict[str, dict[str, Any]],
    first: str,
    second: str,
    measure: Callable[[dict[str, dict[str, Any]], str, Sequence[int]], list[float]] = finals,
) -> str:
    """Difference of the first variant from the second with its paired confidence interval, in % of the optimum."""
    seeds = sorted(set(there(runs, first)) & set(there(runs, second)))
    if len(seeds) < 2:
        return "not measured"
    pairs = zip(measure(runs, first, seeds), measure(runs, second, seeds), strict=True)
    centre, half = interval([a - b for a, b in pairs])
    return f"{100 * centre:+.1f} % ± {100 * half:.1f} %, {len(seeds)} seeds"


def row(runs: dict[str, dict[str, Any]], variant: str) -> list[Any]:
    """A variant's line of a table."""
    seeds = there(runs, variant)
    ratios, (centre, half) = finals(runs, variant, seeds), interval(finals(runs, variant, seeds))
    return [
        variant,
        len(seeds),
        f"{centre:.3f} ± {half:.3f}",
        f"{max(ratios):.3f}",
        f"{mean(runs[f'{variant}/{seed}']['visited'] for seed in seeds):.3f}",
        mean(runs[f"{variant}/{seed}"]["cpu_s"] for seed in seeds),
    ]


HEADER = ["variant", "seeds", "final delay / exact", "worst seed", "best on the way", "CPU s"]


def page(case: Case, runs: dict[str, dict[str, Any]]) -> list[str]:
    """Sections of the page."""
    critics = [variant for variant in MAIN if there(runs, variant)]
    chance = [by_method(case, "random", seed) for seed in range(RANDOM_SEEDS)]
    baselines = [
        ["random", f"{interval(chance)[0]:.3f} ± {interval(chance)[1]:.3f}"],
        ["myopic agents: fetch what saves most for its bytes", f"{mean(case.ratios(myopic(case))):.3f}"],
        ["greedy, central", f"{by_method(case, 'greedy'):.3f}"],
        ["exact", "1"],
    ]
    return [
        f"4 nodes, {len(case.world.blocks)} requested blocks, 6 users; {TRAINING_SLOTS} slots to learn on, and "
        f"{HELD_OUT_SLOTS} others, of later scenarios and other fading, to be judged on. A slot has {SCENARIOS} "
        f"scenarios; {EPISODES} episodes of 2 slots with {Recipe().rounds} rounds each. All figures are means over the "
        "held-out slots of the final delay after all rounds, by the checker, over that of `exact`; the policy is the "
        "best on the training slots. ± is the 95 % confidence interval over seeds. *Best on the way*: least delay in "
        "any round, which is what `solve --method policy:FILE` gives. Target: at most 1.15 on the mean of five seeds, "
        "and clearly below random caches and IQL. CPU seconds are those of a busy machine.",
        "![Convergence](../../../docs/images/caching-learning.png)",
        "## Critics",
        table(HEADER, [row(runs, variant) for variant in critics]),
        table(
            ["difference", "paired by seed"],
            [[f"{a} less {b}", paired(runs, a, b)] for a, b in (("vdn", "iql"), ("qmix", "iql"), ("vdn", "qmix"))],
        ),
        "## Without learning",
        table(["caches", "delay / exact"], baselines),
        *augmentation(runs),
        *ablation(runs),
    ]


def ablation(runs: dict[str, dict[str, Any]]) -> list[str]:
    """The section on what can be left out, of the variants that were trained."""
    rows = [[*row(runs, variant)[:4], paired(runs, variant, "vdn")] for variant in ABLATIONS if there(runs, variant)]
    header = ["variant", "seeds", "final delay / exact", "worst seed", "more than vdn, paired"]
    return ["## Ablations of VDN", table(header, rows)] if rows else []


def augmentation(runs: dict[str, dict[str, Any]]) -> list[str]:
    """The section on synthetic transitions."""
    seeds = there(runs, AUGMENTED, CONTROL)
    if len(seeds) < 2:
        return []
    synthetic = [runs[f"{AUGMENTED}/{seed}"] for seed in seeds]
    fits = [fit for run in synthetic for fit in run["fits"] if fit is not None]
    gate = synthetic[0]["recipe"]["least_fit"]
    used = [mean(fit is not None and fit >= gate for fit in run["fits"]) for run in synthetic]
    updates = {runs[f"{variant}/{seed}"]["updates"] for variant in (AUGMENTED, CONTROL) for seed in seeds}
    return [
        "## Augmentation",
        f"VDN for {PAIRED_EPISODES} episodes, with two updates a round of 32 transitions each. *{AUGMENTED}*: the "
        f"second of transitions that the echo state network predicts; *{CONTROL}*, the control: of real ones. "
        f"Numbers of updates, the same for both: {', '.join(map(str, sorted(updates)))}. Held-out R**2, the worse of "
        f"caches and rewards: {min(fits):.3f} to {max(fits):.3f}; the gate stood at {gate:g} and was open in "
        f"{100 * min(used):.0f} to {100 * max(used):.0f} % of the training. With fewer than {len(PAIRED_SEEDS)} pairs "
        "nothing is claimed.",
        table(HEADER, [row(runs, variant) for variant in (AUGMENTED, CONTROL)]),
        table(
            ["augmented less control", "paired by seed"],
            [
                ["final delay", paired(runs, AUGMENTED, CONTROL)],
                ["mean over the training", paired(runs, AUGMENTED, CONTROL, early)],
            ],
        ),
    ]


def draw(runs: dict[str, dict[str, Any]]) -> None:
    """Convergence on the held-out slots: means, and the range over the seeds."""
    from matplotlib.figure import Figure

    from edgeopt.drawing.palette import BLUE, GREEN, VERMILION

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    groups: list[tuple[str, Sequence[str]]] = [("critics", MAIN), ("augmentation", (AUGMENTED, CONTROL))]
    axes: Callable[..., Any] = figure.subplots(1, 2, sharey=True)
    for axis, (title, variants) in zip(np.ravel(axes), groups, strict=True):
        for color, variant in zip((BLUE, GREEN, VERMILION), variants, strict=False):
            drawn_curves = [runs[f"{variant}/{seed}"]["curve"] for seed in there(runs, variant)]
            if not drawn_curves:
                continue
            curves, episodes = np.array(drawn_curves)[:, :, 1], np.array(drawn_curves)[0, :, 0]
            axis.plot(episodes, curves.mean(axis=0), color=color, label=f"{variant}, {len(curves)} seeds")
            axis.fill_between(episodes, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.15, linewidth=0)
        axis.axhline(1.15, color="grey", linestyle=":", label="target")
        axis.set(title=title, xlabel="episodes", ylim=(1, 3))
        axis.legend()
    np.ravel(axes)[0].set_ylabel("final delay / exact, held-out slots")
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)


def main() -> None:
    """Make the missing runs (with ``--page`` none), then the figure and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="of the runs that are there, without further ones")
    parser.add_argument("--backwards", action="store_true", help="the last seeds first")
    arguments = arguments_on_a_quiet_machine(parser)
    case = make_case()
    runs = read_runs() if arguments.page else make_runs(case, backwards=arguments.backwards)
    draw(runs)
    write_results(__file__, "Caching agents", page(case, runs))


if __name__ == "__main__":
    main()
