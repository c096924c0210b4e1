"""The small repository in which bad inputs are tried, and the function that tries one."""

import shutil
import stat
from pathlib import Path

import pytest
from bad_input_rows import PLACED, Change, Row
from forked_cli import Done, ForkedCli
from small_repository import write_small_repository


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return write_small_repository(tmp_path_factory.mktemp("small") / "repository")


@pytest.fixture(scope="session")
def call(root, tmp_path_factory):
    """A function that runs a command line in the small repository, with a scratch folder of its own."""
    cli, scratch = ForkedCli(root, tmp_path_factory.mktemp("outputs")), tmp_path_factory.mktemp("scratch")

    def run(command: str, environment: dict[str, str]) -> Done:
        return cli.call(command.split(), {"REPRODUCE_SCRATCH": str(scratch)} | environment)

    yield run
    cli.close()


@pytest.fixture
def placed(root):
    """A function that puts something in a file's place until the test ends."""
    kept = []

    def place(name: str, change: Change) -> None:
        path, aside = root / name, root.parent / f"kept-{len(kept)}"
        kept.append((path, aside))
        path.rename(aside)
        if change in PLACED:
            change(path)
            return
        content = change(aside.read_bytes()) if callable(change) else change
        if content is not None:
            path.write_bytes(content)

    yield place
    for path, aside in reversed(kept):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        aside.rename(path)


@pytest.fixture
def refused(root, call, placed):
    """A function that tries a row: one line of error, status 2, no traceback, and no file made, changed or removed."""

    def check(row: Row) -> None:
        for name, change in row.files.items():
            placed(name, change)
        before = _state_of(root)
        done = call(row.command, dict(row.environment))
        assert "Traceback" not in done.err and done.status == 2, done.err
        line = done.err.removesuffix("\n")
        assert line.startswith("error: ") and "\n" not in line and len(line) < 1_500, done.err
        assert row.said in line
        assert _state_of(root) == before

    return check


def _state_of(root: Path) -> dict[str, tuple[int, int] | None]:
    """Return every file with its time and size, and every folder by its name alone."""
    states = {path: path.lstat() for path in root.rglob("*")}
    return {
        str(path.relative_to(root)): None if stat.S_ISDIR(state.st_mode) else (state.st_mtime_ns, state.st_size)
        for path, state in states.items()
    }
