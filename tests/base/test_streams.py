"""Commands whose standard streams are closed, full or of a small alphabet: their status tells what became of them."""

import os
import subprocess
import sys

import pytest

from reproduce.base.paths import REPO_ROOT

_PREAMBLE = """
import os, sys
from pathlib import Path
from reproduce.base.errors import ReproduceError
from reproduce.base.streams import settle_streams
from reproduce.base.verbs import exit_status
settle_streams()
def fail():
    raise ReproduceError("wrong")
"""


def shell(code, redirections, folder, **variables):
    """Run Python code by a shell with these redirections; return its status and both outputs."""
    script = folder / "code.py"
    script.write_text(_PREAMBLE + code)
    environment = os.environ | {"PYTHONPATH": str(REPO_ROOT)} | variables
    command = ["bash", "-c", f"{sys.executable} {script} {redirections}"]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("call", "status"), [("lambda: print(1)", 0), ("fail", 2)])
def test_a_closed_stream_changes_no_status(tmp_path, closed, call, status):
    done = shell(f"sys.exit(exit_status({call}))", closed, tmp_path)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"error" not in done.stdout  # which somebody may keep as data


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_an_error_that_cannot_be_printed_keeps_its_status(tmp_path):
    assert shell("sys.exit(exit_status(fail))", "2>/dev/full", tmp_path).returncode == 2


def test_a_file_opened_while_output_is_closed_holds_nothing_that_others_print(tmp_path):
    code = """
with Path("kept").open("wb", buffering=0) as kept:
    kept.write(b"a")
    os.system("echo printed by a child")
    print("printed by Python", flush=True)
    kept.write(b"b")
"""
    assert shell(code, "<&- >&- 2>&-", tmp_path).returncode == 0
    assert (tmp_path / "kept").read_bytes() == b"ab"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", b"Gr\\xf6\\xdfe \\u2212 \\udcff"), ("utf-8", "Größe \N{MINUS SIGN} \\udcff".encode())],
)
def test_a_letter_that_the_output_cannot_hold_is_printed_as_its_escape(tmp_path, encoding, shown):
    """The last one is a byte of a file's name that is no UTF-8."""
    code = r"sys.exit(exit_status(lambda: print('Gr\xf6\xdfe \u2212 \udcff')))"
    done = shell(code, "", tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stdout.rstrip()) == (0, shown), done.stderr
