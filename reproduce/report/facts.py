"""Facts that the front page's tables are made of: numbers that may be cited, claims, and days of training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.report.records import Records
from reproduce.study.claims import Claim

Numbers = Mapping[str, Mapping[str, Any]]
"""Rows of ``results/numbers.json`` by id."""


@dataclass(frozen=True)
class Facts:
    """Rows of ``results/numbers.json`` by id, claims by id, and the table of training days."""

    numbers: Numbers
    claims: Mapping[str, Claim]
    training_days: pd.DataFrame

    def printed(self, claim_id: str, count: int) -> list[float]:
        """Return a claim's published figures, in the order of ``claims.yaml``.

        Raises:
            ReproduceError: there is no such claim, or the number of its published figures is not ``count``.
        """
        targets = self.claims[claim_id].targets if claim_id in self.claims else []
        values = [target.value for target in targets if target.kind == "published"]
        if len(values) != count:
            raise ReproduceError(
                f"the front page cites {count} published figures of claim {claim_id!r}, of which "
                f"paper_notes/claims.yaml has {len(values)}; restore it with git"
            )
        return values

    def row(self, number_id: str) -> Mapping[str, Any]:
        """Return a cited number's row.

        Raises:
            ReproduceError: ``results/numbers.json`` has no such id.
        """
        if number_id not in self.numbers:
            raise ReproduceError(
                f"the front page cites {number_id!r}, which results/numbers.json lacks; run `dvc repro`"
            )
        return self.numbers[number_id]


def facts_of(records: Records, numbers: Numbers, training_days: pd.DataFrame) -> Facts:
    """Return what the front page's tables are made of."""
    return Facts(numbers, {claim.id: claim for claim in records.claims}, training_days)
