"""Methods for individual deadlines against the brute force, which assumes nothing of what they use."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.walks.bounds import stated_deadlines, union_bound
from edgeopt.loading.walks.exact import Proof
from edgeopt.loading.walks.master import Master
from edgeopt.loading.walks.path_bound import PathBound
from edgeopt.loading.walks.path_walks import Walks, step_length
from edgeopt.loading.walks.sequencing import sequenced
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import can_serve, optimum
from tests.loading.random_instances import random_instance

SEEDS = [seed for seed in range(2000, 2230) if random_instance(seed, one_deadline=False).deadline_kind == "individual"]

SHIPPED = Path(__file__).parents[3] / "instances" / "loading"


@cache
def instance(seed):
    return random_instance(seed, one_deadline=False)


@cache
def best(seed):
    return optimum(instance(seed))


def with_users(seeds):
    """Seeds of instances in which somebody could be served alone."""
    return [seed for seed in seeds if compile_workload(instance(seed)).queues.user_names]


def test_there_are_hundreds_of_instances():
    assert len(SEEDS) > 200
    assert len(with_users(SEEDS)) > 150


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_exact(part):
    for seed in SEEDS[part::4]:
        solution = edgeopt.solve(instance(seed), "exact", threads=1)
        assert (solution.objective, solution.bound) == (best(seed), best(seed)), seed
        assert (solution.status, solution.stopped) == ("optimal", "proved")


@some_or_many(15, 60)
def test_cpsat(numbers):
    for seed in SEEDS[numbers.start : numbers.stop]:
        solution = edgeopt.solve(instance(seed), "cpsat", threads=1)
        assert (solution.objective, solution.bound) == (best(seed), best(seed)), seed


@pytest.mark.slow
def test_benders_decomposition_alone():
    """Without a plan of the local search and without the path relaxation, only sets and cuts are left."""
    cut = 0
    for seed in with_users(SEEDS):
        arrays = compile_workload(instance(seed)).queues
        proof = Proof(arrays, Run())
        proof.decide(Master(arrays, proof.run))
        assert proof.users == proof.bound == best(seed), seed
        assert edgeopt.check(instance(seed), proof.outcome().plan).objective == best(seed)
        cut += " 0 parts excluded" not in proof.notes[0]
    assert cut > 3


@pytest.mark.slow
def test_branch_and_bound_on_the_path_relaxation_alone():
    """Without a known plan it finds one that is optimal, and proves that."""
    walked = 0
    for seed in with_users(SEEDS)[::5]:
        arrays = compile_workload(instance(seed)).queues
        step = step_length(arrays)
        if step is None:
            continue
        path = PathBound(arrays, Run(), Walks(arrays, step))
        assert path.run() == best(seed), seed
        assert path.served_batches is not None
        assert arrays.in_time(path.served_batches)
        assert sum(len(users) for _, users in path.served_batches) == best(seed)
        walked += 1
    assert walked > 8


@pytest.mark.slow
def test_the_path_relaxation_stopped_at_any_time_is_a_bound():
    for seed in with_users(SEEDS)[::6]:
        arrays = compile_workload(instance(seed)).queues
        step = step_length(arrays)
        for walks in (1, 50, 200) if step else ():
            assert PathBound(arrays, Run(), Walks(arrays, step)).run(walks) >= best(seed), seed


def test_little_time_leaves_rows_of_the_union_relaxation_out():
    """The program is built without a look at the clock, so that it has to be small where little time is left."""
    queues = compile_workload(edgeopt.read(SHIPPED / "resnet-detection-60x600-individual.json")).queues
    few, most = stated_deadlines(queues, 0.1), stated_deadlines(queues)
    assert len(few) < len(most) / 5
    assert few[-1] == most[-1] == queues.due_s.max()
    assert len(stated_deadlines(queues, 0.0)) == 1


@some_or_many(15, 60)
def test_the_union_relaxation_is_a_bound(numbers):
    for seed in with_users(SEEDS)[numbers.start : numbers.stop]:
        assert union_bound(compile_workload(instance(seed)).queues, Run()) >= best(seed), seed


@pytest.mark.slow
def test_sequencing_a_set_by_its_parts_and_by_constraint_programming(monkeypatch):
    """Any set of users can be served exactly if the brute force says so, and then by the batches that are given."""
    yes = no = 0
    for seed in with_users(SEEDS)[:60]:
        arrays = compile_workload(instance(seed)).queues
        rng = np.random.default_rng(seed)
        for turn in range(4):
            users = np.flatnonzero(rng.random(len(arrays.user_names)) < 0.6).tolist()
            expected = can_serve(instance(seed), frozenset(arrays.user_names[user] for user in users))
            with monkeypatch.context() as patch:
                if turn == 0:
                    patch.setattr("edgeopt.loading.walks.sequencing.MOST_STATES", 0)
                found = sequenced(arrays, users, Run())
            assert (found is not False) == expected, (seed, users)
            if isinstance(found, list):
                assert sorted(user for _, served in found for user in served) == users
                assert edgeopt.check(instance(seed), arrays.plan(found)).feasible
            yes, no = yes + expected, no + (not expected)
    assert min(yes, no) > 40


@some_or_many(60, len(SEEDS))
@pytest.mark.parametrize("name", ["greedy", "local-search"])
def test_heuristics_are_feasible_and_the_search_is_mostly_optimal(name, numbers):
    optimal = 0
    for seed in SEEDS[numbers.start : numbers.stop]:
        solution = edgeopt.solve(instance(seed), name, threads=1, iteration_limit=300)
        assert solution.objective <= best(seed)
        optimal += solution.objective == best(seed)
    assert optimal >= (0.7 if name == "greedy" else 0.98) * len(numbers)


def test_a_user_who_serves_more_is_served_if_a_dominated_one_is():
    """Some optimal set of users is closed under domination."""
    for seed in with_users(SEEDS)[:50]:
        arrays = compile_workload(instance(seed)).queues
        best_closed = 0
        users = range(len(arrays.user_names))
        for number in range(2 ** len(arrays.user_names)):
            chosen = {user for user in users if number >> user & 1}
            if len(chosen) > best_closed and all(k in chosen for k, q in arrays.dominations if q in chosen):
                names = frozenset(arrays.user_names[user] for user in chosen)
                best_closed = len(chosen) if can_serve(instance(seed), names) else best_closed
        assert best_closed == best(seed), seed
