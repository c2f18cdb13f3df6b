"""The checkpoints at given paths: single files, sharded ones with their index, and LoRA adapters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_json

SUFFIX, INDEX_SUFFIX = ".safetensors", ".safetensors.index.json"
ADAPTER_CONFIG, ADAPTER_STEM = "adapter_config.json", "adapter_model"
# Stems that say nothing; the folder's name is the model's.
PLAIN_STEMS = {"model", "pytorch_model", "diffusion_pytorch_model", ADAPTER_STEM}
HUB_FOLDER, HUB_SNAPSHOTS = "models--", "snapshots"


@dataclass(frozen=True)
class Checkpoint:
    """The files of one model.

    Attributes
    ----------
    place : Path
        The safetensors file, or the index of a sharded checkpoint.
    shards : dict of Path to set of str, or None
        Names of the tensors that each file should hold; None: whatever it holds.
    base : str, optional
        For an adapter, the base model as the adapter names it; empty when it names none.
    """

    place: Path
    shards: dict[Path, set[str] | None]
    base: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two ways to the same files."""
        return (*sorted(os.path.realpath(file) for file in self.shards), self.base)

    @property
    def stem(self) -> str:
        """File name without what the format adds."""
        return self.place.name.removesuffix(INDEX_SUFFIX).removesuffix(SUFFIX)

    @property
    def name_parts(self) -> list[str]:
        """Parts of the path that name the model, from general to particular."""
        folders = [as_text(part) for part in self.place.absolute().parent.parts[1:]]
        for index in range(len(folders) - 2):
            if folders[index].startswith(HUB_FOLDER) and folders[index + 1] == HUB_SNAPSHOTS:
                owner_and_name = folders[index].removeprefix(HUB_FOLDER).split("--")
                folders = [*folders[:index], folders[index + 2], *owner_and_name, *folders[index + 3 :]]
                break
        return folders if self.stem in PLAIN_STEMS and folders else [*folders, as_text(self.stem)]


def as_text(path: str) -> str:
    """Return the path as text that can be written as UTF-8, whatever bytes the file system has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def find_checkpoints(paths: Iterable[Path]) -> Iterator[Checkpoint]:
    """Find the checkpoints at files and, at any depth, in folders; one may be found several times.

    A file that an index beside it names stands for the whole sharded checkpoint.

    Raises
    ------
    InputError
        A path does not exist or has no checkpoint; an index or an adapter's configuration is not what it should be.
    """
    for path in paths:
        checkpoints = list(_in_tree(path) if path.is_dir() else _at_file(path))
        if not checkpoints:
            remedy = f"name {SUFFIX} files, {INDEX_SUFFIX} files, or folders with such files"
            raise InputError(Finding("$", "there is no checkpoint", remedy), path)
        yield from checkpoints


def _at_file(path: Path) -> Iterator[Checkpoint]:
    if not path.exists():
        raise InputError(Finding("$", "there is no such file or folder"), path)
    if path.is_file() and path.name.endswith(INDEX_SUFFIX):
        yield _indexed(path)
    elif path.is_file() and path.name.endswith(SUFFIX):
        beside = [item.name for item in path.parent.iterdir()]
        yield from (checkpoint for checkpoint in _in_folder(path.parent, beside) if path in checkpoint.shards)


def _in_tree(root: Path) -> Iterator[Checkpoint]:
    def fail(error: OSError) -> None:
        raise InputError(Finding("$", f"the folder cannot be read: {error.strerror}"), error.filename)

    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=fail):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        yield from _in_folder(Path(folder), names)


def _in_folder(folder: Path, names: Iterable[str]) -> Iterator[Checkpoint]:
    # Links that lead nowhere are kept, and refused when they are opened; pipes are not, they would never end.
    files = sorted(name for name in names if (folder / name).is_file() or not (folder / name).exists())
    indexed = [_indexed(folder / name) for name in files if name.endswith(INDEX_SUFFIX)]
    yield from indexed
    shards = {shard for checkpoint in indexed for shard in checkpoint.shards}
    for name in files:
        place = folder / name
        if name.endswith(SUFFIX) and place not in shards:
            yield Checkpoint(place, {place: None}, _adapter_base(place))


def _indexed(place: Path) -> Checkpoint:
    data = read_json(place)
    names = data.get("weight_map") if isinstance(data, Mapping) else None
    if not isinstance(names, Mapping) or not names:
        raise InputError(Finding("$.weight_map", "should be an object {tensor: file}, not empty"), place)
    shards: dict[Path, set[str] | None] = {}
    for tensor, file in names.items():
        where = f"$.weight_map.{tensor}"
        if not isinstance(file, str) or not file.endswith(SUFFIX):
            raise InputError(Finding(where, f"should name a {SUFFIX} file, not {file!r}"), place)
        if "\\" in file or "\0" in file or PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
            raise InputError(Finding(where, f"{file!r} does not lie in the folder of the index"), place)
        expected = shards.setdefault(place.parent / file, set())
        assert expected is not None
        expected.add(tensor)
    for shard in shards:
        if not shard.is_file():
            problem = f"the shard {str(shard.relative_to(place.parent))!r} is missing"
            raise InputError(Finding("$.weight_map", problem, "copy all shards beside the index"), place)
    return Checkpoint(place, shards, _adapter_base(place))


def _adapter_base(place: Path) -> str | None:
    """Return the base model of an adapter's file, None for other files."""
    config = place.parent / ADAPTER_CONFIG
    if not place.name.startswith(ADAPTER_STEM) or not config.is_file():
        return None
    data = read_json(config)
    base = data.get("base_model_name_or_path") if isinstance(data, Mapping) else 0
    if base is not None and not isinstance(base, str):
        raise InputError(Finding("$.base_model_name_or_path", "should be the name or path of the base model"), config)
    return base or ""
