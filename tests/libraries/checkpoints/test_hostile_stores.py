"""Any file of a store with a byte changed, cut off, or replaced: a library, or one clear error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeopt.errors import EdgeoptError
from edgeopt.libraries.checkpoints import scan
from tests.libraries.checkpoints.files import network, write, write_adapter, write_sharded
from tests.libraries.checkpoints.stores import Hub, Oci, Ollama, values, weights, write_gguf

OTHER = [b"", b"{}", b"[]", b"null", b"3", b'"x"', b"\xff\xfe", b"GGUF", b"[" * 5000, b'{"a":1,"a":2}', bytes(64)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    base = {"config.json": b'{"num_hidden_layers": 2}', "model.safetensors": weights("a")}
    Hub(root / "hub", shared=True).add("acme/base", base)
    ollama = Ollama(root / "ollama")
    gguf = write_gguf(root / "gguf" / "x.gguf", {"t": values("t", 4, 4)}, fields=(("string", "general.name", "x"),))
    ollama.add("x:1", ollama.layer(gguf.read_bytes()), ollama.layer(weights("l"), "adapter"))
    oci = Oci(root / "oci")
    oci.tag(oci.index(oci.manifest(oci.weight(weights("b")))), "r/acme/x:v1")
    write_sharded(root / "sharded", network(0), {"other": np.ones(3)})
    write(root / "base", network(1))
    write_adapter(root / "law", "../base", seed=0)
    return root


def changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Return other bytes: one changed, some cut off or doubled, a number or word of JSON replaced, or none left."""
    kind, place = rng.integers(5), int(rng.integers(max(len(content), 1)))
    if kind == 0 and content:
        return content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :]
    if kind == 1:
        return content[:place]
    if kind == 2:
        return content[:place] + content[place // 2 :]
    if kind == 3:
        try:
            data = json.loads(content)
        except ValueError:
            return content[:place]
        return json.dumps(_with_other_value(data, rng)).encode()
    return OTHER[int(rng.integers(len(OTHER)))]


def _with_other_value(data: object, rng: np.random.Generator) -> object:
    others = [None, -1, 2**70, 0.5, "", "../../x", [], {}, True, "sha256:" + "0" * 64]
    if not isinstance(data, dict | list) or not data or rng.random() < 0.2:
        return others[int(rng.integers(len(others)))]
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    key = keys[int(rng.integers(len(keys)))]
    copied = data.copy()
    copied[key] = _with_other_value(data[key], rng)  # type: ignore[index]
    return copied


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_a_changed_file(store: Path, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    files = sorted(path for path in store.rglob("*") if path.is_file() and not path.is_symlink())
    root = tmp_path / "store"
    shutil.copytree(store, root, symlinks=True)
    refused = 0
    for _ in range(40):
        path = root / files[int(rng.integers(len(files)))].relative_to(store)
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(changed(whole, rng))
        try:
            for way in ("content", "store", "lora", "nobody"):
                library = scan([root], shared_by=way).library
                assert library.summary().models > 0
            scan([root], shared_by="store", with_missing=True)
            scan([root], shared_by="nobody", whole_repository=True)
        except EdgeoptError:
            refused += 1
        path.write_bytes(whole)
    assert 0 < refused < 40
