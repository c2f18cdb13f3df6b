"""Each policy against a plain simulation of its server."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

import edgeopt
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.residency import costs as policy
from edgeopt.residency.costs import evict_costs, ordered_sets
from edgeopt.residency.eviction_kernel import cheapest_to_drop
from edgeopt.residency.fitting import maximal_sets
from edgeopt.residency.instance import ResidencyInstance
from tests.residency.random_instances import random_instance

INSTANCES = [instance for instance in map(random_instance, range(180)) if not instance.too_large()]
Choice = Callable[[ResidencyInstance, list[str], str], list[str]]


def simulated(instance: ResidencyInstance, keep: Choice) -> float:
    """Return the seconds of a server of whole models: `keep` says which running ones stay beside a new one.

    Blocks without bytes stay whoever goes.
    """
    running: list[str] = []
    weightless: set[str] = set()
    seconds = 0.0
    for model in instance.requests:
        present = weightless | {block for other in running for block in instance.library.models[other].blocks}
        weightless |= {block for block in instance.library.models[model].blocks if not instance.library.blocks[block]}
        missing = [block for block in instance.library.models[model].blocks if block not in present]
        if missing:
            seconds += sum(instance.load_s[block] for block in missing) + instance.fixed_s.get(model, 0.0)
        if model not in running:
            running = keep(instance, running, model)
        running = [*(other for other in running if other != model), model]
    return seconds


def newest_that_fit(instance: ResidencyInstance, running: list[str], model: str) -> list[str]:
    while instance.library.union_bytes([*running, model]) > instance.memory_bytes:
        running = running[1:]
    return running


def of_the_first_cheapest_set(instance: ResidencyInstance, running: list[str], model: str) -> list[str]:
    """Choose as llama-swap does: the first set in order of the file whose lacking running models cost least."""
    prices = evict_costs(instance)
    sets = ordered_sets(instance, prices, 500)
    assert sets is not None
    able = [chosen for chosen in sets if model in chosen]
    best = min(able, key=lambda chosen: sum(prices[other] for other in running if other not in chosen))
    return [other for other in running if other in best]


@pytest.mark.parametrize(
    ("method", "keep"),
    [
        ("lru", newest_that_fit),
        ("one-at-a-time", lambda instance, running, model: []),
        ("costs", of_the_first_cheapest_set),
    ],
)
def test_as_simulated(method: str, keep: Choice) -> None:
    for instance in INSTANCES:
        expected = simulated(instance, keep)
        assert edgeopt.solve(instance, method).objective == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_policies_do_not_look_ahead() -> None:
    """What a policy loads in the first requests does not depend on the later ones."""
    for instance in INSTANCES[:30]:
        past = dict(instance.past) or {"m0": 1}
        for count in range(len(instance.requests)):
            whole = instance.replace(past=past)
            part = whole.replace(requests=list(instance.requests[:count]))
            for method in ("lru", "costs", "one-at-a-time"):
                loads = (edgeopt.solve(whole, method).plan or {})["loads"]
                assert (edgeopt.solve(part, method).plan or {})["loads"] == [
                    entry for entry in loads if entry["request"] < count
                ]


def test_costs_are_rates_by_seconds() -> None:
    library = ModelLibrary(
        blocks={"a": 4, "b": 3, "c": 2}, models={name: Model(blocks=[name]) for name in ("a", "b", "c")}
    )
    instance = ResidencyInstance(
        name="costs",
        library=library,
        memory_bytes=6,
        load_s={"a": 4.0, "b": 3.0, "c": 2.0},
        fixed_s={"b": 0.25},
        requests=["c"],
        past={"a": 1, "b": 2},
    )
    assert evict_costs(instance) == {"b": 2167, "a": 1334, "c": 1}  # thousandths, rounded up
    assert ordered_sets(instance, evict_costs(instance), 9) == [("b", "c"), ("a", "c")]
    assert "very requests" not in edgeopt.solve(instance, "costs").message
    assert "very requests" in edgeopt.solve(instance.replace(past={}), "costs").message


def test_maximal_sets_are_all_and_only_those() -> None:
    for instance in INSTANCES:
        library, memory = instance.library, instance.memory_bytes
        every = [
            set(chosen) for size in range(len(library.models) + 1) for chosen in combinations(library.models, size)
        ]
        fitting = [chosen for chosen in every if library.union_bytes(chosen) <= memory]
        expected = [chosen for chosen in fitting if not any(chosen < other for other in fitting)]
        found = maximal_sets(library, list(library.models), memory, 1000)
        assert found is not None
        assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
        if len(expected) > 1:
            assert maximal_sets(library, list(library.models), memory, len(expected) - 1) is None


def test_few_sets_of_many_models_are_found() -> None:
    """The GPU holds one of two bases with all of its adapters; which adapters come in first tells no sets apart."""
    bases = {f"base{n}": Model(blocks=[f"base{n}"]) for n in range(2)}
    adapters = {f"m{n}": Model(blocks=[f"base{n % 2}", f"own{n}"]) for n in range(60)}
    library = ModelLibrary(
        blocks={"base0": 9000, "base1": 9100} | {f"own{n}": 10 + n for n in range(60)}, models=bases | adapters
    )
    found = maximal_sets(library, list(library.models), 12_000, 500)
    assert found is not None
    assert sorted(map(sorted, found)) == sorted(
        sorted([f"base{base}", *(f"m{n}" for n in range(base, 60, 2))]) for base in range(2)
    )


@pytest.mark.parametrize("most", [500, 10**9])
def test_too_many_sets_are_seen_soon(most: int) -> None:
    """Either more are found than wanted, or the steps do not suffice."""
    library = ModelLibrary(
        blocks={f"b{n}": 100 + n for n in range(60)}, models={f"m{n}": Model(blocks=[f"b{n}"]) for n in range(60)}
    )
    assert maximal_sets(library, list(library.models), 3000, most) is None


def test_the_search_drops_the_cheapest() -> None:
    """Against all ways of dropping; the new model is in the last row."""
    for seed in range(120):
        rng = np.random.default_rng(seed)
        models, blocks = int(rng.integers(0, 8)), int(rng.integers(1, 7))
        incidence, sizes = rng.random((models + 1, blocks)) < 0.4, rng.integers(0, 9, blocks)
        costs = np.sort(rng.integers(1, 6, models))[::-1].copy()
        own = int(sizes[incidence[-1]].sum())
        memory = int(rng.integers(own, max(own, int(sizes.sum())) + 1))
        least = min(
            int(costs[list(dropped)].sum())
            for count in range(models + 1)
            for dropped in combinations(range(models), count)
            if sizes[incidence[[row for row in range(models + 1) if row not in dropped]].any(axis=0)].sum() <= memory
        )
        chosen = cheapest_to_drop(incidence, sizes, costs, memory, 10**6)
        assert costs[chosen].sum() == least
        assert sizes[incidence[[*np.flatnonzero(~chosen), models]].any(axis=0)].sum() <= memory


def test_the_policy_costs_the_same_where_sets_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum that each eviction costs is the same; which of equal ones is evicted may differ."""
    monkeypatch.setattr(policy, "MOST_SETS", 0)
    ran = 0
    for instance in INSTANCES:
        values = list(evict_costs(instance).values())
        sums = [sum(chosen) for size in range(len(values) + 1) for chosen in combinations(values, size)]
        if len(set(sums)) == len(sums):
            ran += 1
            expected = simulated(instance, of_the_first_cheapest_set)
            solution = edgeopt.solve(instance, "costs")
            assert "ties" in solution.message
            assert solution.objective == pytest.approx(expected, rel=1e-12)
    assert ran > 12
