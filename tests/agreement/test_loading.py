"""What must be true of every method of `loading`, also of methods added later: they are taken from the registry."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import edgeopt
from edgeopt.files import format_json, parse_json
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.methods import METHODS as TABLE
from edgeopt.loading.policies.methods import METHODS as POLICIES
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance

METHODS = edgeopt.methods("loading")
EXACT = [name for name, method in METHODS.items() if method.kind == "exact"]

# Methods that start a solver take a tenth of a second for the smallest instance, and their own tests do more.
MANY, FEW = 140, 28
FAST = 20  # the fast tests take a twentieth of these, the slow ones the others
SOLVERS = {"exact", "cpsat", "bound", "no-sharing"}
OTHER_MODES = {"consecutive", "lru", "two-phase"}  # baselines of modes that tests/loading/batches covers
OTHER_MODES |= {  # those of streams: see test_loading_streams.py
    row.name for row in (*TABLE, *POLICIES) if all(("stream", True) in keys for keys in row.codes)
}


def seeds(name: str, part: int = 1) -> range:
    """Fewer instances for slow methods; a multiple of the number of structures, so that each occurs."""
    return range(max(len(STRUCTURES), (FEW if name in SOLVERS else MANY) // part))


def solve_if_it_fits(instance: LoadingInstance, name: str, **options: object) -> edgeopt.Solution | None:
    """Solve, or return None where the method refuses; heuristics get few iterations, since some never end."""
    if METHODS[name].refusal(instance) is not None:
        return None
    iterations = 200 if METHODS[name].kind == "heuristic" else None
    return edgeopt.solve(instance, name, threads=1, iteration_limit=iterations, **options)


@cache
def tiny(seed: int, one_deadline: bool) -> LoadingInstance:
    """An instance for the brute force, the same for all methods."""
    return random_instance(seed, one_deadline=one_deadline)


@cache
def tiny_optimum(seed: int, one_deadline: bool) -> int:
    """Its optimum."""
    return optimum(tiny(seed, one_deadline))


def assert_honest(solution: edgeopt.Solution, best: int) -> None:
    """A solution claims nothing that the optimum contradicts."""
    if solution.bound is not None:
        assert solution.bound >= best
    if solution.objective is None:
        assert solution.status == "unknown"
        assert solution.plan is None
        assert solution.gap is None
        return
    assert solution.objective <= best
    assert (solution.status == "optimal") == (solution.bound == solution.objective)
    assert solution.stopped == "proved" or solution.status == "feasible"
    if solution.status == "optimal":
        assert solution.objective == best


@pytest.mark.parametrize("part", [FAST, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "others"])
@pytest.mark.parametrize("one_deadline", [True, False], ids=["one deadline", "individual deadlines"])
@pytest.mark.parametrize("name", METHODS)
def test_bounds_and_objectives_enclose_the_optimum(name, one_deadline, part):
    ran = 0
    chosen = seeds(name, part) if part == FAST else seeds(name)[len(seeds(name, FAST)) :]
    for seed in chosen:
        instance = tiny(seed, one_deadline)
        solution = solve_if_it_fits(instance, name)
        if solution is None:
            continue
        ran += 1
        best = tiny_optimum(seed, one_deadline)
        assert_honest(solution, best)
        if name in EXACT:
            assert (solution.status, solution.objective) == ("optimal", best), instance.name
        if METHODS[name].kind == "bound":
            assert solution.bound is not None
        elif solution.plan is not None:
            assert edgeopt.check(instance, solution.plan).feasible
            assert edgeopt.check(instance, solution.plan).objective == solution.objective
    if one_deadline and name not in OTHER_MODES:
        assert ran >= len(chosen) // 2


@pytest.mark.parametrize("structure", STRUCTURES)
def test_exact_methods_agree_on_medium_instances(structure):
    for seed in range(2):
        instance = random_instance(1000 + seed, structure, models=14, users=60)
        solutions = {name: solve_if_it_fits(instance, name) for name in METHODS}
        found = {name: solution for name, solution in solutions.items() if solution is not None}
        best = found["modular-dp"].objective
        for name, solution in found.items():
            assert_honest(solution, best)
            if name in EXACT:
                assert solution.objective == best, (name, instance.name)


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_same_result(name):
    instance = generate("lora-towers", 12, 60, seed=1)
    first, second = (solve_if_it_fits(instance, name, seed=7) for _ in range(2))
    if first is None:
        pytest.skip("the method refuses the instance")
    varying = {"runtime_s", "setup_s", "history"}
    assert {k: v for k, v in first.to_dict().items() if k not in varying} == {
        k: v for k, v in second.to_dict().items() if k not in varying
    }


def permuted(instance: LoadingInstance, seed: int) -> LoadingInstance:
    """The same instance with every list and map of its file in another order."""
    rng = np.random.default_rng(seed)
    data = instance.to_dict()

    def shuffle(value):
        return {key: value[key] for key in rng.permutation(list(value)).tolist()}

    data["users"], library = shuffle(data["users"]), data["library"]
    library["blocks"], library["models"] = shuffle(library["blocks"]), shuffle(library["models"])
    for model in library["models"].values():
        model["blocks"] = rng.permutation(model["blocks"]).tolist() if model["blocks"] else []
    return LoadingInstance.from_dict(data)


def renamed(instance: LoadingInstance, seed: int) -> LoadingInstance:
    """The same instance under other names, whose alphabetical order is another one."""
    rng = np.random.default_rng(seed)
    data = instance.to_dict()
    library = data["library"]

    def names(old, prefix):
        return {name: f"{prefix}{number}" for name, number in zip(old, rng.permutation(len(old)), strict=True)}

    users, models, blocks = (names(data["users"], "k"), names(library["models"], "i"), names(library["blocks"], "j"))
    data["users"] = {users[name]: {**user, "model": models[user["model"]]} for name, user in data["users"].items()}
    library["blocks"] = {blocks[name]: size for name, size in library["blocks"].items()}
    library["models"] = {
        models[name]: {**model, "blocks": [blocks[block] for block in model["blocks"]]}
        for name, model in library["models"].items()
    }
    return LoadingInstance.from_dict(data)


@pytest.mark.parametrize("part", [20, pytest.param(5, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("change", [permuted, pytest.param(renamed, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", EXACT)
def test_order_and_names_do_not_change_the_optimum(name, change, part):
    for seed in seeds(name, part):
        instance = random_instance(seed, models=7, users=15)
        solution = solve_if_it_fits(instance, name)
        if solution is not None:
            assert solve_if_it_fits(change(instance, seed), name).objective == solution.objective, instance.name


@pytest.mark.parametrize("name", METHODS)
def test_solution_survives_its_file(name, tmp_path):
    instance = random_instance(1, "tree", models=6, users=12)
    solution = solve_if_it_fits(instance, name)
    if solution is None:
        pytest.skip("the method refuses the instance")
    solution.write(tmp_path / "solution.json")
    assert edgeopt.Solution.read(tmp_path / "solution.json") == solution
    assert parse_json(format_json(instance.to_dict())) == instance.to_dict()
    instance.write(tmp_path / "instance.json")
    again = edgeopt.read(tmp_path / "instance.json")
    assert again.sha256 == instance.sha256 == solution.instance_sha256
    if solution.plan is not None:
        assert edgeopt.check(again, solution.plan).objective == solution.objective
