"""A placement of adapters read as replicas: each node serves one base model and the adapters that are placed there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from edgeopt.errors import UsageError
from edgeopt.exports.target import NOTHING_PLACED, Request, joined, require_shared_by

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class Replica(NamedTuple):
    """A process that serves one base.

    Attributes
    ----------
    node, base : str
    placed : list of str
        The adapters that the plan places there.
    others : list of str
        The library's other adapters on the same base.
    """

    node: str
    base: str
    placed: list[str]
    others: list[str]


def replicas(request: Request, target: str) -> list[Replica]:
    """Return the replica of each node on which something is placed.

    Raises
    ------
    UsageError
        The library counts something else than what a process shares, a node has models of several bases or of none, or
        its name is none for a file; or nothing is placed.
    """
    found = list(_replicas(request, target))
    if not found:
        raise UsageError(NOTHING_PLACED)
    return found


def _replicas(request: Request, target: str) -> Iterator[Replica]:
    library = request.instance.library
    require_shared_by(library, "lora", target, "a replica has one base with its adapters in memory")
    assert request.plan is not None
    chosen = set(library.models if request.models is None else request.models)
    for node, models in request.plan["placed"].items():
        placed = [model for model in models if model in chosen]
        if not placed:
            continue
        if not FILE_NAME.fullmatch(node):
            raise UsageError(f"the node {node!r} cannot name a file: use letters, digits, '.', '_' and '-'")
        bases = {library.models[model].base or model for model in placed}
        if len(bases) > 1:
            raise UsageError(
                f"the node {node!r} has models of several bases, {joined(sorted(bases))}: "
                f"a replica of {target} serves one"
            )
        (base,) = bases
        adapters = [model for model, facts in library.models.items() if facts.base == base and model in chosen]
        held = [model for model in adapters if model in placed]
        yield Replica(node, base, held, [model for model in adapters if model not in placed])


def served_path(request: Request, model: str) -> str:
    """Return how a server finds a model: the path of its folder or file, or its name on the hub.

    Raises
    ------
    UsageError
        It is from elsewhere.
    """
    source = request.source(model)
    kind, _, rest = source.partition("://")
    if kind == "file":
        return unquote(rest)
    if kind == "hf":
        return rest.partition("@")[0]
    raise UsageError(f"{model!r} came from {source!r}; servers of adapters take files and models of the hub")


def largest_rank(request: Request, adapters: list[str]) -> int | None:
    """Return the rank that the request gives, or the largest of the adapters' where the library tells all of them."""
    if request.max_lora_rank is not None:
        return request.max_lora_rank
    ranks = [request.instance.library.models[model].rank for model in adapters]
    known = [rank for rank in ranks if rank is not None]
    return max(known) if known and len(known) == len(ranks) else None
