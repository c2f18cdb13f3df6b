"""Policies: each states the ratios it assumes for a round's arrivals, and learns from the ratios it then sees.

All share the assignment oracle: an optimistic policy assumes low ratios where it knows little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import log, sqrt
from typing import Protocol

import numpy as np

from edgeopt.pulling.online.environment import NOISE_DEVIATION, SIZE, TASK, Arrivals, Environment, Floats, Ints

EPSILON = 0.1
PRIOR_WEIGHT = 1.0
TINY = 1e-9
TRIALS = 4.0


class OnlinePolicy(Protocol):
    """The interface of a policy; a run makes one of its own."""

    def ratios(self, arrivals: Arrivals) -> Floats:
        """Return the ratio of true to nominal service time to assume, shape (arrivals, pairs)."""
        ...

    def learn(self, arrivals: Arrivals, pair: Ints, seen: Floats) -> None:
        """Take in the ratio seen at each arrival's pair."""
        ...


class Means:
    """Counts and means of the ratios seen, for each value of some features and each pair (or group of pairs).

    Parameters
    ----------
    levels : sequence of int
        Values of all features.
    features : sequence of int
        The features that are looked at.
    columns : int
    """

    def __init__(self, levels: Sequence[int], features: Sequence[int], columns: int) -> None:
        self.features = list(features)
        self.shape = tuple(levels[feature] for feature in self.features)
        cells = (int(np.prod(self.shape, dtype=np.int64)), columns)
        self.count, self.sum, self.squares = np.zeros(cells), np.zeros(cells), np.zeros(cells)

    def rows(self, arrivals: Arrivals) -> Ints:
        """Return the row of each arrival."""
        if not self.features:
            return np.zeros(len(arrivals.kind), np.int64)
        return np.asarray(np.ravel_multi_index(tuple(arrivals.features[:, self.features].T), self.shape), np.int64)

    def add(self, arrivals: Arrivals, column: Ints, seen: Floats) -> None:
        """Take in what was seen."""
        cell = (self.rows(arrivals), column)
        np.add.at(self.count, cell, 1.0)
        np.add.at(self.sum, cell, seen)
        np.add.at(self.squares, cell, seen * seen)

    def mean(self, rows: Ints) -> Floats:
        """Return the means with one imagined observation of the nominal time, shape (rows, columns)."""
        mean: Floats = (self.sum[rows] + PRIOR_WEIGHT) / (self.count[rows] + PRIOR_WEIGHT)
        return mean

    def lower(self, rows: Ints, rounds: int) -> Floats:
        """Return the optimistic ratios, shape (rows, columns): 0 where nothing was seen.

        The noise has relative sub-Gaussian parameter s, so that mean / (1 + s sqrt(6 ln t / n)) is below the true ratio
        with probability at least 1 - t^-3.
        """
        count = self.count[rows]
        width = NOISE_DEVIATION * np.sqrt(6.0 * log(rounds + 1) / np.maximum(count, 1.0))
        lower: Floats = np.where(count > 0, self.sum[rows] / np.maximum(count, 1.0), 0.0) / (1.0 + width)
        return lower

    def scatter(self) -> tuple[float, float]:
        """Return the unbiased mean squared deviation from the means of the cells, and its degrees of freedom."""
        repeated = self.count > 1
        freedom = float((self.count[repeated] - 1).sum())
        squares = (self.squares[repeated] - self.sum[repeated] ** 2 / self.count[repeated]).sum()
        return float(squares / max(freedom, 1.0)), freedom


class _Informed:
    """A policy that looks at task and size of every arrival; the base of the usual bandits."""

    features: Sequence[int] = (TASK, SIZE)

    def __init__(self, environment: Environment, generator: np.random.Generator) -> None:
        self.environment, self.generator, self.rounds = environment, generator, 0
        self.means = Means(environment.levels, self.features, len(environment.pair_site))

    def learn(self, arrivals: Arrivals, pair: Ints, seen: Floats) -> None:
        self.rounds += 1
        self.means.add(arrivals, pair, seen)


class UpperConfidence(_Informed):
    """Combinatorial UCB: the most optimistic ratios within the confidence bounds."""

    def ratios(self, arrivals: Arrivals) -> Floats:
        return self.means.lower(self.means.rows(arrivals), self.rounds + 1)


class Thompson(_Informed):
    """Thompson sampling with a normal posterior whose deviation is relative to the mean."""

    def ratios(self, arrivals: Arrivals) -> Floats:
        rows = self.means.rows(arrivals)
        deviation = NOISE_DEVIATION / np.sqrt(self.means.count[rows] + PRIOR_WEIGHT)
        draws = self.generator.standard_normal(deviation.shape)
        ratios: Floats = self.means.mean(rows) * np.maximum(1.0 + deviation * draws, 0.0)
        return ratios


class Greedy(_Informed):
    """The means as they are; nothing is tried for the sake of learning."""

    def ratios(self, arrivals: Arrivals) -> Floats:
        return self.means.mean(self.means.rows(arrivals))


class EpsilonGreedy(Greedy):
    """Greedy, but a tenth of the arrivals is served by a random pair."""

    def ratios(self, arrivals: Arrivals) -> Floats:
        ratios = super().ratios(arrivals)
        trying = self.generator.random(len(ratios)) < EPSILON
        return np.where(trying[:, None], random_costs(self.environment, arrivals, self.generator), ratios)


class Random:
    """Random pairs."""

    def __init__(self, environment: Environment, generator: np.random.Generator) -> None:
        self.environment, self.generator = environment, generator

    def ratios(self, arrivals: Arrivals) -> Floats:
        return random_costs(self.environment, arrivals, self.generator)

    def learn(self, arrivals: Arrivals, pair: Ints, seen: Floats) -> None:
        """Learn nothing."""


def random_costs(environment: Environment, arrivals: Arrivals, generator: np.random.Generator) -> Floats:
    """Return ratios that make each arrival's admissible pairs cost nothing at random, one of them least."""
    transmission, nominal = environment.transmission[arrivals.kind], environment.nominal[arrivals.kind]
    draws = generator.random(transmission.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        costs: Floats = np.where(np.isfinite(transmission) & (nominal > 0), (draws - transmission) / nominal, 0.0)
    return costs


class LinearConfidence:
    """LinUCB (Li et al., 2010) with a disjoint linear model for each pair, of task and size as indicators."""

    def __init__(self, environment: Environment, generator: np.random.Generator, width: float = 1.0) -> None:
        tasks, sizes = environment.levels[:2]
        self.width, self.tasks = width, tasks
        dimension, pairs = tasks + sizes, len(environment.pair_site)
        self.inverse = np.tile(np.eye(dimension), (pairs, 1, 1))
        self.response = np.zeros((pairs, dimension))
        self.weights = np.zeros((pairs, dimension))

    def _ones(self, arrivals: Arrivals) -> tuple[Ints, Ints]:
        """Return where the vector of each arrival has its two ones."""
        return arrivals.features[:, TASK], self.tasks + arrivals.features[:, SIZE]

    def ratios(self, arrivals: Arrivals) -> Floats:
        task, size = self._ones(arrivals)
        inverse = self.inverse
        spread = inverse[:, task, task] + 2.0 * inverse[:, task, size] + inverse[:, size, size]
        mean = self.weights[:, task] + self.weights[:, size]
        ratios: Floats = np.maximum(mean - self.width * np.sqrt(spread), 0.0).T
        return ratios

    def learn(self, arrivals: Arrivals, pair: Ints, seen: Floats) -> None:
        for task, size, column, ratio in zip(*self._ones(arrivals), pair, seen, strict=True):
            inverse = self.inverse[column]
            image = inverse[task] + inverse[size]
            inverse -= np.outer(image, image) / (1.0 + image[task] + image[size])
            self.response[column, [task, size]] += ratio
            self.weights[column] = inverse @ self.response[column]


class ModelBlind:
    """Negative control: one ratio for each site, whichever model serves and whatever arrives."""

    def __init__(self, environment: Environment, generator: np.random.Generator) -> None:
        self.site, self.rounds = environment.pair_site, 0
        self.means = Means(environment.levels, (), len(environment.sites))

    def ratios(self, arrivals: Arrivals) -> Floats:
        return self.means.lower(self.means.rows(arrivals), self.rounds + 1)[:, self.site]

    def learn(self, arrivals: Arrivals, pair: Ints, seen: Floats) -> None:
        self.rounds += 1
        self.means.add(arrivals, self.site[pair], seen)


class RestrictedContext:
    """Looks at `look` features of each arrival and learns which ones to look at.

    Every set of that many features has its own means, and so have the pairs without any context. While fewer than
    4 sqrt(t) of the rounds before t were trials, round t is one: the sets are looked at in turn, and the means without
    context decide. In all other rounds those means decide around which the logarithms of the trials scattered least:
    the noise is a factor, so that all cells scatter alike where the set contains all that matters. What is assumed of a
    pair is the lower confidence bound of its mean.
    """

    def __init__(self, environment: Environment, generator: np.random.Generator, look: int = 2) -> None:
        levels, pairs = environment.levels, len(environment.pair_site)
        sets = [(), *combinations(range(len(levels)), min(look, len(levels)))]
        self.means = [Means(levels, features, pairs) for features in sets]
        self.trials = [Means(levels, features, pairs) for features in sets]
        self.rounds, self.tried, self.trying, self.chosen = 0, 0, False, 0

    def ratios(self, arrivals: Arrivals) -> Floats:
        self.trying = self.tried < TRIALS * sqrt(self.rounds + 1)
        means = self.means[0 if self.trying else self.chosen]
        return means.lower(means.rows(arrivals), self.rounds + 1)

    def learn(self, arrivals: Arrivals, pair: Ints, seen: Floats) -> None:
        self.rounds += 1
        looked = 1 + self.tried % (len(self.means) - 1) if self.trying else self.chosen
        for index in {0, looked}:
            self.means[index].add(arrivals, pair, seen)
            if self.trying:
                self.trials[index].add(arrivals, pair, np.log(np.maximum(seen, TINY)))
        if self.trying:
            self.tried += 1
            self.chosen = self._least_scattered()

    def _least_scattered(self) -> int:
        scatter, freedom = np.array([trial.scatter() for trial in self.trials]).T
        width = scatter[0] * np.sqrt(2.0 * log(self.rounds + 1) / np.maximum(freedom, TINY))
        return int(np.argmin(scatter + width))


POLICIES: dict[str, Callable[[Environment, np.random.Generator], OnlinePolicy]] = {
    "restricted-context": RestrictedContext,
    "ucb": UpperConfidence,
    "thompson": Thompson,
    "linucb": LinearConfidence,
    "epsilon-greedy": EpsilonGreedy,
    "greedy": Greedy,
    "random": Random,
    "model-blind": ModelBlind,
}
