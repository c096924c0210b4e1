"""One edited byte of any published file is named by ``verify``; so is a file edited together with its dvc.lock."""

import contextlib
import io
import os
import shutil
import subprocess
import sys

import pytest
from verify_support import CLAIMS, GOLDEN, ROOT_LOCK, RUN, STUDY_LOCK, make_repository, study, write_root_lock

from reproduce.base.files import file_digest
from reproduce.base.paths import REPO_ROOT
from reproduce.judge.verify import find_problems, verify
from reproduce.judge.verify.remade import difference

KINDS = {
    "numbers": "results/numbers.json",
    "verdicts": "results/tables/verdicts.csv",
    "verdicts in words": "results/tables/verdicts.md",
    "runs": "results/tables/runs.csv",
    "summary": "results/tables/summary.csv",
    "history": "results/tables/histories.csv",
    "notebook": "results/notebooks/nets.ipynb",
    "figure": "results/figures/curves.png",
    "page": "README.md",
    "mean image": "results/data/cifar10/mean_image.npy",
    "test labels": "results/data/cifar10/test_labels.npy",
    "manifest": "results/data/cifar10/manifest.json",
    "golden file": GOLDEN,
    "timing": "results/timing",
    "record of a run": f"results/runs/{RUN}",
}
INSIDE = {"results/timing": "machine.csv", f"results/runs/{RUN}": "history.csv"}


@pytest.fixture
def root(tmp_path):
    return make_repository(tmp_path / "repository")


def flip(path, at=None):
    """Change the lowest bit of the last digit in a file, or of the last byte where it has none."""
    content = bytearray(path.read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    content[at if at is not None else (digits or range(len(content)))[-1]] ^= 1
    path.write_bytes(content)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(root):
    return find_problems([study()], root).all_problems()


def test_an_untouched_repository_and_what_cannot_be_checked_in_a_copy_without_git(root):
    stream = io.StringIO()
    without_pipeline, without_git = verify([study()], root, stream)
    assert without_pipeline == "dvc.lock was not held against dvc.yaml: the folder .dvc is not here"
    assert without_git.startswith("prose and code outside dvc.lock were not compared with a commit: git says: ")
    runs, files, made = stream.getvalue().splitlines()[2:]
    assert runs == "1 runs agree with their configuration, data, records and predictions"
    assert files.startswith("23 files and folders are as dvc.lock") and made.startswith("19 tables and pages were made")


@pytest.mark.parametrize("name", KINDS.values(), ids=KINDS)
def test_one_edited_byte_is_named_and_nothing_else_is_blamed(root, name):
    flip(root / name / INSIDE.get(name, ""))
    first, *further = problems(root)
    assert first.startswith(name) and "restore the one that was edited with git" in first
    assert [line for line in further if not line.startswith("no longer made from the records")] == []


def test_the_place_of_an_edit_in_a_table_and_in_the_numbers_is_named(root):
    replace(root / "results/tables/summary.csv", ",26.0000,", ",25.0000,")
    replace(root / "results/numbers.json", '"value": 26.0', '"value": 25.0')
    table, numbers = sorted(problems(root), reverse=True)
    assert table.startswith("results/tables/summary.csv: line 2 ('nets'), mean is '25.0000', where '26.0000' follows")
    assert numbers.startswith("results/numbers.json: row cifar10-80sec-error, value is 25.0, where 26.0 follows")


@pytest.mark.parametrize("name", ["results/numbers.json", "results/tables/verdicts.csv", "results/tables/runs.csv"])
def test_a_file_edited_together_with_its_lock_does_not_follow(root, name):
    flip(root / name)
    write_root_lock(root)
    (problem,) = problems(root)
    assert problem.startswith(f"{name}: ") and "it does not follow from the records, whatever dvc.lock" in problem


def test_an_edited_margin_is_named_with_what_no_longer_follows(root):
    replace(root / CLAIMS, "margin: 1.0", "margin: 3.0")
    claims, follow = problems(root)
    assert claims.startswith(f"{CLAIMS} is not what dvc.lock records of it for collect; restore")
    assert follow.startswith("no longer made from the records as they are now: results/numbers.csv")
    assert "results/tables/verdicts.csv" in follow and "margin is '1.0', where '3.0' follows" in follow
    write_root_lock(root)
    assert all("it does not follow from the records" in line for line in problems(root))


@pytest.mark.parametrize(
    ("name", "old", "new", "named"),
    [
        (ROOT_LOCK, "size: 10128", "size: 10129", "test_labels.npy"),
        (ROOT_LOCK, "nfiles: 1", "nfiles: 2", "results/timing"),
        (STUDY_LOCK, "nfiles: 4", "nfiles: 3", f"results/runs/{RUN}"),
        (ROOT_LOCK, "md5:", "md6:", "dvc.lock is no lock file of DVC ('md5')"),
        (ROOT_LOCK, "stages:", "- stages:", "dvc.lock is no lock file of DVC"),
        (
            STUDY_LOCK,
            "path: results/runs/",
            "path: results/runs/x",
            "results/runs/xnets/80sec/epochs11/seed1 is missing",
        ),
    ],
)
def test_an_edited_lock_file_is_named(root, name, old, new, named):
    replace(root / name, old, new)
    found = [line for line in problems(root) if named in line]
    assert found and all(name in line or "is missing" in line for line in found)


def test_a_sum_that_other_entries_contradict_is_the_edited_one(root):
    lines = (root / ROOT_LOCK).read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "path: results/tables/runs.csv" in line)
    lines[place + 2] = "      md5: " + 32 * "0" + "\n"
    (root / ROOT_LOCK).write_text("".join(lines))
    (problem,) = problems(root)
    assert problem.startswith("dvc.lock, stage collect: what it records of results/tables/runs.csv fits neither")


@pytest.mark.parametrize(
    "name", [ROOT_LOCK, STUDY_LOCK, "README.md", "results/numbers.json", "results/tables/runs.csv"]
)
def test_a_file_that_is_missing_is_named(root, name):
    (root / name).unlink()
    assert any(line.startswith(name) and "is missing" in line for line in problems(root))


def test_edited_code_asks_for_the_pipeline_and_not_for_git(root):
    flip(root / "reproduce/judge/rules.py")
    (root / "reproduce/judge/__pycache__").mkdir()
    (problem,) = problems(root)
    assert problem == "reproduce/judge was edited after it made what dvc.lock records for collect; run `dvc repro`"


def test_what_dvc_ignores_does_not_count(root):
    cache = root / "reproduce/judge/__pycache__"
    cache.mkdir()
    (cache / "rules.pyc").write_bytes(b"code")
    assert problems(root) != []
    shutil.copy(REPO_ROOT / ".dvcignore", root)
    assert problems(root) == []


def test_line_endings_are_suspected_before_runs(root):
    texts = [path for path in root.rglob("*") if path.suffix in {".csv", ".json", ".md", ".ipynb", ".yaml"}]
    for path in texts:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (problem,) = problems(root)
    assert problem.startswith("line endings were changed to CRLF in README.md, ")
    assert "git config core.autocrlf false" in problem


def test_any_form_that_an_edit_leaves_is_one_line(root):
    for name in ("run.json", "metrics.json", "history.csv", "predictions.npz"):
        path = root / "results/runs" / str(RUN) / name
        before = path.read_bytes()
        for content in (b"", b"{}", b"[1]", before[: len(before) // 2], before.replace(b'"', b"'")):
            path.write_bytes(content)
            found = problems(root)
            assert found == [] if content == before else any(str(RUN) in line for line in found), (name, content)
            assert not [line for line in found if "\n" in line]
        path.write_bytes(before)


def git(root, *arguments):
    identity = ["-c", "user.name=name", "-c", "user.email=mail"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_git_names_the_file_in_a_folder_and_what_no_record_holds(root):
    (root / "paper_notes/deviations.md").write_text("prose\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        git(root, *arguments)
    flip(root / "results/timing/machine.csv")
    (root / "paper_notes/deviations.md").write_text("other prose\n")
    findings = find_problems([study()], root)
    assert findings.problems[0].startswith("results/timing (git names results/timing/machine.csv) is not what dvc.lock")
    assert findings.notes == ["paper_notes/deviations.md differs from the commit; no check compares all its bytes"]


PIPELINE = """
stages:
  make:
    cmd: echo make
    params: [settings.yaml: [margin]]
    deps: [a.txt]
    outs: [b.txt: {cache: false}]
"""
PIPELINE_LOCK = """
schema: '2.0'
stages:
  make:
    cmd: echo make
    deps: [{path: a.txt, hash: md5, md5: 60b725f10c9c85c70d97880dfe8191b3, size: 2}]
    params: {settings.yaml: {margin: 1e-05}}
    outs: [{path: b.txt, hash: md5, md5: 3b5d5c3712955042212316173ccf37be, size: 2}]
"""


@pytest.fixture
def pipeline(tmp_path):
    """A pipeline of one stage that is up to date, in a folder that git does not know."""
    contents = {"dvc.yaml": PIPELINE, "dvc.lock": PIPELINE_LOCK, "a.txt": "a\n", "b.txt": "b\n", ".dvc/config": ""}
    for name, content in (contents | {"settings.yaml": "margin: 1e-05\n"}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("dvc.lock", "echo make", "echo fake", "dvc.lock, stage make: its command is not that of dvc.yaml"),
        ("dvc.yaml", "echo make", "echo fake", "dvc.lock, stage make: its command is not that of dvc.yaml"),
        (
            "dvc.lock",
            "margin: 1e-05",
            "margin: 1",
            "dvc.lock, stage make: margin of settings.yaml is not what it records",
        ),
        ("settings.yaml", "1e-05", "2e-05", "dvc.lock, stage make: margin of settings.yaml is not what it records"),
        ("dvc.yaml", "deps: [a.txt]", "deps: [a.txt, c.txt]", "its deps are not those of dvc.yaml (c.txt)"),
        ("dvc.yaml", "  make:", "  made:", "dvc.lock records make, a stage that dvc.yaml does not have"),
        ("dvc.yaml", "  make:", "  made:", "dvc.lock does not record made, whose files are here"),
        ("dvc.yaml", "outs:", "outputs:", "DVC cannot read the pipeline: "),
    ],
)
def test_a_lock_file_that_is_not_of_its_pipeline(pipeline, name, old, new, line):
    replace(pipeline / name, old, new)
    assert any(line in problem for problem in find_problems([], pipeline).problems)


def test_a_pipeline_that_is_up_to_date(pipeline):
    assert [line for line in find_problems([], pipeline).problems if "dvc" in line.partition(":")[0]] == []


def test_the_first_difference_is_named(tmp_path):
    path = tmp_path / "page.md"
    assert difference(path, b"") == "it is missing"
    path.write_text("a\nb\n")
    assert difference(path, b"a\nb\n") == ""
    assert difference(path, b"a\nc\n") == "line 2 is 'b', where 'c' follows"
    assert difference(path, b"a\nb\nc\n") == "it has 2 lines, and 3 follow"
    path = tmp_path / "broken.json"
    path.write_text("{")
    assert difference(path, b"{}") == "line 1 is '{', where '{}' follows"
    table = tmp_path / "table.csv"
    table.write_text('id,words\na,"one, two"\n')
    assert (
        difference(table, b'id,words\na,"one, six"\n') == "line 2 ('a'), words is 'one, two', where 'one, six' follows"
    )


@pytest.fixture(scope="module")
def deposit(tmp_path_factory):
    """A copy of all that is committed, as an archive holds it: without git and without data."""
    folder = tmp_path_factory.mktemp("deposit") / "copy"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO_ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO_ROOT / name, folder / name)
    return folder


def verify_in(folder):
    environment = os.environ | {"PYTHONPATH": str(folder), "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = [sys.executable, "-m", "reproduce", "verify"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_committed_results_verify_without_git(deposit):
    done = verify_in(deposit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped: prose and code outside dvc.lock were not compared with a commit: git says" in done.stdout


EVERYWHERE = [
    *("README.md", "experiments/lrn_confound/README.md", "paper_notes/claims.yaml", "paper_notes/hardware.csv"),
    *("paper_notes/architectures.md", "results/figures/ablations.png", "results/figures/ablations.svg"),
    *("results/notebooks/ablations.ipynb", "results/numbers.json", "results/tables/runs.csv"),
    *("results/tables/summary.csv", "results/tables/verdicts.csv", "results/tables/verdicts.md"),
    *("results/tables/timing.csv", "results/tables/ablations.md"),
    *("results/data/cifar10/mean_image.npy", "results/data/cifar10/test_labels.npy"),
    *("results/data/cifar10/pixel_neighbors.npy", "results/data/fashion_mnist/color_covariance.npy"),
    *("experiments/cifar10_nets/golden/80sec.json", "results/benchmarks/intel-xeon-processor-2-cores.md"),
]
IN_FOLDERS = {
    "results/timing": "amd-epyc-2-cores-torch-2-14-1.csv",
    "results/external": "README.md",
    "results/runs/cifar10_nets/80sec/epochs11/seed1": "predictions.npz",
}


@contextlib.contextmanager
def kept(*paths):
    """Put the files back afterward, whatever was written to them."""
    contents = {path: path.read_bytes() for path in paths}
    try:
        yield
    finally:
        for path, content in contents.items():
            path.write_bytes(content)


def is_named(name, text):
    return any(line.startswith((f"problem: {name} ", f"problem: {name}: ")) for line in text.splitlines())


@pytest.mark.slow
def test_one_edited_byte_in_every_kind_of_committed_file(deposit):
    """All at once: each is named, whatever else is wrong."""
    places = [deposit / name for name in [*EVERYWHERE, *(f"{folder}/{name}" for folder, name in IN_FOLDERS.items())]]
    with kept(*places):
        for path in places:
            flip(path)
        done = verify_in(deposit)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert [name for name in [*EVERYWHERE, *IN_FOLDERS] if not is_named(name, done.stdout)] == []


@pytest.mark.slow
def test_files_edited_together_with_their_lock_or_held_by_none(deposit):
    """A timing, a number on a page and a benchmark: dvc.lock is made to agree with the first two and has no third."""
    timing, page, lock = (deposit / name for name in ("results/tables/timing.csv", "README.md", "dvc.lock"))
    benchmark = deposit / "results/benchmarks/intel-xeon-processor-2-cores.json"
    with kept(timing, page, benchmark, lock):
        before = [file_digest(path, "md5") for path in (timing, page)]
        flip(timing)
        flip(benchmark)
        replace(page, "| 25.67 % (", "| 25.66 % (")
        for md5, path in zip(before, (timing, page), strict=True):
            replace(lock, md5, file_digest(path, "md5"))
        done = verify_in(deposit)
    named = ["results/tables/timing.csv", "README.md", "results/benchmarks/intel-xeon-processor-2-cores.md"]
    assert done.returncode == 2 and [name for name in named if not is_named(name, done.stdout)] == []
