"""`edgeopt train`."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.training import EPISODES
from edgeopt.cli.train import train
from tests.caching.agents.networks_of_slots import tiny_slots
from tests.cli.program import run
from tests.plans import two_models

pytest.importorskip("torch")


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    path = tmp_path / "slot.json"
    tiny_slots()[0].write(path)
    return path


def test_trains_and_solves(instance: Path, tmp_path: Path) -> None:
    """A policy comes out, more episodes can follow, and `solve` uses it."""
    policy, other = tmp_path / "p.npz", tmp_path / "slot2.json"
    tiny_slots()[1].write(other)
    options = ("--rounds", 3, "--augment", "--critic", "qmix", "--seed", 5)
    code, out, err = run("train", instance, other, "-o", policy, "--episodes", 32, *options)
    assert code == 0, err
    assert "2, 2 agents" in out
    assert "qmix, 32 episodes" in out
    assert f"written to {policy}" in err
    code, out, err = run("train", instance, other, "-o", policy, "--episodes", 64, *options, "--resume", "-q")
    assert (code, err) == (0, "")
    assert "qmix, 64 episodes" in out
    code, out, _ = run("solve", other, "-m", f"policy:{policy}", "-q")
    assert code == 0
    assert "of 3 rounds" in out


def test_defaults_are_those_of_the_package() -> None:
    stated = inspect.signature(train).parameters
    assert (stated["episodes"].default, stated["rounds"].default) == (EPISODES, Recipe().rounds)
    assert (stated["critic"].default.value, stated["seed"].default) == (Recipe().critic, Recipe().seed)


def test_draws_slots_from_one_instance(instance: Path, tmp_path: Path) -> None:
    code, out, _ = run("train", instance, "-o", tmp_path / "p.npz", "--episodes", 32, "--rounds", 2, "--slots", 4)
    assert code == 0
    assert out.startswith("slots     4, 2 agents")


def test_bad_usage(instance: Path, tmp_path: Path) -> None:
    policy, loading = tmp_path / "p.npz", tmp_path / "loading.json"
    two_models().write(loading)
    for arguments, message in [
        ((instance, instance, "-o", policy, "--slots", 2), "single instance"),
        ((loading, "-o", policy), "of 'loading'; agents act in 'caching'"),
        ((instance, "-o", instance), "is the input"),
        ((instance, "-o", tmp_path / "none" / "p.npz"), "does not exist"),
        ((instance, "-o", policy, "--resume"), "no checkpoint"),
        ((instance, "-o", policy, "--episodes", 0), "1 or more"),
        ((instance, "-o", policy, "--rounds", 0), "rounds"),
    ]:
        code, out, err = run("train", *arguments)
        assert (code, out) == (2, "")
        assert message in err
    assert not policy.exists()
