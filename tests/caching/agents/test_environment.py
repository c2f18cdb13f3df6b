"""The PettingZoo environment: its own tests of the interface, and what ours should add."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from edgeopt.caching.agents.world import build_world
from edgeopt.errors import UsageError
from tests.caching.agents.networks_of_slots import tiny_slots

pytest.importorskip("pettingzoo")

from pettingzoo.test import parallel_api_test, parallel_seed_test

from edgeopt.caching.agents.environment import CachingEnvironment


def environment(**options: float) -> CachingEnvironment:
    return CachingEnvironment(tiny_slots(3), rounds=5, **options)


def test_interface() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(environment(), num_cycles=40)


def test_seeds() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_seed_test(environment, num_cycles=40)


def sampled(env: CachingEnvironment, seen: dict) -> dict[str, int]:
    return {agent: int(env.action_space(agent).sample(mask=seen[agent]["action_mask"])) for agent in env.agents}


def test_episode_rewards_and_delays() -> None:
    """Rewards are shared and sum up, slot by slot, to what the delay falls by; caches stay from slot to slot."""
    env = environment(slots_per_episode=3, transfer_weight=0.0)
    world = build_world(tiny_slots(3))
    for number, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(number)
    seen, infos = env.reset(seed=7)
    first = env.possible_agents[0]
    cached = seen[first]["own"][:, 1]
    assert not cached.any()
    slots, delays, gained = [], [infos[first]["delay_s"]], 0.0
    rounds = 0
    while env.agents:
        assert all(env.observation_space(agent).contains(seen[agent]) for agent in env.agents)
        seen, rewards, ended, cut, infos = env.step(sampled(env, seen))
        rounds += 1
        assert len(set(rewards.values())) == 1
        assert not any(cut.values())
        slots.append(infos[first]["slot"])
        delays.append(infos[first]["delay_s"])
        gained += rewards[first] * world.span_s[slots[-1]]
        assert all(ended.values()) == (rounds == 15)
        if rounds == 5:
            assert gained == pytest.approx(delays[0] - delays[5])
            assert seen[first]["own"][:, 1].any()
    assert [len(set(slots[start : start + 5])) for start in (0, 5, 10)] == [1, 1, 1]


def test_illegal_moves_wait() -> None:
    env = environment()
    seen, before = env.reset(seed=1)
    drop = 1 + len(env.world.blocks)
    assert all(not seen[agent]["action_mask"][drop] for agent in env.agents)
    seen, rewards, _, _, after = env.step(dict.fromkeys(env.agents, drop))
    assert after == before
    assert set(rewards.values()) == {0.0}
    assert not any(seen[agent]["own"][:, 1].any() for agent in env.agents)


def test_unseeded_episodes_go_on() -> None:
    env, again = environment(slots_per_episode=6), environment(slots_per_episode=6)
    env.reset(seed=3), again.reset(seed=3)
    orders = [[environment._order.tolist() for _ in range(4) if environment.reset()] for environment in (env, again)]
    assert orders[0] == orders[1]
    assert len(set(map(tuple, orders[0]))) > 1
    assert np.ptp(orders[0]) <= 2


def test_unusable_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        CachingEnvironment(tiny_slots(), rounds=0)
