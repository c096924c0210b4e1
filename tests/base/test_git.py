"""Questions to git, asked of small repositories."""

import subprocess

from reproduce.base.git import changed_permissions


def git(root, *arguments):
    identity = ["-c", "user.name=name", "-c", "user.email=mail"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_changed_permissions_are_named_beside_a_file_that_was_renamed(tmp_path):
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(f"content of {name}\n" * 9)
    for arguments in (["init", "-q"], ["config", "core.fileMode", "true"], ["add", "."], ["commit", "-qm", "all"]):
        git(tmp_path, *arguments)
    git(tmp_path, "mv", "a.txt", "d.txt")
    assert changed_permissions(tmp_path) == []
    (tmp_path / "c.txt").chmod(0o755)
    assert changed_permissions(tmp_path) == ["c.txt"]
