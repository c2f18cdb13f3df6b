"""The methods of `placement`, and where the code of each stands."""

from __future__ import annotations

from edgeopt.method import ANY, Code, Row

EITHER = "optimal when it ends by itself; any instance"


METHODS = [
    Row("portfolio", "exact", EITHER, {ANY: Code("portfolio:solve")}),
    Row("exact", "exact", EITHER, {ANY: Code("exact:solve")}),
    Row("cpsat", "exact", EITHER, {ANY: Code("cpsat:solve")}),
    Row(
        "branch-and-bound",
        "exact",
        "optimal when it ends by itself; one node",
        {ANY: Code("branch_and_bound:solve", "branch_and_bound:refusal")},
    ),
    Row(
        "local-search",
        "heuristic",
        "none; the best known values on set-union knapsacks",
        {ANY: Code("neighbourhoods:solve")},
    ),
    Row("greedy", "heuristic", "none: storage with shared blocks is not a knapsack", {ANY: Code("greedy:solve")}),
    Row(
        "spec",
        "heuristic",
        "at least 0.45 of the optimum, 0.9 on one node; few shared blocks",
        {ANY: Code("spec:solve", "spec:too_many_unions")},
    ),
    Row("bound", "bound", "a bound, no plan: the linear relaxation, made stronger", {ANY: Code("exact:solve_bound")}),
    Row(
        "no-sharing",
        "baseline",
        "the best placement when every model is stored whole",
        {ANY: Code("baselines:solve_no_sharing")},
    ),
    Row("random", "baseline", "none", {ANY: Code("baselines:solve_random")}),
]
