"""Policies side by side: the figures of a replay, policies of one's own, and what goes wrong."""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path

import pytest

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies import Load, Policy, View, Wait
from edgeopt.loading.policies.named import POLICIES
from tests.cli.program import run
from tests.loading.policies.streams import MODES, random_stream


class FewestUsers(Policy):
    """A policy of one's own: the smallest batch first."""

    def decide(self, view: View) -> Load | Wait:
        return view.best(-view.batch)


@pytest.fixture(scope="module")
def stream() -> LoadingInstance:
    return generate("backbone", models=8, users=150, seed=3, arrivals="bursts", uploads="none", retention="capacity")


def test_figures_are_those_of_the_checked_plan(stream: LoadingInstance) -> None:
    study = edgeopt.replay(stream)
    assert [replay.policy for replay in study.replays] == list(POLICIES)
    assert study.best_known == max(replay.served for replay in study.replays)
    for replay in study.replays:
        schedule = edgeopt.loading.checker.replay(stream, replay.plan)
        waits = sorted(v.end_s - stream.users[user].arrival_s for v in schedule.visits for user in v.users)
        assert replay.served == len(waits)
        assert replay.served_share == len(waits) / 150
        assert replay.waiting_s["waiting_p95_s"] == pytest.approx(waits[ceil(0.95 * len(waits)) - 1])
        assert replay.computing_s == pytest.approx(sum(v.end_s - v.compute_start_s for v in schedule.visits))
        assert replay.loading_s + replay.computing_s + replay.idle_s == pytest.approx(schedule.visits[-1].end_s)
        if POLICIES[replay.policy][0].shares:
            assert replay.loading_s == pytest.approx(sum(v.load_end_s - v.load_start_s for v in schedule.visits))
    shares = [row["served_share"] for row in study.records()]
    assert shares == sorted(shares, reverse=True)
    assert study.records()[0]["regret"] == 0
    assert list(study.to_frame().index) == [row["policy"] for row in study.records()]
    assert "rolling" in str(study)


def test_a_policy_of_ones_own_and_a_known_solution(stream: LoadingInstance) -> None:
    bound = edgeopt.solve(stream, "density").replace(bound=150, gap=None)
    seen: list[tuple[str, float]] = []
    study = edgeopt.replay(
        stream, {"fewest": FewestUsers}, known=bound, on_time=lambda policy, part: seen.append((policy, part))
    )
    replay = study.replays[0]
    assert study.best_known == max(bound.objective, replay.served)
    assert study.records()[0]["regret"] == 1 - replay.served / study.best_known
    assert study.records()[0]["gap"] == pytest.approx((150 - replay.served) / replay.served)
    assert {policy for policy, _ in seen} == {"fewest"}
    assert all(0 <= part <= 1 for _, part in seen)
    assert edgeopt.check(stream, study.solutions()["fewest"].plan).objective == replay.served


def test_a_busy_gpu_idles_until_the_first_request_and_no_longer() -> None:
    crowd = generate("backbone", models=8, users=300, seed=3, arrivals="poisson", rate_per_s=200.0, uploads="none")
    first = min(user.arrival_s for user in crowd.users.values())
    for replay in edgeopt.replay(crowd, ["density", "edf", "rolling"]).replays:
        assert replay.idle_s == first


def test_policies_of_ones_own_stand_beside_named_ones(stream: LoadingInstance) -> None:
    study = edgeopt.replay(stream, ["density", FewestUsers])
    assert [replay.policy for replay in study.replays] == ["density", "FewestUsers"]
    assert edgeopt.replay(stream, FewestUsers).replays[0].plan == study.replays[1].plan
    with pytest.raises(UsageError, match="it should be a name or a class"):
        edgeopt.replay(stream, ["density", FewestUsers()])


OWN = """
from edgeopt.loading.policies import Policy


class LeastSlack(Policy):
    def decide(self, view):
        return view.best(-(view.due_s - view.free_s - view.load_s - view.compute_s))
"""


def test_a_policy_of_ones_own_on_the_command_line(stream: LoadingInstance, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    stream.write(tmp_path / "s.json")
    Path("mine.py").write_text(OWN)
    Path("broken.py").write_text("import nothing_of_this_name")
    Path("ended.py").write_text("import sys; sys.exit(3)")
    Path("binary.py").write_bytes(b"\xff\xfe")
    code, out, err = run("replay", "s.json", "-p", "density,mine.py:LeastSlack", "--json")
    assert code == 0, err
    assert {row["policy"] for row in json.loads(out)} == {"density", "LeastSlack"}
    for name, told in (
        ("other.py:LeastSlack", "no file"),
        ("mine.py:Other", "not the class of a policy"),
        ("broken.py:Mine", "cannot be imported: ModuleNotFoundError"),
        ("ended.py:Mine", "cannot be imported: SystemExit: 3"),
        ("binary.py:Mine", "cannot be imported: UnicodeDecodeError"),
    ):
        code, _, err = run("replay", "s.json", "-p", name)
        assert code == 2
        assert told in " ".join(err.split())


class Answers(Policy):
    """A policy that gives one answer, whatever it sees."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def decide(self, view: View) -> Load | Wait:
        return self.answer(view) if callable(self.answer) else self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "answers None"),
        (Load(99), "loads model 99, but there are"),
        (Load(-1), "loads model -1, but there are"),
        (lambda view: Load(int(view.batch.argmin())), "with nobody to serve"),
        (lambda view: Wait(view.now_s), "waits until"),
        (lambda view: Load(int(view.batch.argmax()), evict=("nothing",)), "evicts 'nothing'"),
    ],
)
def test_answers_that_cannot_be_done(stream: LoadingInstance, answer: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        edgeopt.replay(stream, {"wrong": lambda: Answers(answer)})


def test_blocks_are_evicted_only_where_they_may_be() -> None:
    evict = Answers(lambda view: Load(int(view.batch.argmax()), evict=("b0",)))
    for seed in range(5):
        instance = random_stream(seed, silent=True)
        if instance.users:
            with pytest.raises(UsageError, match="retention is 'consecutive'"):
                edgeopt.replay(instance, {"evicts": lambda: evict})


def test_a_policy_may_evict_and_load_ahead_without_users() -> None:
    """Everything leaves before each load, and where nobody can be served some model is loaded ahead."""

    def everything(view: View) -> Load | Wait:
        if view.batch.any():
            return Load(int(view.batch.argmax()), evict=tuple(sorted(view.on_gpu())))
        absent = [model for model, load_s in enumerate(view.load_s) if load_s > 0]
        return Load(absent[0]) if absent and view.now_s == 0 else Wait()

    evicted = ahead = 0
    for seed in range(30):
        instance = random_stream(seed, "capacity", "idle")
        plan = edgeopt.replay(instance, {"all": lambda: Answers(everything)}).replays[0].plan
        evicted += sum("evict" in batch for batch in plan["batches"])
        ahead += sum(not batch["users"] for batch in plan["batches"])
    assert evicted > 20
    assert ahead > 5


def test_waiting_longer_than_the_next_request_is_being_asked_again() -> None:
    moments: list[float] = []

    def later(view: View) -> Wait:
        moments.append(view.now_s)
        return Wait(view.now_s + 1000)

    instance = random_stream(2, silent=True)
    study = edgeopt.replay(instance, {"never": lambda: Answers(later)})
    assert study.replays[0].served == 0
    assert moments == sorted(set(moments))
    assert set(moments) <= {user.arrival_s for user in instance.users.values()} | {moments[-1]}
    assert study.records()[0]["waiting_p50_s"] is None


@pytest.mark.parametrize("mode", MODES)
def test_a_policy_sees_who_has_arrived_and_nobody_else(mode: tuple[str, str]) -> None:
    class Watching(FewestUsers):
        def decide(self, view: View) -> Load | Wait:
            seen = view.waiting()
            assert (seen.arrival_s <= view.now_s).all()
            assert (seen.due_s > view.now_s).all()
            assert view.waits.sum() <= len(seen.model)
            return super().decide(view)

    for seed in range(10):
        edgeopt.replay(random_stream(seed, *mode), {"watching": Watching})


def test_what_is_no_stream_is_refused(stream: LoadingInstance) -> None:
    with pytest.raises(UsageError, match="all uploads come first"):
        edgeopt.replay(generate(models=3, users=4))
    with pytest.raises(UsageError, match="did you mean 'density'"):
        edgeopt.replay(stream, "densty")
    with pytest.raises(UsageError, match="policies are for streams of loading"):
        edgeopt.replay(edgeopt.read(Path(__file__).parents[3] / "instances/placement/tiny.json"))


def test_nobody_arrives() -> None:
    study = edgeopt.replay(generate(models=3, users=0, arrivals="poisson"), ["density", "rolling"])
    assert [replay.served for replay in study.replays] == [0, 0]
    assert str(study)


@pytest.mark.slow
def test_the_command_line(stream: LoadingInstance, tmp_path: Path) -> None:
    stream.write(tmp_path / "s.json")
    files = [tmp_path / name for name in ("r.html", "r.csv", "plans")]
    options = ["--report", files[0], "--csv", files[1], "-o", files[2]]
    code, out, err = run("replay", tmp_path / "s.json", "-p", "density,fifo", *options)
    assert code == 0, err
    assert out.splitlines()[0].startswith(stream.name)
    assert "most served online" in files[0].read_text()
    assert files[1].read_text().count("\n") == 3
    plan = files[2] / "density.solution.json"
    assert run("check", tmp_path / "s.json", plan)[0] == 0
    assert run("plot", plan, "-o", tmp_path / "p.png")[0] == 0
    code, out, _ = run("replay", tmp_path / "s.json", "-p", "density", "--known", plan, "--json")
    assert code == 0
    assert json.loads(out)[0]["regret"] == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-p", ","], "names no policy"),
        (["-p", "best"], "there is no policy 'best'"),
        (["-o", "s.json"], "is a file; name a folder"),
        (["--report", "r.pdf"], "should end in .html"),
    ],
)
def test_wrong_options(stream: LoadingInstance, tmp_path: Path, monkeypatch, options: list[str], told: str) -> None:
    monkeypatch.chdir(tmp_path)
    stream.write(tmp_path / "s.json")
    code, _, err = run("replay", "s.json", *options)
    assert code == 2
    assert told in " ".join(err.split())
