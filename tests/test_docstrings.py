"""Docstrings name their subject: none begins with a question word, and rows are counted with "per"."""

import ast
import re

import pytest

from reproduce.base.paths import REPO_ROOT

QUESTION_WORDS = re.compile(r"(What|How|Which|Whether)\b")
COUNTED = r"(?:row|line|panel|dot|column|file|value|order)"
PER = re.compile(rf"\b(?:a|one) {COUNTED} an? (?:row|seed|run|arm|epoch|claim|variant|net|unit|layer|machine|study)\b")


def faults(source):
    """Return the docstrings of a module that break a rule, each with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            continue
        docstring = ast.get_docstring(node) or ""
        if QUESTION_WORDS.match(docstring) or PER.search(docstring):
            found.append((getattr(node, "lineno", 1), docstring.partition("\n")[0]))
    return found


@pytest.mark.parametrize("docstring", ["What is read.", "Return a row a run.", "Draw it, one panel an arm."])
def test_a_fault_is_found(docstring):
    assert faults(f'def f():\n    """{docstring}"""\n') == [(1, docstring)]


def test_one_row_per_run_is_no_fault():
    assert faults('"""Return one row per run, and a row at a time."""\n') == []


@pytest.mark.parametrize("folder", ["reproduce", "tests", "paper_notes"])
def test_every_docstring_follows_the_rules(folder):
    wrong = {
        f"{path.relative_to(REPO_ROOT)}:{line}": first
        for path in sorted((REPO_ROOT / folder).rglob("*.py"))
        for line, first in faults(path.read_text(encoding="utf-8"))
    }
    assert wrong == {}
