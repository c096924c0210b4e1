"""The rooms of the package and the direction of their imports: an arrow points down the list only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import reproduce

PACKAGE = Path(reproduce.__file__).parent
# From the ground up. Nothing imports a room that stands after its own.
ROOMS = (
    *("base", "models", "data", "study", "features", "evaluate", "runs", "train", "judge", "speed", "report"),
    *("cli", "__main__"),
)


def imported_rooms(source: str) -> set[str]:
    """Return the rooms that a module imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("reproduce.")}


def modules():
    """Return every module of the package with its room."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(path.relative_to(PACKAGE), path) for path in paths if path.parent != PACKAGE or path.stem != "__init__"]


def test_what_counts_as_an_import():
    source = "import reproduce\nimport reproduce.base.files\ndef f():\n    from reproduce.runs import places\n"
    assert imported_rooms(source + "from reproduce import cli\nfrom os import path\n") == {"base", "runs", "cli"}


def test_every_module_stands_in_a_room():
    rooms = {place.parts[0].removesuffix(".py") for place, _ in modules()}
    assert rooms == set(ROOMS)
    assert {place.parts[0] for place, _ in modules() if len(place.parts) == 1} == {"cli.py", "__main__.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down_the_list(room):
    below = set(ROOMS[: ROOMS.index(room) + 1])
    wrong = [
        f"{place.as_posix()} imports {', '.join(sorted(upward))}"
        for place, path in modules()
        if place.parts[0].removesuffix(".py") == room
        and (upward := imported_rooms(path.read_text(encoding="utf-8")) - below)
    ]
    assert wrong == []


LIGHT = (
    *("judge.citation", "judge.collect", "judge.plan", "report.build", "runs.recount", "runs.tuning", "data.registry"),
    *("train.publish", "report.archive", "judge.verify", "report.remakes", "speed.timing.tabulate"),
)


def test_verbs_that_compute_with_no_net_start_without_torch():
    """It takes seconds to load, longer than most of these verbs take."""
    code = f"import sys\nimport reproduce.cli\nfor name in {LIGHT}:\n    __import__('reproduce.' + name)\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr
