"""Instances of `residency`: one GPU, requests in their order, and the seconds that loading takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from edgeopt.csv_records import read_column
from edgeopt.errors import Finding, suggestion
from edgeopt.frozen import DictOf, FrozenDict, ListOf
from edgeopt.instance import Instance
from edgeopt.libraries.library import Name
from edgeopt.quantities import quantity
from edgeopt.record import Bytes, NonNegative, Whole


class ResidencyInstance(Instance):
    """A GPU that serves requests one after another and keeps what fits.

    Attributes
    ----------
    memory_bytes : int
        Memory M of the GPU; each block counts once, however many models hold it.
    load_s : dict of str to float
        Seconds that loading a block takes; every block of a requested model is there.
    fixed_s : dict of str to float
        Seconds more for each request that loads some of the model's blocks, such as the start of its process; 0 for a
        model that is left out.
    requests : list of str
        The model that each request is for, in order.
    past : dict of str to int
        How often each model was requested before. Policies take their rates from there, and not from the requests,
        which they do not know; without it they count the requests themselves.
    """

    problem: Literal["residency"] = "residency"
    memory_bytes: Bytes
    load_s: DictOf[Name, NonNegative]
    fixed_s: DictOf[Name, NonNegative] = Field(default_factory=FrozenDict)
    requests: ListOf[Name]
    past: DictOf[Name, Whole] = Field(default_factory=FrozenDict)

    @classmethod
    def from_dict(cls, data: Any, file: str | Path | None = None) -> Self:
        """Check plain data and make the instance; ``requests`` may be the path of a CSV table: its column ``model``."""
        if isinstance(data, Mapping) and isinstance(data.get("requests"), str):
            folder = Path(file).parent if file is not None else Path()
            data = {**data, "requests": read_column(folder / data["requests"], "model")}
        return super().from_dict(data, file)

    def findings(self) -> Iterable[Finding]:
        yield from super().findings()
        models, blocks = list(self.library.models), list(self.library.blocks)
        for index, model in enumerate(self.requests):
            if model not in self.library.models:
                yield Finding(
                    f"$.requests[{index}]", f"the library has no model {model!r}", partial(suggestion, model, models)
                )
        for key, named, known, kind in (
            ("load_s", self.load_s, blocks, "block"),
            ("fixed_s", self.fixed_s, models, "model"),
            ("past", self.past, models, "model"),
        ):
            for name in named:
                if name not in known:
                    problem = f"the library has no {kind} {name!r}"
                    yield Finding(f"$.{key}.{name}", problem, partial(suggestion, name, known))
        requested = dict.fromkeys(model for model in self.requests if model in self.library.models)
        lacking = {
            block: model
            for model in requested
            for block in self.library.models[model].blocks
            if block in self.library.blocks and block not in self.load_s
        }
        for block, model in lacking.items():
            problem = f"the key {block!r} is missing, a block of the requested model {model!r}"
            yield Finding("$.load_s", problem, "give the seconds that loading it takes")

    def load_seconds(self, model: str) -> float:
        """Return the seconds of loading a model of which nothing is on the GPU."""
        return self.fixed_s.get(model, 0.0) + sum(self.load_s[block] for block in self.library.models[model].blocks)

    def too_large(self) -> dict[str, int]:
        """Return the requested models that the GPU cannot hold, with the bytes that are lacking."""
        sizes = {model: self.library.size_bytes(model) for model in dict.fromkeys(self.requests)}
        return {model: size - self.memory_bytes for model, size in sizes.items() if size > self.memory_bytes}

    def facts(self) -> dict[str, str]:
        counts = Counter(self.requests)
        united = self.library.union_bytes(counts)
        facts = {
            **super().facts(),
            "GPU": f"{quantity(self.memory_bytes, 'B')} for {quantity(united, 'B')} of requested models",
            "requests": f"{len(self.requests):,} for {len(counts)} models",
        }
        if counts:
            seconds = sum(count * self.load_seconds(model) for model, count in counts.items())
            facts["loading"] = f"{quantity(seconds, 's')} if every request loads its model"
        if self.past:
            facts["past"] = f"{sum(self.past.values()):,} requests for {len(self.past)} models"
        return facts


INSTANCE_CLASS = ResidencyInstance
