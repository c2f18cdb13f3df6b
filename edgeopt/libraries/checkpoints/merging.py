"""Tensors with equal content are merged into the blocks of a library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NUMBERED = re.compile(r"(.*?\.\d+)\.")


@dataclass(frozen=True)
class Content:
    """The content of a tensor, whatever its name: tensors with equal content are the same bytes and mean the same."""

    dtype: str
    shape: tuple[int, ...]
    digest: str
    size_bytes: int = field(compare=False)


@dataclass(frozen=True)
class Blocks:
    """Blocks that hold the contents of models, each content of a model in exactly one of its blocks.

    Attributes
    ----------
    sizes : dict of str to int
        Bytes of each block.
    of_model : dict of str to list of str
        Blocks of each model.
    holding : dict of str to dict of Content to str
        The block that holds each content of each model; empty tensors are in none.
    """

    sizes: dict[str, int]
    of_model: dict[str, list[str]]
    holding: dict[str, dict[Content, str]]


def layer_of(tensor: str) -> str:
    """Return the layer of a tensor: its name up to the first number, or else without its last part."""
    numbered = NUMBERED.match(tensor)
    return numbered[1] if numbered else tensor.rpartition(".")[0] or tensor


def merge(models: Mapping[str, Mapping[Content, str]], min_block_bytes: int = 0, by_layer: bool = False) -> Blocks:
    """Merge the contents with the same set of models into blocks.

    Parameters
    ----------
    models : mapping of str to mapping of Content to str
        Contents of each model, each with the layer of its first name there.
    min_block_bytes : int
        What a set of models shares is copied into the own blocks of each of them when it has fewer bytes together.
        So a model keeps its size, and nothing is shared that is not equal.
    by_layer : bool
        Split blocks at layers, neighbouring layers staying together until they have `min_block_bytes`.

    Returns
    -------
    Blocks
    """
    names = list(models)
    layers: dict[Content, str] = {}
    for contents in models.values():
        for content, layer in contents.items():
            layers.setdefault(content, layer if by_layer else "")
    merged = Blocks({}, {name: [] for name in names}, {name: {} for name in names})
    atoms = _atoms(list(models.values()), min_block_bytes)
    for holders, atom in sorted(atoms.items(), key=lambda item: (-len(item[0]), item[0])):
        label = f"{names[holders[0]]}/" + (f"shared-by-{len(holders)}" if len(holders) > 1 else "own")
        for layer, run in _runs(atom, layers, min_block_bytes):
            block = free_name(f"{label}/{layer}" if layer else label, merged.sizes)
            merged.sizes[block] = _size(run)
            for holder in holders:
                merged.of_model[names[holder]].append(block)
                merged.holding[names[holder]].update(dict.fromkeys(run, block))
    return merged


def _atoms(models: Sequence[Iterable[Content]], least_shared_bytes: int) -> dict[tuple[int, ...], list[Content]]:
    """Return the contents by the models that hold them; shared ones of too few bytes become each model's own."""
    holders: dict[Content, list[int]] = {}
    for number, contents in enumerate(models):
        for content in contents:
            if content.size_bytes:
                holders.setdefault(content, []).append(number)
    atoms: dict[tuple[int, ...], list[Content]] = {}
    for content, numbers in holders.items():
        atoms.setdefault(tuple(numbers), []).append(content)
    for shared in [atom for atom in atoms if len(atom) > 1]:
        if _size(atoms[shared]) < least_shared_bytes:
            for content in atoms.pop(shared):
                for number in shared:
                    atoms.setdefault((number,), []).append(content)
    return atoms


def _runs(
    contents: Sequence[Content], layers: Mapping[Content, str], least_bytes: int
) -> list[tuple[str, list[Content]]]:
    """Return runs of neighbouring layers with `least_bytes` each, and their names; a short rest joins the last run."""
    by_layer: dict[str, list[Content]] = {}
    for content in contents:
        by_layer.setdefault(layers[content], []).append(content)
    runs: list[tuple[list[str], list[Content]]] = []
    for layer in sorted(by_layer, key=_natural):
        if not runs or _size(runs[-1][1]) >= max(least_bytes, 1):
            runs.append(([], []))
        runs[-1][0].append(layer)
        runs[-1][1].extend(by_layer[layer])
    if len(runs) > 1 and _size(runs[-1][1]) < least_bytes:
        rest = runs.pop()
        runs[-1][0].extend(rest[0])
        runs[-1][1].extend(rest[1])
    return [(names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}", run) for names, run in runs]


def _size(contents: Iterable[Content]) -> int:
    return sum(content.size_bytes for content in contents)


def _natural(layer: str) -> list[tuple[int, str]]:
    """Sort key that puts layer 2 before layer 10."""
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"(\d+)", layer)
    ]


def free_name(stem: str, taken: Mapping[str, object]) -> str:
    """Return the name, with a number behind it when it is taken."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
