"""The notes themselves: complete, consistent with one another, and with the sources' own arithmetic."""

import functools
import math
import re

import pandas as pd
import pytest
import yaml
from ruamel.yaml import YAML

from reproduce import cli, config
from reproduce.collect.claims import CLAIMS_FILE, load_claims
from reproduce.paths import PAPER_NOTES, REPO_ROOT

TIMELINE_COLUMNS = (
    "year,test_set,n_images,role,team,method,top1_error_pct,top5_error_pct,split,ensemble,external_data,se_pp,"
    "verification,notes,source"
)
LATER_COLUMNS = (
    "model,year,paper,kind,top1,top5,params_M,gmacs,input_size,crop_protocol,extra_data,split,real_top1,"
    "imagenetv2_top1,training_compute,verification,notes,source"
)


load_study = functools.cache(config.load_study)


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


def test_yaml_1_1_and_1_2_read_the_same_claims():
    text = CLAIMS_FILE.read_text()
    assert yaml.safe_load(text) == YAML(typ="safe", pure=True).load(text)


def test_every_claim_of_the_paper_and_of_popular_accounts_is_there(claims):
    assert {claim.paper_row for claim in claims} - {None} == set(range(1, 32))
    assert {claim.account for claim in claims} - {None} == {*"abcdefghij", "k1", "k2", "k3", "k4", "k5"}


def test_every_command_names_what_exists(claims, monkeypatch):
    """And trains, beside the runs of the standard profile, every run that its claim plans."""
    monkeypatch.setattr(cli, "load_study", load_study)
    for claim in claims:
        if claim.not_run and claim.not_run.command:
            words = claim.not_run.command.split()
            assert words[:3] == ["python", "-m", "reproduce"]
            arguments = cli.build_parser().parse_args(words[3:])
            if arguments.verb == "train":
                trained = set(cli._chosen_runs(arguments))
                assert trained
                if claim.study:
                    assert arguments.study == claim.study
                    there = trained | set(load_study(claim.study).runs("standard"))
                    assert all(len(runs & there) >= claim.seeds_planned for runs in arms_of(claim)), claim.id
                    assert any(runs & trained for runs in arms_of(claim)), claim.id


def arms_of(claim):
    """Return every run of each arm that its study lists; an ensemble's are those it averages."""
    study = load_study(claim.study)
    ensembles = study.ensemble_runs()
    listed = [run for run in study.publishable_runs() if run not in ensembles]
    arms = []
    for arm in claim.arms:
        members = {member for run, runs in ensembles.items() if run.variant == arm for member in runs}
        arms.append(members or {run for run in listed if run.variant == arm})
    return arms


def test_every_score_and_time_published_with_cuda_convnet_is_there(claims):
    first = {claim.id: claim.targets[0].value for claim in claims if claim.id.startswith("cifar10-")}
    assert first == {
        "cifar10-80sec-error": 26.0,
        "cifar10-80sec-time": 80.0,
        "cifar10-19pct-error": 19.0,
        "cifar10-19pct-time": 20 * 60.0,
        "cifar10-19pct-translations-error": 14.2,
        "cifar10-18pct-error": 18.0,
        "cifar10-18pct-time": 20 * 60.0,
        "cifar10-13pct-error": 13.0,
        "cifar10-13pct-sample-run-error": 12.6,
        "cifar10-13pct-time": 25 * 60.0,
        "cifar10-11pct-error": 11.0,
        "cifar10-11pct-time": 75 * 60.0,
    }


@pytest.mark.parametrize(
    ("claim_id", "holds"),
    [
        ("parameters-60-million", True),
        ("neurons-650000", True),
        ("conv1-neurons-in-caption", False),
        ("conv-layers-at-most-one-percent", False),
        ("conv1-output-55", True),
        ("account-fc6-inputs-9126", False),
        ("crops-factor-2048", False),
        ("one-gpu-net-bigger-than-half", True),
    ],
)
def test_arithmetic_claims_come_out_as_counted_by_hand(claims, claim_id, holds):
    (claim,) = [claim for claim in claims if claim.id == claim_id]
    assert claim.holds() is holds


def test_claims_with_a_study_fix_margin_and_seeds_before_the_runs(claims):
    studied = [claim for claim in claims if claim.study]
    assert studied
    assert all(claim.seeds_planned for claim in studied)
    assert all(claim.margin and claim.margin_why for claim in studied if claim.targets)


def test_arms_are_variants_or_ensembles_of_their_study(claims):
    for claim in claims:
        study = load_study(claim.study) if claim.study else None
        assert not claim.arms or {*claim.arms} <= {*study.variants, *study.ensembles}, claim.id


def test_every_claim_on_imagenet_has_a_study_or_says_why_not(claims):
    """Differences of ILSVRC are judged in a study of the set they were measured on; the rest says what is lacking."""
    measured = [claim for claim in claims if claim.scale == "imagenet"]
    assert len(measured) > 40
    for claim in measured:
        assert claim.not_run and "still to be added" not in claim.not_run.reason, claim.id
        if claim.study:
            assert claim.study == claim.dataset.lower().replace("-", ""), claim.id
    judged = {claim.paper_row for claim in measured if claim.study}
    assert judged == {1, 2, 4, 5, 11, 13, 14, 16, 17, 18, 19, 20, 21, 24, None}


def test_every_effect_that_the_paper_credits_to_an_ingredient_names_it(claims):
    compared = [claim for claim in claims if claim.kind in ("difference", "ratio") and claim.source.startswith("paper")]
    assert len(compared) >= 21
    assert [claim.id for claim in compared if not claim.ablation] == []


def test_logged_differences_are_the_differences_of_the_logged_errors(claims):
    found = 0
    for claim in claims:
        for target in claim.targets:
            pair = re.search(r"(\d+\.\d+) against .*?(\d+\.\d+)$", target.where)
            if pair:
                assert target.value == pytest.approx(float(pair[1]) - float(pair[2]), abs=1e-4), claim.id
                found += 1
    assert found == 8  # two GPUs, normalization, pooling, separate columns; top-1 and top-5 each


def test_logged_figures_round_to_the_printed_ones(claims):
    """Every error rate the authors logged agrees with the paper's print to its one decimal."""
    rows = {1, 2, 4, 6, 13, 14, 16}
    pairs = [claim.targets for claim in claims if claim.paper_row in rows and len(claim.targets) == 2]
    pairs = [(printed, logged) for printed, logged in pairs if logged.kind == "authors_log"]
    assert len(pairs) == 14
    assert all(abs(printed.value - logged.value) <= 0.05 + 1e-9 for printed, logged in pairs)


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
    for path in [*REPO_ROOT.glob("reproduce/**/*.py"), *PAPER_NOTES.glob("*.md")]:
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
    assert len(tables) == 5
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
    both = later.dropna(subset=["top1", "top5"])
    assert (both["top1"] < both["top5"]).all()
    assert both[["top1", "top5"]].stack().between(50, 100).all()
    assert later.dropna(subset="params_M")["params_M"].gt(1).all()
    assert (later["top1"].notna() | later["top5"].notna()).all()
    assert later[["model", "crop_protocol", "extra_data", "split", "source"]].notna().all(axis=None)
    assert later["verification"].str.match(r"(A|B1?|C)\b").all()


def test_both_tables_give_one_alexnet_the_same_scores(timeline, later):
    contest = timeline[(timeline["role"] == "paper, validation") & (timeline["method"] == "1 CNN, ten-view")].iloc[0]
    model = later[later["model"] == "AlexNet, 1 CNN"].iloc[0]
    assert 100 - contest["top1_error_pct"] == pytest.approx(model["top1"])
    assert 100 - contest["top5_error_pct"] == pytest.approx(model["top5"])
