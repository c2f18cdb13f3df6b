"""The tree heuristic: the tree knapsack on a laminar approximation, its order re-solved with the true loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeopt.libraries.sharing import Sharing
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.dp import GroupTable, TreeGroup, Watch, fold
from edgeopt.loading.orders.merging import Table
from edgeopt.loading.orders.order_dp import Selection, best_selection
from edgeopt.loading.orders.paths import Path
from edgeopt.loading.orders.sharing_tree import Group
from edgeopt.loading.orders.tables import ServingTables
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def laminar_atoms(sharing: Sharing) -> list[int]:
    """Choose atoms that do not cross, those first that save most bytes: size times (holders - 1).

    Returns
    -------
    list of int
        Atoms with two holders or more; together with any private atoms they are laminar.
    """
    cardinality = np.array([len(models) for models in sharing.holders], dtype=np.int64)
    saved = sharing.atom_bytes * (cardinality - 1)
    candidates = [atom for atom in np.argsort(-saved, kind="stable").tolist() if saved[atom] > 0]
    held = np.zeros((len(candidates), len(sharing.model_names)), dtype=bool)  # by the chosen atoms
    chosen: list[int] = []
    for atom in candidates:
        common = held[: len(chosen), sharing.holders[atom]].sum(axis=1)
        smaller = np.minimum(cardinality[chosen], cardinality[atom])
        if ((common == 0) | (common == smaller)).all():
            held[len(chosen), sharing.holders[atom]] = True
            chosen.append(atom)
    return chosen


def tree_order(prefixes: Prefixes, atoms: Sequence[int], watch: Watch) -> list[int]:
    """Return the models that the tree knapsack visits, in order, when only these atoms count as shared.

    What a model holds besides them is loaded anew at each visit, so that the time is never underestimated.
    """
    held = prefixes.sharing.incidence[:, list(atoms)] @ prefixes.atom_load_s[list(atoms)]
    own = np.maximum(prefixes.model_load_s - held, 0.0)
    serve = [np.concatenate([times[:1], times[1:] + load]) for times, load in zip(prefixes.serve_s, own, strict=True)]

    def tabulate(group: Group, tables: Sequence[Table]) -> GroupTable:
        return TreeGroup(tables[0], float(prefixes.atom_load_s[group.atoms[0]]), prefixes.horizon_s)

    outcome = fold(replace(prefixes, serve_s=serve), [[atom] for atom in atoms], tabulate, watch)
    number = {name: model for model, name in enumerate(prefixes.model_names)}
    visited = [] if outcome.plan is None else [number[batch["model"]] for batch in outcome.plan["batches"]]
    return list(dict.fromkeys(visited))


def tree_selection(prefixes: Prefixes, tables: ServingTables, atoms: Sequence[int], watch: Watch) -> Selection:
    """Solve with these atoms shared, insert models left out where they save most, and solve that order again."""
    path = Path(tables, tree_order(prefixes, atoms, watch))
    return best_selection(tables, path.completed(), watch.expired)


def solve_tree_approximation(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve a laminar approximation of the library, and its order again with the true loads."""
    prefixes, watch = compile_workload(instance).prefixes, Watch(run)
    if not prefixes.model_names:
        return serve_nobody(instance)
    atoms = laminar_atoms(prefixes.sharing)
    best = tree_selection(prefixes, ServingTables.of(prefixes), atoms, watch)
    plan = prefixes.plan(best.order, best.counts)
    run.report(best.users, plan=lambda: plan)
    kept, shared = len(atoms), sum(len(models) > 1 for models in prefixes.sharing.holders)
    return Outcome(
        plan,
        stopped=watch.reason or Stopped.FINISHED,
        message=f"the tree knapsack counted {kept} of {shared} shared parts as shared; its order was solved again "
        "with the true loads",
    )
