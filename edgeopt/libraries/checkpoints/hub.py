"""Repositories in the cache of the Hugging Face hub: revisions, what is not here of them, and files that are shared.

The layout is that of huggingface_hub 2.4: ``models--OWNER--NAME/{refs/main, snapshots/COMMIT, blobs, trees}``. A tree
lists all files of a commit. Where the cache has ``blobs/.huggingface-shared-blobs``, files that came by Xet are shared
between repositories by their Xet hash.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_json
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, Found, Listed, WeightFile, as_text
from edgeopt.libraries.checkpoints.folders import FolderFinder, is_inside
from edgeopt.libraries.checkpoints.naming import (
    HUB_SNAPSHOTS,
    HUB_TREES,
    HubPlace,
    folder_parts,
    hub_place,
    stated_digest,
)
from edgeopt.libraries.checkpoints.walking import files_of_folders

MARKER = Path("blobs", ".huggingface-shared-blobs")
TREE_VERSION = 1
COMMIT_DIGITS = 8


def find_in_repository(repository: Path, found: Found, with_missing: bool, whole_repository: bool) -> None:
    """Find the checkpoints of each revision of a repository, that of its main branch first.

    Parameters
    ----------
    repository : Path
        A folder ``models--OWNER--NAME``.
    found : Found
        Where they go.
    with_missing : bool
        Files that a tree lists count as if they were here.
    whole_repository : bool
        A revision is one model of all its files, here or not, since some servers load whole repositories.
    """
    found.stores["hub"] = None
    commits = {path.name for path in _entries(repository / HUB_SNAPSHOTS) if path.is_dir()}
    if with_missing:
        commits |= {path.stem for path in _entries(repository / HUB_TREES) if path.suffix == ".json"}
    places = [place for commit in commits if (place := hub_place(repository / HUB_SNAPSHOTS / commit)) is not None]
    for place in sorted(places, key=lambda place: (not place.is_main(), place.commit)):
        _find_in_revision(place, found, with_missing, whole_repository)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(Finding("$", f"the folder cannot be read: {error.strerror}"), folder) from None


def _find_in_revision(place: HubPlace, found: Found, with_missing: bool, whole_repository: bool) -> None:
    snapshot = place.repository / HUB_SNAPSHOTS / place.commit
    here = {
        folder: [name for name in names if (folder / name).is_file()] for folder, names in files_of_folders(snapshot)
    }
    tree = _tree(place, snapshot, found)
    paths = {folder / name for folder, names in here.items() for name in names}
    missing = {path: size for path, (_, size) in tree.items() if path not in paths}
    if missing:
        files = f"{len(missing)} files of {place.commit[:COMMIT_DIGITS]} are not here, {sum(missing.values()):,} bytes"
        found.notices.append(f"{place.label}: {files}")
    counted = with_missing or whole_repository
    listed = {path: Listed(key, size) for path, (key, size) in tree.items()} if counted else {}
    if counted:
        for path in sorted(missing):
            here.setdefault(path.parent, []).append(path.name)
    before = len(found.checkpoints), found.left_out
    finder = FolderFinder(found, listed)
    for folder in sorted(here):
        finder.look_into(folder, here[folder])
    models = found.checkpoints[before[0] :]
    if whole_repository and models:
        every = [folder / name for folder in sorted(here) for name in here[folder]]
        found.checkpoints[before[0] :] = [_whole(place, snapshot, models, every, listed)]
    elif not models and found.left_out == before[1]:
        found.leave_out(place.label, "no weights here")


def _whole(
    place: HubPlace,
    snapshot: Path,
    models: list[Checkpoint],
    paths: list[Path],
    listed: Mapping[Path, Listed],
) -> Checkpoint:
    """Return a revision as one model of all its files; it is an adapter when it holds nothing else."""
    files = tuple(WeightFile(path, None, listed.get(path), stated_digest(path)) for path in paths)
    base = models[0].base if all(model.base is not None for model in models) else None
    return Checkpoint(
        snapshot,
        folder_parts(snapshot),
        f"hf://{place.label}@{place.commit}",
        files=files if base is None else (),
        adapter_files=() if base is None else files,
        base=base,
        owner=place.owner,
        is_main=place.is_main(),
        rank=models[0].rank if base is not None else None,
        cache_bytes_per_token=models[0].cache_bytes_per_token if len(models) == 1 else None,
    )


def _tree(place: HubPlace, snapshot: Path, found: Found) -> dict[Path, tuple[str, int]]:
    """Return the key and the size of each file that the tree of a commit lists; nothing where there is no tree."""
    path = place.repository / HUB_TREES / f"{place.commit}.json"
    if not path.is_file():
        return {}
    data = read_json(path)
    if not isinstance(data, Mapping) or data.get("format_version") != TREE_VERSION:
        found.notices.append(f"{as_text(str(path))}: this version of trees is not known: not looked at")
        return {}
    files = data.get("files")
    if not isinstance(files, Mapping):
        raise InputError(Finding("$.files", "should be an object {path: file}"), path)
    cache = os.path.realpath(place.repository.parent)
    shares = _shares(place.repository.parent)
    tree = {}
    for name, entry in files.items():
        size, key = _listed(name, entry, path)
        xet = entry.get("xet_hash")
        tree[snapshot / name] = (f"{cache}:{xet}" if shares and isinstance(xet, str) else f"{place.owner}:{key}", size)
    return tree


def _listed(name: str, entry: Any, path: Path) -> tuple[int, str]:
    """Return the size and the name of the blob of a file that a tree lists."""
    where = f"$.files.{name}"
    if not is_inside(name):
        raise InputError(Finding(where, f"{name!r} does not lie in the repository"), path)
    if not isinstance(entry, Mapping):
        raise InputError(Finding(where, "should be an object with size and blob_id"), path)
    size, key = entry.get("size"), entry.get("lfs_sha256") or entry.get("blob_id")
    if type(size) is not int or not 0 <= size < 2**62:
        raise InputError(Finding(f"{where}.size", f"should be a number of bytes, not {size!r}"), path)
    if not isinstance(key, str):
        raise InputError(Finding(f"{where}.blob_id", f"should be a text, not {key!r}"), path)
    return size, key


def _shares(cache: Path) -> bool:
    """Say whether the repositories of a cache share files."""
    try:
        return (cache / MARKER).read_text(encoding="utf-8") == "1\n"
    except (OSError, UnicodeDecodeError):
        return False
