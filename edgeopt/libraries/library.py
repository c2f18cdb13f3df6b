"""Model libraries: AI models, the parameter blocks they are made of, and how they share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from edgeopt.errors import Finding, InputError, suggestion
from edgeopt.files import format_json, read_json, write_text
from edgeopt.frozen import DictOf, ListOf
from edgeopt.layout import facts_html
from edgeopt.libraries.sharing import Atom, Sharing
from edgeopt.quantities import quantity
from edgeopt.record import MOST_BYTES, Bytes, Count, NonNegative, Probability, Record

LIBRARY_FORMAT: Final = "edgeopt-library/1"

Name = Annotated[str, Field(min_length=1)]


class Model(Record):
    """An AI model: the blocks that make it, and what running it costs.

    Attributes
    ----------
    blocks : list of str
        Names of the parameter blocks, each once.
    task : str, optional
        What the model is for.
    accuracy : float, optional
        Between 0 and 1.
    flops_per_sample : float, optional
        Floating-point operations of one inference.
    compute_fixed_s, compute_per_sample_s : float, optional
        A batch of n samples takes ``compute_fixed_s + n * compute_per_sample_s`` seconds.
    workspace_bytes_per_sample : int, optional
        Memory that each sample of a batch needs beside the parameters.
    source : str, optional
        Where the model came from: ``hf://OWNER/NAME@COMMIT``, ``ollama://HOST/NAMESPACE/MODEL:TAG``, ``oci://ROOT#REF``
        or ``file://PATH``.
    base : str, optional
        For an adapter, the model of the library that it lies on.
    rank : int, optional
        For a low-rank adapter, its largest rank.
    cache_bytes_per_token : int, optional
        Memory that each token of context needs beside the parameters, for keys and values in half precision.
    """

    blocks: ListOf[Name]
    task: str | None = None
    accuracy: Probability | None = None
    flops_per_sample: NonNegative | None = None
    compute_fixed_s: NonNegative | None = None
    compute_per_sample_s: NonNegative | None = None
    workspace_bytes_per_sample: Bytes | None = None
    source: Name | None = None
    base: Name | None = None
    rank: Count | None = None
    cache_bytes_per_token: Bytes | None = None


@dataclass(frozen=True)
class SharingSummary:
    """The degree to which the models of a library share blocks.

    Attributes
    ----------
    models, blocks, atoms : int
        Numbers of each.
    total_bytes : int
        Size of all models when each is stored whole.
    unique_bytes : int
        Size when each block is stored once.
    structure : str
        ``"none"``, ``"backbone"``, ``"tree"`` or ``"general"``.
    crossing : tuple of (str, str), optional
        Two blocks whose model sets cross, when the structure is general.
    width : int
        Most atoms in one class of crossing blocks (1 for tree sharing); decides the cost of `modular-dp`.
    """

    models: int
    blocks: int
    atoms: int
    total_bytes: int
    unique_bytes: int
    structure: str
    crossing: tuple[str, str] | None
    width: int

    @property
    def saving(self) -> float:
        """Fraction of the bytes that sharing saves."""
        return 1 - self.unique_bytes / self.total_bytes if self.total_bytes else 0.0


class ModelLibrary(Record):
    """Blocks with their sizes, and models with the blocks that make them.

    A block in the sets of two models is the same bytes.

    Attributes
    ----------
    name : str
    shared_by : "content", "store", "lora" or "nobody", optional
        What shares the blocks of scanned models. ``"content"``: nothing that is known, the blocks are what equal
        tensors could share. ``"store"``: a disk that stores a file once. ``"lora"``: a process that serves adapters
        on one base. ``"nobody"``: each model is one block.
    blocks : dict of str to int
        Size of each block in bytes.
    models : dict of str to Model

    Raises
    ------
    InputError
        From `from_dict` and `read`: a model names an unknown block, one block twice, or an unknown base.
    """

    format: Literal["edgeopt-library/1"] = LIBRARY_FORMAT
    name: str = "library"
    shared_by: Literal["content", "store", "lora", "nobody"] | None = None
    blocks: DictOf[Name, Bytes]
    models: DictOf[Name, Model]

    def findings(self) -> Iterable[Finding]:
        if sum(self.blocks.values()) > MOST_BYTES:
            yield Finding(
                "$.blocks", "the blocks have more bytes together than can be counted", f"at most {MOST_BYTES}"
            )
        names = list(self.blocks)
        for model_name, model in self.models.items():
            seen: set[str] = set()
            for index, block in enumerate(model.blocks):
                place = f"$.models.{model_name}.blocks[{index}]"
                if block not in self.blocks:
                    yield Finding(place, f"there is no block {block!r}", partial(suggestion, block, names))
                elif block in seen:
                    yield Finding(place, f"the block {block!r} stands twice in this model", "name it once")
                seen.add(block)
            if model.base is not None and model.base not in self.models:
                place = f"$.models.{model_name}.base"
                remedy = partial(suggestion, model.base, list(self.models))
                yield Finding(place, f"there is no model {model.base!r}", remedy)

    @classmethod
    def read(cls, path: str | Path) -> ModelLibrary:
        """Read a library file."""
        data = read_json(path)
        if not isinstance(data, Mapping) or data.get("format") != LIBRARY_FORMAT:
            stated = data.get("format") if isinstance(data, Mapping) else type(data).__name__
            raise InputError(
                Finding("$.format", f"this is not a model library: {stated!r}", f"it should be {LIBRARY_FORMAT!r}"),
                path,
            )
        return cls.from_dict(data, file=path)

    def write(self, path: str | Path) -> None:
        """Write the library as a file, whole or not at all."""
        write_text(path, format_json(self.to_dict()))

    def size_bytes(self, model: str) -> int:
        """Return the size of one model in bytes."""
        return sum(self.blocks[block] for block in self.models[model].blocks)

    def union_bytes(self, models: Iterable[str]) -> int:
        """Return the size in bytes of several models together, each block counted once."""
        return sum(self.blocks[block] for block in {block for model in models for block in self.models[model].blocks})

    def restricted(self, models: Iterable[str]) -> ModelLibrary:
        """Return the library of some of the models, without blocks that none of them holds.

        An adapter whose base is left out names none.
        """
        kept = {name: self.models[name] for name in models}
        for name, model in kept.items():
            if model.base is not None and model.base not in kept:
                kept[name] = model.replace(base=None)
        used = {block for model in kept.values() for block in model.blocks}
        return ModelLibrary(
            name=self.name,
            shared_by=self.shared_by,
            blocks={name: size for name, size in self.blocks.items() if name in used},
            models=kept,
        )

    @cached_property
    def sharing(self) -> Sharing:
        """The sharing structure over all models, in arrays."""
        return Sharing(self.blocks, {name: model.blocks for name, model in self.models.items()})

    def atoms(self) -> list[Atom]:
        """Return the blocks merged by the set of models that hold them; blocks that no model holds are left out."""
        return self.sharing.atoms

    def summary(self) -> SharingSummary:
        """Say how much the models share, and in which structure."""
        sharing = self.sharing
        total = sum(self.size_bytes(model) for model in self.models)
        crossing = sharing.crossing_blocks
        return SharingSummary(
            models=len(self.models),
            blocks=len(self.blocks),
            atoms=len(sharing.atoms),
            total_bytes=total,
            unique_bytes=sum(atom.size_bytes for atom in sharing.atoms),
            structure=sharing.structure,
            crossing=crossing,
            width=sharing.width,
        )

    def facts(self) -> dict[str, str]:
        """Return what the library is, in words and numbers with units."""
        summary = self.summary()
        unique, total = quantity(summary.unique_bytes, "B"), quantity(summary.total_bytes, "B")
        crossing = f"; {summary.crossing[0]!r} crosses {summary.crossing[1]!r}" if summary.crossing else ""
        shared_by = f", shared by {self.shared_by}" if self.shared_by else ""
        return {
            "models": f"{summary.models} models of {summary.blocks} blocks ({summary.atoms} atoms){shared_by}",
            "size": f"{unique}; model by model {total}, sharing saves {summary.saving:.1%}",
            "sharing": f"{summary.structure}{crossing}; width {summary.width}",
        }

    def __str__(self) -> str:
        return f"model library {self.name!r}: " + ", ".join(self.facts().values())

    def _repr_html_(self) -> str:
        return facts_html(f"model library {self.name}", self.facts())
