"""A disk without room: one line, a status that is not 0, nothing half-written; with room, the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def test_every_command_that_writes_says_so_in_one_line_and_goes_on_once_there_is_room(tmp_path):
    if not _may_mount():
        pytest.skip("this machine lets no user mount a disk in memory")
    tests = Path(__file__).resolve().parents[1]
    path = os.pathsep.join(map(str, [tests.parent, tests, tests / "support"]))
    command = [*NAMESPACE, sys.executable, "-m", "kills.full_disk", str(tmp_path)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 12
    for row in rows:
        assert (row["status"], row["left"], row["again"], row["is_same"]) == (2, [], 0, True), row
        errors = [line for line in row["said"].splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and row["said"].endswith(f"{errors[0]}\n"), row
        assert "Traceback" not in row["said"] and "[Errno" not in errors[0], row
        assert any(words in errors[0] for words in ("No space left", "MB are free there", "no room to build")), row
