"""Policies side by side on the same arrivals: regret over the rounds, for several seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.errors import UsageError, suggestion
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.online.assignment import assign
from edgeopt.pulling.online.environment import Environment, Floats, Ints
from edgeopt.pulling.online.policies import POLICIES, OnlinePolicy
from edgeopt.solution import Plan

if TYPE_CHECKING:
    import pandas as pd

POINTS = 200
FITTED_FROM = 0.1

PolicyMaker = Callable[[Environment, np.random.Generator], OnlinePolicy]


@dataclass(frozen=True)
class Study:
    """Regret of policies.

    Attributes
    ----------
    name : str
        Name of the instance.
    policies : list of str
    seeds : list of int
    rounds : numpy.ndarray of int64, shape (points,)
    regret : numpy.ndarray, shape (policies, seeds, points)
        Cumulated expected delay beyond that of the best assignments under the true means, in seconds.
    delay_s : numpy.ndarray, shape (policies, seeds)
        Mean expected delay of an arrival over all rounds.
    best_delay_s : numpy.ndarray, shape (seeds,)
        The same for the best assignments.
    """

    name: str
    policies: list[str]
    seeds: list[int]
    rounds: Ints
    regret: Floats
    delay_s: Floats
    best_delay_s: Floats

    def exponent(self, regret: Floats) -> float:
        """Return the slope of log regret over log rounds in the last nine tenths of the rounds; 0 without regret.

        Parameters
        ----------
        regret : numpy.ndarray, shape (points,)
        """
        late = (self.rounds >= FITTED_FROM * self.rounds[-1]) & (regret > 0)
        if late.sum() < 2:
            return 0.0
        return float(np.polyfit(np.log(self.rounds[late]), np.log(regret[late]), 1)[0])

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each policy, seed and recorded round."""
        import pandas as pd

        index = pd.MultiIndex.from_product(
            [self.policies, self.seeds, self.rounds.tolist()], names=["policy", "seed", "round"]
        )
        return pd.DataFrame({"regret_s": self.regret.ravel()}, index=index).reset_index()

    def summary(self) -> pd.DataFrame:
        """Return a row for each policy: final regret with its 95 % interval, exponents, and mean delay."""
        import pandas as pd

        rows = []
        for name, regret, delay in zip(self.policies, self.regret, self.delay_s, strict=True):
            exponents = [self.exponent(one) for one in regret]
            rows.append(
                {
                    "policy": name,
                    "regret_s": float(regret[:, -1].mean()),
                    "half_width_s": float(half_width(regret[:, -1:])[0]),
                    "exponent": self.exponent(regret.mean(axis=0)),
                    "largest_exponent": max(exponents),
                    "delay_over_best": float((delay / self.best_delay_s).mean()),
                }
            )
        return pd.DataFrame(rows).set_index("policy")


def half_width(values: Floats) -> Floats:
    """Return half the 95 % confidence interval of the mean over the first axis (Student's t); NaN for one value."""
    from scipy.stats import t

    count = len(values)
    if count < 2:
        return np.full(values.shape[1:], np.nan)
    width: Floats = t.ppf(0.975, count - 1) * values.std(axis=0, ddof=1) / np.sqrt(count)
    return width


def run_study(
    instance: PullingInstance,
    policies: list[str] | Mapping[str, PolicyMaker] | None = None,
    *,
    placement: Plan | None = None,
    rounds: int = 2000,
    arrivals: int = 10,
    slots: int = 2,
    distractors: int = 3,
    seeds: int = 5,
    on_round: Callable[[int, int], None] = lambda seed, count: None,
) -> Study:
    """Run policies on the same arrivals.

    Parameters
    ----------
    instance : PullingInstance
    policies : list of str or mapping of str to callable, optional
        Names of `POLICIES`, or makers ``(environment, generator) -> OnlinePolicy``; by default all of `POLICIES`.
    placement : dict, optional
        A plan whose pulled blocks are placed; without one the cloudlets are filled with models.
    rounds, arrivals, slots, distractors : int
        See `Environment.from_instance`.
    seeds : int
        Seeds 0, 1, ...; each draws the unknown ratios and the arrivals anew.
    on_round : callable, optional
        Called with seed and number of rounds done, now and then.

    Returns
    -------
    Study
        The study of the complete seeds, if the run is interrupted after the first.
    """
    makers = policies if isinstance(policies, Mapping) else _makers(policies)
    if min(rounds, arrivals, seeds) < 1 or min(slots, distractors) < 0:
        raise UsageError("rounds, arrivals and seeds must be at least 1, slots and distractors at least 0")
    points = np.unique(np.geomspace(1, rounds, POINTS).round().astype(np.int64))
    curves: list[tuple[Floats, Floats, float]] = []
    try:
        for seed in range(seeds):
            environment = Environment.from_instance(
                instance, placement, arrivals=arrivals, slots=slots, distractors=distractors, seed=seed
            )
            curves.append(_run(environment, makers, points, seed, on_round))
    except KeyboardInterrupt:
        if not curves:
            raise
    regret = np.stack([curve for curve, _, _ in curves], axis=1)
    delay = np.stack([mean for _, mean, _ in curves], axis=1)
    best = np.array([mean for _, _, mean in curves])
    return Study(instance.name, list(makers), list(range(len(curves))), points, regret, delay, best)


def _makers(names: list[str] | None) -> Mapping[str, PolicyMaker]:
    for name in names or ():
        if name not in POLICIES:
            raise UsageError(f"there is no online policy {name!r}; {suggestion(name, list(POLICIES))}")
    return {name: POLICIES[name] for name in (POLICIES if names is None else dict.fromkeys(names))}


def _run(
    environment: Environment,
    makers: Mapping[str, PolicyMaker],
    points: Ints,
    seed: int,
    on_round: Callable[[int, int], None],
) -> tuple[Floats, Floats, float]:
    """Return the regret at the points, shape (policies, points), and the mean delays of policies and optimum."""
    generator = np.random.default_rng([seed, 1])
    learners = [maker(environment, np.random.default_rng([seed, 2])) for maker in makers.values()]
    regret, best_total = np.zeros((len(learners), points[-1])), 0.0
    rows = np.arange(environment.arrivals)
    for index in range(points[-1]):
        arrivals = environment.draw(generator)
        ratio = environment.true_ratio(arrivals)
        cost = environment.cost(arrivals, ratio)
        best = cost[rows, assign(environment, cost)].sum()
        best_total += best
        for number, learner in enumerate(learners):
            pair = assign(environment, environment.cost(arrivals, learner.ratios(arrivals)))
            regret[number, index] = cost[rows, pair].sum() - best
            learner.learn(arrivals, pair, ratio[rows, pair] * arrivals.noise)
        if (index + 1) % 20 == 0 or index + 1 == points[-1]:
            on_round(seed, index + 1)
    total = regret.cumsum(axis=1)
    served = points[-1] * environment.arrivals
    return total[:, points - 1], (best_total + total[:, -1]) / served, float(best_total / served)
