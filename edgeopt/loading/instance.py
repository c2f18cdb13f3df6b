"""Instances of `loading`: users of models on one GPU, their uploads and deadlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar, Literal

from edgeopt.errors import Finding, suggestion
from edgeopt.frozen import DictOf
from edgeopt.instance import Instance, require_model_keys
from edgeopt.libraries.library import Name
from edgeopt.problems import Problem
from edgeopt.quantities import number, quantity
from edgeopt.record import Bytes, NonNegative, Positive, Record
from edgeopt.weights import Weight, total_weight, whole

NEEDED_MODEL_KEYS = ("compute_fixed_s", "compute_per_sample_s", "workspace_bytes_per_sample")


UPLOAD = {"phase": "uploads come before the service", "overlapped": "uploads overlap the service"}
RETENTION = {
    "consecutive": "blocks stay while consecutive models use them",
    "capacity": "the GPU keeps any blocks that fit",
}
PREFETCH = {
    "none": "a batch's blocks are loaded in its turn",
    "idle": "blocks may be loaded without a batch",
    "next": "the next batch's blocks may be loaded while a batch computes",
}
USUAL = {"upload": "phase", "retention": "consecutive", "prefetch": "none"}


class Server(Record):
    """The GPU.

    Attributes
    ----------
    memory_bytes : int
        GPU memory Q.
    load_rate_bytes_per_s : float
        Rate R at which parameters are loaded into it.
    """

    memory_bytes: Bytes
    load_rate_bytes_per_s: Positive


class User(Record):
    """A user and the one sample that it uploads.

    Attributes
    ----------
    model : str
        The model it asks for.
    upload_bits : float
        Size d_k of its upload.
    spectral_efficiency : float
        e_k in bit/s/Hz.
    deadline_s : float
        T_k, counted from time 0: where uploads are a phase, from its start.
    arrival_s : float
        r_k: its upload starts no sooner.
    weight : int or float
        g_k, what serving it counts; 0: nothing.
    """

    model: Name
    upload_bits: NonNegative
    spectral_efficiency: Positive
    deadline_s: NonNegative
    arrival_s: NonNegative = 0.0
    weight: Weight = 1


class LoadingInstance(Instance):
    """One edge server with one GPU, and users with deadlines.

    Attributes
    ----------
    server : Server
    bandwidth_hz : float
        Total bandwidth B.
    users : dict of str to User
        Or, in a file, the path of a CSV table with a column ``user``, and one for each key.
    upload : str
        ``"phase"``: all uploads come before the service. ``"overlapped"``: the server loads and computes while others
        upload, and the band may be dealt anew at any time.
    retention : str
        ``"consecutive"``: a block stays on the GPU only while consecutive models use it. ``"capacity"``: the GPU keeps
        any blocks that fit.
    prefetch : str
        ``"none"``: a batch's blocks are loaded in its turn. ``"idle"``: batches may be empty, which loads a model and
        serves nobody. ``"next"``: while a batch computes, blocks of the next one may be loaded beside it.
    """

    tables: ClassVar[Mapping[str, str]] = {"users": "user"}

    problem: Literal["loading"] = "loading"
    server: Server
    bandwidth_hz: Positive
    users: DictOf[Name, User]
    upload: Literal["phase", "overlapped"] = "phase"
    retention: Literal["consecutive", "capacity"] = "consecutive"
    prefetch: Literal["none", "idle", "next"] = "none"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; modes, arrivals and weights are named only where they are not the usual ones."""
        data = super().to_dict()
        for mode, usual in USUAL.items():
            if data[mode] == usual:
                del data[mode]
        for user in data["users"].values():
            if not user["arrival_s"]:
                del user["arrival_s"]
            if user["weight"] == 1:
                del user["weight"]
        return data

    def findings(self) -> Iterable[Finding]:
        yield from super().findings()
        known = list(self.library.models)
        requested: dict[str, None] = {}
        for name, user in self.users.items():
            if user.model in self.library.models:
                requested[user.model] = None
            else:
                problem = f"the library has no model {user.model!r}"
                yield Finding(f"$.users.{name}.model", problem, partial(suggestion, user.model, known))
            if user.arrival_s and user.deadline_s <= user.arrival_s:
                problem = f"the deadline of {user.deadline_s:g} s is not after the arrival at {user.arrival_s:g} s"
                yield Finding(f"$.users.{name}.deadline_s", problem, "deadlines count from time 0; add the arrival")
        yield from self._phase_findings()
        for model in requested:
            yield from require_model_keys(model, self.library.models[model], NEEDED_MODEL_KEYS)

    def _phase_findings(self) -> Iterable[Finding]:
        """Say which keys ask for uploads that overlap the service."""
        if self.upload == "overlapped":
            return
        late = next((name for name, user in self.users.items() if user.arrival_s), None)
        if late is not None:
            problem = f"user {late!r} arrives at {self.users[late].arrival_s:g} s, but all uploads come first"
            yield Finding(f"$.users.{late}.arrival_s", problem, 'say "upload": "overlapped"')
        if self.prefetch != "none":
            problem = f"{self.prefetch!r} loads blocks ahead of their turn, but all uploads come first"
            yield Finding("$.prefetch", problem, 'say "upload": "overlapped"')

    def capacity(self, model: str) -> int | None:
        """Largest batch of a model that fits into memory; None for no limit, 0 when the model itself does not fit."""
        free = self.server.memory_bytes - self.library.size_bytes(model)
        workspace = self.library.models[model].workspace_bytes_per_sample
        if free < 0:
            return 0
        return free // workspace if workspace else None

    def upload_s(self, user: str) -> float:
        """Seconds u_k that the user's upload takes with the whole bandwidth."""
        facts = self.users[user]
        return facts.upload_bits / (facts.spectral_efficiency * self.bandwidth_hz)

    def deadlines(self) -> list[float]:
        """The distinct deadlines in seconds, increasing."""
        return sorted({user.deadline_s for user in self.users.values()})

    @cached_property
    def weighted(self) -> bool:
        """Whether a user's weight is not 1, so that weights are to be served, not users."""
        return any(user.weight != 1 for user in self.users.values())

    @property
    def conventions(self) -> Problem:
        """The entry of the problem; with weights the objective is their sum."""
        usual = super().conventions
        return replace(usual, objective="weight", unit="", integral=self.integral) if self.weighted else usual

    @cached_property
    def integral(self) -> bool:
        """Whether the objective takes integer values only: without weights, and where all are whole numbers."""
        return whole(user.weight for user in self.users.values())

    def worth(self, users: Iterable[str]) -> int | float:
        """Return the objective of serving these users: the sum of their weights, without weights their number."""
        return total_weight(self.users[user].weight for user in users)

    @property
    def usual_modes(self) -> bool:
        """Whether uploads come before the service, and blocks stay between consecutive models only."""
        return self.upload == "phase" and self.retention == "consecutive"

    @cached_property
    def stream(self) -> bool:
        """Whether users arrive over time, or blocks may be loaded ahead of their turn."""
        return self.prefetch != "none" or any(user.arrival_s for user in self.users.values())

    @cached_property
    def deadline_kind(self) -> str:
        """``"common"`` when all users have the same deadline, else ``"individual"``."""
        return "common" if len({user.deadline_s for user in self.users.values()}) < 2 else "individual"

    def facts(self) -> dict[str, str]:
        deadlines = self.deadlines()
        requested = {user.model for user in self.users.values()}
        too_large = [model for model in requested if self.capacity(model) == 0]
        span = "none"
        if deadlines:
            least, most = quantity(deadlines[0], "s"), quantity(deadlines[-1], "s")
            span = least if len(deadlines) == 1 else f"{len(deadlines)} distinct, {least} to {most}"
        memory, rate = quantity(self.server.memory_bytes, "B"), quantity(self.server.load_rate_bytes_per_s, "B/s")
        uploads = quantity(sum(map(self.upload_s, self.users)), "s")
        arrivals = {}
        if self.stream:
            last = max((user.arrival_s for user in self.users.values()), default=0.0)
            arrivals = {"arrivals": f"over {quantity(last, 's')}; {PREFETCH[self.prefetch]}"}
        weights = {}
        if self.weighted:
            least, most = (number(bound(user.weight for user in self.users.values())) for bound in (min, max))
            weights = {"weights": f"{least} to {most}, {number(self.worth(self.users))} in all"}
        return {
            **super().facts(),
            "users": f"{len(self.users)} of {len(requested)} models",
            **arrivals,
            **weights,
            "deadlines": span,
            "GPU": f"{memory}, loads {rate}; {len(too_large)} requested models do not fit into it",
            "bandwidth": f"{quantity(self.bandwidth_hz, 'Hz')}; all uploads together take {uploads}",
            "modes": f"{UPLOAD[self.upload]}; {RETENTION[self.retention]}",
        }


INSTANCE_CLASS = LoadingInstance
