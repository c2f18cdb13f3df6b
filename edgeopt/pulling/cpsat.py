"""`cpsat`: the integer program in CP-SAT, with bytes and operations as they are and delays rounded down."""

from __future__ import annotations

from math import floor

import numpy as np
from ortools.sat.python import cp_model

from edgeopt.engines import cpsat
from edgeopt.engines.running import Result
from edgeopt.pulling import strong_solver
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.assignment import serve_open
from edgeopt.pulling.core import Core, Ints
from edgeopt.pulling.greedy import known_total
from edgeopt.pulling.infeasibility import infeasible_if_confirmed
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Status

RESOLUTION = 2**44  # integer steps of the total delay
PRECISION = 1e-9  # relative; the rounding of delays
LEAST_TOTAL = 1e-280  # seconds; keeps the scale finite


class CpSatProgram:
    """A core in CP-SAT.

    Delays are rounded down to integers, so that the solver's bound holds for the true delays; memory and compute are
    exact.
    """

    def __init__(self, core: Core, start: Ints | None = None) -> None:
        self.core, self.model = core, cp_model.CpModel()
        pairs, atoms = core.atoms_of_options
        finite = np.isfinite(core.cloud_cost)
        total = core.cloud_total + float(core.atom_pull.sum()) + float(core.option_cost.max(initial=0.0) * core.groups)
        self.scale = RESOLUTION / max(total, LEAST_TOTAL)
        self.amount = [
            self.model.new_int_var(0, int(core.units[group]), f"x{option}")
            for option, group in enumerate(core.option_group.tolist())
        ]
        self.opening = {
            (site, atom): self.model.new_bool_var(f"z{site}_{atom}")
            for site, atom in sorted(set(zip(core.option_site[pairs].tolist(), atoms.tolist(), strict=True)))
        }
        for option, atom in zip(pairs.tolist(), atoms.tolist(), strict=True):
            opening = self.opening[int(core.option_site[option]), atom]
            self.model.add(self.amount[option] <= int(core.units[core.option_group[option]]) * opening)
        self._limits()
        objective = []
        for group in range(core.groups):
            options = range(core.group_start[group], core.group_start[group + 1])
            served = sum(self.amount[option] for option in options)
            if finite[group]:
                rest = int(core.units[group]) - served
                self.model.add(served <= int(core.units[group]))
                objective.append(self._scaled(core.cloud_cost[group]) * rest)
            else:
                self.model.add(served == int(core.units[group]))
            objective += [self._scaled(core.option_cost[option]) * self.amount[option] for option in options]
        objective += [self._scaled(core.atom_pull[key]) * opening for key, opening in self.opening.items()]
        self.model.minimize(sum(objective))
        if start is not None:
            opened = core.opened(start)
            for option, variable in enumerate(self.amount):
                self.model.add_hint(variable, int(start[option]))
            for key, opening in self.opening.items():
                self.model.add_hint(opening, bool(opened[key]))

    def _scaled(self, seconds: float) -> int:
        return floor(seconds * self.scale)

    def _limits(self) -> None:
        """Limit the memory in bytes and the compute in the core's units of work."""
        core = self.core
        for site in range(core.sites):
            sizes = [int(core.atom_bytes[key]) * opening for key, opening in self.opening.items() if key[0] == site]
            self.model.add(sum(sizes) <= int(core.memory[site]))
            if core.limited[site]:
                options = np.flatnonzero((core.option_site == site) & (core.option_work > 0)).tolist()
                work = [int(core.option_work[option]) * self.amount[option] for option in options]
                self.model.add(sum(work) <= int(core.work_limit[site]))


def servable(core: Core, run: Run) -> bool | None:
    """Say whether CP-SAT finds room for all groups; None when it is stopped before it knows."""
    status = cpsat.solve(CpSatProgram(core).model, run).status
    return {Status.OPTIMAL: True, Status.FEASIBLE: True, Status.INFEASIBLE: False}.get(status)


def solve_cpsat(reduced: ReducedInstance, run: Run, start: Ints | None = None) -> Outcome:
    """Solve the integer program by CP-SAT, anew where its solution rules out far clouds, which coarsen the delays."""
    core, total = reduced.core, known_total(Openings(reduced.core), run)
    known: Incumbent[Ints] = Incumbent(run, plan=reduced.plan)
    if start is not None:
        known.offer(start, core.cost(start))
        total = min(total, core.cost(start))
    while True:
        near = reduced.relaxed.up_to(total)
        outcome, solved = _solve_near(reduced, near, known)
        if not solved or known.value is None:
            return outcome
        total = min(total, known.value)
        if np.array_equal(near.up_to(total).cloud_cost, near.cloud_cost) or run.stop_reason() is not None:
            return outcome


def _solve_near(reduced: ReducedInstance, near: Core, known: Incumbent[Ints]) -> tuple[Outcome, bool]:
    """Solve the program of a core whose solutions contain every optimum.

    Returns the outcome, and whether the solver had a solution that keeps all limits.
    """
    core, run, program = reduced.core, known.run, CpSatProgram(near, known.best)

    def found(result: Result) -> bool:
        amounts = np.array([result.value(variable) for variable in program.amount], np.int64)
        amounts = serve_open(core, core.opened(amounts), amounts)
        if not core.feasible(amounts):  # within the limits of work rounded down only
            return False
        known.offer(amounts, core.cost(amounts))
        return True

    def report(objective: float | None, bound: float | None) -> None:
        run.report(None, None if bound is None else max(0.0, bound / program.scale))

    result = cpsat.solve(
        program.model,
        run,
        gap=run.options.gap,
        report=report,
        found=found,
        deterministic_limit=run.options.iteration_limit,
    )
    if result.status == Status.INFEASIBLE:
        return infeasible_if_confirmed(reduced, run, strong_solver.servable), False
    bound = None if result.bound is None else max(0.0, result.bound / program.scale)
    solved = result.objective is not None and found(result)
    value = known.value
    if solved and value is not None and result.status == Status.OPTIMAL and bound is not None and run.options.gap == 0:
        bound = value if abs(value - bound) <= PRECISION * abs(value) else bound
    return Outcome(None if known.best is None else reduced.plan(known.best), bound, result.stopped), solved


@on_reduced_instance
@unless_decoupled
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Solve the integer program by CP-SAT."""
    return solve_cpsat(reduced, run, reduced.start(run))
