"""Archives of ImageNet images that were cut, were not downloaded whole or have another size than the official ones."""

import dataclasses
import io
import shutil
import tarfile

import pytest
from ilsvrc_layouts import SAMPLE
from ilsvrc_samples import WNIDS, tar_bytes
from refusal_support import MODES, refused

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.sources import list_source, survey_source


def without_end_mark(content: bytes) -> bytes:
    """Return an archive cut at the border of its last member: what was copied until then is whole."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        last = tar.getmembers()[-1]
    return content[: last.offset_data + -(-last.size // 512) * 512]


def without_last_members(content: bytes, names: list[str], kept: int) -> bytes:
    """Return an archive cut before the header of the member after the first ``kept``."""
    return content[: content.index(names[kept].encode() + b"\0")]


@MODES
@pytest.mark.parametrize("cut", ["end mark", "members"])
@pytest.mark.parametrize("which", ["train", "val", "class within train", "class alone"])
def test_an_archive_cut_at_a_members_border(tmp_path, subset, cut, which):
    files = {name: content for name, _, content in SAMPLE.validation} if which == "val" else SAMPLE.training[WNIDS[1]]
    if which == "train":
        files = {f"{wnid}.tar": tar_bytes(files) for wnid, files in SAMPLE.training.items()}
    whole = tar_bytes(files)
    content = without_end_mark(whole) if cut == "end mark" else without_last_members(whole, list(files), len(files) - 1)
    assert len(content) % 512 == 0
    if which == "class alone":
        shutil.rmtree(SAMPLE.write_class_folders(tmp_path) / "train" / WNIDS[1])
        path = tmp_path / "train" / f"{WNIDS[1]}.tar"
    else:
        SAMPLE.write_archives(tmp_path)
        path = tmp_path / f"ILSVRC2012_img_{'val' if which == 'val' else 'train'}.tar"
    if which == "class within train":
        classes = {f"{wnid}.tar": content if wnid == WNIDS[1] else tar_bytes(SAMPLE.training[wnid]) for wnid in WNIDS}
        content = tar_bytes(classes)
    path.write_bytes(content)
    refused(tmp_path, rf"{path.name} is damaged or no tar archive \(it was cut: the mark of its end", subset)


@MODES
@pytest.mark.parametrize("gap", ["to its end", "between members"])
def test_a_download_with_a_gap_of_zeros(tmp_path, subset, gap):
    """Download programs give a file its full length at once."""
    SAMPLE.write_archives(tmp_path)
    path = tmp_path / "ILSVRC2012_img_val.tar"
    content = path.read_bytes()
    borders = [content.index(name.encode() + b"\0") for name, _, _ in SAMPLE.validation]
    first, last = borders[1], None if gap == "to its end" else borders[2]
    content = content[:first] + bytes(len(content[first:last])) + (content[last:] if last else b"")
    path.write_bytes(content)
    refused(tmp_path, rf"a gap follows the member before byte {first:,}: it was not downloaded whole", subset)


def test_a_damaged_archive_beside_class_folders_can_be_moved_away(tmp_path):
    SAMPLE.write_class_folders(SAMPLE.write_archives(tmp_path))
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(b"")
    refused(tmp_path, r"img_train.tar is damaged .*; get it again, or move it away to use .*/train$")


def test_an_archive_of_another_size_than_the_official_one(tmp_path):
    SAMPLE.write_archives(tmp_path)
    edition = dataclasses.replace(SAMPLE.edition, archive_sums={"ILSVRC2012_img_val.tar": (7, "")})
    for look in (list_source, survey_source):
        with pytest.raises(ReproduceError, match=r"img_val.tar has [\d,]+ bytes, the official one has 7; get it again"):
            look(tmp_path, edition)
        assert look(tmp_path, edition, subset=True)
