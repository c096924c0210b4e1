"""Golden files: this machine follows them, and recording asks for a reason and a change."""

import json

import pytest
import torch
from training_support import STUDY, other_rule

from reproduce.base import files, paths
from reproduce.base.errors import ReproduceError
from reproduce.models import kernels
from reproduce.study import golden_file
from reproduce.study.study import load_study
from reproduce.train import golden, golden_numerics
from reproduce.train.update import MomentumUpdate

pytestmark = pytest.mark.usefixtures("one_thread")

STUDY_2012 = load_study("cifar10_nets")
SLOW_STUDIES = {"why_ports_stall"}  # networks of sixty million weights: a minute and more
SLOW_VARIANTS = {"vgg_bn_dropout", "vgg_bn_dropout_half", "nasnet_a_6_768"}  # many weights and phases, or many layers


def variants_with_golden_files():
    """Yield (study, variant, twin), where the twin is an earlier one of the same configuration, or None."""
    firsts = {}
    for path in sorted(paths.EXPERIMENTS.glob("*/study.yaml")):
        study = load_study(path.parent.name)
        for name in golden.golden_variants(study) if study.is_trained_by_stages else []:
            first = firsts.setdefault(study.variant(name).digest(), (study, name))
            yield study, name, None if first == (study, name) else first


def parameters(twins):
    for study, name, first in variants_with_golden_files():
        if (first is not None) == twins:
            slow = first is None and (study.study in SLOW_STUDIES or name in SLOW_VARIANTS)
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(study, name, *([first] if twins else []), id=f"{study.study}-{name}", marks=marks)


@pytest.mark.parametrize(("study", "name"), list(parameters(twins=False)))
def test_every_variant_follows_its_golden_file_here(study, name):
    assert golden.check_golden(study, name) == []


@pytest.mark.parametrize(("study", "name", "first"), list(parameters(twins=True)))
def test_a_variant_of_another_length_alone_has_the_numbers_of_its_twin(study, name, first):
    recorded, of_twin = (golden_file.read_golden(golden_file.golden_path(*each)) for each in ((study, name), first))
    variant = study.variant(name)
    assert recorded["config_sha256"] == of_twin["config_sha256"] == variant.digest()
    tolerances = golden_numerics.tolerances(variant)
    assert all(recorded[precision].keys() == parts.keys() for precision, parts in tolerances.items())
    assert golden_numerics.differences(of_twin, recorded, tolerances) == []


@pytest.mark.parametrize("name", ["resnet20", "18pct_batch_norm"])
def test_a_machine_without_a_compiler_follows_the_golden_files_of_later_nets(monkeypatch, name):
    monkeypatch.setattr(kernels, "library", lambda: None)
    assert golden.check_golden(load_study("after_2012"), name) == []


def test_the_number_of_threads_stays_as_it_was():
    before = torch.get_num_threads()
    golden_numerics.numerics(STUDY_2012.variant("80sec"))
    assert torch.get_num_threads() == before


@pytest.fixture
def folder(folder, monkeypatch):
    """The folder of the tiny study, of which nothing is recorded yet."""
    monkeypatch.setattr(golden, "load_study", lambda name: load_study(name, folder / "experiments"))
    (folder / "experiments" / "tiny" / "golden" / "small.json").unlink()
    return folder


def test_recording_needs_a_reason_and_a_change(folder, monkeypatch):
    study = load_study("tiny", folder / "experiments")
    with pytest.raises(ReproduceError, match=r"golden/small\.json is missing; .* golden record tiny small --reason"):
        golden.check_golden(study, "small")
    with pytest.raises(ReproduceError, match="--reason is empty"):
        golden.record_golden("tiny", "small", " ")
    assert not golden_file.golden_path(study, "small").exists()

    path = golden.record_golden("tiny", "small", "first record")
    assert golden.check_golden(study, "small") == []
    first = path.read_bytes()
    with pytest.raises(ReproduceError, match="still holds within tolerance; recording it would rerun for nothing"):
        golden.record_golden("tiny", "small", "again")
    assert path.read_bytes() == first

    monkeypatch.setattr(MomentumUpdate, "step", other_rule(momentum=0.8))
    golden.record_golden("tiny", "small", "another momentum")
    assert [entry["reason"] for entry in json.loads(path.read_text())["reasons"]] == [
        "first record",
        "another momentum",
    ]
    assert golden.check_golden(study, "small") == []


@pytest.fixture
def layouts(tmp_path):
    """One golden file in today's layout and in the one of the first runs, one number per line."""
    content = json.loads(golden_file.golden_path(STUDY_2012, "80sec").read_text())
    compact, spread = tmp_path / "compact.json", tmp_path / "spread.json"
    golden.write_golden(compact, content)
    files.write_json(spread, content)
    return compact, spread


def test_either_layout_has_the_digest_of_the_first_runs(layouts):
    compact, spread = layouts
    assert compact.read_text().count("\n") < spread.read_text().count("\n") / 4
    assert golden_file.golden_digest(compact) == golden_file.golden_digest(spread) == files.file_digest(spread)
    assert golden_file.read_golden(compact) == golden_file.read_golden(spread)
    recorded = paths.RESULTS / "runs/cifar10_nets/80sec/epochs11/seed1/run.json"
    assert json.loads(recorded.read_text())["golden_sha256"] == golden_file.golden_digest(compact)


def test_one_changed_digit_changes_the_digest(layouts):
    compact, spread = layouts
    content = json.loads(compact.read_text())
    content["bf16"]["trajectory"]["distances_moved"][0] *= 1 + 1e-7
    golden.write_golden(compact, content)
    assert golden_file.golden_digest(compact) != golden_file.golden_digest(spread)


def test_golden_files_lie_where_a_variant_is_published_or_tested_and_nowhere_else(tmp_path):
    """Those that only the search for a rate or a length uses name the source in their record, and need none."""
    kept_for_tests = {("cifar10_nets", "80sec_reshuffled")}
    for path in sorted(paths.EXPERIMENTS.glob("*/golden/*.json")):
        study = load_study(path.parents[1].name)
        assert study.needs_golden_file(path.stem) or (study.study, path.stem) in kept_for_tests
        golden.write_golden(tmp_path / path.name, json.loads(path.read_text()))
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), "write it anew by write_golden"


def test_a_study_published_by_hand_has_none_and_gets_none(monkeypatch):
    """Nor is its network, which has sixty million weights, computed before that is said."""
    monkeypatch.setattr(golden, "numerics", lambda variant: pytest.fail("computed"))
    with pytest.raises(ReproduceError, match="ilsvrc2012 has no golden files: its runs are published by hand"):
        golden.check_golden(load_study("ilsvrc2012"), "paper")
    with pytest.raises(ReproduceError, match="ilsvrc2012 has no golden files"):
        golden.record_golden("ilsvrc2012", "paper", "a reason")


def test_a_changed_configuration_is_out_of_date_whatever_it_computes(folder):
    golden.record_golden("tiny", "small", "first record")
    changed = STUDY.replace("epochs: 4", "epochs: 5")
    (folder / "experiments" / "tiny" / "study.yaml").write_text(changed)
    study = load_study("tiny", paths.EXPERIMENTS)
    assert golden.check_golden(study, "small") == ["the configuration is not the one the golden file was recorded with"]
    golden.record_golden("tiny", "small", "five epochs")
    assert golden.check_golden(study, "small") == []


def test_differences_name_precision_part_and_quantity():
    recorded = {p: {part: {"a": [1.0, 2.0]} for part in parts} for p, parts in golden_numerics.TOLERANCES.items()}
    now = json.loads(json.dumps(recorded))
    assert golden_numerics.differences(recorded, now) == []
    now["fp32"]["one_pass"]["a"][0] += 1e-4
    now["bf16"]["update_rule"]["a"][1] = float("nan")
    now["bf16"]["one_pass"]["a"].append(0.0)
    assert golden_numerics.differences(recorded, now) == [
        "fp32 one_pass a: differs by 5e-05, allowed 2e-05",
        "bf16 one_pass: the layers or their sizes differ",
        "bf16 update_rule a: differs by nan, allowed 1e-06",
    ]
