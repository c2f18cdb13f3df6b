"""What holds for one deadline and fails for individual ones, and that the brute force does not assume it."""

from itertools import permutations

import pytest

import edgeopt
from tests.loading.brute_force import optimum
from tests.loading.small import instance_of

TWO_MODELS = {"a": ["x"], "b": ["y"]}
SLOW = {"a": {"compute_fixed_s": 0.0, "compute_per_sample_s": 3.0}, "b": {"compute_per_sample_s": 0.0}}


def plans(instance, orders):
    """Plans that serve these users in these batches."""
    for order in orders:
        users = [user for batch in order for user in batch]
        yield {
            "batches": [{"model": instance.users[batch[0]].model, "users": list(batch)} for batch in order],
            "bandwidth_hz": {user: instance.bandwidth_hz / len(users) for user in users},
        }


def test_a_model_must_be_visited_twice_and_its_batch_split():
    # Loading takes 1 s. The early user of a, then the one of b, then the late one of a end at 4, 6 and 10 s.
    users = {
        "early": {"model": "a", "upload_bits": 0.0, "deadline_s": 4.0},
        "between": {"model": "b", "upload_bits": 0.0, "deadline_s": 6.0},
        "late": {"model": "a", "upload_bits": 0.0, "deadline_s": 10.0},
    }
    instance = instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW)
    assert optimum(instance) == 3
    batches = [("early",), ("between",), ("late",)]
    together = [("early", "late"), ("between",)]
    everybody = [*permutations(batches), *permutations(together)]
    feasible = [plan["batches"] for plan in plans(instance, everybody) if edgeopt.check(instance, plan).feasible]
    assert [[batch["model"] for batch in batches] for batches in feasible] == [["a", "b", "a"]]


def test_the_user_of_least_upload_may_be_the_one_to_leave_out():
    users = {
        "short": {"model": "a", "upload_bits": 1.0, "deadline_s": 3.0},
        "long": {"model": "a", "upload_bits": 4.0, "deadline_s": 5.0},
    }
    instance = instance_of(TWO_MODELS, users, 0.0, model_keys=SLOW)
    assert optimum(instance) == 1
    short, long = plans(instance, [[("short",)], [("long",)]])
    assert not edgeopt.check(instance, short).feasible
    assert edgeopt.check(instance, long).feasible


@pytest.mark.parametrize(("deadline", "served"), [(8.25, 2), (8.24, 1)])
def test_brute_force_to_the_last_digit(deadline, served):
    # Uploads of 0.5 s and 0.75 s, one load of 1 s, and 2 * 3 s of computing: 8.25 s.
    users = {"u": {"model": "a"}, "v": {"model": "a", "upload_bits": 3.0}}
    assert optimum(instance_of(TWO_MODELS, users, deadline, model_keys=SLOW)) == served
