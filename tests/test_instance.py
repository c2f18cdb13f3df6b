"""Instances: files, libraries beside them, hashes, and how they show themselves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt import InputError
from tests.plans import two_models


def written(tmp_path: Path, change: dict[str, Any] | None = None) -> Path:
    path = tmp_path / "instance.json"
    path.write_text(json.dumps({**two_models().to_dict(), **(change or {})}))
    return path


def test_file_and_back(tmp_path: Path) -> None:
    two_models().write(tmp_path / "i.json")
    assert edgeopt.read(tmp_path / "i.json") == two_models()


def test_library_in_its_own_file_is_the_same_instance(tmp_path: Path) -> None:
    (tmp_path / "libraries").mkdir()
    (tmp_path / "instances").mkdir()
    two_models().library.write(tmp_path / "libraries" / "l.json")
    two_models().write(tmp_path / "instances" / "i.json", library="../libraries/l.json")
    assert json.loads((tmp_path / "instances" / "i.json").read_text())["library"] == "../libraries/l.json"
    read = edgeopt.read(tmp_path / "instances" / "i.json")
    assert read == two_models()
    assert read.sha256 == two_models().sha256


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(child) for key, child in reversed(value.items())}
    return [reversed_keys(child) for child in value] if isinstance(value, list) else value


def test_hash_does_not_depend_on_the_order_of_keys_but_on_every_value(tmp_path: Path) -> None:
    data = two_models().to_dict()
    assert edgeopt.instance_from_dict(reversed_keys(data)).sha256 == two_models().sha256
    changed = json.loads(json.dumps(data).replace('"deadline_s": 20.0', '"deadline_s": 20.5', 1))
    assert edgeopt.instance_from_dict(changed).sha256 != two_models().sha256


def test_whole_numbers_stand_for_floats() -> None:
    data = two_models().to_dict()
    data["bandwidth_hz"] = 4
    assert edgeopt.instance_from_dict(data).sha256 == two_models().sha256


def test_a_copy_with_other_values_has_nothing_of_the_old_ones() -> None:
    instance = two_models()
    derived = instance.sha256, instance.library.sharing
    copy = instance.model_copy(update={"name": "another"})
    assert copy.sha256 != derived[0]
    assert instance.model_copy().sha256 == instance.sha256
    smaller = instance.library.model_copy(update={"models": {}})
    assert smaller.sharing.model_names == []
    assert derived[1].model_names


def test_pickles() -> None:
    instance = two_models()
    assert instance.sha256
    assert pickle.loads(pickle.dumps(instance)) == instance


def test_frozen() -> None:
    with pytest.raises(AttributeError, match=r"make a changed copy with replace\(bandwidth_hz=\.\.\.\)"):
        two_models().bandwidth_hz = 3.0  # type: ignore[misc]


def test_shows_itself() -> None:
    facts = two_models().facts()
    assert facts["users"] == "3 of 2 models"
    assert facts["deadlines"] == "20 s"
    assert "3 B" in facts["size"]
    assert "<table>" in two_models()._repr_html_()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "edgeopt-instance/2"}, "this is not an instance: 'edgeopt-instance/2'"),
        ({"problem": "unloading"}, "did you mean 'loading'"),
        ({"problem": 3}, "the problem is not named"),
        ({"library": "nowhere.json"}, "there is no library file"),
        ({"library": 3}, r"at \$\.library: "),
        ({"library": {"blocks": {}, "model": {}}}, "did you mean 'models'"),
    ],
)
def test_what_is_not_an_instance_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        edgeopt.read(written(tmp_path, change))


@pytest.mark.parametrize("data", [[], 3, None, "x", {}])
def test_json_of_another_kind_is_refused(tmp_path: Path, data: object) -> None:
    path = tmp_path / "i.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="this is not an instance"):
        edgeopt.read(path)


def test_faults_of_the_library_name_the_library_file(tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text('{"format": "edgeopt-library/1", "blocks": {"x": -1}, "models": {}}')
    with pytest.raises(InputError, match=r"l\.json: at \$\.blocks\.x: "):
        edgeopt.read(written(tmp_path, {"library": "l.json"}))
