"""The tree heuristic: the tree knapsack on a laminar approximation, its order re-solved with the true loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeopt.libraries.sharing import Sharing
from edgeopt.loading.arrays import Arrays, compile_arrays
from edgeopt.loading.dp import GroupTable, TreeGroup, Watch, fold
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.merging import Table
from edgeopt.loading.modes import one_deadline
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.order_dp import Selection, best_selection
from edgeopt.loading.paths import Path
from edgeopt.loading.sharing_tree import Group
from edgeopt.loading.tables import Tables
from edgeopt.method import method
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


def tree_order(arrays: Arrays, atoms: Sequence[int], watch: Watch) -> list[int]:
    """Return the models that the tree knapsack visits, in order, when only these atoms count as shared.

    What a model holds besides them is loaded anew at each visit, so that the time is never underestimated.
    """
    held = arrays.sharing.incidence[:, list(atoms)] @ arrays.atom_load_s[list(atoms)]
    own = np.maximum(arrays.model_load_s - held, 0.0)
    serve = [np.concatenate([times[:1], times[1:] + load]) for times, load in zip(arrays.serve_s, own, strict=True)]

    def tabulate(group: Group, tables: Sequence[Table]) -> GroupTable:
        return TreeGroup(tables[0], float(arrays.atom_load_s[group.atoms[0]]), arrays.horizon_s)

    outcome = fold(replace(arrays, serve_s=serve), [[atom] for atom in atoms], tabulate, watch)
    number = {name: model for model, name in enumerate(arrays.model_names)}
    visited = [] if outcome.plan is None else [number[batch["model"]] for batch in outcome.plan["batches"]]
    return list(dict.fromkeys(visited))


def tree_selection(arrays: Arrays, tables: Tables, atoms: Sequence[int], watch: Watch) -> Selection:
    """Solve with these atoms shared, insert models left out where they save most, and solve that order again."""
    path = Path(tables, tree_order(arrays, atoms, watch))
    return best_selection(tables, path.completed(), watch.expired)


@method("loading", "tree", kind="heuristic", guarantee="optimal when the library is laminar", fits=one_deadline)
def solve_tree_approximation(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve a laminar approximation of the library, and its order again with the true loads."""
    arrays, watch = compile_arrays(instance), Watch(run)
    if not arrays.model_names:
        return serve_nobody(instance)
    atoms = laminar_atoms(arrays.sharing)
    best = tree_selection(arrays, Tables.of(arrays), atoms, watch)
    run.report(best.users)
    kept, shared = len(atoms), sum(len(models) > 1 for models in arrays.sharing.holders)
    return Outcome(
        arrays.plan(best.order, best.counts),
        stopped=watch.reason or Stopped.FINISHED,
        message=f"the tree knapsack counted {kept} of {shared} shared parts as shared; its order was solved again "
        "with the true loads",
    )
