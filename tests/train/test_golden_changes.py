"""A golden file shows each change of a network, its training or its testing that it is meant to show."""

from functools import partial

import pytest
import torch
from torch.nn import functional
from training_support import other_rule

from reproduce.base import draws
from reproduce.data import steps
from reproduce.evaluate import predict
from reproduce.models import layers
from reproduce.models.batch_norm import BatchNormalizationLayer
from reproduce.models.spec import BatchNormalization, ResponseNormalization
from reproduce.study import golden_file
from reproduce.study.study import load_study
from reproduce.study.variant import Variant
from reproduce.train import golden, loop
from reproduce.train.loop import Trainer
from reproduce.train.update import MomentumUpdate

pytestmark = pytest.mark.usefixtures("one_thread")

STUDY_2012 = load_study("cifar10_nets")
RESNET20 = golden_file.golden_path(load_study("after_2012"), "resnet20")


def problems(name="80sec"):
    return "\n".join(golden.check_golden(STUDY_2012, name))


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
