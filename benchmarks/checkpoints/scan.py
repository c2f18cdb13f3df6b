"""How fast checkpoints are scanned, and what the time goes to: `python -m benchmarks.checkpoints.scan`."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from benchmarks.measure import Run, arguments_on_a_quiet_machine, fresh, table, write_results
from edgeopt.libraries.checkpoints import Scan, scan
from edgeopt.libraries.checkpoints.hashing import BUFFER_BYTES

MODELS, FROZEN, SMALL_PER_LAYER = 4, 0.75, 6
HASHES = ("sha256", "blake2b")


def write_checkpoints(folder: Path, megabytes: int) -> None:
    """Write a base and fine-tunes that freeze three quarters of its layers; a layer has a matrix of 8 MB and norms."""
    layers = max(1, megabytes // MODELS // 8)
    for model in range(MODELS):
        tensors = {}
        for layer in range(layers):
            changed = model if layer >= FROZEN * layers else 0
            generator = np.random.default_rng([changed, layer])
            tensors[f"layers.{layer}.weight"] = generator.integers(0, 2**63, (1000, 1000), np.int64)
            for part in range(SMALL_PER_LAYER):
                tensors[f"layers.{layer}.norm{part}.weight"] = generator.random(1000, np.float32)
        (folder / f"model{model}").mkdir()
        save_file(tensors, folder / f"model{model}" / "model.safetensors")


def read_only(files: list[Path]) -> int:
    """Read the files as the scan does, and nothing else: what no scan can go below."""
    buffer, done = memoryview(bytearray(BUFFER_BYTES)), 0
    for file in files:
        with open(file, "rb", buffering=0) as stream:
            while count := stream.readinto(buffer):
                done += count
    return done


def hash_only(files: list[Path], algorithm: str) -> int:
    """Read and hash whole files: no headers, no tensors."""
    buffer, done = memoryview(bytearray(BUFFER_BYTES)), 0
    for file in files:
        digest = hashlib.new(algorithm)
        with open(file, "rb", buffering=0) as stream:
            while count := stream.readinto(buffer):
                digest.update(buffer[:count])
                done += count
    return done


def scanned(folder: Path, threads: int, cache: Path | None = None) -> tuple[int, float, int]:
    """Scan the folder: bytes of files, part that sharing saves, bytes that the cache knew."""
    result: Scan = scan([folder], threads=threads, cache=cache)
    return result.file_bytes, result.library.summary().saving, result.cached_bytes


def main(megabytes: int) -> None:
    """Write the checkpoints into a temporary folder, measure, and write the page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "checkpoints"
        folder.mkdir()
        write_checkpoints(folder, megabytes)
        files = sorted(folder.rglob("*.safetensors"))
        size = sum(file.stat().st_size for file in files)
        cache = Path(place) / "cache.json"
        runs: dict[str, Run] = {"warm the file cache": fresh(read_only, files)}
        runs["read only"] = fresh(read_only, files)
        runs |= {f"read and {name} whole files": fresh(hash_only, files, name) for name in HASHES}
        runs["scan, 1 thread"] = fresh(scanned, folder, 1)
        runs["scan, 2 threads"] = fresh(scanned, folder, 2, cache)
        runs["second scan"] = fresh(scanned, folder, 2, cache)
    del runs["warm the file cache"]
    for name, run in runs.items():
        if run.failure:
            raise SystemExit(f"{name}: {run.failure}")
    assert runs["second scan"].result[2] > 0.99 * size
    hashing = runs["read and sha256 whole files"].cpu_s
    rows = [
        [name, size / run.wall_s / 1e9, run.wall_s, run.cpu_s, run.cpu_s / hashing, run.peak_bytes / 1e6]
        for name, run in runs.items()
    ]
    headings = ["what", "GB/s", "wall s", "CPU s", "CPU / (read and sha256)", "peak MB"]
    write_results(
        __file__,
        "Scanning checkpoints",
        [
            f"{MODELS} checkpoints with {size / 1e6:,.0f} MB together, in the system's file cache; sharing saves "
            f"{runs['scan, 1 thread'].result[1]:.1%}. Beside the scans stand plain loops over the same files that "
            "read, or read and hash, and do nothing else: what a scan costs beyond `read and sha256` is Python: "
            "start of threads, headers, tensors, blocks, late imports.",
            table(headings, rows),
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    main(arguments_on_a_quiet_machine(parser).megabytes)
