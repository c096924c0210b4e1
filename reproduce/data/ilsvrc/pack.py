"""Packing images into shards that can be memory-mapped: ``.npy`` files of uint8 (images, 256, 256, 3).

A shard is written beside its place and renamed when it is whole. Then its record is written, a ``.json`` file. Only a
shard with a record of the same plan counts as finished, so a kill at any moment costs only the shards under way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.files import atomic_path, file_digest, json_digest, read_json, write_json
from reproduce.data.ilsvrc.editions import SIDE
from reproduce.data.ilsvrc.entries import Entry
from reproduce.data.ilsvrc.pixels import CorruptImageError, decode

IMAGE_BYTES = SIDE * SIDE * 3
_FORMAT = 1  # raised whenever the same plan would give other bytes
_HEADER_BYTES = 128


class ShardPlan(NamedTuple):
    """The images that one shard will hold."""

    path: Path
    entries: list[Entry]
    skip_corrupt: bool

    @property
    def digest(self) -> str:
        """Return the digest of the images' names and the packing format; it does not depend on the images' places."""
        return json_digest({"format": _FORMAT, "names": [entry.name for entry in self.entries]})

    @property
    def record_path(self) -> Path:
        """Return where the shard's record lies."""
        return self.path.with_suffix(".json")


def plan_shards(
    folder: Path, entries: Sequence[Entry], images_per_shard: int, skip_corrupt: bool = False
) -> list[ShardPlan]:
    """Cut ``entries``, in the order given, into shards of ``images_per_shard`` images."""
    starts = range(0, len(entries), images_per_shard)
    return [
        ShardPlan(folder / f"shard-{number:05d}.npy", list(entries[start : start + images_per_shard]), skip_corrupt)
        for number, start in enumerate(starts)
    ]


def finished_record(plan: ShardPlan) -> dict[str, Any] | None:
    """Return the record of a shard that was packed whole from this very plan, or None.

    A shard from which corrupt images were skipped is finished only while skipping is allowed. Without it, these images
    are read again.
    """
    if not (plan.path.is_file() and plan.record_path.is_file()):
        return None
    try:
        record = read_json(plan.record_path)
    except ReproduceError:
        return None
    whole = plan.path.stat().st_size == _HEADER_BYTES + record["images"] * IMAGE_BYTES
    allowed = plan.skip_corrupt or not record["skipped"]
    return record if whole and allowed and record["plan"] == plan.digest else None


def pack_shard(plan: ShardPlan) -> dict[str, Any]:
    """Write one shard and its record; return the record.

    The record holds ``plan`` (its digest), ``images``, ``sha256``, the number of ``gray`` images, and the names of
    those that were ``cmyk``, ``not_jpeg`` (with the format) or ``skipped`` (with the reason).

    Raises:
        ReproduceError: an image is corrupt and is not to be skipped, a source cannot be read, or the disk is full.
    """
    record: dict[str, Any] = {"plan": plan.digest, "images": 0, "gray": 0, "cmyk": [], "not_jpeg": [], "skipped": []}
    plan.record_path.unlink(missing_ok=True)
    with atomic_path(plan.path) as temporary, temporary.open("wb") as stream:
        stream.seek(_HEADER_BYTES)
        for entry in plan.entries:
            pixels = _pixels(entry, record, plan.skip_corrupt)
            if pixels is not None:
                stream.write(pixels.data)
                record["images"] += 1
        _write_header(stream, record["images"])
        stream.flush()
    record["sha256"] = file_digest(plan.path)
    write_json(plan.record_path, record)
    return record


def _pixels(entry: Entry, record: dict[str, Any], skip_corrupt: bool) -> np.ndarray | None:
    """Return the image and note in ``record`` what is unusual about it; None when it is skipped."""
    try:
        decoded = decode(read_entry(entry))
    except CorruptImageError as error:
        if not skip_corrupt:
            where = entry.path if entry.size < 0 else f"{entry.name} in {entry.path}"
            raise ReproduceError(
                f"{where} is corrupt ({error}); get it again, or pass --skip-corrupt to leave such images out"
            ) from error
        record["skipped"].append({"name": entry.name, "reason": str(error)})
        return None
    record["gray"] += decoded.gray
    if decoded.cmyk:
        record["cmyk"].append(entry.name)
    if not decoded.is_jpeg:
        record["not_jpeg"].append({"name": entry.name, "format": decoded.format})
    return decoded.pixels


def _write_header(stream: BinaryIO, images: int) -> None:
    stream.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (images, SIDE, SIDE, 3)}
    np.lib.format.write_array_header_1_0(stream, header)
    if stream.tell() != _HEADER_BYTES:
        raise AssertionError(f"an .npy header of {stream.tell()} bytes; shards are laid out for {_HEADER_BYTES}")


def read_entry(entry: Entry) -> bytes:
    """Return the bytes of an image file, from its folder or from inside its archive.

    Raises:
        ReproduceError: the file cannot be read, or its archive ends before the image does.
    """
    try:
        with Path(entry.path).open("rb") as stream:
            stream.seek(entry.offset)
            content = stream.read(entry.size)
    except OSError as error:
        raise ReproduceError(f"cannot read {entry.path}: {error.strerror or error}; make it readable") from error
    if len(content) < entry.size:
        raise ReproduceError(f"{entry.path} ends within {entry.name}; get the archive again")
    return content
