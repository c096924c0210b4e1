"""The notes beside the claims: bibliography, deviations, index, dictionary, and the sourced tables."""

import math
import re

import pandas as pd
import pytest

from reproduce.base.paths import PAPER_NOTES, REPO_ROOT
from reproduce.study.claims import load_claims

TIMELINE_COLUMNS = (
    "year,test_set,n_images,role,place,team,method,top1_error_pct,top5_error_pct,split,ensemble,external_data,se_pp,"
    "verification,notes,source"
)
LATER_COLUMNS = (
    "model,single_model,year,paper,kind,top1_accuracy_percent,top5_accuracy_percent,params_millions,gmacs,input_size,"
    "crop_protocol,views,extra_data,split,real_top1_accuracy_percent,imagenetv2_top1_accuracy_percent,training_compute,"
    "verification,notes,source"
)


@pytest.fixture(scope="module")
def claims():
    return load_claims()


@pytest.fixture(scope="module")
def timeline():
    return pd.read_csv(PAPER_NOTES / "ilsvrc_timeline.csv")


@pytest.fixture(scope="module")
def later():
    return pd.read_csv(PAPER_NOTES / "later_models.csv", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def bibliography():
    return re.findall(r"^@\w+\{([^,\s]+),$", (PAPER_NOTES / "references.bib").read_text(), re.MULTILINE)


def test_every_source_is_in_the_bibliography(claims, bibliography):
    cited = {source.split(",")[0] for claim in claims if claim.source_check for source in claim.source_check.sources}
    for page in PAPER_NOTES.glob("*.md"):
        cited |= set(re.findall(r"\[([a-z]+\d*[a-z]+\d*)\](?!\()", page.read_text()))
    assert cited <= set(bibliography)
    assert len(cited) > 10


def test_bibliography_keys_are_unique_and_entries_complete(bibliography):
    text = (PAPER_NOTES / "references.bib").read_text()
    assert len(set(bibliography)) == len(bibliography) == text.count("\n@")
    assert text.count("{") == text.count("}")
    for entry in text.split("\n@")[1:]:
        for field in ("author", "title", "year"):
            assert re.search(rf"^\s*{field}\s*=\s*\{{", entry, re.MULTILINE), entry.splitlines()[0]


def test_deviations_are_numbered_without_gaps_and_whole():
    lines = (PAPER_NOTES / "deviations.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| D\d+ \|", line)]
    assert [row[0] for row in rows] == [f"D{number}" for number in range(1, len(rows) + 1)]
    assert len(rows) >= 33
    assert all(len(row) == 8 and all(row) for row in rows)
    assert {row[2] for row in rows} == {"ImageNet", "CIFAR-10", "both"}


def test_every_deviation_cited_in_code_exists():
    known = set(re.findall(r"^\| (D\d+) \|", (PAPER_NOTES / "deviations.md").read_text(), re.MULTILINE))
    for path in [*REPO_ROOT.glob("reproduce/**/*.py"), *PAPER_NOTES.glob("*.md"), *PAPER_NOTES.glob("in_code/*.py")]:
        cited = set(re.findall(r"\bD\d+\b", path.read_text()))
        assert cited <= known, path


def test_the_readme_names_every_claim_of_the_paper_and_no_other(claims):
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", (PAPER_NOTES / "README.md").read_text()))
    assert named <= {claim.id for claim in claims}
    assert {claim.id for claim in claims if claim.paper_row} <= named


def test_every_file_is_in_the_index():
    index = (PAPER_NOTES / "README.md").read_text()
    for path in PAPER_NOTES.iterdir():
        assert path.name == "README.md" or f"]({path.name})" in index, path.name


def test_every_column_is_in_the_dictionary():
    text = (PAPER_NOTES / "data_dictionary.md").read_text()
    cells = {name for line in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) for name in line.split(", ")}
    tables = list(PAPER_NOTES.glob("*.csv"))
    assert len(tables) == 6
    for path in tables:
        assert set(pd.read_csv(path, nrows=0).columns) <= cells, path.name


def test_timeline_has_its_columns_and_possible_values(timeline):
    assert ",".join(timeline.columns) == TIMELINE_COLUMNS
    assert timeline["year"].between(2010, 2017).all()
    assert timeline["top5_error_pct"].between(0, 50).all()
    both = timeline.dropna(subset="top1_error_pct")
    assert (both["top1_error_pct"] > both["top5_error_pct"]).all()
    assert set(timeline["verification"]) == {"A", "A/B", "B", "B1"}
    assert timeline[["role", "team", "method", "split", "source"]].notna().all(axis=None)


def test_timeline_standard_errors_are_binomial(timeline):
    for row in timeline.itertuples():
        error = row.top5_error_pct / 100
        assert row.se_pp == pytest.approx(100 * math.sqrt(error * (1 - error) / row.n_images), abs=0.00051)


def test_timeline_counts_the_images_of_the_split_it_names(timeline):
    images = {("ILSVRC2010", "test"): 150000, ("ILSVRC2011", "test"): 100000}
    for row in timeline[timeline["role"] != "human"].itertuples():
        expected = 50000 if row.split == "val" else images.get((row.test_set, row.split), 100000)
        assert row.n_images == expected, row.method


def test_timeline_log_rows_agree_with_their_notes(timeline):
    rows = timeline[timeline["role"] == "authors' run log, validation"]
    assert len(rows) == 7
    for row in rows.itertuples():
        top1, top5 = (100 * float(text) for text in re.findall(r"0\.\d{6}", row.notes))
        assert row.top1_error_pct == pytest.approx(top1, abs=0.0501)
        assert row.top5_error_pct == pytest.approx(top5, abs=0.0501)


def test_later_models_have_their_columns_and_possible_values(later):
    assert ",".join(later.columns) == LATER_COLUMNS
    assert later["year"].between(2012, 2026).all()
    assert set(later["kind"]) == {
        "published",
        "re-implementation",
        "library weights",
        "independent re-evaluation",
    }
    top1, top5 = later["top1_accuracy_percent"], later["top5_accuracy_percent"]
    both = top1.notna() & top5.notna()
    assert (top1[both] < top5[both]).all()
    assert top1[both].between(50, 100).all()
    assert top5[both].between(50, 100).all()
    assert later["params_millions"].dropna().gt(1).all()
    assert (top1.notna() | top5.notna()).all()
    assert later[["model", "crop_protocol", "extra_data", "split", "source"]].notna().all(axis=None)
    assert later["verification"].str.match(r"(A|B1?|C)\b").all()


def test_both_tables_give_one_alexnet_the_same_scores(timeline, later):
    contest = timeline[(timeline["role"] == "paper, validation") & (timeline["method"] == "1 CNN, ten-view")].iloc[0]
    model = later[later["model"] == "AlexNet, 1 CNN"].iloc[0]
    assert 100 - contest["top1_error_pct"] == pytest.approx(model["top1_accuracy_percent"])
    assert 100 - contest["top5_error_pct"] == pytest.approx(model["top5_accuracy_percent"])
