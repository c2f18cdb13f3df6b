"""The exact method for individual deadlines: local search, the path relaxation, and logic-based Benders decomposition.

The path relaxation, with its branch and bound, closes most instances. Where batches are too short for it, a master
program (the union relaxation) proposes sets of as many users as the bound allows. Each is sequenced; if that fails, the
smallest parts of it that cannot be sequenced are excluded. When the master has no set left, the bound falls. Proofs:
docs/loading-deadlines-proofs.md.
"""

from __future__ import annotations

from edgeopt.loading.batches.line_search import Search, first_line
from edgeopt.loading.batches.lines import Lines, batches_of
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.queues import Batch, Queues
from edgeopt.loading.walks.benders import Benders
from edgeopt.loading.walks.path_bound import PathBound
from edgeopt.loading.walks.path_walks import Walks, step_length
from edgeopt.loading.walks.sequencing import sequenced
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

SEARCH_ITERATIONS = 40_000
SEARCH_EFFORT = 6_000_000  # iterations times users
SEARCH_SHARE = 4  # at most this part of the time for the first local search
WALKS = 500  # of the path relaxation between two local searches


def solve_exact(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by the path relaxation and by logic-based Benders decomposition."""
    queues = compile_workload(instance).queues
    if not queues.user_names:
        return serve_nobody(instance)
    proof = Proof(queues, run)
    proof.search_and_walk()
    if not proof.known.closed():
        from edgeopt.loading.walks.master import Master

        proof.decide(Master(queues, run))
    return proof.outcome()


class Proof(Benders[list[Batch]]):
    """The steps that bring the best plan and the bound together."""

    def __init__(self, queues: Queues, run: Run) -> None:
        super().__init__(queues, run, [], 0, queues.plan)

    def offer(self, batches: list[Batch]) -> None:
        """Take batches, which must be in time, if they are the best so far."""
        self.known.offer(batches, sum(len(users) for _, users in batches))

    def search_and_walk(self) -> None:
        """Search locally and lower the bound by the path relaxation in turn, as long as that can lower it."""
        queues, limit = self.queues, self.run.options.iteration_limit
        part = self.run.part(self.run.remaining_s() / SEARCH_SHARE, start=self.run.options.start, reports="all")
        lines = Lines(queues, queues.timing)
        search = Search(lines, part, first_line(lines, part))
        most = min(SEARCH_ITERATIONS, 1 + SEARCH_EFFORT // len(queues.user_names))
        search.run(most if limit is None else min(most, limit))
        self.offer(batches_of(search.best))
        self.notes.append(f"{self.users} users by local search")
        search.go_on_in(self.run)
        step = step_length(queues)
        if step is None:
            self.notes.append("batches are too short for the path relaxation")
            return
        path = PathBound(queues, self.run, Walks(queues, step), self.users)
        while not self.known.closed() and not path.finished:
            if limit is not None and path.walks >= limit:
                self.known.stopped = Stopped.ITERATION_LIMIT
                break
            turn = path.walks + WALKS
            bound = path.run(turn if limit is None else min(turn, limit))
            self.offer(path.served_batches or [])
            self.known.tighten(max(bound, self.users))
            if limit is None and not self.known.closed():
                search.run(search.iterations + most)
                self.offer(batches_of(search.best))
                path.served = max(path.served, self.users)
        self.notes.append(f"{self.users} users and {self.bound} by the path relaxation, {path.walks} walks")

    def sequenced(self, users: list[int]) -> list[Batch] | bool | None:
        return sequenced(self.queues, users, self.run)

    def outcome(self) -> Outcome:
        """Return plan and bound."""
        plan = self.queues.plan(self.known.best or [])
        return Outcome(plan, self.bound, self.known.ending(), message="; ".join(self.notes))
