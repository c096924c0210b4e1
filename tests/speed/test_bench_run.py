"""The part of the CIFAR-10 nets on a few steps of noise, the arithmetic on hand-made times, and where it is written."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import MethodType

import numpy as np
import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest
from reproduce.base.hardware import native_precisions
from reproduce.base.paths import RESULTS
from reproduce.base.progress import Progress
from reproduce.data.in_memory import TrainingData
from reproduce.models import spec
from reproduce.models.network import Network
from reproduce.speed.bench import normalization_cost, ours
from reproduce.speed.bench.cifar10 import measure_cifar10
from reproduce.speed.bench.ours import PHASES, time_phases, time_training
from reproduce.speed.bench.report import report_markdown, result_path, write_benchmark
from reproduce.speed.bench.run import run_benchmarks, run_part
from reproduce.speed.measure import in_turns, is_loaded, machine_slug, ratios_by_round, spread
from reproduce.study.study import load_study


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


MACHINE = {
    "cpu": "Intel(R) Xeon(R) Processor",
    "cores": 2,
    "memory_gib": 15.6,
    "gpu": None,
    "os": "Linux x86_64",
    "features": ["avx512f"],
    "torch": "2.14.1",
}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, size=(5 * 384, 32, 32, 3), dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 10, size=len(images)))
    return TrainingData(images, labels, images[:8], labels[:8], images.double().mean(0).permute(2, 0, 1).numpy())


def test_spread_and_ratios_by_hand() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"min": 1.0, "median": 2.0, "max": 3.0}
    assert ratios_by_round([6.0, 8.0, 9.0], [2.0, 2.0, 1.0]) == {"min": 3.0, "median": 4.0, "max": 9.0}
    assert spread([123.456])["median"] == 123.5


def test_arms_take_turns_and_every_second_round_goes_backwards() -> None:
    order: list[str] = []
    arms = {name: lambda name=name: order.append(name) or len(order) for name in ("a", "b", "c")}
    progress = Progress("test", 18, "step")
    assert in_turns("test", arms, 2, progress, units=3) == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}
    assert order == ["a", "b", "c", "c", "b", "a"]
    assert progress.done == 18


def test_share_is_the_added_time_over_the_whole_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalization_cost, "native_precisions", lambda: ["fp32", "bf16"])
    seconds = {"none bf16": [3.0, 3.0], "ours bf16": [4.0, 4.0], "none fp32": [1.0, 2.0], "ours fp32": [2.0, 2.5]}
    rows = {
        (row["normalization"], row["precision"]): row for row in normalization_cost.share_rows(seconds, timed_steps=10)
    }
    assert rows["ours", "bf16"]["share_of_step_percent"] == {"min": 25.0, "median": 25.0, "max": 25.0}
    assert rows["ours", "fp32"]["share_of_step_percent"] == {"min": 20.0, "median": 35.0, "max": 50.0}
    assert rows["ours", "bf16"]["ms_per_step"]["median"] == 400.0
    assert "not_measured" in rows["stock", "fp32"]


def test_stock_layers_in_our_network_compute_the_same() -> None:
    network = Network(spec.load_spec("conv_local_13pct_lrn"), seed=1)
    images = 60 * torch.randn(4, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer in network.weighted_layers():
            layer.weight.mul_(0.05 / layer.settings.weight_std)
        ours = network(images)
        plain = [layer.normalize for layer in network.layers.values() if hasattr(layer, "normalize")]
        normalization_cost.use_stock_layers(network)
        stock = network(images)
    changed = [layer.normalize for layer in network.layers.values() if hasattr(layer, "normalize")]
    assert len(plain) == 2 and all(a is not b for a, b in zip(plain, changed, strict=True))
    assert (ours - stock).abs().max() <= 1e-4 * stock.abs().max()


def test_normalization_inputs_of_the_controlled_net() -> None:
    found = normalization_cost.normalization_inputs(spec.load_spec("conv_local_13pct_lrn"), batch_size=128)
    assert [(layer.name, shape) for layer, shape in found] == [
        ("norm1", (128, 64, 24, 24)),
        ("norm2", (128, 64, 12, 12)),
    ]


def test_clock_covers_the_timed_steps_only(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    networks: list[Network] = []
    steps_before: list[int] = []

    def clock(advance: MethodType, repeats: int) -> int:
        steps_before.append(advance.__self__.state.step)
        return repeats

    monkeypatch.setattr(ours, "seconds_on_cpu", clock)
    variant = load_study("cifar10_nets").variant("80sec")
    assert time_training(variant, "bf16", data, 2, 3, change=networks.append) == 3
    assert steps_before == [2]
    assert len(networks) == 1


def test_every_phase_of_a_step_takes_time(data: TrainingData) -> None:
    variant = load_study("cifar10_nets").variant("80sec")
    phases = time_phases(variant, "fp32", data, 1, 2)
    assert tuple(phases) == PHASES and all(seconds > 0 for seconds in phases.values())


def test_benchmark_writes_one_file_with_every_table(data: TrainingData, tmp_path: Path) -> None:
    nets = ("conv_local_13pct_lrn",)
    measure = partial(measure_cifar10, rounds=1, nets=nets, data=data, warm_up_steps=1, timed_steps=1)
    path = run_part("cifar10", measure, tmp_path, average=0.3)
    content = json.loads(path.read_text())["parts"]["cifar10"]
    assert content["load_average_at_start"] == 0.3 and not content["loaded"]
    rows = {(row["loop"], row["precision"]): row for row in content["throughput"]}
    assert set(rows) == {("standard_loop", "fp32"), *(("ours", precision) for precision in native_precisions())}
    row = rows["ours", "fp32"]
    (seconds,) = row["seconds_by_round"]
    assert row["images_per_second"]["median"] == pytest.approx(128 / seconds, rel=1e-2)
    assert row["ms_per_step"]["median"] == pytest.approx(1e3 * seconds, rel=1e-2)
    (speedup,) = [row for row in content["speedups"] if row["precision"] == "fp32"]
    standard = rows["standard_loop", "fp32"]["seconds_by_round"][0]
    assert speedup["times_standard_loop"]["median"] == pytest.approx(standard / seconds, rel=1e-2)
    assert {row["layer"] for row in content["normalization_layers"]} == {"norm1", "norm2"}
    assert len(content["normalization_share"]) == 2 * len(native_precisions())
    text = path.with_suffix(".md").read_text()
    assert text.startswith("# Benchmark on ") and text.count("\n### ") == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, path.with_suffix(".md").name])


def test_machine_replaces_its_own_file_and_no_other(tmp_path: Path) -> None:
    assert machine_slug(MACHINE) == "intel-xeon-processor-2-cores"
    first = result_path(tmp_path, MACHINE)
    assert first.name == "intel-xeon-processor-2-cores.json"
    first.write_text(json.dumps({"machine": MACHINE, "parts": {}}))
    assert result_path(tmp_path, {**MACHINE, "torch": "2.15.0", "memory_gib": 15.7}) == first
    other = result_path(tmp_path, {**MACHINE, "features": ["avx512f", "amx_bf16"]})
    assert other.name == "intel-xeon-processor-2-cores-2.json"


def some_part(rounds: int, loaded: bool = False) -> dict:
    """Return what ``run_part`` hands over, with no table."""
    software = {"threads": 2, "python": "3.11.7", "torch": "2.14.1", "torchvision": "0.29.1"}
    head = {"git_commit": "0123456789abcdef", "git_dirty": False, "started_utc": "2026-01-02T03:04:05Z"}
    settings = {"rounds": rounds, "warm_up_steps": 1, "timed_steps": 2, "dataloader_workers": 3, "matrix_side": 64}
    return {"software": software, **head, "load_average_at_start": 0.1, "loaded": loaded, "settings": settings}


def test_part_measured_again_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    write_benchmark(tmp_path, MACHINE, "alexnet", some_part(rounds=5))
    path = write_benchmark(tmp_path, MACHINE, "cifar10", some_part(rounds=7))
    assert write_benchmark(tmp_path, MACHINE, "alexnet", some_part(rounds=9, loaded=True)) == path
    content = json.loads(path.read_text())
    assert content["machine"] == MACHINE
    assert content["parts"] == {"cifar10": some_part(rounds=7), "alexnet": some_part(rounds=9, loaded=True)}
    text = path.with_suffix(".md").read_text()
    assert "7 rounds" in text and "9 rounds" in text and "5 rounds" not in text
    assert text.index("do not quote") > text.index("A training step of AlexNet")


def test_file_without_parts_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "intel-xeon-processor-2-cores.json"
    path.write_text(json.dumps({"machine": MACHINE, "throughput": [1]}))
    with pytest.raises(ReproduceError, match="another form, without machine and parts"):
        write_benchmark(tmp_path, MACHINE, "data", some_part(rounds=1))
    assert json.loads(path.read_text())["throughput"] == [1]


def test_published_tables_are_those_of_the_published_figures() -> None:
    published = sorted((RESULTS / "benchmarks").glob("*.json"))
    assert published
    for path in published:
        page = report_markdown(json.loads(path.read_text()), path.name, file_digest(path))
        assert path.with_suffix(".md").read_text() == page


def test_unknown_part_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="no part 'alexnett'; choose from cifar10, data, alexnet, later"):
        run_benchmarks(["data", "alexnett"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_busy_means_more_than_half_a_process_a_core() -> None:
    assert not is_loaded(1.0, MACHINE)
    assert is_loaded(1.01, MACHINE)
