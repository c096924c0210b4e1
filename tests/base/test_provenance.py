"""The origin that a run records: source, commit, machine."""

import importlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce.base import paths, provenance
from reproduce.base.git import changed_files, git_problem
from reproduce.base.paths import REPO_ROOT


def git(folder, *arguments):
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("reproduce/a.py", "experiments/s/study.yaml", "experiments/s/dvc.lock", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "First")
    monkeypatch.setattr(paths, "REPO_ROOT", tmp_path)
    return tmp_path


def test_a_clean_tree(repository):
    assert provenance.git_state() == {"git_commit": git(repository, "rev-parse", "HEAD"), "git_dirty": False}


@pytest.mark.parametrize(
    ("name", "dirty"),
    [
        ("reproduce/a.py", True),
        ("reproduce/new.py", True),
        ("experiments/s/study.yaml", True),
        ("README.md", False),
        ("experiments/s/dvc.lock", False),
        ("results/runs/x", False),
    ],
)
def test_changes_that_decide_numbers_make_it_dirty(repository, name, dirty):
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("2")
    assert provenance.git_state()["git_dirty"] is dirty


def test_a_new_file_is_seen_whatever_the_user_s_git_hides(repository, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    (home / "hidden").write_text("*.c\n")
    (home / ".gitconfig").write_text(f"[status]\nshowUntrackedFiles = no\n[core]\nexcludesFile = {home}/hidden\n")
    monkeypatch.setenv("HOME", str(home))
    (repository / ".gitignore").write_text("*.pyc\n")
    for name, dirty in (("cache.pyc", False), (".#a.c", False), ("notes.o", True), ("kernel.c", True)):
        path = repository / "reproduce" / name
        path.write_text("2")
        assert provenance.git_state()["git_dirty"] is dirty, name
        path.unlink()


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_to_overlook_makes_it_dirty(repository, mark):
    git(repository, "update-index", mark, "reproduce/a.py")
    assert provenance.git_state()["git_dirty"] is True
    assert provenance.overlooked_source() == ["reproduce/a.py"]
    (repository / "reproduce/a.py").unlink()  # as in a sparse checkout
    assert provenance.git_state()["git_dirty"] is False


def test_a_variable_that_sends_git_to_another_repository_is_named(repository, tmp_path_factory, monkeypatch):
    """As in a hook of another repository, or after working on one whose .git lies elsewhere."""
    other = tmp_path_factory.mktemp("other")
    for arguments in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "Other"]):
        git(other, *arguments)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert provenance.git_state() == {"git_commit": None, "git_dirty": None}
    assert git_problem().startswith("GIT_DIR sends git to another repository (") and "unset GIT_DIR" in git_problem()
    clone = tmp_path_factory.mktemp("clone")  # whose commit need not be this one
    git(repository, "clone", "--quiet", str(repository), str(clone))
    monkeypatch.setenv("GIT_DIR", str(clone / ".git"))
    assert provenance.git_state() == {"git_commit": None, "git_dirty": None}
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert git_problem() is None and provenance.git_state()["git_dirty"] is False


def test_outside_a_repository_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "REPO_ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_state() == {"git_commit": None, "git_dirty": None}


def test_where_git_answers_there_is_no_problem(repository):
    assert git_problem() is None


def test_where_git_cannot_answer_its_reason_and_the_way_out_are_given(repository, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for another owner, as in a container
    problem = git_problem()
    assert "dubious ownership" in problem and "\n" not in problem
    assert problem.endswith(f"run `git config --global --add safe.directory {repository}`")
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    git(repository, "checkout", "--quiet", "--orphan", "empty")  # a repository without a commit
    assert git_problem().startswith("git says: fatal: ambiguous argument 'HEAD'")
    elsewhere = tmp_path_factory.mktemp("copy")
    monkeypatch.setattr(paths, "REPO_ROOT", elsewhere)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(elsewhere.parent))
    assert git_problem().startswith("git says: fatal: not a git repository")
    monkeypatch.setenv("PATH", str(elsewhere))
    assert git_problem() == "git cannot be run (No such file or directory); install git"


def test_a_copy_within_another_repository_is_not_taken_for_its_commit(repository, monkeypatch):
    """As after unpacking a ZIP file in a folder that git keeps, and ignores or has taken in."""
    copy = repository / "vendor" / "copy"
    (copy / "reproduce").mkdir(parents=True)
    (copy / "reproduce" / "a.py").write_text("1")
    monkeypatch.setattr(paths, "REPO_ROOT", copy)
    for take_in in (False, True):
        if take_in:
            git(repository, "add", "."), git(repository, "commit", "--quiet", "-m", "Second")
        assert provenance.git_state() == {"git_commit": None, "git_dirty": None}
        assert f"has no .git of its own and lies in the repository {repository};" in git_problem()
        assert changed_files() == []


def test_a_worktree_and_a_submodule_are_repositories_of_their_own(repository, tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("elsewhere")
    git(repository, "worktree", "add", "--quiet", str(place / "tree"))
    git(place, "init", "--quiet", "outer")
    git(place / "outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "inner")
    for root in (place / "tree", place / "outer" / "inner"):
        monkeypatch.setattr(paths, "REPO_ROOT", root)
        assert git_problem() is None
        assert provenance.git_state() == {"git_commit": git(repository, "rev-parse", "HEAD"), "git_dirty": False}


def test_the_source_digest_sees_every_file_of_the_package(tmp_path, monkeypatch):
    package = tmp_path / "reproduce"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models" / "kernels.c").write_text("int a;")
    monkeypatch.setattr(provenance.reproduce, "__file__", str(package / "__init__.py"))
    digests = [provenance.source_digest()]
    (package / "models" / "kernels.c").write_text("int b;")
    digests.append(provenance.source_digest())
    (package / "models" / "new.yaml").write_text("")
    digests.append(provenance.source_digest())
    (package / "models" / "new.yaml").rename(package / "models" / "renamed.yaml")
    digests.append(provenance.source_digest())
    assert len(set(digests)) == 4
    (package / "models" / "a.pyc").write_text("compiled")
    assert provenance.source_digest() == digests[-1]


def test_every_module_a_run_uses_is_imported_before_it_starts():
    code = """
import sys
from reproduce.train.imports import import_training_modules
import_training_modules()
print("\\n".join(name for name in sys.modules if name.startswith("reproduce.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    package = Path(importlib.import_module("reproduce").__path__[0])
    for name in ("base", "data", "evaluate", "features", "models", "study", "train"):
        files = (package / name).rglob("[a-z]*.py")
        names = {".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files}
        assert names and names <= loaded


def test_the_machine_is_described_without_its_name():
    machine = provenance.machine_fingerprint()
    assert machine["cores"] >= 1 and machine["memory_gib"] > 0.5
    assert machine["python"] == platform.python_version()
    assert platform.node() not in {str(value) for value in machine.values()}
    assert {type(value) for value in machine.values()} <= {str, int, float, type(None)}  # a checkpoint holds them


def test_times_are_utc_to_the_second():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", provenance.utc_now())


def test_git_answers_in_a_folder_whose_name_the_locale_cannot_spell(tmp_path):
    """An ascii locale on a path with umlauts: git prints bytes that ascii has no letters for."""
    folder = tmp_path / "Größe und Maß"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    asked = (
        "import os, sys; from pathlib import Path; from reproduce.base.git import run_git\n"
        "folder = Path(sys.argv[1]); said = run_git(folder, 'rev-parse', '--show-toplevel').stdout.strip()\n"
        "sys.exit(Path(said) != folder.resolve())"
    )
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(REPO_ROOT)}
    done = subprocess.run([sys.executable, "-c", asked, folder], env=os.environ | ascii_locale, capture_output=True)
    assert done.returncode == 0, done.stderr
