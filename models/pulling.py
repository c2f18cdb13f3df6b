"""Model selection and pulling: a nonlinear integer program, its linear form, and the strong form that `exact` solves.

Sets and data

    (r, i, v)   request r can be served by the admissible model i at site v                 CHOICES
    (v, j)      cloudlet v may pull block j, of s_j bytes, which is not resident there      PULLS, s
    c_riv       seconds of service, times the count of the request                          c
    w_riv       operations of service                                                       w
    p_vj        seconds that pulling the block costs once                                   p
    U_vj        choices at v whose model holds j                                            users
    C_v, F_v    bytes beside the resident blocks, and operations, of a cloudlet             free, limit

Service is sending, queueing, computing, and what the request takes with the model; where requests wait for pulls, also
the last pull of the model's blocks (`parallel`) or their sum (`serial`), and then p = 0.

Decisions

    x_riv = 1   request r is served by model i at site v
    z_vj = 1    block j is pulled to v: 1 - prod(1 - x over U_vj)                           pulled

Objective and constraints of `formulate`

    minimise    sum c x + sum p z                                                           total_delay
    subject to  sum x_riv = 1                           every request                       served_once
                sum_j s_j z_vj <= C_v                   every cloudlet                      memory
                sum w_riv x_riv <= F_v                  every cloudlet                      compute

`formulate_linear` makes a variable of each product: z_vj >= x_riv for every choice in U_vj. `formulate_strong` makes z
a decision, and ties it closer:

                sum over (r, i, v) in U_vj of x_riv <= z_vj         every request r                     pulled_for
                sum over U_vj of w_riv x_riv <= F_v z_vj            where operations are limited        worked_on

Memory and compute are written as fractions of their limits; where everything fits there is no row of memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyomo.environ as pyo

from edgeopt.models.linearize import linearize_products
from edgeopt.pulling.admissible import admissible_models
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.pulls import pulling_delays
from edgeopt.pulling.routes import Routes
from edgeopt.solution import Plan

INFINITE = float("inf")
PLAN_ROWS = ("served_once", "memory", "compute")  # without them values are no plan

Choice = tuple[str, str, str]
Pull = tuple[str, str]


def formulate(instance: PullingInstance) -> pyo.ConcreteModel:
    """State the problem of the least total delay, with the products of the original.

    Parameters
    ----------
    instance : PullingInstance

    Returns
    -------
    pyomo.environ.ConcreteModel
        Binary ``x[request, model, site]``; ``cuts`` is an empty list for rows of a method that verifies limits exactly.
    """
    m = _choices(instance, _data(instance))
    m.pulled = pyo.Expression(m.PULLS, rule=_pulled, doc="z: 1 if block j is pulled to v")
    _objective_and_limits(m)
    m.cuts = pyo.ConstraintList(doc="rows of a method that verifies the limits in integers")
    return m


def formulate_linear(instance: PullingInstance) -> pyo.ConcreteModel:
    """State the same problem with the products made linear: the integer linear program."""
    return linearize_products(formulate(instance), in_place=True)


def formulate_strong(instance: PullingInstance) -> pyo.ConcreteModel:
    """State the same problem in the strong form, whose relaxation is far closer to the optimum.

    Models that do not fit into a cloudlet alone, and work beyond its limit, are no choices; blocks that the same
    choices use at a cloudlet are one. `edgeopt.pulling.strong_form` compiles this form in arrays after further
    reductions, which change neither its optimum nor that of its relaxation.

    Parameters
    ----------
    instance : PullingInstance

    Returns
    -------
    pyomo.environ.ConcreteModel
        Binary ``x[request, model, site]`` and ``pulled[site, block]``. Where no compute limit binds, x would take on
        integrality from z.
    """
    m = _choices(instance, _merged(_fitting(instance, _data(instance))))
    m.users_of = {}
    for pull, users in m.data.users.items():
        for choice in users:
            m.users_of.setdefault((choice[0], *pull), []).append(choice)
    m.LINKS = pyo.Set(initialize=list(m.users_of), dimen=3, doc="(r, v, j): request r may need block j at v")
    m.pulled = pyo.Var(m.PULLS, domain=pyo.Binary, doc="z: 1 if block j is pulled to v")
    _objective_and_limits(m)
    m.pulled_for = pyo.Constraint(m.LINKS, rule=_pulled_for, doc="requests need their blocks; 0 or 1")
    m.worked_on = pyo.Constraint(m.PULLS, rule=_worked_on, doc="work needs its blocks; fractions of the limit")
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Make the plan of the formulation's values."""
    chosen = {
        request: {"model": model, "site": site}
        for (request, model, site), x in m.x.items()
        if (pyo.value(x, exception=False) or 0) > 0.5
    }
    return {"assignments": {name: chosen[name] for name in m.instance.requests if name in chosen}}


class Data(NamedTuple):
    """The symbols of the module's docstring."""

    c: dict[Choice, float]
    w: dict[Choice, float]
    s: dict[Pull, int]
    p: dict[Pull, float]
    users: dict[Pull, list[Choice]]
    free: dict[str, int]
    limit: dict[str, float | None]


def _data(instance: PullingInstance) -> Data:
    """Make the symbols; a choice over a route that does not exist is none."""
    routes, library, cloud = Routes(instance), instance.library, instance.cloud.name
    cloudlets = instance.cloudlets
    resident = {site: sum(library.blocks[j] for j in cloudlet.resident or ()) for site, cloudlet in cloudlets.items()}
    free = {site: cloudlet.memory_bytes - resident[site] for site, cloudlet in cloudlets.items()}
    limit = {site: cloudlet.compute_flops for site, cloudlet in cloudlets.items()}
    data = Data({}, {}, {}, {}, {}, free, limit)
    pulls = _pulls(instance, routes)
    for name, kind in admissible_models(instance).items():
        request = instance.requests[name]
        sending = routes.delay_s(request.input_bits)[routes.nodes[request.node]].tolist()
        for site, sending_s in zip(routes.sites, sending, strict=True):
            place = instance.cloud if site == cloud else cloudlets[site]
            for model, delay_s in zip(kind.models, kind.delay_s, strict=True):
                needed = {j: pulls[site, j] for j in library.models[model].blocks if (site, j) in pulls}
                if sending_s == INFINITE or INFINITE in needed.values() or site not in (request.sites or routes.sites):
                    continue
                choice, flops = (name, model, site), request.samples * (library.models[model].flops_per_sample or 0.0)
                serving = delay_s + instance.queues[site] + flops / place.speed_flops_per_s
                data.c[choice] = request.count * (sending_s + serving + _wait(instance, needed))
                data.w[choice] = request.count * flops
                for block in needed:
                    data.users.setdefault((site, block), []).append(choice)
                    data.p[site, block] = needed[block] if instance.waiting == "once" else 0.0
                    data.s[site, block] = library.blocks[block]
    return data


def _pulls(instance: PullingInstance, routes: Routes) -> dict[Pull, float]:
    """Return the seconds to pull each block that is not resident."""
    blocks = list(instance.library.blocks)
    delays = pulling_delays(instance, routes, blocks).tolist()
    return {
        (site, block): seconds
        for (site, cloudlet), row in zip(instance.cloudlets.items(), delays, strict=True)
        for block, seconds in zip(blocks, row, strict=True)
        if block not in (cloudlet.resident or ())
    }


def _wait(instance: PullingInstance, needed: dict[str, float]) -> float:
    """Return the seconds that a request waits for the blocks that its model lacks."""
    if instance.waiting == "once":
        return 0.0
    return sum(needed.values()) if instance.waiting == "serial" else max(needed.values(), default=0.0)


def _fitting(instance: PullingInstance, data: Data) -> Data:
    """Leave out the choices that cannot stand even alone."""
    needed = dict.fromkeys(data.c, 0)
    for pull, users in data.users.items():
        for choice in users:
            needed[choice] += data.s[pull]

    def fits(choice: Choice) -> bool:
        site = choice[2]
        if site == instance.cloud.name:
            return True
        limit = data.limit[site]
        return needed[choice] <= data.free[site] and (limit is None or data.w[choice] <= limit)

    kept = set(filter(fits, data.c))
    left = {pull: [choice for choice in users if choice in kept] for pull, users in data.users.items()}
    return data._replace(
        c={choice: seconds for choice, seconds in data.c.items() if choice in kept},
        w={choice: work for choice, work in data.w.items() if choice in kept},
        users={pull: choices for pull, choices in left.items() if choices},
    )


def _merged(data: Data) -> Data:
    """Make one block, under the name of the first, of those that the same choices use at a cloudlet."""
    alike: dict[tuple[str, tuple[Choice, ...]], list[Pull]] = {}
    for pull, users in data.users.items():
        alike.setdefault((pull[0], tuple(users)), []).append(pull)
    return data._replace(
        s={pulls[0]: sum(data.s[pull] for pull in pulls) for pulls in alike.values()},
        p={pulls[0]: sum(data.p[pull] for pull in pulls) for pulls in alike.values()},
        users={pulls[0]: data.users[pulls[0]] for pulls in alike.values()},
    )


def _choices(instance: PullingInstance, data: Data) -> pyo.ConcreteModel:
    """List sets and choices."""
    m = pyo.ConcreteModel(name="pulling")
    m.instance, m.data = instance, data
    m.CHOICES = pyo.Set(initialize=list(data.c), dimen=3, doc="(r, i, v): request, model, site")
    m.x = pyo.Var(m.CHOICES, domain=pyo.Binary, doc="1 if request r is served by model i at site v")
    m.PULLS = pyo.Set(initialize=list(data.users), dimen=2, doc="(v, j): cloudlet, block that it may pull")
    m.REQUESTS = pyo.Set(initialize=list(instance.requests), doc="r: requests")
    m.CLOUDLETS = pyo.Set(initialize=list(instance.cloudlets), doc="v: cloudlets")
    return m


def _objective_and_limits(m: pyo.ConcreteModel) -> None:
    """State the delay and the rows that every form has."""
    data: Data = m.data
    m.total_delay = pyo.Objective(
        expr=pyo.quicksum(seconds * m.x[choice] for choice, seconds in data.c.items())
        + pyo.quicksum(data.p[pull] * m.pulled[pull] for pull in m.PULLS),
        sense=pyo.minimize,
        doc="service and pulling; seconds",
    )
    m.choices_of = {name: [] for name in m.REQUESTS}
    for choice in data.c:
        m.choices_of[choice[0]].append(choice)
    m.served_once = pyo.Constraint(m.REQUESTS, rule=_served_once, doc="one choice for each request; choices")
    m.memory = pyo.Constraint(m.CLOUDLETS, rule=_memory, doc="blocks fit; fractions of the free memory")
    m.compute = pyo.Constraint(m.CLOUDLETS, rule=_compute, doc="operations fit; fractions of the limit")


def _served_once(m: pyo.ConcreteModel, request: str) -> Any:
    """Each request takes one choice."""
    choices = m.choices_of[request]
    return pyo.quicksum(m.x[choice] for choice in choices) == 1 if choices else pyo.Constraint.Infeasible


def _pulled(m: pyo.ConcreteModel, site: str, block: str) -> Any:
    """1 - prod(1 - x): one when some request uses the block there."""
    return 1 - pyo.prod(1 - m.x[choice] for choice in m.data.users[site, block])


def _memory(m: pyo.ConcreteModel, site: str) -> Any:
    """Resident and pulled blocks fit into the memory."""
    free = m.data.free[site]
    needed = [(m.data.s[pull], m.pulled[pull]) for pull in m.PULLS if pull[0] == site]
    if sum(size for size, _ in needed) <= free:
        return pyo.Constraint.Skip
    return pyo.quicksum(size / max(free, 1) * pulled for size, pulled in needed) <= min(free, 1)


def _compute(m: pyo.ConcreteModel, site: str) -> Any:
    """The operations at a cloudlet stay within its limit."""
    needed = [(work, m.x[choice]) for choice, work in m.data.w.items() if choice[2] == site and work > 0]
    return _worked(m, site, needed, 1)


def _worked_on(m: pyo.ConcreteModel, site: str, block: str) -> Any:
    """The operations that need a block stay within the limit where it is pulled, and are none elsewhere."""
    needed = [(m.data.w[choice], m.x[choice]) for choice in m.data.users[site, block] if m.data.w[choice] > 0]
    return _worked(m, site, needed, m.pulled[site, block])


def _worked(m: pyo.ConcreteModel, site: str, needed: list[tuple[float, Any]], share: Any) -> Any:
    """The operations stay within a share of the limit of the cloudlet."""
    limit = m.data.limit[site]
    if limit is None or not needed:
        return pyo.Constraint.Skip
    if limit == 0:
        return pyo.quicksum(x for _, x in needed) <= 0
    return pyo.quicksum(work / limit * x for work, x in needed) <= share


def _pulled_for(m: pyo.ConcreteModel, r: str, v: str, j: str) -> Any:
    """A request is served by a model that holds a block only where that is pulled."""
    return pyo.quicksum(m.x[choice] for choice in m.users_of[r, v, j]) <= m.pulled[v, j]
