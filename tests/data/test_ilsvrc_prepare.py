"""Packing ILSVRC: what is packed, its order, statistics and manifest, and the command line."""

import numpy as np
import pytest
from ilsvrc_samples import WNIDS, Miniature
from prepare_support import bytes_of, index_of, manifest_of, prepare_miniature, use_own_folders

from reproduce.base.errors import ReproduceError
from reproduce.cli import main
from reproduce.data.ilsvrc import prepare
from reproduce.data.ilsvrc.pixels import decode

SAMPLE = Miniature()  # 24 training images in shards of 5, 8 validation images


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    use_own_folders(tmp_path, monkeypatch)


def test_packed_pixels_labels_and_names_are_those_of_the_source(tmp_path):
    folder = prepare_miniature(SAMPLE.write_archives(tmp_path / "source"))
    contents = {f"{wnid}/{name}": content for wnid, files in SAMPLE.training.items() for name, content in files.items()}
    validation = {name: (WNIDS.index(wnid), content) for name, wnid, content in SAMPLE.validation}
    training = index_of(folder, "train")
    assert sorted(name for name, _ in training) == sorted(contents)
    assert [name for name, _ in training] != sorted(contents), "the training images are shuffled when written"
    assert all(label == WNIDS.index(name[:9]) for name, label in training)
    assert index_of(folder, "val") == [(name, label) for name, (label, _) in validation.items()]
    shards = [np.load(folder / "train" / shard["name"]) for shard in manifest_of(folder)["splits"]["train"]["shards"]]
    assert [shard.shape for shard in shards] == [(5, 256, 256, 3)] * 4 + [(4, 256, 256, 3)]
    for pixels, (name, _) in zip(np.concatenate(shards), training, strict=True):
        np.testing.assert_array_equal(pixels, decode(contents[name]).pixels)


def test_manifest_lists_classes_counts_and_images_that_needed_care(tmp_path):
    manifest = manifest_of(prepare_miniature(SAMPLE.write_class_folders(tmp_path / "source")))
    assert (manifest["dataset"], manifest["subset"], manifest["classes"]) == ("ILSVRC-2012", True, WNIDS)
    training = manifest["splits"]["train"]
    assert (training["images"], training["gray"], training["skipped"]) == (24, 1, [])
    assert training["cmyk"] == [f"{WNIDS[2]}/{WNIDS[2]}_23.JPEG"]
    assert training["not_jpeg"] == [{"name": f"{WNIDS[1]}/{WNIDS[1]}_3.JPEG", "format": "PNG"}]
    assert manifest["splits"]["val"]["images"] == 8


def test_statistics_are_those_of_all_training_pixels(tmp_path):
    folder = prepare_miniature(SAMPLE.write_archives(tmp_path / "source"))
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
        packs.append(bytes_of(prepare_miniature(source, workers=workers)))
    assert len(packs[0]) == 7 * 2 + 5  # shards with their records; two indexes, the manifest and two statistics
    assert packs[0] == packs[1] == packs[2]


def test_order_is_a_function_of_the_seed(tmp_path, monkeypatch):
    source, orders = SAMPLE.write_archives(tmp_path / "source"), []
    for seed in (1, 2, 1):
        monkeypatch.setattr(prepare, "_ORDER_SEED", seed)
        orders.append(index_of(prepare_miniature(source), "train"))
    assert orders[0] == orders[2] != orders[1]


def test_whole_edition_is_kept_apart_from_a_subset_and_publishes_its_statistics(tmp_path, monkeypatch):
    monkeypatch.setattr("reproduce.data.ilsvrc.editions.RESULTS", tmp_path / "results")
    source = SAMPLE.write_archives(tmp_path / "source")
    monkeypatch.setenv("REPRODUCE_ILSVRC2012", str(source))
    subset, whole = prepare_miniature(None), prepare_miniature(None, subset=False, edition=SAMPLE.edition)
    assert (subset.name, whole.name) == ("ilsvrc2012_subset", "ilsvrc2012")
    published = tmp_path / "results" / "data" / "ilsvrc2012"
    assert sorted(bytes_of(published)) == ["color_covariance.npy", "manifest.json", "mean_image.npy"]
    assert (published / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()
    with pytest.raises(ReproduceError, match=r"24 train images, ILSVRC-2012 has 1,281,167"):
        prepare_miniature(None, subset=False)


def test_a_linked_folder_is_packed_into_and_a_dangling_one_is_named(tmp_path):
    source, link = SAMPLE.write_archives(tmp_path / "source"), tmp_path / "packed" / "ilsvrc2012_subset"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "disk")
    with pytest.raises(
        ReproduceError, match=r"ilsvrc2012_subset is a link to \S*disk, which does not exist; make that"
    ):
        prepare_miniature(source)
    (tmp_path / "disk").mkdir()
    prepare_miniature(source)
    assert link.is_symlink() and manifest_of(tmp_path / "disk")["subset"]


def test_without_a_source_the_variable_is_named_unless_packed_data_are_there(tmp_path):
    with pytest.raises(
        ReproduceError, match=r"^REPRODUCE_ILSVRC2012 is not set; set it to the folder with ILSVRC-2012$"
    ):
        prepare_miniature(None)
    folder = prepare_miniature(SAMPLE.write_archives(tmp_path / "source"))
    (folder / "mean_image.npy").unlink()
    prepare_miniature(None)
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
