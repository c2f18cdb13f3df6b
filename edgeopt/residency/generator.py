"""Instances of `residency`: requests of a server's log, or drawn ones, over any library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY
from typing import Annotated

from pydantic import BeforeValidator

from edgeopt.errors import UsageError
from edgeopt.libraries.footprints import OVERHEAD_BYTES, Footprints, read_footprints, with_footprints
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import ModelLibrary
from edgeopt.libraries.shared_by import SharedBy
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
    as_text,
)
from edgeopt.recipes.recipe import Argument, generator, recipe
from edgeopt.record import Count, Positive, Probability, Whole
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
    footprints: Annotated[
        str | None,
        BeforeValidator(as_text),
        Argument("CSV file with model and bytes: the memory that models were measured to take.", "F", file=True),
    ] = None
    context: Annotated[
        Whole | None, Argument("Tokens of context that models without a measured footprint have room for.", "TOKENS")
    ] = None
    overhead_bytes: Annotated[
        Size | None,
        Argument(
            "What models without a measured footprint take beside weights and context; default: 1GB for scanned ones.",
            "BYTES",
            "--overhead",
            given=str,
        ),
    ] = None

    def check(self) -> None:
        super().check()
        if self.load_rate_bytes_per_s is not None and self.load_times is not None:
            raise UsageError("load times give the load rate; give one of them")
        if self.library is not None and self.library.shared_by == SharedBy.STORE:
            raise UsageError(
                f"the library {self.library.name!r} counts what a disk shares, and a GPU does not: "
                "scan with --shared-by lora or --shared-by nobody"
            )
        self._footprints(self.library)

    def remarks(self) -> Iterable[str]:
        if self.load_times is not None:
            yield f"load times: {self.load_times}"
        elif self.load_rate_bytes_per_s is None:
            rate = quantity(LOAD_RATE_BYTES_PER_S, "B/s")
            yield f"load times are assumed: {rate}, measured elsewhere (--load-times has measured ones)"
        footprints = self._footprints(self.library)
        if footprints is not None and footprints.estimated:
            count = len(footprints.estimated)
            models = f"{count} model{'s' if count > 1 else ''}"
            yield f"footprints of {models} are estimated (--footprints has measured ones)"
            if self.context is None:
                yield "no room is counted for contexts (--context does)"
            elif footprints.without_cache:
                unknown = len(footprints.without_cache)
                yield f"the size of the context is not known of {unknown} of them: none is counted"

    def _footprints(self, library: ModelLibrary | None) -> Footprints | None:
        """Return the footprints of a scanned library's models, or of any where something is said of them."""
        told = any(value is not None for value in (self.footprints, self.context, self.overhead_bytes))
        if library is None or not (told or library.shared_by in (SharedBy.LORA, SharedBy.NOBODY)):
            return None
        measured = {} if self.footprints is None else read_footprints(self.footprints)
        overhead = OVERHEAD_BYTES if self.overhead_bytes is None else self.overhead_bytes
        return with_footprints(library, measured, self.context or 0, overhead)

    def draw(self) -> ResidencyInstance:
        """Draw an instance of `residency`: requests of a log, or drawn ones, for models on one GPU.

        Requests that are drawn have Zipf's popularities, the ranks dealt at random among the models. The first part of
        the requests is past, the others are those of the instance.

        Models of a scanned library have the size of their footprints, see `edgeopt.libraries.footprints`; what a
        process takes beside weights is part of its first block, since it stays and goes with it, and is not loaded.

        A block takes its bytes by the load rate. The fixed time of measured load times counts for each request that
        loads.

        The library to draw is that of `edgeopt.libraries.generator.generate_library`; a library that is given stands
        in its stead. The default memory is 0.4 of the bytes of all models, each block counted once, but enough for the
        largest of them.
        """
        weights = self.library or generate_library(self.sharing, self.models, self.seed)
        library, loaded_bytes = _in_memory(weights, self._footprints(weights))
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
            load_s={block: float(f"{size / rate:.6g}") for block, size in loaded_bytes.items()},
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


def _in_memory(weights: ModelLibrary, footprints: Footprints | None) -> tuple[ModelLibrary, Mapping[str, int]]:
    """Return the library with the sizes of its blocks in memory, and the bytes that loading each of them reads."""
    if footprints is None:
        return weights, weights.blocks
    sizes, held = dict(footprints.library.blocks), footprints.library.models
    first = {block: next(iter(model.blocks)) for model in held.values() for block in model.blocks}
    for block in footprints.reserved:
        if first[block] != block:
            sizes[first[block]] += sizes.pop(block)
    models = {
        name: model.replace(blocks=[block for block in model.blocks if block in sizes]) for name, model in held.items()
    }
    read = {block: 0 if block in footprints.reserved else weights.blocks.get(block, 0) for block in sizes}
    return footprints.library.replace(blocks=sizes, models=models), read


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
