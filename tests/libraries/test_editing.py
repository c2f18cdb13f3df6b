"""Libraries joined, and their keys set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.libraries.editing import join, with_bits, with_keys
from edgeopt.libraries.library import Model, ModelLibrary
from tests.cli.program import run

LEFT = ModelLibrary(name="left", blocks={"base": 8, "a": 1}, models={"a": Model(blocks=["base", "a"])})
RIGHT = ModelLibrary(name="right", blocks={"b": 2, "base": 8}, models={"b": Model(blocks=["base", "b"])})


def test_blocks_of_one_name_are_shared_afterwards() -> None:
    both = join([LEFT, RIGHT], "both")
    assert dict(both.blocks) == {"base": 8, "a": 1, "b": 2}
    assert both.union_bytes(both.models) == 11
    assert join([both, LEFT], "both") == both


def test_contradictions_are_all_named() -> None:
    other = ModelLibrary(name="other", blocks={"base": 9, "a": 1}, models={"a": Model(blocks=["a"])})
    with pytest.raises(edgeopt.InputError) as caught:
        join([LEFT, other], "both")
    assert "blocks.base: 'other' gives it 9 bytes, another library 8" in str(caught.value)
    assert "models.a: 'other' has another model of this name" in str(caught.value)


def test_keys_are_set_by_patterns_with_units() -> None:
    both = with_keys(
        join([LEFT, RIGHT], "x"), ["*.compute_fixed_s=8ms", "b.workspace_bytes_per_sample=2MB", "a.task=fish"]
    )
    assert [model.compute_fixed_s for model in both.models.values()] == [0.008, 0.008]
    assert (both.models["b"].workspace_bytes_per_sample, both.models["a"].task) == (2_000_000, "fish")
    for wrong, words in (
        ("compute_fixed_s=1", "should be MODEL.key=value"),
        ("z.compute_fixed_s=1", "no model 'z'"),
        ("a.compute_fixed=1", "unknown key"),
        ("a.compute_fixed_s=1km", "is not a number of s"),
        ("a.compute_fixed_s=-1", "greater than or equal to 0"),
    ):
        with pytest.raises(edgeopt.EdgeoptError, match=words):
            with_keys(both, [wrong])


def test_the_command_line(tmp_path: Path) -> None:
    LEFT.write(tmp_path / "l.json")
    RIGHT.write(tmp_path / "r.json")
    setting = ("--set", "*.accuracy=0.5", "--set", "a.task=fish")
    code, out, _ = run("library", "join", tmp_path / "l.json", tmp_path / "r.json", "-o", tmp_path / "b.json", *setting)
    assert code == 0
    assert "2 libraries" in out
    made = ModelLibrary.read(tmp_path / "b.json")
    assert made == with_keys(join([LEFT, RIGHT], "b"), ["*.accuracy=0.5", "a.task=fish"])
    code, _, err = run("library", "join", tmp_path / "l.json", "-o", tmp_path / "l.json")
    assert (code, "is the input" in err) == (2, True)


def test_four_bits_are_half_a_byte(tmp_path: Path) -> None:
    sizes = {}
    for bits in (4, 8, 16, 32):
        code, _, _ = run("library", "from-config", "resnet18", "--parameter-bits", bits, "-o", tmp_path / "x.json")
        assert code == 0
        sizes[bits] = sum(ModelLibrary.read(tmp_path / "x.json").blocks.values())
    assert sizes[32] == 2 * sizes[16] == 4 * sizes[8]
    assert sizes[4] == -(-sizes[8] // 2)


def test_a_base_of_four_bits_has_adapters_of_sixteen(tmp_path: Path) -> None:
    """As the structure makes them and as a finished library is changed."""
    adapters = ("--adapters", 2, "--rank", 8, "--modules", "query,value")
    made = {}
    for name, bits in (("half", (16,)), ("qlora", (4, "--adapter-bits", 16)), ("all", (4,))):
        file = tmp_path / f"{name}.json"
        code, _, _ = run(
            "library", "from-config", "bert-base-uncased", *adapters, "--parameter-bits", *bits, "-o", file
        )
        assert code == 0
        made[name] = ModelLibrary.read(file)
    half, qlora = made["half"], made["qlora"]
    base = "bert-base-uncased"
    assert {model.base for model in half.models.values()} == {None, base}
    assert 4 * qlora.size_bytes(base) == half.size_bytes(base)
    own = {name: size for name, size in half.blocks.items() if "lora" in name}
    assert len(own) == 2
    assert {name: qlora.blocks[name] for name in own} == own
    assert {name: 4 * made["all"].blocks[name] for name in own} == own

    def joined(*options: Any) -> tuple[int, str, ModelLibrary]:
        code, _, err = run("library", "join", tmp_path / "half.json", "-o", tmp_path / "qlora.json", *options)
        return code, err, ModelLibrary.read(tmp_path / "qlora.json")

    assert joined("--parameter-bits", "16:4", "--adapter-bits", 16)[2] == qlora
    assert joined("--parameter-bits", "16:4")[2].blocks == made["all"].blocks
    for wrong, words in (
        (("--parameter-bits", "4"), "FROM:TO"),
        (("--parameter-bits", "16:0"), "at least 1 bit"),
        (("--parameter-bits", "16:x"), "with a colon between them"),
        (("--adapter-bits", 16), "needs --parameter-bits"),
    ):
        code, err, _ = joined(*wrong)
        assert (code, words in err) == (2, True), err


def test_adapters_are_those_that_name_a_base() -> None:
    library = ModelLibrary(
        blocks={"shared": 7, "own": 9, "factors": 5, "nobody": 3},
        models={
            "base": Model(blocks=["shared"]),
            "tuned": Model(blocks=["shared", "own"]),
            "adapter": Model(blocks=["shared", "factors"], base="base"),
        },
    )
    quantised = with_bits(library, 16, 4, adapter_bits=8)
    assert dict(quantised.blocks) == {"shared": 2, "own": 3, "factors": 3, "nobody": 1}
    with pytest.raises(edgeopt.UsageError, match="no model names a base"):
        with_bits(LEFT, 16, 4, adapter_bits=16)
