"""Training from instances to a policy, with a checkpoint beside the policy file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeopt.caching.agents.extras import require_learning
from edgeopt.caching.agents.policy import TrainedPolicy
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.world import build_world
from edgeopt.caching.instance import CachingInstance
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.caching.agents.trainer import Trainer

EPISODES = 1600  # of a training: enough for a few nodes and some twenty blocks
KEPT_EPISODES = 160  # between two checkpoints


def train(
    slots: Sequence[CachingInstance],
    recipe: Recipe | None = None,
    episodes: int = EPISODES,
    output: Path | None = None,
    resume: bool = False,
    report: Callable[[Trainer], None] | None = None,
) -> TrainedPolicy:
    """Train agents on slots of one network.

    Parameters
    ----------
    slots : sequence of CachingInstance
    recipe : Recipe, optional
        Default: `Recipe()`.
    episodes : int
        In all, those before a resumption included; rounded up to whole groups of `Recipe.runs`.
    output : path, optional
        Policy file; a checkpoint is kept beside it, and both are renewed during the training.
    resume : bool
        Go on from the checkpoint: the result is that of a training without interruption.
    report : callable, optional
        Called with the `Trainer` after each group of episodes.

    Returns
    -------
    TrainedPolicy
        The best on the training slots, of those looked at during the training.

    Raises
    ------
    MissingExtra
        The libraries for learning are not installed.
    UsageError, InputError
        The slots do not belong together, or there is no checkpoint of this training.
    """
    require_learning()
    from edgeopt.caching.agents.checkpoint import checkpoint_of, read_checkpoint, write_checkpoint
    from edgeopt.caching.agents.trainer import Trainer, passes

    if episodes < 1:
        raise UsageError(f"the number of episodes is 1 or more, not {episodes}")
    if resume and (output is None or not checkpoint_of(output).exists()):
        raise UsageError(f"there is no checkpoint of {str(output)!r} to resume; train without it")
    recipe, world = recipe or Recipe(), build_world(slots)
    trainer = read_checkpoint(checkpoint_of(output), world, recipe) if resume and output else Trainer(world, recipe)

    def policy() -> TrainedPolicy:
        names = sorted({slot.name for slot in slots})
        trained = {"slots": names, "episodes": trainer.episodes, "updates": trainer.updates}
        return TrainedPolicy(recipe, trainer.best, trained)

    def keep(current: Trainer) -> None:
        before = current.episodes - recipe.runs
        if output is not None and (passes(before, current.episodes, KEPT_EPISODES) or current.episodes >= episodes):
            policy().write(output)
            write_checkpoint(checkpoint_of(output), current)
        if report is not None:
            report(current)

    trainer.run(episodes, keep)
    return policy()
