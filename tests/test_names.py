"""One name, one meaning: module names, public functions, and the commands that messages tell people to run."""

import argparse
import ast
import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

import reproduce
from reproduce.base.paths import REPO_ROOT
from reproduce.cli import build_parser

PACKAGE = Path(reproduce.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
# One question asked of different things: a data set's download, a study's curves, a folder of statistics.
SAME_MEANING = {"fetch_official", "load_curves", "statistics_folder"}
COMMAND = re.compile(r"`((?:python -m reproduce|dvc|make) [^`]*)`")


def texts(path: Path) -> list[str]:
    """Return every string of a module, with ``x`` for each value that is filled in."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def commands_named() -> list[tuple[str, str]]:
    named = {(command, path.name) for path in MODULES for text in texts(path) for command in COMMAND.findall(text)}
    return sorted(named)


def options_of(verb: str) -> set[str]:
    (verbs,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert verb in verbs.choices, verb
    return {option for action in verbs.choices[verb]._actions for option in action.option_strings}


def problem(command: str) -> str | None:
    """Return what of a command does not exist, or None."""
    words = shlex.split(command)
    if words[0] == "make":
        return None if re.search(f"^{words[1]}:", (REPO_ROOT / "Makefile").read_text(), re.MULTILINE) else words[1]
    if words[0] == "dvc":
        stages = yaml.safe_load((REPO_ROOT / "dvc.yaml").read_text())["stages"]
        targets = [word for word in words[2:] if not word.startswith("-") and not word.endswith(("dvc.yaml", "x"))]
        unknown = [target for target in targets if target not in stages]
        return None if words[1] in {"repro", "commit", "status"} and not unknown else f"{words[1]} {unknown}"
    options = {word.partition("=")[0] for word in words[4:] if word.startswith("--")}
    return ", ".join(options - options_of(words[3])) or None


@pytest.mark.parametrize(("command", "module"), commands_named())
def test_a_command_that_a_message_names_exists(command, module):
    assert problem(command) is None


def test_commands_are_found_and_wrong_ones_are_seen():
    assert len(commands_named()) > 15
    assert problem("make nothing") == "nothing"
    assert problem("python -m reproduce train x --hours 3") == "--hours"
    assert "nowhere" in problem("dvc repro nowhere")
    with pytest.raises(AssertionError, match="mend"):
        problem("python -m reproduce mend")


def test_no_two_modules_have_one_name():
    """A newcomer finds a thing by guessing its file; ``run`` is the entry of whatever package it stands in."""
    places = defaultdict(list)
    for path in MODULES:
        places[path.stem].append(path.relative_to(PACKAGE).as_posix())
    assert [found for name, found in places.items() if len(found) > 1 and name not in {"__init__", "run"}] == []


def test_no_two_public_functions_have_one_name():
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(PACKAGE).as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SAME_MEANING} == {}
