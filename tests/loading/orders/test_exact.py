"""The overlap forest: optimal against brute force by each of its ways to a proof, honest at limits and in ties."""

import threading

import numpy as np
import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.exact import Proof, solve_exact
from edgeopt.loading.orders.forest import Forest
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Options, Run
from edgeopt.solution import Stopped
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import FREE, instance_of

LIMITS = [{"time_limit": 0.0}, {"time_limit": 0.05}, {"iteration_limit": 0}, {"gap": 0.5}]


@some_or_many(5, 25)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_optimal_against_brute_force(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure)
        solution = edgeopt.solve(instance, "exact", threads=1)
        assert solution.objective == optimum(instance), instance.name
        assert (solution.status, solution.stopped, solution.bound) == ("optimal", "proved", solution.objective)


@some_or_many(8, 20)
@pytest.mark.parametrize("structure", ["interval", "random", "dense"])
def test_questions_alone_prove_the_optimum(structure, numbers):
    """Without the root relaxation and without any heuristic's plan, only the questions for more users are left."""
    asked = 0
    for seed in numbers:
        instance = random_instance(seed, structure)
        arrays = compile_workload(instance).prefixes
        if arrays.model_names:
            proof = Proof(arrays, Run(Options(seed=seed)))
            proof.decide(Forest(arrays, proof.run))
            assert proof.users == proof.bound == optimum(instance), instance.name
            asked += "questions" in proof.notes[0]
    assert asked > len(numbers) / 2


def test_no_branch_and_bound_of_a_solver_is_believed(monkeypatch):
    """All that HiGHS is asked for is linear programs, whose multipliers are checked."""
    solve, relaxed = HighsSolver.solve, []

    def seen(solver, **options):
        relaxed.append(options.get("relaxed", False))
        return solve(solver, **options)

    monkeypatch.setattr(HighsSolver, "solve", seen)
    instance = random_instance(3, "random")
    arrays = compile_workload(instance).prefixes
    proof = Proof(arrays, Run())
    proof.decide(Forest(arrays, proof.run))
    assert proof.users == proof.bound == optimum(instance)
    assert relaxed
    assert all(relaxed)


def test_agrees_with_the_dynamic_program_of_crossing_classes():
    for seed in range(3):
        instance = generate("lora-towers", 24, 150, seed=seed)
        answers = {name: edgeopt.solve(instance, name, threads=1) for name in ("exact", "modular-dp")}
        assert {solution.status for solution in answers.values()} == {"optimal"}
        assert len({solution.objective for solution in answers.values()}) == 1


def test_the_order_of_the_file_does_not_matter():
    instance = generate("grid", 20, 150, seed=3)
    data = instance.to_dict()
    for key in ("models", "blocks"):
        data["library"][key] = dict(reversed(data["library"][key].items()))
    data["users"] = dict(reversed(data["users"].items()))
    turned = type(instance).from_dict(data)
    first, second = (edgeopt.solve(each, "exact", threads=1) for each in (instance, turned))
    assert first.status == second.status == "optimal"
    assert first.objective == second.objective


@pytest.mark.parametrize("sharing", ["random", "grid", "freeze-depth", "dense"])
def test_proves_medium_instances(sharing):
    solution = edgeopt.solve(generate(sharing, 30, 300, seed=1), "exact", threads=2)
    assert (solution.status, solution.stopped) == ("optimal", "proved")
    assert 0 < solution.objective < 300


def late_by(part: float) -> edgeopt.Instance:
    """Two users of one model whose service takes (1 + part) times the deadline; a third one never fits."""
    users = {"a": {"model": "m", "upload_bits": 4.0}, "b": {"model": "m", "upload_bits": 4.0}}
    users["c"] = {"model": "m", "upload_bits": 400.0}
    keys = {"m": {**FREE, "workspace_bytes_per_sample": 1}}
    # Two uploads of 1 s, then 1 s of loading.
    return instance_of({"m": ["x"]}, users, 3.0 / (1 + part), model_keys=keys)


@pytest.mark.parametrize("part", [1e-4, 1e-6, 3e-7, 1e-8, 5e-9, 0.0, -1e-8])
def test_a_plan_that_is_late_by_less_than_the_tolerance_of_the_solver_is_not_taken(part):
    instance = late_by(part)
    solution = edgeopt.solve(instance, "exact", threads=1)
    assert (solution.objective, solution.status) == (1 if part > 0 else 2, "optimal")
    # The questions alone: the solver does answer with the late plan, and it is excluded.
    arrays = compile_workload(instance).prefixes
    proof = Proof(arrays, Run())
    proof.decide(Forest(arrays, proof.run))
    assert proof.users == proof.bound == solution.objective


def test_many_plans_within_the_tolerance_are_excluded_one_by_one(monkeypatch):
    """Any two of four users of different models are late by 1e-7 of the deadline, and each alone is in time."""
    models = {f"m{number}": [f"x{number}"] for number in range(4)}
    users = {f"u{number}": {"model": f"m{number}", "upload_bits": 4.0} for number in range(4)}
    keys = {name: {**FREE, "workspace_bytes_per_sample": 1} for name in models}
    instance = instance_of(models, users, 4.0 / (1 + 1e-7), model_keys=keys)
    excluded = []
    exclude = Forest.exclude
    monkeypatch.setattr(Forest, "exclude", lambda forest, point: (excluded.append(point), exclude(forest, point)))
    arrays = compile_workload(instance).prefixes
    proof = Proof(arrays, Run())
    proof.decide(Forest(arrays, proof.run))
    assert proof.users == proof.bound == optimum(instance) == 1
    assert len(excluded) == 6  # each pair of users


def test_cycles_are_cut_off():
    """A ring of pairs: the relaxation without rows against cycles reuses every block, a path must load one twice."""
    number = 6
    models = {f"m{i}": [f"x{i}", f"x{(i + 1) % number}"] for i in range(number)}
    keys = dict.fromkeys(models, FREE)
    users = [name for name in models for _ in range(2)]
    sizes = {f"x{i}": 10 for i in range(number)}
    # All 12 uploads take 6 s; a path loads 7 blocks of 10 bytes, a cycle would load 6.
    for deadline, served in ((75.9, 11), (76.0, 12)):
        instance = instance_of(models, users, deadline, sizes=sizes, model_keys=keys)
        arrays = compile_workload(instance).prefixes
        proof = Proof(arrays, Run())
        proof.decide(Forest(arrays, proof.run))
        assert proof.users == proof.bound == served


@some_or_many(12, 30)
def test_a_deadline_just_missed_by_the_best_plan(numbers):
    changed = 0
    for seed in numbers:
        instance = random_instance(seed, "random")
        before = edgeopt.solve(instance, "exact", threads=1)
        end = before.metrics["end_s"] * (1 - 3e-7)
        users = {name: user.model_copy(update={"deadline_s": end}) for name, user in instance.users.items()}
        earlier = instance.model_copy(update={"users": users})
        arrays = compile_workload(earlier).prefixes
        if arrays.model_names:
            proof = Proof(arrays, Run())
            proof.decide(Forest(arrays, proof.run))
            assert proof.users == proof.bound == optimum(earlier), instance.name
            changed += proof.users < before.objective
    assert changed > len(numbers) / 6


@pytest.mark.parametrize("options", LIMITS)
def test_limits_give_a_plan_and_a_valid_bound(options):
    for seed in range(2):
        instance = generate("grid", 25, 250, seed=seed, served_fraction=0.3, load_rate_bytes_per_s=8e8)
        best = edgeopt.solve(instance, "exact", threads=1)
        limited = edgeopt.solve(instance, "exact", threads=1, **options)
        assert best.status == "optimal"
        assert limited.objective <= best.objective <= limited.bound
        assert limited.gap <= options.get("gap", np.inf)


def test_an_interrupt_gives_the_best_so_far():
    instance = generate("dense", 60, 600, seed=0, served_fraction=0.25, load_rate_bytes_per_s=8e8)
    seen = threading.Event()
    run = Run(Options(threads=2), progress=lambda progress: seen.set())
    threading.Thread(target=lambda: (seen.wait(), run.interrupt.set())).start()
    outcome = solve_exact(instance, run)
    report = edgeopt.check(instance, outcome.plan)
    assert report.feasible
    assert report.objective <= outcome.bound
    assert seen.is_set()
    assert outcome.stopped in (Stopped.INTERRUPTED, Stopped.PROVED)


def test_same_seed_and_threads_give_the_same_plan():
    instance = generate("grid", 40, 300, seed=2, served_fraction=0.3, load_rate_bytes_per_s=8e8)
    plans = [edgeopt.solve(instance, "exact", threads=2, seed=5).plan for _ in range(2)]
    assert plans[0] == plans[1]


def test_starts_from_a_solution():
    instance = generate("random", 20, 150, seed=1)
    first = edgeopt.solve(instance, "exact", threads=1)
    again = edgeopt.solve(instance, "exact", threads=1, start=first, time_limit=0.0)
    assert again.objective == first.objective


def test_beyond_reach_it_says_so_and_still_bounds(monkeypatch):
    for name in ("orders.exact.LARGE_TERMS", "relaxations.MOST_TERMS"):
        monkeypatch.setattr(f"edgeopt.loading.{name}", 10)
    for seed in range(20):
        instance = random_instance(seed, "dense", models=6)
        solution = edgeopt.solve(instance, "exact", threads=1, iteration_limit=1000)
        assert solution.objective <= optimum(instance) <= solution.bound
    solution = edgeopt.solve(generate("dense", 20, 60, seed=0), "exact", threads=1, iteration_limit=1000)
    assert "in reach: the bound counts each block once" in solution.message


def test_nobody_can_be_served():
    solution = edgeopt.solve(instance_of({"m": ["x"]}, ["m"], 0.0), "exact")
    assert (solution.objective, solution.bound, solution.status) == (0, 0, "optimal")


def test_no_program_is_stated_when_the_search_before_it_has_found_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """On large instances the search comes first."""
    monkeypatch.setattr("edgeopt.loading.orders.exact.LARGE_TERMS", 0)
    monkeypatch.setattr("edgeopt.loading.orders.forest.Forest", None)
    monkeypatch.setattr("edgeopt.loading.orders.exact.union_bound", lambda prefixes, run: 10**6)
    instance = generate("dense", models=8, users=40, seed=1)
    solution = edgeopt.solve(instance, "exact", stop=edgeopt.FirstFeasible(), threads=1)
    assert (solution.status, solution.stopped) == ("feasible", "stop_rule")
