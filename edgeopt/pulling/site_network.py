"""The sites and routes of an instance, and what each model and atom takes there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from edgeopt.libraries.library import ModelLibrary
from edgeopt.pulling.admissible import Admissible
from edgeopt.pulling.core import Flags, Floats, Ints
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.pulls import atom_delays, waits
from edgeopt.pulling.routes import Routes


@dataclass(frozen=True)
class SiteNetwork:
    """The sites and routes, and what each model and atom takes there; only models that some request admits.

    Attributes
    ----------
    library : ModelLibrary
        Library of these models only.
    routes : Routes
    flops : numpy.ndarray, shape (models,)
        Operations per sample.
    speed : numpy.ndarray, shape (sites,)
        Operations per second of the cloudlets.
    queue : numpy.ndarray, shape (sites + 1,)
        Seconds that each request waits before it is computed; the cloud's are last.
    wait : numpy.ndarray, shape (sites, models)
        Seconds that each request waits for the blocks of its model.
    memory : numpy.ndarray of int64, shape (sites,)
        Bytes beside the resident blocks.
    incidence : scipy.sparse.csr_array, shape (models, atoms)
        1 where the model holds the atom.
    atom_bytes : numpy.ndarray of int64, shape (sites, atoms)
        Bytes that are not resident.
    atom_pull : numpy.ndarray, shape (sites, atoms)
        Seconds that pulling them costs once, however many requests use them.
    arrives : numpy.ndarray of bool, shape (sites, atoms)
        Whether the site has all blocks of an atom, or someone can send them.
    """

    instance: PullingInstance
    library: ModelLibrary
    routes: Routes
    flops: Floats
    speed: Floats
    queue: Floats
    wait: Floats
    memory: Ints
    incidence: sparse.csr_array
    atom_bytes: Ints
    atom_pull: Floats
    arrives: Flags

    @cached_property
    def model_bytes(self) -> Ints:
        """Bytes of each model that are not resident, shape (sites, models)."""
        return np.ascontiguousarray((self.incidence @ self.atom_bytes.T).T, np.int64)

    @cached_property
    def fits(self) -> Flags:
        """Whether a model alone fits into a site and can be pulled, shape (sites, models)."""
        missing = (self.incidence @ (~self.arrives).astype(np.int64).T).T > 0
        return (self.model_bytes <= self.memory[:, None]) & ~missing

    def unshared(self) -> SiteNetwork:
        """Return the network in which every model brings its own copy of each block."""
        missing = (self.incidence @ (~self.arrives).astype(np.int64).T).T > 0
        pull = np.where(self.arrives, self.atom_pull, 0.0)
        return replace(
            self,
            incidence=sparse.csr_array(sparse.identity(len(self.flops), np.int64, "csr")),
            atom_bytes=self.model_bytes,
            atom_pull=np.ascontiguousarray((self.incidence @ pull.T).T),
            arrives=~missing,
        )


def compile_network(instance: PullingInstance, admissible: Iterable[Admissible]) -> SiteNetwork:
    """Find routes, and what each atom and each of the admissible models takes at each site."""
    used = {model for entry in set(admissible) for model in entry.models}
    library = instance.library.restricted(name for name in instance.library.models if name in used)
    routes, sharing, cloudlets = Routes(instance), library.sharing, instance.cloudlets.values()
    total, longest = atom_delays(instance, routes, sharing.atoms)
    atom_bytes = np.tile(sharing.atom_bytes, (len(cloudlets), 1))
    atom_of = {block: index for index, atom in enumerate(sharing.atoms) for block in atom.blocks}
    memory = np.empty(len(cloudlets), np.int64)
    for site, cloudlet in enumerate(cloudlets):
        memory[site] = cloudlet.memory_bytes - sum(instance.library.blocks[block] for block in cloudlet.resident or ())
        for block in filter(atom_of.__contains__, cloudlet.resident or ()):
            atom_bytes[site, atom_of[block]] -= library.blocks[block]
    return SiteNetwork(
        instance,
        library,
        routes,
        flops=np.array([model.flops_per_sample or 0.0 for model in library.models.values()]),
        speed=np.array([cloudlet.speed_flops_per_s for cloudlet in cloudlets]),
        queue=np.array(list(instance.queues.values())),
        wait=waits(instance, sharing.incidence, total, longest),
        memory=memory,
        incidence=sharing.incidence,
        atom_bytes=atom_bytes,
        atom_pull=total if instance.waiting == "once" else np.zeros_like(total),
        arrives=np.isfinite(total),
    )
