"""Lines of batches on a stream: what is searched, run, and made plans of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeopt.loading.bandwidths import radio
from edgeopt.loading.streams.beam_kernels import NONE, Flags, Floats, Gpu, Integers, Requests
from edgeopt.loading.streams.line_kernels import Radio, State, run_line
from edgeopt.loading.workload import Workload
from edgeopt.solution import Number, Plan

WAITED = 1e-9  # relative; a batch that begins later than it had to waits for somebody


@dataclass
class Line:
    """Batches one after another.

    Attributes
    ----------
    models : numpy.ndarray of int64, shape (batches,)
    not_before : numpy.ndarray, shape (batches,)
        Each begins to compute then, or as soon after as it can.
    """

    models: Integers
    not_before: Floats

    def copy(self) -> Line:
        """Return a line that changes apart from this one."""
        return Line(self.models.copy(), self.not_before.copy())

    def part(self, first: int, behind: int) -> Line:
        """Return a copy of the batches from one position on and below another."""
        return Line(self.models[first:behind].copy(), self.not_before[first:behind].copy())

    def replaced(self, first: int, behind: int, other: Line) -> Line:
        """Return a line with other batches in the place of these."""
        models = self.models[:first], other.models, self.models[behind:]
        not_before = self.not_before[:first], other.not_before, self.not_before[behind:]
        return Line(np.concatenate(models), np.concatenate(not_before))


class StreamLines:
    """Runs lines of batches on a workload.

    Parameters
    ----------
    work : Workload
        At least one user.

    Attributes
    ----------
    work : Workload
    order : numpy.ndarray of int64
        Users of the queues by model and then by when they are ready.
    model : numpy.ndarray of int64, shape (users,)
    requests : Requests
    gpu : Gpu
    radio : Radio
    uploads : bool
        Whether somebody uploads: then lines are run once more with the radio.
    unit : float
        What lines count is in units of the mean weight, 1 where users have none.
    everybody : float
        What all users count.
    """

    def __init__(self, work: Workload) -> None:
        self.work, queues = work, work.queues
        ready = queues.arrival_s + queues.upload_s
        self.order = np.lexsort((queues.due_s, ready, queues.model))
        self.model = queues.model[self.order]
        users = len(self.order)
        first = queues.first.astype(np.int64)
        weight = queues.objective.weight
        self.unit = 1.0 if weight is None else float(weight.mean())
        weights = np.zeros(0) if weight is None else weight[self.order] / self.unit
        self.everybody = float(users)
        self.requests = Requests(first, ready[self.order], queues.due_s[self.order], weights, np.zeros(users + 1))
        blocks = np.concatenate([[0], np.cumsum(work.holds.sum(axis=1))]).astype(np.int64)
        listed = [
            sorted(np.flatnonzero(row).tolist(), key=lambda block: -int(work.block_bytes[block])) for row in work.holds
        ]
        self.gpu = Gpu(
            _kinds(work),
            work.fixed_s,
            work.sample_s,
            work.batch,
            work.room_bytes,
            work.workspace_bytes,
            work.holds,
            blocks,
            np.array([block for row in listed for block in row], dtype=np.int64),
            np.concatenate([[0], np.cumsum(work.holds.sum(axis=0))]).astype(np.int64),
            np.nonzero(work.holds.T)[1].astype(np.int64),
            work.block_bytes,
            float(work.rate),
            work.keeps,
            work.instance.prefetch == "next",
            work.holds @ work.block_bytes / float(work.rate),
        )
        arrival = queues.arrival_s[self.order]
        self.radio = Radio(
            arrival, queues.upload_s[self.order], np.argsort(arrival, kind="stable"), np.zeros(users, np.bool_)
        )
        self.uploads = bool(queues.upload_s.any())

    def seconds_of_user(self) -> Floats:
        """Return what the GPU computes for each user in a batch with all who are ready at about the same time.

        That is, within half of the user's window before or after it, and at most as many as fit into memory.
        """
        requests, gpu = self.requests, self.gpu
        half = (requests.due - requests.ready) / 2
        together = np.ones(len(self.order))
        for model, (first, last) in enumerate(zip(requests.first[:-1], requests.first[1:], strict=True)):
            ready = requests.ready[first:last]
            until, since = ready + half[first:last], ready - half[first:last]
            number = np.searchsorted(ready, until, "right") - np.searchsorted(ready, since)
            together[first:last] = np.minimum(number, gpu.capacity[model])
        seconds: Floats = gpu.fixed[self.model] / together + gpu.sample[self.model]
        return seconds

    def begin(self) -> State:
        """Return the state at time 0."""
        resident = np.zeros(len(self.gpu.block_bytes), np.bool_)
        return State(np.zeros(2), np.zeros(1, np.int64), resident, self.requests.first[:-1].astype(np.int32))

    def run(self, line: Line, state: State) -> tuple[float, Floats]:
        """Run a line from a state on, as if nobody uploaded; return what it serves, and starts, -1 of nobody's batch.

        Of the line, times that do not matter become 0.
        """
        served, starts, _, _ = self._run(line, state, uploads=False)
        return served, starts

    def without_empty(self, line: Line) -> Line:
        """Return a line without the batches that serve nobody if nobody uploads."""
        line = line.copy()
        _, starts = self.run(line, self.begin())
        return Line(line.models[starts >= 0], line.not_before[starts >= 0])

    def served(self, line: Line) -> float:
        """Return what the users count whom a line serves in time, uploads included."""
        return self.run(line.copy(), self.begin())[0] if not self.uploads else self._serve(line)[0]

    def value(self, line: Line) -> Number:
        """Return the objective of a line's plan."""
        if not len(self.requests.weight):
            return int(self.served(line))
        _, place, _ = self._serve(line)
        return self.work.queues.objective.of_users(self.order[place >= 0])

    def _serve(self, line: Line) -> tuple[float, Integers, Flags]:
        self.radio.sent[:] = False
        served, _, place, held = self._run(line.copy(), self.begin(), self.uploads)
        return served, place, held

    def _run(self, line: Line, state: State, uploads: bool) -> tuple[float, Floats, Integers, Flags]:
        batches, users = len(line.models), len(self.order)
        starts, place = np.empty(batches), np.full(users, NONE)
        held = np.zeros((batches, len(self.gpu.block_bytes)), np.bool_)
        room = np.empty(users, np.int64), starts, place, held
        served = run_line(line.models, line.not_before, uploads, state, self.radio, self.requests, self.gpu, *room)
        return float(served), starts, place, held

    def plan(self, line: Line) -> Plan:
        """Return the plan of a line."""
        _, place, held = self._serve(line)
        users: list[list[str]] = [[] for _ in line.models]
        for user in np.flatnonzero(place >= 0).tolist():
            users[place[user]].append(self.work.queues.user_names[self.order[user]])
        batches: list[dict[str, Any]] = []
        before = np.zeros(held.shape[1], np.bool_)
        spare = 0
        for position in [position for position, names in enumerate(users) if names]:
            model = int(line.models[position])
            if self.gpu.ahead and batches:
                ahead = self._ahead(model, before, spare)
                if ahead:
                    batches[-1]["prefetch"] = self._names(ahead)
                    before = before.copy()
                    before[ahead] = True
            batch: dict[str, Any] = {"model": self.work.model_names[model], "users": users[position]}
            gone = np.flatnonzero(before & ~held[position]).tolist()
            if self.gpu.keeps and gone:
                batch["evict"] = self._names(gone)
            batches.append(batch)
            before = held[position]
            spare = int(self.gpu.room[model]) - int(self.gpu.workspace[model]) * len(users[position])
            spare -= int(self.gpu.block_bytes[before & ~self.gpu.holds[model]].sum())
        return {"batches": batches, **radio(self.work.instance, [name for batch in users for name in batch])}

    def _ahead(self, model: int, resident: Flags, spare: int) -> list[int]:
        """Return the blocks that have room beside a batch while it computes, as `loaded_at` counts them."""
        chosen, size = [], 0
        for place in range(self.gpu.first_block[model], self.gpu.first_block[model + 1]):
            block = int(self.gpu.block[place])
            if not resident[block] and size + int(self.gpu.block_bytes[block]) <= spare:
                chosen.append(block)
                size += int(self.gpu.block_bytes[block])
        return chosen

    def _names(self, blocks: list[int]) -> list[str]:
        return [name for block in blocks for name in self.work.blocks[block]]

    def line(self, plan: Plan) -> Line:
        """Return the line of a plan's batches; run again, each serves the largest batch that is there."""
        number = {name: index for index, name in enumerate(self.work.model_names)}
        named = {name: index for index, name in enumerate(self.work.queues.user_names)}
        rank = np.empty(len(self.order), np.int64)
        rank[self.order] = np.arange(len(self.order))
        models, not_before = [], []
        for batch in plan["batches"]:
            users = [rank[named[name]] for name in batch["users"] if name in named]
            if users:
                models.append(number[batch["model"]])
                not_before.append(float(self.requests.ready[users].max()))
        return Line(np.array(models, dtype=np.int64), np.array(not_before))


def _kinds(work: Workload) -> Integers:
    """Number the models by their largest block: their labels compete with each other."""
    if not work.holds.any():
        return np.zeros(work.models, np.int64)
    largest = np.where(work.holds, work.block_bytes, -1).argmax(axis=1)
    kind: Integers = np.unique(largest, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return kind if kind.max() < MOST_KINDS else np.zeros(work.models, np.int64)


MOST_KINDS = 16
