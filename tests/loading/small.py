"""Instances written by hand, with defaults for all that a test does not care about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeopt.loading.instance import LoadingInstance

DEFAULT_MODEL = {"compute_fixed_s": 1.0, "compute_per_sample_s": 0.5, "workspace_bytes_per_sample": 1}
FREE = {"compute_fixed_s": 0.0, "compute_per_sample_s": 0.0}
DEFAULT_USER = {"upload_bits": 2.0, "spectral_efficiency": 1.0}


def instance_of(
    models: Mapping[str, Sequence[str]],
    users: Sequence[str] | Mapping[str, Mapping[str, Any]],
    deadline_s: float,
    *,
    sizes: Mapping[str, int] | None = None,
    model_keys: Mapping[str, Mapping[str, Any]] | None = None,
    memory_bytes: int = 1000,
    load_rate: float = 1.0,
    bandwidth_hz: float = 4.0,
    modes: Mapping[str, str] | None = None,
) -> LoadingInstance:
    """Make an instance.

    Parameters
    ----------
    models : mapping of str to sequence of str
        The blocks of each model; a block has 1 byte unless `sizes` says otherwise.
    users : sequence of str, or mapping of str to mapping
        The model of each user, or the keys of each user that differ from the defaults.
    deadline_s : float
    model_keys : mapping of str to mapping, optional
        Keys of single models that differ from the defaults.
    modes : mapping of str to str, optional
        Modes that are not the usual ones.
    """
    blocks = {block: (sizes or {}).get(block, 1) for names in models.values() for block in names}
    if not isinstance(users, Mapping):
        users = {f"u{number}": {"model": model} for number, model in enumerate(users)}
    return LoadingInstance.from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "loading",
            "name": "small",
            "library": {
                "format": "edgeopt-library/1",
                "blocks": blocks,
                "models": {
                    name: {"blocks": list(held), **DEFAULT_MODEL, **(model_keys or {}).get(name, {})}
                    for name, held in models.items()
                },
            },
            "server": {"memory_bytes": memory_bytes, "load_rate_bytes_per_s": load_rate},
            "bandwidth_hz": bandwidth_hz,
            "users": {name: {**DEFAULT_USER, "deadline_s": deadline_s, **keys} for name, keys in users.items()},
            **(modes or {}),
        }
    )
