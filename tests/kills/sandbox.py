"""A folder in which a command is run, killed and run again, and all that it holds afterward, clock times apart."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

_CLOCKS = ("started_utc", "finished_utc", "training_seconds", "evaluation_seconds", "images_per_second")
_SESSIONS = ("sessions", "interruptions", "source_sha256")  # of a run that was stopped
_NOT_COMPARED = (".git", ".dvc/cache", ".dvc/tmp", "__pycache__")  # git's and DVC's own books


def variables(folder: Path) -> dict[str, str]:
    """Return the environment that keeps a command's files below ``folder``."""
    return {
        "REPRODUCE_SCRATCH": str(folder / "scratch"),
        "REPRODUCE_PACKED": str(folder / "packed"),
        "REPRODUCE_ILSVRC2012": str(folder / "source"),
        "REPRODUCE_FASHION_MNIST": str(folder / "named"),
        "TMPDIR": str(folder / "tmp"),
        "DVC_NO_ANALYTICS": "1",  # `dvc init` would leave a process behind that has work to do
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp" / "site"),
        "OMP_NUM_THREADS": "1",
    }


def enter(folder: Path) -> None:
    """Work in ``folder`` from now on: its environment, and the working folder. Programs import as this process does."""
    os.environ.update(variables(folder), PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = None  # read again from TMPDIR
    os.chdir(folder)


def renew(folder: Path, template: Path) -> None:
    """Make ``folder`` a fresh copy of ``template``."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder, symlinks=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file and folder below ``folder``: its bytes without clock times, or nothing for a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if not any(f"/{place}/".find(f"/{skipped}/") >= 0 for skipped in _NOT_COMPARED):
            found[place] = b"" if not path.is_file() else _CLEANED.get(path.name, bytes)(path.read_bytes())
    return found


def _cleaned_record(content: bytes) -> bytes:
    run = json.loads(content)
    for name in (*_CLOCKS, *_SESSIONS):
        run.pop(name, None)
    run.get("machine", {}).pop("load_average_at_start", None)
    return json.dumps(run).encode()


def _cleaned_history(content: bytes) -> bytes:
    lines = [line.split(",") for line in content.decode().splitlines()]
    clock = lines[0].index("seconds")
    return "\n".join(",".join(line[:clock] + line[clock + 1 :]) for line in lines).encode()


def _cleaned_lock(content: bytes) -> bytes:
    """Return DVC's record of stages without sums and sizes of run folders, which hold clock times."""
    stages = yaml.safe_load(content)["stages"]
    kept = {
        name: {part: [item["path"] for item in stage.get(part, [])] for part in ("deps", "outs")}
        | {"cmd": stage["cmd"]}
        for name, stage in stages.items()
    }
    return json.dumps(kept, sort_keys=True).encode()


_CLEANED: dict[str, Callable[[bytes], bytes]] = {
    "run.json": _cleaned_record,
    "history.csv": _cleaned_history,
    "dvc.lock": _cleaned_lock,
}
