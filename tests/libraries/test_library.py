"""Model libraries: sharing structure against its definition, sizes, errors."""

from itertools import combinations

import numpy as np
import pytest

import edgeopt
from edgeopt.libraries.library import Model, ModelLibrary
from tests.loading.random_instances import STRUCTURES, random_library


def library_of(models, sizes=None):
    """A library of models with these blocks, of 1 byte each unless `sizes` says otherwise."""
    blocks = {block: (sizes or {}).get(block, 1) for held in models.values() for block in held}
    return ModelLibrary.from_dict(
        {
            "format": "edgeopt-library/1",
            "blocks": blocks | (sizes or {}),
            "models": {name: {"blocks": list(held)} for name, held in models.items()},
        }
    )


def random_libraries():
    """Libraries of every structure; of most sizes, also none and one model."""
    for seed in range(210):
        rng = np.random.default_rng(seed)
        yield random_library(rng, STRUCTURES[seed % len(STRUCTURES)], int(rng.integers(1, 10)))


def holders(library):
    """M_j of every block that some model holds, from the plain library."""
    held = {
        block: frozenset(name for name, model in library.models.items() if block in model.blocks)
        for block in library.blocks
    }
    return {block: models for block, models in held.items() if models}


def cross(one, other):
    """Whether two sets meet while neither contains the other."""
    return bool(one & other) and bool(one - other) and bool(other - one)


def test_crossing_blocks_and_structure_against_all_pairs():
    seen = set()
    for library in random_libraries():
        held = holders(library)
        crossing = [pair for pair in combinations(held, 2) if cross(held[pair[0]], held[pair[1]])]
        named = library.sharing.crossing_blocks
        assert (named is None) == (not crossing)
        if named:
            assert cross(held[named[0]], held[named[1]])
        shared = {models for models in held.values() if len(models) > 1}
        disjoint = all(not one & other for one, other in combinations(shared, 2))
        structure = "general" if crossing else "none" if not shared else "backbone" if disjoint else "tree"
        assert library.summary().structure == structure
        seen.add(structure)
    assert seen == {"none", "backbone", "tree", "general"}


def test_crossing_pairs_and_classes_against_all_pairs():
    for library in random_libraries():
        sharing = library.sharing
        held = [frozenset(atom.models) for atom in sharing.atoms]
        pairs = {(i, j) for i, j in combinations(range(len(held)), 2) if cross(held[i], held[j])}
        assert {tuple(sorted(pair)) for pair in sharing.crossing_pairs.tolist()} == pairs
        classes = {atom: {atom} for atom in range(len(held))}
        for i, j in pairs:
            union = classes[i] | classes[j]
            for atom in union:
                classes[atom] = union
        expected = {frozenset(members) for members in classes.values()}
        assert {frozenset(members) for members in sharing.crossing_classes} == expected
        assert sum(map(len, sharing.crossing_classes)) == len(held)


def test_width_against_its_definition():
    widths = set()
    for library in random_libraries():
        sharing, widest = library.sharing, 1
        for members in sharing.crossing_classes:
            kinds = {
                frozenset(atom for atom in members if name in sharing.atoms[atom].models) for name in library.models
            }
            widest = max(widest, len(kinds - {frozenset()}))
        assert sharing.width == library.summary().width == widest
        widths.add(widest)
    assert widths >= {1, 3, 4, 5, 6}


def test_atoms_merge_blocks_of_equal_models():
    for library in random_libraries():
        held = holders(library)
        atoms = library.atoms()
        assert sorted(block for atom in atoms for block in atom.blocks) == sorted(held)
        assert len({frozenset(atom.models) for atom in atoms}) == len(atoms)
        for atom in atoms:
            assert {held[block] for block in atom.blocks} == {frozenset(atom.models)}
            assert atom.size_bytes == sum(library.blocks[block] for block in atom.blocks)


def test_sizes_and_overlaps():
    for library in random_libraries():
        sharing, names = library.sharing, list(library.models)
        held = {name: set(model.blocks) for name, model in library.models.items()}
        overlap = sharing.overlap_bytes.toarray()
        for i, one in enumerate(names):
            assert sharing.model_bytes[i] == library.size_bytes(one)
            for j, other in enumerate(names):
                assert overlap[i, j] == sum(library.blocks[block] for block in held[one] & held[other])
                assert library.union_bytes([one, other]) == sum(
                    library.blocks[block] for block in held[one] | held[other]
                )


def test_summary_of_saving():
    library = library_of({"a": ["x", "y"], "b": ["x"]}, {"x": 30, "y": 20, "unused": 7})
    summary = library.summary()
    assert (summary.models, summary.blocks, summary.atoms) == (2, 3, 2)
    assert (summary.total_bytes, summary.unique_bytes, summary.saving) == (80, 50, 0.375)
    assert (summary.structure, summary.crossing, summary.width) == ("backbone", None, 1)


def test_sizes_beyond_floats_stay_exact():
    library = library_of({"a": ["x", "y"]}, {"x": 2**60, "y": 1})
    assert library.size_bytes("a") == library.sharing.model_bytes[0] == 2**60 + 1


@pytest.mark.parametrize("models", [{}, {"a": []}, {"a": [], "b": []}])
def test_libraries_without_blocks(models):
    summary = library_of(models).summary()
    assert (summary.structure, summary.atoms, summary.width, summary.saving) == ("none", 0, 1, 0.0)
    assert library_of(models).sharing.crossing_classes == []
    assert len(library_of(models).sharing.crossing_pairs) == 0


def test_three_kinds_of_crossing():
    # Two crossing blocks make three kinds of models: with both, with the one, with the other.
    library = library_of({"both": ["x", "y"], "one": ["x"], "other": ["y"], "free": ["z"]})
    assert library.summary().crossing == ("x", "y")
    assert library.summary().width == 3


def test_restricted_drops_models_and_their_blocks():
    library = library_of({"a": ["x", "y"], "b": ["x"], "c": ["z"]}, {"unused": 3})
    part = library.restricted(["b", "c"])
    assert list(part.models) == ["b", "c"]
    assert part.blocks == {"x": 1, "z": 1}
    assert library.restricted([]).summary().models == 0


def test_who_shares_and_bases_are_kept(tmp_path):
    library = ModelLibrary(
        shared_by="lora",
        blocks={"x": 1, "y": 2},
        models={
            "base": Model(blocks=["x"], source="hf://acme/base@0af3", cache_bytes_per_token=7),
            "law": Model(blocks=["x", "y"], base="base", rank=8),
        },
    )
    library.write(tmp_path / "library.json")
    assert ModelLibrary.read(tmp_path / "library.json") == library
    assert library.restricted(["base", "law"]) == library
    alone = library.restricted(["law"])
    assert (alone.shared_by, alone.models["law"].base, alone.models["law"].rank) == ("lora", None, 8)
    assert "shared by lora" in str(library)


def test_file_round_trip(tmp_path):
    for number, library in enumerate(random_libraries()):
        if number % 30 == 0:
            library.write(tmp_path / "library.json")
            assert ModelLibrary.read(tmp_path / "library.json") == library


def faulty(**changes):
    """A library's data with other keys."""
    data = {"format": "edgeopt-library/1", "blocks": {"stem": 3}, "models": {"m": {"blocks": ["stem"]}}}
    return {**data, **changes}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            faulty(models={"m": {"blocks": ["stam"]}}),
            r"\$\.models\.m\.blocks\[0\].*no block 'stam'.*did you mean 'stem'",
        ),
        (faulty(models={"m": {"blocks": ["stem", "stem"]}}), r"\$\.models\.m\.blocks\[1\].*stands twice"),
        (faulty(blocks={"stem": -1}), r"\$\.blocks\.stem.*greater than or equal to 0.*-1"),
        (faulty(blocks={"stem": 1.5}), r"\$\.blocks\.stem.*whole number"),
        (faulty(blocks={"stem": True}), r"\$\.blocks\.stem"),
        (faulty(blocks={"stem": "3"}), r"\$\.blocks\.stem"),
        (faulty(models={"m": {}}), r"\$\.models\.m\.blocks.*missing"),
        (faulty(models={"m": {"blocks": [], "accurracy": 0.5}}), r"unknown key 'accurracy'.*did you mean 'accuracy'"),
        (faulty(models={"m": {"blocks": [], "accuracy": 1.5}}), r"\$\.models\.m\.accuracy"),
        (faulty(models={"m": {"blocks": [], "compute_fixed_s": float("nan")}}), r"compute_fixed_s.*finite"),
        (faulty(modles={}), r"unknown key 'modles'.*did you mean 'models'"),
        (faulty(format="edgeopt-library/2"), r"\$\.format"),
        (faulty(shared_by="everybody"), r"\$\.shared_by.*'content', 'store', 'lora' or 'nobody'"),
        (faulty(models={"m": {"blocks": [], "base": "n"}}), r"\$\.models\.m\.base.*no model 'n'"),
        (faulty(models={"m": {"blocks": [], "rank": 0}}), r"\$\.models\.m\.rank"),
        (faulty(models={"m": {"blocks": [], "source": ""}}), r"\$\.models\.m\.source"),
    ],
)
def test_errors_name_place_and_remedy(data, message):
    with pytest.raises(edgeopt.InputError, match=message):
        ModelLibrary.from_dict(data)


def test_reading_what_is_not_a_library(tmp_path):
    path = tmp_path / "instance.json"
    path.write_text('{"format": "edgeopt-instance/1"}')
    with pytest.raises(edgeopt.InputError, match=r"instance\.json.*not a model library.*edgeopt-library/1"):
        ModelLibrary.read(path)
    with pytest.raises(edgeopt.InputError, match="no such file"):
        ModelLibrary.read(tmp_path / "missing.json")
