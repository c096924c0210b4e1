"""The three lines that open each notebook: made from tables, and there in each."""

import json

import pytest
from report_support import make_records

from reproduce.judge.numbers import read_numbers
from reproduce.judge.rules import NOT_REPRODUCED, NOT_RUN, REPRODUCED
from reproduce.report import short_answers
from reproduce.report.build import NOTEBOOK_SOURCES
from reproduce.report.literature import milestones, timeline
from reproduce.report.records import load_records


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


def of_nets(loaded):
    """Return the lines of the answer on CIFAR-10's nets, without its head; nets are indented below the first."""
    head, *lines = [line for line in short_answers.of_cifar10_nets(loaded, "nets").splitlines() if line]
    assert head == "**Short answer**"
    return lines


def test_the_nets_published_errors_come_first_and_what_is_still_to_be_run_last(tmp_path):
    assert of_nets(make_records(tmp_path)) == [
        "- All 1 nets that are run do, within margins fixed beforehand:",
        "  - 26 %: `80sec` makes 26.00 % (25.50 to 26.50).",
        "- Among further readings and steps between nets none that is run is open.",
        "- Still to be run: `18pct`.",
    ]


def test_a_net_whose_verdict_changes_is_no_longer_counted_and_says_so(tmp_path):
    loaded = make_records(tmp_path)
    loaded.verdicts["verdict"] = loaded.verdicts["verdict"].replace(REPRODUCED, NOT_REPRODUCED)
    first, net, *_ = of_nets(loaded)
    assert first == "- 0 of the 1 nets that are run do, within margins fixed beforehand:"
    assert net == "  - 26 %: `80sec` makes 26.00 % (25.50 to 26.50) (not reproduced)."


def test_before_any_net_is_run_the_answer_says_so(tmp_path):
    assert of_nets(make_records(tmp_path, trained=False))[0] == "- No net is run yet."


def test_every_published_net_has_a_line_of_its_own_and_every_claim_that_waits_its_name():
    loaded = load_records()
    text = short_answers.of_cifar10_nets(loaded)
    for printed in (26, 19, 18, 13, 11):
        assert text.count(f"\n  - {printed} %: `") == 1
    waiting = [loaded.claim(row.claim_id) for row in loaded.verdicts.itertuples() if row.verdict == NOT_RUN]
    arms = {f"`{arm}`" for claim in waiting if claim.study == "cifar10_nets" for arm in claim.arms}
    assert [arm for arm in arms if arm not in text.splitlines()[-1]] == []


@pytest.mark.parametrize("path", sorted(NOTEBOOK_SOURCES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_opens_with_its_short_answer_hides_code_and_ends_with_an_appendix(path):
    cells = json.loads(path.read_text())["cells"]
    assert [cell["id"] for cell in cells[:3]] == ["question", "load", "short-answer"]
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
    assert any("".join(cell["source"]).startswith("## Appendix") for cell in cells)
