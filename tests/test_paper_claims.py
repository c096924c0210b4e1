"""The claims themselves: complete, consistent with one another and with the sources' own arithmetic, and planned."""

import functools
import os
import re
import subprocess

import pytest
import yaml
from ruamel.yaml import YAML

from reproduce import cli
from reproduce.base.paths import REPO_ROOT
from reproduce.data.ilsvrc.editions import EDITIONS
from reproduce.judge.numbers import find_number
from reproduce.judge.unmade import why_unmade
from reproduce.models.counts import weighted_counts
from reproduce.models.spec import load_spec
from reproduce.runs.table import read_runs
from reproduce.study import study
from reproduce.study.claims import CLAIMS_FILE, load_claims
from reproduce.study.designs import study_and_variant
from reproduce.study.feature_variant import FeatureVariant
from reproduce.train.several import chosen_runs


@pytest.fixture(scope="module")
def claims():
    return load_claims()


load_study = functools.cache(study.load_study)


def what_is_trained(variant):
    """Return everything that a run of the variant depends on, layers by their place instead of their name."""
    if isinstance(variant, FeatureVariant):
        return variant.resolved()
    spec = variant.network_spec()
    net = {"input": spec.input, "layers": [layer.model_copy(update={"name": ""}) for layer in spec.layers]}
    return net | variant.model_dump(exclude={"network", "changes", "remove", "diagnostics"})


def test_no_two_arms_that_claims_compare_are_the_same_net(claims):
    """Two ways to leave a layer out may leave the same layers."""
    arms = sorted({study_and_variant(arm, claim.study) for claim in claims if claim.study for arm in claim.arms})
    trained = [
        ((study, arm), what_is_trained(load_study(study).variant(arm)))
        for study, arm in arms
        if arm in load_study(study).variants  # the others average runs of these
    ]
    alike = [(a, b) for n, (a, one) in enumerate(trained) for b, other in trained[:n] if a[0] == b[0] and one == other]
    assert len(trained) > 30
    assert alike == []


def test_yaml_1_1_and_1_2_read_the_same_claims():
    text = CLAIMS_FILE.read_text()
    assert yaml.safe_load(text) == YAML(typ="safe", pure=True).load(text)


def test_every_claim_of_the_paper_and_of_popular_accounts_is_there(claims):
    assert {claim.paper_row for claim in claims} - {None} == set(range(1, 32))
    assert {claim.account for claim in claims} - {None} == {*"abcdefghij", "k1", "k2", "k3", "k4", "k5"}


def test_every_command_typed_names_what_exists(claims, monkeypatch):
    monkeypatch.setattr(cli, "load_study", load_study)
    commands = [claim.not_run.command for claim in claims if claim.not_run and claim.not_run.command]
    assert len(commands) > 10
    for command in commands:
        trained_by(command)


def test_every_derived_command_trains_all_that_its_claim_plans(claims, monkeypatch):
    """As it would stand before any run."""
    monkeypatch.setattr(cli, "load_study", load_study)
    studied = [claim for claim in claims if claim.study]
    studies = [load_study(name) for name in {claim.study for claim in studied}]
    for claim in studied:
        why, command = why_unmade(claim, read_runs([]), studies)
        assert why and command, claim.id
        trained = set().union(*map(trained_by, command.split(" && ")))
        assert all(len(runs & trained) >= claim.seeds_planned for runs in arms_of(claim)), claim.id


def trained_by(command):
    """Return the runs that one command trains, having found that it names what exists."""
    program, *words = command.split()
    if program == "dvc":
        targets = [re.fullmatch(r"experiments/(\w+)/dvc\.yaml:([\w-]+)", word) for word in words[1:]]
        stages = [(load_study(target[1]), target[2]) for target in targets]
        return {
            run for study, name in stages for run in study.stages() if study.stage_name(run.variant, run.epochs) == name
        }
    assert [program, *words[:2]] == ["python", "-m", "reproduce"]
    arguments = cli.build_parser().parse_args(words[2:])
    if arguments.verb == "ensemble":
        assert arguments.name in load_study(arguments.study).ensembles
    if arguments.verb != "train":
        return set()
    chosen = (arguments.variants, arguments.profile, arguments.epochs, arguments.seed)
    trained = set(chosen_runs(load_study(arguments.study), *chosen))
    assert trained
    return trained


def arms_of(claim):
    """Return every run of each arm that its study lists; an ensemble's are those it averages."""
    arms = []
    for owner, variant in (study_and_variant(arm, claim.study) for arm in claim.arms):
        study = load_study(owner)
        ensembles = study.ensemble_runs()
        listed = [run for run in study.publishable_runs() if run not in ensembles]
        members = {member for run, runs in ensembles.items() if run.variant == variant for member in runs}
        arms.append(members or {run for run in listed if run.variant == variant})
    return arms


def test_every_score_and_time_published_with_cuda_convnet_is_there(claims):
    first = {claim.id: claim.targets[0].value for claim in claims if claim.id.startswith("cifar10-")}
    assert first == {
        "cifar10-80sec-error": 26.0,
        "cifar10-80sec-averages-of-2011-error": 26.0,
        "cifar10-80sec-time": 80.0,
        "cifar10-19pct-error": 19.0,
        "cifar10-19pct-averages-of-2011-error": 19.0,
        "cifar10-19pct-time": 20 * 60.0,
        "cifar10-19pct-translations-error": 14.2,
        "cifar10-18pct-error": 18.0,
        "cifar10-18pct-averages-of-2011-error": 18.0,
        "cifar10-18pct-time": 20 * 60.0,
        "cifar10-within-map-normalization": 1.0,
        "cifar10-13pct-error": 13.0,
        "cifar10-13pct-nine-views-error": 13.0,
        "cifar10-13pct-sample-run-error": 12.6,
        "cifar10-13pct-sample-run-nine-views-error": 12.6,
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
        ("input-size-in-caption", True),
        ("conv2-neurons-in-caption", True),
        ("conv3-and-conv4-neurons-in-caption", True),
        ("conv5-neurons-in-caption", True),
        ("hidden-dense-neurons-in-caption", True),
    ],
)
def test_arithmetic_claims_come_out_as_counted_by_hand(claims, claim_id, holds):
    (claim,) = [claim for claim in claims if claim.id == claim_id]
    assert claim.holds() is holds


def test_sizes_in_the_caption_are_held_against_those_of_the_net_trained_here(claims):
    by_id = {claim.id: claim for claim in claims}
    sizes = {row.name: row.outputs for row in weighted_counts(load_spec("alexnet_paper"))}
    pairs = {
        "conv1-neurons-in-caption": ["conv1"],
        "conv2-neurons-in-caption": ["conv2"],
        "conv3-and-conv4-neurons-in-caption": ["conv3", "conv4"],
        "conv5-neurons-in-caption": ["conv5"],
        "hidden-dense-neurons-in-caption": ["fc6", "fc7"],
        "output-neurons-in-caption": ["fc8"],
    }
    assert sorted(name for names in pairs.values() for name in names) == sorted(sizes)
    for claim_id, names in pairs.items():
        assert {sizes[name] for name in names} == {by_id[claim_id].targets[-1].value}, claim_id


def test_sizes_of_the_contest_are_those_that_its_data_must_have_here(claims):
    held = {claim.id: [target.value for target in claim.targets] for claim in claims if claim.id.startswith("ilsvrc-")}
    first, second = EDITIONS[2010].images, EDITIONS[2012].images
    assert held["ilsvrc-training-images"][1:] == [first["train"], second["train"]]
    assert held["ilsvrc-validation-images"] == [first["val"]] == [second["val"]]
    assert held["ilsvrc-test-images"][0] == first["test"]


def test_fewer_seeds_than_planned_at_first_and_late_bounds_are_said_in_the_entry(claims):
    """Five seeds of every arm of the reduced net were planned before its first run, and no bound on small effects."""
    reduced = [claim for claim in claims if claim.study == "alexnet_small"]
    fewer = [claim for claim in reduced if claim.seeds_planned < 5]
    bounded = [claim for claim in claims if claim.negligible_within]
    assert fewer and bounded
    assert [claim.id for claim in fewer if "five were planned, cut on" not in claim.protocol] == []
    assert [claim.id for claim in bounded if "was fixed on" not in (claim.margin_why or "")] == []


def test_days_and_times_of_changes_to_claims_are_those_of_the_commits_named():
    dated = set(re.findall(r"(\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))? \(([0-9a-f]{7})\)", CLAIMS_FILE.read_text()))
    assert dated
    for day, time, commit in sorted(dated):
        git = ["git", "show", "--no-patch", "--date=format-local:%Y-%m-%d %H:%M", "--format=%ad", commit]
        shown = subprocess.run(git, cwd=REPO_ROOT, env=os.environ | {"TZ": "UTC"}, capture_output=True, text=True)
        if shown.returncode:
            pytest.skip(f"this copy lacks commit {commit}")
        assert shown.stdout.startswith(f"{day} {time}"), commit


def test_claims_with_a_study_fix_margin_and_seeds_before_the_runs(claims):
    studied = [claim for claim in claims if claim.study]
    assert studied
    assert all(claim.seeds_planned for claim in studied)
    late = "none could be fixed beforehand: "
    assert all(claim.margin or claim.margin_why.startswith(late) for claim in studied if claim.targets)
    assert all(claim.margin_why for claim in studied if claim.targets)


def test_arms_are_variants_or_ensembles_of_their_study(claims):
    for claim in claims:
        for owner, variant in (study_and_variant(arm, claim.study) for arm in claim.arms):
            study = load_study(owner)
            assert variant in {*study.variants, *study.ensembles}, claim.id


def test_every_claim_on_imagenet_has_a_study_or_says_why_not(claims):
    """Differences of ILSVRC are judged in a study of the set they were measured on; the rest says what is lacking."""
    measured = [claim for claim in claims if claim.scale == "imagenet"]
    assert len(measured) > 40
    for claim in measured:
        assert claim.study or claim.not_run, claim.id
        if claim.study:
            assert claim.study == claim.dataset.lower().replace("-", ""), claim.id
    judged = {claim.paper_row for claim in measured if claim.study}
    assert judged == {1, 2, 4, 5, 11, 13, 14, 16, 17, 18, 19, 20, 21, 24, 26, None}


def test_every_effect_that_the_paper_credits_to_an_ingredient_names_it(claims):
    compared = [claim for claim in claims if claim.kind in ("difference", "ratio") and claim.source.startswith("paper")]
    assert len(compared) >= 21
    assert [claim.id for claim in compared if not claim.ablation] == []


def test_every_gap_between_test_and_training_error_is_judged_with_the_test_error_beside_it(claims):
    gaps = [claim for claim in claims if claim.estimand and claim.estimand.endswith("generalization_gap_percent")]
    assert len(gaps) == 6 and all(claim.beside for claim in gaps)


def test_columns_are_left_without_a_verdict_as_long_as_their_control_exceeds_chance(claims):
    (claim,) = [claim for claim in claims if claim.id == "small-columns-divide-color"]
    control = find_number("alexnet_small.one_column.color_specialization.above_chance")
    assert control["id"] in claim.not_judged and control["low"] > 0


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
    pairs = [
        claim.targets
        for claim in claims
        if claim.kind != "gain" and claim.paper_row in rows and len(claim.targets) == 2
    ]
    pairs = [(printed, logged) for printed, logged in pairs if logged.kind == "authors_log"]
    assert len(pairs) == 14
    assert all(abs(printed.value - logged.value) <= 0.05 + 1e-9 for printed, logged in pairs)
