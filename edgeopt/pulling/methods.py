"""The methods of `pulling`, and where the code of each stands."""

from __future__ import annotations

from edgeopt.method import ANY, Code, Row

METHODS = [
    Row("exact", "exact", "optimal", {ANY: Code("exact:solve", "reach:too_large")}),
    Row("cpsat", "exact", "optimal", {ANY: Code("cpsat:solve", "reach:too_large_for_cpsat")}),
    Row("nlip", "exact", "optimal", {ANY: Code("nlip:solve", "reach:too_large_for_scip")}, needs=("pyscipopt",)),
    Row("greedy", "heuristic", "none; opens bundles of models that share atoms", {ANY: Code("greedy:solve")}),
    Row("local-search", "heuristic", "no worse than greedy", {ANY: Code("local_search:solve")}),
    Row(
        "rounding",
        "heuristic",
        "bounded in expectation before repair, see docs",
        {ANY: Code("rounding:solve", "reach:too_large")},
    ),
    Row(
        "lagrangian",
        "heuristic",
        "a bound no better than that of the linear relaxation",
        {ANY: Code("lagrangian:solve")},
    ),
    Row(
        "cache-search",
        "heuristic",
        "each cache optimal given the others; with a bound",
        {ANY: Code("cache_search:solve_cache_search", "reach:not_separable")},
    ),
    Row(
        "bound",
        "bound",
        "a lower bound: linear relaxation of the strong form, or its dual",
        {ANY: Code("bounds:solve")},
    ),
    Row("cloud-only", "baseline", "no cloudlet is used", {ANY: Code("baselines:solve_cloud_only")}),
    Row(
        "no-sharing",
        "baseline",
        "within 0.1 % of the best that ignores sharing",
        {ANY: Code("baselines:solve_no_sharing", "reach:too_large")},
    ),
    Row("nearest", "baseline", "none", {ANY: Code("baselines:solve_nearest")}),
    Row("random", "baseline", "none", {ANY: Code("baselines:solve_random")}),
]
