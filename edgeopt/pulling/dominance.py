"""Models that no optimal plan needs at a site, for there is one that is never worse."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.core import Flags, Floats, Ints
from edgeopt.pulling.site_network import SiteNetwork


class Dominance:
    """The comparison of models at a site: of atoms, of seconds, and of operations where these are limited.

    Parameters
    ----------
    network : SiteNetwork
    costly : numpy.ndarray of bool, shape (sites, atoms)
        Which atoms take memory or time.
    limited : numpy.ndarray of bool, shape (sites,)
        Where operations are limited.
    """

    def __init__(self, network: SiteNetwork, costly: Flags, limited: Flags) -> None:
        self._network, self._costly, self._limited = network, costly, limited
        self._pattern = [row.tobytes() for row in costly]
        self._contained: dict[tuple[bytes, bytes, bool], Flags] = {}
        self._known: dict[tuple[bytes, bytes, bool, bytes], Flags] = {}

    def undominated(self, models: Ints, site: int, seconds: Floats) -> Flags:
        """Say which models are needed at a site.

        Model k is left out where a model i needs no atom that k does not need, takes no more operations where these
        are limited, and serves the request no later.

        Parameters
        ----------
        models : numpy.ndarray of int64, shape (models,)
        site : int
        seconds : numpy.ndarray, shape (kinds of requests, models)
            What a request takes with each model there.

        Returns
        -------
        numpy.ndarray of bool, shape (kinds of requests, models)
        """
        key = (models.tobytes(), self._pattern[site], bool(self._limited[site]))
        if key not in self._contained:
            self._contained[key] = self._containment(models, site)
        contained = self._contained[key]
        kept = np.empty(seconds.shape, np.bool_)
        for kind, order in enumerate(_ranks(seconds)):
            known = (*key, order.tobytes())
            if known not in self._known:
                self._known[known] = _undominated(contained, order)
            kept[kind] = self._known[known]
        return kept

    def _containment(self, models: Ints, site: int) -> Flags:
        """Say whether i needs nothing that k does not need, shape (models i, models k)."""
        needs = self._network.incidence[models][:, np.flatnonzero(self._costly[site])]
        common = (needs @ needs.T).toarray()
        contained: Flags = common == np.diag(common)[:, None]
        if self._limited[site]:
            flops = self._network.flops[models]
            contained &= flops[:, None] <= flops[None, :]
        return contained


def _ranks(seconds: Floats) -> Ints:
    """Return the rank of each model in its row; equal seconds have equal ranks."""
    order = np.argsort(seconds, axis=1, kind="stable")
    later = np.diff(np.take_along_axis(seconds, order, axis=1), axis=1) > 0
    sorted_ranks = np.zeros(seconds.shape, np.int64)
    np.cumsum(later, axis=1, out=sorted_ranks[:, 1:])
    ranks = np.empty_like(sorted_ranks)
    np.put_along_axis(ranks, order, sorted_ranks, axis=1)
    return ranks


def _undominated(contained: Flags, order: Ints) -> Flags:
    """Compare the ranks of seconds of models; of equal ones the first is kept."""
    position = np.arange(len(order))
    earlier = ~contained.T | (position[:, None] < position[None, :])
    faster = (order[:, None] < order[None, :]) | ((order[:, None] == order[None, :]) & earlier)
    kept: Flags = ~(contained & faster & ~np.eye(len(order), dtype=bool)).any(axis=0)
    return kept
