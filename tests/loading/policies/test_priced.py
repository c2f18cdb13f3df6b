"""Prices: how they are learned, read and followed, and their safeguard."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeopt
from edgeopt.errors import InputError, UsageError
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies import Load, Policy, View, Wait
from edgeopt.loading.policies.priced import Priced, Safeguarded, learn_prices
from edgeopt.loading.policies.prices import ModelPrice, Prices
from edgeopt.loading.policies.simple import EarliestDeadlineFirst, MostServedPerSecond
from edgeopt.loading.policies.simulation import simulate
from tests.cli.program import run
from tests.loading.policies.streams import MODES, random_stream


@pytest.fixture(scope="module")
def past() -> LoadingInstance:
    return generate("backbone", models=10, users=500, seed=5, arrivals="poisson", uploads="none")


class WorstFirst(Policy):
    """The least users for each second, so that a safeguard has something to do."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.batch / (view.load_s + view.compute_s))


def test_without_prices_the_largest_batch_is_worth_most(past: LoadingInstance) -> None:
    class LargestBatch(Policy):
        def decide(self, view: View) -> Load | Wait:
            return view.best(view.batch)

    steps = [simulate(past, policy).steps for policy in (Priced(Prices(second=0.0, models={})), LargestBatch())]
    assert steps[0] == steps[1]


@pytest.mark.slow
def test_prices_of_a_stream_are_those_of_its_own_names_and_repeat(past: LoadingInstance, tmp_path: Path) -> None:
    prices = learn_prices(past, 1)
    assert prices.second > 0
    assert set(prices.models) <= set(past.library.models)
    assert learn_prices(past, 1) == prices
    prices.write(tmp_path / "p.json")
    assert Prices.read(tmp_path / "p.json") == prices
    assert simulate(past, Priced(prices)).served > simulate(past, EarliestDeadlineFirst()).served


def test_the_safeguard_follows_the_better_of_two(past: LoadingInstance) -> None:
    good, bad = MostServedPerSecond(), WorstFirst()
    best, worst = simulate(past, good).served, simulate(past, bad).served
    assert worst < 0.8 * best
    guarded = simulate(past, Safeguarded(WorstFirst(), MostServedPerSecond()))
    assert guarded.served > worst + 0.8 * (best - worst)
    assert simulate(past, Safeguarded(MostServedPerSecond(), WorstFirst())).steps == simulate(past, good).steps


def test_imagination_is_of_the_past(past: LoadingInstance) -> None:
    """What the imagined GPU has served by a moment is what a replay had served by then."""
    compared = 0
    steps = simulate(past, EarliestDeadlineFirst()).steps

    class Watching(MostServedPerSecond):
        def begin(self, view: View) -> None:
            self.imagined = view.imagined(EarliestDeadlineFirst())

        def decide(self, view: View) -> Load | Wait:
            nonlocal compared
            compared += 1
            assert self.imagined.served(view.now_s) == sum(len(s.users) for s in steps if s.end_s <= view.now_s)
            return super().decide(view)

    simulate(past, Watching())
    assert compared > 20


@pytest.mark.parametrize("mode", MODES)
def test_plans_pass_the_checker_in_all_modes(mode: tuple[str, str]) -> None:
    prices = Prices(second=0.3, models={"m0": ModelPrice(user=0.5, state=1.0)})
    for seed in range(25):
        edgeopt.replay(random_stream(seed, *mode), "priced", prices=prices)


def test_prices_are_asked_for_and_checked(past: LoadingInstance, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs prices"):
        edgeopt.replay(past, "priced")
    (tmp_path / "p.json").write_text('{"format": "edgeopt-instance/1"}')
    with pytest.raises(InputError, match="these are no prices"):
        Prices.read(tmp_path / "p.json")
    with pytest.raises(InputError, match="user"):
        Prices(second=1.0, models={"a": {"user": 2.0}})


def test_learned_on_the_command_line_and_used_as_a_method(tmp_path: Path) -> None:
    past = generate("backbone", models=3, users=12, seed=5, arrivals="poisson", uploads="none")
    past.write(tmp_path / "s.json")
    prices = tmp_path / "p.json"
    code, _, err = run("replay", tmp_path / "s.json", "-p", "density", "--learn", prices)
    assert code == 0, err
    code, out, err = run("replay", tmp_path / "s.json", "-p", "density,priced", "--prices", prices)
    assert code == 0, err
    assert "priced" in out
    replayed = edgeopt.replay(past, "priced", prices=Prices.read(prices)).replays[0]
    assert edgeopt.solve(past, f"priced:{prices}").objective == replayed.served
