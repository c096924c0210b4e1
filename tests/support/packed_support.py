"""Packed subsets of random pixels, written by hand in the layout that ``data/ilsvrc/packed.py`` describes."""

import csv
import json

import numpy as np

from reproduce.base.files import file_digest
from reproduce.data.pixel_statistics import npy_bytes

WNIDS = ["n01440764", "n02105855", "n03445777"]


def write_split(folder, images, random):
    folder.mkdir(parents=True)
    pixels, labels = random.integers(0, 256, (images, 256, 256, 3), dtype=np.uint8), random.integers(0, 3, images)
    np.save(folder / "shard-00000.npy", pixels)
    with (folder / "index.csv").open("w", newline="") as stream:
        rows = [(f"{folder.name}{number}.JPEG", label) for number, label in enumerate(labels)]
        csv.writer(stream).writerows([("name", "label"), *rows])
    shard = {"name": "shard-00000.npy", "images": images, "sha256": file_digest(folder / "shard-00000.npy")}
    return pixels, labels, {"images": images, "index_sha256": file_digest(folder / "index.csv"), "shards": [shard]}


def write_subset(base, year, counts, random):
    """Write ``<base>/ilsvrc<year>_subset`` with ``counts`` images by split; return {split: (pixels, labels)}."""
    folder = base / f"ilsvrc{year}_subset"
    made = {split: write_split(folder / split, images, random) for split, images in counts.items()}
    manifest = {"dataset": f"ILSVRC-{year}", "classes": WNIDS, "splits": {split: made[split][2] for split in made}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "mean_image.npy").write_bytes(npy_bytes(np.full((3, 256, 256), 127.5)))
    (folder / "color_covariance.npy").write_bytes(npy_bytes(np.diag([900.0, 1600.0, 2500.0])))
    return {split: part[:2] for split, part in made.items()}
