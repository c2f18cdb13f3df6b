"""The referee: every constraint has a plan that breaks it alone, by the right amount."""

import copy

import pytest

import edgeopt
from edgeopt.loading.checker import TOLERANCE, check, replay
from tests.loading.small import instance_of

# Uploads: 2 bits at 1 bit/s/Hz each, and 4 Hz in all, so three users take 1.5 s. Then, at 1 byte/s:
# a: load 3 + 5 bytes, compute 1 + 2 * 0.5 s; b: load its 2 own bytes, keep 3, compute 1.5 s.
INSTANCE = instance_of(
    {"a": ["shared", "a"], "b": ["shared", "b"]},
    ["a", "a", "b"],
    15.0,
    sizes={"shared": 3, "a": 5, "b": 2},
    memory_bytes=10,
)
THIRD = 4.0 / 3
PLAN = {
    "batches": [{"model": "a", "users": ["u0", "u1"]}, {"model": "b", "users": ["u2"]}],
    "bandwidth_hz": {"u0": THIRD, "u1": THIRD, "u2": THIRD},
}


def changed(**keys):
    """The plan with other batches or bandwidths."""
    return {**copy.deepcopy(PLAN), **keys}


def other_instance(place, **keys):
    """The instance with other keys at a place of its file."""
    data = INSTANCE.to_dict()
    inner = data
    for key in place:
        inner = inner[key]
    inner.update(keys)
    return edgeopt.instance_from_dict(data)


def only_violation(instance, plan):
    """The one violation of the plan."""
    report = check(instance, plan)
    assert len(report.violations) == 1, report.violations
    assert not report.feasible
    return report.violations[0]


def test_feasible_plan_and_its_figures():
    report = check(INSTANCE, PLAN)
    assert report.feasible
    assert report.objective == 3
    assert report.metrics == pytest.approx(
        {
            "upload_s": 1.5,
            "loading_s": 10.0,
            "compute_s": 3.5,
            "end_s": 15.0,
            "loaded_bytes": 10,
            "reused_bytes": 3,
        }
    )


def test_replay_times_each_visit():
    first, second = replay(INSTANCE, PLAN).visits
    assert (first.load_start_s, first.compute_start_s, first.end_s) == pytest.approx((1.5, 9.5, 11.5))
    assert (second.load_start_s, second.compute_start_s, second.end_s) == pytest.approx((11.5, 13.5, 15.0))
    assert (first.loaded_bytes, first.reused_bytes) == (8, 0)
    assert (second.loaded_bytes, second.reused_bytes) == (2, 3)


def test_blocks_survive_only_in_consecutive_models():
    instance = instance_of({"a": ["x"], "b": [], "c": ["x"]}, ["a", "b", "c"], 100.0, sizes={"x": 7})
    batches = [{"model": model, "users": [user]} for model, user in (("a", "u0"), ("b", "u1"), ("c", "u2"))]
    assert check(instance, changed(batches=batches)).metrics["loaded_bytes"] == 14
    assert check(instance, changed(batches=[batches[0], batches[2], batches[1]])).metrics["loaded_bytes"] == 7


def test_empty_plan_is_feasible():
    report = check(INSTANCE, {"batches": [], "bandwidth_hz": {}})
    assert report.feasible
    assert report.objective == 0
    assert set(report.metrics.values()) == {0.0}


def test_users_without_upload_need_no_bandwidth():
    instance = other_instance(["users", "u2"], upload_bits=0.0)
    assert check(instance, changed(bandwidth_hz={"u0": 2.0, "u1": 2.0})).feasible


def test_a_model_may_be_visited_again():
    instance = other_instance(["users", "u2"], deadline_s=100.0)
    batches = [
        {"model": "b", "users": ["u2"]},
        {"model": "a", "users": ["u0"]},
        {"model": "a", "users": ["u1"]},
    ]
    report = check(other_instance(["server"], load_rate_bytes_per_s=1000.0), changed(batches=batches))
    assert report.feasible
    assert check(instance, changed(batches=batches)).metrics["loaded_bytes"] == 10


@pytest.mark.parametrize(
    ("constraint", "amount", "plan"),
    [
        ("known model", 1, changed(batches=[*PLAN["batches"], {"model": "c", "users": []}])),
        ("batch not empty", 1, changed(batches=[{"model": "a", "users": []}])),
        ("known user", 1, changed(batches=[{"model": "a", "users": ["u0", "nobody"]}])),
        ("known user", 1, changed(bandwidth_hz={**PLAN["bandwidth_hz"], "nobody": 0.0})),
        ("model of the user", 1, changed(batches=[{"model": "b", "users": ["u0"]}])),
        ("served once", 2, changed(batches=[{"model": "b", "users": ["u2"]} for _ in range(3)])),
        ("bandwidth not negative", 0.25, changed(batches=[], bandwidth_hz={"u0": -0.25})),
        ("total bandwidth", 0.5, changed(batches=[], bandwidth_hz={"u0": 4.0, "u1": 0.5})),
        ("upload", 2.0, changed(batches=PLAN["batches"][:1], bandwidth_hz={"u0": 4.0})),
        ("upload", 2.0, changed(batches=PLAN["batches"][:1], bandwidth_hz={"u0": 4.0, "u1": 0.0})),
    ],
)
def test_each_constraint_alone(constraint, amount, plan):
    violation = only_violation(INSTANCE, plan)
    assert (violation.constraint, violation.amount) == (constraint, pytest.approx(amount))


def test_user_served_by_two_models_is_named():
    plan = changed(batches=[{"model": "a", "users": ["u0"]}, {"model": "b", "users": ["u0"]}])
    assert {v.constraint for v in check(INSTANCE, plan).violations} == {"model of the user", "served once"}
    assert all("'u0'" in v.where for v in check(INSTANCE, plan).violations)


def test_served_twice_counts_once():
    plan = changed(batches=[{"model": "b", "users": ["u2"]}, {"model": "b", "users": ["u2"]}])
    assert check(INSTANCE, plan).objective == 1


@pytest.mark.parametrize("missing", [1, 3])
def test_memory_has_no_tolerance(missing):
    violation = only_violation(other_instance(["server"], memory_bytes=10 - missing), PLAN)
    assert (violation.constraint, violation.where) == ("memory", "batch 0")
    assert (violation.amount, violation.unit) == (missing, "bytes")


def test_memory_in_bytes_that_floats_cannot_count():
    huge = 2**60
    instance = instance_of({"m": ["b"]}, ["m"], 1e30, sizes={"b": huge}, memory_bytes=huge)
    plan = {"batches": [{"model": "m", "users": ["u0"]}], "bandwidth_hz": {"u0": 4.0}}
    assert only_violation(instance, plan).amount == 1


@pytest.mark.parametrize(("relative", "feasible"), [(0.0, True), (0.9, True), (1.2, False)])
def test_deadline_tolerance(relative, feasible):
    deadline = 15.0 / (1 + relative * TOLERANCE)
    instance = other_instance(["users", "u2"], deadline_s=deadline)
    assert check(instance, PLAN).feasible == feasible
    if not feasible:
        violation = only_violation(instance, PLAN)
        assert (violation.constraint, violation.unit) == ("deadline", "s")
        assert "'u2'" in violation.where
        assert violation.amount == pytest.approx(15.0 - deadline, rel=1e-5)


@pytest.mark.parametrize(("relative", "feasible"), [(0.0, True), (0.9, True), (1.2, False)])
def test_bandwidth_tolerance(relative, feasible):
    excess = 4.0 * relative * TOLERANCE
    plan = changed(batches=[], bandwidth_hz={"u0": 4.0 + excess})
    assert check(INSTANCE, plan).feasible == feasible
    if not feasible:
        assert only_violation(INSTANCE, plan).amount == pytest.approx(excess, rel=1e-5)


def test_each_late_user_of_a_batch_is_listed():
    instance = other_instance(["users", "u0"], deadline_s=11.0)
    violation = only_violation(instance, PLAN)
    assert violation.where == "batch 0, user 'u0'"
    assert violation.amount == pytest.approx(0.5)


def test_thin_bandwidth_makes_the_upload_phase_long():
    plan = changed(bandwidth_hz={"u0": 0.5, "u1": 1.5, "u2": 2.0})
    report = check(INSTANCE, plan)
    assert report.metrics["upload_s"] == 4.0
    assert [v.constraint for v in report.violations] == ["deadline"]
    assert report.violations[0].amount == pytest.approx(2.5)


@pytest.mark.parametrize(
    "plan",
    [
        None,
        [],
        {},
        {"batches": []},
        {"batches": {}, "bandwidth_hz": {}},
        {"batches": [], "bandwidth_hz": []},
        {**PLAN, "extra": 1},
        changed(batches=[{"model": "a"}]),
        changed(batches=[{"model": "a", "users": ["u0"], "evict": []}]),
        changed(batches=[{"model": 1, "users": ["u0"]}]),
        changed(batches=[{"model": "a", "users": "u0"}]),
        changed(batches=[{"model": "a", "users": [0]}]),
        changed(bandwidth_hz={"u0": "1"}),
        changed(bandwidth_hz={"u0": True}),
        changed(bandwidth_hz={"u0": float("nan")}),
        changed(bandwidth_hz={"u0": float("inf")}),
        changed(bandwidth_hz={"u0": None}),
        changed(bandwidth_hz={"u0": 10**400}),
        changed(bandwidth_hz={"u0": 1e308, "u1": 1e308}),
        changed(bandwidth_hz={"u0": -5e-324}),
    ],
)
def test_plans_that_cannot_be_read_have_no_objective(plan):
    report = check(INSTANCE, plan)
    assert report.objective is None
    assert {violation.constraint for violation in report.violations} == {"form of the plan"}
