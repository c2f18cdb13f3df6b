"""Instances built in code, step by step: blocks and models first, then what each problem has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from edgeopt.csv_records import read_records
from edgeopt.errors import UsageError
from edgeopt.instance import INSTANCE_FORMAT, Instance, instance_from_dict
from edgeopt.libraries.library import ModelLibrary
from edgeopt.problems import find_problem
from edgeopt.quantities import in_units, parsed


class Builder:
    """Builds an instance; its methods return the builder, so that calls can be chained.

    Numbers may be texts with the unit of their key: ``memory_bytes="8GB"``, ``deadline_s="250ms"``.

    Parameters
    ----------
    name : str
    library : ModelLibrary or path, optional
        Models that are there from the start.
    **keys
        Further keys of the instance, such as ``server`` and ``bandwidth_hz`` of `loading`.
    """

    problem: ClassVar[str]

    def __init__(self, name: str, library: ModelLibrary | str | Path | None = None, **keys: Any) -> None:
        given = ModelLibrary.read(library) if isinstance(library, str | Path) else library
        plain: dict[str, Any] = (given or ModelLibrary(name=name, blocks={}, models={})).to_dict()
        self._library: dict[str, Any] = {**plain, "blocks": dict(plain["blocks"]), "models": dict(plain["models"])}
        self._data: dict[str, Any] = {"name": name, **_in_units(keys, "$")}

    def add_block(self, name: str, size: int | str) -> Self:
        """Add a block of parameters: its size in bytes, or as a text such as ``"44.7MB"``.

        Raises
        ------
        UsageError
            The block is there with another size, or the text is no size.
        """
        try:
            size = round(parsed(size, "B")) if isinstance(size, str) else size
        except ValueError as error:
            raise UsageError(f"block {name!r}: {error}") from None
        if self._library["blocks"].setdefault(name, size) != size:
            known = self._library["blocks"][name]
            raise UsageError(f"the block {name!r} has {known} bytes, not {size}; a block is the same bytes everywhere")
        return self

    def add_model(self, name: str, blocks: Mapping[str, int | str] | Sequence[str], **keys: Any) -> Self:
        """Add a model of blocks.

        Parameters
        ----------
        name : str
        blocks : list of str, or dict of str to size
            Blocks that are there; or blocks with their sizes, which are added if they are new. Blocks of the same name
            are shared.
        **keys
            ``compute_fixed_s``, ``compute_per_sample_s``, ``workspace_bytes_per_sample``, ``task``, ``accuracy``,
            ``flops_per_sample``: what the problem needs.

        Raises
        ------
        UsageError
            The model is there already, or a block has another size.
        """
        if isinstance(blocks, str):
            raise UsageError(f"blocks is a list of names: [{blocks!r}]")
        if isinstance(blocks, Mapping):
            for block, size in blocks.items():
                self.add_block(block, size)
        self._put(self._library["models"], "model", name, {"blocks": list(blocks), **keys})
        return self

    def instance(self) -> Instance:
        """Make the instance, checked like a file.

        Raises
        ------
        InputError
            With the path of what is wrong, and what would be right.
        """
        return instance_from_dict(
            {"format": INSTANCE_FORMAT, "problem": self.problem, "library": self._library, **self._data}
        )

    def _entries(self, key: str) -> dict[str, Any]:
        entries: dict[str, Any] = self._data.setdefault(key, {})
        return entries

    def _list(self, key: str) -> list[Any]:
        entries: list[Any] = self._data.setdefault(key, [])
        return entries

    def _put(self, entries: dict[str, Any], kind: str, name: str, values: Mapping[str, Any]) -> None:
        if name in entries:
            raise UsageError(f"the {kind} {name!r} is there already; give each {kind} a name of its own")
        entries[name] = _in_units(
            {key: value for key, value in values.items() if value is not None}, f"{kind} {name!r}"
        )

    def _append(self, entries: list[Any], kind: str, values: Mapping[str, Any]) -> None:
        entries.append(_in_units(values, f"{kind} {len(entries)}"))

    def _number(self, key: str, value: Any, where: str) -> Any:
        return _in_units({key: value}, where)[key]

    def _put_table(self, entries: dict[str, Any], kind: str, path: str | Path) -> None:
        for name, values in read_records(path, kind).items():
            self._put(entries, kind, name, values)


def build(problem: str, name: str, library: ModelLibrary | str | Path | None = None, **keys: Any) -> Any:
    """Begin an instance of a problem; see the methods of its builder, such as `edgeopt.loading.builder.LoadingBuilder`.

    Parameters
    ----------
    problem, name : str
    library : ModelLibrary or path, optional
    **keys
        Keys of the instance that are not built step by step, as in its file.

    Returns
    -------
    Builder
        Its `instance()` makes the instance.
    """
    return find_problem(problem).part("builder").BUILDER(name, library, **keys)


def _in_units(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return plain data in which texts with units are numbers."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        try:
            found[key] = _in_units(value, f"{where}, {key}") if isinstance(value, Mapping) else in_units(key, value)
        except ValueError as error:
            raise UsageError(f"{where}, {key}: {error}") from None
    return found
