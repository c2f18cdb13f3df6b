"""Users added one after another in any mode, whatever their deadlines."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeopt.loading.arrays import HORIZON_MARGIN
from edgeopt.loading.extended.plans import radio
from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Plan


@dataclass
class Turn:
    """A batch of a line: its users, when it has to end, and what is evicted for it."""

    model: str
    users: list[str]
    due_s: float
    evict: list[str] = field(default_factory=list)


class ExtendedLine:
    """Batches in the order of their service, extended user by user as long as nobody becomes late.

    Uploads go in batch order. With capacity retention the blocks used longest ago are evicted when a batch needs room.

    Parameters
    ----------
    instance : LoadingInstance
    """

    def __init__(self, instance: LoadingInstance) -> None:
        self._instance = instance
        self._turns: list[Turn] = []
        self._latest: dict[str, int] = {}

    def add(self, user: str) -> bool:
        """Serve a user in the latest batch of its model, else in a new last batch; return False if neither works."""
        facts = self._instance.users[user]
        due, limit = facts.deadline_s * (1 + HORIZON_MARGIN), self._instance.capacity(facts.model)
        turn = self._turns[self._latest[facts.model]] if facts.model in self._latest else None
        if turn is not None and (limit is None or len(turn.users) < limit):
            before = turn.due_s
            turn.users.append(user)
            turn.due_s = min(before, due)
            if self._in_time():
                return True
            turn.users.pop()
            turn.due_s = before
        if limit == 0:
            return False
        self._turns.append(Turn(facts.model, [user], due))
        if self._in_time():
            self._latest[facts.model] = len(self._turns) - 1
            return True
        self._turns.pop()
        return False

    def plan(self) -> Plan:
        """Return the plan of these batches."""
        self._in_time()
        batches = [
            {"model": turn.model, "users": turn.users, **({"evict": turn.evict} if turn.evict else {})}
            for turn in self._turns
        ]
        return {"batches": batches, **radio(self._instance, [user for turn in self._turns for user in turn.users])}

    def _in_time(self) -> bool:
        """Run all batches; return whether none ends late."""
        instance, library = self._instance, self._instance.library
        overlapped = instance.upload == "overlapped"
        uploads = [sum(map(instance.upload_s, turn.users)) for turn in self._turns]
        uploaded, clock = 0.0, 0.0 if overlapped else sum(uploads)
        resident: list[str] = []
        for turn, upload in zip(self._turns, uploads, strict=True):
            uploaded += upload
            needed = library.models[turn.model].blocks
            clock += self._load_s(needed, resident)
            self._make_room(turn, needed, resident)
            model = library.models[turn.model]
            start = max(clock, uploaded) if overlapped else clock
            clock = start + (model.compute_fixed_s or 0.0) + (model.compute_per_sample_s or 0.0) * len(turn.users)
            if clock > turn.due_s:
                return False
        return True

    def _load_s(self, needed: list[str], resident: list[str]) -> float:
        sizes, held = self._instance.library.blocks, set(resident)
        missing = sum(sizes[block] for block in needed if block not in held)
        return missing / self._instance.server.load_rate_bytes_per_s

    def _make_room(self, turn: Turn, needed: list[str], resident: list[str]) -> None:
        """Put the batch's blocks at the end of the resident ones, and evict from their front."""
        instance, sizes, now = self._instance, self._instance.library.blocks, set(needed)
        others = [block for block in resident if block not in now]
        turn.evict = []
        if instance.retention == "capacity":
            workspace = (instance.library.models[turn.model].workspace_bytes_per_sample or 0) * len(turn.users)
            excess = sum(sizes[block] for block in [*others, *needed]) + workspace - instance.server.memory_bytes
            while excess > 0:
                turn.evict.append(others.pop(0))
                excess -= sizes[turn.evict[-1]]
            resident[:] = others + needed
        else:
            resident[:] = needed
