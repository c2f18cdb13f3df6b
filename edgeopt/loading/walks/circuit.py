"""A second opinion for individual deadlines: a circuit over batches in CP-SAT; it also sequences given sets of users.

CP-SAT computes in integers. With times rounded down and deadlines up the model is a relaxation: its bound is valid for
the instance. Its plans are judged in the instance's own times; when one is too late, the model with times rounded up
and deadlines down gives one that is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.queues import Batch, Queues
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Status, Stopped

if TYPE_CHECKING:
    from edgeopt.engines.running import Result

MOST_BATCHES = 120
UNITS = 2**30  # time units of the latest deadline
ROUNDING = 1e-6  # units by which a float may be off


def most_batches(queues: Queues, users: Sequence[int]) -> dict[int, int]:
    """Return how many batches of each model are enough to serve any of these users.

    Distinct deadlines and floor(n_i / cap_i), and no more than users.
    """
    most = {}
    for model in np.unique(queues.model[list(users)]).tolist():
        mine = [user for user in users if queues.model[user] == model]
        distinct = len(np.unique(queues.due_s[mine]))
        most[model] = min(len(mine), distinct + len(mine) // int(queues.capacity[model]))
    return most


def size_refusal(instance: LoadingInstance) -> str | None:
    """Say that there are too many batches, or return None."""
    queues = compile_workload(instance).queues
    number = sum(most_batches(queues, range(len(queues.user_names))).values())
    if number > MOST_BATCHES:
        return f"it is a second opinion for up to {MOST_BATCHES} batches, here {number}; 'exact' would work"
    return None


def solve_cpsat(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by a circuit over optional batches in CP-SAT."""
    queues = compile_workload(instance).queues
    users = range(len(queues.user_names))
    if not users:
        return serve_nobody(instance)
    relaxed = Circuit(queues, users, run, round_up=False)
    if run.options.start is not None and run.options.start.plan is not None:
        relaxed.hint(run.options.start.plan)
    known: Incumbent[list[Batch]] = Incumbent(run, plan=queues.plan)
    result = relaxed.solve(known)
    bound = len(users) if result.bound is None else round(result.bound)
    message = "circuit over optional batches"
    if not relaxed.offer(result, known):
        cautious = Circuit(queues, users, run, round_up=True)
        result = cautious.solve(known)
        cautious.offer(result, known)
        message += "; the bound with times rounded down, the plan with times rounded up"
    stopped = Stopped.FINISHED if result.stopped == Stopped.PROVED else result.stopped
    return Outcome(queues.plan(known.best or []), bound, stopped, message=message)


def sequenced(queues: Queues, users: Sequence[int], run: Run) -> list[Batch] | bool | None:
    """Return batches that serve all these users in time; False: there are none; None: not decided."""
    for round_up in (False, True):
        circuit = Circuit(queues, users, run, round_up, everybody=True)
        result = circuit.solve()
        if result.status == Status.INFEASIBLE:
            return None if round_up else False
        batches = circuit.batches(result)
        if not batches:
            return None
        if queues.in_time(batches):
            return batches
    return None


class Circuit:
    """The model in CP-SAT: a tour from the depot through the batches, which are copies of their models.

    Parameters
    ----------
    queues : Queues
    users : sequence of int
        Users who may be served.
    run : Run
    round_up : bool
        Times rounded up and deadlines down, so that every plan of the model is one of the instance; otherwise the other
        way round, so that the model's bound is one of the instance.
    everybody : bool
        All users must be served.
    """

    def __init__(self, queues: Queues, users: Sequence[int], run: Run, round_up: bool, everybody: bool = False) -> None:
        from ortools.sat.python import cp_model

        self.queues, self.run = queues, run
        self.model = cp_model.CpModel()
        self._round_up = round_up
        self._unit = (float(queues.due_s.max(initial=0.0)) or 1.0) / UNITS
        self._queues = {i: sorted(k for k in users if queues.model[k] == i) for i in most_batches(queues, users)}
        copies = most_batches(queues, users)
        self._copies = [(model, copy) for model, number in copies.items() for copy in range(number)]
        self._used = {batch: self.model.new_bool_var("") for batch in self._copies}
        self._serves: dict[tuple[int, int, int], Any] = {}
        self._served: dict[int, Any] = {}
        self._follows: dict[tuple[Any, Any], Any] = {}
        for queue in self._queues.values():
            self._assign(queue)
        self._end = {batch: self.model.new_int_var(0, UNITS, "") for batch in self._copies}
        self._tour()
        self._deadlines()
        self._symmetry()
        if everybody:
            self.model.add_bool_and(self._served.values())
        else:
            for k, q in queues.dominations:
                self.model.add_implication(self._served[q], self._served[k])
            self.model.maximize(sum(self._served.values()))

    def _units(self, seconds: float, round_up: bool | None = None) -> int:
        exact = float(seconds) / self._unit
        up = self._round_up if round_up is None else round_up
        return ceil(exact + ROUNDING) if up else max(0, floor(exact - ROUNDING))

    def _assign(self, queue: list[int]) -> None:
        """A model's batches take its users by deadline: batch c those before its limit, but not before the last."""
        model = int(self.queues.model[queue[0]])
        copies = [copy for other, copy in self._copies if other == model]
        before: list[Any] = []  # of the previous copy: whether each user comes before its limit
        for user in queue:
            self._served[user] = self.model.new_bool_var("")
        for copy in copies:
            inside = [self.model.new_bool_var("") for _ in queue]
            for earlier, later in pairwise(inside):
                self.model.add_implication(later, earlier)
            for rank, user in enumerate(queue):
                literal = self.model.new_bool_var("")
                self._serves[model, copy, user] = literal
                self.model.add_implication(literal, inside[rank])
                self.model.add_implication(literal, self._used[model, copy])
                if before:
                    self.model.add_implication(before[rank], inside[rank])
                    self.model.add_implication(literal, before[rank].negated())
            mine = [self._serves[model, copy, user] for user in queue]
            self.model.add_bool_or(mine).only_enforce_if(self._used[model, copy])
            self.model.add(sum(mine) <= int(self.queues.capacity[model]))
            before = inside
        for user in queue:
            self.model.add(sum(self._serves[model, copy, user] for copy in copies) == self._served[user])

    def _tour(self) -> None:
        """Used batches follow one another; each loads what its predecessor does not hold."""
        queues, depot = self.queues, len(self.queues.model_names)
        arcs: list[tuple[int, int, Any]] = []
        uploads = sum(self._units(queues.upload_s[user]) * literal for user, literal in self._served.items())
        for index, second in enumerate(self._copies, 1):
            computing = self._computing(second)
            begin, last = self.model.new_bool_var(""), self.model.new_bool_var("")
            arcs += [(0, index, begin), (index, 0, last), (index, index, self._used[second].negated())]
            self._follows[None, second] = begin
            load = self._units(queues.switch_s[depot, second[0]])
            self.model.add(self._end[second] >= uploads + load + computing).only_enforce_if(begin)
            for other, first in enumerate(self._copies, 1):
                if first == second or (first[0] == second[0] and first[1] > second[1]):
                    continue
                literal = self.model.new_bool_var("")
                arcs.append((other, index, literal))
                self._follows[first, second] = literal
                load = self._units(queues.switch_s[first[0], second[0]])
                self.model.add(self._end[second] >= self._end[first] + load + computing).only_enforce_if(literal)
        nobody = self.model.new_bool_var("")  # the depot alone: no batch may be used then
        arcs.append((0, 0, nobody))
        for used in self._used.values():
            self.model.add_implication(nobody, used.negated())
        self.model.add_circuit(arcs)

    def _computing(self, batch: tuple[int, int]) -> Any:
        model, copy = batch
        sample = self._units(self.queues.per_sample_s[model])
        serving = sum(self._serves[model, copy, user] for user in self._queues[model])
        return self._units(self.queues.fixed_s[model]) + sample * serving

    def _deadlines(self) -> None:
        """A batch ends before the deadlines of its users."""
        for (model, copy, user), literal in self._serves.items():
            due = min(UNITS, self._units(self.queues.due_s[user], round_up=not self._round_up))
            self.model.add(self._end[model, copy] <= due).only_enforce_if(literal)

    def _symmetry(self) -> None:
        """The first batches of a model are used, one after another."""
        for (model, copy), used in self._used.items():
            if copy:
                self.model.add_implication(used, self._used[model, copy - 1])
                self.model.add(self._end[model, copy] >= self._end[model, copy - 1]).only_enforce_if(used)

    def hint(self, plan: Plan) -> None:
        """Start from the users of a plan."""
        served = {user for _, users in self.queues.batches(plan) for user in users}
        for user, literal in self._served.items():
            self.model.add_hint(literal, user in served)

    def solve(self, known: Incumbent[list[Batch]] | None = None) -> Result:
        """Run CP-SAT; its bounds are reported where they are bounds of the instance, its plans are offered."""
        from edgeopt.loading.cpsat_run import run_model

        found = None if known is None else partial(self.offer, known=known)
        bounds = None if self._round_up else round
        return run_model(self.model, self.run, {"linearization_level": 2}, bounds=bounds, found=found)

    def offer(self, result: Result, known: Incumbent[list[Batch]]) -> bool:
        """Offer a solution, if it is in time, and say whether it is."""
        batches = self.batches(result)
        if not self.queues.in_time(batches):
            return False
        known.offer(batches, sum(len(users) for _, users in batches))
        return True

    def batches(self, result: Result) -> list[Batch]:
        """Return the batches in the order of the tour; none without a solution."""
        from edgeopt.loading.cpsat_run import tour

        if result.status not in (Status.OPTIMAL, Status.FEASIBLE):
            return []
        stops = tour((arc for arc, literal in self._follows.items() if result.true(literal)), None)
        return [
            (model, [user for user in self._queues[model] if result.true(self._serves[model, copy, user])])
            for model, copy in stops
        ]
