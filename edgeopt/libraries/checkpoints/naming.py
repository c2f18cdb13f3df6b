"""Where a file lies tells what its model is called and where it came from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edgeopt.libraries.checkpoints.checkpoint import as_text

SUFFIX, INDEX_SUFFIX, GGUF_SUFFIX = ".safetensors", ".safetensors.index.json", ".gguf"
ADAPTER_CONFIG, ADAPTER_STEM = "adapter_config.json", "adapter_model"
# Stems that say nothing; the folder's name is the model's.
PLAIN_STEMS = {"model", "pytorch_model", "diffusion_pytorch_model", ADAPTER_STEM}
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.safetensors|\.gguf)")
HUB_FOLDER, HUB_SNAPSHOTS, HUB_TREES = "models--", "snapshots", "trees"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class HubPlace:
    """A place in a snapshot of the hub's cache: ``.../models--OWNER--NAME/snapshots/COMMIT/rest``."""

    repository: Path
    commit: str
    rest: tuple[str, ...]

    @property
    def owner_and_name(self) -> tuple[str, ...]:
        """The parts of the repository's name."""
        return tuple(as_text(self.repository.name).removeprefix(HUB_FOLDER).split("--"))

    @property
    def label(self) -> str:
        """The repository's name, ``OWNER/NAME``."""
        return "/".join(self.owner_and_name)

    @property
    def owner(self) -> str:
        """The repository's folder, links resolved."""
        return os.path.realpath(self.repository)

    def is_main(self) -> bool:
        """Say whether the repository's main branch is at this commit."""
        try:
            main = (self.repository / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return False
        return main == self.commit


def hub_place(folder: Path) -> HubPlace | None:
    """Return where in the hub's cache a folder lies, perhaps by a link; None for folders elsewhere."""
    for path in (folder.absolute(), Path(os.path.realpath(folder))):
        parts = path.parts
        for index in range(len(parts) - 2):
            if parts[index].startswith(HUB_FOLDER) and parts[index + 1] == HUB_SNAPSHOTS:
                rest = tuple(as_text(part) for part in parts[index + 3 :])
                return HubPlace(Path(*parts[: index + 1]), as_text(parts[index + 2]), rest)
    return None


def stem_of(name: str) -> str:
    """Return a file's name without what its format and its shards add."""
    shard = SHARD.fullmatch(name)
    return shard["stem"] if shard else name.removesuffix(INDEX_SUFFIX).removesuffix(SUFFIX).removesuffix(GGUF_SUFFIX)


def folder_parts(folder: Path) -> tuple[str, ...]:
    """Return the parts of a folder's path that name models, from general to particular; the hub's without its own."""
    hub = hub_place(folder)
    if hub is None:
        return tuple(as_text(part) for part in folder.absolute().parts[1:])
    above = (as_text(part) for part in hub.repository.parent.parts[1:])
    return (*above, hub.commit, *hub.owner_and_name, *hub.rest)


def is_plain(place: Path) -> bool:
    """Say whether the folder's name is the model's, as the file's says nothing."""
    return not place.name.endswith(GGUF_SUFFIX) and stem_of(place.name) in PLAIN_STEMS


def name_parts(place: Path) -> tuple[str, ...]:
    """Return the parts that name the model of a file or an index."""
    folders = folder_parts(place.parent)
    return folders if is_plain(place) and folders else (*folders, as_text(stem_of(place.name)))


def source_of(place: Path) -> str:
    """Return where the model of a file came from: a commit of the hub, or what a server would be told to load."""
    hub = hub_place(place.parent)
    if hub is not None:
        return f"hf://{hub.label}@{hub.commit}"
    path = place.parent if is_plain(place) else place
    return f"file://{as_text(str(path.absolute()))}"


def label_of(place: Path) -> str:
    """Return what a notice calls the model of a file."""
    hub = hub_place(place.parent)
    if hub is None:
        return as_text(str(place))
    stem = () if is_plain(place) else (as_text(stem_of(place.name)),)
    return "/".join((*hub.owner_and_name, *hub.rest, *stem))


def stated_digest(path: Path) -> str | None:
    """Return the SHA-256 that the hub's cache states of a file: the name of the blob that its link leads to."""
    try:
        target = Path(os.readlink(path))
    except (OSError, ValueError):
        return None
    return target.name if target.parent.name == "blobs" and SHA256.fullmatch(target.name) else None
