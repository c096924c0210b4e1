"""paper_notes/in_code/alexnet_2012.py is the net that this project trains: same weights, same logits, same update."""

import importlib.util

import pytest
import torch
from torch.nn import functional

from reproduce.base.paths import PAPER_NOTES
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import load_spec
from reproduce.study.variant import Phase
from reproduce.train.update import MomentumUpdate

PAGE = PAPER_NOTES / "in_code" / "alexnet_2012.py"
FIRST_PHASE = Phase(epochs=1, training_files=[1], weight_rate_factor=1.0)


@pytest.fixture(scope="module")
def page():
    module_spec = importlib.util.spec_from_file_location("alexnet_2012", PAGE)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ours():
    return Network(load_spec("alexnet_paper"), seed=1)


@pytest.fixture
def plain(page, ours):
    net = page.AlexNet2012()
    with torch.no_grad():
        for layer in ours.weighted_layers():
            copied = getattr(net, layer.settings.name)
            copied.weight.copy_(layer.weight)
            copied.bias.copy_(layer.bias)
    return net


def images():
    pixels = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5)) * 60
    return pixels.contiguous(memory_format=torch.channels_last)


def test_it_is_one_page():
    assert len(PAGE.read_text().splitlines()) <= 110


def test_sizes_and_initial_spreads_are_those_of_the_spec(page, ours):
    net = page.AlexNet2012()
    assert sum(parameter.numel() for parameter in net.parameters()) == 60_965_224
    for layer in ours.weighted_layers():
        drawn = getattr(net, layer.settings.name)
        assert drawn.weight.shape == layer.weight.shape
        assert drawn.weight.std().item() == pytest.approx(layer.settings.weight_std, rel=0.03)
        assert drawn.bias.unique().tolist() == [layer.settings.bias]


def test_the_same_weights_give_the_same_logits(plain, ours):
    with torch.no_grad():
        expected, found = ours(images()), plain.eval()(images())
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_the_same_masks_and_labels_give_the_same_two_updates(page, plain, monkeypatch):
    ours, labels = Network(load_spec("alexnet_paper"), seed=1), torch.tensor([3, 700])
    rules = MomentumUpdate(ours, 0.9), page.Update2012(plain.train())
    for step in range(2):
        draw = StepDraw(seed=9, step=step)
        masks = iter([draw.keep_mask(name, (2, 4096), 0.5) for name in ("drop6", "drop7")])
        monkeypatch.setattr(page, "_dropout", lambda x, is_training, masks=masks: x * next(masks))
        loss = functional.cross_entropy(ours(images(), draw), labels)
        rules[0].step(list(torch.autograd.grad(loss, rules[0].parameters)), FIRST_PHASE)
        plain.zero_grad()
        functional.cross_entropy(plain(images()), labels).backward()
        rules[1].step()
    start = Network(load_spec("alexnet_paper"), seed=1)
    for layer, before in zip(ours.weighted_layers(), start.weighted_layers(), strict=True):
        updated = getattr(plain, layer.settings.name)
        for name in ("weight", "bias"):
            expected = getattr(layer, name) - getattr(before, name)
            found = getattr(updated, name) - getattr(before, name)
            assert (found - expected).norm() <= 1e-3 * expected.norm(), (layer.settings.name, name)
