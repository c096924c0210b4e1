"""What is timed, made ready: networks, images and input, off the clock."""

import pytest
import torch
from timing_support import tiny_scope

from reproduce.timing import subjects
from reproduce.timing.cells import Cell, Setting
from reproduce.timing.clock import threads_set
from reproduce.timing.inputs import InputMaker
from reproduce.timing.subjects import Subject, Workshop, single_threaded_worker

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def test_timed_calls_make_no_images_and_no_network(monkeypatch):
    """Whatever a call needs is there before its clock starts; nor is anything made twice."""
    scope, setting = tiny_scope("80sec"), Setting("cpu", "fp32", 1)
    workshop = Workshop(scope)
    kinds = ("forward", "training_step", "layers", "training_step_with_input")
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


def test_input_is_made_in_the_networks_form():
    for network, side in (("80sec", 32), ("conv_local_13pct", 24), ("alexnet_paper", 224)):
        batch = InputMaker(network, CPU).make(3, "bf16")
        assert batch.shape == (3, 3, side, side) and batch.dtype == torch.bfloat16
        assert batch.float().std() > 20


def test_a_thread_beside_the_training_keeps_to_itself():
    with threads_set(2), single_threaded_worker("beside") as worker:
        assert worker.submit(torch.get_num_threads).result() == 1
        assert torch.get_num_threads() == 2, "its number is not taken over"
        worker.submit(torch.ones(1 << 20).sum).result()
        assert worker.submit(torch.get_num_threads).result() == 1, "nor does it take over ours at its next work"
