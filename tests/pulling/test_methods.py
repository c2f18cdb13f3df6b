"""Methods of `pulling` where solvers and heuristics go wrong: tolerances, sharing that pays jointly, infeasibility."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.errors import MethodRefusal
from edgeopt.method import find_method
from edgeopt.pulling import auto, cache_kernels, reach
from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.bounds import solve_bound
from edgeopt.pulling.checker import check
from edgeopt.pulling.exact import solve_exact
from edgeopt.pulling.generator import generate
from edgeopt.pulling.greedy import solve_greedy
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.lagrangian import LagrangianRelaxation, solve_lagrangian
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.separable import why_inseparable
from edgeopt.pulling.strong_solver import solve_core
from edgeopt.pulling.unservable import unservable
from edgeopt.run import Run
from edgeopt.solving import fitting_methods
from tests.from_python import from_python
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance
from tests.pulling.test_checker import BASE, make


def star(memory: int, sizes: list[int], compute: float | None = None, counts: list[int] | None = None):
    """One cloudlet beside the entry, a far cloud, and one request for a model of one block of each size."""
    cloudlet = {"memory_bytes": memory, "speed_flops_per_s": 1e12, "pull_delay_s": 0.001}
    if compute is not None:
        cloudlet["compute_flops"] = compute
    return PullingInstance.from_dict(
        {
            "name": "star",
            "library": {
                "format": "edgeopt-library/1",
                "blocks": {f"b{i}": size for i, size in enumerate(sizes)},
                "models": {f"m{i}": {"blocks": [f"b{i}"], "flops_per_sample": 2.5e9} for i in range(len(sizes))},
            },
            "cloud": {"name": "cloud", "speed_flops_per_s": 1e13},
            "cloudlets": {"v": cloudlet},
            "links": [{"between": ["v", "cloud"], "bandwidth_bps": 1e9, "latency_s": 5.0}],
            "requests": {
                f"r{i}-{k}": {"node": "v", "models": [f"m{i}"], "input_bits": 0.0, "samples": 1}
                for i in range(len(sizes))
                for k in range((counts or [1] * len(sizes))[i])
            },
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exact", "cpsat", "greedy", "local-search", "rounding", "lagrangian", "cache-search"])
@pytest.mark.parametrize("short", [0, 1])
def test_memory_one_byte_short(name, short):
    sizes = [30_000_000_001, 20_000_000_000, 10_000_000_000]
    instance = star(sum(sizes) - short, sizes)
    solution = edgeopt.solve(instance, name, threads=1, iteration_limit=20)
    at_edge = [choice["site"] for choice in solution.plan["assignments"].values()].count("v")
    assert at_edge == 3 - short


@pytest.mark.parametrize("name", ["exact", "cpsat", "greedy", "local-search", "rounding"])
@pytest.mark.parametrize(("limit", "served"), [(7.5e9, 3), (7.5e9 - 1, 2)])
@pytest.mark.parametrize("counts", [[3], [2, 2]])
def test_compute_one_operation_short(name, limit, served, counts):
    instance = star(10, [1] * len(counts), limit, counts)
    solution = edgeopt.solve(instance, name, threads=1, iteration_limit=20)
    assert [choice["site"] for choice in solution.plan["assignments"].values()].count("v") == served


def test_nothing_is_certain_about_a_solver_that_is_trusted():
    """The program without verification does let one byte slip: the verification is what the tests above test."""
    from edgeopt.engines.highs import HighsSolver
    from edgeopt.pulling.strong_form import StrongProgram

    sizes = [30_000_000_001, 20_000_000_000, 10_000_000_000]
    core = reduce_instance(star(sum(sizes) - 1, sizes)).core
    program = StrongProgram(core)
    values = HighsSolver(program.program(), Run(maximize=False)).solve().values
    assert core.overfull(program.opened(values)).max() == 1


def shared_backbone(models: int, pull_factor: float) -> PullingInstance:
    """Models with one large common block: no single model repays it, all together do."""
    names = [f"m{i}" for i in range(models)]
    return PullingInstance.from_dict(
        {
            "name": "backbone",
            "library": {
                "format": "edgeopt-library/1",
                "blocks": {"backbone": 1000, **{f"head{i}": 1 for i in range(models)}},
                "models": {
                    n: {"blocks": ["backbone", f"head{i}"], "flops_per_sample": 1.0} for i, n in enumerate(names)
                },
            },
            "cloud": {"name": "cloud", "speed_flops_per_s": 1e9},
            "cloudlets": {
                "v": {
                    "memory_bytes": 2000,
                    "speed_flops_per_s": 1e9,
                    "pull_delay_s": {"backbone": pull_factor * models, **{f"head{i}": 0.01 for i in range(models)}},
                }
            },
            "links": [{"between": ["v", "cloud"], "bandwidth_bps": 1e9, "latency_s": 1.0}],
            "requests": {
                f"r{i}": {"node": "v", "models": [n], "input_bits": 0.0, "samples": 1} for i, n in enumerate(names)
            },
        }
    )


@pytest.mark.parametrize("models", [2, 5, 12])
def test_greedy_opens_what_pays_only_jointly(models):
    for factor in (0.3, 0.6, 0.9):
        instance = shared_backbone(models, factor)
        assert edgeopt.solve(instance, "greedy").objective == pytest.approx(
            edgeopt.solve(instance, "exact", threads=1).objective
        )


@pytest.mark.slow
def test_relaxations_bound_each_other():
    for seed in range(4):
        core = reduce_instance(
            generate(cloudlets=4, requests=25, models=12, seed=seed, compute="limited" if seed % 2 else "unlimited")
        ).core
        run = Run(maximize=False)
        values = [LinearRelaxation(core, run, form).bound for form in ("aggregated", "plain", "strong")]
        assert values[0] <= values[1] + 1e-6
        assert values[1] <= values[2] + 1e-6
        dual = LagrangianRelaxation(core)
        dual.climb(run, values[2] * 1.02, 300)
        assert dual.bound <= values[2] + 1e-6
        assert dual.bound >= 0.8 * values[2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requests": {"r": {**BASE["requests"]["r"], "min_accuracy": 0.95}}}, ["'r'", "accuracy", "0.9"]),
        ({"requests": {"r": {**BASE["requests"]["r"], "task": "x"}}}, ["'r'", "'x'", "none"]),
        (
            {"links": [BASE["links"][0], {"between": ["u", "w"], "bandwidth_bps": 1.0, "latency_s": 0.0}]},
            ["'r'", "'u'", "reaches neither"],
        ),
        (
            {
                "routing": "direct",
                "cloudlets": {"v": {"memory_bytes": 109, "speed_flops_per_s": 4.0}},
            },
            ["'r'", "110 bytes", "109 are free"],
        ),
        (
            {
                "routing": "direct",
                "cloudlets": {"v": {"memory_bytes": 200, "speed_flops_per_s": 4.0, "compute_flops": 47.0}},
            },
            ["'r'", "compute limit"],
        ),
    ],
)
@pytest.mark.parametrize("name", ["exact", "greedy", "bound", "random"])
def test_infeasible_instances_say_why(changes, words, name):
    solution = edgeopt.solve(make(**copy.deepcopy(changes)), name, threads=1)
    assert solution.status == "infeasible"
    for word in words:
        assert word in solution.message


def by_sites(**request):
    """An instance with a request at the far end, and changes to that request."""
    return {"requests": {"r": {**BASE["requests"]["r"], **request}}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({**by_sites(node="cloud", sites=["v"]), "links": [BASE["links"][1]]}, ["'cloud'", "none of its sites 'v'"]),
        (
            {**by_sites(sites=["v"]), "cloudlets": {"v": {"memory_bytes": 109, "speed_flops_per_s": 4.0}}},
            ["may not be served in the cloud", "110 bytes", "109 are free"],
        ),
        (
            {**by_sites(sites=["v"]), "sources": "peers"},
            ["may not be served in the cloud", "'v' lacks the block 'backbone' of 'ma'", "a cloudlet that has it"],
        ),
        ({**by_sites(sites=["v"]), "links": [BASE["links"][1]]}, ["lacks the block 'backbone'", "from the cloud"]),
        (
            by_sites(models={"ma": {"accuracy": 0.5, "cost": 2.0}}, max_cost=1.0),
            ["'r'", "none of its 1 models", "at least 0.6", "at most 1 (the least is 2)"],
        ),
    ],
)
@pytest.mark.parametrize("name", ["exact", "greedy", "bound", "random", "no-sharing"])
def test_infeasible_requests_with_sites_and_offers_say_why(changes, words, name):
    solution = edgeopt.solve(make(**copy.deepcopy(changes)), name, threads=1)
    assert solution.status == "infeasible"
    for word in words:
        assert word in solution.message


def copied(instance: PullingInstance) -> PullingInstance:
    """The same instance without resident blocks, in which each model has blocks of its own."""
    data = instance.to_dict()
    sizes = data["library"]["blocks"]
    models = data["library"]["models"]
    data["library"]["blocks"] = {f"{model}-{j}": sizes[j] for model, entry in models.items() for j in entry["blocks"]}
    for model, entry in models.items():
        entry["blocks"] = [f"{model}-{block}" for block in entry["blocks"]]
    for cloudlet in data["cloudlets"].values():
        cloudlet.pop("resident", None)
        if isinstance(delays := cloudlet.get("pull_delay_s"), dict):
            cloudlet["pull_delay_s"] = {
                name: delays[name.partition("-")[2]]
                for name in data["library"]["blocks"]
                if name.partition("-")[2] in delays
            }
    return PullingInstance.from_dict(data)


@pytest.mark.parametrize("waiting", ["once", "parallel"])
def test_no_sharing_is_the_optimum_without_sharing(waiting):
    """A model is not spared for one that needs fewer of the same blocks, for its copies are others."""
    solved = 0
    for seed in range(24):
        drawn = random_instance(seed, requests=3, models=3, waiting=waiting)
        instance = drawn.replace(
            cloudlets={name: {**c.to_dict(), "resident": []} for name, c in drawn.cloudlets.items()}
        )
        value, _ = optimum(copied(instance))
        apart = reduce_instance(instance, shared=False)
        if value is None or unservable(apart) is not None:
            continue
        assert solve_exact(apart, Run(maximize=False)).bound == pytest.approx(value, rel=1e-6, abs=1e-6), seed
        solved += 1
    assert solved >= 7


def test_jointly_infeasible():
    request = {"node": "u", "models": ["ma"], "input_bits": 0.0, "samples": 1}
    other = {**request, "models": ["mb"]}
    instance = make(
        routing="direct",
        requests={"r": request, "q": other},
        cloudlets={"v": {"memory_bytes": 125, "speed_flops_per_s": 4.0}},
    )
    assert optimum(instance) == (None, None)
    for name in ("exact", "cpsat"):
        solution = edgeopt.solve(instance, name, threads=1)
        assert solution.status == "infeasible"
        assert "not all together" in solution.message


@pytest.mark.slow
def test_knapsack_against_enumeration():
    knapsack = from_python(cache_kernels.knapsack, allocates=True)
    rng = np.random.default_rng(0)
    for trial in range(300):
        count = int(rng.integers(1, 10))
        unit = int(rng.choice([1, 7, 10**9 + 7]))
        size = unit * rng.integers(0, 12, count)
        profit = rng.integers(-3, 12, count).astype(float) if trial % 2 else rng.normal(3, 4, count)
        room = unit * int(rng.integers(0, 40))
        chosen = knapsack(profit, size, room)
        assert size[chosen].sum() <= room
        subsets = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        fitting = subsets[subsets @ size <= room]
        assert profit[chosen].sum() == pytest.approx((fitting @ profit).max())


def test_arrays_of_models_with_their_own_blocks_are_laid_out_as_those_of_all():
    """Kernels would compile once more for arrays in another order of memory."""
    laid_out = set()
    for seed in range(12):
        for shared in (True, False):
            core = reduce_instance(random_instance(seed), shared=shared).core
            laid_out |= {array.flags.c_contiguous for array in (core.atom_bytes, core.atom_pull, core.costly)}
    assert laid_out == {True}


@pytest.mark.slow
def test_cache_search_bounds_and_reaches_exact_on_separable_instances():
    gaps = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        data = {
            "name": f"separable-{seed}",
            "library": {
                "format": "edgeopt-library/1",
                "blocks": {f"b{i}": int(rng.integers(1, 9)) for i in range(12)},
                "models": {f"m{i}": {"blocks": [f"b{i}"], "flops_per_sample": float(i % 3)} for i in range(12)},
            },
            "cloud": {"name": "cloud", "speed_flops_per_s": 2.0},
            "cloudlets": {
                f"v{v}": {
                    "memory_bytes": int(rng.integers(3, 16)),
                    "speed_flops_per_s": 1.0 + v,
                    "pull_delay_s": 0.25 * v,
                }
                for v in range(4)
            },
            "links": [
                {"between": [f"e{e}", site], "bandwidth_bps": float(rng.integers(1, 9)), "latency_s": latency}
                for e in range(5)
                for site, latency in [("cloud", 9.0), *((f"v{v}", float(rng.integers(0, 9))) for v in range(4))]
                if site == "cloud" or rng.random() < 0.6
            ],
            "routing": "direct",
            "requests": {
                f"r{k}": {
                    "node": f"e{rng.integers(5)}",
                    "models": [f"m{rng.integers(12)}"],
                    "input_bits": float(rng.integers(0, 3)),
                    "samples": int(rng.integers(0, 3)),
                    "count": int(rng.integers(1, 5)),
                }
                for k in range(40)
            },
        }
        instance = PullingInstance.from_dict(data)
        assert why_inseparable(instance) is None
        best = edgeopt.solve(instance, "exact", threads=1)
        found = edgeopt.solve(instance, "cache-search", iteration_limit=60)
        assert best.status == "optimal"
        assert found.bound <= best.objective * (1 + 1e-9)
        assert found.objective >= best.objective * (1 - 1e-9)
        gaps.append(found.objective / best.objective - 1)
    assert np.mean(gaps) < 0.005


def test_starts_are_kept():
    instance = generate(cloudlets=5, requests=30, models=18, seed=1)
    best = edgeopt.solve(instance, "exact", threads=1)
    for name in ("local-search", "lagrangian", "rounding", "exact", "cpsat"):
        solution = edgeopt.solve(instance, name, threads=1, start=best, iteration_limit=1)
        assert solution.objective <= best.objective * (1 + 1e-9), name


def test_generator_and_figures(tmp_path):
    data = Path(__file__).parents[2].parent / "shared" / "data" / "topologies" / "Abilene.graphml"
    topology = data if data.is_file() else None
    instance = generate(cloudlets=6, requests=20, models=12, topology=topology, seed=4)
    assert instance.sha256 == generate(cloudlets=6, requests=20, models=12, topology=topology, seed=4).sha256
    solution = edgeopt.solve(instance, "greedy")
    solution.plot().savefig(tmp_path / "plan.png")
    assert (tmp_path / "plan.png").stat().st_size > 1000
    assert len(solution.to_frame()) == 20


def test_random_instances_are_varied():
    cores = [reduce_instance(random_instance(seed)).core for seed in range(60)]
    assert any(core.limited.any() for core in cores)
    assert any((core.units > 1).any() for core in cores)
    assert any(np.isinf(core.cloud_cost).any() for core in cores)


class InterruptedAfter(threading.Event):
    """An interrupt that is seen at the given look."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_nlip_ends_when_interrupted():
    pytest.importorskip("pyscipopt")
    instance = generate(cloudlets=3, requests=12, models=8, seed=1, compute="limited")
    nlip = find_method("pulling", "nlip").function
    assert nlip(instance, Run(maximize=False, interrupt=InterruptedAfter(10))).stopped == "interrupted"
    assert nlip(instance, Run(maximize=False)).stopped == "proved"


def test_opening_ends_where_an_open_model_would_serve_more():
    """With compute limits a model may be open and yet not serve: opening it again and again gains nothing."""
    for seed in range(3):
        instance = generate(
            cloudlets=6, requests=400, models=18, classes=40, seed=seed, compute="limited", mean_count=2
        )
        openings = Openings(reduce_instance(instance).core)
        bundles = (len(openings.arrays.bundle_start) - 1) * openings.core.sites
        looks = InterruptedAfter(20 * bundles)
        openings.insert(Run(maximize=False, interrupt=looks), np.arange(openings.core.sites), 1.0)
        assert looks.looks > 0


@pytest.mark.slow
def test_candidate_lists_give_plans_and_bounds():
    """Of too many options the cheapest are kept: plans stay feasible, bounds valid, and nothing claims more."""
    for seed in range(6):
        compute = "limited" if seed % 2 else "unlimited"
        instance = generate(cloudlets=6, requests=30, models=18, seed=seed, compute=compute)
        best = edgeopt.solve(instance, "exact", threads=1, gap=0.001)
        reduced = reduce_instance(instance, 240)
        assert reduced.core.options <= 240
        assert np.isfinite(reduced.cutoff).any()
        run = Run(maximize=False)
        for outcome in (solve_lagrangian(reduced, run), solve_bound(reduced, run)):
            assert outcome.bound <= best.objective * (1 + 1e-9)
        plan = solve_greedy(reduced, run).plan
        assert check(instance, plan).feasible


@pytest.mark.slow
def test_large_instances_are_not_refused(monkeypatch):
    monkeypatch.setattr(reach, "LARGEST", 500)
    monkeypatch.setattr(reach, "CANDIDATES", 300)
    monkeypatch.setattr(auto, "EXACT_CHOICES", 400)
    instance = generate(cloudlets=6, requests=30, models=18, seed=0)
    assert edgeopt.solve(instance, "auto").method == "lagrangian"
    fitting = fitting_methods(instance)
    assert "exact" not in fitting
    for name in fitting:
        solution = edgeopt.solve(instance, name, threads=1, time_limit=20)
        assert solution.objective is not None or name == "bound"
    for name in ("exact", "rounding", "no-sharing"):
        with pytest.raises(MethodRefusal, match="'lagrangian' would work"):
            edgeopt.solve(instance, name)


def test_the_program_tells_the_units_that_it_finds() -> None:
    """From no start there are several; they are feasible, and the last is the best."""
    core = reduce_instance(generate(models=10, cloudlets=4, requests=20, seed=3)).core
    told: list[Any] = []
    _, amounts = solve_core(core, Run(maximize=False), on_amounts=told.append)
    assert amounts is not None
    feasible = [core.cost(each) for each in told if core.feasible(each)]
    assert len(set(feasible)) > 1
    assert core.cost(amounts) == pytest.approx(min(feasible), rel=1e-6)
