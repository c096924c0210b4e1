"""Machines' files: one added, its own replaced, none lost."""

import pytest
import torch
from timing_support import MACHINE, row, tiny_scope

from reproduce.speed.timing import run
from reproduce.speed.timing.timing_rows import COLUMNS, DERIVED_COLUMNS, read_all, read_rows, training_steps, write_rows

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def test_a_machine_adds_a_file_and_replaces_only_its_own(tmp_path):
    rows = [row("matrix_multiply", gflop=2.0, ms_min=100.0, ms_max=130.0, gflop_per_second=18.0)]
    rows.append(row("training_step", "80sec", gflop_per_second=4.0))
    first = write_rows(rows, MACHINE, tmp_path)
    assert first.name == "intel-xeon-processor-2-cores-torch-2-14-1.csv"
    assert read_rows(first)["percent_of_matrix_product"].tolist() == [90.0, 20.0]  # 20 GFLOP/s in the fastest round
    assert read_rows(first)["uneven_percent"].tolist() == pytest.approx([30.0, 30.0])
    assert write_rows(rows[:1], {**MACHINE, "memory_gib": 15.7}, tmp_path) == first
    assert len(read_rows(first)) == 1
    other = write_rows(rows, {**MACHINE, "features": "avx2"}, tmp_path)
    gpu = write_rows(rows, {**MACHINE, "gpu": "NVIDIA H100"}, tmp_path)
    gpus = write_rows(rows, {**MACHINE, "gpu": " + ".join(["NVIDIA H100"] * 8)}, tmp_path)
    later = write_rows(rows, {**MACHINE, "torch": "2.15.0"}, tmp_path)
    assert [p.name for p in (other, gpu, gpus, later)] == [
        "intel-xeon-processor-2-cores-torch-2-14-1-2.csv",
        "intel-xeon-processor-2-cores-nvidia-h100-torch-2-14-1.csv",
        "intel-xeon-processor-2-cores-8-x-nvidia-h100-torch-2-14-1.csv",
        "intel-xeon-processor-2-cores-torch-2-15-0.csv",
    ]
    everything = read_all(tmp_path)
    assert len(everything) == 9 and everything["machine"].nunique() == 5
    assert list(everything.columns) == ["machine", *COLUMNS, *DERIVED_COLUMNS]


def test_no_machine_yet_is_an_empty_table(tmp_path):
    assert read_all(tmp_path / "none").empty
    assert training_steps(read_all(tmp_path / "none")).empty


def test_a_killed_run_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_rows([row("matrix_multiply")], MACHINE, tmp_path)
    before = path.read_bytes()

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "time_cells", stop)
    with pytest.raises(KeyboardInterrupt):
        run.run_timing(tiny_scope(), tmp_path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
