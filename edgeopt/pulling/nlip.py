"""`nlip`: the nonlinear integer program itself, solved by SCIP."""

from __future__ import annotations

from fractions import Fraction
from math import frexp, isfinite
from typing import Any

import numpy as np
from pyomo.core import Binary, Constraint, Var, prod, quicksum

from edgeopt.engines import scip
from edgeopt.models import pulling as formulation
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.cpsat import servable
from edgeopt.pulling.greedy import known_total
from edgeopt.pulling.infeasibility import infeasible_if_confirmed
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance
from edgeopt.pulling.strong_solver import minimal_cover
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Status
from edgeopt.tolerances import SCIP_PRECISION

UNITS = 12  # a known plan takes between 2**11 and 2**12 units of delay: SCIP's tolerances are absolute
FAR_BELOW = 1e-3  # of the known plan: a delay for which the unit was too large
NEARLY = 1 + 1e-9  # rounding of sums


def solve_nlip(reduced: ReducedInstance, run: Run) -> Outcome:
    """Solve the nonlinear program; limits that SCIP's tolerances let slip are cut off, and it is solved again.

    It is solved again, too, when its solution is far below the plan by which delays were scaled.
    """
    instance, m = reduced.instance, _with_complements(formulation.formulate(reduced.instance))
    known: Incumbent[Plan] = Incumbent(run, plan=dict)
    total_s = known_total(Openings(reduced.core), run)
    unit_s = 1.0

    def found() -> None:
        plan = formulation.read_plan(m)
        if not _cuts(instance, m, plan):
            known.offer(plan, unit_s * _delay(m, plan))

    while True:
        unit_s = _scale(m, total_s)
        result = scip.solve(m, run, run.options.iteration_limit, found)
        if result.status == Status.INFEASIBLE:
            return infeasible_if_confirmed(reduced, run, servable)
        bound = None if result.bound is None else max(0.0, unit_s * result.bound * (1 - SCIP_PRECISION))
        if result.objective is None:
            return Outcome(known.best, bound, result.stopped)
        plan = formulation.read_plan(m)
        cuts = _cuts(instance, m, plan)
        for cut in cuts:
            m.cuts.add(cut)
        if cuts:
            continue
        delay_s = unit_s * _delay(m, plan)
        known.offer(plan, delay_s)
        if delay_s >= FAR_BELOW * total_s or run.stop_reason() is not None:
            break
        total_s = delay_s
    if result.status == Status.OPTIMAL and result.bound is not None and run.options.gap == 0:
        close = abs(result.objective - result.bound) <= SCIP_PRECISION * abs(result.objective)
        bound = known.value if close else bound
    return Outcome(known.best, bound, result.stopped)


def _scale(m: Any, known_s: float) -> float:
    """Write the delay in a unit that suits a known plan, leave out what takes longer, and return the unit in seconds.

    What takes longer than a plan is in no optimum: no delay is negative.
    """
    data, most_s = m.data, NEARLY * known_s
    pulls = {pull: seconds for pull, seconds in data.p.items() if seconds <= most_s}
    choices = {choice: seconds for choice, seconds in data.c.items() if seconds <= most_s}
    for choice in [choice for pull in data.p if pull not in pulls for choice in data.users[pull]]:
        choices.pop(choice, None)
    for choice in m.x:
        if choice not in choices:
            m.x[choice].fix(0)
    size = known_s if isfinite(known_s) else max([*choices.values(), *pulls.values()], default=0.0)
    unit_s = 2.0 ** (frexp(size)[1] - UNITS)
    m.total_delay.set_value(
        quicksum(seconds / unit_s * m.x[choice] for choice, seconds in choices.items())
        + quicksum(seconds / unit_s * m.pulled[pull] for pull, seconds in pulls.items())
    )
    return unit_s


def _with_complements(m: Any) -> Any:
    """Name each 1 - x: SCIP's interface multiplies out products of sums, but not products of variables."""
    m.absent = Var(m.CHOICES, domain=Binary)
    m.complements = Constraint(m.CHOICES, rule=lambda m, *choice: m.absent[choice] + m.x[choice] == 1)
    for pull, users in m.data.users.items():
        m.pulled[pull].set_value(1 - prod(m.absent[choice] for choice in users))
    return m


def _delay(m: Any, plan: Plan) -> float:
    """Return the objective at the plan itself, in its unit and without the solver's tolerances."""
    for (request, model, site), x in m.x.items():
        x.set_value(int(plan["assignments"][request] == {"model": model, "site": site}))
        m.absent[request, model, site].set_value(1 - x.value)
    return float(m.total_delay())


def _cuts(instance: PullingInstance, m: Any, plan: Plan) -> list[Any]:
    """Return rows against the limits that a plan exceeds."""
    return [*_memory_cuts(instance, m, plan), *_compute_cuts(instance, m, plan)]


def _memory_cuts(instance: PullingInstance, m: Any, plan: Plan) -> list[Any]:
    cuts = []
    for site, cloudlet in instance.cloudlets.items():
        resident = set(cloudlet.resident or ())
        used = {choice["model"] for choice in plan["assignments"].values() if choice["site"] == site}
        blocks = sorted({block for model in used for block in instance.library.models[model].blocks} - resident)
        sizes = np.array([instance.library.blocks[block] for block in blocks], np.int64)
        free = cloudlet.memory_bytes - sum(instance.library.blocks[block] for block in resident)
        if sizes.sum() > free:
            cover = minimal_cover(sizes, np.arange(len(blocks)), free)
            cuts.append(sum(m.pulled[site, blocks[index]] for index in cover) <= len(cover) - 1)
    return cuts


def _compute_cuts(instance: PullingInstance, m: Any, plan: Plan) -> list[Any]:
    cuts = []
    for site, cloudlet in instance.cloudlets.items():
        if cloudlet.compute_flops is None:
            continue
        served = [(name, choice["model"]) for name, choice in plan["assignments"].items() if choice["site"] == site]
        work = Fraction(0)
        for name, model in served:
            request = instance.requests[name]
            flops = Fraction(instance.library.models[model].flops_per_sample or 0.0)
            work += request.count * request.samples * flops
        if work > Fraction(cloudlet.compute_flops):
            cuts.append(sum(m.x[name, model, site] for name, model in served) <= len(served) - 1)
    return cuts


@on_reduced_instance
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Solve the nonlinear integer program by SCIP."""
    return solve_nlip(reduced, run)
