"""Files are written whole or not at all, folders replaced whole, and locks exclude a second process."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.files import (
    atomic_path,
    check_writable,
    exclusive_lock,
    file_digest,
    json_digest,
    read_json,
    replacing_folder,
    settle_folder,
    write_bytes,
    write_json,
    write_text,
)


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_written_files_hold_what_was_given_and_leave_nothing_beside(tmp_path):
    write_text(tmp_path / "deep" / "a.txt", "größer\n")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == "größer\n".encode()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]
    assert (tmp_path / "deep" / "a.txt").stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        1 / temporary.write_text("")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_a_one_line_error_and_keeps_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else ("pathlib.Path.replace",)), full_disk)
    with pytest.raises(ReproduceError, match="a.txt: No space left on device; free space") as caught:
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_a_one_line_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReproduceError, match=r"cannot write .*file/a\.txt"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_json_round_trip_and_refusal_of_nan(tmp_path):
    content = {"b": [1, 2.5, None], "a": "Krizhevsky – ü"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"loss": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_missing_and_broken_json_are_named(tmp_path):
    with pytest.raises(ReproduceError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"a": ')
    with pytest.raises(ReproduceError, match=r"b\.json is not valid JSON"):
        read_json(tmp_path / "b.json")


def test_digests(tmp_path):
    content = bytes(range(256)) * 9000  # longer than one block
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    assert file_digest(tmp_path / "a", "md5") == hashlib.md5(content).hexdigest()
    assert json_digest({"b": 1, "a": [2]}) == hashlib.sha256(b'{"a":[2],"b":1}').hexdigest()
    assert json_digest({"a": [2], "b": 1}) == json_digest({"b": 1, "a": [2]}) != json_digest({"a": [2], "b": 2})


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "old").write_text("1")
    with replacing_folder(folder) as staging:
        (staging / "new").write_text("2")
        assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_keeps_the_old_folder_and_nothing_of_the_new(tmp_path, existing):
    folder = tmp_path / "run"
    if existing:
        folder.mkdir()
        (folder / "old").write_text("1")
    with pytest.raises(ReproduceError, match=r"cannot write .*run: No space left"), replacing_folder(folder) as staging:
        full_disk((staging / "new").write_text("2"))
    assert [path.name for path in tmp_path.rglob("*")] == (["run", "old"] if existing else [])


def test_a_failed_swap_brings_the_old_folder_back(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "old").write_text("1")
    rename = type(folder).rename

    def fail_for_new(self, target):
        return full_disk() if (self / "new").exists() else rename(self, target)

    monkeypatch.setattr(type(folder), "rename", fail_for_new)
    with pytest.raises(ReproduceError, match="No space left"), replacing_folder(folder) as staging:
        (staging / "new").write_text("2")
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "old"]


KILLED_WHILE_REPLACING = """
    import os, signal, sys
    from pathlib import Path
    from reproduce.base.files import replacing_folder
    folder, moment = Path(sys.argv[1]), sys.argv[2]
    rename = Path.rename
    def rename_and_die(self, target):
        rename(self, target)
        os.kill(os.getpid(), signal.SIGKILL)
    with replacing_folder(folder) as staging:
        (staging / "half").write_text("2")
        if moment == "writing":
            os.kill(os.getpid(), signal.SIGKILL)
        Path.rename = rename_and_die
"""


@pytest.mark.parametrize("is_linked", [False, True])
@pytest.mark.parametrize("moment", ["writing", "swapping"])
def test_what_a_kill_left_is_cleared_by_the_next_writer(tmp_path, moment, is_linked):
    folder, link = tmp_path / "disk" / "run", tmp_path / "link"
    folder.mkdir(parents=True)
    (folder / "old").write_text("1")
    link.symlink_to(folder)
    named = link if is_linked else folder
    code = [sys.executable, "-c", textwrap.dedent(KILLED_WHILE_REPLACING), str(named), moment]
    assert subprocess.run(code).returncode == -signal.SIGKILL
    with pytest.raises(ReproduceError, match="No space left"), replacing_folder(named):
        full_disk()  # the next writer fails, and the old folder is still there
    assert (folder / "old").read_text() == "1"
    assert list(folder.parent.iterdir()) == [folder]
    with replacing_folder(named) as staging:
        (staging / "new").write_text("3")
    assert link.is_symlink() and [path.name for path in folder.parent.rglob("*")] == ["run", "new"]


@pytest.mark.parametrize("moment", ["writing", "swapping"])
def test_a_folder_is_settled_without_being_written_again(tmp_path, moment):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "old").write_text("1")
    code = [sys.executable, "-c", textwrap.dedent(KILLED_WHILE_REPLACING), str(folder), moment]
    assert subprocess.run(code).returncode == -signal.SIGKILL
    settle_folder(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "old"]
    folder.with_name(".run.old").mkdir()  # a kill after the second of the two renames
    settle_folder(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "old"]


HOLDER = """
    import sys
    from pathlib import Path
    from reproduce.base.files import exclusive_lock
    with exclusive_lock(Path(sys.argv[1]), "busy"):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_a_lock_excludes_another_process_until_that_is_killed(tmp_path):
    lock = tmp_path / "sub" / "a.lock"
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ReproduceError, match="^someone else is at it$"),
            exclusive_lock(lock, "someone else is at it"),
        ):
            pass
        holder.kill()
        holder.wait()
        with exclusive_lock(lock, "busy"):
            pass


def test_a_lock_that_cannot_be_made_names_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ReproduceError, match="cannot create .*set REPRODUCE_SCRATCH"),
        exclusive_lock(tmp_path / "file" / "a.lock", "busy"),
    ):
        pass


@pytest.mark.parametrize("number", [errno.EBADF, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_names_the_remedy(tmp_path, monkeypatch, number):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("reproduce.base.files.fcntl.flock", refuse)
    with pytest.raises(ReproduceError) as caught, exclusive_lock(tmp_path / "a.lock", "busy"):
        pass
    reason = f"{os.strerror(number)}; set REPRODUCE_SCRATCH to a folder on a local disk"
    assert str(caught.value) == f"cannot lock {tmp_path / 'a.lock'}: {reason}"


def test_a_place_is_found_writable_without_leaving_anything(tmp_path):
    check_writable(tmp_path / "not" / "there" / "yet")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ReproduceError, match=r"make .*file writable before you start$"):
        check_writable(tmp_path / "file" / "below")
