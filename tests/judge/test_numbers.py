"""Cited numbers: their rows, how they print, and how they are cited."""

import json

import pytest
from collect_support import FakeRunId, FakeStudy, claim, write_run

from reproduce.base.errors import ReproduceError
from reproduce.judge.collect import collect
from reproduce.judge.numbers import cite, cited_number, find_number, read_numbers, write_numbers

CITATION = """cff-version: 1.2.0
title: AlexNet 2012, reproduced
version: 0.1.0
authors:
- family-names: Doe
  given-names: Jane
- name: The contributors
repository-code: https://example.org/alexnet
"""


@pytest.fixture
def results(tmp_path):
    """Numbers of three seeds, the last missing, with a citation file beside them."""
    run_ids = [FakeRunId(seed=seed) for seed in (1, 2, 3)]
    write_run(tmp_path / "runs", run_ids[0], error=26.0)
    write_run(tmp_path / "runs", run_ids[1], error=26.4, git_commit="b" * 40, finished_utc="2026-01-05T00:00:00Z")
    not_run = claim(id="later", study=None, arms=[], not_run={"reason": "needs ILSVRC"})
    collect([FakeStudy("nets", run_ids)], tmp_path, tmp_path / "runs", [claim(), not_run])
    (tmp_path / "CITATION.cff").write_text(CITATION)
    return tmp_path


def test_a_row_names_all_that_made_it(results):
    row = find_number("cifar10-80sec-error", results / "numbers.json")
    assert row["value"] == pytest.approx(26.2)
    assert row["runs"] == ["nets/80sec/epochs11/seed1", "nets/80sec/epochs11/seed2"]
    assert row["git_commits"] == ["a" * 40, "b" * 40]
    assert (row["config_sha256"], row["hardware"]) == (["c" * 64], ["Some CPU, 2 threads"])
    assert (row["n_images"], row["date"], row["n_seeds"]) == (10000, "2026-01-05", 2)
    assert (row["unit"], row["scale"], row["schedule"]) == ("percent", "own", "full")
    assert row["protocol"] == "test, single view"


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
        ({"value": None}, "inconclusive"),
    ],
)
def test_a_number_prints_with_its_uncertainty_and_its_label(changes, text):
    row = {"value": 26.0667, "low": 25.308, "high": 26.826, "unit": "percent", "n_seeds": 3, "scale": "own"}
    assert cited_number(row | {"schedule": "full", "verdict": "inconclusive"} | changes) == text


def test_citing_gives_value_setting_and_bibtex(results):
    text = cite("cifar10-80sec-error", results / "numbers.json", results / "CITATION.cff")
    lines = text.splitlines()
    assert lines[0].startswith("cifar10-80sec-error: 26.20 % (95 % interval ")
    assert "run: results/runs/nets/80sec/epochs11/seed2" in lines
    assert "verdict: inconclusive (held against 26 %, published)" in lines
    assert "  author = {Doe, Jane and {The contributors}}," in lines
    assert "@software{alexnet-2012-reproduction-cifar10-80sec-error," in lines
    assert "  year = {2026}," in lines
    assert r"26.20 \% (95 \% interval" in text


def test_what_has_not_been_run_is_not_cited(results):
    text = cite("later", results / "numbers.json", results / "CITATION.cff")
    assert text.endswith("\n\nno number to cite yet") and "@software" not in text


def test_an_unknown_number_names_the_nearest(results):
    with pytest.raises(ReproduceError, match="did you mean cifar10-80sec-error"):
        cite("cifar10-80sec", results / "numbers.json", results / "CITATION.cff")


@pytest.mark.parametrize("content", [None, "title: x\n", ": :", "[]"])
def test_a_bad_citation_file_is_a_one_line_error(results, content):
    path = results / "CITATION.cff"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ReproduceError, match=r"CITATION\.cff cannot be used") as raised:
        cite("cifar10-80sec-error", results / "numbers.json", path)
    assert "\n" not in str(raised.value)


def test_an_id_made_twice_is_an_error(tmp_path):
    with pytest.raises(ReproduceError, match="'a' is made twice"):
        write_numbers(tmp_path / "numbers.json", [{"id": "a"}, {"id": "a"}])
    assert not (tmp_path / "numbers.json").exists()


@pytest.mark.parametrize("content", [[], {}, {"numbers": [{"value": 1}]}])
def test_a_damaged_numbers_file_is_a_one_line_error(tmp_path, content):
    (tmp_path / "numbers.json").write_text(json.dumps(content))
    with pytest.raises(ReproduceError, match="no list of numbers"):
        read_numbers(tmp_path / "numbers.json")
