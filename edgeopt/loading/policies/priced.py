"""The policy that follows prices learned from a past stream, and how they are learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import UsageError
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.outlook import Rolling
from edgeopt.loading.policies.policy import Load, Policy, View, Wait
from edgeopt.loading.policies.prices import ModelPrice, Prices
from edgeopt.loading.policies.simple import MostServedPerSecond
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.streams.bound import PriceSearch
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Run

RECENT = 200  # users served that tell which of two policies does better now
# Parts that are tried of the service rate, and of the bound's prices of users.
SECONDS, USERS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0), (0.0, 0.5, 1.0)
ITERATIONS = 60  # of the bound


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


def learn_prices(past: LoadingInstance, iterations: int = ITERATIONS) -> Prices:
    """Learn prices from a past stream and its bound.

    A user is priced by a part of the mean price of its model's users in the bound. A second is worth a part of the rate
    at which `rolling` serves the stream, and a model on the GPU the loads that it saves the next batch. The two parts
    are those, of a few, with which `Priced` serves most of the past stream.

    Raises
    ------
    UsageError
        The users have weights.

    Parameters
    ----------
    past : LoadingInstance
    iterations : int
        Of the search for the bound's prices.
    """
    if past.weighted:
        raise UsageError(f"prices are learned where each request counts 1, but the users of {past.name!r} have weights")
    work = compile_workload(past)
    best, most = Prices(second=0.0, models={}), -1
    if not work.models:
        return best
    search = PriceSearch(work, Run())
    search.search(iterations, enough=0)
    first = Simulation(work)
    first.run(Rolling())
    for second in SECONDS:
        for user in USERS:
            prices = _prices(work, first, second, user * search.visit)
            tried = Simulation(work)
            tried.run(Priced(prices))
            if tried.served > most:
                best, most = prices, tried.served
    return best


def _prices(work: Workload, replay: Simulation, second: float, user: NDArray[np.float64]) -> Prices:
    """Return prices of models from those of users, shape (users,), and from what was served."""
    batches = np.zeros(work.models)
    for step in replay.steps:
        batches[step.model] += 1
    end_s = replay.steps[-1].end_s if replay.steps else 0.0
    rate = second * replay.served / end_s if end_s > 0 else 0.0
    saved_s = work.load_s[-1][None, :] - work.load_s[:-1]
    state = rate * (saved_s @ (batches / max(1.0, batches.sum())))
    number = np.diff(work.queues.first)
    mean = np.bincount(work.queues.model, user, work.models) / np.maximum(1, number)
    return Prices(
        second=rate,
        models={
            name: ModelPrice(user=round(float(mean[index]), 6), state=float(f"{max(0.0, state[index]):.6g}"))
            for index, name in enumerate(work.model_names)
        },
    )
