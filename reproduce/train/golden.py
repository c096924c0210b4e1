"""Checks and records golden files, which show whether a change of code changes results."""

import json
import sys
from pathlib import Path
from typing import Any

from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE, write_text
from reproduce.base.paths import relative_to_repo
from reproduce.base.progress import Progress
from reproduce.base.provenance import utc_now
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.golden_file import golden_path, read_golden
from reproduce.study.study import Study, load_study
from reproduce.study.variant import Variant
from reproduce.train.golden_features import FEATURE_TOLERANCES, feature_numerics
from reproduce.train.golden_numerics import differences, numerics, tolerances


def write_golden(path: Path, content: dict[str, Any]) -> None:
    """Write a golden file with one line per quantity, which holds its name and all its numbers."""
    write_text(path, _one_quantity_per_line(content) + "\n")


def _one_quantity_per_line(content: Any, indent: str = "") -> str:
    if not isinstance(content, dict):
        return json.dumps(content, ensure_ascii=False, allow_nan=False)
    inner = f"{indent} "
    lines = [
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_one_quantity_per_line(value, inner)}"
        for key, value in content.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def golden_variants(study: Study) -> list[str]:
    """Return the variants that need a golden file or have one.

    Raises:
        ReproduceError: the study has no golden files.
    """
    _refuse_studies_by_hand(study)
    return [name for name in study.variants if study.needs_golden_file(name) or golden_path(study, name).is_file()]


def _place(study: Study, variant: str) -> Path:
    """Return the path of a variant's golden file, whether or not it exists.

    Raises:
        ReproduceError: there is no such variant, or the study has no golden files.
    """
    study.variant(variant)
    _refuse_studies_by_hand(study)
    return golden_path(study, variant)


def _refuse_studies_by_hand(study: Study) -> None:
    if study.is_published_by_hand:
        raise ReproduceError(
            f"{study.study} has no golden files: its runs are published by hand, and each names in its run.json the "
            "source that it was made from; there is nothing to check or record"
        )


def _numerics_of(variant: Variant | FeatureVariant) -> dict[str, Any]:
    return feature_numerics(variant) if isinstance(variant, FeatureVariant) else numerics(variant)


def check_golden(study: Study, name: str) -> list[str]:
    """Return how the variant's present numerics differ from its golden file; empty when they agree.

    Raises:
        ReproduceError: there is no such variant, the study has no golden files, or the variant's file is missing.
    """
    path, variant = _place(study, name), study.variant(name)
    if not path.is_file():
        command = f'python -m reproduce golden record {study.study} {name} --reason "..."'
        raise ReproduceError(f"{relative_to_repo(path)} is missing; restore it with git or record it by `{command}`")
    recorded = read_golden(path)
    if recorded["config_sha256"] != variant.digest():
        return ["the configuration is not the one the golden file was recorded with"]
    allowed = FEATURE_TOLERANCES if isinstance(variant, FeatureVariant) else tolerances(variant)
    lacking = [f"{p} {part}" for p, parts in allowed.items() for part in parts if part not in recorded.get(p, {})]
    if lacking:
        raise ReproduceError(f"{relative_to_repo(path)} lacks {lacking[0]}; {RESTORE}")
    return differences(recorded, _numerics_of(variant), allowed)


def check_variants(study: Study, names: list[str]) -> None:
    """Check the golden files of several variants, and print every difference.

    Raises:
        ReproduceError: there are differences, or a file cannot be checked (see ``check_golden``).
    """
    problems = []
    with Progress(f"golden files of {study.study}", len(names), "variant") as progress:
        for name in names:
            problems += [f"{name}: {line}" for line in check_golden(study, name)]
            progress.update(1, name)
    for line in problems:
        print(line, file=sys.stderr)
    if problems:
        raise ReproduceError(
            f"{len(problems)} differences from {study.study}'s golden files; if they are meant, record them by "
            "`python -m reproduce golden record`"
        )


def record_golden(study_name: str, variant_name: str, reason: str) -> Path:
    """Record the variant's numerics anew, keeping the list of reasons; return the file.

    Raises:
        ReproduceError: there is no such variant, the study has no golden files, no reason is given, or the numerics
            still agree with the file within tolerance.
    """
    study = load_study(study_name)
    path = _place(study, variant_name)
    variant = study.variant(variant_name)
    if not reason.strip():
        raise ReproduceError("say why the numerics change: --reason is empty")
    reasons = []
    if path.is_file():
        if not check_golden(study, variant_name):
            raise ReproduceError(
                f"{relative_to_repo(path)} still holds within tolerance; recording it would rerun for nothing"
            )
        reasons = read_golden(path).get("reasons", [])
    content = {
        "variant": variant_name,
        "config_sha256": variant.digest(),
        "reasons": [*reasons, {"date": utc_now()[:10], "reason": reason}],
        **_numerics_of(variant),
    }
    write_golden(path, content)
    return path
