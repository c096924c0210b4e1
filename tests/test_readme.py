"""The README is true: its numbers are those of results/numbers.json, its links exist, its commands run."""

import re
import shlex

import pytest
from pipeline_support import make_clone, run

from reproduce.collect.numbers import read_numbers
from reproduce.paths import REPO_ROOT
from reproduce.report.readme import check_readme
from reproduce.report.records import load_records

README = REPO_ROOT / "README.md"
_BY_CI = ("make reproduce", "make test")  # .ci/run calls these itself; running them here would recurse


def commands():
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line != ". .venv/bin/activate"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """One clone for all commands, in their order: `dvc repro` gets the data that the later ones need."""
    return make_clone(tmp_path_factory.mktemp("readme"))


def test_generated_parts_are_up_to_date_and_every_result_is_a_known_number():
    assert check_readme(README, read_numbers(), load_records()) == []


def test_links_lead_somewhere():
    pages = [README, *(REPO_ROOT / f / "README.md" for f in ("experiments", "results", "paper_notes"))]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page}: {link}"


def test_ci_runs_the_commands_that_set_everything_up():
    script = (REPO_ROOT / ".ci" / "run").read_text().splitlines()
    assert set(_BY_CI) <= set(script)
    assert set(_BY_CI) <= set(commands())


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in commands() if c not in _BY_CI])
def test_commands_run(command, clone):
    done = run(shlex.split(command), clone, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
