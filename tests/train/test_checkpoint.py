"""Checkpoints: where they lie, that they are whole, and what a broken one says."""

import errno
from pathlib import Path

import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.train.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint


def test_the_place_is_in_the_scratch_folder_and_depends_on_everything_that_decides_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path))
    identity = {"run": "nets/a/epochs1/seed1", "config_sha256": "c", "golden_sha256": "g", "data_manifest_sha256": "d"}
    path = checkpoint_path(identity)
    assert path.parent == tmp_path / "checkpoints"
    assert checkpoint_path(dict(reversed(identity.items()))) == path
    others = {checkpoint_path(identity | {key: "other"}) for key in identity}
    assert len(others | {path}) == 5


def test_what_is_saved_comes_back(tmp_path):
    state = {"weights": {"a": torch.arange(3.0)}, "history": [{"loss": 1.5, "validation": None}], "sums": {5: [0.0, 2]}}
    save_checkpoint(tmp_path / "c.pt", state)
    loaded = load_checkpoint(tmp_path / "c.pt")
    assert torch.equal(loaded["weights"].pop("a"), state["weights"].pop("a"))
    assert loaded == state
    assert load_checkpoint(tmp_path / "none.pt") is None


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_an_unreadable_checkpoint_says_what_to_do(tmp_path, content):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"a": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:700] if content is None else content)
    with pytest.raises(ReproduceError, match=r"^checkpoint .*c\.pt cannot be read \(\w+\); delete it to start afresh$"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("write failed\nat 3")]
)
def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path, monkeypatch, error):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"step": 1})

    def half_written(state, target):
        target.write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(
        ReproduceError, match=r"cannot write .*c\.pt: (No space left on device|.* MB are free there); free space"
    ) as e:
        save_checkpoint(path, {"step": 2})
    assert "\n" not in str(e.value)
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_torchs_own_error_on_a_really_full_disk_is_one_line(tmp_path, monkeypatch):
    save = torch.save
    monkeypatch.setattr(torch, "save", lambda state, target: save(state, "/dev/full"))
    with pytest.raises(ReproduceError, match=r"^cannot write .*c\.pt: ") as caught:
        save_checkpoint(tmp_path / "c.pt", {"a": torch.zeros(100_000)})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_cleared(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"step": 1})
    (tmp_path / ".c.pt.x7f3.part").write_bytes(b"half")
    (tmp_path / ".d.pt.x7f3.part").write_bytes(b"another run's")
    assert load_checkpoint(path) == {"step": 1}
    assert sorted(found.name for found in tmp_path.iterdir()) == [".d.pt.x7f3.part", "c.pt"]
