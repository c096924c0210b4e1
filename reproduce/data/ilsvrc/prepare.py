"""Preparing an edition: list the source, pack what is not packed yet, check it all, write manifest and statistics."""

import csv
import io
import os
import shutil
from pathlib import Path
from typing import Any

from reproduce.base import draws
from reproduce.base.errors import ReproduceError
from reproduce.base.files import (
    exclusive_lock,
    file_digest,
    refuse_dangling_links,
    write_if_changed,
    write_json,
    write_text,
)
from reproduce.base.paths import relative_to_repo, scratch_folder
from reproduce.base.progress import Progress
from reproduce.data.ilsvrc import editions
from reproduce.data.ilsvrc.archive_sums import check_sum
from reproduce.data.ilsvrc.editions import PACKED_VARIABLE, Edition
from reproduce.data.ilsvrc.pack import IMAGE_BYTES, ShardPlan, finished_record, pack_shard, plan_shards
from reproduce.data.ilsvrc.packed import INDEX, MANIFEST, check_shards, read_manifest
from reproduce.data.ilsvrc.sources import Listing, list_source
from reproduce.data.ilsvrc.workers import available_cores, finished_tasks
from reproduce.data.pixel_statistics import npy_bytes

IMAGES_PER_SHARD = 4096
_ORDER_SEED = 1
Plans = dict[str, list[ShardPlan]]


def prepare_ilsvrc(
    edition: Edition,
    source: Path | None = None,
    *,
    subset: bool = False,
    skip_corrupt: bool = False,
    workers: int | None = None,
    images_per_shard: int = IMAGES_PER_SHARD,
) -> Path:
    """Pack an edition and write its manifest and statistics; shards that an earlier call finished are kept.

    The training images are shuffled once, always alike, as the authors' released preparation does; the others keep the
    order of their names. ``mean_image.npy`` is float64 (3, 256, 256) and ``color_covariance.npy`` float64 (3, 3), both
    over the training images. Without a source, data packed earlier are checked and summed up.

    Args:
        edition: what counts as complete.
        source: folder with the archives or images; by default the one named by ``$REPRODUCE_ILSVRC<year>``.
        subset: accept any number of images and classes, and keep them apart from the whole edition.
        skip_corrupt: leave out images that cannot be decoded, listed in the manifest, instead of stopping.
        workers: number of processes, by default one per core; it changes no result.
        images_per_shard: images of a shard, all but the last.

    Returns:
        The folder with the packed data.

    Raises:
        ReproduceError: no source, wrong counts, an archive that is not the official one, a corrupt image, too little
            disk space, or another preparation at work.
    """
    folder = editions.packed_folder(edition, subset)
    refuse_dangling_links(folder)
    source = source or _named_source(edition)
    workers = workers or available_cores()
    lock = scratch_folder() / f"{folder.name}.lock"
    with exclusive_lock(lock, busy=f"another preparation of {edition.title} holds {lock}; wait for it to end"):
        if source is not None:
            listing = list_source(source, edition, subset)
            for line in listing.lines():
                print(f"{edition.title}, {line}", flush=True)
            plans = _plans(folder, edition, listing, images_per_shard, skip_corrupt)
            if any(finished_record(plan) is None for split in plans.values() for plan in split):
                for archive in listing.archives:  # each is about to be read whole
                    check_sum(archive, edition)
            head = {"dataset": edition.title, "subset": subset, "order_seed": _ORDER_SEED}
            pack_listing(folder, head, listing, plans, workers)
        elif not (folder / MANIFEST).is_file():
            raise ReproduceError(f"{edition.variable} is not set; set it to the folder with {edition.title}")
        published = editions.statistics_folder(edition, subset)
        _publish(folder, published, workers)
    print(f"{edition.title} is in {relative_to_repo(folder)}, checked; statistics in {relative_to_repo(published)}")
    return folder


def pack_listing(folder: Path, head: dict[str, Any], listing: Listing, plans: Plans, workers: int) -> None:
    """Pack the planned shards that are not packed yet; write the indices, and the manifest, which begins with ``head``.

    Raises:
        ReproduceError: a corrupt image that is not to be skipped, or too little disk space.
    """
    _pack(folder, listing, plans, workers)
    splits = {split: _split_manifest(folder / split, parts) for split, parts in plans.items()}
    write_json(folder / MANIFEST, {**head, "classes": listing.classes, "splits": splits})


def _named_source(edition: Edition) -> Path | None:
    named = os.environ.get(edition.variable)
    return Path(named).expanduser() if named else None


def _plans(folder: Path, edition: Edition, listing: Listing, images_per_shard: int, skip_corrupt: bool) -> Plans:
    plans = {}
    for split, entries in listing.splits.items():
        if split == "train":
            order = draws.generator(_ORDER_SEED, f"order of {edition.name} as packed").permutation(len(entries))
            entries = [entries[place] for place in order]
        plans[split] = plan_shards(folder / split, entries, images_per_shard, skip_corrupt)
    return plans


def _pack(folder: Path, listing: Listing, plans: Plans, workers: int) -> None:
    """Write the shards that are missing, then the index of each split."""
    every = [plan for split in plans.values() for plan in split]
    _clean(folder, plans)
    waiting = [plan for plan in every if finished_record(plan) is None]
    if waiting:
        (folder / MANIFEST).unlink(missing_ok=True)
        _check_space(folder, waiting)
    total = sum(len(plan.entries) for plan in every)
    done = total - sum(len(plan.entries) for plan in waiting)
    with Progress(f"packing {folder.name}", total, "img", initial=done) as progress:
        for plan, _ in finished_tasks(pack_shard, waiting, workers):
            progress.update(len(plan.entries))
    labels = {wnid: label for label, wnid in enumerate(listing.classes)}
    for split, parts in plans.items():
        write_text(folder / split / INDEX, _index(parts, labels))


def _clean(folder: Path, plans: Plans) -> None:
    """Make the splits' folders, and remove files that a killed process left unfinished and shards of another plan."""
    for split, parts in plans.items():
        keep = {path.name for plan in parts for path in (plan.path, plan.record_path)}
        try:
            (folder / split).mkdir(parents=True, exist_ok=True)
            for path in (folder / split).iterdir():
                half = path.name.startswith(".") and path.name.endswith(".part")
                if half or (path.name.startswith("shard-") and path.name not in keep):
                    path.unlink()
        except OSError as error:
            where = error.filename or folder / split
            raise ReproduceError(
                f"cannot write {where}: {error.strerror}; set {PACKED_VARIABLE} to a writable folder"
            ) from error


def _check_space(folder: Path, waiting: list[ShardPlan]) -> None:
    """Check that the disk has room for the shards; ILSVRC-2012 takes 252 GB for training and 10 GB for validation."""
    needed = sum(len(plan.entries) for plan in waiting) * IMAGE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ReproduceError(
            f"{folder} needs {needed / 1e6:,.0f} MB more and its disk has {free / 1e6:,.0f} MB free; "
            f"free space, or set {PACKED_VARIABLE} to a folder on a larger disk"
        )


def _index(plans: list[ShardPlan], labels: dict[str, int]) -> str:
    """Return CSV lines of name and label, one per image, in the order of the shards."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "label"])
    for plan in plans:
        skipped = {image["name"] for image in _record(plan)["skipped"]}
        writer.writerows([e.name, labels[e.wnid]] for e in plan.entries if e.name not in skipped)
    return stream.getvalue()


def _record(plan: ShardPlan) -> dict[str, Any]:
    record = finished_record(plan)
    if record is None:
        raise ReproduceError(f"{plan.path} vanished or changed while the data were packed; run the same command again")
    return record


def _split_manifest(folder: Path, plans: list[ShardPlan]) -> dict[str, Any]:
    records = [_record(plan) for plan in plans]
    if not any(record["images"] for record in records):
        raise ReproduceError(f"every image that {folder} should hold is corrupt; get them again")
    shards = [
        {"name": plan.path.name, "images": record["images"], "sha256": record["sha256"]}
        for plan, record in zip(plans, records, strict=True)
    ]
    return {
        "images": sum(record["images"] for record in records),
        "gray": sum(record["gray"] for record in records),
        **{kind: [item for record in records for item in record[kind]] for kind in ("cmyk", "not_jpeg", "skipped")},
        "index_sha256": file_digest(folder / INDEX),
        "shards": shards,
    }


def _publish(folder: Path, published: Path, workers: int) -> None:
    """Check the packed data and write manifest and statistics where they are committed."""
    manifest = read_manifest(folder)
    sums = check_shards(folder, manifest, workers)
    statistics = {name: npy_bytes(array) for name, array in sums.arrays().items()}
    for name, content in {MANIFEST: (folder / MANIFEST).read_bytes(), **statistics}.items():
        write_if_changed(published / name, content)
