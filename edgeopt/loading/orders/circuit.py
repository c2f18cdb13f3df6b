"""A second opinion for one deadline: a circuit over optional models in CP-SAT, beside which no code of `exact` stands.

CP-SAT computes in integers. The model with times rounded down is a relaxation: its bound is valid for the instance. Its
plans are judged in the instance's own times; when one is too late, the model with times rounded up gives one that is
not.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Stopped

if TYPE_CHECKING:
    from edgeopt.engines.running import Result

MOST_MODELS = 60
UNITS = 2**30  # time units of the deadline
ROUNDING = 1e-6  # units by which a float may be off
DEPOT = -1
Selection = tuple[list[int], list[int]]  # models in the order of their visits, and the users of each
# One worker that solves linear programs proves most.
ONE_WORKER = {"linearization_level": 2, "num_workers": 1, "interleave_search": False}


def size_refusal(instance: LoadingInstance) -> str | None:
    """Say that there are too many models, or return None."""
    if len({user.model for user in instance.users.values()}) > MOST_MODELS:
        return f"it is a second opinion for up to {MOST_MODELS} models; 'exact' would work"
    return None


def solve_cpsat(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by a circuit over optional models in CP-SAT."""
    prefixes = compile_workload(instance).prefixes
    if not prefixes.model_names:
        return serve_nobody(instance)
    relaxed = Circuit(prefixes, run, round_up=False)
    known: Incumbent[Selection] = Incumbent(run, plan=lambda selection: prefixes.plan(*selection))
    result = relaxed.solve(known)
    bound = sum(len(table) - 1 for table in prefixes.serve_s) if result.bound is None else round(result.bound)
    message = "circuit over optional models"
    if not relaxed.offer(result, known):
        cautious = Circuit(prefixes, run, round_up=True)
        result = cautious.solve(known)
        cautious.offer(result, known)
        message += "; the bound with times rounded down, the plan with times rounded up"
    stopped = Stopped.FINISHED if result.stopped == Stopped.PROVED else result.stopped
    order, counts = known.best or ([], [])
    return Outcome(prefixes.plan(order, counts), bound, stopped, message=message)


def in_time(prefixes: Prefixes, order: list[int], counts: list[int]) -> bool:
    """Whether a selection meets the deadline."""
    loads = [prefixes.model_load_s[model] for model in order]
    saved = [prefixes.overlap_s[first, second] for first, second in pairwise(order)]
    serving = [prefixes.serve_s[model][count] for model, count in zip(order, counts, strict=True)]
    return bool(sum(loads) - sum(saved) + sum(serving) <= prefixes.horizon_s)


class Circuit:
    """The model in CP-SAT: a tour from the depot through the visited models.

    Parameters
    ----------
    prefixes : Prefixes
    run : Run
    round_up : bool
        Times rounded up and the deadline down, so that every plan of the model is one of the instance; otherwise the
        other way round, so that the model's bound is one of the instance.
    """

    def __init__(self, prefixes: Prefixes, run: Run, round_up: bool) -> None:
        from ortools.sat.python import cp_model

        self.prefixes = prefixes
        self.run = run
        self.model = cp_model.CpModel()
        self._round_up = round_up
        self._unit = (prefixes.horizon_s or 1.0) / UNITS
        self._served = [[self.model.new_bool_var("") for _ in range(len(table) - 1)] for table in prefixes.serve_s]
        self._follows: dict[tuple[int, int], Any] = {}
        self._times: list[tuple[int, Any]] = []
        self._prefix()
        self._tour()
        self._deadline()
        self._each_block_once()
        self.model.maximize(sum(literal for users in self._served for literal in users))
        if run.options.start is not None and run.options.start.plan is not None:
            self._hint(run.options.start.plan)

    def _integers(self, seconds: NDArray[np.float64], round_up: bool | None = None) -> list[int]:
        exact = seconds / self._unit
        up = self._round_up if round_up is None else round_up
        units = np.ceil(exact + ROUNDING) if up else np.maximum(0.0, np.floor(exact - ROUNDING))
        return [int(unit) for unit in units]

    def _prefix(self) -> None:
        """Users of a model are served in the order of their upload times; each adds its part of g_i."""
        for model, users in enumerate(self._served):
            for earlier, later in pairwise(users):
                self.model.add_implication(later, earlier)
            self._times += zip(self._integers(np.diff(self.prefixes.serve_s[model])), users, strict=True)

    def _tour(self) -> None:
        """The visited models follow one another; a follower loads what its predecessor does not hold."""
        number = len(self._served)
        load = self.prefixes.model_load_s[None, :] - self.prefixes.overlap_s
        arcs: list[tuple[int, int, Any]] = []
        for second in range(number):
            first_of_all, last = self.model.new_bool_var(""), self.model.new_bool_var("")
            arcs += [(0, second + 1, first_of_all), (second + 1, 0, last)]
            arcs.append((second + 1, second + 1, self._served[second][0].negated()))
            self._follows[DEPOT, second] = first_of_all
            self._times.append((self._integers(self.prefixes.model_load_s[[second]])[0], first_of_all))
            for first, units in enumerate(self._integers(load[:, second])):
                if first != second:
                    literal = self.model.new_bool_var("")
                    arcs.append((first + 1, second + 1, literal))
                    self._follows[first, second] = literal
                    self._times.append((units, literal))
        nobody = self.model.new_bool_var("")  # the depot alone: no model may be visited then
        arcs.append((0, 0, nobody))
        for users in self._served:
            self.model.add_implication(nobody, users[0].negated())
        self.model.add_circuit(arcs)

    def _deadline(self) -> None:
        """Uploads, loading and computing end before the deadline."""
        self.model.add(sum(units * literal for units, literal in self._times) <= UNITS)

    def _each_block_once(self) -> None:
        """Each block of a visited model is loaded at least once: implied by the tour, but the solver cannot see it."""
        prefixes = self.prefixes
        loaded = [self.model.new_bool_var("") for _ in prefixes.sharing.holders]
        for literal, holders in zip(loaded, prefixes.sharing.holders, strict=True):
            for model in holders.tolist():
                self.model.add_implication(self._served[model][0], literal)
        terms = list(zip(self._integers(prefixes.atom_load_s, round_up=False), loaded, strict=True))
        for model, users in enumerate(self._served):
            terms += zip(self._integers(np.diff(prefixes.serve_s[model]), round_up=False), users, strict=True)
        self.model.add(sum(units * literal for units, literal in terms) <= UNITS)

    def _hint(self, plan: Plan) -> None:
        """Start from the numbers of users of a plan."""
        served = Counter(self.prefixes.instance.users[user].model for b in plan["batches"] for user in b["users"])
        for name, users in zip(self.prefixes.model_names, self._served, strict=True):
            for rank, literal in enumerate(users):
                self.model.add_hint(literal, rank < served[name])

    def solve(self, known: Incumbent[Selection]) -> Result:
        """Run CP-SAT; its bounds are reported where they are bounds of the instance, its plans are offered."""
        from edgeopt.loading.cpsat_run import run_model

        found, bounds = partial(self.offer, known=known), None if self._round_up else round
        return run_model(self.model, self.run, ONE_WORKER, bounds=bounds, found=found)

    def offer(self, result: Result, known: Incumbent[Selection]) -> bool:
        """Offer a solution, if it meets the deadline, and say whether it does."""
        order, counts = self.selection(result)
        if not in_time(self.prefixes, order, counts):
            return False
        known.offer((order, counts), sum(counts))
        return True

    def selection(self, result: Result) -> Selection:
        """Return the models in the order of their visits, and the users of each; none without a solution."""
        from edgeopt.loading.cpsat_run import tour

        if result.objective is None:
            return [], []
        order = tour((arc for arc, literal in self._follows.items() if result.true(literal)), DEPOT)
        return order, [sum(result.true(literal) for literal in self._served[model]) for model in order]
