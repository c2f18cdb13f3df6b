"""The dynamic program over crossing groups: optimal against brute force, its lemmas, its refusal, anytime."""

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest

import edgeopt
from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.dp import Watch
from edgeopt.loading.orders.modular_dp import CrossingGroup, path_overlaps
from edgeopt.loading.orders.sharing_tree import sharing_tree
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance, random_library
from tests.loading.small import FREE, instance_of


@some_or_many(8, 60)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_optimal_on_any_sharing(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure, models=6)
        solution = edgeopt.solve(instance, "modular-dp")
        assert solution.objective == optimum(instance), instance.name
        assert (solution.status, solution.stopped, solution.bound) == ("optimal", "proved", solution.objective)


def test_random_instances_are_wide_often_enough():
    widths = [
        compile_workload(random_instance(seed, structure, models=6)).prefixes.sharing.width
        for structure in ("interval", "crossing", "random", "dense")
        for seed in range(60)
    ]
    assert (np.bincount(widths)[3:7] >= 4).all()


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_dp_on_trees(seed):
    instance = generate("tree", 60, 500, seed=seed)
    assert edgeopt.solve(instance, "modular-dp").objective == edgeopt.solve(instance, "dp").objective


@some_or_many(4, 12)
@pytest.mark.parametrize("structure", ["interval", "crossing", "random", "dense"])
def test_order_of_all_models_loads_least(structure, numbers):
    """With a user for each model and nothing but loading to wait for, the best order decides."""
    for seed in numbers:
        library = random_library(np.random.default_rng(seed), structure, 7)
        models = {name: model.blocks for name, model in library.models.items()}
        least = min(loaded_bytes(library, order) for order in permutations(models))
        for deadline in {least, max(0, least - 1)}:
            instance = instance_of(
                models,
                {name: {"model": name, "upload_bits": 0.0} for name in models},
                float(deadline),
                sizes=library.blocks,
                model_keys=dict.fromkeys(models, FREE),
            )
            solution = edgeopt.solve(instance, "modular-dp")
            assert (solution.objective == 7) == (deadline == least)
            if deadline == least:
                assert solution.metrics["loaded_bytes"] == least


def loaded_bytes(library, order):
    """Bytes loaded along an order of models, from the plain library."""
    total, resident = 0, set()
    for name in order:
        needed = set(library.models[name].blocks)
        total += sum(library.blocks[block] for block in needed - resident)
        resident = needed
    return total


def test_overlap_lemma():
    """The models of two classes are disjoint, or one class sees those of the other as one kind."""
    nested = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        sharing = random_library(rng, STRUCTURES[seed % len(STRUCTURES)], 9).sharing
        holders = [frozenset(models.tolist()) for models in sharing.holders]
        for one, other in combinations(sharing.crossing_classes, 2):
            inner, outer = sorted(
                (one, other), key=lambda atoms: (len(frozenset().union(*(holders[a] for a in atoms))), -len(atoms))
            )
            inside = frozenset().union(*(holders[atom] for atom in inner))
            around = frozenset().union(*(holders[atom] for atom in outer))
            if inside & around:
                nested += 1
                assert all(inside <= holders[atom] or not inside & holders[atom] for atom in outer)
    assert nested > 100


def test_sharing_tree_holds_every_model_once_among_its_kind():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sharing = random_library(rng, STRUCTURES[seed % len(STRUCTURES)], 9).sharing
        root, groups = sharing_tree(sharing, sharing.crossing_classes)
        assert sorted(atom for group in groups for atom in group.atoms) == list(range(len(sharing.atoms)))
        held = dict.fromkeys(range(9), frozenset())

        def walk(cell, around, held=held):
            for model in cell.models:
                held[model] = around
            for group in cell.groups:
                for inner, row in zip(group.cells, group.held, strict=True):
                    walk(inner, around | {atom for atom, has in zip(group.atoms, row, strict=True) if has})

        walk(root, frozenset())
        for model in range(9):
            assert held[model] == {atom for atom, models in enumerate(sharing.holders) if model in models}


def test_path_overlaps_against_all_orders():
    rng = np.random.default_rng(0)
    for cells in range(1, 7):
        common = rng.integers(0, 9, (cells, cells)).astype(float)
        common += common.T
        overlap = path_overlaps(common)
        for subset in range(1, 1 << cells):
            chosen = [cell for cell in range(cells) if subset >> cell & 1]
            for last in range(cells):
                paths = [path for path in permutations(chosen) if path[-1] == last]
                longest = [sum(common[i, j] for i, j in pairwise(path)) for path in paths]
                assert overlap[subset, last] == max(longest, default=-np.inf)


def wide_instance(kinds, users=3):
    """Models on a ring, each of which shares a block with the next: one group of `kinds` cells."""
    models = {f"m{k}": [f"b{k}", f"b{(k + 1) % kinds}"] for k in range(kinds)}
    return instance_of(models, [name for name in models for _ in range(users)], 12.0 + 2.0 * kinds)


def test_refuses_wide_groups_with_the_width():
    assert edgeopt.solve(wide_instance(15, users=1), "modular-dp").status == "optimal"
    with pytest.raises(edgeopt.MethodRefusal, match=r"tells 16 kinds apart.*'exact' or 'local-search' would work"):
        edgeopt.solve(wide_instance(16), "modular-dp")


def test_refuses_individual_deadlines_by_user():
    instance = instance_of({"m": ["b"]}, {"u": {"model": "m"}, "v": {"model": "m", "deadline_s": 8.0}}, 9.0)
    with pytest.raises(edgeopt.MethodRefusal, match=r"'u' has 9 s and 'v' has 8 s"):
        edgeopt.solve(instance, "modular-dp")


def test_out_of_time_gives_a_plan_and_a_bound():
    instance = wide_instance(10)
    best = edgeopt.solve(instance, "modular-dp").objective
    solution = edgeopt.solve(instance, "modular-dp", time_limit=0)
    assert (solution.status, solution.stopped) == ("feasible", "time_limit")
    assert 0 < solution.objective < best <= solution.bound


class Countdown(Watch):
    """Expires after so many questions."""

    def __init__(self, questions):
        super().__init__(Run())
        self.left = questions

    def expired(self):
        self.left -= 1
        return self.left < 0


def test_tables_cut_short_are_reachable_and_nondecreasing():
    rng = np.random.default_rng(4)
    atoms = rng.integers(0, 2, (6, 5)).astype(float)
    common = atoms * rng.integers(1, 5, 5) @ atoms.T
    tables = [np.concatenate([[0.0], np.cumsum(rng.integers(0, 4, 5))]) for _ in range(6)]
    full = CrossingGroup(tables, common, 30.0, Countdown(1000)).table
    lengths = set()
    for questions in range(0, 40, 3):
        group = CrossingGroup(tables, common, 30.0, Countdown(questions))
        lengths.add(len(group.table))
        assert (np.diff(group.table) >= 0).all()
        assert (group.table >= full[: len(group.table)]).all()
        for total, time in enumerate(group.table):
            visits = group.shares(total) if total else []
            cells = [cell for cell, _ in visits]
            load = sum(common[cell, cell] for cell in cells)
            load -= sum(common[i, j] for i, j in pairwise(cells))
            assert sum(users for _, users in visits) == total
            assert load + sum(tables[cell][users] for cell, users in visits) == time
    assert len(lengths) > 1


def test_library_without_models_has_no_groups():
    root, groups = sharing_tree(ModelLibrary(blocks={}, models={}).sharing, [])
    assert (root.models, root.groups, groups) == ([], [], [])
