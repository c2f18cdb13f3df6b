"""The echo state network: what it can predict, and the gate when it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgeopt.caching.agents.play import empty, play, random_moves
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.replay import Replay
from edgeopt.caching.agents.reward import team_rewards
from edgeopt.caching.agents.world import World, build_world
from tests.caching.agents.networks_of_slots import tiny_slots

pytest.importorskip("torch")

from edgeopt.caching.agents.echo_state import EchoState
from edgeopt.caching.agents.threads import one_thread

RECIPE = Recipe(rounds=6, reservoir=60)


@pytest.fixture(autouse=True)
def quiet_threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(tiny_slots())


def memory_of(world: World, count: int = 200, noise: float = 0.0) -> Replay:
    """Randomly played slots, whose rewards may be drowned in noise."""
    memory = Replay(256, RECIPE.rounds, len(world.nodes), len(world.blocks))
    rng = np.random.default_rng(0)
    slots = rng.integers(3, size=count)
    played = play(world, slots, empty(world, count), RECIPE.rounds, lambda s, m, done, legal: random_moves(legal, rng))
    rewards = [
        team_rewards(world, slots, played.masks[:, done], played.masks[:, done + 1], played.transfer_s[:, done])
        for done in range(RECIPE.rounds)
    ]
    rewards = np.stack(rewards, axis=1)
    memory.add(slots, played.masks, played.moves, rewards + noise * rng.normal(size=rewards.shape))
    return memory


def test_predicts_caches_and_rewards(world: World) -> None:
    """Also for moves that were not made: the caches are right, the rewards nearly."""
    memory, model = memory_of(world), EchoState(world, RECIPE)
    model.learn(memory)
    assert model.fit is not None
    assert model.fit.caches > 0.99
    assert model.fit.rewards > 0.9
    rng = np.random.default_rng(1)
    played, rounds = memory.draw(300, rng)
    real = memory.transitions(played, rounds)
    moves = random_moves(world.legal(real.masks), rng)
    imagined = model.imagine(memory, played, rounds, moves)
    following, seconds = world.step(real.masks, moves)
    assert (imagined.following == following).all(axis=1).mean() > 0.98
    truth = team_rewards(world, real.slots, real.masks, following, seconds)
    assert np.corrcoef(imagined.rewards, truth)[0, 1] > 0.95
    np.testing.assert_array_equal(imagined.masks, real.masks)
    np.testing.assert_array_equal(imagined.moves, moves)


def test_noise_shows_in_the_held_out_fit(world: World) -> None:
    """The stated R**2 is that of data which neither the weights nor the ridge have seen."""
    model = EchoState(world, RECIPE)
    model.learn(memory_of(world, noise=50.0))
    assert model.fit is not None
    assert model.fit.rewards < 0.2
    assert model.fit.least == model.fit.rewards


def test_little_data_gives_no_prediction(world: World) -> None:
    model = EchoState(world, RECIPE)
    model.learn(memory_of(world, count=20))
    assert model.fit is None


def test_units_forget_where_they_began(world: World) -> None:
    """The echo state property: different first states, the same states after enough equal inputs."""
    model, rng = EchoState(world, RECIPE), np.random.default_rng(2)
    first, second = rng.normal(size=(2, 1, RECIPE.reservoir))
    distance = np.abs(first - second).max()
    for _ in range(40):
        inputs = rng.normal(size=(1, len(model.inward)))
        first, second = model.step(first, inputs), model.step(second, inputs)
    assert np.abs(first - second).max() < 1e-3 * distance


def test_memory_keeps_the_latest(world: World) -> None:
    memory = Replay(5, 2, len(world.nodes), len(world.blocks))
    for number in range(4):
        slots = np.array([number, number])
        masks = np.full((2, 3, len(world.blocks)), number)
        memory.add(slots, masks, np.zeros((2, 2, len(world.nodes)), np.int64), np.full((2, 2), float(number)))
    assert memory.size == 5
    assert sorted(memory.slots.tolist()) == [1, 2, 2, 3, 3]
    again = Replay(5, 2, len(world.nodes), len(world.blocks))
    again.restore(memory.arrays())
    drawn = [kept.draw(20, np.random.default_rng(0)) for kept in (memory, again)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(memory.transitions(*drawn[0]).rewards, again.transitions(*drawn[1]).rewards)
    assert set(memory.transitions(*drawn[0]).rewards) == {1.0, 2.0, 3.0}
