"""Packing ILSVRC through corrupt images, kills, full disks and damage."""

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import psutil
import pytest
from ilsvrc_samples import WNIDS, Miniature
from prepare_support import bytes_of, index_of, manifest_of, prepare_miniature, use_own_folders

from reproduce.base.errors import ReproduceError
from reproduce.base.files import exclusive_lock
from reproduce.data.ilsvrc import prepare

AGAIN = "pack the data again by `python -m reproduce data ilsvrc2012 --subset`$"
SAMPLE = Miniature()  # 24 training images in shards of 5, 8 validation images


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    use_own_folders(tmp_path, monkeypatch)


def test_corrupt_image_is_named_or_left_out_and_finished_shards_are_kept(tmp_path):
    sample = Miniature(corrupt=True)
    name = f"{WNIDS[3]}_13.JPEG"
    source = sample.write_class_folders(tmp_path / "source")
    with pytest.raises(
        ReproduceError, match=rf"{name} is corrupt \(.*\); get it again, or pass --skip-corrupt"
    ) as caught:
        prepare_miniature(source)
    assert "\n" not in str(caught.value)
    folder = tmp_path / "packed" / "ilsvrc2012_subset"
    assert not (folder / "manifest.json").exists()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}
    assert before
    prepare_miniature(source, skip_corrupt=True)
    training = manifest_of(folder)["splits"]["train"]
    assert [image["name"] for image in training["skipped"]] == [f"{WNIDS[3]}/{name}"]
    assert training["images"] == 23 == len(index_of(folder, "train"))
    assert sum(len(np.load(path, mmap_mode="r")) for path in (folder / "train").glob("*.npy")) == 23
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in before.items())
    shutil.copy(next((source / "train" / WNIDS[3]).glob("*_3.JPEG")), source / "train" / WNIDS[3] / name)
    prepare_miniature(source)
    assert manifest_of(folder)["splits"]["train"]["images"] == 24
    assert not manifest_of(folder)["splits"]["train"]["skipped"]


def test_a_split_of_corrupt_images_alone_is_refused_even_where_they_may_be_left_out(tmp_path):
    source = SAMPLE.write_class_folders(tmp_path / "source")
    for image in (source / "val").glob("*/*.JPEG"):
        image.write_bytes(b"")
    with pytest.raises(ReproduceError, match=r"every image that .*/val should hold is corrupt; get them again"):
        prepare_miniature(source, skip_corrupt=True)
    assert not (tmp_path / "packed" / "ilsvrc2012_subset" / "manifest.json").exists()


def test_corrupt_image_in_an_archive_is_named_with_the_archive_also_by_a_worker(tmp_path):
    source = Miniature(corrupt=True).write_archives(tmp_path / "source")
    with pytest.raises(ReproduceError, match=rf"{WNIDS[3]}_13.JPEG in .*ILSVRC2012_img_train.tar is corrupt"):
        prepare_miniature(source, workers=2)


# Once its place is known, the image becomes a pipe, at which whoever reads it waits for ever.
_CHILD = """
import os
from pathlib import Path
from reproduce.data.ilsvrc import prepare
from reproduce.data.ilsvrc.editions import EDITIONS
listed = prepare.list_source
def list_then_block(*arguments):
    listing = listed(*arguments)
    Path({blocked!r}).unlink()
    os.mkfifo({blocked!r})
    return listing
prepare.list_source = list_then_block
prepare.prepare_ilsvrc(EDITIONS[2012], Path({source!r}), subset=True, workers={workers}, images_per_shard={size})
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_in_the_middle_of_a_shard_then_the_same_call_gives_the_same_bytes(tmp_path, monkeypatch, workers):
    source = SAMPLE.write_class_folders(tmp_path / "source")
    folder = prepare_miniature(source)
    unbroken, order = bytes_of(folder), [name for name, _ in index_of(folder, "train")]
    monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path / "other"))
    blocked = source / "train" / order[13]  # the fourth image of the third shard
    content = blocked.read_bytes()
    code = _CHILD.format(source=str(source), blocked=str(blocked), workers=workers, size=5)
    child = subprocess.Popen([sys.executable, "-c", code])
    half, family = _wait_for_half_a_shard(tmp_path / "other", child)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    psutil.wait_procs(family, timeout=10)
    assert not any(process.is_running() and process.status() != "zombie" for process in family), "orphaned workers"
    blocked.unlink()
    blocked.write_bytes(content)
    assert half.exists() and not (half.parent / "shard-00002.npy").exists()
    finished = [record.with_suffix(".npy") for record in half.parent.glob("shard-*.json")]  # a record comes last
    done = {path: path.stat().st_mtime_ns for path in finished}
    assert len(done) >= 2
    assert bytes_of(prepare_miniature(source)) == unbroken
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in done.items()), "finished shards are kept"


def _wait_for_half_a_shard(folder: Path, child: subprocess.Popen) -> tuple[Path, list[psutil.Process]]:
    """Return the file of the third shard once it is under way and the two before it are recorded."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        halves = list(folder.rglob(".shard-00002.npy.*.part"))
        if halves and halves[0].stat().st_size > 0 and len(list(folder.rglob("shard-*.json"))) >= 2:
            return halves[0], psutil.Process(child.pid).children(recursive=True)
        time.sleep(0.02)
    raise AssertionError("the third shard was never begun")


def test_too_small_a_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda _: usage(10**12, 10**12 - 10**6, 10**6))
    source = SAMPLE.write_archives(tmp_path / "source")
    with pytest.raises(ReproduceError, match=r"needs \d MB more .* set REPRODUCE_PACKED to a folder on a larger disk"):
        prepare_miniature(source)
    assert not [path for path in (tmp_path / "packed").rglob("*") if path.is_file()]


def test_a_write_that_fails_leaves_no_half_shard_and_is_one_line(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))  # two images and a half
    try:
        with pytest.raises(
            ReproduceError, match=r"cannot write .*shard-00000.npy: File too large; free space"
        ) as caught:
            prepare_miniature(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "packed").rglob("*shard*"))
    assert len(index_of(prepare_miniature(source), "train")) == 24


def test_unwritable_folder_is_a_one_line_error(tmp_path):
    (tmp_path / "packed").write_text("a file where a folder should be")
    with pytest.raises(
        ReproduceError, match=r"cannot write .*: Not a directory; set REPRODUCE_PACKED to a writable folder$"
    ):
        prepare_miniature(SAMPLE.write_archives(tmp_path / "source"))


def test_changed_shard_is_detected_and_packed_again_once_deleted(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    folder = prepare_miniature(source)
    before = bytes_of(folder)
    shard = folder / "val" / "shard-00001.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    for given in (source, None):
        with pytest.raises(
            ReproduceError, match=r"val/shard-00001.npy has SHA-256 \w+, its manifest says \w+; delete it"
        ):
            prepare_miniature(given)
    shard.unlink()
    assert bytes_of(prepare_miniature(source)) == before


def test_changed_index_and_missing_shard_are_detected_without_a_source(tmp_path):
    folder = prepare_miniature(SAMPLE.write_archives(tmp_path / "source"))
    index = folder / "train" / "index.csv"
    content = index.read_text()
    index.write_text(content.replace(",0", ",1"))
    with pytest.raises(ReproduceError, match=rf"index.csv is missing or not the one its manifest names; {AGAIN}"):
        prepare_miniature(None)
    index.write_text(content)
    (folder / "train" / "shard-00003.npy").unlink()
    with pytest.raises(ReproduceError, match=rf"cannot read .*shard-00003.npy \(No such file or directory\); {AGAIN}"):
        prepare_miniature(None)


def test_archive_cut_short_after_listing_is_named(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    archive = source / "ILSVRC2012_img_val.tar"
    listing = prepare.list_source(source, SAMPLE.edition)
    archive.write_bytes(archive.read_bytes()[: listing.splits["val"][-1].offset + 10])
    with pytest.raises(ReproduceError, match=r"ILSVRC2012_img_val.tar (ends within|is damaged)"):
        prepare_miniature(source)


def test_second_preparation_at_the_same_time_is_refused(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    with (
        exclusive_lock(tmp_path / "scratch" / "ilsvrc2012_subset.lock", busy="never"),
        pytest.raises(ReproduceError, match="another preparation of ILSVRC-2012 holds"),
    ):
        prepare_miniature(source)
    assert not (tmp_path / "packed").exists()
