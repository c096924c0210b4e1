"""CIFAR-10 as users keep it: binary batches, Python batches, torchvision's folder, or one of the two archives."""

import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from reproduce.data.batches import PIXELS, BatchFile, write_batch
from reproduce.data.official import SourceError

_BINARY_FOLDER, _PYTHON_FOLDER = "cifar-10-batches-bin", "cifar-10-batches-py"
_BINARY_ARCHIVE, _PYTHON_ARCHIVE = "cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)
# All that a pickled numpy array of numbers needs; anything else in the file is refused before it is run.
_PICKLE_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def fetch_named_folder(folder: Path, staging: Path, batches: Sequence[BatchFile]) -> None:
    """Bring the batches found in ``folder`` into ``staging``, whichever of the known layouts it has.

    Raises:
        SourceError: the folder is missing, holds no complete set, or a file in it cannot be read.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder")
    names = {True: [batch.name for batch in batches], False: [batch.stem for batch in batches]}
    missing = []
    for place, binary in _places(folder):
        absent = [name for name in names[binary] if not (place / name).is_file()]
        if not absent:
            copy = copy_binary_batches if binary else convert_python_batches
            return copy(place, staging, batches)
        if len(absent) < len(batches):
            missing.append(f"{place} lacks {', '.join(absent)}")
    for name, unpack in ((_BINARY_ARCHIVE, unpack_binary_archive), (_PYTHON_ARCHIVE, unpack_python_archive)):
        if (folder / name).is_file():
            return unpack(folder / name, staging, batches)
    known = f"{_BINARY_FOLDER}, {_PYTHON_FOLDER}, {_BINARY_ARCHIVE} or {_PYTHON_ARCHIVE}"
    raise SourceError("; ".join(missing) or f"{folder} holds neither the batches nor {known}")


def _places(folder: Path) -> list[tuple[Path, bool]]:
    """Return the folders to look in, each with whether it would hold the binary layout."""
    return [(folder, True), (folder / _BINARY_FOLDER, True), (folder, False), (folder / _PYTHON_FOLDER, False)]


def copy_binary_batches(place: Path, staging: Path, batches: Sequence[BatchFile]) -> None:
    """Copy the binary batches of ``place`` as they are."""
    for batch in batches:
        (staging / batch.name).write_bytes(_read(place / batch.name))


def convert_python_batches(place: Path, staging: Path, batches: Sequence[BatchFile]) -> None:
    """Rebuild the binary batches from the pickled ones of ``place``."""
    for batch in batches:
        path = place / batch.stem
        write_batch(staging / batch.name, *_unpickle_batch(path, _read(path)))


def unpack_binary_archive(archive: Path, staging: Path, batches: Sequence[BatchFile]) -> None:
    """Write the binary batches held by a tar archive."""
    for batch, content in _members(archive, {batch.name: batch for batch in batches}):
        (staging / batch.name).write_bytes(content)


def unpack_python_archive(archive: Path, staging: Path, batches: Sequence[BatchFile]) -> None:
    """Rebuild the binary batches from the pickled ones held by a tar archive."""
    for batch, content in _members(archive, {batch.stem: batch for batch in batches}):
        write_batch(staging / batch.name, *_unpickle_batch(archive / batch.stem, content))


def _members(archive: Path, wanted: dict[str, BatchFile]) -> Iterator[tuple[BatchFile, bytes]]:
    """Yield every wanted file of the archive, which is read once, from front to back."""
    remaining = dict(wanted)
    try:
        with tarfile.open(archive, mode="r|*") as tar:
            for member in tar:
                batch = remaining.pop(Path(member.name).name, None) if member.isfile() else None
                if batch is not None:
                    yield batch, tar.extractfile(member).read()
    except _DAMAGED as error:
        raise SourceError(f"{archive} is damaged or no tar archive: {error}") from error
    if remaining:
        raise SourceError(f"{archive} lacks {', '.join(sorted(remaining))}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


class _NumpyUnpickler(pickle.Unpickler):
    """Loads numbers, strings, containers and numpy arrays, and refuses to name anything else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _PICKLE_GLOBALS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no batch of CIFAR-10 does")
        return super().find_class(module, name)


def _unpickle_batch(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, shape (images,), and color planes, uint8, shape (images, 3072), of a pickled batch."""
    try:
        batch = _NumpyUnpickler(io.BytesIO(content), encoding="bytes").load()
        fields = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        labels, planes = np.asarray(fields["labels"]), np.asarray(fields["data"])
    except Exception as error:  # a damaged pickle can raise anything
        raise SourceError(f"{path} is not a Python batch of CIFAR-10: {error}") from error
    if labels.dtype.kind not in "iu" or planes.dtype != np.uint8 or planes.shape != (len(labels), 3 * PIXELS):
        raise SourceError(f"{path} holds {labels.size} labels and {planes.dtype} data of shape {planes.shape}")
    return labels, planes
