"""Making the derived files other than ``collect``'s tables again, for ``python -m reproduce verify``.

Figures and executed notebooks are left to their sums in dvc.lock: another version of a library draws other bytes.
"""

from pathlib import Path

from reproduce.base.files import file_digest, read_json
from reproduce.base.paths import PAPER_NOTES, REPO_ROOT, RESULTS, relative_to_repo
from reproduce.base.temporaries import TemporaryFolder
from reproduce.judge.numbers import read_numbers
from reproduce.judge.verify.remade import compare_folders, difference
from reproduce.report.build import pages
from reproduce.report.literature.architectures import write_architectures
from reproduce.report.pipeline import pipeline_files
from reproduce.report.readme import stale_parts
from reproduce.report.records import load_records
from reproduce.speed.bench.report import report_markdown
from reproduce.speed.timing.tabulate import tabulate


def remake_timing_tables() -> dict[str, str]:
    """Tabulate the committed timings elsewhere; return where each committed table differs, empty where it does not."""
    with TemporaryFolder("reproduce-remakes-") as folder:
        tabulate(out=Path(folder))
        return compare_folders(Path(folder), RESULTS / "tables", REPO_ROOT)


def remake_benchmark_pages() -> dict[str, str]:
    """Write every machine's benchmark page again from its JSON file, whose sum it holds; return where they differ."""
    found = {}
    for path in sorted((RESULTS / "benchmarks").glob("*.json")):
        made = report_markdown(read_json(path), path.name, file_digest(path))
        place = difference(path.with_suffix(".md"), made.encode())
        found |= {relative_to_repo(path.with_suffix(".md")): place, relative_to_repo(path): ""}
    return found


def remake_pages() -> dict[str, str]:
    """Fill in the generated parts of every page again, and the page of architectures; return where they differ."""
    numbers, records = read_numbers(), load_records()
    found = {}
    for page in pages():
        stale = stale_parts(page, numbers, records)
        found[relative_to_repo(page)] = f"{', '.join(stale)}: not what follows from the tables" if stale else ""
    with TemporaryFolder("reproduce-remakes-") as folder:
        page = write_architectures(Path(folder) / "architectures.md")
        return found | compare_folders(page.parent, PAPER_NOTES, REPO_ROOT)


def remake_stages() -> dict[str, str]:
    """Write every dvc.yaml again from the studies, without saving it; return where they differ."""
    return {relative_to_repo(path): difference(path, text.encode()) for path, text in pipeline_files().items()}


REMAKES = (remake_timing_tables, remake_benchmark_pages, remake_pages, remake_stages)
