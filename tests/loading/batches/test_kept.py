"""Sets of users with kept blocks after an upload phase, against enumeration."""

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.batches.kept import KeptProof
from edgeopt.loading.generator import generate
from edgeopt.loading.walks.master import Master
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.modes import tiny

KEPT = "phase", "capacity"


def with_users(numbers, first):
    """Tiny instances with kept blocks in which somebody can be served."""
    for instance in tiny(range(first + numbers.start, first + numbers.stop), *KEPT, one_deadline=False):
        work = compile_workload(instance)
        if work.models:
            yield instance, work


@some_or_many(20, 150)
def test_sets_of_users_can_be_served_if_enumeration_says_so(numbers):
    yes = no = 0
    for instance, work in with_users(numbers, 0):
        proof, rng = KeptProof(work, Run(), {}, 0), np.random.default_rng(yes)
        for _ in range(3):
            users = np.flatnonzero(rng.random(len(work.queues.user_names)) < 0.7).tolist()
            names = {work.queues.user_names[user] for user in users}
            part = instance.replace(users={name: user for name, user in instance.users.items() if name in names})
            plan = proof.sequenced(users)
            if plan is False:
                assert optimum(part) < len(users), instance.name
                no += 1
            else:
                report = edgeopt.check(instance, plan)
                assert (report.feasible, report.objective) == (True, len(users)), instance.name
                yes += 1
    assert min(yes, no) > len(numbers) / 5


@some_or_many(20, 150)
def test_sets_alone_prove_the_optimum(numbers):
    for instance, work in with_users(numbers, 1000):
        proof = KeptProof(work, Run(), {"batches": [], "bandwidth_hz": {}}, 0)
        proof.decide(Master(work.queues, proof.run))
        assert proof.users == proof.bound == optimum(instance), instance.name
        assert edgeopt.check(instance, proof.known.best).objective == proof.users


@pytest.mark.slow
def test_sets_close_a_gap_of_thirty_users():
    instance = generate("dense", 6, 30, seed=203, deadlines="individual", retention="capacity")
    solution = edgeopt.solve(instance, "exact", iteration_limit=3000)
    assert solution.objective == solution.bound
    assert "sets sequenced" in solution.message
