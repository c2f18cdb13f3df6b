"""The checkpoints at given paths: stores are known by what lies in them, all else is files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.libraries.checkpoints import oci
from edgeopt.libraries.checkpoints.checkpoint import Found
from edgeopt.libraries.checkpoints.folders import PROJECTOR_STEM, FolderFinder
from edgeopt.libraries.checkpoints.hub import find_in_repository
from edgeopt.libraries.checkpoints.naming import (
    GGUF_SUFFIX,
    HUB_FOLDER,
    HUB_SNAPSHOTS,
    HUB_TREES,
    INDEX_SUFFIX,
    SUFFIX,
    stem_of,
)
from edgeopt.libraries.checkpoints.ollama import find_in_ollama
from edgeopt.libraries.checkpoints.stores import WHERE, known_stores
from edgeopt.libraries.checkpoints.walking import files_of_folders

OTHER_HUB_FOLDERS = ("datasets--", "spaces--", "kernels--")


def find_checkpoints(paths: Iterable[Path] | None, with_missing: bool = False, whole_repository: bool = False) -> Found:
    """Find the checkpoints at files and, at any depth, in folders; one may be found several times.

    A file that an index beside it names, or that is a shard, stands for the whole checkpoint.

    Parameters
    ----------
    paths : iterable of Path, or None
        None are the known stores of this machine; they may be empty.
    with_missing, whole_repository : bool
        As `find_in_repository` takes them.

    Raises
    ------
    InputError
        A path does not exist or has no checkpoint; an index, a manifest, an adapter's configuration or the header of a
        GGUF file is not what it should be.
    UsageError
        There is no path and no known store.
    """
    found = Found()
    given = known_stores() if paths is None else paths
    if not given:
        raise UsageError(f"this machine has no store of models that is known ({WHERE}): name paths")
    for path in given:
        before = len(found.checkpoints), found.left_out
        if path.is_dir():
            _in_tree(path, found, with_missing, whole_repository)
        else:
            _at_file(path, found)
        if paths is not None and (len(found.checkpoints), found.left_out) == before:
            remedy = f"name {SUFFIX}, {GGUF_SUFFIX} or {INDEX_SUFFIX} files, or folders and stores with such files"
            raise InputError(Finding("$", "there is no checkpoint", remedy), path)
    return found


def _in_tree(root: Path, found: Found, with_missing: bool, whole_repository: bool) -> None:
    def take_store(folder: Path, subfolders: list[str], names: list[str]) -> bool:
        name = folder.absolute().name
        is_repository = HUB_SNAPSHOTS in subfolders or HUB_TREES in subfolders
        if "manifests" in subfolders and "blobs" in subfolders:
            find_in_ollama(folder, found)
        elif oci.LAYOUT in names and oci.INDEX in names:
            oci.find_in_layout(folder, found)
        elif name.startswith(HUB_FOLDER) and is_repository:
            find_in_repository(folder, found, with_missing, whole_repository)
        else:
            return name.startswith(OTHER_HUB_FOLDERS) and is_repository
        return True

    finder = FolderFinder(found)
    for folder, names in files_of_folders(root, take_store):
        before = len(found.checkpoints)
        finder.look_into(folder, names)
        if len(found.checkpoints) > before:
            found.stores["files"] = None


def _at_file(path: Path, found: Found) -> None:
    if not path.exists():
        raise InputError(Finding("$", "there is no such file or folder"), path)
    if not path.is_file() or not path.name.endswith((INDEX_SUFFIX, SUFFIX, GGUF_SUFFIX)):
        return
    own = Found()
    FolderFinder(own).look_into(path.parent, _belonging(path))
    models = [
        model for model in own.checkpoints if model.place == path or any(file.path == path for file in model.weights)
    ]
    found.checkpoints += models
    found.stores["files"] = None
    if not models:
        found.notices += own.notices
        found.left_out += own.left_out


def _belonging(path: Path) -> list[str]:
    """Return the names of the files that may make a model with this one: indexes, shards, the projector."""
    beside = [item.name for item in path.parent.iterdir()]
    if path.name.endswith(INDEX_SUFFIX):
        return [path.name]
    if path.name.endswith(SUFFIX):
        return [name for name in beside if name.endswith((SUFFIX, INDEX_SUFFIX))]
    stem = stem_of(path.name)
    gguf = [name for name in beside if name.endswith(GGUF_SUFFIX)]
    return [name for name in gguf if stem_of(name) == stem or name.startswith(PROJECTOR_STEM)]
