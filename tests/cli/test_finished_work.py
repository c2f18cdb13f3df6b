"""Nothing starts before all that was named is read, and what is finished is written whatever fails later."""

from __future__ import annotations

import csv
import errno
import json
import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NoReturn

import pytest

import edgeopt
from edgeopt.files import write_bytes
from tests.cli.program import run
from tests.plans import two_models


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    path = tmp_path / "i.json"
    two_models().write(path)
    return path


def no_space(*arguments: Any, **options: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("verb", ["solve", "compare"])
def test_all_files_are_read_before_the_first_run(
    verb: str, instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edgeopt, verb, lambda *_, **__: pytest.fail("it ran"))
    (tmp_path / "broken.json").write_text("{")
    code, out, err = run(verb, instance, tmp_path / "broken.json")
    assert (code, out) == (2, "")
    assert "broken.json" in err


def test_the_method_is_looked_up_before_the_first_run(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edgeopt, "solve", lambda *_, **__: pytest.fail("it ran"))
    code, _, err = run("solve", instance, instance, "-m", "greedyy")
    assert code == 2
    assert err.count("did you mean 'greedy'") == 1


def test_finished_comparisons_are_written_when_a_process_fails(
    instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = edgeopt.compare

    def one_and_no_more(instances: Any, methods: Any, *, on_case: Any, workers: int, **options: Any) -> NoReturn:
        on_case(compare(instances, methods, **options).cases[0])
        raise BrokenProcessPool("a process ended")

    monkeypatch.setattr(edgeopt, "compare", one_and_no_more)
    table = tmp_path / "t.csv"
    code, _, err = run("compare", instance, instance, "-m", "greedy", "--workers", 2, "--csv", table)
    assert code == 4
    assert "a process ended" in err
    assert [row["method"] for row in csv.DictReader(table.open())] == ["greedy"]


@pytest.mark.parametrize(("fault", "code"), [(edgeopt.ProgramError("it broke"), 4), (ValueError("it broke"), 4)])
@pytest.mark.parametrize("as_json", [True, False])
def test_finished_comparisons_are_written_when_a_later_one_fails(
    fault: Exception, code: int, as_json: bool, instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, calls = edgeopt.compare, []

    def second_fails(*arguments: Any, **options: Any) -> edgeopt.Comparison:
        calls.append(arguments)
        if len(calls) == 2:
            raise fault
        return compare(*arguments, **options)

    monkeypatch.setattr(edgeopt, "compare", second_fails)
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    asked = [instance, instance, "-m", "greedy", "--csv", table, "--report", page, *(["--json"] if as_json else [])]
    ended, out, err = run("compare", *asked)
    assert ended == code
    assert "it broke" in err
    assert [row["method"] for row in csv.DictReader(table.open())] == ["greedy"]
    assert page.is_file()
    assert len(json.loads(out)) == 1 if as_json else "greedy" in out


def test_a_comparison_that_fails_at_once_writes_nothing(
    instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any, **options: Any) -> NoReturn:
        raise edgeopt.ProgramError("it broke")

    monkeypatch.setattr(edgeopt, "compare", fails)
    code, out, err = run("compare", instance, "--json", "--csv", tmp_path / "t.csv")
    assert (code, out) == (4, "")
    assert "it broke" in err
    assert not (tmp_path / "t.csv").exists()


def test_a_report_is_written_although_the_table_cannot_be(
    instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeopt.cli.compare.write_csv", no_space)
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    code, out, err = run("compare", instance, "-m", "greedy", "--csv", table, "--report", page)
    assert code == 2
    assert f"{str(table)!r} cannot be written: No space left on device" in err
    assert page.is_file()
    assert "greedy" in out


def test_a_full_disk_names_the_file_and_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "o.json"
    path.write_text("OLD")
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "OLD"
    assert list(tmp_path.iterdir()) == [path]


def test_a_bound_does_not_read_as_a_solution(instance: Path) -> None:
    code, out, _ = run("solve", instance, "-m", "bound")
    assert code == 1
    assert "unknown (bound only)" in out
