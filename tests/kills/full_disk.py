"""Commands on a disk that fills up, a small one in memory: ``python -m kills.full_disk FOLDER``, where mounts are ours.

Run by ``test_full_disk.py`` in a mount namespace of its own. It prints a line of JSON per command and room.
"""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from kills import commands
from kills.sandbox import contents, enter, renew

from reproduce.data.ilsvrc import prepare

_DISK_MB = 64
_FORKS = multiprocessing.get_context("fork")


def _pack(folder: Path) -> int:
    """Pack as where others fill the disk after its room was found enough."""
    prepare._check_space = lambda *_: None
    return commands.miniature(folder, [*commands.PACK, "--workers", "1"])


_TINY = partial(commands.tiny, arguments=[*commands.TINY, *commands.AT_EVERY_UPDATE])
_PUBLISH = partial(commands.miniature, arguments=["publish", "miniature"])
# What lies there, the command, and the kB of room that it finds.
COMMANDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], int], tuple[int, ...]]] = {
    "train": (commands.write_tiny, _TINY, (0, 40, 80)),
    "train, kernels to build": (commands.write_tiny_without_kernels, _TINY, (0, 60)),
    "pack": (commands.write_archives, _pack, (200, 1_600, 5_020, 5_040)),
    "publish": (commands.write_trained, _PUBLISH, (0, 16)),
    "notebook": (commands.write_notebook, commands.notebook, (0,)),
}


def main(base: Path) -> None:
    """Try every command with every room, then with room enough, and print what each did."""
    disk = base / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "none", disk], check=True)
    for name, (write, command, rooms) in COMMANDS.items():
        folder, template, log = disk / "work", base / "template", base / "log"
        template.mkdir()
        _done(write, template, log)
        renew(folder, template)
        _done(command, folder, log)
        unbroken = contents(folder)
        for room in rooms:
            renew(folder, template)
            (folder / "tmp").mkdir(exist_ok=True)
            before = set(contents(folder))
            _fill(disk, room)
            status, said = _done(command, folder, log)
            left = [place for place in set(contents(folder)) - before if _is_half(place)]
            (disk / "filler").unlink()
            again, _ = _done(command, folder, log)
            row = {"command": name, "room_kb": room, "status": status, "said": said, "left": left, "again": again}
            print(json.dumps(row | {"is_same": contents(folder) == unbroken}), flush=True)
        shutil.rmtree(template)


def _is_half(place: str) -> bool:
    return any(part.endswith(".part") or part.startswith((".build-", "reproduce-")) for part in place.split("/"))


def _fill(disk: Path, room_kb: int) -> None:
    state = os.statvfs(disk)
    with (disk / "filler").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, state.f_bavail * state.f_frsize - room_kb * 1024)


def _done(command: Callable[[Path], int | None], folder: Path, log: Path) -> tuple[int, str]:
    """Return a command's exit status and what it printed."""
    process = _FORKS.Process(target=_run, args=(command, folder, log))
    process.start()
    process.join()
    return process.exitcode, log.read_text()


def _run(command: Callable[[Path], int | None], folder: Path, log: Path) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
    os.truncate(log, 0)
    enter(folder)
    sys.exit(command(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
