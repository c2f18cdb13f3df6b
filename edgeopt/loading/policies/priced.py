"""The policy that follows prices learned from a past stream, and how they are learned."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.outlook import Rolling
from edgeopt.loading.policies.policy import Load, Policy, View, Wait
from edgeopt.loading.policies.prices import ModelPrice, Prices
from edgeopt.loading.policies.simple import MostServedPerSecond
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.workload import Workload, compile_workload

RECENT = 200  # users served that tell which of two policies does better now
SECONDS, USERS = (
    (0.5, 0.7, 0.85, 1.0, 1.2),
    (0.0, 0.3, 0.6, 0.9),
)  # tried parts of the service rate and of shares served


class Priced(Policy):
    """The model whose batch is worth most: its users at their prices, less the time it takes, plus what is then loaded.

    Parameters
    ----------
    prices : Prices
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def begin(self, view: View) -> None:
        self._user, self._state = self._prices.arrays(view.model_names)

    def decide(self, view: View) -> Load | Wait:
        seconds = view.load_s + view.compute_s
        return view.best(view.batch * (1 - self._user) - self._prices.second * seconds + self._state)


class Safeguarded(Policy):
    """A policy as long as it does well, else another.

    Both serve all requests in imagination, each on a GPU of its own. The first decides unless it has served fewer users
    than the second in the time of the second's last `RECENT` users.

    Parameters
    ----------
    tried, trusted : Policy
    """

    def __init__(self, tried: Policy, trusted: Policy) -> None:
        self._tried, self._trusted = tried, trusted

    def begin(self, view: View) -> None:
        for policy in (self._tried, self._trusted):
            policy.begin(view)
        self._imagined = [view.imagined(policy) for policy in (self._tried.anew(), self._trusted.anew())]
        self._recent: list[tuple[float, int, int]] = [(view.now_s, 0, 0)]

    def decide(self, view: View) -> Load | Wait:
        tried, trusted = (imagined.served(view.now_s) for imagined in self._imagined)
        self._recent.append((view.now_s, tried, trusted))
        while len(self._recent) > 1 and trusted - self._recent[1][2] >= RECENT:
            del self._recent[0]
        _, tried_before, trusted_before = self._recent[0]
        worse = tried - tried_before < trusted - trusted_before
        return (self._trusted if worse else self._tried).decide(view)


def safely_priced(prices: Prices) -> Policy:
    """Return the policy of these prices, with `density` as its safeguard."""
    return Safeguarded(Priced(prices), MostServedPerSecond())


def learn_prices(past: LoadingInstance) -> Prices:
    """Learn prices from a past stream.

    A second is worth a part of the rate at which `rolling` serves the stream. A user is priced by a part of the share
    of its model's users who are served. A model on the GPU is worth the loads that it saves the next batch. The two
    parts are those, of a few, with which `Priced` serves most of the past stream.
    """
    work = compile_workload(past)
    first = Simulation(work)
    first.run(Rolling())
    best, most = Prices(second=0.0, models={}), -1
    for second in SECONDS:
        for user in USERS:
            prices = _prices(work, first, second, user)
            tried = Simulation(work)
            tried.run(Priced(prices))
            if tried.served > most:
                best, most = prices, tried.served
    return best


def _prices(work: Workload, replay: Simulation, second: float, user: float) -> Prices:
    """Return the prices that follow from what was served."""
    if not replay.steps:
        return Prices(second=0.0, models={})
    batches, served = np.zeros(work.models), np.zeros(work.models)
    for step in replay.steps:
        batches[step.model] += 1
        served[step.model] += len(step.users)
    rate = second * replay.served / max(replay.steps[-1].end_s, 1e-30)
    saved_s = work.load_s[-1][None, :] - work.load_s[:-1]
    state = rate * (saved_s @ (batches / batches.sum()))
    share = served / np.maximum(1, np.diff(work.queues.first))
    return Prices(
        second=rate,
        models={
            name: ModelPrice(user=round(user * float(share[index]), 6), state=float(f"{max(0.0, state[index]):.6g}"))
            for index, name in enumerate(work.model_names)
        },
    )
