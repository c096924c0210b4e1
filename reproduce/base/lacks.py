"""Messages for the exceptions of Python and torch that mean too little memory or a missing library."""

import sys

from reproduce.base.errors import one_line

_TORCH = ("can't allocate memory", "out of memory", "Cannot allocate memory")
"""Words in torch's messages about too little memory; on the CPU such an error has no type of its own."""

_LESS = "; --images-per-pass 32 trains a network in less, unless it normalizes over whole batches"


def lack_message(error: BaseException) -> str | None:
    """Return a message with the missing memory or library and the remedy; None for an exception of another cause."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "reproduce":
        return None  # our own fault
    if isinstance(error, ModuleNotFoundError):
        return f"the library {error.name} is missing in {sys.executable}; `make environment` makes .venv, which has it"
    if isinstance(error, ImportError):
        return f"a library cannot be loaded ({one_line(error)}); give more memory (ulimit -v) or run `make environment`"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(w in str(error) for w in _TORCH)):
        reason = f" ({one_line(error).partition(' Error code')[0]})" if str(error) else ""
        return f"there is not enough memory{reason}; free or give more{_LESS}"
    return None
