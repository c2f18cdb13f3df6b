"""What several generators are told: libraries, seeds, and what others measured of stations, users and requests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from edgeopt.errors import UsageError
from edgeopt.libraries.library import ModelLibrary
from edgeopt.measured.load_times import PUBLISHED as LOAD_TIMES
from edgeopt.measured.load_times import LoadTimes, load_times_of
from edgeopt.measured.places import MELBOURNE, Area, Bounds, area_of
from edgeopt.measured.requests import read_requests, renamed
from edgeopt.measured.traces import PUBLISHED, Floats, Integers, Trace, trace_of
from edgeopt.quantities import size_bytes
from edgeopt.recipes.recipe import Argument, Recipe, recipe
from edgeopt.record import MOST_BYTES, Count, NonNegative, Positive

BITS_PER_TOKEN = 32.0  # our choice: a token of text has 4 bytes


def _read_library(value: Any) -> Any:
    return ModelLibrary.read(value) if isinstance(value, str | Path) else value


def _require_models(library: ModelLibrary | None) -> ModelLibrary | None:
    if library is not None and not library.models:
        raise UsageError(f"the library {library.name!r} has no models")
    return library


def as_text(value: Any) -> Any:
    """Return a path as text, and all else as it is."""
    return str(value) if isinstance(value, Path) else value


def _fitted(value: Any) -> Any:
    if isinstance(value, str | Path):
        return load_times_of([value])
    return load_times_of(value) if isinstance(value, tuple | list) else value


def _size(value: Any) -> Any:
    return size_bytes(value) if isinstance(value, str) else value


Share = Annotated[float, Field(gt=0, le=1)]
Sharing = Annotated[
    str, Argument("How the models of a drawn library share: random, dense, grid, tree, backbone, interval, ...")
]
Models = Annotated[Count, Argument("Models of a drawn library.")]
Seed = Annotated[int, Field(ge=0), Argument("Same arguments and seed, same instance.", "N")]
Library = Annotated[
    ModelLibrary | None,
    BeforeValidator(_read_library),
    AfterValidator(_require_models),
    Argument("Library, or its file, to use instead of drawing one.", "F", given=Path, file=True),
]
ZipfExponent = Annotated[
    float, Field(ge=0, le=10), Argument("Popularity of a model falls as its rank to this power; 0: all alike.")
]

MeasuredLoadTimes = Annotated[
    LoadTimes | None,
    BeforeValidator(_fitted),
    Argument(
        "Measured load times: files (CSV with bytes and seconds, or JSON of ServerlessLLM; give the option for "
        "each), or a5000-safetensors, a5000-phantom, h100-safetensors or h100-sllm.",
        "F",
        given=list[str],
        file=True,
        published=LOAD_TIMES,
    ),
]
Size = Annotated[int, Field(ge=0, le=MOST_BYTES), BeforeValidator(_size)]  # in bytes, or a text such as 24GB


@recipe
class RequestsRecipe(Recipe):
    """A recipe with the requests that a server has logged."""

    _: KW_ONLY
    requests: Annotated[
        str | None,
        BeforeValidator(as_text),
        Argument(
            "Requests in their order: a CSV file with a column model, or llama-swap's activity as JSON or SQLite.",
            "F",
            file=True,
        ),
    ] = None
    rename: Annotated[
        list[str] | None,
        Argument(
            "The library's name of a model that the log names otherwise; give the option for each.",
            "LOG=MODEL",
            needs="requests",
        ),
    ] = None
    config: Annotated[
        str | None,
        BeforeValidator(as_text),
        Argument(
            "Configuration of llama-swap, whose commands tell which model a name of the log is (extra serving).",
            "F",
            file=True,
            needs="requests",
        ),
    ] = None

    def logged_models(self, library: ModelLibrary) -> list[str]:
        """Read the model that each request is for, by the names of a library; what is renamed goes before others."""
        assert self.requests is not None
        logged_requests = read_requests(self.requests)
        pairs = [entry.rpartition("=") for entry in self.rename or ()]
        for entry, (logged, _, model) in zip(self.rename or (), pairs, strict=True):
            if not logged or not model:
                raise UsageError(f"{entry!r} should be LOG=MODEL: a name of the log, and the library's for it")
        names = {logged: model for logged, _, model in pairs}
        if self.config is not None:
            from edgeopt.libraries.server_names import names_of_config

            asked = set(logged_requests.models)
            told = names_of_config(self.config, library)
            names = {logged: model for logged, model in told.items() if logged in asked} | names
        return renamed(logged_requests, names, list(library.models)).models


@recipe
class StationsRecipe(Recipe):
    """A recipe with base stations and users that others measured."""

    _: KW_ONLY
    stations: Annotated[
        str | None,
        BeforeValidator(as_text),
        Argument(
            "CSV file of base stations (LATITUDE, LONGITUDE, perhaps SITE_ID), or melbourne to draw some like it.",
            "F",
            file=True,
            published=(MELBOURNE,),
        ),
    ] = None
    user_positions: Annotated[
        str | Path | None,
        Argument("CSV file of users (LATITUDE, LONGITUDE) beside the stations.", "F", file=True, needs="stations"),
    ] = None
    area: Annotated[
        Bounds | None,
        Field(strict=False),
        Argument("Degrees; leave out what stands beyond.", "SOUTH WEST NORTH EAST", needs="stations"),
    ] = None

    def measured_area(self, rng: np.random.Generator) -> Area:
        """Read or draw the stations and users."""
        assert self.stations is not None
        return area_of(self.stations, self.user_positions, self.area, rng)


def reach(default_m: float) -> Argument:
    """Describe the reach of stations, whose default differs from problem to problem."""
    description = "Metres from their nearest station within which users stand; with stations only"
    return Argument(f"{description}; default: {default_m:g}.", "M", "--reach", needs="stations")


@recipe
class TraceRecipe(Recipe):
    """A recipe with requests to language models that others traced."""

    _: KW_ONLY
    trace: Annotated[
        str | None,
        BeforeValidator(as_text),
        Argument(
            "CSV file of requests to language models (TIMESTAMP, ContextTokens, GeneratedTokens), or azure-code or "
            "azure-conversation to draw them like it.",
            "F",
            file=True,
            published=PUBLISHED,
        ),
    ] = None
    window_s: Annotated[
        tuple[NonNegative, Positive] | None,
        Field(strict=False),
        Argument("Seconds of the trace; default: all.", "START LENGTH", "--window", needs="trace"),
    ] = None
    bits_per_token: Annotated[
        Positive | None,
        Argument("Bits that a request of the trace sends for each token of context; default: 32.", needs="trace"),
    ] = None

    def traced_requests(self, count: int, rng: np.random.Generator) -> tuple[Trace, Integers]:
        """Draw requests of the trace in its window, and how many each of them stands for."""
        assert self.trace is not None
        trace = trace_of(self.trace, rng)
        return (trace if self.window_s is None else trace.window(*self.window_s)).sample(count, rng)

    def bits(self, tokens: Integers) -> Floats:
        """Return what contexts of so many tokens have in bits."""
        return (self.bits_per_token or BITS_PER_TOKEN) * tokens.astype(np.float64)


def require_keys(library: ModelLibrary, keys: Collection[str]) -> None:
    """Make sure that each model says what the problem asks of it.

    Raises
    ------
    UsageError
        One does not.
    """
    for name, model in library.models.items():
        if lacking := [key for key in keys if getattr(model, key) is None]:
            raise UsageError(
                f"the model {name!r} of the library {library.name!r} lacks the key{'s' * (len(lacking) > 1)} "
                f"{', '.join(map(repr, lacking))}, which structures and checkpoints do not tell; write them into the "
                f"library's file, or set them: edgeopt library join FILE -o NEW --set '*.{lacking[0]}=VALUE'"
            )
