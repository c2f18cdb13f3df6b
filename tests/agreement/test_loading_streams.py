"""What must be true of every method of `loading` on streams; methods are taken from the registry, later ones too."""

from __future__ import annotations

from functools import cache

import edgeopt
from edgeopt.loading.checker import replay
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.named import replay_policy
from tests.amounts import some_or_all_pairs
from tests.loading.streams.brute_force import stream_optimum
from tests.loading.streams.random_streams import MODE_NAMES, MODES, random_stream, whole_stream

METHODS = edgeopt.methods("loading")
SOME, MANY = 3, 8
SEARCHING, EVERY = {"bound", "beam", "local-search", "portfolio"}, 3  # they take longer, and have tests of their own
SCALES = {"tiny": 2.0**-60, "huge": 2.0**60}
KINDS = ["no work", "no time", "equal arrivals", "exactly in time", "late", *SCALES]


@cache
def drawn(mode: tuple[str, str, bool], number: int) -> list[tuple[LoadingInstance, int]]:
    """Tiny streams of a mode with their optima by enumeration, which shares nothing with any method."""
    instances = [random_stream(seed, *mode, users=4) for seed in range(number)]
    return [(instance, stream_optimum(instance)) for instance in instances]


def assert_honest(instance: LoadingInstance, best: int, name: str) -> None:
    """A method refuses the stream, or claims nothing that the optimum contradicts; an exact one finds it."""
    method = METHODS[name]
    reason = method.refusal(instance)
    if reason is not None:
        assert "would work" in reason
        return
    solution = edgeopt.solve(instance, name, threads=1, iteration_limit=300)
    claims = [(solution.objective, solution.bound), *((found, bound) for _, found, bound in solution.history)]
    for objective, bound in claims:
        assert objective is None or objective <= best, (instance.name, name)
        assert bound is None or bound >= best, (instance.name, name)
    assert method.kind != "exact" or (solution.status, solution.objective) == ("optimal", best), (instance.name, name)
    assert method.kind != "bound" or solution.bound is not None
    if solution.plan is not None:
        report = edgeopt.check(instance, solution.plan)
        assert report.feasible
        assert report.objective == solution.objective


@some_or_all_pairs("mode, name", dict(zip(MODE_NAMES, MODES, strict=True)), METHODS, every=12, some=SOME, many=MANY)
def test_a_method_refuses_the_mode_or_tells_the_truth(mode, name, numbers):
    for instance, best in drawn(mode, numbers.stop)[numbers.start :: EVERY if name in SEARCHING else 1]:
        assert_honest(instance, best, name)


def degenerate(kind: str, seed: int, mode: tuple[str, str, bool]) -> LoadingInstance:
    """Draw a stream of a kind."""
    data = whole_stream(seed, *mode).to_dict()
    users, library = data["users"].values(), data["library"]
    for user in users:
        user.setdefault("arrival_s", 0.0)
    if kind == "no work":
        library["blocks"] = dict.fromkeys(library["blocks"], 0)
        for model in library["models"].values():
            model["compute_fixed_s"] = model["compute_per_sample_s"] = 0.0
    if kind == "no time":
        for user in users:
            user["deadline_s"] = user["arrival_s"] + 2.0**-30
    if kind == "equal arrivals":
        for user in users:
            user["deadline_s"] += 3.0 - user["arrival_s"]
            user["arrival_s"] = 3.0
    if kind == "late":
        for user in users:
            user["arrival_s"] += 2.0**20
            user["deadline_s"] += 2.0**20
    return LoadingInstance.from_dict(data)


def scaled(instance: LoadingInstance, factor: float) -> LoadingInstance:
    """Scale all times; a power of two rounds nothing, so that the optimum stays."""
    data = instance.to_dict()
    data["server"]["load_rate_bytes_per_s"] /= factor
    for model in data["library"]["models"].values():
        model["compute_fixed_s"] *= factor
        model["compute_per_sample_s"] *= factor
    for user in data["users"].values():
        user |= {key: user[key] * factor for key in ("arrival_s", "deadline_s", "upload_bits") if key in user}
    return LoadingInstance.from_dict(data)


def exactly_in_time(instance: LoadingInstance) -> LoadingInstance:
    """Make every deadline the very moment at which some plan serves the user: all can be served, and none later."""
    patient = instance.replace(**{f"users.{user}.deadline_s": 1000.0 for user in instance.users})
    visits = replay(patient, replay_policy(patient, "fifo")).visits
    ends = {user: visit.end_s for visit in visits for user in visit.users}
    possible = {user: end for user, end in ends.items() if end > instance.users[user].arrival_s}
    return instance.replace(**{f"users.{user}.deadline_s": end for user, end in possible.items()})


@cache
def degenerates(mode: tuple[str, str, bool], kind: str, numbers: range) -> list[tuple[LoadingInstance, int]]:
    instances = [degenerate(kind, 20 + number, mode) for number in numbers]
    if kind == "exactly in time":
        instances = list(map(exactly_in_time, instances))
    factor = SCALES.get(kind, 1.0)
    return [(scaled(instance, factor), stream_optimum(instance)) for instance in instances]


@some_or_all_pairs("mode, kind", dict(zip(MODE_NAMES, MODES, strict=True)), KINDS, every=7, some=1, many=3)
def test_every_method_tells_the_truth_where_streams_degenerate(mode, kind, numbers):
    served = 0
    for instance, best in degenerates(mode, kind, numbers):
        served += best
        for name in list(METHODS)[KINDS.index(kind) % 2 :: 2] if len(numbers) == 1 else METHODS:
            assert_honest(instance, best, name)
    assert served > 0 or kind == "no time"


def test_enough_of_the_streams_are_worth_a_method():
    shares = [best / max(1, len(instance.users)) for mode in MODES for instance, best in drawn(mode, 2 * SOME)]
    assert sum(0 < share < 1 for share in shares) > len(shares) / 3
