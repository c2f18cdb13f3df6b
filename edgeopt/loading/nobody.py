"""The answer to an instance in which no user can be served even alone: an empty plan, and why it is empty."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.quantities import quantity
from edgeopt.run import Outcome


def serve_nobody(instance: LoadingInstance) -> Outcome:
    """Return the empty plan as the proven optimum, for an instance in which no user can be served even alone."""
    radio = "bandwidth_hz" if instance.upload == "phase" else "uploads"
    return Outcome({"batches": [], radio: {}}, bound=0, message=why_nobody(instance))


def why_nobody(instance: LoadingInstance) -> str:
    """Say why no user can be served even alone: what memory lacks, or by how much the nearest deadline is missed."""
    if not instance.users:
        return "there are no users"
    counting = {name: user for name, user in instance.users.items() if user.weight}
    if not counting:
        return "serving counts nothing: all weights are 0"
    needed = {model: least_memory_bytes(instance, model) for model in {user.model for user in counting.values()}}
    memory = instance.server.memory_bytes
    fitting = [name for name, user in counting.items() if needed[user.model] <= memory]
    if not fitting:
        model = min(needed, key=lambda name: (needed[name], name))
        return (
            f"no requested model fits into the GPU's memory of {quantity(memory, 'B')} with a batch of one user: "
            f"{model!r} needs least, {quantity(needed[model], 'B')}"
        )
    late_s = {name: alone_s(instance, name) - instance.users[name].deadline_s for name in fitting}
    user = min(late_s, key=lambda name: (late_s[name], name))
    too_large = sum(size > memory for size in needed.values())
    rest = f"; {too_large} of {len(needed)} requested models do not fit into memory" if too_large else ""
    return (
        f"no user can be served in time, not even alone: {user!r} comes nearest, {quantity(late_s[user], 's')} after "
        f"its deadline of {quantity(instance.users[user].deadline_s, 's')}{rest}"
    )


def least_memory_bytes(instance: LoadingInstance, model: str) -> int:
    """Bytes that a model needs on the GPU with a batch of one user."""
    workspace = instance.library.models[model].workspace_bytes_per_sample or 0
    return instance.library.size_bytes(model) + workspace


def alone_s(instance: LoadingInstance, user: str) -> float:
    """When a user is served that is served alone, in seconds."""
    name = instance.users[user].model
    model, upload = instance.library.models[name], instance.users[user].arrival_s + instance.upload_s(user)
    load = instance.library.size_bytes(name) / instance.server.load_rate_bytes_per_s
    ready = max(upload, load) if instance.upload == "overlapped" else upload + load
    return ready + (model.compute_fixed_s or 0.0) + (model.compute_per_sample_s or 0.0)
