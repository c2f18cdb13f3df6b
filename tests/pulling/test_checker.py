"""The checker of `pulling` on hand-made plans, and against brute force."""

import copy

import pytest

import edgeopt
from edgeopt.pulling.checker import check
from edgeopt.pulling.instance import PullingInstance
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance

BASE = {
    "name": "by hand",
    "library": {
        "format": "edgeopt-library/1",
        "blocks": {"backbone": 100, "a": 10, "b": 20},
        "models": {
            "ma": {"blocks": ["backbone", "a"], "task": "t", "accuracy": 0.9, "flops_per_sample": 8.0},
            "mb": {"blocks": ["backbone", "b"], "task": "t", "accuracy": 0.5, "flops_per_sample": 4.0},
        },
    },
    "cloud": {"name": "cloud", "speed_flops_per_s": 16.0},
    "cloudlets": {"v": {"memory_bytes": 130, "speed_flops_per_s": 4.0}},
    "links": [
        {"between": ["v", "cloud"], "bandwidth_bps": 80.0, "latency_s": 3.0},
        {"between": ["u", "v"], "bandwidth_bps": 10.0, "latency_s": 1.0},
    ],
    "requests": {
        "r": {"node": "u", "task": "t", "min_accuracy": 0.6, "input_bits": 20.0, "samples": 2, "count": 3},
        "q": {"node": "v", "task": "t", "min_accuracy": 0.0, "input_bits": 20.0, "samples": 1},
    },
}
PLAN = {"assignments": {"r": {"model": "ma", "site": "v"}, "q": {"model": "mb", "site": "v"}}}


def make(**changes):
    return PullingInstance.from_dict({**copy.deepcopy(BASE), **changes})


def test_delay_by_hand():
    report = check(make(), PLAN)
    assert report.violations == []
    assert report.metrics["transmission_s"] == pytest.approx(3 * (1 + 2))
    assert report.metrics["compute_s"] == pytest.approx(3 * 2 * 8 / 4 + 1)
    pulls = [3 + 8 * size / 80 for size in (100, 10, 20)]
    assert report.metrics["pulling_s"] == pytest.approx(sum(pulls))
    assert report.objective == pytest.approx(9 + 13 + sum(pulls))
    assert report.metrics["pulled_bytes"] == 130
    assert report.metrics["sharing_saved_bytes"] == 100
    assert report.metrics["mean_accuracy"] == pytest.approx((3 * 0.9 + 0.5) / 4)
    assert report.metrics["edge_share"] == 1


def test_memory_to_the_byte():
    tight = {"v": {"memory_bytes": 129, "speed_flops_per_s": 4.0}}
    report = check(make(cloudlets=tight), PLAN)
    assert [(v.constraint, v.amount) for v in report.violations] == [("memory", 1)]


def test_compute_exactly():
    def limited(flops):
        return make(cloudlets={"v": {"memory_bytes": 130, "speed_flops_per_s": 4.0, "compute_flops": flops}})

    assert check(limited(3 * 2 * 8 + 4.0), PLAN).feasible
    report = check(limited(3 * 2 * 8 + 3.9999999), PLAN)
    assert [violation.constraint for violation in report.violations] == ["compute"]


def test_resident_blocks_and_given_pulling_delays():
    cloudlet = {"memory_bytes": 130, "speed_flops_per_s": 4.0, "resident": ["backbone"], "pull_delay_s": {"a": 0.5}}
    report = check(make(cloudlets={"v": cloudlet}), PLAN)
    assert report.metrics["pulling_s"] == pytest.approx(0.5 + 3 + 8 * 20 / 80)
    assert report.metrics["pulled_bytes"] == 30


def peers(**changes):
    """The backbone is resident at w, near v; the cloud is far."""
    cloudlets = {
        "v": {"memory_bytes": 130, "speed_flops_per_s": 4.0, "queue_s": 0.25},
        "w": {"memory_bytes": 100, "speed_flops_per_s": 4.0, "resident": ["backbone"]},
    }
    links = [*BASE["links"], {"between": ["v", "w"], "bandwidth_bps": 800.0, "latency_s": 0.5}]
    return make(**{"cloudlets": cloudlets, "links": links, "sources": "any", **changes})


def test_blocks_come_from_the_nearest_that_has_them():
    pulls = {"backbone": 0.5 + 1.0, "a": 3 + 1.0, "b": 3 + 2.0}
    report = check(peers(), PLAN)
    assert report.feasible
    assert report.metrics["pulling_s"] == pytest.approx(sum(pulls.values()))
    assert report.metrics["queue_s"] == pytest.approx((3 + 1) * 0.25)
    assert report.metrics["peer_bytes"] == 100
    parallel = check(peers(waiting="parallel"), PLAN)
    assert parallel.metrics["pulling_s"] == pytest.approx(3 * pulls["a"] + pulls["b"])
    serial = check(peers(waiting="serial"), PLAN)
    assert serial.metrics["pulling_s"] == pytest.approx(
        3 * (pulls["backbone"] + pulls["a"]) + pulls["backbone"] + pulls["b"]
    )
    assert serial.objective - parallel.objective == pytest.approx(4 * pulls["backbone"])
    alone = check(peers(sources="peers"), PLAN)
    assert [(v.constraint, v.where) for v in alone.violations] == [
        ("route", f"block {block!r} from a cloudlet to 'v'") for block in "ab"
    ]


def test_offers_and_sites():
    offers = {"ma": {"accuracy": 0.6, "delay_s": 2.0, "cost": 5.0}, "mb": {"cost": 9.0}}
    request = {"node": "v", "models": offers, "input_bits": 0.0, "samples": 1, "count": 2}

    def broken(model, **changes):
        instance = make(requests={"r": {**request, **changes}})
        report = check(instance, {"assignments": {"r": {"model": model, "site": "v"}}})
        return [violation.constraint for violation in report.violations]

    assert broken("ma") == broken("mb") == []
    assert broken("ma", min_accuracy=0.6) == []
    assert broken("ma", min_accuracy=0.61) == ["admissible model"]
    assert broken("mb", min_accuracy=0.5) == []
    assert broken("mb", min_accuracy=0.55) == ["admissible model"]
    assert broken("ma", max_cost=5.0) == []
    assert broken("mb", max_cost=8.9) == ["admissible model"]
    assert broken("ma", sites=["cloud"]) == ["allowed site"]
    report = check(make(requests={"r": request}), {"assignments": {"r": {"model": "ma", "site": "v"}}})
    assert report.metrics["given_delay_s"] == 4
    assert report.metrics["cost"] == 10
    assert report.metrics["mean_accuracy"] == pytest.approx(0.6)
    priced = make(requests={"r": request}, prices={"per_pulled_byte": 1.0})
    assert check(priced, {"assignments": {"r": {"model": "ma", "site": "v"}}}).metrics["cost"] == 120


def test_prices():
    prices = {"per_pulled_byte": 2.0, "per_sent_bit": 0.5, "per_cloudlet_flop": 0.25, "per_delay_s": 1.0}
    report = check(make(prices=prices), PLAN)
    expected = 2 * 130 + 0.5 * 3 * 20 + 0.25 * (3 * 2 * 8 + 4) + report.objective
    assert report.metrics["cost"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("request_name", "choice", "constraint"),
    [
        ("r", {"model": "mb", "site": "v"}, "admissible model"),
        ("r", {"model": "mx", "site": "v"}, "known model"),
        ("r", {"model": "ma", "site": "u"}, "known site"),
        ("x", {"model": "ma", "site": "v"}, "known request"),
    ],
)
def test_what_a_plan_may_not_do(request_name, choice, constraint):
    plan = {"assignments": {**PLAN["assignments"], request_name: choice}}
    assert constraint in {violation.constraint for violation in check(make(), plan).violations}


def test_every_request_is_served():
    plan = {"assignments": {"r": PLAN["assignments"]["r"]}}
    assert [v.constraint for v in check(make(), plan).violations] == ["every request is served"]


def test_no_route():
    alone = make(links=[BASE["links"][0], {"between": ["u", "w"], "bandwidth_bps": 1.0, "latency_s": 0.0}])
    assert {v.constraint for v in check(alone, PLAN).violations} == {"route"}
    direct = make(routing="direct")
    at_cloud = {"assignments": {**PLAN["assignments"], "r": {"model": "ma", "site": "cloud"}}}
    assert {v.constraint for v in check(direct, at_cloud).violations} == {"route"}
    assert check(make(), at_cloud).feasible


@pytest.mark.parametrize("plan", [None, [], {"assignments": []}, {"assignments": {"r": "ma"}}, {"a": 1}])
def test_unreadable_plans(plan):
    report = check(make(), plan)
    assert report.objective is None
    assert report.violations


def test_ties_of_routes_go_to_the_lower_latency():
    links = [
        {"between": ["u", "v"], "bandwidth_bps": 3.0, "latency_s": 9.0},
        {"between": ["u", "w"], "bandwidth_bps": 6.0, "latency_s": 1.0},
        {"between": ["w", "v"], "bandwidth_bps": 6.0, "latency_s": 1.0},
        BASE["links"][0],
    ]
    report = check(make(links=links), PLAN)
    assert report.metrics["transmission_s"] == pytest.approx(3 * (2 + 20 / 3))


def test_agrees_with_brute_force():
    for seed in range(40):
        instance = random_instance(seed, requests=3)
        value, plan = optimum(instance)
        if plan is not None:
            report = check(instance, plan)
            assert report.feasible
            assert report.objective == pytest.approx(value, rel=1e-12)


def test_solution_carries_the_metrics():
    solution = edgeopt.solve(make(), "exact", threads=1)
    parts = ("transmission_s", "compute_s", "pulling_s")
    assert sum(solution.metrics[part] for part in parts) == pytest.approx(solution.objective)
