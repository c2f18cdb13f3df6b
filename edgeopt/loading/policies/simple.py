"""Policies that rank the models by one figure."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.policies.policy import Load, Policy, View, Wait

SHORTEST_S = 1e-30  # so that what takes no time has a rate, too
HALF, FIFTH = 0.5, 0.2


class FirstComeFirstServed(Policy):
    """The model of the request that came first."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.arrival_s)


class EarliestDeadlineFirst(Policy):
    """The model of the most urgent request."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.due_s)


class SharedBlocks(EarliestDeadlineFirst):
    """The model of the most urgent request; blocks used longest ago leave."""

    evicts = "oldest"


class WholeModelsByAge(FirstComeFirstServed):
    """The model of the request that came first; models share nothing, and those used longest ago leave."""

    shares = False
    evicts = "oldest"


class WholeModelsByDeadline(EarliestDeadlineFirst):
    """The model of the most urgent request; models share nothing, and those used longest ago leave."""

    shares = False
    evicts = "oldest"


class LeastLoadFirst(Policy):
    """The model that loads fastest after what is on the GPU."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.load_s)


class MostServedPerSecond(Policy):
    """The model whose batch serves most users for each second of loading and computing."""

    def decide(self, view: View) -> Load | Wait:
        seconds = view.load_s + view.compute_s
        return view.best(view.batch / np.maximum(seconds, SHORTEST_S))


class BatchWhenFull(EarliestDeadlineFirst):
    """The most urgent of the models that have a full batch or a request that should not wait longer; else none.

    A request should not wait longer when serving it now leaves a fifth of its window, or when half of it is over.
    """

    def decide(self, view: View) -> Load | Wait:
        waiting = view.waiting()
        window = waiting.due_s - waiting.arrival_s
        served_s = (view.load_s + view.compute_s)[waiting.model]
        at = np.minimum(waiting.arrival_s + HALF * window, waiting.due_s - FIFTH * window - served_s)
        ripe = view.batch == view.capacity
        ripe[waiting.model[at <= view.free_s]] = True
        if (ripe & (view.batch > 0)).any():
            return view.best(np.where(ripe, -view.due_s, -np.inf))
        later = at[at > view.free_s]
        return Wait(later.min(initial=np.inf))


class MostServedPerSecondUnshared(MostServedPerSecond):
    """The same where models share nothing."""

    shares = False
