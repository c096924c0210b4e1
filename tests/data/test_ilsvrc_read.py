import threading
import time

import numpy as np
import pytest
import torch
from crops_support import random_crops
from ilsvrc_samples import WNIDS, Miniature

from reproduce.base.errors import ReproduceError
from reproduce.data.augment import ColorNoise, CropDraws, center_crop_of_mean, to_input, view, view_offsets
from reproduce.data.ilsvrc import read
from reproduce.data.ilsvrc.editions import EDITIONS
from reproduce.data.ilsvrc.prefetch import prefetched
from reproduce.data.ilsvrc.prepare import prepare_ilsvrc
from reproduce.data.ilsvrc.read import PackedImages, Step, TrainingReader, whole_images

CPU = torch.device("cpu")
ROWS = np.array([23, 0, 4, 5, 9, 10, 0, 17])  # shards hold 5: first, last and repeated rows of several
SIZE = 224


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("ilsvrc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRODUCE_SCRATCH", str(base / "scratch"))
        patch.setenv("REPRODUCE_PACKED", str(base / "packed"))
        source = Miniature(corrupt=True).write_archives(base / "source")
        return prepare_ilsvrc(EDITIONS[2012], source, subset=True, skip_corrupt=True, workers=1, images_per_shard=5)


@pytest.fixture(scope="module")
def packed(folder):
    return PackedImages(folder, "train", threads=3)


@pytest.fixture(scope="module")
def pixels(folder):
    return torch.from_numpy(np.concatenate([np.load(path) for path in sorted((folder / "train").glob("*.npy"))]))


@pytest.fixture(scope="module")
def noise(folder):
    return ColorNoise.from_covariance(np.load(folder / "color_covariance.npy"))


def _rows(packed):
    return ROWS % len(packed)  # one image was corrupt, so one shard is short


def test_index_shards_and_classes_belong_together(packed, pixels):
    assert len(packed) == len(packed.labels) == len(packed.names) == len(pixels) == 23
    assert packed.classes == WNIDS
    assert [packed.classes[label] for label in packed.labels] == [name[:9] for name in packed.names]
    assert torch.equal(packed.crops(np.arange(23), CropDraws.fixed(23, 0), 256), pixels)


def test_training_batches_equal_crops_cut_in_memory(packed, pixels, noise, folder):
    mean = center_crop_of_mean(np.load(folder / "mean_image.npy"), SIZE)
    steps = [Step(number, np.roll(_rows(packed), number), noise=noise if number < 2 else None) for number in range(4)]
    batches = list(TrainingReader(packed, SIZE, seed=7, device=CPU).batches(steps))
    assert [batch.step.number for batch in batches] == [0, 1, 2, 3]
    for step, batch in zip(steps, batches, strict=True):
        expected = random_crops(pixels, torch.from_numpy(step.rows), SIZE, 7, step.number)
        assert torch.equal(batch.pixels, expected)
        assert batch.labels.tolist() == packed.labels[step.rows].tolist()
        shifts = noise.shifts(len(step.rows), 7, step.number) if step.noise else None
        divisor = 1.1 if step.noise else 1.0
        network_input = batch.network_input(mean, torch.float32)
        assert torch.equal(network_input, to_input(expected, mean, torch.float32, shifts, divisor))
        assert network_input.shape == (8, 3, SIZE, SIZE)


def test_parts_of_a_batch_are_what_the_whole_has_at_those_positions(packed, noise):
    reader = TrainingReader(packed, SIZE, seed=1, device=CPU)
    whole = next(reader.batches([Step(12, _rows(packed), noise=noise)]))
    parts = [slice(0, 3), slice(3, 4), slice(4, 8)]
    pieces = list(reader.batches([Step(12, _rows(packed), part, noise) for part in parts]))
    for name in ("pixels", "labels", "shifts"):
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), getattr(whole, name))


def test_without_crops_and_flips_every_image_gives_its_center(packed, pixels):
    reader = TrainingReader(packed, SIZE, seed=1, device=CPU, augmentation="none")
    batch = next(reader.batches([Step(3, _rows(packed), slice(2, None))]))
    assert torch.equal(batch.pixels, pixels[_rows(packed)[2:], 16:240, 16:240])


def test_threads_and_depth_decide_nothing(folder, packed):
    steps = [Step(number, _rows(packed)) for number in range(5)]
    expected = [batch.pixels for batch in TrainingReader(packed, SIZE, 1, CPU).batches(steps)]
    single = TrainingReader(PackedImages(folder, "train", threads=1), SIZE, 1, CPU)
    assert all(torch.equal(a.pixels, b) for a, b in zip(single.batches(steps, depth=1), expected, strict=True))


def test_whole_images_come_in_order_with_their_labels_and_give_ten_views(folder, monkeypatch):
    monkeypatch.setattr(read, "_IMAGES_PER_BATCH", 3)
    validation = PackedImages(folder, "val")
    stored = np.concatenate([np.load(path) for path in sorted((folder / "val").glob("*.npy"))])
    batches = list(whole_images(validation, CPU))
    assert [len(labels) for _, labels in batches] == [3, 3, 2]
    (images, labels), *rest = whole_images(validation, CPU, range(5, 8))  # a process's share
    assert np.array_equal(images.numpy(), stored[5:]) and labels.tolist() == validation.labels[5:].tolist() and not rest
    images = torch.cat([images for images, _ in batches])
    assert np.array_equal(images.numpy(), stored)
    assert torch.cat([labels for _, labels in batches]).tolist() == validation.labels.tolist()
    views = [view(images, offset, SIZE).numpy() for offset in view_offsets(256, SIZE, 10)]
    corners = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
    expected = [stored[:, top : top + SIZE, left : left + SIZE] for top, left in corners]
    for got, plain in zip(views, [*expected, *(crop[:, :, ::-1] for crop in expected)], strict=True):
        np.testing.assert_array_equal(got, plain)


def test_missing_or_inconsistent_packs_are_named(folder, tmp_path):
    with pytest.raises(ReproduceError, match=r"holds no packed images; run `python -m reproduce data ilsvrc2012`$"):
        PackedImages(tmp_path / "ilsvrc2012", "train")
    with pytest.raises(ReproduceError, match=r"run `python -m reproduce data ilsvrc2012 --subset`$"):
        PackedImages(tmp_path / "ilsvrc2012_subset", "train")
    with pytest.raises(ReproduceError, match=r"has no split 'test'; it has train, val"):
        PackedImages(folder, "test")
    shard = folder / "val" / "shard-00001.npy"
    remedy = "pack the data again by `python -m reproduce data ilsvrc2012 --subset`$"
    content = shard.read_bytes()
    try:
        shard.write_bytes(content[:-1])
        with pytest.raises(ReproduceError, match=rf"cannot read .*shard-00001.npy .*; {remedy}"):
            PackedImages(folder, "val")
        shard.write_bytes((folder / "val" / "shard-00000.npy").read_bytes())
        with pytest.raises(
            ReproduceError, match=rf"shard-00001.npy holds uint8 \(5, 256, 256, 3\), .* 3 images; {remedy}"
        ):
            PackedImages(folder, "val")
    finally:
        shard.write_bytes(content)


def test_prefetch_keeps_the_order_works_ahead_and_no_further():
    made = []

    def make(item):
        time.sleep(0.002 * (item % 3))
        made.append(item)
        return item * item

    items = prefetched(make, range(20), depth=2)
    assert next(items) == 0
    time.sleep(0.1)
    assert len(made) == 4  # one given out, two ready, one waiting for a place
    assert list(items) == [item * item for item in range(1, 20)]


def test_prefetch_raises_an_error_in_its_turn_and_ends_its_thread():
    def make(item):
        return 1 // (2 - item)

    items = prefetched(make, range(5), depth=4)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(items)
    unfinished = prefetched(lambda item: item, iter(int, 1), depth=1)
    next(unfinished)
    unfinished.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: pinned transfers are not tried")
def test_batches_on_a_gpu_equal_those_on_the_cpu(packed, noise, folder):
    mean = center_crop_of_mean(np.load(folder / "mean_image.npy"), SIZE)
    steps = [Step(number, _rows(packed), noise=noise) for number in range(6)]
    gpu = torch.device("cuda")
    pairs = zip(*(TrainingReader(packed, SIZE, 1, device).batches(steps) for device in (CPU, gpu)), strict=True)
    for ours, theirs in pairs:
        assert theirs.pixels.is_cuda and torch.equal(ours.pixels, theirs.pixels.cpu())
        on_gpu = theirs.network_input(mean.to(gpu), torch.float32).cpu()
        torch.testing.assert_close(on_gpu, ours.network_input(mean, torch.float32))
