"""Figures and notebook on time: layers, shares and ratios by hand; figures with and without machines."""

import nbformat
import pandas as pd
import pytest
from timing_support import LAYERS, all_rows, frame_of, step, timings_of

from reproduce.report.build import NOTEBOOK_SOURCES, timing_stage
from reproduce.report.figures import by_device, machine_times
from reproduce.report.notebooks import execute_notebook, read_notebook
from reproduce.report.speed import time_ratios, timing_tables, training_time


def test_the_fastest_precision_stands_for_a_device(timed):
    assert timing_tables.fastest_settings(timed) == [("a-machine", "cpu", "bf16", 2.0)]
    assert by_device.words(timed, ("a-machine", "cpu", "bf16", 2.0)) == "Intel Xeon, 2 threads, bf16"


def test_layers_stand_in_the_networks_order_with_loss_and_update_last(timed):
    times = timing_tables.layer_times(timed, ("a-machine", "cpu", "fp32", 2.0))
    assert times["layer"].tolist() == [*LAYERS, "loss", "update"]
    assert times.set_index("layer")["kind"][["conv2", "norm2", "pool5", "fc8", "drop6", "update"]].tolist() == [
        "convolution",
        "normalization",
        "pooling",
        "fully connected",
        "dropout",
        "update",
    ]
    assert times["forward_ms"].tolist() == [2.0] * 15 + [1.0, 9.0]
    assert times["backward_ms"].dropna().tolist() == [4.0] * 15
    assert set(times["batch_size"]) == {128}


def test_shares_by_kind_add_up_to_the_step(timed):
    (shares,) = timing_tables.shares_by_kind(timed).to_dict("records")
    assert shares["convolution"] == pytest.approx(30)  # 5 layers x 6 ms of 15 x 6 + 10
    assert shares["fully connected"] == shares["pooling"] == pytest.approx(18)
    assert shares["normalization"] == shares["dropout"] == pytest.approx(12)
    assert shares["update"] == pytest.approx(9) and shares["loss"] == pytest.approx(1)
    assert sum(shares[kind] for kind in timing_tables.KINDS) == pytest.approx(100)


def test_ratios_are_of_the_fastest_rounds_with_the_spread_over_rounds(timed):
    table = time_ratios.ratios(timed).set_index("compared")
    assert set(table["batch_size"]) == {128} and set(table["precision"]) == {"fp32"}
    found = table[["ratio", "smallest", "largest"]]
    assert found.loc["step without normalization over the step with it"].tolist() == pytest.approx([0.88, 0.5, 0.9])
    assert found.loc["one-column net's step over the two-column net's"].tolist() == pytest.approx([0.55, 0.5, 0.6])
    with_input = found.loc["step while the next batch is made over the step alone"]
    assert with_input.tolist() == pytest.approx([1.1, 1.0, 1.2])
    normalization, columns, batches = time_ratios.ratios_words(timed).splitlines()
    assert normalization.endswith("Without it a step takes 0.88 times as long in fp32 (by round 0.50 to 0.90).")
    assert "0.55 times as long" in columns and "1.10 times as long" in batches


def test_ratios_compare_equal_batches_only(tmp_path):
    frame = all_rows()
    other = frame["network"].eq("alexnet_no_normalization")
    frame.loc[other, "batch_size"] = 64
    table = time_ratios.ratios(timings_of(frame, tmp_path))
    assert not table["compared"].str.contains("normalization").any() and len(table) == 2


def test_scaling_tells_batch_and_threads_apart(timed):
    scaling = time_ratios.scaling(timed)
    fp32 = scaling[scaling["precision"].eq("fp32")]
    assert fp32[fp32["varies"].eq("batch_size")]["at"].tolist() == [8, 128]
    assert fp32[fp32["varies"].eq("threads")]["at"].tolist() == [1, 2]


def test_references_are_beside_every_pass_that_computes(timed):
    references, passes = timing_tables.beside_references(timed, "a-machine", "cpu")
    peaks = dict(zip(references["precision"], references["peak_gflop_per_second"], strict=True))
    assert peaks == pytest.approx({"bf16": 8000, "fp32": 1000})  # of each precision the fastest round of any side
    assert references["gbyte_per_second"].tolist() == pytest.approx([20.0, 20.0])
    assert len(passes) == 30 and set(passes["operations_per_byte"]) == {10.0}


def test_machines_and_what_they_could_not_time(timed):
    (machine,) = timing_tables.machines(timed).to_dict("records")
    assert machine["device"] == "Intel(R) Xeon(R) Processor" and machine["quiet"] == "yes"
    (left_out,) = timing_tables.skipped(timed).to_dict("records")
    assert left_out["networks"] == "nasnetalarge" and left_out["reason"] == "timm is not installed"


def test_a_machine_without_load_whose_matrix_products_vary_is_not_called_quiet(tmp_path):
    frame = all_rows()
    frame.loc[frame["what"].eq("matrix_multiply") & frame["precision"].eq("bf16"), "ms_max"] = 0.7  # over 0.5 ms
    uneven = timings_of(frame, tmp_path)
    words = "uneven: the slowest round of a matrix product took 40 % longer than the fastest"
    assert timing_tables.machines(uneven)["quiet"].tolist() == [words]
    measured = uneven.days[uneven.days["evidence"].eq("extrapolated")]
    assert measured["basis"].str.endswith(words).all() and not measured["loaded"].astype(bool).any()
    busy = timings_of(frame.assign(loaded=True), tmp_path / "busy")
    assert timing_tables.machines(busy)["quiet"].tolist() == [f"busy; {words}"]


def test_doubtful_devices_carry_their_doubts_in_their_names(tmp_path):
    frame = all_rows()
    frame.loc[frame["what"].eq("matrix_multiply"), "ms_max"] = 5.0
    former = step("alexnet_paper", [120.0, 130.0, 140.0], what="training_step_with_input")
    frame = pd.concat([frame, frame_of([former], started_utc="2026-01-02T03:04:05Z")]).assign(loaded=True)
    timed = timings_of(frame, tmp_path)
    name = "Intel Xeon, 2 cores (busy, uneven, earlier harness)"
    assert timing_tables.device_names(timed) == {("a-machine", "cpu"): name}
    assert training_time.cost_words(timed).startswith(f"{name}: the updates alone")
    assert timing_tables.machines(timed)["harness"].tolist() == ["earlier"]
    reasons = timing_tables.skipped(timed).set_index("what")["reason"]
    assert reasons["training_step_with_input"].startswith("timed by an earlier harness")
    labels = [text.get_text() for text in machine_times.training_days_figure(timed).axes[0].get_yticklabels()]
    assert "Intel Xeon, 2 cores (2026, bf16; busy, uneven, earlier harness)" in labels


def test_figures_mark_each_kind_of_evidence_differently(timed):
    figure = machine_times.training_days_figure(timed)
    cpus, gpus = figure.axes
    assert len(cpus.get_yticks()) + len(gpus.get_yticks()) == len(timed.days)
    marks = {line.get_marker() for axes in figure.axes for line in axes.lines} - {"None", ""}
    assert marks == {"o", "s", "D"}
    labels = [text.get_text() for text in cpus.get_yticklabels()]
    assert "Intel Xeon, 2 cores (2026, bf16)" in labels


def test_the_stage_writes_every_figure_with_and_without_machines(timed, untimed, tmp_path):
    for number, given in enumerate((timed, untimed)):
        folder = tmp_path / f"tables{number}"
        folder.mkdir()
        given.rows.to_csv(folder / "timing.csv", index=False)
        given.days.to_csv(folder / "training_days.csv", index=False)
        paths = timing_stage(tmp_path / f"figures{number}", folder)
        assert len(paths) == 6 and all(path.stat().st_size > 1000 for path in paths)
    texts = [text.get_text() for figure in by_device.parts(untimed) for text in figure.axes[0].texts]
    assert texts == [timing_tables.NOT_TIMED]


def test_the_notebook_runs_with_a_timed_machine_as_without(timed, tmp_path):
    source = read_notebook(NOTEBOOK_SOURCES / "gpu_vs_cpu.ipynb")
    load = next(cell for cell in source.cells if cell.id == "load")
    stand_in = f"load_timings(__import__('pathlib').Path({str(tmp_path / 'tables')!r}))"
    load.source = load.source.replace("load_timings()", stand_in)
    (tmp_path / "a.ipynb").write_text(nbformat.writes(source))
    execute_notebook(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    outputs = {c.id: c.outputs for c in read_notebook(tmp_path / "b.ipynb").cells if c.cell_type == "code"}
    assert "step without normalization" in outputs["ratios"][0].data["text/markdown"]
    assert all("image/png" in outputs[name][0].data for name in ("days", "parts", "scaling"))
    assert "extrapolated from" in outputs["short-answer"][0].data["text/markdown"]
    assert "published peaks" in outputs["factors"][0].data["text/markdown"]
    assert outputs["days-words"][0].data["text/markdown"].endswith(".")
    tables = ("parts", "scaling", "reference")
    assert all("Intel Xeon" in outputs[f"{name}-table"][0].data["text/markdown"] for name in tables)
    assert "seeds that got there" in outputs["seconds"][0].data["text/markdown"]
