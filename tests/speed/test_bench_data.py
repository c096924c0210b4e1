"""Timing of the data path: both ways of packing and of reading give the same images, and every way gets its rows."""

from pathlib import Path

import numpy as np

from reproduce.data.ilsvrc.editions import EDITIONS
from reproduce.data.ilsvrc.folders import folder_images
from reproduce.data.ilsvrc.pack import pack_shard, plan_shards
from reproduce.speed.bench.bench_tables import TABLES
from reproduce.speed.bench.data import _tables, image_folder_rate, measure_data, pack_by_torchvision
from reproduce.speed.bench.photographs import PHOTOGRAPHS, write_photographs


def test_both_ways_of_packing_give_nearly_the_same_pixels(tmp_path: Path) -> None:
    write_photographs(tmp_path, 4)
    entries = sorted(folder_images(tmp_path / PHOTOGRAPHS, EDITIONS[2012], "train"))
    (plan,) = plan_shards(tmp_path, entries, 4)
    pack_shard(plan)
    pack_by_torchvision((entries, tmp_path / "resized.npy"))
    ours, other = (np.load(path).astype(int) for path in (plan.path, tmp_path / "resized.npy"))
    assert ours.shape == other.shape == (4, 256, 256, 3)
    assert np.abs(ours - other).mean() < 8  # area averages here, a triangle over more pixels there
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(ours, other, strict=True)]
    assert min(correlations) > 0.98
    assert np.corrcoef(ours[0].ravel(), other[1].ravel())[0, 1] < 0.5


def test_ratios_are_ours_over_the_other_way_round_by_round() -> None:
    rows = _tables("reading", {"ours": [600.0, 400.0], "image_folder_500x375": [20.0, 40.0]})
    assert [row["way"] for row in rows["reading"]] == ["ours", "image_folder_500x375"]
    assert rows["reading"][0]["images_per_second"] == {"min": 400.0, "median": 500.0, "max": 600.0}
    (compared,) = rows["reading_ratios"]
    assert compared == {"against": "image_folder_500x375", "times": {"min": 10.0, "median": 20.0, "max": 30.0}}
    text = TABLES["Reading for training"](rows)
    assert "| ImageFolder, JPEG 500 x 375 | 30 [20, 40] | 20 [10, 30] |" in text


def test_loader_of_a_folder_smaller_than_a_batch_goes_on(tmp_path: Path) -> None:
    write_photographs(tmp_path, 2)
    assert image_folder_rate(tmp_path / PHOTOGRAPHS, workers=1, batch_size=3, timed_batches=2) > 0


def test_every_way_gets_its_row() -> None:
    found = measure_data(rounds=1, images=4, batch_size=2, reader_batches=3)
    assert [row["way"] for row in found["packing"]] == ["ours", "pillow_torchvision"]
    ways = ["ours", "image_folder_500x375", "image_folder_256x256"]
    assert [row["way"] for row in found["reading"]] == ways
    assert [row["against"] for row in found["reading_ratios"]] == ways[1:]
    assert found["settings"]["bytes_per_photograph"] > found["settings"]["bytes_per_square"] > 10_000
    assert TABLES["Packing"](found).count("\n") == 4 and TABLES["Reading for training"](found).count("\n") == 5
