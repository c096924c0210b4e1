"""Compiles kernels.c on first use and calls it on CPU tensors; where there is no compiler, callers fall back to torch.

The library is built by the machine's own C compiler for its own processor, kept in the scratch folder under a name
made of the source, the compiler's version and the processor, and loaded with ctypes. It shares torch's OpenMP threads
(both link libgomp.so.1). ``REPRODUCE_KERNELS=0`` turns the kernels off.
"""

import contextlib
import ctypes
import errno
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from reproduce.base.environment import KERNELS_VARIABLE
from reproduce.base.errors import ReproduceError
from reproduce.base.files import atomic_path
from reproduce.base.hardware import processor_flags
from reproduce.base.paths import SCRATCH_VARIABLE, scratch_folder
from reproduce.base.temporaries import TemporaryFolder, clear_abandoned

_FLAGS = (
    "-O2",
    "-ftree-vectorize",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp",
    "-shared",
    "-fPIC",
)
_X86_FLAGS = ("-mprefer-vector-width=512",)  # wide registers pay here; other processors do not know the flag
_WORKSHOP = ".build-"  # prefix of the names of folders in which a compiler works
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_SUFFIXES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
MAX_MAPS = 2000  # TILE - MAX_WINDOW of kernels.c, rounded down
MAX_WINDOW_ACROSS_MAPS = 33
MAX_POOLING_WINDOW = 15
MAX_DEPTHWISE_SIDE = 64  # pixels; more would exceed MAX_ROW of kernels_depthwise.h
VECTOR_MAPS = 16  # MAPS there
BATCH_NORM_CHUNK = 128  # pixels; CHUNK of kernels_batch_norm_typed.h


def _flags() -> tuple[str, ...]:
    return _FLAGS + (_X86_FLAGS if platform.machine() == "x86_64" else ())


def _build(compiler: str) -> Path:
    folder = Path(__file__).resolve().parent
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, encoding="utf-8", errors="replace", check=True
    ).stdout
    processor = " ".join(processor_flags()) or platform.processor()  # -march=native may not run on another one
    digest = hashlib.sha256("\0".join((version, processor, *_flags())).encode())
    for source in sorted(folder.glob("kernels*.[ch]")):
        digest.update(source.read_bytes())
    library = scratch_folder() / "kernels" / f"kernels-{digest.hexdigest()[:16]}.so"
    clear_abandoned(library.parent, _WORKSHOP)
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        # The compiler writes only into this folder, so nothing is left even where it outlives a killed process.
        with TemporaryFolder(_WORKSHOP, library.parent) as workshop:
            built = Path(workshop) / library.name
            command = [compiler, *_flags(), str(folder / "kernels.c"), "-o", str(built), "-lm"]
            environment = os.environ | {"TMPDIR": workshop, "LC_ALL": "C"}
            subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace", check=True, env=environment
            )
            with atomic_path(library) as temporary:
                shutil.copyfile(built, temporary)
    return library


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the compiled kernels, or None where they are turned off or cannot be built (reported once on stderr).

    Raises:
        ReproduceError: the disk is full. Going on without the kernels would turn a run of days into one of weeks.
    """
    if os.environ.get(KERNELS_VARIABLE) == "0":
        return None
    compiler = shutil.which(os.environ.get("CC") or "gcc") or shutil.which("cc")
    if compiler is None:
        print("no C compiler: using slower torch operations", file=sys.stderr)
        return None
    try:
        return ctypes.CDLL(str(_build(compiler)))
    except (subprocess.CalledProcessError, OSError, ReproduceError) as error:
        said = getattr(error, "stderr", None) or str(error)
        if any(os.strerror(number) in said for number in _NO_ROOM):
            raise ReproduceError(
                f"no room to build the C kernels in {scratch_folder()}; free space, set {SCRATCH_VARIABLE} to another "
                f"folder, or set {KERNELS_VARIABLE}=0 to train without them, more slowly"
            ) from error
        if isinstance(error, OSError) and error.filename:  # errors of the loader name no file and say enough
            said = f"{error.filename}: {error.strerror}; set {SCRATCH_VARIABLE} to a writable folder"
        reason = said.strip().splitlines()[0]
        print(f"the C kernels could not be built ({reason}): using slower torch operations", file=sys.stderr)
        return None


@contextlib.contextmanager
def turned_off() -> Iterator[None]:
    """Use plain torch operations inside the block, as ``REPRODUCE_KERNELS=0`` does."""
    before = os.environ.get(KERNELS_VARIABLE)
    os.environ[KERNELS_VARIABLE] = "0"
    library.cache_clear()
    try:
        yield
    finally:
        del os.environ[KERNELS_VARIABLE]
        if before is not None:
            os.environ[KERNELS_VARIABLE] = before
        library.cache_clear()


def usable(x: torch.Tensor) -> bool:
    """Return whether the kernels can take ``x``: on a CPU, float32 or bfloat16, library built."""
    return x.device.type == "cpu" and x.dtype in _SUFFIXES and library() is not None


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """Return ``x`` (N, C, H, W) dense with maps innermost, as every kernel reads it."""
    return x.contiguous(memory_format=torch.channels_last)


def call(name: str, dtype: torch.dtype, *arguments: torch.Tensor | int | float) -> None:
    """Call kernel ``name`` for ``dtype``; tensors go as pointers, int as long, float as C float.

    Raises:
        RuntimeError: there is no library, or autograd is to differentiate the call, whose results it cannot trace.
    """
    loaded = library()
    if loaded is None:
        raise RuntimeError("call() needs the library; ask usable() first")
    tensors = [argument for argument in arguments if isinstance(argument, torch.Tensor)]
    # In a Function's backward pass autograd is on only where a gradient of the gradient is asked for.
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        raise RuntimeError(f"{name} has no second gradient; set {KERNELS_VARIABLE}=0 to use torch operations")
    converted = [
        ctypes.c_void_p(argument.data_ptr())
        if isinstance(argument, torch.Tensor)
        else ctypes.c_float(argument)
        if isinstance(argument, float)
        else ctypes.c_long(argument)
        for argument in arguments
    ]
    getattr(loaded, f"{name}_{_SUFFIXES[dtype]}")(*converted)
