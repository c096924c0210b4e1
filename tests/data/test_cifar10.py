import json
import os

import cifar10_samples as samples
import numpy as np
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.files import exclusive_lock
from reproduce.data.acquire import prepare
from reproduce.data.cifar10.batch_sources import CIFAR10_FILES
from reproduce.data.pixel_statistics import image_sums
from reproduce.data.registry import CIFAR10


@pytest.fixture(autouse=True)
def _own_scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(samples.write_binary(tmp_path / "source")))


def test_images_come_channels_last_in_the_order_of_the_files(tmp_path):
    data = samples.DATA.load(samples.write_binary(tmp_path / "cifar10"))
    first, second, test = samples.NAMES
    np.testing.assert_array_equal(data.training_images[:4], samples.IMAGES[first])
    np.testing.assert_array_equal(data.training_images[4:], samples.IMAGES[second])
    np.testing.assert_array_equal(data.test_images, samples.IMAGES[test])
    assert data.training_labels.tolist() == samples.LABELS[first] + samples.LABELS[second]
    assert data.test_labels.tolist() == samples.LABELS[test]
    assert data.training_images.dtype == np.uint8
    assert data.training_images.flags.c_contiguous
    assert data.training_labels.dtype == np.int64


def test_missing_folder_names_the_command(tmp_path):
    with pytest.raises(ReproduceError, match=r"nowhere is missing; run `python -m reproduce data cifar10`$"):
        CIFAR10_FILES.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (samples.CONTENTS["test_batch.bin"][:-1], "test_batch.bin has 12291 bytes, expected 12292; run"),
        (samples.CONTENTS["data_batch_1.bin"], f"has MD5 {samples.BATCHES[0].md5}, expected {samples.BATCHES[2].md5}"),
        (None, "test_batch.bin cannot be read (No such file or directory); run"),
    ],
)
def test_file_that_is_not_the_official_one_is_named(tmp_path, content, message):
    folder = samples.write_binary(tmp_path / "cifar10")
    (folder / "test_batch.bin").unlink()
    if content is not None:
        (folder / "test_batch.bin").write_bytes(content)
    with pytest.raises(ReproduceError) as caught:
        samples.DATA.load(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_preparation_writes_manifest_and_statistics_of_the_training_images(tmp_path):
    folder, published = tmp_path / "data" / "cifar10", tmp_path / "results"
    prepare(samples.DATA, folder, published)
    manifest = json.loads((published / "manifest.json").read_text())
    assert manifest["dataset"] == "CIFAR-10"
    assert [(f["name"], f["bytes"], f["md5"]) for f in manifest["files"]] == [
        (batch.name, 12292, batch.md5) for batch in samples.BATCHES
    ]
    training = np.concatenate([samples.IMAGES[name] for name in samples.NAMES[:2]]).astype(np.float64)
    mean = np.load(published / "mean_image.npy")
    np.testing.assert_allclose(mean, training.mean(axis=0).transpose(2, 0, 1), rtol=1e-14)
    covariance = np.load(published / "color_covariance.npy")
    np.testing.assert_allclose(covariance, np.cov(training.reshape(-1, 3).T, bias=True), rtol=1e-12)
    assert mean.dtype == covariance.dtype == np.dtype("<f8")
    labels = {part: np.load(published / f"{part}_labels.npy") for part in ("training", "test")}
    first, second, test = (samples.LABELS[name] for name in samples.NAMES)
    assert labels["training"].tolist() == first + second and labels["test"].tolist() == test
    assert labels["training"].dtype == labels["test"].dtype == np.uint8


def test_second_preparation_touches_no_file_and_rewrites_a_wrong_one(tmp_path):
    folder, published = tmp_path / "data" / "cifar10", tmp_path / "results"
    prepare(samples.DATA, folder, published)
    files = [*folder.iterdir(), *published.iterdir()]
    mean = (published / "mean_image.npy").read_bytes()
    for path in files:
        os.utime(path, (1, 1))
    (published / "mean_image.npy").write_bytes(b"not an array")
    prepare(samples.DATA, folder, published)
    assert (published / "mean_image.npy").read_bytes() == mean
    assert all(path.stat().st_mtime == 1 for path in files if path.name != "mean_image.npy")


def test_a_linked_folder_of_statistics_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    prepare(samples.DATA, tmp_path / "data" / "cifar10", tmp_path / "results" / "data" / "cifar10")
    assert (tmp_path / "results").is_symlink()
    assert (tmp_path / "disk" / "data" / "cifar10" / "mean_image.npy").is_file()


def test_a_dangling_folder_of_statistics_is_named(tmp_path):
    (tmp_path / "results").symlink_to(tmp_path / "gone")
    with pytest.raises(ReproduceError, match=r"results is a link to \S*gone, which does not exist; make that folder"):
        prepare(samples.DATA, tmp_path / "data" / "cifar10", tmp_path / "results" / "cifar10")


def test_sound_data_in_a_linked_folder_is_used_as_it_is(tmp_path):
    elsewhere = samples.write_binary(tmp_path / "disk")
    (tmp_path / "cifar10").symlink_to(elsewhere)
    for path in elsewhere.iterdir():
        os.utime(path, (1, 1))
    prepare(samples.DATA, tmp_path / "cifar10", tmp_path / "results")
    assert (tmp_path / "cifar10").is_symlink()
    assert all(path.stat().st_mtime == 1 for path in elsewhere.iterdir())


def test_labels_of_the_test_set_are_read_alone_and_not_from_a_cut_file(tmp_path):
    folder = samples.write_binary(tmp_path / "cifar10")
    assert samples.DATA.test_labels(folder).tolist() == samples.LABELS["test_batch.bin"]
    (folder / "test_batch.bin").write_bytes(samples.CONTENTS["test_batch.bin"][:-3073])
    assert samples.DATA.test_labels(folder) is None
    assert samples.DATA.test_labels(tmp_path) is None


def test_damaged_data_is_fetched_again(tmp_path, capsys):
    folder = samples.write_binary(tmp_path / "data" / "cifar10")
    (folder / "data_batch_2.bin").write_bytes(b"\0" * 12292)
    prepare(samples.DATA, folder, tmp_path / "results")
    assert (folder / "data_batch_2.bin").read_bytes() == samples.CONTENTS["data_batch_2.bin"]
    assert "CIFAR-10 is fetched again: data_batch_2.bin has MD5" in capsys.readouterr().out


def test_second_preparation_at_the_same_time_is_refused(tmp_path):
    with (
        exclusive_lock(tmp_path / "scratch" / "cifar10.lock", busy="never"),
        pytest.raises(ReproduceError, match="another preparation of CIFAR-10 holds"),
    ):
        prepare(samples.DATA, tmp_path / "data" / "cifar10", tmp_path / "results")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("blocked", ["data", "results", "scratch"])
def test_unwritable_folder_is_a_one_line_error(tmp_path, blocked):
    (tmp_path / blocked).write_text("a file where a folder should be")
    with pytest.raises(ReproduceError) as caught:
        prepare(samples.DATA, tmp_path / "data" / "cifar10", tmp_path / "results" / "cifar10")
    assert f"{tmp_path / blocked}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not CIFAR10.folder().is_dir(), reason="CIFAR-10 is absent: run `python -m reproduce data cifar10`")
def test_real_data_has_its_known_counts_means_and_committed_statistics():
    data = CIFAR10.read()
    assert np.bincount(data.training_labels).tolist() == [5000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    assert data.training_labels[:5].tolist() == [6, 9, 9, 4, 1]  # frog, truck, truck, deer, automobile
    sums = image_sums(data.training_images)
    mean, covariance = sums.mean_image(), sums.color_covariance()
    np.testing.assert_allclose(mean.mean(axis=(1, 2)) / 255, [0.4914, 0.4822, 0.4465], atol=5e-5)
    np.testing.assert_array_equal(mean, np.load(CIFAR10.statistic("mean_image.npy")))
    np.testing.assert_array_equal(covariance, np.load(CIFAR10.statistic("color_covariance.npy")))
    np.testing.assert_array_equal(data.training_labels, np.load(CIFAR10.statistic("training_labels.npy")))
    np.testing.assert_array_equal(data.test_labels, np.load(CIFAR10.statistic("test_labels.npy")))
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)) / 255, [0.2470, 0.2435, 0.2616], atol=5e-5)
