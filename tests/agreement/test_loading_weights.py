"""What must hold for every method of `loading` where users have weights, in each of the eight modes."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product

import pytest

import edgeopt
from edgeopt.loading.instance import LoadingInstance
from tests.amounts import some_or_all_pairs
from tests.loading.brute_force import heaviest, optimum
from tests.loading.modes import FEW_BLOCKS, in_mode
from tests.loading.random_instances import random_instance
from tests.loading.streams.brute_force import heaviest_stream
from tests.loading.streams.random_streams import MODE_NAMES as STREAM_NAMES
from tests.loading.streams.random_streams import MODES as STREAM_MODES
from tests.loading.streams.random_streams import random_stream
from tests.loading.weights import KINDS, drawn_weights, with_weights

METHODS = edgeopt.methods("loading")
MODES = list(product(("phase", "overlapped"), ("consecutive", "capacity"), (True, False)))
NAMES = [f"{upload}-{retention}-{'one' if one else 'individual'}" for upload, retention, one in MODES]
SOME, MANY = 3, 90
SAME = Fraction(1, 10**9)
TAKEN = {"exact", "cpsat", "greedy", "local-search", "bound", "edf", "random"}

TAKEN_IN = {("phase", "consecutive", True): ("dp", "modular-dp")}


@cache
def drawn(mode: tuple[str, str, bool], count: int) -> list[tuple[LoadingInstance, Fraction]]:
    """Tiny instances of a mode with their optima by enumeration, which shares nothing with any method.

    Modes begin at different kinds of weights, so that few instances of each have all kinds.
    """
    upload, retention, one_deadline = mode
    found: list[tuple[LoadingInstance, Fraction]] = []
    seed = 8000 + SOME * MODES.index(mode)
    while len(found) < count:
        seed += 1
        instance = random_instance(seed, models=3, users=4, one_deadline=one_deadline)
        if retention == "capacity" and len(instance.library.blocks) > FEW_BLOCKS:
            continue
        instance = drawn_weights(in_mode(instance, upload, retention), list(KINDS)[seed % len(KINDS)], seed)
        if instance.weighted:
            found.append((instance, heaviest(instance)))
    return found


def check_method(name: str, instance: LoadingInstance, best: Fraction) -> None:
    """Require that a method's plan and bound enclose the optimum, and that an exact one reaches it."""
    solution = edgeopt.solve(instance, name, threads=1, iteration_limit=300)
    least, most = best * (1 - SAME), best * (1 + SAME)
    assert solution.bound is None or solution.bound >= least, (instance.name, solution.bound, best)
    assert all(bound is None or bound >= least for _, _, bound in solution.history), instance.name
    assert all(found is None or found <= most for _, found, _ in solution.history), instance.name
    assert solution.objective is None or solution.objective <= most, instance.name
    if METHODS[name].kind == "exact":
        assert solution.status == "optimal", (instance.name, solution.message)
        assert least <= solution.objective
    if solution.plan is not None:
        assert edgeopt.check(instance, solution.plan).objective == solution.objective


@some_or_all_pairs("mode, name", dict(zip(NAMES, MODES, strict=True)), METHODS, every=8, some=SOME, many=MANY)
def test_a_method_refuses_weights_or_tells_the_truth(mode, name, numbers):
    runs = 0
    for instance, best in drawn(mode, numbers.stop)[numbers.start :]:
        reason = METHODS[name].refusal(instance)
        assert reason is None or name not in TAKEN, reason
        runs += reason is None
        if reason is None:
            check_method(name, instance, best)
    assert runs or name not in TAKEN_IN.get(mode, ())


TAKEN_OF_STREAMS = {"exact", "beam", "local-search", "portfolio", "greedy", "bound", "edf", "fifo", "density"}


@cache
def drawn_streams(mode: tuple[str, str, bool], number: int) -> list[tuple[LoadingInstance, Fraction]]:
    """Tiny streams of a mode, with weights of a few kinds, and their optima by enumeration."""
    kinds, first = list(KINDS), 8300 + STREAM_MODES.index(mode)
    seeds = range(first, first + number)
    streams = [drawn_weights(random_stream(seed, *mode, users=4), kinds[seed % len(kinds)], seed) for seed in seeds]
    return [(stream, heaviest_stream(stream)) for stream in streams if stream.stream and stream.weighted]


@some_or_all_pairs("mode, name", dict(zip(STREAM_NAMES, STREAM_MODES, strict=True)), METHODS, every=6, some=1, many=3)
def test_a_method_refuses_weights_of_a_stream_or_tells_the_truth(mode, name, numbers):
    for instance, best in drawn_streams(mode, numbers.stop)[numbers.start :]:
        reason = METHODS[name].refusal(instance)
        assert reason is None or name not in TAKEN_OF_STREAMS or (name == "exact" and "unit" in reason), reason
        if reason is None:
            check_method(name, instance, best)


def test_a_replay_tells_the_weight_that_is_served():
    instance = next(stream for stream, best in drawn_streams(STREAM_MODES[0], 3) if best > 0)
    study = edgeopt.replay(instance, ["edf", "fifo"])
    for replay, record in zip(study.replays, study.to_frame().loc[["edf", "fifo"]].to_dict("records"), strict=True):
        report = edgeopt.check(instance, replay.plan)
        assert record["weight"] == replay.worth == report.objective
        assert record["served"] == report.metrics["served_users"]
    assert "weight share" in str(study)


@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_equal_weights_serve_as_many_users_as_none(mode):
    upload, retention, one_deadline = mode
    for seed in (8101, 8105, 8109):
        plain = in_mode(random_instance(seed, models=3, users=4, one_deadline=one_deadline), upload, retention)
        instance = with_weights(plain, [0.25] * len(plain.users))
        assert edgeopt.solve(instance, "exact", threads=1).objective == 0.25 * optimum(plain)


def test_weights_of_one_are_no_weights():
    plain = random_instance(8201, models=3, users=4)
    instance = with_weights(plain, [1.0] * len(plain.users))
    assert not instance.weighted
    assert instance.to_dict() == plain.to_dict()
    assert instance.sha256 == plain.sha256


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_nothing_is_served_where_nothing_counts(name):
    plain = random_instance(8201, models=3, users=4)
    solution = edgeopt.solve(with_weights(plain, [0] * len(plain.users)), name)
    assert solution.objective in (0, None)
    assert name in ("edf", "random") or solution.bound == 0


@pytest.mark.parametrize("name", ["exact", "cpsat", "bound", "greedy", "local-search", "dp", "modular-dp"])
@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_a_heavy_user_goes_before_one_who_uploads_less(mode, name):
    instance = one_of_two(*mode)
    assert heaviest(instance) == 5
    if METHODS[name].refusal(instance) is None:
        solution = edgeopt.solve(instance, name, threads=1)
        assert (solution.bound if name == "bound" else solution.objective) == 5


def test_a_light_user_beside_a_heavy_one_is_not_cut_off() -> None:
    """HiGHS cuts off what is within 1e-6 of a cost as it sees it, here a light user beside a heavy one."""
    mode = ("phase", "capacity", True)
    for instance, best in drawn(mode, 96):
        if instance.name == "crossing-8096":
            check_method("exact", instance, best)
            assert best == 10**12 + 1_000
            break
    else:
        pytest.fail("the instance is no longer drawn")


def one_of_two(upload: str, retention: str, one_deadline: bool) -> LoadingInstance:
    """Return the instance with time for one of two users of a model: u = 1 of weight 1, u = 2 of weight 5."""
    builder = edgeopt.build(
        "loading",
        "one of two",
        server={"memory_bytes": 10, "load_rate_bytes_per_s": 1.0},
        bandwidth_hz=1.0,
        upload=upload,
        retention=retention,
    )
    facts = {"compute_fixed_s": 1.0, "compute_per_sample_s": 1.0, "workspace_bytes_per_sample": 1}
    builder.add_model("m", {"b": 1}, **facts)
    for user, bits, weight in (("light", 1.0, 1), ("heavy", 2.0, 5)):
        deadline = 5.0 if one_deadline else 5.0 + (user == "light") / 10
        builder.add_user(
            user,
            "m",
            upload_bits=bits,
            spectral_efficiency=1.0,
            deadline_s=deadline - (upload == "overlapped"),
            weight=weight,
        )
    return builder.instance()
