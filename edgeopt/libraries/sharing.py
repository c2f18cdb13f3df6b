"""The sharing structure of a library: atoms, crossing, width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from edgeopt.lean_imports import sparse


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


class Sharing:
    """The sharing structure of a library as arrays; models and atoms are numbered in the library's order.

    Parameters
    ----------
    block_bytes : mapping of str to int
        Size of each block.
    blocks_of : mapping of str to sequence of str
        Blocks of each model.

    Attributes
    ----------
    model_names : list of str
    atoms : list of Atom
    incidence : scipy.sparse.csr_array, shape (models, atoms)
        1 where the model holds the atom.
    atom_bytes : numpy.ndarray of int64, shape (atoms,)
    """

    def __init__(self, block_bytes: Mapping[str, int], blocks_of: Mapping[str, Sequence[str]]) -> None:
        self.model_names = list(blocks_of)
        holders: dict[str, list[int]] = {}
        for index, blocks in enumerate(blocks_of.values()):
            for block in blocks:
                holders.setdefault(block, []).append(index)
        merged: dict[tuple[int, ...], list[str]] = {}
        for block in block_bytes:
            if block in holders:
                merged.setdefault(tuple(holders[block]), []).append(block)
        self.atoms = [
            Atom(
                tuple(blocks),
                tuple(self.model_names[model] for model in models),
                sum(block_bytes[block] for block in blocks),
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
        """Most groups of models that the blocks of one class of crossing blocks distinguish; 1 for tree sharing."""
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
