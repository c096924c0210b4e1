"""The type of a row of bad input, and the contents that rows put into files. The rows are in tests/bad_inputs."""

import csv
import functools
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

Change = Callable[[bytes], bytes | None] | bytes | None  # from the file's bytes; None removes the file


@dataclass(frozen=True)
class Row:
    """A command that must fail.

    Attributes:
        command: its words after ``python -m reproduce``.
        said: text that the one line of error must contain.
        files: by path below the repository's root: new bytes, a function that makes them from the old bytes, or one
            of the functions ``PLACED`` below, which put a folder, link, pipe or device in the file's place.
        environment: variables set for the command.
    """

    command: str
    said: str
    files: Mapping[str, Change] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        changed = [*(f"{name.split('/')[-1]}:{_name(change)}" for name, change in self.files.items())]
        changed += [f"{name}={value[:12]!a}" for name, value in self.environment.items()]
        return f"{self.command[:50]!a} {' '.join(changed)}"[:120]


def _name(change: Change) -> str:
    return str(change[:12]) if isinstance(change, bytes) else getattr(change, "__name__", str(change))


def folder(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")  # never ends


PLACED = (folder, link, loop, pipe, device)


def named(name: str) -> Callable[[Callable], Callable]:
    """Name the decorated change, as the test's id shows it."""

    def rename(change: Callable) -> Callable:
        change.__name__ = name
        return change

    return rename


def cut(old: bytes) -> bytes:
    return old[: len(old) // 2]


def latin(old: bytes) -> bytes:
    return old + b"\n# caf\xe9\n"


def utf16(old: bytes) -> bytes:
    return old.decode().encode("utf-16")


def edited(**changes: object) -> Change:
    """Change keys of a JSON file. ``a__b`` names the key b of the value of a, and the value ... removes a key."""

    @named(f"edited {changes}"[:40])
    def change(old: bytes) -> bytes:
        content = json.loads(old)
        _edit(content, changes)
        return json.dumps(content).encode()

    return change


def edited_yaml(**changes: object) -> Change:
    """Change keys of a YAML file as ``edited`` does."""

    @named(f"edited {changes}"[:40])
    def change(old: bytes) -> bytes:
        content, stream = YAML(typ="safe", pure=True).load(old.decode()), io.StringIO()
        _edit(content, changes)
        YAML(typ="safe", pure=True).dump(content, stream)
        return stream.getvalue().encode()

    return change


def _edit(content: object, changes: Mapping[str, object]) -> None:
    for place, value in changes.items():
        *within, last = [int(part) if part.isdecimal() else part for part in place.split("__")]
        inner = functools.reduce(lambda outer, key: outer[key], within, content)
        if value is ...:
            del inner[last]
        else:
            inner[last] = value


def cell(column: str, value: str) -> Change:
    """Put ``value`` into the first row's cell of a CSV file."""

    @named(f"{column}={value[:12]}")
    def change(old: bytes) -> bytes:
        rows = list(csv.reader(io.StringIO(old.decode())))
        rows[1][rows[0].index(column)] = value
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue().encode()

    return change


def without(column: str) -> Change:
    return named(f"without {column}")(lambda old: old.replace(column.encode(), b"other", 1))


def array(*values: object, **settings: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(*values, **settings), allow_pickle=True)
    return stream.getvalue()


def arrays(**named_arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **named_arrays)
    return stream.getvalue()


DEEP_YAML, DEEP_JSON = b"[" * 1_000, b'{"a":' * 100_000
BINARY = bytes(range(256))
PICKLE = array([{"a": 1}], dtype=object)
HUGE = "9" * 5_000
