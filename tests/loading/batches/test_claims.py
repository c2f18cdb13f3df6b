"""What docs/loading-modes-proofs.md says is free, and what is not; `tests/loading/brute_force.py` assumes none of it.

That the least uploads lose nothing, that uploading in batch order loses nothing and, after an upload phase, that one
visit of a model loses nothing is what `counts-dp` rests on: test_counts_dp compares it with enumeration.
"""

from itertools import pairwise, permutations, product

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.batches.annealing import end_s
from edgeopt.loading.batches.counts_dp import CountsProgram
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.modes import in_mode
from tests.loading.random_instances import random_instance
from tests.loading.small import FREE, instance_of


def compositions(number, largest):
    """All ways to cut so many users into batches."""
    if number == 0:
        yield ()
    for first in range(1, min(number, largest) + 1):
        for rest in compositions(number - first, largest):
            yield (first, *rest)


def best_contiguous(instance, full_batches=False):
    """Most users of a plan that visits each model once, by trying all of them."""
    work = compile_workload(instance)
    best = 0
    for counts in product(*(range(int(most) + 1) for most in work.most)):
        visited = [model for model, count in enumerate(counts) if count]
        for order in permutations(visited):
            cuts = [list(compositions(counts[model], int(work.batch[model]))) for model in order]
            if full_batches:
                cuts = [[max(cut for cut in each if len(cut) == len(min(each, key=len)))] for each in cuts]
            for parts in product(*cuts):
                models = [model for model, part in zip(order, parts, strict=True) for _ in part]
                sizes = [size for part in parts for size in part]
                if end_s(work, models, sizes) <= work.horizon_s:
                    best = max(best, sum(counts))
    return best


RETURNS = in_mode(
    instance_of(
        {"a": ["s", "a"], "b": ["s", "b"]},
        {f"u{k}": {"model": "aaabb"[k], "upload_bits": bits} for k, bits in enumerate((8.0, 4.0, 1.0, 7.0, 6.0))},
        20.0,
        model_keys={
            name: {"compute_fixed_s": 0.0, "compute_per_sample_s": each} for name, each in (("a", 2), ("b", 3))
        },
        memory_bytes=5,
        bandwidth_hz=1.0,
    ),
    "overlapped",
    "consecutive",
)


def test_with_overlapped_uploads_a_model_may_have_to_be_visited_twice():
    assert optimum(RETURNS) == 4
    assert best_contiguous(RETURNS) == 3
    models = [batch["model"] for batch in edgeopt.solve(RETURNS, "counts-dp").plan["batches"]]
    assert sum(first != second for first, second in pairwise(models)) >= 2


def test_with_overlapped_uploads_a_batch_may_have_to_be_split():
    # Load 1 s. One batch waits for the second upload to 5 s and ends at 11 s; two run 1 to 4 s and 5 to 8 s.
    users = {"u0": {"model": "m", "upload_bits": 0.0}, "u1": {"model": "m", "upload_bits": 5.0}}
    keys = {"m": {"compute_fixed_s": 0.0, "compute_per_sample_s": 3.0}}
    instance = in_mode(
        instance_of({"m": ["x"]}, users, 8.0, model_keys=keys, bandwidth_hz=1.0), "overlapped", "consecutive"
    )
    assert optimum(instance) == 2
    assert best_contiguous(instance, full_batches=True) == 1


@some_or_many(12, 40)
@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
def test_overlapping_never_serves_fewer(retention, numbers):
    more = 0
    for seed in numbers:
        instance = random_instance(seed, models=4, users=8)
        phase, overlapped = (
            edgeopt.solve(in_mode(instance, upload, retention), "counts-dp").objective
            for upload in ("phase", "overlapped")
        )
        assert phase <= overlapped
        more += phase < overlapped
    assert more > len(numbers) / 8


def triangle(memory, deadline, retention):
    """Three models, each pair with a block in common; 10 s to load a block, 1 s for a batch, two users each."""
    models = {"a": ["x", "y"], "b": ["y", "z"], "c": ["z", "x"]}
    keys = {name: {"compute_fixed_s": 1.0, "compute_per_sample_s": 0.0} for name in models}
    users = {f"{name}{k}": {"model": name, "upload_bits": 0.0} for name in models for k in range(2)}
    sizes = dict.fromkeys("xyz", 10)
    base = instance_of(models, users, deadline, sizes=sizes, model_keys=keys, memory_bytes=memory)
    return in_mode(base, "phase", retention)


def test_capacity_pays_where_blocks_cross():
    # a, b, c load x and y, z, and nothing: 30 s, and three batches. Consecutive models load x twice.
    assert optimum(triangle(32, 33.0, "capacity")) == 6
    assert optimum(triangle(32, 33.0, "consecutive")) < 6
    assert optimum(triangle(32, 43.0, "consecutive")) == 6


def test_smaller_batches_may_leave_room_for_kept_blocks():
    # One byte beside three blocks: the middle model runs two batches of one, though two fit without the third block.
    instance = triangle(31, 34.0, "capacity")
    assert optimum(instance) == 6
    assert optimum(triangle(31, 33.0, "capacity")) < 6
    plan = edgeopt.solve(instance, "counts-dp").plan
    assert len(plan["batches"]) == 4
    assert compile_workload(instance).batch.tolist() == [2, 2, 2]


@pytest.mark.parametrize("structure", ["none", "backbone", "tree"])
def test_capacity_gains_nothing_on_tree_sharing(structure):
    for seed in range(12):
        instance = random_instance(seed, structure, models=5, users=9)
        kept = edgeopt.solve(in_mode(instance, "phase", "capacity"), "counts-dp").objective
        assert kept == edgeopt.solve(instance, "dp").objective


def least_loads(sequence, slots, tools):
    """Tool switching by enumeration: fewest tools put in, over all contents of the slots."""
    contents = {frozenset(): 0}
    for needed in sequence:
        following = {}
        for content, loads in contents.items():
            others = sorted(content - needed)
            for bits in product((0, 1), repeat=len(others)):
                kept = {tool for tool, bit in zip(others, bits, strict=True) if bit}
                if len(kept) + len(needed) <= slots:
                    state, cost = frozenset(kept | needed), loads + len(needed - content)
                    following[state] = min(cost, following.get(state, cost))
        contents = following
    return min(contents.values())


def test_unit_sizes_and_a_fixed_sequence_are_tool_switching():
    """Jobs are batches, tools are blocks of one byte, slots are bytes: keeping what is needed soonest is optimal."""
    rng = np.random.default_rng(0)
    kept_any = 0
    for _ in range(60):
        tools, jobs, slots = 6, 5, int(rng.integers(3, 6))
        needs = {
            f"j{job}": [f"t{t}" for t in rng.choice(tools, int(rng.integers(1, 4)), replace=False)]
            for job in range(jobs)
        }
        keys = {name: {**FREE, "workspace_bytes_per_sample": 0} for name in needs}
        users = {name: {"model": name, "upload_bits": 0.0} for name in needs}
        instance = in_mode(instance_of(needs, users, 1000.0, model_keys=keys, memory_bytes=slots), "phase", "capacity")
        order = rng.integers(0, jobs, 8).tolist()
        best = least_loads([set(needs[f"j{job}"]) for job in order], slots, tools)
        assert end_s(compile_workload(instance), order, [0] * len(order)) == pytest.approx(best)
        consecutive = compile_workload(in_mode(instance, "phase", "consecutive"))
        kept_any += end_s(consecutive, order, [0] * len(order)) > best
    assert kept_any > 20


def test_the_best_sequence_of_jobs_is_found_too():
    """With one user of each job, `counts-dp` finds the least loads over all sequences: as late as they, not sooner."""
    rng = np.random.default_rng(1)
    for _ in range(12):
        slots = int(rng.integers(3, 5))
        needs = {
            f"j{job}": [f"t{t}" for t in rng.choice(5, int(rng.integers(1, 4)), replace=False)] for job in range(4)
        }
        best = min(least_loads([set(needs[name]) for name in order], slots, 5) for order in permutations(needs))
        keys = {name: {**FREE, "workspace_bytes_per_sample": 0} for name in needs}
        users = {name: {"model": name, "upload_bits": 0.0} for name in needs}
        for deadline, everyone in ((best, True), (best - 0.5, False)):
            instance = instance_of(needs, users, deadline, model_keys=keys, memory_bytes=slots)
            work = compile_workload(in_mode(instance, "phase", "capacity"))
            sequence = CountsProgram(work, 0).solve(Run()).sequence
            assert (sum(batch.users for batch in sequence) == 4) == everyone
