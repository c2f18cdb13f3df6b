"""Policies that look several batches ahead, over what waits now."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.policies.beam_kernels import best_beginning, new_labels
from edgeopt.loading.policies.desk import Desk, Requests
from edgeopt.loading.policies.outlook_kernels import Outlook, visit_rates
from edgeopt.loading.policies.policy import Load, Policy, View, Wait


def outlook_of(view: View) -> tuple[Requests, Desk, Outlook]:
    """Return what kernels that look ahead take."""
    requests, desk = view.compiled()
    users, models, blocks = len(requests.model), len(desk.waits), len(desk.resident)
    outlook = Outlook(
        np.zeros(users),
        np.zeros(users, np.bool_),
        np.zeros(models + 1, np.int64),
        np.zeros(blocks, np.int64),
        np.zeros(blocks, np.bool_),
    )
    return requests, desk, outlook


class MostServedPerSecondOfVisit(Policy):
    """The model that serves most users for each second of a visit of up to so many batches of what waits.

    Parameters
    ----------
    batches : int
    """

    def __init__(self, batches: int = 8) -> None:
        self._batches = batches

    def begin(self, view: View) -> None:
        self._arrays = outlook_of(view)
        self._rates = np.zeros(len(view.model_names))

    def decide(self, view: View) -> Load | Wait:
        visit_rates(*self._arrays, self._batches, self._rates)
        return view.best(self._rates)


class Rolling(Policy):
    """The first batch of the sequence that serves most users for each second, over batches of what waits.

    The sequence is found by a beam search, and searched anew after its first batch.

    Parameters
    ----------
    batches : int
        Length of the sequences.
    width : int
        Sequences that go on after each batch.
    """

    def __init__(self, batches: int = 8, width: int = 32) -> None:
        self._batches, self._width = batches, width

    def begin(self, view: View) -> None:
        self._arrays = outlook_of(view)
        requests, desk, _ = self._arrays
        most = min(len(requests.model), self._batches * sum(requests.capacity.tolist()))  # who is gathered at once
        sizes = self._width, most, len(desk.waits), len(desk.resident)
        self._labels = new_labels(*sizes), new_labels(*sizes)

    def decide(self, view: View) -> Load | Wait:
        model = best_beginning(*self._arrays, self._batches, *self._labels)
        return Load(int(model)) if model >= 0 else Wait()
