"""The seconds that blocks take to cloudlets, and the seconds that a request waits for those of its model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.libraries.sharing import Atom
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.routes import Routes

Floats = NDArray[np.float64]
BITS = 8.0  # in a byte


def pulling_delays(instance: PullingInstance, routes: Routes, blocks: list[str]) -> Floats:
    """Return the seconds that each block takes to each cloudlet, shape (cloudlets, blocks).

    They are 0 where the block is resident; else those that the cloudlet's `pull_delay_s` names; else those of the
    sender from which the block arrives first; infinite where nobody can send it.

    Parameters
    ----------
    instance : PullingInstance
    routes : Routes
    blocks : list of str
        The blocks of the columns.
    """
    cloudlets = instance.cloudlets
    bits = BITS * np.array([instance.library.blocks[block] for block in blocks], float)
    rows = [routes.nodes[name] for name in cloudlets]
    delays = np.full((len(cloudlets), len(blocks)), np.inf)
    if instance.sources != "peers":
        for site, row in enumerate(rows):
            if np.isfinite(routes.latency_s[row, -1]):
                delays[site] = routes.latency_s[row, -1] + bits * routes.s_per_bit[row, -1]
    column = {block: index for index, block in enumerate(blocks)}
    holders: dict[int, list[int]] = {}
    for site, cloudlet in enumerate(cloudlets.values()):
        for name in filter(column.__contains__, cloudlet.resident or ()):
            holders.setdefault(column[name], []).append(site)
    if instance.sources != "cloud":
        for block, sites in holders.items():
            arrival = routes.delay_s(bits[block])[np.ix_(rows, sites)]
            delays[:, block] = np.minimum(delays[:, block], arrival.min(axis=1))
    for site, cloudlet in enumerate(cloudlets.values()):
        if isinstance(cloudlet.pull_delay_s, dict):
            for name in filter(column.__contains__, cloudlet.pull_delay_s):
                delays[site, column[name]] = cloudlet.pull_delay_s[name]
        elif cloudlet.pull_delay_s is not None:
            delays[site] = cloudlet.pull_delay_s
    for block, sites in holders.items():
        delays[sites, block] = 0.0
    return delays


def atom_delays(instance: PullingInstance, routes: Routes, atoms: list[Atom]) -> tuple[Floats, Floats]:
    """Return the seconds that the blocks of each atom take to each cloudlet: their sum, and the longest of them.

    Returns
    -------
    numpy.ndarray, shape (cloudlets, atoms)
    numpy.ndarray, shape (cloudlets, atoms)
    """
    if not atoms:
        return np.zeros((len(instance.cloudlets), 0)), np.zeros((len(instance.cloudlets), 0))
    delays = pulling_delays(instance, routes, [block for atom in atoms for block in atom.blocks])
    first = np.cumsum([0, *(len(atom.blocks) for atom in atoms[:-1])])
    return np.add.reduceat(delays, first, axis=1), np.maximum.reduceat(delays, first, axis=1)


def waits(instance: PullingInstance, incidence: sparse.csr_array, total: Floats, longest: Floats) -> Floats:
    """Return the seconds that a request waits for the blocks of its model, shape (cloudlets, models).

    Parameters
    ----------
    instance : PullingInstance
    incidence : scipy.sparse.csr_array, shape (models, atoms)
        1 where the model holds the atom.
    total, longest : numpy.ndarray, shape (cloudlets, atoms)
        What `atom_delays` returns.
    """
    wait = np.zeros((len(total), incidence.shape[0]))
    if instance.waiting == "serial":
        wait += (incidence @ total.T).T
    elif instance.waiting == "parallel":
        for model in range(incidence.shape[0]):
            held = incidence.indices[incidence.indptr[model] : incidence.indptr[model + 1]]
            wait[:, model] = longest[:, held].max(axis=1, initial=0.0)
    return wait
