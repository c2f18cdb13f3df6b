"""The nesting of groups of crossing blocks: what both dynamic programs walk over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.sharing import Sharing


@dataclass
class Cell:
    """Models that the group around them does not tell apart: each of them holds the same atoms of the group.

    Attributes
    ----------
    models : list of int
        Models that no group inside the cell holds.
    groups : list of Group
        Outermost groups inside the cell.
    """

    models: list[int] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


@dataclass
class Group:
    """A class of crossing atoms (a single atom where nothing crosses), and the cells into which it parts its models.

    Attributes
    ----------
    atoms : list of int
    held : numpy.ndarray of bool, shape (cells, atoms)
        Which atoms the models of each cell hold.
    cells : list of Cell
    """

    atoms: list[int]
    held: NDArray[Any]
    cells: list[Cell]


def sharing_tree(sharing: Sharing, classes: Iterable[list[int]]) -> tuple[Cell, list[Group]]:
    """Nest classes of atoms.

    The models of two classes are disjoint, or those of one lie inside one cell of the other (the overlap lemma), so
    that taking the largest first leaves each class inside the innermost cell of any of its models.

    Parameters
    ----------
    sharing : Sharing
    classes : iterable of list of int
        The atoms, grouped so that atoms of different classes do not cross.

    Returns
    -------
    root : Cell
        The cell of all models.
    groups : list of Group
        Every group, outer ones before those inside them.
    """
    unions = [(np.unique(np.concatenate([sharing.holders[atom] for atom in atoms])), atoms) for atoms in classes]
    cells, groups = [Cell()], []
    innermost = np.zeros(len(sharing.model_names), dtype=np.int64)
    # A single atom held by just the models of a class is around it, and comes first.
    for models, atoms in sorted(unions, key=lambda entry: (-len(entry[0]), len(entry[1]))):
        held, label = _cells(sharing, models, atoms)
        group = Group(atoms, held, [Cell() for _ in held])
        cells[innermost[models[0]]].groups.append(group)
        innermost[models] = len(cells) + label
        cells += group.cells
        groups.append(group)
    for model, cell in enumerate(innermost.tolist()):
        cells[cell].models.append(model)
    return cells[0], groups


def _cells(sharing: Sharing, models: NDArray[np.int64], atoms: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the distinct rows of "which of the atoms a model holds", and the row of each model."""
    if len(atoms) == 1:
        return np.ones((1, 1), dtype=bool), np.zeros(len(models), dtype=np.int64)
    holds = np.zeros((len(models), len(atoms)), dtype=bool)
    for column, atom in enumerate(atoms):
        holds[np.searchsorted(models, sharing.holders[atom]), column] = True
    return np.unique(holds, axis=0, return_inverse=True)
