"""Bounds on a stream at given prices of time and of users."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from edgeopt.loading.streams.cost_kernels import fill_minima
from edgeopt.loading.streams.offer_kernels import Chain, Offers, Prices, moments_of, price_offers, slack_of
from edgeopt.loading.streams.stay_kernels import Balance, Walk, best_stays, fill_state_prices, follow
from edgeopt.loading.streams.steps import Floats, Stream
from edgeopt.loading.streams.worth_kernels import fill_worths

MOST_WORTHS = 4_000_000  # of stays in memory
LEVELS = 0.75, 1.33  # of prices of time in a stay


@dataclass
class Evaluation:
    """The bound at some prices, and how it changes with the price of time and with those of users."""

    value: float
    time: Floats
    visit: Floats


class Bounds:
    """Bounds at given prices.

    Parameters
    ----------
    stream : Stream
    longest : int
        Steps of the longest stay.
    weight : numpy.ndarray, shape (users,)
        What serving a user counts, in the order of the stream.
    levels : tuple of float, optional
        Levels of prices of time, each above zero: the bound of a stay is the least at any of them.
    threads : int, optional
        The bound does not depend on their number.
    """

    def __init__(
        self,
        stream: Stream,
        longest: int,
        weight: Floats,
        levels: tuple[float, ...] = LEVELS,
        threads: int = 1,
    ) -> None:
        self.weight = weight
        self.steps, self.longest = stream.steps, longest
        number, windows, states, models = self.steps.number, self.steps.windows, self.steps.states, self.steps.models
        self.shape = states.runs.shape[1], number
        self.users = len(windows.ready)
        self._levels = np.array(levels)
        self._slack = slack_of(self._levels)
        self._minima = np.empty((self.shape[0], max(1, int(number).bit_length()), number))
        self._moments = moments = moments_of(windows, models)
        count = len(moments.step)
        self._offers = Offers(np.empty((len(levels), len(moments.user))), np.empty(count), np.empty(count))
        self._chain = Chain(np.empty(count), np.empty(count, np.int64), np.empty(count, np.int64))
        parts = len(levels), self.shape[0]
        self._best, self._ends = np.empty((len(levels), count)), np.empty((*parts, number + longest + 2))
        self._places = np.empty((*parts, len(models.kind)), np.int64)
        self._stays = np.empty((3, longest + 1))
        self._threads = threads
        self._span = max(1, min(number + 1, MOST_WORTHS // (len(levels) * self.shape[0] * (longest + 1))))
        self._worths = np.empty((len(levels), self.shape[0], self._span, longest + 1))
        points = (number + 1, len(states.runs))
        whole = [np.empty(points, np.int64) for _ in range(4)]
        self._walk = Walk(np.empty(points), np.empty(points), np.empty(points), *whole)
        self.balance = Balance(np.empty(self.shape), np.empty(self.shape), np.empty(self.users))
        of_kind = np.zeros(self.shape[0])
        np.maximum.at(of_kind, models.kind, models.own)
        self._state_prices = np.empty((len(states.runs), number + 2))
        self._again = max(levels) * np.where(states.runs, of_kind, 0.0)
        self._cut = max(1, longest - stream.longest_batch - 1)

    def prices(self, time: Floats, visit: Floats) -> Prices:
        """Return prices with what is derived from them; those of users are less for what they count beyond 1."""
        steps = np.zeros((self.shape[0], self.steps.number + 1))
        np.cumsum(time, axis=1, out=steps[:, 1:])
        for kind in range(self.shape[0]):
            fill_minima(time[kind], self._minima[kind])
        return Prices(visit + (1.0 - self.weight), self._minima, steps, self._levels, self._slack)

    def at(self, time: Floats, visit: Floats) -> Evaluation:
        """Return the bound at these prices of steps, shape (kinds, steps), and of users."""
        _, number, windows, models, states = self.steps
        prices, offers = self.prices(time, visit), self._offers
        price_offers(windows, models, prices, self._moments, offers)
        again = (self._again * time.max(axis=1)).max(axis=1)
        fill_state_prices(prices, states, self._state_prices)
        best, rooms = (0.0, 0, 0), (self._worths, self._state_prices, self._stays, self._walk)
        for low in range(0, number + 1, self._span):
            high = min(number + 1, low + self._span)
            self._fill_worths(low, high, prices)
            span = low, high, self.longest, self._cut
            best = best_stays(*span, best, prices, states, again, *rooms)
        worth, last, final = best
        followed = models, states, self._moments, offers, self._walk, self._chain, self._state_prices, self.balance
        follow(last, final, prices, windows, *followed)
        balance = self.balance
        return Evaluation(worth + float(visit.sum()), balance.given - balance.taken, 1.0 - balance.served)

    def _fill_worths(self, low: int, high: int, prices: Prices) -> None:
        """Set what stays are worth that begin at points `low` to ``high - 1``, of kinds and levels in threads."""
        models, moments, offers = self.steps.models, self._moments, self._offers

        def fill(level: int, kind: int) -> None:
            part = level, kind
            rooms = self._best[level], self._ends[part], self._places[part], self._worths[part]
            fill_worths(low, high, self.longest, kind, level, prices, models, moments, offers, *rooms)

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(fill, *zip(*np.ndindex(self._worths.shape[:2]), strict=True)))
