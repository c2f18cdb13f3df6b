"""Streams that are not as they should be get one clear error; empty and unsorted ones the right answer."""

from __future__ import annotations

import pytest

import edgeopt
from edgeopt.errors import InputError, MethodRefusal
from edgeopt.loading.checker import check
from edgeopt.loading.instance import LoadingInstance
from tests.cli.program import run
from tests.loading.test_checker_modes import USUAL
from tests.loading.test_checker_streams import BATCHES, PLAN, STREAM, UPLOADS


def with_user(**keys):
    """The stream's file with other keys of one user."""
    data = STREAM.to_dict()
    data["users"]["late"].update(keys)
    return data


FAULTS = [
    (with_user(arrival_s=-1.0), "$.users.late.arrival_s", "greater than or equal to 0"),
    (with_user(arrival_s="noon"), "$.users.late.arrival_s", "number"),
    (with_user(arrival_s=float("inf")), "$.users.late.arrival_s", "finite"),
    (with_user(arrival=1.0), "$.users.late.arrival", "'arrival_s'"),
    (with_user(arrival_s=10.0), "$.users.late.deadline_s", "deadline of 10 s is not after the arrival at 10 s"),
    (with_user(arrival_s=11.0), "$.users.late.deadline_s", "add the arrival"),
    ({**STREAM.to_dict(), "upload": "phase"}, "$.users.late.arrival_s", 'say "upload": "overlapped"'),
    ({**STREAM.to_dict(), "prefetch": "always"}, "$.prefetch", "'none', 'idle' or 'next'"),
    ({**USUAL.to_dict(), "prefetch": "idle"}, "$.prefetch", 'say "upload": "overlapped"'),
]


@pytest.mark.parametrize(("data", "place", "words"), FAULTS)
def test_one_clear_error(data, place, words):
    with pytest.raises(InputError) as caught:
        LoadingInstance.from_dict(data)
    assert f"at {place}" in str(caught.value)
    assert words in str(caught.value)


def test_the_command_line_names_file_and_place(tmp_path):
    path = tmp_path / "stream.json"
    path.write_text(edgeopt.files.format_json(with_user(arrival_s=10.0)))
    for command in ("info", "solve"):
        code, _, err = run(command, path)
        assert code == 2
        assert "stream.json" in err
        assert "$.users.late.deadline_s" in err
        assert "Traceback" not in err


def test_info_tells_of_arrivals(tmp_path):
    STREAM.write(tmp_path / "stream.json")
    code, out, _ = run("info", tmp_path / "stream.json")
    assert code == 0
    assert "over 20 s" in out


def test_the_order_of_users_does_not_matter():
    data = STREAM.to_dict()
    data["users"] = dict(reversed(data["users"].items()))
    backwards = LoadingInstance.from_dict(data)
    assert check(backwards, PLAN).metrics == check(STREAM, PLAN).metrics


def test_an_arrival_without_time_to_spare_is_allowed():
    assert LoadingInstance.from_dict(with_user(arrival_s=9.999)).users["late"].arrival_s == 9.999
    assert LoadingInstance.from_dict({**with_user(arrival_s=0.0, deadline_s=0.0)}).stream


@pytest.mark.parametrize("prefetch", ["none", "idle", "next"])
def test_a_stream_without_users(prefetch):
    data = {**STREAM.to_dict(), "prefetch": prefetch, "users": {}}
    empty = LoadingInstance.from_dict(data)
    assert check(empty, {"batches": [], "uploads": {}}).objective == 0
    assert empty.facts()["users"] == "0 of 0 models"
    if not empty.stream:
        with pytest.raises(MethodRefusal, match="it has no users"):
            edgeopt.solve(empty, "density")


def test_who_knows_no_arrivals_refuses_them_by_name():
    stream = STREAM.replace(retention="capacity")
    refused = 0
    for name, method in edgeopt.methods("loading").items():
        if method.refusal(stream) is not None:
            refused += 1
            with pytest.raises(MethodRefusal, match=f"'{name}'.*'late' arrives at 3 s.*would work"):
                edgeopt.solve(stream, name)
            assert "does not know `prefetch`: 'next'" in method.refusal(stream.replace(prefetch="next"))
    assert refused > 3


def test_uploads_before_the_arrival_are_not_believed():
    early = {**UPLOADS, "late": [0.0, 2.0, 4.0], "early": [2.0, 6.0, 4.0]}
    report = check(STREAM, {"batches": BATCHES, "uploads": early})
    assert [each.constraint for each in report.violations] == ["upload from the arrival on"]
    assert not report.feasible
