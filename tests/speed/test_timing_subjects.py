"""Networks, images and input of a timing are made ready off the clock."""

import numpy as np
import pytest
import torch
from timing_support import tiny_scope

from reproduce.data.steps import Step
from reproduce.speed.timing import subjects
from reproduce.speed.timing.cells import Cell, Setting
from reproduce.speed.timing.inputs import InputMaker, write_packed_noise
from reproduce.speed.timing.subjects import Subject, Workshop

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def test_timed_calls_make_no_images_and_no_network(monkeypatch):
    """Whatever a call needs is there before its clock starts; nor is anything made twice."""
    scope, setting = tiny_scope("80sec"), Setting("cpu", "fp32", 1)
    workshop = Workshop(scope)
    kinds = ("forward", "training_step", "layers", "training_step_and_input")
    samplers = [workshop.sampler(Cell(setting, what, "80sec", 8)) for what in kinds]
    made = []
    for name in ("noise_images", "Subject", "InputMaker"):
        monkeypatch.setattr(subjects, name, lambda *arguments, name=name: made.append(name))
    for what, sample in zip(kinds, samplers, strict=True):
        assert all(seconds >= 0 for seconds in sample(2).values()) and not made, what
    workshop.sampler(Cell(setting, "layers", "80sec", 8))
    assert not made


@pytest.mark.slow
def test_timms_nasnet_is_the_published_one():
    subject = Subject("nasnetalarge", CPU)
    parameters = sum(parameter.numel() for parameter in subject.network.parameters())
    assert parameters == pytest.approx(88.9e6, rel=0.01)  # NASNet paper, Table 2, 6 @ 4032
    with torch.no_grad():
        assert subject.network(subject.batch(1, "fp32")[0]).shape == (1, 1000)


def test_the_layered_pass_computes_the_gradients_of_a_step(monkeypatch):
    """The update of a pass clocked layer by layer is that of the step it takes apart."""
    whole, apart = Subject("18pct", CPU), Subject("18pct", CPU)
    given = []
    for subject in (whole, apart):
        monkeypatch.setattr(subject.update, "step", lambda gradients, *factors: given.append(gradients))
    batch = whole.batch(4, "fp32")
    whole.step(*batch)
    apart.layers(*batch)
    assert len(given[0]) == len(given[1]) == len(whole.update.parameters)
    for a, b in zip(*given, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-7)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    write_packed_noise(folder)
    return folder


def test_input_is_made_in_the_networks_form(packed):
    for network, side in (("80sec", 32), ("conv_local_13pct", 24), ("alexnet_paper", 224)):
        batch = InputMaker(network, CPU, packed).make(3, "bf16")
        assert batch.shape == (3, 3, side, side) and batch.dtype == torch.bfloat16
        assert batch.float().std() > 20


def test_imagenets_input_is_what_the_trainers_reader_gives(packed):
    """The same draws by hand: crops of the packed images, less the mean, with color noise and its divisor."""
    maker = InputMaker("alexnet_paper", CPU, packed)
    maker.make(4, "fp32")
    second = maker.make(4, "fp32")
    step, images = Step(1, np.arange(4, 8)), np.load(packed / "train" / "shard-00000.npy")
    drawn = step.crops(32, "crops_and_flips", 1)
    shifts = maker.noise.shifts(4, 1, 1)
    for number in range(4):
        top, left = drawn.tops[number], drawn.lefts[number]
        crop = images[4 + number, top : top + 224, left : left + 224]
        crop = torch.from_numpy((crop[:, ::-1] if drawn.mirrored[number] else crop).astype(np.float32))
        wanted = (crop - 120.0 + shifts[number]) / maker.noise.divisor
        assert torch.allclose(second[number], wanted.permute(2, 0, 1), atol=1e-3)


def test_batches_without_end_go_on_where_they_are(packed):
    stream = InputMaker("alexnet_paper", CPU, packed).batches(2, "fp32")
    first, second = next(stream), next(stream)
    again = InputMaker("alexnet_paper", CPU, packed)
    assert torch.equal(first, again.make(2, "fp32")) and torch.equal(second, again.make(2, "fp32"))
    stream.close()
