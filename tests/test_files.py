"""Strict JSON in, whole files out."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from edgeopt.errors import InputError
from edgeopt.files import format_json, parse_json, read_json, write_bytes, write_text


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ('{"a": NaN}', "$.a", "NaN is not a finite number"),
        ('{"a": [1, -Infinity]}', "$.a[1]", "-Infinity is not a finite number"),
        ('{"a": {"b": 1e999}}', "$.a.b", "1e999 is not a finite number"),
        ('{"a": {"b": 1, "b": 1}}', "$.a", "the key 'b' stands twice"),
        ('{"a": [{"b": 1, "c": 2, "b": 3}]}', "$.a[0]", "the key 'b' stands twice"),
        ('{"a": {"b": NaN, "b": 2}}', "$.a", "the key 'b' stands twice"),
        ('{"a": {"b": NaN, "c": 2, "c": 3}}', "$.a.b", "NaN"),
        ("", "$", "the file is empty"),
        (" \n", "$", "the file is empty"),
        ('{"a": [1, 2', "$", "truncated"),
        ('{"a": 1} 7', "$", "line 1, column 10"),
        ("{'a': 1}", "$", "line 1, column 2"),
        ("[" * 100_000, "$", "nested too deeply"),
        ("9" * 5000, "$", "not JSON that can be read"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_place(text: str, place: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_json(text, "file.json")
    assert any(finding.place == place and problem in finding.problem for finding in caught.value.findings)
    assert str(caught.value).startswith("file.json: ")


def test_all_faults_are_listed_up_to_a_limit() -> None:
    with pytest.raises(InputError) as caught:
        parse_json(json.dumps([float("nan")] * 30))
    assert len(caught.value.findings) == 30
    assert "$[9]" in str(caught.value)
    assert "$[10]" not in str(caught.value)
    assert "and 20 more" in str(caught.value)


@pytest.mark.parametrize("value", [{}, [], 1, -2.5, "ä", True, None, {"a": [1, {"b": []}]}, 10**30])
def test_strict_json_is_read_as_it_is(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


def test_byte_order_mark_and_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a":\r\n1}')
    assert read_json(path) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b'{"a": "\xff"}', "byte 7 is not UTF-8"), (b"\x80\x04binary\x00", "not UTF-8"), (b"\x00\x01", "not JSON")],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_json(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_json(tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_json(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_json("a\0b")


@pytest.mark.parametrize(
    "data", [{}, {"a": {}}, {"a": [{"b": 1.5}, {"c": [1]}]}, {"ü": {"x": {"y": None}}, "n": [1, 2]}]
)
def test_layout_is_the_same_json(data: dict[str, object]) -> None:
    assert parse_json(format_json(data)) == data


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def disk_full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_a_full_device_is_named() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        write_text("/dev/full", "text")
    assert caught.value.filename == "/dev/full"


def test_writing_into_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "missing" / "a.json", "x")


@pytest.mark.skipif(os.name == "nt", reason="rights of files are other ones on Windows")
def test_rights_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "a.json", tmp_path / "link.json"
    mask = os.umask(0o027)
    try:
        write_text(path, "one")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    link.symlink_to(path)
    write_text(link, "two")
    assert link.is_symlink()
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_bytes(pipe, b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
