"""Refuses claims, comparisons and designs that name an unknown study, variant or metric."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from reproduce.base.errors import ReproduceError, near_or_all
from reproduce.runs.estimands import known_estimands
from reproduce.study.claims import Claim
from reproduce.study.designs import study_and_variant
from reproduce.study.study import Study


@dataclass(frozen=True)
class Question:
    """A claim, comparison or design: its title in messages (``words``), and the names in it that are checked."""

    words: str
    study: str
    arms: Sequence[str]
    estimand: str | None


def check_names(claims: Sequence[Claim], studies: Sequence[Study], runs: pd.DataFrame) -> None:
    """Check that every study, variant and metric named by a claim, comparison or design exists.

    Args:
        claims: the claims to judge.
        studies: all studies.
        runs: the frame of ``table.read_runs`` for all studies.

    Raises:
        ReproduceError: a name is unknown; the message gives the known names most like it.
    """
    variants = {study.study: [*study.variants, *study.ensembles] for study in studies}
    estimands = known_estimands(runs)
    for question in _questions(claims, studies):
        for arm in [f"{question.study}/", *question.arms]:
            study, variant = study_and_variant(arm, question.study)
            if study not in variants:
                hint = near_or_all(study, variants)
                raise ReproduceError(f"experiments/ has no study {study!r}, which {question.words} names; {hint}")
            if variant and variant not in variants[study]:
                hint = near_or_all(variant, variants[study])
                raise ReproduceError(
                    f"study {study} has no variant or ensemble {variant!r}, which {question.words} names; {hint}"
                )
        if question.estimand and question.estimand not in estimands:
            hint = near_or_all(question.estimand, estimands)
            raise ReproduceError(
                f"the table of runs has no metric {question.estimand!r}, which {question.words} names; {hint}"
            )


def _questions(claims: Sequence[Claim], studies: Sequence[Study]) -> Iterator[Question]:
    for claim in claims:
        if claim.study:
            yield Question(f"claim {claim.id}", claim.study, claim.arms, claim.estimand)
    for study in studies:
        for design in (*study.comparisons, *study.factorials):
            yield Question(f"{design.id!r} of study {study.study}", study.study, design.arms, design.estimand)
