"""The blocks of each node as formulations see them: own bytes of a model, and blocks that several models share."""

from __future__ import annotations

import numpy as np

from edgeopt.placement.arrays import DemandArrays


class NodeBlocks:
    """Blocks by node, among the models that are useful there.

    Blocks that the same models hold are one; a block that one model alone holds is part of the model's own bytes;
    blocks without bytes are left out.

    Attributes
    ----------
    own : dict of (node, model) to int
        Bytes that only this model holds on the node.
    shared : dict of (node, block) to int
        Bytes of a block that several models share.
    needs : list of (node, model, block)
    """

    def __init__(self, arrays: DemandArrays) -> None:
        self.own: dict[tuple[int, int], int] = {}
        self.shared: dict[tuple[int, int], int] = {}
        self.needs: list[tuple[int, int, int]] = []
        for node in range(len(arrays.node_names)):
            self._add_node(arrays, node)

    def _add_node(self, arrays: DemandArrays, node: int) -> None:
        models = np.flatnonzero(arrays.useful[node])
        held = arrays.incidence[models]
        merged: dict[bytes, list[int]] = {}
        for atom in np.flatnonzero(held.any(axis=0) & (arrays.sharing.atom_bytes > 0)):
            merged.setdefault(held[:, atom].tobytes(), []).append(int(atom))
        for block, atoms in enumerate(merged.values()):
            size = int(arrays.sharing.atom_bytes[atoms].sum())
            holders = [int(model) for model in models[held[:, atoms[0]]]]
            if len(holders) == 1:
                self.own[node, holders[0]] = size
            else:
                self.shared[node, block] = size
                self.needs.extend((node, model, block) for model in holders)
