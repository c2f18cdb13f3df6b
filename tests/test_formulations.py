"""A formulation that its user has changed: its optimum is proven, and its plans hold."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo
import pytest

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.models import caching, loading, loading_overlapped, placement, pulling
from edgeopt.solution import Status, Stopped
from tests.amounts import some_or_many
from tests.caching import random_instances as caching_instances
from tests.loading.brute_force import compute_s, load_s, upload_s, written
from tests.loading.random_instances import random_instance
from tests.loading.small import FREE, instance_of
from tests.placement import random_instances as placement_instances
from tests.pulling import random_instances as pulling_instances

INSTANCES = Path(__file__).parents[1] / "instances"


class Visits(NamedTuple):
    """Models in the order of their visits, and the users of each of all models."""

    order: tuple[int, ...]
    counts: tuple[int, ...]

    def beside(self, i: int, k: int) -> bool:
        return {i, k} in [{*pair} for pair in zip(self.order, self.order[1:], strict=False)]


Rule = Callable[[Visits], bool]


def plans(prefixes: Prefixes) -> Iterator[Visits]:
    """Every plan of the formulation that ends in time, by enumeration in exact arithmetic."""
    instance = prefixes.instance
    models = range(len(prefixes.model_names))
    serving = [[serving_s(prefixes, i, n) for n in range(len(prefixes.serve_s[i]))] for i in models]
    deadline = max((written(user.deadline_s) for user in instance.users.values()), default=Fraction(0))
    for number in range(len(models) + 1):
        for visited in combinations(models, number):
            loading_s = {order: order_load_s(prefixes, order) for order in permutations(visited)}
            ranges = [range(1, len(serving[i])) if i in visited else [0] for i in models]
            for counts in product(*ranges):
                left = deadline - sum(serving[i][n] for i, n in enumerate(counts))
                yield from (Visits(order, counts) for order, seconds in loading_s.items() if seconds <= left)


def serving_s(prefixes: Prefixes, i: int, users: int) -> Fraction:
    """Uploads and computing of the users of least upload."""
    name, cap = prefixes.model_names[i], int(prefixes.capacity[i])
    batches = [cap] * (users // cap) + [users % cap] * (users % cap > 0)
    uploads = upload_s(prefixes.instance, frozenset(prefixes.users[i][:users]))
    return uploads + sum((compute_s(prefixes.instance, name, batch) for batch in batches), Fraction(0))


def order_load_s(prefixes: Prefixes, order: tuple[int, ...]) -> Fraction:
    """Loading of models one after another."""
    held: set[str] = set()
    total = Fraction(0)
    for i in order:
        blocks = set(prefixes.instance.library.models[prefixes.model_names[i]].blocks)
        total += load_s(prefixes.instance, blocks - held)
        held = blocks
    return total


def changed(rng: np.random.Generator, m: Any, neighbours: bool) -> list[Rule]:
    """Add one to three random constraints to a formulation; return them as rules about plans."""
    m.mine = pyo.ConstraintList()
    models, users = list(m.MODELS), list(m.USERS)
    rules: list[Rule] = []
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(6 if neighbours and len(models) > 1 else 4)
        if kind == 0:
            most = int(rng.integers(0, len(models) + 1))
            m.mine.add(sum(m.y.values()) <= most)
            rules.append(lambda plan, most=most: len(plan.order) <= most)
        elif kind == 1:
            (i, p), (k, q) = (users[int(number)] for number in rng.integers(len(users), size=2))
            m.mine.add(m.x[i, p] <= m.x[k, q])
            rules.append(lambda plan, i=i, p=p, k=k, q=q: plan.counts[i] < p or plan.counts[k] >= q)
        elif kind == 2:
            i, p = users[int(rng.integers(len(users)))]
            m.x[i, p].fix(1)
            rules.append(lambda plan, i=i, p=p: plan.counts[i] >= p)
        elif kind == 3:
            i, k = (int(number) for number in rng.integers(len(models), size=2))
            m.mine.add(m.y[i] + m.y[k] >= 1)
            rules.append(lambda plan, i=i, k=k: i in plan.order or k in plan.order)
        else:
            i, k = sorted(rng.choice(len(models), 2, replace=False).tolist())
            if kind == 4:
                m.mine.add(m.z[i, k] == 0)
                rules.append(lambda plan, i=i, k=k: not plan.beside(i, k))
            else:
                m.mine.add(m.z[i, k] >= m.y[i] + m.y[k] - 1)
                rules.append(lambda plan, i=i, k=k: plan.beside(i, k) or not {i, k} <= {*plan.order})
    return rules


def visits_of(prefixes: Prefixes, plan: dict[str, Any]) -> Visits:
    """Read a plan's batches."""
    names = [batch["model"] for batch in plan["batches"]]
    order = tuple(prefixes.model_names.index(name) for name in dict.fromkeys(names))
    served = [len(batch["users"]) for batch in plan["batches"]]
    counts = [sum(n for n, found in zip(served, names, strict=True) if found == name) for name in prefixes.model_names]
    return Visits(order, tuple(counts))


@some_or_many(44, 220, again=True)
@pytest.mark.parametrize("form", [loading.formulate, loading.formulate_order])
def test_changed_loading_equals_enumeration(form: Callable[[LoadingInstance], Any], numbers: range) -> None:
    found = {Status.OPTIMAL: 0, Status.INFEASIBLE: 0}
    bound_by_rules = 0
    for seed in numbers:
        instance = random_instance(seed, ("crossing", "random", "dense", "interval")[seed % 4], models=5, users=6)
        prefixes = compile_workload(instance).prefixes
        if not prefixes.model_names:
            continue
        rng = np.random.default_rng(seed)
        m = form(instance)
        rules = changed(rng, m, neighbours=form is loading.formulate_order)
        weights = {user: 1 if seed % 3 else int(rng.integers(0, 4)) for user in m.USERS}
        m.most_users.set_value(sum(weight * m.x[user] for user, weight in weights.items()))
        every = list(plans(prefixes))
        worth = [sum(w for (i, p), w in weights.items() if p <= plan.counts[i]) for plan in every]
        allowed = [w for w, plan in zip(worth, every, strict=True) if all(rule(plan) for rule in rules)]
        solution = edgeopt.solve_formulation(instance, m, threads=1)
        found[solution.status] += 1
        assert (solution.status == Status.INFEASIBLE) == (not allowed), seed
        if not allowed:
            assert solution.stopped == Stopped.PROVED
            assert solution.plan is None
            continue
        assert solution.objective == solution.bound == max(allowed), seed
        assert not edgeopt.check(instance, solution.plan).violations, seed
        plan = visits_of(prefixes, solution.plan)
        assert all(rule(plan) for rule in rules), (seed, plan)
        bound_by_rules += max(allowed) < max(worth)
    assert found[Status.OPTIMAL] > len(numbers) / 2.2
    assert found[Status.INFEASIBLE] >= len(numbers) / 22
    assert bound_by_rules > len(numbers) / 8


@some_or_many(14, 60)
@pytest.mark.parametrize("form", [loading.formulate, loading.formulate_order])
def test_unchanged_loading_has_the_optimum_of_exact(form: Callable[[LoadingInstance], Any], numbers: range) -> None:
    for seed in numbers:
        instance = random_instance(seed, ("crossing", "dense")[seed % 2], models=8, users=16)
        solution = edgeopt.solve_formulation(instance, form(instance), threads=1)
        assert solution.status == Status.OPTIMAL
        assert solution.report is not None
        assert solution.objective == solution.report.objective == edgeopt.solve(instance, "exact").objective, seed


def test_where_sharing_crosses_the_plan_holds() -> None:
    instance = edgeopt.read(INSTANCES / "loading/random-20x200.json")
    m = loading.formulate(instance)
    m.few_models = pyo.Constraint(expr=sum(m.y.values()) <= 9)
    m.half_for_loading = pyo.Constraint(expr=m.loading - m.reusing <= 0.5)
    solution = edgeopt.solve_formulation(instance, m)
    assert solution.status == Status.OPTIMAL
    assert solution.report is not None
    assert solution.report.feasible
    assert len({batch["model"] for batch in solution.plan["batches"]}) <= 9
    assert solution.objective == sum(pyo.value(x) for x in m.x.values())
    assert "optimal" in str(solution)


def test_rows_against_neighbours_need_the_order() -> None:
    instance = edgeopt.read(INSTANCES / "loading/tiny-crossing.json")

    def apart(m: Any) -> None:
        m.z[m.PAIRS.first()].fix(0)

    def few(m: Any) -> None:
        m.few = pyo.Constraint(expr=sum(m.z.values()) <= 1)

    def bounded(m: Any) -> None:
        m.z[m.PAIRS.first()].setub(0)

    def priced(m: Any) -> None:
        m.most_users.set_value(m.most_users.expr - 0.1 * sum(m.z.values()))

    for change in (apart, few, bounded, priced):
        m = loading.formulate(instance)
        change(m)
        with pytest.raises(UsageError, match="formulate_order"):
            edgeopt.solve_formulation(instance, m)
        m = loading.formulate_order(instance)
        change(m)
        assert edgeopt.solve_formulation(instance, m).status == Status.OPTIMAL


def test_formulations_that_are_no_plans_are_refused() -> None:
    instance = edgeopt.read(INSTANCES / "loading/tiny-crossing.json")
    other = edgeopt.read(INSTANCES / "loading/tiny.json")
    overlapped = edgeopt.read(INSTANCES / "loading/grid-10x40-overlapped.json")
    individual = edgeopt.read(INSTANCES / "loading/tiny-individual.json")
    late = loading.formulate(instance)
    late.deadline.deactivate()
    for of, m in (
        (instance, late),
        (instance, loading.formulate_union(instance)),
        (overlapped, loading_overlapped.formulate(overlapped)),
        (instance, pyo.ConcreteModel()),
    ):
        with pytest.raises(UsageError, match="no plans"):
            edgeopt.solve_formulation(of, m)
    with pytest.raises(UsageError, match="not the instance"):
        edgeopt.solve_formulation(other, loading.formulate(instance))
    with pytest.raises(UsageError, match="one deadline"):
        loading.formulate(individual)
    tiny = edgeopt.read(INSTANCES / "pulling/tiny.json")
    with pytest.raises(UsageError, match="linearize_products"):
        edgeopt.solve_formulation(tiny, pulling.formulate(tiny))


def test_nobody_can_be_served() -> None:
    instance = edgeopt.read(INSTANCES / "loading/tiny.json")
    hopeless = instance.replace(users={k: u.replace(deadline_s=1e-9) for k, u in instance.users.items()})
    for form in (loading.formulate, loading.formulate_order):
        solution = edgeopt.solve_formulation(hopeless, form(hopeless))
        assert (solution.status, solution.objective, solution.bound) == (Status.OPTIMAL, 0, 0)


def test_an_impossible_constant_row_is_infeasible() -> None:
    instance = edgeopt.read(INSTANCES / "loading/tiny.json")
    m = loading.formulate(instance)
    m.never = pyo.Constraint(expr=pyo.Constraint.Infeasible)
    assert edgeopt.solve_formulation(instance, m).status == Status.INFEASIBLE


def test_limits_leave_the_best_so_far_and_its_bound() -> None:
    instance = edgeopt.read(INSTANCES / "loading/random-200x2000.json")
    m = loading.formulate(instance)
    m.few_models = pyo.Constraint(expr=sum(m.y.values()) <= 60)
    solution = edgeopt.solve_formulation(instance, m, time_limit=0.5, threads=1)
    assert solution.stopped == (Stopped.PROVED if solution.status == Status.OPTIMAL else Stopped.TIME_LIMIT)
    if solution.objective is not None:
        assert solution.bound is not None
        assert solution.objective <= solution.bound
    at_once = edgeopt.solve_formulation(instance, m, time_limit=0.0)
    assert (at_once.status, at_once.stopped, at_once.plan) == (Status.UNKNOWN, Stopped.TIME_LIMIT, None)


def test_an_interrupt_leaves_the_best_so_far() -> None:
    instance = edgeopt.read(INSTANCES / "loading/random-200x2000.json")
    m = loading.formulate(instance)
    m.few_models = pyo.Constraint(expr=sum(m.y.values()) <= 60)
    told: list[edgeopt.Progress] = []

    def first(progress: edgeopt.Progress) -> None:
        if not told:
            signal.raise_signal(signal.SIGINT)
        told.append(progress)

    solution = edgeopt.solve_formulation(instance, m, threads=1, progress=first)
    assert solution.stopped == Stopped.INTERRUPTED
    assert solution.bound == told[-1].bound


@some_or_many(4, 12)
def test_the_other_problems_are_solved_alike(numbers: range) -> None:
    solved = 0
    for seed in numbers:
        for instance, forms in (
            (placement_instances.random_instance(seed), [placement.formulate]),
            (pulling_instances.random_instance(seed), [pulling.formulate_linear, pulling.formulate_strong]),
            (caching_instances.random_instance(seed, nodes=2, users=2), [caching.formulate]),
        ):
            best = edgeopt.solve(instance, "exact")
            for form in forms:
                solution = edgeopt.solve_formulation(instance, form(instance), threads=1)
                assert (solution.plan is None) == (best.plan is None), (seed, form)
                if best.plan is None:
                    continue
                assert solution.status == Status.OPTIMAL, (seed, form)
                assert solution.report is not None
                # `exact` of caching improves on the rates that the formulation has.
                close = {"rel": 1e-6 if instance.problem != "caching" else 1e-2, "abs": 1e-6}
                assert solution.objective == pytest.approx(best.objective, **close), (seed, form)
                for value in (solution.bound, solution.report.objective):
                    assert value == pytest.approx(solution.objective, rel=1e-6, abs=1e-6), (seed, form)
                solved += 1
    assert solved > 2 * len(numbers)


@pytest.mark.parametrize(("late", "served"), [(0.0, 3), (1e-10, 3), (1e-7, 2), (3e-6, 2)])
def test_deadlines_are_those_of_the_instance_not_of_the_solver(late: float, served: int) -> None:
    """Three models of 10 s of common and 10 s of own blocks, and 1 s of computing each: 43 s for all."""
    models = {name: ["common", f"own {name}"] for name in "abc"}
    sizes = {block: 10 for blocks in models.values() for block in blocks}
    keys = {name: {**FREE, "compute_per_sample_s": 1.0} for name in models}
    users = {name: {"model": name, "upload_bits": 0.0} for name in models}
    instance = instance_of(models, users, 43.0 * (1 - late), sizes=sizes, model_keys=keys)
    for form in (loading.formulate, loading.formulate_order):
        solution = edgeopt.solve_formulation(instance, form(instance))
        assert (solution.status, solution.objective) == (Status.OPTIMAL, served)


def test_changed_placement_equals_enumeration() -> None:
    """At most so many models are placed in all."""
    bound_by_rule = 0
    for seed in range(40):
        instance = placement_instances.random_instance(seed, nodes=2, models=3)
        pairs = [(node, model) for node in instance.nodes for model in instance.library.models]
        worth = {}
        for placed in product((False, True), repeat=len(pairs)):
            chosen = [pair for pair, flag in zip(pairs, placed, strict=True) if flag]
            plan = {"placed": {node: [model for at, model in chosen if at == node] for node in instance.nodes}}
            report = edgeopt.check(instance, plan)
            if report.feasible:
                worth[placed] = report.objective or 0
        m = placement.formulate(instance)
        if not len(m.x):
            continue
        most = seed % 3
        m.few = pyo.Constraint(expr=sum(m.x.values()) <= most)
        solution = edgeopt.solve_formulation(instance, m, threads=1)
        best = max(value for placed, value in worth.items() if sum(placed) <= most)
        assert solution.status == Status.OPTIMAL, seed
        assert solution.objective == pytest.approx(best, rel=1e-6, abs=1e-9), seed
        assert sum(map(len, solution.plan["placed"].values())) <= most
        bound_by_rule += best < max(worth.values())
    assert bound_by_rule > 5


@cache
def changed_pulling(seed: int) -> tuple[Any, float, float]:
    """An instance of pulling, its optimum, and that without the first cloudlet for r0 and one site for r0 and r1."""
    instance = pulling_instances.random_instance(seed, requests=3, models=3)
    sites = [*instance.cloudlets, instance.cloud.name]
    free, best = np.inf, np.inf
    for choice in product(product(instance.library.models, sites), repeat=3):
        named = {f"r{number}": {"model": model, "site": site} for number, (model, site) in enumerate(choice)}
        report = edgeopt.check(instance, {"assignments": named})
        if report.feasible and report.objective is not None:
            free = min(free, report.objective)
            if choice[0][1] != sites[0] and choice[0][1] != choice[1][1]:
                best = min(best, report.objective)
    return instance, free, best


@some_or_many(12, 24)
@pytest.mark.parametrize("form", [pulling.formulate_linear, pulling.formulate_strong])
def test_changed_pulling_equals_enumeration(form: Callable[[Any], Any], numbers: range) -> None:
    """The first request is not served at the first cloudlet, and the first two not at the same site."""
    found = {Status.OPTIMAL: 0, Status.INFEASIBLE: 0}
    bound_by_rules = 0
    for seed in numbers:
        instance, free, best = changed_pulling(seed)
        sites = [*instance.cloudlets, instance.cloud.name]
        m = form(instance)
        m.mine = pyo.ConstraintList()
        for site in sites:
            together = [m.x[r, i, v] for r, i, v in m.CHOICES if v == site and r in ("r0", "r1")]
            if together:
                m.mine.add(sum(together) <= 1)
        for r, i, v in m.CHOICES:
            if r == "r0" and v == sites[0]:
                m.x[r, i, v].fix(0)
        solution = edgeopt.solve_formulation(instance, m, threads=1)
        found[solution.status] += 1
        assert (solution.status == Status.INFEASIBLE) == (best == np.inf), seed
        if best < np.inf:
            assert solution.objective == pytest.approx(best, rel=1e-6, abs=1e-6), seed
        bound_by_rules += free < best < np.inf
    assert min(found.values()) > len(numbers) / 8
    assert bound_by_rules > len(numbers) / 8
