"""What is free with individual deadlines and what is not, each by a concrete instance that the methods solve."""

import numpy as np
import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.loading.walks.circuit import most_batches
from edgeopt.loading.workload import HORIZON_MARGIN, compile_workload
from edgeopt.models.loading_deadlines import formulate, served_users
from edgeopt.run import Run
from tests.loading.brute_force import optimum
from tests.loading.small import FREE, instance_of

TWO_MODELS = {"a": ["x"], "b": ["y"]}
SLOW = {"a": {"compute_fixed_s": 0.0, "compute_per_sample_s": 3.0}, "b": {"compute_per_sample_s": 0.0}}
METHODS = ["exact", "cpsat", "local-search", "greedy"]


def revisit():
    """The early user of a, then the one of b, then the late one of a: any other way somebody is late."""
    users = {
        "early": {"model": "a", "upload_bits": 0.0, "deadline_s": 4.0},
        "between": {"model": "b", "upload_bits": 0.0, "deadline_s": 6.0},
        "late": {"model": "a", "upload_bits": 0.0, "deadline_s": 10.0},
    }
    return instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW), 3


def split_visit():
    """Two users of one model, memory for both, and the first is late unless it is served alone."""
    users = {
        "early": {"model": "a", "upload_bits": 0.0, "deadline_s": 4.0},
        "late": {"model": "a", "upload_bits": 0.0, "deadline_s": 7.0},
    }
    return instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW), 2


def long_upload():
    """Of two users of a model only the one of the longer upload can be served."""
    users = {
        "short": {"model": "a", "upload_bits": 1.0, "deadline_s": 3.0},
        "long": {"model": "a", "upload_bits": 4.0, "deadline_s": 5.0},
    }
    return instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW), 1


def urgent_user():
    """An urgent user forbids long uploads: leaving it out serves two others."""
    users = {
        "urgent": {"model": "b", "upload_bits": 0.0, "deadline_s": 2.0},
        "first": {"model": "a", "upload_bits": 8.0, "deadline_s": 20.0},
        "second": {"model": "a", "upload_bits": 8.0, "deadline_s": 20.0},
    }
    return instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW), 2


@pytest.mark.parametrize("case", [revisit, split_visit, long_upload, urgent_user])
@pytest.mark.parametrize("name", METHODS)
def test_methods_do_what_one_deadline_never_asks_for(name, case):
    instance, served = case()
    assert optimum(instance) == served
    solution = edgeopt.solve(instance, name, threads=1, iteration_limit=500)
    assert solution.objective == served


def test_contiguous_visits_lose_users():
    instance, _ = revisit()
    solution = edgeopt.solve(instance, "exact", threads=1)
    assert [batch["model"] for batch in solution.plan["batches"]] == ["a", "b", "a"]


def test_full_batches_lose_users():
    instance, _ = split_visit()
    solution = edgeopt.solve(instance, "exact", threads=1)
    assert [len(batch["users"]) for batch in solution.plan["batches"]] == [1, 1]
    assert instance.capacity("a") > 2
    assert most_batches(compile_workload(instance).queues, range(2)) == {0: 2}


def union_optimum(instance, everybody_counts=False):
    """Optimum of the union relaxation; or as if somebody were due by every deadline."""
    formulation = formulate(instance)
    if everybody_counts:
        formulation.someone.fix(1.0)
    program = compile_formulation(formulation)
    result = HighsSolver(program, Run()).solve()
    program.load(formulation, result.values)
    assert len(served_users(formulation)) == round(result.objective)
    return round(result.objective)


def test_rows_of_the_union_relaxation_hold_only_where_somebody_is_due():
    """Where nobody is served by 2 s the uploads may last longer; a row for all cuts the optimum off."""
    instance, served = urgent_user()
    assert union_optimum(instance) == served
    assert union_optimum(instance, everybody_counts=True) < served


def test_uploads_of_later_users_count_for_earlier_ones():
    """Both uploads end before the service begins, also that of the user who is not due yet."""
    users = {
        "early": {"model": "a", "upload_bits": 0.0, "deadline_s": 3.0},
        "late": {"model": "a", "upload_bits": 8.0, "deadline_s": 30.0},
    }
    instance = instance_of(TWO_MODELS, users, 0.0, model_keys={"a": FREE})
    assert union_optimum(instance) == optimum(instance) == 2
    data = instance.to_dict()
    data["users"]["late"]["upload_bits"] = 8.1  # W = 2.025 s, and 1 s of loading
    changed = type(instance).from_dict(data)
    assert union_optimum(changed) == optimum(changed) == 1


def test_fewer_deadlines_make_a_weaker_relaxation():
    users = {f"u{number}": {"model": "a", "deadline_s": 4.0 + number} for number in range(6)}
    instance = instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW)
    arrays = compile_workload(instance).queues
    deadlines = np.unique(arrays.due_s)
    optima = []
    for stated in (deadlines, deadlines[2:], deadlines[-1:]):
        program = compile_formulation(formulate(arrays, stated))
        optima.append(round(HighsSolver(program, Run()).solve().objective))
    assert optimum(instance) <= optima[0] <= optima[1] <= optima[2]


def test_users_who_cannot_be_served_alone_are_left_out():
    users = {
        "possible": {"model": "a", "upload_bits": 4.0, "deadline_s": 5.0},  # 1 s of upload, 1 s of loading, 3 s
        "late": {"model": "a", "upload_bits": 4.0, "deadline_s": 4.9},
        "other": {"model": "b", "deadline_s": 1.0},
    }
    arrays = compile_workload(instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW)).queues
    assert arrays.user_names == ["possible"]
    assert arrays.model_names == ["a"]
    assert arrays.due_s[0] == 5.0 * (1 + HORIZON_MARGIN)


def test_users_of_a_model_stand_by_deadline_and_dominate_each_other():
    users = {
        "late long": {"model": "a", "upload_bits": 4.0, "deadline_s": 90.0},
        "early long": {"model": "a", "upload_bits": 4.0, "deadline_s": 50.0},
        "late short": {"model": "a", "upload_bits": 1.0, "deadline_s": 90.0},
        "twin": {"model": "a", "upload_bits": 1.0, "deadline_s": 90.0},
    }
    arrays = compile_workload(instance_of(TWO_MODELS, users, 0.0)).queues
    assert arrays.user_names == ["early long", "late short", "twin", "late long"]
    # The long one of the same deadline lies between the twins and the early one.
    assert sorted(arrays.dominations) == [(1, 2), (2, 3), (3, 0)]
