"""The deposit: the committed files as one zip file with RO-Crate metadata, checked from an unpacked copy.

A deposit has no git history: ``.git_archival.txt`` names its commit, and DVC is told to work without git.
"""

import contextlib
import errno
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from rocrate.model import Person
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from reproduce.base.errors import ReproduceError, system_reason
from reproduce.base.files import atomic_path, file_digest, write_json, write_text
from reproduce.base.git import run_git
from reproduce.base.paths import REPO_ROOT, relative_to_repo
from reproduce.base.temporaries import TemporaryFolder
from reproduce.base.validation import read_yaml
from reproduce.judge.bibliography import read_citation

METADATA = "ro-crate-metadata.json"

_DESCRIPTIONS = {
    "README.md": "The answers, and how to run and cite them",
    "results/README.md": "Every file, column and unit of the results",
    "results/numbers.json": "Every number that may be cited, with its interval, runs, verdict and sources",
    "results/numbers.schema.json": "JSON schema of numbers.json",
    "results/tables/verdicts.csv": "One row per claim: published value, estimate, verdict",
    "paper_notes/claims.yaml": "Every claim under test, with its estimand, margin and seeds",
    "dvc.yaml": "The stages that need no training",
}
_ENDINGS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
    ".ipynb": "application/x-ipynb+json",
}


def build_archive(out: Path | None = None, root: Path = REPO_ROOT, say: Callable[[str], None] = print) -> Path:
    """Build the deposit of the last commit, check it, and return the zip file.

    Args:
        out: the folder to write to; by default ``dist`` in the repository.
        root: the repository.
        say: is called with one line per check.

    Raises:
        ReproduceError: there are changes that are not committed, the version's tag names another commit, git fails, or
            the unpacked deposit fails a check.
    """
    citation = read_citation(root / "CITATION.cff")
    commit = _commit(root, str(citation["version"]))
    name = f"alexnet-2012-reproduced-{citation['version']}"
    target = (out or root / "dist") / f"{name}.zip"
    with TemporaryFolder("reproduce-archive-") as temporary:
        folder, unpacked = Path(temporary) / name, Path(temporary) / "unpacked"
        with _written(temporary):
            _export(root, commit, folder)
            _use_dvc_without_git(folder)
            write_json(folder / METADATA, _metadata(folder, citation, commit))
        with atomic_path(target) as written:
            _zip(folder, written, _git(root, "show", "-s", "--format=%cs", commit))
            with _written(temporary), zipfile.ZipFile(written) as archive:
                archive.extractall(unpacked)
            for line in check_deposit(unpacked / name):
                say(line)
    say(f"wrote {relative_to_repo(target)}: {target.stat().st_size / 1e6:.1f} MB, commit {commit}")
    return target


@contextlib.contextmanager
def _written(temporary: str) -> Iterator[None]:
    """Turn an OSError inside the block into a ReproduceError that names the temporary folder.

    Raises:
        ReproduceError: the folder is full or not writable.
    """
    try:
        yield
    except OSError as error:
        raise ReproduceError(
            f"cannot write {temporary}: {system_reason(error)}; free space, or set TMPDIR to a folder on another disk"
        ) from error


def check_deposit(folder: Path) -> Iterator[str]:
    """Check an unpacked deposit and yield a line per check: its files, ``verify``, and ``dvc status``.

    Raises:
        ReproduceError: a file is missing, differs from the metadata or is not listed there, or a command fails.
    """
    yield f"{_check_files(folder)} files agree with {METADATA}"
    yield f"verify: {_run(folder, '-m', 'reproduce', 'verify').splitlines()[-1]}"
    stages = [name for name in read_yaml(folder / "dvc.yaml")["stages"] if not name.startswith("data_")]
    status = _run(folder, "-m", "dvc", "status", *stages)
    if "up to date" not in status:
        raise ReproduceError(f"dvc status in the deposit: {' '.join(status.split())[:300]}; run `dvc repro` and commit")
    yield f"dvc status, without git and without the data sets: {len(stages)} stages are up to date"


def _commit(root: Path, version: str) -> str:
    """Return the commit to deposit, which is HEAD.

    Raises:
        ReproduceError: a file has changes that are not committed, or the version has a tag that names another commit.
    """
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    if changes:
        first = changes.splitlines()[0].split(maxsplit=1)[-1]
        raise ReproduceError(f"{first} is changed and not committed; commit or restore it, then run `make archive`")
    commit = _git(root, "rev-parse", "HEAD")
    tagged = run_git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/v{version}^{{commit}}").stdout.strip()
    if tagged not in ("", commit):
        raise ReproduceError(
            f"the tag of version {version} names commit {tagged[:12]}, but HEAD is {commit[:12]}; raise the version in "
            "CITATION.cff, or check out the tag"
        )
    return commit


def _git(root: Path, *arguments: str) -> str:
    try:
        done = run_git(root, *arguments)
    except OSError as error:
        raise ReproduceError(f"git cannot be run ({error.strerror}); install git") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
        if os.strerror(errno.ENOSPC) in reason:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise ReproduceError(f"git says: {reason}; run `make archive` in a clone of the repository")
    return done.stdout.strip()


def _export(root: Path, commit: str, folder: Path) -> None:
    """Write the files of a commit, each with its mode, and the commit's id in ``.git_archival.txt``."""
    packed = folder.with_suffix(".git.tar")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _git(root, "archive", "--format=tar", f"--output={packed}", commit)
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="tar")
    packed.unlink()


def _use_dvc_without_git(folder: Path) -> None:
    path = folder / ".dvc" / "config"
    text = path.read_text(encoding="utf-8")
    if "[core]\n" not in text:
        raise ReproduceError(".dvc/config has no section [core]; restore it with git")
    write_text(path, text.replace("[core]\n", "[core]\n    no_scm = true\n", 1))


def _metadata(folder: Path, citation: dict[str, Any], commit: str) -> dict[str, Any]:
    """Return the RO-Crate 1.1 metadata of a folder: every file with its size and SHA-256."""
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "https://schema.org/sha256"
    crate.name, crate.description = citation["title"], " ".join(citation["abstract"].split())
    crate.keywords = citation["keywords"]
    crate.datePublished = date.fromisoformat(str(citation["date-released"]))
    crate.root_dataset["version"] = str(citation["version"])
    crate.root_dataset["identifier"] = f"git commit {commit}"
    crate.root_dataset["license"] = _entity(
        crate, f"https://spdx.org/licenses/{citation['license']}", "CreativeWork", citation["license"]
    )
    crate.root_dataset["author"] = [_author(crate, author) for author in citation["authors"]]
    crate.root_dataset["citation"] = [
        _entity(crate, f"https://doi.org/{work['doi']}", "ScholarlyArticle", work["title"])
        for work in citation["references"]
        if "doi" in work
    ]
    for path in _files(folder):
        place = path.relative_to(folder).as_posix()
        facts = {"name": place, "contentSize": str(path.stat().st_size), "sha256": file_digest(path)}
        facts |= {"encodingFormat": _ENDINGS[path.suffix]} if path.suffix in _ENDINGS else {}
        facts |= {"description": _DESCRIPTIONS[place]} if place in _DESCRIPTIONS else {}
        crate.add_file(path, dest_path=place, properties=facts)
    return crate.metadata.generate()


def _author(crate: ROCrate, author: dict[str, str]) -> ContextEntity:
    if "name" in author:
        return _entity(crate, f"#{author['name'].replace(' ', '-')}", "Organization", author["name"])
    name = f"{author['given-names']} {author['family-names']}"
    return crate.add(Person(crate, f"#{name.replace(' ', '-')}", properties={"name": name}))


def _entity(crate: ROCrate, identifier: str, kind: str, name: str) -> ContextEntity:
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, "name": name}))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != METADATA)


def _zip(folder: Path, target: Path, day: str) -> None:
    """Zip a folder so that the same files give the same bytes: entries are sorted and bear the commit's day."""
    dated = (*map(int, day.split("-")), 0, 0, 0)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in [folder / METADATA, *_files(folder)]:
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), dated)
            entry.external_attr, entry.compress_type = path.stat().st_mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _check_files(folder: Path) -> int:
    """Compare a folder's files with its metadata, as the RO-Crate library reads it; return the number of files."""
    listed = {entity.id: entity for entity in ROCrate(folder).get_by_type("File")}
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    wrong = sorted(listed.keys() ^ there.keys())
    wrong += [place for place in there if place in listed and listed[place]["sha256"] != file_digest(there[place])]
    if wrong:
        raise ReproduceError(f"{wrong[0]} in the deposit is not as {METADATA} says; run `make archive` again")
    return len(there)


def _run(folder: Path, *arguments: str) -> str:
    """Run Python in the deposit, as on a machine without the repository; return what it printed on stdout."""
    environment = os.environ | {"PYTHONPATH": str(folder), "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        reason = " ".join((done.stdout + done.stderr).split())[-300:]
        raise ReproduceError(f"`python {' '.join(arguments)}` fails in the deposit: {reason}")
    return done.stdout.strip()
