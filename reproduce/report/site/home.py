"""The first page: the answers, the contest's figure, and how many claims have which verdict."""

from pathlib import Path
from urllib.parse import quote

from reproduce.base.files import reading, write_text
from reproduce.base.paths import EXPERIMENTS, REPO_ROOT
from reproduce.report.build import contest_figure
from reproduce.report.literature.timeline import load_contest
from reproduce.report.page_parts import BLOCKS
from reproduce.report.records import Records
from reproduce.report.site.looks import badge
from reproduce.report.site.pages import NOTEBOOKS
from reproduce.report.site.templates import fill
from reproduce.report.style import figure_words
from reproduce.report.verdict_counts import MEANINGS

TITLE = "AlexNet 2012, reproduced"
README = REPO_ROOT / "README.md"


def write_home(source: Path, loaded: Records) -> None:
    """Write the first page, which has the list of all pages too.

    Raises:
        ReproduceError: the README or a table is missing or damaged, or the page cannot be written.
    """
    with reading(README):
        opening = README.read_text(encoding="utf-8").partition("\n## ")[0]
    studies = sorted(page.parent.name for page in EXPERIMENTS.glob("*/README.md"))
    notebooks = sorted(notebook.stem for notebook in REPO_ROOT.glob(NOTEBOOKS))
    page = fill(
        "index.md",
        opening=opening.strip(),
        contest=figure_words(contest_figure(load_contest())),
        answers=BLOCKS["answers"](loaded),
        verdicts=_counted(loaded),
        studies=studies,
        notebooks=notebooks,
    )
    write_text(source / "index.md", page)


def _counted(loaded: Records) -> list[dict[str, object]]:
    """Return each verdict that occurs: number of claims, meaning, and the verdict table's filter for it."""
    counts = loaded.verdicts["verdict"].value_counts()
    return [
        {"badge": badge(name, name), "count": counts[name], "meaning": MEANINGS[name], "filter": quote(name)}
        for name in MEANINGS
        if name in counts
    ]
