import csv
import json
import os
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

from reproduce.cli import main
from reproduce.data.ilsvrc import prepare
from reproduce.data.ilsvrc.pixels import decode
from reproduce.data.ilsvrc.prepare import prepare_ilsvrc
from reproduce.errors import ReproduceError
from reproduce.files import exclusive_lock

SAMPLE = Miniature()  # 24 training images in shards of 5, 8 validation images
IMAGES_PER_SHARD = 5


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path / "packed"))
    for year in (2010, 2012):
        monkeypatch.delenv(f"REPRODUCE_ILSVRC{year}", raising=False)


def _prepare(source: Path | None, **options) -> Path:
    settings = {"subset": True, "workers": 1, "images_per_shard": IMAGES_PER_SHARD} | options
    return prepare_ilsvrc(2012, source, **settings)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _index(folder: Path, split: str) -> list[tuple[str, int]]:
    with (folder / split / "index.csv").open(newline="") as stream:
        return [(row["name"], int(row["label"])) for row in csv.DictReader(stream)]


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_packed_pixels_labels_and_names_are_those_of_the_source(tmp_path):
    folder = _prepare(SAMPLE.write_archives(tmp_path / "source"))
    contents = {f"{wnid}/{name}": content for wnid, files in SAMPLE.training.items() for name, content in files.items()}
    validation = {name: (WNIDS.index(wnid), content) for name, wnid, content in SAMPLE.validation}
    training = _index(folder, "train")
    assert sorted(name for name, _ in training) == sorted(contents)
    assert [name for name, _ in training] != sorted(contents), "the training images are shuffled when written"
    assert all(label == WNIDS.index(name[:9]) for name, label in training)
    assert _index(folder, "val") == [(name, label) for name, (label, _) in validation.items()]
    shards = [np.load(folder / "train" / shard["name"]) for shard in _manifest(folder)["splits"]["train"]["shards"]]
    assert [shard.shape for shard in shards] == [(5, 256, 256, 3)] * 4 + [(4, 256, 256, 3)]
    for pixels, (name, _) in zip(np.concatenate(shards), training, strict=True):
        np.testing.assert_array_equal(pixels, decode(contents[name]).pixels)


def test_manifest_lists_classes_counts_and_images_that_needed_care(tmp_path):
    manifest = _manifest(_prepare(SAMPLE.write_class_folders(tmp_path / "source")))
    assert (manifest["dataset"], manifest["subset"], manifest["classes"]) == ("ILSVRC-2012", True, WNIDS)
    training = manifest["splits"]["train"]
    assert (training["images"], training["gray"], training["skipped"]) == (24, 1, [])
    assert training["cmyk"] == [f"{WNIDS[2]}/{WNIDS[2]}_23.JPEG"]
    assert training["not_jpeg"] == [{"name": f"{WNIDS[1]}/{WNIDS[1]}_3.JPEG", "format": "PNG"}]
    assert manifest["splits"]["val"]["images"] == 8


def test_statistics_are_those_of_all_training_pixels(tmp_path):
    folder = _prepare(SAMPLE.write_archives(tmp_path / "source"))
    images = np.concatenate([np.load(path) for path in sorted((folder / "train").glob("*.npy"))]).astype(np.float64)
    mean, covariance = np.load(folder / "mean_image.npy"), np.load(folder / "color_covariance.npy")
    assert mean.shape == (3, 256, 256) and mean.dtype == covariance.dtype == np.dtype("<f8")
    np.testing.assert_allclose(mean, images.mean(axis=0).transpose(2, 0, 1), rtol=1e-14)
    np.testing.assert_allclose(covariance, np.cov(images.reshape(-1, 3).T, bias=True), rtol=1e-12)


def test_layout_and_number_of_workers_change_no_byte(tmp_path, monkeypatch):
    packs = []
    for workers, write in ((1, SAMPLE.write_archives), (2, SAMPLE.write_archives), (1, SAMPLE.write_kaggle_folders)):
        monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path / f"packed{len(packs)}"))
        source = write(tmp_path / f"source{len(packs)}")
        packs.append(_bytes(_prepare(source, workers=workers)))
    assert len(packs[0]) == 7 * 2 + 5  # shards with their records; two indexes, the manifest and two statistics
    assert packs[0] == packs[1] == packs[2]


def test_order_is_a_function_of_the_seed(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    orders = [_index(_prepare(source, seed=seed), "train") for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]


def test_whole_edition_is_kept_apart_from_a_subset_and_publishes_its_statistics(tmp_path, monkeypatch):
    monkeypatch.setattr("reproduce.data.ilsvrc.editions.RESULTS", tmp_path / "results")
    source = SAMPLE.write_archives(tmp_path / "source")
    monkeypatch.setenv("REPRODUCE_ILSVRC2012", str(source))
    subset, whole = _prepare(None), _prepare(None, subset=False, edition=SAMPLE.edition)
    assert (subset.name, whole.name) == ("ilsvrc2012_subset", "ilsvrc2012")
    published = tmp_path / "results" / "data" / "ilsvrc2012"
    assert sorted(_bytes(published)) == ["color_covariance.npy", "manifest.json", "mean_image.npy"]
    assert (published / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()
    with pytest.raises(ReproduceError, match=r"24 train images, ILSVRC-2012 has 1,281,167"):
        _prepare(None, subset=False)


def test_without_a_source_the_variable_is_named_unless_packed_data_are_there(tmp_path):
    with pytest.raises(
        ReproduceError, match=r"^REPRODUCE_ILSVRC2012 is not set; set it to the folder with ILSVRC-2012$"
    ):
        _prepare(None)
    folder = _prepare(SAMPLE.write_archives(tmp_path / "source"))
    (folder / "mean_image.npy").unlink()
    _prepare(None)
    assert (folder / "mean_image.npy").is_file()


def test_command_line_packs_a_subset_and_says_what_is_wrong_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REPRODUCE_ILSVRC2012", str(Miniature(corrupt=True).write_archives(tmp_path / "source")))
    assert main(["data", "ilsvrc2012", "--workers", "1"]) == 2
    assert "has 24 train images, ILSVRC-2012 has 1,281,167" in capsys.readouterr().err
    assert main(["data", "ilsvrc2012", "--subset", "--workers", "1"]) == 2
    error = capsys.readouterr().err
    assert "is corrupt" in error and error.count("\n") == 1
    assert main(["data", "ilsvrc2012", "--subset", "--skip-corrupt", "--workers", "1"]) == 0
    assert "ILSVRC-2012 is in" in capsys.readouterr().out
    assert (tmp_path / "packed" / "ilsvrc2012_subset" / "train" / "shard-00000.npy").is_file()
    assert main(["data", "ilsvrc2010"]) == 2
    assert capsys.readouterr().err.startswith("error: REPRODUCE_ILSVRC2010 is not set; set it to the folder with")
    assert main(["data", "cifar10", "--subset"]) == 2
    assert "are for the ILSVRC data" in capsys.readouterr().err


# Corrupt images


def test_corrupt_image_is_named_or_left_out_and_finished_shards_are_kept(tmp_path):
    sample = Miniature(corrupt=True)
    name = f"{WNIDS[3]}_13.JPEG"
    source = sample.write_class_folders(tmp_path / "source")
    with pytest.raises(
        ReproduceError, match=rf"{name} is corrupt \(.*\); get it again, or pass --skip-corrupt"
    ) as caught:
        _prepare(source)
    assert "\n" not in str(caught.value)
    folder = tmp_path / "packed" / "ilsvrc2012_subset"
    assert not (folder / "manifest.json").exists()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}
    assert before
    _prepare(source, skip_corrupt=True)
    training = _manifest(folder)["splits"]["train"]
    assert [image["name"] for image in training["skipped"]] == [f"{WNIDS[3]}/{name}"]
    assert training["images"] == 23 == len(_index(folder, "train"))
    assert sum(len(np.load(path, mmap_mode="r")) for path in (folder / "train").glob("*.npy")) == 23
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in before.items())
    shutil.copy(next((source / "train" / WNIDS[3]).glob("*_3.JPEG")), source / "train" / WNIDS[3] / name)
    _prepare(source)
    assert _manifest(folder)["splits"]["train"]["images"] == 24
    assert not _manifest(folder)["splits"]["train"]["skipped"]


def test_corrupt_image_in_an_archive_is_named_with_the_archive_also_by_a_worker(tmp_path):
    source = Miniature(corrupt=True).write_archives(tmp_path / "source")
    with pytest.raises(ReproduceError, match=rf"{WNIDS[3]}_13.JPEG in .*ILSVRC2012_img_train.tar is corrupt"):
        _prepare(source, workers=2)


# Kills, full disks, damage

_CHILD = """
from pathlib import Path
from reproduce.data.ilsvrc.prepare import prepare_ilsvrc
prepare_ilsvrc(2012, Path({source!r}), subset=True, workers={workers}, images_per_shard={size})
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_in_the_middle_of_a_shard_then_the_same_call_gives_the_same_bytes(tmp_path, monkeypatch, workers):
    source = SAMPLE.write_class_folders(tmp_path / "source")
    folder = _prepare(source)
    unbroken, order = _bytes(folder), [name for name, _ in _index(folder, "train")]
    monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path / "other"))
    blocked = source / "train" / order[13]  # the fourth image of the third shard: whoever reads it waits for ever
    content = blocked.read_bytes()
    blocked.unlink()
    os.mkfifo(blocked)
    child = subprocess.Popen([sys.executable, "-c", _CHILD.format(source=str(source), workers=workers, size=5)])
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
    assert _bytes(_prepare(source)) == unbroken
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
    with pytest.raises(ReproduceError, match=r"needs 0.0 GB more .* set REPRODUCE_PACKED to a folder on a larger disk"):
        _prepare(source)
    assert not [path for path in (tmp_path / "packed").rglob("*") if path.is_file()]


def test_a_write_that_fails_leaves_no_half_shard_and_is_one_line(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))  # two images and a half
    try:
        with pytest.raises(
            ReproduceError, match=r"cannot write .*shard-00000.npy: File too large; free space"
        ) as caught:
            _prepare(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "packed").rglob("*shard*"))
    assert len(_index(_prepare(source), "train")) == 24


def test_unwritable_folder_is_a_one_line_error(tmp_path):
    (tmp_path / "packed").write_text("a file where a folder should be")
    with pytest.raises(ReproduceError, match=r"cannot write .*: Not a directory; choose a folder by REPRODUCE_PACKED$"):
        _prepare(SAMPLE.write_archives(tmp_path / "source"))


def test_changed_shard_is_detected_and_packed_again_once_deleted(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    folder = _prepare(source)
    before = _bytes(folder)
    shard = folder / "val" / "shard-00001.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    for given in (source, None):
        with pytest.raises(
            ReproduceError, match=r"val/shard-00001.npy has SHA-256 \w+, its manifest says \w+; delete it"
        ):
            _prepare(given)
    shard.unlink()
    assert _bytes(_prepare(source)) == before


def test_changed_index_and_missing_shard_are_detected_without_a_source(tmp_path):
    folder = _prepare(SAMPLE.write_archives(tmp_path / "source"))
    index = folder / "train" / "index.csv"
    content = index.read_text()
    index.write_text(content.replace(",0", ",1"))
    with pytest.raises(
        ReproduceError, match=r"index.csv is missing or not the one its manifest names; pack the data again"
    ):
        _prepare(None)
    index.write_text(content)
    (folder / "train" / "shard-00003.npy").unlink()
    with pytest.raises(
        ReproduceError, match=r"cannot read .*shard-00003.npy \(No such file or directory\); pack the data"
    ):
        _prepare(None)


def test_archive_cut_short_after_listing_is_named(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    archive = source / "ILSVRC2012_img_val.tar"
    listing = prepare.list_source(source, SAMPLE.edition)
    archive.write_bytes(archive.read_bytes()[: listing.splits["val"][-1].offset + 10])
    with pytest.raises(ReproduceError, match=r"ILSVRC2012_img_val.tar (ends within|is damaged)"):
        _prepare(source)


def test_second_preparation_at_the_same_time_is_refused(tmp_path):
    source = SAMPLE.write_archives(tmp_path / "source")
    with (
        exclusive_lock(tmp_path / "scratch" / "ilsvrc2012_subset.lock", busy="never"),
        pytest.raises(ReproduceError, match="another preparation of ILSVRC-2012 holds"),
    ):
        _prepare(source)
    assert not (tmp_path / "packed").exists()
