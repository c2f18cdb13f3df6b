"""The dynamic program in all modes: equal to enumeration, with and without a target, and honest at limits."""

import pytest

import edgeopt
from edgeopt.errors import MethodRefusal
from edgeopt.loading.batches import counts_dp
from edgeopt.loading.batches.counts_dp import CountsProgram
from edgeopt.loading.batches.plans import plan_of
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.loading.brute_force import optimum
from tests.loading.modes import MODES, in_mode, tiny
from tests.loading.random_instances import random_instance
from tests.loading.small import instance_of

ALL_MODES = [("phase", "consecutive"), *MODES]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ALL_MODES)
def test_equals_enumeration(mode):
    served = 0
    for instance in tiny(range(100, 145), *mode):
        best = optimum(instance)
        workload = compile_workload(instance)
        if not workload.models:
            assert best == 0
            continue
        for target in (0, best):
            report = edgeopt.check(instance, plan_of(workload, CountsProgram(workload, target).solve(Run()).sequence))
            assert not report.violations
            assert report.objective == best
        more = CountsProgram(workload, best + 1).solve(Run())
        assert more.proved
        assert more.sequence is None
        served += best
    assert served > 40


def waiting_hides_a_load() -> LoadingInstance:
    """Four users who are all served in the order d, a, b, c only, with x kept for c while b waits for its upload.

    After d and a another order has the same users served 6 s sooner without x, which takes 1 s to load. But both wait
    for the upload of b, and then c has no second left.
    """
    upload, compute = {"a": 1.0, "d": 10.0, "b": 20.0, "c": 5.0}, {"a": 6.0, "d": 5.0, "b": 5.0, "c": 0.0}
    usual = instance_of(
        {"a": ["x"], "d": ["y"], "b": ["z"], "c": ["x"]},
        {model: {"model": model, "upload_bits": bits} for model, bits in upload.items()},
        36.0,
        sizes={"x": 1, "y": 2, "z": 1},
        model_keys={
            model: {"compute_fixed_s": seconds, "compute_per_sample_s": 0.0, "workspace_bytes_per_sample": 0}
            for model, seconds in compute.items()
        },
        memory_bytes=2,
        bandwidth_hz=1.0,
    )
    return in_mode(usual, "overlapped", "capacity")


@pytest.mark.parametrize("target", [0, 4])
def test_a_later_state_with_more_blocks_is_kept_where_batches_wait_for_uploads(target):
    instance = waiting_hides_a_load()
    assert optimum(instance) == 4
    answer = CountsProgram(compile_workload(instance), target).solve(Run())
    assert answer.sequence is not None
    assert sum(batch.users for batch in answer.sequence) == 4


@pytest.mark.parametrize("mode", ALL_MODES)
def test_the_target_changes_nothing_on_larger_instances(mode):
    for seed in range(6):
        instance = in_mode(random_instance(seed, models=6, users=14), *mode)
        workload = compile_workload(instance)
        if workload.models:
            free = CountsProgram(workload, 0).solve(Run()).sequence
            users = sum(batch.users for batch in free)
            aimed = CountsProgram(workload, users).solve(Run())
            assert sum(batch.users for batch in aimed.sequence) == users
            assert CountsProgram(workload, users + 1).solve(Run()).sequence is None


def test_agrees_with_the_tree_program_in_the_usual_mode():
    for seed in range(10):
        instance = random_instance(seed, "tree", models=6, users=14)
        assert edgeopt.solve(instance, "counts-dp").objective == edgeopt.solve(instance, "dp").objective


def test_refuses_too_many_ways_to_serve():
    instance = in_mode(generate("random", 30, 300, seed=0), "overlapped", "consecutive")
    with pytest.raises(MethodRefusal, match="ways to choose whom to serve"):
        edgeopt.solve(instance, "counts-dp")


def test_refuses_individual_deadlines():
    instance = in_mode(generate("random", 3, 6, seed=0, deadlines="individual"), "overlapped", "capacity")
    with pytest.raises(MethodRefusal, match="one deadline"):
        edgeopt.solve(instance, "counts-dp")


@pytest.mark.parametrize("limit", ["time", "states"])
def test_gives_up_with_a_plan_and_no_false_proof(limit, monkeypatch):
    instance = in_mode(generate("random", 10, 40, seed=0), "overlapped", "consecutive")
    if limit == "states":
        monkeypatch.setattr(counts_dp, "MOST_STATES", 4096)
    solution = edgeopt.solve(instance, "counts-dp", time_limit=0 if limit == "time" else None)
    assert solution.status == "feasible"
    assert solution.bound >= 31  # the optimum


@pytest.mark.parametrize("mode", MODES)
def test_many_models_are_counted_without_overflow(mode):
    instance = in_mode(generate("random", 70, 140, seed=0), *mode)
    workload = compile_workload(instance)
    assert counts_dp.codes(workload) > 2**40
    assert counts_dp.state_refusal(workload) is not None


def test_more_ways_to_serve_than_a_float_holds_are_refused_by_every_method_that_counts_them():
    models = [f"m{number}" for number in range(1100)]
    instance = in_mode(instance_of({model: ["x"] for model in models}, models, 1e6), "phase", "capacity")
    assert "1.5e+334 ways" in str(counts_dp.refusal(instance))
    assert "exact" in edgeopt.fitting_methods(instance)
