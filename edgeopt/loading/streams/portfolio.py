"""All methods of streams within one time limit: a bound, plans, and a proof of small streams."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.streams.bound import PriceSearch
from edgeopt.loading.streams.exact import solve_exact
from edgeopt.loading.streams.searched import BEAM_SHARE, DEFAULT_BEAMS, DEFAULT_ITERATIONS, Plans, limit_of
from edgeopt.loading.streams.tables import size_refusal
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Stopped

BOUND_SHARE = 0.45  # of the time
LOCAL_SHARE = 0.5  # of what is left then, where a proof by enumeration is in reach


def solve_portfolio(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum, search by beams and locally, and try to prove small streams, within the limits."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    objective = work.queues.objective
    known: Incumbent[Plan] = Incumbent(run, plans.plan, plans.value, objective.most, dict)
    run.report(known.value, known.bound)
    limit = run.options.iteration_limit
    prices = PriceSearch(work, run.part(BOUND_SHARE * run.remaining_s(), reports="bound"))
    if not known.closed():
        prices.search(limit, plans.value)
        known.tighten(prices.rounded())
    if not known.closed():
        plans.search_beams(run.part(BEAM_SHARE / (1 - BOUND_SHARE) * run.remaining_s()), limit_of(run, DEFAULT_BEAMS))
        known.offer(plans.plan, plans.value)
    if not known.closed():
        share = LOCAL_SHARE if size_refusal(work) is None else 1.0
        part = run.part(share * run.remaining_s(), reports="all")
        plans.search_locally(part, limit_of(run, DEFAULT_ITERATIONS), known.bound)
        known.offer(plans.plan, plans.value)
    if not known.closed() and size_refusal(work) is None:
        exact = solve_exact(instance, run.part(iterations=limit, reports="all"))
        if exact.plan is not None:
            known.offer(exact.plan, objective.of_plan(exact.plan))
        known.tighten(exact.bound)
    notes = (
        f"bound by walks of stays at {prices.iterations} sets of prices",
        f"{plans.beams} beams, {plans.iterations} thousand moves",
    )
    return Outcome(known.best, known.bound, run.stop_reason() or Stopped.FINISHED, message="; ".join(notes))
