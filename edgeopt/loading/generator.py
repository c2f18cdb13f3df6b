"""Instances of `loading`: users, uploads, radio channels and deadlines of realistic size over any library."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import UsageError, suggestion
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.instance import NEEDED_MODEL_KEYS, LoadingInstance, Server, User
from edgeopt.measured.traces import require_trace

if TYPE_CHECKING:
    from edgeopt.measured.load_times import LoadTimes

Floats = NDArray[np.float64]
Uploads = Literal["image", "prompt", "features"]
Deadlines = Literal["common", "individual"]
Upload = Literal["phase", "overlapped"]
Retention = Literal["consecutive", "capacity"]

BANDWIDTH_HZ = 100e6  # the widest carrier of 5G below 7 GHz (3GPP TS 38.104, frequency range 1)
# 13.317 GB of OPT-6.7B in half precision loaded in 4.947 s (median of 30) from NVMe into an A5000 GPU by
# safetensors: ServerlessLLM, benchmarks/results/a5000_2024.
LOAD_RATE_BYTES_PER_S = 2.69e9
# Sizes of GPUs, and of the parts into which one is shared.
GPU_MEMORY_BYTES = tuple(size * 10**9 for size in (1, 2, 4, 8, 16, 24, 48, 80, 96, 141, 192))
LEAST_BATCH = 4  # our choice: every model can run this many samples at once
ZIPF_EXPONENT = 0.8  # our choice; request popularities on the web are usually fitted with 0.6 to 1
BITS_PER_TOKEN = 32.0  # our choice: a token of text has 4 bytes
INDIVIDUAL_SPREAD = (0.5, 1.5)  # individual deadlines, in units of the common one

# 3GPP TR 38.901 table 7.4.1-1, UMi street canyon without line of sight, 3.5 GHz, user at 1.5 m, site at 10 m.
CARRIER_GHZ, SITE_HEIGHT_M, SHADOWING_DB = 3.5, 10.0, 7.82
CELL_RADIUS_M, LEAST_DISTANCE_M = 250.0, 10.0
# 23 dBm spread over 5 MHz, thermal noise -174 dBm/Hz, receiver noise figure 5 dB, implementation loss 3 dB.
POWER_DENSITY_DBM_HZ, NOISE_DENSITY_DBM_HZ, LOSS_DB = 23 - 67.0, -174 + 5.0, 3.0
# Lowest and highest entry of the 256QAM table of modulation and coding schemes, 3GPP TS 38.214 table 5.1.3.1-2.
EFFICIENCY_RANGE = (0.2344, 7.4063)


def spectral_efficiencies(count: int, rng: np.random.Generator) -> Floats:
    """Draw spectral efficiencies in bit/s/Hz of users spread evenly over a cell, shape (count,).

    Urban street canyon without line of sight at 3.5 GHz with shadowing (3GPP TR 38.901 table 7.4.1-1); the users
    keep 23 dBm in any 5 MHz, so that the efficiency does not depend on the share of the band. Shannon's formula 3 dB
    off, kept within the modulation and coding schemes of 5G (TS 38.214 table 5.1.3.1-2). Cell radius, power rule and
    loss are our choice.
    """
    flat = np.sqrt(rng.uniform(LEAST_DISTANCE_M**2, CELL_RADIUS_M**2, count))
    distance = np.hypot(flat, SITE_HEIGHT_M - 1.5)
    path_loss = 35.3 * np.log10(distance) + 22.4 + 21.3 * np.log10(CARRIER_GHZ)
    path_loss += SHADOWING_DB * rng.standard_normal(count)
    snr_db = POWER_DENSITY_DBM_HZ - path_loss - NOISE_DENSITY_DBM_HZ - LOSS_DB
    efficiency: Floats = np.clip(np.log2(1 + 10 ** (snr_db / 10)), *EFFICIENCY_RANGE)
    return efficiency


def upload_bytes(kind: Uploads, count: int, rng: np.random.Generator) -> Floats:
    """Draw the sizes in bytes of the uploads, shape (count,); the distributions are our choice.

    - ``image``: a JPEG of 50 to 250 kB, evenly spread (a file of ImageNet's training set has 115 kB on average).
    - ``prompt``: a text of 100 to 4,000 tokens, log-uniform, 4 bytes a token.
    - ``features``: the half-precision output of one of the last three stages of ResNet-50 on a 224 x 224 image:
      512 x 28 x 28, 1024 x 14 x 14 or 2048 x 7 x 7 values.
    """
    if kind == "image":
        return rng.integers(50_000, 250_001, count).astype(np.float64)
    if kind == "prompt":
        tokens: Floats = np.exp(rng.uniform(log(100), log(4000), count)).round()
        return 4 * tokens
    values = np.array([512 * 28 * 28, 1024 * 14 * 14, 2048 * 7 * 7], dtype=np.float64)
    return 2 * values[rng.integers(0, 3, count)]


def popularity(count: int, exponent: float, rng: np.random.Generator) -> Floats:
    """Zipf's probabilities of the models, the ranks dealt at random, shape (count,)."""
    weight = (1.0 + rng.permutation(count)) ** -exponent
    return weight / weight.sum()


def generate(
    sharing: str = "random",
    models: int = 60,
    users: int = 600,
    seed: int = 0,
    library: ModelLibrary | None = None,
    *,
    deadlines: Deadlines = "common",
    deadline_s: float | None = None,
    served_fraction: float = 0.5,
    uploads: Uploads | None = None,
    trace: str | None = None,
    window_s: tuple[float, float] | None = None,
    bits_per_token: float | None = None,
    bandwidth_hz: float = BANDWIDTH_HZ,
    load_rate_bytes_per_s: float | None = None,
    load_times: LoadTimes | None = None,
    memory_bytes: int | None = None,
    zipf_exponent: float = ZIPF_EXPONENT,
    shared_fraction: float | None = None,
    crossing: float | None = None,
    upload: Upload = "phase",
    retention: Retention = "consecutive",
    name: str | None = None,
) -> LoadingInstance:
    """Draw an instance.

    Parameters
    ----------
    sharing, models, shared_fraction, crossing
        The library to draw, see `edgeopt.libraries.generator.generate_library`; without effect when `library` is given.
    users : int
        Number of users, 0 or more.
    seed : int
        Same arguments and seed, same instance.
    library : ModelLibrary, optional
        Use this library.
    deadlines : ``"common"`` or ``"individual"``
        One deadline for all users, or each user's own between 0.5 and 1.5 of it.
    deadline_s : float, optional
        The common deadline T in seconds. When it is not given, it is set such that a simple plan (models by users per
        second of their own service, least uploads first, each block loaded once) serves about `served_fraction`.
    served_fraction : float
        Between 0 (not included) and 1.
    uploads : ``"image"``, ``"prompt"`` or ``"features"``, optional
        What the users send, see `upload_bytes`; images when neither this nor a trace is given.
    trace : str, optional
        CSV file of requests to language models, or ``"azure-code"`` or ``"azure-conversation"`` to draw one, see
        `edgeopt.measured.traces`: each user sends the context of one of its requests, drawn without replacement.
    window_s : (start, length), optional
        Seconds of the trace; default all of it.
    bits_per_token : float, optional
        Of the context; 32 when not given.
    bandwidth_hz : float
        Total bandwidth B; 5G carriers have 5 to 100 MHz.
    load_rate_bytes_per_s : float, optional
        Rate R at which parameters reach the GPU; when it is not given, that of `load_times`, or a measured default.
    load_times : LoadTimes, optional
        A line over measured times, see `edgeopt.measured.load_times`. Its fixed seconds are added to every model's
        ``compute_fixed_s``: they are paid once per batch.
    memory_bytes : int, optional
        GPU memory Q; when it is not given, the smallest usual size in which every model can run a batch of 4.
    zipf_exponent : float
        The models' popularity is proportional to rank ** -exponent; 0: all equal.
    upload : ``"phase"`` or ``"overlapped"``
        Whether all uploads come before the service. The deadline is set as for ``"phase"`` in either case.
    retention : ``"consecutive"`` or ``"capacity"``
        Whether the GPU keeps only what consecutive models use, or any blocks that fit.
    name : str, optional

    Raises
    ------
    UsageError
        A parameter outside its range, or a library without models or without computing times.
    InputError
        The trace cannot be read.
    """
    _validate(users, served_fraction, zipf_exponent)
    _validate_choices(deadlines=deadlines, uploads=uploads or "image", upload=upload, retention=retention)
    _validate_measured(uploads, trace, window_s, bits_per_token, load_rate_bytes_per_s, load_times)
    _validate_positive(
        deadline_s=deadline_s,
        bandwidth_hz=bandwidth_hz,
        load_rate_bytes_per_s=load_rate_bytes_per_s,
        memory_bytes=memory_bytes,
        bits_per_token=bits_per_token,
    )
    if library is None:
        library = generate_library(sharing, models, seed, shared_fraction, crossing)
        name = name or f"{sharing}-{models}x{users}-seed{seed}"
    _validate_library(library)
    if load_times is not None:
        load_rate_bytes_per_s = load_times.rate_bytes_per_s
        library = _slower(library, load_times.fixed_s)
    rng = np.random.default_rng([seed, 1])  # another stream than the library's
    names = list(library.models)
    asked = rng.choice(len(names), size=users, p=popularity(len(names), zipf_exponent, rng))
    if trace is None:
        bits = 8 * upload_bytes(uploads or "image", users, rng)
    else:
        bits = (bits_per_token or BITS_PER_TOKEN) * _contexts(trace, window_s, users, np.random.default_rng([seed, 5]))
    efficiency = np.round(spectral_efficiencies(users, rng), 4)
    server = Server(
        memory_bytes=_usual_memory(library) if memory_bytes is None else memory_bytes,
        load_rate_bytes_per_s=load_rate_bytes_per_s or LOAD_RATE_BYTES_PER_S,
    )
    if deadline_s is None:
        deadline_s = _deadline(library, server, asked, bits / efficiency / bandwidth_hz, served_fraction)
    factor = rng.uniform(*INDIVIDUAL_SPREAD, users) if deadlines == "individual" else np.ones(users)
    width = len(str(users))
    return LoadingInstance(
        name=name or f"{library.name}-{len(names)}x{users}-seed{seed}",
        library=library,
        server=server,
        bandwidth_hz=bandwidth_hz,
        upload=upload,
        retention=retention,
        users={
            f"u{index + 1:0{width}d}": User(
                model=names[asked[index]],
                upload_bits=float(bits[index]),
                spectral_efficiency=float(efficiency[index]),
                deadline_s=float(f"{deadline_s * factor[index]:.4g}"),
            )
            for index in range(users)
        },
    )


def _contexts(source: str, window_s: tuple[float, float] | None, users: int, rng: np.random.Generator) -> Floats:
    """Tokens that each user sends, shape (users,)."""
    from edgeopt.measured.traces import trace_of

    trace = trace_of(source, rng)
    drawn, _ = (trace if window_s is None else trace.window(*window_s)).sample(users, rng)
    return rng.permutation(drawn.context_tokens).astype(np.float64)


def _slower(library: ModelLibrary, fixed_s: float) -> ModelLibrary:
    """Return the library with these seconds more for each batch; the same library for 0 s."""
    if not fixed_s:
        return library
    models = {
        name: Model(**{**model.to_dict(), "compute_fixed_s": float(f"{(model.compute_fixed_s or 0.0) + fixed_s:.4g}")})
        for name, model in library.models.items()
    }
    return ModelLibrary(name=library.name, blocks=library.blocks, models=models)


def _usual_memory(library: ModelLibrary) -> int:
    needed = max(
        library.size_bytes(name) + LEAST_BATCH * (model.workspace_bytes_per_sample or 0)
        for name, model in library.models.items()
    )
    return next((size for size in GPU_MEMORY_BYTES if size >= needed), needed)


def _deadline(library: ModelLibrary, server: Server, asked: NDArray[np.int64], upload_s: Floats, part: float) -> float:
    """Seconds in which a simple plan serves this part of the users, each block loaded once."""
    sharing = library.sharing
    load_s = sharing.atom_bytes / server.load_rate_bytes_per_s
    longest = np.quantile(upload_s, min(1.0, part + 0.25)) if len(upload_s) else 0.0
    serve_s: dict[int, Floats] = {}
    for index, model in enumerate(library.models.values()):
        queue = np.sort(upload_s[(asked == index) & (upload_s <= longest)])
        room = server.memory_bytes - int(sharing.model_bytes[index])
        workspace = model.workspace_bytes_per_sample or 0
        batch = room // workspace if workspace else len(queue)
        if room < 0 or batch < 1 or len(queue) == 0:
            continue
        n = np.arange(1, len(queue) + 1)
        compute = (model.compute_fixed_s or 0.0) * -(-n // batch) + (model.compute_per_sample_s or 0.0) * n
        serve_s[index] = np.cumsum(queue) + compute
    # Time per user when each model pays its even part of the blocks that it shares.
    holders = np.array([len(models) for models in sharing.holders])
    part_s = sharing.incidence @ (load_s / holders)
    order = sorted(serve_s, key=lambda index: (part_s[index] + serve_s[index][-1]) / len(serve_s[index]))
    wanted, clock, served = part * len(upload_s), 0.0, 0
    loaded = np.zeros(len(load_s), dtype=bool)
    for index in order:
        held = sharing.incidence[[index], :].indices
        clock += float(load_s[held[~loaded[held]]].sum())
        loaded[held] = True
        count = min(len(serve_s[index]), max(1, round(wanted - served)))
        clock += float(serve_s[index][count - 1])
        served += count
        if served >= wanted:
            break
    return clock or 1.0


def _validate(users: int, served_fraction: float, zipf_exponent: float) -> None:
    if users < 0:
        raise UsageError(f"the number of users is 0 or more, not {users}")
    if not 0 < served_fraction <= 1:
        raise UsageError(f"served_fraction lies above 0 and at most at 1, not {served_fraction:g}")
    if not 0 <= zipf_exponent <= 10:
        raise UsageError(f"zipf_exponent lies between 0 and 10, not {zipf_exponent:g}")


def _validate_measured(
    uploads: str | None,
    trace: str | None,
    window_s: tuple[float, float] | None,
    bits_per_token: float | None,
    load_rate_bytes_per_s: float | None,
    load_times: LoadTimes | None,
) -> None:
    if uploads is not None and trace is not None:
        raise UsageError("uploads and a trace both say what users send; give one of them")
    if load_rate_bytes_per_s is not None and load_times is not None:
        raise UsageError("load times give the load rate; give one of them")
    require_trace(trace, window_s, bits_per_token=bits_per_token)


def _validate_choices(**values: str) -> None:
    known = {"deadlines": Deadlines, "uploads": Uploads, "upload": Upload, "retention": Retention}
    for key, value in values.items():
        if value not in get_args(known[key]):
            raise UsageError(f"there is no {key} {value!r}; {suggestion(value, list(get_args(known[key])))}")


def _validate_positive(**values: float | None) -> None:
    for key, value in values.items():
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{key} must be a positive number, not {value:g}")


def _validate_library(library: ModelLibrary) -> None:
    if not library.models:
        raise UsageError(f"the library {library.name!r} has no models")
    for model_name, model in library.models.items():
        for key in NEEDED_MODEL_KEYS:
            if getattr(model, key) is None:
                raise UsageError(
                    f"the model {model_name!r} of the library {library.name!r} lacks the key {key!r}; structures and "
                    f"checkpoints do not tell how long computing takes: add {', '.join(NEEDED_MODEL_KEYS)} to each "
                    "model of the library's file"
                )
