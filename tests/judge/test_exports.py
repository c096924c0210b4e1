"""numbers.csv and numbers.tex say what numbers.json says."""

import csv
import re
import shutil
import subprocess

import pytest

from reproduce.base.paths import RESULTS
from reproduce.judge.exports import CSV_COLUMNS, as_csv, as_latex_text, as_tex
from reproduce.judge.few_seeds import few_seeds
from reproduce.judge.numbers import cited_number, read_file, read_numbers


@pytest.fixture(scope="module")
def rows():
    return read_numbers()


def macros(row):
    """Every macro that a number has."""
    wanted = []
    if row["value"] is not None:
        wanted += ["Number", "Value", *(["Low", "High"] if row["low"] is not None and not few_seeds(row) else [])]
        wanted += ["Unit"] if row["unit"] not in ("ratio", "count", None) else []
    wanted += ["Verdict"] if row.get("verdict") else []
    wanted += ["Claimed"] if row.get("target_value") is not None else []
    return [rf"\AlexNet{name}{{{row['id']}}}" for name in wanted]


def test_the_table_has_every_number_with_its_value(rows):
    with (RESULTS / "numbers.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["id"] for row in table] == list(rows)
    for line in table:
        row = rows[line["id"]]
        assert tuple(line) == CSV_COLUMNS
        assert line["value"] == ("" if row["value"] is None else str(row["value"]))
        assert line["git_commits"] == ";".join(row["git_commits"])


def test_both_files_are_those_of_the_committed_numbers(rows):
    head = read_file()
    assert (RESULTS / "numbers.csv").read_text() == as_csv(rows.values())
    assert (RESULTS / "numbers.tex").read_text() == as_tex(list(rows.values()), head["title"], head["version"])


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("25.67 % (95 % interval 25.40 to 25.93)", r"25.67~\% (95~\% interval 25.40 to 25.93)"),
        ("-0.26 points", "$-0.26$ points"),
        ("images_per_second", r"images\_per\_second"),
        ("no effect within 0.5 points", "no effect within 0.5 points"),
    ],
)
def test_text_is_made_safe_for_latex(text, latex):
    assert as_latex_text(text) == latex


def test_macros_are_balanced_and_define_what_each_number_has(rows):
    text = as_tex(list(rows.values()), "title", "1.0.0")
    defined = re.findall(r"^\\AlexNet@def\{(.+?)\}\{(\w+)\}\{(.*)\}$", text, re.MULTILINE)
    assert all(body.count("{") == body.count("}") for _, _, body in defined)
    by_id = {}
    for name, part, body in defined:
        by_id.setdefault(name, {})[part] = body
    for name, row in rows.items():
        wanted = {re.match(r"\\AlexNet(\w+)\{", macro)[1].lower() for macro in macros(row)}
        assert by_id.get(name, {}).keys() == wanted, name
        if row["value"] is not None:
            assert by_id[name]["number"] == as_latex_text(cited_number(row))


needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex (texlive-latex-base)")


def compiled(folder, body):
    (folder / "page.tex").write_text(
        rf"\documentclass{{article}}\input{{numbers}}\begin{{document}}{body}\end{{document}}" + "\n"
    )
    shutil.copy(RESULTS / "numbers.tex", folder)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@needs_latex
def test_every_macro_compiles_in_a_document(rows, tmp_path):
    body = "\n\n".join(" ".join(macros(row)) for row in rows.values())
    done = compiled(tmp_path, body)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 10000


@needs_latex
@pytest.mark.parametrize("macro", [r"\AlexNetValue{nothing-there}", r"\AlexNetValue{dropout-prevents-overfitting}"])
def test_a_number_that_is_not_there_stops_the_document(macro, tmp_path):
    done = compiled(tmp_path, macro)
    assert done.returncode != 0
    assert "Package numbers Error: There is no value of" in done.stdout
