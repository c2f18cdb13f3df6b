"""What every method of `loading` starts from: models and users in arrays, for all modes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.sharing import Sharing
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.online_radio import Interval, upload_online
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.queues import Queues, switch_times
from edgeopt.loading.timing import Timing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Sums of floats may exceed the deadline by rounding alone; a tenth of the checker's tolerance is allowed for it.
HORIZON_MARGIN = 1e-10
MOST_SINGLE_BLOCKS = 62  # so that a set of them is a 64-bit integer


@dataclass(frozen=True)
class Workload:
    """A loading instance, whatever its modes, reduced to the models that can serve someone.

    Models are numbered in the library's order. Times are seconds.

    Attributes
    ----------
    instance : LoadingInstance
    overlapped, keeps : bool
        Uploads overlap the service; the GPU keeps any blocks that fit.
    deadline_s, horizon_s : float
        The latest deadline, and with a margin for rounding the limit to compare sums of floats with.
    model_names : list of str
    users : list of list of str
        The users of each model that can be served alone, least upload time first (ties by name). With one deadline and
        without weights only as many as the model could serve in time; of weight 0 none.
    most : numpy.ndarray of int64, shape (models,)
        Their numbers.
    batch : numpy.ndarray of int64, shape (models,)
        Largest batch beside which nothing else is on the GPU.
    upload_s : numpy.ndarray, shape (models, largest number + 1)
        Upload time of the n users of least upload; the last sum is repeated beyond a model's number.
    fixed_s, sample_s : numpy.ndarray, shape (models,)
        A batch of n samples computes for ``fixed_s + n sample_s``.
    room_bytes, workspace_bytes : numpy.ndarray of int64, shape (models,)
        Memory beside the model, and what a sample takes of it; a model without workspace takes 0.
    """

    instance: LoadingInstance
    overlapped: bool
    keeps: bool
    deadline_s: float
    horizon_s: float
    model_names: list[str]
    users: list[list[str]]
    most: Integers
    batch: Integers
    upload_s: Floats
    fixed_s: Floats
    sample_s: Floats
    room_bytes: Integers
    workspace_bytes: Integers

    @property
    def unit_s(self) -> float:
        """Unit of time of formulations: the latest deadline, or a second where nothing may take time."""
        return self.deadline_s or 1.0

    @cached_property
    def blocks(self) -> list[tuple[str, ...]]:
        """The blocks with bytes that these models hold; those of the same holders are merged.

        With capacity retention part of merged blocks may be evicted, so that they stay apart while they are few.
        """
        library = self.instance.library
        holders: dict[str, list[int]] = {}
        for index, name in enumerate(self.model_names):
            for block in library.models[name].blocks:
                holders.setdefault(block, []).append(index)
        names = [block for block in library.blocks if block in holders and library.blocks[block] > 0]
        if self.keeps and len(names) <= MOST_SINGLE_BLOCKS:
            return [(name,) for name in names]
        merged: dict[tuple[int, ...], list[str]] = {}
        for name in names:
            merged.setdefault(tuple(holders[name]), []).append(name)
        return list(map(tuple, merged.values()))

    @property
    def whole_atoms(self) -> bool:
        """Whether merged blocks stay or go together here though part of them might stay on the GPU."""
        return self.keeps and any(len(names) > 1 for names in self.blocks)

    @cached_property
    def block_bytes(self) -> Integers:
        """Bytes of each block, shape (blocks,)."""
        sizes = self.instance.library.blocks
        return np.array([sum(sizes[name] for name in names) for names in self.blocks], dtype=np.int64)

    @cached_property
    def holds(self) -> NDArray[np.bool_]:
        """Whether a model holds a block, shape (models, blocks)."""
        models = [set(self.instance.library.models[name].blocks) for name in self.model_names]
        table = [[names[0] in held for names in self.blocks] for held in models]
        return np.array(table, dtype=np.bool_).reshape(len(models), len(self.blocks))

    @cached_property
    def rate(self) -> float:
        """Bytes loaded in a second."""
        return self.instance.server.load_rate_bytes_per_s

    @cached_property
    def load_s(self) -> Floats:
        """Seconds to load a model after another and nothing else on the GPU, shape (models + 1, models)."""
        return switch_times(self.sharing, self.rate)

    @cached_property
    def timing(self) -> Timing:
        """What times batches, for compiled code."""
        return Timing(
            self.overlapped,
            self.keeps,
            self.fixed_s,
            self.sample_s,
            self.load_s,
            float(self.rate),
            self.room_bytes,
            self.workspace_bytes,
            self.holds,
            self.block_bytes,
        )

    @cached_property
    def sharing(self) -> Sharing:
        """Blocks and atoms of these models only."""
        library = self.instance.library
        whole = len(self.model_names) == len(library.models)
        return library.sharing if whole else library.restricted(self.model_names).sharing

    @cached_property
    def queues(self) -> Queues:
        """The users one by one, with their own deadlines."""
        users, upload_s = self.instance.users, self.instance.upload_s
        queues = [
            sorted((users[name].deadline_s * (1 + HORIZON_MARGIN), upload_s(name), name) for name in names)
            for names in self.users
        ]
        queued = [user for queue in queues for user in queue]
        return Queues(
            instance=self.instance,
            model_names=self.model_names,
            user_names=[name for _, _, name in queued],
            model=np.repeat(np.arange(self.models), [len(queue) for queue in queues]),
            upload_s=np.array([upload for _, upload, _ in queued]),
            arrival_s=np.array([users[name].arrival_s for _, _, name in queued]),
            due_s=np.array([due for due, _, _ in queued]),
            first=np.cumsum([0, *map(len, queues)]),
            capacity=self.batch,
            fixed_s=self.fixed_s,
            per_sample_s=self.sample_s,
            switch_s=self.load_s,
            sharing=self.sharing,
        )

    @cached_property
    def online_radio(self) -> tuple[Floats, dict[int, list[Interval]]]:
        """What the radio of a stream does online, which is the same for all policies."""
        return upload_online(self.queues)

    @cached_property
    def prefixes(self) -> Prefixes:
        """The models with the times to upload and compute for n = 0.. users of each, least upload time first."""
        return self._prefixes([row[: most + 1] for row, most in zip(self.upload_s, self.most.tolist(), strict=True)])

    @cached_property
    def computing(self) -> Prefixes:
        """The same without uploads."""
        return self._prefixes([np.zeros(most + 1) for most in self.most.tolist()])

    def _prefixes(self, uploads: list[Floats]) -> Prefixes:
        numbers = [np.arange(len(row)) for row in uploads]
        return Prefixes(
            instance=self.instance,
            deadline_s=self.deadline_s,
            horizon_s=self.horizon_s,
            model_names=self.model_names,
            users=self.users,
            capacity=self.batch,
            serve_s=[
                uploads[i] + (self.fixed_s[i] * -(-n // self.batch[i]) + self.sample_s[i] * n)
                for i, n in enumerate(numbers)
            ],
            sharing=self.sharing,
        )

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.model_names)


def compile_workload(instance: LoadingInstance) -> Workload:
    """Reduce an instance to arrays; users who cannot be served even alone are left out."""
    deadlines = instance.deadlines()
    deadline = deadlines[-1] if deadlines else 0.0
    horizon = deadline * (1 + HORIZON_MARGIN)
    overlapped = instance.upload == "overlapped"
    waiting: dict[str, list[tuple[float, str]]] = {}
    for name, user in instance.users.items():
        if user.weight == 0:
            continue
        waiting.setdefault(user.model, []).append((instance.upload_s(name), name))
    rows: list[tuple[str, list[str], int, Floats]] = []
    for model in instance.library.models:
        limit = instance.capacity(model)
        queue = sorted(waiting.get(model, ())) if limit != 0 else []
        by_upload = len(deadlines) == 1 and not instance.stream and not instance.weighted
        if not by_upload:
            queue = _alone_in_time(instance, model, queue)
        batch = len(queue) if limit is None else min(limit, len(queue))
        if batch == 0:
            continue
        uploads = np.concatenate([[0.0], np.cumsum([upload for upload, _ in queue])])
        fitting = len(queue) + 1
        if by_upload:
            alone = _least_s(instance, model, batch, uploads, overlapped)
            fitting = int(np.searchsorted(alone, horizon, side="right"))  # it does not decrease
        if fitting > 1:
            rows.append((model, [name for _, name in queue[: fitting - 1]], batch, uploads[:fitting]))
    names = [row[0] for row in rows]
    facts = [instance.library.models[name] for name in names]
    most = np.array([len(row[1]) for row in rows], dtype=np.int64)
    width = int(most.max(initial=0)) + 1
    return Workload(
        instance=instance,
        overlapped=overlapped,
        keeps=instance.retention == "capacity",
        deadline_s=deadline,
        horizon_s=horizon,
        model_names=names,
        users=[row[1] for row in rows],
        most=most,
        batch=np.minimum([row[2] for row in rows], most).astype(np.int64),
        upload_s=np.array([np.pad(row[3], (0, width - len(row[3])), mode="edge") for row in rows]).reshape(-1, width),
        fixed_s=np.array([model.compute_fixed_s or 0.0 for model in facts]),
        sample_s=np.array([model.compute_per_sample_s or 0.0 for model in facts]),
        room_bytes=np.array([instance.server.memory_bytes - instance.library.size_bytes(name) for name in names], int),
        workspace_bytes=np.array([model.workspace_bytes_per_sample or 0 for model in facts], dtype=np.int64),
    )


def _alone_in_time(instance: LoadingInstance, model: str, queue: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return those of a model's users who could be served by their own deadlines if each were alone."""
    users = [instance.users[name] for _, name in queue]
    uploaded = np.array([user.arrival_s + upload for user, (upload, _) in zip(users, queue, strict=True)])
    due = np.array([user.deadline_s * (1 + HORIZON_MARGIN) for user in users])
    facts = instance.library.models[model]
    computing = (facts.compute_fixed_s or 0.0) + (facts.compute_per_sample_s or 0.0)
    load = instance.library.size_bytes(model) / instance.server.load_rate_bytes_per_s
    if instance.upload == "overlapped":
        alone = np.maximum(load + computing, uploaded + computing)
    else:
        alone = uploaded + computing + load
    return [entry for entry, in_time in zip(queue, (alone <= due).tolist(), strict=True) if in_time]


def _least_s(instance: LoadingInstance, model: str, batch: int, uploads: Floats, overlapped: bool) -> Floats:
    """When the n users of least upload are served at the earliest by this model alone, shape (n + 1,), 0 for nobody."""
    facts = instance.library.models[model]
    n = np.arange(len(uploads))
    fixed, sample = facts.compute_fixed_s or 0.0, facts.compute_per_sample_s or 0.0
    load = instance.library.size_bytes(model) / instance.server.load_rate_bytes_per_s
    computing = fixed * -(-n // batch) + sample * n
    if overlapped:
        work = load + computing
        alone = np.maximum(work, uploads + fixed + sample)
        alone = np.maximum(alone, work + np.maximum(0.0, uploads[min(1, len(uploads) - 1)] - work[0]))
    else:
        alone = uploads + computing + load
    alone[0] = 0.0
    return alone
