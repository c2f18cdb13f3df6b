"""An instance of `residency` in arrays: visits, and the intervals between two visits in a row that need a block."""

from __future__ import annotations

from functools import cached_property
from math import fsum

import numpy as np
from numpy.typing import NDArray

from edgeopt.residency.instance import ResidencyInstance
from edgeopt.solution import Plan

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Kept = NDArray[np.bool_]

ROUNDING = 2 * np.finfo(np.float64).eps  # of a sum and a difference, relative


class Intervals:
    """The intervals that can be kept, and the room for them.

    Requests in a row for one model are one visit: what it needs is there. An interval is a block between two visits in
    a row that need it, and is kept or not. One that takes no room at any visit (nothing lies between, or the block has
    no bytes) is always kept and stands in no array.

    Attributes
    ----------
    instance : ResidencyInstance
    model_names : list of str
        The requested models.
    block_names : list of str
        Their blocks.
    held : list of numpy.ndarray of int64
        The blocks of each model.
    block_bytes : numpy.ndarray of int64, shape (blocks,)
    visits : numpy.ndarray of int64, shape (visits,)
        The model of each visit.
    requests : numpy.ndarray of int64, shape (visits,)
        The request with which each visit begins.
    room : numpy.ndarray of int64, shape (visits,)
        Bytes beside the model of the visit; negative when it does not fit.
    block, first, end : numpy.ndarray of int64, shape (intervals,)
        An interval takes the bytes of its block at the visits from `first` up to `end`, which needs the block again.
    bytes : numpy.ndarray of int64, shape (intervals,)
    saving : numpy.ndarray of float64, shape (intervals,)
        Seconds of loading that keeping the interval saves by itself.
    joint : dict of int to numpy.ndarray of int64
        Visits that save `joint_saving` seconds more only when all of these intervals that end there are kept.
    joint_saving : dict of int to float
    least_s, all_loaded_s : float
        Seconds of loading when all intervals of the arrays are kept, whether or not they fit, and when none is.
    """

    def __init__(self, instance: ResidencyInstance) -> None:
        self.instance = instance
        library = instance.library.restricted(dict.fromkeys(instance.requests))
        self.model_names, self.block_names = list(library.models), list(library.blocks)
        number = {block: index for index, block in enumerate(self.block_names)}
        self.held = [np.array([number[b] for b in model.blocks], np.int64) for model in library.models.values()]
        self.block_bytes = np.array(list(library.blocks.values()), np.int64)
        self.load_s = np.array([instance.load_s[block] for block in self.block_names], np.float64)
        self.fixed_s = np.array([instance.fixed_s.get(model, 0.0) for model in self.model_names], np.float64)
        self.model_bytes = np.array([self.block_bytes[held].sum() for held in self.held], np.int64)
        model = {name: index for index, name in enumerate(self.model_names)}
        asked = np.array([model[name] for name in instance.requests], np.int64)
        self.requests = np.flatnonzero(np.append(True, asked[1:] != asked[:-1])[: len(asked)])
        self.visits = asked[self.requests]
        self.room = instance.memory_bytes - self.model_bytes[self.visits]
        self._find()

    def _find(self) -> None:
        """Find the intervals, and what each visit loads in any case."""
        visit, block = self._needs()
        again = np.append(False, block[1:] == block[:-1])[: len(block)]
        end, first, block_of = visit[again], visit[np.flatnonzero(again) - 1] + 1, block[again]
        takes_room = (end > first) & (self.block_bytes[block_of] > 0)
        self.block, self.first, self.end = block_of[takes_room], first[takes_room], end[takes_room]
        order = np.lexsort((self.block, self.end, self.first))
        self.block, self.first, self.end = self.block[order], self.first[order], self.end[order]
        self.bytes = self.block_bytes[self.block]
        self.saving = self.load_s[self.block]
        loaded = list(dict.fromkeys(visit[~again].tolist()))  # visits that need a block for the first time
        loading = set(loaded)
        self.least_s = fsum([*self.load_s[block[~again]].tolist(), *self.fixed_s[self.visits[loaded]].tolist()])
        self.joint: dict[int, Integers] = {}
        self.joint_saving: dict[int, float] = {}
        for at, intervals in self._ending().items():
            fixed = float(self.fixed_s[self.visits[at]])
            if not fixed or at in loading:
                continue
            if len(intervals) == 1:
                self.saving[intervals] += fixed
            else:
                self.joint[at], self.joint_saving[at] = intervals, fixed
        self.all_loaded_s = self.seconds(self.none())

    def _needs(self) -> tuple[Integers, Integers]:
        """Return each need of a block at a visit, ordered by block and then by visit."""
        counts = np.array([len(self.held[model]) for model in self.visits.tolist()], np.int64)
        visit = np.repeat(np.arange(len(self.visits)), counts)
        block = np.concatenate([np.empty(0, np.int64), *(self.held[model] for model in self.visits.tolist())])
        order = np.lexsort((visit, block))
        return visit[order], block[order]

    def _ending(self) -> dict[int, Integers]:
        """Return the intervals that end at each visit."""
        order = np.argsort(self.end, kind="stable")
        at, starts = np.unique(self.end[order], return_index=True)
        return dict(zip(at.tolist(), np.split(order, starts[1:]), strict=True)) if len(at) else {}

    @property
    def joints_of(self) -> dict[int, int]:
        """The visit of each interval that has a part in a joint saving."""
        return {int(interval): at for at, intervals in self.joint.items() for interval in intervals}

    @cached_property
    def savings_at_most(self) -> float:
        """Seconds that keeping everything would save."""
        return fsum([*self.saving.tolist(), *self.joint_saving.values()])

    def seconds(self, kept: Kept) -> float:
        """Return the seconds of loading when these intervals are kept; it is a sum, so that nothing cancels out."""
        joint = [saved for at, saved in self.joint_saving.items() if not kept[self.joint[at]].all()]
        return fsum([self.least_s, *self.saving[~kept].tolist(), *joint])

    def floor_s(self, savings_s: float, margin_s: float = 0.0) -> float:
        """Return a floor under the seconds of loading from an upper limit of all savings, less a margin.

        Savings may be a billion times what has to be loaded, so their rounding counts, and the floor is added to the
        least that any plan loads.
        """
        unsaved = self.savings_at_most * (1 - ROUNDING) - savings_s - margin_s
        return self.least_s + max(0.0, unsaved)

    def free_bytes(self, kept: Kept) -> Integers:
        """Return the bytes that are left at each visit, shape (visits,)."""
        size = len(self.visits) + 1
        change = np.zeros(size, np.int64)
        np.add.at(change, self.first[kept], self.bytes[kept])
        np.subtract.at(change, self.end[kept], self.bytes[kept])
        return self.room - np.cumsum(change)[:-1]

    def plan(self, kept: Kept) -> Plan:
        """Write a plan: the first load of each block, and that at the end of each interval that is not kept."""
        visit, block = self._needs()
        new = np.append(True, block[1:] != block[:-1])[: len(block)]
        at = np.concatenate([visit[new], self.end[~kept]])
        loaded = np.concatenate([block[new], self.block[~kept]])
        order = np.lexsort((loaded, at))
        loads: dict[int, list[str]] = {}
        for index, number in zip(at[order].tolist(), loaded[order].tolist(), strict=True):
            loads.setdefault(int(self.requests[index]), []).append(self.block_names[number])
        return {"loads": [{"request": request, "blocks": blocks} for request, blocks in loads.items()]}

    def kept(self, plan: Plan) -> Kept:
        """Read a feasible plan as the intervals that it keeps, shape (intervals,)."""
        number = {block: index for index, block in enumerate(self.block_names)}
        visit_of = {int(request): visit for visit, request in enumerate(self.requests.tolist())}
        loaded = {
            (visit_of[entry["request"]], number[block])
            for entry in plan["loads"]
            if entry["request"] in visit_of
            for block in entry["blocks"]
        }
        pairs = zip(self.end.tolist(), self.block.tolist(), strict=True)
        return np.array([pair not in loaded for pair in pairs], np.bool_)

    def none(self) -> Kept:
        """Return the plan that keeps nothing, shape (intervals,)."""
        return np.zeros(len(self.block), np.bool_)
