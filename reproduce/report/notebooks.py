"""Executing a notebook so that the same inputs give the same bytes, in this interpreter, from the repository's root."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from traitlets import Type
from traitlets.config import Config

from reproduce.base.errors import ReproduceError
from reproduce.base.files import reading, write_text
from reproduce.base.paths import REPO_ROOT, relative_to_repo
from reproduce.base.temporaries import TemporaryFolder

CELL_TIMEOUT_SECONDS = 300
_LONGEST_SOCKET_FOLDER = 70  # bytes; the whole address of a socket has at most 107

# The metadata that a notebook viewer needs. What differs between machines is left out, such as Python's patch version.
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


class _RunningInterpreter(KernelSpecManager):
    """Finds the running interpreter under every kernel name, even if the user has registered another "python3"."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


class RunningInterpreterKernel(AsyncKernelManager):
    kernel_spec_manager_class = Type(_RunningInterpreter)

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return _RunningInterpreter(parent=self)


def execute_notebook(source: Path, target: Path) -> None:
    """Run every cell of ``source`` and write the executed notebook to ``target``, whole or not at all.

    The kernel is this interpreter, started in the repository's root with the user's IPython profile left out. Output
    metadata that changes between runs or machines is removed. What cells write to stderr is printed, not stored.

    Raises:
        ReproduceError: the source is missing or no notebook, a cell fails or runs too long (with its number and the
            error), or the target cannot be written.
    """
    notebook = read_notebook(source)
    with TemporaryFolder("reproduce-notebook-", _socket_folder()) as folder, _memory_file() as said:
        environment = os.environ | {"IPYTHONDIR": folder, "PYTHONHASHSEED": "0", "MPLBACKEND": "agg"}
        client = _client(notebook, Path(folder))
        try:
            client.execute(env=environment, stderr=said)
        except CellExecutionError as error:
            problem = f"{error.ename}: {' '.join(str(error.evalue).split())}"
            raise _failure(source, client, problem) from None
        except (CellTimeoutError, RuntimeError) as error:  # jupyter's word for a kernel that died or never started
            problem = ": ".join([str(error).splitlines()[0], *_lines(said)[-1:]])
            raise _failure(source, client, problem) from None
        sys.stderr.writelines(f"{line}\n" for line in _lines(said))
    write_text(target, nbformat.writes(normalized(notebook)) + "\n")


def _memory_file() -> BinaryIO:
    """Return an open file in memory for the kernel's own stderr, so that a full disk does not matter."""
    return os.fdopen(os.memfd_create("stderr"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


def _lines(said: BinaryIO) -> list[str]:
    said.seek(0)
    return said.read().decode(errors="replace").splitlines()


def _socket_folder() -> Path:
    """Return the folder for temporary files, or /tmp where that folder's name is too long for a socket's address."""
    usual = tempfile.gettempdir()
    return Path(usual if len(os.fsencode(usual)) <= _LONGEST_SOCKET_FOLDER else "/tmp")


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook and check it against nbformat 4.

    Raises:
        ReproduceError: the file is missing or is no valid notebook.
    """
    with reading(path):
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    return notebook


def normalized(notebook: NotebookNode) -> NotebookNode:
    """Strip what differs between equal runs: widget state, timing, stderr (passed on), the kernel's own version."""
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _passed_on(output)]
    return notebook


class _Client(NotebookClient):
    """A notebook client that remembers the index of the running cell (0 before the first)."""

    running = 0

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, **settings: Any) -> NotebookNode:
        self.running = cell_index
        return await super().async_execute_cell(cell, cell_index, **settings)


def _client(notebook: NotebookNode, folder: Path) -> _Client:
    # Sockets in our own folder: no other user can talk to the kernel, and the home folder may be read-only.
    sockets = {"transport": "ipc", "connection_file": str(folder / "kernel.json")}
    return _Client(
        notebook,
        kernel_name="python3",
        kernel_manager_class=RunningInterpreterKernel,
        config=Config({RunningInterpreterKernel.__name__: sockets}),
        resources={"metadata": {"path": str(REPO_ROOT)}},  # the kernel's working folder
        record_timing=False,
        timeout=CELL_TIMEOUT_SECONDS,
        shell_timeout_interval=1,  # seconds between checks that the kernel still lives
    )


def _passed_on(output: NotebookNode) -> bool:
    if output.get("name") != "stderr":
        return False
    print(output.text, end="", file=sys.stderr)
    return True


def _failure(source: Path, client: _Client, problem: str) -> ReproduceError:
    place = f"cell {client.running + 1} ({client.nb.cells[client.running].id})"
    return ReproduceError(f"{relative_to_repo(source)}, {place}: {problem}; run the notebook to see the whole error")
