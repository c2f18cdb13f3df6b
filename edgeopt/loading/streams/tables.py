"""A small stream in arrays: sets of users and of blocks are the bits of integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.streams.ahead import AHEAD_BLOCKS, ahead_seconds, widest_choice
from edgeopt.loading.workload import MOST_SINGLE_BLOCKS, Workload

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_USERS = 62  # so that a set of them is a 64-bit integer
MOST_OF_A_MODEL = 16  # of users who upload or have weights: every set of them may be a batch
NONE, IDLE, NEXT = range(3)


class Tables(NamedTuple):
    """A stream for compiled code. Times are seconds; a set is an integer with a bit for each member.

    Users are numbered by model, then by deadline, arrival and upload. Models beyond the last user's serve nobody, but
    may be loaded ahead in idle time.

    Attributes
    ----------
    keeps, weighted, silent : bool
        The GPU keeps any blocks that fit; users have weights; neither weights nor uploads tell users apart.
    prefetch : int
        NONE, IDLE or NEXT.
    model : Integers, shape (users,)
    arrival_s, upload_s, due_s : Floats, shape (users,)
        Deadlines have a margin for rounding.
    units : Integers, shape (users,)
        What serving a user counts, in units of the objective.
    first : Integers, shape (models + 1,)
        Users of model i are ``first[i]`` to ``first[i + 1] - 1``.
    latest_first, by_due : Integers, shape (users,)
        The users, last arrival first, and by deadline.
    better, earlier : Integers, shape (users,)
        For each user the set of those who are served if it is, and of those who are in no later batch, where any two
        of them are served.
    capacity : Integers, shape (models,)
    fixed_s, sample_s : Floats, shape (models,)
    load_s : Floats, shape (models + 1, models)
        To load a model after another and nothing else on the GPU; the last row: on an empty GPU.
    ahead_s : Floats, shape (models, models, largest batch + 1)
        With consecutive retention, loading of the second model that fits beside a batch of the first.
    room_bytes, workspace_bytes : Integers, shape (models,)
        Memory beside a model, and what a user takes of it.
    masks : Integers, shape (models,)
        With capacity retention the set of blocks of each model.
    holds : Flags, shape (models, blocks)
    block_bytes : Integers, shape (blocks,)
    rate : float
        Bytes loaded in a second.
    """

    keeps: bool
    weighted: bool
    silent: bool
    prefetch: int
    model: Integers
    arrival_s: Floats
    upload_s: Floats
    due_s: Floats
    units: Integers
    first: Integers
    latest_first: Integers
    by_due: Integers
    better: Integers
    earlier: Integers
    capacity: Integers
    fixed_s: Floats
    sample_s: Floats
    load_s: Floats
    ahead_s: Floats
    room_bytes: Integers
    workspace_bytes: Integers
    masks: Integers
    holds: Flags
    block_bytes: Integers
    rate: float


class Names(NamedTuple):
    """What the numbers and bits of `Tables` are called."""

    users: list[str]
    models: list[str]
    blocks: list[str]


def tables_of(work: Workload) -> tuple[Tables, Names]:
    """Make the arrays of a workload for which `size_refusal` has no reason."""
    instance, queues = work.instance, work.queues
    order = np.lexsort((queues.upload_s, queues.arrival_s, queues.due_s, queues.model))
    model, arrival, upload = queues.model[order], queues.arrival_s[order], queues.upload_s[order]
    due, objective = queues.due_s[order], queues.objective
    weighted = objective.weight is not None
    units = np.array(objective.units, np.int64)[order] if weighted else np.ones(len(order), np.int64)
    names = Names([queues.user_names[user] for user in order], loadable(work), single_blocks(work))
    blocks, masks, holds, block_bytes = (
        names.blocks,
        np.zeros(len(names.models), np.int64),
        work.holds,
        work.block_bytes,
    )
    if work.keeps:
        library = instance.library
        held = [set(library.models[name].blocks) for name in names.models]
        holds = np.array([[block in mine for block in blocks] for mine in held], np.bool_).reshape(
            len(held), len(blocks)
        )
        block_bytes = np.array([library.blocks[block] for block in blocks], np.int64)
        masks = np.array([sum(1 << j for j in np.flatnonzero(row).tolist()) for row in holds], np.int64)
    models = [instance.library.models[name] for name in names.models]
    extra = len(models) - work.models
    tables = Tables(
        keeps=work.keeps,
        weighted=weighted,
        silent=not (upload.any() or weighted),
        prefetch=_prefetch(instance),
        model=model,
        arrival_s=arrival,
        upload_s=upload,
        due_s=due,
        units=units,
        first=np.concatenate([queues.first, np.full(extra, queues.first[-1])]),
        latest_first=np.argsort(-arrival, kind="stable"),
        by_due=np.argsort(due, kind="stable"),
        better=_sets(_pairs(model, arrival, upload, -due, -units)),
        earlier=_sets(_pairs(model, arrival, upload, due)),
        capacity=np.concatenate([work.batch, np.zeros(extra, np.int64)]),
        fixed_s=np.array([each.compute_fixed_s or 0.0 for each in models]),
        sample_s=np.array([each.compute_per_sample_s or 0.0 for each in models]),
        load_s=work.load_s,
        ahead_s=ahead_seconds(work) if _prefetch(instance) == NEXT and not work.keeps else np.zeros((1, 1, 1)),
        room_bytes=np.array([_room(instance, name) for name in names.models], np.int64),
        workspace_bytes=np.array([each.workspace_bytes_per_sample or 0 for each in models], np.int64),
        masks=masks,
        holds=holds,
        block_bytes=block_bytes,
        rate=float(work.rate),
    )
    return tables, names


def size_refusal(work: Workload) -> str | None:
    """Say why a workload is too large for sets of users and blocks in 64-bit integers, or return None."""
    users, instance = len(work.queues.user_names), work.instance
    largest = int(work.most.max(initial=0))
    reason = None
    if users > MOST_USERS:
        reason = f"{users} users, {MOST_USERS} are in reach"
    elif work.queues.upload_s.any() and largest > MOST_OF_A_MODEL:
        reason = f"{largest} users of one model with something to upload, {MOST_OF_A_MODEL} are in reach"
    elif instance.weighted and largest > MOST_OF_A_MODEL:
        reason = f"{largest} users of one model with weights, {MOST_OF_A_MODEL} are in reach"
    elif work.queues.objective.unit is None:
        reason = "weights that are not multiples of one unit, or of more units than are in reach"
    elif work.keeps and len(single_blocks(work)) > MOST_SINGLE_BLOCKS:
        reason = f"more than {MOST_SINGLE_BLOCKS} blocks that the GPU may keep"
    elif _prefetch(instance) == NEXT and not work.keeps and widest_choice(work) > AHEAD_BLOCKS:
        reason = f"more than {AHEAD_BLOCKS} blocks of which some may be loaded ahead"
    return reason and f"{reason}; 'local-search' would work"


def single_blocks(work: Workload) -> list[str]:
    """Return the blocks with bytes that the GPU may keep."""
    if not work.keeps:
        return []
    library = work.instance.library
    held = {block for name in loadable(work) for block in library.models[name].blocks}
    return [block for block in library.blocks if block in held and library.blocks[block] > 0]


def loadable(work: Workload) -> list[str]:
    """Return the models that serve somebody, and those that it may pay to load in idle time though they do not.

    Such a model may bring some of another's blocks where memory does not hold all of them. It is superfluous if a model
    that serves somebody has the same of these blocks, and in place of one further block no more bytes.
    """
    instance = work.instance
    if not work.keeps or _prefetch(instance) != IDLE:
        return list(work.model_names)
    library, serving = instance.library, set(work.model_names)
    wanted = {name: {j for j in library.models[name].blocks if library.blocks[j]} for name in work.model_names}
    useful = set().union(*wanted.values())
    holders: dict[str, int] = {}
    fitting = [name for name in library.models if _room(instance, name) >= 0]
    for name in fitting:
        for block in library.models[name].blocks:
            holders[block] = holders.get(block, 0) + 1
    found = list(work.model_names)
    for name in fitting:
        mine = {block for block in library.models[name].blocks if library.blocks[block]}
        shared, rest = mine & useful, mine - useful
        own = all(holders[block] == 1 for block in rest)
        size = library.blocks[next(iter(rest))] if len(rest) == 1 else 0
        replaced = len(rest) <= 1 and any(
            shared <= held and sum(library.blocks[block] for block in held - shared) <= size for held in wanted.values()
        )
        if name not in serving and not (own and (not shared or replaced)):
            found.append(name)
    return found


def _prefetch(instance: LoadingInstance) -> int:
    """Return the mode as a number; without kept blocks loading in idle time gains nothing."""
    if instance.prefetch == "next":
        return NEXT
    return IDLE if instance.prefetch == "idle" and instance.retention == "capacity" else NONE


def _room(instance: LoadingInstance, model: str) -> int:
    return instance.server.memory_bytes - instance.library.size_bytes(model)


def _pairs(model: Integers, *keys: Floats | Integers) -> Flags:
    """Say for users k, q of one model whether k is at most q in all keys, and of equal ones the first: table [k, q]."""
    least = model[:, None] == model[None, :]
    equal = least.copy()
    for key in keys:
        least &= key[:, None] <= key[None, :]
        equal &= key[:, None] == key[None, :]
    number = np.arange(len(model))
    least &= ~equal | (number[:, None] < number[None, :])
    return least


def _sets(pairs: Flags) -> Integers:
    """Return for each column the set of its rows."""
    return np.array([sum(1 << k for k in np.flatnonzero(column).tolist()) for column in pairs.T], np.int64)
