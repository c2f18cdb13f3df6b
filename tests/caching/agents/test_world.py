"""The dynamics: delays are the checker's, moves do what they say, storage is kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgeopt.caching.agents.observation import DENSITY, DENSITY_UNIT, GAIN, Observer
from edgeopt.caching.agents.play import empty, play, random_moves
from edgeopt.caching.agents.reward import final_rewards, team_rewards
from edgeopt.caching.agents.world import World, build_world, tabulate
from edgeopt.caching.checker import check
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import DelayTables
from edgeopt.errors import UsageError
from edgeopt.run import Run
from tests.caching.agents.networks_of_slots import tiny_slots
from tests.caching.random_instances import random_instance

OPTIONS = Run(maximize=False)


def worlds(count: int) -> Iterator[tuple[CachingInstance, DelayTables, World]]:
    """Random instances in which agents can act."""
    seed = 0
    while count:
        instance = random_instance(seed)
        seed += 1
        tables = DelayTables(instance, OPTIONS)
        try:
            yield instance, tables, tabulate([tables])
        except UsageError:
            continue
        count -= 1


def wander(world: World, rng: np.random.Generator, rounds: int = 8) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """States and random legal moves of one run."""
    masks = empty(world, 1)
    for _ in range(rounds):
        moves = random_moves(world.legal(masks), rng)
        yield masks, moves
        masks, _ = world.step(masks, moves)


def test_in_turn_one_node_after_another_moves() -> None:
    """From the first to the last, again and again; all its legal moves occur, and the others wait."""
    rng = np.random.default_rng(4)
    world = build_world(tiny_slots(3))
    runs = np.zeros(200, np.int64)
    played = play(world, runs, empty(world, 200), 7, lambda s, m, done, legal: random_moves(legal, rng), in_turn=True)
    for step in range(7):
        moved = played.moves[:, step]
        assert (moved[:, np.arange(3) != step % 3] == 0).all()
        assert (moved[:, step % 3] > 0).any()
    legal = world.legal(empty(world, 1))[0, 0]
    assert set(played.moves[:, 0, 0]) == set(np.flatnonzero(legal))


def described(world: World, node: int, move: int) -> tuple[str, int, int]:
    """A move in words: what, block, from which node."""
    blocks = len(world.blocks)
    if move == 0:
        return "wait", 0, 0
    if move <= blocks:
        return "fetch", move - 1, 0
    if move <= 2 * blocks:
        return "drop", move - 1 - blocks, 0
    return "migrate", (move - 1) % blocks, (move - 1 - 2 * blocks) // blocks


def test_delays_are_those_of_the_checker() -> None:
    """Of the plans that the caches stand for, on random instances and random caches that fit."""
    rng = np.random.default_rng(1)
    for instance, tables, world in worlds(40):
        for masks, _ in wander(world, rng, 4):
            report = check(instance, tables.plan(masks[0]))
            assert not report.violations
            assert world.delays(np.zeros(1, np.int64), masks)[0] == pytest.approx(report.objective, rel=1e-9)


def test_legal_moves_are_those_that_make_sense() -> None:
    """Derived anew from the instance and the caches' names, for every node and move."""
    rng = np.random.default_rng(2)
    kinds = set()
    for instance, _, world in worlds(40):
        links = {(link.source, link.to) for link in instance.backhaul.links}
        for masks, _ in wander(world, rng):
            held = [
                {world.blocks[b] for b in range(len(world.blocks)) if masks[0, b] >> n & 1}
                for n in range(len(world.nodes))
            ]
            legal = world.legal(masks)[0]
            for n, name in enumerate(world.nodes):
                free = instance.nodes[name].storage_bytes - sum(instance.library.blocks[block] for block in held[n])
                assert free >= 0
                for move in range(world.moves):
                    kind, b, source = described(world, n, move)
                    block = world.blocks[b]
                    gets = block not in held[n] and instance.library.blocks[block] <= free
                    expected = {
                        "wait": True,
                        "fetch": gets and name in instance.backhaul.cloud_bps,
                        "drop": block in held[n],
                        "migrate": gets and block in held[source] and (world.nodes[source], name) in links,
                    }[kind]
                    assert legal[n, move] == expected
                    kinds.add((kind, expected))
    assert len(kinds) == 7


def test_moves_do_what_they_say() -> None:
    rng = np.random.default_rng(3)
    for instance, _, world in worlds(40):
        rates = {(link.source, link.to): link.rate_bps for link in instance.backhaul.links}
        for masks, moves in wander(world, rng):
            after, seconds = world.step(masks, moves)
            expected, spent = world.cached(masks)[0], 0.0
            for n, name in enumerate(world.nodes):
                kind, b, source = described(world, n, int(moves[0, n]))
                bits = 8 * instance.library.blocks[world.blocks[b]]
                if kind != "wait":
                    expected[n, b] = kind != "drop"
                if kind == "fetch":
                    spent += bits / instance.backhaul.cloud_bps[name]
                if kind == "migrate":
                    spent += bits / rates[world.nodes[source], name]
            np.testing.assert_array_equal(world.cached(after)[0], expected)
            assert seconds[0] == pytest.approx(spent)


def test_rewards_sum_to_what_the_delay_falls_by() -> None:
    world, rng = build_world(tiny_slots()), np.random.default_rng(4)
    slots = np.array([0, 1, 2, 2])
    played = play(world, slots, empty(world, 4), 6, lambda s, m, done, legal: random_moves(legal, rng))
    total, final = np.zeros(4), np.zeros(4)
    for done in range(6):
        before, after, seconds = played.masks[:, done], played.masks[:, done + 1], played.transfer_s[:, done]
        total += team_rewards(world, slots, before, after, seconds, 0.5)
        final += final_rewards(world, slots, after, seconds, 0.5, last=done == 5)
    delays = played.delays(world)
    expected = (delays[:, 0] - delays[:, -1] - 0.5 * played.transfer_s.sum(axis=1)) / world.span_s[slots]
    np.testing.assert_allclose(total, expected)
    np.testing.assert_allclose(final, expected)
    assert (played.transfer_s > 0).any()


def test_observed_gains_are_differences_of_delays() -> None:
    world, rng = build_world(tiny_slots(3)), np.random.default_rng(5)
    slots, observer = np.array([1]), Observer(world)
    for masks, _ in wander(world, rng):
        seen = observer.observe(slots, masks, np.array([0.5]))
        unit = world.span_s[1] / len(world.blocks)
        for n in range(len(world.nodes)):
            for b, size in enumerate(world.sizes):
                with_it, without = masks.copy(), masks.copy()
                with_it[0, b] |= 1 << n
                without[0, b] &= ~(1 << n)
                saved = (world.delays(slots, without) - world.delays(slots, with_it))[0] / unit
                assert seen.own[0, n, b, GAIN] == pytest.approx(saved, abs=1e-5)
                density = saved * world.storage[n] / size / DENSITY_UNIT
                assert seen.own[0, n, b, DENSITY] == pytest.approx(density, rel=1e-4, abs=1e-5)


def test_unseen_gains_are_zero() -> None:
    world = build_world(tiny_slots())
    seen = Observer(world, marginal=False).observe(np.array([0]), empty(world, 1), np.ones(1))
    assert not seen.own[..., [GAIN, DENSITY]].any()


def test_worlds_without_agents_are_refused() -> None:
    slot = tiny_slots()[0]
    silent = CachingInstance.from_dict({**slot.to_dict(), "scenarios": [{"probability": 1.0, "requests": {}}]})
    with pytest.raises(UsageError, match="nothing is requested"):
        build_world([silent])
    cloudless = slot.model_copy(update={"backhaul": slot.backhaul.model_copy(update={"cloud_bps": {}})})
    with pytest.raises(UsageError, match="never reaches its users; 'exact' applies"):
        build_world([cloudless])
