"""Policies that rank the models by one figure."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.policies.policy import Load, Policy, View, Wait

SHORTEST_S = 1e-30  # so that what takes no time has a rate, too


class FirstComeFirstServed(Policy):
    """The model of the request that came first."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.arrival_s)


class EarliestDeadlineFirst(Policy):
    """The model of the most urgent request."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.due_s)


class LeastLoadFirst(Policy):
    """The model that loads fastest after what is on the GPU."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.load_s)


class MostServedPerSecond(Policy):
    """The model whose batch serves most users for each second of loading and computing."""

    def decide(self, view: View) -> Load | Wait:
        seconds = view.load_s + view.compute_s
        return view.best(view.batch / np.maximum(seconds, SHORTEST_S))
