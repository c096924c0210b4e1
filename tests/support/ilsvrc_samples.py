"""A miniature ILSVRC-2012: generated photographs of odd sizes in the official archives, or in the two folder layouts.

A class is a shape on a texture in colors of its own, at a random place and size, under noise: learnable, not trivial.
"""

import io
import tarfile
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from reproduce.data.ilsvrc.editions import Edition

# Label order is that of the ids; the contest's own numbers (ILSVRC2012_ID) run the other way, to tell the two apart.
WNIDS = ["n01440764", "n02105855", "n03445777", "n07753592"]
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
    """Training and validation images as files: {wnid: {name: bytes}} and [(name, wnid, bytes)]."""

    def __init__(
        self,
        per_class: int = 6,
        validation: int = 8,
        corrupt: bool = False,
        smallest: int = 200,
        wnids: list[str] = WNIDS,
    ) -> None:
        random = np.random.default_rng(7)
        self.wnids = wnids
        kinds = {(0, 1): "gray", (1, 0): "png", (2, 2): "cmyk"} | ({(3, 1): "corrupt"} if corrupt else {})
        self.training: dict[str, dict[str, bytes]] = {wnid: {} for wnid in self.wnids}
        for label, wnid in enumerate(self.wnids):
            for number in range(per_class):
                height, width = random.integers(smallest, smallest + 160, 2)
                content = encoded(picture(label, random, height, width), kinds.get((label, number), "jpeg"))
                self.training[wnid][f"{wnid}_{10 * number + 3}.JPEG"] = content
        self.validation = []
        for number in range(1, validation + 1):
            label = int(random.integers(len(self.wnids)))
            content = encoded(picture(label, random, *random.integers(smallest, smallest + 160, 2)))
            self.validation.append((f"ILSVRC2012_val_{number:08d}.JPEG", self.wnids[label], content))

    @property
    def edition(self) -> Edition:
        """Return the edition of which this is the whole."""
        images = {"train": sum(map(len, self.training.values())), "val": len(self.validation)}
        return Edition(2012, images, classes=len(self.wnids))

    def write_archives(self, folder: Path) -> Path:
        """Write the three official archives."""
        folder.mkdir(parents=True, exist_ok=True)
        classes = {f"{wnid}.tar": _tar(files) for wnid, files in reversed(self.training.items())}
        (folder / "ILSVRC2012_img_train.tar").write_bytes(_tar(classes))
        validation = {name: content for name, _, content in self.validation}
        (folder / "ILSVRC2012_img_val.tar").write_bytes(_tar(validation))
        (folder / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(self.development_kit())
        return folder

    def development_kit(self) -> bytes:
        """Return the archive with the table of classes (and one node above them) and the ground truth."""
        fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height"]
        synsets = np.zeros((len(self.wnids) + 1, 1), dtype=[(field, object) for field in fields])
        numbers = {wnid: len(self.wnids) - label for label, wnid in enumerate(self.wnids)}
        for place, wnid in enumerate([*reversed(self.wnids), "n00001740"]):
            number, children = (numbers[wnid], 0) if wnid in numbers else (len(self.wnids) + 1, len(self.wnids))
            synsets[place, 0] = (float(number), wnid, f"{wnid}, a thing", "gloss", float(children), [], 0.0)
        meta = io.BytesIO()
        scipy.io.savemat(meta, {"synsets": synsets})
        truth = "".join(f"{numbers[wnid]}\n" for _, wnid, _ in self.validation).encode()
        root = "ILSVRC2012_devkit_t12/data"
        files = {f"{root}/meta.mat": meta.getvalue(), f"{root}/ILSVRC2012_validation_ground_truth.txt": truth}
        return _tar(files, "w:gz")

    def write_class_folders(self, folder: Path) -> Path:
        """Write torchvision's layout: train/<wnid>/*.JPEG and val/<wnid>/*.JPEG."""
        self._write_training(folder / "train")
        for name, wnid, content in self.validation:
            _write(folder / "val" / wnid / name, content)
        return folder

    def write_kaggle_folders(self, folder: Path) -> Path:
        """Write Kaggle's layout: flat validation images and LOC_val_solution.csv."""
        images = folder / "ILSVRC" / "Data" / "CLS-LOC"
        self._write_training(images / "train")
        for name, _, content in reversed(self.validation):
            _write(images / "val" / name, content)
        lines = [f"{Path(name).stem},{wnid} 1 2 30 40 {wnid} 5 6 7 8 " for name, wnid, _ in self.validation]
        _write(folder / "LOC_val_solution.csv", "\n".join(["ImageId,PredictionString", *lines, ""]).encode())
        return folder

    def _write_training(self, folder: Path) -> None:
        for wnid, files in self.training.items():
            for name, content in files.items():
                _write(folder / wnid / name, content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()
