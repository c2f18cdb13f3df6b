"""The referee on streams: arrivals, interrupted uploads, stated starts, and loading ahead."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeopt
from edgeopt.loading.checker import check, replay
from edgeopt.loading.figures import plot_plan
from edgeopt.loading.plan_table import plan_frame, plan_of_frame
from tests.loading.streams.by_hand import stream_of

# At 1 byte/s: a loads 8 bytes to 8 s; its users have uploaded at 7 s, and a batch of both computes from 8 to 10 s.
# b keeps 3 bytes, loads 2 to 12 s, waits for its user to 20 s, and computes to 21.5 s.
BLOCKS = {"a": ["shared", "a"], "b": ["shared", "b"]}
SIZES = {"shared": 3, "a": 5, "b": 2}
USERS = {
    "early": {"model": "a", "upload_bits": 16.0, "deadline_s": 10.0},
    "late": {"model": "a", "upload_bits": 8.0, "arrival_s": 3.0, "deadline_s": 10.0},
    "last": {"model": "b", "arrival_s": 20.0, "deadline_s": 21.5},
}
STREAM = stream_of(BLOCKS, USERS, sizes=SIZES, memory_bytes=10)
BATCHES = [{"model": "a", "users": ["early", "late"]}, {"model": "b", "users": ["last"]}]
UPLOADS = {"early": [[0.0, 3.0, 4.0], [5.0, 6.0, 4.0]], "late": [3.0, 5.0, 4.0]}
PLAN = {"batches": BATCHES, "uploads": UPLOADS}


def changed(number, **keys):
    """The plan with other keys of a batch."""
    plan = copy.deepcopy(PLAN)
    plan["batches"][number].update(keys)
    return plan


def broken(instance, plan):
    """What a plan breaks, and by how much."""
    return [(each.constraint, pytest.approx(each.amount)) for each in check(instance, plan).violations]


def test_times_of_a_stream():
    assert broken(STREAM, PLAN) == []
    first, second = replay(STREAM, PLAN).visits
    assert (first.load_start_s, first.load_end_s, first.compute_start_s, first.end_s) == (0, 8, 8, 10)
    assert (second.load_start_s, second.load_end_s, second.compute_start_s, second.end_s) == (10, 12, 20, 21.5)


def test_report_of_a_stream():
    assert check(STREAM, PLAN).metrics == {
        "upload_s": 6.0,
        "loading_s": 10.0,
        "compute_s": 3.5,
        "idle_s": 8.0,
        "end_s": 21.5,
        "loaded_bytes": 10.0,
        "reused_bytes": 3.0,
        "served_share": 1.0,
        "waiting_p50_s": 7.0,
        "waiting_p95_s": 10.0,
        "waiting_p99_s": 10.0,
    }


def test_waiting_is_told_with_the_share_that_is_served():
    metrics = check(STREAM, {"batches": BATCHES[1:], "uploads": {}}).metrics
    assert (metrics["served_share"], metrics["waiting_p50_s"]) == (pytest.approx(1 / 3), 1.5)
    nobody = check(STREAM, {"batches": [], "uploads": {}}).metrics
    assert nobody["served_share"] == nobody["idle_s"] == 0.0
    assert "waiting_p50_s" not in nobody


@pytest.mark.parametrize(
    ("entry", "constraint", "amount"),
    [
        ([2.0, 3.0, 8.0], "upload from the arrival on", 1.0),
        ([[2.5, 3.0, 4.0], [3.0, 4.5, 4.0]], "upload from the arrival on", 0.5),
        ([[3.0, 4.0, 4.0], [4.0, 4.5, 4.0]], "upload", 2.0),
        ([[3.0, 4.0, 4.0], [4.5, 5.5, 4.0]], "total bandwidth", 4.0),
        ([], "upload", 8.0),
    ],
)
def test_each_constraint_of_uploads(entry, constraint, amount):
    uploads = {"early": [[0.0, 2.0, 4.0], [5.0, 7.0, 4.0]], "late": entry}
    assert (constraint, pytest.approx(amount)) in broken(STREAM, {"batches": BATCHES, "uploads": uploads})
    assert len(broken(STREAM, {"batches": BATCHES, "uploads": uploads})) <= (2 if amount == 1.0 else 1)


def test_a_user_without_bits_is_there_no_sooner_than_it_arrives():
    visit = replay(STREAM, {"batches": BATCHES[1:], "uploads": {}}).visits[0]
    assert (visit.load_end_s, visit.compute_start_s) == (5, 20)


def test_a_batch_waits_for_all_intervals_of_an_upload():
    plan = {"batches": BATCHES[:1], "uploads": {**UPLOADS, "early": [[0.0, 3.0, 4.0], [9.0, 10.0, 4.0]]}}
    assert broken(STREAM, plan) == [("deadline", 2.0), ("deadline", 2.0)]


def test_a_stated_start_is_kept_and_may_be_too_late():
    assert broken(STREAM, changed(0, start_s=0.0)) == broken(STREAM, changed(1, start_s=20.0)) == []
    assert broken(STREAM, changed(1, start_s=20.5)) == [("deadline", 0.5)]
    visit = replay(STREAM, changed(1, start_s=20.5)).visits[1]
    assert (visit.load_start_s, visit.compute_start_s) == (18.5, 20.5)


@given(st.floats(20.0, 30.0), st.floats(0.1, 10.0))
def test_no_batch_computes_before_its_stated_start(start_s, rate):
    """To the last digit: the end of a load that begins right before it is rounded."""
    instance = STREAM.replace(**{"server.load_rate_bytes_per_s": rate})
    visit = replay(instance, changed(1, start_s=start_s)).visits[1]
    assert visit.compute_start_s == max(start_s, visit.load_end_s)


@pytest.mark.parametrize("keys", [{"start_s": "soon"}, {"start_s": True}, {"prefetch": ["b"]}, {"evict": ["b"]}])
def test_form_of_a_batch(keys):
    assert check(STREAM, changed(0, start_s=1.0)).objective == 3
    report = check(STREAM, changed(0, **keys))
    assert report.objective is None
    assert [each.constraint for each in report.violations] == ["form of the plan"]


AHEAD = STREAM.replace(prefetch="next")


def test_the_next_batch_is_loaded_while_one_computes():
    plan = changed(0, prefetch=["b"])
    assert broken(AHEAD, plan) == [("memory", 2)]
    roomy = AHEAD.replace(**{"server.memory_bytes": 12})
    assert broken(roomy, plan) == []
    first, second = replay(roomy, plan).visits
    assert (first.ahead_end_s, first.resident_bytes) == (10, 10)
    assert (second.load_start_s, second.load_end_s, second.loaded_bytes, second.reused_bytes) == (10, 10, 2, 3)
    assert check(roomy, plan).metrics["loading_s"] == check(roomy, PLAN).metrics["loading_s"] == 10.0


def test_what_is_loaded_ahead_may_take_longer_than_the_batch():
    # a computes from 8 to 10 s while 6 bytes of b come from 8 to 14 s; one more byte to 15 s.
    blocks = {"a": ["a"], "b": ["b", "rest"]}
    users = {name: {"model": name} for name in "ab"}
    instance = stream_of(blocks, users, sizes={"a": 8, "b": 6, "rest": 1}, prefetch="next")
    plan = {
        "batches": [{"model": "a", "users": ["a"], "prefetch": ["b"]}, {"model": "b", "users": ["b"]}],
        "uploads": {},
    }
    first, second = replay(instance, plan).visits
    assert (first.compute_start_s, first.end_s, first.ahead_end_s) == (8, 9.5, 14)
    assert (second.load_start_s, second.load_end_s, second.end_s) == (14, 15, 16.5)
    metrics = check(instance, plan).metrics
    assert (metrics["loading_s"], metrics["compute_s"], metrics["idle_s"]) == (15, 3, 0)


@pytest.mark.parametrize(
    ("number", "block"), [(0, "shared"), (0, "a"), (0, "nothing"), (1, "b")], ids=["there", "own", "unknown", "last"]
)
def test_only_absent_blocks_of_the_next_batch_are_loaded_ahead(number, block):
    roomy = AHEAD.replace(**{"server.memory_bytes": 100})
    plan = changed(number, prefetch=[block])
    assert broken(roomy, plan) == [("prefetched block of the next batch, not on the GPU", 1)]
    assert check(roomy, plan).metrics["end_s"] == 21.5


def test_a_block_loaded_ahead_may_be_evicted_and_is_loaded_again():
    kept = AHEAD.replace(retention="capacity", **{"server.memory_bytes": 12})
    plan = changed(0, prefetch=["b"])
    assert broken(kept, plan) == []
    plan["batches"][1]["evict"] = ["b", "a"]
    assert broken(kept, plan) == []
    assert [visit.loaded_bytes for visit in replay(kept, plan).visits] == [8, 2]
    assert [visit.resident_bytes for visit in replay(kept, plan).visits] == [10, 5]


IDLE = STREAM.replace(prefetch="idle", retention="capacity", **{"server.memory_bytes": 11})


def test_an_empty_batch_loads_and_serves_nobody():
    # a and b are loaded to 10 s, before anybody of a is there; a computes to 12 s, b from 20 s on.
    empty = [{"model": "a", "users": []}, {"model": "b", "users": []}]
    instance = IDLE.replace(**{f"users.{user}.deadline_s": 12.0 for user in ("early", "late")})
    plan = {"batches": [*empty, *BATCHES], "uploads": UPLOADS}
    visits = replay(instance, plan).visits
    assert [visit.end_s for visit in visits] == [8, 10, 12, 21.5]
    assert [visit.resident_bytes for visit in visits] == [8, 10, 10, 10]
    assert broken(instance, plan) == [("memory", 1)]
    assert broken(instance.replace(**{"server.memory_bytes": 12}), plan) == []


def test_empty_batches_need_the_mode():
    plan = {"batches": [{"model": "a", "users": []}, *BATCHES], "uploads": UPLOADS}
    for prefetch in ("none", "next"):
        instance = IDLE.replace(prefetch=prefetch, **{"server.memory_bytes": 100})
        assert broken(instance, plan) == [("batch not empty", 1)]


def test_an_empty_batch_needs_memory_for_its_model_and_what_is_kept():
    plan = {"batches": [{"model": "a", "users": []}, {"model": "b", "users": []}], "uploads": {}}
    assert broken(IDLE.replace(**{"server.memory_bytes": 9}), plan) == [("memory", 1)]
    plan["batches"][1]["evict"] = ["a"]
    assert broken(IDLE.replace(**{"server.memory_bytes": 9}), plan) == []


def test_tables_say_all_of_a_plan():
    """Batches without users, evictions, what is loaded ahead, stated starts; not a last batch without users."""
    empty = [{"model": "a", "users": []}, {"model": "b", "users": [], "evict": ["a"]}]
    last = {**BATCHES[1], "evict": ["a"], "start_s": 20.25}
    plan = {"batches": [*empty, BATCHES[0], last, {"model": "a", "users": []}], "uploads": UPLOADS}
    frame = plan_frame(IDLE, plan)
    assert list(frame["served"]) == [True, True, True]
    assert plan_of_frame(IDLE, frame)["batches"] == plan["batches"][:-1]
    text = frame.astype(str).where(frame.notna())  # as a CSV file has it
    assert plan_of_frame(IDLE, text)["batches"] == plan["batches"][:-1]
    ahead = changed(0, prefetch=["b"])
    assert plan_of_frame(AHEAD, plan_frame(AHEAD, ahead))["batches"] == ahead["batches"]
    with pytest.raises(edgeopt.UsageError, match="'prefetch' of the table should hold what to_frame"):
        plan_of_frame(AHEAD, plan_frame(AHEAD, ahead).assign(prefetch="b"))
    with pytest.raises(edgeopt.UsageError, match="says 'first' where a number should stand"):
        plan_of_frame(AHEAD, plan_frame(AHEAD, ahead).assign(batch="first"))


def test_a_million_seconds_of_arrivals_are_timed_to_the_tolerance():
    users = {"u": {"model": "a", "upload_bits": 4.0, "arrival_s": 1e6, "deadline_s": 1e6 + 2.5}}
    instance = stream_of(BLOCKS, users)
    plan = {"batches": [{"model": "a", "users": ["u"]}], "uploads": {"u": [1e6, 1e6 + 1, 4.0]}}
    assert broken(instance, plan) == []
    plan["uploads"]["u"] = [1e6 - 0.01, 1e6 + 0.99, 4.0]
    assert broken(instance, plan) == [("upload from the arrival on", 0.01)]


def test_pictures_and_tables_of_a_stream():
    figure = plot_plan(STREAM, PLAN)
    bars = [tuple(path.get_extents().intervalx) for path in figure.axes[0].collections[0].get_paths()]
    assert bars == [(0, 6)]
    frame = plan_frame(STREAM, PLAN).set_index("user")
    assert frame.loc["early", ["upload_start_s", "upload_end_s", "bandwidth_hz"]].tolist() == [0, 6, 4]
    assert frame.loc["last", ["upload_start_s", "upload_end_s", "bandwidth_hz"]].tolist() == [0, 0, 0]
    roomy = AHEAD.replace(**{"server.memory_bytes": 12})
    ax = plot_plan(roomy, changed(0, prefetch=["b"])).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["radio", "load", "compute"]
    assert (8, 10) in [tuple(path.get_extents().intervalx) for path in ax.collections[1].get_paths()]


def test_interrupted_uploads_of_two_batches_are_separate_bars():
    plan = {"batches": [{"model": "a", "users": [user]} for user in ("late", "early")], "uploads": UPLOADS}
    ax = plot_plan(STREAM, plan).axes[0]
    bars = [tuple(path.get_extents().intervalx) for path in ax.collections[0].get_paths()]
    assert bars == [(3, 5), (0, 3), (5, 6)]


def test_a_stream_survives_its_file(tmp_path):
    AHEAD.write(tmp_path / "stream.json")
    again = edgeopt.read(tmp_path / "stream.json")
    assert again == AHEAD
    assert again.sha256 == AHEAD.sha256
    assert "arrival_s" not in again.to_dict()["users"]["early"]
    assert AHEAD.replace(prefetch="none").sha256 == STREAM.sha256
