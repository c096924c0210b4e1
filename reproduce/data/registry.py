"""Every fact of a data set, once: a new data set is one entry here and a folder with the code that reads its files.

This module imports no torch; the code of a data set is imported when its images are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_array
from reproduce.base.paths import DATA, RESULTS, relative_to_repo
from reproduce.data.ilsvrc import editions
from reproduce.data.ilsvrc.editions import EDITIONS, Edition
from reproduce.data.pixel_statistics import COLOR_COVARIANCE, MEAN_IMAGE

if TYPE_CHECKING:
    from reproduce.data.official import ImageArrays, OfficialData


@dataclass(frozen=True)
class Dataset:
    """One data set: either official files from public sources, or images that the user has and that are packed here.

    Attributes:
        name: in study.yaml, in names of folders and, except for a subset, on the command line.
        title: as readers know it.
        classes: how many; None for a subset, whose images show it.
        image_side: side of its images in pixels.
        channels: 3 for color, 1 for gray.
        training_images, test_images: how many; None for a subset.
        training_files: parts of equal size that the training images come in.
        class_names: in the order of the labels, where pictures show them.
        labels_committed: whether its labels lie beside its statistics, so that predictions are judged without images.
        variable: the environment variable that names a user's own copy.
        layouts: what such a copy may hold, in words.
        official: gives the code of a data set of official files.
        edition: of a data set packed from images that users must get themselves.
        subset: whether only a part of the edition is packed.
    """

    name: str
    title: str
    classes: int | None
    image_side: int
    channels: int
    training_images: int | None
    test_images: int | None
    variable: str
    training_files: int = 1
    class_names: tuple[str, ...] = ()
    labels_committed: bool = False
    layouts: str = ""
    official: Callable[[], OfficialData] | None = None
    edition: Edition | None = None
    subset: bool = False

    @property
    def command(self) -> str:
        """The command that gets the data, checks them and writes their statistics."""
        return editions.packing_command(self.name) if self.edition else f"python -m reproduce data {self.name}"

    @property
    def images_watched(self) -> int | None:
        """Images looked at after every epoch: validation images where the edition has them, else the test images."""
        return self.edition.images["val"] if self.edition and not self.subset else self.test_images

    def folder(self) -> Path:
        """Return where the official files or the packed images lie."""
        return editions.packed_folder(self.edition, self.subset) if self.edition else DATA / self.name

    def statistics_folder(self) -> Path:
        """Return where manifest, statistics and labels lie; they are committed, except for a subset."""
        if self.edition:
            return editions.statistics_folder(self.edition, self.subset)
        return RESULTS / "data" / self.name

    def manifest(self) -> Path:
        """Return the manifest's path.

        Raises:
            ReproduceError: there is none.
        """
        return self.statistic("manifest.json")

    def statistic(self, name: str) -> Path:
        """Return the path of one file of statistics.

        Raises:
            ReproduceError: it is missing.
        """
        path = self.statistics_folder() / name
        if not path.is_file():
            raise ReproduceError(f"{relative_to_repo(path)} is missing; run `{self.command}`")
        return path

    def mean_and_covariance(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training images' mean image (channels, side, side) and color covariance (channels, channels).

        Both are float64. The mean image is in gray levels, the covariance in squared gray levels.

        Raises:
            ReproduceError: one of the files is missing or damaged.
        """
        mean, covariance = (read_array(self.statistic(name), self.command) for name in (MEAN_IMAGE, COLOR_COVARIANCE))
        return mean, covariance

    def read(self) -> ImageArrays:
        """Return all images and labels of a data set of official files, checked.

        Raises:
            ReproduceError: the folder or a file is missing or not the official one, or the images are packed ones.
        """
        return self._official().load()

    def test_labels(self, folder: Path) -> np.ndarray | None:
        """Return the test labels (uint8) of the official files in ``folder``; None where they are missing or cut."""
        return self._official().test_labels(folder)

    def prepare(self, *, skip_corrupt: bool = False, workers: int | None = None) -> None:
        """Get what is missing, check it, and write manifest and statistics; the options are for images to be packed.

        Raises:
            ReproduceError: no source has the data, or a folder cannot be written.
        """
        if self.edition:
            from reproduce.data.ilsvrc.prepare import prepare_ilsvrc

            prepare_ilsvrc(self.edition, subset=self.subset, skip_corrupt=skip_corrupt, workers=workers)
        else:
            from reproduce.data.acquire import prepare

            prepare(self._official())

    def _official(self) -> OfficialData:
        if self.official is None:
            raise ReproduceError(f"{self.title} is read batch by batch from packed images, not whole")
        return self.official()


def _cifar10_files() -> OfficialData:
    from reproduce.data.cifar10.batch_sources import CIFAR10_FILES

    return CIFAR10_FILES


def _fashion_mnist_files() -> OfficialData:
    from reproduce.data.fashion_mnist.official_files import FASHION_MNIST_FILES

    return FASHION_MNIST_FILES


def _packed(edition: Edition, subset: bool) -> Dataset:
    """Return the entry of an edition of the contest, or of any part of it that a user has."""
    return Dataset(
        name=f"{edition.name}_subset" if subset else edition.name,
        title=f"{edition.title} (subset)" if subset else edition.title,
        classes=None if subset else edition.classes,
        image_side=editions.SIDE,
        channels=3,
        training_images=None if subset else edition.images["train"],
        test_images=None if subset else edition.images[edition.test_split],
        variable=edition.variable,
        edition=edition,
        subset=subset,
    )


CIFAR10 = Dataset(
    name="cifar10",
    title="CIFAR-10",
    classes=10,
    image_side=32,
    channels=3,
    training_images=50_000,
    test_images=10_000,
    variable="REPRODUCE_CIFAR10",
    training_files=5,
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    labels_committed=True,
    layouts="cifar-10-batches-bin, cifar-10-batches-py, or one of the official archives",
    official=_cifar10_files,
)
FASHION_MNIST = Dataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    classes=10,
    image_side=28,
    channels=1,
    training_images=60_000,
    test_images=10_000,
    variable="REPRODUCE_FASHION_MNIST",
    layouts="train-images-idx3-ubyte and the other three files, each as it is or as .gz",
    official=_fashion_mnist_files,
)
_PACKED = (_packed(edition, subset) for edition in EDITIONS.values() for subset in (False, True))
DATASETS = {dataset.name: dataset for dataset in (CIFAR10, FASHION_MNIST, *_PACKED)}


def refuse_packing_options(name: str, *, subset: bool, skip_corrupt: bool, workers: int | None) -> None:
    """Check that ``name``, for which no images are packed, is given without the options for packing.

    Raises:
        ReproduceError: one of them is given.
    """
    if subset or skip_corrupt or workers:
        raise ReproduceError(
            f"--subset, --skip-corrupt and --workers are for the ILSVRC data; leave them out for {name}"
        )


def prepare_named(name: str, *, subset: bool, skip_corrupt: bool, workers: int | None) -> None:
    """Prepare the data set that a command names.

    Raises:
        ReproduceError: there is none of that name, an option does not suit it, or what ``Dataset.prepare`` raises.
    """
    if name not in DATASETS or DATASETS[name].subset:
        names = [known for known, dataset in DATASETS.items() if not dataset.subset]
        raise ReproduceError(f"there is no data set {name!r}; choose one of {', '.join([*names, 'neighbors'])}")
    if DATASETS[name].edition is None:
        refuse_packing_options(name, subset=subset, skip_corrupt=skip_corrupt, workers=workers)
    DATASETS[f"{name}_subset" if subset else name].prepare(skip_corrupt=skip_corrupt, workers=workers)
