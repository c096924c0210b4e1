"""Golden files: this machine follows them, a change of numerics does not, and recording asks for a reason."""

import json
from functools import partial

import pytest
import torch
from torch.nn import functional
from training_support import STUDY

from reproduce.base import draws, files, paths
from reproduce.base.errors import ReproduceError
from reproduce.data import steps
from reproduce.evaluate import predict
from reproduce.models import kernels, layers
from reproduce.models.batch_norm import BatchNormalizationLayer
from reproduce.models.spec import BatchNormalization, ResponseNormalization
from reproduce.study import golden_file
from reproduce.study.study import load_study
from reproduce.study.variant import Variant
from reproduce.train import golden, golden_numerics, loop
from reproduce.train.loop import Trainer
from reproduce.train.update import MomentumUpdate

pytestmark = pytest.mark.usefixtures("one_thread")

STUDY_2012 = load_study("cifar10_nets")


RESNET20 = golden_file.golden_path(load_study("after_2012"), "resnet20")
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


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"epsilon": 1e-3}, "fp32 one_pass outputs"),
        ({"keep": 0.99}, "fp32 one_pass test_outputs"),
        ({"activation": "identity"}, "fp32 one_pass outputs"),
        ({"bias_learning_rate": 0.2}, "fp32 update_rule"),
    ],
    ids=str,
)
def test_other_settings_of_batch_normalization_are_seen(monkeypatch, change, seen):
    study = load_study("after_2012")
    network = study.variant("resnet20").network_spec()
    changed = [
        layer.model_copy(update=change) if isinstance(layer, BatchNormalization) else layer for layer in network.layers
    ]
    monkeypatch.setattr(Variant, "network_spec", lambda self: network.model_copy(update={"layers": changed}))
    monkeypatch.setattr(Variant, "digest", lambda self: golden_file.read_golden(RESNET20)["config_sha256"])
    assert seen in "\n".join(golden.check_golden(study, "resnet20"))


def test_statistics_without_a_gradient_are_seen(monkeypatch):
    def moments(x):
        return [of(x, (0, 2, 3), keepdim=True).detach() for of in (torch.mean, partial(torch.var, correction=0))]

    def constant(self, x, draw):
        if draw is None:
            return forward(self, x, draw)
        mean, variance = moments(x.float())
        scale = self.weight.view(-1, 1, 1) * (variance + self.settings.epsilon).rsqrt()
        return self.activation((x - mean) * scale + self.bias.view(-1, 1, 1)).to(x.dtype)

    forward = BatchNormalizationLayer.forward
    monkeypatch.setattr(BatchNormalizationLayer, "forward", constant)
    said = "\n".join(golden.check_golden(load_study("after_2012"), "resnet20"))
    assert "fp32 gradients gradient of conv2a1.weight" in said
    assert "fp32 one_pass outputs" not in said  # these are right


def problems(name="80sec"):
    return "\n".join(golden.check_golden(STUDY_2012, name))


def other_rule(momentum=0.9, decay_sign=1.0, bias_decay=0.0, rate_outside=False):
    """Return an update rule that is that of 2012 but for the arguments given."""

    @torch.no_grad()
    def step(self, gradients, phase):
        rows = zip(self.parameters, self.velocities, gradients, self._rates, self._layers, strict=True)
        for parameter, velocity, gradient, (rate, decay), (_, is_bias) in rows:
            rate *= phase.bias_rate_factor if is_bias else phase.weight_rate_factor
            pull = gradient + (bias_decay if is_bias else decay_sign * decay) * parameter
            velocity.mul_(momentum).sub_(pull if rate_outside else rate * pull)
            parameter.add_(rate * velocity if rate_outside else velocity)

    return step


def test_the_rule_written_again_follows_the_golden_file(monkeypatch):
    monkeypatch.setattr(MomentumUpdate, "step", other_rule())
    assert problems() == ""


@pytest.mark.parametrize(
    "change", [{"momentum": 0.95}, {"decay_sign": -1.0}, {"bias_decay": 0.004}, {"rate_outside": True}], ids=str
)
def test_a_changed_update_rule_is_seen(monkeypatch, change):
    monkeypatch.setattr(MomentumUpdate, "step", other_rule(**change))
    assert "fp32 update_rule conv1" in problems()


@pytest.mark.parametrize(("name", "power"), [("18pct", 1), ("conv_local_13pct_lrn", 0)])
def test_a_changed_alpha_is_seen(monkeypatch, name, power):
    changed = property(lambda layer: layer.alpha / layer.window**power)
    monkeypatch.setattr(ResponseNormalization, "alpha_per_square", changed)
    assert "fp32 one_pass outputs" in problems(name)


def test_another_draw_of_crops_is_seen(monkeypatch):
    draw = steps.crop_draws
    monkeypatch.setattr(steps, "crop_draws", lambda count, border, seed, step: draw(count, border, seed, step + 1))
    assert "fp32 one_pass outputs" in problems("conv_local_13pct")


def test_crops_that_do_not_follow_the_step_are_seen(monkeypatch):
    draw = steps.crop_draws
    monkeypatch.setattr(steps, "crop_draws", lambda count, border, seed, step: draw(count, border, seed, 0))
    assert "fp32 trajectory" in problems("conv_local_13pct")


@pytest.mark.parametrize("change", ["deviation", "draw"])
def test_other_initial_weights_are_seen(monkeypatch, change):
    gaussian = draws.gaussian
    changed = {
        "deviation": lambda seed, purpose, shape, std: gaussian(seed, purpose, shape, 1.001 * std),
        "draw": lambda seed, purpose, shape, std: gaussian(seed, f"{purpose}.", shape, std),
    }
    monkeypatch.setattr(draws, "gaussian", changed[change])
    assert "fp32 one_pass outputs" in problems()


def test_an_average_over_pixels_outside_is_seen(monkeypatch):
    def unclipped(x, window, stride):
        return functional.avg_pool2d(functional.pad(x, (0, 1, 0, 1)), window, stride)

    monkeypatch.setattr(layers, "average_pool", unclipped)
    assert "fp32 one_pass outputs" in problems()


def test_a_short_batch_that_takes_a_short_step_is_seen(monkeypatch):
    class Scaled:
        cross_entropy = staticmethod(lambda x, y: functional.cross_entropy(x, y) * len(y) / 4)

    monkeypatch.setattr(loop, "functional", Scaled)
    assert "fp32 trajectory" in problems()


def test_files_in_another_order_are_seen(monkeypatch):
    batches = loop.batches_of_epoch
    monkeypatch.setattr(loop, "batches_of_epoch", lambda *settings: list(batches(*settings))[::-1])
    assert "fp32 trajectory" in problems()


def test_shuffling_alike_every_epoch_is_seen(monkeypatch):
    batches = loop.batches_of_epoch
    monkeypatch.setattr(loop, "batches_of_epoch", lambda *settings: batches(*settings[:-1], 0))
    assert "fp32 trajectory" in problems("80sec_reshuffled")


@pytest.mark.parametrize("factors", [{"weight_rate_factor": 1.0}, {"bias_rate_factor": 0.1}], ids=str)
def test_phases_at_other_rates_are_seen(monkeypatch, factors):
    update = Trainer._one_update
    monkeypatch.setattr(Trainer, "_one_update", lambda s, phase: update(s, phase.model_copy(update=factors)))
    assert "fp32 trajectory distances_moved" in problems()


def test_testing_without_the_mean_is_seen(monkeypatch):
    convert = predict.to_input
    monkeypatch.setattr(
        predict, "to_input", lambda pixels, mean, *rest, **more: convert(pixels, 0 * mean, *rest, **more)
    )
    assert "fp32 trajectory test_probabilities" in problems()


@pytest.mark.parametrize(
    "offsets",
    [
        [(4, 4, False)],
        [(top, left, False) for top in (0, 4, 8) for left in (0, 4, 8)],  # those of the later code
        [(top, left, m) for m in (False, True) for top, left in [(0, 0), (0, 8), (8, 0), (8, 8), (5, 4)]],
    ],
    ids=["center", "nine", "shifted"],
)
def test_other_test_views_are_seen(monkeypatch, offsets):
    monkeypatch.setattr(predict, "view_offsets", lambda side, size, views: offsets)
    assert "fp32 one_pass view_probabilities" in problems("conv_local_13pct")


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
