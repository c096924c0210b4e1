"""A miniature ILSVRC: generated photographs of odd sizes in the official archives, or in the usual folder layouts.

A class is a shape on a texture in colors of its own, at a random place and size, under noise: learnable, not trivial.
"""

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from reproduce.data.ilsvrc.editions import Edition

# Label order is that of the ids; the contest's own numbers (ILSVRC2012_ID) run the other way, to tell the two apart.
WNIDS = ["n01440764", "n02105855", "n03445777", "n07753592"]
Labeled = tuple[str, str, bytes]
SIX_WNIDS = [*WNIDS, "n09229709", "n12985857"]
_COLORS = [(205, 70, 60), (60, 150, 205), (80, 180, 80), (215, 185, 60), (170, 70, 200), (240, 240, 240)]


def picture(label: int, random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return one photograph of a class, uint8 (height, width, 3)."""
    rows, columns = np.mgrid[:height, :width] / min(height, width)
    angle = label * np.pi / 4
    stripes = np.sin((10 + 7 * label) * (rows * np.cos(angle) + columns * np.sin(angle)) + random.uniform(0, 6))
    image = 110 + 35 * stripes[..., None] + random.normal(0, 20, (height, width, 3)) + random.uniform(-20, 20, 3)
    away_y, away_x = rows - rows.max() * random.uniform(0.4, 0.6), columns - columns.max() * random.uniform(0.4, 0.6)
    size = random.uniform(0.2, 0.35)
    inside = np.hypot(away_y, away_x) < size if label % 2 else np.maximum(abs(away_y), abs(away_x)) < size
    image[inside] = image[inside] * 0.4 + np.array(_COLORS[label]) * 0.6
    return np.clip(image, 0, 255).astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str = "jpeg") -> bytes:
    """Return an image file: ``jpeg``, ``gray``, ``cmyk``, ``png`` (whatever its name will say) or ``corrupt``."""
    image, stream = Image.fromarray(pixels), io.BytesIO()
    if kind == "png":
        image.save(stream, "PNG")
    else:
        image.convert({"gray": "L", "cmyk": "CMYK"}.get(kind, "RGB")).save(stream, "JPEG", quality=90)
    content = stream.getvalue()
    return content[: len(content) // 2] if kind == "corrupt" else content


class Miniature:
    """Images as files: training {wnid: {name: bytes}}; validation, and in 2010 test, [(name, wnid, bytes)]."""

    def __init__(
        self,
        per_class: int = 6,
        validation: int = 8,
        corrupt: bool = False,
        smallest: int = 200,
        wnids: list[str] = WNIDS,
        year: int = 2012,
    ) -> None:
        random = np.random.default_rng(7)
        self.wnids, self.year = wnids, year
        kinds = {(0, 1): "gray", (1, 0): "png", (2, 2): "cmyk"} | ({(3, 1): "corrupt"} if corrupt else {})
        self.training: dict[str, dict[str, bytes]] = {wnid: {} for wnid in self.wnids}
        for label, wnid in enumerate(self.wnids):
            for number in range(per_class):
                height, width = random.integers(smallest, smallest + 160, 2)
                content = encoded(picture(label, random, height, width), kinds.get((label, number), "jpeg"))
                self.training[wnid][f"{wnid}_{10 * number + 3}.JPEG"] = content
        self.validation, self.test = (
            [self._labeled(split, number, random, smallest) for number in range(1, count + 1)]
            for split, count in (("val", validation), ("test", validation if year == 2010 else 0))
        )

    def _labeled(self, split: str, number: int, random: np.random.Generator, smallest: int) -> Labeled:
        label = int(random.integers(len(self.wnids)))
        content = encoded(picture(label, random, *random.integers(smallest, smallest + 160, 2)))
        return f"ILSVRC{self.year}_{split}_{number:08d}.JPEG", self.wnids[label], content

    @property
    def labeled(self) -> dict[str, list[Labeled]]:
        """Return the images of the splits on which nets are tested: validation, and in 2010 test."""
        return {"val": self.validation} | ({"test": self.test} if self.test else {})

    @property
    def edition(self) -> Edition:
        """Return an edition that consists of exactly these images, with the checksums of its labels."""
        images = {"train": sum(map(len, self.training.values()))}
        images |= {split: len(labeled) for split, labeled in self.labeled.items()}
        sums = {
            split: hashlib.sha256("".join(f"{wnid}\n" for _, wnid, _ in labeled).encode()).hexdigest()
            for split, labeled in self.labeled.items()
        }
        return Edition(self.year, images, classes=len(self.wnids), label_sums=sums)

    def write_archives(self, folder: Path) -> Path:
        """Write the official archives, and in 2010 the labels of the test images."""
        classes = {f"{wnid}.tar": tar_bytes(files) for wnid, files in reversed(self.training.items())}
        write(folder / self.edition.archive("train"), tar_bytes(classes))
        for split, labeled in self.labeled.items():
            write(folder / self.edition.archive(split), tar_bytes({name: content for name, _, content in labeled}))
        self.write_labels(folder)
        return folder

    def write_labels(self, folder: Path) -> None:
        """Write the development kit and, in 2010, the labels of the test images, which came later."""
        write(folder / self.edition.development_kit, tar_bytes(self.kit_files(), "w:gz"))
        if self.test:
            write(folder / "ILSVRC2010_test_ground_truth.txt", self._truth(self.test))

    def kit_files(self) -> dict[str, bytes]:
        """Return the files of the kit: the table of classes (and one node above them) and the ground truth."""
        fields = [f"ILSVRC{self.year}_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height"]
        synsets = np.zeros((len(self.wnids) + 1, 1), dtype=[(field, object) for field in fields])
        for place, wnid in enumerate([*reversed(self.wnids), "n00001740"]):
            number, children = self.contest_numbers.get(wnid, len(self.wnids) + 1), 0 if wnid in self.wnids else 4
            synsets[place, 0] = (float(number), wnid, f"{wnid}, a thing", "gloss", float(children), [], 0.0)
        meta = io.BytesIO()
        scipy.io.savemat(meta, {"synsets": synsets})
        root = "ILSVRC2012_devkit_t12/data" if self.year == 2012 else "devkit-1.0/data"
        truth = f"{root}/ILSVRC{self.year}_validation_ground_truth.txt"
        return {f"{root}/meta.mat": meta.getvalue(), truth: self._truth(self.validation)}

    @property
    def contest_numbers(self) -> dict[str, int]:
        """Return the contest's own number of each class."""
        return {wnid: len(self.wnids) - label for label, wnid in enumerate(self.wnids)}

    def _truth(self, labeled: list[Labeled]) -> bytes:
        return "".join(f"{self.contest_numbers[wnid]}\n" for _, wnid, _ in labeled).encode()

    def write_kit(self, folder: Path) -> Path:
        """Write the development kit unpacked."""
        for name, content in self.kit_files().items():
            write(folder / name, content)
        return folder

    def write_class_folders(self, folder: Path) -> Path:
        """Write torchvision's layout: train/<wnid>/*.JPEG, val/<wnid>/*.JPEG and so on."""
        self.write_training(folder / "train")
        for split, labeled in self.labeled.items():
            for name, wnid, content in labeled:
                write(folder / split / wnid / name, content)
        return folder

    def write_flat(self, folder: Path) -> Path:
        """Write class folders for training and one flat folder for each other split; no file names its classes."""
        self.write_training(folder / "train")
        for split, labeled in self.labeled.items():
            for name, _, content in reversed(labeled):
                write(folder / split / name, content)
        return folder

    def write_kaggle_folders(self, folder: Path) -> Path:
        """Write Kaggle's layout: flat validation images and LOC_val_solution.csv."""
        self.write_flat(folder / "ILSVRC" / "Data" / "CLS-LOC")
        self.write_solution(folder)
        return folder

    def write_solution(self, folder: Path) -> None:
        """Write Kaggle's list of validation classes."""
        lines = [f"{Path(name).stem},{wnid} 1 2 30 40 {wnid} 5 6 7 8 " for name, wnid, _ in self.validation]
        write(folder / "LOC_val_solution.csv", "\n".join(["ImageId,PredictionString", *lines, ""]).encode())

    def write_class_archives(self, folder: Path, wnids: list[str] | None = None) -> None:
        """Write <wnid>.tar of each class, as the training archive holds them."""
        for wnid in wnids or self.wnids:
            write(folder / f"{wnid}.tar", tar_bytes(self.training[wnid]))

    def write_training(self, folder: Path, wnids: list[str] | None = None) -> None:
        """Write a folder for each class."""
        for wnid in wnids or self.training:
            for name, content in self.training[wnid].items():
                write(folder / wnid / name, content)


def write(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def tar_bytes(files: dict[str, bytes], mode: str = "w") -> bytes:
    """Return an archive of ``files``."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()
