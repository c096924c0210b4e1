"""The GPU against the CPU: layers, a training step, the packed reader, tests and checkpoints.

Every test runs wherever torch finds a CUDA device and is skipped, visibly, elsewhere.
"""

import ilsvrc_training_support as support
import numpy as np
import pytest
import torch
from packed_support import write_subset

from reproduce import cli
from reproduce.data.augment import CropDraws
from reproduce.data.ilsvrc.training import load_packed
from reproduce.data.registry import DATASETS
from reproduce.data.steps import Step
from reproduce.models.network import Network, StepDraw
from reproduce.models.normalization import normalize_across_maps, normalize_within_map
from reproduce.study.study import load_study
from reproduce.train.checkpoint import load_checkpoint, save_checkpoint
from reproduce.train.launch import Launch, prepare_torch
from reproduce.train.loop import Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: what a GPU does is not tried")

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
VARIANTS = ["paper", "as_released", "one_gpu"]
FORMS = {
    "across": lambda x: normalize_across_maps(x, 5, 2e-5, 0.75, 2.0, columns=2),
    "within": lambda x: normalize_within_map(x, 5, 4e-5, 0.75, 1.0),
}
TOLERANCES = {torch.float32: {"rtol": 1e-5, "atol": 1e-5}, torch.bfloat16: {"rtol": 2e-2, "atol": 2e-2}}


@pytest.fixture(autouse=True)
def _exact_arithmetic():
    prepare_torch(Launch(device="auto", threads=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a packed subset of random pixels and the study of small nets."""
    folder = tmp_path_factory.mktemp("gpu")
    path = folder / "experiments" / "miniature" / "study.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(support.STUDY)
    with pytest.MonkeyPatch.context() as patch:
        for name, place in support.variables(folder).items():
            patch.setenv(name, place)
        write_subset(folder / "packed", 2012, {"train": 20, "val": 5}, np.random.default_rng(6))
        yield folder


def trainer(folder, device, variant="steady", **changes):
    changed = load_study("miniature", folder / "experiments").variant(variant).model_copy(update=changes)
    return Trainer(changed, changed.scaled_phases(3), 1, load_packed(DATASETS["ilsvrc2012_subset"], device))


def advanced(trainer, updates):
    for _ in range(updates):
        trainer.advance()
    return trainer


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_response_normalization_and_its_gradient_equal_the_cpus(form, dtype):
    random = torch.Generator().manual_seed(1)
    values = (60 * torch.randn(3, 16, 13, 13, generator=random)).to(dtype)
    direction = torch.randn(3, 16, 13, 13, generator=random).to(dtype)
    results = []
    for device in (CPU, GPU):
        x = values.to(device, memory_format=torch.channels_last).detach().requires_grad_()
        out = FORMS[form](x)
        out.backward(direction.to(device))
        assert out.device == x.grad.device == device and out.dtype == x.grad.dtype == dtype
        results.append((out.detach().cpu() / 60, x.grad.cpu()))
    torch.testing.assert_close(*results, **TOLERANCES[dtype])


@pytest.mark.parametrize("name", VARIANTS)
def test_outputs_and_gradients_of_a_network_equal_the_cpus(folder, name):
    spec = load_study("miniature", folder / "experiments").variant(name).network_spec()
    images = 50 * torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    results = []
    for device in (CPU, GPU):
        network = Network(spec, seed=1).to(device)
        logits = network(images.to(device, memory_format=torch.channels_last), StepDraw(1, 3, 9, slice(2, 6)))
        gradients = torch.autograd.grad(logits.square().sum(), list(network.parameters()))
        results.append([tensor.detach().cpu() for tensor in (logits, *gradients)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4 * ours.abs().max().item())


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("images_per_pass", [None, 3])
def test_a_training_step_equals_the_cpus(folder, name, images_per_pass):
    ours, theirs = (trainer(folder, device, name) for device in (CPU, GPU))
    theirs.images_per_pass = images_per_pass
    advanced(ours, 1), advanced(theirs, 1)
    assert theirs.state.update_losses == pytest.approx(ours.state.update_losses, rel=1e-4)
    for velocity, expected in zip(theirs.update.velocities, ours.update.velocities, strict=True):
        assert velocity.device == GPU
        scale = 1e-3 * expected.abs().max().item()
        torch.testing.assert_close(velocity.cpu(), expected, rtol=1e-2, atol=scale)


def test_bf16_trains_on_the_gpu_with_weights_in_float32(folder):
    exact, rounded = (advanced(trainer(folder, GPU, precision=p), 2) for p in ("fp32", "bf16"))
    assert rounded.training_input(torch.arange(2)).dtype == torch.bfloat16
    assert {parameter.dtype for parameter in rounded.update.parameters} == {torch.float32}
    assert rounded.state.update_losses == pytest.approx(exact.state.update_losses, rel=5e-2)


def test_unit_variance_inputs_are_divided_on_the_gpu(folder):
    ours, theirs = (trainer(folder, device, input_scale="unit_variance") for device in (CPU, GPU))
    rows = torch.tensor([7, 0, 19])
    torch.testing.assert_close(theirs.training_input(rows).cpu(), ours.training_input(rows))


def test_packed_batches_come_from_pinned_memory_and_equal_the_cpus(folder):
    ours, theirs = (load_packed(DATASETS["ilsvrc2012_subset"], device) for device in (CPU, GPU))
    drawn = CropDraws.fixed(3, 5)
    pinned = theirs.splits["train"].crops(np.array([4, 0, 19]), drawn, 224, pinned=True)
    assert pinned.is_pinned() and torch.equal(pinned, ours.splits["train"].crops(np.array([4, 0, 19]), drawn, 224))
    steps = [Step(number, np.roll(np.arange(20), number)[:8], slice(1, 7)) for number in range(12)]
    for one, other in zip(
        *(data.training_batches(steps, 224, 3, "crops_and_flips") for data in (ours, theirs)), strict=True
    ):
        assert other.pixels.device == other.labels.device == GPU
        assert torch.equal(one.pixels, other.pixels.cpu()) and torch.equal(one.labels, other.labels.cpu())


@pytest.mark.parametrize("views", [1, 10])
def test_test_probabilities_equal_the_cpus_and_lie_on_the_cpu(folder, views):
    ours, theirs = (trainer(folder, device) for device in (CPU, GPU))
    expected, labels = ours.probabilities(ours.data.test(), views)
    found, same = theirs.probabilities(theirs.data.test(), views)
    assert found.device == same.device == CPU and torch.equal(labels, same)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("begun_on", "ended_on"), [(GPU, CPU), (CPU, GPU), (GPU, GPU)], ids=str)
def test_a_checkpoint_goes_on_on_another_device(folder, tmp_path, begun_on, ended_on):
    begun = advanced(trainer(folder, begun_on), 2)
    save_checkpoint(tmp_path / "c.pt", {"trainer": begun.state_dict()})
    resumed = trainer(folder, ended_on)
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.pt")["trainer"])
    for one, other in zip(resumed.update.parameters, begun.update.parameters, strict=True):
        assert one.device == ended_on and torch.equal(one.cpu(), other.cpu())
    advanced(begun, 2), advanced(resumed, 2)
    assert resumed.state.update_losses == pytest.approx(begun.state.update_losses, rel=1e-3)


def test_a_run_is_trained_tested_and_written_by_the_command_line(folder, monkeypatch):
    support.use_folder(folder, monkeypatch.setattr)
    for name, place in support.variables(folder).items():
        monkeypatch.setenv(name, place)
    assert cli.main([*support.train("brief", 1), "--device", "cuda"]) == 0
    figures = support.metrics(support.place_of(folder, "brief", 1))
    assert (figures["test_images"], figures["updates"]) == (5, 3)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU or none: NCCL is not tried")
def test_two_gpus_follow_one(folder):
    losses = []
    for processes in (1, 2):
        support.finished(folder, *support.train("steady", 3), "--device", "cuda", processes=processes)
        place = support.place_of(folder, "steady", 3)
        losses.append(support.losses(place))
        place.rename(place.with_name(f"by {processes}"))
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3)
