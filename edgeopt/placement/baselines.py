"""Baselines: every model stored whole, and models stored at random."""

from __future__ import annotations

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.checker import check
from edgeopt.placement.exact import solve_program
from edgeopt.placement.greedy import greedy_placement, random_placement
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped


def without_sharing(instance: PlacementInstance) -> PlacementInstance:
    """Return the instance in which every model is one block of its own; its plans are feasible for the original."""
    library = instance.library
    private = ModelLibrary(
        name=f"{library.name} without sharing",
        blocks={name: library.size_bytes(name) for name in library.models},
        models={name: Model(blocks=[name]) for name in library.models},
    )
    return instance.replace(library=private)


@unless_nothing_fits
def solve_no_sharing(arrays: DemandArrays, run: Run) -> Outcome:
    """Store every model whole, as well as possible; the bound of that problem is none of this one."""
    instance = arrays.instance

    def take(plan: Plan) -> None:
        run.report(check(instance, plan).objective, plan=lambda: plan)

    arrays = DemandArrays(without_sharing(instance))
    outcome = solve_program(arrays, greedy_placement(arrays), run.part(reports=take))
    proved = outcome.stopped == Stopped.PROVED
    return Outcome(
        outcome.plan,
        stopped=Stopped.FINISHED if proved else outcome.stopped,
        message="the optimum without sharing" if proved else f"without sharing at most {outcome.bound}",
    )


@unless_nothing_fits
def solve_random(arrays: DemandArrays, run: Run) -> Outcome:
    """Place useful models in random order wherever they fit."""
    return Outcome(plan=arrays.plan(random_placement(arrays, run.options.seed)))
