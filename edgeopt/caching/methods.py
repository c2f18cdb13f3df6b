"""Importing this module registers the methods of `caching`; what a method needs is imported when it runs.

All of them choose beams with the dual beamformer, so that their objectives and bounds compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeopt.caching.instance import CachingInstance
from edgeopt.method import Options, Outcome, method
from edgeopt.solution import Stopped

if TYPE_CHECKING:
    from edgeopt.caching.tables import Menu, Tables

FULL_TABLE_NODES = 8


def _too_many_nodes(instance: CachingInstance) -> str | None:
    if len(instance.nodes) > FULL_TABLE_NODES:
        count = len(instance.nodes)
        return f"{count} nodes have more sets than its {FULL_TABLE_NODES} allow; 'neighbourhood' applies"
    return None


@method(
    "caching",
    "exact",
    kind="exact",
    guarantee="optimal for the rates of its beams when it ends by itself",
    fits=_too_many_nodes,
)
def solve_exact(instance: CachingInstance, options: Options) -> Outcome:
    """Rule out candidates by prices, then solve the multiple-choice knapsack on HiGHS."""
    from edgeopt.caching.exact import solve_menu
    from edgeopt.caching.local_search import search

    tables, menu = _menu(instance, options)
    refused = _never_ends(tables)
    if refused is not None:
        return refused
    dual = _dual(tables, menu, options)
    if dual.choice is not None:
        dual.choice = search(menu, dual.choice, dual.prices, options)
        dual.objective = menu.cost(dual.choice)
    found = solve_menu(tables, menu, dual, options)
    return _outcome(tables, menu, found.choice, found.bound, found.stopped, found.infeasible)


@method("caching", "lagrangian", kind="heuristic", guarantee="none; its bound is that of the linear relaxation")
def solve_lagrangian(instance: CachingInstance, options: Options) -> Outcome:
    """Prices on storage by subgradients, choices repaired on the way."""
    tables, menu = _menu(instance, options)
    dual = _dual(tables, menu, options)
    return _outcome(tables, menu, dual.choice, dual.bound, options.stop_reason() or Stopped.FINISHED)


@method("caching", "greedy", kind="heuristic", guarantee="none")
def solve_greedy(instance: CachingInstance, options: Options) -> Outcome:
    """Jump to any set of nodes by gain per byte."""
    from edgeopt.caching.greedy import greedy_choice

    tables, menu = _menu(instance, options)
    return _outcome(tables, menu, greedy_choice(menu), None, options.stop_reason() or Stopped.FINISHED)


@method("caching", "local-search", kind="heuristic", guarantee="none; at least as good as lagrangian")
def solve_local_search(instance: CachingInstance, options: Options) -> Outcome:
    """Moves and exchanges from the choices at disturbed prices."""
    from edgeopt.caching.local_search import search

    tables, menu = _menu(instance, options)
    dual = _dual(tables, menu, options)
    if dual.choice is not None:
        dual.choice = search(menu, dual.choice, dual.prices, options)
    return _outcome(tables, menu, dual.choice, dual.bound, options.stop_reason() or Stopped.FINISHED)


def _menu(instance: CachingInstance, options: Options) -> tuple[Tables, Menu]:
    from edgeopt.caching.tables import Tables

    tables = Tables(instance, options)
    return tables, tables.full_menu()


def _dual(tables: Tables, menu: Menu, options: Options):
    from edgeopt.caching.greedy import greedy_choice
    from edgeopt.caching.lagrangian import solve_dual

    start = greedy_choice(menu)
    return solve_dual(menu, options, start)


def _never_ends(tables):
    from edgeopt.caching.bounds import never_ends

    r = never_ends(tables)
    return None if r is None else Outcome(infeasible=r[1], message=r[0])


def _outcome(tables, menu, choice, bound, stopped, infeasible=False):
    from edgeopt.caching.bounds import standing

    plan = None if choice is None else tables.plan(menu.masks[menu.group, choice])
    return Outcome(plan=plan, bound=bound, stopped=stopped, infeasible=infeasible, message=standing(tables))
