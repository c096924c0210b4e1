"""The part ``data`` of the benchmark: packing photographs, and reading them for training."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

from reproduce.base.progress import Progress
from reproduce.base.temporaries import TemporaryFolder
from reproduce.data.ilsvrc.editions import EDITIONS, SIDE
from reproduce.data.ilsvrc.entries import Entry
from reproduce.data.ilsvrc.folders import folder_images
from reproduce.data.ilsvrc.pack import pack_shard, plan_shards
from reproduce.data.ilsvrc.prepare import pack_listing
from reproduce.data.ilsvrc.read import PackedImages, TrainingReader
from reproduce.data.ilsvrc.sources import Listing
from reproduce.data.ilsvrc.workers import available_cores, worker_pool
from reproduce.data.steps import Step
from reproduce.speed.bench.photographs import HEIGHT, PHOTOGRAPHS, QUALITY, SQUARES, WIDTH, write_photographs
from reproduce.speed.bench.standard_loop import SEED, running_loader
from reproduce.speed.measure import in_turns, ratios_by_round, spread

IMAGES = 512
ROUNDS = 7
BATCH_SIZE = 128
CROP = 224
READER_BATCHES = 100  # that are timed; the slower ways read three per worker
_BATCHES_A_WORKER = 3
_TASKS_A_WORKER = 4  # so that few cores are idle during the last tasks
_COPIES = 4  # of every image in the packed data, so that they are larger than most processors' caches
_SOURCE_SIZE = f"{WIDTH}x{HEIGHT}"
_FOLDERS = {f"image_folder_{_SOURCE_SIZE}": PHOTOGRAPHS, f"image_folder_{SIDE}x{SIDE}": SQUARES}


def measure_data(
    rounds: int = ROUNDS, images: int = IMAGES, batch_size: int = BATCH_SIZE, reader_batches: int = READER_BATCHES
) -> dict[str, Any]:
    """Time packing and reading of generated photographs, all in the page cache; return settings and the tables' rows.

    Args:
        rounds: timings of each arm.
        images: photographs, some tens of kB each, in a temporary folder.
        batch_size: images that are read at once.
        reader_batches: batches of each timing of this project's reader.

    Raises:
        ReproduceError: the temporary folder's disk is full.
    """
    workers = available_cores()
    with ExitStack() as stack:
        name = stack.enter_context(TemporaryFolder("reproduce-bench-"))
        folder = Path(name)
        progress = stack.enter_context(Progress("benchmark data", 5 * rounds, "timing"))
        with worker_pool(workers) as pool:
            write_photographs(folder, images, pool.map)
            entries = sorted(folder_images(folder / PHOTOGRAPHS, EDITIONS[2012], "train"))
            packing = in_turns("packing", _packing_arms(pool, folder, entries, workers), rounds, progress, 1)
            packed = _pack_for_reading(pool, folder / "read", entries)
        arms = _reading_arms(packed, folder, workers, batch_size, reader_batches)
        reading = in_turns("reading", arms, rounds, progress, 1)
        settings = {
            "rounds": rounds,
            "images": images,
            "bytes_per_photograph": _mean_bytes(folder / PHOTOGRAPHS),
            "bytes_per_square": _mean_bytes(folder / SQUARES),
            "jpeg_quality": QUALITY,
            "workers": workers,
            "batch_size": batch_size,
            "crop": CROP,
            "packed_bytes_read": len(packed) * SIDE * SIDE * 3,
        }
    return {"settings": settings, **_tables("packing", packing), **_tables("reading", reading)}


def _mean_bytes(folder: Path) -> int:
    sizes = [path.stat().st_size for path in folder.rglob("*.JPEG")]
    return round(sum(sizes) / len(sizes))


def _tables(what: str, rates: dict[str, list[float]]) -> dict[str, list[dict[str, Any]]]:
    """Return two tables: the images per second of each way, and our speed divided by that of each other way."""
    rows = [
        {"way": way, "images_per_second": spread(found), "by_round": [float(f"{rate:.5g}") for rate in found]}
        for way, found in rates.items()
    ]
    others = {way: found for way, found in rates.items() if way != "ours"}
    compared = [{"against": way, "times": ratios_by_round(rates["ours"], found)} for way, found in others.items()]
    return {what: rows, f"{what}_ratios": compared}


def _packing_arms(
    pool: ProcessPoolExecutor, folder: Path, entries: list[Entry], workers: int
) -> dict[str, Callable[[], float]]:
    """Return one function per way, which packs ``entries`` in the same processes and gives images per second."""
    images_per_task = -(-len(entries) // (workers * _TASKS_A_WORKER))
    (folder / "packed").mkdir()
    (folder / "resized").mkdir()
    plans = plan_shards(folder / "packed", entries, images_per_task)
    tasks = [(plan.entries, folder / "resized" / plan.path.name) for plan in plans]
    arms = {
        "ours": partial(_packing_rate, pool, pack_shard, plans, len(entries)),
        "pillow_torchvision": partial(_packing_rate, pool, pack_by_torchvision, tasks, len(entries)),
    }
    for arm in arms.values():
        arm()  # not timed: the processes import, and the files come into the page cache
    return arms


def _packing_rate(pool: ProcessPoolExecutor, work: Callable[[Any], Any], tasks: list[Any], images: int) -> float:
    started = time.perf_counter()
    for _ in pool.map(work, tasks):
        pass
    return images / (time.perf_counter() - started)


def pack_by_torchvision(task: tuple[list[Entry], Path]) -> None:
    """Write images as an array, uint8 (images, 256, 256, 3), by Pillow and torchvision, the usual way."""
    entries, path = task
    square = transforms.Compose([transforms.Resize(SIDE), transforms.CenterCrop(SIDE)])
    pixels = []
    for entry in entries:
        with Image.open(entry.path) as image:
            pixels.append(np.asarray(square(image.convert("RGB"))))
    np.save(path, np.stack(pixels))


def _pack_for_reading(pool: ProcessPoolExecutor, folder: Path, entries: list[Entry]) -> PackedImages:
    """Return ``entries`` packed below ``folder``, each ``_COPIES`` times."""
    listing = Listing(sorted({entry.wnid for entry in entries}), {"train": entries * _COPIES})
    plans = {"train": plan_shards(folder / "train", listing.splits["train"], -(-len(entries) // _COPIES))}
    (folder / "train").mkdir(parents=True)
    for _ in pool.map(pack_shard, plans["train"]):
        pass
    pack_listing(folder, {"dataset": "generated photographs"}, listing, plans, workers=1)  # index and manifest
    return PackedImages(folder, "train")


def _reading_arms(
    packed: PackedImages, folder: Path, workers: int, batch_size: int, reader_batches: int
) -> dict[str, Callable[[], float]]:
    """Return one function per way, which reads batches and gives images per second."""
    arms = {"ours": partial(reader_rate, packed, batch_size, reader_batches)}
    for way, kind in _FOLDERS.items():
        arms[way] = partial(image_folder_rate, folder / kind, workers, batch_size, workers * _BATCHES_A_WORKER)
    return arms


def reader_rate(images: PackedImages, batch_size: int, timed_batches: int) -> float:
    """Return images per second of ``TrainingReader`` on the CPU, random crops and flips, in random order.

    The reader's threads work ahead while each batch is copied to where a network would read it. Both are timed.
    """
    order = np.random.default_rng(SEED)
    steps = (Step(number, order.integers(len(images), size=batch_size)) for number in count())
    reader = TrainingReader(images, CROP, SEED, torch.device("cpu"))
    with closing(reader.batches(steps)) as batches:
        pixels = (batch.pixels for batch in batches)
        return _copying_rate(pixels, (batch_size, CROP, CROP, 3), timed_batches, warm_up_batches=timed_batches // 5 + 1)


def image_folder_rate(folder: Path, workers: int, batch_size: int, timed_batches: int) -> float:
    """Return images per second of ``ImageFolder`` and ``DataLoader`` with the usual transforms, in random order.

    The pixels stay bytes, as our reader's do: ``ToTensor`` would make the batches four times as large.
    """
    usual = [
        transforms.Resize(SIDE),
        transforms.RandomCrop(CROP),
        transforms.RandomHorizontalFlip(),
        transforms.PILToTensor(),
    ]
    dataset = ImageFolder(str(folder), transforms.Compose(usual))
    ahead = 2 * workers  # the loader prepares so many batches ahead: torch's default
    wanted = (workers + timed_batches + ahead) * batch_size
    sampler = RandomSampler(dataset, replacement=True, num_samples=wanted)
    with running_loader(dataset, batch_size, workers, sampler) as batches:
        pixels = (images for images, _ in batches)
        return _copying_rate(pixels, (batch_size, 3, CROP, CROP), timed_batches, warm_up_batches=workers)


def _copying_rate(batches: Iterator[Tensor], shape: tuple[int, ...], timed_batches: int, warm_up_batches: int) -> float:
    target = torch.empty(shape, dtype=torch.uint8)
    for _ in range(warm_up_batches):
        target.copy_(next(batches))
    started = time.perf_counter()
    for _ in range(timed_batches):
        target.copy_(next(batches))
    return timed_batches * shape[0] / (time.perf_counter() - started)
