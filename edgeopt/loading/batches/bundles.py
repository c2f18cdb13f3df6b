"""Bundles of users of one model, by weight for the time that they take: an order in which weighted users are tried.

One heavy user seldom pays for loading a model, all users of the model together often do.
"""

from __future__ import annotations

import numpy as np

from edgeopt.loading.queues import Floats, Integers, Queues

LEAST_S = 1e-300


def bundle_order(queues: Queues, shares: Floats, credit: float, advance: float = 0.0) -> Integers:
    """Return the users in bundles, each time the one with most weight for the time that it takes.

    A bundle has users of one model, those with most weight for their own time first. It takes their time, that of their
    batches, and the time to load the model; a part of what the model shares with another one is free.

    Parameters
    ----------
    queues : Queues
    shares : numpy.ndarray, shape (users,)
        Weights in any unit.
    credit, advance : float
        The part that is free, from 0 to 1: of what is shared with a model that has a bundle already, and of what is
        shared with any.
    """
    own_s = queues.upload_s + queues.per_sample_s[queues.model]
    ranked = np.lexsort((-shares / np.maximum(own_s, LEAST_S), queues.model))
    bundles = [Bundle(queues, users, own_s, shares) for users in np.split(ranked, _starts(queues.model[ranked]))]
    models = np.array([bundle.model for bundle in bundles], np.int64)
    alone_s = queues.switch_s[-1, models]
    shared_s = alone_s - queues.switch_s[np.ix_(models, models)]
    np.fill_diagonal(shared_s, 0.0)
    load_s = alone_s - advance * shared_s.max(axis=0)
    worth = np.array([bundle.best(load) for bundle, load in zip(bundles, load_s.tolist(), strict=True)])
    order: list[Integers] = []
    while (number := int(worth.argmax())) >= 0 and worth[number] > -np.inf:
        bundle = bundles[number]
        order.append(bundle.take(float(load_s[number])))
        cheaper_s = np.minimum(load_s, alone_s - credit * shared_s[number])
        cheaper_s[number] = 0.0
        changed = np.flatnonzero((cheaper_s < load_s) | (np.arange(len(models)) == number))
        load_s = cheaper_s
        for other in changed.tolist():
            worth[other] = bundles[other].best(float(load_s[other]))
    return np.concatenate(order)


class Bundle:
    """The users of one model who are in no bundle yet, best first.

    Parameters
    ----------
    queues : Queues
    users : numpy.ndarray of int
        All users of a model, best first.
    own_s : numpy.ndarray, shape (users,)
        Seconds of each user's upload and sample.
    shares : numpy.ndarray, shape (users,)
    """

    def __init__(self, queues: Queues, users: Integers, own_s: Floats, shares: Floats) -> None:
        self.model = int(queues.model[users[0]])
        self.users = users
        size, fixed_s = int(queues.capacity[self.model]), float(queues.fixed_s[self.model])
        batches = np.arange(len(users)) // size + 1
        self._weight, self._time_s = np.cumsum(shares[users]), np.cumsum(own_s[users]) + fixed_s * batches
        self._done = 0

    def best(self, load_s: float) -> float:
        """Return the weight for a second of the best bundle of those who are left; -infinity of nobody."""
        return float(self._ratios(load_s).max(initial=-np.inf))

    def take(self, load_s: float) -> Integers:
        """Return the best bundle, whose users are then not left any more."""
        before, self._done = self._done, self._done + 1 + int(self._ratios(load_s).argmax())
        return self.users[before : self._done]

    def _ratios(self, load_s: float) -> Floats:
        weight, time_s = (
            sums[self._done :] - (sums[self._done - 1] if self._done else 0.0) for sums in (self._weight, self._time_s)
        )
        ratios: Floats = weight / np.maximum(load_s + time_s, LEAST_S)
        return ratios


def _starts(models: Integers) -> Integers:
    """Return the positions at which another model begins."""
    return np.flatnonzero(np.diff(models)) + 1
