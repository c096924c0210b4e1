"""The step of AlexNet in the benchmark: the same pixels and labels for both loops, and its counting of operations."""

import pytest

from reproduce.base.hardware import native_precisions
from reproduce.models.counts import training_flops_per_image
from reproduce.speed.bench import alexnet
from reproduce.speed.bench.alexnet import alexnet_variant, measure_alexnet, noise_training_data
from reproduce.speed.bench.bench_tables import TABLES
from reproduce.study.variant import Variant

pytestmark = pytest.mark.usefixtures("one_thread")


def narrow(network: str = "alexnet_paper") -> Variant:
    changes = {"conv1.filters": 16, "conv2.filters": 16, "fc6.outputs": 16, "fc7.outputs": 16}
    return alexnet_variant(network, batch_size=2, changes=changes)


def test_operations_of_the_paper_s_network() -> None:
    # Multiply-accumulates of one image by hand: sizes and columns of the paper's figure 2.
    conv1 = 55 * 55 * 96 * 11 * 11 * 3
    others = 27 * 27 * 256 * 25 * 48 + 13 * 13 * (384 * 9 * 256 + 384 * 9 * 192 + 256 * 9 * 192)
    dense = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    expected = 2 * (2 * conv1 + 3 * (others + dense))
    assert training_flops_per_image(alexnet_variant("alexnet_paper").network_spec()) == expected


def test_rows_count_operations_against_the_product_of_the_same_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alexnet, "native_precisions", lambda: ["fp32"])
    variant = narrow()
    operations = 2 * training_flops_per_image(variant.network_spec())  # of two images
    seconds = {
        "standard_loop fp32": [operations / 1e9, operations / 2e9],
        "ours fp32": [operations / 4e9, operations / 4e9],
        "matrix_product fp32": [2 * 100**3 / 8e9, 2 * 100**3 / 5e9],
    }
    rows = alexnet._rows("net", variant, 1, 100, seconds)
    standard, ours = rows["throughput"]
    assert ours["gflop_per_second"]["median"] == 4.0
    assert standard["share_of_matrix_product_percent"] == {"min": 12.5, "median": 26.25, "max": 40.0}
    assert ours["share_of_matrix_product_percent"] == {"min": 50.0, "median": 65.0, "max": 80.0}
    (product,) = rows["matrix_products"]
    assert product["gflop_per_second"] == {"min": 5.0, "median": 6.5, "max": 8.0}
    assert rows["speedups"][0]["times_standard_loop"] == {"min": 2.0, "median": 3.0, "max": 4.0}


@pytest.mark.parametrize("steps", [1, 4, 5, 12])
def test_no_epoch_ends_within_the_steps(steps: int) -> None:
    data = noise_training_data(2, steps)
    assert len(data.training_images) // 2 > steps
    assert data.images_per_file % 2 == 0  # every batch is full
    assert data.training_images.shape[1:] == (256, 256, 3)


def test_every_network_gets_its_rows() -> None:
    found = measure_alexnet(rounds=1, variants={"alexnet_paper": narrow()}, timed_steps=1, matrix_side=32)
    loops = {("standard_loop", "fp32"), *(("ours", precision) for precision in native_precisions())}
    assert {(row["loop"], row["precision"]) for row in found["throughput"]} == loops
    assert all(row["images_per_second"]["median"] > 0 for row in found["throughput"])
    assert [row["precision"] for row in found["matrix_products"]] == native_precisions()
    text = TABLES["Training throughput"](found)
    assert "Share of the matrix product" in text and text.count("\n") == 2 + len(loops)
