"""The deposit: made of what is committed, described file by file, and refused where it would lie."""

import errno
import json
import subprocess
import zipfile
from types import SimpleNamespace

import pytest
from pipeline_support import make_clone

from reproduce.base.errors import ReproduceError
from reproduce.base.git import archived_commit, commit_of
from reproduce.report import archive
from reproduce.report.archive import METADATA, build_archive, check_deposit

CITATION = """cff-version: 1.2.0
title: A study
abstract: Of a
  net.
keywords: [nets]
version: 1.2.3
date-released: "2026-01-05"
license: MIT
authors: [{name: The authors}, {given-names: Jane, family-names: Doe}]
references: [{type: article, title: A paper, doi: 10.1000/x}, {type: book, title: A book}]
"""


def git(folder, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A small repository with one commit."""
    root = tmp_path / "repository"
    files = {
        "CITATION.cff": CITATION,
        "README.md": "# A study\n",
        ".dvc/config": "[core]\n    analytics = false\n",
        "dvc.yaml": "stages: {data_x: {cmd: x}, pages: {cmd: y}}\n",
        ".gitattributes": ".git_archival.txt export-subst\n",
        ".git_archival.txt": "node: $Format:%H$\n",
        "results/numbers.json": "{}\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(tmp_path, "init", "--quiet", str(root))
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "first")
    return root


@pytest.fixture
def commands(monkeypatch):
    """Commands run in the deposit, answered as if all were well."""
    asked = []

    def run(folder, *arguments):
        asked.append(arguments)
        return "3 runs agree" if "verify" in arguments else "Data and pipelines are up to date."

    monkeypatch.setattr(archive, "_run", run)
    return asked


def build(repository, tmp_path, name="out"):
    said = []
    path = build_archive(tmp_path / name, repository, said.append)
    folder = tmp_path / f"{name}-unpacked"
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    return path, folder / "alexnet-2012-reproduced-1.2.3", said


def test_a_deposit_has_the_committed_files_and_what_a_copy_without_git_needs(repository, commands, tmp_path):
    (repository / "left.txt").write_text("not committed")
    _, folder, said = build(repository, tmp_path)
    committed = set(git(repository, "ls-files").splitlines())
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == committed | {METADATA}
    assert "    no_scm = true\n    analytics = false\n" in (folder / ".dvc/config").read_text()
    assert (folder / ".git_archival.txt").read_text() == f"node: {git(repository, 'rev-parse', 'HEAD')}\n"
    assert commands == [("-m", "reproduce", "verify"), ("-m", "dvc", "status", "pages")]
    assert said[0] == f"{len(committed)} files agree with {METADATA}" and "verify: 3 runs agree" in said


@pytest.mark.parametrize("writer", ["git", "_use_dvc_without_git"])
def test_a_full_disk_for_temporary_files_is_named_with_the_way_out(repository, monkeypatch, tmp_path, writer):
    if writer == "git":
        answer = SimpleNamespace(returncode=128, stderr="fatal: write error: No space left on device\n", stdout="")
        run = archive.run_git
        monkeypatch.setattr(archive, "run_git", lambda root, *a: answer if a[0] == "archive" else run(root, *a))
    else:
        monkeypatch.setattr(archive, writer, full_disk)
    with pytest.raises(
        ReproduceError, match="/reproduce-archive-.*: No space left on device; free space, or set TMPDIR"
    ):
        build_archive(tmp_path / "out", repository)
    assert not list((tmp_path / "out").glob("*"))


def full_disk(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_its_metadata_are_ro_crate_1_1_and_describe_every_file(repository, commands, tmp_path):
    _, folder, _ = build(repository, tmp_path)
    content = json.loads((folder / METADATA).read_text())
    graph = {entity["@id"]: entity for entity in content["@graph"]}
    assert graph[METADATA]["conformsTo"]["@id"] == "https://w3id.org/ro/crate/1.1"
    root = graph["./"]
    assert (root["name"], root["description"], root["version"]) == ("A study", "Of a net.", "1.2.3")
    assert root["datePublished"] == "2026-01-05"
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert root["citation"] == {"@id": "https://doi.org/10.1000/x"} or root["citation"] == [
        {"@id": "https://doi.org/10.1000/x"}
    ]
    assert [graph[author["@id"]]["name"] for author in root["author"]] == ["The authors", "Jane Doe"]
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {METADATA}
    assert graph["README.md"]["contentSize"] == str((folder / "README.md").stat().st_size)
    assert graph["results/numbers.json"]["encodingFormat"] == "application/json"


def test_the_same_commit_gives_the_same_bytes(repository, commands, tmp_path):
    first, second = (build(repository, tmp_path, name)[0].read_bytes() for name in ("a", "b"))
    assert first == second


def test_changes_that_are_not_committed_are_refused(repository, commands, tmp_path):
    (repository / "README.md").write_text("changed")
    with pytest.raises(ReproduceError, match=r"README\.md is changed and not committed"):
        build(repository, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_version_names_one_commit(repository, commands, tmp_path):
    git(repository, "tag", "v1.2.3")
    build(repository, tmp_path)
    (repository / "README.md").write_text("later")
    git(repository, "commit", "--quiet", "-am", "second")
    with pytest.raises(ReproduceError, match=r"the tag of version 1\.2\.3 names .*, but HEAD is .*raise the version"):
        build(repository, tmp_path, "later")


def test_a_folder_without_git_is_refused(repository, commands, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (repository / ".git").rename(tmp_path / "elsewhere")
    with pytest.raises(ReproduceError, match="git says: .*; run `make archive` in a clone"):
        build(repository, tmp_path)


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_deposit_that_differs_from_its_metadata_is_found(repository, commands, tmp_path, damage):
    _, folder, _ = build(repository, tmp_path)
    path = folder / ("README.md" if damage != "add" else "more.txt")
    path.unlink() if damage == "remove" else path.write_text("other")
    with pytest.raises(ReproduceError, match=rf"{path.name} in the deposit is not as {METADATA} says"):
        list(check_deposit(folder))


def test_a_check_that_fails_leaves_no_file(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_run", lambda folder, *arguments: "pages: changed deps")
    with pytest.raises(ReproduceError, match="dvc status in the deposit: pages: changed deps"):
        build(repository, tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_command_that_fails_in_the_deposit_is_one_line(tmp_path):
    with pytest.raises(ReproduceError, match=r"`python -c import nothing_there` fails in the deposit: .*No module"):
        archive._run(tmp_path, "-c", "import nothing_there")


def test_the_commit_of_a_file_is_its_last_one_and_none_where_it_differs(repository, tmp_path, monkeypatch):
    monkeypatch.setattr("reproduce.base.paths.REPO_ROOT", repository)
    path = repository / "results" / "numbers.json"
    first = git(repository, "rev-parse", "HEAD")
    (repository / "README.md").write_text("later")
    git(repository, "commit", "--quiet", "-am", "second")
    assert commit_of(path) == first
    path.write_text("[]\n")
    assert commit_of(path) is None


def test_a_deposit_says_which_commit_it_is(repository, commands, tmp_path, monkeypatch):
    _, folder, _ = build(repository, tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setattr("reproduce.base.paths.REPO_ROOT", folder)
    assert commit_of(folder / "results" / "numbers.json") == git(repository, "rev-parse", "HEAD")
    monkeypatch.setattr("reproduce.base.paths.REPO_ROOT", repository)
    assert archived_commit() is None  # git has not filled it in


@pytest.mark.slow
@pytest.mark.timeout(1200)  # minutes on a busy machine
def test_the_deposit_of_the_last_commit_verifies_without_git(tmp_path):
    said = []
    path = build_archive(tmp_path / "out", make_clone(tmp_path), said.append)
    assert path.stat().st_size < 60e6
    assert any(line.startswith("verify: ") and "made again from the records" in line for line in said)
    assert any("stages are up to date" in line for line in said)
