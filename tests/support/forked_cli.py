"""The command line in another repository, called many times a second: one process imports it and forks for each call.

Run as a script, ``forked_cli.py ROOT``, this module reads calls from stdin, one line of JSON per call, and answers each
with its exit status. As a process of its own it can use ``ROOT`` as the repository's root and leave the tests' modules
as they are.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_A_CALL = 60  # a call that takes longer is killed, which shows as a status below 0


@dataclass(frozen=True)
class Done:
    """Exit status and what was printed; output that is no UTF-8 shows as question marks."""

    status: int
    out: str
    err: str


class ForkedCli:
    """Calls ``python -m reproduce`` in the repository at ``root``; ``outputs`` is a folder for what calls print."""

    def __init__(self, root: Path, outputs: Path) -> None:
        """Start the process that forks."""
        self._outputs = outputs
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def call(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Done:
        """Run one command with ``environment`` added to the usual one."""
        request = {"arguments": [*arguments], "environment": dict(environment or {}), "outputs": str(self._outputs)}
        print(json.dumps(request), file=self._server.stdin, flush=True)
        status = int(self._server.stdout.readline())
        out, err = ((self._outputs / name).read_text(errors="replace") for name in ("out", "err"))
        return Done(status, out, err)

    def close(self) -> None:
        """End the process."""
        self._server.stdin.close()
        self._server.wait()


def _serve(root: Path) -> None:
    _take_for_root(root)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _call(request)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _take_for_root(root: Path) -> None:
    """Name the project's folders below ``root`` before any other module asks for them, then import them all."""
    import reproduce
    from reproduce.base import paths

    real = paths.REPO_ROOT
    for name, value in vars(paths).items():
        if isinstance(value, Path):
            setattr(paths, name, root / value.relative_to(real))
    for module in pkgutil.walk_packages(reproduce.__path__, "reproduce."):
        if module.name != "reproduce.__main__":
            importlib.import_module(module.name)
    os.chdir(root)


def _call(request: Mapping) -> None:
    """Run one call as ``python -m reproduce`` does, in this forked process, and end the process."""
    from reproduce import cli

    signal.alarm(SECONDS_A_CALL)
    os.environ.update(request["environment"])
    for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
        handle = os.open(f"{request['outputs']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, stream.fileno())
    status = 1  # as of an exception that nobody catches
    try:
        status = cli.main(request["arguments"])
    except SystemExit as left:
        status = left.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status or 0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
