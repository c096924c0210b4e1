"""Several processes: sums and agreement, one trajectory for any number of them, stopping and failing together."""

import socket

import pytest
import torch
import torch.multiprocessing
from distributed_support import CPU, UPDATES, fails, masks_of, process, trained, trainer
from training_support import use_study, write_study

from reproduce.base import draws
from reproduce.base.errors import ElsewhereError, InterruptedRunError, ReproduceError
from reproduce.train.checkpoint import load_checkpoint
from reproduce.train.distributed import Processes, joined_processes

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    write_study(folder)
    with pytest.MonkeyPatch.context() as patch:
        use_study(folder, patch.setattr)
        (folder / "file").write_text("")
        begun = trainer(folder)
        for _ in range(5):
            begun.advance()
        torch.save(begun.state_dict(), folder / "alone.pt")
        torch.save({"trainer": begun.state_dict(), "sessions": []}, folder / "shared0.pt")  # and no shared1.pt
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        torch.multiprocessing.spawn(process, (port, folder), nprocs=2)
        yield folder


@pytest.fixture(scope="module")
def results(folder):
    return [torch.load(folder / f"rank{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.fixture(scope="module")
def alone(folder):
    torch.set_num_threads(1)
    return trained(trainer(folder))


def assert_same_training(one, other):
    assert len(one["losses"]) == UPDATES
    torch.testing.assert_close(one["losses"], other["losses"], rtol=1e-5, atol=0)
    assert one["errors"] == other["errors"]
    torch.testing.assert_close(one["probabilities"], other["probabilities"], rtol=1e-4, atol=1e-6)
    assert torch.equal(one["labels"], other["labels"])
    torch.testing.assert_close(one["saved"]["weights"], other["saved"]["weights"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(one["saved"]["velocities"], other["saved"]["velocities"], rtol=1e-3, atol=1e-6)


def test_shares_are_contiguous_whole_and_nearly_equal():
    for count, total in ((1, 7), (2, 7), (3, 128), (5, 16)):
        parts = [Processes(rank, count).part_of(total) for rank in range(count)]
        assert [place for part in parts for place in part] == list(range(total))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_alone_needs_nothing_started(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_processes(CPU) as processes:
        assert processes == Processes(0, 1) and processes.is_first
        assert processes.sums([1.5, 2.0]) == [1.5, 2.0] and processes.agreed(lambda: 3) == 3
        assert torch.equal(processes.joined(torch.arange(2)), torch.arange(2))
        with pytest.raises(ReproduceError, match="^mine$"):
            processes.agreed(lambda: fails("mine"))
        with pytest.raises(InterruptedRunError, match="^known$"):
            processes.fail(InterruptedRunError("known"))
    assert not torch.distributed.is_initialized()


def test_addresses_that_torchrun_did_not_set_are_one_line(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ReproduceError, match="^RANK is '', .*; start by torchrun, or unset WORLD_SIZE$") as caught:
        joined_processes(CPU).__enter__()
    assert "\n" not in str(caught.value)


def test_two_processes_sum_and_join(results):
    assert [result["sums"] for result in results] == [[3.0, 1.0]] * 2
    assert [result["joined"].tolist() for result in results] == [[0, 3, 4]] * 2
    assert all(result["again"] for result in results)


def test_an_error_of_one_process_ends_all_and_is_said_once(results):
    first, second = results
    elsewhere = str(ElsewhereError(2))
    assert (first["agreed"], second["agreed"]) == ("of 0", "of 1")
    assert first["one fails"] == ("ElsewhereError", 75, elsewhere)
    assert second["one fails"] == ("ReproduceError", 75, "second's")
    assert first["both fail"] == ("ReproduceError", 2, "error of 0")
    assert first["all know"] == ("ReproduceError", 2, "known to all")
    assert second["both fail"] == second["all know"] == ("ElsewhereError", 2, elsewhere)


@pytest.mark.parametrize("images_per_pass", [None, 3])
def test_two_processes_train_as_one_does(alone, results, images_per_pass):
    for result in results:
        assert_same_training(result[images_per_pass], alone)
    one, other = (result[images_per_pass] for result in results)
    assert one["losses"] == other["losses"] and torch.equal(one["probabilities"], other["probabilities"])
    for name, weight in one["saved"]["weights"].items():
        assert torch.equal(weight, other["saved"]["weights"][name]), name


@pytest.mark.parametrize("images_per_pass", [1, 3, 5, 8])
def test_passes_add_up_to_the_whole_batch(folder, alone, images_per_pass):
    assert_same_training(trained(trainer(folder, images_per_pass=images_per_pass)), alone)


def test_what_one_process_began_two_go_on_with_and_one_ends(folder, alone, results):
    for result in results:
        assert_same_training(result["resumed"], alone)
    back = trainer(folder)
    back.load_state_dict(results[0]["resumed"]["saved"])
    assert back.state.step == UPDATES
    unbroken = trainer(folder)
    one, other = trained(back, 20), trained(unbroken, 20)
    torch.testing.assert_close(one["losses"], other["losses"], rtol=1e-5, atol=0)


def test_masks_are_those_of_the_whole_batch(folder, results):
    """Passes of 3: batches of 8, 8 and 4 are shared as 4 + 4 and 2 + 2, so each process sees 3 + 1, 3 + 1 and 2."""
    alone = masks_of(trainer(folder, images_per_pass=3))
    assert [positions for positions, _ in alone] == [slice(0, 3), slice(3, 6), slice(6, 8)] * 2 + [
        slice(0, 3),
        slice(3, 4),
    ]
    halves = [[slice(0, 3), slice(3, 4)] * 2 + [slice(0, 2)], [slice(4, 7), slice(7, 8)] * 2 + [slice(2, 4)]]
    assert [[positions for positions, _ in result["masks"]] for result in results] == halves
    for seen in (alone, *(result["masks"] for result in results)):
        step, compared, before = 0, 0, -1
        for positions, mask in seen:
            step, before = step + (positions.start < before), positions.start
            images = [8, 8, 4][step]
            whole = draws.keep_mask(1, "drop3", step, (images, *mask.shape[1:]), 0.5)[positions].float()
            known = ~mask.isnan()
            compared += int(known.sum())
            assert torch.equal(mask[known], whole[known])
        assert step == 2 and compared > 100


def test_a_stop_request_to_one_process_stops_all_after_the_same_update(folder, alone, results):
    first, second = (result["stopped"] for result in results)
    assert first == ("InterruptedRunError", 75, "a run stopped at step 4; the same command goes on from there")
    assert second == ("ElsewhereError", 75, str(ElsewhereError(75)))
    saved = load_checkpoint(folder / "stopped.pt")
    assert saved["trainer"]["state"]["step"] == 4 and saved["sessions"] == [{"processes": 2}]
    torch.testing.assert_close(saved["trainer"]["state"]["update_losses"], alone["losses"][:4], rtol=1e-5, atol=0)


def test_checkpoints_that_differ_between_processes_are_refused(folder, results):
    first, second = (result["unshared"] for result in results)
    assert first[2] == (
        f"the processes find different checkpoints at {folder}; "
        "set REPRODUCE_SCRATCH to a folder that all of them share"
    )
    assert second[0] == "ElsewhereError"


def test_a_checkpoint_that_cannot_be_written_ends_all(results):
    first, second = (result["unwritable"] for result in results)
    assert first[:2] == ("ReproduceError", 2) and first[2].startswith("cannot write ") and "\n" not in first[2]
    assert second[:2] == ("ElsewhereError", 2)
