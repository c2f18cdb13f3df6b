"""The exact search of streams: equal to enumeration, within its limits honest, and clear about what is too large."""

import pytest

import edgeopt
from edgeopt.errors import MethodRefusal
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.specimens import ITERATIONS, KINDS, kind_of, specimen
from edgeopt.loading.streams import exact, state_kernels
from edgeopt.loading.streams.ahead import fitting_blocks
from edgeopt.loading.streams.exact import Search
from edgeopt.loading.streams.tables import loadable, tables_of
from edgeopt.loading.workload import compile_workload
from tests.loading.streams.brute_force import heaviest_stream, stream_optimum
from tests.loading.streams.by_hand import stream_of
from tests.loading.streams.random_streams import MODE_NAMES, MODES, random_stream
from tests.loading.weights import drawn_weights


def crowded(users: int, seed: int = 0, radio: bool = True, **modes: str) -> LoadingInstance:
    """Draw a stream of six models that arrives faster than it can be served."""
    data = generate("tree", models=6, users=users, seed=seed, upload="overlapped").to_dict() | modes
    library = edgeopt.ModelLibrary.from_dict(data["library"])
    load_s = max(map(library.size_bytes, library.models)) / data["server"]["load_rate_bytes_per_s"]
    for number, user in enumerate(data["users"].values()):
        user["arrival_s"] = 0.15 * load_s * number
        user["deadline_s"] = user["arrival_s"] + 1.6 * load_s
        user["upload_bits"] *= radio
    return LoadingInstance.from_dict(data)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_equals_enumeration_of_five_users(mode):
    seeds = range(500, 520 if mode[:2] == ("capacity", "idle") else 560)
    served = 0
    for seed in seeds:
        instance = random_stream(seed, *mode, users=5)
        best = stream_optimum(instance)
        solution = edgeopt.solve(instance, "exact")
        assert (solution.status, solution.objective) == ("optimal", best), seed
        assert edgeopt.check(instance, solution.plan).objective == best
        served += best
    assert served > len(seeds)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whole", "decimal", "zeros and ones", "far apart"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_the_heaviest_plans_equal_enumeration(mode, kind):
    for seed in range(700, 703 if mode[:2] == ("capacity", "idle") else 710):
        instance = drawn_weights(random_stream(seed, *mode, users=4), kind, seed)
        solution = edgeopt.solve(instance, "exact")
        best = heaviest_stream(instance)
        assert solution.status == "optimal", (seed, solution.message)
        assert abs(solution.objective - best) <= best / 10**9, seed
        assert edgeopt.check(instance, solution.plan).objective == solution.objective


@pytest.mark.parametrize("prefetch", ["none", "next"])
@pytest.mark.parametrize("radio", [True, False])
def test_fourteen_users_take_few_states(radio, prefetch):
    solution = edgeopt.solve(crowded(14, radio=radio, prefetch=prefetch), "exact", iteration_limit=5)
    assert solution.status == "optimal"
    assert 0 < solution.objective <= 14


@pytest.mark.parametrize("prefetch", ["none", "next"])
def test_uploads_of_no_length_to_speak_of_change_nothing(prefetch):
    # Batches of the earliest due are enough where nobody uploads; else every set of users is tried.
    for seed in range(6):
        silent = crowded(13, seed, radio=False, prefetch=prefetch)
        brief = silent.replace(**{f"users.{user}.upload_bits": 1e-6 for user in silent.users})
        assert edgeopt.solve(brief, "exact").objective == edgeopt.solve(silent, "exact").objective


def test_more_can_be_served_the_more_is_allowed():
    kinds = ["none", "idle", "next"]
    for seed in range(4):
        served = [
            [edgeopt.solve(crowded(12, seed, prefetch=kind, retention=kept), "exact").objective for kind in kinds]
            for kept in ("consecutive", "capacity")
        ]
        assert served[0][0] == served[0][1] <= served[0][2]
        assert served[1][0] <= min(served[1][1:])
        assert all(few <= many for few, many in zip(*served, strict=True))


def test_a_limit_leaves_a_plan_and_a_bound():
    instance = crowded(40, radio=False)
    limited = edgeopt.solve(instance, "exact", iteration_limit=1)
    assert limited.status == "feasible"
    assert limited.stopped == "iteration_limit"
    assert limited.objective < limited.bound <= 40
    again = edgeopt.solve(instance, "exact", iteration_limit=1)
    assert (limited.plan, limited.bound) == (again.plan, again.bound)
    longer = edgeopt.solve(instance, "exact", iteration_limit=40)
    assert longer.status == "optimal"
    assert limited.objective < longer.objective < limited.bound


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[2] == "stream"])
def test_a_rehearsal_searches(kind):
    instance = specimen(kind)
    assert kind_of(instance) == kind
    assert edgeopt.solve(instance, "exact", iteration_limit=0).status == "feasible"
    assert edgeopt.solve(instance, "exact", iteration_limit=ITERATIONS).status == "optimal"


def test_more_room_for_states_needs_no_other_kernel():
    """What Python calls compiles when it is called: a rehearsal has few states."""
    kernels = {name: value for name, value in vars(state_kernels).items() if hasattr(value, "overloads")}
    assert [name for name, value in kernels.items() if not value.targetoptions.get("no_cpython_wrapper")] == ["expand"]


def test_a_search_with_little_room_at_first_ends_as_one_with_much(monkeypatch):
    work, found = compile_workload(crowded(20, radio=False)), []
    for room in (1 << 5, 1 << 12):
        monkeypatch.setattr(exact, "FIRST_STATES", room)
        search = Search(work, 0)
        while search.expand():
            pass
        found.append((search.units, search.bound, search.states))
    assert found[0] == found[1]
    assert found[0][2] > 1 << 6


def test_it_is_at_least_as_good_as_its_start_and_the_simple_policies():
    instance = crowded(40, radio=False)
    policies = [edgeopt.solve(instance, name).objective for name in ("density", "edf")]
    assert edgeopt.solve(instance, "exact", iteration_limit=0).objective >= max(policies)
    best = edgeopt.solve(instance, "exact", iteration_limit=60)
    again = edgeopt.solve(instance, "exact", iteration_limit=0, start=best)
    assert again.objective == best.objective


def test_what_is_too_large_is_refused_with_its_size():
    with pytest.raises(MethodRefusal, match=r"63 users, 62 are in reach; .* would work"):
        edgeopt.solve(crowded(63, radio=False), "exact")
    users = {f"u{k}": {"model": "a", "upload_bits": 1.0, "arrival_s": float(k)} for k in range(17)}
    with pytest.raises(MethodRefusal, match=r"17 users of one model with something to upload, 16 are in reach"):
        edgeopt.solve(stream_of({"a": ["x"]}, users), "exact")
    silent = {name: {**user, "upload_bits": 0.0} for name, user in users.items()}
    assert edgeopt.solve(stream_of({"a": ["x"]}, silent), "exact").objective == 17
    blocks = {"a": [f"x{k}" for k in range(63)]}
    with pytest.raises(MethodRefusal, match="more than 62 blocks that the GPU may keep"):
        edgeopt.solve(stream_of(blocks, {"u": {"model": "a", "arrival_s": 1.0}}, retention="capacity"), "exact")
    blocks = {"a": [f"x{k}" for k in range(20)], "b": ["y"]}
    pair = {name: {"model": name, "arrival_s": 1.0} for name in "ab"}
    with pytest.raises(MethodRefusal, match="more than 16 blocks of which some may be loaded ahead"):
        edgeopt.solve(stream_of(blocks, pair, prefetch="next", memory_bytes=21), "exact")
    assert edgeopt.solve(stream_of(blocks, pair, prefetch="next", memory_bytes=40), "exact").objective == 2


def test_the_blocks_that_fit_ahead_are_those_of_most_bytes():
    blocks = {"a": ["s", "a"], "b": ["s", "b5", "b4", "b3", "nothing"]}
    sizes = {"s": 10, "a": 1, "b5": 5, "b4": 4, "b3": 3, "nothing": 0}
    users = {f"{model}{k}": {"model": model, "arrival_s": 1.0} for model in "ab" for k in range(3)}
    keys = {"a": {"workspace_bytes_per_sample": 2}}
    instance = stream_of(blocks, users, sizes=sizes, model_keys=keys, memory_bytes=23, prefetch="next")
    work = compile_workload(instance)
    assert work.model_names == ["a", "b"]
    assert [sorted(fitting_blocks(work, 0, 1, n)) for n in (1, 2, 3)] == [["b4", "b5"], ["b3", "b5"], ["b5"]]
    tables, _ = tables_of(work)
    assert tables.ahead_s[0, 1].tolist() == [12, 9, 8, 5]
    assert tables.ahead_s[1, 0, 0] == 1


# b is loaded to 5 s and computes from 10 to 11 s. Beside it memory holds one of the two blocks of a: only by way of
# "half", which serves nobody, is x there at 10 s, and then y at 16 s.
HALVES = {"a": ["x", "y"], "b": ["b"], "half": ["x"]}
FREE = {"compute_fixed_s": 1.0, "compute_per_sample_s": 0.0, "workspace_bytes_per_sample": 0}


def test_a_model_without_users_may_be_worth_loading():
    users = {
        "u": {"model": "b", "arrival_s": 10.0, "deadline_s": 11.0},
        "v": {"model": "a", "arrival_s": 12.0, "deadline_s": 17.0},
    }
    keys = dict.fromkeys(HALVES, FREE)
    instance = stream_of(
        HALVES,
        users,
        sizes=dict.fromkeys(["x", "y", "b"], 5),
        model_keys=keys,
        memory_bytes=10,
        retention="capacity",
        prefetch="idle",
    )
    assert loadable(compile_workload(instance)) == ["a", "b", "half"]
    assert stream_optimum(instance) == edgeopt.solve(instance, "exact").objective == 2
    without = instance.to_dict()
    del without["library"]["models"]["half"]
    assert edgeopt.solve(LoadingInstance.from_dict(without), "exact").objective == 1


def test_models_without_users_that_others_replace_are_left_out():
    blocks = {"a": ["base", "a"], "b": ["base", "b"], "like-a": ["base", "c"], "smaller": ["base", "d"], "own": ["e"]}
    sizes = {"base": 9, "a": 3, "b": 4, "c": 3, "d": 2, "e": 1}
    users = {name: {"model": name, "arrival_s": 1.0} for name in "ab"}
    instance = stream_of(blocks, users, sizes=sizes, retention="capacity", prefetch="idle")
    assert loadable(compile_workload(instance)) == ["a", "b", "smaller"]
    for prefetch in ("none", "next"):
        assert loadable(compile_workload(instance.replace(prefetch=prefetch))) == ["a", "b"]


def test_better_and_earlier_users():
    users = {
        "first": {"model": "a", "arrival_s": 1.0, "deadline_s": 9.0},
        "twin": {"model": "a", "arrival_s": 1.0, "deadline_s": 9.0},
        "patient": {"model": "a", "arrival_s": 0.0, "deadline_s": 10.0},
        "other": {"model": "b", "arrival_s": 0.0, "deadline_s": 99.0},
    }
    tables, names = tables_of(compile_workload(stream_of({"a": ["x"], "b": ["y"]}, users)))
    assert names.users == ["first", "twin", "patient", "other"]
    assert tables.better.tolist() == [0b100, 0b101, 0, 0]
    assert tables.earlier.tolist() == [0, 0b1, 0, 0]
