"""Names of the scanned models, and which of them is the base of which adapter."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, as_text
from edgeopt.libraries.checkpoints.header import Tensor
from edgeopt.libraries.checkpoints.naming import GGUF_SUFFIX, SUFFIX

FACTOR = re.compile(r"base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight")
PLAIN_DTYPES = {"F64", "F32", "F16", "BF16"}  # matrices packed in other types do not show their shape


def model_names(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Name each checkpoint by as few last parts of its path as tell it from the others.

    Files side by side, such as model.safetensors and pytorch_model.safetensors, are told apart by their own names.
    """
    same = Counter(checkpoint.name_parts for checkpoint in checkpoints)
    parts = [
        checkpoint.name_parts
        if same[checkpoint.name_parts] == 1
        else (*checkpoint.name_parts, as_text(checkpoint.place.name))
        for checkpoint in checkpoints
    ]
    lengths = [1 if same[checkpoint.name_parts] == 1 else 2 for checkpoint in checkpoints]
    while True:
        names = ["/".join(part[-length:]) for part, length in zip(parts, lengths, strict=True)]
        times = Counter(names)
        short = [index for index, name in enumerate(names) if times[name] > 1 and lengths[index] < len(parts[index])]
        if not short:
            return names
        for index in short:
            lengths[index] += 1


def match_bases(checkpoints: Mapping[str, Checkpoint], given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Find the base of each adapter among the scanned checkpoints.

    In this order: what the caller says; the path that the adapter's configuration names; the checkpoint whose path
    ends with all parts of that name (``owner/name``); the one whose path ends with its last part. Among revisions of
    one repository it is that of the main branch. An adapter in GGUF is not for safetensors, nor the reverse.

    Parameters
    ----------
    checkpoints : mapping of str to Checkpoint
        By the names of the models.
    given : mapping of str to str
        Base of some adapters, both as names of models.

    Returns
    -------
    bases : dict of str to str
        Base of each adapter that has one among the checkpoints.
    alone : list of str
        The other adapters.

    Raises
    ------
    InputError
        Several checkpoints could be the base.
    UsageError
        A name in `given` is no adapter, or no base, of these.
    """
    full = {name: checkpoint for name, checkpoint in checkpoints.items() if checkpoint.base is None}
    adapters = {name: checkpoint for name, checkpoint in checkpoints.items() if checkpoint.base is not None}
    for name, base in given.items():
        if name not in adapters:
            raise UsageError(f"there is no adapter {name!r}; {suggestion(name, list(adapters))}")
        if base not in full:
            raise UsageError(f"there is no base model {base!r}; {suggestion(base, list(full))}")
    bases, alone = dict(given), []
    for name, adapter in adapters.items():
        if name in given:
            continue
        candidates = _candidates(adapter, full)
        if len(candidates) > 1:
            problem = f"the base {adapter.base!r} could be {' or '.join(map(repr, candidates))}"
            raise InputError(Finding("$", problem, f"say which with --base {name}={candidates[0]}"), adapter.place)
        if candidates:
            bases[name] = candidates[0]
        else:
            alone.append(name)
    return bases, alone


def _candidates(adapter: Checkpoint, full: Mapping[str, Checkpoint]) -> list[str]:
    base = adapter.base or ""
    if not base:
        return []
    full = {name: checkpoint for name, checkpoint in full.items() if not _is_other_format(adapter, checkpoint)}
    for start in (adapter.place.parent, Path()):
        target = os.path.realpath(start / base)
        at_path = [
            name
            for name, checkpoint in full.items()
            if target in (os.path.realpath(checkpoint.place.parent), os.path.realpath(checkpoint.place))
        ]
        if at_path:
            return _on_main(at_path, full)
    parts = [part for part in base.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    for tail in (parts, parts[-1:]):
        named = [
            name for name, checkpoint in full.items() if tail and checkpoint.name_parts[-len(tail) :] == tuple(tail)
        ]
        if named:
            return _on_main(named, full)
    return []


def _is_other_format(adapter: Checkpoint, checkpoint: Checkpoint) -> bool:
    other = SUFFIX if adapter.place.name.endswith(GGUF_SUFFIX) else GGUF_SUFFIX
    return all(file.path.name.endswith(other) for file in checkpoint.files)


def _on_main(names: Sequence[str], full: Mapping[str, Checkpoint]) -> list[str]:
    """Return the names, of revisions of one repository only that of its main branch where it is among them."""
    owners = {full[name].owner for name in names}
    on_main = [name for name in names if full[name].is_main]
    return on_main if len(owners) == 1 and on_main else list(names)


def require_fit(adapter: str, tensors: Sequence[Tensor], base: str, base_tensors: Sequence[Tensor], file: Path) -> None:
    """Make sure that the adapter's factors have the sides of the base's matrices of the same name.

    Raises
    ------
    InputError
        They have not: this is another model's adapter.
    """
    shapes = {tensor.name: tensor.shape for tensor in base_tensors if tensor.dtype in PLAIN_DTYPES}
    for tensor in tensors:
        match = FACTOR.fullmatch(tensor.name)
        shape = shapes.get(f"{match[1]}.weight", ()) if match else ()
        if match is None or len(shape) != 2 or len(tensor.shape) != 2:
            continue
        side = tensor.shape[1] if match[2] == "A" else tensor.shape[0]
        if side not in shape:  # some networks store their matrices transposed
            problem = f"the adapter {adapter!r} does not fit its base {base!r}: {list(tensor.shape)} on {list(shape)}"
            raise InputError(
                Finding(f"$.{tensor.name}", problem, f"say which is its base: --base {adapter}=MODEL"), file
            )
