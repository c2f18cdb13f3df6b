from itertools import product

import numpy as np
import pytest

import edgeopt
from edgeopt.pulling.admissible import admissible_models
from edgeopt.pulling.generator import generate
from edgeopt.pulling.online.assignment import assign
from edgeopt.pulling.online.environment import Environment, filled_blocks, pulled_blocks


def environment(seed=0, arrivals=4, slots=1, plan=None, distractors=2):
    instance = generate(sharing="freeze-depth", models=6, cloudlets=3, requests=8, seed=seed)
    return instance, Environment.from_instance(
        instance, plan, arrivals=arrivals, slots=slots, distractors=distractors, seed=seed
    )


def cheapest(environment, cost):
    """Least total cost over all choices of pairs within the slots."""
    best = np.inf
    for pairs in product(*[np.flatnonzero(np.isfinite(row)) for row in cost]):
        used = np.bincount(environment.pair_site[list(pairs)], minlength=len(environment.slots))
        if (used <= environment.slots).all():
            best = min(best, cost[range(len(pairs)), list(pairs)].sum())
    return best


@pytest.mark.parametrize("seed", range(40))
def test_assignments_are_the_best_of_all(seed):
    _, online = environment(seed, arrivals=3)
    generator = np.random.default_rng(seed)
    for _ in range(5):
        arrivals = online.draw(generator)
        cost = online.cost(arrivals, generator.random((3, len(online.pair_site))) * 3)
        pairs = assign(online, cost)
        used = np.bincount(online.pair_site[pairs], minlength=len(online.slots))
        assert (used <= online.slots).all()
        assert cost[range(3), pairs].sum() == pytest.approx(cheapest(online, cost), rel=1e-9)


def test_the_cost_is_what_network_and_operations_take():
    instance, online = environment()
    request = next(iter(instance.requests.values()))
    for pair in np.flatnonzero(online.admissible[0]):
        model = instance.library.models[online.models[online.pair_model[pair]]]
        site = online.sites[online.pair_site[pair]]
        host = instance.cloud if site == instance.cloud.name else instance.cloudlets[site]
        operations = request.samples * model.flops_per_sample / host.speed_flops_per_s
        assert online.nominal[0, pair] == pytest.approx(operations)
        assert model.task == request.task
        assert model.accuracy >= request.min_accuracy
        if site == request.node:
            assert online.transmission[0, pair] == 0


@pytest.mark.parametrize("seed", range(5))
def test_filled_cloudlets_keep_to_their_memory_and_waste_none(seed):
    instance, _ = environment(seed)
    models = list(instance.library.models)
    for site, blocks in filled_blocks(instance, models).items():
        room = instance.cloudlets[site].memory_bytes - sum(instance.library.blocks[block] for block in blocks)
        assert room >= 0
        for model in models:
            missing = set(instance.library.models[model].blocks) - blocks
            assert not missing or sum(instance.library.blocks[block] for block in missing) > room


def test_a_placement_offers_every_model_whose_blocks_are_there():
    instance, _ = environment()
    plan = edgeopt.solve(instance, "greedy").plan
    _, online = environment(plan=plan)
    held = pulled_blocks(instance, plan)
    offered = {(online.models[m], online.sites[s]) for m, s in zip(online.pair_model, online.pair_site, strict=True)}
    for choice in plan["assignments"].values():
        assert (choice["model"], choice["site"]) in offered
    for model, site in offered:
        assert site == instance.cloud.name or set(instance.library.models[model].blocks) <= held[site]


def test_the_noise_has_mean_one_and_the_stated_deviation():
    _, online = environment(arrivals=4000)
    noise = online.draw(np.random.default_rng(1)).noise
    assert noise.mean() == pytest.approx(1, abs=0.03)
    assert noise.std() == pytest.approx(5**-0.5, abs=0.02)


def test_a_request_that_the_cloud_cannot_serve_is_refused_by_name():
    instance, _ = environment()
    data = instance.to_dict()
    data["requests"]["lonely"] = {**next(iter(data["requests"].values())), "task": "nothing like it"}
    with pytest.raises(edgeopt.MethodRefusal, match="'lonely'"):
        Environment.from_instance(edgeopt.instance_from_dict(data), None, arrivals=2, slots=1, distractors=0, seed=0)


def test_queues_sites_and_offers_count():
    plain, _ = environment(1)
    name, request = next(iter(plain.requests.items()))
    admissible = admissible_models(plain)[name].models
    offers = {model: {"delay_s": 0.25} for model in admissible[:1]}
    site = next(iter(plain.cloudlets))
    instance = plain.replace(
        **{
            f"requests.{name}.models": offers,
            f"requests.{name}.sites": [site, plain.cloud.name],
            "cloud.queue_s": 2.0,
            f"cloudlets.{site}.queue_s": 1.0,
        }
    )
    before, after = (
        Environment.from_instance(one, None, arrivals=2, slots=1, distractors=0, seed=0) for one in (plain, instance)
    )
    pairs = {
        (after.models[model], after.sites[place]): column
        for column, (model, place) in enumerate(zip(after.pair_model, after.pair_site, strict=True))
    }
    known = {
        (before.models[model], before.sites[place]): column
        for column, (model, place) in enumerate(zip(before.pair_model, before.pair_site, strict=True))
    }
    for (model, place), column in pairs.items():
        allowed = model in offers and place in (site, plain.cloud.name)
        assert after.admissible[0, column] == allowed
        if allowed and before.admissible[0, known[model, place]]:
            queue = 2.0 if place == plain.cloud.name else 1.0
            added = after.transmission[0, column] - before.transmission[0, known[model, place]]
            assert added == pytest.approx(0.25 + queue)
    assert request.sites is None
