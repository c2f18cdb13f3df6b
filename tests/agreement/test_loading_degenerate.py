"""Every method of `loading` where nothing takes time, no time is left, or times are tiny or huge."""

from __future__ import annotations

from functools import cache

import edgeopt
from edgeopt.loading.instance import LoadingInstance
from tests.agreement.test_loading_modes import METHODS, MODES, NAMES
from tests.amounts import some_or_all_pairs
from tests.loading.brute_force import optimum
from tests.loading.modes import FEW_BLOCKS, in_mode
from tests.loading.random_instances import random_instance

KINDS = ["no work", "no work, no time", "no time", "no time for some", "tiny", "huge"]


def degenerate(instance: LoadingInstance, kind: str) -> LoadingInstance:
    """Change the times of an instance; lengths of time scale by a power of two, which rounds nothing."""
    data = instance.to_dict()
    library, users = data["library"], data["users"]
    if kind.startswith("no work"):
        library["blocks"] = dict.fromkeys(library["blocks"], 0)
        for model in library["models"].values():
            model["compute_fixed_s"] = model["compute_per_sample_s"] = 0.0
        for user in users.values():
            user["upload_bits"] = 0.0
    if kind in ("no time", "no work, no time"):
        for user in users.values():
            user["deadline_s"] = 0.0
    if kind == "no time for some":
        for number, user in enumerate(users.values()):
            user["deadline_s"] *= number % 2
            user["upload_bits"] *= number % 2
        for model in list(library["models"].values())[::2]:
            model["blocks"] = []
            model["compute_fixed_s"] = model["compute_per_sample_s"] = 0.0
    factor = {"tiny": 2.0**-60, "huge": 2.0**60}.get(kind, 1.0)
    data["server"]["load_rate_bytes_per_s"] /= factor
    for model in library["models"].values():
        model["compute_fixed_s"] *= factor
        model["compute_per_sample_s"] *= factor
    for user in users.values():
        user["deadline_s"] *= factor
        user["upload_bits"] *= factor
    changed = edgeopt.instance_from_dict(data)
    assert isinstance(changed, LoadingInstance)
    return changed


@cache
def drawn(mode: tuple[str, str, bool], kind: str, number: int) -> list[tuple[LoadingInstance, int]]:
    upload, retention, one_deadline = mode
    found: list[tuple[LoadingInstance, int]] = []
    seed = 9001
    while len(found) < number:
        instance = random_instance(seed, models=3, users=4, one_deadline=one_deadline and kind != "no time for some")
        seed += 1
        if retention == "consecutive" or len(instance.library.blocks) <= FEW_BLOCKS:
            instance = degenerate(in_mode(instance, upload, retention), kind)
            found.append((instance, optimum(instance)))
    return found


@some_or_all_pairs("mode, kind", dict(zip(NAMES, MODES, strict=True)), KINDS, every=6, some=1, many=6)
def test_every_method_tells_the_truth(mode, kind, numbers):
    served = 0
    for instance, best in drawn(mode, kind, numbers.stop)[numbers.start :]:
        served += best
        for name, method in METHODS.items():
            if method.refusal(instance) is not None:
                continue
            solution = edgeopt.solve(instance, name, threads=1, iteration_limit=300)
            assert solution.bound is None or solution.bound >= best, name
            assert solution.objective is None or solution.objective <= best, name
            assert method.kind != "exact" or (solution.status, solution.objective) == ("optimal", best), name
    assert served > 0 or kind == "no time"
