"""The checkpoints in a folder of files: safetensors, GGUF, their shards, adapters and projectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_json
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, Found, Listed, WeightFile
from edgeopt.libraries.checkpoints.geometry import cache_bytes_of_config, cache_bytes_of_fields
from edgeopt.libraries.checkpoints.gguf import Gguf, read_gguf
from edgeopt.libraries.checkpoints.naming import (
    ADAPTER_CONFIG,
    ADAPTER_STEM,
    GGUF_SUFFIX,
    INDEX_SUFFIX,
    SHARD,
    SUFFIX,
    hub_place,
    label_of,
    name_parts,
    source_of,
    stated_digest,
)
from edgeopt.record import MOST_COUNT

PROJECTOR_STEM = "mmproj"


class FolderFinder:
    """Finds the checkpoints in one folder after the other.

    Parameters
    ----------
    found : Found
        Where the checkpoints go.
    listed : mapping of Path to Listed
        Files that count as their store lists them, here or not.
    """

    def __init__(self, found: Found, listed: Mapping[Path, Listed] | None = None) -> None:
        self.found, self.listed = found, listed or {}
        self._in_an_index: set[Path] = set()  # also of subfolders, which come later

    def look_into(self, folder: Path, names: Iterable[str]) -> None:
        """Find the checkpoints among the files of a folder.

        Raises
        ------
        InputError
            An index, an adapter's configuration or the header of a GGUF file is not what it should be.
        """
        files = sorted(name for name in names if self._may_be_read(folder / name))
        for name in files:
            if name.endswith(INDEX_SUFFIX) and (folder / name).is_file():
                self._take_index(folder / name)
        free = [name for name in files if (folder / name) not in self._in_an_index]
        for place, paths in self._whole(folder, [name for name in free if name.endswith(SUFFIX)]):
            self._add_safetensors(place, [self._file(path) for path in paths])
        self._take_gguf(self._whole(folder, [name for name in free if name.endswith(GGUF_SUFFIX)]))

    def _file(self, path: Path, tensors: frozenset[str] | None = None) -> WeightFile:
        return WeightFile(path, tensors, self.listed.get(path), stated_digest(path))

    def _may_be_read(self, path: Path) -> bool:
        """Say whether a name is a file: pipes are none, they would never end.

        Links that lead nowhere are kept, and refused when they are opened; in the hub's cache they are files that are
        not here.
        """
        return self._is_known(path) or (not path.exists() and hub_place(path.parent) is None)

    def _is_known(self, path: Path) -> bool:
        return path.is_file() or path in self.listed

    def _whole(self, folder: Path, names: Iterable[str]) -> Iterator[tuple[Path, list[Path]]]:
        """Yield the files that are models, shards together, each with its first; what lacks shards is left out."""
        shards: dict[tuple[str, ...], list[Path]] = {}
        for name in names:
            match = SHARD.fullmatch(name)
            if match is None or not int(match["count"]):
                yield folder / name, [folder / name]
            else:
                shards.setdefault((match["stem"], match["count"], match["suffix"]), []).append(folder / name)
        for (stem, count, suffix), here in shards.items():
            wanted = [folder / f"{stem}-{number:05d}-of-{count}{suffix}" for number in range(1, int(count) + 1)]
            missing = len(set(wanted) - set(here))
            if missing:
                self.found.leave_out(label_of(here[0]), f"{missing} of {int(count)} shards are missing")
            else:
                yield wanted[0], wanted

    def _take_index(self, place: Path) -> None:
        shards = _indexed(place)
        self._in_an_index.update(shards)
        missing = [path for path in shards if not self._is_known(path)]
        if missing:
            self.found.leave_out(label_of(place), f"{len(missing)} of {len(shards)} shards are missing")
        else:
            files = [self._file(path, frozenset(tensors)) for path, tensors in shards.items()]
            self._add_safetensors(place, files)

    def _add_safetensors(self, place: Path, files: Iterable[WeightFile]) -> None:
        config = place.parent / ADAPTER_CONFIG
        if place.name.startswith(ADAPTER_STEM) and config.is_file():
            base, rank = _adapter(config)
            self._add(place, files, base=base, rank=rank)
        else:
            self._add(place, files, cache=cache_bytes_of_config(place.parent / "config.json"))

    def _take_gguf(self, groups: Iterable[tuple[Path, list[Path]]]) -> None:
        """Add the GGUF files of a folder; its only projector belongs to each of its models."""
        kinds: dict[str, list[tuple[Path, list[Path], Gguf | None]]] = {"model": [], "adapter": [], "mmproj": []}
        for place, paths in groups:
            header = read_gguf(place, whole=False) if place.is_file() or place not in self.listed else None
            kind = _kind(place, header)
            if kind in kinds:
                kinds[kind].append((place, paths, header))
            else:
                self.found.leave_out(label_of(place), f"it is no model, but of the type {kind!r}")
        projectors = [paths for _, paths, _ in kinds["mmproj"]]
        shared = projectors[0] if len(projectors) == 1 and kinds["model"] else []
        for place, paths, header in kinds["model"]:
            cache = cache_bytes_of_fields(header.fields) if header else None
            self._add(place, map(self._file, [*paths, *shared]), cache=cache)
        for place, paths, header in kinds["adapter"]:
            self._add(place, map(self._file, paths), base=_told_base(header), rank=rank_of(header))
        if not shared:
            for place, paths, _ in kinds["mmproj"]:
                self._add(place, map(self._file, paths))

    def _add(
        self,
        place: Path,
        files: Iterable[WeightFile],
        *,
        base: str | None = None,
        rank: int | None = None,
        cache: int | None = None,
    ) -> None:
        hub = hub_place(place.parent)
        own = tuple(files)
        self.found.checkpoints.append(
            Checkpoint(
                place,
                name_parts(place),
                source_of(place),
                files=own if base is None else (),
                adapter_files=() if base is None else own,
                base=base,
                owner=hub.owner if hub else "",
                is_main=hub is not None and hub.is_main(),
                rank=rank,
                cache_bytes_per_token=cache,
            )
        )


def _kind(place: Path, header: Gguf | None) -> str:
    kind = header.text("general.type") if header else ""
    if place.name.startswith(PROJECTOR_STEM) or kind == "mmproj":
        return "mmproj"
    return kind or "model"


def _told_base(header: Gguf | None) -> str:
    if header is None:
        return ""
    parts = (header.text(f"general.base_model.0.{key}") for key in ("organization", "name"))
    return "/".join(part for part in parts if part)


def _indexed(place: Path) -> dict[Path, set[str]]:
    """Return the shards that an index names, each with the names of its tensors."""
    data = read_json(place)
    names = data.get("weight_map") if isinstance(data, Mapping) else None
    if not isinstance(names, Mapping) or not names:
        raise InputError(Finding("$.weight_map", "should be an object {tensor: file}, not empty"), place)
    shards: dict[Path, set[str]] = {}
    for tensor, file in names.items():
        where = f"$.weight_map.{tensor}"
        if not isinstance(file, str) or not file.endswith(SUFFIX):
            raise InputError(Finding(where, f"should name a {SUFFIX} file, not {file!r}"), place)
        if not is_inside(file):
            raise InputError(Finding(where, f"{file!r} does not lie in the folder of the index"), place)
        shards.setdefault(place.parent / file, set()).add(tensor)
    return shards


def is_inside(name: str) -> bool:
    """Say whether a relative path stays in its folder."""
    path = PurePosixPath(name)
    return not ("\\" in name or "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts)


def rank_of(header: Gguf | None) -> int | None:
    """Return the largest rank of a low-rank adapter in GGUF, None where it shows none."""
    tensors = header.file.tensors if header and header.file else ()
    ranks = [tensor.shape[0] for tensor in tensors if tensor.name.endswith(".lora_a") and len(tensor.shape) == 2]
    return max(ranks, default=0) or None


def _adapter(config: Path) -> tuple[str, int | None]:
    """Return the base model that an adapter's configuration names, and the adapter's largest rank."""
    data: Any = read_json(config)
    base = data.get("base_model_name_or_path") if isinstance(data, Mapping) else 0
    if base is not None and not isinstance(base, str):
        raise InputError(Finding("$.base_model_name_or_path", "should be the name or path of the base model"), config)
    pattern = data.get("rank_pattern")
    ranks = [data.get("r"), *(pattern.values() if isinstance(pattern, Mapping) else ())]
    for rank in ranks:
        if rank is not None and (type(rank) is not int or not 1 <= rank <= MOST_COUNT):
            raise InputError(Finding("$.r", f"a rank should be a whole number of 1 or more, not {rank!r}"), config)
    return base or "", max((rank for rank in ranks if rank is not None), default=None)
