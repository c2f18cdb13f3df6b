"""Logic-based Benders decomposition: a master program proposes sets of users; those that cannot be served are cut off.

The master is the union relaxation. A set is sequenced; if that fails, the smallest parts of it that cannot be sequenced
are excluded. When the master has no set left, the bound falls. Proof: docs/loading-deadlines-proofs.md.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from edgeopt.loading.proof import UsersProof
from edgeopt.loading.queues import Queues
from edgeopt.run import Run
from edgeopt.solution import Plan, Status, Stopped

if TYPE_CHECKING:
    from edgeopt.loading.walks.master import Master

T = TypeVar("T")

CUTS = 6  # impossible parts sought in an impossible set


class Benders(UsersProof[T]):
    """A proof by sets of users.

    Parameters
    ----------
    queues : Queues
    run : Run
    best : object or None
        A plan, in whatever form the method has it.
    users : int
        How many users it serves.
    plan : callable
        Makes the plan of what the method has.
    """

    def __init__(self, queues: Queues, run: Run, best: T | None, users: int, plan: Callable[[T], Plan]) -> None:
        super().__init__(run, best, users, len(queues.user_names), plan)
        self.queues = queues
        self._rng = np.random.default_rng(run.options.seed)

    @abstractmethod
    def sequenced(self, users: list[int]) -> T | bool | None:
        """Return a plan that serves all these users in time; False: there is none; None: not decided."""

    def decide(self, master: Master) -> None:
        """Let the master propose sets of as many users as the bound allows, until that is impossible."""
        sets = cuts = 0
        while not self.known.closed():
            limit = self.run.options.iteration_limit
            if limit is not None and self.nodes >= limit:
                self.known.stopped = Stopped.ITERATION_LIMIT
                break
            master.ask(self.bound)
            result, users = master.solve(None if limit is None else limit - self.nodes)
            self.nodes += result.nodes
            if result.status == Status.INFEASIBLE:
                self.known.tighten(self.bound - 1)
            elif not users:
                self.known.stopped = result.stopped
            else:
                sets += 1
                excluded = self._cut(master, users)
                if excluded < 0:
                    break
                cuts += excluded
        self.notes.append(f"{sets} sets sequenced, {cuts} parts excluded, {self.nodes} nodes")

    def _cut(self, master: Master, users: list[int]) -> int:
        """Sequence a set, or exclude parts of it that cannot be sequenced; return their number, -1: not decided."""
        found = self.sequenced(users)
        if found is None:
            self.known.stopped = self.run.stop_reason() or Stopped.FINISHED
            return -1
        if not isinstance(found, bool):
            self.known.offer(found, len(users))
            return 0
        parts = {frozenset(self._impossible_part(users, turn)) for turn in range(CUTS)}
        for part in sorted(map(sorted, parts)):
            master.exclude(part, len(part) - 1)
        return len(parts)

    def _impossible_part(self, users: list[int], turn: int) -> list[int]:
        """Drop users one by one, as long as the rest cannot be sequenced; each turn in another order."""
        queues, left = self.queues, list(users)
        key = {0: queues.upload_s, 1: -queues.upload_s, 2: -queues.due_s}.get(turn)
        order = np.array(users) if key is None else np.array(sorted(users, key=lambda user: key[user]))
        for user in order if key is not None else self._rng.permutation(order):
            fewer = [other for other in left if other != user]
            if self.run.stop_reason() is not None:
                break
            found = self.sequenced(fewer)
            if found is False:
                left = fewer
            elif found is not None and not isinstance(found, bool):
                self.known.offer(found, len(fewer))
        return left
