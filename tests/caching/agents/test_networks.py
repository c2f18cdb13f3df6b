"""Networks: order of nodes and blocks, action semantics, mixers, and one update."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgeopt.caching.agents.observation import Observer
from edgeopt.caching.agents.play import empty, play, random_moves
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.replay import Replay, Transitions
from edgeopt.caching.agents.world import build_world
from tests.caching.agents.networks_of_slots import tiny_slots

torch = pytest.importorskip("torch")

from edgeopt.caching.agents.learner import Learner  # noqa: E402
from edgeopt.caching.agents.networks import ActionSemantics, Monotone, Sum, make, state_of, values_of  # noqa: E402
from edgeopt.caching.agents.threads import one_thread  # noqa: E402

NODES = 3


@pytest.fixture(autouse=True)
def quiet_threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def world():
    return build_world(tiny_slots(NODES))


@pytest.fixture(scope="module")
def seen(world):
    """Observations of six runs with some blocks in the caches."""
    rng = np.random.default_rng(0)
    slots = np.array([0, 1, 2, 0, 1, 2])
    played = play(world, slots, empty(world, 6), 5, lambda s, m, done, legal: random_moves(legal, rng))
    return Observer(world).observe(slots, played.masks[:, -1], np.full(6, 0.5))


def split(values: torch.Tensor, blocks: int) -> tuple[torch.Tensor, ...]:
    """Values of waiting, fetching, dropping, and migrating by node and block."""
    wait, fetch, drop, migrate = values.split([1, blocks, blocks, NODES * blocks], dim=-1)
    return wait, fetch, drop, migrate.unflatten(-1, (NODES, blocks))


@torch.no_grad()
def shaken(semantics: bool = True) -> ActionSemantics:
    """A network without zeros among its weights, as after some training."""
    network, noise = make(ActionSemantics, 1, semantics=semantics), torch.Generator().manual_seed(1)
    for weights in network.parameters():
        weights.add_(0.2 * torch.randn(weights.shape, generator=noise))
    return network


@torch.no_grad()
def test_untrained_agents_value_moves_by_what_they_save_at_once(world) -> None:
    """In the unit of the rewards: a single node's fetching, dropping or migrating, beside waiting."""
    slots, rng, blocks = np.arange(3), np.random.default_rng(5), len(world.blocks)
    masks = rng.integers(1 << NODES, size=(3, blocks))
    values = values_of(make(ActionSemantics, 1), Observer(world).observe(slots, masks, np.full(3, 0.5))).numpy()
    kinds = [1, 1 + blocks, *(1 + (2 + node) * blocks for node in range(NODES))]
    for kind in kinds:
        for node, block in np.ndindex(NODES, blocks):
            after = masks.copy()
            after[:, block] ^= world.bits[node]
            right = (after[:, block] & world.bits[node] != 0) == (kind != 1 + blocks)  # it held the block, or not
            saved = 10 * (world.delays(slots, masks) - world.delays(slots, after)) / world.span_s
            move = values[:, node, kind + block] - values[:, node, 0]
            np.testing.assert_allclose(move[right], saved[right], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_values_follow_the_blocks_and_nodes(world, seen) -> None:
    """Other order of the blocks, or of the nodes: the same values in that order."""
    network, blocks = shaken(), len(world.blocks)
    own, link = torch.from_numpy(seen.own), torch.from_numpy(seen.link)
    everyone = torch.from_numpy(seen.acting.copy())
    values = split(network(own, link, everyone), blocks)
    order = torch.from_numpy(np.random.default_rng(1).permutation(blocks))
    shuffled = split(network(own[:, :, order], link[:, :, :, order], everyone), blocks)
    torch.testing.assert_close(shuffled[0], values[0])
    for now, before in zip(shuffled[1:], values[1:], strict=True):
        torch.testing.assert_close(now, before[..., order])
    nodes = torch.tensor([2, 0, 1])
    turned = split(network(own[:, nodes], link[:, nodes][:, :, nodes], everyone), blocks)
    torch.testing.assert_close(turned[1], values[1][:, nodes])
    torch.testing.assert_close(turned[3], values[3][:, nodes][:, :, nodes])


@torch.no_grad()
def test_migrating_depends_on_the_node_that_has_the_block(world, seen) -> None:
    """With action semantics; without, it is worth the same from every node."""
    blocks = len(world.blocks)
    migrate = split(values_of(shaken(), seen), blocks)[3]
    assert (migrate[:, 0, 1] - migrate[:, 0, 2]).abs().max() > 1e-3
    plain = split(values_of(shaken(semantics=False), seen), blocks)[3]
    assert torch.equal(plain[:, 0, 1], plain[:, 0, 2])


@torch.no_grad()
def test_one_acting_node_has_the_values_it_has_among_all(world) -> None:
    """In whatever run, and whichever node."""
    network, slots, rng = shaken(), np.array([0, 1, 2, 0]), np.random.default_rng(3)
    masks, left, turn = rng.integers(1 << NODES, size=(4, len(world.blocks))), np.full(4, 0.5), np.array([2, 0, 1, 1])
    everyone = values_of(network, Observer(world).observe(slots, masks, left))
    alone = values_of(network, Observer(world).observe(slots, masks, left, turn[:, None]))
    assert alone.shape == (4, 1, world.moves)
    torch.testing.assert_close(alone[:, 0], everyone[np.arange(4), turn])


def test_first_weights_follow_from_the_seed_alone() -> None:
    state = torch.random.get_rng_state()
    first, again, other = (make(ActionSemantics, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_mixers(world, seen) -> None:
    """VDN adds up; QMIX never falls when an agent's value rises, and depends on the state."""
    values = torch.randn(6, NODES, generator=torch.Generator().manual_seed(0), requires_grad=True)
    torch.testing.assert_close(Sum()(values, None), values.sum(dim=1))
    state = state_of(seen)
    assert state.shape == (6, (NODES + 2) * len(world.blocks) + NODES + 1)
    for seed in range(20):
        mixed = make(Monotone, seed, NODES, state.shape[1])(values, state)
        (slope,) = torch.autograd.grad(mixed.sum(), values)
        assert (slope >= 0).all()
        assert slope.max() > 0
    constant = make(Monotone, 0, NODES, state.shape[1])(torch.zeros(6, NODES), state)
    assert constant.detach().std() > 0


def random_memory(world, recipe: Recipe) -> Replay:
    memory = Replay(16, recipe.steps(NODES), NODES, len(world.blocks))
    rng, slots, steps = np.random.default_rng(2), np.arange(16) % 3, recipe.steps(NODES)
    played = play(
        world, slots, empty(world, 16), steps, lambda s, m, done, legal: random_moves(legal, rng), recipe.in_turn
    )
    memory.add(slots, played.masks, played.moves, rng.normal(size=(16, steps)))
    return memory


@torch.no_grad()
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("critic", ["vdn", "qmix", "iql"])
def test_goals(world, critic: str, double: bool) -> None:
    """Recomputed one by one: reward, and the discounted value of the next moves unless the slot is over."""
    recipe = Recipe(critic=critic, double=double, rounds=4, seed=3)
    learner, memory = Learner(world, recipe), random_memory(world, recipe)
    learner.targets.load_state_dict(Learner(world, recipe.model_copy(update={"seed": 4})).networks.state_dict())
    drawn = memory.transitions(np.arange(8), np.arange(8) % 4)
    goals = learner._goals(drawn).numpy()
    for row in range(8):
        reward = 10 * memory.rewards[row, row % 4]
        after = memory.masks[row, row % 4 + 1][None].astype(np.int64)
        seen = Observer(world).observe(memory.slots[[row]], after, np.array([1 - (row % 4 + 1) / 4]))
        legal = world.legal(after)[0]
        slow = values_of(learner.targets["agents"], seen)[0].numpy()
        judge = values_of(learner.networks["agents"], seen)[0].numpy() if double else slow
        best = [max(np.flatnonzero(legal[n]), key=lambda move, n=n: judge[n, move]) for n in range(NODES)]
        chosen = torch.tensor([[slow[n, best[n]] for n in range(NODES)]])
        following = (chosen[0] if critic == "iql" else learner.targets["mixer"](chosen, state_of(seen))).numpy()
        expected = reward + (0.0 if row % 4 == 3 else recipe.discount) * following
        np.testing.assert_allclose(goals[row], expected if critic == "iql" else expected[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_goals_in_turn(world) -> None:
    """What follows is worth what the best move of the next node is worth, unless the slot is over."""
    recipe = Recipe(critic="turns", rounds=2, seed=3)
    learner, memory = Learner(world, recipe), random_memory(world, recipe)
    learner.targets.load_state_dict(Learner(world, recipe.model_copy(update={"seed": 4})).networks.state_dict())
    played, steps = np.arange(12), np.arange(12) % 6
    goals = learner._goals(memory.transitions(played, steps)).numpy()
    for row, step in zip(played, steps, strict=True):
        after, node = memory.masks[row, step + 1][None].astype(np.int64), (step + 1) % NODES
        seen = Observer(world).observe(memory.slots[[row]], after, np.array([1 - (step + 1) / 6]))
        legal = np.flatnonzero(world.legal(after)[0, node])
        judge, slow = (values_of(part["agents"], seen)[0, node].numpy() for part in (learner.networks, learner.targets))
        best = max(legal, key=lambda move, judge=judge: judge[move])
        expected = 10 * memory.rewards[row, step] + (0.0 if step == 5 else recipe.discount) * slow[best]
        np.testing.assert_allclose(goals[row], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("critic", ["turns", "vdn", "qmix", "iql"])
def test_updates_lower_the_loss(world, critic: str) -> None:
    recipe = Recipe(critic=critic, rounds=4, target_rate=0.0, learning_rate=3e-3)
    learner, memory = Learner(world, recipe), random_memory(world, recipe)
    drawn: Transitions = memory.transitions(np.arange(16), np.arange(16) % 4)
    losses = [learner.update(drawn) for _ in range(60)]
    assert losses[-1] < 0.9 * losses[0]
