"""Families of models from structure alone: a base, models fine-tuned behind a frozen prefix, and adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeopt.errors import UsageError
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.libraries.structures.drafting import LibraryDraft, bytes_of, frozen_blocks
from edgeopt.libraries.structures.structure import LoraSetting, Structure


def library_of_structures(
    structures: Mapping[str, Structure],
    *,
    name: str = "library",
    models: int = 0,
    freeze: Sequence[int] = (),
    classes: int | None = None,
    adapters: int = 0,
    ranks: Sequence[int] = (),
    modules: Sequence[str] = (),
    bits_per_parameter: int = 32,
    adapter_bits: int | None = None,
) -> ModelLibrary:
    """Make a library with a family of models for each structure.

    A family has its base, `models` fine-tuned models, and `adapters` adapters. Freezing depths take turns over the
    fine-tuned models, ranks over the adapters. A fine-tuned model shares with the base the stem and the frozen layers;
    an adapter's model holds all blocks of the base and the factors of the adapter.

    Parameters
    ----------
    structures : mapping of str to Structure
        By the names of the bases.
    name : str
        Name of the library.
    models : int
        Fine-tuned models of each base.
    freeze : sequence of int
        Freezing depths in layers; 0: nothing is frozen.
    classes : int, optional
        Classes of the fine-tuned models' classifiers; default: a head of the base's size.
    adapters : int
        Adapters of each base.
    ranks : sequence of int
    modules : sequence of str
        The matrices that adapters stand at, in every layer; a name counts for all matrices whose names end with it.
    bits_per_parameter : int
    adapter_bits : int, optional
        Bits of an adapter's own parameters; default: those of the others. QLoRA has 4 in the base and 16 here.

    Raises
    ------
    UsageError
        A number is out of range, or a structure has no such layer or matrix.
    """
    if adapter_bits is None:
        adapter_bits = bits_per_parameter
    _require_sense(models, freeze, classes, adapters, ranks, modules, min(bits_per_parameter, adapter_bits))
    draft = LibraryDraft(name)
    for base, structure in structures.items():
        deepest = max(freeze, default=0) if models else 0
        if deepest > len(structure.layers):
            raise UsageError(f"{base!r} has {len(structure.layers)} layers; {deepest} of them cannot be frozen")
        depths = sorted({depth for depth in freeze if depth}) if models else []
        cuts = [(f"layer{depth}", structure.frozen(depth)) for depth in depths]
        whole = frozen_blocks(draft, base, cuts, bits_per_parameter)
        own = structure.parameters() - structure.frozen(deepest)
        if own:
            held = f"shared-by-{adapters + 1}" if adapters else "own"
            whole.append(draft.block(f"{base}/{held}", bytes_of(own, bits_per_parameter)))
        draft.model(base, Model(blocks=whole))
        for number in range(models):
            depth, label = freeze[number % len(freeze)], f"{base}-tuned{number + 1}"
            own = structure.parameters(classes) - structure.frozen(depth)
            draft.model(
                label,
                Model(
                    blocks=[
                        *whole[: sum(cut <= depth for cut in depths)],
                        draft.block(f"{label}/own", bytes_of(own, bits_per_parameter)),
                    ]
                ),
            )
        for number in range(adapters):
            rank, label = ranks[number % len(ranks)], f"{base}-lora{number + 1}"
            factors = LoraSetting(rank, tuple(modules)).parameters(structure)
            block = draft.block(f"{label}/r{rank}", bytes_of(factors, adapter_bits))
            draft.model(label, Model(blocks=[*whole, block], base=base, rank=rank))
    return draft.library()


def _require_sense(
    models: int,
    freeze: Sequence[int],
    classes: int | None,
    adapters: int,
    ranks: Sequence[int],
    modules: Sequence[str],
    bits_per_parameter: int,
) -> None:
    if models < 0 or adapters < 0 or bits_per_parameter < 1 or (classes is not None and classes < 1):
        raise UsageError("numbers of models and adapters are at least 0, of classes and bits at least 1")
    if models and (not freeze or min(freeze) < 0):
        raise UsageError("fine-tuned models need freezing depths, each at least 0 layers")
    if adapters and (not ranks or min(ranks) < 1 or not modules):
        raise UsageError("adapters need ranks, each at least 1, and the names of the matrices that they stand at")
