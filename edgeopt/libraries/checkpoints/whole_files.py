"""Blocks of whole files: what a disk stores once, what a process loads once, and what nobody shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgeopt.libraries.checkpoints.checkpoint import Held, as_text
from edgeopt.libraries.checkpoints.merging import free_name
from edgeopt.libraries.shared_by import SharedBy
from edgeopt.quantities import quantity

SHOWN_DIGITS = 12


@dataclass(frozen=True)
class ModelFiles:
    """The distinct files of a model: those of the base, and those of the adapter on it."""

    base: tuple[Held, ...]
    adapter: tuple[Held, ...]

    @property
    def all(self) -> tuple[Held, ...]:
        """All files, each once."""
        return tuple(dict.fromkeys(self.base + self.adapter))


@dataclass(frozen=True)
class FileBlocks:
    """Bytes of each block, and the blocks of each model."""

    sizes: dict[str, int]
    of_model: dict[str, list[str]]

    @property
    def unique_bytes(self) -> int:
        """Bytes of all blocks, each once."""
        return sum(self.sizes.values())


def cut(models: Mapping[str, ModelFiles], shared_by: SharedBy) -> FileBlocks:
    """Cut models into blocks.

    Parameters
    ----------
    models : mapping of str to ModelFiles
    shared_by : SharedBy
        ``store``: a block is a file. ``lora``: what one process loads, once for all adapters on it, and an adapter once
        for each base. ``nobody``: a block is a model.
    """
    names: dict[object, str] = {}
    blocks = FileBlocks({}, {})
    for model, files in models.items():
        held = blocks.of_model.setdefault(model, [])
        for key, stem, parts in _pieces(model, files, shared_by):
            if key not in names:
                names[key] = free_name(stem, blocks.sizes)
                blocks.sizes[names[key]] = sum(part.size_bytes for part in parts)
            held.append(names[key])
    return blocks


def _pieces(model: str, files: ModelFiles, shared_by: SharedBy) -> Iterable[tuple[object, str, tuple[Held, ...]]]:
    """Yield of each piece of a model what tells it from others, its name, and its files."""
    if shared_by is SharedBy.STORE:
        for file in files.all:
            yield file.key, f"{model}/{_short(as_text(file.path.name))}", (file,)
    elif shared_by is SharedBy.NOBODY:
        yield model, model, files.all
    else:
        base, adapter = (frozenset(part.key for part in group) for group in (files.base, files.adapter))
        if base:
            yield base, model if not adapter else f"{model}/base", files.base
        if adapter:
            yield (base, adapter), model if not base else f"{model}/adapter", files.adapter


def _short(name: str) -> str:
    """Return the name of a file, of a blob only so much of the digest as people compare."""
    digits = name.rpartition("-")[2]
    is_digest = len(digits) >= 64 and not set(digits) - set("0123456789abcdef")
    return name.removesuffix(digits) + digits[:SHOWN_DIGITS] if is_digest else name


def sharing_text(models: Mapping[str, ModelFiles], read: Mapping[SharedBy, int]) -> str:
    """Say how many bytes the models take with each way to share; `read` has those that names and sizes do not tell."""
    whole = cut(models, SharedBy.NOBODY).unique_bytes
    texts = []
    for way in (SharedBy.STORE, SharedBy.LORA):
        unique = cut(models, way).unique_bytes
        less = f" ({1 - unique / whole:.1%} less)" if unique < whole else ""
        texts.append(f"{way} {quantity(unique, 'B')}{less}")
    texts.append(f"nobody {quantity(whole, 'B')}")
    content = read.get(SharedBy.CONTENT)
    texts.append("content not read" if content is None else f"content {quantity(content, 'B')}")
    return "; ".join(texts)


def stored_twice(models: Mapping[str, ModelFiles]) -> list[str]:
    """Say which bytes lie on the disk more than once, by the digests that the stores' names state."""
    copies: dict[str, dict[object, int]] = {}
    holders: dict[str, dict[str, None]] = {}
    for model, files in models.items():
        for file in files.all:
            if file.sha256 is not None and file.path.is_file():
                copies.setdefault(file.sha256, {})[file.key] = file.size_bytes
                holders.setdefault(file.sha256, {})[model] = None
    sizes: dict[tuple[int, tuple[str, ...]], int] = {}
    for digest, sizes_of_copies in copies.items():
        if len(sizes_of_copies) > 1:
            group = (len(sizes_of_copies), tuple(holders[digest]))
            sizes[group] = sizes.get(group, 0) + max(sizes_of_copies.values())
    return [
        f"{'twice' if times == 2 else f'{times} times'} on disk: {size:,} bytes of {', '.join(names)}"
        for (times, names), size in sizes.items()
    ]
