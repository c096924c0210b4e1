"""Training operations of runs, and the lengths that the study of later nets declares by them."""

import pytest

from reproduce.models.counts import training_flops_per_image
from reproduce.models.spec import load_spec
from reproduce.study.operations import epochs_at, images_trained_on, training_operations
from reproduce.study.study import load_study

NETS, LATER = load_study("cifar10_nets"), load_study("after_2012")
COSTS = {
    "2012": training_operations(NETS.variant("18pct"), 140, "cifar10"),
    "search": training_operations(LATER.variant("nasnet_a_2_768"), 20, "cifar10"),
}


def test_images_are_those_of_the_files_and_parts_that_are_read():
    assert images_trained_on(NETS.variant("80sec"), 11, "cifar10") == 11 * 50_000
    assert images_trained_on(LATER.variant("resnet20"), 182, "cifar10") == 182 * 45_000
    four_files = NETS.variant("conv_local_13pct")  # 100 of 160 epochs read four files
    assert images_trained_on(four_files, 160, "cifar10") == 60 * 50_000 + 100 * 40_000


def test_operations_are_those_of_an_image_times_the_images():
    each = training_flops_per_image(load_spec("18pct"))
    assert COSTS["2012"] == 140 * 50_000 * each == pytest.approx(4.8e14, rel=0.01)
    assert COSTS["search"] == pytest.approx(1.3e15, rel=0.01)


@pytest.mark.parametrize("cost", COSTS)
def test_arms_of_a_declared_cost_have_the_length_nearest_to_it_and_read_every_image(cost):
    length = {name: runs.epochs for name, runs in LATER.run_lists("full")}
    named = [name for name in length if name.endswith(f"_at_{cost}_cost")]
    ladder = ["18pct_crops", "18pct_batch_norm", "18pct_todays_schedule", "18pct_today"]
    alike = {"2012": ladder, "search": ["vgg_bn_dropout_half"]}[cost]
    assert len(named) >= 2
    for name in [*named, *alike]:
        variant = LATER.variant(name)
        assert length[name] == epochs_at(COSTS[cost], variant, "cifar10"), name
        assert images_trained_on(variant, length[name], "cifar10") == 50_000 * length[name], name


def test_a_length_is_a_whole_number_of_epochs_and_at_least_one():
    variant = LATER.variant("vgg_bn_dropout")
    one = training_operations(variant, 300, "cifar10") / 300
    assert [epochs_at(share * one, variant, "cifar10") for share in (0.1, 1.4, 1.6)] == [1, 1, 2]
