"""The environment of a policy: arrivals with features, placed models, slots, and delays that it sees afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import MethodRefusal
from edgeopt.pulling.admissible import Admissible, admissible_models
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.routes import Routes
from edgeopt.solution import Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TASKS = 4
SIZE_FACTORS = (0.5, 1.0, 2.0)
DISTRACTOR_LEVELS = 3
NOISE_SHAPE = 2.0
NOISE_DEVIATION = 5**-0.5
"""Standard deviation of the noise 2 Beta(2, 2), which is also its sub-Gaussian parameter."""
EFFICIENCY_SPREAD = 0.7
"""Standard deviation of the logarithm of time per operation over timm's 1,442 vision models on an RTX 3090."""
EFFICIENCY_RANGE = (0.25, 4.0)

TASK, SIZE = 0, 1


@dataclass(frozen=True)
class Arrivals:
    """The arrivals of one round.

    Attributes
    ----------
    kind : numpy.ndarray of int64, shape (arrivals,)
        Which request of the instance each one is like: its node, bits, samples and admissible models, known to all.
    features : numpy.ndarray of int64, shape (arrivals, features)
        Task (what the model is to do), size class, and distractors that mean nothing. A policy with a restricted
        context looks at a few of them.
    noise : numpy.ndarray, shape (arrivals,)
        Factor of mean 1 on the service time; nobody sees it.
    """

    kind: Ints
    features: Ints
    noise: Floats


@dataclass(frozen=True)
class Environment:
    """A placed instance whose true service times are unknown to the policy.

    The delay of an arrival of kind q, task g and size class c at pair p, which is a model at a site, is
    ``transmission[q, p] + nominal[q, p] * ratio[g, c, p] * noise``. What the network takes and what the model's
    operations would take on paper are known; the ratio of true to nominal service time is not.

    Attributes
    ----------
    name : str
    probability : numpy.ndarray, shape (kinds,)
    pair_model, pair_site : numpy.ndarray of int64, shape (pairs,)
        The placed models; sites in the order of `slots`, the cloud last.
    models, sites : list of str
    admissible : numpy.ndarray of bool, shape (kinds, pairs)
    transmission, nominal : numpy.ndarray, shape (kinds, pairs)
        Seconds; the first count everything but computing: also queues, and what a request takes with a model.
    ratio : numpy.ndarray, shape (tasks, sizes, pairs)
    slots : numpy.ndarray of int64, shape (sites,)
        Arrivals that a site serves in one round.
    arrivals : int
        In each round.
    distractors : int
    """

    name: str
    probability: Floats
    pair_model: Ints
    pair_site: Ints
    models: list[str]
    sites: list[str]
    admissible: Flags
    transmission: Floats
    nominal: Floats
    ratio: Floats
    slots: Ints
    arrivals: int
    distractors: int

    @classmethod
    def from_instance(
        cls, instance: PullingInstance, plan: Plan | None, *, arrivals: int, slots: int, distractors: int, seed: int
    ) -> Environment:
        """Place models and draw the unknown ratios.

        Parameters
        ----------
        instance : PullingInstance
        plan : dict, optional
            A feasible plan; a cloudlet offers every model all of whose blocks it pulls or has. Without one, a cloudlet
            takes models while they fit, those first that add the fewest bytes.
        arrivals : int
            In each round, drawn with probabilities proportional to the requests' counts.
        slots : int
            Arrivals that a cloudlet serves in one round; the cloud's are unlimited.
        distractors : int
            Features that have no influence.
        seed : int

        Raises
        ------
        MethodRefusal
            The cloud cannot serve some request.
        """
        generator = np.random.default_rng([seed, 0])
        choices, routes = list(admissible_models(instance).values()), Routes(instance)
        models = list(dict.fromkeys(model for kind in choices for model in kind.models))
        blocks = filled_blocks(instance, models) if plan is None else pulled_blocks(instance, plan)
        held = {**blocks, instance.cloud.name: set(instance.library.blocks)}
        placed = [
            (model, site)
            for site, name in enumerate(routes.sites)
            for model in models
            if held[name].issuperset(instance.library.models[model].blocks)
        ]
        pair_model = np.array([models.index(model) for model, _ in placed], np.int64)
        pair_site = np.array([site for _, site in placed], np.int64)
        requests = list(instance.requests.values())
        allowed = np.array([[r.sites is None or name in r.sites for name in routes.sites] for r in requests], np.bool_)
        transmission = np.stack([routes.delay_s(r.input_bits)[routes.nodes[r.node]] for r in requests])
        transmission += list(instance.queues.values())
        transmission = np.where(allowed, transmission, np.inf)[:, pair_site]
        transmission += np.stack([_delays(kind, models) for kind in choices])[:, pair_model]
        speed = np.array(
            [*(c.speed_flops_per_s for c in instance.cloudlets.values()), instance.cloud.speed_flops_per_s]
        )
        flops = np.array([instance.library.models[model].flops_per_sample or 0.0 for model in models])
        nominal = np.outer([r.samples for r in requests], flops[pair_model] / speed[pair_site])
        admissible = np.isfinite(transmission)
        served = (admissible & (pair_site == len(routes.sites) - 1)).any(axis=1)
        if not served.all():
            name = list(instance.requests)[int(np.argmin(served))]
            raise MethodRefusal(
                f"the cloud cannot serve the request {name!r}, and an online policy must always have a way"
            )
        counts = np.array([r.count for r in requests], float)
        spread = generator.normal(0.0, EFFICIENCY_SPREAD, (TASKS, len(SIZE_FACTORS), len(placed)))
        return cls(
            name=instance.name,
            probability=counts / counts.sum(),
            pair_model=pair_model,
            pair_site=pair_site,
            models=models,
            sites=routes.sites,
            admissible=admissible,
            transmission=np.where(admissible, transmission, np.inf),
            nominal=nominal,
            ratio=np.clip(np.exp(spread), *EFFICIENCY_RANGE) * np.array(SIZE_FACTORS)[:, None],
            slots=np.array([slots] * len(instance.cloudlets) + [arrivals], np.int64),
            arrivals=arrivals,
            distractors=distractors,
        )

    @property
    def levels(self) -> list[int]:
        """Values that each feature takes."""
        return [self.ratio.shape[0], self.ratio.shape[1], *[DISTRACTOR_LEVELS] * self.distractors]

    @cached_property
    def site_pairs(self) -> Ints:
        """Pairs of each site, shape (sites, most pairs at one site), filled up with -1."""
        pairs = [np.flatnonzero(self.pair_site == site) for site in range(len(self.sites))]
        table = np.full((len(pairs), max(map(len, pairs))), -1, np.int64)
        for row, pairs_at_site in zip(table, pairs, strict=True):
            row[: len(pairs_at_site)] = pairs_at_site
        return table

    def draw(self, generator: np.random.Generator) -> Arrivals:
        """Draw the arrivals of one round."""
        kind = generator.choice(len(self.probability), self.arrivals, p=self.probability)
        features = generator.integers(0, self.levels, (self.arrivals, len(self.levels)))
        noise = 2.0 * generator.beta(NOISE_SHAPE, NOISE_SHAPE, self.arrivals)
        return Arrivals(kind, features, noise)

    def true_ratio(self, arrivals: Arrivals) -> Floats:
        """Return the mean ratio of each arrival at each pair, shape (arrivals, pairs)."""
        ratio: Floats = self.ratio[arrivals.features[:, TASK], arrivals.features[:, SIZE]]
        return ratio

    def cost(self, arrivals: Arrivals, ratio: Floats) -> Floats:
        """Return the seconds for assumed ratios, shape (arrivals, pairs); infinite where a pair is not admissible."""
        cost: Floats = self.transmission[arrivals.kind] + self.nominal[arrivals.kind] * ratio
        return cost


def _delays(kind: Admissible, models: list[str]) -> Floats:
    """Return the seconds that a request takes with each model, infinite where that is not admissible."""
    given = dict(zip(kind.models, kind.delay_s, strict=True))
    return np.array([given.get(model, np.inf) for model in models])


def pulled_blocks(instance: PullingInstance, plan: Plan) -> Mapping[str, set[str]]:
    """Return the blocks that each cloudlet pulls for a plan or has from the start."""
    blocks = {name: set(cloudlet.resident or ()) for name, cloudlet in instance.cloudlets.items()}
    for choice in plan["assignments"].values():
        if choice["site"] in blocks:
            blocks[choice["site"]].update(instance.library.models[choice["model"]].blocks)
    return blocks


def filled_blocks(instance: PullingInstance, models: Iterable[str]) -> Mapping[str, set[str]]:
    """Return the blocks of each cloudlet when models are added while they fit, those first that add fewest bytes."""
    size, filled = instance.library.blocks, {}
    needed = {model: set(instance.library.models[model].blocks) for model in models}
    for name, cloudlet in instance.cloudlets.items():
        held = set(cloudlet.resident or ())
        waiting, room = dict(needed), cloudlet.memory_bytes - sum(size[block] for block in held)
        while waiting:
            added = {model: sum(size[block] for block in blocks - held) for model, blocks in waiting.items()}
            model = min(added, key=lambda candidate: (added[candidate], candidate))
            if added[model] > room:
                break
            room -= added[model]
            held |= waiting.pop(model)
        filled[name] = held
    return filled
