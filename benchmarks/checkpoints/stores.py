"""How long the scan of a store takes that reads no tensors: `python -m benchmarks.checkpoints.stores`."""

from __future__ import annotations

import argparse
import hashlib
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from benchmarks.measure import arguments_on_a_quiet_machine, fresh, table, write_results
from edgeopt.libraries.shared_by import SharedBy

LAYERS, SHARDS = 32, 4
WORDS, MERGES = 128_000, 280_000  # those of Llama 3
U32, STRING, ARRAY = 4, 8, 9
COMMAND = "from edgeopt.cli import main; main()"


def text(content: str) -> bytes:
    """Return a text as GGUF writes it."""
    data = content.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(number: int) -> bytes:
    """Return a small GGUF file with the header of a large model: its vocabulary, and nine tensors for each layer."""
    lists = {"tokens": [f"word{n}" for n in range(WORDS)], "merges": [f"w{n} d{n}" for n in range(MERGES)]}
    fields = [text("general.architecture") + struct.pack("<I", STRING) + text("llama")]
    fields.append(text("llama.block_count") + struct.pack("<II", U32, LAYERS))
    for name, words in lists.items():
        items = struct.pack("<IIQ", ARRAY, STRING, len(words)) + b"".join(map(text, words))
        fields.append(text(f"tokenizer.ggml.{name}") + items)
    names = [f"blk.{layer}.t{n}" for layer in range(LAYERS) for n in range(9)]
    tensors = [text(name) + struct.pack("<IQIQ", 1, 8, 0, 32 * index) for index, name in enumerate(names)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)) + b"".join(fields + tensors)
    return head + bytes(-len(head) % 32) + struct.pack("<8f", *[float(number)] * 8) * len(tensors)


def write_stores(folder: Path, models: int) -> None:
    """Write half of the models as GGUF files, and half as repositories of the hub with four shards each."""
    for number in range(models // 2):
        (folder / f"model{number}.gguf").write_bytes(gguf(number))
    for number in range(models - models // 2):
        repository = folder / "hub" / f"models--acme--model{number}"
        snapshot = repository / "snapshots" / f"{number:040x}"
        snapshot.mkdir(parents=True)
        (repository / "blobs").mkdir()
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(snapshot.name)
        for shard in range(1, SHARDS + 1):
            data = save({f"layers.{n}.weight": np.full(64, number * SHARDS + shard + n) for n in range(80)})
            blob = repository / "blobs" / hashlib.sha256(data).hexdigest()
            blob.write_bytes(data)
            link = snapshot / f"model-{shard:05}-of-{SHARDS:05}.safetensors"
            link.symlink_to(Path("..", "..", "blobs", blob.name))


def scanned(folder: Path, way: str) -> str:
    """Scan as the command line does, Python's start included, and return what it says of the models."""
    target = folder.parent / f"{way}.json"
    arguments = ["library", "scan", folder, "--shared-by", way, "-o", target, "--cache", folder.parent / "cache.json"]
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return next(line for line in done.stdout.splitlines() if line.startswith("models"))


def main(models: int) -> None:
    """Write the stores into a temporary folder, measure, and write the page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "stores"
        folder.mkdir()
        write_stores(folder, models)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        runs = {way.value: fresh(scanned, folder, way.value) for way in reversed(SharedBy)}
    for name, run in runs.items():
        if run.failure:
            raise SystemExit(f"{name}: {run.failure}")
        assert f"{models} models" in run.result
    rows = [[name, run.wall_s, run.cpu_s] for name, run in runs.items()]
    write_results(
        __file__,
        "Scanning stores",
        [
            f"{models} models in {size / 1e6:,.0f} MB, in the system's file cache: half of them GGUF files with a "
            f"vocabulary of {WORDS:,} words and {MERGES:,} merges, half repositories of the hub's cache with {SHARDS} "
            "shards. Each row is a whole run of `edgeopt library scan --shared-by`, Python's start included; only "
            "`content` reads tensors.",
            table(["shared by", "wall s", "CPU s"], rows),
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=100)
    main(arguments_on_a_quiet_machine(parser).models)
