"""Cited numbers: their rows, how they print, and how they are cited."""

import json

import jsonschema
import pytest
from collect_support import FakeRunId, FakeStudy, claim, write_run

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import RESULTS
from reproduce.judge.collect import collect
from reproduce.judge.number_record import fields_of
from reproduce.judge.numbers import (
    cited_number,
    find_number,
    matching,
    read_file,
    read_numbers,
    similar_ids,
    write_numbers,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Numbers of three seeds, the last missing."""
    folder = tmp_path_factory.mktemp("results")
    run_ids = [FakeRunId(seed=seed) for seed in (1, 2, 3)]
    write_run(folder / "runs", run_ids[0], error=26.0)
    write_run(folder / "runs", run_ids[1], error=26.4, git_commit="b" * 40, finished_utc="2026-01-05T00:00:00Z")
    not_run = claim(id="later", study=None, arms=[], not_run={"reason": "needs ILSVRC"})
    collect([FakeStudy("nets", run_ids)], folder, folder / "runs", [claim(), not_run])
    return folder


def test_a_row_names_all_that_made_it(results):
    row = find_number("cifar10-80sec-error", results / "numbers.json")
    assert row["value"] == pytest.approx(26.2)
    assert row["runs"] == ["nets/80sec/epochs11/seed1", "nets/80sec/epochs11/seed2"]
    assert row["git_commits"] == ["a" * 40, "b" * 40]
    assert (row["config_sha256"], row["hardware"]) == (["c" * 64], ["Some CPU, 2 threads"])
    assert (row["n_images"], row["date"], row["n_seeds"]) == (10000, "2026-01-05", 2)
    assert (row["unit"], row["scale"], row["schedule"]) == ("percent", "own", "full")
    assert row["protocol"] == "test, single view"
    assert row["arms"] == [{"variant": "nets/80sec", "seeds": 2, "epochs": 11, "full_epochs": 11}]
    assert row["quantity"] == "test top-1 error of 80sec"
    assert row["figures"] == [{"value": 26.0, "unit": "percent", "kind": "published", "where": "front page"}]


def test_means_have_rows_of_their_own(results):
    row = find_number("nets.80sec.test_top1_error_percent.mean", results / "numbers.json")
    assert row["value"] == pytest.approx(26.2)
    assert row["std"] == pytest.approx(0.282843)
    assert row["protocol"] == "1 test view"


def test_what_is_missing_is_null_and_never_nan(results):
    text = (results / "numbers.json").read_text()
    assert "NaN" not in text
    row = read_numbers(results / "numbers.json")["later"]
    assert (row["value"], row["runs"], row["date"], row["verdict"]) == (None, [], None, "not run")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "26.07 % (95 % interval 25.31 to 26.83, 3 seeds)"),
        ({"low": None, "n_seeds": 1}, "26.07 % (1 seed)"),
        ({"low": 13.361, "high": 38.7733, "n_seeds": 2}, "26.07 % (two seeds: 25.07 and 27.07)"),
        (
            {"n_seeds": 2, "arms": [{"seeds": 2}, {"seeds": 8}], "method": "Welch, n = 2 and 8"},
            "26.07 % (two seeds in an arm, too few for an interval, 2 and 8 seeds)",
        ),
        ({"value": 0.64, "low": -0.53, "high": 1.8}, "0.64 % (95 % interval 0.00 to 1.80, 3 seeds)"),
        ({"n_seeds": 1, "method": "Wilson, 10000 images"}, "26.07 % (95 % interval 25.31 to 26.83, 1 seed)"),
        ({"scale": "reduced"}, "26.07 % (95 % interval 25.31 to 26.83, 3 seeds, reduced scale)"),
        ({"schedule": "shortened"}, "26.07 % (95 % interval 25.31 to 26.83, 3 seeds, shortened schedule)"),
        ({"unit": "percentage_points", "value": 0.01234, "low": None, "n_seeds": 0}, "0.01 points"),
        (
            {"value": 0.1489, "low": 0.08376, "high": 0.2141, "unit": "ratio"},
            "0.15 (95 % interval 0.08 to 0.21, 3 seeds)",
        ),
        (
            {"value": 0.0312, "low": -0.0041, "high": 0.067, "unit": "ratio"},
            "0.031 (95 % interval -0.004 to 0.067, 3 seeds)",
        ),
        ({"arms": [{"seeds": 3}]}, "26.07 % (95 % interval 25.31 to 26.83, 3 seeds)"),
        ({"arms": [{"seeds": 3}, {"seeds": 8}]}, "26.07 % (95 % interval 25.31 to 26.83, 3 and 8 seeds)"),
        (
            {"arms": [{"seeds": 3}, {"seeds": 4}, {"seeds": 3}]},
            "26.07 % (95 % interval 25.31 to 26.83, 3, 4 and 3 seeds)",
        ),
        ({"kind": "published", "value": 16.422, "low": None, "n_seeds": 0}, "16.422 %"),
        ({"value": None}, "inconclusive"),
    ],
)
def test_a_number_prints_with_its_uncertainty_and_its_label(changes, text):
    row = {"value": 26.0667, "low": 25.308, "high": 26.826, "unit": "percent", "n_seeds": 3, "scale": "own"}
    row["method"] = "t-interval, n = 3"
    assert cited_number(row | {"schedule": "full", "verdict": "inconclusive"} | changes) == text


def test_an_id_made_twice_is_an_error(tmp_path):
    with pytest.raises(ReproduceError, match="'a' is made twice"):
        write_numbers(tmp_path / "numbers.json", [{"id": "a"}, {"id": "a"}], {})
    assert not (tmp_path / "numbers.json").exists()


SCHEMA = json.loads((RESULTS / "numbers.schema.json").read_text())


def problems(content):
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)]


def test_the_committed_numbers_follow_the_committed_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert problems(read_file()) == []


def test_collected_numbers_follow_the_schema_and_it_has_the_fields_of_each_kind(results):
    content = read_file(results / "numbers.json")
    assert problems(content) == []
    kinds = {row["kind"]: row for row in [*content["numbers"], *read_file()["numbers"]]}
    assert set(kinds) == set(SCHEMA["$defs"]["number"]["properties"]["kind"]["enum"])
    assert all(list(row) == fields_of(kind) for kind, row in kinds.items())


@pytest.mark.parametrize(
    "change",
    [
        {"n_seeds": None},
        {"value": "25.7"},
        {"verdikt": "reproduced"},
        {"runs": ["80sec/seed1"]},
        {"std": 0.1},  # of means alone
        {"sources": None},
        {"scale": "large"},
    ],
)
def test_the_schema_refuses_a_row_that_is_wrong(results, change):
    content = read_file(results / "numbers.json")
    content["numbers"][0] |= change
    assert problems(content)


def test_the_schema_refuses_a_claim_without_its_verdict_and_a_file_without_its_version(results):
    content = read_file(results / "numbers.json")
    del content["numbers"][0]["verdict"]
    assert problems(content)
    whole = read_file(results / "numbers.json")
    del whole["version"]
    assert problems(whole)


def test_the_file_names_version_tag_and_license(results):
    head = read_file(results / "numbers.json")
    assert head["git_tag"] == f"v{head['version']}"
    assert (head["license"], head["confidence_percent"]) == ("MIT", 95)


KNOWN = dict.fromkeys(
    ["lrn-top1", "lrn-top5", "small-lrn-top1", "small-dropout-gap", "alexnet_small.gain-of-dropout.difference"]
)


@pytest.mark.parametrize(
    ("wrong", "suggested"),
    [
        ("lrn", ["lrn-top1", "lrn-top5", "small-lrn-top1"]),
        ("dropout", ["small-dropout-gap", "alexnet_small.gain-of-dropout.difference"]),
        ("dropout.gain", ["alexnet_small.gain-of-dropout.difference"]),
        ("small-lrm-top1", ["small-lrn-top1"]),
        ("x", []),
        ("", []),
    ],
)
def test_a_wrong_id_is_answered_with_those_that_begin_or_read_like_it(wrong, suggested):
    assert set(suggested) <= set(similar_ids(wrong, KNOWN))
    assert bool(similar_ids(wrong, KNOWN)) == bool(suggested)


def test_an_unknown_number_is_a_one_line_error_with_similar_ids(results):
    with pytest.raises(ReproduceError, match="similar ids: cifar10-80sec-error; .*cite --list TEXT") as raised:
        find_number("cifar10-80sec", results / "numbers.json")
    assert "\n" not in str(raised.value)


def test_matching_finds_rows_that_have_every_word():
    rows = read_numbers()
    found = [row["id"] for row in matching("NASNet accuracy", rows)]
    assert "milestone-nasnet-a-top1" in found and "small-lrn-top1" not in found
    assert len(matching("", rows)) == len(rows) and matching("no-such-word", rows) == []
