"""The deviations that bear on a claim, from the table in ``paper_notes``."""

import re
from dataclasses import dataclass
from typing import Any

from reproduce.base.files import reading
from reproduce.base.paths import EXPERIMENTS, PAPER_NOTES
from reproduce.study.claims import Claim

_DEVIATION = re.compile(r"\bD\d+\b")


@dataclass(frozen=True)
class Notes:
    """Rows of the table of deviations by id, each with ``question`` and ``here``."""

    deviations: dict[str, dict[str, str]]

    def deviations_of(self, claim: Claim) -> list[dict[str, Any]]:
        """Return the deviations that the claim names, then the others that its study's configuration names.

        Raises:
            ReproduceError: the study's configuration cannot be read.
        """
        own = self._named(f"{claim.protocol} {claim.margin_why}")
        rows = [{"id": name, "named_by": "named by the claim", **self.deviations[name]} for name in own]
        if claim.study is None:
            return rows
        path = EXPERIMENTS / claim.study / "study.yaml"
        with reading(path):
            further = [name for name in self._named(path.read_text(encoding="utf-8")) if name not in own]
        return rows + [{"id": name, "named_by": "of the study", **self.deviations[name]} for name in further]

    def _named(self, text: str) -> list[str]:
        found = set(_DEVIATION.findall(text)) & self.deviations.keys()
        return sorted(found, key=lambda name: int(name[1:]))


def load_notes() -> Notes:
    """Read the table of deviations.

    Raises:
        ReproduceError: a page is missing or has no such table.
    """
    page = PAPER_NOTES / "deviations.md"
    with reading(page):
        lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        header = next(row for row in rows if row[0] == "id")
        named = [dict(zip(header, row, strict=True)) for row in rows if _DEVIATION.fullmatch(row[0])]
        deviations = {row["id"]: {"question": row["question"], "here": row["here"]} for row in named}
    return Notes(deviations)
