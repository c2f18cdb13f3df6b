"""Files that change while they are read, and digests that are remembered from scan to scan."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeopt.errors import InputError
from edgeopt.libraries.checkpoints import cache as caching
from edgeopt.libraries.checkpoints import hashing, scan
from edgeopt.libraries.checkpoints.header import TensorFile, read_header
from tests.libraries.checkpoints.files import fine_tuned, network, write, write_adapter


def overwrite(path: Path) -> None:
    """Change the last byte in place."""
    with open(path, "r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last[0] ^ 1]))
    os.utime(path, ns=(0, 0))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


@pytest.mark.parametrize("change", [overwrite, truncate, replace])
@pytest.mark.parametrize("moment", ["after the header", "while hashing"])
def test_change_is_found(tmp_path: Path, change: Any, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, network(1))
    if moment == "after the header":

        def then_change(place: Path) -> TensorFile:
            header = read_header(place)
            change(path)
            return header

        monkeypatch.setattr("edgeopt.libraries.checkpoints.contents.read_header", then_change)
    else:
        original, calls = hashing.hashlib.new, []

        def change_at_third(*arguments: Any, **options: Any) -> Any:
            calls.append(arguments)
            if len(calls) == 3:
                change(path)
            return original(*arguments, **options)

        monkeypatch.setattr(hashing.hashlib, "new", change_at_third)
    with pytest.raises(InputError, match="changed while it was read") as caught:
        scan([tmp_path], cache=tmp_path / "cache.json")
    assert caught.value.file == str(path)
    assert not (tmp_path / "cache.json").exists()


def test_vanished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, network(1))

    def then_remove(place: Path) -> TensorFile:
        header = read_header(place)
        path.unlink()
        return header

    monkeypatch.setattr("edgeopt.libraries.checkpoints.contents.read_header", then_remove)
    with pytest.raises(InputError, match="No such file"):
        scan([tmp_path])


class TestCache:
    @pytest.fixture(autouse=True)
    def all_files_are_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(caching, "YOUNG_NS", 0)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write(tmp_path / "base", network(0))
        write(tmp_path / "tuned", fine_tuned(network(0), 2, seed=1))
        write_adapter(tmp_path / "lora", "base", seed=2)
        return tmp_path

    def test_second_scan_hashes_nothing(self, folder: Path) -> None:
        cache = folder / "cache.json"
        first = scan([folder], cache=cache)
        written = cache.read_bytes()
        totals: list[int] = []
        second = scan([folder], cache=cache, progress=lambda done, total: totals.append(total))
        assert (second.library, second.trace) == (first.library, first.trace)
        assert (first.cached_bytes, totals) == (0, [])
        assert second.cached_bytes > 0.8 * second.file_bytes
        assert cache.read_bytes() == written

    @pytest.mark.parametrize("change", [overwrite, replace])
    def test_changed_file_is_hashed_again(self, folder: Path, change: Any) -> None:
        cache = folder / "cache.json"
        scan([folder], cache=cache)
        change(folder / "tuned" / "model.safetensors")
        again = scan([folder], cache=cache)
        assert again.library == scan([folder]).library
        assert 0 < again.cached_bytes < again.file_bytes - 2000

    def test_time_stamp_set_back(self, folder: Path) -> None:
        """A change of the bytes under the old size and modification time is seen."""
        cache, path = folder / "cache.json", folder / "tuned" / "model.safetensors"
        before = scan([folder], cache=cache)
        status = path.stat()
        overwrite(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        after = scan([folder], cache=cache)
        assert path.stat().st_mtime_ns == status.st_mtime_ns
        assert after.trace != before.trace
        assert after.trace == scan([folder]).trace

    def test_young_files_are_not_remembered(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(caching, "YOUNG_NS", 3600 * 10**9)
        scan([folder], cache=folder / "cache.json")
        assert not (folder / "cache.json").exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda entry: entry.update(digests=entry["digests"][1:]),
            lambda entry: entry.update(digests=["x"] * len(entry["digests"])),
            lambda entry: entry.update(digests=7),
            lambda entry: entry.update(header="0"),
            lambda entry: entry.update(stamp=None),
            lambda entry: entry.clear(),
        ],
    )
    def test_damaged_entries_are_not_believed(self, folder: Path, damage: Any) -> None:
        cache = folder / "cache.json"
        first = scan([folder], cache=cache)
        data = json.loads(cache.read_text())
        for entry in data["files"].values():
            damage(entry)
        cache.write_text(json.dumps(data))
        again = scan([folder], cache=cache)
        assert (again.trace, again.cached_bytes) == (first.trace, 0)

    def test_other_algorithm(self, folder: Path) -> None:
        cache = folder / "cache.json"
        scan([folder], cache=cache)
        cache.write_text(cache.read_text().replace('"sha256"', '"md5"'))
        assert scan([folder], cache=cache).cached_bytes == 0

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "edgeopt-library/1"}', "\x00"])
    def test_foreign_file_is_not_overwritten(self, folder: Path, content: str) -> None:
        cache = folder / "cache.json"
        cache.write_text(content)
        with pytest.raises(InputError):
            scan([folder], cache=cache)
        assert cache.read_text() == content

    def test_what_is_hashed_stays_after_an_error(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = folder / "cache.json"
        original = hashing._hash_run

        def interrupted(file: TensorFile, run: Any) -> list[str]:
            if file.path.parent.name == "tuned":
                raise KeyboardInterrupt
            return original(file, run)

        monkeypatch.setattr(hashing, "_hash_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            scan([folder], cache=cache)
        monkeypatch.setattr(hashing, "_hash_run", original)
        assert cache.exists()
        assert scan([folder], cache=cache).library == scan([folder]).library

    def test_unwritable_cache_is_said_and_forgiven(self, folder: Path) -> None:
        (folder / "file").write_text("")
        found = scan([folder], cache=folder / "file" / "cache.json")
        assert any("not remembered" in notice for notice in found.notices)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path / "plain", {"a": np.ones(2)})
    try:
        path.parent.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    except OSError:
        pytest.skip("the file system wants UTF-8")
    found = scan([tmp_path])
    json.dumps(found.library.to_dict(), ensure_ascii=False).encode()
    json.dumps(found.trace, ensure_ascii=False).encode()
    assert list(found.library.models) == ["\\xff\\xfe"]
