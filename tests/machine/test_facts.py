"""Facts of a machine: what a program tells of GPUs, and one read of a file."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeopt.errors import InputError
from edgeopt.libraries.checkpoints.stores import known_stores
from edgeopt.machine import disks
from edgeopt.machine.facts import Machine, look
from tests.cli.program import run

TWO = "0, NVIDIA GeForce RTX 4090, 24564, 24110\n1, NVIDIA H100, 80GB HBM3, 81559, 81008\n"


@pytest.fixture
def no_stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("HF_HUB_CACHE", "HF_HOME", "OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("edgeopt.libraries.checkpoints.stores.SYSTEM_OLLAMA", str(tmp_path / "system"))
    return home


def nvidia(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of this name first on the path."""
    if sys.platform == "win32":
        pytest.skip("the program is a script of a Unix shell")
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


class TestGpus:
    def test_two(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_stores: Path) -> None:
        (tmp_path / "answer").write_text(TWO)
        asked = '"$1" = --query-gpu=index,name,memory.total,memory.free'
        nvidia(tmp_path, f'[ {asked} ] && cat "{tmp_path}/answer"', monkeypatch)
        gpus = look().machine.gpus
        assert [(gpu.name, gpu.model) for gpu in gpus] == [
            ("gpu0", "NVIDIA GeForce RTX 4090"),
            ("gpu1", "NVIDIA H100, 80GB HBM3"),
        ]
        assert gpus[0].memory_bytes == 24564 * 2**20
        assert gpus[1].free_bytes == 81008 * 2**20
        assert str(gpus[0]) == "NVIDIA GeForce RTX 4090, 25.8 GB, 25.3 GB free"

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("echo 'No devices were found'; exit 6", "ends with code 6 and says: No devices were found"),
            ("echo 'driver missing' >&2; exit 9", "ends with code 9 and says: driver missing"),
            ("exit 3", "ends with code 3 and says: nothing"),
            ("echo '0, NVIDIA GB10, [N/A], [N/A]'", "does not tell the memory of '0, NVIDIA GB10, [N/A], [N/A]'"),
            ("echo nonsense", "does not tell the memory of 'nonsense'"),
        ],
    )
    def test_answers_without_memory(
        self, script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_stores: Path
    ) -> None:
        nvidia(tmp_path, script, monkeypatch)
        found = look()
        assert found.machine.gpus == []
        assert told in found.notices[0]

    def test_no_program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_stores: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "there is no nvidia-smi: say it with --memory" in look().notices[0]
        told = look(memory_bytes=24 * 10**9)
        assert [(gpu.name, gpu.memory_bytes) for gpu in told.machine.gpus] == [("gpu0", 24 * 10**9)]


class TestDisks:
    def test_largest_file_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(disks, "LEAST_BYTES", 1000)
        monkeypatch.setattr(disks, "MOST_BYTES", 4096)
        seen = []
        original = disks.timed_read
        monkeypatch.setattr(disks, "timed_read", lambda path: (seen.append(path), original(path))[1])
        (tmp_path / "deep").mkdir()
        for name, size in {"small": 10, "deep/large": 9000, "other": 8000}.items():
            (tmp_path / name).write_bytes(bytes(size))
        (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
        (disk,) = look([tmp_path], memory_bytes=1).machine.disks
        assert seen == [tmp_path / "deep" / "large"]
        assert disk.path == str(tmp_path)
        assert 0 < disk.free_bytes < disk.total_bytes
        assert disk.read_bytes_per_s is not None
        assert "loading is no faster" in str(disk)
        assert look([tmp_path / "other"], memory_bytes=1).machine.disks[0].read_bytes_per_s is not None
        assert seen[1:] == [tmp_path / "other"]

    def test_a_small_store_is_not_timed(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(bytes(1000))
        (disk,) = look([tmp_path], memory_bytes=1).machine.disks
        assert (disk.read_bytes_per_s, disk.cold) == (None, None)
        assert "no file is large enough to time" in str(disk)

    @pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system cannot be asked to forget a file")
    def test_what_a_process_has_mapped_is_not_cold(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(os.urandom(1 << 20))
        with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert sum(mapped[:: mmap.PAGESIZE]) > 0
            rate, cold = disks.timed_read(path)
        assert rate > 0
        assert cold is False
        kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False).stdout
        if kind.strip() in ("ext2/ext3", "xfs", "btrfs"):
            assert disks.timed_read(path)[1] is True

    def test_no_path(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file or folder"):
            look([tmp_path / "nothing"])


def test_known_stores(no_stores: Path, tmp_path: Path) -> None:
    assert known_stores({}) == []
    ollama, hub, cpp = no_stores / ".ollama/models", tmp_path / "hf/hub", tmp_path / "cpp"
    for folder in (ollama, hub, cpp, no_stores / ".cache/huggingface/hub", tmp_path / "system"):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(ollama)
    told = {"HF_HOME": str(tmp_path / "hf"), "OLLAMA_MODELS": str(tmp_path / "link"), "LLAMA_CACHE": str(cpp)}
    assert {os.path.realpath(path) for path in known_stores(told)} == {
        str(path) for path in (hub, ollama, tmp_path / "system", cpp)
    }
    assert len(known_stores(told)) == 4
    assert known_stores({"HF_HUB_CACHE": str(cpp)})[0] == cpp
    assert no_stores / ".cache/huggingface/hub" in known_stores({})


class TestVerb:
    def test_file_and_text(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(bytes(1000))
        target = tmp_path / "machine.json"
        code, out, err = run("machine", tmp_path, "--memory", "24GB", "-o", target)
        assert code == 0, err
        assert out.splitlines()[0] == "gpu0   as told, 24 GB"
        assert out.splitlines()[1].startswith(f"disk   {tmp_path}, ")
        machine = Machine.read(target)
        assert machine.gpus[0].memory_bytes == 24 * 10**9
        assert json.loads(target.read_text())["format"] == "edgeopt-machine/1"
        assert json.loads(run("machine", tmp_path, "--memory", "24GB", "--json")[1])["gpus"] == [
            {"name": "gpu0", "memory_bytes": 24 * 10**9}
        ]

    def test_bad_usage(self, tmp_path: Path) -> None:
        for arguments in (
            (tmp_path / "nothing",),
            (tmp_path, "--memory", "much"),
            (tmp_path, "-o", tmp_path),
            (tmp_path, "-o", tmp_path / "m.txt"),
        ):
            code, out, err = run("machine", *arguments)
            assert (code, out) == (2, ""), arguments
            assert err.startswith("edgeopt: ")
            assert "Traceback" not in err
