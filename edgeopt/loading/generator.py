"""Instances of `loading`: users, uploads, radio channels and deadlines of realistic size over any library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import KW_ONLY
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgeopt.errors import UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.arrivals import arrival_times, in_crowd
from edgeopt.loading.drawn_users import Uploads, Weights, popularity, spectral_efficiencies, upload_bytes, user_weights
from edgeopt.loading.instance import NEEDED_MODEL_KEYS, LoadingInstance, Server, User
from edgeopt.loading.usual_sizes import usual_deadline_s, usual_memory, usual_window_s
from edgeopt.measured.arrivals import Arrivals, arrivals_of
from edgeopt.recipes.common import (
    Library,
    MeasuredLoadTimes,
    Models,
    Seed,
    Share,
    Sharing,
    TraceRecipe,
    ZipfExponent,
    require_keys,
)
from edgeopt.recipes.recipe import Argument, generator, recipe
from edgeopt.record import MOST_BYTES, Positive, Probability, Whole

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Deadlines = Literal["common", "individual"]
Upload = Literal["phase", "overlapped"]
Retention = Literal["consecutive", "capacity"]
Prefetch = Literal["none", "idle", "next"]
Coming = Literal["together", "poisson", "diurnal", "bursts", "flash", "trace"]

BANDWIDTH_HZ = 100e6  # the widest carrier of 5G below 7 GHz (3GPP TS 38.104, frequency range 1)
# 13.317 GB of OPT-6.7B in half precision loaded in 4.947 s (median of 30) from NVMe into an A5000 GPU by
# safetensors: ServerlessLLM, benchmarks/results/a5000_2024.
LOAD_RATE_BYTES_PER_S = 2.69e9
ZIPF_EXPONENT = 0.8  # our choice; request popularities on the web are usually fitted with 0.6 to 1
INDIVIDUAL_SPREAD = (0.5, 1.5)  # individual deadlines, in units of the common one


@recipe
class LoadingRecipe(TraceRecipe):
    """How an instance of `loading` is drawn."""

    sharing: Sharing = "random"
    models: Models = 60
    users: Annotated[Whole, Argument("Users.")] = 600
    seed: Seed = 0
    library: Library = None
    _: KW_ONLY
    deadlines: Annotated[Deadlines, Argument("common, or individual ones between 0.5 and 1.5 of the common one.")] = (
        "common"
    )
    deadline_s: Annotated[
        Positive | None,
        Argument(
            "Seconds, counted from the arrival; default: by the fraction to be served, in a stream four times the "
            "longest load with a batch of 4.",
            "S",
            "--deadline",
            given=str,
            unit="s",
        ),
    ] = None
    served_fraction: Annotated[Share, Argument("About this part of the users can be served.")] = 0.5
    uploads: Annotated[
        Uploads | None, Argument("What users send: image, prompt, features or none; default: image.")
    ] = None
    bandwidth_hz: Annotated[
        Positive,
        Argument(
            "Bandwidth of all users together; 5G carriers have 5 to 100 MHz.",
            "20MHz",
            "--bandwidth",
            given=str,
            unit="Hz",
        ),
    ] = BANDWIDTH_HZ
    load_rate_bytes_per_s: Annotated[
        Positive | None,
        Argument(
            "Bytes that reach the GPU's memory in a second; default: 2.69e9, a measured rate.", "B/S", "--load-rate"
        ),
    ] = None
    load_times: MeasuredLoadTimes = None
    memory_bytes: Annotated[
        Annotated[int, Field(ge=1, le=MOST_BYTES)] | None,
        Argument(
            "Memory of the GPU; default: the least usual size for a batch of 4.",
            "8GB",
            "--memory",
            given=str,
            unit="B",
        ),
    ] = None
    zipf_exponent: ZipfExponent = ZIPF_EXPONENT
    shared_fraction: Annotated[
        Probability | None, Argument("Part of a drawn library's bytes that lies in shared blocks; default: 0.6.")
    ] = None
    crossing: Annotated[
        Probability | None,
        Argument("How many models of freeze-depth or lora-towers hold a block that crosses families; default: 0.5."),
    ] = None
    upload: Annotated[
        Upload | None,
        Argument("phase: before the service; overlapped: meanwhile; default: phase, but overlapped in a stream."),
    ] = None
    weights: Annotated[
        Weights,
        Argument(
            "What serving a user counts: one; classes: 1, 3 or 10 for six, three and one of ten users; or values: "
            "between 0.1 and 10, log-uniform."
        ),
    ] = "one"
    retention: Annotated[
        Retention, Argument("The GPU keeps blocks for consecutive models, or as its capacity allows.")
    ] = "consecutive"
    arrivals: Annotated[
        Coming,
        Argument(
            "When users arrive: together at 0, or over time: poisson, diurnal, bursts or flash, or as the trace says, "
            "whose models, if it names them, they ask for."
        ),
    ] = "together"
    duration_s: Annotated[
        Positive | None,
        Argument(
            "Seconds over which users arrive; default: those of the trace, or those in which a simple plan serves the "
            "fraction to be served.",
            "S",
            "--duration",
            given=str,
            unit="s",
        ),
    ] = None
    rate_per_s: Annotated[Positive | None, Argument("Arrivals a second, instead of a duration.", "N", "--rate")] = None
    drift: Annotated[
        Probability | None,
        Argument("Part of the popularity that has moved to other models when the last users arrive; default: 0."),
    ] = None
    prefetch: Annotated[
        Prefetch, Argument("Blocks are loaded ahead: none, idle (without a batch) or next (beside the batch before).")
    ] = "none"

    @property
    def streams(self) -> bool:
        """Whether users arrive over time."""
        return self.arrivals != "together"

    def check(self) -> None:
        super().check()
        if self.uploads is not None and self.trace is not None and not self.streams:
            raise UsageError("uploads and a trace both say what users send; give one of them")
        if self.arrivals == "trace" and self.trace is None:
            raise UsageError("arrivals as in a trace need the trace")
        if not self.streams and (given := self._of_streams()):
            raise UsageError(f"{given[0]} says how users arrive over time; say with arrivals that they do")
        if self.streams and self.upload == "phase":
            raise UsageError("users who arrive over time upload meanwhile; leave out the upload or say overlapped")
        if self.duration_s is not None and self.rate_per_s is not None:
            raise UsageError("a duration and a rate both say when users arrive; give one of them")
        if self.prefetch != "none" and self._upload == "phase":
            raise UsageError("blocks are loaded ahead only while users upload; say overlapped for the upload")
        if self.load_rate_bytes_per_s is not None and self.load_times is not None:
            raise UsageError("load times give the load rate; give one of them")

    def _of_streams(self) -> list[str]:
        return [name for name in ("duration_s", "rate_per_s", "drift") if getattr(self, name) is not None]

    @property
    def _upload(self) -> Upload:
        return self.upload or ("overlapped" if self.streams else "phase")

    def remarks(self) -> Iterable[str]:
        return [f"load times: {self.load_times}"] if self.load_times is not None else []

    def draw(self) -> LoadingInstance:
        """Draw an instance of `loading`: users of models on one GPU, with uploads and deadlines.

        The library to draw is that of `edgeopt.libraries.generator.generate_library`; a library that is given stands
        in its stead. Without a deadline it is set such that a simple plan, with all uploads first (models by users per
        second of their own service, least uploads first, each block loaded once), serves about `served_fraction`. With
        a trace each user sends the context of one of its requests, drawn without replacement; else see `upload_bytes`.
        Users who arrive over time are named as they come; see `edgeopt.loading.arrivals`. Models that a trace names are
        those of the library, or stand for them by rank.
        The fixed seconds of load times are added to every model's ``compute_fixed_s``: they are paid once per batch.
        """
        library, name, users = self.library, self.name, self.users
        if library is None:
            library = generate_library(self.sharing, self.models, self.seed, self.shared_fraction, self.crossing)
            name = name or f"{self.sharing}-{self.models}x{users}-seed{self.seed}"
        require_keys(library, NEEDED_MODEL_KEYS)
        load_rate = self.load_rate_bytes_per_s or LOAD_RATE_BYTES_PER_S
        if self.load_times is not None:
            load_rate = self.load_times.rate_bytes_per_s
            library = _slower(library, self.load_times.fixed_s)
        rng = np.random.default_rng([self.seed, 1])  # another stream than the library's
        names = list(library.models)
        popular = popularity(len(names), self.zipf_exponent, rng)
        asked = rng.choice(len(names), size=users, p=popular)
        bits = self._upload_bits(rng)
        efficiency = np.round(spectral_efficiencies(users, rng), 4)
        memory_bytes = usual_memory(library) if self.memory_bytes is None else self.memory_bytes
        server = Server(memory_bytes=memory_bytes, load_rate_bytes_per_s=load_rate)
        simple_s = 0.0
        if (self.duration_s is None and self.rate_per_s is None) if self.streams else self.deadline_s is None:
            upload_s = bits / efficiency / self.bandwidth_hz
            simple_s = usual_deadline_s(library, server, asked, upload_s, self.served_fraction)
        window_s = self.deadline_s or (usual_window_s(library, load_rate) if self.streams else simple_s)
        arrival_s = np.zeros(users)
        if self.streams:
            arrival_s, asked, bits = self._stream(names, simple_s, popular, asked, bits)
        factor = rng.uniform(*INDIVIDUAL_SPREAD, users) if self.deadlines == "individual" else np.ones(users)
        weights = user_weights(self.weights, users, np.random.default_rng([self.seed, 7]))
        width = len(str(users))
        return LoadingInstance(
            name=name or f"{library.name}-{len(names)}x{users}-seed{self.seed}",
            library=library,
            server=server,
            bandwidth_hz=self.bandwidth_hz,
            upload=self._upload,
            retention=self.retention,
            prefetch=self.prefetch,
            users={
                f"u{index + 1:0{width}d}": User(
                    model=names[asked[index]],
                    upload_bits=float(bits[index]),
                    spectral_efficiency=float(efficiency[index]),
                    deadline_s=float(f"{arrival + float(f'{window_s * factor[index]:.4g}'):.12g}"),
                    arrival_s=arrival,
                    weight=weights[index],
                )
                for index, arrival in enumerate(float(f"{time:.9g}") for time in arrival_s.tolist())
            },
        )

    def _stream(
        self, names: list[str], simple_s: float, popular: Floats, asked: Integers, bits: Floats
    ) -> tuple[Floats, Integers, Floats]:
        """Return when users arrive, and in this order which models they ask for and what they send."""
        rng = np.random.default_rng([self.seed, 6])
        duration_s = self.duration_s if self.rate_per_s is None else self.users / self.rate_per_s
        if self.arrivals != "trace" and self.arrivals != "together":
            duration_s = duration_s or simple_s
            times = arrival_times(self.arrivals, self.users, duration_s, rng)
            if self.arrivals == "flash":
                wanted = rng.choice(len(popular), p=popular)
                asked = np.where(in_crowd(times / duration_s, rng), wanted, asked)
        else:
            assert self.trace is not None
            trace = arrivals_of(self.trace, rng)
            trace = (trace if self.window_s is None else trace.within(*self.window_s)).sample(self.users, rng)
            times = trace.times_s
            if duration_s is not None and len(times) and times[-1] > 0:
                times = times * (duration_s / times[-1])
            if trace.models is not None:
                return times, _same_or_alike(trace.models, names, popular), self._bits_of(trace, bits)
            bits = self._bits_of(trace, bits)
        if self.drift and len(times) and times[-1] > 0:
            others = rng.choice(len(popular), size=self.users, p=rng.permutation(popular))
            asked = np.where(rng.random(self.users) < self.drift * times / times[-1], others, asked)
        return times, asked, bits

    def _bits_of(self, trace: Arrivals, bits: Floats) -> Floats:
        """Return what traced requests send: their contexts, where the trace has them and nothing else is asked for."""
        if trace.context_tokens is None or self.uploads is not None:
            return bits
        return self.bits(trace.context_tokens)

    def _upload_bits(self, rng: np.random.Generator) -> Floats:
        """Draw what each user sends, shape (users,)."""
        if self.trace is None or self.uploads is not None or self.arrivals == "trace":
            return 8 * upload_bytes(self.uploads or "image", self.users, rng)
        own = np.random.default_rng([self.seed, 5])
        return self.bits(own.permutation(self.traced_requests(self.users, own)[0].context_tokens))


generate = generator(LoadingRecipe)


def _same_or_alike(traced: list[str], names: list[str], popular: Floats) -> Integers:
    """Return the models of traced requests by number: by their names, or by rank where the library lacks one of them.

    By rank the model that most requests ask for is the most popular one, and so on; of more models than the library has
    the ranks go round.
    """
    number = {name: index for index, name in enumerate(names)}
    asked = Counter(traced)
    if not all(name in number for name in asked):
        by_rank = np.argsort(-popular, kind="stable").tolist()
        ranked = sorted(asked, key=lambda name: (-asked[name], name))
        number = {name: by_rank[rank % len(names)] for rank, name in enumerate(ranked)}
    return np.array([number[name] for name in traced], dtype=np.int64)


def _slower(library: ModelLibrary, fixed_s: float) -> ModelLibrary:
    """Return the library with these seconds more for each batch; the same library for 0 s."""
    if not fixed_s:
        return library
    models = {
        name: Model(**{**model.to_dict(), "compute_fixed_s": float(f"{(model.compute_fixed_s or 0.0) + fixed_s:.4g}")})
        for name, model in library.models.items()
    }
    return library.replace(models=models)
