"""One edited byte of any published file is named by ``verify``; so is a file edited together with its dvc.lock."""

import io
import shutil
import subprocess

import pytest
from verify_support import CLAIMS, GOLDEN, ROOT_LOCK, RUN, STUDY_LOCK, flip, problems, replace, study, write_root_lock

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


def test_an_untouched_repository_and_what_cannot_be_checked_in_a_copy_without_git(root):
    stream = io.StringIO()
    without_pipeline, without_git = verify([study()], root, stream)
    assert without_pipeline == "dvc.lock was not held against dvc.yaml: the folder .dvc is not here"
    assert without_git.startswith("prose and code outside dvc.lock were not compared with a commit: git says: ")
    runs, files, made = stream.getvalue().splitlines()[2:]
    assert runs == "1 runs agree with their configuration, data, records and predictions"
    assert files.startswith("23 files and folders are as dvc.lock") and made.startswith("20 tables and pages were made")


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


def test_changed_permissions_are_noted(root):
    for arguments in (["init", "-q"], ["config", "core.fileMode", "true"], ["add", "."], ["commit", "-qm", "all"]):
        git(root, *arguments)
    assert find_problems([study()], root).notes == []
    (root / "results/tables/runs.csv").chmod(0o755)
    (root / "results/tables/summary.csv").chmod(0o600)  # git knows of execution alone
    findings = find_problems([study()], root)
    assert findings.problems == []
    assert findings.notes == [
        "the permissions of results/tables/runs.csv are not those of the commit; `chmod` restores them"
    ]
    (root / "results/tables/runs.csv").unlink()
    assert find_problems([study()], root).notes == []


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
