"""Libraries joined, their keys set, and their parameters quantised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.quantities import in_units


def join(libraries: Sequence[ModelLibrary], name: str) -> ModelLibrary:
    """Return the library of all blocks and models; blocks of one name are the same bytes.

    Raises
    ------
    InputError
        A block has two sizes, or a model two contents.
    """
    blocks: dict[str, int] = {}
    models: dict[str, Model] = {}
    findings = []
    for library in libraries:
        for block, size in library.blocks.items():
            if blocks.setdefault(block, size) != size:
                problem = f"{library.name!r} gives it {size} bytes, another library {blocks[block]}"
                findings.append(
                    Finding(f"$.blocks.{block}", problem, "blocks of one name are the same bytes: rename one")
                )
        for model, entry in library.models.items():
            if models.setdefault(model, entry) != entry:
                problem = f"{library.name!r} has another model of this name"
                findings.append(Finding(f"$.models.{model}", problem, "rename one of them"))
    if findings:
        raise InputError(findings)
    shared_by = {library.shared_by for library in libraries}
    return ModelLibrary(
        name=name, shared_by=shared_by.pop() if len(shared_by) == 1 else None, blocks=blocks, models=models
    )


def with_keys(library: ModelLibrary, settings: Iterable[str]) -> ModelLibrary:
    """Return the library with keys of models set.

    Parameters
    ----------
    library : ModelLibrary
    settings : iterable of str
        ``MODEL.key=value`` each; a ``*`` stands for any part of the model's name, and a value may have the unit of its
        key: ``"llama-*.compute_fixed_s=120ms"``.

    Raises
    ------
    UsageError
        One is not of this form, or there is no such model.
    InputError
        A model has no such key, or the value is not what it should be.
    """
    for setting in settings:
        place, equals, text = setting.partition("=")
        pattern, dot, key = place.rpartition(".")
        if not (pattern and dot and key and equals):
            raise UsageError(f"{setting!r} should be MODEL.key=value, such as 'llama-*.compute_fixed_s=120ms'")
        try:
            models = library.paths(f"models.{pattern}")
        except InputError:
            raise UsageError(f"{setting!r}: the library has no model {pattern!r}") from None
        changes: Mapping[str, Any] = {f"{path}.{key}": _value(setting, key, text) for path in models}
        library = library.replace(**changes)
    return library


def with_bits(library: ModelLibrary, before: int, after: int, adapter_bits: int | None = None) -> ModelLibrary:
    """Return the library with parameters of another number of bits.

    Parameters
    ----------
    library : ModelLibrary
    before : int
        Bits that all its parameters have.
    after : int
        Bits that they get.
    adapter_bits : int, optional
        Bits of the blocks that only adapters hold, which are the models that name a base; default: `after`. QLoRA has
        a base of 4 bits and adapters of 16.

    Raises
    ------
    UsageError
        A number of bits is below 1, or no model names a base.
    """
    wanted = after if adapter_bits is None else adapter_bits
    if min(before, after, wanted) < 1:
        raise UsageError(f"a parameter has at least 1 bit, not {min(before, after, wanted)}")
    if adapter_bits is not None and all(model.base is None for model in library.models.values()):
        raise UsageError("no model names a base, so that adapters are not known: set it by 'ADAPTER.base=MODEL'")
    others = {block for model in library.models.values() if model.base is None for block in model.blocks}
    of_adapters = {block for model in library.models.values() for block in model.blocks} - others
    sizes = {
        block: -(-size * (wanted if block in of_adapters else after) // before)
        for block, size in library.blocks.items()
    }
    return library.replace(blocks=sizes)


def _value(setting: str, key: str, text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    try:
        return in_units(key, text)
    except ValueError as error:
        raise UsageError(f"{setting!r}: {error}") from None
