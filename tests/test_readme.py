"""The pages are true: numbers are those of results/numbers.json, links exist, commands parse, the README's own run."""

import json
import re
import shlex

import pandas as pd
import pytest
import yaml
from page_support import printed, unmarked_results
from pipeline_support import make_clone, run

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS, REPO_ROOT, RESULTS
from reproduce.cli import build_parser
from reproduce.judge.numbers import read_numbers
from reproduce.report.build import NOTEBOOK_SOURCES
from reproduce.report.build import pages as generated_pages
from reproduce.report.page_parts import stale_parts
from reproduce.report.records import load_records
from reproduce.report.studies import study_module
from reproduce.runs import places
from reproduce.speed.bench.run import PARTS
from reproduce.study.claims import load_claims
from reproduce.study.run_id import RunId
from reproduce.study.study import load_study

README = REPO_ROOT / "README.md"
FOLDERS = ("experiments", "results", "paper_notes")
PAGES = [README, *(page for folder in FOLDERS for page in sorted((REPO_ROOT / folder).rglob("*.md")))]
_BY_CI = ("make reproduce", "make test")  # .ci/run calls these itself; running them here would recurse
_REPRO = "dvc repro"  # tried by a test of its own
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|.*\.\.\..*")


def commands():
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line != ". .venv/bin/activate"]


def own_commands(text):
    """The arguments of every `-m reproduce` in blocks, indented lines and inline code, broken over lines or not."""
    blocks, prose = re.findall(r"```.*?```", text, re.DOTALL), re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [line for line in prose.splitlines() if line.startswith("    ") and "`" not in line]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    parts = [part for line in lines + spans for part in line.split(" && ")]
    found = [shlex.split(part.partition("-m reproduce ")[2], comments=True) for part in parts]
    return [arguments for arguments in found if arguments]


def complaint(arguments, capsys):
    """Return what is wrong with a command, or None; of a command with placeholders the verb alone is checked."""
    given = [word for word in arguments if not _PLACEHOLDER.fullmatch(word)]
    try:
        parsed = build_parser().parse_args(given if given == arguments else [given[0], "--help"])
    except SystemExit as ended:
        return capsys.readouterr().err.strip() if ended.code else None
    try:
        return unknown_name(parsed)
    except ReproduceError as error:
        return str(error)


def unknown_name(parsed):
    """Return or raise what names nothing here; the verbs without names have none to be wrong."""
    study = load_study(parsed.study) if "study" in parsed else None
    if parsed.verb == "train":
        for name in parsed.variants:
            study.variant(name)
        if parsed.profile:
            runs = [each for each in study.runs(parsed.profile) if each.variant in (parsed.variants or [each.variant])]
            return None if runs else f"profile {parsed.profile} has no run of {parsed.variants}"
        whole = len(parsed.variants) == 1 and parsed.epochs and parsed.seed
        return None if whole else "neither a profile nor a variant with epochs and seed"
    if parsed.verb == "golden" and parsed.variant:
        study.variant(parsed.variant)
    known = {
        "ensemble": lambda: parsed.name in study.ensembles,
        "evaluate": lambda: places.found_at(RunId.parse(parsed.run)).is_dir(),
        "rerun": lambda: places.found_at(RunId.parse(parsed.run)).is_dir(),
        "publish": lambda: parsed.variant in (None, *study.variants, *study.ensembles),
        "report": lambda: {
            "notebook": lambda: (NOTEBOOK_SOURCES / f"{parsed.name}.ipynb").is_file(),
            "study": lambda: study_module(parsed.name) or load_study(parsed.name),
        }.get(parsed.part, lambda: True)(),
        "cite": lambda: parsed.list is not None or parsed.id in read_numbers(),
        "bench": lambda: set(parsed.parts) <= set(PARTS),
    }
    return None if known.get(parsed.verb, lambda: True)() else "it names what is not there"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """One clone for all commands, in their order: `dvc repro` gets the data that the later ones need."""
    return make_clone(tmp_path_factory.mktemp("readme"))


@pytest.fixture(scope="module")
def records():
    return load_records()


def test_every_result_of_the_readme_is_a_known_number():
    assert unmarked_results(README.read_text(), printed(load_claims())) == []


def test_every_page_with_generated_parts_is_made_by_the_stage_and_up_to_date(records):
    marked = {page for page in PAGES if re.search(r"<!-- (?:n|begin):", page.read_text())}
    assert marked == set(generated_pages())
    numbers = read_numbers()
    stale = {page: parts for page in generated_pages() if (parts := stale_parts(page, numbers, records))}
    assert stale == {}, "run `dvc repro`"


def test_no_line_begins_with_the_marker_of_a_number():
    """Markdown would take such a line for HTML, and end the paragraph there."""
    found = {page.name: re.findall(r"^[ \t]*<!-- /?n.*", page.read_text(), re.MULTILINE) for page in generated_pages()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("page", sorted(EXPERIMENTS.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_an_answer_gives_its_results_by_markers(page):
    """Published values and those of the page's own prediction, which an answer is held against, are no results."""
    sections = re.split(r"\n(?=\*\*[A-Z])", page.read_text())
    predicted = {n for part in sections if part.startswith("**Prediction") for n in re.findall(r"\d+(?:\.\d+)?", part)}
    known = printed(load_claims()) | {float(n) for n in predicted}
    found = [each for part in sections if part.startswith("**Answer") for each in unmarked_results(part, known)]
    assert found == []


def test_links_and_images_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.relative_to(REPO_ROOT)}: {link}"


def test_every_command_on_a_page_parses_and_names_what_exists(capsys):
    wrong = [
        f"{page.relative_to(REPO_ROOT)}: {shlex.join(arguments)}: {words}"
        for page in PAGES
        for arguments in own_commands(page.read_text())
        if (words := complaint(arguments, capsys))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("`python -m reproduce train cifar10_nets --profile full` and `python -m reproduce --help`", None),
        ("`python -m reproduce golden check\nSTUDY`", None),
        ("`python -m reproduce golden look\nSTUDY`", None),  # what stands beside a placeholder is not looked at
        ("    torchrun -m reproduce train cifar10_nets 80sec --epochs 11 --seed 1  # one run", None),
        ("`python -m reproduce train`", "the following arguments are required: study"),
        ("`python -m reproduce tune STUDY`", "invalid choice: 'tune'"),
        ("```sh\npython -m reproduce train cifar10_nets none --profile full\n```", "has no variant 'none'"),
        ("    python -m reproduce train cifar10_nets 80sec --epochs 11", "neither a profile nor"),
        ("`python -m reproduce cite nothing`", "names what is not there"),
    ],
)
def test_a_bad_command_is_found(text, words, capsys):
    found = [complaint(arguments, capsys) for arguments in own_commands(text)]
    assert found and all(each is None for each in found) if words is None else words in found[0]


def test_the_results_page_names_every_table_and_everything_beside_them():
    text = (RESULTS / "README.md").read_text()
    tables = [f"`{path.name}`" for path in sorted((RESULTS / "tables").iterdir())]
    beside = [path.name + ("/" if path.is_dir() else "") for path in sorted(RESULTS.iterdir())]
    wanted = tables + [f"`{name}" for name in beside if name != "README.md"]
    assert [name for name in wanted if name not in text] == []


def test_the_results_page_starts_with_lines_that_run_and_a_record_as_it_is(monkeypatch):
    text = (RESULTS / "README.md").read_text()
    monkeypatch.chdir(REPO_ROOT)
    read = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], read)
    assert all(len(read[name]) > 10 for name in ("verdicts", "ablations", "numbers"))
    record = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    assert record.items() <= read_numbers()[record["id"]].items()


def test_the_results_page_names_every_column_of_every_table():
    named = set(re.findall(r"`([a-z0-9_]+)`", (RESULTS / "README.md").read_text()))
    named |= {f"{name}_{statistic}" for name in named for statistic in ("mean", "std")}  # of histories_mean.csv
    for folder in ("tables", "timing"):
        for path in sorted((RESULTS / folder).glob("*.csv")):
            assert set(pd.read_csv(path, nrows=0).columns) <= named, path.name


def test_ci_runs_the_commands_that_set_everything_up():
    script = (REPO_ROOT / ".ci" / "run").read_text().splitlines()
    assert set(_BY_CI) <= set(script)
    assert {*_BY_CI, _REPRO} <= set(commands())


@pytest.mark.slow
def test_dvc_repro_gets_the_data_and_trains_nothing(clone):
    done = run(shlex.split(_REPRO), clone)
    assert "reproduce data cifar10" in done.stdout
    assert "reproduce train" not in done.stdout
    stages = yaml.safe_load((clone / "dvc.yaml").read_text())["stages"]
    sinks = [name for name in stages if name.startswith(("figures_", "notebook_"))]
    said = run(["dvc", "status", "--with-deps", *sinks], clone).stdout
    assert said.strip() == "Data and pipelines are up to date."
    assert run(["git", "status", "--porcelain"], clone).stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in commands() if c not in (*_BY_CI, _REPRO)])
def test_commands_run(command, clone):
    done = run(shlex.split(command), clone, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
