"""Reading packed images: memory-mapped shards to batches on the device, ahead of the network.

Crops are cut and mirrored while they are copied from the mapped pages, so only what is used is read and sent; mean and
color noise are applied on the device. Every draw is a function of (seed, step, position in the global batch), so each
image of a batch is cut in the same way for any number of processes or threads.
"""

import csv
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reproduce.base.errors import ReproduceError
from reproduce.data.augment import CropDraws
from reproduce.data.ilsvrc.editions import SIDE
from reproduce.data.ilsvrc.packed import INDEX, check_index, pack_again, read_manifest
from reproduce.data.ilsvrc.prefetch import prefetched
from reproduce.data.steps import Augmentation, Batch, Step

_IMAGES_PER_BATCH = 256
_PARTS_AHEAD = 2  # batches of whole images that are read ahead


class PackedImages:
    """One split of packed data, shards memory-mapped.

    Attributes:
        classes: WordNet ids; a label is a place in this list.
        labels: int64, shape (images,).
        names: of the images in the source, in the order of ``labels``.
    """

    def __init__(self, folder: Path, split: str, threads: int = 4) -> None:
        """Open ``split`` ("train", "val" or "test") below ``folder``; ``threads`` threads copy pixels.

        Raises:
            ReproduceError: the data are missing, incomplete or not what their manifest says (sizes and index are
                compared; ``python -m reproduce data NAME`` also compares the pixels).
        """
        manifest = read_manifest(folder)
        if split not in manifest["splits"]:
            raise ReproduceError(f"{folder} has no split {split!r}; it has {', '.join(manifest['splits'])}")
        content = manifest["splits"][split]
        self.classes: list[str] = manifest["classes"]
        self.names, self.labels = _read_index(folder / split / INDEX, content["index_sha256"])
        self._shards = [_mapped(folder / split / shard["name"], shard["images"]) for shard in content["shards"]]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pixels")
        self._parts = threads

    def __len__(self) -> int:
        return len(self.labels)

    def crops(self, rows: np.ndarray, drawn: CropDraws, size: int, pinned: bool = False) -> Tensor:
        """Return one crop of each image, mirrored as drawn, uint8 (N, size, size, 3).

        Args:
            rows: int64 (N,), places in the split.
            drawn: offsets 0 to 256 - size and mirroring of each crop.
            size: side of the crops in pixels.
            pinned: in page-locked memory, from which a GPU copies while it computes.
        """
        pixels = torch.empty((len(rows), size, size, 3), dtype=torch.uint8, pin_memory=pinned)
        out = _whole_pixels(pixels.numpy())
        shards = np.searchsorted(self._starts, rows, side="right") - 1

        def copy(places: np.ndarray) -> None:
            for place in places:
                top, left = drawn.tops[place], drawn.lefts[place]
                image = self._shards[shards[place]][rows[place] - self._starts[shards[place]]]
                crop = image[top : top + size, left : left + size]
                out[place] = crop[:, ::-1] if drawn.mirrored[place] else crop

        list(self._threads.map(copy, np.array_split(np.arange(len(rows)), self._parts)))
        return pixels


def _whole_pixels(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W, 3) uint8 viewed as (N, H, W) of three bytes each, which are mirrored several times faster."""
    return images.view("V3")[..., 0]


def _read_index(path: Path, sha256: str) -> tuple[list[str], np.ndarray]:
    check_index(path, sha256)
    with path.open(newline="", encoding="utf-8") as stream:
        lines = csv.reader(stream)
        next(lines)
        names, labels = zip(*lines, strict=True)
    return list(names), np.array(labels, dtype=np.int64)


def _mapped(path: Path, images: int) -> np.ndarray:
    try:
        shard = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise ReproduceError(f"cannot read {path} ({error}); {pack_again(path)}") from error
    if shard.shape != (images, SIDE, SIDE, 3) or shard.dtype != np.uint8:
        raise ReproduceError(
            f"{path} holds {shard.dtype} {shard.shape}, its manifest says {images} images; {pack_again(path)}"
        )
    return _whole_pixels(shard)


@dataclass(frozen=True)
class TrainingReader:
    """Reads training batches: random crops and flips as in the source, or the centers alone.

    Attributes:
        images: the training split.
        size: side of the crops; 224 of 256 leaves offsets 0 to 32 inclusive (deviation D1).
        seed: of the run.
        device: where batches go.
        augmentation: ``none`` takes the center of every image, never mirrored.
    """

    images: PackedImages
    size: int
    seed: int
    device: torch.device
    augmentation: Augmentation = "crops_and_flips"

    def batches(self, steps: Iterable[Step], depth: int = 4) -> Iterator[Batch]:
        """Yield the batch of every step in order, read up to ``depth`` ahead."""
        for step, pixels in prefetched(self._read, steps, depth):
            yield self._on_device(step, pixels)

    def _read(self, step: Step) -> tuple[Step, Tensor]:
        drawn = step.crops(SIDE - self.size, self.augmentation, self.seed)
        pinned = self.device.type == "cuda"
        return step, self.images.crops(step.rows[step.positions], drawn, self.size, pinned)

    def _on_device(self, step: Step, pixels: Tensor) -> Batch:
        pixels = pixels.to(self.device, non_blocking=True)
        labels = torch.from_numpy(self.images.labels[step.rows[step.positions]]).to(self.device)
        shifts = step.color_shifts(self.seed)
        return Batch(step, pixels, labels, None if shifts is None else shifts.to(self.device))


def whole_images(
    images: PackedImages, device: torch.device, rows: range | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images of ``rows`` (all by default) whole, uint8 (N, 256, 256, 3), in order, on the device.

    Their labels, int64 (N,), come with them. ``evaluate.predict`` cuts the test views, one or ten, from these images.
    """
    rows = range(len(images)) if rows is None else rows
    starts = range(rows.start, rows.stop, _IMAGES_PER_BATCH)

    def read(start: int) -> tuple[Tensor, Tensor]:
        part = np.arange(start, min(start + _IMAGES_PER_BATCH, rows.stop))
        pixels = images.crops(part, CropDraws.fixed(len(part), 0), SIDE, device.type == "cuda")
        return pixels, torch.from_numpy(images.labels[part])

    for pixels, labels in prefetched(read, starts, _PARTS_AHEAD):
        yield pixels.to(device, non_blocking=True), labels.to(device)
