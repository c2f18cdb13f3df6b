"""Instances of `residency`: requests of a server's log, or drawn ones, over any library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import KW_ONLY
from typing import Annotated

from edgeopt.errors import UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import ModelLibrary
from edgeopt.measured.requests import drawn_requests
from edgeopt.quantities import quantity
from edgeopt.recipes.common import (
    Library,
    MeasuredLoadTimes,
    Models,
    RequestsRecipe,
    Seed,
    Sharing,
    Size,
    ZipfExponent,
)
from edgeopt.recipes.recipe import Argument, generator, recipe
from edgeopt.record import Count, Positive, Probability
from edgeopt.residency.instance import ResidencyInstance

LOAD_RATE_BYTES_PER_S = 2.692e9  # measured: safetensors on an A5000
ZIPF_EXPONENT = 0.9
MEMORY_PART = 0.4  # of the bytes of all models


@recipe
class ResidencyRecipe(RequestsRecipe):
    """How an instance of `residency` is made."""

    sharing: Sharing = "lora-towers"
    models: Models = 12
    seed: Seed = 0
    library: Library = None
    _: KW_ONLY
    memory_bytes: Annotated[
        Size | None,
        Argument(
            "Memory of the GPU, such as 24GB; default: 0.4 of all models, but enough for the largest.",
            "BYTES",
            "--memory",
            given=str,
        ),
    ] = None
    count: Annotated[Count, Argument("Requests that are drawn, the past ones among them.")] = 600
    zipf_exponent: ZipfExponent = ZIPF_EXPONENT
    past: Annotated[
        Probability, Argument("The first requests, this part of them, are past: policies take their rates from them.")
    ] = 0.5
    load_rate_bytes_per_s: Annotated[
        Positive | None,
        Argument(
            "Bytes that reach the GPU's memory in a second; default: 2.69e9, a measured rate.", "B/S", "--load-rate"
        ),
    ] = None
    load_times: MeasuredLoadTimes = None

    def check(self) -> None:
        super().check()
        if self.load_rate_bytes_per_s is not None and self.load_times is not None:
            raise UsageError("load times give the load rate; give one of them")
        if self.library is not None and self.library.shared_by == "store":
            raise UsageError(
                f"the library {self.library.name!r} counts what a disk shares, and a GPU does not: "
                "scan with --shared-by lora or --shared-by nobody"
            )

    def remarks(self) -> Iterable[str]:
        if self.load_times is not None:
            yield f"load times: {self.load_times}"
        elif self.load_rate_bytes_per_s is None:
            rate = quantity(LOAD_RATE_BYTES_PER_S, "B/s")
            yield f"load times are assumed: {rate}, measured elsewhere (--load-times has measured ones)"

    def draw(self) -> ResidencyInstance:
        """Draw an instance of `residency`: requests of a log, or drawn ones, for models on one GPU.

        Requests that are drawn have Zipf's popularities, the ranks dealt at random among the models. The first part of
        the requests is past, the others are those of the instance.

        A block takes its bytes by the load rate. The fixed time of measured load times counts for each request that
        loads.

        The library to draw is that of `edgeopt.libraries.generator.generate_library`; a library that is given stands
        in its stead. The default memory is 0.4 of the bytes of all models, each block counted once, but enough for the
        largest of them.
        """
        library = self.library or generate_library(self.sharing, self.models, self.seed)
        models = self._requested(library)
        past = round(self.past * len(models))
        memory = self._memory(library) if self.memory_bytes is None else self.memory_bytes
        _require_room(library, models, memory)
        rate, fixed_s = self.load_rate_bytes_per_s or LOAD_RATE_BYTES_PER_S, 0.0
        if self.load_times is not None:
            rate, fixed_s = self.load_times.rate_bytes_per_s, self.load_times.fixed_s
        return ResidencyInstance(
            name=self.name or f"{library.name}-{len(models) - past}-seed{self.seed}",
            library=library,
            memory_bytes=memory,
            load_s={block: float(f"{size / rate:.6g}") for block, size in library.blocks.items()},
            fixed_s={model: float(f"{fixed_s:.6g}") for model in library.models} if fixed_s else {},
            requests=models[past:],
            past=dict(Counter(models[:past])),
        )

    def _requested(self, library: ModelLibrary) -> list[str]:
        if self.requests is not None:
            return self.logged_models(library)
        return drawn_requests(list(library.models), self.count, self.zipf_exponent, self.seed).models

    def _memory(self, library: ModelLibrary) -> int:
        largest = max(library.size_bytes(model) for model in library.models)
        return max(largest, int(MEMORY_PART * library.union_bytes(library.models)))


def _require_room(library: ModelLibrary, requested: Iterable[str], memory_bytes: int) -> None:
    sizes = {model: library.size_bytes(model) for model in dict.fromkeys(requested)}
    over = [model for model, size in sizes.items() if size > memory_bytes]
    if over:
        listed = ", ".join(f"{model!r} ({quantity(sizes[model], 'B')})" for model in over[:5])
        more = f" and {len(over) - 5} more" if len(over) > 5 else ""
        raise UsageError(
            f"{quantity(memory_bytes, 'B')} are too little for requested models: {listed}{more}; give more memory, or "
            "requests without them"
        )


generate = generator(ResidencyRecipe)
