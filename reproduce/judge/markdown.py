"""The verdict table in Markdown, grouped by kind of answer."""

from collections.abc import Callable, Sequence

from reproduce.base.text import amount_words, figures, markdown_table, unit_words, verdict_words
from reproduce.judge import rules
from reproduce.judge.few_seeds import few_seeds_of_verdict
from reproduce.judge.measured import COMPARED
from reproduce.judge.verdicts import Verdict

_TARGETS = {"authors_log": "authors' log", "published": "published", "claimed": "claimed", "derived": "derived"}


def verdicts_markdown(verdicts: Sequence[Verdict]) -> str:
    """Return the page ``verdicts.md``: how many of each verdict, then the tables, in the claims' order."""
    counts = [(name, sum(verdict.verdict == name for verdict in verdicts)) for name in rules.VERDICTS]
    parts = ["# Verdicts\n", "Generated from the runs and `paper_notes/claims.yaml`; do not edit.\n"]
    parts.append(", ".join(f"{name}: {count}" for name, count in counts if count) + ".\n")
    if processors := sorted({name for verdict in verdicts for name in verdict.processors}):
        parts.append(f"Processors of the runs judged: {', '.join(processors)}.\n")
    arithmetic = {rules.TRUE, rules.FALSE}
    unmeasured = {*arithmetic, rules.SOURCE_CHECK, rules.NOT_RUN}
    parts += _section("Judged by runs", [v for v in verdicts if v.verdict not in unmeasured], _measured_row, _MEASURED)
    parts += _section("Arithmetic", [v for v in verdicts if v.verdict in arithmetic], _arithmetic_row, _ARITHMETIC)
    checked = [v for v in verdicts if v.source_check]
    parts += _section("Checked against the literature", checked, _checked_row, _CHECKED)
    parts += _section("Not run", [v for v in verdicts if v.verdict == rules.NOT_RUN], _not_run_row, _NOT_RUN)
    return "\n".join(parts)


def _section(title: str, verdicts: list[Verdict], row: Callable[[Verdict], list[str]], header: list[str]) -> list[str]:
    if not verdicts:
        return []
    return [f"## {title}\n", markdown_table(header, [row(verdict) for verdict in verdicts])]


_MEASURED = ["Claim", "Target", "Ours", "Data, scale, schedule, precision; the claim's protocol", "Verdict", "Why"]


def _measured_row(verdict: Verdict) -> list[str]:
    schedule = f"{verdict.schedule} schedule ({verdict.epochs} epoch{'' if verdict.epochs == '1' else 's'})"
    setting = ", ".join(filter(None, [verdict.dataset, f"{verdict.scale} scale", schedule, verdict.precision]))
    setting += f"; claimed for: {verdict.protocol}" if verdict.protocol else ""
    claim = f"`{verdict.claim_id}`: {verdict.statement} ({verdict.source})"
    words = verdict_words(verdict.verdict, verdict.negligible_within, verdict.unit)
    return [claim, _target(verdict), _ours(verdict), setting, f"**{words}**", verdict.why]


_ARITHMETIC = ["Claim", "Stated", "Derived", "By", "Verdict"]


def _arithmetic_row(verdict: Verdict) -> list[str]:
    derived = "-" if verdict.estimate is None else f"{verdict.estimate:,.10g}"
    stated = f"{verdict.target_value:,.10g} ({_TARGETS[verdict.target_kind]})"
    return [
        f"`{verdict.claim_id}`: {verdict.statement} ({verdict.source})",
        stated,
        derived,
        verdict.why,
        verdict.verdict,
    ]


_CHECKED = ["Claim", "Target", "Finding", "Why"]


def _checked_row(verdict: Verdict) -> list[str]:
    claim = f"`{verdict.claim_id}`: {verdict.statement} ({verdict.source})"
    return [claim, _target(verdict), f"**{verdict.source_check}**", verdict.source_check_why]


_NOT_RUN = ["Claim", "Target", "Why not", "Command"]


def _not_run_row(verdict: Verdict) -> list[str]:
    command = f"`{verdict.command}`" if verdict.command else "-"
    claim = f"`{verdict.claim_id}`: {verdict.statement} ({verdict.source})"
    return [claim, _target(verdict), verdict.why, command]


def _target(verdict: Verdict) -> str:
    if verdict.target_value is None:
        return "direction only" if verdict.kind in COMPARED else "-"
    value = amount_words(verdict.target_value, verdict.unit)
    if verdict.margin is not None and verdict.kind != "arithmetic":
        value += f" x/÷ {verdict.margin:g}" if verdict.kind == "ratio" else f" ± {verdict.margin:g}"
    value += f" ({_TARGETS[verdict.target_kind]})"
    if verdict.authors_log is not None and verdict.target_kind != "authors_log":
        value += f"; {amount_words(verdict.authors_log, verdict.unit)} (authors' log)"
    return value


def _ours(verdict: Verdict) -> str:
    if verdict.estimate is None:
        return "-"
    if few := few_seeds_of_verdict(verdict):
        return f"{figures(verdict.estimate)[0]}{unit_words(verdict.unit)} ({few})"
    counts = [*dict.fromkeys(verdict.n_by_arm)] or [verdict.n_seeds]
    seeds = f"{' and '.join(map(str, counts))} seed{'s' if counts != [1] else ''}"
    value, *ends = figures(*(end for end in (verdict.estimate, verdict.low, verdict.high) if end is not None))
    value += unit_words(verdict.unit)
    return f"{value} [{', '.join(ends)}], {seeds}" if ends else f"{value}, {seeds}"
