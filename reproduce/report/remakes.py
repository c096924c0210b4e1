"""Make the derived files again, except the tables of ``collect``, for ``python -m reproduce verify``.

Figures and executed notebooks are not made again, since another version of a library draws other bytes. ``verify``
compares them with their checksums in dvc.lock.
"""

from pathlib import Path

from reproduce.base.files import file_digest, read_json
from reproduce.base.paths import PAPER_NOTES, REPO_ROOT, RESULTS, relative_to_repo
from reproduce.base.temporaries import TemporaryFolder
from reproduce.judge.numbers import read_numbers
from reproduce.judge.verify.remade import compare_folders, difference
from reproduce.report.build import pages
from reproduce.report.literature.architectures import write_architectures
from reproduce.report.page_parts import stale_parts
from reproduce.report.pipeline import pipeline_files
from reproduce.report.records import load_records
from reproduce.speed.bench.report import report_markdown
from reproduce.speed.timing.tabulate import tabulate


def remake_timing_tables() -> dict[str, str]:
    """Tabulate the committed timings in a temporary folder.

    Return by file where the committed table differs, empty where it does not.
    """
    with TemporaryFolder("reproduce-remakes-") as folder:
        tabulate(out=Path(folder))
        return compare_folders(Path(folder), RESULTS / "tables", REPO_ROOT)


def remake_benchmark_pages() -> dict[str, str]:
    """Make every machine's benchmark page again from its JSON file, whose checksum stands on the page.

    Return by file where the committed page differs, empty where it does not.
    """
    found = {}
    for path in sorted((RESULTS / "benchmarks").glob("*.json")):
        made = report_markdown(read_json(path), path.name, file_digest(path))
        place = difference(path.with_suffix(".md"), made.encode())
        found |= {relative_to_repo(path.with_suffix(".md")): place, relative_to_repo(path): ""}
    return found


def remake_pages() -> dict[str, str]:
    """Make the page of architectures and the generated parts of every page again; return by file where they differ."""
    numbers, records = read_numbers(), load_records()
    found = {}
    for page in pages():
        stale = stale_parts(page, numbers, records)
        found[relative_to_repo(page)] = f"{', '.join(stale)}: not what follows from the tables" if stale else ""
    with TemporaryFolder("reproduce-remakes-") as folder:
        page = write_architectures(Path(folder) / "architectures.md")
        return found | compare_folders(page.parent, PAPER_NOTES, REPO_ROOT)


def remake_stages() -> dict[str, str]:
    """Make the text of every dvc.yaml again from the studies; return by file where the committed one differs."""
    return {relative_to_repo(path): difference(path, text.encode()) for path, text in pipeline_files().items()}


REMAKES = (remake_timing_tables, remake_benchmark_pages, remake_pages, remake_stages)
