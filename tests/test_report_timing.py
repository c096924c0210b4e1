"""What figures and notebook on time show: layers, shares and ratios by hand; figures with and without machines."""

import nbformat
import pandas as pd
import pytest
from timing_support import frame_of, row

from reproduce.collect.claims import load_claims
from reproduce.report import timing, timing_devices, timing_figures, timing_ratios, training_time
from reproduce.report.build import NOTEBOOK_SOURCES, timing_stage
from reproduce.report.notebooks import execute_notebook, read_notebook
from reproduce.report.records import Records
from reproduce.timing import tables

LAYERS = ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2", "conv3", "conv4", "conv5", "pool5"]
LAYERS += ["fc6", "drop6", "fc7", "drop7", "fc8"]


def layered(**columns):
    """Rows of one pass: 2 ms forward and 4 ms back for each of 15 layers, 1 ms of loss, 9 ms of update."""
    work = {"gflop": 1.0, "gbyte": 0.1, "gflop_per_second": 500.0}
    rows = [row("layer_forward", "alexnet_paper", 2.0, layer=name, **work, **columns) for name in LAYERS]
    rows += [row("layer_backward", "alexnet_paper", 4.0, layer=name, **work, **columns) for name in LAYERS[::-1]]
    return [*rows, row("loss", "alexnet_paper", 1.0, **columns), row("update", "alexnet_paper", 9.0, **columns)]


def step(network, rounds, what="training_step", **columns):
    times = sorted(rounds)
    text = ";".join(map(str, rounds))
    return row(what, network, times[len(times) // 2], ms_min=times[0], ms_max=times[-1], ms_by_round=text, **columns)


def all_rows():
    rows = [
        row("matrix_multiply", ms=1, ms_min=0.8, ms_max=1.0, gflop=0.8, batch_size=1024),
        row("matrix_multiply", ms=1, ms_min=0.9, ms_max=1.1, gflop=0.8, batch_size=2048),
        row("memory_copy", ms=1, ms_min=0.9, gbyte=0.018),
        row("matrix_multiply", ms=1, ms_min=0.5, ms_max=0.625, precision="bf16", gflop=4.0),
        row("memory_copy", ms=1, ms_min=1.0, precision="bf16", gbyte=0.018),
        *layered(),
        step("alexnet_paper", [100.0, 110.0, 200.0]),
        step("alexnet_paper", [40.0, 50.0, 60.0], precision="bf16"),
        step("alexnet_paper", [10.0, 11.0, 12.0], batch_size=8),
        step("alexnet_paper", [400.0, 400.0, 400.0], threads=1),
        step("alexnet_no_normalization", [90.0, 88.0, 100.0]),
        step("alexnet_one_gpu", [60.0, 55.0, 100.0]),
        step("alexnet_paper", [120.0, 110.0, 220.0], what="training_step_and_input"),
        row("forward", "nasnetalarge", ms=None, skipped="timm is not installed", batch_size=8),
    ]
    return frame_of(rows, started_utc="2026-01-02T03:04:05Z")


def timings_of(frame, folder):
    (folder / "timing").mkdir(parents=True)
    if len(frame):
        frame.drop(columns="machine").to_csv(folder / "timing" / "a-machine.csv", index=False)
    tables.tabulate(folder / "timing", folder / "tables")
    return timing.load_timings(folder / "tables")


@pytest.fixture
def timed(tmp_path):
    return timings_of(all_rows(), tmp_path)


@pytest.fixture
def untimed(tmp_path):
    return timings_of(all_rows().iloc[:0], tmp_path / "untimed")


def test_the_fastest_precision_stands_for_a_device(timed):
    assert timing.fastest_settings(timed) == [("a-machine", "cpu", "bf16", 2.0)]
    assert timing_devices.words(timed, ("a-machine", "cpu", "bf16", 2.0)) == "Intel Xeon, 2 threads, bf16"


def test_layers_stand_in_the_networks_order_with_loss_and_update_last(timed):
    times = timing.layer_times(timed, ("a-machine", "cpu", "fp32", 2.0))
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
    (shares,) = timing.shares_by_kind(timed).to_dict("records")
    assert shares["convolution"] == pytest.approx(30)  # 5 layers x 6 ms of 15 x 6 + 10
    assert shares["fully connected"] == shares["pooling"] == pytest.approx(18)
    assert shares["normalization"] == shares["dropout"] == pytest.approx(12)
    assert shares["update"] == pytest.approx(9) and shares["loss"] == pytest.approx(1)
    assert sum(shares[kind] for kind in timing.KINDS) == pytest.approx(100)


def test_ratios_are_of_the_fastest_rounds_with_the_spread_over_rounds(timed):
    table = timing_ratios.ratios(timed).set_index("compared")
    assert set(table["batch_size"]) == {128} and set(table["precision"]) == {"fp32"}
    found = table[["ratio", "smallest", "largest"]]
    assert found.loc["step without normalization over the step with it"].tolist() == pytest.approx([0.88, 0.5, 0.9])
    assert found.loc["one-column net's step over the two-column net's"].tolist() == pytest.approx([0.55, 0.5, 0.6])
    with_input = found.loc["step while the next batch is made over the step alone"]
    assert with_input.tolist() == pytest.approx([1.1, 1.0, 1.2])


def test_ratios_compare_equal_batches_only(tmp_path):
    frame = all_rows()
    other = frame["network"].eq("alexnet_no_normalization")
    frame.loc[other, "batch_size"] = 64
    table = timing_ratios.ratios(timings_of(frame, tmp_path))
    assert not table["compared"].str.contains("normalization").any() and len(table) == 2


def test_scaling_tells_batch_and_threads_apart(timed):
    scaling = timing_ratios.scaling(timed)
    fp32 = scaling[scaling["precision"].eq("fp32")]
    assert fp32[fp32["varies"].eq("batch_size")]["at"].tolist() == [8, 128]
    assert fp32[fp32["varies"].eq("threads")]["at"].tolist() == [1, 2]


def test_roofline_places_every_pass_that_computes(timed):
    references, passes = timing.roofline(timed, "a-machine", "cpu")
    peaks = dict(zip(references["precision"], references["peak_gflop_per_second"], strict=True))
    assert peaks == pytest.approx({"bf16": 8000, "fp32": 1000})  # of each precision the fastest round of any side
    assert references["gbyte_per_second"].tolist() == pytest.approx([20.0, 20.0])
    assert len(passes) == 30 and set(passes["operations_per_byte"]) == {10.0}


def test_machines_and_what_they_could_not_time(timed):
    (machine,) = timing.machines(timed).to_dict("records")
    assert machine["device"] == "Intel(R) Xeon(R) Processor" and machine["quiet"] == "yes"
    (left_out,) = timing.skipped(timed).to_dict("records")
    assert left_out["networks"] == "nasnetalarge" and left_out["reason"] == "timm is not installed"


def test_a_machine_without_load_whose_matrix_products_vary_is_not_called_quiet(tmp_path):
    frame = all_rows()
    frame.loc[frame["what"].eq("matrix_multiply") & frame["precision"].eq("bf16"), "ms_max"] = 0.7  # over 0.5 ms
    uneven = timings_of(frame, tmp_path)
    words = "uneven: the slowest round of a matrix product took 40 % longer than the fastest"
    assert timing.machines(uneven)["quiet"].tolist() == [words]
    measured = uneven.days[uneven.days["evidence"].eq("measured")]
    assert measured["basis"].str.endswith(words).all() and not measured["loaded"].astype(bool).any()
    busy = timings_of(frame.assign(loaded=True), tmp_path / "busy")
    assert timing.machines(busy)["quiet"].tolist() == [f"busy; {words}"]


def test_claims_keep_the_kinds_of_evidence_apart(timed):
    table = training_time.claims_on_days(timed, load_claims()).set_index("claim")
    months = table.loc["On CPUs training would have taken months."]
    assert "MatConvNet, fp32: 61 days (2016: batches of 256, a later form of the net" in months["published"]
    assert "2 x GeForce" not in months["estimated, machines to 2012"] and "GTX" not in months["published"]
    assert (
        "Core i7-920" in months["estimated, machines to 2012"] and "EPYC" not in months["estimated, machines to 2012"]
    )
    assert months["extrapolated from updates timed here"].startswith("Intel(R) Xeon(R) Processor, 2 cores, fp32: ")
    assert months["finding"] == "**rough**"
    short = training_time.claims_on_days(timed, load_claims(), sources=False).set_index("claim")["published"]
    assert short["On CPUs training would have taken months."] == "CPU, not named, MatConvNet, fp32: 61 days (2016)"
    days = table.loc["Training takes five to six days on two GTX 580 3 GB GPUs."]
    assert "two GeForce GTX 580, fp32: 5.0 to 6.0 days" in days["published"]
    assert days["extrapolated from updates timed here"] == "no GPU timed yet: `python -m reproduce time`"
    assert "not judged" in days["finding"]


def test_what_training_cost_is_said_of_the_updates_by_precision_and_of_the_batches_beside_them(timed, untimed):
    """fp32: 110 ms for 128 images, so 1,281,167 x 90 / 128 x 0.110 s are 1.15 days; 120 over 110 ms with batches."""
    words = training_time.cost_words(timed)
    assert words == (
        "Intel Xeon, 2 cores: the updates alone of AlexNet's 90 epochs would take 0.52 days (0.42 to 0.63) in bf16 and "
        "1.1 days (1.0 to 2.1) in fp32 (extrapolated from timed updates). Making the batches beside them adds 10 % in "
        "fp32 (by round 0 to 20 %, which does not tell it from nothing). Two GeForce GTX 580 took 5 to 6 days for "
        "everything, in fp32."
    )
    assert training_time.cost_words(untimed).startswith("No machine has been timed yet; two GeForce GTX 580 took 5 to")


def on_gpu(number, ms):
    rounds = [ms, ms, 1.2 * ms]
    return step("alexnet_paper", rounds, device=f"cuda:{number}", device_name="a GPU")


def test_equal_gpus_of_a_machine_and_the_same_machine_under_another_torch_each_have_their_sentence(tmp_path):
    frame = all_rows()
    timed = frame.iloc[:-1]  # not the skipped one
    gpus = frame_of([on_gpu(0, 10.0), on_gpu(1, 20.0)], started_utc="2026-01-02T03:04:05Z")
    (tmp_path / "timing").mkdir()
    for name, rows in (("one", timed), ("two", pd.concat([timed, gpus]))):
        rows.drop(columns="machine").to_csv(tmp_path / "timing" / f"{name}.csv", index=False)
    tables.tabulate(tmp_path / "timing", tmp_path / "tables")
    words = training_time.cost_words(timing.load_timings(tmp_path / "tables"))
    for name in ("Intel Xeon, 2 cores (one)", "Intel Xeon, 2 cores (two)", "a GPU (cuda:0)", "a GPU (cuda:1)"):
        assert words.count(f"{name}: the updates alone") == 1
    assert words.count("Making the batches beside them adds 10 % in fp32") == 2


def test_doubtful_devices_carry_their_doubts_in_their_names(tmp_path):
    frame = all_rows()
    frame.loc[frame["what"].eq("matrix_multiply"), "ms_max"] = 5.0
    former = step("alexnet_paper", [120.0, 130.0, 140.0], what="training_step_with_input")
    frame = pd.concat([frame, frame_of([former], started_utc="2026-01-02T03:04:05Z")]).assign(loaded=True)
    timed = timings_of(frame, tmp_path)
    name = "Intel Xeon, 2 cores (busy, uneven, earlier harness)"
    assert timing.device_names(timed) == {("a-machine", "cpu"): name}
    assert training_time.cost_words(timed).startswith(f"{name}: the updates alone")
    assert timing.machines(timed)["harness"].tolist() == ["earlier"]
    reasons = timing.skipped(timed).set_index("what")["reason"]
    assert reasons["training_step_with_input"].startswith("timed by an earlier harness")
    (roofline,) = timing_devices.rooflines(timed)
    assert roofline.axes[0].get_title(loc="left").endswith("2 threads\n(busy, uneven, earlier harness)")
    labels = [text.get_text() for text in timing_figures.training_days(timed).axes[0].get_yticklabels()]
    assert "Intel Xeon, 2 cores (2026, bf16; busy, uneven, earlier harness)" in labels


def test_seconds_to_an_error_end_with_the_first_epoch_at_or_below_it():
    runs = pd.DataFrame(
        {
            "run_id": ["a", "b", "c"],
            "study": "s",
            "variant": "v",
            "seed": [1, 2, 3],
            "status": ["finished", "finished", "missing"],
            "threads": 1,
            "cpu": "x",
        }
    )
    errors = {"a": [30.0, 26.0, 27.0], "b": [30.0, 28.0, 26.1]}
    histories = pd.concat(
        pd.DataFrame({"run_id": run, "epoch": [1, 2, 3], "test_error_percent": each, "seconds": [10.0, 20.0, 40.0]})
        for run, each in errors.items()
    )
    nothing = pd.DataFrame()
    records = Records(load_claims(), nothing, runs, histories, nothing, nothing)
    found = training_time.seconds_to_error(records, "s", "v", 26.0)
    assert found["seed"].tolist() == [1, 2] and found["seconds"][0] == 30 and pd.isna(found["seconds"][1])
    table = training_time.seconds_table(records, "s", ["v"], 26.0)
    assert table["median of these, seconds"].tolist() == [80, 30]
    assert table["seeds that got there"].tolist() == ["-", "1 of 2"]
    assert table["whole schedule, median of all seeds, seconds"].tolist()[1] == 70
    assert table["timed"].tolist() == ["as printed", "waited for, on a machine that did other work"]


def test_figures_mark_each_kind_of_evidence_differently(timed):
    figure = timing_figures.training_days(timed)
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
        assert len(paths) == 8 and all(path.stat().st_size > 1000 for path in paths)
    texts = [text.get_text() for figure in timing_devices.parts(untimed) for text in figure.axes[0].texts]
    assert texts == [timing.NOT_TIMED]


def test_the_notebook_runs_with_a_timed_machine_as_without(timed, tmp_path):
    source = read_notebook(NOTEBOOK_SOURCES / "gpu_vs_cpu.ipynb")
    load = next(cell for cell in source.cells if cell.id == "load")
    stand_in = f"load_timings(__import__('pathlib').Path({str(tmp_path / 'tables')!r}))"
    load.source = load.source.replace("load_timings()", stand_in)
    (tmp_path / "a.ipynb").write_text(nbformat.writes(source))
    execute_notebook(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    outputs = {c.id: c.outputs for c in read_notebook(tmp_path / "b.ipynb").cells if c.cell_type == "code"}
    assert "step without normalization" in outputs["ratios"][0].data["text/markdown"]
    assert all("image/png" in outputs[name][0].data for name in ("days", "parts", "scaling", "roofline"))
    assert "published peaks" in outputs["factors"][0].data["text/markdown"]
    words = ("factors", "days", "normalization", "columns", "augmentation", "scaling", "roofline")
    assert all(outputs[f"{name}-words"][0].data["text/markdown"].endswith(".") for name in words)
    assert "seeds that got there" in outputs["seconds"][0].data["text/markdown"]
