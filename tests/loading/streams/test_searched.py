"""Beams, local search and the portfolio of streams: never worse than the policies, and often optimal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeopt
from edgeopt.loading import workload as workload_module
from edgeopt.loading.generator import generate
from edgeopt.loading.policies.named import POLICIES, replay_policy
from edgeopt.loading.streams import beam as beam_module
from edgeopt.loading.streams import population as population_module
from edgeopt.loading.streams import searched as searched_module
from edgeopt.loading.streams.annealing_kernels import BEST, NOW
from edgeopt.loading.streams.beam import Beam
from edgeopt.loading.streams.lines import Line, StreamLines
from edgeopt.loading.streams.local_search import Search, Stretch, batch_seconds
from edgeopt.loading.streams.population import Population
from edgeopt.loading.streams.searched import Plans
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Options, Run
from edgeopt.solution import Stopped
from tests.loading.streams.brute_force import stream_optimum
from tests.loading.streams.random_streams import MODE_NAMES, MODES, random_stream
from tests.loading.weights import with_weights

INSTANCES = Path(__file__).parents[3] / "instances"
SEARCHED = ("beam", "local-search", "portfolio")


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_plans_are_at_least_those_of_the_policies_and_often_optimal(mode):
    optimal = streams = 0
    for seed in range(3):
        instance = random_stream(seed, *mode, users=4)
        if not instance.stream:
            continue
        streams += 1
        policies = max(edgeopt.solve(instance, name).objective for name in POLICIES)
        best = stream_optimum(instance)
        for name in SEARCHED:
            solution = edgeopt.solve(instance, name, iteration_limit=4)
            assert policies <= solution.objective <= best
            assert edgeopt.check(instance, solution.plan).objective == solution.objective
        optimal += solution.objective == best
    assert optimal >= streams - 1


def test_policies_share_the_radio_and_none_is_begun_after_the_end(monkeypatch):
    instance = random_stream(0, *MODES[0], users=8)
    begun, radios = [], []
    simulation, radio = searched_module.Simulation, workload_module.upload_online
    monkeypatch.setattr(
        searched_module, "Simulation", lambda work, shares: begun.append(shares) or simulation(work, shares)
    )
    monkeypatch.setattr(workload_module, "upload_online", lambda queues: radios.append(queues) or radio(queues))
    Plans(compile_workload(instance), Run()).follow_policies()
    assert len(begun) > len(POLICIES) - 1
    assert len(radios) == 1
    run = Run()
    run.interrupt.set()
    begun.clear()
    Plans(compile_workload(instance), run).follow_policies()
    assert len(begun) <= 2  # the best of each group


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_any_line_is_a_plan_that_serves_what_it_says(mode):
    rng = np.random.default_rng(5)
    for seed in range(3):
        instance = random_stream(100 + seed, *mode, users=7)
        work = compile_workload(instance)
        if not work.models:
            continue
        lines = StreamLines(work)
        models = rng.integers(0, work.models, 10)
        line = Line(models, rng.uniform(0, 10, 10) * rng.integers(0, 2, 10))
        report = edgeopt.check(instance, lines.plan(line.copy()))
        assert report.feasible, report.violations
        assert report.objective == lines.served(line)


def test_the_line_of_a_plan_serves_about_as_many():
    instance = random_stream(3, *MODES[0], users=9)
    plan = replay_policy(instance, "density")
    lines = StreamLines(compile_workload(instance))
    assert lines.served(lines.line(plan)) >= edgeopt.check(instance, plan).objective - 1


def crowded(seed, retention="consecutive", rate_per_s=90.0, **options):
    """Draw a stream that arrives faster than it can be served, in lines of about a hundred batches."""
    return generate(
        "backbone",
        12,
        300,
        seed=seed,
        arrivals="poisson",
        rate_per_s=rate_per_s,
        uploads="none",
        retention=retention,
        **options,
    )


@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
@pytest.mark.parametrize("prefetch", ["none", "next"])
def test_an_annealed_line_serves_what_was_counted_move_by_move(retention, prefetch):
    """Moves run a line from their first batch on, and only until it goes on as before; the whole line says the same."""
    lines = StreamLines(compile_workload(crowded(1, retention, prefetch=prefetch)))
    rng = np.random.default_rng(4)
    search = Search(lines, Run(Options()), Line(rng.integers(0, 12, 60), np.zeros(60)))
    room = search._rooms[0]
    for seed in range(1, 9):
        line = search._annealed(Stretch(0, len(search.best.models), 1, 0.8, seed), room)
        assert lines.run(line.copy(), lines.begin())[0] == room.worth[BEST]
        now = Line(room.now.models, room.now.not_before).part(0, int(room.size[NOW]))
        assert lines.run(now.copy(), lines.begin())[0] == room.worth[NOW]
        assert room.worth[BEST] > search.served or seed > 1
        search.best, search.served = line, lines.served(line)


def test_an_annealed_line_with_weights_is_worth_what_was_counted_move_by_move():
    """Weights are counted in parts of their mean, most of them less than one."""
    stream = crowded(1)
    stream = with_weights(stream, np.random.default_rng(2).choice([1, 2, 9], len(stream.users)).tolist())
    lines = StreamLines(compile_workload(stream))
    start = Line(np.random.default_rng(4).integers(0, 12, 60), np.zeros(60))
    search = Search(lines, Run(Options()), start)
    room = search._rooms[0]
    line = search._annealed(Stretch(0, len(start.models), 1, 0.8, 1), room)
    assert lines.run(line.copy(), lines.begin())[0] == pytest.approx(room.worth[BEST])
    assert room.worth[BEST] > search.served


def halves(lines, line):
    """Return two lines, each with every second batch left out in one half."""
    middle = len(line.models) // 2
    early, late = np.ones(len(line.models), np.bool_), np.ones(len(line.models), np.bool_)
    early[:middle:2], late[middle::2] = False, False
    return [Line(line.models[kept], line.not_before[kept]) for kept in (early, late)]


def test_lines_that_are_good_at_different_times_are_joined():
    stream = crowded(6)
    lines = StreamLines(compile_workload(stream))
    whole = lines.line(replay_policy(stream, "density"))
    parts = halves(lines, whole)
    apart = [lines.served(part) for part in parts]
    for best, other in (parts, parts[::-1]):
        population = Population(lines, Run(Options()), best, [other])
        population.search(None, enough=max(apart) + 1)
        assert population.iterations == 0  # no line was annealed
        assert max(apart) < population.served == lines.served(population.best) <= lines.served(whole) + 5


def test_other_lines_are_annealed_within_the_limit(monkeypatch):
    monkeypatch.setattr(population_module, "LEAST_GAIN", 1)  # whatever a round gains, another line is next
    lines = StreamLines(compile_workload(crowded(7, rate_per_s=200.0)))
    best = Line(np.arange(12).repeat(4), np.zeros(48))
    others = [Line(np.random.default_rng(seed).permutation(best.models), np.zeros(48)) for seed in range(3)]
    for limit in (1, 7, 120):
        population = Population(lines, Run(Options()), best, others)
        population.search(limit)
        assert population.iterations == limit
        assert population.served == lines.served(population.best) >= lines.served(best)
    assert len(population._others) < len(others)


def test_short_lines_are_annealed_for_less_long(monkeypatch):
    monkeypatch.setattr(population_module, "USUAL_SWEEPS", 1)
    stream = edgeopt.read(INSTANCES / "loading" / "tiny-stream.json")
    lines = StreamLines(compile_workload(stream))
    population = Population(lines, Run(Options()), lines.line(replay_policy(stream, "density")), [])
    assert population.search(None) is Stopped.FINISHED
    assert population.iterations < 50 * population_module.ITERATIONS


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_plan_in_long_lines(threads):
    stream = crowded(3)
    plans = [edgeopt.solve(stream, "local-search", iteration_limit=10, seed=5, threads=threads) for _ in range(2)]
    assert plans[0].plan == plans[1].plan
    assert plans[0].objective > max(replay_served(stream, name) for name in POLICIES)
    assert edgeopt.check(stream, plans[0].plan).objective == plans[0].objective


def replay_served(stream, name):
    return edgeopt.check(stream, replay_policy(stream, name)).objective


def test_beams_in_threads_find_what_they_find_one_after_another():
    work = compile_workload(crowded(4))
    found = []
    for threads in (1, 3):
        plans = Plans(work, Run(Options()))
        plans.search_beams(Run(Options(threads=threads)), 9)
        found.append([(served, line.models.tolist()) for served, line in plans._found])
    assert found[0] == found[1]
    assert len(found[0]) == 9


def test_a_start_is_kept():
    instance = next(random_stream(s, *MODES[0]) for s in range(20) if random_stream(s, *MODES[0]).stream)
    best = edgeopt.solve(instance, "exact")
    for name in ("greedy", *SEARCHED):
        assert edgeopt.solve(instance, name, start=best, iteration_limit=1).objective == best.objective


def test_auto_proves_few_users_and_searches_for_many():
    few = next(random_stream(s, *MODES[0]) for s in range(20) if random_stream(s, *MODES[0]).stream)
    assert edgeopt.solve(few).method == "exact"
    many = generate("backbone", 6, 90, seed=1, arrivals="poisson", rate_per_s=2.0)
    solution = edgeopt.solve(many, time_limit=2)
    assert solution.method == "portfolio"
    assert solution.bound >= solution.objective >= edgeopt.solve(many, "density").objective


def test_a_portfolio_proves_a_small_stream_and_a_search_ends_when_told():
    small = next(random_stream(s, *MODES[0], users=6) for s in range(20) if random_stream(s, *MODES[0], users=6).stream)
    solution = edgeopt.solve(small, "portfolio")
    assert (solution.status, solution.objective) == ("optimal", stream_optimum(small))
    lines = StreamLines(compile_workload(crowded(2)))
    beam = Beam(lines, 2, batch_seconds(lines) / 2, 4)
    users = len(lines.order)
    assert beam.search(0.0, np.full(users, 0.5), lambda: False) == (-1, -1)
    served, node = beam.search(0.0, np.full(users, 0.5))
    assert 0 < served <= lines.served(beam.line(node)) <= users


def test_a_beam_ends_when_no_label_is_left():
    """Users who come twelve days later are behind tens of thousands of empty buckets."""
    stream = crowded(2)
    later = {
        name: user.replace(arrival_s=user.arrival_s + 2.0**20, deadline_s=user.deadline_s + 2.0**20)
        for name, user in stream.users.items()
    }
    lines = StreamLines(compile_workload(stream.replace(users=later)))
    asked = []
    Beam(lines, 2, batch_seconds(lines) / 2, 4).search(0.0, np.full(len(lines.order), 0.5), lambda: not asked.append(1))
    assert len(asked) < 10


@pytest.mark.slow
def test_beams_whose_history_has_no_room_are_left_out(monkeypatch):
    work = compile_workload(crowded(2))
    beams = []
    for most in (20_000_000, 60_000):  # labels
        monkeypatch.setattr(beam_module, "MOST_HISTORY", most)
        plans = Plans(work, Run(Options(iteration_limit=20)))
        plans.search_beams(Run(Options()), 20)
        beams.append(plans.beams)
    assert beams[0] == 14
    assert 4 <= beams[1] < 14
