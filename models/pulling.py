"""Model selection and pulling as a nonlinear integer program, and its linear form.

Symbols are those of the table in ``models/README.md``. A block is pulled to a cloudlet when some request is served
there by a model that holds it: 1 - prod(1 - x). `edgeopt.linearize_products` turns that product into a variable.
"""

from __future__ import annotations

from typing import Any

from pyomo.core import (
    Binary,
    ConcreteModel,
    Constraint,
    ConstraintList,
    Expression,
    Objective,
    Set,
    Var,
    minimize,
    prod,
    quicksum,
)

from edgeopt.models.linearize import linearize_products
from edgeopt.pulling.arrays import admissible_models
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.routes import Routes
from edgeopt.solution import Plan


def formulate(instance: PullingInstance) -> ConcreteModel:
    """State the problem of least total delay, with the products of the original.

    Parameters
    ----------
    instance : PullingInstance

    Returns
    -------
    pyomo.environ.ConcreteModel
        Binary x[r, i, v]: request r is served by model i at site v. Memory and compute are fractions of their limits.
    """
    m = ConcreteModel(name="pulling")
    m.instance = instance
    _data(m, instance)
    m.CHOICES = Set(initialize=list(m.service), dimen=3)
    m.x = Var(m.CHOICES, domain=Binary)
    m.PULLS = Set(initialize=list(m.users_of), dimen=2)
    m.pulled = Expression(m.PULLS, rule=_pulled)
    m.total_delay = Objective(
        expr=quicksum(cost * m.x[choice] for choice, cost in m.service.items())
        + quicksum(m.pull_s[pull] * m.pulled[pull] for pull in m.PULLS),
        sense=minimize,
    )
    m.REQUESTS, m.CLOUDLETS = Set(initialize=list(instance.requests)), Set(initialize=list(instance.cloudlets))
    m.served_once = Constraint(m.REQUESTS, rule=_served_once)
    m.memory = Constraint(m.CLOUDLETS, rule=_memory)
    m.compute = Constraint(m.CLOUDLETS, rule=_compute)
    m.cuts = ConstraintList()  # of a method that verifies the limits in integers
    return m


def formulate_linear(instance: PullingInstance) -> ConcreteModel:
    """State the same problem with the products made linear: the integer linear program."""
    return linearize_products(formulate(instance), in_place=True)


def read_plan(m: ConcreteModel) -> Plan:
    """Make the plan of the formulation's values."""
    chosen = {request: {"model": model, "site": site} for (request, model, site), x in m.x.items() if x.value > 0.5}
    return {"assignments": {name: chosen[name] for name in m.instance.requests if name in chosen}}


def _data(m: ConcreteModel, instance: PullingInstance) -> None:
    """Costs c of the choices, pulling delays p, and who uses which block where."""
    routes, library = Routes(instance), instance.library
    cloud = instance.cloud.name
    m.service, m.work, m.users_of, m.pull_s = {}, {}, {}, {}
    for name, models in admissible_models(instance).items():
        request = instance.requests[name]
        delay = routes.delay_s(request.input_bits)[routes.nodes[request.node]]
        for site, sending in zip(routes.sites, delay.tolist(), strict=True):
            place = instance.cloud if site == cloud else instance.cloudlets[site]
            for model in models:
                flops = request.samples * (library.models[model].flops_per_sample or 0.0)
                pulls = {} if site == cloud else _pulls(instance, routes, site, model)
                if sending == float("inf") or float("inf") in pulls.values():
                    continue
                m.service[name, model, site] = request.count * (sending + flops / place.speed_flops_per_s)
                m.work[name, model, site] = request.count * flops
                for block, seconds in pulls.items():
                    m.pull_s[site, block] = seconds
                    m.users_of.setdefault((site, block), []).append((name, model, site))


def _pulls(instance: PullingInstance, routes: Routes, site: str, model: str) -> dict[str, float]:
    """Seconds to pull each block of a model that is not resident."""
    cloudlet, row = instance.cloudlets[site], routes.nodes[site]
    found = {}
    for block in set(instance.library.models[model].blocks) - set(cloudlet.resident or ()):
        override = cloudlet.pull_delay_s
        seconds = override.get(block) if isinstance(override, dict) else override
        if seconds is None:
            seconds = float(routes.delay_s(8.0 * instance.library.blocks[block])[row, -1])
        found[block] = seconds
    return found


def _pulled(m: Any, site: str, block: str) -> Any:
    """1 - prod(1 - x): one when some request uses the block there."""
    return 1 - prod(1 - m.x[choice] for choice in m.users_of[site, block])


def _served_once(m: Any, request: str) -> Any:
    """Each request takes one choice."""
    choices = [m.x[choice] for choice in m.CHOICES if choice[0] == request]
    return quicksum(choices) == 1 if choices else Constraint.Infeasible


def _memory(m: Any, site: str) -> Any:
    """Resident and pulled blocks fit into the memory."""
    cloudlet, blocks = m.instance.cloudlets[site], m.instance.library.blocks
    free = cloudlet.memory_bytes - sum(blocks[block] for block in cloudlet.resident or ())
    needed = [(blocks[block], m.pulled[v, block]) for v, block in m.PULLS if v == site]
    if sum(size for size, _ in needed) <= free:
        return Constraint.Skip
    return quicksum(size / max(free, 1) * pulled for size, pulled in needed) <= min(free, 1)


def _compute(m: Any, site: str) -> Any:
    """The operations at a cloudlet stay within its limit."""
    limit = m.instance.cloudlets[site].compute_flops
    needed = [(work, m.x[choice]) for choice, work in m.work.items() if choice[2] == site and work > 0]
    if limit is None or not needed:
        return Constraint.Skip
    scale = limit if limit > 0 else 1.0
    return quicksum(work / scale * x for work, x in needed) <= limit / scale
