"""Numbers, units, verdicts and tables as readers see them: in figures, pages, notebooks and generated sentences."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

_UNITS = {"percent": " %", "percentage_points": " points", "ratio": "", "count": "", None: ""}
_BOUNDED_VERDICT = "no effect"  # says nothing without the bound that was fixed for it
_LETTERS_PER_LINE = 130
_HEADINGS = {"_percent": ", %", "_points": ", points", "_millions": ", millions", "_px": ", px"}


def fixed(value: float, decimals: int) -> str:
    """Return a number to ``decimals`` decimals; a half in its own digits is rounded away from zero: 18.685 to 18.69."""
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{rounded + 0:f}"  # a zero loses its sign


def figures(*values: float) -> list[str]:
    """Return numbers that stand together, all to the same number of decimals.

    They get two decimals. Where all are smaller than a tenth, they get enough to show two digits of the largest.
    """
    largest = max(map(abs, values))
    decimals = 2 if largest == 0 or largest >= 0.1 else 1 - math.floor(math.log10(largest))
    return [fixed(value, decimals) for value in values]


def format_number(value: float, decimals: int = 2) -> str:
    """Return a number as figures and pages print it: ``fixed``, a true minus sign, ``-`` for a missing value."""
    if pd.isna(value):
        return "-"
    return fixed(value, decimals).replace("-", "\N{MINUS SIGN}")


def p_value_words(p_value: float) -> str:
    """Return a p value to two digits, or to four decimals where two digits would read 0.05; ``-`` for a missing one."""
    if pd.isna(p_value):
        return "-"
    text = f"{p_value:.2g}"
    return f"{p_value:.4f}" if float(text) == 0.05 else text


def operations_words(operations: float) -> str:
    """Return a number of operations to two digits, as "1.3e15"."""
    return f"{operations:.1e}".replace("e+", "e")


def days_words(days: float) -> str:
    """Return a time in days to two digits; in hours below two days, and in minutes below two hours."""
    for amount, unit in ((days, "days"), (24 * days, "h")):
        if amount >= 2:
            return f"{float(f'{amount:.2g}'):g} {unit}"
    return f"{float(f'{1440 * days:.2g}'):g} min"


def with_interval(
    value: float,
    low: float | None,
    high: float | None,
    decimals: int = 2,
    unit: str = "",
    confidence_percent: float | None = None,
) -> str:
    """Return a number with its unit and, where it has one, its interval: ``3.97 (3.60 to 4.38)``.

    A confidence other than 95 % is named with the interval: ``0.98 (0.47 to 1.50, at 97.5 %)``.
    """
    text = f"{format_number(value, decimals)}{unit}"
    if pd.isna(low):
        return text
    is_usual = pd.isna(confidence_percent) or confidence_percent == 95
    level = "" if is_usual else f", at {confidence_percent:g} %"
    return f"{text} ({format_number(low, decimals)} to {format_number(high, decimals)}{level})"


def wrapped(text: str) -> str:
    """Return a paragraph in lines of the width of the pages."""
    return "\n".join(textwrap.wrap(text, _LETTERS_PER_LINE, break_on_hyphens=False, break_long_words=False))


def unit_words(unit: str | None) -> str:
    """Return a unit as it is written after a number, with the space between them."""
    return _UNITS[unit] if unit in _UNITS else f" {unit.replace('_', ' ')}"


def amount_words(value: float, unit: str | None) -> str:
    """Return a stated value with its unit, in the singular for one: "2 points", "1 point", "60,965,224 parameters"."""
    words = unit_words(unit)
    return f"{value:,.10g}{words.removesuffix('s') if value == 1 else words}"


def verdict_words(verdict: str, negligible_within: float | None, unit: str | None) -> str:
    """Return a verdict as readers see it; "no effect" is followed by the bound that was fixed for it."""
    return f"{verdict} within {negligible_within:g}{unit_words(unit)}" if verdict == _BOUNDED_VERDICT else verdict


def plain_name(processor: str) -> str:
    """Return a processor's name without (R), (TM) and the word processor."""
    for noise in ("(R)", "(TM)", " Processor"):
        processor = processor.replace(noise, "")
    return " ".join(processor.split())


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right_aligned: Sequence[int] = ()) -> str:
    """Return a Markdown table; a ``|`` or line break inside a cell is made harmless.

    ``right_aligned`` holds the places of the columns that are aligned on the right.
    """
    rule = ["---:" if place in right_aligned else "---" for place in range(len(header))]
    cells = ([" ".join(str(cell).split()).replace("|", "\\|") for cell in line] for line in [header, rule, *rows])
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)


def frame_as_markdown(frame: pd.DataFrame, decimals: dict[str, int] | None = None) -> str:
    """Return a frame as a Markdown table: floats with ``decimals`` per column (2 unless named), booleans as yes / no.

    A missing value is a hyphen; ``top5_error_percent`` is headed "top-5 error, %".
    """
    columns = [_as_text(frame[name], (decimals or {}).get(name, 2)) for name in frame.columns]
    numbers = [place for place, name in enumerate(frame.columns) if pd.api.types.is_float_dtype(frame[name])]
    header = [heading(name) for name in frame.columns]
    return markdown_table(header, zip(*columns, strict=True), numbers).rstrip("\n")


def heading(name: str) -> str:
    """Return a column's name as readers see it: ``top5_error_percent`` as "top-5 error, %"."""
    for ending, words in _HEADINGS.items():
        name = name.removesuffix(ending) + words if name.endswith(ending) else name
    return name.replace("top1", "top-1").replace("top5", "top-5").replace("_", " ")


def _as_text(column: pd.Series, decimals: int) -> list[str]:
    if pd.api.types.is_bool_dtype(column):
        return ["-" if pd.isna(value) else "yes" if value else "no" for value in column]
    if pd.api.types.is_float_dtype(column):
        return [format_number(value, decimals) for value in column]
    return ["-" if pd.isna(value) else str(value) for value in column]
