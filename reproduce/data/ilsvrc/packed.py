"""The files of packed data (``manifest.json``; for each split ``index.csv`` and its shards), and checking them.

``manifest.json`` names dataset, seed of the order, classes in the order of their labels and, for each split, the number
of images, the SHA-256 of every shard and of the index, and the unusual or skipped images. It depends on the images
alone, not on the layout they came in, the machine or the number of workers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest, read_json
from reproduce.base.progress import Progress
from reproduce.data.ilsvrc.editions import packing_command
from reproduce.data.ilsvrc.workers import finished_tasks
from reproduce.data.pixel_statistics import ImageSums, image_sums

MANIFEST, INDEX = "manifest.json", "index.csv"


class ShardCheck(NamedTuple):
    """A shard to be compared with the manifest; ``with_sums`` asks for the sums over its images as well."""

    path: Path
    sha256: str
    images: int
    with_sums: bool


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of packed data.

    Raises:
        ReproduceError: there is none; the message names the command that makes it.
    """
    if not (folder / MANIFEST).is_file():
        raise ReproduceError(f"{folder} holds no packed images; run `{packing_command(folder.name)}`")
    return read_json(folder / MANIFEST)


def pack_again(path: Path) -> str:
    """Return what to do about a shard or an index that cannot be used, for the end of an error's message."""
    return f"pack the data again by `{packing_command(path.parents[1].name)}`"


def check_shards(folder: Path, manifest: dict[str, Any], workers: int) -> ImageSums:
    """Read every shard once, compare its SHA-256 with the manifest, and return the sums over the training images.

    Raises:
        ReproduceError: a shard or an index is missing or has other bytes.
    """
    for split, content in manifest["splits"].items():
        check_index(folder / split / INDEX, content["index_sha256"])
    checks = list(_checks(folder, manifest))
    total: ImageSums | None = None
    with Progress(f"checking {manifest['dataset']}", sum(check.images for check in checks), "img") as progress:
        for check, sums in finished_tasks(check_shard, checks, workers):
            progress.update(check.images)
            if sums is not None:
                total = sums if total is None else total + sums
    if total is None or total.images == 0:
        raise ReproduceError(f"{folder} holds no training images; pack it again by `{packing_command(folder.name)}`")
    return total


def _checks(folder: Path, manifest: dict[str, Any]) -> Iterator[ShardCheck]:
    for split, content in manifest["splits"].items():
        for shard in content["shards"]:
            yield ShardCheck(folder / split / shard["name"], shard["sha256"], shard["images"], split == "train")


def check_shard(check: ShardCheck) -> ImageSums | None:
    """Compare one shard with its SHA-256, and return the sums over its images if ``check`` asks for them."""
    try:
        found = file_digest(check.path)
    except OSError as error:
        raise ReproduceError(f"cannot read {check.path} ({error.strerror}); {pack_again(check.path)}") from error
    if found != check.sha256:
        raise ReproduceError(
            f"{check.path} has SHA-256 {found}, its manifest says {check.sha256}; delete it and run the same command"
        )
    return image_sums(np.load(check.path, mmap_mode="r")) if check.with_sums else None


def check_index(path: Path, sha256: str) -> None:
    """Compare an index with its SHA-256.

    Raises:
        ReproduceError: the index is missing or has other bytes.
    """
    if not path.is_file() or file_digest(path) != sha256:
        raise ReproduceError(f"{path} is missing or not the one its manifest names; {pack_again(path)}")
