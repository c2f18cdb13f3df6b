"""Digests of the tensors of many files: streamed, in parallel, each file at one state.

SHA-256: processors with instructions for it hash about twice as fast with it as with BLAKE2 (docs/checkpoints.md), and
256 bits of a cryptographic hash leave no chance for two different tensors with one digest, by accident or on purpose.
`hashlib` and the reads release the interpreter's lock, so threads run side by side.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from edgeopt.errors import Finding, InputError
from edgeopt.libraries.checkpoints.header import Stamp, Tensor, TensorFile

ALGORITHM = "sha256"
BUFFER_BYTES = 1 << 18  # stays in the processor's cache between the read and the hash
JOB_BYTES = 1 << 26


def digests(
    files: Iterable[TensorFile],
    threads: int,
    finished: Callable[[TensorFile, list[str]], None],
    progress: Callable[[int], None],
) -> None:
    """Hash every tensor of the files.

    Parameters
    ----------
    files : iterable of TensorFile
    threads : int
    finished : callable
        Called with each file as soon as all of it is hashed, with its tensors' digests (hexadecimal) in order.
    progress : callable
        Called with numbers of further bytes that are hashed.

    Raises
    ------
    InputError
        A file cannot be read, or changes while it is read.
    """
    with ThreadPoolExecutor(threads) as pool:
        missing: dict[Path, int] = {}
        hashed: dict[Path, dict[int, list[str]]] = {}
        futures = {}
        for file in files:
            runs = _runs(file.tensors)
            missing[file.path], hashed[file.path] = len(runs), {}
            for first, run in runs:
                futures[pool.submit(_hash_run, file, run)] = (file, first, run)
        try:
            for future in as_completed(futures):
                file, first, run = futures[future]
                hashed[file.path][first] = future.result()
                progress(sum(tensor.size_bytes for tensor in run))
                missing[file.path] -= 1
                if not missing[file.path]:
                    parts = hashed.pop(file.path)
                    finished(file, [digest for start in sorted(parts) for digest in parts[start]])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _runs(tensors: Sequence[Tensor]) -> list[tuple[int, Sequence[Tensor]]]:
    """Return the neighbouring tensors of about JOB_BYTES together, each run with the number of its first tensor."""
    runs: list[tuple[int, Sequence[Tensor]]] = []
    first = size = 0
    for index, tensor in enumerate(tensors):
        size += tensor.size_bytes
        if size >= JOB_BYTES:
            runs.append((first, tensors[first : index + 1]))
            first, size = index + 1, 0
    if first < len(tensors) or not runs:
        runs.append((first, tensors[first:]))
    return runs


def _hash_run(file: TensorFile, run: Sequence[Tensor]) -> list[str]:
    """Return the digest of each of neighbouring tensors; the file is found to be in one state before and after."""
    try:
        with open(file.path, "rb", buffering=0) as stream:
            _require_unchanged(file, os.fstat(stream.fileno()))
            stream.seek(run[0].start if run else 0)
            buffer = memoryview(bytearray(BUFFER_BYTES))
            window = buffer[:0]
            digests = []
            for tensor in run:
                digest = hashlib.new(ALGORITHM, usedforsecurity=False)
                missing = tensor.size_bytes
                while missing:
                    if not window:
                        window = buffer[: stream.readinto(buffer)]
                        if not window:
                            raise _changed(file)
                    digest.update(window[:missing])
                    taken = min(missing, len(window))
                    window, missing = window[taken:], missing - taken
                digests.append(digest.hexdigest())
            _require_unchanged(file, os.fstat(stream.fileno()))
        _require_unchanged(file, os.stat(file.path))
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror or error}"
        raise InputError(Finding("$", problem), file.path) from None
    return digests


def _require_unchanged(file: TensorFile, status: os.stat_result) -> None:
    if Stamp.of(status) != file.stamp:
        raise _changed(file)


def _changed(file: TensorFile) -> InputError:
    return InputError(Finding("$", "the file changed while it was read", "scan again when it is complete"), file.path)
