"""Libraries joined, and their keys set."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeopt
from edgeopt.libraries.editing import join, with_keys
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
