"""Golden files: each records the numerics of one variant.

A published run depends on its variant's golden file instead of on the source code, so a refactoring reruns nothing. A
run records the digest of the file's content, so the file's layout may change.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from reproduce.base.files import RESTORE, read_json
from reproduce.base.paths import relative_to_repo
from reproduce.base.validation import Strict, validated
from reproduce.study.study import Study


def golden_path(study: Study, variant: str) -> Path:
    """Return the golden file of a variant."""
    return study.folder / "golden" / f"{variant}.json"


class _Form(Strict):
    """A golden file: numbers by precision, part and quantity."""

    variant: str = ""
    config_sha256: str
    reasons: list[dict[str, str]] = []
    fp32: dict[str, dict[str, list[float]]] = {}
    bf16: dict[str, dict[str, list[float]]] = {}


def read_golden(path: Path) -> dict[str, Any]:
    """Return a golden file's content, checked to name the digest of a configuration.

    The recorded numerics may be missing, since only ``check_golden`` needs them.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    content = read_json(path)
    validated(_Form, content, relative_to_repo(path), RESTORE)
    return content


def golden_digest(path: Path) -> str:
    """Return the SHA-256 of a golden file's content, the same in every layout.

    The content is hashed with one number per line, the layout of the first golden files, so that the digests in the
    first runs' records stay true.

    Raises:
        ReproduceError: the file is missing or is not JSON.
    """
    spread = json.dumps(read_json(path), indent=1, ensure_ascii=False) + "\n"
    return hashlib.sha256(spread.encode()).hexdigest()
