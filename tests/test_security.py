"""Hostile files do nothing, and each test that paper_notes/security.md names exists."""

import ast
import os
import pickle
import re
from pathlib import Path

import cifar10_samples as samples
import numpy as np
import pytest
import torch

import reproduce
from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_array, read_arrays
from reproduce.base.paths import PAPER_NOTES, REPO_ROOT
from reproduce.base.validation import read_yaml
from reproduce.data.acquire import acquire
from reproduce.train.checkpoint import load_checkpoint

_NEVER_CALLED = {"eval", "exec", "os.system", "os.popen"}


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_the_hostile_object_would_act(tmp_path):
    pickle.loads(pickle.dumps(Hostile(tmp_path / "made")))
    assert (tmp_path / "made").is_dir()


def test_a_pickle_in_a_checkpoint_is_never_run(tmp_path):
    torch.save({"trainer": Hostile(tmp_path / "made")}, tmp_path / "c.pt")
    with pytest.raises(ReproduceError, match="cannot be read"):
        load_checkpoint(tmp_path / "c.pt")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_in_an_array_is_never_run(tmp_path, packed):
    content = np.array([Hostile(tmp_path / "made")], dtype=object)
    path = tmp_path / f"a.np{'z' if packed else 'y'}"
    np.savez(path, a=content) if packed else np.save(path, content, allow_pickle=True)
    with pytest.raises(ReproduceError, match="cannot be read"):
        read_arrays(path) if packed else read_array(path, "this")
    assert not (tmp_path / "made").exists()


def _acquired(tmp_path, monkeypatch, source) -> Path:
    """Return CIFAR-10's folder, filled from the folder ``source`` that the user names."""
    samples.use_scratch(tmp_path, monkeypatch)
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(source))
    folder = tmp_path / "data" / "cifar10"
    acquire(samples.data_from(), folder)
    return folder


def test_a_pickle_in_a_batch_is_never_run(tmp_path, monkeypatch):
    source = samples.write_python(tmp_path / "named")
    (source / "data_batch_1").write_bytes(pickle.dumps(Hostile(tmp_path / "made")))
    with pytest.raises(ReproduceError, match="data_batch_1"):
        _acquired(tmp_path, monkeypatch, source)
    assert not (tmp_path / "made").exists()


def test_an_archive_writes_nothing_outside_its_folder(tmp_path, monkeypatch):
    hostile = {"../../made": b"x", "/tmp/made-by-an-archive": b"x"}
    inside = {f"cifar-10-batches-bin/{name}": content for name, content in samples.CONTENTS.items()}
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "cifar-10-binary.tar.gz").write_bytes(samples.archive(hostile | inside))
    folder = _acquired(tmp_path, monkeypatch, tmp_path / "named")
    assert samples.contents(folder) == samples.CONTENTS
    assert not list(tmp_path.rglob("made*")) and not Path("/tmp/made-by-an-archive").exists()


def test_yaml_gives_plain_data_alone(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(ReproduceError, match="is not valid YAML"):
        read_yaml(path)
    assert not (tmp_path / "made").exists()


def test_the_package_calls_nothing_that_runs_text_as_code():
    for path in Path(reproduce.__file__).parent.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            words = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
            name = ast.unparse(call.func)
            assert name not in _NEVER_CALLED, path
            is_unpacking = name.endswith((".extract", ".extractall"))
            assert not (is_unpacking and "data" in path.parts[-3:]), f"{path}: archives from elsewhere"
            assert not words.get("shell") and not words.get("allow_pickle"), path
            assert name != "torch.load" or words.get("weights_only") is True, path


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (PAPER_NOTES / "security.md").read_text())
    assert len(named) >= 10
    for file, test in named:
        assert f"\ndef {test}(" in (REPO_ROOT / file).read_text(), f"{file}::{test}"
