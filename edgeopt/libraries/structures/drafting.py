"""Drafts of libraries."""

from __future__ import annotations

from collections.abc import Iterable

from edgeopt.libraries.library import Model, ModelLibrary


class LibraryDraft:
    """A draft of a library, to which blocks and models are added."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.blocks: dict[str, int] = {}
        self.models: dict[str, Model] = {}

    def block(self, name: str, size_bytes: int) -> str:
        """Add a block, or find it again, and return its name."""
        if self.blocks.setdefault(name, size_bytes) != size_bytes:
            raise ValueError(f"the block {name!r} has two sizes")
        return name

    def model(self, name: str, model: Model) -> None:
        """Add a model under a new name."""
        if name in self.models:
            raise ValueError(f"the model {name!r} stands twice")
        self.models[name] = model

    def library(self) -> ModelLibrary:
        """Return the finished library, blocks and models checked."""
        return ModelLibrary.from_dict(
            {"name": self.name, "blocks": self.blocks, "models": {name: m.to_dict() for name, m in self.models.items()}}
        )


def bytes_of(parameters: int, bits: int) -> int:
    """Return the whole bytes that parameters of so many bits take."""
    return -(-parameters * bits // 8)


def frozen_blocks(
    draft: LibraryDraft, backbone: str, cuts: Iterable[tuple[str, int]], bits_per_parameter: int
) -> list[str]:
    """Add the blocks of a frozen prefix, one up to each cut.

    Parameters
    ----------
    draft : LibraryDraft
    backbone : str
    cuts : iterable of (str, int)
        Name of the last part, and parameters from the inputs up to there, shallow to deep.
    bits_per_parameter : int

    Returns
    -------
    list of str
        Names of the blocks.
    """
    names, before = [], 0
    for part, parameters in cuts:
        names.append(draft.block(f"{backbone}/to-{part}", bytes_of(parameters - before, bits_per_parameter)))
        before = parameters
    return names
