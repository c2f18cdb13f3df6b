"""Relaxations by deadlines against enumeration, in each mode."""

import numpy as np
import pytest

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.loading.relaxations import floor_bound
from edgeopt.loading.workload import compile_workload
from edgeopt.models import loading_deadlines
from edgeopt.models.loading_overlapped import formulate_individual
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.modes import MODES, in_mode, tiny
from tests.loading.small import instance_of

USUAL = ("phase", "consecutive")


def relaxed_optimum(work, stated=None):
    """The optimum of the relaxation by deadlines of a workload."""
    if work.overlapped:
        formulation = formulate_individual(work, stated)
    else:
        formulation = loading_deadlines.formulate(work.queues, stated)
    return floor_bound(HighsSolver(compile_formulation(formulation), Run()).solve().objective)


@some_or_many(2, 40)
@pytest.mark.parametrize("mode", [USUAL, *MODES])
def test_deadlines_bound_each_mode(mode, numbers, monkeypatch):
    """With all deadlines or some of them, and with batches told apart in all models, in some, or in none."""
    for instance in tiny(range(7000 + numbers.start, 7000 + numbers.stop), *mode, one_deadline=False):
        work = compile_workload(instance)
        if instance.deadline_kind == "common" or not work.models:
            continue
        best, due = optimum(instance), np.unique(work.queues.due_s)
        assert relaxed_optimum(work) >= best, instance.name
        assert relaxed_optimum(work, due[len(due) // 2 :]) >= best, instance.name
        with monkeypatch.context() as patch:
            patch.setattr(loading_deadlines, "MOST_TERMS", len(due))
            assert relaxed_optimum(work) >= best, instance.name


def test_a_model_runs_again_for_users_who_are_due_later():
    """A batch of both users ends at 5 s, too late for one of them; two batches end at 7 s, too late for the other."""
    users = {
        "early": {"model": "a", "upload_bits": 0.0, "deadline_s": 4.0},
        "late": {"model": "a", "upload_bits": 0.0, "deadline_s": 6.0},
    }
    facts = {"a": {"compute_fixed_s": 2.0, "compute_per_sample_s": 1.0}}
    drawn = instance_of({"a": ["x"]}, users, 0.0, model_keys=facts)
    assert drawn.capacity("a") >= 2
    for mode in (USUAL, *MODES):
        instance = in_mode(drawn, *mode)
        served = optimum(instance)
        work = compile_workload(instance)
        assert relaxed_optimum(work) == served, mode
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loading_deadlines, "MOST_TERMS", 0)
            assert relaxed_optimum(work) > served, mode


def test_batches_are_not_told_apart_where_all_are_due_at_once():
    work = compile_workload(instance_of({"a": ["x"], "b": ["y"]}, ["a", "a", "b"], 9.0))
    assert len(loading_deadlines.formulate(work.queues).DUE_BATCHES) == 0
    drawn = {f"u{number}": {"model": "ab"[number % 2], "deadline_s": 4.0 + number} for number in range(4)}
    work = compile_workload(instance_of({"a": ["x"], "b": ["y"]}, drawn, 0.0))
    assert len(loading_deadlines.formulate(work.queues).DUE_BATCHES) == 4
