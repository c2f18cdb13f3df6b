"""The reward of the team in a round."""

from __future__ import annotations

import numpy as np

from edgeopt.caching.agents.world import Floats, Integers, World

TRANSFER_WEIGHT = 0.02  # of the seconds of fetching and migrating, beside those of the delay


def team_rewards(
    world: World,
    slots: Integers,
    masks: Integers,
    following: Integers,
    transfer_s: Floats,
    transfer_weight: float = TRANSFER_WEIGHT,
) -> Floats:
    """Return what the delay falls by in a round, less weighted transfers, in units of the slot's span, shape (runs,).

    Summed over the rounds of a slot, and without transfers, that is the delay at its beginning less the delay at its
    end: the final delay, shaped by a potential (Ng, Harada and Russell 1999), which changes no best policy.
    """
    saved = world.delays(slots, masks) - world.delays(slots, following)
    return (saved - transfer_weight * transfer_s) / world.span_s[slots]


def final_rewards(
    world: World, slots: Integers, following: Integers, transfer_s: Floats, transfer_weight: float, last: bool
) -> Floats:
    """Return the same without shaping, for comparison: all comes in the slot's last round, relative to empty caches."""
    before = np.zeros_like(following) if last else following
    return team_rewards(world, slots, before, following, transfer_s, transfer_weight)
