"""The repository's own pages and notebooks, and the files that they link to, laid out as they are in the repository."""

import os
import re
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import reading, write_bytes, write_text
from reproduce.base.paths import REPO_ROOT, relative_to_repo
from reproduce.report.site.notebook_pages import write_notebook

NOTEBOOKS = "results/notebooks/*.ipynb"
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "experiments/*.md",
    "experiments/*/README.md",
    "paper_notes/*.md",
    "results/*.md",
    "results/external/*.md",
    "results/benchmarks/*.md",
    "results/tables/*.md",
)

_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def copy_pages(source: Path) -> None:
    """Copy pages, notebooks and linked files of the repository into ``source``.

    Raises:
        ReproduceError: a link leads to no file of the repository, or a file cannot be read or written.
    """
    for notebook in sorted(REPO_ROOT.glob(NOTEBOOKS)):
        write_notebook(notebook, (source / relative_to_repo(notebook)).with_suffix(".md"))
    for pattern in PAGES:
        for page in sorted(REPO_ROOT.glob(pattern)):
            with reading(page):
                write_text(source / relative_to_repo(page), page.read_text(encoding="utf-8"))
    for page in sorted(source.rglob("*.md")):
        follow_links(page, source)


def follow_links(page: Path, source: Path) -> None:
    """Copy the files that a gathered page links to. Links to notebooks and folders are led to their pages."""
    parts = _CODE.split(page.read_text(encoding="utf-8"))  # the parts at odd indices are code
    parts[::2] = [_LINK.sub(lambda found: _followed(found[1], page, source), part) for part in parts[::2]]
    write_text(page, "".join(parts))


def _followed(link: str, page: Path, source: Path) -> str:
    """Return the target of a link among the gathered pages, and copy the linked file if it is not there yet.

    Raises:
        ReproduceError: the link leads to no file or folder of the repository, or out of the repository.
    """
    place = page.parent.relative_to(source)
    target = Path(os.path.normpath(place / link))
    if target.match(NOTEBOOKS):
        target = target.with_suffix(".md")
    elif ".." not in target.parts and (REPO_ROOT / target).is_dir():
        described = (folder / "README.md" for folder in (target, *target.parents))
        target = next(readme for readme in described if (source / readme).exists())
    if (source / target).exists():
        return os.path.relpath(target, place)
    if target.parts[0] == ".." or not (REPO_ROOT / target).is_file():
        raise ReproduceError(
            f"{page.relative_to(source)} links to {link}, which is no file; run `dvc repro` or correct the link"
        )
    write_bytes(source / target, (REPO_ROOT / target).read_bytes())
    return link
