"""A GPU that serves a stream as a policy tells it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import UsageError
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies import desk_kernels as kernels
from edgeopt.loading.policies.desk import CLOCK, COMING, FREE, ROOM, Desk, Requests
from edgeopt.loading.policies.policy import Load, Policy, View, Wait
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.quantities import quantity
from edgeopt.record import MOST_COUNT
from edgeopt.solution import Number

Blocks = list[tuple[str, ...]]


class Step(NamedTuple):
    """A batch as it ran.

    Attributes
    ----------
    model : int
    users : list of int
        Empty where a model was only loaded.
    free_s, start_s, end_s : float
        When the GPU was free and began to load, when it began to compute, when it was done. Blocks that were loaded
        while the batch before computed do not count between the first two.
    evicted, ahead : list of int
        Blocks that left for it, and blocks of the next batch that were loaded while it computed.
    """

    model: int
    users: list[int]
    free_s: float
    start_s: float
    end_s: float
    evicted: list[int]
    ahead: list[int]


class Simulation:
    """A stream and the state of the GPU that serves it.

    Parameters
    ----------
    work : Workload
    shares : bool
        Whether a block that two models hold is loaded once; else each model has copies of its own.

    Attributes
    ----------
    work : Workload
    queues : Queues
    shares : bool
    requests : Requests
    desk : Desk
    blocks : list of tuple of str
        Names of the blocks that the desk numbers; where models share nothing, all of a model's.
    uploads : dict of int to list of (float, float)
        From when to when each user uploads.
    steps : list of Step
    served : int
        Users served so far.
    decision_s : list of float
        Seconds that each decision took, with what the policy is shown.
    """

    def __init__(self, work: Workload, shares: bool = True) -> None:
        self.work, self.queues, self.shares = work, work.queues, shares
        self.blocks, sizes, holds = _blocks(work, shares)
        ready_s, self.uploads = work.online_radio
        first_block = np.concatenate([[0], np.cumsum(holds.sum(axis=1))]).astype(np.int64)
        order = np.argsort(ready_s, kind="stable")
        queues = self.queues
        self.requests = Requests(
            queues.model,
            queues.arrival_s,
            ready_s,
            queues.due_s,
            np.array([work.instance.users[name].upload_bits for name in queues.user_names]),
            order[np.isfinite(ready_s[order])],
            queues.first,
            _capacities(work),
            queues.fixed_s,
            queues.per_sample_s,
            work.workspace_bytes,
            first_block,
            np.nonzero(holds)[1].astype(np.int64),
            sizes,
            float(work.rate),
            int(work.instance.server.memory_bytes),
            work.keeps,
        )
        users, models, blocks = len(queues.user_names), work.models, len(sizes)
        self.desk = Desk(
            waiting=np.zeros(users, np.bool_),
            low=np.full(models, users, np.int64),
            high=np.zeros(models, np.int64),
            resident=np.zeros(blocks, np.bool_),
            used_s=np.full(blocks, -1.0),
            times=np.zeros(2),
            counts=np.zeros(2, np.int64),
            waits=np.zeros(models, np.int64),
            batch=np.zeros(models, np.int64),
            start_s=np.zeros(models),
            oldest_s=np.full(models, inf),
            due_s=np.full(models, inf),
            users=np.zeros(users, np.int64),
        )
        self._scratch, self._demand = np.zeros(blocks, np.int64), np.zeros(blocks, np.int64)
        self._number: dict[str, list[int]] = {}
        for number, held in enumerate(self.blocks):
            for name in held:
                self._number.setdefault(name, []).append(number)
        self.steps: list[Step] = []
        self.served = 0
        self.decision_s: list[float] = []

    @property
    def worth(self) -> Number:
        """What the users served so far count: their number, or with weights the sum of these."""
        if self.queues.objective.weight is None:
            return self.served
        return self.queues.objective.of_users(np.array([user for step in self.steps for user in step.users], np.int64))

    def run(self, policy: Policy, on_time: Callable[[float], bool] = lambda now_s: True) -> None:
        """Serve the stream as the policy says.

        Parameters
        ----------
        policy : Policy
        on_time : callable, optional
            Told when the last batch ended; the simulation ends where it returns False.

        Raises
        ------
        UsageError
            The policy answers what cannot be done.
        """
        for step in self.serve(policy):
            if not on_time(step.end_s):
                step.ahead.clear()  # the batch that it was for does not come
                return

    def serve(self, policy: Policy) -> Iterator[Step]:
        """Serve the stream as the policy says, batch by batch."""
        view = View(self.queues, self.blocks, self.requests, self.desk, self.imagine)
        ahead_of_turn = self.work.instance.prefetch
        policy.begin(view)
        chosen = self._ask(policy, view, must_serve=ahead_of_turn != "idle")
        while chosen is not None:
            step = self._take(policy, chosen)
            following = self._ask_ahead(policy, view, step) if ahead_of_turn == "next" else None
            if following is not None:
                step.ahead.extend(self._load_ahead(following.model))
            else:
                self.desk.times[CLOCK] = step.end_s
            yield step
            chosen = following or self._ask(policy, view, must_serve=ahead_of_turn != "idle")

    def imagine(self, policy: Policy) -> Iterator[tuple[float, int]]:
        """Serve the same stream in imagination; return the ends of batches and their numbers of users, one by one."""
        return ((step.end_s, len(step.users)) for step in Simulation(self.work, policy.shares).serve(policy))

    def _ask(self, policy: Policy, view: View, must_serve: bool) -> Load | None:
        """Let time pass until the policy loads a model; None when nothing is left to do."""
        desk, requests = self.desk, self.requests
        desk.counts[ROOM] = 0
        while True:
            now = desk.times[FREE] = desk.times[CLOCK]
            answer = self._answer(policy, view, must_serve)
            if isinstance(answer, Load):
                return answer
            coming = desk.counts[COMING]
            following = requests.ready_s[requests.order[coming]] if coming < len(requests.order) else inf
            until = min(following, answer.until_s)
            if until == inf:
                return None
            if not until > now:
                raise UsageError(f"{_name(policy)} waits until {until:g} s, but it is {now:g} s already")
            desk.times[CLOCK] = until

    def _ask_ahead(self, policy: Policy, view: View, step: Step) -> Load | None:
        """Ask at the start of a batch what to load while it computes, of what is there then."""
        desk, requests = self.desk, self.requests
        held = int(requests.block_bytes[desk.resident].sum())
        workspace = int(requests.workspace_bytes[step.model]) * len(step.users)
        desk.times[CLOCK], desk.times[FREE] = step.start_s, step.end_s
        desk.counts[ROOM] = requests.memory_bytes - held - workspace
        answer = self._answer(policy, view, must_serve=True)
        return answer if isinstance(answer, Load) else None

    def _answer(self, policy: Policy, view: View, must_serve: bool) -> Load | Wait:
        """Ask the policy, if there is anything to decide."""
        began = time.perf_counter()
        if not kernels.look(self.requests, self.desk) and must_serve:
            return Wait()
        answer = policy.decide(view)
        self.decision_s.append(time.perf_counter() - began)
        if isinstance(answer, Load):
            self._check(policy, answer, must_serve)
        elif not isinstance(answer, Wait):
            raise UsageError(f"{_name(policy)} answers {answer!r}; it should be Load(model) or Wait(until_s)")
        return answer

    def _check(self, policy: Policy, answer: Load, must_serve: bool) -> None:
        """Refuse what the stream does not allow."""
        desk, names, model = self.desk, self.queues.model_names, answer.model
        if not 0 <= model < len(names):
            raise UsageError(f"{_name(policy)} loads model {model}, but there are {len(names)}")
        if answer.evict and not self.requests.keeps:
            raise UsageError(f"{_name(policy)} evicts blocks, but the stream's retention is 'consecutive'")
        moment = quantity(float(desk.times[CLOCK]), "s")
        absent = next((name for name in answer.evict if not desk.resident[self._number.get(name, [])].any()), None)
        if absent is not None:
            raise UsageError(f"{_name(policy)} evicts {absent!r} at {moment}, which is not on the GPU")
        if desk.batch[model]:
            return
        if must_serve:
            problem = f"{_name(policy)} loads {names[model]!r} at {moment} with nobody to serve"
            raise UsageError(f"{problem}, which needs a stream with the prefetch 'idle'")
        if desk.start_s[model] == desk.times[FREE]:
            raise UsageError(f"{_name(policy)} loads {names[model]!r} at {moment}, which is on the GPU already")

    def _take(self, policy: Policy, chosen: Load) -> Step:
        """Load a model and run its largest batch in time."""
        desk, requests, model = self.desk, self.requests, chosen.model
        free, start = float(desk.times[FREE]), float(desk.start_s[model])
        if requests.keeps and policy.evicts == "least needed":
            kernels.count_demand(requests, desk, self._demand)
        number = kernels.take(requests, desk, model)
        users = desk.users[:number].tolist()
        evicted = self._leave(chosen)
        leaving = kernels.make_room(requests, desk, model, number, self._demand, self._scratch)
        if requests.keeps:
            evicted += self._scratch[:leaving].tolist()
        seconds = float(requests.fixed_s[model] + requests.sample_s[model] * number) if number else 0.0
        step = Step(model, users, free, start, start + seconds, evicted, [])
        self.steps.append(step)
        self.served += number
        return step

    def _leave(self, chosen: Load) -> list[int]:
        """Take from the GPU what the policy evicts; what its model needs stays."""
        requests = self.requests
        low, high = requests.first_block[chosen.model : chosen.model + 2]
        needed = set(requests.block[low:high].tolist())
        named = {block for name in chosen.evict for block in self._number[name]}
        leaving = [block for block in sorted(named - needed) if self.desk.resident[block]]
        self.desk.resident[leaving] = False
        return leaving

    def _load_ahead(self, model: int) -> list[int]:
        number = kernels.load_ahead(self.requests, self.desk, model, self._scratch)
        ahead: list[int] = self._scratch[:number].tolist()
        return ahead


def _blocks(work: Workload, shares: bool) -> tuple[Blocks, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the blocks, their bytes, and which model holds which, shape (models, blocks)."""
    if shares:
        return work.blocks, work.block_bytes, work.holds
    library = work.instance.library
    blocks = [tuple(library.models[name].blocks) for name in work.model_names]
    sizes = np.array([library.size_bytes(name) for name in work.model_names], dtype=np.int64)
    return blocks, sizes, np.eye(len(blocks), dtype=np.bool_)


def _capacities(work: Workload) -> NDArray[np.int64]:
    """Return the largest batch of each model, however few requests there are."""
    limits = [work.instance.capacity(name) for name in work.model_names]
    return np.array([MOST_COUNT if limit is None else min(limit, MOST_COUNT) for limit in limits], dtype=np.int64)


def _name(policy: Policy) -> str:
    return f"the policy {type(policy).__name__!r}"


def simulate(instance: LoadingInstance, policy: Policy) -> Simulation:
    """Serve the stream of an instance as a policy says."""
    simulation = Simulation(compile_workload(instance), policy.shares)
    simulation.run(policy)
    return simulation
