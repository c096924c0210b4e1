"""Operations of every ImageNet net worked by hand, and the days that follow: measured, published, estimated."""

import pandas as pd
import pytest
from timing_support import frame_of, row

from reproduce.base.errors import ReproduceError
from reproduce.models.counts import training_flops_per_image
from reproduce.models.spec import load_spec
from reproduce.speed.timing import cost
from reproduce.speed.timing.tabulate import tabulate
from reproduce.study.study import load_study

# Multiply-accumulates of one image, layer by layer: output side squared x maps x (window squared x maps read).
S55, S27, S26, S13, S11, S6 = (side * side for side in (55, 27, 26, 13, 11, 6))
CONV1 = S55 * 96 * 121 * 3
CONV345 = S13 * (384 * 9 * 256 + 384 * 9 * 192 + 256 * 9 * 192)
DENSE = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
PAPER = (CONV1, S27 * 256 * 25 * 48 + CONV345 + DENSE)
NARROW = S13 * (192 * 9 * 128 + 192 * 9 * 192 + 256 * 9 * 192)
BY_HAND = {  # (first layer, all others)
    "alexnet_paper": PAPER,
    "alexnet_as_released": PAPER,
    "alexnet_no_normalization": PAPER,
    "alexnet_one_gpu": (S55 * 48 * 363, S27 * 128 * 25 * 48 + NARROW + DENSE),
    "alexnet_nonoverlapping_pooling": (
        CONV1,
        S26 * 256 * 25 * 48 + S13 * 384 * 9 * (256 + 192) + S11 * 256 * 9 * 192 + DENSE,
    ),
    "alexnet_no_cross_column": (
        CONV1,
        S27 * 320 * 25 * 48
        + S13 * (384 * 9 * 160 + 384 * 9 * 192 + 256 * 9 * 192)
        + 8192 * 4608
        + 4096 * 4096
        + 4096 * 1000,
    ),
    "alexnet_six_conv": (CONV1, PAPER[1] + S6 * 256 * 9 * 256),
    "torchvision_alexnet": (
        S55 * 64 * 363,
        S27 * 192 * 25 * 64 + S13 * (384 * 9 * 192 + 256 * 9 * 384 + 256 * 9 * 256) + DENSE,
    ),
}


NO_MIDDLE = (CONV1, PAPER[1] - 112_140_288)  # of no_conv3 and no_conv4 alike, each for its own reason:
# conv3 goes (S13 * 384 * 9 * 256) and conv4 reads 256 maps for 192; conv4 goes (S13 * 384 * 9 * 192).
NO_CONV5 = (CONV1, PAPER[1] - S13 * 256 * 9 * 192 + 128 * 36 * 4096)  # fc6 reads 384 maps for 256
VARIANTS_BY_HAND = {
    "ilsvrc2010": dict.fromkeys(("paper", "paper_bf16", "as_released", "plateau", "plateau_no_dropout"), PAPER)
    | {"one_gpu": BY_HAND["alexnet_one_gpu"]},
    "ilsvrc2012": dict.fromkeys(("paper", "paper_bf16", "as_released", "no_normalization", "tanh", "no_dropout"), PAPER)
    | dict.fromkeys(("no_color_noise", "no_crops_and_flips", "no_weight_decay", "biases_zero"), PAPER)
    | dict.fromkeys(("early", "early_biases_zero"), PAPER)
    | dict.fromkeys(("no_conv3", "no_conv4"), NO_MIDDLE)
    | {
        "no_conv5": NO_CONV5,
        "nonoverlapping_pooling": BY_HAND["alexnet_nonoverlapping_pooling"],
        "no_cross_column": BY_HAND["alexnet_no_cross_column"],
        "six_conv": BY_HAND["alexnet_six_conv"],
        "torchvision": BY_HAND["torchvision_alexnet"],
    },
}
STUDIES = {name: load_study(name) for name in VARIANTS_BY_HAND}


@pytest.mark.parametrize("name", BY_HAND)
def test_training_operations_of_every_imagenet_net_by_hand(name):
    """Forward, gradient of weights and of inputs, two operations each; the first layer's inputs need no gradient."""
    first, others = BY_HAND[name]
    assert training_flops_per_image(load_spec(name)) == 2 * (2 * first + 3 * others)


@pytest.mark.parametrize(("study", "variant"), [(name, each) for name in STUDIES for each in STUDIES[name].variants])
def test_training_operations_of_every_variant_by_hand(study, variant):
    """A variant without a value worked by hand fails."""
    first, others = VARIANTS_BY_HAND[study][variant]
    assert training_flops_per_image(STUDIES[study].variant(variant).network_spec()) == 2 * (2 * first + 3 * others)


def test_an_image_in_operations_and_the_whole_training_in_days():
    assert training_flops_per_image(load_spec("alexnet_paper")) == 4_135_610_496  # 4.136 GFLOP
    assert cost.days_at(1_281_167 * 90 / 86_400) == pytest.approx(1)


def test_bytes_of_a_step_by_hand():
    """18pct: what its layers move in float32 (tested apart), and 89,578 parameters read and written five times."""
    network = load_spec("18pct")
    layers = cost.training_bytes_per_step(network, 3, "fp32") - 5 * 4 * 89_578
    once = cost.training_bytes_per_step(network, 0, "fp32") - 5 * 4 * 89_578
    assert once == 4 * 3 * 89_578  # weights forward, backward, and their gradient
    doubled = cost.training_bytes_per_step(network, 6, "fp32") - 5 * 4 * 89_578
    assert doubled - once == pytest.approx(2 * (layers - once))


def test_time_is_arithmetic_and_memory_traffic_together():
    network = load_spec("alexnet_paper")
    flop = 128 * 4_135_610_496
    moved = cost.training_bytes_per_step(network, 128, "fp32")
    assert cost.estimated_images_per_second(0.5, 1000, 1e9, "fp32") == pytest.approx(128 / (flop / 5e11), rel=1e-6)
    assert cost.estimated_images_per_second(0.5, 1e12, 100, "fp32") == pytest.approx(128 / (moved / 1e11), rel=1e-3)
    both = cost.estimated_images_per_second(0.5, 1000, 100, "fp32")
    assert both == pytest.approx(128 / (flop / 5e11 + moved / 1e11))


def hardware():
    return pd.DataFrame(
        {
            "device": ["GeForce GTX 580", "a server"],
            "year": [2010, 2012],
            "kind": ["gpu", "cpu"],
            "peak_fp32_gflops": [1581.1, 300.0],
            "peak_bf16_gflops": [None, 3000.0],
            "bandwidth_gb_per_s": [192.4, 50.0],
            "source": ["x", "y"],
            "verified": ["B", "B"],
        }
    )


def published():
    columns = ["system", "year", "kind", "days_low", "days_high", "epochs", "images_per_second", "note", "source"]
    columns.append("verified")
    rows = [
        ["two", 2012, "gpu", 5, 6, None, None, "", "paper", "A"],
        ["cpu", 2016, "cpu", None, None, None, 22, "", "manual", "B"],
        ["many", 2017, "cpu", 1, 1, 100, None, "", "paper", "B"],
    ]
    return pd.DataFrame(rows, columns=columns)


def timing():
    steps = [row("training_step", "alexnet_paper", ms=1000.0, ms_min=800.0, ms_max=2000.0)]
    steps.append(row("training_step", "alexnet_paper", ms=10.0, batch_size=1))
    steps.append(row("training_step", "80sec", ms=10.0))
    return frame_of(steps, started_utc="2026-01-02T03:04:05Z", load_average_before=0.1)


def test_each_kind_of_evidence_is_worked_by_its_own_rule():
    days = cost.training_days(timing(), hardware(), published()).set_index(["evidence", "system", "precision"])
    measured = days.loc[("extrapolated", "Intel(R) Xeon(R) Processor, 2 cores", "fp32")]
    assert measured["days_mid"] == pytest.approx(90 * 1_281_167 / 128 / 86_400)  # 128 images in one second
    assert measured["days_low"] == pytest.approx(0.8 * measured["days_mid"])
    assert measured["days_high"] == pytest.approx(2 * measured["days_mid"])
    assert measured["images_per_second_low"] == pytest.approx(64)
    assert measured.filter(like="share_of_peak").isna().all(), "that is assumed of published peaks, not measured"
    assert measured["source"] == "results/timing/a-machine.csv" and measured["loaded"] is False
    two = days.loc[("published", "two", "fp32")]
    assert (two["days_low"], two["days_mid"], two["days_high"]) == (5, 5.5, 6)
    assert days.loc[("published", "cpu", "fp32")]["days_mid"] == pytest.approx(60.66, abs=0.01)
    assert days.loc[("published", "many", "fp32")]["days_mid"] == pytest.approx(0.9)  # printed for 100 epochs, not 90
    assert measured["timed_steps"] > 0 and pd.isna(two["timed_steps"])
    server = days.loc[("estimated", "a server", "fp32")]
    assert server["days_low"] == pytest.approx(cost.days_at(cost.estimated_images_per_second(0.8, 300, 50, "fp32")))
    assert server["days_low"] < server["days_mid"] < server["days_high"]
    assert 31.7 < server["share_of_peak_percent_mid"] < 36  # 4.77e17 in 5.5 days of 3.16e12/s, and time for memory
    assert days.loc[("estimated", "a server", "bf16")]["days_mid"] < server["days_mid"]
    assert set(days.index.get_level_values("evidence")) == {"extrapolated", "published", "estimated"}


def test_the_share_gives_the_papers_days_back_on_two_gpus_and_twice_as_many_on_one():
    """Memory traffic is in it: of the 0.53 s that 128 images take in 5.5 days, its part is no arithmetic."""
    days = cost.training_days(timing().iloc[:0], hardware(), published()).set_index("system")
    two, one = days.loc["2 x GeForce GTX 580 (middle by definition)"], days.loc["GeForce GTX 580"]
    assert two["days_mid"] == pytest.approx(5.5) and one["days_mid"] == pytest.approx(11)
    assert (2 * two["days_low"], 2 * two["days_high"]) == pytest.approx((one["days_low"], one["days_high"]))
    assert two["evidence"] == "estimated" and two["days_low"] < 5.5 < two["days_high"]
    fp32 = days[days["evidence"].eq("estimated") & days["precision"].eq("fp32")]
    assert fp32["basis"].str.contains("middle: calibrated on the paper's 5.5 days on two GTX 580").all()
    memory = cost.training_bytes_per_step(load_spec("alexnet_paper"), 128, "fp32") / (2 * 192.4e9)
    step = 5.5 * 86_400 * 128 / (90 * 1_281_167)
    by_hand = 128 * 4_135_610_496 / (2 * 1581.1e9) / (step - memory)
    assert cost.share_of_two_gtx_580(hardware()) == pytest.approx(by_hand)
    with pytest.raises(ReproduceError, match="has no 'GeForce GTX 580'"):
        cost.share_of_two_gtx_580(hardware().iloc[1:])


def test_the_sourced_tables_are_whole_and_plausible():
    table, speeds = cost.load_hardware(), cost.load_published()
    assert set(table["kind"]) == set(speeds["kind"]) == {"cpu", "gpu"}
    assert table["device"].is_unique and speeds["system"].is_unique
    gtx = table.set_index("device").loc["GeForce GTX 580"]
    assert gtx["peak_fp32_gflops"] == pytest.approx(512 * 2 * 1.544, abs=0.1)
    assert gtx["bandwidth_gb_per_s"] == pytest.approx(384 / 8 * 4.008, abs=0.1)
    cpus = {"Core i7-920": 4 * 2.66 * 8, "Core i7-2600K": 4 * 3.4 * 16, "Core i7-3930K": 6 * 3.2 * 16}
    cpus |= {"Xeon E5-2690": 8 * 2.9 * 16}
    assert {name: table.set_index("device")["peak_fp32_gflops"][name] for name in cpus} == pytest.approx(cpus, abs=0.1)
    assert (table["peak_bf16_gflops"].dropna() > table["peak_fp32_gflops"][table["peak_bf16_gflops"].notna()]).all()


def test_tables_without_any_machine_hold_what_others_published_and_what_is_estimated(tmp_path):
    (tmp_path / "timing").mkdir()
    first = tabulate(tmp_path / "timing", tmp_path / "a")
    assert pd.read_csv(first[0]).empty
    assert set(pd.read_csv(first[1])["evidence"]) == {"published", "estimated"}
    second = tabulate(tmp_path / "timing", tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
