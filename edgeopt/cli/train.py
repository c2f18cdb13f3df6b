"""`edgeopt train`: agents that fill caches, learning on slots of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import ExitCode, Quiet, complain, facts_text, on_terminal, require_writable
from edgeopt.cli.interrupts import keeping_work
from edgeopt.cli.terminal import say
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.caching.agents.trainer import Trainer
    from edgeopt.caching.instance import CachingInstance


class Critic(StrEnum):
    """The critic: how the team's value comes from the agents'."""

    TURNS = "turns"
    VDN = "vdn"
    QMIX = "qmix"
    IQL = "iql"


def train(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="INSTANCE", help="Caching instances: slots of one network.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="POLICY.npz", help="Policy file.", show_default=False)
    ],
    critic: Annotated[
        Critic, typer.Option(help="In turn; or all at once: sum, monotone mixture, or each agent by itself.")
    ] = Critic.TURNS,
    augment: Annotated[bool, typer.Option("--augment", help="Also learn from predicted transitions.")] = False,
    episodes: Annotated[int, typer.Option(metavar="N", help="Episodes in all, those before --resume too.")] = 1600,
    rounds: Annotated[int, typer.Option(metavar="N", help="Moves of each node in a slot.")] = 12,
    slots: Annotated[
        int | None,
        typer.Option(metavar="N", help="Draw so many slots from a single instance.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same result.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside POLICY.")] = False,
    quiet: Quiet = False,
) -> None:
    """Train agents that fetch, drop and migrate blocks; use them with: solve --method policy:POLICY.

    A kill or Ctrl-C loses what came after the last checkpoint; --resume then gives what a training without
    interruption would have given.
    """
    from edgeopt.caching.agents.extras import require_learning

    require_learning()
    from edgeopt.caching.agents.recipe import Recipe
    from edgeopt.caching.agents.training import train as train_agents

    require_writable(output, files, [".npz"])
    instances = _slots(files, slots, seed)
    recipe = Recipe.from_dict(
        {"critic": critic.value, "seed": seed, "rounds": rounds, "extra": "synthetic" if augment else "none"}
    )
    last: list[Trainer] = []
    try:
        with keeping_work(), _shown_progress(episodes, hidden=quiet) as show:

            def report(trainer: Trainer) -> None:
                last[:] = [trainer]
                show(trainer)

            train_agents(instances, recipe, episodes, output, resume, report)
    except KeyboardInterrupt:
        complain(f"interrupted; if {output} is there, go on with --resume")
        raise typer.Exit(ExitCode.NO_SOLUTION) from None
    if last:
        say(facts_text(_facts(last[0], len(instances))))
    if not quiet:
        say(f"written to {output}", err=True)


def _slots(files: list[Path], count: int | None, seed: int) -> list[CachingInstance]:
    import edgeopt
    from edgeopt.caching.agents.slots import draw_slots
    from edgeopt.caching.instance import CachingInstance

    instances = []
    for file in files:
        instance = edgeopt.read(file)
        if not isinstance(instance, CachingInstance):
            raise UsageError(f"{file} is an instance of {instance.problem!r}; agents act in 'caching'")
        instances.append(instance)
    if count is None:
        return instances
    if len(instances) > 1:
        raise UsageError("--slots draws from a single instance; several instances are slots themselves")
    return draw_slots(instances[0], count, seed)


def _facts(trainer: Trainer, slots: int) -> dict[str, str]:
    from edgeopt.quantities import quantity

    best = min(trainer.curve, key=lambda point: point.delay_s, default=None)
    start = float(trainer.world.delay_s[:, :, 0].sum(axis=1).mean())
    facts = {
        "slots": f"{slots}, {len(trainer.world.nodes)} agents, {len(trainer.world.blocks)} blocks",
        "training": f"{trainer.recipe.critic}, {trainer.episodes} episodes, {trainer.updates} updates",
        "delay": f"{quantity(start, 's')} with empty caches",
    }
    if best is not None:
        facts["delay"] += f", {quantity(best.delay_s, 's')} at the end of a slot after {best.episodes} episodes: kept"
    if trainer.model is not None and trainer.model.fit is not None:
        used = "used" if trainer.imagines else "too little, not used"
        facts["prediction"] = f"R**2 {trainer.model.fit.least:.3f} on held-out data, {used}"
    return facts


@contextmanager
def _shown_progress(episodes: int, hidden: bool) -> Iterator[Callable[[Trainer], None]]:
    """Show the episodes and the mean final delay on a terminal while the training lasts."""
    if hidden or not on_terminal():
        yield lambda trainer: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[found]}")]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=episodes, found="")

        def show(trainer: Trainer) -> None:
            delay = f"final delay {trainer.curve[-1].delay_s:.4g} s" if trainer.curve else ""
            bar.update(task, completed=min(episodes, trainer.episodes), found=delay)

        yield show
