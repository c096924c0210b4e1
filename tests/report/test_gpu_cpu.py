"""Factors of GPUs over CPUs by kind of evidence, and the sentences, from tables made by hand."""

import pandas as pd
import pytest
from timing_support import frame_of, row

from reproduce.report.speed import gpu_cpu, timing_tables, training_time
from reproduce.speed.timing.tabulate import tabulate


def of_rounds(rounds, what="training_step", network="alexnet_paper", **columns):
    times = sorted(rounds)
    text = ";".join(map(str, rounds))
    return row(what, network, times[1], ms_min=times[0], ms_max=times[2], ms_by_round=text, **columns)


def timings_of(folder, *rows):
    (folder / "timing").mkdir()
    frame = frame_of(rows, started_utc="2026-01-02T03:04:05Z", gpu="a GPU").drop(columns="machine")
    frame.to_csv(folder / "timing" / "a-machine.csv", index=False)
    tabulate(folder / "timing", folder / "tables")
    return timing_tables.load_timings(folder / "tables")


@pytest.fixture
def timed(tmp_path):
    """A machine with a GPU twenty times as fast as its CPU."""
    gpu = {"device": "cuda:0", "device_name": "a GPU"}
    return timings_of(
        tmp_path,
        of_rounds([100.0, 110.0, 120.0]),
        of_rounds([5.0, 5.5, 6.0], **gpu),
        of_rounds([80.0, 99.0, 90.0], network="alexnet_no_normalization"),
        of_rounds([120.0, 121.0, 132.0], what="training_step_and_input"),
        of_rounds([5.0, 5.4, 6.1], what="training_step_and_input", **gpu),
        row("matrix_multiply", ms=1.0, gflop=0.9, ms_min=0.9, ms_max=1.0),
        row("memory_copy", ms=1.0, gbyte=0.018),
        row("layer_forward", "alexnet_paper", 1.0, layer="conv1", gflop=0.5, gbyte=0.1, gflop_per_second=500.0),
        row("layer_forward", "alexnet_paper", 1.0, layer="fc6", gflop=0.25, gbyte=0.1, gflop_per_second=250.0),
    )


def test_factors_are_of_one_source_each(timed):
    table = gpu_cpu.factors(timed).set_index(["evidence", "GPU", "compared"])
    printed = table.loc["published"]
    assert printed["from_times"].tolist() == pytest.approx([192.4 / 22, 264.1 / 22])
    assert not table.index.isin([("published", "two GeForce GTX 580", "images a second")]).any()  # no CPU beside it
    peaks = table.loc[("estimated", "GeForce GTX 580", "published peaks")]
    assert (peaks["from_times"], peaks["to_times"]) == pytest.approx((1581.1 / 371.2, 1581.1 / 85.1))
    pair = table.loc[("estimated", "2 x GeForce GTX 580", "published bandwidths")]
    assert (pair["from_times"], pair["to_times"]) == pytest.approx((2 * 192.4 / 51.2, 2 * 192.4 / 21.3))
    here = table.loc[("measured", "a GPU", "images a second")]
    assert here["from_times"] == pytest.approx(20, rel=1e-4)  # 110 over 5.5 ms


def test_the_conclusions_follow_from_the_tables(timed):
    assert gpu_cpu.reference_shares(timed).to_numpy().tolist() == [
        ["Intel Xeon, 2 cores", "fp32", "convolution", pytest.approx(50), pytest.approx(50)],
        ["Intel Xeon, 2 cores", "fp32", "fully connected", pytest.approx(25), pytest.approx(25)],
    ]


def test_scaling_compares_the_ends(tmp_path):
    times = {1: [90.0, 100.0, 110.0], 4: [30.0, 33.3333, 40.0]}
    steps = [of_rounds(rounds, network="80sec", threads=threads) for threads, rounds in times.items()]
    batches = [of_rounds([31.0, 32.0, 33.0], network="80sec", threads=4, batch_size=64)]
    assert gpu_cpu.scaling_gains(timings_of(tmp_path, *steps, *batches)).to_numpy().tolist() == [
        ["Intel Xeon, 2 cores", "fp32", "80sec", "images per step", 64, 128, pytest.approx(1.9, abs=0.05)],
        ["Intel Xeon, 2 cores", "fp32", "80sec", "threads", 1, 4, pytest.approx(3.0, abs=0.05)],
    ]


def test_nothing_timed_at_two_sizes_scales_nothing(timed):
    assert gpu_cpu.scaling_gains(timed).empty


def test_machines_of_one_name_are_told_apart(tmp_path):
    timed = timings_of(tmp_path, of_rounds([100.0, 110.0, 120.0]))
    again = timing_tables.Timings(pd.concat([timed.rows, timed.rows.assign(machine="b-machine")]), timed.days)
    assert timing_tables.device_names(timed) == {("a-machine", "cpu"): "Intel Xeon, 2 cores"}
    assert [name.partition(" (")[2] for name in timing_tables.device_names(again).values()] == [
        "a-machine)",
        "b-machine)",
    ]


def test_inference_is_images_a_second_with_the_operations_of_one(tmp_path):
    forward = [
        row("forward", "alexnet_paper", 320.0, batch_size=32, gflop=32 * 1.449, rounds=3),
        row("forward", "nasnetalarge", 2000.0, batch_size=2, gflop=2 * 47.6, rounds=3),
        row("forward", "80sec", 10.0, batch_size=128, gflop=3.2, rounds=3),
    ]
    timed = timings_of(tmp_path, of_rounds([100.0, 110.0, 120.0]), *forward)
    table = gpu_cpu.inference(timed)
    words = gpu_cpu.inference_words(timed)
    assert "100 images per second against 1.0, 100 times as many." in words
    assert words.endswith("that is 145 against 48 GFLOP/s, in batches of 32 and 2.")
    assert table["network"].tolist() == ["AlexNet (paper)", "NASNet-A 6 @ 4032, 331 pixels"]
    assert table["images_per_second"].tolist() == pytest.approx([100.0, 1.0])
    assert table["gflop_per_image"].tolist() == pytest.approx([1.449, 47.6])


def test_the_kinds_of_work_are_those_of_the_papers_layers(tmp_path):
    passes = [("conv1", 10.0, 20.0), ("norm1", 2.0, 3.0), ("fc6", 5.0, 5.0)]
    rows = [
        row(f"layer_{way}", "alexnet_paper", ms, layer=layer)
        for layer, *times in passes
        for way, ms in zip(("forward", "backward"), times, strict=True)
    ]
    timed = timings_of(tmp_path, of_rounds([90.0, 100.0, 110.0]), *rows, row("update", "alexnet_paper", 5.0))
    assert gpu_cpu.time_by_kind(timed).to_numpy().tolist() == [
        ["Intel Xeon, 2 cores", "fp32", *map(pytest.approx, (60, 20, 10, 10))]
    ]


def test_the_80_second_nets_updates_are_summed_over_its_schedule(tmp_path):
    timed = timings_of(tmp_path, of_rounds([9.0, 10.0, 11.0], network="80sec"), of_rounds([90.0, 100.0, 110.0]))
    assert training_time.seconds_words(timed) == (  # 11 * 50,000 / 128 updates of 10 ms
        "The updates alone of its 11 epochs would take (extrapolated from 3 timed updates): "
        "on Intel Xeon, 2 cores, 43 s in fp32."
    )
