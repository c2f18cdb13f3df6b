"""Learning on a case so small that it must succeed, checkpoints, and the method that uses the policy."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import edgeopt
from edgeopt.caching.agents.play import empty, play, random_moves
from edgeopt.caching.agents.policy import TrainedPolicy
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.training import train
from edgeopt.caching.agents.world import build_world
from edgeopt.errors import InputError, MethodRefusal, MissingExtra, UsageError
from edgeopt.versions import install_command
from tests.caching.agents.networks_of_slots import tiny_slots
from tests.cli.program import run

pytest.importorskip("torch")

from edgeopt.caching.agents.trainer import Trainer

SMALL = Recipe(rounds=6, runs=8, batch=16, marginal=False)  # nothing tells agents what a move saves
QUICK = Recipe(critic="vdn", rounds=3, runs=16, batch=4, width=4, reservoir=10)


def exact_delays() -> np.ndarray:
    return np.array([edgeopt.solve(slot, "exact", threads=1).objective for slot in tiny_slots()])


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agents") / "policy.npz"
    train(list(tiny_slots()), SMALL, episodes=200, output=path)
    return path


def test_agents_learn(policy_file: Path) -> None:
    """Far better than caches filled at random, near the optimum, on every slot by the checker."""
    slots, exact = tiny_slots(), exact_delays()
    learned = [edgeopt.solve(slot, f"policy:{policy_file}", threads=1).objective for slot in slots]
    rng = np.random.default_rng(0)
    world, runs = build_world(slots), np.arange(60) % 3
    filled = play(world, runs, empty(world, 60), 6, lambda s, m, done, legal: random_moves(legal, rng))
    by_chance = (filled.delays(world)[:, -1] / exact[runs]).mean()
    assert by_chance > 1.3
    assert (np.array(learned) / exact).mean() < 1.1
    assert (np.array(learned) / exact).mean() < 1 + (by_chance - 1) / 3


def mean_final_delay(policy: TrainedPolicy) -> float:
    """Over the optimum, after all rounds of the tiny slots."""
    world = build_world(tiny_slots())
    return float((policy.play(world).delays(world)[:, -1] / exact_delays()).mean())


def test_agents_at_once_learn_not_to_collide() -> None:
    """Without training all fetch what saves most; the value that they learn to share tells them apart."""
    recipe = SMALL.model_copy(update={"critic": "vdn", "marginal": True})
    untrained = TrainedPolicy(recipe, Trainer(build_world(tiny_slots()), recipe).best, {})
    assert mean_final_delay(untrained) > 1.1
    assert mean_final_delay(train(list(tiny_slots()), recipe, episodes=320)) < 1.08


def test_agents_work_on_other_networks(policy_file: Path) -> None:
    """With more nodes and other blocks; the rounds are the iteration limit."""
    other = tiny_slots(3)[0]
    full = edgeopt.solve(other, f"policy:{policy_file}", threads=1)
    none = edgeopt.solve(other, f"policy:{policy_file}", threads=1, iteration_limit=0)
    assert full.objective < none.objective
    assert none.plan is not None
    assert not any(none.plan["cached"].values())
    assert "of 6 rounds" in full.message


def test_no_time_no_plan(policy_file: Path) -> None:
    ended = edgeopt.solve(tiny_slots()[0], f"policy:{policy_file}", threads=1, time_limit=0)
    assert (ended.plan, ended.stopped) == (None, "time_limit")


def weights_of(policy: TrainedPolicy) -> list[np.ndarray]:
    return [policy.weights[name] for name in sorted(policy.weights)]


@pytest.mark.parametrize(
    ("critic", "extra"), [("vdn", "synthetic"), ("qmix", "none"), ("iql", "replay"), ("turns", "synthetic")]
)
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path, critic: str, extra: str) -> None:
    recipe = QUICK.model_copy(update={"critic": critic, "extra": extra, "least_fit": 0.0})
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    slots = list(tiny_slots())
    train(slots, recipe, episodes=208, output=whole)
    train(slots, recipe, episodes=176, output=parts)
    train(slots, recipe, episodes=208, output=parts, resume=True)
    for suffix in ("", ".checkpoint"):
        first, second = (np.load(f"{path}{suffix}") for path in (whole, parts))
        assert sorted(first.files) == sorted(second.files)
        assert all(np.array_equal(first[name], second[name]) for name in first.files)


def test_same_seed_same_policy_and_seeds_differ() -> None:
    slots = list(tiny_slots())
    first, again, other = (
        weights_of(train(slots, QUICK.model_copy(update={"seed": seed}), episodes=32)) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_synthetic_transitions_wait_for_a_good_prediction() -> None:
    """The gate: a fit that nothing reaches means that only real transitions are used."""
    slots = list(tiny_slots())
    trained = {}
    for least in (0.0, 1.0):
        recipe = QUICK.model_copy(update={"extra": "synthetic", "least_fit": least})
        seen = []
        trained[least] = train(slots, recipe, episodes=192, report=lambda trainer, seen=seen: seen.append(trainer))
        assert seen[-1].imagines == (least == 0.0)
    replay = train(slots, QUICK.model_copy(update={"extra": "replay"}), episodes=192)
    assert trained[1.0].trained["updates"] == trained[0.0].trained["updates"] == replay.trained["updates"]
    same = zip(weights_of(trained[1.0]), weights_of(replay), strict=True)
    assert all(np.array_equal(a, b) for a, b in same)


def test_resuming_something_else_is_refused(tmp_path: Path) -> None:
    path, slots = tmp_path / "p.npz", list(tiny_slots())
    with pytest.raises(UsageError, match="no checkpoint"):
        train(slots, QUICK, episodes=8, output=path, resume=True)
    train(slots, QUICK, episodes=8, output=path)
    with pytest.raises(UsageError, match="critic 'vdn', not 'qmix'"):
        train(slots, QUICK.model_copy(update={"critic": "qmix"}), episodes=8, output=path, resume=True)
    with pytest.raises(UsageError, match="other slots"):
        train(slots[:2], QUICK, episodes=8, output=path, resume=True)
    (tmp_path / "p.npz.checkpoint").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="its format is 'edgeopt-policy/1'"):
        train(slots, QUICK, episodes=8, output=path, resume=True)


class Evil:
    def __reduce__(self) -> tuple:
        return print, ("executed",)


def test_foreign_and_damaged_files_are_errors(policy_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    instance, bad = tmp_path / "slot.json", tmp_path / "bad.npz"
    tiny_slots()[0].write(instance)
    content = policy_file.read_bytes()

    def archive(**arrays: np.ndarray) -> bytes:
        with open(bad, "wb") as stream:
            np.savez(stream, **arrays)
        return bad.read_bytes()

    arrays = dict(np.load(policy_file))
    name = next(key for key in arrays if key != "header")
    evil = np.empty(1, object)
    evil[0] = Evil()
    cases = {
        "empty": b"",
        "text": b"{}",
        "truncated": content[: len(content) // 2],
        "pickle": pickle.dumps({"weights": Evil()}),
        "objects": archive(**{**arrays, name: evil}),
        "no header": archive(**{key: value for key, value in arrays.items() if key != "header"}),
        "missing weights": archive(**{key: value for key, value in arrays.items() if key != name}),
        "other shape": archive(**{**arrays, name: arrays[name][..., :1]}),
        "not finite": archive(**{**arrays, name: np.full_like(arrays[name], np.nan)}),
        "checkpoint": policy_file.with_name("policy.npz.checkpoint").read_bytes(),
    }
    for what, wrong in cases.items():
        bad.write_bytes(wrong)
        code, out, err = run("solve", instance, "-m", f"policy:{bad}", "-q")
        assert code == 2, what
        assert "bad.npz" in err, what
        assert "Traceback" not in err, what
        assert out == "", what
    assert "executed" not in capfd.readouterr().out
    flipped = bytearray(content)
    with zipfile.ZipFile(policy_file) as archived:
        flipped[archived.getinfo(f"{name}.npy").header_offset + 200] ^= 255
    bad.write_bytes(flipped)
    assert run("solve", instance, "-m", f"policy:{bad}", "-q")[0] == 2
    code, _, err = run("solve", instance, "-m", f"policy:{tmp_path / 'none.npz'}")
    assert (code, "there is no such file" in err) == (2, True)
    code, _, err = run("solve", instance, "-m", "policy")
    assert (code, "policy:FILE" in err) == (2, True)


def test_refusals(policy_file: Path) -> None:
    large = edgeopt.read(Path(__file__).parents[3] / "instances" / "caching" / "cells-12.json")
    with pytest.raises(MethodRefusal, match="'neighbourhood' applies"):
        edgeopt.solve(large, f"policy:{policy_file}")


def test_without_torch(monkeypatch: pytest.MonkeyPatch, policy_file: Path, tmp_path: Path) -> None:
    """Training and solving say how to install it; listing methods works."""
    import importlib.util
    import sys

    def hidden(name: str, *rest: object) -> object:
        return None if name == "torch" else importlib.util.find_spec(name)

    monkeypatch.setattr(sys.modules["edgeopt.method"], "find_spec", hidden)
    monkeypatch.setattr("edgeopt.caching.agents.extras.find_spec", hidden)
    command = re.escape(install_command("learn"))
    with pytest.raises(MissingExtra, match=command):
        edgeopt.solve(tiny_slots()[0], f"policy:{policy_file}")
    with pytest.raises(MissingExtra, match=command):
        train(list(tiny_slots()), QUICK)
    instance = tmp_path / "slot.json"
    tiny_slots()[0].write(instance)
    code, _, err = run("train", instance, "-o", tmp_path / "p.npz")
    assert (code, install_command("learn") in err) == (2, True)
    code, out, _ = run("methods", "caching")
    assert code == 0
    assert "policy:FILE" in out
    assert install_command("learn") in out
