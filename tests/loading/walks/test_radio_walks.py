"""Walks with overlapped uploads against enumeration: they bound the optimum, at any prices and by branch and bound."""

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.walks.path_bound import PathBound
from edgeopt.loading.walks.path_prices import Prices
from edgeopt.loading.walks.radio_walks import RadioWalks, walks_of
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.modes import in_mode, tiny
from tests.loading.small import instance_of

OVERLAPPED = "overlapped", "consecutive"


def with_walks(numbers, first=0, **sizes):
    """Tiny instances with overlapped uploads that walks can bound, and the walks."""
    for instance in tiny(range(first + numbers.start, first + numbers.stop), *OVERLAPPED, one_deadline=False, **sizes):
        work = compile_workload(instance)
        walks = walks_of(work) if work.models else None
        if walks is not None:
            yield instance, work.queues, walks


def any_prices(queues, walks, rng, turn):
    """Prices of users and of the radio, none or many."""
    limits = len(walks.limits(0.0))
    user = rng.random(len(queues.user_names)) * (turn % 3) / 2
    radio = rng.random(limits) * (rng.random(limits) < 0.3) * (turn % 2)
    return Prices(user, radio / float(queues.due_s.max()))


@some_or_many(20, 400)
def test_any_prices_give_a_bound(numbers):
    tight = radio = 0
    for instance, queues, walks in with_walks(numbers):
        best, rng = optimum(instance), np.random.default_rng(numbers.stop)
        for turn in range(6):
            prices = any_prices(queues, walks, rng, turn)
            value, counts, used = walks.best(prices, np.zeros(len(queues.user_names), np.int64))
            bound = value + prices.total(walks.limits(0.0))
            assert bound >= best - 1e-6, (instance.name, turn)
            assert counts @ (1 - prices.user) - prices.upload_s @ used == pytest.approx(value, abs=1e-9)
            tight, radio = tight + (bound < best + 0.5), radio + (used[-1] > 0)
    assert tight > len(numbers) / 2
    assert radio > len(numbers)


@some_or_many(20, 400)
def test_branch_and_bound_alone_finds_the_optimum(numbers):
    """Without a known plan it finds one that is optimal, and proves that; stopped before, it bounds."""
    tried = 0
    for instance, queues, walks in with_walks(numbers, 1000):
        best = optimum(instance)
        assert PathBound(queues, Run(), walks).run(3) >= best, instance.name
        path = PathBound(queues, Run(), walks)
        assert path.run() == best, instance.name
        assert path.served_batches is not None or best == 0
        report = edgeopt.check(instance, walks.plan(path.served_batches or []))
        assert (report.feasible, report.objective) == (True, best)
        tried += 1
    assert tried > len(numbers) / 2


def test_users_of_whom_some_come_too_late_are_not_sequenced():
    yes = no = 0
    for instance, queues, walks in with_walks(range(30), 3000):
        rng = np.random.default_rng(yes)
        for _ in range(3):
            users = np.flatnonzero(rng.random(len(queues.user_names)) < 0.7).tolist()
            names = {queues.user_names[user] for user in users}
            part = instance.replace(users={name: user for name, user in instance.users.items() if name in names})
            batches = walks.sequenced(users, True, Run())
            assert (batches is not False) == (optimum(part) == len(users)), instance.name
            yes, no = yes + (batches is not False), no + (batches is False)
    assert yes > 5
    assert no > 5


@some_or_many(10, 60)
def test_exact_agrees_with_enumeration(numbers):
    for instance, _, _ in with_walks(numbers, 2000):
        solution = edgeopt.solve(instance, "exact", threads=1)
        assert solution.objective == solution.bound == optimum(instance), instance.name


def test_a_user_starts_no_sooner_than_all_uploads_are_done():
    """Two users upload for 4 s each and are due at 7 s: the radio serves one, which walks know by its price alone."""
    users = {name: {"model": "a", "upload_bits": 16.0, "deadline_s": 7.0} for name in ("u", "v")}
    users["late"] = {"model": "a", "upload_bits": 0.0, "deadline_s": 8.0}
    facts = {"a": {"compute_fixed_s": 1.0, "compute_per_sample_s": 0.0}}
    instance = in_mode(instance_of({"a": ["x"]}, users, 0.0, model_keys=facts), *OVERLAPPED)
    assert instance.upload_s("u") == 4.0
    queues = compile_workload(instance).queues
    walks = walks_of(compile_workload(instance))
    nobody = np.zeros(3, np.int64)
    free = Prices(np.zeros(3), np.zeros(len(walks.limits(0.0))))
    assert walks.best(free, nobody)[0] == 3.0, "without prices the radio uploads all at once"
    assert PathBound(queues, Run(), walks).run() == 2 == optimum(instance)


def test_uploads_that_end_with_the_last_second_of_the_radio():
    """Three users upload for 3 s each, load 1 s meanwhile and compute for 1 s: due at 10 s, and not at 9 s."""
    facts = {"a": {"compute_fixed_s": 1.0, "compute_per_sample_s": 0.0}}
    for deadline, served in ((10.0, 3), (9.0, 2)):
        users = {name: {"model": "a", "upload_bits": 12.0, "deadline_s": deadline} for name in ("u", "v", "w")}
        users["late"] = {"model": "a", "upload_bits": 0.0, "deadline_s": 11.0}
        instance = in_mode(instance_of({"a": ["x"]}, users, 0.0, model_keys=facts), *OVERLAPPED)
        work = compile_workload(instance)
        assert PathBound(work.queues, Run(), walks_of(work)).run() == served + 1 == optimum(instance)


def test_a_walk_waits_for_uploads():
    """The first user is served until 3 s; the other model is there at 4 s, its upload at 6 s."""
    facts = {name: {"compute_fixed_s": 2.0 - number, "compute_per_sample_s": 0.0} for number, name in enumerate("ab")}
    for deadline, served in ((7.0, 2), (6.99, 1)):
        users = {
            "first": {"model": "a", "upload_bits": 0.0, "deadline_s": 3.0},
            "waits": {"model": "b", "upload_bits": 24.0, "deadline_s": deadline},
        }
        instance = in_mode(instance_of({"a": ["x"], "b": ["y"]}, users, 0.0, model_keys=facts), *OVERLAPPED)
        work = compile_workload(instance)
        assert PathBound(work.queues, Run(), walks_of(work)).run() == served
        solution = edgeopt.solve(instance, "exact")
        assert solution.objective == solution.bound == served


def test_which_walks_bound_which_mode():
    drawn = generate("random", 4, 12, seed=0, deadlines="individual")
    assert not isinstance(walks_of(compile_workload(drawn)), RadioWalks)
    assert isinstance(walks_of(compile_workload(in_mode(drawn, *OVERLAPPED))), RadioWalks)
    assert walks_of(compile_workload(in_mode(drawn, "overlapped", "capacity"))) is None


def test_instances_of_thirty_users_are_proved():
    instance = generate("grid", 6, 30, seed=103, deadlines="individual", upload="overlapped")
    solution = edgeopt.solve(instance, "exact", iteration_limit=400)
    assert solution.objective == solution.bound
    assert edgeopt.check(instance, solution).feasible
    assert "walks" in solution.message


def test_with_kept_blocks_the_states_of_a_stream_close_the_gap():
    instance = generate("random", 6, 30, seed=102, deadlines="individual", upload="overlapped", retention="capacity")
    solution = edgeopt.solve(instance, "exact", iteration_limit=20)
    assert solution.objective == solution.bound
    assert edgeopt.check(instance, solution).feasible
    assert "states" in solution.message
