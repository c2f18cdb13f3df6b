"""KServe: which node group caches which model on its disks, one `LocalModelCache` for each model.

Format: github.com/kserve/kserve, commit 33321d1, `serving.kserve.io_localmodelcaches.yaml`; `kserve_storage.py` (the
form of hub URIs). KServe keys its storage by the URI: it shares nothing between models, and takes whole repositories.
"""

from __future__ import annotations

import re

from edgeopt.errors import UsageError
from edgeopt.exports.target import NOTHING_PLACED, Request, Target, require_shared_by
from edgeopt.exports.yaml_text import yaml_text

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
RULE = "Kubernetes names have lower-case letters, digits, '-' and '.', and begin and end with a letter or digit"
HUB = re.compile(r"hf://([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+)(?:@([A-Za-z0-9._/-]+))?")


def write(request: Request) -> tuple[dict[str, str], str]:
    """Write a document for each placed model with the node groups that hold it."""
    library = request.instance.library
    require_shared_by(library, "nobody", "KServe", "KServe stores each model whole")
    assert request.plan is not None
    groups: dict[str, list[str]] = {}
    for node, models in request.plan["placed"].items():
        for model in models:
            if request.models is None or model in request.models:
                groups.setdefault(model, []).append(_group(node))
    if not groups:
        raise UsageError(NOTHING_PLACED)
    documents = [_document(request, model, groups[model]) for model in library.models if model in groups]
    count = f"{len(documents)} model{'s' if len(documents) > 1 else ''}"
    return {"": "---\n".join(documents)}, (
        f"{count}; node groups are yours to define (LocalModelNodeGroup); KServe downloads whole repositories: scan "
        "with --whole-repository, so that sizes count all files"
    )


def _group(node: str) -> str:
    if not NAME.fullmatch(node):
        raise UsageError(f"the node {node!r} cannot be a node group: {RULE}")
    return node


def _document(request: Request, model: str, groups: list[str]) -> str:
    found = HUB.fullmatch(request.source(model))
    if found is None:
        raise UsageError(f"{model!r} came from {request.source(model)!r}; this export takes models of the hub (hf://)")
    owner, name, revision = found.groups()
    uri = f"hf://{owner}/{name}" + (f":{revision}" if revision else "")
    return yaml_text(
        {
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "LocalModelCache",
            "metadata": {"name": request.legal_name(model, NAME, RULE)},
            "spec": {
                "sourceModelUri": uri,
                "modelSize": request.instance.library.size_bytes(model),
                "nodeGroups": groups,
            },
        }
    )


KSERVE = Target("kserve", "models cached on the disks of node groups", ("placement",), True, (".yaml", ".yml"), write)
