"""Policies of streams where there are no deadlines: requests one after another, and a GPU that keeps what it likes."""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.policy import Policy
from edgeopt.loading.policies.simulation import simulate
from edgeopt.residency.instance import ResidencyInstance
from edgeopt.solution import Plan

APART = 4  # longest loads between two requests: who waits for half a window still serves before the next one comes


def as_stream(instance: ResidencyInstance) -> LoadingInstance:
    """Return the stream of an instance of `residency`: each request is answered before the next one comes.

    Nothing is uploaded or computed. Bytes load at the mean rate of the library.
    """
    library, seconds = instance.library, sum(instance.load_s.values())
    largest = max((library.size_bytes(model) for model in instance.requests), default=0)
    size = sum(library.blocks[block] for block in instance.load_s)
    rate = size / seconds if size and seconds else max(1.0, largest)
    apart_s = APART * largest / rate or 1.0
    models = {
        name: Model(blocks=model.blocks, compute_fixed_s=0.0, compute_per_sample_s=0.0, workspace_bytes_per_sample=0)
        for name, model in library.models.items()
    }
    users = {
        str(number): {
            "model": model,
            "arrival_s": number * apart_s,
            "deadline_s": (number + 1) * apart_s,
            "upload_bits": 0.0,
            "spectral_efficiency": 1.0,
        }
        for number, model in enumerate(instance.requests)
    }
    return LoadingInstance.from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "loading",
            "name": instance.name,
            "library": ModelLibrary(name=library.name, blocks=library.blocks, models=models).to_dict(),
            "server": {"memory_bytes": instance.memory_bytes, "load_rate_bytes_per_s": rate},
            "bandwidth_hz": 1.0,
            "users": users,
            "upload": "overlapped",
            "retention": "capacity",
        }
    )


def following(make: Callable[[], Policy]) -> Callable[[ResidencyInstance], Plan]:
    """Return the plain function that lets a policy of streams decide what a GPU of `residency` keeps.

    Parameters
    ----------
    make : callable
        Makes the policy: its class, for instance. It sees one request at a time; what is left to it is which blocks
        leave, by ``Load(model, evict)`` or by its ``evicts``.
    """

    def plan(instance: ResidencyInstance) -> Plan:
        replay, sizes = simulate(as_stream(instance), make()), instance.library.blocks
        on_gpu: set[int] = set()
        weightless: set[str] = set()  # they stay, whoever goes
        loads = []
        for step in replay.steps:
            on_gpu.difference_update(step.evicted)
            low, high = replay.requests.first_block[step.model : step.model + 2].tolist()
            needed = replay.requests.block[low:high].tolist()
            there = {name for block in needed if block in on_gpu for name in replay.blocks[block]} | weightless
            on_gpu.update(needed)
            for user in step.users:
                request = int(replay.queues.user_names[user])
                held = instance.library.models[instance.requests[request]].blocks
                loads.append({"request": request, "blocks": [name for name in held if name not in there]})
                weightless.update(name for name in held if not sizes[name])
        return {"loads": [load for load in loads if load["blocks"]]}

    plan.__name__ = getattr(make, "__name__", "policy")
    return plan
