"""The methods of `caching`, and where the code of each stands."""

from __future__ import annotations

from edgeopt.method import ANY, Code, Row

ANY_NETWORK = "reach:far_too_many_nodes"

METHODS = [
    Row(
        "exact",
        "exact",
        "optimal where its beams meet their certificates, else a gap; its bound holds for any nodes and beams",
        {ANY: Code("exact:solve_exact", "reach:too_many_nodes")},
    ),
    Row(
        "neighbourhood",
        "heuristic",
        "none; its bound holds for any caches, nodes and beams",
        {ANY: Code("heuristics:solve_neighbourhood", "reach:few_nodes")},
    ),
    Row(
        "lagrangian",
        "heuristic",
        "none; beyond 8 nodes a bound, of the linear relaxation",
        {ANY: Code("heuristics:solve_lagrangian", ANY_NETWORK)},
    ),
    Row(
        "local-search",
        "heuristic",
        "none; at least as good as lagrangian",
        {ANY: Code("heuristics:solve_local_search", ANY_NETWORK)},
    ),
    Row("greedy", "heuristic", "none", {ANY: Code("heuristics:solve_greedy", ANY_NETWORK)}),
    Row(
        "bound",
        "bound",
        "a bound, no plan: for any caches and any beams",
        {ANY: Code("pipeline:universal_bound", ANY_NETWORK)},
    ),
    Row(
        "coarse",
        "baseline",
        "none: whole models, chosen as if nothing were shared",
        {ANY: Code("references:solve_coarse", ANY_NETWORK)},
    ),
    Row(
        "no-sharing",
        "baseline",
        "none: blocks, chosen as if each model had its own copies",
        {ANY: Code("references:solve_no_sharing", ANY_NETWORK)},
    ),
    Row(
        "no-comp",
        "baseline",
        "none: every block is sent by one node",
        {ANY: Code("references:solve_without_cooperation", ANY_NETWORK)},
    ),
    Row(
        "no-migration",
        "baseline",
        "none: chosen as if there were no links between nodes",
        {ANY: Code("references:solve_without_migration", ANY_NETWORK)},
    ),
    Row("random", "baseline", "none", {ANY: Code("references:solve_random", ANY_NETWORK)}),
]
