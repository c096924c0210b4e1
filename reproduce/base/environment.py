"""Checking the environment variables that people set for this project, before anything reads one of them."""

import os
from collections.abc import Collection
from pathlib import Path

from reproduce.base.errors import ReproduceError, near_or_all, shortened

PREFIX = "REPRODUCE_"
KERNELS_VARIABLE = "REPRODUCE_KERNELS"  # 0 turns the compiled kernels off


def check_variables(folders: Collection[str], switches: Collection[str]) -> None:
    """Check every variable of this project that is set.

    Args:
        folders: the variables that name a folder, which need not exist yet.
        switches: the variables that are 0 or 1.

    Raises:
        ReproduceError: a name with our prefix is unknown, a folder's path is relative or cannot be reached, or a switch
            is neither 0 nor 1.
    """
    known = sorted([*folders, *switches])
    for name, value in os.environ.items():
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            raise ReproduceError(
                f"no setting is named {shortened(name)}; {near_or_all(name, known, 'the settings are')} (or unset it)"
            )
        if name in folders:
            _check_folder(name, value)
        elif value not in ("", "0", "1"):
            raise ReproduceError(f"{name} is {shortened(value)}, neither 0 nor 1; set it to 0 or 1, or unset it")


def _check_folder(name: str, value: str) -> None:
    if not value:
        return
    try:
        folder = Path(value).expanduser()
        if not folder.is_absolute():  # DVC starts a stage in its study's folder, where the path would mean another one
            raise ReproduceError(f"{name} is {shortened(value)}, a relative path; set it to a path that begins with /")
        folder.stat()
    except FileNotFoundError:
        pass  # the folder is made when it is first written
    except (OSError, RuntimeError) as error:  # RuntimeError: the home folder of an unknown user (~name)
        reason = getattr(error, "strerror", None) or error
        raise ReproduceError(f"{name} names {shortened(value)}: {reason}; set it to a folder, or unset it") from error
