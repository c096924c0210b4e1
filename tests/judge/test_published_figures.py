"""Figures of others by id: the cell they are, the drops between them, and the interval of drawing test images."""

import math

import pandas as pd
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES
from reproduce.judge.bibliography import entries_of
from reproduce.judge.published_figures import published_numbers
from reproduce.report.literature.drops import drops
from reproduce.report.literature.milestones import load_later_models, milestones
from reproduce.report.literature.timeline import contest_series, load_contest
from reproduce.study.claims import load_claims

FIGURE = "{id: a-top5, table: ilsvrc_timeline, column: top5_error_pct, row: {%s}, sources: [ilsvrc2012results]}"


@pytest.fixture(scope="module")
def numbers():
    return {number.id: number for number in published_numbers()}


def test_every_winner_and_runner_up_of_the_contest_can_be_cited(numbers):
    cited = {(number.value, number.dataset) for name, number in numbers.items() if name.startswith("contest-")}
    for row in contest_series(load_contest()).itertuples():
        assert (row.top5_error_percent, row.test_set) in cited, f"{row.year} {row.team}"


def test_every_milestone_can_be_cited(numbers):
    cited = {round(100 - n.value, 6) for name, n in numbers.items() if name.startswith("milestone-")}
    assert set(milestones(load_later_models())["top1_error_percent"]) <= cited


def test_drops_are_those_of_the_notebook(numbers):
    shown = {(row.metric, round(row.drop_points, 6), row.same_images) for row in drops(load_contest()).itertuples()}
    for name, number in numbers.items():
        if number.kind == "drop":
            metric = "top-1" if name.endswith("top1") else "top-5"
            assert (metric, number.value, number.protocol == "the same test images") in shown, name


def test_a_drop_on_the_same_images_has_the_interval_of_drawing_them(numbers):
    drop = numbers["drop-2012-supplied-data"]
    error = math.sqrt(sum(p * (1 - p) / 100000 for p in (0.26172, 0.16422)))
    assert drop.high - drop.value == pytest.approx(100 * 1.959964 * error)
    assert drop.value - drop.low == pytest.approx(drop.high - drop.value)
    assert drop.ends == ["contest-2012-runner-up-top5", "contest-2012-winner-supplied-data-top5"]


def test_the_quoted_drop_has_no_interval_and_says_why(numbers):
    drop = numbers["drop-quoted-25-to-16"]
    assert (drop.low, drop.high, drop.n_images) == (None, None, None)
    assert drop.protocol == "two sets of test images" and "two sets of test images" in drop.caveat
    assert drop.dataset == "ILSVRC-2011 and ILSVRC-2012"


def test_a_figure_keeps_its_source_and_setting(numbers):
    figure = numbers["contest-2012-winner-outside-data-top5"]
    assert (figure.value, figure.n_images, figure.verification) == (15.315, 100000, "A")
    assert "ImageNet Fall 2011" in figure.protocol and "image-net.org" in figure.read_in
    assert figure.low < 15.315 < figure.high
    assert numbers["milestone-nasnet-a-top1"].protocol.startswith("validation; 1 crop, 331 px; one model")


def test_ids_are_no_claims_and_every_source_is_in_the_bibliography(numbers):
    assert not numbers.keys() & {claim.id for claim in load_claims()}
    for number in numbers.values():
        assert entries_of(number.sources)


@pytest.mark.parametrize(
    ("figure", "drop", "words"),
    [
        (FIGURE % "year: '2012'", "", r"a-top5 needs one row of ilsvrc_timeline\.csv, and \d+ rows fit"),
        (FIGURE % "year: '1999'", "", "and 0 rows fit"),
        (FIGURE % "team: ISI (University of Tokyo)", "", None),
        (
            FIGURE.replace("top5_error", "top1_error") % "place: winner, year: '2011'",
            "",
            "the row has no top1_error_pct",
        ),
        (FIGURE % "yaer: '2012'", "", "has no column 'yaer', which a-top5 names"),
        (FIGURE.replace("[ilsvrc2012results]", "[]") % "year: '2012'", "", "sources"),
        (
            "\n- ".join([FIGURE % "team: ISI (University of Tokyo)"] * 2),
            "",
            "the id 'a-top5' is given to two figures; rename one",
        ),
        (
            FIGURE % "team: ISI (University of Tokyo)",
            "{id: d, before: a-top5, after: b-top5, caveat: none}",
            "d names the unknown figure 'b-top5'",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path, figure, drop, words):
    path = tmp_path / "cited_figures.yaml"
    path.write_text(f"figures:\n- {figure}\ndrops: [{drop}]\n")
    if words is None:
        assert [number.value for number in published_numbers(path)] == [26.172]
        return
    with pytest.raises(ReproduceError, match=words) as raised:
        published_numbers(path)
    assert "\n" not in str(raised.value)


def test_the_tables_may_change_and_the_figures_follow(tmp_path):
    for name in ("ilsvrc_timeline", "later_models"):
        table = pd.read_csv(PAPER_NOTES / f"{name}.csv", dtype=str, keep_default_na=False)
        if name == "ilsvrc_timeline":
            table.loc[table["top5_error_pct"].eq("16.422"), "top5_error_pct"] = "16.172"
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    changed = {number.id: number.value for number in published_numbers(folder=tmp_path)}
    assert changed["contest-2012-winner-supplied-data-top5"] == 16.172
    assert changed["drop-2012-supplied-data"] == 10.0
