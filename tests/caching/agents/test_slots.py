"""Slots drawn from an instance, and what makes instances slots of one network."""

from __future__ import annotations

import numpy as np
import pytest

from edgeopt.caching.agents.slots import draw_slots, require_slots
from edgeopt.caching.beamforming.channels import Channels
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance
from edgeopt.errors import UsageError
from tests.caching.agents.networks_of_slots import tiny_slots


@pytest.fixture(scope="module")
def instance() -> CachingInstance:
    return generate(models=4, nodes=2, users=3, scenarios=12, seed=4, antennas=8)


def test_slots_are_valid_instances_of_the_same_network(instance: CachingInstance) -> None:
    slots = draw_slots(instance, 5, seed=1, scenarios=3)
    require_slots(slots)
    for slot in slots:
        assert CachingInstance.from_dict(slot.to_dict()) == slot
        assert (slot.nodes, slot.backhaul, slot.library) == (instance.nodes, instance.backhaul, instance.library)
    assert len({slot.sha256 for slot in slots}) == 5


def test_requests_are_consecutive_scenarios(instance: CachingInstance) -> None:
    asked = [scenario.requests for scenario in instance.scenarios] * 2
    for slot in draw_slots(instance, 20, seed=2, scenarios=4):
        window = [scenario.requests for scenario in slot.scenarios]
        assert any(asked[first : first + 4] == window for first in range(12))
        assert sum(scenario.probability for scenario in slot.scenarios) == pytest.approx(1)


def test_fading_keeps_mean_gains(instance: CachingInstance) -> None:
    """The mean of |h|**2 over many slots is that of the instance; a single slot differs."""
    before = (np.abs(Channels.of(instance).scaled) ** 2).sum(axis=2)
    drawn = [(np.abs(Channels.of(slot).scaled) ** 2).sum(axis=2) for slot in draw_slots(instance, 400, seed=3)]
    np.testing.assert_allclose(np.mean(drawn, axis=0) / before, 1, atol=0.1)
    assert np.abs(drawn[0] / before - 1).max() > 0.1


def test_same_seed_same_slots(instance: CachingInstance) -> None:
    first, again, other = (draw_slots(instance, 3, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert draw_slots(instance, 5, seed=5)[:3] == first


def test_unusable_numbers_are_refused(instance: CachingInstance) -> None:
    with pytest.raises(UsageError, match="1 or more, not 0"):
        draw_slots(instance, 0, seed=0)
    with pytest.raises(UsageError, match="1 to 12 scenarios"):
        draw_slots(instance, 1, seed=0, scenarios=13)


def test_other_networks_are_refused(instance: CachingInstance) -> None:
    with pytest.raises(UsageError, match="other nodes"):
        require_slots([instance, tiny_slots()[0]])
    other = instance.model_copy(update={"backhaul": instance.backhaul.model_copy(update={"links": []})})
    with pytest.raises(UsageError, match="other backhaul"):
        require_slots([instance, other])
    library = instance.library.replace(blocks={**instance.library.blocks, "another": 1})
    with pytest.raises(UsageError, match="other blocks"):
        require_slots([instance, instance.model_copy(update={"library": library})])
    with pytest.raises(UsageError, match=r"9 nodes .* 'neighbourhood' applies"):
        require_slots([generate(models=2, nodes=9, users=2, scenarios=1, seed=0)])
    with pytest.raises(UsageError, match="at least one instance"):
        require_slots([])
