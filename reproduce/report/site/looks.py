"""Verdicts as the site shows them: each has a shape and a word, so that nobody needs to see its color."""

import re
from typing import Any

from reproduce.base.text import verdict_words
from reproduce.judge import rules

SHAPES = {
    rules.REPRODUCED: "\N{BLACK CIRCLE}",
    rules.DIRECTION: "\N{BLACK UP-POINTING TRIANGLE}",
    rules.DIRECTION_ONLY: "\N{WHITE UP-POINTING TRIANGLE}",
    rules.NO_EFFECT: "\N{BLACK SQUARE}",
    rules.INCONCLUSIVE: "\N{WHITE DIAMOND}",
    rules.NOT_REPRODUCED: "\N{MULTIPLICATION X}",
    rules.NOT_JUDGED: "\N{EN DASH}",
    rules.NOT_RUN: "\N{WHITE CIRCLE}",
    rules.TRUE: "\N{CHECK MARK}",
    rules.FALSE: "\N{BALLOT X}",
    rules.SOURCE_CHECK: "\N{PILCROW SIGN}",
}


def verdict_name(row: Any) -> str:
    """Return the word by which the table sorts and filters a row: a source check's finding, else the verdict."""
    return f"{row.verdict}: {row.source_check}" if row.verdict == rules.SOURCE_CHECK else row.verdict


def badge(verdict: str, words: str) -> str:
    """Return ``words`` as HTML styled as a verdict, after the verdict's shape, which screen readers skip."""
    kind = re.sub(r"\W+", "-", verdict)
    return f'<span class="verdict {kind}"><span aria-hidden="true">{SHAPES[verdict]}</span> <span>{words}</span></span>'


def verdict_badge(row: Any) -> str:
    """Return a row's verdict as HTML; "no effect" names its bound."""
    return badge(row.verdict, verdict_words(verdict_name(row), row.negligible_within, row.unit))
