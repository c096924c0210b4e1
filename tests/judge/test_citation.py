"""Citing: what a number prints in each format, and whose entries follow."""

import csv
import io
import json
import re
import shutil

import pytest
from collect_support import FakeRunId, FakeStudy, claim, difference_claim, write_run

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES, REPO_ROOT
from reproduce.judge.bibliography import entries, entries_of, key_of, latex, read_citation, sources_of
from reproduce.judge.citation import Citation, cite, first_line, list_numbers
from reproduce.judge.collect import collect
from reproduce.judge.numbers import read_numbers
from reproduce.study.claims import load_claims

CITATION = """cff-version: 1.2.0
title: AlexNet 2012, reproduced at 100 %
version: 0.1.0
license: MIT
type: software
date-released: "2026-01-05"
authors:
- family-names: Doe
  given-names: Jane
- name: The contributors & friends
repository-code: https://example.org/alexnet
"""


UNMADE = {"study": None, "arms": [], "not_run": {"reason": "needs ILSVRC"}}


@pytest.fixture(scope="module")
def made_results(tmp_path_factory):
    """Numbers of two arms of two and three seeds, and of a claim that was not run, with a citation file."""
    folder = tmp_path_factory.mktemp("made") / "results"
    runs = [FakeRunId(seed=seed) for seed in (1, 2)]
    runs += [FakeRunId(variant="plain", seed=seed, epochs=5) for seed in (1, 2, 3)]
    for run, error in zip(runs, (26.0, 26.4, 28.0, 28.3, 28.1), strict=True):
        write_run(folder / "runs", run, error=error, schedule="full" if run.epochs == 11 else "shortened")
    not_run = claim(**UNMADE, id="later", source="paper, Table 1")
    no_figure = claim(**UNMADE, id="unnumbered", source="paper, Table 1", targets=[], margin=None, margin_why=None)
    pair = difference_claim(arms=["plain", "80sec"], epochs=[5, 11])
    collect([FakeStudy("nets", runs)], folder, folder / "runs", [claim(), pair, not_run, no_figure])
    (folder.parent / "CITATION.cff").write_text(CITATION)
    return folder


@pytest.fixture
def results(made_results, tmp_path):
    """A copy of the same, which a test may damage."""
    return shutil.copytree(made_results.parent, tmp_path / "copy") / "results"


def cited(results, number_id, form="text"):
    return cite(number_id, form, results / "numbers.json", results.parent / "CITATION.cff")


def test_a_measured_claim_is_cited_with_all_that_a_reader_needs(results):
    lines = cited(results, "cifar10-80sec-error").splitlines()
    assert lines[0].startswith("cifar10-80sec-error: 26.20 % (two seeds: 26.00 and 26.40)")
    for line in (
        "claim: 26 % error in 80 seconds (front page)",
        "published: 26 % (front page)",
        "verdict: inconclusive, held against 26 % with a margin of 1",
        "quantity: test top-1 error of 80sec, in percent",
        "data: CIFAR-10, 10,000 test images; own scale",
        "protocol: test, single view",
        "run: results/runs/nets/80sec/epochs11: 11 of 11 epochs, seeds 1, 2",
        "code: commit aaaaaaaaaaaa",
        "hardware: Some CPU, 2 threads, computed in fp32",
        "date: 2026-01-02, when the last run ended",
        "url: https://example.org/alexnet",
        "@misc{alexnet-2012-reproduction-cifar10-80sec-error,",
        "  author = {Doe, Jane and {The contributors \\& friends}},",
        "  title = {{AlexNet 2012, reproduced at 100 \\%}},",
        "  url = {https://example.org/alexnet},",
        "  year = {2026},",
    ):
        assert line in lines, line
    assert any(line.startswith("because: 95 % interval") for line in lines)
    (note,) = (line for line in lines if line.startswith("  note = {cifar10"))
    assert r"26.20 \% (two seeds: 26.00 and 26.40)" in note and "; verdict: inconclusive; " in note


def test_a_difference_names_both_arms_and_what_was_run_of_what_was_claimed(results):
    lines = cited(results, "gain").splitlines()
    assert "3 and 2 seeds" in lines[0] and "shortened schedule" in lines[0]
    assert "quantity: test top-1 error of plain minus that of 80sec, in percentage points" in lines
    assert "run: results/runs/nets/plain/epochs5: 5 of 11 epochs, seeds 1, 2, 3" in lines
    assert "run: results/runs/nets/80sec/epochs11: 11 of 11 epochs, seeds 1, 2" in lines


def test_a_claim_without_runs_gives_the_published_figure_and_its_source(results):
    text = cited(results, "later")
    lines = text.splitlines()
    assert lines[0] == "later: 26 % (front page), as published; not run here"
    assert "because: needs ILSVRC" in lines and "to cite: the source" in lines
    assert "@inproceedings{krizhevsky2012imagenet," in lines
    assert "alexnet-2012-reproduction" not in text


def test_a_claim_without_runs_or_figures_says_that_there_is_no_number(results):
    lines = cited(results, "unnumbered").splitlines()
    assert lines[0] == "unnumbered: not run"
    assert "to cite: the claim; there is no number to cite yet" in lines


def test_bibtex_names_the_commit_of_the_record_where_it_is_known(results, monkeypatch):
    assert ", commit " not in cited(results, "gain", "bibtex")
    monkeypatch.setattr("reproduce.judge.citation.commit_of", lambda path: "c" * 40)
    assert f"numbers.json, commit {'c' * 40}}}" in cited(results, "gain", "bibtex")


def test_latex_is_escaped_and_cites_the_keys_that_bibtex_gives(results):
    text = cited(results, "cifar10-80sec-error", "latex")
    assert re.fullmatch(r"26\.20~\\% \(two seeds: 26\.00 and 26\.40\)~\\cite\{(.*)\}", text)
    keys = text.rpartition("{")[2].rstrip("}").split(",")
    assert keys == re.findall(r"^@\w+\{([^,]+),", cited(results, "cifar10-80sec-error", "bibtex"), re.MULTILINE)


def test_json_has_the_record_with_version_and_license(results):
    content = json.loads(cited(results, "gain", "json"))
    assert content["numbers"] == [read_numbers(results / "numbers.json")["gain"]]
    assert {"version", "git_tag", "license", "commit"} <= content.keys()


def test_csv_has_one_row_per_number_listed(results):
    text = list_numbers("80sec", "csv", results / "numbers.json", results.parent / "CITATION.cff")
    rows = list(csv.DictReader(io.StringIO(text)))
    wanted = [i for i, row in read_numbers(results / "numbers.json").items() if "80sec" in json.dumps(row["quantity"])]
    assert {row["id"] for row in rows} >= set(wanted) and len(rows) >= 3
    gain = next(row for row in rows if row["id"] == "gain")
    assert (gain["seeds_by_arm"], gain["epochs_by_arm"], gain["full_epochs_by_arm"]) == ("3;2", "5;11", "11;11")


def test_a_list_is_a_line_per_number(results):
    lines = list_numbers("80 seconds", "text", results / "numbers.json").splitlines()
    assert lines[0].startswith("cifar10-80sec-error: 26.20 %")
    assert list_numbers("nothing-like-it", "text", results / "numbers.json") == "no number has 'nothing-like-it'"


@pytest.mark.parametrize("change", [{"schema_version": "0.9"}, {"schema_version": None}])
def test_numbers_of_another_schema_are_refused_in_one_line(results, change):
    path = results / "numbers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ReproduceError, match=r"has schema version .*, not 1\.0; run `dvc repro collect`"):
        cited(results, "gain")


@pytest.mark.parametrize(
    ("number_id", "start", "keys"),
    [
        ("account-error-25-to-16", "rough: 25.77 rounds to 26", ["ilsvrc2012results", "russakovsky2015imagenet"]),
        (
            "ilsvrc2012-five-cnns-test-top5",
            "16.4 % (Table 2), as published; accurate: ",
            ["krizhevsky2012imagenet", "ilsvrc2012results"],
        ),
        ("contest-2012-winner-supplied-data-top5", "top-5 error 16.422 % (95 % interval", ["ilsvrc2012results"]),
        ("milestone-nasnet-a-top1", "top-1 accuracy 82.7 %, as published", ["zoph2018nasnet"]),
        ("drop-2012-supplied-data", "from 26.172 to 16.422 %, a drop of 9.75 points (95 %", ["ilsvrc2012results"]),
        ("drop-quoted-25-to-16", "from 25.77 to 16.422 %, a drop of 9.348 points, on two sets", ["ilsvrc2011results"]),
    ],
)
def test_the_contest_has_citable_answers_with_their_own_sources(number_id, start, keys):
    text = cite(number_id)
    assert text.splitlines()[0].startswith(f"{number_id}: {start}")
    for key in keys:
        assert re.search(rf"^@\w+\{{{key},$", text, re.MULTILINE), key
    assert ("alexnet-2012-reproduction" in text) == (read_numbers()[number_id]["kind"] != "published")


def test_every_committed_number_can_be_cited_in_every_format():
    citation, known = Citation(), entries()
    for row in read_numbers().values():
        assert first_line(row) and citation.lines(row)
        assert {key_of(source) for source in row.get("sources", [])} <= known.keys(), row["id"]
        if row["kind"] in ("claim", "published", "drop"):
            assert citation.bibtex(row).count("{") == citation.bibtex(row).count("}")
            assert r"\cite{" in citation.latex(row)


def test_every_claim_has_a_source_that_can_be_cited():
    for each in load_claims():
        assert entries_of(sources_of(each)), each.id


def test_sources_keep_the_place_and_name_each_work_once():
    checked = {"finding": "rough", "why": "x", "sources": ["chm2025alexnet, layer.py"]}
    assert sources_of(claim(source="paper, section 3.3", source_check=checked)) == [
        "krizhevsky2012imagenet, section 3.3",
        "chm2025alexnet, layer.py",
    ]
    assert sources_of(claim(source="cuda-convnet front page")) == ["cudaconvnet2012, front page"]
    assert sources_of(claim(source="authors' notes of x.cfg")) == ["chm2025alexnet, x.cfg"]


def test_a_source_that_is_not_in_the_bibliography_is_an_error():
    with pytest.raises(ReproduceError, match=r"references\.bib has no entry 'nobody1900'"):
        entries_of(["nobody1900, page 3"])


def test_the_bibliography_is_read_whole():
    text = (PAPER_NOTES / "references.bib").read_text()
    assert list(entries()) == re.findall(r"^@\w+\{([^,]+),$", text, re.MULTILINE)


def test_latex_escapes_what_it_would_take_for_its_own():
    assert latex("50 % of a_b & {c} #1 $2 ~ ^ \\") == (
        r"50 \% of a\_b \& \{c\} \#1 \$2 \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


def test_the_command_takes_an_id_or_a_list(capsys):
    assert cli.main(["cite", "small-lrn-top1", "--format", "latex"]) == 0
    assert r"\cite{alexnet-2012-reproduction-small-lrn-top1,krizhevsky2012imagenet}" in capsys.readouterr().out
    assert cli.main(["cite", "--list", "dropout lower the test error"]) == 0
    assert "\nalexnet_small.gain-of-dropout.difference: 1.26 points" in capsys.readouterr().out
    for wrong in (["cite"], ["cite", "small-lrn-top1", "--list", "x"]):
        assert cli.main(wrong) == 2
        assert "name the id of a number, or give --list TEXT" in capsys.readouterr().err


def test_the_readme_shows_the_first_lines_of_a_real_citation():
    readme = (REPO_ROOT / "README.md").read_text()
    shown = re.search(r"<!-- begin:cite-example -->\n```text\n(.*?)\n```", readme, re.DOTALL)[1]
    assert shown.count("\n") >= 3
    assert cite("small-lrn-top1").startswith(shown + "\n")
    entry = re.search(r"```bibtex\n(@misc\{.*?)\n```\n<!-- end:cite-example", readme, re.DOTALL)[1]
    assert entry.count("{") == entry.count("}") and f"version {read_citation()['version']}" in entry


def test_the_project_is_read_from_its_citation_file():
    assert read_citation()["title"] == "AlexNet 2012, reproduced"
