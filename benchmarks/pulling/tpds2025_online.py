"""The online policies of the authors' code, made anew from their description, and controls that learn less or nothing.

Requests come one after another to home cloudlets, and no cloudlet holds a model at first. A policy takes a model for
each; the penalty is ``xi (-ln accuracy) + (1 - xi) delay``, and then the home holds the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.pulling.tpds2025.drawing import Drawing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

XI = 0.98
DEVIATION = 3.0  # of OL's draws
EPSILON, OUR_EPSILON = 0.5, 0.05
CONFIDENCE, RANDOM_SHARE = 0.3, 0.7
NOISE = 5**-0.5  # assumed by `ucb`
FEATURES, SELECTED = 50, 25
LARGEST = 100.0  # of a feature of the first request


class World:
    """Copies of models and what pulling them takes.

    Parameters
    ----------
    drawing : Drawing
    shared : bool
        True: parts come from the nearest copy, shareable parts also from copies of the same service type. False: a
        whole model comes from the copy that was made last.
    """

    def __init__(self, drawing: Drawing, shared: bool) -> None:
        self.drawing, self.shared = drawing, shared
        cloud = np.repeat(drawing.distance[:-1, -1:], len(drawing.size), axis=1)  # (homes, models)
        self.shareable, self.remaining = cloud, cloud.copy()
        self.copied = np.zeros(len(drawing.size), np.bool_)
        self.copied_type = self.copied.copy()

    def penalties(self, request: int) -> Floats:
        """Return the penalty of each model now."""
        d, home = self.drawing, self.drawing.home[request]
        pulling = d.pulling(self.shareable[home], self.remaining[home])
        delay = pulling + d.inference[request] + d.transmission[request] + d.queue[home]
        penalty: Floats = XI * -np.log(d.accuracy[request]) + (1 - XI) * delay
        return penalty

    def copy(self, request: int, model: int) -> None:
        """Hold a model at the request's home: from the first copy on, the cloud is not asked for it any more."""
        d = self.drawing
        away = d.distance[:-1, d.home[request]]
        self._arrive(self.remaining, self.copied, model, away)
        alike = np.flatnonzero(d.service_type == d.service_type[model]).tolist() if self.shared else [model]
        for other in alike:
            self._arrive(self.shareable, self.copied_type, other, away)

    def _arrive(self, nearest: Floats, copied: NDArray[np.bool_], model: int, away: Floats) -> None:
        known = nearest[:, model] if self.shared and copied[model] else np.inf
        nearest[:, model] = np.minimum(known, away)
        copied[model] = True


class Policy:
    """Takes a model for each request; this one takes any."""

    def __init__(self, world: World, context: Floats, rng: np.random.Generator) -> None:
        self.world, self.context, self.rng = world, context, rng
        self.models = len(world.drawing.size)
        self.counts, self.means = np.zeros(self.models), np.zeros(self.models)

    def choose(self, request: int) -> int:
        """Return the model for a request."""
        return int(self.rng.integers(self.models))

    def learn(self, request: int, model: int, penalty: float) -> None:
        """Take note of the penalty of the model that was taken."""
        value = self.value(penalty)
        self.counts[model] += 1
        self.means[model] += (value - self.means[model]) / self.counts[model]

    def value(self, penalty: float) -> float:
        """Return what is averaged."""
        return penalty


class Myopic(Policy):
    """Knows all penalties."""

    def choose(self, request: int) -> int:
        return int(self.world.penalties(request).argmin())


class LeastKnownDelay(Policy):
    """Learns nothing: takes the model whose known delay is least, whatever its accuracy."""

    def choose(self, request: int) -> int:
        drawing = self.world.drawing
        accuracies = XI * -np.log(drawing.accuracy[request])
        return int((self.world.penalties(request) - accuracies).argmin())


class Greedy(Policy):
    """Takes the least mean penalty so far, at times any model."""

    def choose(self, request: int) -> int:
        if self.rng.random() < OUR_EPSILON:
            return super().choose(request)
        return int(np.where(self.counts > 0, self.means, -np.inf).argmin())


class Ucb(Policy):
    """Takes the least lower confidence bound of the mean penalty."""

    def choose(self, request: int) -> int:
        with np.errstate(divide="ignore"):
            bound = self.means / (1 + NOISE * np.sqrt(6 * np.log(request + 2) / self.counts))
        return int(bound.argmin())


class Mab(Policy):
    """MAB: at even odds any model, else that of the largest mean of 1 / penalty."""

    def choose(self, request: int) -> int:
        if self.rng.random() < EPSILON:
            return super().choose(request)
        return int(self.rng.choice(np.flatnonzero(self.means == self.means.max())))

    def value(self, penalty: float) -> float:
        return 1 / penalty


class Ol(Policy):
    """OL: features of the largest Beta draws, and the least draw of a normal for each model, linear in the features.

    Matrices go by the position of a feature in the draw's order; the test of success always holds.
    """

    def __init__(self, world: World, context: Floats, rng: np.random.Generator) -> None:
        super().__init__(world, context, rng)
        self.successes, self.selections = np.ones(FEATURES), np.zeros(FEATURES)
        self.matrix = np.tile(np.eye(SELECTED), (self.models, 1, 1))
        self.inverse = self.matrix.copy()
        self.target = np.zeros((self.models, SELECTED))

    def choose(self, request: int) -> int:
        self.successes += self.selections
        self.selected = np.argsort(-self.rng.beta(self.successes, 1.0), kind="stable")[:SELECTED]
        self.seen = self.context[request, self.selected]
        spread = self.inverse @ self.seen
        mean = (spread * self.target).sum(axis=1)
        deviation = DEVIATION * np.sqrt(np.maximum(spread @ self.seen, 0.0))
        return int(self.rng.normal(mean, deviation).argmin())

    def learn(self, request: int, model: int, penalty: float) -> None:
        self.matrix[model] += np.outer(self.seen, self.seen)
        self.inverse[model] = np.linalg.inv(self.matrix[model])
        self.target[model] += penalty * self.seen
        self.selections[self.selected] += 1


class Adms(Policy):
    """ADMS: in seven of ten rounds any model, else LinUCB of 1 / penalty over features drawn at random."""

    def __init__(self, world: World, context: Floats, rng: np.random.Generator) -> None:
        super().__init__(world, context, rng)
        self.matrix = np.tile(np.eye(SELECTED), (self.models, 1, 1))
        self.weights, self.target = np.zeros((2, self.models, SELECTED))
        self.spread = self.matrix.copy()

    def choose(self, request: int) -> int:
        self.seen = self.context[request, self.rng.choice(FEATURES, SELECTED, replace=False)]
        if self.rng.random() < RANDOM_SHARE:
            return super().choose(request)
        width = np.sqrt(np.maximum((self.spread @ self.seen) @ self.seen, 0.0))
        return int((self.weights @ self.seen + CONFIDENCE * width).argmax())

    def learn(self, request: int, model: int, penalty: float) -> None:
        self.matrix[model] += np.outer(self.seen, self.seen)
        self.target[model] += self.seen / penalty
        self.weights[model] = np.linalg.solve(self.matrix[model], self.target[model])
        self.spread[model] = np.linalg.inv(np.eye(SELECTED) + self.matrix[model])


POLICIES: dict[str, tuple[Callable[..., Policy], bool]] = {  # with the world that the code gives them
    "OL": (Ol, True),
    "MAB": (Mab, False),
    "ADMS": (Adms, False),
    "random choice": (Policy, True),
    "least known delay, nothing learned": (LeastKnownDelay, True),
    "ucb, a mean for each model": (Ucb, True),
    "mean with epsilon 0.05": (Greedy, True),
    "myopic optimum": (Myopic, True),
}


@dataclass(frozen=True)
class Course:
    """Penalties and regrets of a policy, round by round; regret is over the least penalty at that moment."""

    penalty: Floats
    regret: Floats


def play(name: str, drawing: Drawing, shared: bool, seed: int) -> Course:
    """Let a policy serve all requests of a drawing."""
    base = np.random.default_rng([seed, 3]).uniform(0, LARGEST, FEATURES)
    requests = len(drawing.home)
    context = np.arange(1, requests + 1)[:, None] * base
    world = World(drawing, shared)
    policy = POLICIES[name][0](world, context, np.random.default_rng([seed, 4]))
    penalty, regret = np.empty((2, requests))
    for request in range(requests):
        known = world.penalties(request)
        model = policy.choose(request)
        penalty[request], regret[request] = known[model], known[model] - known.min()
        world.copy(request, model)
        policy.learn(request, model, float(penalty[request]))
    return Course(penalty, regret)


def exponent(regret: Floats) -> float:
    """Return the slope of the log of the cumulated regret over log rounds, in the last nine tenths of the rounds."""
    total, rounds = regret.cumsum(), np.arange(1, len(regret) + 1)
    late = (rounds > len(rounds) // 10) & (total > 0)
    return float(np.polyfit(np.log(rounds[late]), np.log(total[late]), 1)[0]) if late.sum() > 1 else float("nan")
