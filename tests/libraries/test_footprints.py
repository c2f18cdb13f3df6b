"""Footprints: measured and estimated ones, and the memory that a process takes once for its adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeopt.errors import InputError, UsageError
from edgeopt.libraries.footprints import read_footprints, with_footprints
from edgeopt.libraries.library import Model, ModelLibrary


def apart(sizes: dict[str, int], cache: int | None = 100) -> ModelLibrary:
    models = {name: Model(blocks=[name], cache_bytes_per_token=cache) for name in sizes}
    return ModelLibrary(shared_by="nobody", blocks=sizes, models=models)


def with_adapters() -> ModelLibrary:
    return ModelLibrary(
        shared_by="lora",
        blocks={"base": 1000, "law": 10, "code": 20, "other": 500},
        models={
            "base": Model(blocks=["base"], cache_bytes_per_token=2),
            "law": Model(blocks=["base", "law"], base="base", cache_bytes_per_token=2),
            "code": Model(blocks=["base", "code"], base="base", cache_bytes_per_token=2),
            "other": Model(blocks=["other"]),
        },
    )


def test_estimated() -> None:
    found = with_footprints(apart({"a": 1000, "b": 2000}), {}, context_tokens=8, overhead_bytes=30)
    assert {name: found.library.size_bytes(name) for name in found.library.models} == {"a": 1830, "b": 2830}
    assert found.reserved == {"a/memory", "b/memory"}
    assert (found.estimated, found.without_cache) == (("a", "b"), ())
    silent = with_footprints(apart({"a": 1000}, cache=None), {}, context_tokens=8, overhead_bytes=0)
    assert silent.without_cache == ("a",)
    assert silent.library.blocks == {"a": 1000}
    assert with_footprints(apart({"a": 1000}, cache=None), {}).without_cache == ()


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1),
    measured=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100)),
    context=st.integers(0, 3),
    overhead=st.integers(0, 20),
)
def test_each_model_has_its_footprint(
    sizes: dict[str, int], measured: dict[str, int], context: int, overhead: int
) -> None:
    measured = {name: size for name, size in measured.items() if name in sizes}
    found = with_footprints(apart(sizes, cache=7), measured, context, overhead)
    for name, size in sizes.items():
        assert found.library.size_bytes(name) == measured.get(name, size + 7 * context + overhead)
        weights = sum(found.library.blocks[b] for b in found.library.models[name].blocks if b not in found.reserved)
        assert weights == min(size, measured.get(name, size))
    assert set(found.estimated) == set(sizes) - set(measured)


def test_a_process_takes_its_memory_once() -> None:
    found = with_footprints(with_adapters(), {"law": 1200}, context_tokens=10, overhead_bytes=70)
    library = found.library
    assert library.blocks["base/memory"] == 190  # law needs 190, base and code 90
    assert library.union_bytes(["base", "law", "code"]) == 1000 + 10 + 20 + 190
    assert library.size_bytes("other") == 570
    assert library.shared_by == "lora"
    assert library.models["law"].base == "base"


@pytest.mark.parametrize(
    ("library", "measured", "told"),
    [
        (apart({"a": 5}), {"b": 5}, "no model 'b'"),
        (with_adapters(), {"law": 900}, "900 bytes, is less than its weights, 1,010 bytes"),
        (with_adapters(), {"base": 900}, "less than its weights"),
        (apart({"a": 5}).replace(shared_by="store"), {}, "counts what store shares"),
        (apart({"a": 5}).replace(shared_by="content"), {}, "counts what content shares"),
    ],
)
def test_refusals(library: ModelLibrary, measured: dict[str, int], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        with_footprints(library, measured)


def test_a_name_that_is_taken() -> None:
    library = ModelLibrary(
        shared_by="nobody",
        blocks={"a": 5, "a/memory": 5},
        models={"a": Model(blocks=["a"]), "b": Model(blocks=["a/memory"])},
    )
    with pytest.raises(InputError, match="'/memory', which footprints take"):
        with_footprints(library, {})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Model,bytes\na,5\nb,7\n", {"a": 5, "b": 7}),
        ("size_vram,name\n5,a\n", {"a": 5}),
        ("model,bytes\na,5\na,6\n", "line 3, column model: the model 'a' stands twice"),
        ("model,bytes\n,5\n", "line 2, column model: the cell is empty"),
        ("model,bytes\na,0\n", "line 2, column bytes: '0' is not a whole number"),
        ("model\na\n", "no column is named 'bytes'"),
    ],
)
def test_file(tmp_path: Path, content: str, expected: Any) -> None:
    (tmp_path / "f.csv").write_text(content)
    if isinstance(expected, dict):
        assert read_footprints(tmp_path / "f.csv") == expected
    else:
        with pytest.raises(InputError) as caught:
            read_footprints(tmp_path / "f.csv")
        assert expected in str(caught.value)
