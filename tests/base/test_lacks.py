"""A lack of memory or of a library in the midst of work is one line."""

import subprocess
import sys

import pytest
import torch

from reproduce.base.paths import REPO_ROOT
from reproduce.base.verbs import exit_status


def allocate_in_torch():
    torch.empty(2**50, dtype=torch.uint8)


def run_out_of_gpu_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def run_out_of_memory():
    raise MemoryError


def load():
    raise ImportError("libtorch_cpu.so: failed to map segment from shared object")


def import_what_is_missing():
    import no_such_library  # noqa: F401


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (allocate_in_torch, "not enough memory ("),
        (
            run_out_of_gpu_memory,
            "not enough memory (CUDA out of memory. Tried to allocate 2.00 GiB.); free or give more",
        ),
        (run_out_of_memory, "not enough memory; free or give more"),
        (load, "failed to map segment from shared object); give more memory"),
        (import_what_is_missing, f"the library no_such_library is missing in {sys.executable}; `make environment`"),
    ],
)
def test_a_lack_is_one_line_with_a_remedy(capsys, action, said):
    assert exit_status(action) == 2
    captured = capsys.readouterr().err
    assert captured.startswith("error: ") and captured.count("\n") == 1 and said in captured


def test_an_error_of_another_kind_keeps_its_traceback():
    def fail():
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        exit_status(fail)


def test_a_fault_of_our_own_imports_keeps_its_traceback():
    def fail():
        from reproduce.base.lacks import no_such_name  # noqa: F401

    with pytest.raises(ImportError, match="cannot import name 'no_such_name' from 'reproduce.base.lacks'"):
        exit_status(fail)


def test_an_interpreter_without_the_libraries_is_told_how_to_get_them():
    """As `python3 -m reproduce doctor` before the environment is made or entered."""
    command = [sys.executable, "-S", "-m", "reproduce", "doctor"]  # -S: without installed libraries
    done = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, env={"PATH": "/usr/bin"})
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "is missing in" in done.stderr and "`make environment`" in done.stderr
