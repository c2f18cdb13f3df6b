"""The methods that trained agents bring to `caching`."""

from __future__ import annotations

from edgeopt.method import ANY, Code, Row

METHODS = [
    Row(
        "policy",
        "heuristic",
        "none: agents trained by `edgeopt train`",
        {ANY: Code("agents.solving:solve_by_policy", "reach:too_many_nodes")},
        needs=("torch",),
        argument="FILE",
    ),
]
