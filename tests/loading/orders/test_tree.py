"""The tree heuristic: laminar atoms, optimal on trees, feasible and never above the optimum elsewhere."""

from itertools import combinations

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.tree import laminar_atoms
from edgeopt.loading.workload import compile_workload
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance, random_library


@some_or_many(5, 25)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_never_above_the_optimum(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure, models=6)
        value, most = edgeopt.solve(instance, "tree").objective, optimum(instance)
        assert value <= most, instance.name
        assert value == most or structure not in ("none", "backbone", "tree"), instance.name


@pytest.mark.parametrize("seed", range(3))
def test_optimal_on_larger_trees(seed):
    instance = generate("tree", 60, 500, seed=seed)
    assert edgeopt.solve(instance, "tree").objective == edgeopt.solve(instance, "dp").objective


@pytest.mark.parametrize("structure", STRUCTURES)
def test_chosen_atoms_are_laminar_and_no_more_fit(structure):
    for seed in range(30):
        sharing = random_library(np.random.default_rng(seed), structure, 7).sharing
        chosen = laminar_atoms(sharing)
        sets = [set(sharing.atoms[atom].models) for atom in chosen]
        assert all(one <= two or two <= one or not one & two for one, two in combinations(sets, 2))
        for atom in set(range(len(sharing.atoms))) - set(chosen):
            models = set(sharing.atoms[atom].models)
            useless = len(models) < 2 or sharing.atoms[atom].size_bytes == 0
            assert useless or any(models & one and not models <= one and not one <= models for one in sets)


def test_the_order_is_solved_again_with_the_true_loads():
    """Where sharing crosses, the plan serves more than the laminar approximation alone knows of."""
    from edgeopt.loading.orders.dp import Watch
    from edgeopt.loading.orders.tree import tree_order
    from edgeopt.run import Run

    gains = 0
    for seed in range(4):
        instance = generate("grid", 30, 240, seed=seed, load_rate_bytes_per_s=1e9)
        arrays = compile_workload(instance).prefixes
        order = tree_order(arrays, laminar_atoms(arrays.sharing), Watch(Run()))
        assert len(set(order)) == len(order) > 0
        gains += edgeopt.solve(instance, "tree").objective > edgeopt.solve(instance, "no-sharing").objective
    assert gains == 4
