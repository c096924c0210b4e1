"""``numbers.csv`` and ``numbers.tex``: the rows of ``numbers.json`` for spreadsheets and for LaTeX."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from reproduce.base.text import unit_words
from reproduce.judge.bibliography import latex
from reproduce.judge.numbers import Row, cited_number, shown_values

_COLUMNS = (
    "id kind statement quantity value low high std unit method few_seeds n_seeds arms seeds_by_arm epochs_by_arm "
    "full_epochs_by_arm dataset scale schedule protocol verdict why finding finding_why target_value target_kind "
    "margin source sources caveat n_images git_commits precision hardware date"
)
CSV_COLUMNS = tuple(_COLUMNS.split())
"""Columns of ``numbers.csv``."""

_TEX_HEAD = r"""% Numbers of {title}, version {version}. Made by `python -m reproduce collect`; do not edit.
% In a LaTeX document: \input{{numbers}}, then by the id of a number
%   \AlexNetNumber{{small-lrn-top1}}  value, unit, interval and seeds
%   \AlexNetValue, \AlexNetLow, \AlexNetHigh, \AlexNetUnit, \AlexNetVerdict, \AlexNetClaimed (the figure claimed)
% An unknown id, or a part that the number does not have, stops the document with an error.
\makeatletter
\newcommand*\AlexNet@get[2]{{\ifcsname alexnet@#2@#1\endcsname\csname alexnet@#2@#1\endcsname\else
  \PackageError{{numbers}}{{There is no #1 of \detokenize{{#2}}}}{{Ids: python -m reproduce cite --list}}\fi}}
\newcommand*\AlexNetNumber[1]{{\AlexNet@get{{number}}{{#1}}}}
\newcommand*\AlexNetValue[1]{{\AlexNet@get{{value}}{{#1}}}}
\newcommand*\AlexNetLow[1]{{\AlexNet@get{{low}}{{#1}}}}
\newcommand*\AlexNetHigh[1]{{\AlexNet@get{{high}}{{#1}}}}
\newcommand*\AlexNetUnit[1]{{\AlexNet@get{{unit}}{{#1}}}}
\newcommand*\AlexNetVerdict[1]{{\AlexNet@get{{verdict}}{{#1}}}}
\newcommand*\AlexNetClaimed[1]{{\AlexNet@get{{claimed}}{{#1}}}}
\newcommand*\AlexNet@def[3]{{\@namedef{{alexnet@#1@#2}}{{#3}}}}
"""


def as_csv(rows: Iterable[Row]) -> str:
    """Return rows as CSV: one row per number, lists joined by ``;``, empty for missing. Runs are in numbers.json."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows([_cell(_flat(row).get(name)) for name in CSV_COLUMNS] for row in rows)
    return stream.getvalue()


def _flat(row: Row) -> dict[str, Any]:
    arms = row.get("arms") or []
    by_arm = {f"{name}_by_arm": [arm[name] for arm in arms] for name in ("seeds", "epochs", "full_epochs")}
    return {**row, "arms": [arm["variant"] for arm in arms], **by_arm}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(map(_cell, value))
    return "" if value is None else str(value)


def as_tex(rows: Sequence[Row], title: str, version: str) -> str:
    """Return LaTeX that defines the macros and every number."""
    lines = [
        rf"\AlexNet@def{{{row['id']}}}{{{part}}}{{{text}}}"
        for row in rows
        for part, text in _parts(row).items()
        if text
    ]
    return _TEX_HEAD.format(title=title, version=version) + "\n".join(lines) + "\n\\makeatother\n"


def _parts(row: Row) -> dict[str, str]:
    """Return the texts of a number's macros, ready for LaTeX."""
    parts = {"verdict": latex(row.get("finding") or row.get("verdict") or "")}
    if row["value"] is not None:
        names = ("value", "low", "high")
        parts |= {name: _minus(text) for name, text in zip(names, shown_values(row), strict=False)}
        parts |= {"unit": latex(unit_words(row["unit"]).strip()), "number": as_latex_text(cited_number(row))}
    if row.get("target_value") is not None:
        parts["claimed"] = as_latex_text(f"{row['target_value']:.10g}{unit_words(row['unit'])}")
    return parts


def as_latex_text(text: str) -> str:
    """Return words and numbers for LaTeX: escaped, percent signs tied to their numbers, minus signs in math."""
    return " ".join(_minus(word) for word in latex(text).replace(r" \%", r"~\%").split(" "))


def _minus(text: str) -> str:
    return f"${text}$" if text.startswith("-") else text
