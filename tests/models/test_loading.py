"""The formulation says what the problem is: its optimum, its bound, and the plan read from it."""

import numpy as np
import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.loading.overlaps import order_of_paths, overlapping_pairs
from edgeopt.loading.programs import forest_program, union_program
from edgeopt.loading.workload import compile_workload
from edgeopt.models.loading import formulate, formulate_union, read_plan
from edgeopt.run import Run
from edgeopt.solution import Status
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import FREE, instance_of


def solved(formulation, relaxed=False):
    program = compile_formulation(formulation)
    result = HighsSolver(program, Run(), {"primal_feasibility_tolerance": 1e-9}).solve(relaxed=relaxed)
    assert result.status == Status.OPTIMAL
    program.load(formulation, result.values)
    return result


@some_or_many(4, 12)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_bounds_hold_in_the_right_order(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure)
        if not compile_workload(instance).prefixes.model_names:
            continue
        best = optimum(instance)
        relaxed, whole = solved(formulate(instance), relaxed=True), solved(formulate(instance))
        assert relaxed.objective >= whole.objective - 1e-6
        assert whole.objective >= best - 1e-6
        # What counts the runs of each block is at least as tight as loading each block once.
        assert solved(formulate_union(instance)).objective >= whole.objective - 1e-6


@some_or_many(16, 40)
def test_without_cycles_the_formulation_is_the_problem(numbers):
    exact = 0
    for seed in numbers:
        instance = random_instance(seed, "tree")
        if not compile_workload(instance).prefixes.model_names:
            continue
        formulation = formulate(instance)
        result = solved(formulation)
        plan = read_plan(formulation)
        report = edgeopt.check(instance, plan)
        joined = [pair for pair, z in formulation.z.items() if z.value > 0.5]
        if len(joined) < len({i for pair in joined for i in pair}):
            exact += 1
            assert report.feasible, (instance.name, report.violations)
            assert report.objective == round(result.objective) == optimum(instance)
    assert exact > len(numbers) / 8


def test_times_are_those_of_the_plan():
    instance = random_instance(5, "dense")
    formulation = formulate(instance)
    arrays = formulation.prefixes
    solved(formulation)
    plan = read_plan(formulation)
    metrics = edgeopt.check(instance, plan).metrics
    served = formulation.serving() * arrays.deadline_s
    assert served == pytest.approx(metrics["upload_s"] + metrics["compute_s"])


def test_union_of_blocks_counts_each_once():
    # Three models with a common block and each an own one: 3 * 1 s of service, 4 blocks of 10 s.
    models = {name: ["common", f"own {name}"] for name in "abc"}
    sizes = {block: 10 for blocks in models.values() for block in blocks}
    keys = {name: {**FREE, "compute_per_sample_s": 1.0} for name in models}
    users = {name: {"model": name, "upload_bits": 0.0} for name in models}
    for deadline, served in ((43.0, 3), (42.9, 2), (11.0, 0)):
        instance = instance_of(models, users, deadline, sizes=sizes, model_keys=keys)
        if compile_workload(instance).prefixes.model_names:
            assert solved(formulate_union(instance)).objective == pytest.approx(served)
            assert solved(formulate(instance)).objective == pytest.approx(served)
        else:
            assert served == 0


@some_or_many(20, 60)
@pytest.mark.parametrize("kind", ["union", "forest"])
def test_programs_in_arrays_are_those_of_the_formulations(kind, numbers):
    """Columns are matched by their meaning, and then the programs are equal number by number."""
    compared = 0
    for seed in numbers:
        arrays = compile_workload(random_instance(seed, models=6)).prefixes
        if not arrays.model_names:
            continue
        if kind == "union":
            program, formulation, pairs = union_program(arrays), formulate_union(arrays), {}
        else:
            program = forest_program(arrays, overlapping_pairs(arrays))
            formulation = formulate(arrays)
            pairs = formulation.z
        variables = [*formulation.x.values(), *pairs.values(), *formulation.v.values()]
        compiled = compile_formulation(formulation)
        columns = [compiled.column(variable) for variable in variables]
        assert len(program.cost) == len(variables)
        if None in columns:
            continue  # a block that takes no time
        compared += 1
        assert program.cost.tolist() == compiled.cost[columns].tolist()
        assert program.integer.tolist() == compiled.integer[columns].tolist()
        assert lines(program.rows, program.row_upper) == lines(compiled.rows[:, columns], compiled.row_upper)
    assert compared > len(numbers) / 2


def lines(rows, upper):
    """The rows with terms, and their upper sides; HiGHS does not care for their order."""
    dense = zip(rows.toarray().round(12).tolist(), upper, strict=True)
    return sorted((tuple(row), round(float(side), 12)) for row, side in dense if any(row))


def test_paths_are_laid_one_after_another():
    order = order_of_paths(range(7), [(0, 5), (5, 2), (6, 1)])
    assert sorted(order) == list(range(7))
    place = np.argsort(order)
    assert all(abs(place[i] - place[k]) == 1 for i, k in [(0, 5), (5, 2), (6, 1)])


def test_pairs_overlap():
    arrays = compile_workload(random_instance(12, "crossing")).prefixes
    pairs = {tuple(pair) for pair in overlapping_pairs(arrays).tolist()}
    models = range(len(arrays.model_names))
    assert pairs == {(i, k) for i in models for k in models if i < k and arrays.overlap_s[i, k] > 0}
