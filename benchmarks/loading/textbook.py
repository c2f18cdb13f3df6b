"""The formulation that a user would write first, with Pyomo's stock HiGHS interface, beside `exact`.

A binary for each user, a binary for each directed pair of models, order variables against cycles (Miller, Tucker and
Zemlin), seconds as they are.
"""

from __future__ import annotations

import argparse
from typing import Any

import pyomo.environ as pyo

from benchmarks.loading.exact import REGIMES
from benchmarks.measure import arguments_on_a_quiet_machine, fresh, solved, table, write_results
from edgeopt.loading.bandwidths import bandwidths
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.run import Outcome, Run
from edgeopt.solving import solve

LARGE = [("random", 60, 600), ("freeze-depth", 60, 600), ("grid", 60, 600)]
CASES = [("default", "random", 6, 40), ("default", "random", 12, 120)]
CASES += [(regime, *case) for regime in REGIMES for case in LARGE]
THREADS = 2
COLUMNS = ["served", "bound", "gap", "status", "CPU s", "wall s"]


def formulate(instance: LoadingInstance) -> pyo.ConcreteModel:
    """State the problem with order variables on directed arcs."""
    library, rate = instance.library, instance.server.load_rate_bytes_per_s
    limits = {name: instance.capacity(name) for name in library.models}
    wanted = [name for name in library.models if limits[name] != 0]
    held = {name: set(library.models[name].blocks) for name in wanted} | {"start": set()}
    deadline = next((user.deadline_s for user in instance.users.values()), 0.0)
    m = pyo.ConcreteModel()
    m.I = pyo.Set(initialize=wanted)
    m.K = pyo.Set(initialize=[name for name, user in instance.users.items() if user.model in held])
    m.A = pyo.Set(initialize=[(i, k) for i in held for k in held if i != k])
    m.users_of = {i: [name for name in m.K if instance.users[name].model == i] for i in wanted}
    m.x = pyo.Var(m.K, domain=pyo.Binary)
    m.y = pyo.Var(m.I, domain=pyo.Binary)
    m.w = pyo.Var(m.A, domain=pyo.Binary)
    m.batches = pyo.Var(m.I, domain=pyo.NonNegativeIntegers)
    m.place = pyo.Var(m.I, bounds=(1, max(1, len(wanted))))
    loads = {(i, k): sum(library.blocks[block] for block in held[k] - held[i]) / rate for i, k in m.A}
    m.upload = pyo.Expression(expr=sum(instance.upload_s(name) * m.x[name] for name in m.K))
    m.loading = pyo.Expression(expr=sum(loads[arc] * m.w[arc] for arc in m.A))
    m.compute = pyo.Expression(
        expr=sum(
            (library.models[i].compute_fixed_s or 0.0) * m.batches[i]
            + (library.models[i].compute_per_sample_s or 0.0) * sum(m.x[name] for name in m.users_of[i])
            for i in m.I
        )
    )
    m.served = pyo.Objective(expr=sum(m.x.values()), sense=pyo.maximize)
    m.in_time = pyo.Constraint(expr=m.upload + m.loading + m.compute <= deadline)
    m.visited = pyo.Constraint(m.K, rule=lambda m, name: m.x[name] <= m.y[instance.users[name].model])
    m.memory = pyo.Constraint(
        m.I,
        rule=lambda m, i: sum(m.x[name] for name in m.users_of[i]) <= (limits[i] or len(m.K)) * m.batches[i],
    )
    m.entered = pyo.Constraint(m.I, rule=lambda m, k: sum(m.w[i, k] for i in held if i != k) == m.y[k])
    m.left = pyo.Constraint(m.I, rule=lambda m, i: sum(m.w[i, k] for k in held if i != k) == m.y[i])
    m.one_start = pyo.Constraint(expr=sum(m.w["start", k] for k in m.I) <= 1)
    m.order = pyo.Constraint(
        m.A,
        rule=lambda m, i, k: (
            pyo.Constraint.Skip if "start" in (i, k) else m.place[k] >= m.place[i] + 1 - len(wanted) * (1 - m.w[i, k])
        ),
    )
    return m


def solve_textbook(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve with the stock interface, and read plan and bound from it."""
    m = formulate(instance)
    solver = pyo.SolverFactory("appsi_highs")
    limit = None if run.options.time_limit is None else run.remaining_s()
    solver.highs_options = {"threads": run.options.threads, "random_seed": run.options.seed}
    results = solver.solve(m, load_solutions=False, timelimit=limit)
    bound = results.problem.upper_bound
    bound = bound if bound is not None and abs(bound) < 1e12 else None
    try:
        solver.load_vars()
    except RuntimeError:
        return Outcome(bound=bound)
    return Outcome(_plan(instance, m), bound)


def _plan(instance: LoadingInstance, m: pyo.ConcreteModel) -> dict[str, Any]:
    following = {i: k for (i, k), arc in m.w.items() if arc.value > 0.5}
    batches, model = [], following.get("start")
    while model is not None and model != "start":
        served = [name for name in m.users_of[model] if m.x[name].value > 0.5]
        size = instance.capacity(model) or len(served)
        batches += [{"model": model, "users": served[low : low + size]} for low in range(0, len(served), size)]
        model = following.get(model)
    return {"batches": batches, "bandwidth_hz": bandwidths(instance, [u for b in batches for u in b["users"]])}


def run_textbook(instance: LoadingInstance, time_limit: float, seed: int) -> Any:
    """Solve and check, for a process of its own."""
    return solve(instance, solve_textbook, time_limit=time_limit, threads=THREADS, seed=seed)


def row(run: Any) -> list[Any]:
    """Served, bound, gap, status and times of one run."""
    solution = run.result
    if solution is None:
        return ["-", "-", "-", run.failure, run.cpu_s, run.wall_s]
    gap = "-" if solution.gap is None else f"{solution.gap:.2%}"
    return [solution.objective, solution.bound, gap, str(solution.status), run.cpu_s, run.wall_s]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds for each run")
    parser.add_argument("--cases", type=int, default=len(CASES), help="the first so many cases; fewer write nothing")
    arguments = arguments_on_a_quiet_machine(parser)
    solved(generate("random", 10, 50, 0), "exact")  # compiles the kernels, untimed
    rows = []
    for regime, sharing, models, users in CASES[: arguments.cases]:
        instance = generate(sharing, models, users, seed=0, **REGIMES[regime])
        runs = {
            "textbook": fresh(run_textbook, instance, arguments.time_limit, 0, limit_s=arguments.time_limit),
            "exact": solved(instance, "exact", time_limit=arguments.time_limit, threads=THREADS, seed=0),
        }
        for name, run in runs.items():
            rows.append([regime, sharing, f"{models} x {users}", name, *row(run)])
            print(*rows[-1], flush=True)
    if arguments.cases < len(CASES):
        return
    write_results(
        __file__,
        "The formulation that a user would write first",
        [
            f"A binary per user, one per directed pair of models, order variables against cycles; Pyomo's stock HiGHS "
            f"interface. Both with {THREADS} threads and {arguments.time_limit:g} s, on the same instances. "
            "The regimes are those of exact.md.",
            table(["regime", "sharing", "models x users", "method", *COLUMNS], rows),
        ],
    )


if __name__ == "__main__":
    main()
