"""Slots: caching instances of one network, one after another, whose demand and channels differ."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

import numpy as np

from edgeopt.caching.instance import CachingInstance, Radio, Scenario
from edgeopt.caching.reach import FULL_TABLE_NODES
from edgeopt.errors import UsageError


def draw_slots(instance: CachingInstance, count: int, seed: int, scenarios: int | None = None) -> list[CachingInstance]:
    """Draw slots of a network: consecutive scenarios from a random place on, and channels that fade anew.

    The mean power gain of each channel (over the node's antennas) stays; the coefficients are drawn again as Rayleigh
    fading.

    Parameters
    ----------
    instance : CachingInstance
        Its scenarios are taken as a sequence in time; beyond the last one the first follows.
    count : int
        Number of slots, at least 1.
    seed : int
    scenarios : int, optional
        Scenarios of each slot; default: all of them, or 4 when there are more.

    Raises
    ------
    UsageError
        A number outside its range.
    """
    width = min(4, len(instance.scenarios)) if scenarios is None else scenarios
    if count < 1:
        raise UsageError(f"the number of slots is 1 or more, not {count}")
    if not 1 <= width <= len(instance.scenarios):
        raise UsageError(f"a slot has 1 to {len(instance.scenarios)} scenarios of {instance.name!r}, not {width}")
    rng = np.random.default_rng([seed, 5])
    return [_slot(instance, number, width, rng) for number in range(count)]


def _slot(instance: CachingInstance, number: int, width: int, rng: np.random.Generator) -> CachingInstance:
    first = int(rng.integers(len(instance.scenarios)))
    window = [instance.scenarios[(first + step) % len(instance.scenarios)] for step in range(width)]
    total = fsum(scenario.probability for scenario in window)
    weights = [scenario.probability / total if total else 1 / width for scenario in window]
    return instance.replace(
        name=f"{instance.name}-slot{number + 1}",
        scenarios=[
            Scenario(probability=weight, requests=scenario.requests)
            for weight, scenario in zip(weights, window, strict=True)
        ],
        radio=_faded(instance.radio, rng),
    )


def _faded(radio: Radio, rng: np.random.Generator) -> Radio:
    channels: dict[str, dict[str, list[list[float]]]] = {}
    for node, row in radio.channels.items():
        channels[node] = {}
        for user, pairs in row.items():
            scale = np.sqrt(np.mean(np.sum(np.square(pairs), axis=1)) / 2)
            drawn = scale * rng.standard_normal((len(pairs), 2))
            channels[node][user] = [[float(f"{part:.6g}") for part in pair] for pair in drawn]
    return radio.replace(channels=channels)


def require_slots(slots: Sequence[CachingInstance]) -> None:
    """Make sure that instances are slots of one network: same nodes, backhaul and blocks.

    Raises
    ------
    UsageError
        They are not, or the network is not one that the agents apply to.
    """
    if not slots:
        raise UsageError("there is no slot: give at least one instance")
    first = slots[0]
    if len(first.nodes) > FULL_TABLE_NODES:
        raise UsageError(f"agents do not apply to {first.name!r}: {too_many_nodes(first)}")
    for slot in slots[1:]:
        for what in ("nodes", "backhaul"):
            if getattr(slot, what) != getattr(first, what):
                raise UsageError(
                    f"{slot.name!r} has other {what} than {first.name!r}; slots are of one network, train apart"
                )
        if slot.library.blocks != first.library.blocks:
            raise UsageError(f"{slot.name!r} has other blocks than {first.name!r}; slots are of one library")


def too_many_nodes(instance: CachingInstance) -> str | None:
    """Return why agents cannot act in an instance, or None."""
    if len(instance.nodes) > FULL_TABLE_NODES:
        count = len(instance.nodes)
        return f"{count} nodes have more sets than those of {FULL_TABLE_NODES}, the most; 'neighbourhood' applies"
    return None
