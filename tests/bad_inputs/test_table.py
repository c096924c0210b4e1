"""The table of bad inputs as a whole: its size, its verbs, and that the repository is sound without them."""

import pytest
from bad_inputs import test_command_lines, test_environment, test_runs, test_settings, test_tables
from small_repository import RUN

from reproduce.cli import build_parser

MODULES = (test_command_lines, test_environment, test_runs, test_settings, test_tables)


def test_it_has_more_than_a_hundred_rows_and_every_verb_but_one():
    rows = [row for module in MODULES for row in module.ROWS]
    verbs = next(action.choices for action in build_parser()._actions if action.choices)
    assert len(set(map(str, rows))) > 100
    assert set(verbs) - {row.command.partition(" ")[0] for row in rows} == {"verify"}  # which names every file anyway


@pytest.mark.parametrize("command", [f"evaluate {RUN}", "plan", f"cite {test_settings.NUMBER}", "time --tabulate"])
def test_without_a_bad_input_commands_succeed(call, command):
    assert call(command, {}).status == 0
