"""The methods of `residency`, and where the code of each stands."""

from __future__ import annotations

from edgeopt.method import ANY, Code, Row

METHODS = [
    Row("exact", "exact", "optimal when it ends by itself; any instance", {ANY: Code("exact:solve")}),
    Row(
        "windows",
        "heuristic",
        "none; it proves a bound, and an optimum where both meet",
        {ANY: Code("windows:solve")},
    ),
    Row("bound", "bound", "a bound, no plan: the linear relaxation", {ANY: Code("windows:solve_bound")}),
    Row("lru", "baseline", "none: what was used longest ago goes", {ANY: Code("policies:solve_lru")}),
    Row("one-at-a-time", "baseline", "none: only the model in use stays", {ANY: Code("policies:solve_one_at_a_time")}),
    Row("costs", "baseline", "none: the policy that `edgeopt export` states", {ANY: Code("policies:solve_costs")}),
]
