"""The timing harness end to end on this CPU with a tiny scope, its clock, its plan, and its files."""

import sys
import time
import types

import pytest
import torch
from timing_support import COPY_BYTES, SIDE, tiny_scope

from reproduce.base import hardware
from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.prefetch import prefetched
from reproduce.models.spec import load_spec
from reproduce.speed.timing import budget, cells, rounds, run
from reproduce.speed.timing.cells import Cell, Setting
from reproduce.speed.timing.clock import OtherWork, seconds_per_call
from reproduce.speed.timing.subjects import Workshop
from reproduce.speed.timing.timing_rows import read_rows, training_steps

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def one_core():
    """Time on one thread: on a busy machine two would wait for one another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "available_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """The rows of one tiny run on this machine, without timm, with thread and batch scaling, as read back."""
    before = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("timing")
    scope = tiny_scope("80sec", "nasnetalarge", batch_sizes=(1, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "timm", None)
        path = run.run_timing(scope, folder)
    torch.set_num_threads(before)
    return read_rows(path)


def of(frame, what, network=None):
    chosen = frame[frame["what"].eq(what) & frame["ms_median"].notna()]
    return chosen if network is None else chosen[chosen["network"].eq(network)]


def test_no_row_is_there_twice(timed):
    keys = ["device", "precision", "threads", "network", "what", "layer", "batch_size"]
    assert not timed.duplicated(keys).any()


def test_every_row_has_its_units_and_spread(timed):
    measured = timed[timed["skipped"].isna()]
    assert (measured["ms_min"] <= measured["ms_median"]).all() and (measured["ms_median"] <= measured["ms_max"]).all()
    rounds = [sorted(map(float, text.split(";"))) for text in measured["ms_by_round"]]
    assert [len(each) for each in rounds] == measured["rounds"].astype(int).tolist()
    assert measured["rounds"].min() >= budget.MIN_ROUNDS
    middles = [each[len(each) // 2] if len(each) % 2 else sum(each[len(each) // 2 - 1 :][:2]) / 2 for each in rounds]
    assert measured["ms_median"].tolist() == pytest.approx(middles, rel=1e-3)
    assert (
        timed[["started_utc", "finished_utc", "load_average_before", "other_work_percent", "cpu"]]
        .notna()
        .all(axis=None)
    )


def test_speeds_follow_from_times_and_operations(timed):
    (step,) = of(timed, "training_step", "80sec").query("batch_size == 128 and precision == 'fp32'").itertuples()
    assert step.images_per_second == pytest.approx(128e3 / step.ms_median, rel=1e-4)
    # 80sec: 12,354,176 multiply-accumulates, 2,457,600 of them in conv1, whose input gradient is not needed
    assert step.gflop == pytest.approx(128 * (6 * 12_354_176 - 2 * 2_457_600) / 1e9, rel=1e-5)
    assert step.gflop_per_second == pytest.approx(1e3 * step.gflop / step.ms_median, rel=1e-4)
    products = of(timed, "matrix_multiply").query("precision == 'fp32'")
    assert products["batch_size"].tolist() == [SIDE, SIDE // 2]
    assert products["gflop"].tolist() == pytest.approx([2 * SIDE**3 / 1e9, SIDE**3 / 4e9], rel=1e-5)
    ceiling = max(1e3 * each.gflop / each.ms_min for each in products.itertuples())
    assert step.percent_of_matrix_product == pytest.approx(100 * step.gflop_per_second / ceiling, rel=1e-4)
    assert products["percent_of_matrix_product"].max() <= 100
    (copy,) = of(timed, "memory_copy").query("precision == 'fp32'").itertuples()
    assert copy.gbyte_per_second == pytest.approx(2 * COPY_BYTES / 1e6 / copy.ms_median, rel=1e-4)


def test_every_layer_has_both_passes_and_they_add_up(timed):
    fp32 = timed[timed["network"].eq("80sec") & timed["precision"].eq("fp32")]
    forward, backward = of(fp32, "layer_forward"), of(fp32, "layer_backward")
    names = [layer.name for layer in load_spec("80sec").layers]
    assert forward["layer"].tolist() == names and backward["layer"].tolist() == names[::-1]
    assert {"loss", "update"} <= set(fp32["what"])
    (step,) = of(fp32, "training_step").query("batch_size == 128").itertuples()
    parts = fp32[fp32["what"].isin(["layer_forward", "layer_backward", "loss", "update"])]
    assert parts["gflop"].sum() == pytest.approx(step.gflop, rel=1e-4)  # no other work than the step's
    total = parts["ms_min"].sum()
    assert 0.3 < total / step.ms_min < 3  # a busy machine stretches either


def test_what_is_missing_is_a_visible_row(timed):
    skipped = timed[timed["skipped"].notna()]
    assert set(skipped["network"]) == {"nasnetalarge"}
    assert set(skipped["skipped"]) == {"timm is not installed"} and skipped["ms_median"].isna().all()


def test_scaling_rows_and_the_recipes_rows_are_told_apart(timed):
    sizes = of(timed, "training_step", "80sec").query("precision == 'fp32'")["batch_size"].tolist()
    assert sorted(sizes) == [1, 8, 128]
    chosen = training_steps(timed)
    assert set(chosen["batch_size"]) == {128} and set(chosen["network"]) == {"80sec"}


def test_nasnet_is_timed_in_every_precision_where_timm_is_there(monkeypatch):
    """The stand-in convolves, so weights of another precision than the images would be refused."""
    monkeypatch.setattr(hardware, "native_precisions", lambda *device: ["fp32", "bf16"])
    made = types.ModuleType("timm")
    made.__spec__ = types.SimpleNamespace(name="timm")
    layers = lambda: (torch.nn.Conv2d(3, 1, 1), torch.nn.AvgPool2d(331), torch.nn.Flatten())  # noqa: E731
    made.create_model = lambda name, pretrained: torch.nn.Sequential(*layers())
    monkeypatch.setitem(sys.modules, "timm", made)
    rows, _ = run.time_here(tiny_scope("80sec", "nasnetalarge"), ["cpu"])
    nasnet = [each for each in rows if each["network"] == "nasnetalarge"]
    assert [each["precision"] for each in nasnet] == ["fp32", "bf16"]
    assert all(each["ms_median"] > 0 and each["what"] == "forward" for each in nasnet)
    assert nasnet[0]["gflop"] == pytest.approx(2 * 23.8 * 8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_present_is_timed_with_no_change_of_configuration(tmp_path):
    frame = read_rows(run.run_timing(tiny_scope("80sec"), tmp_path))
    assert set(frame["device"]) >= {"cpu", "cuda:0"}
    assert frame.query("device == 'cuda:0'")["device_name"].notna().all()


def test_a_busy_machine_marks_every_row(monkeypatch, capsys):
    monkeypatch.setattr(OtherWork, "percent", lambda self: 30.0)
    monkeypatch.setattr(run, "time_cells", lambda scope, devices: [])
    _, facts = run.time_here(tiny_scope(), ["cpu"])
    assert facts["loaded"] and facts["other_work_percent"] == 30.0
    assert "other programs used 30 % of the processors" in capsys.readouterr().err


def test_a_busy_gpu_marks_every_row_too(monkeypatch, capsys):
    monkeypatch.setattr(run, "gpu_load_percent", lambda devices: 90.0)
    monkeypatch.setattr(run, "time_cells", lambda scope, devices: [])
    monkeypatch.setattr(run, "facts_of_machine", lambda devices: {"cores": 2})
    _, facts = run.time_here(tiny_scope(), ["cpu", "cuda:0"])
    assert facts["loaded"] and "a GPU worked 90 % of the time" in capsys.readouterr().err


def out_of_memory(calls):
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_what_a_device_has_no_memory_for_is_skipped_and_nothing_else_is_lost(monkeypatch):
    """One kind of cell does not fit while it is warmed up, another one in a round, in one precision or in two."""
    real, taken = Workshop.sampler, []

    def sampler(workshop, cell):
        if cell.what == "forward":
            return out_of_memory
        take = real(workshop, cell)
        if cell.what != "network_input":
            return take
        return lambda calls: out_of_memory(calls) if taken.append(calls) or len(taken) > 3 else take(calls)

    monkeypatch.setattr(Workshop, "sampler", sampler)
    rows, _ = run.time_here(tiny_scope("80sec"), ["cpu"])
    without = [each for each in rows if "skipped" in each]
    assert {each["what"] for each in without} == {"forward", "network_input"}
    assert {each["skipped"] for each in without} == {"needs more memory than the device has left"}
    assert {each["what"] for each in rows if "skipped" not in each} >= {"training_step", "layer_forward", "update"}


def test_no_memory_for_anything_is_one_line(monkeypatch):
    monkeypatch.setattr(run, "time_cells", lambda scope, devices: out_of_memory(1))
    with pytest.raises(ReproduceError, match="no memory left") as caught:
        run.time_here(tiny_scope(), ["cpu"])
    assert "\n" not in str(caught.value)


def test_a_reader_slower_than_the_step_is_not_hidden_by_what_it_read_ahead():
    """Batches take 6 ms to read, 4 ahead; steps take 3: what is timed must be near 6."""
    cell = Cell(Setting("cpu", "fp32", 1), "training_step_and_input", "alexnet_paper", 128)
    batches = prefetched(lambda _: time.sleep(0.006), range(1000), depth=4)
    next(batches)

    def sampler(calls):
        return {("step", ""): seconds_per_call(lambda: next(batches) or time.sleep(0.003), calls, CPU)}

    time.sleep(0.05)  # the queue is full
    (seconds,) = rounds._arm(sampler, *rounds.calls_of(cell, 0.003, 0.1))().values()
    assert seconds > 0.0055
    assert rounds.calls_of(cell, 1.4, 0.1) == (0, 1)  # a CPU's own step
    assert rounds.calls_of(cell, 0.03, 0.1) == (40, 40)
    assert rounds.calls_of(Cell(cell.setting, "forward", "80sec", 128), 0.03, 0.1) == (1, 3)
    assert rounds.calls_of(Cell(cell.setting, cell.what, "80sec", 128), 0.03, 0.1) == (
        1,
        3,
    )  # made on the spot, not ahead


def test_what_turns_out_too_slow_gives_way_after_the_plan(monkeypatch):
    """The guess let everything in; the warm-up shows that little of it fits, and every network still has its step."""
    monkeypatch.setattr(rounds, "fitted", lambda wanted, scope, speeds: (list(wanted), []))
    rows, _ = run.time_here(tiny_scope("80sec", budget_seconds=0.01), ["cpu"])
    timed = {each["what"] for each in rows if "skipped" not in each}
    assert timed == {"matrix_multiply", "memory_copy", "training_step"}
    skipped = {each["what"] for each in rows if "skipped" in each}
    assert skipped == {"matrix_multiply", "forward", "layers", "network_input", "training_step_and_input"}


def test_rounds_go_on_while_another_one_fits_and_turn_around():
    order = []
    arms = {name: lambda name=name: order.append(name) or time.sleep(0.02) or {} for name in "ab"}
    samples = rounds._rounds(arms, 3, most=5, deadline=time.monotonic() + 60)
    assert "".join(order) == "abbaabbaab" and [len(each) for each in samples.values()] == [5, 5]
    samples = rounds._rounds(arms, 3, most=1000, deadline=time.monotonic() + 0.5)
    assert budget.MIN_ROUNDS <= len(samples["a"]) <= 12  # two naps of 20 ms a round
    assert len(rounds._rounds(arms, 9, most=1000, deadline=time.monotonic())["a"]) == budget.MIN_ROUNDS
