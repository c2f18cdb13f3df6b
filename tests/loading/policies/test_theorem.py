"""The theorem about `density` on random streams that satisfy its premises: its ratio, and its proof's inequality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import edgeopt
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.checker import replay
from edgeopt.loading.instance import LoadingInstance, Server, User
from edgeopt.loading.policies.named import replay_policy
from edgeopt.solution import Plan
from tests.amounts import some_or_many
from tests.loading.random_instances import STRUCTURES, pick, random_library

CLOSE = 1e-9


@dataclass
class Premises:
    """The theorem's quantities of a stream: longest step, what loading makes of a short batch, and the slack."""

    tau: float
    sigma: float
    h: float

    @property
    def ratio(self) -> float:
        return 1 + 2 * self.sigma * (1 + 1 / self.h)


def premises(stream: LoadingInstance) -> Premises:
    """Return them with loads onto an empty GPU, for which there is no constant."""
    tau = sigma = 0.0
    for name in {user.model for user in stream.users.values()}:
        model, limit = stream.library.models[name], stream.capacity(name)
        asked = sum(user.model == name for user in stream.users.values())
        load = stream.library.size_bytes(name) / stream.server.load_rate_bytes_per_s
        most = asked if limit is None else min(limit, asked)
        tau = max(tau, load + model.compute_fixed_s + model.compute_per_sample_s * most)
        sigma = max(sigma, 1 + load / (model.compute_fixed_s + model.compute_per_sample_s))
    shortest = min(user.deadline_s - user.arrival_s for user in stream.users.values())
    return Premises(tau, sigma, (shortest / tau - 4) / 2)


def drawn(seed: int, users: int, span: float, models: int | None = None) -> LoadingInstance:
    """Draw a stream with windows of a little more than four longest steps, which begin within `span` longest steps."""
    rng = np.random.default_rng([seed, 11])
    library = random_library(rng, STRUCTURES[seed % len(STRUCTURES)], models or int(rng.integers(2, 5)))
    made_of = {
        name: Model(
            blocks=model.blocks,
            compute_fixed_s=pick(rng, 0.1, 0.5, 1.0),
            compute_per_sample_s=pick(rng, 0.0, 0.1, 0.5),
            workspace_bytes_per_sample=1,
        )
        for name, model in library.models.items()
    }
    library = ModelLibrary(name=library.name, blocks=library.blocks, models=made_of)
    largest = max(map(library.size_bytes, made_of))
    server = Server(memory_bytes=largest + pick(rng, 1, 1, 2, 4), load_rate_bytes_per_s=pick(rng, 0.5, 2.0, 10.0))
    popular = rng.permutation(1.2 ** -np.arange(len(made_of)))
    asked = rng.choice(list(made_of), users, p=popular / popular.sum())

    def stream(arrivals: np.ndarray, window: float) -> LoadingInstance:
        names = {
            f"u{number}": User(
                model=str(model),
                upload_bits=0.0,
                spectral_efficiency=1.0,
                arrival_s=float(arrival),
                deadline_s=float(arrival) + window * float(rng.uniform(1, 1.2)),
            )
            for number, (model, arrival) in enumerate(zip(asked, arrivals, strict=True))
        }
        retention = "capacity" if seed % 2 else "consecutive"
        return LoadingInstance(
            name=f"theorem-{seed}",
            library=library,
            server=server,
            bandwidth_hz=1.0,
            users=names,
            upload="overlapped",
            retention=retention,
        )

    tau = premises(stream(np.zeros(users), 1.0)).tau
    arrivals = rng.uniform(0, span * tau, users)
    made = stream(arrivals, (4 + 2 * pick(rng, 0.1, 1.0)) * tau * 1.001)
    assert premises(made).h > 0
    return made


def served(plan: Plan) -> set[str]:
    return {user for batch in plan["batches"] for user in batch["users"]}


def require_inequality(stream: LoadingInstance, density: Plan, other: Plan) -> int:
    """Require of each batch of another plan what the proof says of it; return how many batches it speaks of."""
    given = premises(stream)
    tau, h = given.tau, given.h
    missed = served(other) - served(density)
    steps = replay(stream, density).visits
    spoken = 0
    for batch in replay(stream, other).visits:
        sides = {(1, 1 + h): 0, (-1 - h, -1): 0}
        users = [user for user in batch.users if user in missed]
        for user in users:
            facts = stream.users[user]
            low, high = facts.arrival_s + tau, facts.deadline_s - tau
            contained = [
                (first, last)
                for first, last in sides
                if low <= batch.compute_start_s + first * tau + CLOSE
                and batch.compute_start_s + last * tau <= high + CLOSE
            ]
            assert contained, "one of the two intervals lies in each window"
            sides[contained[0]] += 1
        for (first, last), number in sides.items():
            low, high = batch.compute_start_s + first * tau, batch.compute_start_s + last * tau
            integral = sum(
                len(step.users) / (step.end_s - step.load_start_s) * overlap
                for step in steps
                if (overlap := min(high, step.end_s) - max(low, step.load_start_s)) > 0
            )
            seconds = batch.end_s - batch.compute_start_s
            assert number <= given.sigma * seconds / (h * tau) * integral + CLOSE
            spoken += number > 0
    return spoken


def test_the_ratio_holds_against_the_optimum() -> None:
    most = 1.0
    for seed in range(40):
        stream = drawn(seed, users=12, span=2.0, models=10)
        optimum = edgeopt.solve(stream, "exact", threads=1)
        assert optimum.status == "optimal"
        number = len(served(replay_policy(stream, "density")))
        assert optimum.objective <= premises(stream).ratio * number
        most = max(most, optimum.objective / number)
    assert most > 1


@pytest.mark.slow
def test_the_ratio_holds_against_the_optimum_on_many_streams() -> None:
    for seed in range(40, 600):
        stream = drawn(seed, users=10 + seed % 4, span=(0.1, 1.0, 2.0)[seed % 3], models=10)
        optimum = edgeopt.solve(stream, "exact", threads=1)
        assert optimum.objective <= premises(stream).ratio * len(served(replay_policy(stream, "density")))


@some_or_many(6, 20)
def test_each_batch_of_another_plan_obeys_the_inequality_of_the_proof(numbers: range) -> None:
    spoken = 0
    for seed in numbers:
        stream = drawn(seed, users=120, span=8.0)
        density = replay_policy(stream, "density")
        for other in ("edf", "affinity", "rolling"):
            spoken += require_inequality(stream, density, replay_policy(stream, other))
    assert spoken > 2 * len(numbers)


@pytest.mark.parametrize("number", [2, 5, pytest.param(8, marks=pytest.mark.slow)])
def test_the_example_is_nearly_tight(number: int) -> None:
    """One user a second for X, N users a second for Y, loads of N seconds: `density` stays with X."""
    seconds = 100 * number
    models = {
        name: Model(blocks=[name], compute_fixed_s=1.0, compute_per_sample_s=0.0, workspace_bytes_per_sample=1)
        for name in ("X", "Y")
    }
    users = {
        f"u{second}-{place}": User(
            model="Y" if place else "X",
            upload_bits=0.0,
            spectral_efficiency=1.0,
            arrival_s=second + 0.001 * place,
            deadline_s=second + 0.001 * place + 6.01 * (number + 1),
        )
        for second in range(seconds)
        for place in range(number + 1)
    }
    stream = LoadingInstance(
        name="tight",
        library=ModelLibrary(blocks={"X": 100 * number, "Y": 100 * number}, models=models),
        server=Server(memory_bytes=101 * number, load_rate_bytes_per_s=100.0),
        bandwidth_hz=1.0,
        users=users,
        upload="overlapped",
    )
    density = replay_policy(stream, "density")
    only_y = stream.replace(users={name: user for name, user in users.items() if user.model == "Y"})
    better = replay_policy(only_y, "density")
    assert edgeopt.check(stream, better).feasible
    ratio = len(served(better)) / len(served(density))
    assert 0.5 * number < ratio <= premises(stream).ratio
    assert premises(stream).sigma == number + 1
    require_inequality(stream, density, better)
