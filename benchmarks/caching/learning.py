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
    BEST,
    CONTROL,
    EPISODES,
    HELD_OUT_SLOTS,
    MAIN,
    NETWORKS,
    PAIRED_EPISODES,
    PAIRED_SEEDS,
    SCENARIOS,
    TRAINING_SLOTS,
    Case,
    key_of,
    make_case,
    make_runs,
    read_runs,
    seeds_of,
)
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.caching.agents.observation import DENSITY, GAIN, Observer
from edgeopt.caching.agents.play import Played, empty, play
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.solving import solve

FIGURE = Path(__file__).parents[2] / "docs" / "images" / "caching-learning.png"
FIRST, TARGET = NETWORKS[0], 1.05
Runs = dict[str, dict[str, Any]]


def myopic(case: Case, figure: int, in_turn: bool) -> Played:
    """Agents that learn nothing: each fetches the block with the most of a figure of the observation."""
    observer, runs = Observer(case.world), len(case.exact_s)

    def choose(slots: Any, masks: Any, played: int, legal: Any) -> Any:
        figures = observer.observe(slots, masks, np.ones(runs)).own[..., figure]
        worth = np.where(legal[:, :, 1 : 1 + len(case.world.blocks)], figures, 0.0)
        return np.where(worth.max(axis=-1) > 0, 1 + worth.argmax(axis=-1), 0)

    steps = Recipe().rounds * (len(case.world.nodes) if in_turn else 1)
    return play(case.world, np.arange(runs), empty(case.world, runs), steps, choose, in_turn)


def by_method(case: Case, method: str) -> float:
    """Mean ratio of a registered method on the held-out slots."""
    delays = [solve(slot, method, threads=1, seed=0).objective for slot in case.held_out]
    return mean(float(delay or np.inf) / best for delay, best in zip(delays, case.exact_s, strict=True))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % confidence interval by Student's t."""
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return mean(values), float(half)


def runs_of(runs: Runs, variant: str, seeds: Sequence[int], network: int = FIRST) -> list[dict[str, Any]]:
    """The runs of a variant on a network."""
    return [runs[key_of(variant, network, seed)] for seed in seeds]


def finals(runs: Runs, variant: str, seeds: Sequence[int], network: int = FIRST) -> list[float]:
    """Mean final ratio of each seed."""
    return [mean(run["final"]) for run in runs_of(runs, variant, seeds, network)]


def early(runs: Runs, variant: str, seeds: Sequence[int], network: int = FIRST) -> list[float]:
    """Mean ratio over the looks at the policy of each seed: lower is learned sooner."""
    return [mean(ratio for _, ratio in run["curve"]) for run in runs_of(runs, variant, seeds, network)]


def there(runs: Runs, *variants: str, network: int = FIRST) -> list[int]:
    """Seeds for which all these variants have a run on a network."""
    return [
        seed for seed in seeds_of(variants[0]) if all(key_of(variant, network, seed) in runs for variant in variants)
    ]


def paired(
    runs: Runs, first: str, second: str, measure: Callable[[Runs, str, Sequence[int]], list[float]] = finals
) -> str:
    """Difference of the first variant from the second with its paired confidence interval, in % of the optimum."""
    seeds = sorted(set(there(runs, first)) & set(there(runs, second)))
    if len(seeds) < 2:
        return "not measured"
    pairs = zip(measure(runs, first, seeds), measure(runs, second, seeds), strict=True)
    centre, half = interval([a - b for a, b in pairs])
    return f"{100 * centre:+.1f} % ± {100 * half:.1f} %, {len(seeds)} seeds"


def row(runs: Runs, variant: str, network: int = FIRST) -> list[Any]:
    """A variant's line of a table."""
    seeds = there(runs, variant, network=network)
    ratios, made = finals(runs, variant, seeds, network), runs_of(runs, variant, seeds, network)
    centre, half = interval(ratios)
    return [
        variant,
        len(seeds),
        f"{centre:.3f} ± {half:.3f}",
        f"{max(ratios):.3f}",
        f"{mean(run['visited'] for run in made):.3f}",
        mean(run["cpu_s"] for run in made),
    ]


HEADER = ["variant", "seeds", "final delay / exact", "worst seed", "best on the way", "CPU s"]


def page(runs: Runs) -> list[str]:
    """Sections of the page."""
    critics = [variant for variant in MAIN if there(runs, variant)]
    pairs = [(BEST, "vdn"), ("vdn", "iql"), ("qmix", "iql"), ("vdn", "qmix")]
    return [
        f"{len(NETWORKS)} networks that played no part in the choice of the settings, each with 4 nodes and 6 users; "
        f"for each, {TRAINING_SLOTS} slots to learn on, and "
        f"{HELD_OUT_SLOTS} others, of later scenarios and other fading, to be judged on. A slot has {SCENARIOS} "
        f"scenarios; {EPISODES} episodes of 2 slots with {Recipe().rounds} rounds each. All figures are means over the "
        "held-out slots of the final delay after all rounds, by the checker, over that of `exact`; the policy is the "
        "best on the training slots. ± is the 95 % confidence interval over seeds. *Best on the way*: least delay at "
        "any time, which is what `solve --method policy:FILE` gives.",
        "![Convergence](../../../docs/images/caching-learning.png)",
        *networks(runs),
        "## Critics",
        f"All on network {FIRST}.",
        table(HEADER, [row(runs, variant) for variant in critics]),
        table(["difference", "paired by seed"], [[f"{a} less {b}", paired(runs, a, b)] for a, b in pairs]),
        *augmentation(runs),
        *ablation(runs),
    ]


def networks(runs: Runs) -> list[str]:
    """The section on agents in turn beside caches that need no learning."""
    rows, learned, central = [], [], []
    for number in NETWORKS:
        case, seeds = make_case(number), there(runs, BEST, network=number)
        learned.append(finals(runs, BEST, seeds, number))
        central.append(by_method(case, "greedy"))
        baselines = [
            by_method(case, "random"),
            mean(case.ratios(myopic(case, DENSITY, in_turn=False))),
            mean(case.ratios(myopic(case, GAIN, in_turn=True))),
            central[-1],
        ]
        rows.append(
            [number, len(case.world.blocks), *(f"{ratio:.3f}" for ratio in baselines), *row(runs, BEST, number)[1:]]
        )
    header = ["network", "blocks", "random", "myopic at once", "myopic in turn", "greedy, central", *HEADER[1:]]
    whole = mean(mean(ratios) for ratios in learned)
    return [
        "## Agents in turn, and what needs no learning",
        "*Myopic at once*: each node fetches what saves most for its bytes, all in the same round. *Myopic in turn*: "
        "what saves most, after those before it. The rest is of agents that learned to move in turn.",
        table(header, rows),
        f"Mean over the networks: agents {whole:.3f}, central greedy {mean(central):.3f}; the target of {TARGET:g} is "
        f"{'reached' if whole <= TARGET else 'missed'}.",
    ]


def ablation(runs: Runs) -> list[str]:
    """The section on what can be left out, of the variants that were trained."""
    rows = [[*row(runs, variant)[:4], paired(runs, variant, BEST)] for variant in ABLATIONS if there(runs, variant)]
    header = ["variant", "seeds", "final delay / exact", "worst seed", f"more than {BEST}, paired"]
    return ["## Ablations of agents in turn", table(header, rows)] if rows else []


def augmentation(runs: Runs) -> list[str]:
    """The section on synthetic transitions."""
    seeds = there(runs, AUGMENTED, CONTROL)
    if len(seeds) < 2:
        return []
    synthetic = [runs[key_of(AUGMENTED, FIRST, seed)] for seed in seeds]
    fits = [fit for run in synthetic for fit in run["fits"] if fit is not None]
    gate = synthetic[0]["recipe"]["least_fit"]
    used = [mean(fit is not None and fit >= gate for fit in run["fits"]) for run in synthetic]
    updates = {runs[key_of(variant, FIRST, seed)]["updates"] for variant in (AUGMENTED, CONTROL) for seed in seeds}
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


def draw(runs: Runs) -> None:
    """Convergence on the held-out slots: means, and the range over the seeds."""
    from matplotlib.figure import Figure

    from edgeopt.drawing.palette import BLUE, GREEN, PURPLE, VERMILION

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    groups: list[tuple[str, Sequence[str]]] = [("critics", MAIN), ("augmentation", (AUGMENTED, CONTROL))]
    axes: Callable[..., Any] = figure.subplots(1, 2, sharey=True)
    for axis, (title, variants) in zip(np.ravel(axes), groups, strict=True):
        for color, variant in zip((BLUE, GREEN, VERMILION, PURPLE), variants, strict=False):
            drawn_curves = [run["curve"] for run in runs_of(runs, variant, there(runs, variant))]
            if not drawn_curves:
                continue
            curves, episodes = np.array(drawn_curves)[:, :, 1], np.array(drawn_curves)[0, :, 0]
            axis.plot(episodes, curves.mean(axis=0), color=color, label=f"{variant}, {len(curves)} seeds")
            axis.fill_between(episodes, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.15, linewidth=0)
        axis.axhline(TARGET, color="grey", linestyle=":", label="target")
        axis.set(title=title, xlabel="episodes", ylim=(1, 2))
        axis.legend()
    np.ravel(axes)[0].set_ylabel("final delay / exact, held-out slots")
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)


def main() -> None:
    """Make the missing runs (with ``--page`` none), then the figure and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="of the runs that are there, without further ones")
    arguments = arguments_on_a_quiet_machine(parser)
    runs = read_runs() if arguments.page else make_runs()
    draw(runs)
    write_results(__file__, "Caching agents", page(runs))


if __name__ == "__main__":
    main()
