"""The matrix of llama-swap: its form, its sets, and what a server that reads it does."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.exports.exporting import export
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.residency.instance import ResidencyInstance
from tests.exports.shapes import read_llama_swap

ROOT = Path(__file__).parents[2]


def drawn(seed: int) -> ResidencyInstance:
    """Whole models with ties in sizes and seconds; one may not fit, and is not requested."""
    rng = np.random.default_rng([seed, 3])
    names = [f"Model.{number}/q4:v1" for number in range(rng.integers(1, 7))]
    blocks = {name: int(rng.integers(1, 9)) for name in names}
    memory = int(rng.integers(max(1, min(blocks.values())), sum(blocks.values()) + 1))
    fitting = [name for name in names if blocks[name] <= memory]
    return ResidencyInstance(
        name=f"drawn{seed}",
        library=ModelLibrary(
            name="box", shared_by="nobody", blocks=blocks, models={n: Model(blocks=[n]) for n in names}
        ),
        memory_bytes=memory,
        load_s={name: float(rng.integers(1, 4)) for name in names},
        requests=rng.choice(fitting, 40).tolist(),
        past={name: int(rng.integers(0, 5)) for name in fitting},
    )


def text_of(instance: ResidencyInstance, **options: Any) -> str:
    files, _ = export(instance, "llama-swap", **options)
    return files[""]


@pytest.mark.slow
def test_all_maximal_sets_that_fit_stand_in_the_file() -> None:
    for seed in range(80):
        instance = drawn(seed)
        library, matrix = instance.library, read_llama_swap(text_of(instance))
        named = matrix["vars"]
        sets = [frozenset(named[key] for key in text.split(" & ")) for text in matrix["sets"].values()]
        every = [frozenset(c) for size in range(1, 7) for c in combinations(library.models, size)]
        fitting = [chosen for chosen in every if library.union_bytes(chosen) <= instance.memory_bytes]
        assert set(sets) == {chosen for chosen in fitting if not any(chosen < other for other in fitting)}
        assert len(set(sets)) == len(sets)
        costs = [sum(matrix["evict_costs"][key] for key in text.split(" & ")) for text in matrix["sets"].values()]
        assert costs == sorted(costs, reverse=True)


@pytest.mark.slow
def test_a_server_that_reads_the_file_does_what_the_policy_says() -> None:
    """The server takes the first set of least cost, never needs more than the memory, and loads for as long."""
    for seed in range(80):
        instance = drawn(seed)
        matrix = read_llama_swap(text_of(instance))
        costs = {matrix["vars"][key]: cost for key, cost in matrix["evict_costs"].items()}
        sets = [{matrix["vars"][key] for key in text.split(" & ")} for text in matrix["sets"].values()]
        running: list[str] = []
        seconds = 0.0
        for model in instance.requests:
            if model in running:
                continue
            best = None
            for chosen in sets:
                lost = sum(costs[other] for other in running if other not in chosen)
                if model in chosen and (best is None or lost < best[0]):
                    best = lost, chosen
            assert best is not None
            running = [*(other for other in running if other in best[1]), model]
            seconds += instance.load_seconds(model)
            assert instance.library.union_bytes(running) <= instance.memory_bytes
        assert edgeopt.solve(instance, "costs").objective == pytest.approx(seconds)


def test_more_than_500_sets_are_refused_and_fewer_models_are_not() -> None:
    blocks = {f"m{number}": 10 + number % 3 for number in range(20)}
    instance = ResidencyInstance(
        name="many",
        library=ModelLibrary(blocks=blocks, models={name: Model(blocks=[name]) for name in blocks}),
        memory_bytes=60,
        load_s=dict.fromkeys(blocks, 1.0),
        requests=["m0"],
    )
    with pytest.raises(edgeopt.UsageError, match=r"more than 500 sets of the 20 models .* --models"):
        export(instance, "llama-swap")
    few = [f"m{number}" for number in range(8)]
    assert sorted(read_llama_swap(text_of(instance, models=few))["vars"].values()) == few


def test_refusals_name_their_reason() -> None:
    instance = drawn(1)
    for shared_by in ("content", "store", "lora"):
        counted = instance.replace(library=instance.library.replace(shared_by=shared_by))
        with pytest.raises(edgeopt.UsageError, match=f"shared by '{shared_by}'.*--shared-by nobody"):
            export(counted, "llama-swap")
    shared = ModelLibrary(blocks={"b": 1}, models={"x": Model(blocks=["b"]), "y": Model(blocks=["b"])})
    both = ResidencyInstance(name="both", library=shared, memory_bytes=2, load_s={"b": 1.0}, requests=["x"])
    with pytest.raises(edgeopt.UsageError, match="'x' and 'y' share blocks"):
        export(both, "llama-swap")
    name = next(iter(instance.library.models))
    with pytest.raises(edgeopt.UsageError, match=r"without blanks.*--rename"):
        export(instance, "llama-swap", names={name: "two words"})
    with pytest.raises(edgeopt.UsageError, match="no model 'nobody'"):
        export(instance, "llama-swap", models=["nobody"])
    with pytest.raises(edgeopt.UsageError, match="takes instances of residency, not of placement"):
        export(edgeopt.read(ROOT / "instances/placement/tiny.json"), "llama-swap")
    with pytest.raises(edgeopt.UsageError, match="did you mean 'llama-swap'"):
        export(instance, "lama-swap")


def test_names_change_and_what_does_not_fit_is_left_out() -> None:
    library = ModelLibrary(blocks={"a": 5, "b": 50}, models={"a": Model(blocks=["a"]), "b": Model(blocks=["b"])})
    instance = ResidencyInstance(
        name="line\nbreak", library=library, memory_bytes=9, load_s={"a": 1.0, "b": 1.0}, requests=["a"]
    )
    files, remark = export(instance, "llama-swap", names={"a": "true"}, origin="gpu.json")
    assert files[""].startswith("# Written by edgeopt ")
    assert "from gpu.json. Nothing was executed.\nrouting:\n" in files[""]
    assert list(read_llama_swap(files[""])["vars"].values()) == ["true"]
    assert "left out, for they do not fit on the GPU: 'b'" in remark
    assert "line?break. Nothing" in text_of(instance)
    with pytest.raises(edgeopt.UsageError, match="two models would be called 'b'"):
        export(instance, "llama-swap", names={"a": "b"})
