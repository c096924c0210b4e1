"""The three lines that open each notebook: made from tables, and there in each."""

import json

import pytest
from report_support import make_records

from reproduce.judge.numbers import read_numbers
from reproduce.report import short_answers
from reproduce.report.build import NOTEBOOK_SOURCES
from reproduce.report.literature import milestones, timeline


def three_lines(text):
    head, *lines = [line for line in text.splitlines() if line]
    assert head == "**Short answer**"
    assert len(lines) == 3 and all(line.startswith("- ") and line.endswith(".") for line in lines)
    return text


def test_25_to_16_names_both_drops_and_follows_its_table():
    contest, models = timeline.load_contest(), milestones.load_later_models()
    text = three_lines(short_answers.of_25_to_16(contest, models))
    for part in ("from 26.2 to 16.4 %, 9.8 points lower (9.4 to 10.1)", "25.8 to 16.4 % compares two test sets"):
        assert part in text
    assert (
        "No other year took off more points; 2013 to 2014 (43 %) and 2014 to 2015 (46 %) took off a larger share"
        in text
    )
    second = contest["year"].eq(2012) & contest["place"].eq("runner-up")
    contest.loc[second, "top5_error_percent"] = 20.0
    assert "from 20.0 to 16.4 %" in short_answers.of_25_to_16(contest, models)


def test_ablations_count_only_settled_gains():
    text = three_lines(short_answers.of_ablations(read_numbers()))
    assert "With response normalization it is 1.32 points lower (0.79 to 1.86)." in text
    assert "overlapping pooling" in text.splitlines()[-2]  # not settled, or no effect
    waiting = {name: row | {"value": None} for name, row in read_numbers().items()}
    assert "Nothing has been run yet." in three_lines(short_answers.of_ablations(waiting))


def test_the_nets_published_errors_come_first_and_what_is_still_to_be_run_last(tmp_path):
    loaded = make_records(tmp_path)
    text = three_lines(short_answers.of_cifar10_nets(loaded, "nets"))
    first, _, last = text.splitlines()[-3:]
    assert first.startswith(
        "- All 1 published errors that are judged are reproduced, within margins fixed beforehand: "
    )
    assert "26 %" in first
    assert last == "- Still to be run: `18pct`."


@pytest.mark.parametrize("path", sorted(NOTEBOOK_SOURCES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_opens_with_its_short_answer_hides_code_and_ends_with_an_appendix(path):
    cells = json.loads(path.read_text())["cells"]
    assert [cell["id"] for cell in cells[:3]] == ["question", "load", "short-answer"]
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
    assert any("".join(cell["source"]).startswith("## Appendix") for cell in cells)
