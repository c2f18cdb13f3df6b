"""The policy that an export states: costs of eviction, and the eviction of the least sum, with llama-swap's ties.

llama-swap (github.com/mostlygeek/llama-swap, commit 0bdb372, `internal/matrix/program.go`) goes through the sets in
the order of its file. It takes the first one that holds the new model and whose lacking running models have the least
sum of costs, and evicts those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil

import numpy as np

from edgeopt.residency.arrays import Intervals
from edgeopt.residency.eviction_kernel import cheapest_to_drop
from edgeopt.residency.fitting import maximal_sets
from edgeopt.residency.instance import ResidencyInstance
from edgeopt.residency.residents import Residents

COST_OF_ONE = 1000  # costs are whole numbers: thousandths of seconds of loading for a request
MOST_SETS = 500
MOST_STEPS = 50_000  # of a search for the cheapest eviction; then the best found so far is taken


def rates(instance: ResidencyInstance) -> Mapping[str, float]:
    """Return each model's part of the past requests, or of the requests themselves where there is no past."""
    counts: Mapping[str, int] = instance.past or Counter(instance.requests)
    total = sum(counts.values())
    return {model: counts.get(model, 0) / total if total else 0.0 for model in instance.library.models}


def evict_costs(instance: ResidencyInstance) -> dict[str, int]:
    """Return the cost of evicting each model, the dearest first: rate times seconds of loading, a whole number from 1.

    Models of one cost stand as in the library.
    """
    costs = {
        model: max(1, ceil(COST_OF_ONE * rate * instance.load_seconds(model))) if rate else 1
        for model, rate in rates(instance).items()
    }
    return dict(sorted(costs.items(), key=lambda pair: -pair[1]))


def ordered_sets(instance: ResidencyInstance, costs: Mapping[str, int], most: int) -> list[tuple[str, ...]] | None:
    """Return `maximal_sets`, those of the largest sum of costs first; None as there."""
    sets = maximal_sets(instance.library, list(costs), instance.memory_bytes, most)
    if sets is None:
        return None
    number = {model: index for index, model in enumerate(costs)}
    sets = [tuple(sorted(chosen, key=number.__getitem__)) for chosen in sets]
    return sorted(sets, key=lambda chosen: (-sum(map(costs.__getitem__, chosen)), [number[model] for model in chosen]))


class CheapestEviction:
    """Evicts what costs least in sum.

    Attributes
    ----------
    remark : str
        What a person should know of it.
    """

    def __init__(self, intervals: Intervals) -> None:
        instance = intervals.instance
        costs = evict_costs(instance)
        self._cost = np.array([costs[model] for model in intervals.model_names], np.int64)
        self._place = {model: index for index, model in enumerate(costs)}
        self._names = intervals.model_names
        sets = ordered_sets(instance, costs, MOST_SETS)
        self._inside = None
        if sets is not None:
            number = {model: index for index, model in enumerate(self._names)}
            self._inside = np.zeros((len(sets), len(self._names)), np.bool_)
            for row, chosen in enumerate(sets):
                self._inside[row, [number[model] for model in chosen if model in number]] = True
        source = "" if instance.past else "rates are those of these very requests, for there are no past ones"
        too_many = f"more than {MOST_SETS} sets fit, or too many to find all: ties are not those of llama-swap"
        ties = "" if sets is not None else too_many
        self.remark = "; ".join(part for part in (source, ties) if part)

    def __call__(self, residents: Residents, model: int) -> None:
        running = list(residents.models)
        if residents.bytes_with(model) <= residents.intervals.instance.memory_bytes:
            return
        dropped = self._by_sets(running, model) if self._inside is not None else self._by_search(residents, model)
        for other in dropped:
            residents.evict(other)

    def _by_sets(self, running: list[int], model: int) -> list[int]:
        assert self._inside is not None
        able = self._inside[self._inside[:, model]][:, running]
        first = int(np.argmin(~able @ self._cost[running]))
        return [other for other, stays in zip(running, able[first].tolist(), strict=True) if not stays]

    def _by_search(self, residents: Residents, model: int) -> list[int]:
        intervals = residents.intervals
        dearest_first = sorted(residents.models, key=lambda other: self._place[self._names[other]])
        incidence = np.zeros((len(dearest_first) + 1, len(intervals.block_names)), np.bool_)
        for row, other in enumerate([*dearest_first, model]):
            incidence[row, intervals.held[other]] = True
        used = incidence.any(axis=0)
        dropped = cheapest_to_drop(
            np.ascontiguousarray(incidence[:, used]),
            intervals.block_bytes[used],
            self._cost[dearest_first],
            intervals.instance.memory_bytes,
            MOST_STEPS,
        )
        return [dearest_first[index] for index in np.flatnonzero(dropped).tolist()]
