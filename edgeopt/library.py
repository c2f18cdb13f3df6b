"""Model libraries: AI models, the parameter blocks they are made of, and how they share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field
from scipy import sparse

from edgeopt.errors import Finding, InputError, suggestion
from edgeopt.files import format_json, read_json, write_text
from edgeopt.frozen import DictOf, ListOf
from edgeopt.record import MOST_BYTES, Bytes, NonNegative, Probability, Record

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
    """

    blocks: ListOf[Name]
    task: str | None = None
    accuracy: Probability | None = None
    flops_per_sample: NonNegative | None = None
    compute_fixed_s: NonNegative | None = None
    compute_per_sample_s: NonNegative | None = None
    workspace_bytes_per_sample: Bytes | None = None


@dataclass(frozen=True)
class Atom:
    """Blocks that the same models hold, merged.

    Attributes
    ----------
    blocks : tuple of str
    models : tuple of str
        The models that hold all of them, M_j.
    size_bytes : int
    """

    blocks: tuple[str, ...]
    models: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True)
class SharingSummary:
    """How much a library shares.

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
    blocks : dict of str to int
        Size of each block in bytes.
    models : dict of str to Model

    Raises
    ------
    InputError
        From `from_dict` and `read`: a model names an unknown block or one block twice.
    """

    format: Literal["edgeopt-library/1"] = LIBRARY_FORMAT
    name: str = "library"
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

    @classmethod
    def read(cls, path: str | Path) -> ModelLibrary:
        """Read a library file."""
        data = read_json(path)
        if not isinstance(data, Mapping) or data.get("format") != LIBRARY_FORMAT:
            found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
            raise InputError(
                Finding("$.format", f"this is not a model library: {found!r}", f"it should be {LIBRARY_FORMAT!r}"), path
            )
        return cls.from_dict(data, file=path)

    def write(self, path: str | Path) -> None:
        """Write the library as a file, whole or not at all."""
        write_text(path, format_json(self.to_dict()))

    def size_bytes(self, model: str) -> int:
        """Size of one model in bytes."""
        return sum(self.blocks[block] for block in self.models[model].blocks)

    def union_bytes(self, models: Iterable[str]) -> int:
        """Size in bytes of several models together, each block counted once."""
        return sum(self.blocks[block] for block in {block for model in models for block in self.models[model].blocks})

    def restricted(self, models: Iterable[str]) -> ModelLibrary:
        """Return the library of some of the models, without the blocks that none of them holds."""
        kept = {name: self.models[name] for name in models}
        used = {block for model in kept.values() for block in model.blocks}
        return ModelLibrary(
            name=self.name, blocks={name: size for name, size in self.blocks.items() if name in used}, models=kept
        )

    @cached_property
    def sharing(self) -> Sharing:
        """The sharing structure over all models, in arrays."""
        return Sharing(self)

    def atoms(self) -> list[Atom]:
        """Blocks merged by the set of models that hold them; blocks that no model holds are left out."""
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
        """What the library is, in words and figures with units."""
        from edgeopt.reporting.display import quantity

        summary = self.summary()
        unique, total = quantity(summary.unique_bytes, "B"), quantity(summary.total_bytes, "B")
        crossing = f"; {summary.crossing[0]!r} crosses {summary.crossing[1]!r}" if summary.crossing else ""
        return {
            "models": f"{summary.models} models of {summary.blocks} blocks ({summary.atoms} atoms)",
            "size": f"{unique}; model by model {total}, sharing saves {summary.saving:.1%}",
            "sharing": f"{summary.structure}{crossing}; width {summary.width}",
        }

    def __str__(self) -> str:
        return f"model library {self.name!r}: " + ", ".join(self.facts().values())

    def _repr_html_(self) -> str:
        from edgeopt.reporting.display import facts_html

        return facts_html(f"model library {self.name}", self.facts())


class Sharing:
    """The sharing structure of a library as arrays; models and atoms are numbered in the library's order.

    Attributes
    ----------
    model_names : list of str
    atoms : list of Atom
    incidence : scipy.sparse.csr_array, shape (models, atoms)
        1 where the model holds the atom.
    atom_bytes : numpy.ndarray of int64, shape (atoms,)
    """

    def __init__(self, library: ModelLibrary) -> None:
        self.model_names = list(library.models)
        holders: dict[str, list[int]] = {}
        for index, model in enumerate(library.models.values()):
            for block in model.blocks:
                holders.setdefault(block, []).append(index)
        merged: dict[tuple[int, ...], list[str]] = {}
        for block in library.blocks:
            if block in holders:
                merged.setdefault(tuple(holders[block]), []).append(block)
        self.atoms = [
            Atom(
                tuple(blocks),
                tuple(self.model_names[model] for model in models),
                sum(library.blocks[block] for block in blocks),
            )
            for models, blocks in merged.items()
        ]
        self.holders = [np.array(models, dtype=np.int64) for models in merged]
        self.atom_bytes = np.array([atom.size_bytes for atom in self.atoms], dtype=np.int64)
        rows = np.concatenate([*self.holders, np.empty(0, np.int64)])
        columns = np.repeat(np.arange(len(merged)), [len(models) for models in merged])
        self.incidence = sparse.csr_array(
            (np.ones(len(rows), np.int64), (rows, columns)), shape=(len(self.model_names), len(merged))
        )

    @cached_property
    def model_bytes(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Size of each model in bytes, shape (models,)."""
        return np.asarray(self.incidence @ self.atom_bytes, dtype=np.int64)

    @cached_property
    def overlap_bytes(self) -> sparse.csr_array:
        """Bytes that two models share, shape (models, models), symmetric; the diagonal is each model's size."""
        return sparse.csr_array(self.incidence.multiply(self.atom_bytes[None, :]) @ self.incidence.T)

    @cached_property
    def crossing_pairs(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Pairs of atoms whose model sets meet while neither contains the other, shape (pairs, 2)."""
        cardinality = np.array([len(models) for models in self.holders], dtype=np.int64)
        shared = np.flatnonzero(cardinality > 1)
        columns = self.incidence[:, shared]
        common = sparse.triu(columns.T @ columns, k=1).tocoo()
        smaller = np.minimum(cardinality[shared[common.row]], cardinality[shared[common.col]])
        cross = common.data < smaller
        return np.stack([shared[common.row[cross]], shared[common.col[cross]]], axis=1)

    @cached_property
    def crossing_atoms(self) -> tuple[int, int] | None:
        """Two atoms whose model sets cross, or None when the library is laminar; linear time.

        Sets are taken largest first; one that lies inside a single innermost earlier set is nested, any other
        crosses the innermost set of one of its models.
        """
        innermost = np.full(len(self.model_names), -1, dtype=np.int64)
        for atom in sorted(range(len(self.atoms)), key=lambda index: -len(self.holders[index])):
            models = self.holders[atom]
            around = np.unique(innermost[models])
            if len(around) > 1:
                inside = set(models.tolist())
                for other in around[around >= 0]:
                    if not inside <= set(self.holders[other].tolist()):
                        return int(other), atom
            innermost[models] = atom
        return None

    @property
    def crossing_blocks(self) -> tuple[str, str] | None:
        """Names of two blocks that cross, or None when the library is laminar."""
        if self.crossing_atoms is None:
            return None
        first, second = self.crossing_atoms
        return self.atoms[first].blocks[0], self.atoms[second].blocks[0]

    @cached_property
    def crossing_classes(self) -> list[list[int]]:
        """Atoms grouped by the transitive closure of crossing; an atom that crosses nothing is a class of its own."""
        pairs = self.crossing_pairs
        graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(self.atoms),) * 2)
        _, labels = sparse.csgraph.connected_components(graph, directed=False)
        classes: dict[int, list[int]] = {}
        for atom, label in enumerate(labels.tolist()):
            classes.setdefault(label, []).append(atom)
        return list(classes.values())

    @cached_property
    def width(self) -> int:
        """Most groups of models, told apart by the blocks of one class of crossing blocks; 1 for tree sharing."""
        widest = 1
        for members in self.crossing_classes:
            if len(members) > 1:
                rows = self.incidence[:, members].toarray()
                widest = max(widest, len(np.unique(rows[rows.any(axis=1)], axis=0)))
        return widest

    @cached_property
    def structure(self) -> str:
        """``"none"``, ``"backbone"`` (clusters with one common set, the rest private), ``"tree"`` or ``"general"``."""
        if self.crossing_atoms is not None:
            return "general"
        shared = [models for models in self.holders if len(models) > 1]
        if not shared:
            return "none"
        in_clusters = np.concatenate(shared)
        return "backbone" if len(np.unique(in_clusters)) == len(in_clusters) else "tree"
