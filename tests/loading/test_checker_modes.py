"""The referee in the other modes: every constraint has a plan that breaks it alone, by the right amount."""

import copy

import pytest

from edgeopt.loading.checker import check, replay
from tests.loading.modes import in_mode
from tests.loading.small import instance_of

# Uploads: 2 bits at 1 bit/s/Hz and 4 Hz take 0.5 s with the whole band. At 1 byte/s: a loads 8 bytes to 8 s and
# computes 2 users to 10 s; b keeps 3 bytes, loads 2 to 12 s, and computes to 13.5 s.
USUAL = instance_of(
    {"a": ["shared", "a"], "b": ["shared", "b"]},
    ["a", "a", "b"],
    13.5,
    sizes={"shared": 3, "a": 5, "b": 2},
    memory_bytes=10,
)
OVERLAPPED = in_mode(USUAL, "overlapped", "consecutive")
BATCHES = [{"model": "a", "users": ["u0", "u1"]}, {"model": "b", "users": ["u2"]}]
PLAN = {"batches": BATCHES, "uploads": {"u0": [0.0, 0.5, 4.0], "u1": [0.5, 1.0, 4.0], "u2": [1.0, 1.5, 4.0]}}
# The same with room for a, b and one sample; then a comes again and finds its blocks, 13.5 s to 15 s.
KEEPING = in_mode(
    instance_of(
        {"a": ["shared", "a"], "b": ["shared", "b"]},
        ["a", "b", "a"],
        100.0,
        sizes={"shared": 3, "a": 5, "b": 2},
        memory_bytes=11,
        bandwidth_hz=3.0,
    ),
    "phase",
    "capacity",
)
KEPT = {
    "batches": [{"model": name, "users": [user]} for name, user in (("a", "u0"), ("b", "u1"), ("a", "u2"))],
    "bandwidth_hz": {"u0": 1.0, "u1": 1.0, "u2": 1.0},
}


def uploads(**changes):
    """The plan with other uploads; None leaves one out."""
    merged = {**PLAN["uploads"], **changes}
    return {**PLAN, "uploads": {user: entry for user, entry in merged.items() if entry is not None}}


def test_times_of_an_overlapped_plan():
    assert check(OVERLAPPED, PLAN).violations == []
    first, second = replay(OVERLAPPED, PLAN).visits
    assert (first.load_start_s, first.load_end_s, first.compute_start_s, first.end_s) == (0, 8, 8, 10)
    assert (second.load_end_s, second.end_s) == (12, 13.5)


def test_a_batch_waits_for_its_uploads():
    late = check(OVERLAPPED, uploads(u2=[12.5, 13.0, 4.0]))
    assert [(each.constraint, each.amount) for each in late.violations] == [("deadline", pytest.approx(1.0))]


def test_a_user_without_bits_may_be_left_out():
    data = OVERLAPPED.to_dict()
    data["users"]["u1"]["upload_bits"] = 0
    assert check(type(OVERLAPPED).from_dict(data), uploads(u1=None)).feasible


@pytest.mark.parametrize(
    ("changes", "constraint", "amount"),
    [
        ({"u1": [0.5, 0.75, 4.0]}, "upload", 1.0),
        ({"u1": None}, "upload", 2.0),
        ({"u1": [0.25, 0.75, 4.0]}, "total bandwidth", 4.0),
        ({"u0": [0.0, 0.5, 4.5]}, "total bandwidth", 0.5),
        ({"u0": [-0.5, 0.5, 4.0]}, "upload from the arrival on", 0.5),
        ({"nobody": [2.0, 3.0, 1.0]}, "known user", 1),
    ],
)
def test_each_constraint_of_overlapped_uploads(changes, constraint, amount):
    found = check(OVERLAPPED, uploads(**changes)).violations
    assert [(each.constraint, each.amount) for each in found] == [(constraint, pytest.approx(amount))]


def test_an_upload_that_ends_before_it_starts():
    found = {each.constraint: each.amount for each in check(OVERLAPPED, uploads(u2=[3.0, 2.5, 4.0])).violations}
    assert found["upload ends after its start"] == pytest.approx(0.5)


def test_uploads_may_share_the_band():
    shared = uploads(u0=[0.0, 1.0, 2.0], u1=[0.0, 1.0, 2.0])
    assert check(OVERLAPPED, shared).feasible


@pytest.mark.parametrize(("end", "feasible"), [(0.5 + 1e-10, True), (0.5 + 1e-8, False)])
def test_tolerance_of_intervals_that_touch(end, feasible):
    assert check(OVERLAPPED, uploads(u0=[0.0, end, 4.0])).feasible == feasible


@pytest.mark.parametrize("entry", [[0.0, 0.5], "all", [0.0, 0.5, float("inf")], [0, True, 1]])
def test_form_of_uploads(entry):
    report = check(OVERLAPPED, uploads(u0=entry))
    assert report.objective is None
    assert [each.constraint for each in report.violations] == ["form of the plan"]


def test_bandwidths_are_no_uploads():
    report = check(OVERLAPPED, {"batches": BATCHES, "bandwidth_hz": {"u0": 1.0}})
    assert {each.constraint for each in report.violations} == {"form of the plan"}


def test_kept_blocks_are_not_loaded_again():
    report = check(KEEPING, KEPT)
    assert report.feasible
    assert report.metrics["loaded_bytes"] == 10
    assert [visit.resident_bytes for visit in replay(KEEPING, KEPT).visits] == [8, 10, 10]


def evicting(number, *blocks):
    """The plan with evictions before a batch."""
    plan = copy.deepcopy(KEPT)
    plan["batches"][number]["evict"] = list(blocks)
    return plan


def test_an_evicted_block_is_loaded_again():
    report = check(KEEPING, evicting(1, "a"))
    assert report.feasible
    assert report.metrics["loaded_bytes"] == 15
    assert [visit.resident_bytes for visit in replay(KEEPING, evicting(1, "a")).visits] == [8, 5, 10]


def test_eviction_of_an_absent_block():
    found = check(KEEPING, evicting(0, "b")).violations
    assert [(each.constraint, each.amount) for each in found] == [("evicted block on the GPU", 1)]


def test_kept_blocks_take_memory():
    data = KEEPING.to_dict()
    data["server"]["memory_bytes"] = 9
    found = check(type(KEEPING).from_dict(data), KEPT).violations
    assert [(each.constraint, each.where, each.amount) for each in found] == [
        ("memory", "batch 1", 2),
        ("memory", "batch 2", 2),
    ]


def test_eviction_is_no_part_of_a_plan_in_the_usual_mode():
    plan = {"batches": [{**BATCHES[0], "evict": ["a"]}], "bandwidth_hz": {"u0": 1.0, "u1": 1.0}}
    assert {each.constraint for each in check(USUAL, plan).violations} == {"form of the plan"}
