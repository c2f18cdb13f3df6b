"""The policies as methods of `loading`, for streams."""

from __future__ import annotations

from edgeopt.method import Code, Row, keys

STREAM = keys(stream=True)
ONLINE = "none; it knows nothing of the future"

METHODS = [
    Row(name, "baseline", ONLINE, {STREAM: Code(f"policies.baselines:{function}")})
    for name, function in (
        ("fifo", "first_come"),
        ("lru-models", "lru_models"),
        ("lru-blocks", "lru_blocks"),
        ("batch-when-full", "batch_when_full"),
        ("affinity", "affinity"),
        ("density", "density"),
        ("density-idle", "density_idle"),
        ("density-unshared", "density_unshared"),
        ("visit-density", "visit_density"),
        ("rolling", "rolling"),
    )
]
METHODS.append(Row("priced", "baseline", ONLINE, {STREAM: Code("policies.baselines:priced")}, argument="FILE"))
